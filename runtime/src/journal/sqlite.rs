//! The journal in SQLite, in a directory of its own: what a run's process may write is this and not what decides. Lines are added
//! in one transaction with what follows from them; a transaction that has to last is on the disk when it is done.

#![expect(
    clippy::disallowed_methods,
    reason = "the journal lies in a directory of its own"
)]

mod condition;

use super::{
    RUNNING,
    anchor::AnchorFile,
    chain::link,
    digest::Digest,
    entry::Entry,
    id::Id,
    key::JournalKey,
    ledger::{
        Anchor, Appended, ApprovalFilter, ApprovalRow, AskedRow, Batch, Condition, KeptLine,
        Ledger, LedgerError, Line, Pruned, Pruning, RunFilter, RunRow, TableChange,
    },
    owner,
};
use crate::{
    failpoint::{Failpoint, disk, pass},
    private,
};
use condition::{LatestSeen, holds};
use rows::{
    APPROVAL, approval_row, approvals_wanted, number, run_row, runs_wanted, says, unsigned,
};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior,
    config::DbConfig, params,
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use storage::Storage;

mod pruning;
mod rows;
mod storage;

/// Each step makes a database of one version one of the next.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY, run BLOB NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL,
        body BLOB NOT NULL, hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entries_run ON entries (run, seq);
    CREATE TABLE texts (digest BLOB PRIMARY KEY, packed INTEGER NOT NULL, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE runs (
        run BLOB PRIMARY KEY, status TEXT NOT NULL, context TEXT, actor TEXT, user TEXT, name TEXT NOT NULL, purpose TEXT,
        began INTEGER NOT NULL, ended INTEGER, calls INTEGER NOT NULL, changes INTEGER NOT NULL, refused INTEGER NOT NULL,
        owner BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX runs_status ON runs (status, run);
    CREATE TABLE approvals (
        approval BLOB PRIMARY KEY, run BLOB NOT NULL, call INTEGER NOT NULL, context TEXT NOT NULL, service TEXT NOT NULL,
        method TEXT NOT NULL, state TEXT NOT NULL, needed INTEGER NOT NULL, agreed INTEGER NOT NULL,
        expires INTEGER NOT NULL, binding BLOB NOT NULL, line INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX approvals_run ON approvals (run);
    CREATE INDEX approvals_state ON approvals (state);",
    // Lines are removed from the oldest on, so a text can go with the last line that speaks of it.
    "
    CREATE TABLE spoken (digest BLOB PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO spoken SELECT digest, (SELECT coalesce(max(seq), 0) FROM entries) FROM texts;
    CREATE TABLE seal (salt BLOB NOT NULL, probe BLOB NOT NULL, file TEXT NOT NULL) STRICT;",
    // Few runs are asked for by a name of the client's.
    "
    ALTER TABLE runs ADD COLUMN request BLOB;
    CREATE INDEX runs_request ON runs (request, run) WHERE request IS NOT NULL;",
    // Few runs are for another one, and whoever shows a run asks which are for it.
    "
    CREATE INDEX runs_purpose ON runs (purpose, run) WHERE purpose IS NOT NULL;",
];

/// Pages that are written beside the database before they are moved into it.
const MOST_BESIDE: u32 = 256;
/// For how long another process is waited for that writes; it takes milliseconds.
const LONGEST: Duration = Duration::from_secs(10);
/// How soon somebody looks again who was not let wait.
const LOOKS_AGAIN: Duration = Duration::from_millis(5);

/// One connection.
#[derive(Debug)]
pub(super) struct Sqlite {
    database: Connection,
    anchor: AnchorFile,
    directory: PathBuf,
    durable: bool,
    storage: Storage,
    latest: Cell<LatestSeen>,
}

impl Sqlite {
    /// Opens the journal of a directory, which is made where it is missing. What is written from then on is sealed where there is a
    /// key, and one that is sealed opens with no other.
    pub(super) fn open(directory: &Path, key: Option<&JournalKey>) -> Result<Self, LedgerError> {
        Self::opened(directory, |database| Storage::of(database, key))
    }

    /// Opens it for whoever has no key: what is sealed stays so.
    pub(super) fn open_blind(directory: &Path) -> Result<Self, LedgerError> {
        Self::opened(directory, Storage::blind)
    }

    fn opened(
        directory: &Path,
        storage: impl FnOnce(&mut Connection) -> Result<Storage, LedgerError>,
    ) -> Result<Self, LedgerError> {
        private::make_directory(directory).map_err(|error| LedgerError::Directory {
            path: directory.to_owned(),
            reason: error.to_string(),
        })?;
        let path = directory.join("journal.db");
        private::make_file(&path).map_err(|error| LedgerError::Directory {
            path: directory.to_owned(),
            reason: error.to_string(),
        })?;
        let mut database = Connection::open(path)?;
        // Another process may be writing; it will be done at once.
        database.busy_timeout(LONGEST)?;
        database.set_prepared_statement_cache_capacity(32);
        made(&mut database)?;
        database.pragma_update(None, "synchronous", "normal")?;
        // Whoever ends would move all of it and wait for the disk, which nobody needs: a process that reads it finds what was
        // written beside. It is moved now and then, and is never so long that finding takes long.
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        database.pragma_update(None, "wal_autocheckpoint", MOST_BESIDE)?;
        let storage = storage(&mut database)?;
        let mut anchor = AnchorFile::open(directory).map_err(LedgerError::Anchor)?;
        if head(&database)?.seq == 0 {
            anchor.begin().map_err(LedgerError::Anchor)?;
        }
        Ok(Self {
            database,
            anchor,
            directory: directory.to_owned(),
            durable: false,
            storage,
            latest: Cell::default(),
        })
    }

    /// Adds lines in a transaction that somebody else began, and ends it.
    fn commit(
        anchor: &mut AnchorFile,
        storage: &Storage,
        transaction: Transaction<'_>,
        batch: &Batch,
        durable: bool,
    ) -> Result<(), LedgerError> {
        let head = head(&transaction)?;
        let first = head.seq.saturating_add(1);
        for (digest, at) in &batch.spoken {
            let text = batch.texts.get(digest);
            let line = first.saturating_add(u64::try_from(*at).unwrap_or(u64::MAX));
            speak(&transaction, storage, line, *digest, text)?;
        }
        let head = Self::add(&transaction, storage, head, &batch.lines, durable)?;
        Self::end(anchor, transaction, head)
    }

    /// Adds lines in a transaction to a chain that ends here, and tells where it ends then.
    fn add(
        transaction: &Transaction<'_>,
        storage: &Storage,
        mut head: Anchor,
        lines: &[Line],
        durable: bool,
    ) -> Result<Anchor, LedgerError> {
        // Most runs begin and end in one transaction, and their rows are written once.
        let mut begun: BTreeMap<Id, RunRow> = BTreeMap::new();
        for line in lines {
            let seq = head.seq.saturating_add(1);
            // The chain is over what is stored, so that whoever has no key can follow it.
            let body = storage.line(seq, line)?;
            let hash = link(&head.hash, seq, line.run, line.at, &body);
            transaction
                .prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    number(seq),
                    line.run,
                    number(line.at),
                    line.kind,
                    body,
                    hash
                ])?;
            match &line.change {
                None => {}
                Some(TableChange::Begun(row)) => drop(begun.insert(row.run, (**row).clone())),
                Some(change) => {
                    let row = begun.get_mut(&line.run);
                    if !row.is_some_and(|row| stand(row, line.at, change)) {
                        apply(transaction, storage, seq, line, change)?;
                    }
                }
            }
            head = Anchor { seq, hash, durable };
        }
        for row in begun.values() {
            insert(transaction, storage, row)?;
        }
        Ok(Anchor { durable, ..head })
    }

    /// Ends a transaction in which the chain came to end here.
    fn end(
        anchor: &mut AnchorFile,
        transaction: Transaction<'_>,
        head: Anchor,
    ) -> Result<(), LedgerError> {
        // THREAT[JRN-01]: the anchor never names a line that is not kept. What is kept is not written a second time because
        // the anchor could not be.
        disk(Failpoint::Committing).map_err(LedgerError::Disk)?;
        transaction.commit()?;
        if let Err(error) = disk(Failpoint::Committed).and_then(|()| anchor.note(&head)) {
            tracing::warn!("the journal's anchor cannot be written: {error}");
        }
        pass(Failpoint::Anchored);
        Ok(())
    }
}

/// A transaction, which lasts where it has to.
fn begin<'d>(
    database: &'d mut Connection,
    was_durable: &mut bool,
    durable: bool,
) -> Result<Transaction<'d>, LedgerError> {
    if durable != *was_durable {
        let level = if durable { "full" } else { "normal" };
        database.pragma_update(None, "synchronous", level)?;
        *was_durable = durable;
    }
    Ok(database.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// By their places, as in `APPROVAL`.
fn kept_line(row: &Row<'_>) -> rusqlite::Result<KeptLine> {
    Ok(KeptLine {
        seq: unsigned(row, 0)?,
        run: row.get(1)?,
        at: unsigned(row, 2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        hash: row.get(5)?,
    })
}

/// Makes the tables where they are missing. Of several processes that make the same journal SQLite lets one, and tells the others at once
/// that it is busy, whatever they were to wait for.
fn made(database: &mut Connection) -> Result<(), LedgerError> {
    let began = Instant::now();
    loop {
        match migrate(database) {
            Err(LedgerError::Database(error))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && began.elapsed() < LONGEST =>
            {
                thread::sleep(LOOKS_AGAIN);
            }
            migrated => return migrated,
        }
    }
}

fn migrate(database: &mut Connection) -> Result<(), LedgerError> {
    let version = |database: &Connection| -> Result<usize, LedgerError> {
        let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(usize::try_from(version).unwrap_or(usize::MAX))
    };
    let known = MIGRATIONS.len();
    match version(database)? {
        version if version == known => return Ok(()),
        version if version > known => {
            return Err(LedgerError::Corrupt(format!(
                "version is {version}, and versions up to {known} are known"
            )));
        }
        _ => {}
    }
    database.pragma_update(None, "journal_mode", "wal")?;
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let version = version(&transaction)?;
    for migration in MIGRATIONS.get(version..).unwrap_or_default() {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(
        None,
        "user_version",
        i64::try_from(known).unwrap_or(i64::MAX),
    )?;
    Ok(transaction.commit()?)
}

fn head(database: &Connection) -> Result<Anchor, LedgerError> {
    let found = database
        .prepare_cached("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Anchor {
                seq: unsigned(row, "seq")?,
                hash: row.get("hash")?,
                durable: false,
            })
        })
        .optional()?;
    Ok(found.unwrap_or(Anchor {
        seq: 0,
        hash: Digest::default(),
        durable: false,
    }))
}

