//! `sandgate resume` and `sandgate replay`: a run of the journal goes on where it was parked or interrupted, or is made again
//! without touching a service. A replay must never reach one, whatever the script does.

use super::{
    escape,
    executor::catching,
    exit::{Exit, ending},
    failure::Failure,
    interpreter::interpreter,
    journal, print,
    question::Seat,
    reach::{OpenedReach, PoliciesArgument, approver},
    shared::SharedArguments,
    terminal::Terminal,
    wall::{self, Inherited, WithinReach},
};
use clap::Args;
use sandgate::{
    Cancel, Context, Journal, Outcome, PastRun, PastRunError, Replay, Sink, Status, Stream,
};
use serde_json::json;
use std::{num::NonZeroU32, path::PathBuf, pin::pin, sync::Arc};

const RESUME_EXAMPLES: &str = "\
Examples:
  sandgate resume 01kb3
  sandgate resume last --json

Everything that the run did is made again from the journal, without a call; then it goes on. What is printed is what it had not
printed before. A change that may have been made, and that nobody knows of, keeps a run from going on: `sandgate resolve`.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  sandgate replay last
  sandgate replay 01kb3 --until 7
  sandgate replay 01kb3 --script repaired.py

No service is called: each call is answered as it was. The exit code is 122 where anything comes out differently, and what it is
is said.";

/// Go on with a run that waited for approval, or was interrupted.
#[derive(Debug, Args)]
#[command(after_help = RESUME_EXAMPLES)]
pub(super) struct ResumeArguments {
    /// The run: the beginning of its name, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Make the calls that need approval, without asking
    #[arg(long, conflicts_with = "no")]
    yes: bool,
    /// Refuse the calls that need approval, without asking
    #[arg(long)]
    no: bool,
    /// Print the whole outcome as one JSON object at the end, and nothing else
    #[arg(long)]
    json: bool,
}

/// Make a run again from the journal, without touching a service.
#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(super) struct ReplayArguments {
    /// The run: the beginning of its name, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// Stop after this call
    #[arg(long, value_name = "CALL")]
    until: Option<u32>,
    /// Run this script instead, to see where it would have gone another way
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Print the outcome and what differs as JSON, and nothing else
    #[arg(long)]
    json: bool,
}

/// The journal, where it can be read.
pub(super) fn readable(shared: &SharedArguments) -> Result<Journal, Failure> {
    let state = shared.state_dir().ok_or_else(|| {
        Failure::usage("there is no state directory", "name one with --state-dir")
    })?;
    Journal::open(&state).map_err(|error| {
        let help = "name the directory in which the run was made, with --state-dir";
        Failure::usage(super::failure::chain(&error), help)
    })
}

/// The run that is meant.
pub(super) fn past(journal: &Journal, meant: &str) -> Result<PastRun, Failure> {
    PastRun::read(journal, meant).map_err(failed)
}

/// What keeps a run from being made again, for people.
pub(super) fn failed(error: PastRunError) -> Failure {
    let help = match &error {
        PastRunError::NoRun(_) => "`sandgate journal list` shows the runs that there are",
        PastRunError::Unknown { .. } => {
            "look at the service, and say what came of it with `sandgate resolve`"
        }
        PastRunError::Status { .. } => "`sandgate journal show` says what came of it",
        PastRunError::Taken(_) => "look again with `sandgate journal show`",
        PastRunError::Once { .. } => "run its script again",
        PastRunError::Run(_) => return Failure::ours(&error),
        _ => "`sandgate journal verify` says whether the journal is whole",
    };
    Failure::usage(super::failure::chain(&error), help)
}

