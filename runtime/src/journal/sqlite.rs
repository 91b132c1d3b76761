//! The journal in SQLite, in a directory of its own: what a run's process may write is this and not what decides. Lines are added
//! in one transaction with what follows from them; a transaction that has to last is on the disk when it is done.

#![expect(
    clippy::disallowed_methods,
    reason = "the journal lies in a directory of its own"
)]

mod condition;

use super::{
    anchor::AnchorFile,
    chain::link,
    digest::Digest,
    entry::{Entry, Purpose},
    id::Id,
    ledger::{
        Anchor, Appended, ApprovalFilter, ApprovalRow, ApprovalState, AskedRow, Batch, Condition,
        KeptLine, Ledger, LedgerError, Line, RunCounts, RunFilter, RunRow, TableChange,
    },
    owner,
};
use crate::{
    failpoint::{Failpoint, disk, pass},
    private,
};
use condition::{holds, latest, written};
use rusqlite::{
    Connection, OptionalExtension, Row, RowIndex, ToSql, Transaction, TransactionBehavior, params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use ruzstd::{
    decoding::StreamingDecoder,
    encoding::{CompressionLevel, compress_to_vec},
};
use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

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
    CREATE INDEX approvals_state ON approvals (state);"];

/// Texts that are shorter are not worth packing.
const SHORT: usize = 512;

/// One connection.
#[derive(Debug)]
pub(super) struct Sqlite {
    database: Connection,
    anchor: AnchorFile,
    directory: PathBuf,
    durable: bool,
}

impl Sqlite {
    /// Opens the journal of a directory, which is made where it is missing.
    pub(super) fn open(directory: &Path) -> Result<Self, LedgerError> {
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
        database.busy_timeout(Duration::from_secs(10))?;
        database.set_prepared_statement_cache_capacity(32);
        migrate(&mut database)?;
        database.pragma_update(None, "synchronous", "normal")?;
        let mut anchor = AnchorFile::open(directory).map_err(LedgerError::Anchor)?;
        if head(&database)?.seq == 0 {
            anchor.begin().map_err(LedgerError::Anchor)?;
        }
        Ok(Self {
            database,
            anchor,
            directory: directory.to_owned(),
            durable: false,
        })
    }

    /// Adds lines in a transaction that somebody else began, and ends it.
    fn commit(
        anchor: &mut AnchorFile,
        transaction: Transaction<'_>,
        batch: &Batch,
        durable: bool,
    ) -> Result<(), LedgerError> {
        for (digest, text) in &batch.texts {
            keep(&transaction, *digest, text)?;
        }
        let head = Self::add(&transaction, &batch.lines, durable)?;
        Self::end(anchor, transaction, head)
    }

    /// Adds lines in a transaction, and tells where the chain ends then.
    fn add<'l>(
        transaction: &Transaction<'_>,
        lines: impl IntoIterator<Item = &'l Line>,
        durable: bool,
    ) -> Result<Anchor, LedgerError> {
        let mut head = head(transaction)?;
        for line in lines {
            let seq = head.seq.saturating_add(1);
            let hash = link(&head.hash, seq, line.run, line.at, &line.body);
            transaction
                .prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    number(seq),
                    line.run,
                    number(line.at),
                    line.kind,
                    line.body,
                    hash
                ])?;
            if let Some(change) = &line.change {
                apply(transaction, seq, line, change)?;
            }
            head = Anchor { seq, hash, durable };
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

/// What follows from a line.
fn apply(
    database: &Connection,
    seq: u64,
    line: &Line,
    change: &TableChange,
) -> Result<(), LedgerError> {
    match change {
        TableChange::Begun(row) => {
            let purpose = row.of.map(written);
            database
                .prepare_cached(
                    "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, 0, 0, 0, ?9)",
                )?
                .execute(params![
                    row.run,
                    row.status,
                    row.context,
                    row.actor,
                    row.user,
                    row.name,
                    purpose,
                    number(row.began),
                    row.owner
                ])?;
        }
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
                .prepare_cached("UPDATE runs SET status = 'running', owner = ?2 WHERE run = ?1")?
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
                    row.binding,
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

impl Ledger for Sqlite {
    fn append(&mut self, batch: &Batch, durable: bool) -> Result<(), LedgerError> {
        let transaction = begin(&mut self.database, &mut self.durable, durable)?;
        Self::commit(&mut self.anchor, transaction, batch, durable)
    }

    fn append_if(&mut self, batch: &Batch, condition: &Condition) -> Result<Appended, LedgerError> {
        let transaction = begin(&mut self.database, &mut self.durable, true)?;
        if !holds(&transaction, condition)? {
            return Ok(Appended::TooLate);
        }
        Self::commit(&mut self.anchor, transaction, batch, true)?;
        Ok(Appended::Yes)
    }

    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, LedgerError> {
        let mut wanted = RowsWanted::default();
        if let Some(beginning) = &filter.beginning {
            let Some((first, last)) = Id::beginning(beginning) else {
                return Ok(Vec::new());
            };
            wanted.and("run BETWEEN ? AND ?", [boxed(first), boxed(last)]);
        }
        if let Some(context) = &filter.context {
            wanted.and("context = ?", [boxed(context.clone())]);
        }
        if let Some(status) = &filter.status {
            wanted.and("status = ?", [boxed(status.clone())]);
        }
        if let Some(of) = filter.of {
            wanted.and("purpose = ?", [boxed(written(of))]);
        }
        if let Some(since) = filter.since {
            wanted.and("began >= ?", [boxed(number(since))]);
        }
        if let Some(until) = filter.until {
            wanted.and("began < ?", [boxed(number(until))]);
        }
        if let Some((service, method)) = &filter.called {
            wanted.and(
                "EXISTS (SELECT 1 FROM entries e WHERE e.run = runs.run AND e.kind = 5
                    AND json_extract(CAST(substr(e.body, 2) AS TEXT), '$.called.service') = ?
                    AND coalesce(?, json_extract(CAST(substr(e.body, 2) AS TEXT), '$.called.method'))
                        = json_extract(CAST(substr(e.body, 2) AS TEXT), '$.called.method'))",
                [boxed(service.clone()), boxed(method.clone())],
            );
        }
        if let Some(verdict) = &filter.verdict {
            wanted.and(
                "EXISTS (SELECT 1 FROM entries e WHERE e.run = runs.run AND e.kind = 6
                    AND json_extract(CAST(substr(e.body, 2) AS TEXT), '$.decided.verdict') = ?)",
                [boxed(verdict.clone())],
            );
        }
        let most = filter.most.unwrap_or(usize::MAX);
        let text = format!(
            "SELECT * FROM runs {} ORDER BY run DESC LIMIT {}",
            wanted.text(),
            i64::try_from(most).unwrap_or(i64::MAX)
        );
        let mut statement = self.database.prepare(&text)?;
        let rows = statement.query_map(wanted.values().as_slice(), run_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
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
        let rows = statement.query_map(wanted.values().as_slice(), approval_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn asked(&self, filter: &ApprovalFilter) -> Result<Vec<AskedRow>, LedgerError> {
        let Some(wanted) = approvals_wanted(filter) else {
            return Ok(Vec::new());
        };
        let text = format!(
            "SELECT {APPROVAL}, r.name, r.actor, r.user, r.changes, e.body FROM approvals a
             JOIN runs r ON r.run = a.run JOIN entries e ON e.seq = a.line {} ORDER BY a.line",
            wanted.text()
        );
        let mut statement = self.database.prepare(&text)?;
        let rows = statement.query_map(wanted.values().as_slice(), |row| {
            Ok(AskedRow {
                row: approval_row(row)?,
                script: row.get(12)?,
                actor: row.get(13)?,
                user: row.get(14)?,
                changes: unsigned(row, 15)?,
                body: row.get(16)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn lines(&self, run: Option<Id>, from: u64, most: usize) -> Result<Vec<KeptLine>, LedgerError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // By their places, as in `APPROVAL`.
        let line = |row: &Row<'_>| {
            Ok(KeptLine {
                seq: unsigned(row, 0)?,
                run: row.get(1)?,
                at: unsigned(row, 2)?,
                kind: row.get(3)?,
                body: row.get(4)?,
                hash: row.get(5)?,
            })
        };
        let lines = match run {
            Some(run) => self
                .database
                .prepare_cached(
                    "SELECT seq, run, at, kind, body, hash FROM entries
                     WHERE run = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
                )?
                .query_map(params![run, number(from), most], line)?
                .collect::<Result<_, _>>()?,
            None => self
                .database
                .prepare_cached(
                    "SELECT seq, run, at, kind, body, hash FROM entries WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
                )?
                .query_map(params![number(from), most], line)?
                .collect::<Result<_, _>>()?,
        };
        Ok(lines)
    }

    fn text(&self, digest: Digest) -> Result<Vec<u8>, LedgerError> {
        let (packed, body): (i64, Vec<u8>) = self
            .database
            .prepare_cached("SELECT packed, body FROM texts WHERE digest = ?1")?
            .query_row([digest], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or_else(|| LedgerError::Corrupt(format!("text {digest} is gone")))?;
        let text = match packed {
            0 => body,
            1 => unpacked(&body)
                .ok_or_else(|| LedgerError::Corrupt(format!("text {digest} cannot be unpacked")))?,
            _ => {
                return Err(LedgerError::Corrupt(format!(
                    "text {digest} is neither packed nor not"
                )));
            }
        };
        if Digest::of(&text) == digest {
            Ok(text)
        } else {
            Err(LedgerError::Corrupt(format!(
                "text {digest} is not the one that was kept"
            )))
        }
    }

    fn texts(&self) -> Result<Vec<Digest>, LedgerError> {
        let mut statement = self
            .database
            .prepare_cached("SELECT digest FROM texts ORDER BY digest")?;
        let digests = statement.query_map([], |row| row.get(0))?;
        Ok(digests.collect::<Result<_, _>>()?)
    }

    fn prune(&mut self, ended_before: u64, above: u64, at: u64) -> Result<u64, LedgerError> {
        let transaction = begin(&mut self.database, &mut self.durable, true)?;
        let kept: i64 = transaction.query_row(
            "SELECT (SELECT coalesce(sum(length(body)), 0) FROM entries) + (SELECT coalesce(sum(length(body)), 0) FROM texts)",
            [],
            |row| row.get(0),
        )?;
        if u64::try_from(kept).unwrap_or_default() <= above {
            return Ok(0);
        }
        let through = removable(&transaction, ended_before)?;
        let last: Option<Digest> = transaction
            .query_row(
                "SELECT hash FROM entries WHERE seq = ?1",
                [through],
                |row| row.get(0),
            )
            .optional()?;
        let (Some(through), Some(hash)) = (through, last) else {
            return Ok(0);
        };
        let entry = Entry::Pruned {
            through: u64::try_from(through).unwrap_or_default(),
            hash,
        };
        let line = Line {
            run: Id::of([0; 16]),
            at,
            kind: entry.kind(),
            body: entry.encode(),
            change: None,
        };
        transaction.execute(
            "DELETE FROM runs WHERE run IN (SELECT run FROM entries WHERE seq <= ?1)
                AND run NOT IN (SELECT run FROM entries WHERE seq > ?1)",
            [through],
        )?;
        transaction.execute(
            "DELETE FROM approvals WHERE run NOT IN (SELECT run FROM runs)",
            [],
        )?;
        // The last line is removed once the next is chained to it, and both or neither is so after a power cut.
        let head = Self::add(&transaction, [&line], true)?;
        let removed = transaction.execute("DELETE FROM entries WHERE seq <= ?1", [through])?;
        sweep(&transaction)?;
        Self::end(&mut self.anchor, transaction, head)?;
        Ok(u64::try_from(removed).unwrap_or_default())
    }

    fn last(&self) -> Result<u64, LedgerError> {
        Ok(head(&self.database)?.seq)
    }

    fn latest(&self) -> Result<u64, LedgerError> {
        latest(&self.database)
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

/// The last line that can be removed: none of a run that has to stay is before it, since the chain is one, and no run has lines on
/// both sides of it, or what is left of that one had no beginning.
fn removable(database: &Connection, ended_before: u64) -> Result<Option<i64>, LedgerError> {
    let mut through: Option<i64> = database.query_row(
        "SELECT coalesce(
            (SELECT min(e.seq) - 1 FROM entries e JOIN runs r ON r.run = e.run WHERE r.ended IS NULL OR r.ended >= ?1),
            (SELECT max(seq) FROM entries))",
        [number(ended_before)],
        |row| row.get(0),
    )?;
    let mut divided = database.prepare(
        "SELECT min(first) - 1 FROM (
            SELECT min(seq) AS first, max(seq) AS last FROM entries WHERE run IN (SELECT run FROM runs) GROUP BY run)
         WHERE first <= ?1 AND last > ?1",
    )?;
    while let Some(before) = divided.query_row([through], |row| row.get::<_, Option<i64>>(0))? {
        through = Some(before);
    }
    Ok(through)
}

/// Texts that no line speaks of any more. A digest stands in a line as it is written.
fn sweep(database: &Connection) -> Result<(), LedgerError> {
    let digests: Vec<Digest> = database
        .prepare("SELECT digest FROM texts")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut spoken = BTreeSet::new();
    let mut bodies = database.prepare("SELECT body FROM entries")?;
    let mut rows = bodies.query([])?;
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(0)?;
        if let Ok(entry) = Entry::decode(&body) {
            spoken.extend(entry.texts());
        }
    }
    for digest in digests {
        if !spoken.contains(&digest) {
            database.execute("DELETE FROM texts WHERE digest = ?1", [digest])?;
        }
    }
    Ok(())
}

fn keep(database: &Connection, digest: Digest, text: &[u8]) -> Result<(), LedgerError> {
    let known: bool = database
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM texts WHERE digest = ?1)")?
        .query_row([digest], |row| row.get(0))?;
    if known {
        return Ok(());
    }
    let packed = (text.len() > SHORT).then(|| compress_to_vec(text, CompressionLevel::Fastest));
    let packed = packed.filter(|packed| packed.len() < text.len());
    database
        .prepare_cached("INSERT INTO texts VALUES (?1, ?2, ?3)")?
        .execute(params![
            digest,
            packed.is_some(),
            packed.as_deref().unwrap_or(text)
        ])?;
    Ok(())
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    StreamingDecoder::new(packed)
        .ok()?
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

/// What is asked of rows, piece by piece.
#[derive(Default)]
struct RowsWanted {
    conditions: Vec<&'static str>,
    values: Vec<Box<dyn ToSql>>,
}

impl RowsWanted {
    fn and(&mut self, condition: &'static str, values: impl IntoIterator<Item = Box<dyn ToSql>>) {
        self.conditions.push(condition);
        self.values.extend(values);
    }

    fn text(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.conditions.join(" AND "))
        }
    }

    fn values(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }
}

fn boxed(value: impl ToSql + 'static) -> Box<dyn ToSql> {
    Box::new(value)
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        run: row.get("run")?,
        status: row.get("status")?,
        context: row.get("context")?,
        actor: row.get("actor")?,
        user: row.get("user")?,
        name: row.get("name")?,
        of: row.get("purpose")?,
        began: unsigned(row, "began")?,
        ended: match row.get::<_, Option<i64>>("ended")? {
            Some(_) => Some(unsigned(row, "ended")?),
            None => None,
        },
        counts: RunCounts {
            calls: unsigned(row, "calls")?,
            changes: unsigned(row, "changes")?,
            refused: unsigned(row, "refused")?,
        },
        owner: row.get("owner")?,
    })
}

/// Which questions are asked for. `None` where there can be none.
fn approvals_wanted(filter: &ApprovalFilter) -> Option<RowsWanted> {
    let mut wanted = RowsWanted::default();
    if let Some(run) = filter.run {
        wanted.and("a.run = ?", [boxed(run)]);
    }
    if let Some(beginning) = &filter.beginning {
        let (first, last) = Id::beginning(beginning)?;
        wanted.and("a.approval BETWEEN ? AND ?", [boxed(first), boxed(last)]);
    }
    if !filter.all {
        wanted.and("a.state IN ('pending', 'approved')", []);
    }
    Some(wanted)
}

/// What [`approval_row`] reads, by its places: there may be thousands, and finding a column by its name takes longer than the rest.
const APPROVAL: &str = "a.approval, a.run, a.call, a.context, a.service, a.method, a.state, a.needed, a.agreed, a.expires, a.binding, a.line";

fn approval_row(row: &Row<'_>) -> rusqlite::Result<ApprovalRow> {
    Ok(ApprovalRow {
        approval: row.get(0)?,
        run: row.get(1)?,
        call: row.get(2)?,
        context: row.get(3)?,
        service: row.get(4)?,
        method: row.get(5)?,
        state: row.get(6)?,
        needed: row.get(7)?,
        agreed: row.get(8)?,
        expires: unsigned(row, 9)?,
        binding: row.get(10)?,
        line: unsigned(row, 11)?,
    })
}

/// SQLite's integers have a sign; ours are below 2^63.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u64> {
    let column = column.idx(row.as_ref())?;
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

// What nobody here wrote is not read as if somebody had.
impl FromSql for ApprovalState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::named(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl FromSql for Purpose {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.bytes().to_vec().into())
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?.try_into();
        Ok(Self::of(bytes.map_err(|_| FromSqlError::InvalidType)?))
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.bytes().as_slice().into())
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_bytes(value.as_blob()?).ok_or(FromSqlError::InvalidType)
    }
}
