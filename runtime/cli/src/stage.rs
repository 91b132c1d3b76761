//! What commands need that act in a context, or on a run of the journal: the interpreter, the wall, the caller, the terminal, made in
//! the order in which a process may make them. Used by `resume`, `replay`, `plan`, `call` and `undo`.

use super::{
    calls,
    connector::ConnectorProcess,
    escape,
    executor::catching,
    exit::Exit,
    failure::Failure,
    interpreter::interpreter,
    journal,
    notifier::{self, Notifier},
    reach::OpenedReach,
    shared::SharedArguments,
    signals::Signals,
    terminal::Terminal,
    wall::{self, Inherited, WithinReach},
};
use sandgate::{Caller, Cancel, Context, Journal, Outcome, PastRunError, Sandbox, Sink, Stream};
use serde::Serialize;
use std::{num::NonZeroU32, pin::pin, sync::Arc};
use tokio::runtime::Runtime;

/// Everything is open, and the wall is up.
pub(super) struct StageSet {
    executor: Runtime,
    signals: Signals,
    connecting: Option<ConnectorProcess>,
    pub(super) sandbox: Sandbox,
    /// Whose calls are made, where there is a context.
    pub(super) caller: Option<Caller>,
    pub(super) context: Context,
    pub(super) terminal: Arc<Terminal>,
    pub(super) cancel: Cancel,
    notifier: Option<Notifier>,
    journal: Journal,
}

impl StageSet {
    pub(super) fn set(
        shared: &SharedArguments,
        inherited: Inherited,
        opened: Option<OpenedReach>,
        journal: &Journal,
    ) -> Result<Self, Failure> {
        let notifier = match &opened {
            Some(opened) => opened.notifier()?,
            None => None,
        };
        let interpreter = interpreter(shared).instances(NonZeroU32::MIN).load()?;
        let (executor, signals) = catching()?;
        let written = journal.directory().into_iter();
        let places: Vec<WithinReach<'_>> = written.map(WithinReach::Directory).collect();
        wall::confine(&places, inherited)?;
        let sandbox = {
            let _entered = executor.enter();
            interpreter.start()?
        };
        let (caller, connecting) = match opened {
            Some(opened) => {
                let (caller, connecting) = opened.caller(sandbox.clone())?;
                (Some(caller), connecting)
            }
            None => (None, None),
        };
        let context = match &caller {
            Some(caller) => caller.context().clone(),
            None => Context::default().kept_in(journal),
        };
        Ok(Self {
            executor,
            signals,
            connecting,
            sandbox,
            caller,
            context,
            terminal: Arc::new(Terminal::start(false).map_err(|error| Failure::ours(&error))?),
            cancel: Cancel::new(),
            notifier,
            journal: journal.clone(),
        })
    }

    /// Where a script's output goes, unless all that is printed is JSON.
    pub(super) fn sink(&self, json: bool) -> Option<Arc<dyn Sink>> {
        (!json).then(|| self.terminal.clone() as Arc<dyn Sink>)
    }

    /// Does it; a signal cancels it.
    pub(super) fn act<R>(&mut self, action: impl Future<Output = R>) -> R {
        let (signals, cancel) = (&mut self.signals, &self.cancel);
        let done = self.executor.block_on(async {
            let mut action = pin!(action);
            tokio::select! {
                done = &mut action => done,
                () = signals.any() => {
                    cancel.cancel();
                    action.await
                }
            }
        });
        if let Some(connecting) = &self.connecting {
            connecting.dismiss();
        }
        done
    }

    /// Says it last, once everything else is written.
    pub(super) fn end(self, last: Option<(Stream, String)>) -> Result<(), Failure> {
        if let Some((stream, text)) = last.filter(|(_, text)| !text.is_empty()) {
            self.terminal.conclude(stream, text);
        }
        let written = self.executor.block_on(self.terminal.finish());
        self.executor.shutdown_background();
        written.map_err(|error| {
            Failure::undelivered(
                format!("the output cannot be written: {error}"),
                "make room where it goes; what was asked for is done",
            )
        })
    }

    /// What was done, and the stage to go on with. Where it could not be, what was printed is written before the command fails.
    pub(super) fn done<R>(self, done: Result<R, PastRunError>) -> Result<(Self, R), Failure> {
        match done {
            Ok(done) => Ok((self, done)),
            Err(error) => {
                self.end(None)?;
                Err(journal::failed(error))
            }
        }
    }

    /// Tells whoever is to approve, says what came of a run, and how the process ends.
    pub(super) fn conclude(
        mut self,
        outcome: &Outcome,
        last: (Stream, String),
    ) -> Result<Exit, Failure> {
        notifier::conclude(self.notifier.take(), Some(&self.journal), outcome);
        self.end(Some(last))?;
        Ok(Exit::from(outcome))
    }
}

/// What is said of an outcome at the end: all of it as JSON, or what the script did not write itself.
pub(super) fn last(outcome: &Outcome, json: bool) -> Result<(Stream, String), Failure> {
    if json {
        return json_line(outcome);
    }
    let mut text = said(outcome, true);
    text.extend(calls::changes(outcome));
    Ok((Stream::Err, text))
}

/// One line of JSON, for standard output.
pub(super) fn json_line(shown: &impl Serialize) -> Result<(Stream, String), Failure> {
    let text = serde_json::to_string(shown).map_err(|error| Failure::ours(&error))?;
    Ok((Stream::Out, format!("{}\n", escape::json(&text))))
}

/// What is said of an outcome beside what the script wrote. `why` says whether the reader is told why it ended so.
pub(super) fn said(outcome: &Outcome, why: bool) -> String {
    let mut text = String::new();
    if let Some(exception) = &outcome.exception {
        text.push_str(&exception.traceback);
    }
    let waiting = journal::waiting(outcome);
    if let Some(reason) = outcome.reason.as_ref().filter(|_| waiting.is_none()) {
        let status = outcome.status.in_words();
        text.push_str(&if why {
            format!("sandgate: {status}: {reason}\n")
        } else {
            format!("sandgate: {status}\n")
        });
    }
    text.extend(waiting);
    text
}
