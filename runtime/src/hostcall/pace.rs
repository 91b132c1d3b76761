//! Turns at a service, where a context's limits say how many calls a second it may get. Kept by `reach` for all runs of
//! a caller. THREAT[DOS-09]: a run that ends must leave no debt, so a turn is taken when it comes and never before.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex as Queue, time::Instant};

/// When each service may be called next.
#[derive(Debug, Default)]
pub(crate) struct Pace(ByService<Option<Instant>>);

/// The calls of one run that wait for a turn. One of them at a time stands in the queue of all runs, so that a run with
/// a thousand calls waits behind one with a single call, and not the other way round.
#[derive(Debug, Default)]
pub(crate) struct OwnQueue(ByService<()>);

type ByService<T> = Mutex<BTreeMap<Arc<str>, Arc<Queue<T>>>>;

impl Pace {
    /// Waits for the next turn. Whoever stops waiting leaves the queue, and nothing of it stays.
    pub(crate) async fn turn(&self, service: &Arc<str>, rate: u64, own: &OwnQueue) {
        let own = of(&own.0, service);
        let _first = own.lock().await;
        let next = of(&self.0, service);
        let mut next = next.lock().await;
        if let Some(next) = *next {
            tokio::time::sleep_until(next).await;
        }
        let rate = u32::try_from(rate).unwrap_or(u32::MAX).max(1);
        *next = Instant::now().checked_add(Duration::from_secs(1) / rate);
    }
}

fn of<T: Default>(all: &ByService<T>, service: &Arc<str>) -> Arc<Queue<T>> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    match all.get(service) {
        Some(queue) => Arc::clone(queue),
        None => Arc::clone(all.entry(Arc::clone(service)).or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    fn service() -> Arc<str> {
        "crm".into()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_a_second_divided_by_the_rate_apart() {
        let (pace, own, start) = (Pace::default(), OwnQueue::default(), Instant::now());
        for turn in 0..100 {
            pace.turn(&service(), 50, &own).await;
            // Timers of the executor count milliseconds.
            let at = start.elapsed().as_millis();
            assert!((turn * 20..=turn * 21).contains(&at), "{turn}: {at} ms");
        }
        pace.turn(&"other".into(), 50, &own).await;
        assert_eq!(start.elapsed().as_millis() / 1000, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn dos_09_a_run_that_ended_leaves_no_debt() {
        let (pace, start) = (Arc::new(Pace::default()), Instant::now());
        for _ in 0..3 {
            let (mut calls, own) = (JoinSet::new(), Arc::new(OwnQueue::default()));
            for _ in 0..1000 {
                let (pace, own) = (Arc::clone(&pace), Arc::clone(&own));
                calls.spawn(async move { pace.turn(&service(), 50, &own).await });
            }
            calls.join_next().await;
            calls.shutdown().await;
        }
        pace.turn(&service(), 50, &OwnQueue::default()).await;
        assert!(start.elapsed() <= Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn dos_09_a_run_with_many_calls_waits_its_turn_like_one_with_few() {
        let (pace, own) = (Arc::new(Pace::default()), Arc::new(OwnQueue::default()));
        let mut calls = JoinSet::new();
        for _ in 0..1000 {
            let (pace, own) = (Arc::clone(&pace), Arc::clone(&own));
            calls.spawn(async move { pace.turn(&service(), 50, &own).await });
        }
        calls.join_next().await;
        let start = Instant::now();
        pace.turn(&service(), 50, &OwnQueue::default()).await;
        assert!(start.elapsed() <= Duration::from_millis(50));
        calls.shutdown().await;
    }
}
