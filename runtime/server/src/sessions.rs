//! Sessions: scripts of one agent that follow one another in one interpreter, by the name that the agent gives it. A session is its
//! context's, its actor's and its user's, and nobody else can name it: THREAT[WEB-04]. Its interpreter is in memory only; whoever
//! comes back to one that is gone is told so, and can have its scripts made again from the journal.

use crate::{owner::AgentOwner, turns::Turns};
use sandgate::policy::ByteCount;
use sandgate::{
    Caller, Cancel, Digest, Ended, Exception, Id, Outcome, PastRun, PastRunError, Sandbox, Script,
    Session, Sink, Status, Stream, Value,
};
use serde::Serialize;
use std::{
    collections::HashMap,
    fmt, mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex as TurnMutex, task::JoinHandle, time::Instant};

/// Sessions of one caller. Each holds an interpreter, so that they are few.
const MOST_EACH: usize = 4;
/// A session that nobody used for so long is ended.
const IDLE: Duration = Duration::from_mins(15);

/// All sessions of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Sessions {
    all: Arc<Mutex<HashMap<SessionKey, Arc<KeptSession>>>>,
    /// Of all callers.
    most: usize,
    turns: Turns,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SessionKey {
    owner: AgentOwner,
    name: String,
}

#[derive(Debug)]
struct KeptSession {
    used: Mutex<Instant>,
    /// One script at a time.
    live: TurnMutex<Option<Live>>,
}

/// One more script.
#[derive(Debug)]
pub(crate) struct SessionScript {
    pub(crate) source: String,
    pub(crate) timeout: Option<Duration>,
    /// Whether the session is made again first, where it is gone.
    pub(crate) is_restored: bool,
}

/// A session that goes on.
struct Live {
    session: Session,
    captured: Arc<Captured>,
    run: JoinHandle<Result<Outcome, PastRunError>>,
    cancel: Cancel,
    scripts: u64,
    /// An earlier one of this name, in the place of which this began with nothing.
    before: Option<Id>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("scripts", &self.scripts)
            .finish_non_exhaustive()
    }
}

/// What one script of a session has written, of each stream as much as its context keeps of a run's.
#[derive(Debug)]
struct Captured {
    most: usize,
    streams: Mutex<(CapturedStream, CapturedStream)>,
}

#[derive(Debug, Default)]
struct CapturedStream {
    kept: Vec<u8>,
    dropped: u64,
}

impl Captured {
    fn new(most: usize) -> Self {
        Self {
            most,
            streams: Mutex::default(),
        }
    }

    fn take(&self) -> (CapturedStream, CapturedStream) {
        mem::take(&mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CapturedStream {
    fn add(&mut self, bytes: &[u8], most: usize) {
        let room = most.saturating_sub(self.kept.len()).min(bytes.len());
        let (kept, dropped) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.kept.extend_from_slice(kept);
        let dropped = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
        self.dropped = self.dropped.saturating_add(dropped);
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.kept).into_owned();
        if self.dropped > 0 {
            let (dropped, limit) = (self.dropped, ByteCount(self.kept.len()));
            text.push_str(&format!(
                "\n[output cut: {dropped} bytes dropped, the limit is {limit}]\n"
            ));
        }
        text
    }
}

impl Sink for Captured {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match stream {
            Stream::Out => streams.0.add(bytes, self.most),
            Stream::Err => streams.1.add(bytes, self.most),
        }
    }
}

/// What came of one script of a session.
#[derive(Debug, Serialize)]
pub struct SessionOutcome {
    /// How it ended.
    pub status: Status,
    /// What a process would have exited with.
    pub exit_code: i32,
    /// One sentence about an closing that is neither its success nor its exception.
    pub reason: Option<String>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How many bytes of the first were dropped.
    pub stdout_dropped: u64,
    /// How many of the second.
    pub stderr_dropped: u64,
    /// The value of its last expression.
    pub value: Option<Value>,
    /// The exception that nobody caught.
    pub exception: Option<Exception>,
    /// How the session stands.
    pub session: SessionStanding,
}

/// How a session stands after a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionStanding {
    /// What it is called.
    pub name: String,
    /// Whether it began with this script: nothing of an earlier one is in it.
    pub is_new: bool,
    /// Whether there was an earlier one, which could be restored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub was_before: bool,
    /// Whether the scripts of an earlier one were made again before this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_restored: bool,
    /// Whether it is over: the next script begins with nothing.
    pub is_over: bool,
}

