//! Calls without a script: one that somebody types, or those that undo a run. They go down the same road, through the same gate and
//! into the same journal as the calls of a script.

use super::{PastRun, PastRunError};
use crate::{
    budget::Budget,
    context::Context,
    hostcall::{People, Road, RoadParts, halt::Halt},
    journal::{entry::Purpose, id::Id, ledger::Condition},
    limits::Limits,
    made::CallMade,
    outcome::{Outcome, Status, StreamText, Usage},
    processor::Processor,
    recorder::{Clock, Recorder},
    sandbox::{KeptRun, RunAgain, RunEnding, RunError, RunFor, end_of, spent_of},
    script::Script,
};
use sandgate_wire::{Exception, Reply, Request, Value};
use serde_json::value::{RawValue, to_raw_value};
use std::time::Instant;

/// One call.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct DirectCall {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) params: Box<RawValue>,
    /// The call of the other run that it undoes, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undoes: Option<u32>,
}

/// The calls that such a run was made of.
pub(super) fn calls(past: &PastRun) -> Result<Vec<DirectCall>, PastRunError> {
    serde_json::from_str(&past.source()?).map_err(|_| PastRunError::Text(past.row.run))
}

/// Makes calls one after the other, up to the first that fails.
pub(crate) async fn make(
    context: &Context,
    name: &str,
    calls: &[DirectCall],
    of: Purpose,
    claim: Option<&Condition>,
    again: Option<RunAgain>,
) -> Result<Outcome, PastRunError> {
    let limits = context.limits();
    let budget = Budget::default();
    // What it is made of is its script.
    let script = Script {
        name: Some(name.to_owned()),
        ..Script::new(serde_json::to_string(calls).unwrap_or_default())
    };
    let mut again = again;
    let mut recorder = match &mut again {
        Some(again) => Recorder::resume(std::mem::take(&mut again.past.tape), &budget),
        None => Recorder::live(Clock::Real, None, &budget).map_err(RunError::Random)?,
    };
    let purpose = RunFor {
        of: Some(of),
        agreed: None,
        claim,
    };
    let kept = KeptRun::begin(&script, None, context, &limits, &recorder, again, purpose)?;
    let processor = Processor::default();
    let mut road = Road::new(RoadParts {
        reach: context.reach().cloned(),
        people: People::default(),
        processor: processor.clone(),
        budget,
        limit: limits.calls,
        record: kept.record.clone(),
        again: kept.again,
        may_park: kept.may_park,
        ..RoadParts::default()
    });
    let started = Instant::now();
    let mut results = Vec::new();
    let mut ending = RunEnding::of(Status::Ok);
    for call in calls {
        match one(&mut road, &mut recorder, call, &limits).await {
            Ok(Ok(result)) => results.push(result),
            Ok(Err(exception)) => {
                ending = RunEnding::of(Status::Raised);
                ending.exception = Some(exception);
                break;
            }
            Err(DirectStop::Ending(halted)) => {
                ending = *halted;
                break;
            }
            Err(DirectStop::Unknown { call, method }) => {
                kept.record.withheld(call);
                return Err(RunError::Unknown { call, method }.into());
            }
        }
    }
    road.note(&mut recorder);
    let usage = Usage {
        wall: started.elapsed(),
        cpu: processor.used(),
        calls: road.calls(),
        ..Usage::default()
    };
    if ending.status == Status::Ok {
        ending.value = value(results);
    }
    let record = kept.record;
    let spent = spent_of(usage.wall, usage.cpu);
    let mut approvals: Vec<Id> = Vec::new();
    if ending.status == Status::AwaitingApproval {
        match record.park(spent).await {
            Ok(open) => approvals = open,
            Err(why) => ending = RunEnding::because(Status::Failed, why.to_string()),
        }
    } else {
        end_of(&record, &ending, spent);
    }
    let calls: Vec<CallMade> = record.calls();
    Ok(Outcome {
        run: record.run(),
        status: ending.status,
        exit_code: ending.exit_code,
        reason: ending.reason,
        stdout: StreamText::default(),
        stderr: StreamText::default(),
        value: ending.value,
        exception: ending.exception,
        files: Vec::new(),
        unlisted: None,
        scratch: None,
        calls,
        approvals,
        usage,
        tape: recorder.into_tape(),
    })
}

