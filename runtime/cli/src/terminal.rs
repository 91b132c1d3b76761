//! Passes a script's output on while it runs, and at the end what the command says of the run. Made by `run` and
//! `demo`. It must never hold up the thread of a run: what waits to be written is kept, and a script that writes faster
//! than anybody reads is asked to wait.

use super::{
    backlog::Backlog,
    print::{self, Passing},
};
use sandgate::{Sink, Stream};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, oneshot};

/// Hands output to a thread of its own, so that a slow reader, or a person who is asked, holds up the writing and not
/// the run.
#[derive(Debug)]
pub(super) struct Terminal {
    waiting: Arc<Waiting>,
    written: Mutex<Option<oneshot::Receiver<io::Result<()>>>>,
    out_is_terminal: bool,
    err_is_terminal: bool,
}

/// A script that prints line by line would otherwise wake the thread that writes for each of them: it took longer than the
/// printing. Nobody sees so short a delay.
const GATHERING: Duration = Duration::from_millis(2);

/// What is written at once in any case, as much as a pipe takes.
const ENOUGH: usize = 64 << 10;

#[derive(Debug, Default)]
struct Waiting {
    state: Mutex<TerminalState>,
    more: Condvar,
    emptied: Notify,
    /// Nobody reads standard output, or standard error, any more.
    gone: [AtomicBool; 2],
}

#[derive(Debug, Default)]
struct TerminalState {
    backlog: Backlog,
    finished: bool,
    /// What is ours, for after everything else.
    last: Option<(Stream, String)>,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, TerminalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// THREAT[DOS-06]: what a script writes and nobody reads is not held beyond this.
    fn is_full(&self) -> bool {
        const MOST: usize = 1 << 20;
        self.state().backlog.len() > MOST
    }

    fn gone(&self, stream: Stream) -> &AtomicBool {
        let [out, err] = &self.gone;
        match stream {
            Stream::Out => out,
            Stream::Err => err,
        }
    }

    fn finish(&self) {
        self.state().finished = true;
        self.more.notify_one();
    }

    /// What came since the last time; nothing when no more comes.
    fn take(&self) -> Option<Backlog> {
        let idle = |state: &mut TerminalState| state.backlog.is_empty() && !state.finished;
        let state = self
            .more
            .wait_while(self.state(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        let few = |state: &mut TerminalState| state.backlog.len() < ENOUGH && !state.finished;
        let (mut state, _) = self
            .more
            .wait_timeout_while(state, GATHERING, few)
            .unwrap_or_else(PoisonError::into_inner);
        let backlog = std::mem::take(&mut state.backlog);
        self.emptied.notify_waiters();
        (!backlog.is_empty()).then_some(backlog)
    }
}

impl Terminal {
    /// Raw output is written to a terminal as it is.
    pub(super) fn start(is_raw: bool) -> io::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let (mut out, mut err) = (
            Passing::to(Stream::Out, is_raw),
            Passing::to(Stream::Err, is_raw),
        );
        let (out_is_terminal, err_is_terminal) = (out.is_terminal(), err.is_terminal());
        let (done, written) = oneshot::channel();
        let there = Arc::clone(&waiting);
        std::thread::Builder::new()
            .name("sandgate-output".to_owned())
            .spawn(move || {
                let mut failed = (Ok(()), Ok(()));
                while let Some(backlog) = there.take() {
                    backlog.for_each(|stream, bytes| {
                        let (to, failed) = match stream {
                            Stream::Out => (&mut out, &mut failed.0),
                            Stream::Err => (&mut err, &mut failed.1),
                        };
                        // Where one stream is full the other may not be.
                        if failed.is_ok() && !there.gone(stream).load(Ordering::Relaxed) {
                            *failed = to.pass(bytes).or_else(|error| {
                                // A reader that went away wanted no more.
                                let is_gone = error.kind() == io::ErrorKind::BrokenPipe;
                                there.gone(stream).store(is_gone, Ordering::Relaxed);
                                if is_gone { Ok(()) } else { Err(error) }
                            });
                        }
                        if to.is_terminal() {
                            print::written(bytes.len());
                        }
                    });
                }
                let ended = out.end().and(err.end());
                let last = there.state().last.take();
                let last = last.map_or(Ok(()), |(stream, text)| print::last(stream, &text));
                // Nobody may be waiting any more.
                let _ = done.send(failed.0.and(failed.1).and(ended).and(last));
            })?;
        Ok(Self {
            waiting,
            written: Mutex::new(Some(written)),
            out_is_terminal,
            err_is_terminal,
        })
    }

    /// What is said when everything that the script wrote is written.
    pub(super) fn conclude(&self, stream: Stream, text: String) {
        self.waiting.state().last = Some((stream, text));
    }

    /// Waits until everything is written, or could not be.
    pub(super) async fn finish(&self) -> io::Result<()> {
        self.waiting.finish();
        let written = self
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match written {
            // The thread does not panic; if it did, there is nothing to be written any more.
            Some(written) => written.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.waiting.finish();
    }
}

impl Sink for Terminal {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let is_terminal = match stream {
            Stream::Out => self.out_is_terminal,
            Stream::Err => self.err_is_terminal,
        };
        if is_terminal {
            print::queued(bytes.len());
        }
        let mut state = self.waiting.state();
        let before = state.backlog.len();
        state.backlog.push(stream, bytes);
        let after = state.backlog.len();
        drop(state);
        // Whoever gathers is woken for the first piece, and when there is enough.
        if before == 0 || (before < ENOUGH && after >= ENOUGH) {
            self.waiting.more.notify_one();
        }
    }

    fn is_gone(&self, stream: Stream) -> bool {
        self.waiting.gone(stream).load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        self.waiting.is_full()
    }

    fn drained(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            loop {
                let emptied = self.waiting.emptied.notified();
                if !self.waiting.is_full() {
                    return;
                }
                emptied.await;
            }
        })
    }
}
