//! Who is let run now, who waits, and who is told to come again later. Runs have a bounded number of places, and queues of a bounded length
//! before them, both in fair shares of contexts; queues are served in turn, one run of each context after the other. Whatever one
//! context asks for, another finds a place: THREAT[DOS-13]. Nothing here runs anything, and nobody is made to wait to be refused.

use crate::{queues::FairQueues, shares::Shares};
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// Nobody is told to come again sooner, nor later.
const RETRY: (f64, f64) = (1.0, 60.0);
/// How much the newest run counts in how long runs of a context take.
const NEWEST: f64 = 0.2;

/// How many there may be of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AdmissionLimits {
    /// Runs at once.
    pub(crate) running: usize,
    /// Runs that wait for a place.
    pub(crate) waiting: usize,
    /// Requests that are not answered yet, those of runs among them.
    pub(crate) requests: usize,
}

/// What somebody is told for whom there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no room for another {what} now, and nothing was done; try again in {retry_after} s"
)]
pub struct Overload {
    what: &'static str,
    /// In how many seconds there may be.
    pub retry_after: u64,
}

impl Overload {
    /// Of a door whose connections all ask for something.
    pub(crate) const CONNECTION: Self = Self {
        what: "connection",
        retry_after: 1,
    };
}

/// Lets runs in. Clones let into the same places.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Mutex<AdmissionTable>>);

