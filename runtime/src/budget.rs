//! What the host's memory holds for one run, in one count: requests under way, replies that were not taken, the tape.
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

/// The count of one run. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

/// A part of it, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// So many bytes, where there is room for them.
    pub(crate) fn take(&self, bytes: usize) -> Option<Share> {
        self.hold(bytes).then(|| Share {
            budget: self.clone(),
            bytes,
        })
    }

    /// The same without a share, for a reply: whoever takes the reply gives the bytes back.
    pub(crate) fn hold(&self, bytes: usize) -> bool {
        self.add(bytes, MOST - FOR_REFUSALS)
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
        let granted = self.budget.hold(bytes);
        if granted {
            self.bytes += bytes;
        }
        granted
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
        let all = budget.take(MOST - FOR_REFUSALS).unwrap();
        assert!(budget.take(1).is_none());
        assert!(budget.hold_refusal(FOR_REFUSALS));
        assert!(!budget.hold_refusal(1));
        budget.give_back(FOR_REFUSALS);
        assert!(budget.take(1).is_none());
        drop(all);
        assert!(budget.take(MOST - FOR_REFUSALS).is_some());
        assert!(budget.take(usize::MAX).is_none());
    }

    proptest! {
        #[test]
        fn dos_05_whatever_is_taken_grown_and_dropped_the_count_is_what_is_held(
            steps in proptest::collection::vec((0..3_usize, any::<prop::sample::Index>(), 0..MOST), 0..100),
        ) {
            let budget = Budget::default();
            let mut held: Vec<Share> = Vec::new();
            for (step, which, bytes) in steps {
                let at = (!held.is_empty()).then(|| which.index(held.len()));
                match (step, at) {
                    (0, Some(at)) => { held.get_mut(at).unwrap().grow(bytes); }
                    (1, Some(at)) => drop(held.remove(at)),
                    _ => held.extend(budget.take(bytes)),
                }
                prop_assert_eq!(budget.used(), held.iter().map(|share| share.bytes).sum::<usize>());
                prop_assert!(budget.used() <= MOST - FOR_REFUSALS);
            }
        }
    }
}
