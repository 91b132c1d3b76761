//! `sandgate resume` and `sandgate replay`: a run of the journal goes on where it was parked or interrupted, or is made again
//! without touching a service. A replay must never reach one, whatever the script does.

use super::{
    answerer::AnswererArguments,
    calls::ShownCalls,
    exit::Exit,
    failure::Failure,
    journal::{failed, past, readable},
    print,
    question::Seat,
    reach::{OpenedReach, PoliciesArgument, approver},
    shared::SharedArguments,
    stage::{StageSet, last, said},
    wall::Inherited,
};
use clap::Args;
use sandgate::{Journal, PastRun, Purpose, Replay, Services, Status, policy::Principal};
use serde_json::json;
use std::path::PathBuf;

const RESUME_EXAMPLES: &str = "\
Examples:
  sandgate resume 01kb3
  sandgate resume last --json

Everything that the run did is made again from the journal, without a call; then it goes on. What is printed is what it had not \
printed before. A change that may have been made, and that nobody knows of, keeps a run from going on: `sandgate resolve`.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  sandgate replay last
  sandgate replay 01kb3 --until 7
  sandgate replay 01kb3 --script repaired.py

No service is called: each call is answered as it was. The exit code is 122 where anything comes out differently, and what it is \
is said.";

/// Go on with a run that waited for approval, or was interrupted; or carry out a plan.
#[derive(Debug, Args)]
#[command(after_help = RESUME_EXAMPLES)]
pub(super) struct ResumeArguments {
    /// The run: the beginning of its name, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    today: TodayArguments,
    #[command(flatten)]
    by: AnswererArguments,
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

/// What decides today about calls that are made for a run of the journal.
#[derive(Debug, Args)]
pub(super) struct TodayArguments {
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Make the calls that need approval, without asking
    #[arg(long, conflicts_with = "no")]
    yes: bool,
    /// Refuse the calls that need approval, without asking
    #[arg(long)]
    no: bool,
}

impl TodayArguments {
    /// The caller of the run, with what it may reach today, behind the wall.
    pub(super) fn stage(
        &self,
        shared: &SharedArguments,
        inherited: Inherited,
        past: &PastRun,
        journal: &Journal,
    ) -> Result<StageSet, Failure> {
        let opened = match past.context() {
            Some(context) => Some(self.open(shared, context, past, journal)?),
            None => None,
        };
        StageSet::set(shared, inherited, opened, journal)
    }

    fn open(
        &self,
        shared: &SharedArguments,
        context: &str,
        past: &PastRun,
        journal: &Journal,
    ) -> Result<OpenedReach, Failure> {
        let principal = |services: &Services| {
            let now = services.principal(context, Principal::SCRIPT)?;
            let principal = past.principal(now.number());
            let principal = principal.map_err(|error| failed(error.into()))?;
            Ok(principal.unwrap_or(now))
        };
        let approver = approver(self.yes, self.no, Seat::find());
        let kept = Some(journal.clone());
        let opened = OpenedReach::of(shared, context, &self.policies, principal, approver, kept)?;
        Ok(opened.watched(ShownCalls::asked()))
    }
}

pub(super) fn resume(
    arguments: &ResumeArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let past = past(&journal, &arguments.run)?;
    let mut stage = arguments.today.stage(shared, inherited, &past, &journal)?;
    let (sandbox, context) = (stage.sandbox.clone(), stage.context.clone());
    let (sink, cancel) = (stage.sink(arguments.json), stage.cancel.clone());
    // One that was interrupted goes on with being made.
    let is_plan = matches!(past.row().of, Some(Purpose::Plan)) && !past.is_interrupted();
    let by = arguments.by.answerer();
    let ended = stage.act(async {
        if is_plan {
            past.carry_out(&sandbox, &context, &by, sink, Some(cancel))
                .await
        } else {
            past.resume(&sandbox, &context, sink, Some(cancel)).await
        }
    });
    let (stage, outcome) = stage.done(ended)?;
    let last = last(&outcome, arguments.json)?;
    stage.conclude(&outcome, last)
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
    let mut stage = StageSet::set(shared, inherited, None, &journal)?;
    let sandbox = stage.sandbox.clone();
    let replay = Replay {
        until: arguments.until,
        script,
        sink: stage.sink(arguments.json),
        cancel: Some(stage.cancel.clone()),
    };
    let replayed = stage.act(past.replay(&sandbox, replay));
    let (stage, replayed) = stage.done(replayed)?;
    stage.end(None)?;
    let outcome = &replayed.outcome;
    if arguments.json {
        let differences = &replayed.differences;
        print::json(&format!(
            "{}\n",
            json!({"outcome": outcome, "differences": differences})
        ))?;
    } else {
        if outcome.status != Status::Diverged {
            print::err(&said(outcome, true));
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
