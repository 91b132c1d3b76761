//! What is asked of the tables before a line is added, within the transaction that adds it. It must never look outside of that.

use super::{number, unsigned};
use crate::journal::{
    entry::{Entry, Purpose},
    ledger::{Condition, LedgerError},
};
use rusqlite::{Connection, OptionalExtension, params};

/// Whether something holds at this moment.
pub(super) fn holds(database: &Connection, condition: &Condition) -> Result<bool, LedgerError> {
    let holds = match condition {
        Condition::Question {
            approval,
            state,
            agreed,
        } => database.query_row(
            "SELECT EXISTS (SELECT 1 FROM approvals WHERE approval = ?1 AND state = ?2 AND agreed = ?3)",
            params![approval, state.as_str(), agreed],
            |row| row.get(0),
        )?,
        Condition::Run {
            run,
            status,
            owner,
            last,
        } => database.query_row(
            "SELECT EXISTS (SELECT 1 FROM runs WHERE run = ?1 AND status = ?2 AND owner IS ?3)
                AND NOT EXISTS (SELECT 1 FROM entries WHERE run = ?1 AND seq > ?4)",
            params![run, status, owner, number(*last)],
            |row| row.get(0),
        )?,
        Condition::Runs { of, all, over } => database.query_row(
            "SELECT count(*) = ?2 AND count(ended) = ?3 FROM runs WHERE purpose = ?1",
            params![written(*of), number(*all), number(*over)],
            |row| row.get(0),
        )?,
    };
    Ok(holds)
}

/// When a run began or ended last, as far as lines were looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LatestSeen {
    through: u64,
    at: u64,
}

impl LatestSeen {
    /// The same with the lines that were added since, and the latest time of these runs, or of the last line. The table of runs is
    /// looked through once: one that is added to it, or ends, has its line.
    pub(super) fn caught_up(self, database: &Connection) -> Result<(Self, u64), LedgerError> {
        let last = database
            .prepare_cached("SELECT seq, at FROM entries ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))
            .optional()?;
        let (through, last) = last.unwrap_or_default();
        let newer = if self.through == 0 {
            database.query_row(
                "SELECT max(coalesce((SELECT max(began) FROM runs), 0), coalesce((SELECT max(ended) FROM runs), 0))",
                [],
                |row| unsigned(row, 0),
            )?
        } else {
            database
                .prepare_cached(
                    "SELECT coalesce(max(at), 0) FROM entries WHERE seq > ?1 AND kind IN (?2, ?3)",
                )?
                .query_row(
                    params![number(self.through), Entry::BEGUN, Entry::ENDED],
                    |row| unsigned(row, 0),
                )?
        };
        let at = self.at.max(newer);
        Ok((Self { through, at }, at.max(last)))
    }
}

/// What a run is for, as its column has it.
pub(super) fn written(of: Purpose) -> String {
    serde_json::to_string(&of).unwrap_or_default()
}
