//! A call to a service, and its reply, while they cross the boundary.

use crate::refusal::{ExceptionClass, RefusalCode};
use alloc::{borrow::Cow, boxed::Box, string::String};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a script asks for. Nothing in it says who asks: that is known to the host alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request<'a> {
    /// The service, by its registered name.
    #[serde(borrow)]
    pub service: Cow<'a, str>,
    /// The method, as the service's own document spells it.
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    /// Parameters by name, or by position.
    #[serde(borrow)]
    pub params: &'a RawValue,
}

/// What the script gets back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The result, as the service gave it.
    Ok(Box<RawValue>),
    /// The service was asked, and answered with an error of its own.
    Failed {
        /// Its code.
        code: i64,
        /// Its message, cleaned and shortened.
        message: String,
        /// What it added, where that is short enough.
        data: Option<Box<RawValue>>,
    },
    /// The call was not made. The exception that the script sees is raised from this.
    Refused {
        /// Why, in a word that programs can rely on. The exception has it as its `code`.
        code: RefusalCode,
        /// What it is raised as.
        exception: ExceptionClass,
        /// What was refused and why.
        message: String,
        /// The reasons that the policies give, where they decided.
        because: Option<String>,
        /// What would work instead, where there is something.
        hint: Option<String>,
    },
}
