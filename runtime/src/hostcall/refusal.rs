//! Why a call was not made: each reason has one code, and one table says of each code which Python exception a script
//! sees and what it can do. Made by every step of the road; `docs/CODES.md` is written from the table. A message must
//! never say what a script may not know.

use sandgate_policy::{ByteCount, METHOD_NAME, Oversize};
use sandgate_service::{ArgumentError, CallError, Part};
use sandgate_wire::{ExceptionClass, RefusalCode, Reply};

/// Why a call was not made, or brought no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is {}", Oversize { size: *size, limit: *limit })]
    TooLong { size: usize, limit: usize },
    #[error("the parameters nest deeper than {limit}")]
    TooDeep { limit: usize },
    #[error("the request is not one JSON object with `service`, `method` and `params`")]
    Malformed,
    #[error("a service or method name is {METHOD_NAME}")]
    Name,
    #[error("the run has made all of its {limit} calls")]
    TooMany { limit: u64 },
    #[error("the run has made all of its {limit} calls of `{method}`")]
    MethodTooOften { method: String, limit: u64 },
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
    #[error(
        "`{service}.{method}` was declined{}",
        because.as_ref().map(|because| format!(": {because}")).unwrap_or_default()
    )]
    Declined {
        service: String,
        method: String,
        /// What the person says of it.
        because: Option<String>,
    },
    #[error("`{service}.{method}` is not made: the journal cannot be written")]
    Unwritten { service: String, method: String },
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
    #[error(
        "`{service}.{method}` cannot be decided: {problem}{}",
        remedy.as_ref().map(|remedy| format!("; pass {remedy}")).unwrap_or_default()
    )]
    Incomparable {
        service: String,
        method: String,
        problem: String,
        remedy: Option<String>,
    },
    #[error("{message}")]
    Unanswered {
        code: RefusalCode,
        message: String,
        may_have_happened: bool,
    },
    #[error("the result is {}", Oversize { size: *size, limit: *limit })]
    ReplyTooLong { size: usize, limit: usize },
    #[error("the host holds {} for this run; the reply was dropped", ByteCount(*limit))]
    TooMuchHeld { limit: usize },
    #[error("the host holds {} for this run; the call was not made", ByteCount(*limit))]
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
    /// What it is called. No two reasons share a code.
    fn code(&self) -> RefusalCode {
        match self {
            Self::TooLong { .. } => RefusalCode::LimitCallBytes,
            Self::TooDeep { .. } => RefusalCode::RequestTooDeep,
            Self::Malformed => RefusalCode::RequestMalformed,
            Self::Name => RefusalCode::RequestName,
            Self::TooMany { .. } => RefusalCode::LimitCalls,
            Self::MethodTooOften { .. } => RefusalCode::LimitMethodCalls,
            Self::NotAvailable { .. } => RefusalCode::MethodNotAvailable,
            Self::Arguments(error) => error.code(),
            Self::Denied { .. } => RefusalCode::PolicyDenied,
            Self::Awaiting { .. } => RefusalCode::ApprovalNeeded,
            Self::Declined { .. } => RefusalCode::ApprovalDeclined,
            Self::Unwritten { .. } => RefusalCode::JournalUnavailable,
            Self::AskedTooOften { .. } => RefusalCode::LimitQuestions,
            Self::Changed { .. } => RefusalCode::ApprovalChanged,
            Self::Incomparable {
                remedy: Some(_), ..
            } => RefusalCode::PolicyInexact,
            Self::Incomparable { .. } => RefusalCode::PolicyUndecidable,
            Self::Unanswered { code, .. } => *code,
            Self::ReplyTooLong { .. } => RefusalCode::LimitReplyBytes,
            Self::TooMuchHeld { .. } => RefusalCode::LimitHeld,
            Self::TooMuchUnderWay { .. } => RefusalCode::LimitUnderWay,
            Self::Failed => RefusalCode::SandgateFailed,
        }
    }

    /// What the policies that decided say of it.
    fn because(&self) -> Option<String> {
        match self {
            Self::Denied { because, .. } | Self::Awaiting { because, .. }
                if !because.is_empty() =>
            {
                Some(because.join(" "))
            }
            Self::Declined { because, .. } => because.clone(),
            _ => None,
        }
    }

    /// What the script gets: the exception, its message, and what would work instead.
    pub(crate) fn into_reply(self) -> Reply {
        let code = self.code();
        let kind = RefusalKind::of(code);
        let hint = match (kind.hint, &self) {
            (Hint::Always, _) => Some(kind.remedy),
            (Hint::Never, _) => None,
            // A model that repeats a call must know whether it may do so.
            (
                Hint::IfSent,
                Self::Unanswered {
                    may_have_happened: false,
                    ..
                },
            ) => Some(NOT_SENT),
            (Hint::IfSent, _) => Some(kind.remedy),
        };
        Reply::Refused {
            code,
            exception: kind.exception,
            // The hint goes on with the sentence.
            message: match self.to_string() {
                message if hint.is_some() => message.trim_end_matches('.').to_owned(),
                message => message,
            },
            because: self.because(),
            hint: hint.map(ToOwned::to_owned),
        }
    }
}

