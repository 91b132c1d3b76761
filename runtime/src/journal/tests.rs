//! What keeping a journal costs, in what can be counted: transactions that wait for the disk, runs that are read for a list, bytes
//! that wait. Each transaction leaves a line in the anchor, which says whether it waited.

use super::{
    Journal, MOST_AHEAD, Unwritten,
    added::Added,
    digest::Digest,
    entry::{Begun, Entry, GivenEntry, Purpose},
    id::Id,
    ledger::{
        Anchor, Appended, ApprovalFilter, ApprovalRow, ApprovalState, AskedRow, Batch, Condition,
        KeptLine, Ledger, LedgerError, Line, Pruned, Pruning, RunFilter, RunRow,
    },
    now_ms,
    past::Past,
    record::Record,
    sqlite::Sqlite,
    verify::{
        JournalProblem,
        tests::{answer, asked, begun, json},
    },
};
use rusqlite::Connection;
use sandgate_policy::Effect;
use std::{
    future::{Future, poll_fn},
    path::Path,
    pin::Pin,
    task::Poll,
};

/// A run of a journal, and how many transactions of it have waited for the disk.
struct Counted {
    place: tempfile::TempDir,
    journal: Journal,
    run: Id,
    record: Record,
}

impl Counted {
    fn begin() -> Self {
        let place = tempfile::tempdir().unwrap();
        let journal = Journal::open(place.path()).unwrap();
        let run = Id::new().unwrap();
        let record = Record::begin(&journal, run, begun(&journal, "print(1)"));
        Self {
            place,
            journal,
            run,
            record,
        }
    }

    fn durable(&self) -> usize {
        let anchors = self.journal.read(|reader| reader.anchors()).unwrap();
        anchors.iter().filter(|anchor| anchor.durable).count()
    }

