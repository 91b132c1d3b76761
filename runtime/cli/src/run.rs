//! `sandgate run`: one script, one fresh interpreter. Arguments are resolved here, in the order in which they can be
//! wrong, before anything runs.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator names the files that are read and written here"
)]

use super::{
    apart, escape,
    executor::catching,
    exit::{Exit, ending},
    failure::Failure,
    interpreter::interpreter,
    needs::Needs,
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
use sandgate::{
    Cancel, Clock, Context, Files, Input, Limits, Outcome, Sandbox, Script, Sink, Stream, Workspace,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read},
    num::NonZeroU32,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Runtime;

/// For how long a run that was ended waits for whoever reads its output.
const PATIENCE: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  sandgate run report.py --month 3
  sandgate run --usage --raw progress.py
  sandgate run --stdin question.txt -c 'print(input())'
  sandgate run --in data.csv --out results clean.py
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

    /// Let the script read and change this directory, as /work; without one, /work is an empty directory in memory
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    workspace: Option<PathBuf>,

    /// Copy this file into the workspace first; may be given more than once
    #[arg(long = "in", value_name = "FILE", help_heading = "Files")]
    inputs: Vec<PathBuf>,

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
    look_at_files(&arguments)?;
    let name = match arguments.file() {
        Some(file) if file.as_os_str() == "-" => "<stdin>".to_owned(),
        Some(file) => file.file_name().map_or_else(
            || "script.py".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        None => "<string>".to_owned(),
    };
    let own_arguments = arguments.script_arguments()?;
    // Nobody types a script and answers questions.
    let is_typed = arguments.file().is_some_and(|file| file.as_os_str() == "-");
    let seat = if is_typed { None } else { Seat::find() };
    // Whoever lets a script draw anything could not know which questions are ours.
    let asked = seat.clone().filter(|_| !arguments.raw);
    let opened = arguments.reach.open(shared, asked)?;
    let limits =
        arguments
            .reach
            .asked_for(arguments.timeout, arguments.memory, arguments.output_limit);
    let granted = opened
        .as_ref()
        .map_or(limits, |opened| opened.limits().least(&limits));
    may_have_files(&arguments, &granted)?;
    if !shared.quiet {
        say_what_is_cut(&arguments, &granted);
    }
    let interpreter = interpreter(shared).instances(NonZeroU32::MIN).load()?;
    // From here on there may be something to deliver, so no signal ends the process by itself.
    let (executor, mut signals) = catching()?;
    let workspace = workspace(&arguments)?;
    make_out(&arguments)?;
    let named = arguments.out.iter().chain(&arguments.workspace);
    let places: Vec<WithinReach<'_>> = named.map(|path| WithinReach::Directory(path)).collect();
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
        None => (Context::alone(limits), None),
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
    let (outcome, by_signal) = match ended {
        Ok(ended) => ended,
        Err(failure) => {
            write_all(executor, &terminal, &mut signals, false);
            return Err(failure);
        }
    };
    // What a script left is delivered whatever became of the script.
    let delivered = match (
        &arguments.out,
        workspace.as_ref().or(outcome.scratch.as_ref()),
    ) {
        (Some(out), Some(workspace)) if arguments.force => {
            workspace.copy_out_replacing(out).map(drop)
        }
        (Some(out), Some(workspace)) => workspace.copy_out(out).map(drop),
        _ => Ok(()),
    };
    conclude(&terminal, &outcome, &arguments, &granted, by_signal)?;
    let written = write_all(executor, &terminal, &mut signals, by_signal);
    let Some(written) = written.filter(|written| !by_signal || written.is_ok()) else {
        return Ok(Exit::Cancelled);
    };
    delivered.map_err(|error| {
        Failure::undelivered(
            super::failure::chain(&error),
            "name a directory that is empty or does not exist yet",
        )
    })?;
    written.map_err(|error| {
        let message = format!("the output cannot be written: {error}");
        Failure::undelivered(
            message,
            "make room where it goes; the script itself has run",
        )
    })?;
    Ok(Exit::from(&outcome))
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
    let decide = [
        ("the interpreter", shared.image_dir()),
        ("the registered services", shared.state_dir()),
        ("the policies", arguments.reach.policies_dir()),
    ];
    let written = arguments.workspace.iter().chain(&arguments.out);
    written
        .into_iter()
        .try_for_each(|directory| apart::check(directory, &decide))
}

/// What a context leaves without files is given none, in whatever way they are asked for. Refused before any is read or
/// made.
fn may_have_files(arguments: &RunArguments, limits: &Limits) -> Result<(), Failure> {
    let asked =
        arguments.workspace.is_some() || arguments.out.is_some() || !arguments.inputs.is_empty();
    if asked && limits.workspace == Files::None {
        return Err(sandgate::RunError::NoFiles.into());
    }
    Ok(())
}

/// What the script is given. Where that is nothing, it has a directory in memory all the same, once it uses it.
fn workspace(arguments: &RunArguments) -> Result<Option<Arc<Workspace>>, Failure> {
    let failed = |error| Failure::from(sandgate::RunError::Workspace(error));
    let workspace = match &arguments.workspace {
        Some(path) => Workspace::open(path).map_err(failed)?,
        None if arguments.inputs.is_empty() => return Ok(None),
        None => Workspace::memory(),
    };
    for input in &arguments.inputs {
        workspace.copy_in(input).map_err(failed)?;
    }
    Ok(Some(Arc::new(workspace)))
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

/// What would keep files from coming in or going out is said before anything runs: what a script has done cannot be done
/// again for its files.
fn look_at_files(arguments: &RunArguments) -> Result<(), Failure> {
    let mut names = BTreeMap::new();
    for input in &arguments.inputs {
        let other = input.file_name().and_then(|name| names.insert(name, input));
        if let Some(other) = other {
            let message = format!(
                "`{}` and `{}` would be one file in the workspace",
                other.display(),
                input.display()
            );
            return Err(Failure::usage(message, "give them different names"));
        }
    }
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

/// Waits for what is to be written, unless a signal says not to; after one that ended the run, only as long as a reader
/// takes that is there. Neither a question nor a file that a thread waits for keeps the process then.
fn write_all(
    executor: Runtime,
    terminal: &Terminal,
    signals: &mut Signals,
    by_signal: bool,
) -> Option<io::Result<()>> {
    let written = executor.block_on(async {
        let patience = async {
            if by_signal {
                tokio::time::sleep(PATIENCE).await;
            } else {
                signals.any().await;
            }
        };
        tokio::select! {
            biased;
            written = terminal.finish() => Some(written),
            () = patience => None,
        }
    });
    executor.shutdown_background();
    written
}

/// What is said of the outcome. The streams have been printed already, unless all of it is JSON.
fn conclude(
    terminal: &Terminal,
    outcome: &Outcome,
    arguments: &RunArguments,
    limits: &Limits,
    by_signal: bool,
) -> Result<(), Failure> {
    if arguments.json {
        let text = serde_json::to_string(outcome).map_err(|error| Failure::ours(&error))?;
        terminal.conclude(Stream::Out, format!("{}\n", escape::json(&text)));
        return Ok(());
    }
    let mut text = String::new();
    if let Some(exception) = &outcome.exception {
        text.push_str(&exception.traceback);
    }
    if let Some(reason) = &outcome.reason {
        let status = ending(outcome.status);
        text.push_str(&if by_signal {
            format!("sandgate: {status}\n")
        } else {
            format!("sandgate: {status}: {reason}\n")
        });
    }
    text.extend(files_hint(outcome, arguments, limits));
    if arguments.usage {
        text.push_str(&usage(outcome));
    }
    if !text.is_empty() {
        terminal.conclude(Stream::Err, text);
    }
    Ok(())
}

/// What would have helped a script that did not find its file, or had no room for it. Exceptions are the script's own
/// words, so nothing but advice depends on them.
fn files_hint(outcome: &Outcome, arguments: &RunArguments, limits: &Limits) -> Option<String> {
    let exception = outcome.exception.as_ref()?;
    let message = exception.message.as_str();
    if exception.kind == "OSError" && message.contains("No space left on device") {
        let bytes = match arguments.workspace {
            Some(_) => limits.workspace_bytes,
            None => limits.workspace_bytes.min(Limits::WORKSPACE_MEMORY),
        };
        return Some(format!(
            "sandgate: a workspace holds {} and {} files; `workspace_bytes` and `workspace_files` in a context's limits.toml \
             say how much\n",
            ByteSize::b(bytes).display().iec(),
            limits.workspace_files
        ));
    }
    let (_, rest) = message.split_once("No such file or directory")?;
    let (_, path) = rest.split_once(": '")?;
    let is_outside = path.starts_with('/') && !path.starts_with(Workspace::PATH);
    let is_given = arguments.workspace.is_some() || !arguments.inputs.is_empty();
    let why = match (exception.kind.as_str(), is_outside, is_given) {
        ("FileNotFoundError", true, _) => "a script sees nothing outside of its workspace, /work",
        ("FileNotFoundError", false, false) => {
            "nothing was put into the workspace, /work, which is all that a script sees"
        }
        _ => return None,
    };
    Some(format!(
        "sandgate: {why}: --in FILE copies a file into it, --workspace DIR makes it a directory of yours\n"
    ))
}

fn usage(outcome: &Outcome) -> String {
    let usage = &outcome.usage;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "sandgate: took {:.1} ms, {:.1} ms of it on a processor, {} of memory, {} {}\n",
        millis(usage.wall),
        millis(usage.cpu),
        ByteSize::b(usage.peak_memory).display().iec(),
        usage.calls,
        if usage.calls == 1 { "call" } else { "calls" }
    )
}
