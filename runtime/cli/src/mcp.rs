//! `sandgate mcp`: an MCP server on standard input and output, with which an agent runs scripts in one context, and
//! `sandgate mcp install`, which tells an agent's client of it.
//!
//! The operator's command line says on whose behalf; nothing that comes in on standard input can change it. Standard
//! output carries messages of the protocol and must never carry anything else.

mod answer;
mod call;
mod install;
mod lines;
mod server;
mod tools;

use super::{
    executor::catching,
    exit::Exit,
    failure::Failure,
    interpreter::interpreter,
    journal,
    reach::{OpenedReach, PoliciesArgument, WhoArguments},
    shared::SharedArguments,
    signals::Signals,
    wall::{self, Inherited, WithinReach},
};
use clap::{Args, Subcommand};
use install::InstallArguments;
use lines::LineTransport;
use rmcp::{ServiceExt, service::ServerInitializeError};
use sandgate::{Caller, Journal};
use server::Server;
use std::pin::pin;
use tokio::sync::watch;

const EXAMPLES: &str = "\
The server has four tools: execute_code runs a script, list_services and get_interface say what scripts may call, and get_run \
what has come of a run that waited for approval. It speaks every version of MCP from 2024-11-05 to 2026-07-28, and ends with \
its standard input. A call that needs a person's approval has its run wait in the journal: `sandgate approvals` shows it, \
`sandgate approve` goes on with it.

Examples:
  sandgate mcp install --client claude-code --context assistant
  sandgate mcp install --client vscode --scope project --context read_only --dry-run
  sandgate mcp --context assistant --policies policies --user ada";

/// Serve an agent over MCP, on standard input and output.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
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
    /// Run scripts in this context: its policies say what they may call
    #[arg(long, value_name = "NAME", required = true)]
    context: Option<String>,

    #[command(flatten)]
    policies: PoliciesArgument,

    #[command(flatten)]
    who: WhoArguments,
}

impl ScriptsArguments {
    fn context(&self) -> Result<&str, Failure> {
        // The command line is not accepted without.
        self.context
            .as_deref()
            .ok_or_else(|| Failure::usage("there is no context", "name one with --context"))
    }
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
    let opened = OpenedReach::new(
        shared,
        arguments.context()?,
        &arguments.policies,
        &arguments.who,
        // Standard input is the client's, and nobody else is there.
        None,
        journal.clone(),
    )?;
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
    let (caller, connecting) = {
        let _entered = executor.enter();
        opened.caller(interpreter.start()?)?
    };
    let served = executor.block_on(converse(caller, &mut signals));
    if let Some(connecting) = &connecting {
        connecting.dismiss();
    }
    // A thread that waits for input, or for a reader, must not keep the process.
    executor.shutdown_background();
    served
}

/// Answers until the client closes its end, or a signal comes.
async fn converse(caller: Caller, signals: &mut Signals) -> Result<Exit, Failure> {
    let (over, is_over) = watch::channel(false);
    let lines = LineTransport::of_this_process(over).map_err(|error| Failure::ours(&error))?;
    let server = Server::new(caller, is_over);
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
