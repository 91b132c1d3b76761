//! `sandgate repl`: a prompt in one interpreter, which keeps what each statement leaves. What is typed is read by `rustyline`;
//! what runs goes the way that every script goes. It must never run what the person has not ended with the enter key.

use super::{
    apart,
    environment::EnvironmentArguments,
    executor::catching,
    exit::Exit,
    failure::Failure,
    files::FilesArguments,
    interpreter::interpreter,
    journal, print,
    question::{Seat, Typed},
    reach::ReachArguments,
    shared::SharedArguments,
    signals::Signals,
    terminal::Terminal,
    values,
    wall::{self, Inherited, Outside, WithinReach},
};
use bytesize::ByteSize;
use clap::Args;
use history::History;
use sandgate::{
    Caller, Cancel, Context, Ended, Input, Journal, Outcome, Script, Session, Sink, Stream,
    policy::Oversize,
};
use std::{num::NonZeroU32, pin::pin, sync::Arc, time::Duration};
use words::{LineEditor, LineReader, Words};

mod history;
mod words;

const EXAMPLES: &str = "\
Examples:
  sandgate repl
  sandgate repl --context assistant --policies policies
  sandgate repl --workspace .

Ctrl-C ends the statement that runs, or forgets the one that is typed. Ctrl-D, `exit()` and a limit end the session.";

/// Type Python, statement by statement, into one interpreter.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplArguments {
    /// End a statement, and the session, after this wall time, such as 30, 500ms or 5m
    /// [default: what the context's limits say, else 30s]
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    timeout: Option<Duration>,

    /// Linear memory, the interpreter's own 50 MiB included [default: what the context's limits say, else 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    memory: Option<ByteSize>,

    #[command(flatten)]
    environment: EnvironmentArguments,

    #[command(flatten)]
    files: FilesArguments,

    #[command(flatten)]
    reach: ReachArguments,
}

pub(super) fn execute(
    arguments: &ReplArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let Some(seat) = Seat::find().filter(|_| print::is_terminal(Stream::Out)) else {
        return Err(Failure::usage(
            "there is no terminal to type at",
            "`sandgate run -` runs what comes from standard input",
        ));
    };
    let zone = arguments.environment.zone()?;
    let decide = apart::deciding(shared, arguments.reach.policies_dir());
    arguments.files.keep_apart(&decide)?;
    arguments.files.look()?;
    let journal = journal::open(shared, arguments.reach.context().is_some());
    let opened = arguments
        .reach
        .open(shared, Some(Arc::clone(&seat)), journal.clone())?;
    let limits = arguments
        .reach
        .asked_for(arguments.timeout, arguments.memory, None);
    let interpreter = interpreter(shared).instances(NonZeroU32::MIN).load()?;
    let (executor, mut signals) = catching()?;
    let workspace = arguments.files.workspace()?;
    let history = History::open(shared.state_dir());
    let line = LineEditor::new(&history).map_err(|error| Failure::ours(&error))?;
    let written = journal.iter().filter_map(Journal::directory);
    let written = written.map(WithinReach::Directory);
    let places: Vec<WithinReach<'_>> = arguments.files.places().chain(written).collect();
    wall::confine_to(&places, Outside::Prompt, inherited)?;
    let sandbox = {
        let _entered = executor.enter();
        interpreter.start()?
    };
    let (context, connecting, words) = match opened {
        Some(opened) => {
            let (caller, connecting) = opened.caller(sandbox.clone())?;
            let context = caller.context().clone().tightened(limits);
            (context, connecting, names(&caller))
        }
        None => {
            let context = Context::alone(limits).kept_in(journal.as_ref());
            (context, None, Vec::new())
        }
    };
    let terminal = Arc::new(Terminal::start(false).map_err(|error| Failure::ours(&error))?);
    let (session, scripts) = Session::new(true);
    let cancel = Cancel::new();
    let script = Script {
        input: Some(Box::new(Typed::at(seat)) as Box<dyn Input>),
        environment: arguments.environment.variables(),
        zone,
        workspace,
        session: Some(scripts),
        sink: Some(terminal.clone() as Arc<dyn Sink>),
        cancel: Some(cancel.clone()),
        ..Script::default()
    };
    if !shared.quiet {
        print::err(&greeting(arguments.reach.context()));
    }
    let mut prompt = LineReader::new(line, Words::new(words), history);
    let done = executor.block_on(async {
        let mut run = pin!(sandbox.run(script, &context));
        let said = {
            let conversation = converse(session, &mut prompt, &terminal, &cancel, &mut signals);
            tokio::select! {
                outcome = &mut run => return Ok((outcome?, None)),
                said = conversation => said?,
            }
        };
        Ok::<_, Failure>((run.await?, said))
    });
    if let Some(connecting) = &connecting {
        connecting.dismiss();
    }
    let (outcome, code) = match done {
        Ok(done) => done,
        Err(failure) => {
            let _ = executor.block_on(terminal.finish());
            executor.shutdown_background();
            return Err(failure);
        }
    };
    if let Some(text) = farewell(&outcome) {
        terminal.conclude(Stream::Err, text);
    }
    let _ = executor.block_on(terminal.finish());
    executor.shutdown_background();
    Ok(code.unwrap_or_else(|| Exit::from(&outcome)))
}

