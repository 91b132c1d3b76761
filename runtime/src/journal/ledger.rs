//! What keeps the journal, in the terms of the journal: lines that are only ever added, texts beside them, and the tables that
//! follow from the lines. `sqlite` is one; another engine implements the same. What it must never do is to take a line and not
//! have it, or to change one.

use super::{
    digest::Digest,
    entry::{Entry, Held, Purpose},
    id::Id,
    key::JournalKeyError,
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// Keeps the journal.
pub trait Ledger: fmt::Debug + Send {
    /// Adds lines behind those that there are, all of them or none. Where that is to be `durable` they are on the disk when it
    /// returns, and everything that was added before.
    fn append(&mut self, batch: &Batch, durable: bool) -> Result<(), LedgerError>;

    /// The same, durably, if what is asked of the tables holds at that moment. THREAT[APR-02]: of two that ask the same, one is too
    /// late, and is told what the other made of it.
    fn append_if(&mut self, batch: &Batch, condition: &Condition) -> Result<Appended, LedgerError>;

    /// The newest runs, newest first.
    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, LedgerError>;

    /// Questions that nobody has answered or whose answer was not used, oldest first.
    fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRow>, LedgerError>;

    /// The same with what is shown of them, without reading the runs: many may wait.
    fn asked(&self, filter: &ApprovalFilter) -> Result<Vec<AskedRow>, LedgerError>;

    /// Lines from a place on, in their order, of one run or of all; no more than so many.
    fn lines(&self, run: Option<Id>, from: u64, most: usize) -> Result<Vec<KeptLine>, LedgerError>;

    /// The last line of a run, 0 where it has none.
    fn last_of(&self, run: Id) -> Result<u64, LedgerError>;

    /// A line of [`Ledger::lines`] with its entry as it was written, where it is not kept so.
    fn opened(&self, line: KeptLine) -> Result<KeptLine, LedgerError> {
        Ok(line)
    }

    /// A text that stands beside the lines.
    fn text(&self, digest: Digest) -> Result<Vec<u8>, LedgerError>;

    /// Hands over the digest of each of them, and what is wrong with it. One that cannot be read has any digest.
    fn texts(
        &self,
        look: &mut dyn FnMut(Digest, Result<(), LedgerError>),
    ) -> Result<(), LedgerError>;

    /// Removes the oldest lines, in whole runs, and the texts that no line speaks of any more; and leaves a line that says so. Nothing
    /// is removed of a run that is not over, and nothing that came after it began.
    fn prune(&mut self, pruning: &Pruning) -> Result<Pruned, LedgerError>;

    /// How often something was added by anybody, for whoever looks for news.
    fn last(&self) -> Result<u64, LedgerError>;

    /// The latest time at which a run began or ended, or the last line was written: however clocks were set since.
    fn latest(&self) -> Result<u64, LedgerError>;

    /// Whether a process lives that runs are in.
    fn is_alive(&self, owner: Id) -> bool;

    /// Where the chain was seen to end, outside of what it is kept in.
    fn anchors(&self) -> Result<Vec<Anchor>, LedgerError>;

    /// Has everything that is read from here on be as it was at one moment, whatever others add meanwhile, until
    /// [`Ledger::read_on`].
    fn read_at_one_moment(&self) -> Result<(), LedgerError>;

    /// What is read is what there is again.
    fn read_on(&self) -> Result<(), LedgerError>;
}

/// What is added at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// The lines.
    pub lines: Vec<Line>,
    /// Texts that they speak of, and that may not be kept yet.
    pub texts: BTreeMap<Digest, Vec<u8>>,
    /// All texts that they speak of, each with the last line that does, counted from 0.
    pub spoken: BTreeMap<Digest, usize>,
}

/// What may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruning {
    /// Runs that ended before then, in milliseconds since 1970,
    pub ended_before: u64,
    /// while more than so many bytes are kept.
    pub above: u64,
    /// When it is now.
    pub at: u64,
    /// No more than so many lines, but for one run that has more.
    pub lines: u64,
    /// Whether nothing is removed, and it is only to be said what would be.
    pub is_rehearsed: bool,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Lines.
    pub lines: u64,
    /// Runs that they were of.
    pub runs: u64,
    /// Texts.
    pub texts: u64,
    /// Whether there is more that may be removed.
    #[serde(skip)]
    pub is_more: bool,
    /// The run that is not over, before which it ended.
    pub held_by: Option<Id>,
}

