//! Cases with what is decided now in place of what they expect. Called by `policy test --bless`; whoever does must read the
//! difference: it says of every decision that it is the right one.

use super::{KEYS, call, principal, tables};
use crate::{
    decision::Query,
    fields::{self, Fields},
    moment::Moment,
    policies::Policies,
    problem::{File, Problem, Unusable},
};
use serde_json::Map;
use std::ops::Range;
use toml::de::DeTable;

/// A text in a place of the file, or at one where there is none yet.
type Edit = (Range<usize>, String);

/// The text of the file with what each case comes to. A case may say nothing of that yet.
pub(super) fn blessed(file: File<'_>, policies: &Policies) -> Result<String, Unusable> {
    let edits = fields::with_table(file, |table| edits(table, file.text, policies))
        .map_err(|problems| Unusable::new(file, problems))?;
    let mut text = file.text.to_owned();
    for (place, written) in edits.into_iter().rev() {
        // Places are those of the parser, and no two overlap.
        if text.get(place.clone()).is_some() {
            text.replace_range(place, &written);
        }
    }
    Ok(text)
}

fn edits(table: &DeTable<'_>, text: &str, policies: &Policies) -> Result<Vec<Edit>, Vec<Problem>> {
    let (tables, mut problems) = tables(table);
    let mut edits = Vec::new();
    for (table, place) in tables {
        let mut fields = Fields::new(table, place, KEYS);
        edits.extend(of_case(table, text, &mut fields, policies).unwrap_or_default());
        problems.extend(fields.problems);
    }
    edits.sort_by_key(|(place, _)| place.start);
    if problems.is_empty() {
        Ok(edits)
    } else {
        Err(problems)
    }
}

fn of_case(
    table: &DeTable<'_>,
    text: &str,
    fields: &mut Fields<'_>,
    policies: &Policies,
) -> Option<Vec<Edit>> {
    let principal = principal(fields, policies);
    let (service, method) = call(fields, policies);
    let params = fields.read("params", "a table of values that JSON has", |value| {
        fields::object(value.as_table()?)
    });
    let now = super::now(fields);
    let read_from = super::after(fields, policies);
    let (principal, service, method) = (principal?, service?, method?);
    let decision = policies.decide(&Query {
        principal: &principal,
        service: &service,
        method: &method,
        params: &params.map_or_else(Map::new, |(params, _)| params),
        now: now.unwrap_or(Moment::OF_CASES),
        read_from: &read_from,
    });
    let verdict = format!("\"{}\"", decision.verdict);
    // Ids hold nothing that TOML would have to escape.
    let ids: Vec<String> = decision
        .policies
        .iter()
        .map(|id| format!("\"{id}\""))
        .collect();
    let ids = format!("[{}]", ids.join(", "));
    // Behind the line of its last value, where a remark may stand.
    let end = table.values().map(|value| value.span().end).max()?;
    let rest = text.get(end..).unwrap_or_default();
    let end = end.saturating_add(rest.find('\n').unwrap_or(rest.len()));
    let mut missing = String::new();
    let mut edits = Vec::new();
    for (key, written) in [("expect", verdict), ("policies", ids)] {
        match table.get(key) {
            Some(value) => edits.push((value.span(), written)),
            None => missing.push_str(&format!("\n{key} = {written}")),
        }
    }
    if !missing.is_empty() {
        edits.push((end..end, missing));
    }
    Some(edits)
}
