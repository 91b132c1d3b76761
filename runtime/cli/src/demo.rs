//! `sandgate demo`: a service, a policy and a script, and what becomes of its calls. What a newcomer runs first.

use super::{
    exit::Exit,
    failure::{Failure, chain},
    print,
    progress::Bar,
    reach,
    shared::Shared,
    signals::Signals,
    terminal::Terminal,
};
use clap::Args;
use sandgate::{
    Actor, Context, Outcome, Reach, Sandbox, Script, Status,
    policy::{ContextName, ContextPolicy, File, InForce, Limits as Granted, Policies, Schema},
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

pub(super) fn execute(arguments: &DemoArguments, shared: &Shared) -> Result<Exit, Failure> {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| internal(&error))?;
    let shown = executor.block_on(async {
        let mut signals = Signals::catch().map_err(|error| internal(&error))?;
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

async fn show(arguments: &DemoArguments, shared: &Shared) -> Result<Outcome, Failure> {
    let place = tempfile::tempdir().map_err(|error| internal(&error))?;
    let socket = place.path().join("crm/rpc.sock");
    let _crm = Crm::in_memory()
        .serve(&socket)
        .map_err(|error| internal(&error))?;

    print::heading("A CRM serves on a Unix socket; one `rpc.discover` registers it:")?;
    let client = Client::new(ClientLimits::default());
    let address = Address::http(&socket).map_err(|error| internal(&error))?;
    let document = client
        .discover(&address)
        .await
        .map_err(|error| internal(&error))?;
    let mut store = Store::open(&place.path().join("state"))?;
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
    let policy = InForce::always(policy(&service.interface())?);
    let approver = reach::approver(arguments.yes, arguments.no, true);
    let registry = store.registry(&store.list()?)?;
    let actor = Actor {
        name: "demo".to_owned(),
        ..Actor::default()
    };
    let reach = Reach::new(CONTEXT, policy, registry, client, actor, approver)
        .map_err(|error| internal(&error))?;

    print::heading("The script:")?;
    let lines = SCRIPT.lines().map(|line| format!("  {line}\n"));
    print::out(&lines.collect::<String>())?;
    print::heading("What becomes of it:")?;
    let terminal = Arc::new(Terminal::start().map_err(|error| internal(&error))?);
    let mut builder = Sandbox::builder().instances(NonZeroU32::MIN);
    if let Some(cache) = &shared.cache {
        builder = builder.cache_dir(cache);
    }
    if !shared.quiet {
        builder = builder.progress(Arc::new(Bar::default()));
    }
    let sandbox = builder.build().await?;
    let context = Context::of(Arc::new(reach));
    let script = Script {
        name: Some("demo.py".to_owned()),
        sink: Some(terminal.clone()),
        ..Script::new(SCRIPT)
    };
    let outcome = sandbox.run(script, &context).await?;
    terminal.finish().await.map_err(|error| internal(&error))?;
    if outcome.status == Status::Ok {
        let (calls, wall) = (outcome.usage.calls, outcome.usage.wall);
        print::heading(&format!(
            "{calls} calls in {:.1} ms, every one of them decided.",
            wall.as_secs_f64() * 1e3
        ))?;
    }
    Ok(outcome)
}

fn policy(interface: &sandgate::policy::Interface) -> Result<ContextPolicy, Failure> {
    let name = ContextName::new(CONTEXT).map_err(|error| internal(&error))?;
    let schema =
        Schema::new(name, std::slice::from_ref(interface)).map_err(|error| internal(&error))?;
    let file = |name, text| File { name, text };
    let limits = Granted::parse(file("limits.toml", LIMITS)).map_err(|error| internal(&error))?;
    let policies = Policies::load(Arc::new(schema), file("policy.cedar", POLICY), &limits)
        .map_err(|error| internal(&error))?;
    Ok(ContextPolicy {
        policies,
        limits,
        cases: None,
    })
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::internal(chain(error), None)
}