/// Why there are no more calls.
enum DirectStop {
    /// The run ends so.
    Ending(Box<RunEnding>),
    /// It does not end: a person has to say what became of a call.
    Unknown { call: u32, method: String },
}

/// The result of one call, or what a script would have seen of it; or how the run ends.
async fn one(
    road: &mut Road,
    recorder: &mut Recorder,
    call: &DirectCall,
    limits: &Limits,
) -> Result<Result<Box<RawValue>, Exception>, DirectStop> {
    let request = Request {
        service: call.service.as_str().into(),
        method: call.method.as_str().into(),
        params: &call.params,
    };
    let stop = |status, why: String| DirectStop::Ending(Box::new(RunEnding::because(status, why)));
    let failed = |why: &dyn std::fmt::Display| stop(Status::Failed, why.to_string());
    let request = serde_json::to_vec(&request).map_err(|error| failed(&error))?;
    let inline = road.inline();
    let answering = inline.drive(road.call(&request, recorder));
    let bytes = match tokio::time::timeout(limits.wall, answering).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            return Err(match error.downcast_ref::<Halt>() {
                Some(Halt::Parked) => stop(Status::AwaitingApproval, Halt::Parked.to_string()),
                Some(Halt::Unknown { call, method }) => DirectStop::Unknown {
                    call: *call,
                    method: method.clone(),
                },
                Some(halt) => stop(Status::Diverged, halt.to_string()),
                None => failed(&error),
            });
        }
        Err(_) => {
            let limit = humantime::format_duration(limits.wall);
            return Err(stop(
                Status::Timeout,
                format!("the wall time limit is {limit}"),
            ));
        }
    };
    let reply: Reply = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    Ok(match reply {
        Reply::Ok(result) => Ok(result),
        Reply::Failed { code, message, .. } => {
            let kind = "services.ServiceError";
            Err(Exception::bare(kind, &format!("{message} ({code})")))
        }
        Reply::Refused {
            code,
            message,
            exception,
            hint,
            ..
        } => {
            let kind = match exception {
                sandgate_wire::ExceptionClass::PermissionError => "services.Refused",
                other => other.as_str(),
            };
            let message = match hint {
                Some(hint) => format!("{message}; {hint}"),
                None => message,
            };
            Err(Exception {
                code: Some(code),
                ..Exception::bare(kind, &message)
            })
        }
    })
}

fn value(mut results: Vec<Box<RawValue>>) -> Option<Value> {
    let value = match results.len() {
        1 => results.pop(),
        _ => to_raw_value(&results).ok(),
    };
    value.map(Value::Json)
}

/// Makes one call, as a script would.
pub(crate) async fn call(
    context: &Context,
    service: &str,
    method: &str,
    params: Box<RawValue>,
) -> Result<Outcome, PastRunError> {
    let call = DirectCall {
        service: service.to_owned(),
        method: method.to_owned(),
        params,
        undoes: None,
    };
    let name = format!("{service}.{method}");
    make(context, &name, &[call], Purpose::Call, None, None).await
}

/// Goes on with calls that were parked.
pub(super) async fn resume(past: PastRun, context: &Context) -> Result<Outcome, PastRunError> {
    let calls = calls(&past)?;
    let of = past.past.begun.of.unwrap_or(Purpose::Call);
    let name = past.row.name.clone();
    let again = RunAgain {
        past: past.past,
        journal: past.journal,
        goes_on: true,
        until: None,
        outside: None,
    };
    make(context, &name, &calls, of, None, Some(again)).await
}
