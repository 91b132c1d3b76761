//! Every way to take more than a run may have ends in a clean status, and the next run is right.

use crate::support::{limits, printed, run_limited, sandbox};
use sandgate::{Cancel, Context, Limits, Script, Status};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

fn short() -> Limits {
    Limits {
        wall: Duration::from_millis(250),
        ..limits()
    }
}

async fn ends_with(status: Status, limits: Limits, sources: &[&str]) {
    for source in sources {
        let outcome = run_limited(Script::new(*source), limits).await;
        assert_eq!(
            outcome.status, status,
            "{source}: {:?} {:?}",
            outcome.reason, outcome.exception
        );
    }
    assert_eq!(printed("print(6 * 7)").await, "42\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_01_loops_end_at_the_deadline() {
    ends_with(
        Status::Timeout,
        short(),
        &[
            "while True: pass",
            "[x for x in iter(int, 1)]",
            "any(x for x in iter(int, 1))",
            "def f():\n    while True: yield\nfor _ in f(): pass",
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
            "import itertools\nsum(itertools.repeat(0))",
            "class A:\n    def __del__(self):\n        while True: pass\na = A()\ndel a",
            "import atexit\n@atexit.register\ndef f():\n    while True: pass",
            "class A:\n    def __repr__(self):\n        while True: pass\nA()",
            "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
            "import signal, sys\nsys.settrace(lambda *a: None)\nwhile True: pass",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_02_loops_inside_the_interpreter_end_at_the_deadline() {
    ends_with(
        Status::Timeout,
        short(),
        &[
            "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
            "sum(range(10**12))",
            "10 ** 10 ** 8",
            "while True: pow(3, 10**6)",
            "import sys\nsys.set_int_max_str_digits(0)\nstr(7 ** 10**7)",
            "max(iter(int, 1))",
            "for _ in iter(int, 1): sorted(range(100000))",
            "import collections\ncollections.deque(iter(int, 1), maxlen=0)",
            "''.join(map(str, iter(int, 1))) if all(True for _ in iter(int, 1)) else 0",
            "import zlib\nwhile True: zlib.compress(b'x' * 10_000_000)",
            "import hashlib\nwhile True: hashlib.sha256(b'x' * 50_000_000).digest()",
            "import decimal\ndecimal.getcontext().prec = 10**6\ndecimal.Decimal(2) ** decimal.Decimal('0.5')",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_03_bulk_copies_end_at_the_deadline() {
    ends_with(
        Status::Timeout,
        short(),
        &[
            "a = bytearray(60 << 20)\nwhile True: b = a[:]",
            "a = b'x' * (60 << 20)\nwhile True: a.find(b'y')",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_04_sleeps_end_at_the_deadline_and_short_ones_wake() {
    ends_with(
        Status::Timeout,
        short(),
        &[
            "import time\ntime.sleep(10**9)",
            "import time\nwhile True: time.sleep(0.001)",
            "import time\nwhile True:\n    try: time.sleep(1000)\n    except BaseException: pass",
        ],
    )
    .await;
    assert_eq!(
        printed("import time\nt = time.monotonic_ns()\ntime.sleep(0.02)\nprint(20_000_000 <= time.monotonic_ns() - t)").await,
        "True\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_05_memory_bombs_end_cleanly() {
    for source in [
        "[0] * 10**9",
        "pow(3, 10**9)",
        "'x' * 2**31",
        "bytearray(2**31)",
        "x = []\nwhile True: x.append(bytes(1000000))",
        "x = 'a'\nwhile True: x += x",
        "d = {}\ni = 0\nwhile True:\n    d[i] = 'x' * 1000\n    i += 1",
        "x = []\nwhile True: x = [x, x]\n",
        "x = b'x'\nwhile True: x = x * 2",
        "list(range(10**9))",
        "x = []\nwhile True:\n    try: x.append(bytearray(10_000_000))\n    except MemoryError: pass",
        "'%1000000000d' % 1",
        "import itertools\nlist(itertools.product(range(1000), repeat=3))",
        "exec('x = ' + repr('y' * 100_000_000))",
        "import array\narray.array('d', [0.0]) * 10**9",
        "memoryview(bytearray(1 << 28)).tobytes() * 4",
        "[bytearray(1 << 20) for _ in range(10**6)]",
        "import zlib\nzlib.decompress(zlib.compress(bytes(100 << 20)) , bufsize=1 << 30) * 8",
        "set(map(str, range(10**8)))",
        "'-'.join(['x' * 1000] * 10**6)",
        "import json\njson.dumps(['x' * 1000] * 10**6)",
    ] {
        let outcome = run_limited(
            Script::new(source),
            Limits {
                wall: Duration::from_secs(3),
                ..limits()
            },
        )
        .await;
        let kind = outcome
            .exception
            .as_ref()
            .map(|exception| exception.kind.as_str());
        let clean = match outcome.status {
            Status::Memory | Status::Timeout => true,
            Status::Raised => matches!(kind, Some("MemoryError" | "OverflowError" | "ValueError")),
            _ => false,
        };
        assert!(
            clean,
            "{source}: {:?} {:?} {:?}",
            outcome.status, outcome.reason, outcome.exception
        );
        assert!(
            outcome.usage.peak_memory <= 256 << 20,
            "{source}: {:?}",
            outcome.usage
        );
    }
    assert_eq!(printed("print(6 * 7)").await, "42\n");
}

#[tokio::test]
async fn dos_05_the_limiter_is_live_and_a_larger_limit_gives_more() {
    let source = "x = bytearray(150 << 20)\nprint(len(x))";
    let small = run_limited(
        Script::new(source),
        Limits {
            memory: 128 << 20,
            ..limits()
        },
    )
    .await;
    assert_eq!(small.exception.unwrap().kind, "MemoryError");
    let large = run_limited(
        Script::new(source),
        Limits {
            memory: 512 << 20,
            ..limits()
        },
    )
    .await;
    assert_eq!(
        (large.status, large.stdout.text.as_str()),
        (Status::Ok, "157286400\n")
    );
}

#[tokio::test]
async fn a_memory_limit_that_no_run_can_have_is_an_error() {
    let context = Context::alone(Limits {
        memory: 1 << 20,
        ..limits()
    });
    let error = sandbox()
        .await
        .run(Script::new("1"), &context)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the memory limit is 1.0 MiB; it must be between 96.0 MiB and 2.0 GiB"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_14_large_and_strange_sources_end_cleanly() {
    let large = Limits {
        source: 16 << 20,
        ..limits()
    };
    let sources = [
        "x = 1\n".repeat(1_700_000),
        format!("x = [{}]", "1,".repeat(65_000)),
        "def f(): pass\n".repeat(30_000),
        format!("x = {}", "'a' ".repeat(100_000)),
        "try:\n pass\nfinally:\n pass\n".repeat(10_000),
        format!("x = f'{}'", "{1}".repeat(50_000)),
        (0..60)
            .map(|depth| format!("{}try:\n{}pass\n", " ".repeat(depth), " ".repeat(depth + 1)))
            .collect(),
        "\\\n".repeat(1_000_000),
        "#".repeat(10_000_000),
        "\0".repeat(1000),
    ];
    for source in sources {
        let shown: String = source.chars().take(30).collect();
        let outcome = run_limited(
            Script::new(source),
            Limits {
                wall: Duration::from_secs(5),
                ..large
            },
        )
        .await;
        let clean = matches!(
            outcome.status,
            Status::Ok | Status::Raised | Status::Timeout | Status::Memory | Status::Stack
        );
        assert!(clean, "{shown}: {:?} {:?}", outcome.status, outcome.reason);
    }
    assert_eq!(printed("print(6 * 7)").await, "42\n");
}

#[tokio::test]
async fn dos_14_a_source_over_the_limit_does_not_run() {
    let outcome = run_limited(Script::new("#".repeat(1_048_577)), limits()).await;
    assert_eq!(outcome.status, Status::Source);
    assert_eq!(
        outcome.reason.unwrap(),
        "the source is 1048577 bytes, 1048576 are allowed"
    );
    assert_eq!(
        run_limited(Script::new("#".repeat(1_048_576)), limits())
            .await
            .status,
        Status::Ok
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_15_decompression_bombs_stay_inside() {
    let source = "import zlib, gzip, bz2, io\nbomb = bytes(1 << 20)\nfor _ in range(3): bomb = zlib.compress(bomb * 200, 9)\n\
                  for _ in range(4): bomb = zlib.decompress(bomb) * 50";
    let outcome = run_limited(
        Script::new(source),
        Limits {
            wall: Duration::from_secs(5),
            ..limits()
        },
    )
    .await;
    let clean = matches!(
        outcome.status,
        Status::Raised | Status::Memory | Status::Timeout
    );
    assert!(clean, "{:?} {:?}", outcome.status, outcome.reason);
    assert!(outcome.usage.peak_memory <= 256 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processor_time_is_limited_apart_from_wall_time() {
    let limits = Limits {
        cpu: Duration::from_millis(100),
        ..limits()
    };
    let busy = run_limited(Script::new("while True: pass"), limits).await;
    assert_eq!(busy.status, Status::Timeout);
    assert_eq!(
        busy.reason.unwrap().split(';').next().unwrap(),
        "the processor time limit is 100ms"
    );
    let idle = run_limited(Script::new("import time\ntime.sleep(0.3)"), limits).await;
    assert_eq!(idle.status, Status::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_ends_with_what_it_had_printed() {
    for source in [
        "print('x')\nwhile True: pass",
        "import time\nprint('x')\ntime.sleep(1000)",
    ] {
        let cancel = Cancel::new();
        let sink = Arc::new(CancelOnOutput(cancel.clone()));
        let script = Script {
            cancel: Some(cancel),
            sink: Some(sink),
            ..Script::new(source)
        };
        let outcome = run_limited(script, limits()).await;
        assert_eq!(
            (outcome.status, outcome.stdout.text.as_str()),
            (Status::Cancelled, "x\n"),
            "{source}"
        );
    }
}

/// Cancels as soon as the script is seen to run.
struct CancelOnOutput(Cancel);

impl sandgate::Sink for CancelOnOutput {
    fn write(&self, _: sandgate::Stream, _: &[u8]) {
        self.0.cancel();
    }
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_starts_does_not_start() {
    let cancel = Cancel::new();
    cancel.cancel();
    let script = Script {
        cancel: Some(cancel),
        ..Script::new("print('x')")
    };
    let outcome = run_limited(script, limits()).await;
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::Cancelled, "")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_is_never_held_longer_than_a_few_ticks() {
    let sandbox = sandbox().await;
    let busy = tokio::spawn(async move {
        let limits = Limits {
            wall: Duration::from_millis(500),
            ..limits()
        };
        sandbox
            .run(Script::new("sum(range(10**12))"), &Context::alone(limits))
            .await
    });
    let mut turns = 0_u32;
    let start = Instant::now();
    while !busy.is_finished() && start.elapsed() < Duration::from_secs(20) {
        tokio::task::yield_now().await;
        turns += 1;
    }
    assert_eq!(busy.await.unwrap().unwrap().status, Status::Timeout);
    assert!(turns > 10, "{turns}");
}
