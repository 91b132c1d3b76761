//! The narrowest permits that would have allowed calls that were refused, with cases, for an author to judge. Called with
//! what a journal holds. It must never loosen a prohibition, and never give a reason: what it suggests does not load until
//! somebody has written one.

mod case;
mod permit;

use crate::{
    characters::{is_blank, is_hidden},
    decision::{Decision, Fault, Query, Verdict},
    limits::{ContextLimits, ContextNumber},
    policies::Policies,
    problem::{File, Unusable},
    rule::PolicyId,
};
use cedar_policy::{PolicySet, ValidationMode, ValidationWarning};
use permit::{Largest, SuggestedPermit};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZeroU32,
};

/// What an author could add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The end of `policy.cedar`, with a blank in place of each reason; empty where nothing is suggested.
    pub policies: String,
    /// The end of `cases.toml`.
    pub cases: String,
    /// Calls that no permit would help.
    pub still_refused: Vec<StillRefused>,
    /// How many of the calls are not refused any more.
    pub permitted: u64,
}

/// Calls of one method that stay refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StillRefused {
    /// The service and the method.
    pub call: String,
    /// The policies that forbid it, or that cannot be evaluated.
    pub policies: Vec<PolicyId>,
    /// Why policies do not decide, where they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// How many calls these are.
    pub calls: u64,
}

/// The blank: an empty reason does not load.
const BLANK: &str = "";
/// What stands in its place while the suggestion is tried.
const TRIED: &str = "This is tried.";

const HEAD: &str = "// Suggested. Say why in each @because: without a reason these do not load.\n";