    /// Nobody can write until what this returns is dropped.
    fn held_up(&self) -> Connection {
        let path = Journal::place(self.place.path()).join("journal.db");
        let other = Connection::open(path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    }

    async fn change(&self, call: u32, is_idempotent: bool, approval: Option<Id>) {
        let params = json("{}");
        let ticket =
            self.record
                .intend(call, Effect::Write, &params, approval, is_idempotent, false);
        drop(ticket.await.unwrap());
    }
}

async fn is_pending<F: Future>(future: &mut Pin<Box<F>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn a_change_waits_for_the_disk_once_and_a_read_for_no_disk() {
    let counted = Counted::begin();
    let params = json("{}");
    for call in 1..=50 {
        let is_required = call % 2 == 0;
        let record = &counted.record;
        record.called(call, "crm", "crm.deal.list", &params);
        let ticket = record.intend(call, Effect::Read, &params, None, false, is_required);
        drop(ticket.await.unwrap());
        record.kept(call).await;
    }
    assert_eq!(counted.durable(), 0);
    for call in 51..=60 {
        counted
            .record
            .called(call, "crm", "crm.deal.add", &json("{}"));
        counted.change(call, false, None).await;
        counted.record.kept(call).await;
    }
    assert_eq!(counted.durable(), 10);
}

#[tokio::test]
async fn changes_that_are_made_at_once_wait_for_the_disk_together() {
    let counted = Counted::begin();
    let other = counted.held_up();
    let calls = 1..=8;
    let changes = calls.map(|call| Box::pin(counted.change(call, false, None)));
    let mut changes: Vec<_> = changes.collect();
    for change in &mut changes {
        assert!(is_pending(change).await);
    }
    drop(other);
    for change in changes {
        change.await;
    }
    // What was taken before the others came, and the others.
    assert!((1..=2).contains(&counted.durable()));
    assert_eq!(counted.journal.lines(None, 0, 100).unwrap().len(), 1 + 8);
}

#[tokio::test]
async fn jrn_04_a_run_that_is_faster_than_the_disk_waits_for_it_and_loses_no_line() {
    let counted = Counted::begin();
    let other = counted.held_up();
    let (record, journal) = (&counted.record, &counted.journal);
    record.called(1, "crm", "crm.deal.list", &json("{}"));
    // The writer has taken what there was, and cannot write it.
    while !journal.0.queue.state().busy {
        tokio::task::yield_now().await;
    }
    record.kept(1).await;
    let long = json(&format!("\"{}\"", "long ".repeat(MOST_AHEAD / 5)));
    record.called(2, "crm", "crm.deal.list", &long);
    let mut kept = Box::pin(record.kept(2));
    assert!(is_pending(&mut kept).await);
    drop(other);
    kept.await;
    assert_eq!(journal.lines(None, 0, 100).unwrap().len(), 3);
}

#[tokio::test]
async fn jrn_04_nobody_waits_for_a_disk_that_takes_nothing() {
    let counted = Counted::begin();
    let other = counted.held_up();
    let (record, journal) = (&counted.record, &counted.journal);
    record.called(1, "crm", "crm.deal.list", &json("{}"));
    while !journal.0.queue.state().busy {
        tokio::task::yield_now().await;
    }
    let long = json(&format!("\"{}\"", "long ".repeat(MOST_AHEAD / 5)));
    record.called(2, "crm", "crm.deal.list", &long);
    journal.0.queue.state().failing = Some(Unwritten("the disk is full".into()));
    record.kept(2).await;
    drop(other);
}

/// A journal of which questions are read, and no run.
#[derive(Debug)]
struct WithoutLines(Sqlite);

impl Ledger for WithoutLines {
    fn append(&mut self, batch: &Batch, durable: bool) -> Result<(), LedgerError> {
        self.0.append(batch, durable)
    }

    fn append_if(&mut self, batch: &Batch, condition: &Condition) -> Result<Appended, LedgerError> {
        self.0.append_if(batch, condition)
    }

    fn runs(&self, _: &RunFilter) -> Result<Vec<RunRow>, LedgerError> {
        Err(LedgerError::Engine("a run is read".to_owned()))
    }

    fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRow>, LedgerError> {
        self.0.approvals(filter)
    }

    fn asked(&self, filter: &ApprovalFilter) -> Result<Vec<AskedRow>, LedgerError> {
        self.0.asked(filter)
    }

    fn lines(&self, _: Option<Id>, _: u64, _: usize) -> Result<Vec<KeptLine>, LedgerError> {
        Err(LedgerError::Engine("a run is read".to_owned()))
    }

    fn last_of(&self, _: Id) -> Result<u64, LedgerError> {
        Err(LedgerError::Engine("a run is read".to_owned()))
    }

    fn text(&self, digest: Digest) -> Result<Vec<u8>, LedgerError> {
        self.0.text(digest)
    }

    fn texts(
        &self,
        look: &mut dyn FnMut(Digest, Result<(), LedgerError>),
    ) -> Result<(), LedgerError> {
        self.0.texts(look)
    }

    fn prune(&mut self, pruning: &Pruning) -> Result<Pruned, LedgerError> {
        self.0.prune(pruning)
    }

    fn last(&self) -> Result<u64, LedgerError> {
        self.0.last()
    }

    fn latest(&self) -> Result<u64, LedgerError> {
        self.0.latest()
    }

    fn is_alive(&self, owner: Id) -> bool {
        self.0.is_alive(owner)
    }

    fn anchors(&self) -> Result<Vec<Anchor>, LedgerError> {
        self.0.anchors()
    }

    fn read_at_one_moment(&self) -> Result<(), LedgerError> {
        self.0.read_at_one_moment()
    }

    fn read_on(&self) -> Result<(), LedgerError> {
        self.0.read_on()
    }
}

fn without_lines(state: &Path) -> Journal {
    let ledger = || {
        Box::new(WithoutLines(
            Sqlite::open(&Journal::place(state), None).unwrap(),
        ))
    };
    Journal::over(Id::new().unwrap(), ledger(), ledger())
}

#[tokio::test]
async fn a_list_of_questions_reads_no_run_unless_somebody_agreed_or_it_changed_something() {
    let counted = Counted::begin();
    for call in 1..=3 {
        asked(&counted.record, call, 2);
    }
    counted.journal.last().unwrap();
    let all = ApprovalFilter::default();
    let journal = without_lines(counted.place.path());
    let questions = journal.asked(&all).unwrap();
    let shown = questions.iter().map(|asked| {
        let row = &asked.row;
        (
            row.call,
            row.method.as_str(),
            asked.params.as_str(),
            &*asked.script,
        )
    });
    let expected =
        [1, 2, 3].map(|call| (call, "crm.deal.add", "{\"title\":\"Oslo\"}", "script.py"));
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    answer(&counted.journal, &questions[0].row, "bob", true).unwrap();
    assert_eq!(
        journal.asked(&all).unwrap_err().to_string(),
        "the journal cannot be used: a run is read"
    );
    let agreed = counted.journal.asked(&all).unwrap();
    let agreed: Vec<_> = agreed.into_iter().map(|asked| asked.agreed).collect();
    assert_eq!(agreed, [vec!["bob".to_owned()], vec![], vec![]]);
}

#[tokio::test]
async fn apr_05_an_idempotent_change_is_unknown_once_the_approval_that_it_was_sent_by_has_run_out()
{
    for is_idempotent in [true, false] {
        let counted = Counted::begin();
        asked(&counted.record, 1, 1);
        counted.journal.last().unwrap();
        let rows = counted.journal.approvals(&ApprovalFilter::default());
        let row = rows.unwrap().remove(0);
        answer(&counted.journal, &row, "bob", true).unwrap();
        counted.change(1, is_idempotent, Some(row.approval)).await;
        // Nobody was asked about this one.
        counted.record.called(2, "crm", "crm.deal.add", &json("{}"));
        counted.change(2, true, None).await;
        let past = Past::read(&counted.journal, counted.run).unwrap();
        let unknown = |now: u64| past.unknown(now).map(|(call, _)| call).collect::<Vec<_>>();
        let in_time: &[u32] = if is_idempotent { &[] } else { &[1] };
        assert_eq!(unknown(now_ms()), in_time);
        assert_eq!(unknown(row.expires), [1]);
    }
}

/// What is written at some other time than now.
fn written_at(counted: &Counted, at: u64) {
    let given = GivenEntry {
        readings: vec![(0, 1)],
        waits: Vec::new(),
    };
    let entry = Entry::Given(given);
    let line = Line::of(counted.run, at, &entry, None);
    counted.journal.push(Added::Line(line), &[]).unwrap();
}

#[tokio::test]
async fn apr_05_a_question_that_has_run_out_does_not_count_again_because_a_clock_is_set_back() {
    // The clock was so much ahead when the last line was written; the question can be answered for an hour.
    for (ahead, counts) in [(60_000, true), (2 * 3_600_000, false)] {
        let counted = Counted::begin();
        let journal = &counted.journal;
        asked(&counted.record, 1, 1);
        let rows = journal.approvals(&ApprovalFilter::default()).unwrap();
        let later = now_ms() + ahead;
        written_at(&counted, later);
        assert_eq!(journal.now().unwrap(), later);
        let answered = answer(journal, &rows[0], "bob", true);
        assert_eq!(answered.is_ok(), counts, "{answered:?}");
        // Lines that are written since then say nothing else.
        written_at(&counted, now_ms());
        assert!(journal.now().unwrap() < later);
        let all = ApprovalFilter {
            all: true,
            ..ApprovalFilter::default()
        };
        let rows = journal.approvals(&all).unwrap();
        let expected = if counts {
            ApprovalState::Approved
        } else {
            ApprovalState::Expired
        };
        assert_eq!(rows[0].state, expected);
        assert_eq!(
            answer(journal, &rows[0], "eve", true)
                .unwrap_err()
                .to_string(),
            format!("the question is {} already", expected.as_str())
        );
        assert_eq!(journal.verify().unwrap().problems, []);
    }
}

#[tokio::test]
async fn apr_05_a_question_is_asked_for_as_long_as_is_meant_also_by_a_clock_that_was_set_back() {
    let counted = Counted::begin();
    let later = now_ms() + 7_200_000;
    written_at(&counted, later);
    assert_eq!(counted.record.now(), later);
}

#[tokio::test]
async fn apr_02_of_two_runs_for_one_purpose_one_begins() {
    let counted = Counted::begin();
    let journal = &counted.journal;
    let of = Purpose::Carry(counted.run);
    let claim = Condition::Runs {
        of,
        all: 0,
        over: 0,
    };
    let begin = || {
        let run = Id::new().unwrap();
        let begun = Box::new(Begun {
            of: Some(of),
            ..*begun(journal, "print(2)")
        });
        Record::begin_if(journal, run, begun, &claim).unwrap()
    };
    assert!(begin().is_some());
    assert!(begin().is_none());
    let carrying = RunFilter {
        of: Some(of),
        ..RunFilter::default()
    };
    assert_eq!(journal.runs(&carrying).unwrap().len(), 1);
    // A text that nobody speaks of is not kept.
    assert_eq!(journal.verify().unwrap().problems, []);
}

#[tokio::test]
async fn jrn_01_a_journal_of_which_nobody_noted_the_end_is_whole_and_one_whose_anchor_is_gone_is_not()
 {
    let counted = Counted::begin();
    counted.journal.last().unwrap();
    let anchor = Journal::place(counted.place.path()).join("anchor");
    let noted = std::fs::read_to_string(&anchor).unwrap();
    let (first, rest) = noted.split_once('\n').unwrap();
    assert!(rest.starts_with("s 00000000000000000001 "), "{noted}");
    std::fs::write(&anchor, format!("{first}\n")).unwrap();
    assert_eq!(counted.journal.verify().unwrap().problems, []);
    std::fs::write(&anchor, "").unwrap();
    let problems = counted.journal.verify().unwrap().problems;
    assert_eq!(problems, [JournalProblem::NoAnchor]);
    // Opening it again does not hide that.
    drop(Journal::open(counted.place.path()).unwrap());
    assert_eq!(counted.journal.verify().unwrap().problems, problems);
}

/// So that undoing a run and carrying out a plan cost the same however many runs there are.
#[test]
fn runs_for_another_are_found_without_reading_the_rest() {
    let counted = Counted::begin();
    let path = Journal::place(counted.place.path()).join("journal.db");
    let database = Connection::open(path).unwrap();
    for (column, plan) in [
        (
            "purpose",
            "SEARCH runs USING INDEX runs_purpose (purpose=?)",
        ),
        ("status", "SEARCH runs USING INDEX runs_status (status=?)"),
        (
            "request",
            "SEARCH runs USING INDEX runs_request (request=?)",
        ),
    ] {
        let text = format!(
            "EXPLAIN QUERY PLAN SELECT * FROM runs WHERE {column} = ?1 ORDER BY run DESC LIMIT 1"
        );
        let steps: Vec<String> = database
            .prepare(&text)
            .unwrap()
            .query_map(["x"], |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(steps, [plan]);
    }
}
