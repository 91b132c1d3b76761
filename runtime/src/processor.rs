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
        let Some(_counting) = Counting::of(self) else {
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
    /// For which run what this thread does is being counted, by the address of its count; 0 for none.
    static COUNTING: Cell<usize> = const { Cell::new(0) };
}

/// From here on what this thread does is counted for a run, until this is dropped. A tool may itself run a script, which is
/// then counted for both.
struct Counting {
    before: usize,
}

impl Counting {
    fn of(processor: &Processor) -> Option<Self> {
        let run = Arc::as_ptr(&processor.0).addr();
        let before = COUNTING.replace(run);
        (before != run).then_some(Self { before })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        COUNTING.set(self.before);
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
#[must_use]
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Until the clock of the thread has moved.
    fn work() {
        let before = thread_time();
        while thread_time() < before + Duration::from_millis(1) {}
    }

    #[test]
    fn dos_01_what_is_part_of_something_counted_is_counted_once_and_for_every_run_that_it_is_done_for()
     {
        let (outer, inner) = (Processor::default(), Processor::default());
        let before = thread_time();
        outer.count(|| {
            outer.count(work);
            inner.count(|| {
                work();
                inner.count(work);
            });
            outer.count(work);
        });
        let all = thread_time().saturating_sub(before);
        assert!(inner.used() >= Duration::from_millis(2));
        assert!(outer.used() >= Duration::from_millis(2) + inner.used());
        assert!(outer.used() <= all);
    }
}
