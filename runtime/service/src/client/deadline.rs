//! How long one call may take, phase by phase. Made by `client` for each call; everything that waits, waits within it.

use crate::client::{
    ClientLimits,
    failure::{CallError, Phase},
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// THREAT[SVC-02]: whatever a service does or leaves undone, every wait of a call has an end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline<'a> {
    pub(crate) limits: &'a ClientLimits,
    end: Instant,
}

impl<'a> Deadline<'a> {
    pub(crate) fn new(limits: &'a ClientLimits) -> Self {
        let end = after(limits.total);
        Self { limits, end }
    }

    /// Waits for this, as long as its phase and the whole call allow. `sent` is asked when neither does any more.
    pub(crate) async fn within<T>(
        &self,
        phase: Phase,
        sent: impl FnOnce() -> bool,
        work: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        let limit = self.of(phase);
        let until = after(limit).min(self.end);
        timeout_at(until, work).await.map_err(|_| {
            let (phase, limit) = if until == self.end {
                (Phase::Total, self.limits.total)
            } else {
                (phase, limit)
            };
            CallError::Timeout {
                phase,
                limit,
                sent: sent(),
            }
        })
    }

    fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Connect => self.limits.connect,
            Phase::FirstByte => self.limits.first_byte,
            Phase::Idle => self.limits.idle,
            Phase::Queue | Phase::Total => self.limits.total,
        }
    }
}

/// A limit that no clock can say is as good as none: some decades.
fn after(limit: Duration) -> Instant {
    const DECADES: Duration = Duration::from_secs(1 << 30);
    Instant::now() + limit.min(DECADES)
}
