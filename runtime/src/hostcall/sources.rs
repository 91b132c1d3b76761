//! What a run has read from so far, of what is marked as a source of untrusted or confidential data: what policies see as
//! `context.run.read_from`. Kept by `hostcall` for one run. It only ever grows, and before the script has what was read.

use sandgate_policy::read_from_of;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One run's.
#[derive(Debug, Default)]
pub(crate) struct Sources(Mutex<Arc<BTreeSet<String>>>);

impl Sources {
    /// What has been read from by now.
    pub(crate) fn now(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.read())
    }

    /// A method that is a source is answered.
    pub(crate) fn add(&self, service: &str, method: &str) {
        let mut read = self.read();
        let named = read_from_of(service, method);
        if !named.iter().all(|name| read.contains(name)) {
            Arc::make_mut(&mut read).extend(named);
        }
    }

    fn read(&self) -> MutexGuard<'_, Arc<BTreeSet<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
