//! What one run may consume. Asked for by whoever starts it, granted by its context's policies; read by everything that
//! counts. It must never hold a number that the host cannot keep.

pub use sandgate_policy::Files;
use std::time::Duration;

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
    /// Whether a script has files at all.
    pub workspace: Files,
    /// Bytes in the workspace. In memory a run has 48 MiB at most, whatever is granted.
    pub workspace_bytes: u64,
    /// Files and directories in the workspace.
    pub workspace_files: u64,
    /// Calls through the one way out.
    pub calls: u64,
}

impl Limits {
    /// The smaller of each.
    #[must_use]
    pub fn least(&self, other: &Self) -> Self {
        // Taken apart, so that a limit that is added cannot be forgotten here.
        let Self {
            wall,
            cpu,
            memory,
            output,
            source,
            stdin,
            workspace,
            workspace_bytes,
            workspace_files,
            calls,
        } = *self;
        Self {
            wall: wall.min(other.wall),
            cpu: cpu.min(other.cpu),
            memory: memory.min(other.memory),
            output: output.min(other.output),
            source: source.min(other.source),
            stdin: stdin.min(other.stdin),
            workspace: workspace.min(other.workspace),
            workspace_bytes: workspace_bytes.min(other.workspace_bytes),
            workspace_files: workspace_files.min(other.workspace_files),
            calls: calls.min(other.calls),
        }
    }

    /// What the limits of a context say, where they say something.
    pub(crate) fn with(self, granted: &sandgate_policy::ContextLimits) -> Self {
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
            workspace: granted.workspace.unwrap_or(self.workspace),
            workspace_bytes: granted.workspace_bytes.unwrap_or(self.workspace_bytes),
            workspace_files: granted.workspace_files.unwrap_or(self.workspace_files),
            calls: granted.calls.unwrap_or(self.calls),
        }
    }

    /// A run that writes this many times [`Limits::output`] to a stream is ended: it is no longer saying anything.
    pub(crate) const FLOOD: u64 = 64;

    /// How deep a script may nest what it makes in a workspace. No honest tree is deeper, and every walk is short.
    pub const WORKSPACE_DEPTH: usize = 64;

    /// Bytes of the path of what it makes there, so that what it leaves can be named by every program, whose paths have
    /// 4096 at most.
    pub const WORKSPACE_PATH: usize = 1024;

    /// Bytes that files in memory take at most, whatever is granted.
    pub const WORKSPACE_MEMORY: u64 = crate::budget::FOR_FILES as u64;

    /// Files and directories that a run may have open at once; a process often may have 1024 of all kinds.
    pub const OPEN_FILES: usize = 64;

    /// Below this the interpreter's snapshot itself does not fit.
    pub const LEAST_MEMORY: usize = bytes(*sandgate_policy::ContextLimits::MEMORY.start());

    /// The pool reserves address space for this much per instance; no context can grant more.
    pub const MOST_MEMORY: usize = bytes(*sandgate_policy::ContextLimits::MEMORY.end());

    /// All that the runtime can honour, for where something else is what limits.
    pub const MOST: Self = Self {
        wall: sandgate_policy::ContextLimits::TIME,
        cpu: sandgate_policy::ContextLimits::TIME,
        memory: Self::MOST_MEMORY,
        output: bytes(*sandgate_policy::ContextLimits::OUTPUT.end()),
        source: bytes(*sandgate_policy::ContextLimits::SOURCE.end()),
        stdin: bytes(*sandgate_policy::ContextLimits::STDIN.end()),
        workspace: Files::Scratch,
        workspace_bytes: *sandgate_policy::ContextLimits::WORKSPACE_BYTES.end(),
        workspace_files: *sandgate_policy::ContextLimits::WORKSPACE_FILES.end(),
        calls: *sandgate_policy::ContextLimits::CALLS.end(),
    };
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
            workspace: Files::Scratch,
            workspace_bytes: 64 << 20,
            workspace_files: 1000,
            calls: 1000,
        }
    }
}

/// A size that a constant of the policies names; all of them fit.
const fn bytes(size: u64) -> usize {
    assert!(size <= usize::MAX as u64);
    #[expect(clippy::cast_possible_truncation, reason = "it was just compared")]
    {
        size as usize
    }
}