/// Why a session takes no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// One script at a time.
    #[error("a script of the session `{0}` is running; wait for it, or name another session")]
    Busy(String),
    /// There are too many.
    #[error("there is no room for another session; go on in one of yours, or leave `session` out")]
    Full,
    /// Nothing is read on standard input.
    #[error(
        "a script of a session reads nothing on its standard input; leave `stdin` or `session` out"
    )]
    Stdin,
    /// It cannot be made again.
    #[error(
        "the session `{name}` cannot be restored: {why}; leave `restore` out to begin with nothing"
    )]
    Lost {
        /// What it is called.
        name: String,
        /// Why not.
        why: String,
    },
}

impl Sessions {
    /// The sessions of runs in this sandbox. They have a third of its instances at most, so that what runs by itself always has some.
    #[must_use]
    pub(crate) fn of(sandbox: &Sandbox, turns: Turns) -> Self {
        Self {
            all: Arc::default(),
            most: sandbox.instances().div_ceil(3),
            turns,
        }
    }

    /// How many there are at most.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Runs a script in the session of this name, which begins where there is none.
    pub(crate) async fn run(
        &self,
        caller: &Caller,
        name: &str,
        script: SessionScript,
        cancelled: impl Future<Output = ()>,
    ) -> Result<SessionOutcome, SessionError> {
        let kept = self.find(caller, name)?;
        let Ok(mut place) = kept.live.try_lock() else {
            return Err(SessionError::Busy(name.to_owned()));
        };
        if place.as_ref().is_some_and(Live::is_over) {
            *place = None;
        }
        let known = AgentOwner::of(&caller.principal()).session(name);
        // What this began in the place of is offered once: from then on there is something to be lost here, too.
        let earlier = match &mut *place {
            Some(live) => (live.before.take()).map(|run| caller.own_run(&run.to_string())),
            None => caller.latest_requested(known).transpose(),
        };
        let before = match &earlier {
            Some(Ok(past)) => Some(past.row().run),
            _ => None,
        };
        let earlier = earlier.map(|past| {
            past.and_then(|past| past.can_be_restored().map(|scripts| (past, scripts)))
        });
        let (was_before, restored) = match earlier {
            Some(Ok(past)) if script.is_restored => (true, Some(past)),
            Some(Err(error)) if script.is_restored => {
                return Err(SessionError::Lost {
                    name: name.to_owned(),
                    why: sandgate::chain(&error),
                });
            }
            earlier => (matches!(earlier, Some(Ok(_))), None),
        };
        let is_new = place.is_none() && restored.is_none();
        let is_restored = restored.is_some();
        if let Some(past) = restored {
            // What began in its place ends before it goes on.
            if let Some(mut live) = place.take() {
                live.cancel.cancel();
                let _ = (&mut live.run).await;
            }
            *place = Some(Live::again(caller, &self.turns, past));
        }
        let live = place.get_or_insert_with(|| Live::begin(caller, &self.turns, known, before));
        let ended = live.next(script.source, script.timeout, cancelled).await;
        let (stdout, stderr) = live.captured.take();
        *kept.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let mut outcome = SessionOutcome {
            status: Status::Ok,
            exit_code: 0,
            reason: None,
            stdout: stdout.text(),
            stderr: stderr.text(),
            stdout_dropped: stdout.dropped,
            stderr_dropped: stderr.dropped,
            value: None,
            exception: None,
            session: SessionStanding {
                name: name.to_owned(),
                is_new,
                was_before: is_new && was_before,
                is_restored,
                is_over: false,
            },
        };
        match ended {
            Some(ended) => outcome.came_to(ended),
            None => {
                outcome.session.is_over = true;
                if let Some(live) = place.take() {
                    outcome.ended_with(live).await;
                }
            }
        }
        Ok(outcome)
    }

    /// Ends the sessions that nobody used for long.
    pub fn sweep(&self) {
        self.all().retain(|_, kept| !kept.is_idle());
    }

    /// Ends all of them.
    pub fn clear(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SessionKey, Arc<KeptSession>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, caller: &Caller, name: &str) -> Result<Arc<KeptSession>, SessionError> {
        let key = SessionKey {
            owner: AgentOwner::of(&caller.principal()),
            name: name.to_owned(),
        };
        let mut all = self.all();
        if let Some(kept) = all.get(&key) {
            return Ok(Arc::clone(kept));
        }
        all.retain(|_, kept| !kept.is_idle());
        let own = all.keys().filter(|other| other.owner == key.owner).count();
        if own >= MOST_EACH || all.len() >= self.most {
            return Err(SessionError::Full);
        }
        let kept = Arc::new(KeptSession {
            used: Mutex::new(Instant::now()),
            live: TurnMutex::default(),
        });
        all.insert(key, Arc::clone(&kept));
        Ok(kept)
    }
}

