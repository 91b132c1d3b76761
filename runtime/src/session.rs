//! A session: scripts that follow one another in one interpreter, which keeps what each of them leaves. One end gives the
//! scripts, the other belongs to the run. It must never hold a thread while none is given.

use sandgate_wire::{Ending, Exception, Value};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::{Notify, mpsc};

/// The end that gives scripts. Dropping it ends the run, once the script that runs has ended.
#[derive(Debug)]
pub struct Session {
    next: mpsc::Sender<NextScript>,
    ended: mpsc::Receiver<Ended>,
    interrupt: Interrupt,
    begun: bool,
}

/// The end that a run takes them from; given to it as [`Script::session`](crate::Script::session).
#[derive(Debug)]
pub struct Scripts {
    next: mpsc::Receiver<NextScript>,
    ended: mpsc::Sender<Ended>,
    interrupt: Interrupt,
    shown: bool,
}

/// One script of a session.
#[derive(Debug)]
pub(crate) struct NextScript {
    pub(crate) source: String,
    pub(crate) name: String,
}

/// How one script of a session ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It ran to its end, with this value.
    Ok(Option<Value>),
    /// It called `sys.exit`; whether that ends the session is the caller's to say.
    Exited {
        /// What a process would have exited with.
        code: i32,
        /// What was to be printed.
        message: Option<String>,
    },
    /// It raised what nobody caught. An interrupt is a `KeyboardInterrupt`.
    Raised(Exception),
    /// It is the beginning of a statement: nothing ran. Only where values are shown.
    Incomplete,
    /// It is longer than the context allows: nothing ran.
    TooLong {
        /// Its length in bytes.
        size: usize,
        /// What is allowed.
        limit: usize,
    },
}

impl Session {
    /// Both ends. At a prompt values are `shown`: printed as Python prints them, and text that ends within a statement does
    /// not run.
    #[must_use]
    pub fn new(shown: bool) -> (Self, Scripts) {
        let (next, to_run) = mpsc::channel(1);
        let (from_run, ended) = mpsc::channel(1);
        let interrupt = Interrupt::default();
        let session = Self {
            next,
            ended,
            interrupt: interrupt.clone(),
            begun: false,
        };
        let scripts = Scripts {
            next: to_run,
            ended: from_run,
            interrupt,
            shown,
        };
        (session, scripts)
    }

    /// Runs one more script; `None` where the run has ended, as it does at a limit. What tracebacks call it should differ
    /// from script to script. The limits of time hold for each by itself.
    pub async fn run(&mut self, source: String, name: String) -> Option<Ended> {
        // What came before it was typed is not meant for it.
        self.interrupt.take();
        if !self.begun {
            // The run's own script, which is what came before the first.
            self.ended.recv().await?;
            self.begun = true;
        }
        self.next.send(NextScript { source, name }).await.ok()?;
        self.ended.recv().await
    }

    /// What ends the script that runs, and not the session.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }
}

impl Scripts {
    /// Whether values are printed.
    pub(crate) fn are_shown(&self) -> bool {
        self.shown
    }

    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Says how the last one ended, and waits for the next; `None` where no more are given.
    pub(crate) async fn next(&mut self, ended: Ending, longest: usize) -> Option<NextScript> {
        let mut ended = match ended {
            Ending::Ok { value } => Ended::Ok(value),
            Ending::Exited { code, message } => Ended::Exited { code, message },
            Ending::Raised { exception } => Ended::Raised(exception),
            Ending::Incomplete => Ended::Incomplete,
        };
        loop {
            self.ended.send(ended).await.ok()?;
            let next = self.next.recv().await?;
            let size = next.source.len();
            if size <= longest {
                return Some(next);
            }
            ended = Ended::TooLong {
                size,
                limit: longest,
            };
        }
    }
}

/// Ends the script of a session that runs, with a `KeyboardInterrupt`. Clones are of one session.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Interrupted>);

#[derive(Debug, Default)]
struct Interrupted {
    asked: AtomicBool,
    /// Whether the script that runs was told.
    told: AtomicBool,
    notify: Notify,
}

impl Interrupt {
    /// Asks for it.
    pub fn interrupt(&self) {
        self.0.asked.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    /// Whether it was asked for, once.
    pub(crate) fn take(&self) -> bool {
        self.0.asked.swap(false, Ordering::AcqRel)
    }

    /// The script that runs is told.
    pub(crate) fn tell(&self) {
        self.0.told.store(true, Ordering::Release);
    }

    /// Whether the script that ran was told.
    pub(crate) fn was_told(&self) -> bool {
        self.0.told.swap(false, Ordering::AcqRel)
    }

    /// Waits until it is asked for.
    pub(crate) async fn asked(&self) {
        let notified = self.0.notify.notified();
        if !self.0.asked.load(Ordering::Acquire) {
            notified.await;
        }
    }
}
