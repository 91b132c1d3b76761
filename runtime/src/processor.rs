//! Processor time that a run uses, in whichever thread. The meter compares it with the run's limit; the desk adds what
//! deciding its calls takes. It must never count what was done for another run.

use rustix::time::{ClockId, clock_gettime};
use std::{
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
    /// Does something for the run, on this thread and without giving way, and counts what it takes.
    pub(crate) fn count<R>(&self, work: impl FnOnce() -> R) -> R {
        let before = thread_time();
        let result = work();
        let used = thread_time().saturating_sub(before);
        let nanos = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
        result
    }

    /// What the run has used so far.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
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