impl KeptSession {
    /// Whether nobody used it for long, and no script is running.
    fn is_idle(&self) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.elapsed() > IDLE && self.live.try_lock().is_ok()
    }
}

impl Live {
    /// Its calls are decided as any. Nobody is waited for: what it holds in memory could not be put back days later.
    fn begin(caller: &Caller, turns: &Turns, known: Digest, before: Option<Id>) -> Self {
        let mut live = Self::of(caller, turns, move |caller, script| async move {
            let script = Script {
                request: Some(known),
                ..script
            };
            Ok(caller.run(script).await?)
        });
        live.before = before;
        live
    }

    /// One that is made again from the journal.
    fn again(caller: &Caller, turns: &Turns, (past, scripts): (PastRun, u64)) -> Self {
        let mut live = Self::of(caller, turns, move |caller, script| async move {
            caller.restore(past, script).await
        });
        live.scripts = scripts;
        live
    }

    fn of<F>(caller: &Caller, turns: &Turns, run: impl FnOnce(Caller, Script) -> F) -> Self
    where
        F: Future<Output = Result<Outcome, PastRunError>> + Send + 'static,
    {
        let (session, scripts) = Session::new(false);
        let captured = Arc::new(Captured::new(caller.limits().output));
        let cancel = Cancel::new();
        let script = Script {
            name: Some("session".to_owned()),
            session: Some(scripts),
            sink: Some(captured.clone()),
            cancel: Some(cancel.clone()),
            ..Script::new("")
        };
        let caller = caller.clone().at_once();
        let (turns, context) = (turns.clone(), caller.principal().context().to_string());
        let run = run(caller, script);
        Self {
            session,
            captured,
            run: tokio::spawn(async move { turns.drive(&context, run).await }),
            cancel,
            scripts: 0,
            before: None,
        }
    }

    fn is_over(&self) -> bool {
        self.run.is_finished()
    }

    /// Runs one more script. One that takes too long, or that nobody waits for, is interrupted, and the session goes on.
    async fn next(
        &mut self,
        source: String,
        timeout: Option<Duration>,
        cancelled: impl Future<Output = ()>,
    ) -> Option<Ended> {
        self.scripts = self.scripts.saturating_add(1);
        let interrupt = self.session.interrupt();
        let name = format!("script{}.py", self.scripts);
        let mut ended = pin!(self.session.run(source, name));
        let out_of_time = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = &mut ended => return ended,
            () = cancelled => {}
            () = out_of_time => {}
        }
        interrupt.interrupt();
        ended.await
    }
}

/// A script that runs when its session is let go of ends with it.
impl Drop for Live {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl SessionOutcome {
    fn came_to(&mut self, ended: Ended) {
        match ended {
            Ended::Ok(value) => self.value = value,
            Ended::Exited { code, message } => {
                (self.status, self.exit_code) = (Status::Exited, code);
                self.reason = message;
            }
            Ended::Raised(exception) => {
                (self.status, self.exit_code) = (Status::Raised, 1);
                self.exception = Some(exception);
            }
            Ended::Incomplete => self.status = Status::Source,
            Ended::TooLong { size, limit } => {
                self.status = Status::Source;
                self.reason = Some(format!(
                    "the source has {size} bytes, and {limit} are allowed"
                ));
            }
        }
    }

    /// The session ended with the script, as it does at a limit.
    async fn ended_with(&mut self, mut live: Live) {
        match (&mut live.run).await {
            Ok(Ok(outcome)) => {
                self.status = outcome.status;
                self.exit_code = outcome.exit_code;
                self.reason = outcome.reason.clone();
                self.exception = outcome.exception.clone();
            }
            Ok(Err(error)) => {
                self.status = Status::Failed;
                self.reason = Some(sandgate::chain(&error));
            }
            Err(error) => {
                self.status = Status::Failed;
                self.reason = Some(error.to_string());
            }
        }
        self.exit_code = match self.status {
            Status::Exited => self.exit_code,
            status => i32::from(status.exit_code()),
        };
    }
}