/// What follows for a row that is still to be written. Whether anything does.
fn stand(row: &mut RunRow, at: u64, change: &TableChange) -> bool {
    match change {
        TableChange::Stands {
            status,
            counts,
            over,
        } => {
            status.clone_into(&mut row.status);
            (row.counts, row.owner) = (*counts, None);
            row.ended = over.then_some(at);
            true
        }
        TableChange::Resumed { owner } => {
            RUNNING.clone_into(&mut row.status);
            (row.owner, row.ended) = (Some(*owner), None);
            true
        }
        _ => false,
    }
}

fn insert(database: &Connection, storage: &Storage, row: &RunRow) -> Result<(), LedgerError> {
    let purpose = row
        .of
        .map(|of| serde_json::to_string(&of).unwrap_or_default());
    database
        .prepare_cached(
            "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            row.run,
            row.status,
            row.context,
            row.actor,
            storage.user(row)?,
            storage.name(row)?,
            purpose,
            number(row.began),
            row.ended.map(number),
            number(row.counts.calls),
            number(row.counts.changes),
            number(row.counts.refused),
            row.owner,
            row.request.map(|request| storage.address(request))
        ])?;
    Ok(())
}

/// What follows from a line.
fn apply(
    database: &Connection,
    storage: &Storage,
    seq: u64,
    line: &Line,
    change: &TableChange,
) -> Result<(), LedgerError> {
    match change {
        TableChange::Begun(row) => insert(database, storage, row)?,
        TableChange::Stands {
            status,
            counts,
            over,
        } => {
            let ended = over.then(|| number(line.at));
            database
                .prepare_cached(
                    "UPDATE runs SET status = ?2, calls = ?3, changes = ?4, refused = ?5, ended = ?6, owner = NULL
                     WHERE run = ?1",
                )?
                .execute(params![
                    line.run,
                    status,
                    number(counts.calls),
                    number(counts.changes),
                    number(counts.refused),
                    ended
                ])?;
        }
        TableChange::Resumed { owner } => {
            database
                .prepare_cached(
                    "UPDATE runs SET status = 'running', owner = ?2, ended = NULL WHERE run = ?1",
                )?
                .execute(params![line.run, owner])?;
        }
        TableChange::Asked(row) => {
            database
                .prepare_cached(
                    "INSERT INTO approvals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                )?
                .execute(params![
                    row.approval,
                    row.run,
                    row.call,
                    row.context,
                    row.service,
                    row.method,
                    row.state.as_str(),
                    row.needed,
                    row.agreed,
                    number(row.expires),
                    storage.binding(row.approval, row.binding)?,
                    number(seq)
                ])?;
        }
        TableChange::Answered {
            approval,
            agreed,
            state,
        } => {
            database
                .prepare_cached(
                    "UPDATE approvals SET state = ?2, agreed = coalesce(?3, agreed) WHERE approval = ?1",
                )?
                .execute(params![approval, state.as_str(), agreed])?;
        }
    }
    Ok(())
}

impl Sqlite {
    /// Whether lines of a run say what a filter asks of lines, where only we can read those.
    fn is_said(&self, run: Id, filter: &RunFilter) -> Result<bool, LedgerError> {
        let kinds = [(filter.called.is_some(), 5), (filter.verdict.is_some(), 6)];
        for (_, kind) in kinds.into_iter().filter(|(is_asked, _)| *is_asked) {
            let mut statement = self.database.prepare_cached(
                "SELECT seq, run, at, kind, body, hash FROM entries WHERE run = ?1 AND kind = ?2",
            )?;
            let mut rows = statement.query(params![run, kind])?;
            let mut is_said = false;
            while let Some(row) = rows.next()?.filter(|_| !is_said) {
                let line = self.storage.opened(kept_line(row)?)?;
                is_said = Entry::decode(&line.body).is_ok_and(|entry| says(&entry, filter));
            }
            if !is_said {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Ledger for Sqlite {
    fn append(&mut self, batch: &Batch, durable: bool) -> Result<(), LedgerError> {
        let transaction = begin(&mut self.database, &mut self.durable, durable)?;
        Self::commit(&mut self.anchor, &self.storage, transaction, batch, durable)
    }

    fn append_if(&mut self, batch: &Batch, condition: &Condition) -> Result<Appended, LedgerError> {
        let transaction = begin(&mut self.database, &mut self.durable, true)?;
        if !holds(&transaction, condition)? {
            return Ok(Appended::TooLate);
        }
        Self::commit(&mut self.anchor, &self.storage, transaction, batch, true)?;
        Ok(Appended::Yes)
    }

    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, LedgerError> {
        let are_sealed = self.storage.is_sealed();
        let Some(wanted) = runs_wanted(filter, &self.storage) else {
            return Ok(Vec::new());
        };
        let most = filter.most.unwrap_or(usize::MAX);
        let is_looked_at = are_sealed && (filter.called.is_some() || filter.verdict.is_some());
        let limit = if is_looked_at { usize::MAX } else { most };
        let text = format!(
            "SELECT * FROM runs {} ORDER BY run DESC LIMIT {}",
            wanted.text(),
            i64::try_from(limit).unwrap_or(i64::MAX)
        );
        let mut statement = self.database.prepare(&text)?;
        let rows = statement.query_map(wanted.values().as_slice(), run_row)?;
        let mut runs = Vec::new();
        for row in rows {
            let row = self.storage.opened_run(row?)?;
            if !is_looked_at || self.is_said(row.run, filter)? {
                runs.push(row);
            }
            if runs.len() >= most {
                break;
            }
        }
        Ok(runs)
    }

    fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRow>, LedgerError> {
        let Some(wanted) = approvals_wanted(filter) else {
            return Ok(Vec::new());
        };
        let text = format!(
            "SELECT {APPROVAL} FROM approvals a {} ORDER BY a.line",
            wanted.text()
        );
        let mut statement = self.database.prepare(&text)?;
        let rows = statement.query_map(wanted.values().as_slice(), |row| {
            approval_row(row, &self.storage)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn asked(&self, filter: &ApprovalFilter) -> Result<Vec<AskedRow>, LedgerError> {
        let Some(wanted) = approvals_wanted(filter) else {
            return Ok(Vec::new());
        };
        let text = format!(
            "SELECT {APPROVAL}, r.name, r.actor, r.user, r.changes, e.at, e.kind, e.body, e.hash FROM approvals a
             JOIN runs r ON r.run = a.run JOIN entries e ON e.seq = a.line {} ORDER BY a.line",
            wanted.text()
        );
        let mut statement = self.database.prepare(&text)?;
        let rows = statement.query_map(wanted.values().as_slice(), |row| {
            let asked = approval_row(row, &self.storage)?;
            let line = KeptLine {
                seq: asked.line,
                run: asked.run,
                at: unsigned(row, 16)?,
                kind: row.get(17)?,
                body: row.get(18)?,
                hash: row.get(19)?,
            };
            let asked = AskedRow {
                row: asked,
                script: row.get(12)?,
                actor: row.get(13)?,
                user: row.get(14)?,
                changes: unsigned(row, 15)?,
                body: Vec::new(),
            };
            Ok((asked, line))
        })?;
        rows.map(|found| {
            let (asked, line) = found?;
            let body = self.storage.opened(line)?.body;
            self.storage.opened_asked(AskedRow { body, ..asked })
        })
        .collect()
    }

    fn lines(&self, run: Option<Id>, from: u64, most: usize) -> Result<Vec<KeptLine>, LedgerError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let lines = match run {
            Some(run) => self
                .database
                .prepare_cached(
                    "SELECT seq, run, at, kind, body, hash FROM entries
                     WHERE run = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
                )?
                .query_map(params![run, number(from), most], kept_line)?
                .collect::<Result<_, _>>()?,
            None => self
                .database
                .prepare_cached(
                    "SELECT seq, run, at, kind, body, hash FROM entries WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
                )?
                .query_map(params![number(from), most], kept_line)?
                .collect::<Result<_, _>>()?,
        };
        Ok(lines)
    }

    fn last_of(&self, run: Id) -> Result<u64, LedgerError> {
        let mut last = self
            .database
            .prepare_cached("SELECT coalesce(max(seq), 0) FROM entries WHERE run = ?1")?;
        Ok(last.query_row([run], |row| unsigned(row, 0))?)
    }

    fn opened(&self, line: KeptLine) -> Result<KeptLine, LedgerError> {
        self.storage.opened(line)
    }

    fn text(&self, digest: Digest) -> Result<Vec<u8>, LedgerError> {
        let mut statement = self
            .database
            .prepare_cached("SELECT packed, body FROM texts WHERE digest = ?1")?;
        // What was written before the journal was sealed stays as it was.
        let address = self.storage.address(digest);
        for address in [address, digest]
            .into_iter()
            .take(if address == digest { 1 } else { 2 })
        {
            let found = statement
                .query_row([address], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((packed, body)) = found {
                let text = self.storage.opened_text(address, packed, body)?;
                return if Digest::of(&text) == digest {
                    Ok(text)
                } else {
                    Err(storage::wrong(digest, "is not the one that was kept"))
                };
            }
        }
        Err(storage::wrong(digest, "is gone"))
    }

    fn texts(
        &self,
        look: &mut dyn FnMut(Digest, Result<(), LedgerError>),
    ) -> Result<(), LedgerError> {
        let mut statement = self
            .database
            .prepare_cached("SELECT digest, packed, body FROM texts ORDER BY digest")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (address, packed, body) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match self.storage.opened_text(address, packed, body) {
                Ok(text) => {
                    let digest = Digest::of(&text);
                    if [digest, self.storage.address(digest)].contains(&address) {
                        look(digest, Ok(()));
                    } else {
                        let wrong = storage::wrong(address, "is not the one that was kept");
                        look(address, Err(wrong));
                    }
                }
                Err(error) => look(address, Err(error)),
            }
        }
        Ok(())
    }

    fn prune(&mut self, pruning: &Pruning) -> Result<Pruned, LedgerError> {
        pruning::prune(self, pruning)
    }

    fn last(&self) -> Result<u64, LedgerError> {
        Ok(head(&self.database)?.seq)
    }

    fn latest(&self) -> Result<u64, LedgerError> {
        let (seen, latest) = self.latest.get().caught_up(&self.database)?;
        self.latest.set(seen);
        Ok(latest)
    }

    fn is_alive(&self, owner: Id) -> bool {
        owner::is_alive(&self.directory, owner)
    }

    fn anchors(&self) -> Result<Vec<Anchor>, LedgerError> {
        self.anchor.read().map_err(LedgerError::Anchor)
    }

    fn read_at_one_moment(&self) -> Result<(), LedgerError> {
        Ok(self.database.execute_batch("BEGIN DEFERRED")?)
    }

    fn read_on(&self) -> Result<(), LedgerError> {
        Ok(self.database.execute_batch("COMMIT")?)
    }
}

/// A text that a line speaks of, which is kept if it was not before.
fn speak(
    database: &Connection,
    storage: &Storage,
    line: u64,
    digest: Digest,
    text: Option<&Vec<u8>>,
) -> Result<(), LedgerError> {
    let address = storage.address(digest);
    let known = database
        .prepare_cached("UPDATE spoken SET last = ?2 WHERE digest = ?1")?
        .execute(params![address, number(line)])?;
    let Some(text) = text.filter(|_| known == 0) else {
        return Ok(());
    };
    database
        .prepare_cached("INSERT INTO spoken VALUES (?1, ?2)")?
        .execute(params![address, number(line)])?;
    let (packed, body) = storage.text(address, text)?;
    database
        .prepare_cached("INSERT INTO texts VALUES (?1, ?2, ?3)")?
        .execute(params![address, packed, body])?;
    Ok(())
}
