//! What the host keeps beside one instance: everything that its imports reach. Made by `instance` for every run and
//! gone with it, so that nothing can be left for the next one.

use crate::{
    budget::Budget,
    hostcall::Road,
    input::Input,
    journal::record::Record,
    limits::Limits,
    output::Output,
    recorder::Recorder,
    session::{NextScript, Scripts},
    workspace::{Mount, Workspace},
};
use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::Arc,
};
use wasmtime::{Memory, ResourceLimiter};

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
    /// Once there is an instance.
    pub(super) guest_memory: Option<Memory>,
    pub(super) ticker: Arc<super::ticker::Ticker>,
    /// At which tick it last gave way.
    pub(super) turn: u64,
}

/// What a run needs of its session.
pub(super) struct SessionState {
    pub(super) scripts: Scripts,
    /// How long a script may be.
    pub(super) longest: usize,
    /// Where the guest looks whether it is interrupted; its own numbers.
    pub(super) interrupted: [usize; 2],
    /// Those that it ran before, which run again first.
    pub(super) past: VecDeque<NextScript>,
    /// What there is to be written down of the script that runs.
    pub(super) runs: RunsNow,
}

/// Which script of a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunsNow {
    /// None whose end is to be written down: what came before the first, or one that runs again.
    Nothing,
    /// One that was given now.
    Script,
}

impl SessionState {
    /// Has the guest raise a `KeyboardInterrupt`, where one was asked for. THREAT[ESC-02]: the addresses are the guest's, and
    /// what is outside its memory is not written.
    pub(super) fn pass_interrupt_on(&self, memory: &mut [u8]) -> wasmtime::Result<()> {
        // What runs again runs to where it ended before.
        if self.runs == RunsNow::Script && self.scripts.interrupt().take() {
            self.scripts.interrupt().tell();
            for at in self.interrupted {
                let byte = memory.get_mut(at);
                *byte.ok_or_else(|| wasmtime::format_err!("the guest has no such address"))? = 1;
            }
        }
        Ok(())
    }
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
    /// What came after that when the run was made before.
    past: VecDeque<Vec<u8>>,
    /// What comes after that.
    input: Option<Box<dyn Input>>,
    record: Record,
}

impl Stdin {
    pub(super) fn new(
        bytes: Vec<u8>,
        past: VecDeque<Vec<u8>>,
        input: Option<Box<dyn Input>>,
        record: Record,
    ) -> Self {
        Self {
            bytes,
            at: 0,
            past,
            input,
            record,
        }
    }

    /// Whether what is read next is waited for until a person types it.
    pub(super) fn is_typed(&self) -> bool {
        self.at >= self.bytes.len()
            && self.past.is_empty()
            && self.input.as_ref().is_some_and(|input| input.is_typed())
    }

    /// The next bytes, as many as there is room for.
    pub(super) async fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.is_empty() || room.is_empty() {
            let read = rest.read(room)?;
            self.at = self.at.saturating_add(read);
            return Ok(read);
        }
        if let Some(came) = self.past.pop_front() {
            return came.as_slice().read(room);
        }
        match &mut self.input {
            Some(input) => {
                let came = input.read(room.len()).await?;
                self.record.input(&came);
                came.as_slice().read(room)
            }
            None => Ok(0),
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::session::Session;

    /// What is in a memory of four bytes that says that it looks at these addresses.
    fn interrupted(asked: bool, interrupted: [usize; 2]) -> Option<[u8; 4]> {
        let (session, scripts) = Session::new(false);
        if asked {
            session.interrupt().interrupt();
        }
        let state = SessionState {
            scripts,
            longest: 0,
            interrupted,
            past: VecDeque::new(),
            runs: RunsNow::Script,
        };
        let mut memory = [0; 4];
        state.pass_interrupt_on(&mut memory).ok()?;
        // It was passed on, once.
        let before = memory;
        state.pass_interrupt_on(&mut memory).unwrap();
        assert_eq!(memory, before);
        Some(memory)
    }

    #[test]
    fn esc_02_an_interrupt_that_was_asked_for_is_written_inside_of_the_guests_memory_or_not_at_all()
    {
        assert_eq!(interrupted(true, [1, 3]), Some([0, 1, 0, 1]));
        assert_eq!(interrupted(true, [2, 2]), Some([0, 0, 1, 0]));
        assert_eq!(interrupted(false, [1, 3]), Some([0; 4]));
        for outside in [4, 5, usize::MAX] {
            assert_eq!(interrupted(true, [outside, 0]), None);
            assert_eq!(interrupted(true, [0, outside]), None);
            assert_eq!(interrupted(false, [outside, 0]), Some([0; 4]));
        }
    }
}
