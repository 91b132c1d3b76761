//! Tests of how the journal is kept: how much of it, and for whom to read. Times are told, and what is removed is counted.

use super::{
    Journal, JournalOptions,
    digest::Digest,
    entry::Spent,
    id::Id,
    key::JournalKey,
    ledger::{ApprovalFilter, Ledger, Pruned, Pruning, RunCounts, RunFilter},
    now_ms,
    record::Record,
    retention::{PIECE, Retention},
    sqlite::Sqlite,
    verify::{
        JournalProblem,
        tests::{asked, begun, ended, json, written},
    },
};
use crate::made::CallResult;
use rusqlite::Connection;
use sandgate_policy::Effect;
use std::{collections::BTreeSet, path::Path, time::Duration};

const DAY: u64 = 24 * 3_600 * 1_000;

/// A run of two lines, with a script of its own.
fn run(journal: &Journal, script: &str) -> Id {
    let run = Id::new().unwrap();
    ended(&Record::begin(journal, run, begun(journal, script)), "ok");
    run
}

fn keeping(keep: Option<Duration>, most: Option<u64>) -> Retention {
    Retention::of(&JournalOptions {
        keep,
        most,
        ..JournalOptions::default()
    })
}

fn left(journal: &Journal) -> BTreeSet<Id> {
    let runs = journal.runs(&RunFilter::default()).unwrap();
    runs.into_iter().map(|row| row.run).collect()
}

fn ledger(state: &Path) -> Sqlite {
    Sqlite::open(&Journal::place(state), None).unwrap()
}

#[tokio::test]
async fn what_is_older_than_it_is_to_be_goes_piece_by_piece_and_nothing_else_goes() {
    let place = tempfile::tempdir().unwrap();
    let journal = Journal::open(place.path()).unwrap();
    for number in 0..300 {
        run(&journal, &format!("print({number})"));
    }
    let lines = journal.last().unwrap();
    assert_eq!(lines, 600);
    let mut ledger = ledger(place.path());
    let mut retention = keeping(Some(Duration::from_millis(DAY)), None);
    let kept = || journal.lines(None, 0, 1_000).unwrap().len();
    let now = now_ms();
    retention.keep_to(&mut ledger, now + DAY / 2);
    assert_eq!(kept(), 600);

    let mut retention = keeping(Some(Duration::from_millis(DAY)), None);
    retention.keep_to(&mut ledger, now + 2 * DAY);
    let piece = usize::try_from(PIECE).unwrap();
    assert_eq!(kept(), 600 - piece + 1);
    // There is a time for the next piece, and none before.
    retention.keep_to(&mut ledger, now + 2 * DAY + 999);
    assert_eq!(kept(), 600 - piece + 1);
    retention.keep_to(&mut ledger, now + 2 * DAY + 1_000);
    assert_eq!((kept(), left(&journal)), (1, BTreeSet::new()));
    let verified = journal.verify().unwrap();
    assert_eq!((verified.problems, verified.texts), (vec![], 0));
    // What says that lines were removed is not removed for its own sake.
    retention.keep_to(&mut ledger, now + 3 * DAY);
    assert_eq!(journal.last().unwrap(), lines + 2);
}

#[tokio::test]
async fn while_too_much_is_kept_the_oldest_goes_and_the_rest_stays() {
    let place = tempfile::tempdir().unwrap();
    let journal = Journal::open(place.path()).unwrap();
    // What cannot be packed.
    let long = |number: u8| {
        let digits = (0..20_000_u32).map(|at| {
            let digest = Digest::of(&[at.to_le_bytes().as_slice(), &[number]].concat());
            digest.to_string().split_off(60)
        });
        format!("'{}'", digits.collect::<String>())
    };
    let runs: Vec<Id> = (0..5).map(|number| run(&journal, &long(number))).collect();
    assert_eq!(left(&journal).len(), 5);
    let mut ledger = ledger(place.path());
    keeping(None, Some(10 << 20)).keep_to(&mut ledger, now_ms());
    assert_eq!(left(&journal).len(), 5);

    keeping(None, Some(200 << 10)).keep_to(&mut ledger, now_ms());
    let kept = left(&journal);
    assert!((1..5).contains(&kept.len()), "{kept:?}");
    let newest: BTreeSet<Id> = runs.into_iter().rev().take(kept.len()).collect();
    assert_eq!(kept, newest);
    assert_eq!(journal.verify().unwrap().problems, []);
}