impl Policies {
    /// Suggests permits for calls that were refused. Fails where what it would suggest does not load, such as where the
    /// file would become too long.
    pub fn suggest<'a>(
        &self,
        refused: impl IntoIterator<Item = Query<'a>>,
    ) -> Result<Suggestion, Unusable> {
        let mut suggestion = Suggestion::default();
        let mut unpermitted = Vec::new();
        let mut left: BTreeMap<(String, Vec<PolicyId>, bool), StillRefused> = BTreeMap::new();
        for query in refused {
            let decision = self.decide(&query);
            if decision.verdict != Verdict::Refuse {
                suggestion.permitted = suggestion.permitted.saturating_add(1);
            } else if decision.policies.is_empty() && decision.fault.is_none() {
                unpermitted.push(query);
            } else {
                let one = StillRefused::of(&query, decision);
                let key = (one.call.clone(), one.policies.clone(), one.fault.is_some());
                let entry = left.entry(key).or_insert(one);
                entry.calls = entry.calls.saturating_add(1);
            }
        }
        suggestion.still_refused = left.into_values().collect();
        let permits = self.permits(unpermitted);
        if permits.is_empty() {
            return Ok(suggestion);
        }
        let with = |because: &str| -> String {
            let written = permits.iter().map(|(permit, _)| permit.written(because));
            HEAD.to_owned() + &written.collect::<Vec<_>>().join("\n")
        };
        let tried = self.tried(&with(TRIED))?;
        let cases = permits
            .iter()
            .flat_map(|(permit, calls)| tried.cases_of(permit.id(), calls));
        suggestion.cases = cases.collect::<Vec<_>>().join("\n");
        suggestion.policies = with(BLANK);
        Ok(suggestion)
    }

    fn permits<'a>(&self, calls: Vec<Query<'a>>) -> Vec<(SuggestedPermit, Vec<Query<'a>>)> {
        let mut taken: BTreeSet<String> = self.ids().map(ToString::to_string).collect();
        let mut permits = Vec::new();
        for ((service, method), callers) in permit::by_method(calls) {
            let Some(shape) = self.schema.shape(&service, &method) else {
                continue;
            };
            let all: Vec<Query<'_>> = callers.values().flatten().copied().collect();
            let incomparable = permit::incomparable(&all, shape);
            let may_be_written = |name: &str, condition: &str| {
                !incomparable.contains(name) && self.may_be_written(condition)
            };
            for calls in callers.into_values() {
                let id = free(&format!("suggested.{service}.{method}"), &mut taken);
                let permit = SuggestedPermit::of(id, &calls, shape, &may_be_written);
                permits.extend(permit.map(|permit| (permit, calls)));
            }
        }
        permits
    }

    /// Whether a file of policies may hold a condition: one with a text of mixed scripts, for example, may not.
    fn may_be_written(&self, condition: &str) -> bool {
        // Anything else in it is of this crate's own making.
        if condition.bytes().all(|byte| byte.is_ascii()) && !condition.contains("\\u{") {
            return true;
        }
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        let set: Result<PolicySet, _> = text.parse();
        set.is_ok_and(|set| {
            let result = self.schema.validator.validate(&set, ValidationMode::Strict);
            let warnings = result.validation_warnings();
            // That it is about other methods too is no fault of the condition.
            !warnings.into_iter().any(|warning| {
                !matches!(
                    warning,
                    ValidationWarning::ImpossiblePolicy(_)
                        | ValidationWarning::InvalidActionApplication(_)
                )
            })
        })
    }

    /// These policies with others at their end.
    fn tried(&self, more: &str) -> Result<Self, Unusable> {
        let file = File {
            name: &self.file,
            text: &format!("{}\n{more}", self.text),
        };
        // Limits are only part of a digest that nobody is shown.
        let limits = ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN));
        Self::load(self.schema.clone(), file, &limits)
    }

    /// A call that a permit is made from, and one that is just beyond it, with what becomes of them.
    fn cases_of(&self, id: &str, calls: &[Query<'_>]) -> Vec<String> {
        let Some(call) = calls.first() else {
            return Vec::new();
        };
        let mut cases = Vec::new();
        cases.extend(case::case(
            &format!("{id}: as it was refused"),
            call,
            &self.decide(call),
        ));
        if let Some((name, params)) = self.beyond(calls) {
            let call = Query {
                params: &params,
                ..*call
            };
            let name = format!("{id}: with a larger {}", name.escape_debug());
            cases.extend(case::case(&name, &call, &self.decide(&call)));
        }
        cases
    }

    /// The first call with a number that is larger than any that was seen, where there is one to enlarge.
    fn beyond(&self, calls: &[Query<'_>]) -> Option<(String, Map<String, Value>)> {
        let call = calls.first()?;
        let slot = self.slot(call.service, call.method)?;
        slot.parameters.iter().find_map(|(name, attribute)| {
            let kind = attribute.kind.as_ref().ok()?;
            let values: Vec<&Value> = calls
                .iter()
                .filter_map(|call| call.params.get(name))
                .collect();
            let larger = match permit::largest(kind, &values)? {
                Largest::Whole(most) => Value::from(most.checked_add(1)?),
                Largest::Decimal(most) => Value::from(most.floor() + 1.0),
            };
            kind.convert(&larger).ok()?;
            let mut params = call.params.clone();
            params.insert(name.clone(), larger);
            Some((name.clone(), params))
        })
    }
}

impl StillRefused {
    fn of(query: &Query<'_>, decision: Decision) -> Self {
        Self {
            call: format!("{}.{}", query.service, query.method),
            policies: decision.policies,
            fault: decision.fault,
            calls: 0,
        }
    }
}

/// A text in quotation marks. A character that does not show as what it is, which no file of policies may hold, is
/// written by its number.
fn quoted(text: &str, by_number: fn(char) -> String) -> String {
    let mut written = "\"".to_owned();
    for character in text.chars() {
        match character {
            '"' | '\\' => written.extend(['\\', character]),
            ' '..='~' => written.push(character),
            other if other.is_ascii() || is_hidden(other) || is_blank(other) => {
                written.push_str(&by_number(other));
            }
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

/// An id that no policy has yet.
fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    // Room for a number within the 64 characters of an id; all of them are ASCII.
    let stem: String = wanted.chars().take(56).collect();
    let numbered = (2_u64..).map(|number| format!("{stem}-{number}"));
    let mut ids = std::iter::once(stem.clone()).chain(numbered);
    let id = ids.find(|id| !taken.contains(id)).unwrap_or(stem);
    taken.insert(id.clone());
    id
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (file, text) in [
            ("policy.cedar", &self.policies),
            ("cases.toml", &self.cases),
        ] {
            if !text.is_empty() {
                writeln!(f, "at the end of {file}:\n\n{text}")?;
            }
        }
        for one in &self.still_refused {
            writeln!(f, "{one}")?;
        }
        if self.policies.is_empty() {
            writeln!(f, "nothing is suggested")?;
        }
        Ok(())
    }
}

impl fmt::Display for StillRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.policies.iter().map(|id| format!("`{id}`")).collect();
        let calls = match self.calls {
            1 => "once".to_owned(),
            calls => format!("{calls} times"),
        };
        let call = self.call.escape_debug();
        match &self.fault {
            Some(fault) => write!(f, "`{call}`, {calls}: {fault}"),
            None => write!(
                f,
                "`{call}`, {calls}: forbidden by {}, which no permit outweighs",
                ids.join(", ")
            ),
        }
    }
}
