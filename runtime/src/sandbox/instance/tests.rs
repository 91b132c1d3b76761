//! What no script can see from inside: the memory that a run finds is the snapshot's, byte for byte, whatever the run
//! before it did and however it ended.

use super::Shared;
use crate::{
    budget::Budget,
    context::Context,
    hostcall::{Road, RoadParts},
    journal::record::Record,
    limits::Limits,
    output::Output,
    recorder::{Clock, Recorder},
    sandbox::{
        engine,
        image::ImageCache,
        state::{MemoryLimiter, State, Stdin},
    },
    script::Script,
};
use std::{collections::VecDeque, num::NonZeroU32, path::Path, sync::Arc, time::Duration};
use wasmtime::Store;

/// How much of the memory is compared after each run.
const WINDOW: usize = 2 << 20;

/// How many runs; CONTRIBUTING.md says how to run a hundred thousand.
fn reuses() -> u32 {
    std::env::var("SANDGATE_REUSES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(150)
}

fn shared() -> Shared {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/cache");
    // One instance, so that every run gets the slot of the one before.
    let engine = engine::pooled(NonZeroU32::MIN).unwrap();
    let image = ImageCache::new(Some(cache))
        .unwrap()
        .load_or_prepare(&engine, None)
        .unwrap();
    Shared::new(engine, &image, NonZeroU32::MIN).unwrap()
}

/// What the host keeps beside an instance that was granted nothing.
pub(super) fn state(shared: &Shared) -> State {
    let budget = Budget::default();
    State {
        road: Road::new(RoadParts {
            budget: budget.clone(),
            ..RoadParts::default()
        }),
        reply: None,
        output: Output::new(0, None),
        stdin: Stdin::new(Vec::new(), VecDeque::new(), None, Record::default()),
        session: None,
        recorder: Recorder::live(Clock::Frozen(0), Some(0), &budget).unwrap(),
        files: None,
        memory: MemoryLimiter::new(&Limits::default()),
        guest_memory: None,
        ticker: Arc::clone(&shared.ticker),
        turn: shared.ticker.ticks(),
    }
}

/// The memory that the next run would start with.
pub(super) async fn fresh_memory<R>(shared: &Shared, look: impl FnOnce(&[u8]) -> R) -> R {
    let state = state(shared);
    let mut store = Store::new(&shared.engine, state);
    store.limiter(|state| &mut state.memory);
    let instance = shared
        .guest
        .pre
        .instantiate_async(&mut store)
        .await
        .unwrap();
    let memory = instance
        .get_module_export(&mut store, &shared.guest.memory)
        .unwrap()
        .into_memory()
        .unwrap();
    look(memory.data(&store))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iso_01_every_run_starts_with_the_snapshot_byte_for_byte() {
    let shared = shared();
    let snapshot = fresh_memory(&shared, <[u8]>::to_vec).await;
    for round in 0..reuses() {
        let ending = match round % 6 {
            0 => "pass",
            1 => "raise ValueError(x[0])",
            2 => "while True: x.append(bytes(b'\\xa5' * 1000))",
            3 => "import os; os.abort()",
            4 => "while True: x.append(bytearray(b'\\xa5' * 10_000_000))",
            _ => "import sys; sys.exit(x[0])",
        };
        let source = format!(
            "x = ['secret-marker-' + str(i) for i in range(500)]\ny = bytearray(b'\\xa5' * 9_000_000)\n{ending}"
        );
        let limits = Limits {
            wall: Duration::from_millis(10),
            ..Limits::default()
        };
        let context = Context::alone(limits);
        let run = shared.run(Script::new(source), &context);
        if round % 6 == 5 {
            // Dropped in the middle.
            drop(tokio::time::timeout(Duration::from_millis(2), run).await);
        } else {
            run.await.unwrap();
        }
        // Everything every hundredth time; otherwise the end, where runs allocate, and a window that moves on.
        let whole = round % 100 == 99;
        let start = (round as usize * WINDOW) % snapshot.len();
        let same = fresh_memory(&shared, |memory| {
            let end = snapshot.len() - WINDOW;
            memory.len() == snapshot.len()
                && memory[end..] == snapshot[end..]
                && memory[start..(start + WINDOW).min(memory.len())]
                    == snapshot[start..(start + WINDOW).min(snapshot.len())]
                && (!whole || memory == snapshot)
        })
        .await;
        assert!(same, "after round {round}, which ended with `{ending}`");
    }
}

#[tokio::test]
async fn iso_01_the_comparison_would_notice_a_single_byte() {
    let shared = shared();
    let mut snapshot = fresh_memory(&shared, <[u8]>::to_vec).await;
    let middle = snapshot.len() / 2;
    snapshot[middle] ^= 1;
    assert!(!fresh_memory(&shared, |memory| memory == snapshot).await);
}
