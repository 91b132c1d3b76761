//! Undoing a run: the calls that undo its changes, the last first, down the same road. What cannot be undone is said, and why. It
//! must never undo what a service did not say that it did.

use super::{
    PastRun, PastRunError,
    direct::{self, DirectCall},
};
use crate::{
    context::Context,
    hostcall::reach::Reach,
    journal::{
        entry::Purpose,
        id::Id,
        ledger::{Condition, RunFilter, RunRow},
        past::{Intended, PastCall, PastText},
    },
    outcome::Outcome,
    sandbox::RunError,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What undoing a run would do, the first step first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undoing {
    /// Which run.
    pub run: Id,
    /// Its changes, the last first.
    pub steps: Vec<UndoStep>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoStep {
    /// Its number in the run.
    pub call: u32,
    /// What was called.
    pub made: String,
    /// The service.
    pub service: String,
    /// The method that undoes it, where one does.
    pub method: Option<String>,
    /// What that is given.
    pub params: Option<String>,
    /// Why it cannot be undone.
    pub because: Option<String>,
}

/// What other runs have done to undo a run.
struct Undone {
    /// Its calls that were undone, or may be, and by which run.
    calls: BTreeMap<u32, (UndoneHow, RunRow)>,
    /// That this is all that was done.
    claim: Condition,
}

/// How sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UndoneHow {
    /// The service has said so.
    Done,
    /// The run is not over.
    UnderWay,
    /// The run is over, and the service has said nothing.
    Unknown,
}

impl PastRun {
    /// What would undo it, or one call of it, as methods are in this context now.
    pub fn undoing(&self, context: &Context, call: Option<u32>) -> Result<Undoing, PastRunError> {
        let reach = context.reach();
        let undone = self.undone()?;
        let mut steps = Vec::new();
        for (number, called) in self.past.calls.iter().rev() {
            if called.intended == Intended::No || call.is_some_and(|call| call != *number) {
                continue;
            }
            let made = format!("{}.{}", called.service, called.method);
            let step = match undone.calls.get(number) {
                Some((UndoneHow::Done, _)) => Err("it is undone already".to_owned()),
                Some((UndoneHow::UnderWay, by)) => Err(format!(
                    "the run {}, `{}`, is to undo it",
                    by.run, by.status
                )),
                Some((UndoneHow::Unknown, by)) => {
                    Err(format!("nobody knows whether the run {} undid it", by.run))
                }
                None => self.undoing_call(reach.map(AsRef::as_ref), called)?,
            };
            let (method, params, because) = match step {
                Ok((method, params)) => (Some(method), Some(params), None),
                Err(because) => (None, None, Some(because)),
            };
            steps.push(UndoStep {
                call: *number,
                made,
                service: called.service.clone(),
                method,
                params,
                because,
            });
        }
        if steps.is_empty() {
            return Err(PastRunError::NoChange(self.row.run));
        }
        Ok(Undoing {
            run: self.row.run,
            steps,
        })
    }

    fn undoing_call(
        &self,
        reach: Option<&Reach>,
        called: &PastCall,
    ) -> Result<Result<(String, String), String>, PastRunError> {
        let Some(reply) = &called.reply else {
            return Ok(Err("nobody knows whether it was made".to_owned()));
        };
        let json = |text: &PastText| -> Result<Value, PastRunError> {
            let text = text.read(&self.journal)?;
            serde_json::from_str(&text).map_err(|_| PastRunError::Text(self.row.run))
        };
        let reply = json(reply)?;
        let Some(result) = reply.get("ok") else {
            return Ok(Err("it was not made".to_owned()));
        };
        let method = reach.and_then(|reach| {
            let method = reach.method(&called.service, &called.method)?;
            Some((reach, method))
        });
        let Some((reach, method)) = method else {
            return Ok(Err(
                "the context may not use the service any more".to_owned()
            ));
        };
        let Some(undo) = &method.undo else {
            return Ok(Err(
                "nothing says how it is undone; `sandgate service mark --undo` does".to_owned(),
            ));
        };
        let given = called.params.read(&self.journal)?;
        let bound = serde_json::value::RawValue::from_string(given)
            .ok()
            .and_then(|given| method.bind(&given, &reach.principal()).ok());
        let params = bound.map(|bound| Value::Object(bound.by_name().clone()));
        let params = params.unwrap_or_default();
        Ok(match undo.call(&params, result) {
            Ok((method, params)) => Ok((method, params.get().to_owned())),
            Err(error) => Err(error.to_string()),
        })
    }

    /// What other runs have done to undo it. They are found by what they are for, and by no time: clocks are set.
    fn undone(&self) -> Result<Undone, PastRunError> {
        let of = Purpose::Undo(self.row.run);
        let runs = self.journal.runs(&RunFilter {
            of: Some(of),
            ..RunFilter::default()
        })?;
        let over = runs.iter().filter(|row| row.ended.is_some()).count();
        let mut calls = BTreeMap::new();
        for row in &runs {
            let other = Self::read(&self.journal, &row.run.to_string())?;
            for (call, number) in direct::calls(&other)?.iter().zip(1..) {
                let Some(undoes) = call.undoes else { continue };
                let made = other.past.calls.get(&number);
                let reply = made.and_then(|made| made.reply.as_ref());
                let was_sent = made.is_some_and(|made| made.intended != Intended::No);
                let how = match reply {
                    Some(reply) if reply.is_ok() => UndoneHow::Done,
                    _ if row.ended.is_none() => UndoneHow::UnderWay,
                    None if was_sent => UndoneHow::Unknown,
                    _ => continue,
                };
                calls.insert(undoes, (how, row.clone()));
            }
        }
        Ok(Undone {
            calls,
            claim: Condition::Runs {
                of,
                all: runs.len() as u64,
                over: over as u64,
            },
        })
    }

    /// Undoes what can be undone.
    pub async fn undo(self, context: &Context, undoing: &Undoing) -> Result<Outcome, PastRunError> {
        let undone = self.undone()?;
        let mut calls = Vec::new();
        let mut numbers = Vec::new();
        for step in &undoing.steps {
            if let (Some(method), Some(params)) = (&step.method, &step.params) {
                if let Some((_, by)) = undone.calls.get(&step.call) {
                    return Err(self.undone_by(step.call, by));
                }
                let params = serde_json::value::RawValue::from_string(params.clone());
                calls.push(DirectCall {
                    service: step.service.clone(),
                    method: method.clone(),
                    params: params.map_err(|_| PastRunError::Text(self.row.run))?,
                    undoes: Some(step.call),
                });
                numbers.push(step.call.to_string());
            }
        }
        // Which calls they undo is in the name for whoever looks.
        let name = format!("undo of calls: {}", numbers.join(" "));
        let of = Purpose::Undo(self.row.run);
        match direct::make(context, &name, &calls, of, Some(&undone.claim), None).await {
            // THREAT[APR-02]: another was first, perhaps with the same calls.
            Err(PastRunError::Run(RunError::Taken)) => {
                let undone = self.undone()?.calls;
                let mut undoes = calls.iter().filter_map(|call| call.undoes);
                let same = undoes.find_map(|call| Some((call, &undone.get(&call)?.1)));
                Err(match same {
                    Some((call, by)) => self.undone_by(call, by),
                    None => PastRunError::Taken(self.row.run),
                })
            }
            outcome => outcome,
        }
    }

    fn undone_by(&self, call: u32, by: &RunRow) -> PastRunError {
        PastRunError::Undone {
            run: self.row.run,
            call,
            by: by.run,
            status: by.status.clone(),
        }
    }
}
