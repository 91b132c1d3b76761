//! Time and randomness: repeatable where the caller wants that, and replayed from a tape.

use crate::support::{limits, run, run_limited};
use sandgate::{Clock, Outcome, Script, Status};

const SOURCE: &str = "import random, time, uuid, os, datetime, secrets, tempfile\n\
    print(random.random(), uuid.uuid4(), uuid.uuid1(), os.urandom(4), secrets.token_hex(4))\n\
    print(time.time_ns(), time.monotonic_ns(), datetime.datetime.now())\n\
    time.sleep(1.5)\nprint(time.time_ns(), time.monotonic_ns(), {'a', 'b', 'c'}, hash('x'))\n\
    random.shuffle(x := list(range(20)))\nprint(x)\nx";

fn seeded(seed: u64) -> Script {
    // 2026-01-31T12:00:00Z
    Script {
        seed: Some(seed),
        clock: Clock::Frozen(1_769_860_800_000),
        ..Script::new(SOURCE)
    }
}

fn seen(outcome: &Outcome) -> (Status, &str, &str) {
    (
        outcome.status,
        outcome.stdout.text.as_str(),
        outcome.stderr.text.as_str(),
    )
}

#[tokio::test]
async fn a_seed_and_a_frozen_clock_make_runs_the_same() {
    let first = run(seeded(7)).await;
    let second = run(seeded(7)).await;
    assert_eq!(first.status, Status::Ok, "{first:#?}");
    assert_eq!(seen(&first), seen(&second));
    assert_eq!(first.value, second.value);
    assert_ne!(seen(&first), seen(&run(seeded(8)).await));
}

#[tokio::test]
async fn a_frozen_clock_moves_when_the_script_sleeps_and_takes_no_time() {
    let source = "import time, datetime\nprint(datetime.datetime.now())\ntime.sleep(3600)\nprint(datetime.datetime.now(), time.monotonic())";
    let script = Script {
        clock: Clock::Frozen(1_769_860_800_000),
        ..Script::new(source)
    };
    let outcome = run(script).await;
    assert_eq!(
        outcome.stdout.text,
        "2026-01-31 12:00:00\n2026-01-31 13:00:00 3600.0\n"
    );
}

#[tokio::test]
async fn a_replay_gives_the_same_run_again() {
    let first = run(Script::new(SOURCE)).await;
    assert_eq!(first.status, Status::Ok, "{first:#?}");
    let tape = serde_json::from_str(&serde_json::to_string(&first.tape).unwrap()).unwrap();
    let again = run(Script {
        replay: Some(tape),
        ..Script::new(SOURCE)
    })
    .await;
    assert_eq!(seen(&first), seen(&again));
    assert_eq!(first.tape, again.tape);
}

#[tokio::test]
async fn a_replay_does_not_sleep() {
    let long = "import time\ntime.sleep(8)";
    let first = run(Script::new(long)).await;
    let again = run(Script {
        replay: Some(first.tape),
        ..Script::new(long)
    })
    .await;
    assert_eq!(again.status, Status::Ok, "{again:#?}");
    assert!(again.usage.wall.as_secs() < 8, "{:?}", again.usage.wall);
}

#[tokio::test]
async fn a_replay_of_another_script_is_noticed() {
    let first = run(Script::new("import time\ntime.time()")).await;
    let script = Script {
        replay: Some(first.tape),
        ..Script::new("import time\nfor _ in range(50): time.time()")
    };
    let outcome = run_limited(script, limits()).await;
    assert_eq!(outcome.status, Status::Diverged);
    assert_eq!(
        outcome.reason.unwrap(),
        "the run read the clock more often than the recorded one"
    );
}
