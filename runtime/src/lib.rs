//! Runs Python that a language model wrote, in an interpreter inside WebAssembly, with one way out.
//!
//! ```no_run
//! use sandgate::{Context, Sandbox, Script};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::builder().build().await?;
//! let outcome = sandbox.run(Script::new("print(1 + 1)"), &Context::default()).await?;
//! assert_eq!(outcome.stdout.text, "2\n");
//! # Ok(())
//! # }
//! ```
//!
//! The modules stand in the order of a run: what is asked for, the wall it runs behind, what it may consume, the one
//! way out, and what comes back.

pub mod cli;
pub mod demo;

mod script;

mod context;
mod contexts;
mod sandbox;

mod budget;
mod output;
mod processor;
mod recorder;
mod workspace;

mod call;
mod desk;
mod gate;
mod hostcall;
mod pace;
mod question;
mod reach;
mod refusal;
mod service;
mod underway;

mod outcome;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a fuzzer ends where a rule is broken"
)]
pub mod fuzzing;

pub use context::{Context, Limits};
pub use contexts::{ContextError, ContextPolicy, ContextsError, FileError, InForce, PolicyStore};
pub use outcome::{FileEntry, Outcome, Status, StreamText, Usage};
pub use output::{Sink, Stream};
pub use question::{Answer, Approver, Question};
pub use reach::{Actor, Reach};
pub use recorder::{Clock, Tape};
pub use sandbox::{
    Builder, Cancel, ImageCache, ImageError, ImageStatus, Progress, RunError, Sandbox, Stage,
};
pub use sandgate_policy::{ContextNumber, Effect};
pub use sandgate_wire::{Exception, Value};
pub use script::Script;
pub use service::{
    Address, AddressError, ArgumentError, Arguments, Because, Broken, CallError, Caller, Change,
    ChangedPart, Client, ClientLimits, DocumentError, Found, Health, Identity, IdentityError,
    JsonError, Part, Phase, ProtocolError, Reads, Refreshed, Registered, Registration, Registry,
    Service, ServiceError, SocketError, Store, StoreError, Terms, find_sockets, socket_dirs,
    state_dir,
};
pub use workspace::{Workspace, WorkspaceError};
