//! One policy of a file, with what its annotations say. Made by the loader; an annotation that is not known is refused,
//! since a misspelt gate would be none.

use crate::{
    characters::{is_blank, is_hidden},
    mention::{self, Mention},
    problem::Problem,
    scope::Scope,
};
use cedar_policy::{Effect, Policy, pst};
use std::{fmt, ops::Range, sync::Arc};

/// What a policy is called: its `@id`, or `policy0` for the first of its file and so on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(Arc<str>);

/// Longer reasons are not read by whoever approves.
const LONGEST_REASON: usize = 300;

const ANNOTATIONS: [&str; 3] = ["because", "gate", "id"];

/// One policy.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: PolicyId,
    pub(crate) effect: Effect,
    /// A person must agree: to what it permits, or to what it would have forbidden.
    pub(crate) gated: bool,
    /// Shown to people and to the model.
    pub(crate) because: String,
    pub(crate) scope: Scope,
    pub(crate) clauses: Vec<pst::Clause>,
    pub(crate) mentions: Vec<Mention>,
    /// In the file, annotations included.
    pub(crate) place: Range<usize>,
    /// As it is written, for the validator.
    pub(crate) policy: Policy,
    /// As the engine evaluates it: a prohibition with a gate as a permit, so that those that match are told beside the
    /// permits that do. The one that judges knows which of them permits something.
    pub(crate) evaluated: Policy,
}

impl Rule {
    /// Reads the annotations. What is wrong with them is added to the problems, and a stand-in taken, so that the rest
    /// of the policy is looked at too.
    pub(crate) fn read(
        policy: &Policy,
        text: &str,
        place: Range<usize>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut reader = RuleReader {
            policy,
            text,
            place: place.clone(),
            problems,
        };
        let (id, because, gated) = (reader.id(), reader.because(), reader.gated());
        reader.unknown();
        let form = match policy.to_pst() {
            Ok(form) => form,
            Err(error) => {
                let problem = Problem::new(format!("it has no structure: {error}"));
                problems.push(problem.at(place));
                return None;
            }
        };
        let clauses = form.body().clauses().clone();
        let named = |policy: &Policy| policy.new_id(cedar_policy::PolicyId::new(&id));
        let evaluated = match (policy.effect(), gated) {
            (Effect::Forbid, true) => match permitting(&form) {
                Ok(policy) => named(&policy),
                Err(error) => {
                    let problem = Problem::new(format!("it has no structure: {error}"));
                    problems.push(problem.at(place));
                    return None;
                }
            },
            _ => named(policy),
        };
        Some(Self {
            effect: policy.effect(),
            gated,
            because,
            scope: Scope::of(policy),
            mentions: mention::mentions(&clauses),
            clauses,
            place,
            policy: named(policy),
            evaluated,
            id: PolicyId(id.into()),
        })
    }

    pub(crate) fn permits(&self) -> bool {
        self.effect == Effect::Permit
    }

    /// Whether it refuses what it matches, whatever permits it.
    pub(crate) fn refuses(&self) -> bool {
        self.effect == Effect::Forbid && !self.gated
    }

    /// Whether it is a prohibition with a gate: what it matches is put to a person, if something permits it.
    pub(crate) fn asks(&self) -> bool {
        self.effect == Effect::Forbid && self.gated
    }
}

/// The same policy as a permit.
fn permitting(form: &pst::Policy) -> Result<Policy, pst::PstConstructionError> {
    let mut body = form.body().clone();
    body.effect = pst::Effect::Permit;
    Policy::from_pst(pst::Policy::Static(pst::StaticPolicy::try_from(body)?))
}

struct RuleReader<'a> {
    policy: &'a Policy,
    text: &'a str,
    place: Range<usize>,
    problems: &'a mut Vec<Problem>,
}

impl RuleReader<'_> {
    fn id(&mut self) -> String {
        let position: &str = self.policy.id().as_ref();
        let Some(id) = self.policy.annotation("id") else {
            return position.to_owned();
        };
        let positional = id
            .strip_prefix("policy")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if positional {
            let help = "that is what policies without a name are called; choose another";
            self.wrong("id", "the id is that of a position", help);
        } else if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
            self.wrong(
                "id",
                "the id is not plain",
                "use 1 to 64 characters of `A-Za-z0-9_.-`",
            );
        } else {
            return id.to_owned();
        }
        position.to_owned()
    }

    /// THREAT[APR-03]: what a person reads before agreeing is plain text on one line.
    fn because(&mut self) -> String {
        let reason = self.policy.annotation("because").map(str::trim);
        let help = "say what people and the model are to know: `@because(\"…\")`";
        match reason {
            None => self.missing("the policy gives no reason", help),
            Some("") => self.wrong("because", "the reason is empty", help),
            Some(reason) if reason.chars().count() > LONGEST_REASON => {
                let message = format!("the reason is longer than {LONGEST_REASON} characters");
                self.wrong("because", &message, "nobody would read it before agreeing");
            }
            Some(reason)
                if reason
                    .chars()
                    .any(|character| is_hidden(character) || is_blank(character)) =>
            {
                let help = "write one line without control or invisible characters";
                self.wrong("because", "the reason is not plain text", help);
            }
            Some(reason) => return reason.to_owned(),
        }
        String::new()
    }

    fn gated(&mut self) -> bool {
        match self.policy.annotation("gate") {
            None => false,
            Some("approve") => true,
            Some(_) => {
                let help = "the only gate is `@gate(\"approve\")`";
                self.wrong("gate", "the gate is not known", help);
                true
            }
        }
    }

    fn unknown(&mut self) {
        let names: Vec<String> = self
            .policy
            .annotations()
            .map(|(name, _)| name.to_owned())
            .filter(|name| !ANNOTATIONS.contains(&name.as_str()))
            .collect();
        for name in names {
            let problem = Problem::new(format!("`@{name}` is not known here"))
                .at(self.annotation(&name))
                .near(&name, ANNOTATIONS.into_iter());
            self.problems.push(problem);
        }
    }

    fn missing(&mut self, message: &str, help: &str) {
        let place = self.first_line();
        self.problems
            .push(Problem::new(message).at(place).help(help));
    }

    fn wrong(&mut self, annotation: &str, message: &str, help: &str) {
        let place = self.annotation(annotation);
        self.problems
            .push(Problem::new(message).at(place).help(help));
    }

    /// Where an annotation stands: its name is an identifier after `@`, with nothing but white space between.
    fn annotation(&self, name: &str) -> Range<usize> {
        let text = self.text.get(self.place.clone()).unwrap_or_default();
        for (at, _) in text.match_indices('@') {
            let rest = text.get(at.saturating_add(1)..).unwrap_or_default();
            let Some(after) = rest.trim_start().strip_prefix(name) else {
                continue;
            };
            if !after.starts_with(|next: char| next.is_alphanumeric() || next == '_') {
                let start = self.place.start.saturating_add(at);
                let length = text.len().saturating_sub(at).saturating_sub(after.len());
                return start..start.saturating_add(length);
            }
        }
        self.first_line()
    }

    fn first_line(&self) -> Range<usize> {
        let text = self.text.get(self.place.clone()).unwrap_or_default();
        let length = text.lines().next().map_or(0, str::len);
        self.place.start..self.place.start.saturating_add(length)
    }
}

impl PolicyId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for PolicyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl PartialEq<str> for PolicyId {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}
