//! Processor time that a run uses, in whichever thread. The meter compares it with the run's limit; the desk adds what
//! deciding its calls takes. It must never count what was done for another run.

use rustix::time::{ClockId, clock_gettime};
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What one run has used. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Processor(Arc<AtomicU64>);

impl Processor {
    /// Does something for the run, on this thread and without giving way, and counts what it takes: once, where it is
    /// part of something that is counted.
    pub(crate) fn count<R>(&self, work: impl FnOnce() -> R) -> R {
        let Some(_counting) = Counting::begin() else {
            return work();
        };
        let lap = self.start();
        let result = work();
        lap.end();
        result
    }

    /// The same for work that counts what it takes step by step.
    pub(crate) fn start(&self) -> Lap<'_> {
        Lap {
            processor: self,
            before: Cell::new(thread_time()),
        }
    }

    /// What the run has used so far.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

thread_local! {
    /// Whether what this thread does is being counted. One run's work never begins within another's.
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}

/// From here on what this thread does is counted, until this is dropped.
struct Counting;

impl Counting {
    fn begin() -> Option<Self> {
        (!COUNTING.replace(true)).then_some(Self)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        COUNTING.set(false);
    }
}

/// Work of this thread that is not counted yet.
#[derive(Debug)]
pub(crate) struct Lap<'p> {
    processor: &'p Processor,
    before: Cell<Duration>,
}

impl Lap<'_> {
    /// Counts what this thread took since the last time.
    pub(crate) fn end(&self) {
        let now = thread_time();
        let used = now.saturating_sub(self.before.replace(now));
        let nanos = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        self.processor.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
