//! Whose script computes now. A script holds a thread for some milliseconds at a time; here it does so in turns, one for each processor,
//! that go round among the contexts, and what computes for long goes on apart: on threads that the system lets wait when
//! another wants the processor. So a request of one context waits for no more than a moment of another's, whatever that does:
//! THREAT[DOS-01]. Nothing here knows what runs; it is polled, and asked nothing.

use crate::queues::FairQueues;
use sandgate::thread_time;
use std::{
    cell::Cell,
    collections::HashMap,
    io,
    num::NonZeroUsize,
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{runtime::Runtime, task::JoinHandle, time::Instant};

/// What holds a thread for longer in one go goes on apart. A short script with a few calls is over by then, and one that computes
/// is given way by the sandbox only after 5 ms.
const LONG: Duration = Duration::from_millis(2);
/// For how long a context is served apart whose script did.
const APART: Duration = Duration::from_secs(1);
/// The time over which it counts how much a context computes, and how much of it one processor may be its own in front of others.
const LATELY: Duration = Duration::from_millis(500);
const MUCH: f64 = 0.25;
/// Threads besides those that scripts compute on: for requests that take long to read, which no script is to hold up.
const MORE_THREADS: usize = 2;
/// How much less than others the threads apart count to the system: a third, so that they also go on beside what else the machine does.
pub const APART_NICE: i32 = 5;

/// The turns of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Option<Arc<Lanes>>);

#[derive(Debug)]
struct Lanes {
    front: Turnstile,
    back: Turnstile,
    /// Threads of its own, which are let go of with this.
    threads: Option<Runtime>,
    contexts: Mutex<HashMap<Arc<str>, ContextTime>>,
}

/// What a context computes.
#[derive(Debug)]
struct ContextTime {
    /// When a script of it was here last.
    at: Instant,
    /// Seconds that its scripts have computed lately.
    used: f64,
    /// Until when it is served apart because one of them held a thread for long.
    apart: Option<Instant>,
}

impl ContextTime {
    /// What it has computed lately, as of now: what is longer ago counts less.
    fn used(&self, now: Instant) -> f64 {
        let past = now.saturating_duration_since(self.at).as_secs_f64();
        self.used * (-past / LATELY.as_secs_f64()).exp()
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

thread_local! {
    static IS_APART: Cell<bool> = const { Cell::new(false) };
}

impl Turns {
    /// As many as there are processors, and threads for what computes long. To be made where threads may be started.
    pub(crate) fn start() -> io::Result<Self> {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(processors.get().saturating_add(MORE_THREADS))
            .thread_name("sandgate-apart")
            .on_thread_start(|| {
                IS_APART.set(true);
                // Where the system does not let it, they are as any others.
                let _ = rustix::process::setpriority_process(None, APART_NICE);
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(Arc::new(Lanes {
            front: Turnstile::new(processors.get()),
            back: Turnstile::new(processors.get()),
            threads: Some(threads),
            contexts: Mutex::default(),
        }))))
    }

    /// Has something done apart: what is known to take long. It ends when this is dropped.
    pub(crate) async fn apart<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let threads = self.0.as_ref().and_then(|lanes| lanes.threads.as_ref());
        match threads {
            Some(threads) if !IS_APART.get() => joined(Dropped(threads.spawn(work))).await,
            _ => work.await,
        }
    }

    /// Runs a script of this context. It ends when this is dropped.
    pub(crate) async fn drive<F>(&self, context: &str, run: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let Some(lanes) = &self.0 else {
            return run.await;
        };
        let context = Arc::<str>::from(context);
        let mut run = Box::pin(run);
        let is_apart = lanes.is_apart(&context);
        if !IS_APART.get() && !is_apart {
            let front = Turned::new(lanes, &context, run, TurnLane::Front);
            match front.await {
                Ok(output) => return output,
                Err(goes_on) => run = goes_on,
            }
        }
        let back = Turned::new(lanes, &context, run, TurnLane::Back);
        let back = async move {
            match back.await {
                Ok(output) => output,
                // Nothing leaves this lane but by its end.
                Err(run) => run.await,
            }
        };
        self.apart(back).await
    }
}

/// A task that ends when nobody waits for it any more.
struct Dropped<T>(JoinHandle<T>);

impl<T> Drop for Dropped<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn joined<T>(mut task: Dropped<T>) -> T {
    match (&mut task.0).await {
        Ok(output) => output,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The threads are gone, and the process with them.
        Err(_) => std::future::pending().await,
    }
}

impl Lanes {
    /// Whether a script of this context is to run apart, which begins now.
    fn is_apart(&self, context: &Arc<str>) -> bool {
        let now = Instant::now();
        let mut all = self.contexts();
        let is_alone = all.iter().all(|(other, time)| {
            other == context || now.saturating_duration_since(time.at) >= APART
        });
        let own = all.entry(Arc::clone(context)).or_insert(ContextTime {
            at: now,
            used: 0.0,
            apart: None,
        });
        (own.used, own.at) = (own.used(now), now);
        let is_much = own.used > MUCH * LATELY.as_secs_f64();
        own.apart.is_some_and(|until| now < until) || is_much && !is_alone
    }

    /// A script of this context held a thread for so long.
    fn took(&self, context: &Arc<str>, time: Duration) {
        let now = Instant::now();
        let mut all = self.contexts();
        let Some(own) = all.get_mut(context) else {
            return;
        };
        (own.used, own.at) = (own.used(now) + time.as_secs_f64(), now);
        if time >= LONG {
            own.apart = now.checked_add(APART);
        }
    }

    fn contexts(&self) -> MutexGuard<'_, HashMap<Arc<str>, ContextTime>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turnstile(&self, lane: TurnLane) -> &Turnstile {
        match lane {
            TurnLane::Front => &self.front,
            TurnLane::Back => &self.back,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnLane {
    Front,
    Back,
}

/// A run that is polled in its turn. In front it is given back once it takes long.
struct Turned<F> {
    lanes: Arc<Lanes>,
    context: Arc<str>,
    lane: TurnLane,
    run: Option<Pin<Box<F>>>,
    ticket: Option<Arc<TurnTicket>>,
}

impl<F> Turned<F> {
    fn new(lanes: &Arc<Lanes>, context: &Arc<str>, run: Pin<Box<F>>, lane: TurnLane) -> Self {
        Self {
            lanes: Arc::clone(lanes),
            context: Arc::clone(context),
            lane,
            run: Some(run),
            ticket: None,
        }
    }
}

impl<F: Future> Future for Turned<F> {
    type Output = Result<F::Output, Pin<Box<F>>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let turnstile = this.lanes.turnstile(this.lane);
        let has_turn = match &this.ticket {
            Some(ticket) => ticket.is_granted(context.waker()),
            None => match turnstile.ask(&this.context, context.waker()) {
                None => true,
                Some(ticket) => {
                    this.ticket = Some(ticket);
                    false
                }
            },
        };
        let Some(run) = this.run.as_mut().filter(|_| has_turn) else {
            return Poll::Pending;
        };
        this.ticket = None;
        let turn = HeldTurn(turnstile);
        // What the system kept the thread from is not the script's doing.
        let before = thread_time();
        let polled = run.as_mut().poll(context);
        let took = thread_time().saturating_sub(before);
        drop(turn);
        this.lanes.took(&this.context, took);
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if this.lane == TurnLane::Front && took >= LONG => {
                match this.run.take() {
                    Some(run) => Poll::Ready(Err(run)),
                    None => Poll::Pending,
                }
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<F> Drop for Turned<F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.lanes
                .turnstile(self.lane)
                .leave(&self.context, &ticket);
        }
    }
}

/// Turns, and who waits for one.
#[derive(Debug)]
struct Turnstile(Mutex<TurnTable>);

#[derive(Debug)]
struct TurnTable {
    free: usize,
    queues: FairQueues<Arc<str>, Arc<TurnTicket>>,
}

/// Whoever waits for a turn.
#[derive(Debug)]
struct TurnTicket(Mutex<TicketState>);

#[derive(Debug)]
enum TicketState {
    Waits(Waker),
    Granted,
}

impl TurnTicket {
    fn state(&self) -> MutexGuard<'_, TicketState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has its turn; else this is woken when it has.
    fn is_granted(&self, waker: &Waker) -> bool {
        match &mut *self.state() {
            TicketState::Granted => true,
            TicketState::Waits(before) => {
                before.clone_from(waker);
                false
            }
        }
    }
}

/// A turn that is given back when it is dropped, however it ended.
struct HeldTurn<'t>(&'t Turnstile);

impl Drop for HeldTurn<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl Turnstile {
    fn new(turns: usize) -> Self {
        Self(Mutex::new(TurnTable {
            free: turns,
            queues: FairQueues::new(),
        }))
    }

    fn table(&self) -> MutexGuard<'_, TurnTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn that is free, or waits for one: the ticket says when.
    fn ask(&self, context: &Arc<str>, waker: &Waker) -> Option<Arc<TurnTicket>> {
        let mut table = self.table();
        if table.free > 0 {
            table.free = table.free.saturating_sub(1);
            return None;
        }
        let ticket = Arc::new(TurnTicket(Mutex::new(TicketState::Waits(waker.clone()))));
        table.queues.push(context, Arc::clone(&ticket));
        Some(ticket)
    }

    /// The turn of whoever is done is that of the next context.
    fn give_back(&self) {
        let mut table = self.table();
        let Some((_, next)) = table.queues.next(|_, _| true) else {
            table.free = table.free.saturating_add(1);
            return;
        };
        drop(table);
        let before = std::mem::replace(&mut *next.state(), TicketState::Granted);
        if let TicketState::Waits(waker) = before {
            waker.wake();
        }
    }

    /// Whoever waited is gone; a turn that they had already is the next one's.
    fn leave(&self, context: &Arc<str>, ticket: &Arc<TurnTicket>) {
        let is_it = |other: &Arc<TurnTicket>| Arc::ptr_eq(other, ticket);
        let waited = self.table().queues.leave(context, is_it);
        if !waited {
            self.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn asks(turnstile: &Turnstile, context: &str) -> Option<Arc<TurnTicket>> {
        turnstile.ask(
            &Arc::from(context),
            &Waker::from(Arc::new(Woken::default())),
        )
    }

    fn has(ticket: &Option<Arc<TurnTicket>>) -> bool {
        ticket
            .as_ref()
            .is_none_or(|ticket| matches!(*ticket.state(), TicketState::Granted))
    }

    #[test]
    fn dos_01_turns_go_round_among_the_contexts_however_many_wait_of_one() {
        let turnstile = Turnstile::new(1);
        assert!(has(&asks(&turnstile, "a")));
        let waiting: Vec<_> = ["a", "a", "a", "b", "c", "b"]
            .map(|context| asks(&turnstile, context))
            .into();
        assert!(!waiting.iter().any(has));
        let mut order = Vec::new();
        for _ in 0..waiting.len() {
            turnstile.give_back();
            let granted = waiting.iter().enumerate().filter(|(_, ticket)| has(ticket));
            let new: Vec<usize> = granted
                .map(|(at, _)| at)
                .filter(|at| !order.contains(at))
                .collect();
            assert_eq!(new.len(), 1);
            order.extend(new);
        }
        assert_eq!(order, [0, 3, 4, 1, 5, 2]);
    }

    #[test]
    fn a_turn_of_somebody_who_left_is_the_next_ones() {
        let turnstile = Turnstile::new(1);
        let context = Arc::from("a");
        assert!(has(&asks(&turnstile, "a")));
        let [gone, left, next] = [0; 3].map(|_| asks(&turnstile, "a"));
        let leave = |ticket: Option<Arc<TurnTicket>>| {
            let ticket = ticket.into_iter().next();
            ticket
                .iter()
                .for_each(|ticket| turnstile.leave(&context, ticket));
        };
        leave(left);
        assert!(!has(&gone) && !has(&next));
        turnstile.give_back();
        assert!(has(&gone) && !has(&next));
        leave(gone);
        assert!(has(&next));
        turnstile.give_back();
        assert_eq!(turnstile.table().free, 1);
    }

    /// Computes for so long in one go, and then says on which kind of thread it goes on.
    async fn computes(time: Duration) -> bool {
        let begun = thread_time();
        while thread_time().saturating_sub(begun) < time {}
        tokio::task::yield_now().await;
        IS_APART.get()
    }

    #[tokio::test]
    async fn dos_01_what_computes_long_goes_on_apart_and_its_context_with_it() -> io::Result<()> {
        let turns = Turns::start()?;
        assert!(!turns.drive("a", computes(Duration::ZERO)).await);
        assert!(turns.drive("a", computes(LONG)).await);
        assert!(turns.drive("a", computes(Duration::ZERO)).await);
        assert!(!turns.drive("b", computes(Duration::ZERO)).await);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn dos_01_who_computes_much_does_so_apart_while_others_are_there() -> io::Result<()> {
        let turns = Turns::start()?;
        let lanes = turns.0.as_ref().map(Arc::clone).into_iter().next();
        let lanes = lanes.as_deref();
        let is_apart =
            |context: &str| lanes.is_some_and(|lanes| lanes.is_apart(&Arc::from(context)));
        let took = |context: &str, times: u32| {
            for _ in 0..times {
                lanes
                    .iter()
                    .for_each(|lanes| lanes.took(&Arc::from(context), LONG / 2));
            }
        };
        assert!(!is_apart("a"));
        took("a", 200);
        // Alone, it is in nobody's way.
        assert!(!is_apart("a"));
        assert!(!is_apart("b"));
        assert!(is_apart("a"));
        took("b", 100);
        assert!(!is_apart("b"));
        // What is longer ago counts less, and who is gone is no other.
        tokio::time::advance(LATELY).await;
        assert!(!is_apart("a"));
        took("a", 1000);
        assert!(is_apart("a"));
        tokio::time::advance(APART).await;
        took("a", 1000);
        assert!(!is_apart("a"));
        Ok(())
    }

    #[tokio::test]
    async fn a_run_that_is_dropped_ends_wherever_it_is() -> io::Result<()> {
        struct Tells(Option<tokio::sync::oneshot::Sender<()>>);
        impl Drop for Tells {
            fn drop(&mut self) {
                let told = self.0.take().map(|tells| tells.send(()));
                assert_eq!(told, Some(Ok(())));
            }
        }
        let turns = Turns::start()?;
        for time in [Duration::ZERO, LONG] {
            let (tells, told) = tokio::sync::oneshot::channel();
            let (begins, begun) = tokio::sync::oneshot::channel();
            let run = async move {
                let _tells = Tells(Some(tells));
                computes(time).await;
                assert_eq!(begins.send(()), Ok(()));
                std::future::pending::<()>().await;
            };
            let (context, own) = (format!("{time:?}"), turns.clone());
            let driven = tokio::spawn(async move { own.drive(&context, run).await });
            assert_eq!(begun.await, Ok(()));
            driven.abort();
            assert_eq!(told.await, Ok(()));
        }
        Ok(())
    }
}
