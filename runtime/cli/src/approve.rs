//! `sandgate approvals`, `approve` and `reject`: the answers to questions that were asked when nobody was there. Each run whose
//! questions are all answered goes on, in a process of its own. What is asked is shown whole: THREAT[APR-03].

use super::{
    answerer::AnswererArguments,
    exit::Exit,
    failure::Failure,
    itself,
    journal::{failed, past, readable, when},
    print,
    reach::PoliciesArgument,
    shared::SharedArguments,
};
use clap::Args;
use sandgate::{
    Answered, ApprovalFilter, ApprovalRow, ApprovalState, AskedCall, Id, Journal, Purpose,
    RunFilter, Services,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

const APPROVE_EXAMPLES: &str = "\
Examples:
  sandgate approvals
  sandgate approve 01kb3f
  sandgate approve --all --run last
  sandgate approve --run 01kb3 --method crm.deal.add --as ada --claim crm.manager
  sandgate reject 01kb3f --because 'not before Monday'

A run goes on as soon as all of its questions are answered.";

/// Show the calls that wait for a person.
#[derive(Debug, Args)]
#[command(after_help = APPROVE_EXAMPLES)]
pub(super) struct ApprovalsArguments {
    /// Only those of this run: the beginning of its name, or `last`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Those that were answered, or ran out, as well
    #[arg(long)]
    all: bool,
    /// Print them as JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Agree to calls that wait for a person, or to a plan.
#[derive(Debug, Args)]
#[command(after_help = APPROVE_EXAMPLES)]
pub(super) struct ApproveArguments {
    #[command(flatten)]
    which: WhichArguments,
    /// Only note the answer; `sandgate resume` goes on with the run
    #[arg(long)]
    no_resume: bool,
}

/// Say no to calls that wait for a person.
#[derive(Debug, Args)]
#[command(after_help = APPROVE_EXAMPLES)]
pub(super) struct RejectArguments {
    #[command(flatten)]
    which: WhichArguments,
    /// Why, for the script
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Only note the answer; `sandgate resume` goes on with the run
    #[arg(long)]
    no_resume: bool,
}

/// Which questions, and who answers.
#[derive(Debug, Args)]
struct WhichArguments {
    /// The questions, or the plan: the beginnings of their names
    #[arg(value_name = "ID", required_unless_present_any = ["all", "method"])]
    questions: Vec<String>,
    /// All questions of a run
    #[arg(long, requires = "run", conflicts_with = "questions")]
    all: bool,
    /// All questions of a run about this method, such as crm.deal.add
    #[arg(
        long,
        value_name = "METHOD",
        requires = "run",
        conflicts_with = "questions"
    )]
    method: Option<String>,
    /// The run: the beginning of its name, or `last`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    by: AnswererArguments,
    #[command(flatten)]
    policies: PoliciesArgument,
}

pub(super) fn list(
    arguments: &ApprovalsArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let run = match &arguments.run {
        Some(meant) => Some(past(&journal, meant)?.row().run),
        None => None,
    };
    let filter = ApprovalFilter {
        run,
        all: arguments.all,
        ..ApprovalFilter::default()
    };
    let questions = journal.asked(&filter).map_err(failed)?;
    let mut text = String::new();
    for asked in &questions {
        if arguments.json {
            let line = serde_json::to_string(asked).map_err(|error| Failure::ours(&error))?;
            text.push_str(&format!("{line}\n"));
        } else {
            text.push_str(&shown(asked));
        }
    }
    if arguments.json {
        print::json(&text)?;
    } else if questions.is_empty() {
        print::out("nothing waits for a person\n")?;
    } else {
        print::out(&text)?;
    }
    Ok(Exit::Ok)
}

/// A question, whole.
fn shown(asked: &AskedCall) -> String {
    let row = &asked.row;
    let when = when(row.expires);
    let state = match (row.state, row.needed) {
        (ApprovalState::Pending, 1) => format!("until {when}"),
        (ApprovalState::Pending, needed) => {
            format!("{} of {needed} have agreed, until {when}", row.agreed)
        }
        (state, _) => state.as_str().to_owned(),
    };
    let effect = asked.effect.map_or("", |effect| match effect {
        sandgate::policy::Effect::Destroy => " (removes)",
        sandgate::policy::Effect::Write => " (changes)",
        sandgate::policy::Effect::Read => " (reads)",
    });
    let mut text = format!(
        "{}  {}.{}{effect}  {state}\n    run {}, {}, context {}",
        row.approval, row.service, row.method, row.run, asked.script, row.context
    );
    if let Some(user) = &asked.user {
        text.push_str(&format!(", for {user}"));
    }
    text.push_str(&format!(
        "\n    parameters, {} bytes: {}\n",
        asked.params.len(),
        asked.params
    ));
    for because in &asked.because {
        text.push_str(&format!("    {because}\n"));
    }
    if !asked.agreed.is_empty() {
        text.push_str(&format!("    agreed: {}\n", asked.agreed.join(", ")));
    }
    if !asked.before.is_empty() {
        text.push_str(&format!(
            "    the run has made: {}\n",
            asked.before.join(", ")
        ));
    }
    text
}

pub(super) fn approve(
    arguments: &ApproveArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    answer(&arguments.which, shared, true, None, arguments.no_resume)
}

pub(super) fn reject(
    arguments: &RejectArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let because = arguments.because.as_deref();
    answer(
        &arguments.which,
        shared,
        false,
        because,
        arguments.no_resume,
    )
}

