//! Why a call brought no result, and whether it may have been carried out all the same. Made by `client` and what is
//! below it; read by the road, which records it and tells the script what the script may know.

use crate::address::{AddressError, SocketError};
use sandgate_policy::ByteCount;
use serde_json::value::RawValue;
use std::{borrow::Cow, time::Duration};

/// A call that brought no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service's own answer: it will not or cannot do it.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The socket is not one to trust.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Nobody listens, or the connection could not be made safe.
    #[error("the service cannot be connected to: {0}")]
    Connect(String),
    /// The parameters are no list and no object, or do not fit into the frames of the service.
    #[error("the parameters of a call are one JSON object or list on one line")]
    Parameters,
    /// Something was larger than it may be.
    #[error("{part} is longer than {}", ByteCount(*limit))]
    TooLong {
        /// What was.
        part: Part,
        /// What is allowed.
        limit: usize,
    },
    /// The service took too long.
    #[error("{phase} took longer than {limit:?}")]
    Timeout {
        /// With what.
        phase: Phase,
        /// What is allowed.
        limit: Duration,
        /// Whether any of the request had been written.
        sent: bool,
    },
    /// The connection ended before the reply did.
    #[error("the connection ended before the reply did{}", Reason(.0))]
    Broken(Broken),
    /// What came back is no reply to what was asked.
    #[error("the service does not keep to its protocol: {0}")]
    Protocol(#[from] ProtocolError),
}

/// The `error` of a reply, cleaned. It is the service's text, not ours.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the service answered with error {code}: {message}")]
pub struct ServiceError {
    /// As the service numbers them; -32768 to -32000 are JSON-RPC's.
    pub code: i64,
    /// What it says.
    pub message: String,
    /// What it adds.
    pub data: Option<Box<RawValue>>,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Whether any of the request had been written.
    pub sent: bool,
    /// What the system said, if anything.
    pub reason: Option<String>,
}

/// What has a largest size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is sent.
    Request,
    /// What comes back.
    Reply,
}

/// What has a longest time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting until fewer calls of this context to this service are under way.
    Queue,
    /// Being connected, and for https agreeing on a key.
    Connect,
    /// Writing the request and waiting until the reply's head, or its first byte where it has no head, is here.
    FirstByte,
    /// Waiting for the next piece of a reply.
    Idle,
    /// All of it.
    Total,
}

/// What is wrong with a reply. THREAT[SVC-01].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// It is not HTTP, or breaks off where HTTP says how long it is.
    #[error("its reply is not HTTP ({0})")]
    Http(String),
    /// Redirects are never followed.
    #[error("it redirects (status {0}), and redirects are not followed")]
    Redirect(u16),
    /// Neither a reply nor an error of JSON-RPC.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
    /// JSON is UTF-8.
    #[error("its reply is not UTF-8")]
    NotUtf8,
    /// JSON has no byte order mark.
    #[error("its reply begins with a byte order mark")]
    ByteOrderMark,
    /// Readers on the way to the script would refuse it, each in its own way.
    #[error("its reply nests deeper than {0}")]
    TooDeep(usize),
    /// Bytes that belong to no request.
    #[error("it sends more than the reply")]
    Surplus,
    /// Half of a character.
    #[error("its reply contains half of a character (an unpaired surrogate)")]
    HalfCharacter,
    /// Not one JSON object, or one with a member twice.
    #[error("its reply is not one JSON object ({0})")]
    Malformed(String),
    /// Not JSON-RPC 2.0.
    #[error("its reply has no `jsonrpc` of \"2.0\"")]
    Version,
    /// An answer to something else.
    #[error("its reply does not carry the `id` of the request")]
    Id,
    /// Which one would count?
    #[error("its reply has both `result` and `error`")]
    Both,
    /// No answer at all.
    #[error("its reply has neither `result` nor `error`")]
    Neither,
    /// An error without what makes one.
    #[error("its `error` is not an object with an integer `code` and a text `message`")]
    Error,
}

impl CallError {
    /// Whether the service may have carried the call out. `false` is certain: not one byte of the request was written
    /// to the service. Everything else is `true`, an error that the service answered with included: only the service
    /// knows what it had done by then.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Address(_) | Self::Socket(_) | Self::Connect(_) | Self::Parameters => false,
            Self::TooLong { part, .. } => *part != Part::Request,
            Self::Timeout { sent, .. } | Self::Broken(Broken { sent, .. }) => *sent,
            Self::Service(_) | Self::Protocol(_) => true,
        }
    }

    /// What a script is told. THREAT[SEC-01]: where a service listens, and what the host's system says of it, is not
    /// the script's to know.
    #[must_use]
    pub fn for_script(&self) -> Cow<'static, str> {
        match self {
            Self::Address(_) | Self::Socket(_) | Self::Connect(_) => {
                "the service cannot be reached".into()
            }
            Self::Broken(_) => "the connection ended before the reply did".into(),
            other => other.to_string().into(),
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "the request",
            Self::Reply => "the reply",
        })
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for a free connection",
            Self::Connect => "connecting",
            Self::FirstByte => "waiting for the reply",
            Self::Idle => "waiting for the rest of the reply",
            Self::Total => "the call",
        })
    }
}

/// A reason, if there is one.
struct Reason<'a>(&'a Broken);

impl std::fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}
