//! How long past its deadline a script is ended while both cores are busy with others that never end.
//! `cargo bench --bench kill_latency` prints the distribution; it is a measurement and not a criterion bench because
//! what matters is its tail.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that cannot run has nothing to measure"
)]

use sandgate::{Context, Limits, Sandbox, Script, Status};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_millis(50);
const ROUNDS: usize = 300;

/// Loops in Python, in the interpreter's own code, in bulk memory operations, and sleeps.
const HANGS: &[&str] = &[
    "while True: pass",
    "sum(range(10**12))",
    "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
    "while True: pow(3, 10**6)",
    "a = bytearray(60 << 20)\nwhile True: b = a[:]",
    "import time\ntime.sleep(10**9)",
    "import time\nwhile True: time.sleep(0.001)",
    "x = []\nwhile True: x.append(bytes(100))",
];

fn main() {
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    executor.block_on(async {
        let sandbox = Sandbox::builder().build().await.unwrap();
        let hogs: Vec<_> = (0..2)
            .map(|_| {
                let sandbox = sandbox.clone();
                tokio::spawn(async move {
                    let limits = Limits {
                        wall: Duration::MAX,
                        cpu: Duration::MAX,
                        ..Limits::default()
                    };
                    let context = Context::alone(limits);
                    sandbox.run(Script::new("while True: pass"), &context).await
                })
            })
            .collect();
        let mut late = Vec::new();
        for round in 0..ROUNDS {
            let limits = Limits {
                wall: DEADLINE,
                ..Limits::default()
            };
            let context = Context::alone(limits);
            let sandbox = sandbox.clone();
            let source = HANGS[round % HANGS.len()];
            let measured = tokio::spawn(async move {
                let start = Instant::now();
                let outcome = sandbox.run(Script::new(source), &context).await.unwrap();
                assert!(
                    matches!(outcome.status, Status::Timeout | Status::Memory),
                    "{outcome:?}"
                );
                (
                    outcome.usage.wall.saturating_sub(DEADLINE),
                    start.elapsed().saturating_sub(DEADLINE),
                    source,
                )
            });
            late.push(measured.await.unwrap());
        }
        for hog in hogs {
            hog.abort();
        }
        late.sort_unstable();
        let at = |percent: usize| late[(late.len() - 1) * percent / 100].0;
        println!("past the deadline of {DEADLINE:?}, {ROUNDS} runs, 2 hogs on 2 threads:");
        println!("  p50 {:?}  p99 {:?}  max {:?}", at(50), at(99), at(100));
        let mut returned: Vec<Duration> = late.iter().map(|(_, returned, _)| *returned).collect();
        returned.sort_unstable();
        println!(
            "until `run` returned: p99 {:?}  max {:?}",
            returned[returned.len() * 99 / 100],
            returned[returned.len() - 1]
        );
        println!("  latest: {:?}", late[late.len() - 1].2);
    });
}
