//! What a run costs: a fresh interpreter in a warm process, one that goes on, a whole cold process, one call through the way out.
//! `cargo bench --bench runs`; results with their machine are kept in benches/results.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench that cannot run has nothing to measure"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sandgate::{
    Context, Ended, Host, Limits, Sandbox, Script, Session, Status, policy::Effect, service::Tools,
};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number {
    n: u64,
}

fn sandbox(executor: &Runtime) -> Sandbox {
    executor
        .block_on(Sandbox::builder().build())
        .expect("the image can be prepared")
}

async fn run(sandbox: &Sandbox, source: &str, context: &Context) -> sandgate::Outcome {
    let outcome = sandbox
        .run(Script::new(source), context)
        .await
        .expect("it runs");
    assert_eq!(
        outcome.status,
        Status::Ok,
        "{:?} {:?}",
        outcome.reason,
        outcome.exception
    );
    outcome
}

/// A fresh interpreter for each script, in a process that has the image: wall time, and processor time beside it.
fn fresh_run(criterion: &mut Criterion) {
    let executor = Runtime::new().unwrap();
    let sandbox = sandbox(&executor);
    let context = Context::default();
    let mut group = criterion.benchmark_group("fresh_run");
    for (name, source) in [
        ("print", "print(1+1)"),
        ("dataclass", include_str!("../tests/scripts/hello.py")),
        (
            "json",
            "import json\nprint(len(json.dumps([{'a': i, 'b': str(i)} for i in range(100)])))",
        ),
        (
            "raise",
            "def f(n):\n    return 1 / n\ntry:\n    f(0)\nexcept ZeroDivisionError as e:\n    print(e)",
        ),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                executor.block_on(async {
                    let start = Instant::now();
                    for _ in 0..times {
                        run(&sandbox, source, &context).await;
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.bench_function("print_cpu", |bencher| {
        bencher.iter_custom(|times| {
            executor.block_on(async {
                let before = process_time();
                for _ in 0..times {
                    run(&sandbox, "print(1+1)", &context).await;
                }
                process_time() - before
            })
        });
    });
    group.finish();
}

/// Of all threads, so that taking an instance down is counted as well.
fn process_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

/// One more script in an interpreter that has run some.
fn session(criterion: &mut Criterion) {
    let executor = Runtime::new().unwrap();
    let sandbox = sandbox(&executor);
    let (mut session, scripts) = Session::new(false);
    let script = Script {
        session: Some(scripts),
        ..Script::new("")
    };
    let run = executor.spawn(async move { sandbox.run(script, &Context::default()).await });
    let mut next = || {
        let ended = session.run("print(1+1)".to_owned(), "script.py".to_owned());
        assert_eq!(executor.block_on(ended), Some(Ended::Ok(None)));
    };
    next();
    criterion.bench_function("session/print", |bencher| bencher.iter(&mut next));
    drop(session);
    executor.block_on(run).unwrap().unwrap();
}

/// The whole command, image cached.
fn cold_start(criterion: &mut Criterion) {
    let executor = Runtime::new().unwrap();
    drop(sandbox(&executor));
    let mut group = criterion.benchmark_group("cold_start");
    group.bench_function("print", |bencher| {
        bencher.iter(|| {
            let done = Command::new(env!("CARGO_BIN_EXE_sandgate"))
                .args(["run", "-c", "print(1+1)"])
                .stdout(Stdio::null())
                .status()
                .unwrap();
            assert!(done.success());
        });
    });
    group.finish();
}

/// One call and its reply, made by a script, over a hundred thousand of them.
fn host_call(criterion: &mut Criterion) {
    const CALLS: u64 = 100_000;
    let executor = Runtime::new().unwrap();
    let sandbox = sandbox(&executor);
    let limits = Limits {
        calls: u64::MAX,
        ..Limits::default()
    };
    let context = Context::alone(limits);
    let request = r#"{"service":"sandgate","method":"echo","params":{"text":"hello"}}"#;
    repeated(criterion, "host_call", "echo", CALLS, request, |source| {
        executor.block_on(run(&sandbox, source, &context))
    });
}

/// Makes a call so many times in one script, and beside it runs the loop alone, to subtract.
fn repeated(
    criterion: &mut Criterion,
    group: &str,
    name: &str,
    calls: u64,
    request: &str,
    run: impl Fn(&str) -> sandgate::Outcome,
) {
    let mut group = criterion.benchmark_group(group);
    group
        .throughput(Throughput::Elements(calls))
        .sample_size(10);
    for (name, body) in [(name, "_sandgate.call(request)"), ("loop", "len(request)")] {
        let source = format!(
            "import _sandgate\nrequest = '{request}'\nfor _ in range({calls}):\n    {body}"
        );
        group.bench_function(name, |bencher| bencher.iter(|| run(&source)));
    }
    group.finish();
}

/// One call of a tool of this process, policy included, over ten thousand of them.
fn tool_call(criterion: &mut Criterion) {
    const CALLS: u64 = 10_000;
    const POLICY: &str = "@because(\"x\") permit (principal, action in Action::\"read\", resource) when { context.n < 100 };";
    let executor = Runtime::new().unwrap();
    let tools = Tools::new("sums", "Sums.").tool(
        "sum.get",
        "The next number.",
        Effect::Read,
        async |Number { n }| Ok(n + 1),
    );
    let limits = format!("hero_context = 1\ncalls = {}\n", CALLS + 10);
    let host = Host::builder()
        .tools(tools)
        .context("bench", POLICY, &limits)
        .build();
    let caller = executor.block_on(host).unwrap().context("bench").unwrap();
    let request = r#"{"service":"sums","method":"sum.get","params":{"n":7}}"#;
    repeated(criterion, "tool_call", "one", CALLS, request, |source| {
        let outcome = executor.block_on(caller.run(source)).unwrap();
        assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
        outcome
    });
}

criterion_group!(
    benches, fresh_run, session, cold_start, host_call, tool_call
);
criterion_main!(benches);
