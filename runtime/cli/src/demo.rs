//! `sandgate demo`: a service, a policy and a script: its plan, what becomes of its calls, what the journal tells of them, and how they
//! are undone. What a newcomer runs first. It must never leave anything behind.

use super::{
    call,
    executor::executor,
    exit::Exit,
    failure::Failure,
    interpreter::interpreter,
    journal::{self, Redaction},
    plan, print,
    question::Seat,
    reach,
    shared::SharedArguments,
    signals::Signals,
    terminal::Terminal,
};
use clap::Args;
use sandgate::{
    Host, Journal, Outcome, PastRun, PastRunError, Script, Sink, Status,
    service::{Address, Client, ClientLimits, Store, Terms},
};
use sandgate_demo::Crm;
use std::{num::NonZeroU32, path::Path, sync::Arc};

const CONTEXT: &str = "assistant";
const POLICY: &str = include_str!("demo/policy.cedar");
const LIMITS: &str = include_str!("../../../policies/assistant/limits.toml");
const SCRIPT: &str = include_str!("demo/demo.py");

/// See a script call a service, be asked about, be refused and be undone.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Make the call that needs approval, without asking
    #[arg(long, conflicts_with = "no")]
    yes: bool,

    /// Refuse the call that needs approval, without asking
    #[arg(long)]
    no: bool,
}

pub(super) fn execute(
    arguments: &DemoArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let executor = executor()?;
    let shown = executor.block_on(async {
        let mut signals = Signals::catch().map_err(|error| Failure::ours(&error))?;
        tokio::select! {
            outcome = show(arguments, shared) => outcome.map(Some),
            // What was made goes with it.
            () = signals.any() => Ok(None),
        }
    });
    // An interpreter that is being prepared must not keep the process.
    executor.shutdown_background();
    let Some(outcome) = shown? else {
        return Ok(Exit::Cancelled);
    };
    if let Some(exception) = &outcome.exception {
        print::out(&exception.traceback)?;
    }
    Ok(Exit::from(&outcome))
}

async fn show(arguments: &DemoArguments, shared: &SharedArguments) -> Result<Outcome, Failure> {
    let place = tempfile::tempdir().map_err(|error| Failure::ours(&error))?;
    let socket = place.path().join("crm/rpc.sock");
    let _crm = Crm::in_memory()
        .serve(&socket)
        .map_err(|error| Failure::ours(&error))?;

    print::heading("A CRM serves on a Unix socket; one `rpc.discover` registers it:")?;
    let state = place.path().join("state");
    let client = Client::new(ClientLimits::default());
    let store = register(&socket, &state, &client).await?;

    print::heading(
        "Its policy: reads pass, new contacts are asked about, and no script deletes anything.",
    )?;
    print::heading("The script:")?;
    let lines = SCRIPT.lines().map(|line| format!("  {line}\n"));
    print::out(&lines.collect::<String>())?;

    let journal = Journal::open(&state)?;
    let mut builder = Host::builder()
        .registrations(&state)
        .context(CONTEXT, POLICY, LIMITS)
        .client(client)
        .journal(journal.clone())
        .sandbox(interpreter(shared).instances(NonZeroU32::MIN));
    if let Some(approver) = reach::approver(arguments.yes, arguments.no, Seat::find()) {
        builder = builder.approver(approver);
    }
    let host = builder.build().await?;
    // Nothing of this is there later to go on with.
    let caller = host.context(CONTEXT)?.at_once();

    print::heading("Its plan: what it would change, with nothing sent:")?;
    let planned = host.sandbox().plan(script(None), caller.context()).await;
    let planned = planned.map_err(journal::failed)?;
    let plan = of(&journal, &planned)?.plan().map_err(journal::failed)?;
    print::out(&plan::steps(&plan))?;

    print::heading("What becomes of it:")?;
    let terminal = Arc::new(Terminal::start(false).map_err(|error| Failure::ours(&error))?);
    let outcome = caller.run(script(Some(terminal.clone()))).await?;
    let written = terminal.finish().await;
    written.map_err(|error| Failure::ours(&error))?;
    if outcome.status != Status::Ok {
        return Ok(outcome);
    }

    print::heading("What the journal tells of it:")?;
    let past = of(&journal, &outcome)?;
    print::out(&journal::told(&journal, &Redaction::of(&store)?, &past)?)?;

    print::heading("Undone, by whoever is at the desk, as the CRM says how:")?;
    let desk = host.caller(host.principal(CONTEXT, "desk")?)?;
    let undoing = past.undoing(desk.context(), None);
    match undoing {
        Ok(undoing) => {
            print::out(&call::shown(&undoing))?;
            let undone = past.undo(desk.context(), &undoing).await;
            print::out(&call::done(&undone.map_err(journal::failed)?))?;
        }
        Err(PastRunError::NoChange(_)) => print::out("  it made no change\n")?,
        Err(error) => return Err(journal::failed(error)),
    }
    let (calls, wall) = (outcome.usage.calls, outcome.usage.wall);
    print::heading(&format!(
        "The script made {calls} calls in {:.1} ms, every one of them decided.",
        wall.as_secs_f64() * 1e3
    ))?;
    Ok(outcome)
}

async fn register(socket: &Path, state: &Path, client: &Client) -> Result<Store, Failure> {
    let address = Address::http(socket).map_err(|error| Failure::ours(&error))?;
    let document = client.discover(&address).await;
    let document = document.map_err(|error| Failure::ours(&error))?;
    // Its word counts on what its methods do, and on how they are undone.
    let terms = Terms {
        trusted: true,
        ..Terms::default()
    };
    let mut store = Store::open(state)?;
    let service = store.add("crm", &address, &terms, document.get().as_bytes(), false)?;
    print::out(&format!(
        "  {} methods; {}\n",
        service.methods().len(),
        service.summary()
    ))?;
    Ok(store)
}

fn script(sink: Option<Arc<Terminal>>) -> Script {
    Script {
        name: Some("demo.py".to_owned()),
        sink: sink.map(|terminal| terminal as Arc<dyn Sink>),
        ..Script::new(SCRIPT)
    }
}

/// What the journal has of a run.
fn of(journal: &Journal, outcome: &Outcome) -> Result<PastRun, Failure> {
    let run = outcome.run.map(|run| run.to_string());
    journal::past(journal, &run.unwrap_or_default())
}
