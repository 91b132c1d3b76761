//! Ends a run at its limits: wall time, processor time, or because the caller says so. Wraps the future of a guest;
//! called by `instance`. A guest gives way every few milliseconds, so the checks between its turns are enough.

use super::ticker::{At, Ticker};
use rustix::time::{ClockId, clock_gettime};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Ends a run from outside. Clones end the same run.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<(AtomicBool, Notify)>);

impl Cancel {
    /// A handle that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the run, now or as soon as it starts.
    pub fn cancel(&self) {
        self.0.0.store(true, Ordering::Release);
        self.0.1.notify_waiters();
    }

    async fn cancelled(&self) {
        let notified = self.0.1.notified();
        if !self.0.0.load(Ordering::Acquire) {
            notified.await;
        }
    }
}

/// Why a guest was not allowed to finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Wall,
    Cpu,
    Cancelled,
    /// A bug of ours. It costs this run and no other.
    Panicked,
}

/// What a run may take, and what it took.
#[derive(Debug)]
pub(super) struct Meter {
    started: Instant,
    wall: Duration,
    cpu: Duration,
    used: Duration,
}

impl Meter {
    pub(super) fn start(wall: Duration, cpu: Duration) -> Self {
        Self {
            started: Instant::now(),
            wall,
            cpu,
            used: Duration::ZERO,
        }
    }

    pub(super) fn wall_used(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn cpu_used(&self) -> Duration {
        self.used
    }

    /// Drives a guest until it ends or has to be stopped; stopping it drops it. THREAT[DOS-01], THREAT[DOS-04].
    pub(super) async fn drive<F: Future>(
        &mut self,
        guest: F,
        ticker: &Arc<Ticker>,
        cancel: Option<&Cancel>,
    ) -> Result<F::Output, Stopped> {
        let guest = pin!(guest);
        let cancelled = pin!(async {
            match cancel {
                Some(cancel) => cancel.cancelled().await,
                None => std::future::pending().await,
            }
        });
        // A deadline beyond what the clock can say is no deadline.
        let deadline = self.started.checked_add(self.wall);
        let alarm = deadline.map(|deadline| ticker.at(deadline));
        Driven {
            meter: self,
            guest,
            cancelled,
            alarm,
            deadline,
        }
        .await
    }
}

struct Driven<'a, F, C> {
    meter: &'a mut Meter,
    guest: Pin<&'a mut F>,
    cancelled: Pin<&'a mut C>,
    alarm: Option<At>,
    deadline: Option<Instant>,
}

impl<F: Future, C: Future<Output = ()>> Future for Driven<'_, F, C> {
    type Output = Result<F::Output, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Stopped::Cancelled));
        }
        let before = thread_time();
        // THREAT[ESC-03]: a panic in a host function ends the run; the guest is never polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| this.guest.as_mut().poll(context)));
        this.meter.used = this
            .meter
            .used
            .saturating_add(thread_time().saturating_sub(before));
        match polled {
            Ok(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => {}
            Err(_) => return Poll::Ready(Err(Stopped::Panicked)),
        }
        if this.meter.used >= this.meter.cpu {
            return Poll::Ready(Err(Stopped::Cpu));
        }
        if this
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Poll::Ready(Err(Stopped::Wall));
        }
        match this
            .alarm
            .as_mut()
            .map(|alarm| Pin::new(alarm).poll(context))
        {
            Some(Poll::Ready(())) => Poll::Ready(Err(Stopped::Wall)),
            _ => Poll::Pending,
        }
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
