//! Counts of who is let in, who waits and who is refused.

use super::*;
use std::pin::pin;
use tokio::sync::oneshot::error::TryRecvError;

fn admission(running: usize, waiting: usize) -> Admission {
    Admission::new(AdmissionLimits {
        running,
        waiting,
        requests: 4,
    })
}

/// The place of a run, where it has one already.
fn taken(waiting: &mut WaitingRun) -> Option<RunPlace> {
    match waiting.placed.try_recv() {
        Ok(place) => Some(place),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Closed) => panic!("nobody gives out places"),
    }
}

fn of(context: &str, number: usize) -> (String, usize) {
    (context.to_owned(), number)
}

#[test]
fn dos_13_what_one_context_asks_for_leaves_places_for_another() {
    let admission = admission(4, 8);
    let mut running = Vec::new();
    let mut waiting = Vec::new();
    let refused = loop {
        match admission.enter("greedy", 1) {
            Ok(mut run) => match taken(&mut run) {
                Some(place) => running.push(place),
                None => waiting.push(run),
            },
            Err(refused) => break refused,
        }
    };
    assert_eq!((running.len(), waiting.len()), (2, 4));
    assert_eq!(
        refused.to_string(),
        "there is no room for another run now, and nothing was done; try again in 1 s"
    );
    // Another finds a place at once, and a queue of its own.
    let mut other = admission.enter("other", 1).unwrap();
    let other = taken(&mut other).unwrap();
    let behind = admission.enter("other", 1).unwrap();
    assert_eq!(
        admission.counts(),
        AdmissionCounts {
            running: vec![of("greedy", 2), of("other", 1)],
            waiting: vec![of("greedy", 4), of("other", 1)],
            requests: vec![],
            refused: vec![(("greedy".to_owned(), "run"), 1)],
        }
    );
    // What is free goes to whoever has less than a share, however long others wait.
    drop(other);
    let mut behind = behind;
    assert!(taken(&mut behind).is_some());
}

#[test]
fn contexts_that_wait_have_their_turns_one_after_the_other() {
    let admission = admission(1, 64);
    let mut first = admission.enter("a", 1).unwrap();
    let mut place = taken(&mut first).unwrap();
    let mut all = Vec::new();
    for context in ["a", "a", "a", "b", "b", "c"] {
        all.push((context, admission.enter(context, 1).unwrap()));
    }
    let mut order = Vec::new();
    while !all.is_empty() {
        drop(place);
        let mut placed = None;
        all.retain_mut(|(context, run)| match taken(run) {
            Some(next) => {
                order.push(*context);
                placed = Some(next);
                false
            }
            None => true,
        });
        place = placed.unwrap();
    }
    assert_eq!(order, ["a", "b", "c", "a", "b", "a"]);
}

#[tokio::test]
async fn who_leaves_the_queue_is_in_nobodys_way() {
    let admission = admission(1, 4);
    let mut first = admission.enter("a", 1).unwrap();
    let place = taken(&mut first).unwrap();
    let (leaves, stays) = (
        admission.enter("a", 1).unwrap(),
        admission.enter("a", 1).unwrap(),
    );
    assert!(admission.enter("a", 1).is_err());
    drop(leaves);
    assert_eq!(admission.counts().waiting, [of("a", 1)]);
    let more = admission.enter("a", 1).unwrap();
    let mut placed = pin!(stays.placed());
    tokio::select! {
        biased;
        _ = &mut placed => panic!("there is no place"),
        () = std::future::ready(()) => {}
    }
    drop(place);
    let place = placed.await.unwrap();
    drop(more);
    // A place that comes when nobody takes it goes to the next.
    let (gone, mut next) = (
        admission.enter("a", 1).unwrap(),
        admission.enter("a", 1).unwrap(),
    );
    drop(place);
    drop(gone);
    assert!(taken(&mut next).is_some());
    drop(next);
    assert_eq!(admission.counts().running, []);
    assert_eq!(admission.counts().waiting, []);
}

#[test]
fn a_run_that_goes_on_waits_and_is_never_refused() {
    let admission = admission(1, 1);
    let mut first = admission.enter("a", 1).unwrap();
    let place = taken(&mut first).unwrap();
    let _second = admission.enter("a", 1).unwrap();
    assert!(admission.enter("a", 1).is_err());
    let mut again = admission.enter_again("a", 1);
    assert!(taken(&mut again).is_none());
    drop(place);
}

#[test]
fn a_run_that_takes_much_memory_takes_as_many_places() {
    let admission = admission(8, 8);
    let mut large = admission.enter("a", 4).unwrap();
    let _large = taken(&mut large).unwrap();
    let mut small = admission.enter("a", 1).unwrap();
    assert!(taken(&mut small).is_none());
    let mut other = admission.enter("b", 1).unwrap();
    assert!(taken(&mut other).is_some());
}

#[test]
fn requests_are_counted_until_they_are_answered() {
    let admission = admission(1, 1);
    let first = admission.open("a").unwrap();
    let _second = admission.open("a").unwrap();
    let refused = admission.open("a").unwrap_err();
    assert_eq!(refused.what, "request");
    let _other = admission.open("b").unwrap();
    drop(first);
    assert_eq!(admission.counts().requests, [of("a", 1), of("b", 1)]);
    assert!(admission.open("a").is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_hint_is_how_long_the_queue_will_take() {
    let admission = admission(1, 4);
    let mut first = admission.enter("a", 1).unwrap();
    let place = taken(&mut first).unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    drop(place);
    let mut second = admission.enter("a", 1).unwrap();
    let _place = taken(&mut second).unwrap();
    let _waiting: Vec<_> = (0..2).map(|_| admission.enter("a", 1).unwrap()).collect();
    // Two wait, and one more would: five seconds each.
    assert_eq!(admission.enter("a", 1).unwrap_err().retry_after, 15);
}