pub(super) fn resume(
    arguments: &ResumeArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let past = past(&journal, &arguments.run)?;
    let opened = match past.context() {
        None => None,
        Some(context) => {
            let approver = approver(arguments.yes, arguments.no, Seat::find());
            let principal = |services: &sandgate::Services| {
                let now = services.principal(context, sandgate::policy::Principal::SCRIPT)?;
                let principal = past.principal(now.number());
                let principal = principal.map_err(|error| failed(error.into()))?;
                Ok(principal.unwrap_or(now))
            };
            let kept = Some(journal.clone());
            let policies = &arguments.policies;
            Some(OpenedReach::of(
                shared, context, policies, principal, approver, kept,
            )?)
        }
    };
    let interpreter = interpreter(shared).instances(NonZeroU32::MIN).load()?;
    let (executor, mut signals) = catching()?;
    let written = journal.directory().into_iter();
    let places: Vec<WithinReach<'_>> = written.map(WithinReach::Directory).collect();
    wall::confine(&places, inherited)?;
    let sandbox = {
        let _entered = executor.enter();
        interpreter.start()?
    };
    let (context, connecting) = match opened {
        Some(opened) => {
            let (caller, connecting) = opened.caller(sandbox.clone())?;
            (caller.context().clone(), connecting)
        }
        None => (Context::default().kept_in(&journal), None),
    };
    let terminal = Arc::new(Terminal::start(false).map_err(|error| Failure::ours(&error))?);
    let sink = (!arguments.json).then(|| terminal.clone() as Arc<dyn Sink>);
    let cancel = Cancel::new();
    let ended = executor.block_on(async {
        let mut run = pin!(past.resume(&sandbox, &context, sink, Some(cancel.clone())));
        tokio::select! {
            ended = &mut run => ended,
            () = signals.any() => {
                cancel.cancel();
                run.await
            }
        }
    });
    if let Some(connecting) = &connecting {
        connecting.dismiss();
    }
    if let Ok(outcome) = &ended {
        let said = if arguments.json {
            let text = serde_json::to_string(outcome).map_err(|error| Failure::ours(&error))?;
            Some((Stream::Out, format!("{}\n", escape::json(&text))))
        } else {
            let text = said(outcome);
            (!text.is_empty()).then_some((Stream::Err, text))
        };
        if let Some((stream, text)) = said {
            terminal.conclude(stream, text);
        }
    }
    let written = executor.block_on(terminal.finish());
    executor.shutdown_background();
    let outcome = ended.map_err(failed)?;
    written.map_err(|error| {
        Failure::undelivered(
            format!("the output cannot be written: {error}"),
            "make room where it goes; the script itself has run",
        )
    })?;
    Ok(Exit::from(&outcome))
}

/// What is said of an outcome beside what the script wrote.
fn said(outcome: &Outcome) -> String {
    let mut text = String::new();
    if let Some(exception) = &outcome.exception {
        text.push_str(&exception.traceback);
    }
    if let Some(reason) = &outcome.reason {
        let status = ending(outcome.status);
        text.push_str(&format!("sandgate: {status}: {reason}\n"));
    }
    text.extend(journal::waiting(outcome));
    text
}

pub(super) fn replay(
    arguments: &ReplayArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let past = past(&journal, &arguments.run)?;
    let script = match &arguments.script {
        None => None,
        Some(path) => Some(super::run::script(path)?),
    };
    let interpreter = interpreter(shared).instances(NonZeroU32::MIN).load()?;
    let (executor, mut signals) = catching()?;
    let read = journal.directory().into_iter();
    let places: Vec<WithinReach<'_>> = read.map(WithinReach::Directory).collect();
    wall::confine(&places, inherited)?;
    let sandbox = {
        let _entered = executor.enter();
        interpreter.start()?
    };
    let terminal = Arc::new(Terminal::start(false).map_err(|error| Failure::ours(&error))?);
    let cancel = Cancel::new();
    let replay = Replay {
        until: arguments.until,
        script,
        sink: (!arguments.json).then(|| terminal.clone() as Arc<dyn Sink>),
        cancel: Some(cancel.clone()),
    };
    let replayed = executor.block_on(async {
        let mut run = pin!(past.replay(&sandbox, replay));
        tokio::select! {
            replayed = &mut run => replayed,
            () = signals.any() => {
                cancel.cancel();
                run.await
            }
        }
    });
    let _ = executor.block_on(terminal.finish());
    executor.shutdown_background();
    let replayed = replayed.map_err(failed)?;
    let outcome = &replayed.outcome;
    if arguments.json {
        let differences = &replayed.differences;
        print::json(&format!(
            "{}\n",
            json!({"outcome": outcome, "differences": differences})
        ))?;
    } else {
        if outcome.status != Status::Diverged {
            print::err(&said(outcome));
        }
        let differences = replayed.differences.iter();
        let lines = differences.map(|difference| format!("sandgate: {difference}\n"));
        print::err(&lines.collect::<String>());
    }
    Ok(match (replayed.differences.is_empty(), outcome.status) {
        (false, _) => Exit::Diverged,
        (true, Status::Cancelled) => Exit::Ok,
        (true, _) => Exit::from(outcome),
    })
}
