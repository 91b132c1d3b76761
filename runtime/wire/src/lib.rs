//! What crosses the wasm boundary: the names of imports and exports, and the messages in both directions.
//!
//! The host (`sandgate`) and the guest (`sandgate-guest`) both compile this crate; it is the only thing they share.
//! Messages are JSON. A host must treat whatever comes out of a guest as hostile, so nothing here trusts a length,
//! a depth or a name: those checks belong to the host's decoder.

#![no_std]
extern crate alloc;

pub mod abi;
mod call;
mod ending;
mod packages;
mod refusal;
mod script;
mod stub;

pub use call::{Reply, Request};
pub use ending::{Ending, Exception, Value};
pub use packages::{PACKAGES, Package};
pub use refusal::{ExceptionClass, RefusalCode};
pub use script::Script;
pub use stub::{Listed, Stub, StubEffect, StubMethod, StubParameter, Wanted};
