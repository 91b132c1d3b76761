//! How a script ended, as the guest reports it. The host adds what only it can know: limits, output, usage.

use crate::refusal::RefusalCode;
use alloc::{borrow::ToOwned, boxed::Box, string::String};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How a script ended when the interpreter itself came to an end; a killed guest reports nothing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ending {
    /// The script ran to its end.
    Ok {
        /// The value of its last expression; `None` where the last statement is none, or its value is Python's `None`.
        value: Option<Value>,
    },
    /// `sys.exit` was called, or `SystemExit` raised.
    Exited {
        /// What a process would have exited with.
        code: i32,
        /// What was given to `sys.exit` where that was neither a number nor nothing.
        message: Option<String>,
    },
    /// The text ends within a statement, so nothing ran. Only at a prompt.
    Incomplete,
    /// An exception was not caught.
    Raised {
        /// That exception.
        exception: Exception,
    },
}

/// The value of a script's last expression: JSON where JSON can hold it, and what Python would show otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Value {
    /// JSON, as the guest wrote it: the order of keys is the order of the dictionary.
    Json(Box<RawValue>),
    /// `repr()` of the value, shortened where it is long.
    Repr(String),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => a.get() == b.get(),
            (Self::Repr(a), Self::Repr(b)) => a == b,
            _ => false,
        }
    }
}

/// An exception that left the script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The name of its class, with the module unless that is `builtins` or `__main__`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `str()` of it.
    pub message: String,
    /// Its `code`, where that is the code of a refusal. Whatever the script says: it can set the attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<RefusalCode>,
    /// What Python would print: the traceback with the script's own lines, and the last line.
    pub traceback: String,
}

impl Exception {
    /// An exception without a traceback, for what fails before or around the script.
    #[must_use]
    pub fn bare(kind: &str, message: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.to_owned(),
            code: None,
            traceback: alloc::format!("{kind}: {message}\n"),
        }
    }
}
