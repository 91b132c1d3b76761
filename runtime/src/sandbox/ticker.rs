//! The clock of the sandbox: one thread that counts ticks while scripts run, and wakes those that wait.
//! Called by `instance` and `wasi`. It does not depend on the executor, which busy scripts can keep from its timers.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// How long a script holds an executor's thread before it gives others a turn, and so the resolution of limits.
const TICK: Duration = Duration::from_millis(5);

/// How long the thread goes on ticking after the last script, so that short scripts in a row need not wake it.
const LINGER: Duration = Duration::from_millis(500);

/// The thread and what it knows.
#[derive(Debug)]
pub(super) struct Ticker {
    inner: Mutex<Timers>,
    changed: Condvar,
    ids: AtomicU64,
    /// How many scripts are running.
    running: AtomicUsize,
    /// Whether the thread has stopped ticking.
    asleep: AtomicBool,
    /// How often it has ticked: a guest that comes by after another tick gives others a turn.
    ticks: AtomicU64,
    stopped: AtomicBool,
}

#[derive(Debug)]
struct Timers {
    waiting: BTreeMap<(Instant, u64), Waker>,
    /// When the thread will look next.
    next: Instant,
}

impl Ticker {
    /// Starts the thread, which ends with [`stop`](Self::stop).
    pub(super) fn start() -> std::io::Result<Arc<Self>> {
        let ticker = Arc::new(Self {
            inner: Mutex::new(Timers {
                waiting: BTreeMap::new(),
                next: Instant::now(),
            }),
            changed: Condvar::new(),
            ids: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let thread = Arc::clone(&ticker);
        std::thread::Builder::new()
            .name("sandgate-ticker".to_owned())
            .spawn(move || run(&thread))?;
        Ok(ticker)
    }

    /// Ends the thread. Called when the sandbox is gone.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _inner = self.lock();
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Timers> {
        // Nothing that is done under this lock can leave it half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many ticks there were.
    pub(super) fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Keeps it ticking until the guard is dropped.
    pub(super) fn running(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            // Under the lock, so that the thread is either before its look at `running` or already waiting.
            let _inner = self.lock();
            self.changed.notify_one();
        }
        Running(Arc::clone(self))
    }

    /// Completes at that time.
    pub(super) fn at(self: &Arc<Self>, time: Instant) -> At {
        At {
            ticker: Arc::clone(self),
            key: (time, self.ids.fetch_add(1, Ordering::Relaxed)),
            armed: false,
        }
    }

    /// Sleeps until something is due, and does it. `busy` is when a script was last running.
    fn turn(&self, busy: &mut Instant) {
        let mut inner = self.lock();
        let now = Instant::now();
        let ticking = now.saturating_duration_since(*busy) < LINGER;
        self.asleep.store(!ticking, Ordering::SeqCst);
        // An hour stands for ever; the condition variable ends it.
        let pause = if ticking || self.running.load(Ordering::SeqCst) > 0 {
            TICK
        } else {
            Duration::from_secs(3600)
        };
        let due = inner
            .waiting
            .first_key_value()
            .map(|((time, _), _)| time.saturating_duration_since(now));
        let pause = due.map_or(pause, |due| due.min(pause));
        inner.next = now.checked_add(pause).unwrap_or(now);
        if !pause.is_zero() {
            inner = self
                .changed
                .wait_timeout(inner, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let now = Instant::now();
        while let Some(entry) = inner.waiting.first_entry() {
            if entry.key().0 > now {
                break;
            }
            entry.remove().wake();
        }
        drop(inner);
        if self.running.load(Ordering::SeqCst) > 0 {
            *busy = now;
        }
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

fn run(ticker: &Ticker) {
    let mut busy = Instant::now();
    while !ticker.stopped.load(Ordering::SeqCst) {
        ticker.turn(&mut busy);
    }
}

/// A script is running.
#[derive(Debug)]
pub(super) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
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
        if self.key.0 < inner.next {
            self.ticker.changed.notify_one();
        }
        drop(inner);
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
