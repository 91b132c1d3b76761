//! How the oldest runs are removed: from the first line on, in whole runs, up to one that has to stay. The work is bounded by the lines
//! that are removed, so that a writer can do some of it whenever it has nothing else to do. What is left can be verified: a line says
//! where it begins. It must never remove anything of a run that is not over.

use super::{
    Sqlite, head, kept_line,
    rows::{number, unsigned},
    storage::Storage,
};
use crate::journal::{
    digest::Digest,
    entry::Entry,
    id::Id,
    ledger::{KeptLine, LedgerError, Line, Pruned, Pruning},
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::BTreeSet;

/// What a line takes beside its entry: its numbers, its hash, and its place in the index.
const BESIDE: u64 = 128;

/// What can be removed.
#[derive(Debug, Default)]
struct Removable {
    /// The last line, and its hash.
    through: Option<(u64, Digest)>,
    runs: Vec<Id>,
    texts: Vec<Digest>,
    pruned: Pruned,
}

/// Lines since the last place at which the journal can be cut.
#[derive(Debug, Default)]
struct PruningPiece {
    lines: u64,
    bytes: u64,
    runs: Vec<Id>,
    texts: BTreeSet<Digest>,
}

pub(super) fn prune(sqlite: &mut Sqlite, pruning: &Pruning) -> Result<Pruned, LedgerError> {
    let Sqlite {
        database,
        anchor,
        storage,
        ..
    } = sqlite;
    let behaviour = if pruning.is_rehearsed {
        TransactionBehavior::Deferred
    } else {
        TransactionBehavior::Immediate
    };
    let transaction = database.transaction_with_behavior(behaviour)?;
    let removable = removable(&transaction, storage, pruning)?;
    let (Some((through, hash)), false) = (removable.through, pruning.is_rehearsed) else {
        return Ok(removable.pruned);
    };
    let entry = Entry::Pruned { through, hash };
    let line = Line::of(Id::of([0; 16]), pruning.at, &entry, None);
    // The last line is removed once the next is chained to it, and both or neither is so after a power cut.
    let head = head(&transaction)?;
    let head = Sqlite::add(&transaction, storage, head, &[line], false)?;
    remove(&transaction, through, &removable)?;
    Sqlite::end(anchor, transaction, head)?;
    Ok(removable.pruned)
}

fn remove(
    transaction: &Transaction<'_>,
    through: u64,
    removable: &Removable,
) -> Result<(), LedgerError> {
    for run in &removable.runs {
        for statement in [
            "DELETE FROM runs WHERE run = ?1",
            "DELETE FROM approvals WHERE run = ?1",
        ] {
            transaction.prepare_cached(statement)?.execute([run])?;
        }
    }
    for address in &removable.texts {
        for statement in [
            "DELETE FROM spoken WHERE digest = ?1",
            "DELETE FROM texts WHERE digest = ?1",
        ] {
            transaction.prepare_cached(statement)?.execute([address])?;
        }
    }
    let lines = "DELETE FROM entries WHERE seq <= ?1";
    transaction.execute(lines, [number(through)])?;
    Ok(())
}

/// Goes from the first line on for as long as what it comes to may be removed. The journal can be cut behind a line where no run has lines
/// on both sides of it, or what is left of that one had no beginning.
fn removable(
    database: &Connection,
    storage: &Storage,
    pruning: &Pruning,
) -> Result<Removable, LedgerError> {
    let kept = kept_bytes(database)?;
    let mut found = Removable::default();
    let (mut piece, mut freed, mut until) = (PruningPiece::default(), 0_u64, 0_u64);
    let mut seen = BTreeSet::new();
    let mut lines =
        database.prepare("SELECT seq, run, at, kind, body, hash FROM entries ORDER BY seq")?;
    let mut lines = lines.query([])?;
    if kept <= pruning.above {
        return Ok(found);
    }
    while let Some(row) = lines.next()? {
        let line = kept_line(row)?;
        if found.through.is_some()
            && found.pruned.lines.saturating_add(piece.lines) >= pruning.lines
        {
            found.pruned.is_more = true;
            break;
        }
        if seen.insert(line.run) {
            match run_of(database, line.run)? {
                // What says that lines were removed is of no run.
                None => {}
                Some((_, None)) => {
                    found.pruned.held_by = Some(line.run);
                    break;
                }
                Some((_, Some(ended))) if ended >= pruning.ended_before => break,
                Some((last, Some(_))) => {
                    until = until.max(last);
                    piece.runs.push(line.run);
                }
            }
        }
        let (seq, hash) = (line.seq, line.hash);
        piece.take(storage, line)?;
        if seq >= until && !(found.runs.is_empty() && piece.runs.is_empty()) {
            freed =
                freed.saturating_add(found.cut(seq, hash, std::mem::take(&mut piece), database)?);
            if kept.saturating_sub(freed) <= pruning.above {
                break;
            }
        }
    }
    Ok(found)
}

impl PruningPiece {
    fn take(&mut self, storage: &Storage, line: KeptLine) -> Result<(), LedgerError> {
        let length = u64::try_from(line.body.len()).unwrap_or(u64::MAX);
        self.lines = self.lines.saturating_add(1);
        self.bytes = self.bytes.saturating_add(length).saturating_add(BESIDE);
        let line = storage.opened(line)?;
        // Of a line that cannot be read nobody knows what it speaks of; verifying says that.
        if let Ok(entry) = Entry::decode(&line.body) {
            for digest in entry.texts() {
                self.texts.extend([storage.address(digest), digest]);
            }
        }
        Ok(())
    }
}

impl Removable {
    /// The journal can be cut behind this line. Tells how many bytes that would free.
    fn cut(
        &mut self,
        seq: u64,
        hash: Digest,
        piece: PruningPiece,
        database: &Connection,
    ) -> Result<u64, LedgerError> {
        let mut freed = piece.bytes;
        let mut last = database.prepare_cached(
            "SELECT length(body) FROM texts WHERE digest = ?1
                AND (SELECT last FROM spoken WHERE digest = ?1) <= ?2",
        )?;
        for address in piece.texts {
            // A later line that speaks of it brings it up again.
            let length: Option<i64> = last
                .query_row(params![address, number(seq)], |row| row.get(0))
                .optional()?;
            if let Some(length) = length {
                freed = freed.saturating_add(u64::try_from(length).unwrap_or_default());
                self.texts.push(address);
            }
        }
        self.through = Some((seq, hash));
        self.pruned.lines = self.pruned.lines.saturating_add(piece.lines);
        self.runs.extend(piece.runs);
        let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
        (self.pruned.runs, self.pruned.texts) = (count(self.runs.len()), count(self.texts.len()));
        Ok(freed)
    }
}

/// The last line of a run, and when it ended.
fn run_of(database: &Connection, run: Id) -> Result<Option<(u64, Option<u64>)>, LedgerError> {
    let found = database
        .prepare_cached(
            "SELECT (SELECT max(seq) FROM entries WHERE run = ?1), ended FROM runs WHERE run = ?1",
        )?
        .query_row([run], |row| {
            let ended: Option<i64> = row.get(1)?;
            let ended = ended.map(|_| unsigned(row, 1)).transpose()?;
            Ok((unsigned(row, 0)?, ended))
        })
        .optional()?;
    Ok(found)
}

/// What the database takes on the disk, without what is free in it.
fn kept_bytes(database: &Connection) -> Result<u64, LedgerError> {
    let of = |pragma: &str| -> Result<u64, LedgerError> {
        let number: i64 = database.pragma_query_value(None, pragma, |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or_default())
    };
    let pages = of("page_count")?.saturating_sub(of("freelist_count")?);
    Ok(pages.saturating_mul(of("page_size")?))
}
