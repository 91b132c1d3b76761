//! What the host's memory holds for one run, in one count: requests under way, replies that were not taken, the tape,
//! files in memory.
//! Kept by whoever holds something. Nothing that a guest can make grow may be held without a share of it.
//! THREAT[DOS-05] THREAT[DOS-10]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// All of one run. A service may answer with 4 MiB, so this is a dozen such replies beside what they were asked with.
pub(crate) const MOST: usize = 64 << 20;

/// What only refusals may use: a script that is refused because the rest is used up must be able to read that it was.
const FOR_REFUSALS: usize = 8 << 20;

/// What files may not use: a run that filled its directory must be able to go on with calls, two of the largest replies
/// at once, and to read the clock, which is kept on the tape.
const FOR_CALLS: usize = 8 << 20;

/// What a run may take at most for its calls and its tape.
const FOR_ALL: usize = MOST - FOR_REFUSALS;

/// And for its files, 48 MiB. What needs more needs a directory of the host.
pub(crate) const FOR_FILES: usize = FOR_ALL - FOR_CALLS;

/// The count of one run. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

/// A part of it, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
    /// How much of the budget may be used up after it has grown.
    limit: usize,
}

impl Budget {
    /// So many bytes, where there is room for them.
    pub(crate) fn take(&self, bytes: usize) -> Option<Share> {
        self.hold(bytes).then(|| Share {
            budget: self.clone(),
            bytes,
            limit: FOR_ALL,
        })
    }

    /// For files, of which there are none yet.
    pub(crate) fn for_files(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
            limit: FOR_FILES,
        }
    }

    /// The same without a share, for a reply: whoever takes the reply gives the bytes back.
    pub(crate) fn hold(&self, bytes: usize) -> bool {
        self.add(bytes, FOR_ALL)
    }

    /// The same for a refusal.
    pub(crate) fn hold_refusal(&self, bytes: usize) -> bool {
        self.add(bytes, MOST)
    }

    /// What was held is no more.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn add(&self, bytes: usize, limit: usize) -> bool {
        if bytes > limit {
            return false;
        }
        // No sum of what is held and one more overflows, so it can be added first and looked at then.
        let granted = self.0.fetch_add(bytes, Ordering::Relaxed) + bytes <= limit;
        if !granted {
            self.give_back(bytes);
        }
        granted
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Takes more, where there is room.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let granted = self.budget.add(bytes, self.limit);
        if granted {
            self.bytes += bytes;
        }
        granted
    }

    /// Gives some of it back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.budget.give_back(bytes);
        self.bytes -= bytes;
    }

    /// How much it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dos_05_what_is_used_up_is_refused_and_refusals_still_fit() {
        let budget = Budget::default();
        let all = budget.take(FOR_ALL).unwrap();
        assert!(budget.take(1).is_none());
        assert!(budget.hold_refusal(FOR_REFUSALS));
        assert!(!budget.hold_refusal(1));
        budget.give_back(FOR_REFUSALS);
        assert!(budget.take(1).is_none());
        drop(all);
        assert!(budget.take(FOR_ALL).is_some());
        assert!(budget.take(usize::MAX).is_none());
    }

    #[test]
    fn dos_05_files_take_what_calls_leave_and_always_leave_room_for_calls() {
        let budget = Budget::default();
        let mut files = budget.for_files();
        assert!(files.grow(FOR_FILES));
        assert!(!files.grow(1));
        let calls = budget.take(FOR_CALLS).unwrap();
        assert!(budget.take(1).is_none());
        drop(calls);
        files.shrink(FOR_FILES - 1);
        assert_eq!((files.bytes(), budget.used()), (1, 1));
        let calls = budget.take(FOR_ALL - 1).unwrap();
        assert!(!files.grow(1));
        drop((files, calls));
        assert_eq!(budget.used(), 0);
    }

    proptest! {
        #[test]
        fn dos_05_whatever_is_taken_grown_and_dropped_the_count_is_what_is_held(
            steps in proptest::collection::vec((0..5_usize, any::<prop::sample::Index>(), 0..MOST), 0..100),
        ) {
            let budget = Budget::default();
            let mut held: Vec<Share> = Vec::new();
            for (step, which, bytes) in steps {
                let at = (!held.is_empty()).then(|| which.index(held.len()));
                match (step, at) {
                    (0, Some(at)) => { held.get_mut(at).unwrap().grow(bytes); }
                    (1, Some(at)) => drop(held.remove(at)),
                    (2, Some(at)) => held.get_mut(at).unwrap().shrink(bytes),
                    (3, _) => held.push(budget.for_files()),
                    _ => held.extend(budget.take(bytes)),
                }
                prop_assert_eq!(budget.used(), held.iter().map(|share| share.bytes).sum::<usize>());
                prop_assert!(budget.used() <= FOR_ALL);
            }
        }
    }
}
