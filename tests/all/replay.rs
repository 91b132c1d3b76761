//! Replays of runs that did not end by themselves: a limit or a person ended them between two things that their tapes have. What such
//! a run was given and what it wrote come out again, and it ends as it did.

use crate::{
    journal::{ONE, READS, Shop, replay},
    support::{limits, sandbox},
};
use sandgate::{
    Cancel, Context, Journal, Limits, Outcome, PastRun, Replay, Script, Sink, Status, Stream,
};
use std::{sync::Arc, time::Duration};

/// Whoever reads the first word ends the run.
struct Impatient(Cancel);

impl Sink for Impatient {
    fn write(&self, _: Stream, _: &[u8]) {
        self.0.cancel();
    }
}

/// A replay of the last run, with what it printed and why it ended.
async fn again(journal: &Journal, was: &Outcome) {
    let past = PastRun::read(journal, &was.run.unwrap().to_string()).unwrap();
    let replayed = past
        .replay(&sandbox().await, Replay::default())
        .await
        .unwrap();
    assert_eq!(replayed.differences, [], "{was:#?} {:#?}", replayed.outcome);
    let now = replayed.outcome;
    assert_eq!(
        (now.status, now.exit_code, now.reason, now.stdout),
        (
            was.status,
            was.exit_code,
            was.reason.clone(),
            was.stdout.clone()
        )
    );
}

fn short() -> Limits {
    Limits {
        wall: Duration::from_secs(3),
        ..limits()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_06_a_run_that_a_limit_or_a_person_ended_ends_there_again() {
    let shop = Shop::open();
    let host = shop.host(READS, ONE).await;
    let caller = host.context("assistant").unwrap();
    let journal = caller.journal().unwrap().clone();
    let little = Limits {
        output: 1 << 10,
        ..limits()
    };
    for (source, limits, status) in [
        // In the middle of what its tape has.
        (
            "import time\nwhile True: print(time.time()); time.sleep(0.002)",
            short(),
            Status::Timeout,
        ),
        // Asleep, and what it would have done then.
        (
            "import time\nprint('sleeps')\ntime.sleep(1000)\nprint('awake')",
            short(),
            Status::Timeout,
        ),
        (
            "import time\nprint('sleeps')\ntime.sleep(1000)",
            short(),
            Status::Timeout,
        ),
        // Computing, when nothing more comes.
        (
            "print('computes')\nwhile True: pass",
            short(),
            Status::Timeout,
        ),
        // While it waited for a service.
        (
            "from services import shop\nprint(shop.item_price('bread', takes=1))\nshop.item_price('milk', takes=1000000)\nprint('there')",
            short(),
            Status::Timeout,
        ),
        (
            "import asyncio\nfrom services.aio import shop as later\nasync def main():\n    calls = [asyncio.create_task(later.item_price('x' * n, takes=n * 200000)) for n in range(3)]\n    for done in asyncio.as_completed(calls): print(await done)\nasyncio.run(main())",
            short(),
            Status::Timeout,
        ),
        (
            "x = []\nprint('takes')\nwhile True: x.append(bytes(1 << 20))",
            limits(),
            Status::Memory,
        ),
        ("while True: print('x' * 1000)", little, Status::Output),
    ] {
        let outcome = caller.clone().tightened(limits).run(source).await.unwrap();
        assert_eq!(outcome.status, status, "{source} {outcome:#?}");
        let looked = shop.looked();
        again(&journal, &outcome).await;
        assert_eq!(shop.looked(), looked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_06_a_run_that_somebody_ended_while_it_computed_ends_there_again() {
    let place = tempfile::tempdir().unwrap();
    let journal = Journal::open(place.path()).unwrap();
    let context = Context::alone(limits()).kept_in(&journal);
    let cancel = Cancel::new();
    let script = Script {
        sink: Some(Arc::new(Impatient(cancel.clone()))),
        cancel: Some(cancel),
        ..Script::new("import time\nprint(time.time())\nwhile True: pass")
    };
    let outcome = sandbox().await.run(script, &context).await.unwrap();
    assert_eq!(outcome.status, Status::Cancelled);
    again(&journal, &outcome).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_06_another_script_does_not_end_as_a_limit_ended_the_first() {
    let place = tempfile::tempdir().unwrap();
    let journal = Journal::open(place.path()).unwrap();
    let context = Context::alone(short()).kept_in(&journal);
    let slow = "import time\nprint('sleeps')\ntime.sleep(1000)";
    let outcome = sandbox()
        .await
        .run(Script::new(slow), &context)
        .await
        .unwrap();
    assert_eq!(outcome.status, Status::Timeout);
    let with = |script: &str| Replay {
        script: Some(script.to_owned()),
        ..Replay::default()
    };
    let run = outcome.run.unwrap();
    assert_eq!(
        replay(&journal, run, with("print('sleeps')")).await,
        (
            Status::Ok,
            vec!["it ended as `ok`, and was `timeout`".to_owned()]
        )
    );
    assert_eq!(
        replay(&journal, run, with("print('sleepy')")).await,
        (
            Status::Ok,
            vec![
                "it ended as `ok`, and was `timeout`".to_owned(),
                "its standard output differs at byte 5".to_owned()
            ]
        )
    );
}