impl Pruned {
    /// This, and what was removed after it.
    #[must_use]
    pub fn followed_by(&self, next: &Self) -> Self {
        Self {
            lines: self.lines.saturating_add(next.lines),
            runs: self.runs.saturating_add(next.runs),
            texts: self.texts.saturating_add(next.texts),
            is_more: next.is_more,
            held_by: next.held_by,
        }
    }
}

/// One line that is added.
#[derive(Debug)]
pub struct Line {
    /// Of which run.
    pub run: Id,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Which kind of entry it is.
    pub kind: u8,
    /// The entry as it is kept.
    pub body: Vec<u8>,
    /// What follows from it.
    pub change: Option<TableChange>,
}

impl Line {
    /// An entry in words.
    pub(crate) fn of(run: Id, at: u64, entry: &Entry<'_>, change: Option<TableChange>) -> Self {
        Self {
            run,
            at,
            kind: entry.kind(),
            body: entry.encode(),
            change,
        }
    }
}

/// A line that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLine {
    /// Its place.
    pub seq: u64,
    /// Of which run.
    pub run: Id,
    /// When.
    pub at: u64,
    /// Which kind of entry it is.
    pub kind: u8,
    /// The entry as it is kept.
    pub body: Vec<u8>,
    /// The chain up to it.
    pub hash: Digest,
}

/// What follows from a line for the tables.
#[derive(Debug, Clone)]
pub enum TableChange {
    /// There is a run.
    Begun(Box<RunRow>),
    /// What has become of it.
    Stands {
        /// In one word.
        status: String,
        /// What it did so far.
        counts: RunCounts,
        /// Whether it is over.
        over: bool,
    },
    /// Somebody goes on with it.
    Resumed {
        /// Which process.
        owner: Id,
    },
    /// There is a question.
    Asked(Box<ApprovalRow>),
    /// A question is as it is now.
    Answered {
        /// Which.
        approval: Id,
        /// How many have agreed to it, where that is another number now.
        agreed: Option<u32>,
        /// What it is.
        state: ApprovalState,
    },
}

/// What has to hold when a line is added.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The question is as it was when it was looked at, and was not answered by the same person.
    Question {
        /// Which.
        approval: Id,
        /// What it was.
        state: ApprovalState,
        /// How many had agreed.
        agreed: u32,
    },
    /// The run is as it was, and of the same owner.
    Run {
        /// Which.
        run: Id,
        /// What it was.
        status: String,
        /// Whose it was.
        owner: Option<Id>,
        /// Its last line that was read: there is none after it.
        last: u64,
    },
    /// The runs for a purpose are those that were looked at.
    Runs {
        /// What they are for.
        of: Purpose,
        /// How many there are.
        all: u64,
        /// How many of them are over.
        over: u64,
    },
}

/// Whether a line was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It was.
    Yes,
    /// What was asked did not hold any more.
    TooLate,
}

/// A run in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its name.
    pub run: Id,
    /// How it stands.
    pub status: String,
    /// The context, where it had one.
    pub context: Option<String>,
    /// Which program of it.
    pub actor: Option<String>,
    /// The person behind it.
    pub user: Option<String>,
    /// What its script is called.
    pub name: String,
    /// What it is for, where it is not a script's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Purpose>,
    /// When it began, in milliseconds since 1970.
    pub began: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// What it did.
    #[serde(flatten)]
    pub counts: RunCounts,
    /// Which process it is in.
    #[serde(skip)]
    pub owner: Option<Id>,
    /// What whoever asked for it knows it by, as it is kept.
    #[serde(skip)]
    pub request: Option<Digest>,
}

/// How many calls of what kind a run made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RunCounts {
    /// Calls, refused ones included.
    pub calls: u64,
    /// Changes that were sent.
    pub changes: u64,
    /// Calls that were refused.
    pub refused: u64,
}

