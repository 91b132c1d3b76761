//! The clock of the sandbox: one thread that advances wasmtime's epoch while scripts run, and wakes those that wait.
//! Called by `instance` and `wasi`. It does not depend on the executor, which busy scripts can keep from its timers.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use wasmtime::EngineWeak;

/// How long a script holds an executor's thread before it gives others a turn, and so the resolution of limits.
const TICK: Duration = Duration::from_millis(5);

/// The thread and what it knows.
#[derive(Debug)]
pub(super) struct Ticker {
    inner: Mutex<Inner>,
    changed: Condvar,
    ids: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many scripts are running; the epoch stands still while there are none.
    running: usize,
    waiting: BTreeMap<(Instant, u64), Waker>,
}

impl Ticker {
    /// Starts the thread. It ends when the ticker or the engine is gone.
    pub(super) fn start(engine: EngineWeak) -> std::io::Result<Arc<Self>> {
        let ticker =
            Arc::new(Self { inner: Mutex::default(), changed: Condvar::new(), ids: AtomicU64::new(0) });
        let weak = Arc::downgrade(&ticker);
        std::thread::Builder::new().name("sandgate-ticker".to_owned()).spawn(move || run(&weak, &engine))?;
        Ok(ticker)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that is done under this lock can leave it half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the epoch moving until the guard is dropped.
    pub(super) fn running(self: &Arc<Self>) -> Running {
        let mut inner = self.lock();
        inner.running = inner.running.saturating_add(1);
        if inner.running == 1 {
            self.changed.notify_one();
        }
        drop(inner);
        Running(Arc::clone(self))
    }

    /// Completes at that time.
    pub(super) fn at(self: &Arc<Self>, time: Instant) -> At {
        At { ticker: Arc::clone(self), key: (time, self.ids.fetch_add(1, Ordering::Relaxed)), armed: false }
    }

    /// Sleeps until something is due, and does it.
    fn turn(&self, engine: &EngineWeak) -> bool {
        let mut inner = self.lock();
        let now = Instant::now();
        let next = inner.waiting.first_key_value().map(|((time, _), _)| time.saturating_duration_since(now));
        let pause = match (inner.running, next) {
            // An hour stands for ever; the condition variable ends it. It also notices that the sandbox is gone.
            (0, None) => Duration::from_secs(3600),
            (0, Some(next)) => next,
            (_, None) => TICK,
            (_, Some(next)) => next.min(TICK),
        };
        if !pause.is_zero() {
            inner = self.changed.wait_timeout(inner, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        let now = Instant::now();
        while let Some(entry) = inner.waiting.first_entry() {
            if entry.key().0 > now {
                break;
            }
            entry.remove().wake();
        }
        let running = inner.running > 0;
        drop(inner);
        match engine.upgrade() {
            Some(engine) => {
                if running {
                    engine.increment_epoch();
                }
                true
            }
            None => false,
        }
    }
}

fn run(ticker: &Weak<Ticker>, engine: &EngineWeak) {
    while let Some(ticker) = ticker.upgrade() {
        if !ticker.turn(engine) {
            return;
        }
    }
}

/// A script is running.
#[derive(Debug)]
pub(super) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.running = inner.running.saturating_sub(1);
    }
}

/// Completes at a time.
#[derive(Debug)]
pub(super) struct At {
    ticker: Arc<Ticker>,
    key: (Instant, u64),
    armed: bool,
}

impl Future for At {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.key.0 <= Instant::now() {
            return Poll::Ready(());
        }
        let mut inner = self.ticker.lock();
        inner.waiting.insert(self.key, context.waker().clone());
        let first = inner.waiting.first_key_value().is_some_and(|(key, _)| *key == self.key);
        drop(inner);
        if first {
            self.ticker.changed.notify_one();
        }
        self.armed = true;
        Poll::Pending
    }
}

impl Drop for At {
    fn drop(&mut self) {
        if self.armed {
            self.ticker.lock().waiting.remove(&self.key);
        }
    }
}
