//! Services: what a script may reach, where it is, what it offers, and how it is spoken to.
//! Nothing here decides whether a call may be made; that is `hostcall`'s, and it comes first.

mod address;
mod allotment;
mod arguments;
mod change;
mod clean;
mod client;
mod connection;
mod connector;
mod deadline;
mod discover;
mod document;
mod effect;
mod expand;
mod failure;
mod http;
mod identity;
mod interface;
mod json;
mod lines;
mod message;
mod naming;
mod offer;
mod pool;
mod registry;
mod reserved;
mod schema;
mod socket;
mod store;
mod text;
mod tls;
mod tree;
mod types;
mod url;
mod weight;

pub use address::{Address, AddressError};
pub(crate) use allotment::Allotment;
pub use arguments::{ArgumentError, Arguments};
pub use change::{Change, Part as ChangedPart};
pub use client::{Client, ClientLimits, Health};
pub(crate) use connector::{Connector, Desk};
pub use discover::{Found, find as find_sockets, socket_dirs};
pub use document::DocumentError;
pub use effect::{Because, Reads};
pub use failure::{Broken, CallError, Part, Phase, ProtocolError, ServiceError};
pub use identity::{Identity, IdentityError};
pub use json::JsonError;
pub use offer::{Registered, Service, Terms};
pub use registry::Registry;
pub use reserved::Caller;
pub use socket::SocketError;
pub use store::{Refreshed, Registration, Store, StoreError, state_dir};
pub(crate) use weight::Weight;

#[cfg(any(test, fuzzing))]
#[expect(clippy::unwrap_used, reason = "a fuzzer ends where a rule is broken")]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
