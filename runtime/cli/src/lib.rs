//! The command line: arguments in, exit code out. `main.rs` calls [`main`]; each subcommand is one file below.
//! Data goes to standard output, everything else to standard error.

mod again;
mod answerer;
mod apart;
mod approve;
mod backlog;
mod call;
mod calls;
mod check;
mod connector;
mod demo;
mod doctor;
mod environment;
mod escape;
mod executor;
mod exit;
mod failure;
mod files;
mod filter;
mod image;
mod interpreter;
mod itself;
mod journal;
mod manual;
mod mcp;
mod needs;
mod notifier;
mod piped;
mod plan;
mod policy;
mod print;
mod progress;
mod question;
mod reach;
mod repl;
mod report;
mod resolve;
mod run;
mod serve;
mod service;
mod shared;
mod signals;
mod stage;
mod terminal;
mod token;
mod values;
mod wall;

use clap::{
    CommandFactory, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use exit::Exit;
use shared::SharedArguments;
use std::{ffi::OsString, path::Path, process::ExitCode};
use wall::Inherited;

/// What every command takes stands behind what is its own.
const EVERYWHERE: &str = "With every command";

/// Run Python that a language model wrote, isolated, with every effect decided.
#[derive(Debug, Parser)]
#[command(name = "sandgate", version, max_term_width = 100, after_help = exit::HELP)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,

    /// Where compiled interpreters are kept [default: sandgate in $XDG_CACHE_HOME, else in ~/.cache]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = sandgate::places::CACHE_DIR,
        hide_env_values = true,
        help_heading = EVERYWHERE
    )]
    cache_dir: Option<std::path::PathBuf>,

    /// Where registered services are kept [default: sandgate in $XDG_STATE_HOME, else in ~/.local/state]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = sandgate::places::STATE_DIR,
        hide_env_values = true,
        help_heading = EVERYWHERE
    )]
    state_dir: Option<std::path::PathBuf>,

    /// Print neither progress nor warnings
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    quiet: bool,

    /// Say how each call of a script is decided, and by which policies
    #[arg(short, long, global = true, conflicts_with = "quiet", help_heading = EVERYWHERE)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: a service, a policy, and a script that is asked about and refused
    Demo(demo::DemoArguments),
    /// Run one script in a fresh interpreter
    Run(Box<run::RunArguments>),
    /// Say what is wrong with a script, and what it would call, without running it
    Check(check::CheckArguments),
    /// Type Python, statement by statement, into one interpreter
    Repl(Box<repl::ReplArguments>),
    /// Show what a script would change, without changing it
    Plan(Box<plan::PlanArguments>),
    /// Make one call, as a script would
    Call(Box<call::CallArguments>),
    /// Undo what a run has changed
    Undo(call::UndoArguments),
    /// Show the calls that wait for a person
    Approvals(approve::ApprovalsArguments),
    /// Agree to calls that wait for a person, and go on with their runs
    Approve(approve::ApproveArguments),
    /// Say no to calls that wait for a person
    Reject(approve::RejectArguments),
    /// Go on with a run that waited for approval, or was interrupted
    Resume(again::ResumeArguments),
    /// Make a run again from the journal, without touching a service
    Replay(again::ReplayArguments),
    /// Say what became of a change that nobody knows about, so that its run can go on
    Resolve(resolve::ResolveArguments),
    /// Show, check and prune what every run was given, asked for and did
    Journal(journal::JournalArguments),
    /// Show, prepare or remove the compiled interpreter
    Image(image::ImageArguments),
    /// Register services, and see what they offer
    Service(Box<service::ServiceArguments>),
    /// Check, test and explain policies
    Policy(Box<policy::PolicyArguments>),
    /// Serve agents over a Unix socket and the network: MCP, JSON-RPC, HTTP
    Serve(Box<serve::ServeArguments>),
    /// Make, list and revoke what agents show that come over the network
    Token(token::TokenArguments),
    /// Let an agent run scripts, as an MCP server on standard input and output
    Mcp(Box<mcp::McpArguments>),
    /// Look at the whole set-up, and say what to mend
    Doctor(doctor::DoctorArguments),
    /// Print what a shell needs to complete this command
    Completions(manual::CompletionsArguments),
    /// Write the pages of the manual
    Man(manual::ManArguments),
    /// Tell people that something waits for them; started by a run
    #[command(name = notifier::NAME, hide = true)]
    Notifier,
    /// Connect to services for a run; started by it
    #[command(name = connector::NAME, hide = true)]
    Connector,
}

