//! Ends a run at its limits: wall time, processor time, or because the caller says so. Wraps the future of a guest;
//! called by `instance`. A guest gives way every few milliseconds, so the checks between its turns are enough.

use super::ticker::{At, Ticker};
use crate::{
    cancel::Cancel,
    hostcall::question::{Pause, Used},
    processor::Processor,
};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

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
    processor: Processor,
    pause: Pause,
    /// What was used before the script of a session that runs now began.
    before: Used,
}

impl Meter {
    pub(super) fn start(wall: Duration, cpu: Duration, processor: Processor, pause: Pause) -> Self {
        Self {
            started: Instant::now(),
            wall,
            cpu,
            processor,
            pause,
            before: Used::default(),
        }
    }

    /// Without the time that people took to answer.
    pub(super) fn wall_used(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.pause.time())
    }

    /// How much wall time is left. None passes while the clock stands.
    fn wall_left(&self) -> Duration {
        let used = self.wall_used().saturating_sub(self.before.wall);
        let left = self.wall.saturating_sub(used);
        if left.is_zero() && self.pause.is_on() {
            return self.wall;
        }
        left
    }

    /// The limits hold for each script of a session by itself, and a run that was parked is not charged for being made again.
    fn begin_anew(&mut self, used: Used) {
        self.before = Used {
            wall: self.wall_used().saturating_sub(used.wall),
            cpu: self.cpu_used().saturating_sub(used.cpu),
        };
    }

    /// The guest's own turns, and what deciding its calls took.
    pub(super) fn cpu_used(&self) -> Duration {
        self.processor.used()
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
        let alarm = alarm(ticker, self.wall);
        Driven {
            meter: self,
            guest,
            cancelled,
            alarm,
            ticker,
        }
        .await
    }
}

struct Driven<'a, F, C> {
    meter: &'a mut Meter,
    guest: Pin<&'a mut F>,
    cancelled: Pin<&'a mut C>,
    alarm: Option<At>,
    ticker: &'a Arc<Ticker>,
}

/// A deadline beyond what the clock can say is no deadline.
fn alarm(ticker: &Arc<Ticker>, left: Duration) -> Option<At> {
    Instant::now()
        .checked_add(left)
        .map(|deadline| ticker.at(deadline))
}

impl<F: Future, C: Future<Output = ()>> Future for Driven<'_, F, C> {
    type Output = Result<F::Output, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Stopped::Cancelled));
        }
        let guest = &mut this.guest;
        let polled = this.meter.processor.count(|| {
            // THREAT[ESC-03]: a panic in a host function ends the run; the guest is never polled again.
            catch_unwind(AssertUnwindSafe(|| guest.as_mut().poll(context)))
        });
        match polled {
            Ok(Poll::Ready(output)) => return Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => {}
            Err(_) => return Poll::Ready(Err(Stopped::Panicked)),
        }
        if let Some(used) = this.meter.pause.begins_anew() {
            this.meter.begin_anew(used);
        }
        if this.meter.cpu_used().saturating_sub(this.meter.before.cpu) >= this.meter.cpu {
            return Poll::Ready(Err(Stopped::Cpu));
        }
        let left = this.meter.wall_left();
        if left.is_zero() {
            return Poll::Ready(Err(Stopped::Wall));
        }
        while let Some(at) = &mut this.alarm {
            if Pin::new(at).poll(context).is_pending() {
                break;
            }
            // The clock stood meanwhile, or it would have ended above.
            this.alarm = alarm(this.ticker, left);
        }
        Poll::Pending
    }
}
