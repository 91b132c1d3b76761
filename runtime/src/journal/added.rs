//! What was added and is not written yet: lines, and what becomes one. Filled by runs, emptied by the thread that writes, which puts the
//! first line of a run and its last into words: a run that calls nothing has no others, and would wait for it. Nothing may be written in
//! another order than it was added in.

use super::{
    digest::Digest,
    entry::{Begun, EndedEntry, Entry, USUAL},
    id::Id,
    ledger::{Batch, Line, RunCounts, RunRow, TableChange},
};
use std::{collections::BTreeMap, mem};

/// What becomes a line.
#[derive(Debug)]
pub(super) enum Added {
    /// It is one.
    Line(Line),
    /// A run begins.
    Begun {
        /// Which.
        run: Id,
        /// When.
        at: u64,
        /// What it is made of.
        begun: Box<Begun<'static>>,
    },
    /// And ends.
    Ended {
        /// Which.
        run: Id,
        /// When.
        at: u64,
        /// How.
        ended: Box<EndedEntry<'static>>,
        /// What it did.
        counts: RunCounts,
    },
}

/// What waits, in its order.
#[derive(Debug, Default)]
pub(super) struct AddedBatch {
    added: Vec<Added>,
    texts: BTreeMap<Digest, Vec<u8>>,
    spoken: BTreeMap<Digest, usize>,
}

impl Added {
    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let text = match self {
            Self::Line(line) => line.body.len(),
            Self::Begun { begun, .. } => begun.weight(),
            Self::Ended { ended, .. } => ended.weight(),
        };
        text.saturating_add(size_of::<Line>())
    }

    /// In words, and the entry where that is only now put into them. `owner` is the process that runs are in which begin.
    fn into_line(self, owner: Id) -> (Line, Option<Entry<'static>>) {
        let (line, entry) = match self {
            Self::Line(line) => return (line, None),
            Self::Begun { run, at, begun } => begun_line(owner, run, at, begun),
            Self::Ended {
                run,
                at,
                ended,
                counts,
            } => {
                let change = TableChange::Stands {
                    status: ended.status.to_string(),
                    counts,
                    over: true,
                };
                let entry = Entry::Ended(ended);
                (Line::of(run, at, &entry, Some(change)), entry)
            }
        };
        (line, Some(entry))
    }
}

impl AddedBatch {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty()
    }

    pub(super) fn has_text(&self, digest: Digest) -> bool {
        self.texts.contains_key(&digest)
    }

    /// One more, with the texts that it speaks of.
    pub(super) fn add(
        &mut self,
        added: Added,
        texts: BTreeMap<Digest, Vec<u8>>,
        spoken: &[Digest],
    ) {
        let at = self.added.len();
        self.texts.extend(texts);
        self.spoken
            .extend(spoken.iter().map(|digest| (*digest, at)));
        self.added.push(added);
    }

    /// All of it as it is written, and what it was made of.
    pub(super) fn into_batch(self, owner: Id) -> (Batch, Vec<Entry<'static>>) {
        let mut spent = Vec::new();
        let lines = self.added.into_iter().map(|added| {
            let is_usual = added.weight() < 2 * USUAL;
            let (line, entry) = added.into_line(owner);
            spent.extend(entry.filter(|_| is_usual));
            line
        });
        let batch = Batch {
            lines: lines.collect(),
            texts: self.texts,
            spoken: self.spoken,
        };
        (batch, spent)
    }

    /// What was not taken is tried again before what came meanwhile.
    pub(super) fn put_back(&mut self, batch: Batch) {
        let before = batch.lines.len();
        let lines = batch.lines.into_iter().map(Added::Line);
        let mut later = mem::replace(
            self,
            Self {
                added: lines.collect(),
                texts: batch.texts,
                spoken: batch.spoken,
            },
        );
        self.added.append(&mut later.added);
        self.texts.append(&mut later.texts);
        let spoken = later.spoken.into_iter();
        self.spoken
            .extend(spoken.map(|(digest, at)| (digest, at.saturating_add(before))));
    }
}

