//! Sessions: scripts that follow one another in one interpreter.

use crate::support::{limits, sandbox};
use sandgate::{Context, Ended, Limits, Outcome, Script, Session, Status, Value};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A session with its run under way.
async fn begin(shown: bool, limits: Limits) -> (Session, JoinHandle<Outcome>) {
    let (session, scripts) = Session::new(shown);
    let sandbox = sandbox().await;
    let run = tokio::spawn(async move {
        let script = Script {
            session: Some(scripts),
            ..Script::default()
        };
        sandbox
            .run(script, &Context::alone(limits))
            .await
            .expect("the run can be carried out")
    });
    (session, run)
}

/// What a person would be told of each.
async fn say(session: &mut Session, sources: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let name = format!("<{}>", number + 1);
        said.push(match session.run((*source).to_owned(), name).await {
            Some(Ended::Ok(None)) => "ok".to_owned(),
            Some(Ended::Ok(Some(Value::Json(json)))) => json.get().to_owned(),
            Some(Ended::Ok(Some(Value::Repr(repr)))) => format!("repr {repr}"),
            Some(Ended::Raised(exception)) => exception.traceback,
            Some(ended) => format!("{ended:?}"),
            None => "the run has ended".to_owned(),
        });
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_leaves_is_there_for_the_next_and_an_error_ends_only_one() {
    let (mut session, run) = begin(false, limits()).await;
    let said = say(
        &mut session,
        &[
            "import json\ndef half(n):\n    return n / 0\nx = [1, 2]",
            "x.append(3)\nx",
            "half(1)",
            "await __import__('asyncio').sleep(0, json.dumps(x))",
            "x +",
            "import sys; sys.exit(3)",
            "len(x)",
        ],
    )
    .await;
    assert_eq!(
        said,
        [
            "ok",
            "[1,2,3]",
            "Traceback (most recent call last):\n  File \"<3>\", line 1, in <module>\n    half(1)\n    ~~~~^^^\n  \
             File \"<1>\", line 3, in half\n    return n / 0\n           ~~^~~\nZeroDivisionError: division by zero\n",
            "\"[1, 2, 3]\"",
            "  File \"<5>\", line 1\n    x +\n       ^\nSyntaxError: invalid syntax\n",
            "Exited { code: 3, message: None }",
            "3",
        ]
    );
    drop(session);
    assert_eq!(run.await.unwrap().status, Status::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_prompt_values_are_printed_and_a_statement_can_wait_for_its_end() {
    let (mut session, run) = begin(true, limits()).await;
    let said = say(
        &mut session,
        &[
            "1 + 1",
            "'text'",
            "_ * 2",
            "None",
            "for n in range(2):",
            "for n in range(2):\n    n",
            "for n in range(2):\n    print(n)\n",
            "(1,",
            "x = 5",
            "def f(): return 1\n",
        ],
    )
    .await;
    assert_eq!(
        said,
        [
            "ok",
            "ok",
            "ok",
            "ok",
            "Incomplete",
            "Incomplete",
            "ok",
            "Incomplete",
            "ok",
            "ok"
        ]
    );
    drop(session);
    assert_eq!(
        run.await.unwrap().stdout.text,
        "2\n'text'\n'texttext'\n0\n1\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_04_an_interrupt_ends_what_runs_and_not_the_session() {
    let (mut session, run) = begin(false, limits()).await;
    for source in [
        "while True: pass",
        "import time\ntime.sleep(3600)",
        "def f():\n    while True:\n        try: g()\n        except ValueError: pass\ndef g(): return [n for n in range(1000)]\nf()",
        "import threading\nstop = threading.Event()\nt = threading.Thread(target=stop.wait)\nt.start()\nwhile True: t.join(0.01)",
    ] {
        let interrupt = session.interrupt();
        let ended = {
            let running = session.run(source.to_owned(), "<loop>".to_owned());
            tokio::pin!(running);
            loop {
                // It is asked for again and again, since nobody knows when the script has begun.
                tokio::select! {
                    ended = &mut running => break ended,
                    () = tokio::time::sleep(Duration::from_millis(20)) => interrupt.interrupt(),
                }
            }
        };
        match ended {
            Some(Ended::Raised(exception)) => assert_eq!(exception.kind, "KeyboardInterrupt"),
            ended => panic!("{source}: {ended:?}"),
        }
    }
    assert_eq!(
        say(&mut session, &["t.is_alive()", "stop.set()"]).await,
        ["true", "ok"]
    );
    drop(session);
    assert_eq!(run.await.unwrap().status, Status::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_04_the_limits_of_time_hold_for_each_script_and_end_the_session() {
    let short = Limits {
        wall: Duration::from_secs(3),
        ..limits()
    };
    let (mut session, run) = begin(false, short).await;
    let nap = "import time\ntime.sleep(1.5)";
    assert_eq!(
        say(&mut session, &[nap, nap, nap]).await,
        ["ok", "ok", "ok"]
    );
    let said = say(&mut session, &["while True: pass", "1"]).await;
    assert_eq!(said, ["the run has ended", "the run has ended"]);
    assert_eq!(run.await.unwrap().status, Status::Timeout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_does_not_run_and_the_next_does() {
    let narrow = Limits {
        source: 20,
        ..limits()
    };
    let (mut session, run) = begin(false, narrow).await;
    let said = say(&mut session, &["'123456789 123456789 '", "1"]).await;
    assert_eq!(said, ["TooLong { size: 22, limit: 20 }", "1"]);
    drop(session);
    assert_eq!(run.await.unwrap().status, Status::Ok);
}