#[tokio::test]
async fn nothing_is_removed_of_a_run_that_waits_or_goes_on_nor_what_came_after_it() {
    for waits in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let journal = Journal::open(place.path()).unwrap();
        let before = run(&journal, "print(1)");
        let stays = Id::new().unwrap();
        let record = Record::begin(&journal, stays, begun(&journal, "print(2)"));
        asked(&record, 1, 1);
        if waits {
            record.park(Spent::default()).await.unwrap();
        }
        let after = run(&journal, "print(3)");
        assert_eq!(left(&journal), [after, stays, before].into());
        let mut ledger = ledger(place.path());
        let pruned = ledger.prune(&Pruning {
            ended_before: u64::MAX,
            above: 0,
            at: now_ms(),
            lines: PIECE,
            is_rehearsed: false,
        });
        let pruned = pruned.unwrap();
        assert_eq!(
            (pruned.lines, pruned.runs, pruned.held_by),
            (2, 1, Some(stays))
        );
        let mut all = keeping(Some(Duration::ZERO), Some(1));
        all.keep_to(&mut ledger, now_ms() + DAY);
        assert_eq!(left(&journal), [after, stays].into());
        assert_eq!(
            journal.approvals(&ApprovalFilter::default()).unwrap().len(),
            1
        );
        let verified = journal.verify().unwrap();
        assert_eq!(verified.problems, []);
    }
}

#[tokio::test]
async fn a_text_goes_with_the_last_run_that_speaks_of_it() {
    let place = tempfile::tempdir().unwrap();
    let journal = Journal::open(place.path()).unwrap();
    run(&journal, "print('of both')");
    run(&journal, "print('of one')");
    journal.settle().await.unwrap();
    let middle = now_ms() + 1;
    // The next one ends later than that.
    while now_ms() <= middle {
        tokio::task::yield_now().await;
    }
    let last = run(&journal, "print('of both')");
    let would = journal.would_prune(middle, 0).unwrap();
    assert_eq!(
        (left(&journal).len(), journal.verify().unwrap().texts),
        (3, 4)
    );
    let removed = journal.prune(middle, 0).unwrap();
    assert_eq!(removed, would);
    assert_eq!((removed.lines, removed.runs, removed.texts), (4, 2, 1));
    assert_eq!(left(&journal), [last].into());
    let verified = journal.verify().unwrap();
    assert_eq!((verified.problems, verified.texts), (vec![], 3));
    assert_eq!(journal.prune(u64::MAX, 0).unwrap().texts, 3);
    assert_eq!(journal.prune(u64::MAX, 0).unwrap(), Pruned::default());
}

#[tokio::test]
async fn whoever_writes_the_journal_prunes_it_when_it_is_done() {
    for (most, runs) in [(Some(1), 0), (None, 1)] {
        let place = tempfile::tempdir().unwrap();
        let options = JournalOptions {
            most,
            ..JournalOptions::default()
        };
        let journal = Journal::open_with(place.path(), options).unwrap();
        run(&journal, "print(1)");
        drop(journal);
        let journal = Journal::open(place.path()).unwrap();
        assert_eq!(left(&journal).len(), runs);
        assert_eq!(journal.verify().unwrap().problems, []);
    }
}

/// A state directory, and a key beside it.
fn keyed() -> (tempfile::TempDir, JournalKey) {
    let place = tempfile::tempdir().unwrap();
    let key = JournalKey::create(&place.path().join("journal.key")).unwrap();
    (place, key)
}

