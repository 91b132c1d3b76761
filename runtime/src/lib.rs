//! Runs Python that a language model wrote, in an interpreter inside WebAssembly, with one way out.
//!
//! A [`Host`] opens everything once: the sandbox, the services and the policies. A script runs for a [`Caller`], who can do what
//! the policies of a context say.
//!
//! ```no_run
//! use sandgate::{Host, Status, policy::Effect, service::Tools};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Tools::new("clock", "What time it is.").tool(
//!     "time.now",
//!     "Seconds since 1970.",
//!     Effect::Read,
//!     async |(): ()| Ok(std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs()),
//! );
//! let policy = r#"@because("Anybody may.") permit (principal, action in Action::"read", resource);"#;
//! let host = Host::builder()
//!     .tools(clock)
//!     .context("assistant", policy, "hero_context = 1")
//!     .build()
//!     .await?;
//! let assistant = host.context("assistant")?;
//! let outcome = assistant.run("from services import clock\nprint(clock.time_now())").await?;
//! assert_eq!(outcome.status, Status::Ok);
//! # Ok(())
//! # }
//! ```
//!
//! Scripts that may call nothing need no more than a [`Sandbox`]:
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
//! - Services, tools and how they are spoken to: [`service`]. Policies, limits and decisions: [`policy`].
//! - What a script is given, and what comes of it: [`Script`], [`Outcome`], [`Limits`].
//! - What is wrong with a script, and what it would call, before it runs: [`check`], [`Caller::check`].
//! - Who answers for calls that need approval: [`Approver`].
//!
//! The modules stand in the order of a run: what is asked for, what is in force, the wall it runs behind, what it may
//! consume, the one way out, and what comes back.

mod cancel;
mod chain;
mod failpoint;
mod script;
mod zone;

mod context;
mod input;
mod limits;
mod session;

mod contexts;

pub mod places;
mod private;
mod store;

mod sandbox;

mod budget;
mod made;
mod output;
mod processor;
mod recorder;
mod workspace;

mod journal;
mod replaced;
mod tokens;

mod seal;

mod approvals;

mod hostcall;

mod outcome;

mod runs;

mod host;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a fuzzer ends where a rule is broken"
)]
pub mod fuzzing;

pub mod check;
pub mod policy;
pub mod service;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub use approvals::{AnswerError, Answered, Answerer};
pub use cancel::Cancel;
pub use chain::chain;
pub use context::Context;
#[cfg(feature = "failpoints")]
#[doc(hidden)]
pub use failpoint::failpoints;
pub use host::{Caller, Host, HostBuilder, HostError, Services};
pub use hostcall::{Hint, RefusalKind};
pub use hostcall::{
    question::{Answer, Approver, Grounds, Question},
    reach::Reach,
    watch::{CallWatcher, WatchedAnswer, WatchedCall},
};
pub use input::Input;
pub use journal::{
    Journal, JournalOptions, NoRun, Unwritten,
    digest::Digest,
    entry::{Begun, Entry, EntryError, Held, Purpose, Said},
    id::{Id, NoId},
    key::{JournalKey, JournalKeyError},
    ledger::{
        Anchor, Appended, ApprovalFilter, ApprovalRow, ApprovalState, AskedRow, Batch, Condition,
        KeptLine, Ledger, LedgerError, Line, Pruned, Pruning, RunCounts, RunFilter, RunRow,
        TableChange,
    },
    past::PastError,
    verify::{JournalProblem, VerifiedJournal},
};
pub use limits::{Files, Limits};
pub use made::{BUILTIN, CallMade, CallResult, LISTED_CALLS};
pub use outcome::{Outcome, Status, StreamText, Usage};
pub use output::{Sink, Stream};
pub use processor::thread_time;
pub use recorder::{Clock, Tape};
pub use replaced::{FileStamp, ReplacedFile};
pub use runs::{AskedCall, PastRun, PastRunError, Replay, ReplayDifference, Replayed, Resolution};
pub use runs::{PastCallResult, PastResult, Plan, PlannedCall, UndoStep, Undoing};
pub use sandbox::{
    Builder, ImageCache, ImageError, ImageStatus, ImageTarget, ImageTargetError, Loaded,
    PortedImage, ProcessorLevel, Progress, RunError, Sandbox, Stage,
};
pub use sandgate_wire::{Exception, ExceptionClass, PACKAGES, Package, RefusalCode, Value};
pub use script::Script;
pub use seal::{NoSealKey, SealKey};
pub use session::{Ended, Interrupt, Scripts, Session};
pub use tokens::{NewToken, Token, TokenError, TokenStore};
pub use workspace::{FileEntry, Workspace, WorkspaceError};
pub use zone::{TimeZone, TimeZoneError};
