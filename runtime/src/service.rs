//! Services: what a script may reach, where it is, what it offers, and how it is spoken to.
//! Nothing here decides whether a call may be made; that is `hostcall`'s, and it comes first.

mod address;
mod identity;
mod socket;

pub use address::{Address, AddressError};
pub use identity::{Identity, IdentityError};
pub use socket::SocketError;
