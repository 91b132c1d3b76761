//! A small journal in which everything happens once, changed at random in every way that a database can be changed: each change is
//! found. What is changed is put back, so the next begins with the journal as it was written.

use crate::{
    approvals::{AnswerError, Answered, Answerer},
    journal::{
        Journal, JournalOptions,
        digest::Digest,
        entry::{Begun, EndedEntry, RunCaller, RunLimits, Said, Spent},
        id::Id,
        key::JournalKey,
        ledger::{ApprovalFilter, ApprovalRow, ApprovalState, RunFilter},
        now_ms,
        record::{OpenQuestion, Record},
        sqlite::Sqlite,
        verify::{JournalProblem, verify},
    },
    made::CallResult,
};
use proptest::{
    prelude::Rng,
    test_runner::{TestRng, TestRunner},
};
use rusqlite::{Connection, params, types::Value};
use sandgate_policy::{ContextLimits, ContextName, Effect, File, Schema};
use sandgate_wire::RefusalCode;
use serde_json::value::RawValue;
use std::path::Path;

pub(in crate::journal) fn json(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

pub(in crate::journal) fn begun(journal: &Journal, script: &str) -> Box<Begun<'static>> {
    Box::new(Begun {
        request: None,
        script: journal.keep(script.as_bytes()),
        name: "script.py".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        zone: None,
        stdin: None,
        files: Vec::new(),
        once: None,
        caller: Some(RunCaller {
            context: "assistant".into(),
            actor: "test".into(),
            user: Some("ada".into()),
            claims: Vec::new(),
            policies: "0".into(),
        }),
        image: "image".into(),
        limits: RunLimits {
            wall_ms: 1,
            cpu_ms: 1,
            memory: 1,
            output: 1,
            workspace_bytes: 1,
            workspace_files: 1,
            workspace: true,
            calls: 1,
        },
        seed: "00".into(),
        started_ms: 1,
        frozen: false,
        session: false,
        of: None,
        agreed: None,
    })
}

pub(in crate::journal) fn asked(record: &Record, call: u32, needed: u32) {
    let params = json("{\"title\":\"Oslo\"}");
    record.called(call, "crm", "crm.deal.add", &params);
    let question = OpenQuestion {
        call,
        context: "assistant",
        service: "crm",
        method: "crm.deal.add",
        params: &params,
        binding: Digest::of(b"binding"),
        expires: now_ms() + 3_600_000,
        needed,
        effect: Effect::Write,
        because: &[],
    };
    record.open(&question).unwrap();
}

pub(in crate::journal) fn ended(record: &Record, status: &'static str) {
    record.end(Box::new(EndedEntry {
        status: status.into(),
        exit_code: 0,
        reason: None,
        stdout: record.text(b"printed\n"),
        stderr: record.text(b""),
        value: Some(record.text(b"1")),
        exception: None,
        files: Vec::new(),
        spent: Spent::default(),
    }));
}

pub(in crate::journal) fn answer(
    journal: &Journal,
    row: &ApprovalRow,
    name: &str,
    agrees: bool,
) -> Result<Answered, AnswerError> {
    let by = Answerer {
        in_band: false,
        name: name.to_owned(),
        claims: Vec::new(),
    };
    let file = File {
        name: "assistant/limits.toml",
        text: "hero_context = 1",
    };
    let context = ContextName::new("assistant").unwrap();
    let limits = ContextLimits::parse(file, &Schema::new(context, &[]).unwrap()).unwrap();
    journal.answer(row, &limits, &by, agrees, None)
}

