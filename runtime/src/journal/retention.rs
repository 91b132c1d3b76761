//! How much of the journal is kept, by whoever writes it: its thread asks here when it has nothing to write, and when it is done. What is
//! removed at a time is bounded, and the time is told by whoever asks. It must never keep a run waiting.

use super::{
    JournalOptions,
    ledger::{Ledger, LedgerError, Pruned, Pruning},
};
use std::time::Duration;

/// Lines that are removed in one go. That takes some milliseconds, for which a change that comes just then may have to wait; a
/// process that makes one run removes more at its end than it wrote.
pub(crate) const PIECE: u64 = 500;
/// Milliseconds until the next piece where there is more to remove.
const SOON: u64 = 1_000;
/// And where there is not. What is kept for days need not go to the minute.
const LATER: u64 = 10 * 60 * 1_000;

/// What is to be kept, and when that is looked at next.
#[derive(Debug)]
pub(crate) struct Retention {
    keep: Option<Duration>,
    most: Option<u64>,
    due: u64,
    /// What was said already of why nothing is removed.
    is_told: bool,
}

impl Retention {
    pub(crate) fn of(options: &JournalOptions) -> Self {
        Self {
            keep: options.keep,
            most: options.most,
            due: 0,
            is_told: false,
        }
    }

    /// Removes what is too old or too much, if it is time to look. What cannot be removed now is tried again later.
    pub(crate) fn keep_to(&mut self, ledger: &mut dyn Ledger, now: u64) {
        if now < self.due || (self.keep.is_none() && self.most.is_none()) {
            return;
        }
        let is_more = match self.piece(ledger, now) {
            Ok(pruned) => pruned.is_more,
            Err(error) => {
                self.tell(|| tracing::warn!("nothing is removed from the journal: {error}"));
                false
            }
        };
        self.due = now.saturating_add(if is_more { SOON } else { LATER });
    }

    fn piece(&mut self, ledger: &mut dyn Ledger, now: u64) -> Result<Pruned, LedgerError> {
        let pruning = Pruning {
            ended_before: 0,
            above: 0,
            at: now,
            lines: PIECE,
            is_rehearsed: false,
        };
        let mut pruned = Pruned::default();
        if let Some(keep) = self.keep {
            let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
            pruned = ledger.prune(&Pruning {
                ended_before: now.saturating_sub(keep),
                ..pruning
            })?;
        }
        if let Some(most) = self.most.filter(|_| !pruned.is_more) {
            let above = ledger.prune(&Pruning {
                ended_before: u64::MAX,
                above: most,
                ..pruning
            })?;
            if let Some(run) = above.held_by {
                self.tell(|| {
                    tracing::warn!(
                        "the journal takes more than it is to take, and nothing is removed that came after run {run}, which is \
                         not over: `sandgate journal show {run}`"
                    );
                });
            }
            pruned = pruned.followed_by(&above);
        }
        Ok(pruned)
    }

    fn tell(&mut self, say: impl FnOnce()) {
        if !std::mem::replace(&mut self.is_told, true) {
            say();
        }
    }
}
