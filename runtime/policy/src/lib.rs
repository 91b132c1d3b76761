//! Which calls a context may make: policies in Cedar, the schema they are checked against, limits, and their tests.
//!
//! Pure: this crate opens no file, starts no task and knows nothing of sandboxes. It is given text and a description
//! of the services, and gives back decisions.

mod interface;

pub use interface::{Effect, Interface, Method, Parameter};
