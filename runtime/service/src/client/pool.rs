//! Connections that wait to be used again. Called by `client`.
//!
//! THREAT[ISO-03]: they are kept apart by context and address, so that nothing a service remembers of a connection, and
//! nothing that is left in one, passes from one context to another. A connection is in one place at a time: here, or
//! with the one call that uses it; a call that is abandoned takes its connection with it.

use crate::{address::Address, client::connection::Connection};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// All of them.
#[derive(Debug)]
pub(crate) struct Pool {
    lanes: Mutex<HashMap<String, HashMap<Address, Arc<PoolShare>>>>,
    keep: Duration,
    sweeping: AtomicBool,
}

/// Those of one context to one address.
#[derive(Debug)]
pub(crate) struct PoolShare {
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Pool {
    pub(crate) fn new(keep: Duration) -> Self {
        Self {
            lanes: Mutex::default(),
            keep,
            sweeping: AtomicBool::new(false),
        }
    }

    /// The connections of a context to an address.
    pub(crate) fn lane(&self, context: &str, to: &Address) -> Arc<PoolShare> {
        let mut lanes = locked(&self.lanes);
        if let Some(lane) = lanes.get(context).and_then(|lanes| lanes.get(to)) {
            return lane.clone();
        }
        let lane = Arc::new(PoolShare {
            idle: Mutex::default(),
        });
        let of_context = lanes.entry(context.to_owned()).or_default();
        of_context.insert(to.clone(), lane.clone());
        lane
    }

    /// A connection that may be used again. The first one starts a task that closes what has waited too long, and
    /// that ends when there is nothing left to close (THREAT[DOS-13]).
    pub(crate) fn give(self: &Arc<Self>, lane: &PoolShare, connection: Connection) {
        locked(&lane.idle).push((connection, Instant::now()));
        if self.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
        let pool = Arc::downgrade(self);
        let keep = self.keep;
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(keep).await;
                let Some(pool) = pool.upgrade() else { return };
                if pool.sweep() > 0 {
                    continue;
                }
                pool.sweeping.store(false, Ordering::Release);
                // One may have been given back in between, and have found a task that it thought would go on.
                if pool.sweep() == 0 || pool.sweeping.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }

    /// Closes what has waited too long, and forgets where nothing waits and no call is under way; says how many still
    /// wait.
    fn sweep(&self) -> usize {
        let mut left = 0_usize;
        locked(&self.lanes).retain(|_, lanes| {
            lanes.retain(|_, lane| {
                let idle = lane.sweep(self.keep);
                left = left.saturating_add(idle);
                idle > 0 || Arc::strong_count(lane) > 1
            });
            !lanes.is_empty()
        });
        left
    }
}

impl PoolShare {
    /// The connection that was used last, so that those that are too many are left to be closed.
    pub(crate) fn take(&self, keep: Duration) -> Option<Connection> {
        let (connection, since) = locked(&self.idle).pop()?;
        (since.elapsed() < keep).then_some(connection)
    }

    fn sweep(&self, keep: Duration) -> usize {
        let mut idle = locked(&self.idle);
        idle.retain(|(_, since)| since.elapsed() < keep);
        idle.len()
    }
}

/// Nothing that is done under these locks can panic halfway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
