//! Reading one line: the editor, and what the tab key completes. Used by `repl`. It must leave the terminal as it was.

use super::history::History;
use crate::{failure::Failure, print, signals::Signals};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::{
    Config, Context, Editor, Helper, completion::Completer, config::Behavior, error::ReadlineError,
    highlight::Highlighter, hint::Hinter, history::MemHistory, validate::Validator,
};
use std::{collections::BTreeSet, io};

/// What is completed without a service: the words of the language and what is at hand everywhere.
const PYTHON: &[&str] = &[
    "False",
    "None",
    "True",
    "abs",
    "all",
    "and",
    "any",
    "as",
    "assert",
    "async",
    "await",
    "bool",
    "break",
    "bytes",
    "class",
    "continue",
    "def",
    "del",
    "dict",
    "dir",
    "elif",
    "else",
    "enumerate",
    "except",
    "exit()",
    "filter",
    "finally",
    "float",
    "for",
    "from",
    "getattr",
    "global",
    "help",
    "if",
    "import",
    "in",
    "input",
    "int",
    "is",
    "isinstance",
    "lambda",
    "len",
    "list",
    "map",
    "match",
    "max",
    "min",
    "nonlocal",
    "not",
    "open",
    "or",
    "pass",
    "print",
    "raise",
    "range",
    "repr",
    "return",
    "reversed",
    "round",
    "services",
    "set",
    "sorted",
    "str",
    "sum",
    "try",
    "tuple",
    "type",
    "while",
    "with",
    "yield",
    "zip",
];

/// The names that the tab key completes: Python's, the services', and those that were typed.
#[derive(Debug, Default)]
pub(super) struct Words(BTreeSet<String>);

impl Words {
    pub(super) fn new(services: Vec<String>) -> Self {
        let python = PYTHON.iter().map(|word| (*word).to_owned());
        Self(python.chain(services).collect())
    }

    /// The names in a statement that was run are names of the session now.
    fn learn(&mut self, statement: &str) {
        let names = statement.split(|c: char| !is_part(c) || c == '.');
        let names =
            names.filter(|name| name.len() > 2 && !name.starts_with(|c: char| c.is_ascii_digit()));
        self.0.extend(names.map(str::to_owned));
    }

    /// What a beginning could become.
    fn beginning_with(&self, beginning: &str) -> Vec<String> {
        if beginning.is_empty() {
            return Vec::new();
        }
        self.0
            .range(beginning.to_owned()..)
            .take_while(|word| word.starts_with(beginning))
            .cloned()
            .collect()
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..position).unwrap_or_default();
        let start = before.rfind(|c: char| !is_part(c)).map_or(0, |at| {
            at + before
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or(1, char::len_utf8)
        });
        let word = before.get(start..).unwrap_or_default();
        if word.is_empty() && before.trim().is_empty() {
            // What begins a line is indented.
            return Ok((position, vec!["    ".to_owned()]));
        }
        Ok((start, self.beginning_with(word)))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}

/// The editor, made while the terminal may be looked at in every way.
pub(super) struct LineEditor {
    editor: Editor<Words, MemHistory>,
    before: Option<Termios>,
}

impl LineEditor {
    pub(super) fn new(history: &History) -> rustyline::Result<Self> {
        let config = Config::builder()
            .behavior(Behavior::Stdio)
            .auto_add_history(false)
            .max_history_size(1000)?
            .build();
        let past = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, past)?;
        for statement in &history.statements {
            editor.add_history_entry(statement.as_str())?;
        }
        Ok(Self {
            editor,
            before: tcgetattr(io::stdin()).ok(),
        })
    }
}

/// What came of asking for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Line(String),
    /// Ctrl-C: what was typed is not meant any more.
    Forgotten,
    /// Ctrl-D.
    End,
    /// The process is asked to end.
    Signal,
}

/// Asks for lines.
pub(super) struct LineReader {
    /// Away while a line is read.
    line: Option<LineEditor>,
    history: History,
}

impl LineReader {
    pub(super) fn new(mut line: LineEditor, words: Words, history: History) -> Self {
        line.editor.set_helper(Some(words));
        Self {
            line: Some(line),
            history,
        }
    }

    /// One line, read on a thread of its own, as reading waits for the person.
    pub(super) async fn read(
        &mut self,
        alone: &print::Alone,
        goes_on: bool,
        signals: &mut Signals,
    ) -> Result<Read, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::internal(format!("no line can be read: {error}"), None)
        };
        let Some(mut line) = self.line.take() else {
            return Ok(Read::End);
        };
        let before = line.before.clone();
        alone.fresh_line();
        let reading = tokio::task::spawn_blocking(move || {
            let read = line.editor.readline(if goes_on { "... " } else { ">>> " });
            (line, read)
        });
        tokio::select! {
            done = reading => {
                let (line, read) = done.map_err(|error| failed(&error))?;
                self.line = Some(line);
                print::entered();
                match read {
                    Ok(text) => Ok(Read::Line(text)),
                    Err(ReadlineError::Interrupted) => Ok(Read::Forgotten),
                    Err(ReadlineError::Eof) => Ok(Read::End),
                    Err(error) => Err(failed(&error)),
                }
            }
            () = signals.any() => {
                // The thread that reads cannot put it back any more.
                if let Some(before) = before {
                    let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &before);
                }
                Ok(Read::Signal)
            }
        }
    }

    /// Keeps a statement for the arrow keys, and its names for the tab key.
    pub(super) fn keep(&mut self, statement: &str) {
        self.history.keep(statement);
        if let Some(line) = &mut self.line {
            let _ = line.editor.add_history_entry(statement);
            if let Some(words) = line.editor.helper_mut() {
                words.learn(statement);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(words: &Words, line: &str) -> (usize, Vec<String>) {
        let history = MemHistory::new();
        words
            .complete(line, line.len(), &Context::new(&history))
            .unwrap_or_default()
    }

    #[test]
    fn services_methods_and_names_that_were_typed_are_completed() {
        let services = ["crm", "crm.contact_list", "crm.deal_add"];
        let mut words = Words::new(services.map(str::to_owned).to_vec());
        words.learn("contacts = crm.contact_list(limit=3)");
        let all = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            completed(&words, "print(crm.c"),
            (6, all(&["crm.contact_list"]))
        );
        assert_eq!(
            completed(&words, "crm"),
            (0, all(&["crm", "crm.contact_list", "crm.deal_add"]))
        );
        assert_eq!(
            completed(&words, "é(cont"),
            (3, all(&["contact_list", "contacts", "continue"]))
        );
        assert_eq!(completed(&words, "  "), (2, all(&["    "])));
        assert_eq!(completed(&words, "nothing_like_it"), (0, Vec::new()));
    }
}
