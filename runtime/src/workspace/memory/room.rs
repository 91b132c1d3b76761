//! What files in memory take of the host: how much it is, how much of that a run answers for, and the share of its budget
//! for that. Kept by `tree`, which asks before it takes anything. THREAT[DOS-05]

use crate::budget::Share;
use rustix::io::Errno;

#[derive(Debug, Default)]
pub(in crate::workspace) struct Room {
    held: usize,
    /// As much of it as files took that the host itself put in, for which no run answers.
    given: usize,
    /// What the budget of a run holds for the rest. None where no run has been here yet, or while the host puts in.
    share: Option<Share>,
}

impl Room {
    /// What a run answers for is counted in the budget of the next from now on.
    pub(super) fn count_in(&mut self, mut share: Share) {
        // What one run was allowed fits into the budget of another.
        if share.grow(self.owed()) {
            self.share = Some(share);
        }
    }

    /// What a run answers for.
    fn owed(&self) -> usize {
        self.held.saturating_sub(self.given)
    }

    /// Room for that much more.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Errno> {
        let held = self.held.saturating_add(bytes);
        if let Some(share) = &mut self.share {
            let owed = held.saturating_sub(self.given);
            let more = owed.saturating_sub(share.bytes());
            if more > 0 && !share.grow(more) {
                return Err(Errno::NOSPC);
            }
        } else {
            self.given = self.given.saturating_add(bytes);
        }
        self.held = held;
        Ok(())
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        let owed = self.owed();
        if let Some(share) = &mut self.share {
            share.shrink(share.bytes().saturating_sub(owed));
        }
    }

    /// What is taken until the share is put back is taken by the host.
    pub(super) fn take_share(&mut self) -> Option<Share> {
        self.share.take()
    }

    pub(super) fn put_share(&mut self, share: Option<Share>) {
        self.share = share;
    }

    pub(super) fn given(&self) -> usize {
        self.given
    }

    /// How much it is, and what the budget holds for it.
    #[cfg(test)]
    pub(in crate::workspace) fn held(&self) -> (usize, usize) {
        (self.held, self.share.as_ref().map_or(0, Share::bytes))
    }
}
