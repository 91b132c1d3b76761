//! What rows of the tables are in the terms of the journal, and how they are asked for. Used by `sqlite`. What nobody here wrote must not
//! be read as if somebody had.

use super::{condition::written, storage::Storage};
use crate::journal::{
    digest::Digest,
    entry::{Entry, Purpose},
    id::Id,
    ledger::{ApprovalFilter, ApprovalRow, ApprovalState, RunCounts, RunFilter, RunRow},
};
use rusqlite::{
    Row, RowIndex, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

/// What is asked of rows, piece by piece.
#[derive(Default)]
pub(super) struct RowsWanted {
    conditions: Vec<&'static str>,
    values: Vec<Box<dyn ToSql>>,
}

impl RowsWanted {
    pub(super) fn and(
        &mut self,
        condition: &'static str,
        values: impl IntoIterator<Item = Box<dyn ToSql>>,
    ) {
        self.conditions.push(condition);
        self.values.extend(values);
    }

    pub(super) fn text(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.conditions.join(" AND "))
        }
    }

    pub(super) fn values(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }
}

/// Which runs are asked for. `None` where there can be none. What only lines say is not among it where those are sealed.
pub(super) fn runs_wanted(filter: &RunFilter, storage: &Storage) -> Option<RowsWanted> {
    let mut wanted = RowsWanted::default();
    if let Some(beginning) = &filter.beginning {
        let (first, last) = Id::beginning(beginning)?;
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
    if let Some(request) = filter.request {
        wanted.and("request = ?", [boxed(storage.address(request))]);
    }
    if let Some(since) = filter.since {
        wanted.and("began >= ?", [boxed(number(since))]);
    }
    if let Some(until) = filter.until {
        wanted.and("began < ?", [boxed(number(until))]);
    }
    if storage.is_sealed() {
        return Some(wanted);
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
    Some(wanted)
}

/// Whether a line says what a filter asks of lines.
pub(super) fn says(entry: &Entry<'_>, filter: &RunFilter) -> bool {
    match entry {
        Entry::Called {
            service, method, ..
        } => filter.called.as_ref().is_some_and(|(wanted, of)| {
            wanted == service && of.as_ref().is_none_or(|of| of == method)
        }),
        Entry::Decided(decided) => {
            let verdict = serde_json::to_value(decided.verdict).unwrap_or_default();
            filter.verdict.as_deref() == verdict.as_str()
        }
        _ => false,
    }
}

pub(super) fn boxed(value: impl ToSql + 'static) -> Box<dyn ToSql> {
    Box::new(value)
}

pub(super) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
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
        request: row.get("request")?,
    })
}

/// Which questions are asked for. `None` where there can be none.
pub(super) fn approvals_wanted(filter: &ApprovalFilter) -> Option<RowsWanted> {
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
pub(super) const APPROVAL: &str = "a.approval, a.run, a.call, a.context, a.service, a.method, a.state, a.needed, a.agreed, a.expires, a.binding, a.line";

pub(super) fn approval_row(row: &Row<'_>, storage: &Storage) -> rusqlite::Result<ApprovalRow> {
    let approval = row.get(0)?;
    Ok(ApprovalRow {
        approval,
        run: row.get(1)?,
        call: row.get(2)?,
        context: row.get(3)?,
        service: row.get(4)?,
        method: row.get(5)?,
        state: row.get(6)?,
        needed: row.get(7)?,
        agreed: row.get(8)?,
        expires: unsigned(row, 9)?,
        binding: storage.opened_binding(approval, row.get_ref(10)?)?,
        line: unsigned(row, 11)?,
    })
}

/// SQLite's integers have a sign; ours are below 2^63.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u64> {
    let column = column.idx(row.as_ref())?;
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

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