fn answer(
    which: &WhichArguments,
    shared: &SharedArguments,
    agrees: bool,
    because: Option<&str>,
    no_resume: bool,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    if let Some(plan) = plan_of(which, &journal)? {
        return if agrees {
            go_on(plan, which, shared)
        } else {
            Err(Failure::usage(
                "a plan that nobody approves is not carried out",
                "there is nothing to do",
            ))
        };
    }
    let by = which.by.answerer();
    let state = shared.state_dir().unwrap_or_default();
    let directory = which.policies.required()?;
    let mut limits = BTreeMap::new();
    let (mut runs, mut refused) = (BTreeSet::new(), false);
    for asked in wanted(which, &journal)? {
        let row = &asked.row;
        let limits = match limits.get(&row.context) {
            Some(limits) => limits,
            None => {
                let found = limits_of(&state, &directory, &row.context)?;
                limits.entry(row.context.clone()).or_insert(found)
            }
        };
        let name = format!("{}.{}", row.service, row.method);
        match journal.answer(row, limits, &by, agrees, because) {
            Ok(answered) => {
                let word = match answered {
                    Answered::Approved => "approved".to_owned(),
                    Answered::Rejected => "rejected".to_owned(),
                    Answered::MoreNeeded(more) => format!("agreed to; {more} more must agree"),
                };
                print::err(&format!("sandgate: {name}({}): {word}\n", asked.params));
                runs.insert(row.run);
            }
            Err(error) => {
                refused = true;
                print::err(&format!(
                    "sandgate: {name} of the run {}: {error}\n",
                    row.run
                ));
            }
        }
    }
    let mut exit = if refused { Exit::Usage } else { Exit::Ok };
    for run in runs {
        if no_resume || still_waits(&journal, run)? {
            continue;
        }
        exit = go_on(run, which, shared)?;
    }
    Ok(exit)
}

/// The plan that is meant, where it is no question.
fn plan_of(which: &WhichArguments, journal: &Journal) -> Result<Option<Id>, Failure> {
    let [beginning] = which.questions.as_slice() else {
        return Ok(None);
    };
    let filter = RunFilter {
        beginning: Some(beginning.clone()),
        ..RunFilter::default()
    };
    let runs = journal.runs(&filter)?;
    let mut plans = runs.iter().filter(|run| run.of == Some(Purpose::Plan));
    Ok(match (plans.next(), plans.next()) {
        (Some(plan), None) => Some(plan.run),
        _ => None,
    })
}

/// The questions that are meant.
fn wanted(which: &WhichArguments, journal: &Journal) -> Result<Vec<AskedCall>, Failure> {
    let run = match &which.run {
        Some(meant) => Some(past(journal, meant)?.row().run),
        None => None,
    };
    let found = |beginning: Option<&str>| {
        let filter = ApprovalFilter {
            run,
            beginning: beginning.map(ToOwned::to_owned),
            all: beginning.is_some(),
        };
        journal.asked(&filter).map_err(failed)
    };
    let help = "`sandgate approvals` shows what waits";
    if which.questions.is_empty() {
        let mut questions = found(None)?;
        questions.retain(|asked| asked.row.state == ApprovalState::Pending);
        if let Some(method) = &which.method {
            let named = |row: &ApprovalRow| format!("{}.{}", row.service, row.method) == *method;
            questions.retain(|asked| named(&asked.row));
        }
        return if questions.is_empty() {
            Err(Failure::usage("no such question waits for a person", help))
        } else {
            Ok(questions)
        };
    }
    let mut questions = Vec::new();
    for beginning in &which.questions {
        let mut those = found(Some(beginning))?;
        match (those.pop(), those.pop()) {
            (Some(asked), None) => questions.push(asked),
            (Some(_), Some(_)) => {
                let message = format!("several questions begin with `{beginning}`");
                return Err(Failure::usage(message, help));
            }
            (None, _) => {
                let message = format!("no question begins with `{}`", beginning.escape_debug());
                return Err(Failure::usage(message, help));
            }
        }
    }
    Ok(questions)
}

fn limits_of(
    state: &Path,
    directory: &Path,
    context: &str,
) -> Result<sandgate::policy::ContextLimits, Failure> {
    let services = Services::of_one(state, directory, context)?;
    services.context_limits(context).ok_or_else(|| {
        Failure::usage(
            format!("the context `{context}` is not in force"),
            "`sandgate policy check` says why",
        )
    })
}

fn still_waits(journal: &Journal, run: Id) -> Result<bool, Failure> {
    let filter = ApprovalFilter {
        run: Some(run),
        ..ApprovalFilter::default()
    };
    let rows = journal.approvals(&filter)?;
    Ok(rows.iter().any(|row| row.state == ApprovalState::Pending))
}

/// Goes on with a run in a process of its own, which confines itself.
fn go_on(run: Id, which: &WhichArguments, shared: &SharedArguments) -> Result<Exit, Failure> {
    let mut command = itself::command_with("resume", shared);
    command.arg(run.to_string());
    if let Some(directory) = which.policies.named() {
        command.arg("--policies").arg(directory);
    }
    which.by.pass_on(&mut command);
    let ended = command.status().map_err(|error| Failure::ours(&error))?;
    Ok(match ended.code() {
        Some(code) => Exit::of_child(code),
        None => Exit::Failure,
    })
}
