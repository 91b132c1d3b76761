//! What a script writes: streamed, capped, marked.

use crate::support::{limits, run_limited};
use sandgate::{Limits, Script, Sink, Status, Stream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Kept(Mutex<Vec<(Stream, String)>>);

impl Sink for Kept {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        self.0
            .lock()
            .unwrap()
            .push((stream, String::from_utf8_lossy(bytes).into_owned()));
    }
}

#[tokio::test]
async fn output_arrives_line_by_line_in_the_order_of_writing() {
    let kept = Arc::new(Kept::default());
    let source =
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\nprint('d', end='')";
    let script = Script {
        sink: Some(kept.clone()),
        ..Script::new(source)
    };
    run_limited(script, limits()).await;
    let lines: Vec<(Stream, String)> = kept.0.lock().unwrap().clone();
    let expected = [
        (Stream::Out, "a\n"),
        (Stream::Err, "b\n"),
        (Stream::Out, "c\n"),
        (Stream::Out, "d"),
    ];
    assert_eq!(
        lines,
        expected.map(|(stream, text)| (stream, text.to_owned()))
    );
}

#[tokio::test]
async fn what_was_printed_before_a_run_is_killed_is_kept() {
    let limits = Limits {
        wall: std::time::Duration::from_secs(3),
        ..limits()
    };
    let outcome = run_limited(Script::new("print('before')\nwhile True: pass"), limits).await;
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::Timeout, "before\n")
    );
}

#[tokio::test]
async fn dos_06_output_past_the_limit_is_dropped_and_marked() {
    let limits = Limits {
        output: 10,
        ..limits()
    };
    let outcome = run_limited(Script::new("print('0123456789abc')\nprint('more')"), limits).await;
    assert_eq!(outcome.status, Status::Ok);
    assert_eq!(
        outcome.stdout.text,
        "0123456789\n[output cut: 9 bytes dropped, the limit is 10]\n"
    );
    assert_eq!(outcome.stdout.dropped, 9);
    assert_eq!(outcome.usage.output_bytes, 19);
}

#[tokio::test]
async fn dos_06_output_at_the_limit_is_kept_whole() {
    let outcome = run_limited(
        Script::new("print('123456789')"),
        Limits {
            output: 10,
            ..limits()
        },
    )
    .await;
    assert_eq!(
        (outcome.stdout.text.as_str(), outcome.stdout.dropped),
        ("123456789\n", 0)
    );
}

#[tokio::test]
async fn dos_06_floods_end_the_run() {
    for source in [
        "while True: print('x' * 1000)",
        "import sys\nwhile True: sys.stderr.write('x')",
        "import sys\nsys.stdout.write('x' * 100_000_000)",
        "import os\nwhile True: os.write(1, b'\\xff' * 4096)",
        "while True:\n    try:\n        while True: print('\\x1b[2J')\n    except BaseException: pass",
    ] {
        let outcome = run_limited(
            Script::new(source),
            Limits {
                output: 4096,
                ..limits()
            },
        )
        .await;
        assert_eq!(
            outcome.status,
            Status::Output,
            "{source}: {:?}",
            outcome.reason
        );
        assert_eq!(
            outcome.reason.unwrap(),
            "the script wrote 262144 bytes to one stream, 64 times what is kept of it",
            "{source}"
        );
        assert!(outcome.stdout.text.len() <= 3 * 4096 + 100, "{source}");
    }
}
