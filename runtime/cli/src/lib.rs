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
mod config;
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
mod machine;
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
mod settings;
mod shared;
mod signals;
mod stage;
mod steward;
mod supervisor;
mod telemetry;
mod terminal;
mod token;
mod values;
mod wall;

use clap::{
    ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use exit::Exit;
use settings::{Settings, SettingsPlace};
use shared::SharedArguments;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};
use wall::Inherited;

/// What every command takes stands behind what is its own.
const EVERYWHERE: &str = "With every command";

/// Run Python that a language model wrote, isolated, with every effect decided.
#[derive(Debug, Parser)]
#[command(name = "sandgate", version, max_term_width = 100, after_help = exit::HELP)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,

    /// The file of settings, or `none` [default: sandgate.toml in a state directory that is named, in
    /// sandgate in $XDG_CONFIG_HOME, else in ~/.config/sandgate, or in the state directory]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = sandgate::places::CONFIG,
        hide_env_values = true,
        help_heading = EVERYWHERE
    )]
    config: Option<std::path::PathBuf>,

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
    /// Show which settings count, and where each comes from
    Config(config::ConfigArguments),
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
    /// Hand spans to a collector; started by a server
    #[command(name = telemetry::NAME, hide = true)]
    Telemetry,
    /// Connect to services for a run; started by it
    #[command(name = connector::NAME, hide = true)]
    Connector,
    /// Read registrations again for a server; started by it
    #[command(name = steward::NAME, hide = true)]
    Steward(steward::StewardArguments),
}

impl Command {
    /// Whether what it does depends on the settings. What another process of this command starts is told all of it.
    fn has_settings(&self) -> bool {
        match self {
            Self::Completions(_)
            | Self::Man(_)
            | Self::Notifier
            | Self::Telemetry
            | Self::Connector
            | Self::Steward(_) => false,
            // Where the file is can be asked even if it cannot be used.
            Self::Config(arguments) => arguments.reads_the_file(),
            _ => true,
        }
    }
}

impl CommandLine {
    /// What was typed. A script in the place of a command is run, with what follows as its arguments.
    fn of(typed: &[OsString], settings: &Settings) -> Result<Self, clap::Error> {
        let error = match Self::parsed(typed, settings) {
            Ok(Self {
                command: Command::Run(run),
                ..
            }) if run.names_an_option() => return Err(Self::unknown_option(typed)),
            Ok(arguments) => return Ok(arguments),
            Err(error) => Self::without_environment(error, typed),
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
                Self::parsed(&[before, &run, after].concat(), settings)
            }
            None => Err(error),
        }
    }

    /// What was typed, and for the rest what the settings say.
    fn parsed(typed: &[OsString], settings: &Settings) -> Result<Self, clap::Error> {
        let matches = Self::matches(typed, settings)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))
    }

    fn matches(typed: &[OsString], settings: &Settings) -> Result<ArgMatches, clap::Error> {
        settings.apply(Self::command()).try_get_matches_from(typed)
    }

    /// What was typed, where it lacks something that the settings may say.
    fn completed(typed: &[OsString], error: clap::Error) -> Result<Self, clap::Error> {
        if error.kind() != ErrorKind::MissingRequiredArgument {
            return Err(error);
        }
        let known = Self::command().ignore_errors(true);
        let known = known.try_get_matches_from(typed).ok();
        let path = |argument| {
            let found = known.as_ref()?.try_get_one::<PathBuf>(argument);
            found.ok()?.map(PathBuf::as_path)
        };
        let settings = Settings::find(SettingsPlace {
            named: path("config"),
            state: path("state_dir"),
        });
        match settings {
            Ok(settings) if settings.file.is_some() => Self::of(typed, &settings),
            _ => Err(error),
        }
    }

    /// Where the settings are looked for.
    fn settings_place(&self) -> SettingsPlace<'_> {
        SettingsPlace {
            named: self.config.as_deref(),
            state: self.state_dir.as_deref(),
        }
    }

    /// The settings, where the command asks for any; and the arguments once more where they say anything of them.
    fn settled(self, typed: &[OsString]) -> Result<(Self, Settings), ExitCode> {
        if !self.command.has_settings() {
            return Ok((self, Settings::default()));
        }
        let settings = Settings::find(self.settings_place()).map_err(|error| {
            print::start();
            report::failure(&error);
            ExitCode::from(Exit::Usage)
        })?;
        if settings.file.is_none() {
            return Ok((self, settings));
        }
        match Self::of(typed, &settings) {
            Ok(arguments) => Ok((arguments, settings)),
            Err(error) => {
                print::arguments(&error);
                Err(Exit::Usage.into())
            }
        }
    }

    /// How a command is used does not depend on what the environment says already.
    fn without_environment(mut error: clap::Error, typed: &[OsString]) -> clap::Error {
        let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
            return error;
        };
        let mut usage = usage.to_string();
        for option in [
            "--cache-dir <DIR>",
            "--state-dir <DIR>",
            "--policies <DIR>",
            "--config <FILE>",
        ] {
            let (name, _) = option.split_once(' ').unwrap_or((option, ""));
            if !typed.iter().any(|argument| argument == name) {
                usage = usage.replace(&format!(" {option}"), "");
            }
        }
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage.into()));
        error
    }

    /// What is wrong with an option in the place of a script, said as it is said of any option.
    fn unknown_option(typed: &[OsString]) -> clap::Error {
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
    let typed: Vec<OsString> = std::env::args_os().collect();
    let arguments = CommandLine::of(&typed, &Settings::default());
    let arguments = match arguments.or_else(|error| CommandLine::completed(&typed, error)) {
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
    let (arguments, settings) = match arguments.settled(&typed) {
        Ok(settled) => settled,
        Err(code) => return code,
    };
    let shared = SharedArguments {
        // Other processes of this command find what this one found.
        config: settings.file.clone().or_else(|| arguments.config.clone()),
        cache: arguments.cache_dir,
        state: arguments.state_dir,
        quiet: arguments.quiet,
        settings,
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
        Command::Config(arguments) => {
            let matches = CommandLine::matches(&typed, &shared.settings);
            config::execute(&arguments, &shared, matches.ok().as_ref())
        }
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
        Command::Telemetry => telemetry::serve(inherited),
        Command::Connector => connector::serve(inherited),
        Command::Steward(arguments) => steward::serve(&arguments, &shared, inherited),
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
