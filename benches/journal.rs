//! What the journal costs: a run, a read and a change with it and without, a replay, ten thousand runs that wait, and what
//! changed policies would have said to a hundred thousand calls. Everything lies on the disk of the target directory.
//! `cargo bench --bench journal`; results with their machine are kept in benches/results.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that cannot run has nothing to measure"
)]

use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use sandgate::{
    Caller, Host, Journal, JournalKey, JournalOptions, Outcome, PastRun, Replay, Status,
    policy::Effect, service::Tools,
};
use std::{
    cell::LazyCell,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinSet};

const POLICY: &str = "@id(\"reads\") @because(\"It may look.\")
permit (principal, action in Action::\"read\", resource) when { context.n < 1000000 };
@id(\"adds\") @because(\"It may add.\")
permit (principal, action == Action::\"sums.sum.add\", resource);
@id(\"asks\") @because(\"A person looks first.\") @gate(\"approve\")
permit (principal, action == Action::\"sums.sum.set\", resource);
";
const LIMITS: &str = "hero_context = 1\ncalls = 1000000\ntimeout = \"10m\"\ncpu = \"10m\"\n";
const READS: u64 = 10_000;
const PARKED: usize = 10_000;
const DECIDED: u64 = 100_000;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number {
    n: u64,
}

/// A state directory, and whoever runs scripts in it; without a journal for the other half of each pair.
struct Kept {
    place: TempDir,
    executor: Runtime,
    journal: Option<Journal>,
    host: Host,
    caller: Caller,
}

/// What is kept of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    Nothing,
    Everything,
    /// So that only whoever has the key can read it.
    Sealed,
}

impl Kept {
    fn new(keeping: Keeping) -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let executor = Runtime::new().unwrap();
        let sealed = |place: &Path| JournalOptions {
            key: Some(JournalKey::create(&place.join("key")).unwrap()),
            ..JournalOptions::default()
        };
        let journal = match keeping {
            Keeping::Nothing => None,
            Keeping::Everything => Some(Journal::open(place.path()).unwrap()),
            Keeping::Sealed => {
                Some(Journal::open_with(place.path(), sealed(place.path())).unwrap())
            }
        };
        let number = async |Number { n }| Ok(n + 1);
        let tools = Tools::new("sums", "Sums.")
            .tool("sum.get", "The next number.", Effect::Read, number)
            .tool("sum.add", "Adds one.", Effect::Write, number)
            .tool("sum.set", "Sets it.", Effect::Write, number);
        let mut host = Host::builder()
            .tools(tools)
            .context("bench", POLICY, LIMITS);
        if let Some(journal) = &journal {
            host = host.journal(journal.clone());
        }
        let host = executor.block_on(host.build()).unwrap();
        Self {
            caller: host.context("bench").unwrap(),
            host,
            place,
            executor,
            journal,
        }
    }

    fn run(&self, source: &str, status: Status) -> Outcome {
        let outcome = self.executor.block_on(self.caller.run(source)).unwrap();
        assert_eq!(outcome.status, status, "{outcome:?}");
        outcome
    }

    /// Runs a script so many times: until the last has ended, and until all of it is written.
    fn times(&self, times: u64, source: &str, clock: fn() -> Duration) -> [Duration; 2] {
        let start = clock();
        for _ in 0..times {
            self.run(source, Status::Ok);
        }
        let ended = clock().saturating_sub(start);
        if let Some(journal) = &self.journal {
            journal.last().unwrap();
        }
        [ended, clock().saturating_sub(start)]
    }

    /// The whole command on this state, with what it prints read by nobody.
    fn command(&self, arguments: &[&str]) {
        let done = Command::new(env!("CARGO_BIN_EXE_sandgate"))
            .args(arguments)
            .arg("--state-dir")
            .arg(self.place.path())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "{arguments:?}");
    }
}

/// Since some moment.
fn wall() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

/// Of all threads, the one that writes among them.
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

/// A script with a journal, with a sealed one and without: what it waits for itself, until all of it is written, and in processor time.
fn pair(criterion: &mut Criterion, name: &str, calls: u64, source: &str) {
    let mut group = criterion.benchmark_group(name);
    if calls > 1 {
        group
            .sample_size(10)
            .throughput(Throughput::Elements(calls));
    }
    for (name, keeping) in [
        ("none", Keeping::Nothing),
        ("kept", Keeping::Everything),
        ("sealed", Keeping::Sealed),
    ] {
        let kept = LazyCell::new(|| Kept::new(keeping));
        let measure = |bencher: &mut Bencher<'_>, clock: fn() -> Duration, written: bool| {
            bencher.iter_custom(|times| kept.times(times, source, clock)[usize::from(written)]);
        };
        group.bench_function(name, |bencher| measure(bencher, wall, false));
        if keeping == Keeping::Everything {
            group.bench_function("written", |bencher| measure(bencher, wall, true));
        }
        group.bench_function(format!("{name}_cpu"), |bencher| {
            measure(bencher, processor, true);
        });
    }
    group.finish();
}

/// A run without calls, and ten thousand reads one after the other.
fn runs(criterion: &mut Criterion) {
    pair(criterion, "journal_run", 1, "print(1+1)");
    let request = r#"{"service":"sums","method":"sum.get","params":{"n":7}}"#;
    let source = format!(
        "import _sandgate\nrequest = '{request}'\nfor _ in range({READS}):\n    _sandgate.call(request)"
    );
    pair(criterion, "journal_read", READS, &source);
}

/// A hundred changes one after the other, and eight hundred of which eight are made at once.
fn changes(criterion: &mut Criterion) {
    let pool = "from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda n: sums.sum_add(n=n), range(800)))";
    for (name, changes, body) in [
        ("one", 100, "for n in range(100): sums.sum_add(n=n)"),
        ("eight_at_once", 800, pool),
    ] {
        let source = format!("from services import sums\n{body}");
        pair(
            criterion,
            &format!("journal_change_{name}"),
            changes,
            &source,
        );
    }
}

/// A run of two hundred reads, made again up to the hundredth.
fn replay(criterion: &mut Criterion) {
    let kept = LazyCell::new(|| {
        let kept = Kept::new(Keeping::Everything);
        let source = "from services import sums\nfor n in range(200): sums.sum_get(n=n)";
        let run = kept.run(source, Status::Ok).run.unwrap();
        (kept, run.to_string())
    });
    let again = |until: Option<u32>| {
        let (kept, run) = &*kept;
        let journal = kept.journal.as_ref().unwrap();
        let past = PastRun::read(journal, run).unwrap();
        let replay = Replay {
            until,
            ..Replay::default()
        };
        let replayed = past.replay(kept.host.sandbox(), replay);
        let replayed = kept.executor.block_on(replayed);
        assert_eq!(replayed.unwrap().differences, []);
    };
    criterion.bench_function("journal_replay/to_call_100", |bencher| {
        bencher.iter(|| again(Some(101)));
    });
    criterion.bench_function("journal_replay/whole", |bencher| {
        bencher.iter(|| again(None));
    });
}

/// Ten thousand runs wait, and somebody looks which: whole processes.
fn parked(criterion: &mut Criterion) {
    let kept = LazyCell::new(|| {
        let kept = Kept::new(Keeping::Everything);
        kept.executor.block_on(async {
            let mut runs = JoinSet::new();
            for n in 0..PARKED {
                while runs.len() >= 64 {
                    runs.join_next().await.unwrap().unwrap();
                }
                let caller = kept.caller.clone();
                runs.spawn(async move {
                    let source = format!("from services import sums\nsums.sum_set(n={n})");
                    let outcome = caller.run(source).await.unwrap();
                    assert_eq!(outcome.status, Status::AwaitingApproval, "{outcome:?}");
                });
            }
            runs.join_all().await;
        });
        println!("{PARKED} runs wait; this process: {}", held());
        println!("on the disk: {} bytes", bytes(kept.place.path()));
        kept
    });
    let mut group = criterion.benchmark_group("journal_parked");
    group.sample_size(10);
    for (name, arguments) in [
        ("approvals", vec!["approvals"]),
        ("approvals_json", vec!["approvals", "--json"]),
        ("list", vec!["journal", "list"]),
        ("list_all", vec!["journal", "list", "--limit", "1000000"]),
        (
            "list_interrupted",
            vec!["journal", "list", "--status", "interrupted"],
        ),
    ] {
        group.bench_function(name, |bencher| {
            LazyCell::force(&kept);
            bencher.iter(|| kept.command(&arguments));
        });
    }
    group.finish();
}

/// A thousand runs of a hundred calls, decided anew; and one run of as many calls that were all refused.
fn policies(criterion: &mut Criterion) {
    let kept = LazyCell::new(|| {
        let kept = Kept::new(Keeping::Everything);
        for _ in 0..DECIDED / 100 {
            let source = "from services import sums\nfor n in range(100): sums.sum_get(n=n)";
            kept.run(source, Status::Ok);
        }
        let policies = kept.place.path().join("policies");
        fs::create_dir_all(policies.join("bench")).unwrap();
        fs::create_dir_all(policies.join("services")).unwrap();
        fs::write(policies.join("bench/policy.cedar"), POLICY).unwrap();
        fs::write(policies.join("bench/limits.toml"), LIMITS).unwrap();
        fs::write(policies.join("services/sums.json"), document()).unwrap();
        kept
    });
    let refused = LazyCell::new(|| {
        let source = format!(
            "from services import sums, Refused\nfor n in range({DECIDED}):\n    try: sums.sum_get(n=1000000 + n % 10)\n    except Refused: pass"
        );
        kept.run(&source, Status::Ok).run.unwrap().to_string()
    });
    let directory = |kept: &Kept| kept.place.path().join("policies").display().to_string();
    let mut group = criterion.benchmark_group("journal_policy");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(DECIDED));
    group.bench_function("replay", |bencher| {
        let policies = directory(&kept);
        bencher.iter(|| kept.command(&["policy", "replay", "--policies", &policies]));
    });
    group.bench_function("suggest", |bencher| {
        let (run, policies) = (&*refused, directory(&kept));
        bencher.iter(|| kept.command(&["policy", "suggest", run, "--policies", &policies]));
    });
    group.finish();
}

/// What this process holds.
fn held() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines();
    let wanted = lines.filter(|line| line.starts_with("VmRSS") || line.starts_with("Threads"));
    let wanted = wanted.map(|line| line.replace('\t', " ").replace("  ", ""));
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    format!(
        "{}, {files} descriptors",
        wanted.collect::<Vec<_>>().join(", ")
    )
}

fn bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            bytes(&entry.path())
        } else {
            metadata.len()
        }
    });
    sizes.sum()
}

/// The service as its document has it.
fn document() -> String {
    let methods = ["sum.get", "sum.add", "sum.set"].map(|name| {
        serde_json::json!({
            "name": name,
            "params": [{"name": "n", "required": true, "schema": {"type": "integer"}}],
            "result": {"name": "next", "schema": {"type": "integer"}},
        })
    });
    let info = serde_json::json!({"title": "Sums", "version": "1"});
    serde_json::json!({"openrpc": "1.3.2", "info": info, "methods": methods}).to_string()
}

criterion_group!(benches, runs, changes, replay, parked, policies);
criterion_main!(benches);
