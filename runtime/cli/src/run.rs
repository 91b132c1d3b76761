//! `sandgate run`: one script, one fresh interpreter. Arguments are resolved here, in the order in which they can be
//! wrong, before anything runs.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator names the files that are read and written here"
)]

use super::{
    apart,
    calls::ShownCalls,
    environment::EnvironmentArguments,
    executor::catching,
    exit::Exit,
    failure::Failure,
    files::FilesArguments,
    interpreter::interpreter,
    journal::{self, Redaction},
    needs::Needs,
    notifier,
    piped::Piped,
    print,
    question::{Seat, Typed},
    reach::ReachArguments,
    shared::SharedArguments,
    signals::Signals,
    terminal::Terminal,
    values,
    wall::{self, Inherited, WithinReach},
};
use bytesize::ByteSize;
use clap::Args;
use conclusion::{Conclusion, write_all};
use sandgate::{
    CallWatcher, Cancel, Clock, Context, Files, Input, Journal, Limits, Outcome, Sandbox, Script,
    Sink,
};
use std::{
    ffi::OsString,
    io::{self, Read},
    num::NonZeroU32,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

mod conclusion;

const EXAMPLES: &str = "\
Examples:
  sandgate run report.py --month 3
  sandgate run --usage --raw progress.py
  sandgate run --stdin question.txt -c 'print(input())'
  sandgate run --in data.csv --in last.csv=archive/2025.csv --out results clean.py
  sandgate run --workspace .:ro --env LANG=de --tz Europe/Berlin count.py
  sandgate run --json --timeout 5s - < script.py
  sandgate run --context assistant --policies policies follow_up.py
  sandgate run --seed 7 --clock 2026-01-31T12:00:00Z simulate.py

What follows the script is the script's, so options of sandgate come before it. `sandgate report.py` is short for `sandgate run report.py`, and a script whose first line is `#!/usr/bin/env -S sandgate run` runs by itself.";

const USAGE: &str = "\
sandgate run [OPTIONS] <FILE> [ARGS]...
       sandgate run [OPTIONS] -c <CODE> [ARGS]...";

/// Run one script in a fresh interpreter.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub(super) struct RunArguments {
    /// The script, or `-` for standard input, and then the script's own arguments
    #[arg(
        required_unless_present = "code",
        value_names = ["FILE", "ARGS"],
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    script: Vec<OsString>,

    /// Run this text instead of a file
    #[arg(short = 'c', value_name = "CODE")]
    code: Option<String>,

    /// What input() and sys.stdin read instead of standard input; at a terminal they ask there, line by line
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,

    /// End the run after this wall time, such as 30, 500ms or 5m
    /// [default: what the context's limits say, else 30s]
    #[arg(long, value_name = "TIME", value_parser = values::time, help_heading = "Limits")]
    timeout: Option<Duration>,

    /// Linear memory, the interpreter's own 50 MiB included [default: what the context's limits say, else 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Limits")]
    memory: Option<ByteSize>,

    /// How much of stdout, and of stderr, `--json` has; 64 times as much of one ends the run [default: what the
    /// context's limits say, else 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Limits")]
    output_limit: Option<ByteSize>,

    #[command(flatten)]
    environment: EnvironmentArguments,

    #[command(flatten)]
    files: FilesArguments,

    /// Copy what is in the workspace at the end to this directory, which is to be empty or new
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    out: Option<PathBuf>,

    /// Let `--out` name a directory that holds something; files of the same names are replaced
    #[arg(long, requires = "out", help_heading = "Files")]
    force: bool,

    /// Make random numbers repeatable
    #[arg(long, value_name = "N", help_heading = "Repeatable runs")]
    seed: Option<u64>,

    /// Stop the script's clock at this time, such as 2026-01-31 or 2026-01-31T12:00:00Z; it moves only when the script sleeps,
    /// which then takes no time
    #[arg(long, value_name = "TIME", value_parser = values::clock, default_value = "real", help_heading = "Repeatable runs")]
    clock: Clock,

    /// Print the whole outcome as one JSON object at the end, and nothing else
    #[arg(long, help_heading = "Output")]
    json: bool,

    /// Write to a terminal what the script prints as it is, escape sequences included. They can do to the terminal what any
    /// program can, such as drawing a question that nobody asks, so no person is asked about calls then
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    raw: bool,

    /// Show each call on standard error when it is answered: what was asked for, what was decided and what came of it
    #[arg(long, requires = "context", help_heading = "Output")]
    calls: bool,

    /// Say at the end what the run took: time, memory and calls
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    usage: bool,

    #[command(flatten)]
    reach: ReachArguments,
}

impl RunArguments {
    /// The script, where it is not given as text.
    fn file(&self) -> Option<&Path> {
        match &self.code {
            Some(_) => None,
            None => self.script.first().map(Path::new),
        }
    }

