//! Ends a run from outside. Held by whoever started it; looked at by `sandbox::meter` between the guest's turns.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
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

    /// Waits until the run is to end.
    pub async fn cancelled(&self) {
        let notified = self.0.1.notified();
        if !self.0.0.load(Ordering::Acquire) {
            notified.await;
        }
    }
}
