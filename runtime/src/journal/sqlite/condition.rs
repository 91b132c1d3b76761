//! What is asked of the tables before a line is added, within the transaction that adds it. It must never look outside of that.

use super::{number, unsigned};
use crate::journal::{
    entry::Purpose,
    ledger::{Condition, LedgerError},
};
use rusqlite::{Connection, params};

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

/// The latest time of a run, or of the last line.
pub(super) fn latest(database: &Connection) -> Result<u64, LedgerError> {
    Ok(database
        .prepare_cached(
            "SELECT max(
                coalesce((SELECT max(began) FROM runs), 0), coalesce((SELECT max(ended) FROM runs), 0),
                coalesce((SELECT at FROM entries ORDER BY seq DESC LIMIT 1), 0))",
        )?
        .query_row([], |row| unsigned(row, 0))?)
}

/// What a run is for, as its column has it.
pub(super) fn written(of: Purpose) -> String {
    serde_json::to_string(&of).unwrap_or_default()
}