    /// Whether there is an option that nobody knows where a script should be.
    pub(super) fn names_an_option(&self) -> bool {
        let name = self.file().map(|file| file.as_os_str().as_encoded_bytes());
        name.is_some_and(|name| name.len() > 1 && name.starts_with(b"-"))
    }

    /// What the script itself is given.
    fn script_arguments(&self) -> Result<Vec<String>, Failure> {
        let own = usize::from(self.code.is_none());
        let text = |argument: &OsString| {
            argument.to_str().map(str::to_owned).ok_or_else(|| {
                Failure::usage(
                    format!("the argument `{}` is not UTF-8", argument.to_string_lossy()),
                    "scripts are given text",
                )
            })
        };
        self.script.iter().skip(own).map(text).collect()
    }
}

pub(super) fn execute(
    arguments: RunArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let source = source(&arguments)?;
    let stdin = match &arguments.stdin {
        Some(path) if path.as_os_str() != "-" => read(path, "the standard input")?,
        _ => Vec::new(),
    };
    keep_apart(&arguments, shared)?;
    arguments.files.look()?;
    look_at_out(&arguments)?;
    let name = match arguments.file() {
        Some(file) if file.as_os_str() == "-" => "<stdin>".to_owned(),
        Some(file) => file.file_name().map_or_else(
            || "script.py".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        None => "<string>".to_owned(),
    };
    let own_arguments = arguments.script_arguments()?;
    let zone = arguments.environment.zone()?;
    // Nobody types a script and answers questions.
    let is_typed = arguments.file().is_some_and(|file| file.as_os_str() == "-");
    let seat = if is_typed { None } else { Seat::find() };
    // Whoever lets a script draw anything could not know which questions are ours.
    let asked = seat.clone().filter(|_| !arguments.raw);
    let journal = journal::open(shared, arguments.reach.context().is_some());
    let opened = arguments.reach.open(shared, asked, journal.clone())?;
    let calls = if arguments.calls {
        Some(ShownCalls::all(Redaction::open(shared, false)?))
    } else {
        None
    };
    let watcher = match &calls {
        Some(calls) => Some(Arc::clone(calls) as Arc<dyn CallWatcher>),
        None => ShownCalls::asked(),
    };
    let opened = opened.map(|opened| opened.watched(watcher));
    let notifier = match &opened {
        Some(opened) => opened.notifier()?,
        None => None,
    };
    let limits =
        arguments
            .reach
            .asked_for(arguments.timeout, arguments.memory, arguments.output_limit);
    let granted = opened
        .as_ref()
        .map_or(limits, |opened| opened.limits().least(&limits));
    arguments.files.may_be_had(&granted)?;
    if arguments.out.is_some() && granted.workspace == Files::None {
        return Err(sandgate::RunError::NoFiles.into());
    }
    if !shared.quiet {
        say_what_is_cut(&arguments, &granted);
    }
    let interpreter = interpreter(shared).instances(NonZeroU32::MIN).load()?;
    // From here on there may be something to deliver, so no signal ends the process by itself.
    let (executor, mut signals) = catching()?;
    let workspace = arguments.files.workspace()?;
    make_out(&arguments)?;
    let out = arguments.out.iter().map(PathBuf::as_path);
    let written = out.chain(journal.iter().filter_map(Journal::directory));
    let written = written.map(WithinReach::Directory);
    let places: Vec<WithinReach<'_>> = written.chain(arguments.files.places()).collect();
    wall::confine(&places, inherited)?;
    look_at_needs(&source, shared.quiet)?;
    let sandbox = {
        let _entered = executor.enter();
        interpreter.start()?
    };
    let (context, connecting) = match opened {
        Some(opened) => {
            let (caller, connecting) = opened.caller(sandbox.clone())?;
            (caller.context().clone().tightened(limits), connecting)
        }
        None => (Context::alone(limits).kept_in(journal.as_ref()), None),
    };
    let cancel = Cancel::new();
    let terminal = Arc::new(Terminal::start(arguments.raw).map_err(|error| Failure::ours(&error))?);
    let sink = (!arguments.json).then(|| terminal.clone() as Arc<dyn Sink>);
    let input = reads_stdin(&arguments).then(|| match seat {
        Some(seat) => Box::new(Typed::at(seat)) as Box<dyn Input>,
        None => Box::new(Piped::stdin()),
    });
    let script = Script {
        source,
        name: Some(name),
        arguments: own_arguments,
        environment: arguments.environment.variables(),
        zone,
        stdin,
        input,
        workspace: workspace.clone(),
        clock: arguments.clock,
        seed: arguments.seed,
        sink,
        cancel: Some(cancel.clone()),
        ..Script::default()
    };
    let ended = executor.block_on(drive(script, &context, &cancel, &mut signals, &sandbox));
    if let Some(connecting) = &connecting {
        connecting.dismiss();
    }
    if let Some(calls) = &calls {
        calls.leave();
    }
    let (outcome, by_signal) = match ended {
        Ok(ended) => ended,
        Err(failure) => {
            write_all(executor, &terminal, &mut signals, false);
            return Err(failure);
        }
    };
    notifier::conclude(notifier, journal.as_ref(), &outcome);
    let conclusion = Conclusion {
        terminal: &terminal,
        outcome: &outcome,
        arguments: &arguments,
        limits: &granted,
        by_signal,
    };
    conclusion.reach(workspace.as_deref(), executor, &mut signals)
}

/// Whether the script reads the command's own standard input.
fn reads_stdin(arguments: &RunArguments) -> bool {
    let is_stdin = |path: Option<&Path>| path.is_some_and(|path| path.as_os_str() == "-");
    match &arguments.stdin {
        Some(path) => is_stdin(Some(path)),
        None => !is_stdin(arguments.file()),
    }
}

/// Whoever starts a run can only ask for less than its context grants; who asks for more is told.
fn say_what_is_cut(arguments: &RunArguments, granted: &Limits) {
    let Some(context) = arguments.reach.context() else {
        return;
    };
    let time = arguments.timeout.filter(|asked| *asked > granted.wall);
    let time = time.map(|_| humantime::format_duration(granted.wall).to_string());
    let size = |asked: Option<ByteSize>, granted: usize| {
        let granted = ByteSize::b(granted as u64);
        asked
            .filter(|asked| *asked > granted)
            .map(|_| granted.display().iec().to_string())
    };
    for (flag, granted, limit) in [
        ("--timeout", time, "timeout"),
        ("--memory", size(arguments.memory, granted.memory), "memory"),
        (
            "--output-limit",
            size(arguments.output_limit, granted.output),
            "output",
        ),
    ] {
        if let Some(granted) = granted {
            print::err(&format!(
                "sandgate: {flag} is cut to {granted}, which is what context `{context}` grants; `{limit}` in its limits.toml can grant more\n"
            ));
        }
    }
}

fn source(arguments: &RunArguments) -> Result<String, Failure> {
    let Some(path) = arguments.file() else {
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
    script(path)
}

/// The text of a script.
pub(super) fn script(path: &Path) -> Result<String, Failure> {
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
    let most = *sandgate::policy::ContextLimits::STDIN.end();
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
            "pass less, or put it into a directory and pass that with --workspace",
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

/// What the script may write to, and what `--out` makes of it, is not what decides about scripts.
fn keep_apart(arguments: &RunArguments, shared: &SharedArguments) -> Result<(), Failure> {
    let decide = apart::deciding(shared, arguments.reach.policies_dir());
    arguments.files.keep_apart(&decide)?;
    let mut out = arguments.out.iter();
    out.try_for_each(|directory| apart::check(directory, &decide))
}

/// Says what a script depends on that it cannot have. It runs all the same: it may do without.
fn look_at_needs(source: &str, quiet: bool) -> Result<(), Failure> {
    let (needs, lines) = match Needs::of(source) {
        Ok(needs) => {
            let lines = needs.answers();
            (needs, lines)
        }
        Err(why) => {
            let line = format!("the script's `# /// script` block is not understood: {why}");
            (Needs::default(), vec![line])
        }
    };
    if !quiet {
        let said: String = lines
            .iter()
            .map(|line| format!("sandgate: {line}\n"))
            .collect();
        print::err(&said);
    }
    needs.check_python()
}

/// The outcome, and whether a signal ended the run.
async fn drive(
    script: Script,
    context: &Context,
    cancel: &Cancel,
    signals: &mut Signals,
    sandbox: &Sandbox,
) -> Result<(Outcome, bool), Failure> {
    let mut run = pin!(sandbox.run(script, context));
    tokio::select! {
        outcome = &mut run => Ok((outcome?, false)),
        () = signals.any() => {
            cancel.cancel();
            Ok((run.await?, true))
        }
    }
}

/// What would keep files from going out is said before anything runs, as what would keep them from coming in is.
fn look_at_out(arguments: &RunArguments) -> Result<(), Failure> {
    let Some(out) = arguments.out.as_ref().filter(|_| !arguments.force) else {
        return Ok(());
    };
    let holds_something = std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if holds_something {
        let message = format!("the directory `{}` holds something already", out.display());
        let help = "name another, or pass --force to replace files of the same names";
        return Err(Failure::usage(message, help));
    }
    Ok(())
}

fn make_out(arguments: &RunArguments) -> Result<(), Failure> {
    let Some(out) = &arguments.out else {
        return Ok(());
    };
    std::fs::create_dir_all(out).map_err(|error| {
        let message = format!("the directory `{}` cannot be made: {error}", out.display());
        Failure::usage(message, "name a directory that you can write to")
    })
}