impl CommandLine {
    /// What was typed. A script in the place of a command is run, with what follows as its arguments.
    fn of(typed: Vec<OsString>) -> Result<Self, clap::Error> {
        let error = match Self::try_parse_from(&typed) {
            Ok(Self {
                command: Command::Run(run),
                ..
            }) if run.names_an_option() => return Err(Self::unknown_option(typed)),
            Ok(arguments) => return Ok(arguments),
            Err(error) => Self::without_environment(error, &typed),
        };
        let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidSubcommand) else {
            return Err(error);
        };
        let script = Path::new(unknown);
        let place = typed
            .iter()
            .position(|argument| argument == script.as_os_str());
        let is_script = script.extension().is_some_and(|end| end == "py") || script.is_file();
        match place.filter(|_| is_script) {
            Some(place) => {
                let (before, after) = typed.split_at(place);
                let run = [OsString::from("run")];
                Self::try_parse_from([before, &run, after].concat())
            }
            None => Err(error),
        }
    }

    /// How a command is used does not depend on what the environment says already.
    fn without_environment(mut error: clap::Error, typed: &[OsString]) -> clap::Error {
        let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
            return error;
        };
        let mut usage = usage.to_string();
        for option in ["--cache-dir", "--state-dir", "--policies"] {
            if !typed.iter().any(|argument| argument == option) {
                usage = usage.replace(&format!(" {option} <DIR>"), "");
            }
        }
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage.into()));
        error
    }

    /// What is wrong with an option in the place of a script, said as it is said of any option.
    fn unknown_option(typed: Vec<OsString>) -> clap::Error {
        let mut command = Self::command().mut_subcommand("run", |run| {
            run.mut_arg("script", |script| {
                script.allow_hyphen_values(false).trailing_var_arg(false)
            })
        });
        let parsed = command.try_get_matches_from_mut(typed);
        parsed.err().unwrap_or_else(|| {
            command.error(
                ErrorKind::UnknownArgument,
                "an option stands in the place of a script",
            )
        })
    }
}

/// Parses the arguments, runs the command, reports what went wrong. It is all that a process does: `run` confines the
/// process, and takes from it what it was started with.
#[must_use]
pub fn main() -> ExitCode {
    let inherited = Inherited::look();
    let arguments = match CommandLine::of(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are among them.
            print::arguments(&error);
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            }
            .into();
        }
    };
    let shared = SharedArguments {
        cache: arguments.cache_dir,
        state: arguments.state_dir,
        quiet: arguments.quiet,
    };
    report::start(shared.quiet, arguments.verbose);
    let done = match arguments.command {
        Command::Demo(arguments) => demo::execute(&arguments, &shared),
        Command::Run(arguments) => run::execute(*arguments, &shared, inherited),
        Command::Check(arguments) => check::execute(&arguments, &shared),
        Command::Repl(arguments) => repl::execute(&arguments, &shared, inherited),
        Command::Plan(arguments) => plan::execute(&arguments, &shared, inherited),
        Command::Call(arguments) => call::call(&arguments, &shared, inherited),
        Command::Undo(arguments) => call::undo(&arguments, &shared, inherited),
        Command::Approvals(arguments) => approve::list(&arguments, &shared),
        Command::Approve(arguments) => approve::approve(&arguments, &shared),
        Command::Reject(arguments) => approve::reject(&arguments, &shared),
        Command::Resume(arguments) => again::resume(&arguments, &shared, inherited),
        Command::Replay(arguments) => again::replay(&arguments, &shared, inherited),
        Command::Resolve(arguments) => resolve::resolve(&arguments, &shared),
        Command::Journal(arguments) => journal::execute(&arguments, &shared),
        Command::Image(arguments) => image::execute(&arguments, &shared),
        Command::Service(arguments) => service::execute(*arguments, &shared),
        Command::Policy(arguments) => policy::execute(*arguments, &shared),
        Command::Serve(arguments) => serve::execute(&arguments, &shared, inherited),
        Command::Token(arguments) => token::execute(&arguments, &shared),
        Command::Mcp(arguments) => mcp::execute(*arguments, &shared, inherited),
        Command::Doctor(arguments) => doctor::execute(&arguments, &shared),
        Command::Completions(arguments) => {
            manual::completions(&arguments, CommandLine::command()).map(|()| Exit::Ok)
        }
        Command::Man(arguments) => {
            manual::man(&arguments, CommandLine::command()).map(|()| Exit::Ok)
        }
        Command::Notifier => notifier::serve(inherited),
        Command::Connector => connector::serve(inherited),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            report::failure(&failure);
            failure.exit.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::CommandLine::command().debug_assert();
    }
}
