//! Descriptors that scripts may hold in this process, all of them together. Called by `host` for each file that it
//! opens. The other half of what the system allows is the host's own, for services, listing and putting away.

use rustix::process::{Resource, getrlimit};
use std::sync::atomic::{AtomicU64, Ordering};

static TAKEN: AtomicU64 = AtomicU64::new(0);

/// One descriptor of a script, until it is dropped. THREAT[DOS-13].
#[derive(Debug)]
pub(super) struct Slot(());

impl Slot {
    /// Nothing where scripts have half of all descriptors already.
    pub(super) fn take() -> Option<Self> {
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / 2;
        let more = |taken: u64| (taken < most).then(|| taken.saturating_add(1));
        TAKEN
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()
            .map(|_| Self(()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}
