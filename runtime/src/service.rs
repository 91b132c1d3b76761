//! Services: what a script may reach, where it is, what it offers, and how it is spoken to.
//! Nothing here decides whether a call may be made; that is `hostcall`'s, and it comes first.

mod address;
mod clean;
mod client;
mod connection;
mod deadline;
mod failure;
mod http;
mod identity;
mod lines;
mod message;
mod pool;
mod socket;
mod tls;
mod url;

pub use address::{Address, AddressError};
pub use client::{Client, ClientLimits, Health};
pub use failure::{Broken, CallError, Part, Phase, ProtocolError, ServiceError};
pub use identity::{Identity, IdentityError};
pub use socket::SocketError;