/// The first line of a run, and the entry of it.
pub(super) fn begun_line(owner: Id, run: Id, at: u64, begun: Box<Begun<'_>>) -> (Line, Entry<'_>) {
    let row = Box::new(row(owner, run, at, &begun));
    let entry = Entry::Begun(begun);
    let change = Some(TableChange::Begun(row));
    (Line::of(run, at, &entry, change), entry)
}

/// A run in the table, as it begins.
fn row(owner: Id, run: Id, at: u64, begun: &Begun<'_>) -> RunRow {
    let caller = begun.caller.as_ref();
    RunRow {
        run,
        status: super::RUNNING.to_owned(),
        context: caller.map(|caller| caller.context.to_string()),
        actor: caller.map(|caller| caller.actor.to_string()),
        user: caller.and_then(|caller| Some(caller.user.as_ref()?.to_string())),
        name: begun.name.to_string(),
        of: begun.of,
        began: at,
        ended: None,
        counts: RunCounts::default(),
        owner: Some(owner),
        request: begun.request,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::journal::{
        Journal,
        entry::FILE,
        ledger::RunFilter,
        record::Record,
        verify::tests::{begun, ended},
    };

    fn line(number: u64) -> Added {
        Added::Line(Line {
            run: Id::of([0; 16]),
            at: number,
            kind: 1,
            body: Vec::new(),
            change: None,
        })
    }

    #[test]
    fn what_was_not_taken_is_written_before_what_came_meanwhile_with_its_texts() {
        let [early, late] = [Digest::of(b"early"), Digest::of(b"late")];
        let text = |digest, text: &[u8]| BTreeMap::from([(digest, text.to_vec())]);
        let owner = Id::of([9; 16]);
        let mut batch = AddedBatch::default();
        batch.add(line(0), text(early, b"early"), &[early]);
        batch.add(line(1), BTreeMap::new(), &[early]);
        let (taken, spent) = mem::take(&mut batch).into_batch(owner);
        assert!(spent.is_empty());
        batch.add(line(2), text(late, b"late"), &[early, late]);
        batch.put_back(taken);
        let (all, _) = batch.into_batch(owner);
        let order: Vec<u64> = all.lines.iter().map(|line| line.at).collect();
        assert_eq!(order, [0, 1, 2]);
        assert_eq!(all.spoken, BTreeMap::from([(early, 2), (late, 2)]));
        let texts = [(early, b"early".to_vec()), (late, b"late".to_vec())];
        assert_eq!(all.texts, BTreeMap::from(texts));
    }

    /// The first line is put into words later than it is said, and says what was so then.
    #[test]
    fn a_run_begins_when_it_is_said_and_in_the_process_that_says_it() {
        let place = tempfile::tempdir().unwrap();
        let journal = Journal::open(place.path()).unwrap();
        let run = Id::new().unwrap();
        let record = Record::begin(&journal, run, begun(&journal, "print(1)"));
        let row = |journal: &Journal| journal.runs(&RunFilter::default()).unwrap().remove(0);
        let began = row(&journal);
        assert_eq!(
            (began.run, began.owner, began.status.as_str()),
            (run, Some(journal.owner()), "running")
        );
        ended(&record, "ok");
        let over = row(&journal);
        let lines = journal.lines(Some(run), 0, 10).unwrap();
        let times: Vec<u64> = lines.iter().map(|line| line.at).collect();
        assert_eq!(
            [Some(over.began), over.ended],
            [times.first().copied(), times.last().copied()]
        );
        assert_eq!((over.status.as_str(), over.owner), ("ok", None));
    }

    #[test]
    fn what_is_given_with_a_run_counts_as_what_waits() {
        let place = tempfile::tempdir().unwrap();
        let journal = Journal::open(place.path()).unwrap();
        let weight = |begun: Box<Begun<'static>>| {
            let (run, at) = (Id::of([1; 16]), 0);
            Added::Begun { run, at, begun }.weight()
        };
        let plain = weight(begun(&journal, "print(1)"));
        let mut more = begun(&journal, "print(1)");
        more.name = "script.py of three".into();
        more.arguments = vec!["four".into()];
        more.environment = vec![("five5".into(), "sixsix".into())];
        more.files = vec![("seven77".into(), Digest::default(), 0)];
        assert_eq!(weight(more), plain + 9 + 4 + 5 + 6 + 7 + FILE);
    }
}
