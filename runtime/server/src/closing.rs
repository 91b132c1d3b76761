//! When what runs for an agent is ended early: its client is gone, or the process is to end and has waited long enough.

use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What goes on at once although nobody holds a connection open for it. There are fewer tasks.
const MOST: u32 = 1 << 16;

/// The end of a conversation, or of the process.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    /// Whether it has come.
    pub(crate) over: watch::Receiver<bool>,
    /// For how long runs go on then.
    pub(crate) grace: Duration,
    /// Taken by what goes on although nobody holds a connection open for it.
    detached: Arc<Semaphore>,
}

impl Closing {
    pub(crate) fn new(over: watch::Receiver<bool>, grace: Duration) -> Self {
        let detached = Semaphore::new(usize::try_from(MOST).unwrap_or(usize::MAX));
        Self {
            over,
            grace,
            detached: Arc::new(detached),
        }
    }

    /// Something goes on until this is let go of, and is waited for at the end.
    pub(crate) async fn detached(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.detached).acquire_owned().await.ok()
    }

    /// Waits until nothing of it goes on any more.
    pub(crate) async fn all_ended(&self) {
        let _ = self.detached.acquire_many(MOST).await;
    }

    /// Waits until it has come.
    pub(crate) async fn come(&self) {
        // Whoever would say so is gone, and nobody else can.
        let _ = self.over.clone().wait_for(|over| *over).await;
    }

    /// Waits until nobody is waited for any more.
    pub(crate) async fn past(&self) {
        self.come().await;
        tokio::time::sleep(self.grace).await;
    }
}

/// The same for one request, whose client may leave before.
#[derive(Debug, Clone)]
pub(crate) struct Leaving {
    /// Closed when the client is gone.
    pub(crate) gone: watch::Receiver<()>,
    pub(crate) closing: Closing,
}

impl Leaving {
    /// Waits until nobody waits for the answer.
    pub(crate) async fn left(&self) {
        let mut gone = self.gone.clone();
        tokio::select! {
            () = async { while gone.changed().await.is_ok() {} } => {}
            () = self.closing.past() => {}
        }
    }
}