/// Everything that a journal has a line for, but for a run that goes on: which process that is in is no history.
pub(in crate::journal) async fn written(state: &Path, key: Option<&JournalKey>) -> Journal {
    let journal = Journal::open_with(
        state,
        JournalOptions {
            key: key.cloned(),
            ..JournalOptions::default()
        },
    )
    .unwrap();
    let long = json(&format!("{{\"text\":\"{}\"}}", "long ".repeat(20_000)));
    let [first, second, third] = [0, 1, 2].map(|_| Id::new().unwrap());
    let record = Record::begin(&journal, first, begun(&journal, "print(1)"));
    record.called(1, "crm", "crm.deal.list", &long);
    record.replied(1, CallResult::Ok, None, &json("{\"ok\":[1,2,3]}"));
    record.called(2, "crm", "crm.deal.add", &json("{}"));
    let nothing = json("{}");
    let ticket = record.intend(2, Effect::Write, &nothing, None, false, false);
    drop(ticket.await.unwrap());
    record.replied(2, CallResult::Ok, None, &json("{\"ok\":true}"));
    record.called(3, "crm", "crm.deal.delete", &json("{}"));
    let refused = json("{\"refused\":{\"code\":\"policy.denied\"}}");
    let code = Some(RefusalCode::PolicyDenied);
    record.replied(3, CallResult::Refused, code, &refused);
    ended(&record, "ok");

    let record = Record::begin(&journal, second, begun(&journal, "print(2)"));
    for (call, needed) in [(1, 1), (2, 1), (3, 2), (4, 1), (5, 1)] {
        asked(&record, call, needed);
    }
    record.park(Spent::default()).await.unwrap();
    let asked_by = ApprovalFilter {
        run: Some(second),
        ..ApprovalFilter::default()
    };
    let rows = journal.approvals(&asked_by).unwrap();
    let of = |call: u32| rows.iter().find(|row| row.call == call).unwrap();
    answer(&journal, of(1), "bob", true).unwrap();
    answer(&journal, of(2), "bob", false).unwrap();
    answer(&journal, of(3), "bob", true).unwrap();
    answer(&journal, of(4), "bob", true).unwrap();
    let spent = Some(of(1).approval);
    let ticket = record.intend(1, Effect::Write, &nothing, spent, false, false);
    drop(ticket.await.unwrap());
    record.expired(5, of(5).approval);
    record.park(Spent::default()).await.unwrap();

    let record = Record::begin(&journal, third, begun(&journal, "print(3)"));
    record.asked(1, &json("{}"), Digest::of(b"1"));
    record.answered(1, Said::Yes, "the terminal");
    asked(&record, 2, 1);
    ended(&record, "raised");
    journal.settle().await.unwrap();
    journal
}

/// Changes one thing; tells in which table, and what, where anything was changed.
fn change(database: &Connection, random: &mut TestRng) -> Option<(&'static str, String)> {
    let mut below =
        |most: usize| usize::try_from(random.next_u64() % u64::try_from(most).unwrap()).unwrap();
    let tables = [
        ("entries", "seq"),
        ("texts", "digest"),
        ("runs", "run"),
        ("approvals", "approval"),
    ];
    let (table, key) = tables[below(tables.len())];
    let keys: Vec<Value> = database
        .prepare(&format!("SELECT {key} FROM {table} ORDER BY 1"))
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let at = &keys[below(keys.len())];
    let columns: Vec<String> = database
        .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let column = &columns[below(columns.len())];
    let all = columns.join(", ");
    let what = match below(10) {
        0 => {
            let statement = format!("DELETE FROM {table} WHERE {key} = ?1");
            database.execute(&statement, [at]).unwrap();
            Some(format!("a row of {table} is gone"))
        }
        1 => {
            // The same row once more, under another key.
            let other = match at {
                Value::Integer(_) => Value::Integer(i64::try_from(keys.len()).unwrap() + 1),
                Value::Blob(bytes) => {
                    let mut bytes = bytes.clone();
                    bytes[0] ^= 1;
                    Value::Blob(bytes)
                }
                _ => return None,
            };
            let rest = all.replacen(key, "?2", 1);
            let statement = format!(
                "INSERT OR IGNORE INTO {table} ({all}) SELECT {rest} FROM {table} WHERE {key} = ?1"
            );
            let added = database.execute(&statement, params![at, other]).unwrap();
            (added == 1).then(|| format!("a row of {table} is there twice"))
        }
        2 => {
            let mut place = || i64::try_from(below(keys.len()) + 1).unwrap();
            let (one, other) = (place(), place());
            let same = |what: &str| {
                let statement = format!(
                    "SELECT (SELECT {what} FROM entries WHERE seq = ?1) IS (SELECT {what} FROM entries WHERE seq = ?2)"
                );
                database
                    .query_row(&statement, params![one, other], |row| row.get::<_, bool>(0))
                    .unwrap()
            };
            if table != "entries" || (same("run") && same("body") && same("at")) {
                return None;
            }
            for (from, to) in [(one, 0), (other, one), (0, other)] {
                let statement = "UPDATE entries SET seq = ?2 WHERE seq = ?1";
                database.execute(statement, params![from, to]).unwrap();
            }
            Some(format!("lines {one} and {other} have changed places"))
        }
        3 if table == "entries" => {
            let statement = "DELETE FROM entries WHERE seq >= ?1";
            database.execute(statement, [at]).unwrap();
            Some(format!("the journal is cut off at {at:?}"))
        }
        4 if table == "entries" => {
            let statement = "DELETE FROM entries WHERE seq <= ?1";
            database.execute(statement, [at]).unwrap();
            Some(format!("the journal begins after {at:?}"))
        }
        _ => {
            let was: Value = database
                .query_row(
                    &format!("SELECT {column} FROM {table} WHERE {key} = ?1"),
                    [at],
                    |row| row.get(0),
                )
                .unwrap();
            let now = match &was {
                Value::Integer(number) => match below(3) {
                    0 => Value::Integer(number + 1),
                    1 => Value::Integer(number - 1),
                    _ => Value::Integer(i64::try_from(below(1 << 40)).unwrap()),
                },
                Value::Text(text) => Value::Text(format!("{text}s")),
                Value::Blob(bytes) if bytes.is_empty() => Value::Blob(vec![0]),
                Value::Blob(bytes) => {
                    let mut bytes = bytes.clone();
                    let place = below(bytes.len());
                    bytes[place] ^= 1 << below(8);
                    Value::Blob(bytes)
                }
                Value::Null if column == "owner" => Value::Blob(vec![1; 16]),
                Value::Null if column == "request" => Value::Blob(vec![1; 32]),
                Value::Null if column == "ended" => Value::Integer(1),
                Value::Null if column == "purpose" => Value::Text("\"plan\"".to_owned()),
                Value::Null | Value::Real(_) => Value::Text("bob".to_owned()),
            };
            let statement = format!("UPDATE OR IGNORE {table} SET {column} = ?2 WHERE {key} = ?1");
            let changed = database.execute(&statement, params![at, now]).unwrap();
            (changed == 1 && was != now)
                .then(|| format!("{table}.{column} of {at:?} is {now:?} and was {was:?}"))
        }
    };
    Some((table, what?))
}

