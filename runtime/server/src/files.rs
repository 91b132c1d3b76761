//! Files that scripts left: kept in memory for a while, for the agent whose script it was, since a sandbox has no other way to give a
//! report to whoever asked for it. They count together, and those that were left first go first: THREAT[DOS-14]. Nobody reads
//! the files of another agent: THREAT[WEB-04].

use crate::owner::AgentOwner;
use sandgate::{Caller, Id, Outcome, Workspace};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes of all of them. A context grants a script less than a quarter of it, unless it says otherwise.
const MOST_BYTES: u64 = 256 << 20;
/// Runs whose files are kept.
const MOST_RUNS: usize = 256;

/// All that is kept. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftFiles(Arc<Mutex<VecDeque<LeftBy>>>);

#[derive(Debug)]
struct LeftBy {
    run: Id,
    owner: AgentOwner,
    files: Arc<Workspace>,
    bytes: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftFile {
    pub(crate) run: Id,
    pub(crate) path: String,
    pub(crate) size: u64,
}

impl LeftFiles {
    /// Keeps what a run left, where it left anything.
    pub(crate) fn keep(&self, caller: &Caller, outcome: &Outcome) {
        let (Some(run), Some(files)) = (outcome.run, &outcome.scratch) else {
            return;
        };
        if outcome.files.is_empty() {
            return;
        }
        let sizes = outcome.files.iter().map(|file| file.size);
        let mut all = self.all();
        all.push_back(LeftBy {
            run,
            owner: AgentOwner::of(&caller.principal()),
            files: Arc::clone(files),
            bytes: sizes.fold(0, u64::saturating_add),
        });
        let held = |all: &VecDeque<LeftBy>| {
            let bytes = all.iter().map(|left| left.bytes);
            bytes.fold(0, u64::saturating_add)
        };
        while all.len() > MOST_RUNS || held(&all) > MOST_BYTES {
            all.pop_front();
        }
    }

    /// The files that are kept for an agent, of the run that was last first.
    pub(crate) fn of(&self, caller: &Caller) -> Vec<LeftFile> {
        let owner = AgentOwner::of(&caller.principal());
        let all: Vec<(Id, Arc<Workspace>)> = self
            .all()
            .iter()
            .rev()
            .filter(|left| left.owner == owner)
            .map(|left| (left.run, Arc::clone(&left.files)))
            .collect();
        let files = all.into_iter().flat_map(|(run, files)| {
            let files = files.files().unwrap_or_default();
            files.into_iter().map(move |file| LeftFile {
                run,
                path: file.path,
                size: file.size,
            })
        });
        files.collect()
    }

    /// One file, where it is kept, and for this agent.
    pub(crate) fn read(&self, caller: &Caller, run: Id, path: &str) -> Option<Vec<u8>> {
        let owner = AgentOwner::of(&caller.principal());
        let files = self
            .all()
            .iter()
            .rev()
            .find(|left| left.run == run && left.owner == owner)
            .map(|left| Arc::clone(&left.files))?;
        files.read(path).ok()
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<LeftBy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
