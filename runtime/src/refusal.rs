//! Why a call was not made, and the one table that turns each reason into the Python exception a script sees.

use sandgate_wire::Reply;

/// Why a call was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is {size} bytes long, {limit} are allowed")]
    TooLong { size: usize, limit: usize },
    #[error("the parameters nest deeper than {limit}")]
    TooDeep { limit: usize },
    #[error("the request is not one JSON object with `service`, `method` and `params`")]
    Malformed,
    #[error("a service or method name is 1 to 128 of `A-Za-z0-9_-`, with single dots between")]
    Name,
    #[error("the run has made all of its {limit} calls")]
    TooMany { limit: u64 },
    /// THREAT[SEC-05]: the same for what does not exist and for what this context may not see.
    #[error("`{service}.{method}` is not available")]
    NotAvailable { service: String, method: String },
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
                Some("no services are registered for this context"),
            ),
        };
        Reply::Refused {
            exception: exception.to_owned(),
            message: self.to_string(),
            hint: hint.map(ToOwned::to_owned),
        }
    }
}
