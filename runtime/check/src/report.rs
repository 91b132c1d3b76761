//! What is found in a script: its mistakes and its calls, each with the place. Made by `reading`; shown by whoever asked, and
//! written as JSON under the names that the fields have here.

use ruff_source_file::LineIndex;
use ruff_text_size::TextSize;
use sandgate_policy::Outlook;
use serde::Serialize;

/// What a script would do, as far as its source says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// What is wrong, from top to bottom.
    pub mistakes: Vec<Mistake>,
    /// The calls of services, from top to bottom, and methods that it names without calling them there.
    pub calls: Vec<CheckedCall>,
}

/// One thing that is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// Where, counted from 1.
    pub line: usize,
    /// Characters from the start of the line, counted from 1.
    pub column: usize,
    /// What it is about.
    pub kind: MistakeKind,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What a mistake is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MistakeKind {
    /// It is not Python.
    Syntax,
    /// It nests too deeply to be read.
    Nesting,
    /// It imports a package that cannot be here.
    Package,
    /// There is no such service.
    Service,
    /// A service is used and not imported.
    NotImported,
    /// The service has no such method.
    Method,
    /// The method does not take these arguments.
    Arguments,
    /// A call of `services.aio` is used without being awaited.
    NotAwaited,
    /// What is awaited is the result already.
    NotAwaitable,
}

/// A call in a script, or a method that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedCall {
    /// Where, counted from 1.
    pub line: usize,
    /// Characters from the start of the line, counted from 1.
    pub column: usize,
    /// The method, what calling it does, and what can become of the call. A call is decided when it is made, by this or anything
    /// narrower.
    #[serde(flatten)]
    pub outlook: Outlook,
}

/// Where things are in a source.
pub(crate) struct Places<'a> {
    source: &'a str,
    lines: LineIndex,
}

impl<'a> Places<'a> {
    pub(crate) fn of(source: &'a str) -> Self {
        Self {
            source,
            lines: LineIndex::from_source_text(source),
        }
    }

    /// Line and column.
    pub(crate) fn of_offset(&self, at: TextSize) -> (usize, usize) {
        let place = self.lines.line_column(at, self.source);
        (place.line.get(), place.column.get())
    }

    pub(crate) fn mistake(
        &self,
        kind: MistakeKind,
        at: TextSize,
        message: String,
        help: Option<String>,
    ) -> Mistake {
        let (line, column) = self.of_offset(at);
        Mistake {
            line,
            column,
            kind,
            message,
            help,
        }
    }
}

/// A message of the parser as messages are written here: it begins with a lower-case letter, but for the names of Python's own.
pub(crate) fn as_written_here(message: &str) -> String {
    let mut characters = message.chars();
    let second = message.chars().nth(1);
    match characters.next() {
        Some(first) if second.is_some_and(char::is_lowercase) => {
            format!("{}{}", first.to_lowercase(), characters.as_str())
        }
        _ => message.to_owned(),
    }
}
