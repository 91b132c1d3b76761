//! Services: what a script may reach, where it is, what it offers (`offer/`), and how it is spoken to (`client/`).
//! Nothing here decides whether a call may be made: that comes first, and is the library's `hostcall/`.

mod address;
mod client;
mod credential;
mod discover;
mod json;
mod naming;
mod offer;
mod redact;
mod registration;
mod registry;
mod search;
mod secrets;
mod text;
mod tool;
mod tools;
mod word;

pub use address::{Address, AddressError, SocketError};
pub use client::passing;
pub use client::{
    Broken, CallError, CallOptions, Client, ClientLimits, Connector, Elsewhere, Health,
    IdempotencyKey, IdempotencyKeyError, Identity, Part, Phase, ProtocolError, ServiceError,
    Switchboard,
};
pub use credential::REDACTED;
pub use discover::{DiscoveredSocket, find as find_sockets, socket_dirs};
pub use json::{JsonError, depth};
pub use offer::{
    ArgumentError, Arguments, Bindings, Change, ChangedPart, Document, DocumentError, EVERY_METHOD,
    EffectSource, Hash, InterfaceFormat, InterfaceOf, LeftOut, MarkError, Marks, Method,
    Placeholder, PlaceholderUse, Reads, Service, Target, Terms, Undo, UndoError, Weight,
    WrittenCall, doubts, placeholder, sample,
};
pub use redact::{learn_json, redacted_json, redacted_text};
pub use registration::{Changed, Registration};
pub use registry::Registry;
pub use search::{MOST_FOUND, MethodFound};
pub use secrets::Secrets;
pub use text::line;
pub use tool::{Tool, ToolError};
pub use tools::{Tools, ToolsError};

#[cfg(any(test, fuzzing, feature = "fuzzing"))]
#[doc(hidden)]
#[expect(clippy::unwrap_used, reason = "a fuzzer ends where a rule is broken")]
pub mod fuzzing;
#[cfg(test)]
mod tests;
