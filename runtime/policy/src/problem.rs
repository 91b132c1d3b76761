//! What is wrong with a file that an operator wrote: all of it, each with the place, the reason and the near miss.
//! Made by the loaders of policies, limits and cases; shown by whoever read the file.

use crate::near::nearest;
use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};
use serde::Serialize;
use std::{fmt, ops::Range};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    message: String,
    help: Option<String>,
    labels: Vec<(Range<usize>, Option<String>)>,
    warning: bool,
}

/// A file that cannot be used, or that could be better, with everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {title}", .file.name())]
pub struct Unusable {
    title: &'static str,
    file: NamedSource<String>,
    problems: Vec<Problem>,
}

/// One problem, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: Option<String>,
    /// Where in it, counted from 1.
    pub line: Option<usize>,
    /// Characters from the start of the line, counted from 1.
    pub column: Option<usize>,
    /// Whether the file can be used all the same.
    pub warning: bool,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A context whose files cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedContext {
    /// Its name.
    pub context: String,
    /// Why.
    pub problems: Vec<Finding>,
}

/// A file as it was read: its name is for reports alone.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// What reports call it.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

impl Problem {
    /// What is wrong.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            labels: Vec::new(),
            warning: false,
        }
    }

    /// Where, in bytes.
    #[must_use]
    pub fn at(mut self, place: Range<usize>) -> Self {
        self.labels.push((place, None));
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Suggests what is closest, or lists what there is.
    #[must_use]
    pub fn near<'a>(self, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        match nearest(name, known.clone()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => {
                let mut all: Vec<String> = known.take(13).map(|one| format!("`{one}`")).collect();
                if all.is_empty() {
                    return self;
                }
                if all.len() > 12 {
                    all.truncate(12);
                    all.push("…".to_owned());
                }
                self.help(format!("there is {}", all.join(", ")))
            }
        }
    }

    /// Says that the same is wrong for other methods too.
    pub(crate) fn more(mut self, times: usize) -> Self {
        self.message.push_str(&format!(" (and for {times} more)"));
        self
    }

    pub(crate) fn warning(mut self) -> Self {
        self.warning = true;
        self
    }

    /// Cedar's own reports, in our form: the place is in the label already, so the text does not name the policy.
    pub(crate) fn from_cedar(error: &dyn Diagnostic, policy: Option<&str>) -> Self {
        let text = error.to_string();
        let prefix = policy.map(|policy| format!("for policy `{policy}`, "));
        let message = prefix
            .and_then(|prefix| text.strip_prefix(&prefix).map(ToOwned::to_owned))
            .unwrap_or(text)
            // A name of the engine's own, which nobody can write.
            .replace(
                "__cedar::internal::AnyEntity",
                "an entity such as `Actor::\"ada\"`",
            );
        Self {
            message,
            help: error.help().map(|help| help.to_string()),
            labels: error.labels().map_or_else(Vec::new, |labels| {
                labels
                    .map(|label| {
                        let start = label.offset();
                        let place = start..start.saturating_add(label.len());
                        (place, label.label().map(ToOwned::to_owned))
                    })
                    .collect()
            }),
            warning: false,
        }
    }

    /// Where it begins, for putting problems in order.
    pub(crate) fn start(&self) -> usize {
        self.labels
            .iter()
            .map(|(place, _)| place.start)
            .min()
            .unwrap_or(0)
    }

    /// The first place, in bytes.
    pub(crate) fn place(&self) -> Option<Range<usize>> {
        self.labels.first().map(|(place, _)| place.clone())
    }
}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<Severity> {
        self.warning.then_some(Severity::Warning)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<_>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().map(|(place, text)| {
            LabeledSpan::new(text.clone(), place.start, place.len())
        })))
    }
}

impl Unusable {
    /// A file that cannot be used.
    #[must_use]
    pub fn new(file: File<'_>, problems: Vec<Problem>) -> Self {
        Self::titled("cannot be used", file, problems)
    }

    pub(crate) fn titled(title: &'static str, file: File<'_>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::start);
        problems.dedup();
        Self {
            title,
            file: NamedSource::new(file.name, file.text.to_owned()),
            problems,
        }
    }

    /// Everything that is wrong, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The same, for programs.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |problem: &Problem| {
            let place = problem.place().map(|place| self.place_of(place.start));
            Finding {
                file: Some(self.file.name().to_owned()),
                line: place.map(|(line, _)| line),
                column: place.map(|(_, column)| column),
                warning: problem.warning,
                message: problem.message.clone(),
                help: problem.help.clone(),
            }
        };
        self.problems.iter().map(finding).collect()
    }

    fn place_of(&self, byte: usize) -> (usize, usize) {
        let before = self.file.inner().get(..byte).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line, column)
    }
}

impl Diagnostic for Unusable {
    fn severity(&self) -> Option<Severity> {
        let usable = self.problems.iter().all(|problem| problem.warning);
        usable.then_some(Severity::Warning)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.file)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.problems
                .iter()
                .map(|problem| problem as &dyn Diagnostic),
        ))
    }
}
