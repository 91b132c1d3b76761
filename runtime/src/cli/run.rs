//! `sandgate run`: one script, one fresh interpreter. Arguments are resolved here, in the order in which they can be
//! wrong, before anything runs.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator names the files that are read and written here"
)]

use super::{
    Shared,
    exit::Exit,
    progress::Bar,
    reach::{Outside, ReachArguments},
    report::Failure,
    terminal::{Terminal, escaped},
    wall::{self, Place},
};
use crate::{
    Cancel, Clock, Context, ImageCache, Limits, Outcome, Sandbox, Script, Status, Workspace,
};
use bytesize::ByteSize;
use clap::Args;
use std::{
    io::{self, IsTerminal, Read, Write},
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  sandgate run report.py -- --month 3
  sandgate run -c 'print(input())' --stdin question.txt
  sandgate run clean.py --in data.csv --out results
  sandgate run --json --timeout 5s - < script.py
  sandgate run follow_up.py --context assistant --policies policies
  sandgate run simulate.py --seed 7 --clock 2026-01-31T12:00:00Z";

/// Run one script in a fresh interpreter.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArguments {
    /// The script, or `-` for standard input
    #[arg(
        required_unless_present = "code",
        conflicts_with = "code",
        value_name = "FILE"
    )]
    file: Option<PathBuf>,

    /// Run this text instead of a file
    #[arg(short = 'c', value_name = "CODE")]
    code: Option<String>,

    /// What input() and sys.stdin read: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,

    /// End the run after this wall time, such as 500ms, 30s or 5m
    /// [default: what the context's limits say, else 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,

    /// Linear memory, the interpreter's own 50 MiB included [default: what the context's limits say, else 256MiB]
    #[arg(long, value_name = "SIZE")]
    memory: Option<ByteSize>,

    /// How much of stdout, and of stderr, is kept; the rest is dropped and marked [default: what the context's limits
    /// say, else 1MiB]
    #[arg(long, value_name = "SIZE")]
    output_limit: Option<ByteSize>,

    /// Let the script read and change this directory, as /work; without one, and without --in, --out and --scratch,
    /// it has no files at all
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    /// Give the script an empty directory, as /work, that is removed at the end
    #[arg(long, conflicts_with = "workspace")]
    scratch: bool,

    /// Copy this file into the workspace first; may be given more than once
    #[arg(long = "in", value_name = "FILE")]
    inputs: Vec<PathBuf>,

    /// Copy what is in the workspace at the end to this directory; existing files are not replaced
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Make random numbers repeatable
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Stop the script's clock at this time, such as 2026-01-31T12:00:00Z; it moves only when the script sleeps,
    /// which then takes no time
    #[arg(long, value_name = "TIME", value_parser = parse_clock, default_value = "real")]
    clock: Clock,

    /// Print the whole outcome as one JSON object at the end, and nothing else
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reach: ReachArguments,

    /// The script's own arguments
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err("a script needs some time to run".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_clock(text: &str) -> Result<Clock, String> {
    if text == "real" {
        return Ok(Clock::Real);
    }
    let time = humantime::parse_rfc3339_weak(text)
        .map_err(|error| format!("{error}; write `real` or 2026-01-31T12:00:00Z"))?;
    let since = time
        .duration_since(UNIX_EPOCH)
        .map_err(|_| "the clock starts in 1970".to_owned())?;
    u64::try_from(since.as_millis())
        .map(Clock::Frozen)
        .map_err(|error| error.to_string())
}

pub(super) fn execute(arguments: RunArguments, shared: &Shared) -> Result<Exit, Failure> {
    let source = source(&arguments)?;
    let stdin = match &arguments.stdin {
        Some(path) => read(path, "the standard input")?,
        None => Vec::new(),
    };
    let workspace = workspace(&arguments)?;
    let name = match (&arguments.file, &arguments.code) {
        (Some(file), _) if file.as_os_str() == "-" => "<stdin>".to_owned(),
        (Some(file), _) => file.file_name().map_or_else(
            || "script.py".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        (None, _) => "<string>".to_owned(),
    };
    let stdin_is_free = [&arguments.file, &arguments.stdin]
        .into_iter()
        .flatten()
        .all(|path| path.as_os_str() != "-");
    let opened = arguments.reach.open(shared, stdin_is_free)?;
    let limits = limits(&arguments);
    let outside = opened
        .as_ref()
        .map_or(Outside::Nothing, |opened| opened.outside);
    confine(&arguments, workspace.as_deref(), outside, shared)?;
    let context = match opened {
        Some(opened) => Context::of(opened.reach).tightened(limits),
        None => Context::alone(limits),
    };
    let cancel = Cancel::new();
    let terminal = if arguments.json {
        None
    } else {
        Some(Arc::new(Terminal::start().map_err(|error| {
            Failure::internal(error.to_string(), None)
        })?))
    };
    let script = Script {
        source,
        name: Some(name),
        arguments: arguments.arguments,
        stdin,
        workspace: workspace.clone(),
        clock: arguments.clock,
        seed: arguments.seed,
        replay: None,
        sink: terminal
            .clone()
            .map(|terminal| terminal as Arc<dyn crate::Sink>),
        cancel: Some(cancel.clone()),
    };
    let outcome = drive(script, &context, cancel, shared);
    let written = terminal.map_or(Ok(()), |terminal| terminal.finish());
    let outcome = outcome?;
    // What a script left is delivered whatever became of the script.
    let delivered = match (&arguments.out, &workspace) {
        (Some(out), Some(workspace)) => workspace.copy_out(out).map(drop),
        _ => Ok(()),
    };
    let written = written.and(print(&outcome, arguments.json)?);
    delivered.map_err(|error| {
        Failure::usage(
            super::report::chain(&error),
            "name a directory that is empty or does not exist yet",
        )
    })?;
    written.map_err(|error| {
        let message = format!("the output cannot be written: {error}");
        Failure::internal(
            message,
            Some("make room where it goes; the script itself has run"),
        )
    })?;
    Ok(Exit::from(&outcome))
}

/// What is asked for. Where there is a context, its own limits count as well.
fn limits(arguments: &RunArguments) -> Limits {
    let otherwise = if arguments.reach.has_context() {
        Limits::MOST
    } else {
        Limits::default()
    };
    let size = |asked: Option<ByteSize>, otherwise| match asked {
        Some(asked) => usize::try_from(asked.as_u64()).unwrap_or(usize::MAX),
        None => otherwise,
    };
    Limits {
        wall: arguments.timeout.unwrap_or(otherwise.wall),
        cpu: arguments.timeout.unwrap_or(otherwise.cpu),
        memory: size(arguments.memory, otherwise.memory),
        output: size(arguments.output_limit, otherwise.output),
        ..otherwise
    }
}

fn source(arguments: &RunArguments) -> Result<String, Failure> {
    let Some(path) = &arguments.file else {
        return Ok(arguments.code.clone().unwrap_or_default());
    };
    if path.as_os_str() == "-"
        && arguments
            .stdin
            .as_ref()
            .is_some_and(|stdin| stdin.as_os_str() == "-")
    {
        return Err(Failure::usage(
            "the script and its input cannot both be standard input",
            "pass one of them as a file",
        ));
    }
    let bytes = read(path, "the script")?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count()
            .saturating_add(1);
        Failure::usage(
            format!(
                "`{}` is not UTF-8: line {line} holds other bytes",
                path.display()
            ),
            "save the script as UTF-8",
        )
    })
}