fn greeting(context: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match context {
        Some(context) => {
            format!("sandgate {version}, context `{context}`: from services import …\n")
        }
        None => format!(
            "sandgate {version}, without services: --context names a context that has some\n"
        ),
    }
}

/// What the session ended with, where that is more than the person's wish.
fn farewell(outcome: &Outcome) -> Option<String> {
    let reason = outcome.reason.as_ref()?;
    let status = outcome.status.in_words();
    Some(format!(
        "sandgate: {status}: {reason}; the session has ended\n"
    ))
}

/// The services of a caller, and their methods, as they are written.
fn names(caller: &Caller) -> Vec<String> {
    let mut names = Vec::new();
    for (service, _) in caller.services() {
        let interface = caller.interface(&service).unwrap_or_default();
        for line in interface.lines() {
            let name = line.split_once('(').map_or("", |(name, _)| name);
            if name.starts_with(&format!("{service}.")) {
                names.push(name.to_owned());
            }
        }
        names.push(service);
    }
    names
}

/// Reads statements and runs them until there are no more; `exit()` has its own code.
async fn converse(
    mut session: Session,
    prompt: &mut LineReader,
    terminal: &Terminal,
    cancel: &Cancel,
    signals: &mut Signals,
) -> Result<Option<Exit>, Failure> {
    let mut statement = String::new();
    let mut number = 0_u32;
    loop {
        let read = {
            let alone = print::alone().await;
            prompt.read(&alone, !statement.is_empty(), signals).await?
        };
        match read {
            words::Read::Line(line) => {
                if !statement.is_empty() {
                    statement.push('\n');
                }
                statement.push_str(&line);
                if statement.trim().is_empty() {
                    statement.clear();
                    continue;
                }
            }
            words::Read::Forgotten => {
                statement.clear();
                terminal.write(Stream::Err, b"KeyboardInterrupt\n");
                continue;
            }
            words::Read::End if statement.is_empty() => return Ok(Some(Exit::Ok)),
            words::Read::End => {
                statement.clear();
                continue;
            }
            words::Read::Signal => {
                cancel.cancel();
                return Ok(Some(Exit::Cancelled));
            }
        }
        number = number.saturating_add(1);
        let name = format!("<{number}>");
        let interrupt = session.interrupt();
        let ended = {
            let mut running = pin!(session.run(statement.clone(), name));
            let mut asked = false;
            loop {
                tokio::select! {
                    ended = &mut running => break ended,
                    () = signals.any() => {
                        // What does not end when it is asked to is ended with the session.
                        if std::mem::replace(&mut asked, true) {
                            cancel.cancel();
                        }
                        interrupt.interrupt();
                    }
                }
            }
        };
        if ended == Some(Ended::Incomplete) {
            number = number.saturating_sub(1);
            continue;
        }
        prompt.keep(statement.trim_end());
        statement.clear();
        match ended {
            // The run says what it ended with.
            None => std::future::pending().await,
            Some(Ended::Ok(_) | Ended::Incomplete) => {}
            Some(Ended::Raised(exception)) => {
                terminal.write(Stream::Err, exception.traceback.as_bytes());
            }
            Some(Ended::TooLong { size, limit }) => {
                let text = format!("sandgate: the statement is {}\n", Oversize { size, limit });
                terminal.write(Stream::Err, text.as_bytes());
            }
            Some(Ended::Exited { code, message }) => {
                if let Some(message) = message {
                    terminal.write(Stream::Err, format!("{message}\n").as_bytes());
                }
                return Ok(Some(Exit::script(code)));
            }
        }
    }
}
