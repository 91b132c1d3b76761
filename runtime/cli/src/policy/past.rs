//! `sandgate policy replay` and `suggest`: what policies say of the calls that the journal has. Nothing is called and nothing is in
//! force by it. Calls are bound to the parameters of their methods by the rules of the road, so that policies see what they saw.

use super::OpenedContext;
use crate::{
    exit::Exit,
    failure::Failure,
    journal::{failed, readable},
    print,
    reach::PoliciesArgument,
    shared::SharedArguments,
    values,
};
use clap::Args;
use sandgate::{
    Entry, Id, Journal, RunFilter,
    policy::{ContextNumber, JournaledCall, Moment, Principal, Query, Verdict},
    service::Registry,
};
use serde_json::{Map, Value, json, value::RawValue};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Args)]
pub(super) struct JournalReplayArguments {
    /// Calls of runs that began at this time or later: 30d (so long ago), 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::point)]
    since: Option<u64>,
    /// Only those of this context
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SuggestArguments {
    /// The run whose calls were refused: the beginning of its name, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// For the policies of this context [default: that of the run]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A call of the journal, with what policies look at.
struct CallOfRun {
    principal: Principal,
    service: String,
    method: String,
    params: Map<String, Value>,
    now: Moment,
    read_from: BTreeSet<String>,
    /// What was decided last, where the policies were asked.
    decided: Option<(Verdict, Vec<String>)>,
}

impl CallOfRun {
    fn query(&self) -> Query<'_> {
        Query {
            principal: &self.principal,
            service: &self.service,
            method: &self.method,
            params: &self.params,
            now: self.now,
            read_from: &self.read_from,
        }
    }
}

pub(super) fn replay(
    arguments: &JournalReplayArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let filter = RunFilter {
        context: arguments.context.clone(),
        since: arguments.since,
        ..RunFilter::default()
    };
    let runs = journal.runs(&filter)?;
    let mut contexts: BTreeMap<String, Vec<Id>> = BTreeMap::new();
    // The oldest first, as they were made.
    for row in runs.iter().rev() {
        if let Some(context) = &row.context {
            contexts.entry(context.clone()).or_default().push(row.run);
        }
    }
    if let Some(context) = &arguments.context {
        contexts.entry(context.clone()).or_default();
    }
    let (mut text, mut objects, mut differs) = (String::new(), Map::new(), false);
    let is_one = contexts.len() <= 1;
    for (name, runs) in contexts {
        let opened = OpenedContext::open(&arguments.policies, &name, shared)?;
        let Some(OpenedContext { services, context }) = opened else {
            return Ok(Exit::Found);
        };
        let registry = Registry::of(services);
        let mut calls = Vec::new();
        for run in runs {
            let of_run = calls_of(&journal, run, &name, &registry)?;
            calls.extend(of_run.into_iter().filter(|call| call.decided.is_some()));
        }
        let journaled = calls.iter().filter_map(|call| {
            let (verdict, policies) = call.decided.as_ref()?;
            Some(JournaledCall {
                query: call.query(),
                verdict: *verdict,
                policies,
            })
        });
        let differences = context.policies.replay(journaled);
        differs = differs || differences.differing > 0;
        if !is_one {
            text.push_str(&format!("{name}:\n"));
        }
        text.push_str(&differences.to_string());
        objects.insert(name, json!(differences));
    }
    if arguments.json {
        print::json(&format!("{}\n", Value::Object(objects)))?;
    } else if text.is_empty() {
        print::out("the journal has no such call\n")?;
    } else {
        print::out(&text)?;
    }
    Ok(super::exit(differs))
}

pub(super) fn suggest(
    arguments: &SuggestArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let row = journal.run(&arguments.run);
    let row = row.map_err(|error| failed(error.into()))?;
    let name = arguments.context.as_deref().or(row.context.as_deref());
    let Some(name) = name else {
        let message = format!("the run {} was made in no context", row.run);
        return Err(Failure::usage(
            message,
            "name a run that could call services",
        ));
    };
    let opened = OpenedContext::open(&arguments.policies, name, shared)?;
    let Some(OpenedContext { services, context }) = opened else {
        return Ok(Exit::Found);
    };
    let registry = Registry::of(services);
    let calls = calls_of(&journal, row.run, name, &registry)?;
    let refused = calls.iter().filter(|call| match &call.decided {
        Some((verdict, _)) => *verdict == Verdict::Refuse,
        // Of a service that the context could use nothing of no policy was asked.
        None => registry.method(&call.service, &call.method).is_some(),
    });
    let suggestion = context.policies.suggest(refused.map(CallOfRun::query));
    let suggestion = suggestion.map_err(|error| {
        Failure::usage(
            format!("what would be suggested does not load: {error}"),
            "write the policies by hand",
        )
    })?;
    if arguments.json {
        print::json(&format!("{}\n", json!(suggestion)))?;
    } else {
        print::out(&suggestion.to_string())?;
    }
    Ok(Exit::Ok)
}

/// The calls of a run, as the policies of a context of this name would see them.
fn calls_of(
    journal: &Journal,
    run: Id,
    context: &str,
    registry: &Registry,
) -> Result<Vec<CallOfRun>, Failure> {
    let mut calls: BTreeMap<u32, CallOfRun> = BTreeMap::new();
    let mut principal = None;
    journal.each(Some(run), 0, |line| -> Result<bool, Failure> {
        let entry = Entry::decode(&line.body);
        match entry.map_err(|error| Failure::ours(&error))? {
            Entry::Begun(begun) => {
                let caller = begun.caller.as_ref();
                principal = caller
                    // No policy sees the number.
                    .map(|caller| caller.principal(context, ContextNumber::Administrator))
                    .transpose()
                    .map_err(|error| Failure::usage(error.to_string(), "name another context"))?;
            }
            Entry::Called {
                call,
                service,
                method,
                params,
            } => {
                let Some(principal) = principal.clone().filter(|_| service != sandgate::BUILTIN)
                else {
                    return Ok(true);
                };
                let params = RawValue::from_string(journal.held(&params)?);
                let params = params.map_err(|error| Failure::ours(&error))?;
                let bound = registry
                    .method(&service, &method)
                    .and_then(|method| method.bind(&params, &principal).ok());
                let params = match bound {
                    Some(arguments) => arguments.by_name().clone(),
                    // What cannot be bound any more is a difference all the same.
                    None => serde_json::from_str(params.get()).unwrap_or_default(),
                };
                let made = CallOfRun {
                    principal,
                    service: service.into_owned(),
                    method: method.into_owned(),
                    params,
                    now: Moment::of_ms(line.at),
                    read_from: BTreeSet::new(),
                    decided: None,
                };
                calls.insert(call, made);
            }
            Entry::Decided(decided) => {
                if let Some(made) = calls.get_mut(&decided.call) {
                    let policies = decided.policies.iter().map(ToString::to_string);
                    made.decided = Some((decided.verdict, policies.collect()));
                    made.now = Moment::of_ms(decided.at);
                    made.read_from = decided.read_from.iter().map(ToString::to_string).collect();
                }
            }
            _ => {}
        }
        Ok(true)
    })?;
    Ok(calls.into_values().collect())
}
