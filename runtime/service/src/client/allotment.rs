//! How many connections the calls of one run may have open at once. Kept by a `Client`. THREAT[DOS-13]: a
//! process has so many descriptors and no more; a run that wants all of them must not make another's calls fail.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that a run has to itself, so that it always gets on, whatever other runs do.
const OWN: usize = 2;

/// One run's, or that of all calls that belong to no run.
#[derive(Debug, Clone)]
pub(crate) struct Allotment {
    /// Together.
    most: Arc<Semaphore>,
    own: Arc<Semaphore>,
    /// What all runs share beyond their own.
    common: Arc<Semaphore>,
}

/// One connection may be open for as long as this lives.
#[derive(Debug)]
pub(crate) struct Permit {
    _one_of_most: Option<OwnedSemaphorePermit>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Allotment {
    pub(crate) fn new(most: usize, common: &Arc<Semaphore>) -> Self {
        Self {
            most: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            own: Arc::new(Semaphore::new(OWN)),
            common: Arc::clone(common),
        }
    }

    /// Waits for a connection that may be opened. None of the semaphores is ever closed.
    pub(crate) async fn permit(&self) -> Permit {
        let most = Arc::clone(&self.most).acquire_owned().await;
        let own = Arc::clone(&self.own).acquire_owned();
        let common = Arc::clone(&self.common).acquire_owned();
        let place = tokio::select! {
            biased;
            own = own => own,
            common = common => common,
        };
        Permit {
            _one_of_most: most.ok(),
            _place: place.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn waits(allotment: &Allotment) -> bool {
        tokio::time::timeout(Duration::from_secs(1), allotment.permit())
            .await
            .is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn dos_13_a_run_that_takes_all_connections_leaves_every_other_its_own() {
        let common = Arc::new(Semaphore::new(10));
        let (greedy, honest) = (Allotment::new(100, &common), Allotment::new(100, &common));
        let mut taken = Vec::new();
        for _ in 0..10 + OWN {
            taken.push(greedy.permit().await);
        }
        assert!(waits(&greedy).await);
        let own = (honest.permit().await, honest.permit().await);
        assert!(waits(&honest).await);
        drop(own);
        assert!(!waits(&honest).await);
        taken.clear();
        assert!(!waits(&greedy).await);
    }

    #[tokio::test(start_paused = true)]
    async fn dos_13_a_run_has_no_more_connections_than_its_most() {
        let common = Arc::new(Semaphore::new(10));
        let run = Allotment::new(3, &common);
        let taken = (run.permit().await, run.permit().await, run.permit().await);
        assert!(waits(&run).await);
        drop(taken);
        assert!(!waits(&run).await);
    }
}