/// Reads a file, or standard input for `-`. What is longer than any limit allows is refused and never cut: a script
/// that ran on half of its input would answer another question.
fn read(path: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let most = *sandgate_policy::Limits::STDIN.end();
    let mut bytes = Vec::new();
    let taken = if path.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| {
            if file.metadata()?.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            file.take(most.saturating_add(1)).read_to_end(&mut bytes)
        })
    };
    match taken {
        Ok(_) if bytes.len() as u64 > most => Err(Failure::usage(
            format!(
                "{what} `{}` is longer than {}",
                path.display(),
                ByteSize::b(most).display().iec()
            ),
            "pass less, or put it into the workspace with --in",
        )),
        Ok(_) => Ok(bytes),
        Err(error) => {
            let help = match error.kind() {
                io::ErrorKind::NotFound => "check the path; code itself is passed with -c",
                io::ErrorKind::IsADirectory => "name a file in it",
                io::ErrorKind::PermissionDenied => "make it readable for you",
                _ => "check the path",
            };
            Err(Failure::usage(
                format!("{what} `{}` cannot be read: {error}", path.display()),
                help,
            ))
        }
    }
}

fn workspace(arguments: &RunArguments) -> Result<Option<Arc<Workspace>>, Failure> {
    let opened = match &arguments.workspace {
        Some(path) => Some(Workspace::open(path)),
        None if arguments.scratch || arguments.out.is_some() || !arguments.inputs.is_empty() => {
            Some(Workspace::temporary())
        }
        None => None,
    };
    let failed = |error| Failure::from(crate::RunError::Workspace(error));
    let Some(workspace) = opened.transpose().map_err(failed)? else {
        return Ok(None);
    };
    for input in &arguments.inputs {
        workspace.copy_in(input).map_err(failed)?;
    }
    Ok(Some(Arc::new(workspace)))
}