#[derive(Debug)]
struct AdmissionTable {
    running: Shares,
    waiting: Shares,
    requests: Shares,
    queues: FairQueues<String, QueueTicket>,
    /// Seconds that a run takes.
    times: HashMap<String, f64>,
    refused: BTreeMap<(String, &'static str), u64>,
    tickets: u64,
}

#[derive(Debug)]
struct QueueTicket {
    number: u64,
    weight: usize,
    placed: oneshot::Sender<RunPlace>,
}

/// A run that was let in, and may have to wait. Whoever drops it waits no more.
#[derive(Debug)]
pub(crate) struct WaitingRun {
    admission: Admission,
    context: String,
    number: u64,
    placed: oneshot::Receiver<RunPlace>,
}

/// A place, for as long as it is kept.
#[derive(Debug)]
pub(crate) struct RunPlace {
    admission: Admission,
    context: String,
    weight: usize,
    since: Instant,
    is_given_back: bool,
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    admission: Admission,
    context: String,
}

/// How it stands, of each context.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AdmissionCounts {
    pub(crate) running: Vec<(String, usize)>,
    pub(crate) waiting: Vec<(String, usize)>,
    pub(crate) requests: Vec<(String, usize)>,
    /// How many were refused so far, and what they were.
    pub(crate) refused: Vec<((String, &'static str), u64)>,
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        Self(Arc::new(Mutex::new(AdmissionTable {
            running: Shares::new(limits.running),
            waiting: Shares::new(limits.waiting),
            requests: Shares::new(limits.requests),
            queues: FairQueues::new(),
            times: HashMap::new(),
            refused: BTreeMap::new(),
            tickets: 0,
        })))
    }

    /// A run of this context is to be made, which takes as many places as it weighs. It is refused at once where too many wait.
    pub(crate) fn enter(&self, context: &str, weight: usize) -> Result<WaitingRun, Overload> {
        let mut places = self.places();
        let is_next = places.waiting.of(context) == 0 && places.running.may_take(context, weight);
        if !is_next && !places.waiting.may_take(context, 1) {
            return Err(places.refuse(context, "run"));
        }
        Ok(self.queue(places, context, weight))
    }

    /// The same for one that goes on, which people may have waited for: it is never refused.
    pub(crate) fn enter_again(&self, context: &str, weight: usize) -> WaitingRun {
        self.queue(self.places(), context, weight)
    }

    fn queue(
        &self,
        mut places: MutexGuard<'_, AdmissionTable>,
        context: &str,
        weight: usize,
    ) -> WaitingRun {
        let (sender, placed) = oneshot::channel();
        places.tickets = places.tickets.wrapping_add(1);
        let number = places.tickets;
        let ticket = QueueTicket {
            number,
            weight,
            placed: sender,
        };
        let context = context.to_owned();
        places.queues.push(&context, ticket);
        places.waiting.take(&context, 1);
        self.place(&mut places);
        WaitingRun {
            admission: self.clone(),
            context,
            number,
            placed,
        }
    }

    /// A request of this context has come.
    pub(crate) fn open(&self, context: &str) -> Result<OpenRequest, Overload> {
        let mut places = self.places();
        if !places.requests.may_take(context, 1) {
            return Err(places.refuse(context, "request"));
        }
        places.requests.take(context, 1);
        Ok(OpenRequest {
            admission: self.clone(),
            context: context.to_owned(),
        })
    }

    pub(crate) fn counts(&self) -> AdmissionCounts {
        let places = self.places();
        let refused = places.refused.iter();
        AdmissionCounts {
            running: places.running.each(),
            waiting: places.waiting.each(),
            requests: places.requests.each(),
            refused: refused
                .map(|(what, number)| (what.clone(), *number))
                .collect(),
        }
    }

    /// Gives places to those whose turn it is, until nobody who waits may have one.
    fn place(&self, places: &mut AdmissionTable) {
        let next = |places: &mut AdmissionTable| {
            let AdmissionTable {
                queues, running, ..
            } = places;
            queues.next(|context, ticket| running.may_take(context, ticket.weight))
        };
        while let Some((context, ticket)) = next(places) {
            self.give(places, &context, ticket);
        }
    }

    fn give(&self, places: &mut AdmissionTable, context: &str, ticket: QueueTicket) {
        places.waiting.give_back(context, 1);
        places.running.take(context, ticket.weight);
        let place = RunPlace {
            admission: self.clone(),
            context: context.to_owned(),
            weight: ticket.weight,
            since: Instant::now(),
            is_given_back: false,
        };
        // Whoever waited may have left this moment.
        if let Err(mut place) = ticket.placed.send(place) {
            place.is_given_back = true;
            places.running.give_back(context, place.weight);
        }
    }

    fn places(&self) -> MutexGuard<'_, AdmissionTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AdmissionTable {
    fn refuse(&mut self, context: &str, what: &'static str) -> Overload {
        let refused = self.refused.entry((context.to_owned(), what)).or_default();
        *refused = refused.saturating_add(1);
        let before = [
            self.waiting.of(context).saturating_add(1),
            self.running.of(context).max(1),
        ];
        let [waiting, running] =
            before.map(|number| u32::try_from(number).map_or(f64::MAX, f64::from));
        let each = self.times.get(context).copied().unwrap_or_default();
        let seconds = (each * waiting / running).clamp(RETRY.0, RETRY.1).ceil();
        Overload {
            what,
            retry_after: Duration::try_from_secs_f64(seconds)
                .unwrap_or_default()
                .as_secs(),
        }
    }
}

impl WaitingRun {
    /// Waits for its place. There is none where nobody gives any out any more.
    pub(crate) async fn placed(mut self) -> Option<RunPlace> {
        (&mut self.placed).await.ok()
    }
}

impl Drop for WaitingRun {
    fn drop(&mut self) {
        let mut places = self.admission.places();
        let is_it = |ticket: &QueueTicket| ticket.number == self.number;
        if places.queues.leave(&self.context, is_it) {
            places.waiting.give_back(&self.context, 1);
        }
    }
}

impl Drop for RunPlace {
    fn drop(&mut self) {
        if self.is_given_back {
            return;
        }
        let mut places = self.admission.places();
        places.running.give_back(&self.context, self.weight);
        let took = self.since.elapsed().as_secs_f64();
        let each = places.times.entry(self.context.clone()).or_insert(took);
        *each += NEWEST * (took - *each);
        self.admission.place(&mut places);
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.admission.places().requests.give_back(&self.context, 1);
    }
}

/// How many there may be of what at the doors of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Runs that wait for a place, of all contexts.
    pub waiting: NonZeroUsize,
    /// Connections of one door.
    pub connections: NonZeroUsize,
}

impl ServerLimits {
    /// Runs that wait, for each processor: a few seconds of short scripts, or one more for each that an agent makes at once.
    pub const WAITING: NonZeroUsize = limit(64);
    /// Connections of one door: more clients than have something to ask at once, and a bounded part of the process.
    pub const CONNECTIONS: NonZeroUsize = limit(512);
}

impl Default for ServerLimits {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            waiting: Self::WAITING.saturating_mul(processors),
            connections: Self::CONNECTIONS,
        }
    }
}

const fn limit(number: usize) -> NonZeroUsize {
    match NonZeroUsize::new(number) {
        Some(number) => number,
        None => NonZeroUsize::MIN,
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
mod tests;