fn sealed(state: &Path, key: &JournalKey) -> Journal {
    let options = JournalOptions {
        key: Some(key.clone()),
        ..JournalOptions::default()
    };
    Journal::open_with(state, options).unwrap()
}

/// Whether a text is in any file of a journal.
fn is_in_files(state: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(Journal::place(state)).unwrap();
    files.into_iter().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let mut windows = bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn jrn_03_nothing_of_what_a_sealed_journal_holds_is_in_its_files_and_all_of_it_otherwise() {
    const MARKERS: [&str; 5] = [
        "mark-script",
        "mark-given",
        "mark-sent",
        "mark-back",
        "script.py",
    ];
    for is_sealed in [true, false] {
        let (place, key) = keyed();
        let journal = if is_sealed {
            sealed(place.path(), &key)
        } else {
            Journal::open(place.path()).unwrap()
        };
        let id = Id::new().unwrap();
        let record = Record::begin(&journal, id, begun(&journal, "print('mark-script')"));
        record.called(
            1,
            "crm",
            "crm.deal.add",
            &json("{\"title\":\"mark-given\"}"),
        );
        let sent = json("{\"title\":\"mark-sent\"}");
        let ticket = record.intend(1, Effect::Write, &sent, None, false, false);
        drop(ticket.await.unwrap());
        record.replied(1, CallResult::Ok, None, &json("{\"ok\":\"mark-back\"}"));
        asked(&record, 2, 1);
        ended(&record, "ok");
        journal.settle().await.unwrap();
        for marker in MARKERS {
            assert_eq!(is_in_files(place.path(), marker), !is_sealed, "{marker}");
        }
        // A digest of what could be guessed is as good as the text.
        for guess in ["print('mark-script')", "binding"] {
            let digest = Digest::of(guess.as_bytes());
            let database =
                Connection::open(Journal::place(place.path()).join("journal.db")).unwrap();
            let found: i64 = database
                .query_row(
                    "SELECT (SELECT count(*) FROM texts WHERE digest = ?1) + (SELECT count(*) FROM spoken WHERE digest = ?1)
                        + (SELECT count(*) FROM approvals WHERE binding = ?1) + (SELECT count(*) FROM runs WHERE user = 'ada')",
                    [digest],
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(found == 0, is_sealed, "{guess}");
        }
        drop((record, journal));
        let journal = if is_sealed {
            sealed(place.path(), &key)
        } else {
            Journal::open(place.path()).unwrap()
        };
        assert_eq!(journal.verify().unwrap().problems, []);
        let row = journal.run("last").unwrap();
        assert_eq!(
            (row.name.as_str(), row.user.as_deref()),
            ("script.py", Some("ada"))
        );
    }
}

#[tokio::test]
async fn jrn_03_a_sealed_journal_opens_with_its_key_alone_and_is_verified_without() {
    let (place, key) = keyed();
    let journal = written(place.path(), Some(&key)).await;
    let lines = journal.last().unwrap();
    drop(journal);
    let said = Journal::open(place.path()).unwrap_err().to_string();
    let file = place.path().join("journal.key");
    assert_eq!(
        said,
        format!(
            "the journal is sealed, and no key is named; the one that it was sealed with was read from `{}`",
            file.display()
        )
    );
    let (_other, other_key) = keyed();
    let options = JournalOptions {
        key: Some(other_key.clone()),
        ..JournalOptions::default()
    };
    assert_eq!(
        Journal::open_with(place.path(), options)
            .unwrap_err()
            .to_string(),
        format!(
            "the journal is sealed with another key than that in `{}`",
            other_key.path().display()
        )
    );
    let verified = Journal::verify_sealed(place.path()).unwrap();
    assert_eq!(
        (verified.problems, verified.lines, verified.sealed),
        (vec![], lines, lines)
    );

    let database = Connection::open(Journal::place(place.path()).join("journal.db")).unwrap();
    database
        .execute_batch(
            "UPDATE entries SET at = at + 1 WHERE seq = 3; DELETE FROM entries WHERE seq = 7",
        )
        .unwrap();
    assert_eq!(
        Journal::verify_sealed(place.path()).unwrap().problems,
        [
            JournalProblem::Changed(3),
            JournalProblem::Missing(7, 7),
            JournalProblem::Changed(8)
        ]
    );
}

#[tokio::test]
async fn what_was_written_before_a_journal_was_sealed_is_read_and_found_and_pruned_as_before() {
    let (place, key) = keyed();
    drop(written(place.path(), None).await);
    let journal = written(place.path(), Some(&key)).await;
    let verified = journal.verify().unwrap();
    // What both speak of is kept twice: once for whoever has the key.
    assert_eq!(
        (verified.problems, verified.runs, verified.texts),
        (vec![], 6, 12)
    );
    let found = |service: &str, method: Option<&str>, verdict: Option<&str>| {
        let filter = RunFilter {
            called: Some((service.to_owned(), method.map(ToOwned::to_owned))),
            verdict: verdict.map(ToOwned::to_owned),
            ..RunFilter::default()
        };
        journal.runs(&filter).unwrap().len()
    };
    assert_eq!(found("crm", None, None), 6);
    assert_eq!(found("crm", Some("crm.deal.delete"), None), 2);
    assert_eq!(found("mail", None, None), 0);
    assert_eq!(found("crm", None, Some("refuse")), 0);
    let most = RunFilter {
        called: Some(("crm".to_owned(), None)),
        most: Some(1),
        ..RunFilter::default()
    };
    assert_eq!(journal.runs(&most).unwrap().len(), 1);
    // The second run of each waits.
    let pruned = journal.prune(u64::MAX, 0).unwrap();
    assert_eq!((pruned.runs, pruned.held_by.is_some()), (1, true));
    assert_eq!(journal.verify().unwrap().problems, []);
}

#[tokio::test]
async fn jrn_04_where_the_journal_is_required_and_cannot_be_written_reads_are_refused_too() {
    for required in [true, false] {
        let why = std::io::Error::other("the disk is gone");
        let journal = Journal::unwritable(&why, required);
        let record = Record::of(&journal, Id::of([1; 16]), RunCounts::default(), Vec::new());
        let nothing = json("{}");
        let ticket = record.intend(1, Effect::Read, &nothing, None, false, false);
        assert_eq!(ticket.await.is_err(), required);
        let ticket = record.intend(2, Effect::Write, &nothing, None, false, false);
        assert!(ticket.await.is_err());
    }
}

#[test]
fn jrn_03_a_key_that_others_can_read_or_that_is_none_is_not_used() {
    use std::os::unix::fs::PermissionsExt;

    let (place, key) = keyed();
    let read = |name: &str| {
        let path = place.path().join(name);
        let said = JournalKey::read(&path).map(drop);
        let said = said.map_err(|error| error.to_string());
        said.map_err(|said| said.replace(&path.display().to_string(), name))
    };
    assert_eq!(read("journal.key"), Ok(()));
    let again = JournalKey::create(key.path()).unwrap_err().to_string();
    assert!(again.ends_with("File exists (os error 17)"), "{again}");
    let written = std::fs::read_to_string(key.path()).unwrap();
    std::fs::write(place.path().join("seen.key"), &written).unwrap();
    let seen = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(place.path().join("seen.key"), seen).unwrap();
    std::fs::write(place.path().join("short.key"), written.get(..40).unwrap()).unwrap();
    let own = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(place.path().join("short.key"), own).unwrap();
    let cannot =
        |name: &str, why: &str| Err(format!("the journal's key `{name}` cannot be used: {why}"));
    assert_eq!(
        read("seen.key"),
        cannot("seen.key", "others can read it; run `chmod 600` on it")
    );
    assert_eq!(
        read("short.key"),
        cannot(
            "short.key",
            "it is not what `sandgate journal key new` made"
        )
    );
    assert_eq!(
        read("none.key"),
        cannot("none.key", "No such file or directory (os error 2)")
    );
    assert!(!format!("{key:?}").contains("bytes"));
}