/// What becomes of a call that brought no result. An error of the service's own is an answer; all else is a refusal.
pub(crate) fn without_result(
    service: &str,
    method: &str,
    error: &CallError,
) -> Result<Reply, Refusal> {
    let code = match error {
        CallError::Service(error) => {
            return Ok(Reply::Failed {
                code: error.code,
                message: error.message.clone(),
                data: error.data.clone(),
            });
        }
        CallError::Timeout { .. } => RefusalCode::ServiceTimeout,
        // THREAT[SEC-01]: which of them it is would say something of the host.
        CallError::Address(_) | CallError::Socket(_) | CallError::Connect(_) => {
            RefusalCode::ServiceUnreachable
        }
        CallError::Broken(_) => RefusalCode::ServiceDisconnected,
        CallError::Protocol(_) => RefusalCode::ServiceProtocol,
        CallError::TooLong { part, .. } => match part {
            Part::Request => RefusalCode::ServiceRequestTooLong,
            Part::Reply => RefusalCode::ServiceReplyTooLong,
        },
        CallError::Parameters => RefusalCode::ServiceUnsendable,
    };
    Err(Refusal::Unanswered {
        code,
        message: format!(
            "`{service}.{method}` brought no result: {}",
            error.for_script()
        ),
        may_have_happened: error.may_have_happened(),
    })
}

/// What a script is told of a call that was to be sent when its run was interrupted, and that was not made.
pub(crate) fn not_made(service: &str, method: &str) -> Reply {
    let refusal = Refusal::Unanswered {
        code: RefusalCode::ServiceDisconnected,
        message: format!("`{service}.{method}` brought no result: the run was interrupted before"),
        may_have_happened: false,
    };
    refusal.into_reply()
}

/// What all refusals of one code have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalKind {
    /// What it is raised as. `PermissionError` is a `services.Refused`.
    pub exception: ExceptionClass,
    /// What can be done about it.
    pub remedy: &'static str,
    /// Whether the script is told the remedy, behind the message.
    pub hint: Hint,
}

/// When a script is told what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Whenever it is refused so.
    Always,
    /// Where the service may have carried the call out; otherwise that it was not sent.
    IfSent,
    /// Never: the message says it, or it is for people to do.
    Never,
}

/// What a model must know before it repeats a call.
const NOT_SENT: &str = "it was not sent; you may try again";

/// The same where it may have been carried out.
const LOOK_FIRST: &str = "the service may have carried the call out; look before you repeat it";