/// A packed text may say the same in other bytes. What is kept is the text.
fn says_the_same(database: &Connection, digests: &[Digest], ledger: &Sqlite, what: &str) -> bool {
    use crate::journal::ledger::Ledger;
    let number: i64 = database
        .query_row("SELECT count(*) FROM texts", [], |row| row.get(0))
        .unwrap();
    what.starts_with("texts.body")
        && usize::try_from(number) == Ok(digests.len())
        && digests.iter().all(|digest| ledger.text(*digest).is_ok())
}

#[tokio::test]
async fn jrn_01_every_change_of_a_journal_is_found() {
    every_change_is_found(None).await;
}

#[tokio::test]
async fn jrn_01_every_change_of_a_sealed_journal_is_found() {
    let place = tempfile::tempdir().unwrap();
    let key = JournalKey::create(&place.path().join("key")).unwrap();
    every_change_is_found(Some(&key)).await;
}

async fn every_change_is_found(key: Option<&JournalKey>) {
    let place = tempfile::tempdir().unwrap();
    let journal = written(place.path(), key).await;
    let whole = journal.verify().unwrap();
    assert_eq!(whole.problems, []);
    assert_eq!((whole.runs, whole.texts), (3, 6));
    drop(journal);

    let directory = Journal::place(place.path());
    let pristine = directory.join("pristine.db");
    let database = Connection::open(directory.join("journal.db")).unwrap();
    database
        .execute("VACUUM INTO ?1", [pristine.to_str().unwrap()])
        .unwrap();
    database
        .execute("ATTACH ?1 AS pristine", [pristine.to_str().unwrap()])
        .unwrap();
    // What is changed a hundred thousand times need not last.
    database.execute_batch("PRAGMA synchronous = off").unwrap();
    let ledger = Sqlite::open(&directory, key).unwrap();
    let digests: Vec<Digest> = {
        use crate::journal::ledger::Ledger;
        let mut digests = Vec::new();
        ledger.texts(&mut |digest, _| digests.push(digest)).unwrap();
        digests
    };
    let times: u32 =
        std::env::var("SANDGATE_MUTATIONS").map_or(2_000, |times| times.parse().unwrap());
    let mut runner = TestRunner::default();
    let (mut changed, mut missed) = (0, Vec::new());
    for _ in 0..times {
        let Some((table, what)) = change(&database, runner.rng()) else {
            continue;
        };
        let is_found = verify(&ledger).map_or(true, |verified| !verified.is_whole());
        if is_found {
            changed += 1;
        } else if !says_the_same(&database, &digests, &ledger, &what) {
            missed.push(what);
        }
        database
            .execute_batch(&format!(
                "BEGIN; DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM pristine.{table}; COMMIT"
            ))
            .unwrap();
    }
    assert_eq!(missed, Vec::<String>::new());
    assert!(changed > times / 2, "{changed} of {times}");
    assert!(verify(&ledger).unwrap().is_whole());
}

