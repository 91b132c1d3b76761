//! On whose behalf a script runs, and what that may cost. Comes from the authenticated caller, never from a script.

use crate::reach::Reach;
use std::{sync::Arc, time::Duration};

/// A context: the tenant a run belongs to, and its limits.
#[derive(Debug, Clone)]
pub struct Context {
    /// For people, logs and the journal.
    pub name: String,
    /// The services it may reach, and on whose behalf; none without it.
    pub reach: Option<Arc<Reach>>,
    /// What one run may consume.
    pub limits: Limits,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            reach: None,
            limits: Limits::default(),
        }
    }
}

/// What one run may consume. Every field bounds something that a hostile script would otherwise take from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time, from the moment an instance is free for the run.
    pub wall: Duration,
    /// Processor time, so that a hundred runs on two cores are bounded by their work and not by their neighbours.
    pub cpu: Duration,
    /// Linear memory, the interpreter's own (about 50 MiB) included.
    pub memory: usize,
    /// Bytes kept of stdout, and as many of stderr. What comes after is dropped and marked.
    pub output: usize,
    /// Bytes of source. Parsing happens inside the wall, so this bounds only the copy.
    pub source: usize,
    /// Bytes of standard input.
    pub stdin: usize,
    /// Bytes in the workspace.
    pub workspace_bytes: u64,
    /// Files and directories in the workspace.
    pub workspace_files: u64,
    /// Calls through the one way out.
    pub calls: u64,
}

impl Limits {
    /// These limits, with what a context's `limits.toml` says in their place.
    #[must_use]
    pub fn with(self, granted: &sandgate_policy::Limits) -> Self {
        let size = |granted: Option<u64>, otherwise| {
            granted.map_or(otherwise, |bytes| {
                usize::try_from(bytes).unwrap_or(usize::MAX)
            })
        };
        let wall = granted.timeout.unwrap_or(self.wall);
        Self {
            wall,
            cpu: granted.cpu.or(granted.timeout).unwrap_or(self.cpu),
            memory: size(granted.memory, self.memory),
            output: size(granted.output, self.output),
            source: size(granted.source, self.source),
            stdin: size(granted.stdin, self.stdin),
            workspace_bytes: granted.workspace_bytes.unwrap_or(self.workspace_bytes),
            workspace_files: granted.workspace_files.unwrap_or(self.workspace_files),
            calls: granted.calls.unwrap_or(self.calls),
        }
    }

    /// A run that writes this many times [`Limits::output`] to a stream is ended: it is no longer saying anything.
    pub(crate) const FLOOD: u64 = 64;

    /// Below this the interpreter's snapshot itself does not fit.
    pub const LEAST_MEMORY: usize = 96 << 20;

    /// The pool reserves address space for this much per instance; no context can grant more.
    pub const MOST_MEMORY: usize = 2 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30),
            cpu: Duration::from_secs(30),
            memory: 256 << 20,
            output: 1 << 20,
            source: 1 << 20,
            stdin: 16 << 20,
            workspace_bytes: 64 << 20,
            workspace_files: 1000,
            calls: 1000,
        }
    }
}
