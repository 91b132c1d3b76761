//! `sandgate demo`: a service, a policy and a script, and what becomes of its calls. What a newcomer runs first.

use super::{
    executor::executor, exit::Exit, failure::Failure, interpreter::interpreter, print,
    question::Seat, reach, shared::SharedArguments, signals::Signals, terminal::Terminal,
};
use clap::Args;
use sandgate::{
    Host, Outcome, Script, Status,
    service::{Address, Client, ClientLimits, Store, Terms},
};
use sandgate_demo::Crm;
use std::{num::NonZeroU32, sync::Arc};

const CONTEXT: &str = "assistant";
const POLICY: &str = include_str!("../../../policies/assistant/policy.cedar");
const LIMITS: &str = include_str!("../../../policies/assistant/limits.toml");
const SCRIPT: &str = include_str!("demo/demo.py");

/// See a script call a service, be asked about, and be refused.
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
    let client = Client::new(ClientLimits::default());
    let address = Address::http(&socket).map_err(|error| Failure::ours(&error))?;
    let document = client
        .discover(&address)
        .await
        .map_err(|error| Failure::ours(&error))?;
    let state = place.path().join("state");
    let mut store = Store::open(&state)?;
    let bytes = document.get().as_bytes();
    let service = store.add("crm", &address, &Terms::default(), bytes, false)?;
    print::out(&format!(
        "  {} methods; {}\n",
        service.methods().len(),
        service.summary()
    ))?;

    print::heading(
        "Its policy, policies/assistant: reads pass, new contacts are asked about, nothing is deleted.",
    )?;
    print::heading("The script:")?;
    let lines = SCRIPT.lines().map(|line| format!("  {line}\n"));
    print::out(&lines.collect::<String>())?;
    print::heading("What becomes of it:")?;
    let terminal = Arc::new(Terminal::start(false).map_err(|error| Failure::ours(&error))?);
    let mut builder = Host::builder()
        .registrations(state)
        .context(CONTEXT, POLICY, LIMITS)
        .client(client)
        .sandbox(interpreter(shared).instances(NonZeroU32::MIN));
    if let Some(approver) = reach::approver(arguments.yes, arguments.no, Seat::find()) {
        builder = builder.approver(approver);
    }
    let host = builder.build().await?;
    let caller = host.caller(host.principal(CONTEXT, "demo")?)?;
    let script = Script {
        name: Some("demo.py".to_owned()),
        sink: Some(terminal.clone()),
        ..Script::new(SCRIPT)
    };
    let outcome = caller.run(script).await?;
    terminal
        .finish()
        .await
        .map_err(|error| Failure::ours(&error))?;
    if outcome.status == Status::Ok {
        let (calls, wall) = (outcome.usage.calls, outcome.usage.wall);
        print::heading(&format!(
            "{calls} calls in {:.1} ms, every one of them decided.",
            wall.as_secs_f64() * 1e3
        ))?;
    }
    Ok(outcome)
}