#[tokio::test]
async fn jrn_01_a_journal_that_was_cut_off_is_told_by_its_anchor_and_one_without_an_anchor_by_that()
{
    let place = tempfile::tempdir().unwrap();
    drop(written(place.path(), None).await);
    let directory = Journal::place(place.path());
    let database = Connection::open(directory.join("journal.db")).unwrap();
    let last: i64 = database
        .query_row("SELECT max(seq) FROM entries", [], |row| row.get(0))
        .unwrap();
    let ledger = Sqlite::open(&directory, None).unwrap();
    database
        .execute_batch(
            "DELETE FROM entries; DELETE FROM texts; DELETE FROM runs; DELETE FROM approvals",
        )
        .unwrap();
    assert_eq!(
        verify(&ledger).unwrap().problems,
        [JournalProblem::CutOff(0, last.try_into().unwrap())]
    );
    drop((ledger, database));

    let other = tempfile::tempdir().unwrap();
    let journal = written(other.path(), None).await;
    std::fs::remove_file(Journal::place(other.path()).join("anchor")).unwrap();
    std::fs::write(Journal::place(other.path()).join("anchor"), "").unwrap();
    assert_eq!(
        journal.verify().unwrap().problems,
        [JournalProblem::NoAnchor]
    );
}

#[tokio::test]
async fn a_journal_from_which_the_oldest_was_removed_is_whole_and_no_run_is_cut_in_two() {
    let place = tempfile::tempdir().unwrap();
    let journal = Journal::open(place.path()).unwrap();
    let runs = [0, 1, 2].map(|_| Id::new().unwrap());
    let records = runs.map(|run| Record::begin(&journal, run, begun(&journal, &run.to_string())));
    // The first and the second overlap, and so do the second and the third, which goes on.
    for record in &records {
        record.called(1, "crm", "crm.deal.list", &json("{}"));
        record.replied(1, CallResult::Ok, None, &json("{\"ok\":1}"));
    }
    ended(&records[0], "ok");
    ended(&records[1], "ok");
    let alone = Id::new().unwrap();
    journal.settle().await.unwrap();
    assert_eq!(journal.prune(now_ms() + 1, 0).unwrap().lines, 0);
    assert_eq!(journal.verify().unwrap().problems, []);

    ended(&records[2], "ok");
    let record = Record::begin(&journal, alone, begun(&journal, "print(4)"));
    record.called(1, "crm", "crm.deal.list", &json("{}"));
    journal.settle().await.unwrap();
    let lines = journal.last().unwrap();
    assert_eq!(journal.prune(now_ms() + 1, 0).unwrap().lines, lines - 2);
    let verified = journal.verify().unwrap();
    assert_eq!(verified.problems, []);
    // The run that goes on, and the line that says what was removed.
    assert_eq!((verified.first, verified.lines), (lines - 1, 3));
    let left = journal.runs(&RunFilter::default()).unwrap();
    assert_eq!(left.iter().map(|row| row.run).collect::<Vec<_>>(), [alone]);
    // And once more, with what was removed before among it.
    ended(&record, "ok");
    journal.settle().await.unwrap();
    assert_eq!(journal.prune(now_ms() + 1, 0).unwrap().lines, 4);
    assert_eq!(journal.verify().unwrap().problems, []);
}

#[tokio::test]
async fn what_is_asked_of_people_is_withdrawn_when_the_run_ends_without_it() {
    let place = tempfile::tempdir().unwrap();
    let journal = written(place.path(), None).await;
    let all = ApprovalFilter {
        all: true,
        ..ApprovalFilter::default()
    };
    let mut rows = journal.approvals(&all).unwrap();
    rows.sort_by_key(|row| (row.state == ApprovalState::Withdrawn, row.call));
    assert_eq!(
        rows.iter()
            .map(|row| (row.call, row.state))
            .collect::<Vec<_>>(),
        [
            (1, ApprovalState::Spent),
            (2, ApprovalState::Rejected),
            (3, ApprovalState::Pending),
            (4, ApprovalState::Approved),
            (5, ApprovalState::Expired),
            (2, ApprovalState::Withdrawn),
        ]
    );
}