impl RefusalKind {
    /// The one table of refusals.
    #[must_use]
    pub fn of(code: RefusalCode) -> Self {
        use ExceptionClass::{
            ConnectionError, PermissionError, RuntimeError, TimeoutError, TypeError, ValueError,
        };
        use Hint::{Always, IfSent, Never};
        use RefusalCode as Code;
        let (exception, hint, remedy) = match code {
            Code::PolicyDenied => (
                PermissionError,
                Never,
                "do without it; `sandgate policy explain` says what would change it",
            ),
            Code::PolicyUndecidable => (
                ValueError,
                Always,
                "leave it out, or give a value that a policy can compare",
            ),
            Code::PolicyInexact => (
                ValueError,
                Never,
                "round it, such as with `round(cost, 2)`, or pass a `Decimal` of at most four digits after the point",
            ),
            Code::ApprovalNeeded => (
                PermissionError,
                Always,
                "go on with what needs no approval, and say what is left to be approved",
            ),
            Code::ApprovalDeclined => (
                PermissionError,
                Always,
                "do not try again; say what was declined",
            ),
            Code::ApprovalChanged => (PermissionError, Always, "make the call again"),
            Code::JournalUnavailable => (
                RuntimeError,
                Always,
                "it was not sent; go on with what changes nothing, and say that the journal cannot be written",
            ),
            Code::MethodNotAvailable => (
                PermissionError,
                Always,
                "`dir(services)` lists what this context may use",
            ),
            Code::ArgumentsUnknown => (
                TypeError,
                Never,
                "give a parameter that there is: the message names them, and so does `help()`",
            ),
            Code::ArgumentsMissing => (TypeError, Never, "give what the message names"),
            Code::ArgumentsTooMany => (TypeError, Never, "give fewer, or give them by name"),
            Code::ArgumentsTwice => (TypeError, Never, "give it once"),
            Code::ArgumentsGap => (TypeError, Never, "give the one before it too"),
            Code::ArgumentsValue => (
                ValueError,
                Never,
                "give what the message says that the parameter takes",
            ),
            Code::ArgumentsMalformed => (
                ValueError,
                Never,
                "pass only what JSON has a form for, by name or by position",
            ),
            Code::ArgumentsReserved => (
                PermissionError,
                Never,
                "leave it out: the host says on whose behalf a call is made",
            ),
            Code::ArgumentsUnusable => (
                PermissionError,
                Never,
                "use another method; this one has to be called by other means",
            ),
            Code::LimitCalls => (
                RuntimeError,
                Always,
                "do more with each call, or finish in another run",
            ),
            Code::LimitMethodCalls => (
                RuntimeError,
                Always,
                "other methods can still be called; say what is left to be done",
            ),
            Code::LimitQuestions => (
                PermissionError,
                Always,
                "say what is left to be approved; another run can ask again",
            ),
            Code::LimitCallBytes => (ValueError, Always, "pass less at once, or in several calls"),
            Code::LimitReplyBytes => (
                ValueError,
                Always,
                "ask for less at once; the call itself was carried out",
            ),
            Code::LimitUnderWay => (
                RuntimeError,
                Always,
                "wait for earlier calls, and take their results, before making more",
            ),
            Code::LimitHeld => (
                RuntimeError,
                Always,
                "take the results of earlier calls before making more; the call itself may have been carried out",
            ),
            Code::ServiceTimeout => (TimeoutError, IfSent, LOOK_FIRST),
            Code::ServiceUnreachable => (ConnectionError, Always, NOT_SENT),
            Code::ServiceDisconnected => (ConnectionError, IfSent, LOOK_FIRST),
            Code::ServiceProtocol => (ConnectionError, Always, LOOK_FIRST),
            Code::ServiceReplyTooLong => (ValueError, Always, LOOK_FIRST),
            Code::ServiceRequestTooLong => (
                ValueError,
                Never,
                "pass less at once, or in several calls; nothing was sent",
            ),
            Code::ServiceUnsendable => (
                ValueError,
                Never,
                "give the arguments by name; nothing was sent",
            ),
            Code::RequestMalformed | Code::RequestName => (
                ValueError,
                Never,
                "call services through `services`, which makes requests as they have to be",
            ),
            Code::RequestTooDeep => (ValueError, Never, "pass something flatter"),
            Code::SandgateFailed => (RuntimeError, Always, LOOK_FIRST),
        };
        Self {
            exception,
            remedy,
            hint,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use sandgate_service::{Broken, Phase, ProtocolError, ServiceError};
    use std::time::Duration;

    fn timeout(sent: bool) -> CallError {
        CallError::Timeout {
            phase: Phase::Total,
            limit: Duration::from_secs(2),
            sent,
        }
    }

    fn broken(sent: bool) -> CallError {
        CallError::Broken(Broken {
            sent,
            reason: Some("what the system says".to_owned()),
        })
    }

    fn too_long(part: Part) -> CallError {
        CallError::TooLong { part, limit: 5 }
    }

    #[test]
    fn each_way_in_which_a_service_fails_has_a_code_and_says_where_the_call_may_have_been_carried_out()
     {
        const HINT: &str =
            r#""the service may have carried the call out; look before you repeat it""#;
        const NOT_SENT_HINT: &str = r#""it was not sent; you may try again""#;
        for (error, code, exception, message, hint) in [
            (
                timeout(false),
                "service.timeout",
                "TimeoutError",
                "`crm.contact.get` brought no result: the call took longer than 2s",
                NOT_SENT_HINT,
            ),
            (
                timeout(true),
                "service.timeout",
                "TimeoutError",
                "`crm.contact.get` brought no result: the call took longer than 2s",
                HINT,
            ),
            (
                CallError::Connect("where it listens".to_owned()),
                "service.unreachable",
                "ConnectionError",
                "`crm.contact.get` brought no result: the service cannot be reached",
                NOT_SENT_HINT,
            ),
            (
                broken(false),
                "service.disconnected",
                "ConnectionError",
                "`crm.contact.get` brought no result: the connection ended before the reply did",
                NOT_SENT_HINT,
            ),
            (
                broken(true),
                "service.disconnected",
                "ConnectionError",
                "`crm.contact.get` brought no result: the connection ended before the reply did",
                HINT,
            ),
            (
                CallError::Protocol(ProtocolError::NotUtf8),
                "service.protocol",
                "ConnectionError",
                "`crm.contact.get` brought no result: the service does not keep to its protocol: its reply is not UTF-8",
                HINT,
            ),
            (
                too_long(Part::Request),
                "service.request_too_long",
                "ValueError",
                "`crm.contact.get` brought no result: the request is longer than 5 B",
                "null",
            ),
            (
                too_long(Part::Reply),
                "service.reply_too_long",
                "ValueError",
                "`crm.contact.get` brought no result: the reply is longer than 5 B",
                HINT,
            ),
            (
                CallError::Parameters,
                "service.unsendable",
                "ValueError",
                "`crm.contact.get` brought no result: the parameters of a call are one JSON object or list on one line",
                "null",
            ),
        ] {
            let reply = without_result("crm", "contact.get", &error)
                .unwrap_err()
                .into_reply();
            assert_eq!(
                serde_json::to_string(&reply).unwrap(),
                format!(
                    r#"{{"refused":{{"code":"{code}","exception":"{exception}","message":"{message}","because":null,"hint":{hint}}}}}"#
                )
            );
        }
        let answered = CallError::Service(Box::new(ServiceError {
            code: -32004,
            message: "no".to_owned(),
            data: None,
        }));
        assert_eq!(
            serde_json::to_string(&without_result("crm", "contact.get", &answered).unwrap())
                .unwrap(),
            r#"{"failed":{"code":-32004,"message":"no","data":null}}"#
        );
    }
}
