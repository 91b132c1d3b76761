//! `sandgate mcp`: an MCP server on standard input and output, with which an agent runs scripts in one context, and
//! `sandgate mcp install`, which tells an agent's client of it.
//!
//! The operator's command line says on whose behalf; nothing that comes in on standard input can change it. Standard
//! output carries messages of the protocol and must never carry anything else.

mod install;

use super::{
    executor::catching,
    exit::Exit,
    failure::Failure,
    interpreter::interpreter,
    journal,
    notifier::Notifiers,
    print,
    reach::{OpenedReach, PoliciesArgument, WhoArguments},
    shared::SharedArguments,
    signals::Signals,
    wall::{self, Inherited, WithinReach},
};
use clap::{Args, Subcommand};
use install::InstallArguments;
use rmcp::{ServiceExt, service::ServerInitializeError};
use sandgate::{Journal, SealKey};
use sandgate_server::{
    Agent, DeskUrl, KeptForAgents,
    mcp::{McpServer, lines::LineTransport},
};
use std::{
    io::{BufReader, stdin},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// For how long runs go on when the client has closed its end. A pipe that ends after its requests gets most answers, and
/// clients kill a server that is still there after two seconds.
const GRACE: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
The server has seven tools: execute_code runs a script, call makes one call, list_services, search and get_interface say what may \
be called, get_run says what has come of a run that waited for approval, and resume goes on with one. It speaks every version of \
MCP from 2024-11-05 to 2026-07-28, and ends with its standard input. A call that needs a person's approval has its run wait in \
the journal: `sandgate approvals` shows it, `sandgate approve` goes on with it. `sandgate serve` is the same for many agents at \
once, over sockets.

Examples:
  sandgate mcp
  sandgate mcp install --client claude-code --context assistant
  sandgate mcp install --client vscode --scope project --context read_only --dry-run
  sandgate mcp --context assistant --policies policies --user ada";

/// Serve an agent over MCP, on standard input and output.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true
)]
pub(super) struct McpArguments {
    #[command(subcommand)]
    command: Option<McpCommand>,

    #[command(flatten)]
    scripts: ScriptsArguments,
}

#[derive(Debug, Subcommand)]
enum McpCommand {
    /// Add the server to the configuration of an agent's client
    Install(Box<InstallArguments>),
}

/// On whose behalf scripts run.
#[derive(Debug, Args)]
struct ScriptsArguments {
    /// Run scripts in this context: its policies say what they may call; without one they call nothing
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    #[command(flatten)]
    policies: PoliciesArgument,

    #[command(flatten)]
    who: WhoArguments,

    /// Where people's browsers find the desk of `sandgate serve --desk`, which the client is told if it can open it
    #[arg(long, value_name = "URL")]
    desk_url: Option<DeskUrl>,
}

pub(super) fn execute(
    arguments: McpArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    match arguments.command {
        Some(McpCommand::Install(arguments)) => install::execute(&arguments, shared),
        None => serve(&arguments.scripts, shared, inherited),
    }
}

fn serve(
    arguments: &ScriptsArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let journal = journal::open(shared, true);
    let key = seal_key(shared)?;
    let opened = match &arguments.context {
        Some(context) => OpenedReach::new(
            shared,
            context,
            &arguments.policies,
            &arguments.who,
            // Standard input is the client's, and nobody else is there.
            None,
            journal.clone(),
        )?,
        None => OpenedReach::of_nothing(journal.clone())?,
    };
    let watcher = match (&journal, &arguments.context) {
        (Some(journal), Some(context)) => {
            let hook = opened.approval_hook();
            Some(Notifiers::start(journal, [(context.as_str(), hook)])?)
        }
        _ => None,
    };
    let interpreter = interpreter(shared).load()?;
    // From here on there may be runs to end, so no signal ends the process by itself.
    let (_catching, mut signals) = catching()?;
    let written = journal.iter().filter_map(Journal::directory);
    let places: Vec<WithinReach<'_>> = written.map(WithinReach::Directory).collect();
    wall::confine(&places, inherited)?;
    // Its threads are behind the wall.
    let executor = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::ours(&error))?;
    let (kept, (caller, connecting)) = {
        let _entered = executor.enter();
        let sandbox = interpreter.start()?;
        (KeptForAgents::of(&sandbox), opened.caller(sandbox)?)
    };
    let agent = Agent::new(caller, kept);
    let agent = match watcher {
        Some(watcher) => agent.watched(Some(Arc::new(watcher))),
        None => agent,
    };
    let served = executor.block_on(converse(
        agent,
        &key,
        arguments.desk_url.clone(),
        &mut signals,
    ));
    if let Some(connecting) = &connecting {
        connecting.dismiss();
    }
    if let Some(journal) = &journal {
        journal.catch_up();
    }
    // A thread that waits for input, or for a reader, must not keep the process.
    executor.shutdown_background();
    served
}

/// What a client hands back is known again after a restart, where anything can be kept.
fn seal_key(shared: &SharedArguments) -> Result<SealKey, Failure> {
    let kept = shared.state_dir().map(|state| SealKey::of(&state));
    match kept {
        Some(Ok(key)) => Ok(key),
        _ => SealKey::of_this_process().map_err(|error| Failure::ours(&error)),
    }
}

/// Answers until the client closes its end, or a signal comes.
async fn converse(
    agent: Agent,
    key: &SealKey,
    desk: Option<DeskUrl>,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let (over, is_over) = watch::channel(false);
    let written = |text: &str| print::json(text).is_ok();
    let lines = LineTransport::between(BufReader::new(stdin()), written, over)
        .map_err(|error| Failure::ours(&error))?;
    let server = McpServer::of(agent, key, desk, is_over, GRACE);
    let begun = tokio::select! {
        begun = server.serve(lines) => begun,
        () = signals.any() => return Ok(Exit::Cancelled),
    };
    let running = match begun {
        Ok(running) => running,
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(Exit::Ok),
        Err(error) => return Err(Failure::ours(&error)),
    };
    let end = running.cancellation_token();
    let mut done = pin!(running.waiting());
    let (done, exit) = tokio::select! {
        done = &mut done => (done, Exit::Ok),
        () = signals.any() => {
            // Runs end, and what they made goes with them.
            end.cancel();
            (done.await, Exit::Cancelled)
        }
    };
    done.map(|_| exit).map_err(|error| Failure::ours(&error))
}