fn drive(
    script: Script,
    context: &Context,
    cancel: Cancel,
    shared: &Shared,
) -> Result<Outcome, Failure> {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string(), None))?;
    executor.block_on(async {
        let mut builder = Sandbox::builder().instances(NonZeroU32::MIN);
        if let Some(cache) = &shared.cache {
            builder = builder.cache_dir(cache);
        }
        if !shared.quiet {
            builder = builder.progress(Arc::new(Bar::default()));
        }
        let sandbox = builder.build().await?;
        end_on_signals(&cancel).map_err(|error| Failure::internal(error.to_string(), None))?;
        Ok(sandbox.run(script, context).await?)
    })
}

/// From here on the process can reach what this run needs and nothing else. Everything that is named on the command
/// line has been read.
fn confine(
    arguments: &RunArguments,
    workspace: Option<&Workspace>,
    outside: Outside,
    shared: &Shared,
) -> Result<(), Failure> {
    let cache = ImageCache::new(shared.cache.clone())?;
    let temporary = std::env::temp_dir();
    let mut places = vec![
        Place::Directory(cache.directory()?),
        Place::Parent(&temporary),
    ];
    if let Some(out) = &arguments.out {
        std::fs::create_dir_all(out).map_err(|error| {
            let message = format!("the directory `{}` cannot be made: {error}", out.display());
            Failure::usage(message, "name a directory that you can write to")
        })?;
        places.push(Place::Directory(out));
    }
    places.extend(workspace.map(|workspace| Place::Directory(workspace.path())));
    wall::raise(&places, outside)
}

/// Being interrupted or terminated ends the script and not sandgate, which still has a workspace to put away. The
/// handlers are in place when this returns.
fn end_on_signals(cancel: &Cancel) -> io::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind)?;
        let cancel = cancel.clone();
        tokio::spawn(async move {
            signals.recv().await;
            cancel.cancel();
        });
    }
    Ok(())
}

/// The streams have been printed already, unless all of it is JSON. The inner result is about writing.
fn print(outcome: &Outcome, json: bool) -> Result<io::Result<()>, Failure> {
    if json {
        let text = serde_json::to_string(outcome)
            .map_err(|error| Failure::internal(error.to_string(), None))?;
        return Ok(
            match writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                _ => Ok(()),
            },
        );
    }
    let mut text = String::new();
    if let Some(exception) = &outcome.exception {
        text.push_str(&exception.traceback);
    }
    if let Some(reason) = &outcome.reason {
        let status = match outcome.status {
            Status::Timeout => "out of time",
            Status::Memory => "out of memory",
            Status::Stack => "out of stack",
            Status::Output => "too much output",
            Status::Source => "source refused",
            Status::Cancelled => "cancelled",
            Status::Diverged => "diverged",
            Status::Ok | Status::Exited | Status::Raised | Status::Crashed => "failed",
        };
        text.push_str(&format!("sandgate: {status}: {reason}\n"));
    }
    if io::stderr().is_terminal() {
        text = escaped(&text);
    }
    let _ = io::stderr().write_all(text.as_bytes());
    Ok(Ok(()))
}
