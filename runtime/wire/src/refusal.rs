//! Why a call was not made, in words that do not change: the codes that scripts, JSON and protocols show, and the classes
//! of exceptions that a refusal is raised as. Chosen by the host's `hostcall/refusal.rs`, which says what can be done
//! about each; read by the guest. A code that was ever released must never be given another meaning, or another spelling.

use serde::{Deserialize, Serialize};

/// An enum whose members are written as these texts, in JSON and everywhere else, and mean what is said of them here.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $(#[doc = $meaning:literal] $member:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $meaning] #[serde(rename = $text)] $member,)+
        }

        impl $name {
            /// All of them, in the order in which they are documented.
            pub const ALL: &[Self] = &[$(Self::$member),+];

            /// How it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $text,)+
                }
            }

            /// What it means, in a sentence: the one that documents it.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$member => $meaning.trim_ascii(),)+
                }
            }

            /// The one that is written so.
            #[must_use]
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

named! {
    /// Why a call was not made, or brought no answer. What is before the dot is who stands in the way, or what is wrong.
    RefusalCode {
        /// No policy permits the call, or one forbids it.
        PolicyDenied = "policy.denied",
        /// A policy would have to look at a value that it cannot compare.
        PolicyUndecidable = "policy.undecidable",
        /// A policy compares a number that has more digits than policies tell apart.
        PolicyInexact = "policy.inexact",
        /// A person would have to agree, and nobody can be asked now.
        ApprovalNeeded = "approval.needed",
        /// The person who was asked said no.
        ApprovalDeclined = "approval.declined",
        /// What the person agreed to is not what would be sent.
        ApprovalChanged = "approval.changed",
        /// The journal cannot be written, so nothing that changes anything is sent.
        JournalUnavailable = "journal.unavailable",
        /// There is no such service or method, or this context may not see it.
        MethodNotAvailable = "method.not_available",
        /// There is no such parameter.
        ArgumentsUnknown = "arguments.unknown",
        /// A parameter that is required was not given.
        ArgumentsMissing = "arguments.missing",
        /// More arguments were given than there are parameters.
        ArgumentsTooMany = "arguments.too_many",
        /// A parameter was given twice.
        ArgumentsTwice = "arguments.twice",
        /// A parameter does not take the value that was given.
        ArgumentsValue = "arguments.value",
        /// Given by position, one was left out before another.
        ArgumentsGap = "arguments.gap",
        /// A script gave what only the host may set.
        ArgumentsReserved = "arguments.reserved",
        /// The method needs what neither a script may set nor the host knows.
        ArgumentsUnusable = "arguments.unusable",
        /// The arguments cannot be written as one JSON object or list.
        ArgumentsMalformed = "arguments.malformed",
        /// The run has made all of its calls.
        LimitCalls = "limit.calls",
        /// The run has made all of its calls of this method.
        LimitMethodCalls = "limit.method_calls",
        /// The run has asked a person as often as it may.
        LimitQuestions = "limit.questions",
        /// The call is longer than it may be.
        LimitCallBytes = "limit.call_bytes",
        /// The result is longer than it may be.
        LimitReplyBytes = "limit.reply_bytes",
        /// The host holds as much as it may for calls that are under way.
        LimitUnderWay = "limit.under_way",
        /// The host holds as much as it may for replies that were not taken.
        LimitHeld = "limit.held",
        /// There was no answer in time.
        ServiceTimeout = "service.timeout",
        /// The service cannot be connected to.
        ServiceUnreachable = "service.unreachable",
        /// The connection ended before the reply did.
        ServiceDisconnected = "service.disconnected",
        /// What came back is not a reply to what was asked.
        ServiceProtocol = "service.protocol",
        /// The reply is longer than sandgate takes from any service.
        ServiceReplyTooLong = "service.reply_too_long",
        /// With what the host adds, the call is longer than sandgate sends to any service.
        ServiceRequestTooLong = "service.request_too_long",
        /// The call cannot be written in the form that the service reads.
        ServiceUnsendable = "service.unsendable",
        /// What the guest sent is not a request.
        RequestMalformed = "request.malformed",
        /// A service or method was asked for by something that cannot be its name.
        RequestName = "request.name",
        /// Lists and objects nest too deeply.
        RequestTooDeep = "request.too_deep",
        /// sandgate itself failed.
        SandgateFailed = "sandgate.failed",
    }
}

named! {
    /// The built-in class of exceptions that a refusal is raised as. The guest raises its own `services.Refused`, which is
    /// one of them, for `PermissionError`.
    ExceptionClass {
        /// The script may not.
        PermissionError = "PermissionError",
        /// What it asked for is not what the method takes.
        TypeError = "TypeError",
        /// A value that cannot be.
        ValueError = "ValueError",
        /// Too much of something.
        RuntimeError = "RuntimeError",
        /// It took too long.
        TimeoutError = "TimeoutError",
        /// There is no way to the service, or no way back.
        ConnectionError = "ConnectionError",
    }
}
