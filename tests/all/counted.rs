//! What runs cost, where it can be counted and needs no clock: pages, instructions, bytes, what is asked of the host. Each has a bound
//! a little above what it is, so that whoever makes something dearer hears of it on the busiest machine.
//! What is measured in time is in `benches/`.

use crate::support::{
    counted::{Work, bytes_copied, instructions, pages, work},
    run,
};
use sandgate::{Script, Sink, Stream};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Nothing by itself: the tests below begin it as a process, and count.
#[test]
fn the_process_that_is_counted() {
    work();
}

/// So many more or fewer say nothing, of what is counted on one hand.
const FEW: u64 = 4;

/// Whether something costs what it may. `most` is a fifteenth above what it was when it was written here, with the committed profile; it holds
/// where our own crates are built with less optimisation.
#[track_caller]
fn costs_at_most(what: &str, counted: u64, most: u64) {
    println!("{what}: {counted}, of {most}");
    assert!(
        counted <= most,
        "{what}: {counted}, which is to be {most} at most. Where it is worth that, say why in the commit and write {} here; \
         otherwise look for what made it dearer: CONTRIBUTING.md, Counting, says how",
        counted + counted / 15
    );
    assert!(
        counted.saturating_add(FEW) >= most / 2,
        "{what}: {counted}, less than half of the {most} that it may be. Write {} here, so that it stays so",
        counted + counted / 15
    );
}

#[test]
fn a_run_changes_few_pages_and_faults_for_few() {
    let [changed, faults] = pages(Work::Print, 21);
    costs_at_most("pages that `print(1+1)` changes", changed, 38);
    costs_at_most("page faults of `print(1+1)`", faults, 4);
    let [changed, _] = pages(Work::PrintAfter, 2);
    costs_at_most(
        "pages that are kept for `print(1+1)` after a large run",
        changed,
        38,
    );
    let [changed, faults] = pages(Work::Dataclass, 21);
    costs_at_most("pages that a script with a dataclass changes", changed, 96);
    costs_at_most("page faults of a script with a dataclass", faults, 78);
    let [changed, faults] = pages(Work::Call, 21);
    costs_at_most("pages that a script with a call changes", changed, 64);
    costs_at_most("page faults of a script with a call", faults, 24);
}

#[test]
fn a_run_takes_few_instructions_and_copies_few_bytes() {
    let print = instructions(Work::Print, [2, 22]);
    costs_at_most("instructions of `print(1+1)`", print, 700_000);
    let dataclass = instructions(Work::Dataclass, [2, 12]);
    let what = "instructions of a script with a dataclass";
    costs_at_most(what, dataclass, 6_110_000);
    let copied = bytes_copied(Work::Print, [2, 22]);
    costs_at_most("bytes that are copied for `print(1+1)`", copied, 400_000);
}

#[test]
fn a_script_that_computes_takes_few_instructions() {
    let what = "instructions of tests/scripts/counted.py";
    costs_at_most(what, instructions(Work::Compute, [1, 3]), 27_810_000);
}

#[test]
fn a_call_takes_few_instructions_and_copies_few_bytes() {
    let called = instructions(Work::Calls, [100, 600]);
    costs_at_most("instructions of a call", called, 126_800);
    let run = instructions(Work::Call, [2, 22]);
    costs_at_most("instructions of a script with a call", run, 1_730_000);
    let copied = bytes_copied(Work::Calls, [100, 600]);
    costs_at_most("bytes that are copied for a call", copied, 37_300);
}

/// How often something is written.
#[derive(Debug, Default)]
struct Writes(AtomicU64);

impl Sink for Writes {
    fn write(&self, _: Stream, _: &[u8]) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A line that is printed is handed over once, and a clock is read where a script reads one.
#[tokio::test]
async fn a_script_asks_its_host_for_little() {
    let writes = Arc::new(Writes::default());
    let source = "\
import random, time
for n in range(10000): print('line', n)
random.random()
for _ in range(5): time.time()
";
    let outcome = run(Script {
        sink: Some(writes.clone()),
        ..Script::new(source)
    })
    .await;
    let readings = outcome.tape.readings.iter().map(|(_, times)| *times);
    let written = writes.0.load(Ordering::SeqCst);
    assert_eq!([written, readings.sum()], [10_000, 5]);
}
