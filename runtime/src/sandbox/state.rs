//! What the host keeps beside one instance: everything that its imports reach. Made by `instance` for every run and
//! gone with it, so that nothing can be left for the next one.

use crate::{
    budget::Budget,
    hostcall::Road,
    input::Input,
    limits::Limits,
    output::Output,
    recorder::Recorder,
    session::Scripts,
    workspace::{Mount, Workspace},
};
use std::{
    io::{self, Read},
    sync::Arc,
};
use wasmtime::ResourceLimiter;

/// The host's side of one instance.
pub(super) struct State {
    pub(super) road: Road,
    /// The reply that the guest has been told the length of and has not fetched yet.
    pub(super) reply: Option<Vec<u8>>,
    pub(super) output: Output,
    pub(super) stdin: Stdin,
    /// Where the next script of a session comes from.
    pub(super) session: Option<SessionState>,
    pub(super) recorder: Recorder,
    /// Files, where the run may have any.
    pub(super) files: Option<GuestFiles>,
    pub(super) memory: MemoryLimiter,
    pub(super) ticker: Arc<super::ticker::Ticker>,
}

/// What a run needs of its session.
pub(super) struct SessionState {
    pub(super) scripts: Scripts,
    /// How long a script may be.
    pub(super) longest: usize,
    /// Where the guest looks whether it is interrupted; its own numbers.
    pub(super) interrupted: [usize; 2],
}

/// A workspace as the guest sees it.
pub(super) enum GuestFiles {
    /// In memory, and not made yet: no path has been used.
    Unused {
        limits: Limits,
        /// In which it will be counted.
        budget: Budget,
    },
    Here(Mount),
    /// A thread that may wait carries something out with it.
    Away,
}

impl GuestFiles {
    /// The workspace in memory that was made for the run, if one was.
    pub(super) fn made(self) -> Option<Workspace> {
        match self {
            Self::Here(session) => Workspace::of(&session),
            Self::Unused { .. } | Self::Away => None,
        }
    }
}

/// What `input()` reads.
pub(super) struct Stdin {
    bytes: Vec<u8>,
    at: usize,
    /// What comes after that.
    input: Option<Box<dyn Input>>,
}

impl Stdin {
    pub(super) fn new(bytes: Vec<u8>, input: Option<Box<dyn Input>>) -> Self {
        Self {
            bytes,
            at: 0,
            input,
        }
    }

    /// Whether what is read next is waited for until a person types it.
    pub(super) fn is_typed(&self) -> bool {
        self.at >= self.bytes.len() && self.input.as_ref().is_some_and(|input| input.is_typed())
    }

    /// The next bytes, as many as there is room for.
    pub(super) async fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        match &mut self.input {
            Some(input) if rest.is_empty() && !room.is_empty() => {
                input.read(room.len()).await?.as_slice().read(room)
            }
            _ => {
                let read = rest.read(room)?;
                self.at = self.at.saturating_add(read);
                Ok(read)
            }
        }
    }
}

/// Grants or refuses memory. THREAT[DOS-05].
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: usize,
    pub(super) peak: usize,
    /// Whether the guest was ever refused. A guest that then gives up has run out of memory.
    pub(super) refused: bool,
}

impl MemoryLimiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.memory,
            peak: 0,
            refused: false,
        }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.limit;
        if granted {
            self.peak = self.peak.max(desired);
        } else {
            self.refused = true;
        }
        Ok(granted)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        _: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The interpreter's table is made with its size and never grows.
        Ok(current == 0)
    }
}
