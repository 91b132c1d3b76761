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
//! The modules stand in the order of a run: what is asked for, what is in force, the wall it runs behind, what it may
//! consume, the one way out, and what comes back.

mod cancel;
mod script;

mod context;
mod limits;

mod contexts;

mod places;
mod store;

mod sandbox;

mod budget;
mod output;
mod processor;
mod recorder;
mod workspace;

mod hostcall;

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

pub mod policy;
pub mod service;

pub use cancel::Cancel;
pub use context::Context;
pub use hostcall::{
    question::{Answer, Approver, Question},
    reach::{Actor, Reach},
};
pub use limits::{Files, Limits};
pub use outcome::{Outcome, Status, StreamText, Usage};
pub use output::{Sink, Stream};
pub use recorder::{Clock, Tape};
pub use sandbox::{
    Builder, ImageCache, ImageError, ImageStatus, Loaded, Progress, RunError, Sandbox, Stage,
};
pub use sandgate_wire::{Exception, Value};
pub use script::Script;
pub use workspace::{FileEntry, Workspace, WorkspaceError};
