//! Why a call was not made, and the one table that turns each reason into the Python exception a script sees.

use sandgate_service::{ArgumentError, CallError};
use sandgate_wire::Reply;

/// Why a call was not made, or brought no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is {size} bytes long, {limit} are allowed")]
    TooLong { size: usize, limit: usize },
    #[error("the parameters nest deeper than {limit}")]
    TooDeep { limit: usize },
    #[error("the request is not one JSON object with `service`, `method` and `params`")]
    Malformed,
    #[error(
        "a service or method name is 1 to 128 characters of `A-Za-z0-9_-`, with single dots between"
    )]
    Name,
    #[error("the run has made all of its {limit} calls")]
    TooMany { limit: u64 },
    /// THREAT[SEC-05]: the same for what does not exist and for what this context may not see.
    #[error("`{service}.{method}` is not available")]
    NotAvailable { service: String, method: String },
    #[error(transparent)]
    Arguments(ArgumentError),
    #[error(
        "`{service}.{method}` is refused: {}",
        reasons(because, "no policy of this context permits it")
    )]
    Denied {
        service: String,
        method: String,
        because: Vec<String>,
    },
    #[error(
        "`{service}.{method}` needs a person's approval, and nobody can be asked now: {}",
        reasons(because, "its policy says so")
    )]
    Awaiting {
        service: String,
        method: String,
        because: Vec<String>,
    },
    #[error("`{service}.{method}` was declined by the person who was asked")]
    Declined { service: String, method: String },
    /// THREAT[APR-03]: a person who is asked again and again no longer reads.
    #[error(
        "`{service}.{method}` needs a person's approval, and this run has asked {limit} times already"
    )]
    AskedTooOften {
        service: String,
        method: String,
        limit: u64,
    },
    /// THREAT[APR-05]: what was answered is not what would be sent now.
    #[error("`{service}.{method}` was approved, but what would be sent changed meanwhile")]
    Changed { service: String, method: String },
    /// THREAT[POL-03]: what the policies cannot see must not be sent past them.
    #[error("`{service}.{method}` cannot be decided: the parameter `{parameter}` {problem}")]
    Incomparable {
        service: String,
        method: String,
        parameter: String,
        problem: String,
    },
    #[error("{}", .0.for_script())]
    Unanswered(CallError),
    #[error("the result is {size} bytes long, {limit} are allowed")]
    ReplyTooLong { size: usize, limit: u64 },
    #[error("the host holds {limit} bytes for this run; the reply was dropped")]
    TooMuchHeld { limit: usize },
    #[error("the host holds {limit} bytes for this run; the call was not made")]
    TooMuchUnderWay { limit: usize },
    /// A panic of ours.
    #[error("sandgate failed while it made this call; please report it")]
    Failed,
}

fn reasons(because: &[String], otherwise: &str) -> String {
    if because.is_empty() {
        otherwise.to_owned()
    } else {
        because.join(" ")
    }
}

impl Refusal {
    /// The exception, its message, and what would work instead.
    pub(crate) fn into_reply(self) -> Reply {
        let (exception, hint) = match &self {
            Self::TooLong { .. } => ("ValueError", Some("pass less at once, or in several calls")),
            Self::TooDeep { .. } | Self::Malformed | Self::Name => ("ValueError", None),
            Self::TooMany { .. } => (
                "RuntimeError",
                Some("do more with each call, or finish in another run"),
            ),
            Self::NotAvailable { .. } => (
                "PermissionError",
                Some("`dir(services)` lists what this context may use"),
            ),
            Self::Arguments(error) => (error.exception(), None),
            Self::Denied { .. } => ("PermissionError", None),
            Self::Awaiting { .. } => (
                "PermissionError",
                Some("go on with what needs no approval, and say what is left to be approved"),
            ),
            Self::Declined { .. } => (
                "PermissionError",
                Some("do not try again; say what was declined"),
            ),
            Self::AskedTooOften { .. } => (
                "PermissionError",
                Some("say what is left to be approved; another run can ask again"),
            ),
            Self::Changed { .. } => ("PermissionError", Some("make the call again")),
            Self::Incomparable { .. } => (
                "ValueError",
                Some("leave it out, or give a value that a policy can compare"),
            ),
            Self::Unanswered(error) => match error {
                CallError::Timeout { .. } => ("TimeoutError", happened(error)),
                CallError::Parameters | CallError::TooLong { .. } => {
                    ("ValueError", happened(error))
                }
                _ => ("ConnectionError", happened(error)),
            },
            Self::ReplyTooLong { .. } => (
                "ValueError",
                Some("ask for less at once; the call itself was carried out"),
            ),
            Self::TooMuchHeld { .. } => (
                "RuntimeError",
                Some(
                    "take the results of earlier calls before making more; the call itself may have been carried out",
                ),
            ),
            Self::TooMuchUnderWay { .. } => (
                "RuntimeError",
                Some("wait for earlier calls, and take their results, before making more"),
            ),
            Self::Failed => (
                "RuntimeError",
                Some("the service may have carried the call out; look before you repeat it"),
            ),
        };
        Reply::Refused {
            exception: exception.to_owned(),
            message: self.to_string(),
            hint: hint.map(ToOwned::to_owned),
        }
    }
}

/// A model that repeats a call must know whether it may do so.
fn happened(error: &CallError) -> Option<&'static str> {
    error
        .may_have_happened()
        .then_some("the service may have carried the call out; look before you repeat it")
}
