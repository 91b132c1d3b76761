//! The sandbox: an image, a pool of instances of it, and `run`. Front ends and embedders make one and keep it.
//! It must never let one run see another, nor outlive its limits.

mod engine;
mod image;
mod instance;
mod linker;
mod meter;
mod pages;
mod state;
mod ticker;
mod wasi;

#[cfg(any(test, fuzzing))]
pub(crate) use image::fuzzing;
pub(crate) use image::interpreter;
pub use image::{
    ImageCache, ImageError, ImageStatus, ImageTarget, ImageTargetError, PortedImage,
    ProcessorLevel, Progress, Stage,
};
pub(crate) use instance::{
    KeptRun, RunAgain, RunAs, RunEnding, RunFor, SESSION, digests, end_of, spent_of,
};

use crate::{
    context::Context, journal::ledger::LedgerError, outcome::Outcome, script::Script,
    workspace::WorkspaceError,
};
use sandgate_policy::{ByteCount, Oversize};
use std::{num::NonZeroU32, path::PathBuf, sync::Arc};

/// Runs scripts, each in a fresh copy of one interpreter. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Sandbox {
    shared: Arc<instance::Shared>,
    instances: NonZeroU32,
}

/// How a [`Sandbox`] is made.
#[derive(Debug)]
pub struct Builder {
    cache: Option<PathBuf>,
    instances: NonZeroU32,
    progress: Option<Arc<dyn Progress>>,
}

/// Why a run could not be carried out; whatever a script does is an [`Outcome`] instead.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The context asks for something that no run can have.
    #[error("the memory limit is {}; it must be between {} and {}", ByteCount(*asked), ByteCount(*least), ByteCount(*most))]
    Memory {
        /// What it asks for.
        asked: usize,
        /// What the interpreter itself needs.
        least: usize,
        /// What the pool reserves.
        most: usize,
    },
    /// The standard input is larger than the context allows.
    #[error("the standard input is {}", Oversize { size: *size, limit: *limit })]
    Stdin {
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A variable of the environment that no environment can hold.
    #[error(
        "the environment variable `{0}` cannot be set: its name is empty or has a `=` in it, or it holds a zero byte"
    )]
    Variable(String),
    /// A replay would make its calls a second time.
    #[error(
        "a replay has neither answers of services nor live input on its tape; run it in a context without services, with its input given whole"
    )]
    Replay,
    /// The context's scripts have no files, and this one was given some.
    #[error("the limit `workspace = \"none\"` of the context leaves its scripts no files")]
    NoFiles,
    /// The workspace could not be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// Another run does the same, and began at the same moment.
    #[error("another run began at the same moment, and does the same")]
    Taken,
    /// Only a person can tell whether a change was made.
    #[error("nobody knows whether call {call}, {method}, was made, and it is not sent again")]
    Unknown {
        /// Which call.
        call: u32,
        /// Of what.
        method: String,
    },
    /// It could not be written down that it begins.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No instance could be made.
    #[error("no instance of the interpreter could be made: {0}")]
    Instance(String),
}

impl Sandbox {
    /// How many runs there are at once at most.
    #[must_use]
    pub fn instances(&self) -> usize {
        usize::try_from(self.instances.get()).unwrap_or(usize::MAX)
    }

    /// How to make one. What a script has unless something is granted:
    ///
    /// - no file or directory of the host, only an empty one in memory: outside of it, not even a path that does not exist
    ///   can be told from one that does;
    /// - no environment variable, no argument, no time zone but UTC, no user, no host name, no process id of the host;
    /// - no socket, no process, no thread, no signal, no foreign function;
    /// - no clock finer than a millisecond, and no sight of the host's uptime;
    /// - nothing of an earlier run: memory, variables, random state;
    /// - no more than its [`Limits`](crate::Limits), whatever it does;
    /// - one way out, on which every call is decided by the host.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a script to its end.
    ///
    /// Dropping the future ends the run at once. The executor's thread is held for no longer than 5 ms at a time,
    /// however busy the script is, other than by a single copy of tens of megabytes, which WebAssembly cannot
    /// interrupt. Runs beyond the number of instances wait for one.
    pub async fn run(&self, script: Script, context: &Context) -> Result<Outcome, RunError> {
        self.shared.run(script, context).await
    }

    /// A run that is made again from its past, or is for something else than its script.
    pub(crate) async fn run_as(
        &self,
        script: Script,
        context: &Context,
        run_as: RunAs,
    ) -> Result<Outcome, RunError> {
        self.shared.run_as(script, context, run_as).await
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            cache: None,
            instances: Self::INSTANCES,
            progress: None,
        }
    }
}

impl Builder {
    /// As many runs at once as two busy cores can still give a turn in a second. Each reserves address space only.
    const INSTANCES: NonZeroU32 = match NonZeroU32::new(256) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    };

    /// Where compiled images are kept, instead of the user's cache directory.
    #[must_use]
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache = Some(dir.into());
        self
    }

    /// How many runs there can be at once; the default is 256.
    #[must_use]
    pub fn instances(mut self, number: NonZeroU32) -> Self {
        self.instances = number;
        self
    }

    /// Told what is being done while an image is prepared, which takes long enough to say so.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Loads the image of the interpreter, or prepares it where this machine has none yet, which takes up to a minute.
    pub async fn build(self) -> Result<Sandbox, ImageError> {
        // Loading takes milliseconds, preparing seconds; neither belongs on an executor's thread.
        match tokio::task::spawn_blocking(|| self.load()?.start()).await {
            Ok(sandbox) => sandbox,
            Err(error) => Err(ImageError::Interrupted(error.to_string())),
        }
    }

    /// The first half of it, on this thread: everything for which a file is needed, or code becomes executable. When it
    /// returns, no other thread of it is left.
    pub fn load(self) -> Result<Loaded, ImageError> {
        let cache = ImageCache::new(self.cache)?;
        let engine = engine::pooled(self.instances)?;
        let image = cache.load_or_prepare(&engine, self.progress.as_deref())?;
        Ok(Loaded {
            engine,
            image,
            instances: self.instances,
        })
    }
}

/// An image that is loaded, of which nothing moves yet. A process that confines itself does it now.
#[derive(Debug)]
pub struct Loaded {
    engine: wasmtime::Engine,
    image: image::Image,
    instances: NonZeroU32,
}

impl Loaded {
    /// The second half: the thread that keeps time is started.
    pub fn start(self) -> Result<Sandbox, ImageError> {
        let shared = instance::Shared::new(self.engine, &self.image, self.instances)?;
        Ok(Sandbox {
            instances: self.instances,
            shared: Arc::new(shared),
        })
    }
}
