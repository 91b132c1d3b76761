//! A journal that could not be opened: it takes nothing and has nothing, and says why.

use super::{
    digest::Digest,
    id::Id,
    ledger::{
        Anchor, Appended, ApprovalFilter, ApprovalRow, AskedRow, Batch, Condition, KeptLine,
        Ledger, LedgerError, Pruned, Pruning, RunFilter, RunRow,
    },
};

/// Why it could not be opened.
#[derive(Debug)]
pub(super) struct BrokenLedger(pub(super) String);

impl BrokenLedger {
    fn say<T>(&self) -> Result<T, LedgerError> {
        Err(LedgerError::Engine(self.0.clone()))
    }
}

impl Ledger for BrokenLedger {
    fn append(&mut self, _: &Batch, _: bool) -> Result<(), LedgerError> {
        self.say()
    }

    fn append_if(&mut self, _: &Batch, _: &Condition) -> Result<Appended, LedgerError> {
        self.say()
    }

    fn runs(&self, _: &RunFilter) -> Result<Vec<RunRow>, LedgerError> {
        self.say()
    }

    fn approvals(&self, _: &ApprovalFilter) -> Result<Vec<ApprovalRow>, LedgerError> {
        self.say()
    }

    fn asked(&self, _: &ApprovalFilter) -> Result<Vec<AskedRow>, LedgerError> {
        self.say()
    }

    fn lines(&self, _: Option<Id>, _: u64, _: usize) -> Result<Vec<KeptLine>, LedgerError> {
        self.say()
    }

    fn last_of(&self, _: Id) -> Result<u64, LedgerError> {
        self.say()
    }

    fn text(&self, _: Digest) -> Result<Vec<u8>, LedgerError> {
        self.say()
    }

    fn texts(&self, _: &mut dyn FnMut(Digest, Result<(), LedgerError>)) -> Result<(), LedgerError> {
        self.say()
    }

    fn prune(&mut self, _: &Pruning) -> Result<Pruned, LedgerError> {
        self.say()
    }

    fn last(&self) -> Result<u64, LedgerError> {
        self.say()
    }

    fn latest(&self) -> Result<u64, LedgerError> {
        self.say()
    }

    fn is_alive(&self, _: Id) -> bool {
        false
    }

    fn anchors(&self) -> Result<Vec<Anchor>, LedgerError> {
        self.say()
    }

    fn read_at_one_moment(&self) -> Result<(), LedgerError> {
        self.say()
    }

    fn read_on(&self) -> Result<(), LedgerError> {
        self.say()
    }
}