impl RunCounts {
    /// Goes on with one more line of the run.
    pub(crate) fn count(&mut self, entry: &Entry<'_>) {
        let counted = match entry {
            Entry::Called { service, .. } if *service != crate::made::BUILTIN => &mut self.calls,
            Entry::Intended { .. } => &mut self.changes,
            // A refusal is short.
            Entry::Replied {
                reply: Held::Here(reply),
                ..
            } if reply.get().starts_with(REFUSED) => &mut self.refused,
            _ => return,
        };
        *counted = counted.saturating_add(1);
    }
}

/// How a reply begins that is a refusal.
pub(crate) const REFUSED: &str = "{\"refused\":";

/// Which runs.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// One whose name begins so.
    pub beginning: Option<String>,
    /// Of this context.
    pub context: Option<String>,
    /// That stand so.
    pub status: Option<String>,
    /// That began at this time or later.
    pub since: Option<u64>,
    /// And before this one.
    pub until: Option<u64>,
    /// That asked for a call of this service, and this method where there is one.
    pub called: Option<(String, Option<String>)>,
    /// In which the policies decided so.
    pub verdict: Option<String>,
    /// For this purpose.
    pub of: Option<Purpose>,
    /// That whoever asked for them knows by this.
    pub request: Option<Digest>,
    /// No more than so many.
    pub most: Option<usize>,
}

/// A question in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalRow {
    /// Its name.
    pub approval: Id,
    /// Of which run.
    pub run: Id,
    /// Of which call.
    pub call: u32,
    /// The context.
    pub context: String,
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// How it stands.
    pub state: ApprovalState,
    /// How many people have to agree.
    pub needed: u32,
    /// How many have.
    pub agreed: u32,
    /// Until when it can be answered, in milliseconds since 1970.
    pub expires: u64,
    /// What an answer is bound to.
    pub binding: Digest,
    /// The line that asks it. Whoever keeps the line says which it is.
    #[serde(skip)]
    pub line: u64,
}

/// A question, with what its run and its line say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedRow {
    /// Where it stands.
    pub row: ApprovalRow,
    /// What the script is called.
    pub script: String,
    /// Which program asks.
    pub actor: Option<String>,
    /// The person behind it.
    pub user: Option<String>,
    /// How many changes the run had sent.
    pub changes: u64,
    /// The entry that asks it, as it is kept.
    pub body: Vec<u8>,
}

/// Which questions.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFilter {
    /// Of this run.
    pub run: Option<Id>,
    /// Whose name begins so.
    pub beginning: Option<String>,
    /// Answered ones too.
    pub all: bool,
}

/// How a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Nobody, or not enough people, have answered.
    Pending,
    /// Enough have agreed, and the call is still to be made.
    Approved,
    /// The call was made.
    Spent,
    /// Somebody said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The run ended without it.
    Withdrawn,
}

impl ApprovalState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Approved,
        Self::Spent,
        Self::Rejected,
        Self::Expired,
        Self::Withdrawn,
    ];

    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Spent => "spent",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The one that is written so.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// Where the chain was seen to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The last line.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
    /// Whether it was on the disk by then.
    pub durable: bool,
}

/// Why the journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The directory cannot be used.
    #[error("the journal's directory `{}` cannot be used: {reason}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The database says no.
    #[error("the journal cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// The anchor cannot be written or read.
    #[error("the journal's anchor cannot be used: {0}")]
    Anchor(#[source] std::io::Error),
    /// The disk says no.
    #[error("the journal cannot be written: {0}")]
    Disk(#[source] std::io::Error),
    /// What is kept is not what was written, or was written by a newer program.
    #[error("the journal's {0}")]
    Corrupt(String),
    /// What it holds is sealed, and there is no key.
    #[error("the journal is sealed, and no key is named; the one that it was sealed with was read from `{}`", file.display())]
    Sealed {
        /// Where it was.
        file: PathBuf,
    },
    /// There is a key, and it is another.
    #[error("the journal is sealed with another key than that in `{}`", file.display())]
    OtherKey {
        /// Where that one is.
        file: PathBuf,
    },
    /// The key cannot be had.
    #[error(transparent)]
    Key(#[from] JournalKeyError),
    /// Another engine says no.
    #[error("the journal cannot be used: {0}")]
    Engine(String),
}
