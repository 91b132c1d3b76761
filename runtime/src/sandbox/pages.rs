//! Gives the pages that a large run has changed back to the system. Called by `instance` when a run is over. It must never be called while
//! a guest can go on.
//!
//! wasmtime keeps what a typical run changes and writes the snapshot over it before the next one. It cannot tell what the last run
//! changed from what an earlier one did: whatever one run has changed is written over after every later run, so a large one would
//! make all that come after it slower, until the process ends.

#![expect(
    unsafe_code,
    reason = "giving back pages is unsafe in rustix: whoever looks into them finds something else"
)]

use super::state::State;
use rustix::mm::{Advice, madvise};
use std::time::Duration;
use wasmtime::Store;

/// What a shorter run has changed is kept: most of the next ones change the same, and to have it made anew takes about half a millisecond.
const LARGE: Duration = Duration::from_millis(20);

/// Gives back what a guest that is over has changed, where it took so much processor time that it was large.
pub(super) fn give_back(store: &mut Store<State>, used: Duration) {
    let Some(memory) = store.data().guest_memory.filter(|_| used >= LARGE) else {
        return;
    };
    let bytes = memory.data_mut(store);
    // SAFETY: the memory is made of whole pages, mapped for this process alone, from the image or from nothing; advised so, the
    // system has each of them hold what it was mapped from, as wasmtime has it do itself for pages that it does not keep. Nothing
    // else refers to them: `bytes` is the one reference, and any byte is a byte of it.
    let advised = unsafe {
        madvise(
            bytes.as_mut_ptr().cast(),
            bytes.len(),
            Advice::LinuxDontNeed,
        )
    };
    if let Err(error) = advised {
        tracing::debug!("pages of a run are kept: {error}");
    }
}
