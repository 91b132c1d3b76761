//! A process of its own that runs a script some times on one thread, and what can be counted of it: instructions, bytes that are
//! copied, pages. Tests of `counted` use it. Nothing that it counts may depend on how busy the machine is.

use super::{cache_dir, repository};
use sandgate::{
    Context, Host, ImageCache, Limits, Sandbox, Script, Sink, Status, Stream, policy::Effect,
    service::Tools,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::{
    fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex, Once},
    thread,
    time::Duration,
};

/// What the process is to do, how often, and where it writes what it counted itself.
const WORK: &str = "SANDGATE_COUNTED";
const TIMES: &str = "SANDGATE_COUNTED_TIMES";
const FOUND: &str = "SANDGATE_COUNTED_FOUND";
/// The test that is nothing else than that process.
const PROCESS: &str = "counted::the_process_that_is_counted";

/// What scripts there are of which something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Runs of `print(1+1)`.
    Print,
    /// Runs of `print(1+1)`, each after one that takes long and changes much.
    PrintAfter,
    /// Runs of a script with a dataclass.
    Dataclass,
    /// Runs of a script that computes a little of everything.
    Compute,
    /// Runs of a script that calls a tool once.
    Call,
    /// Calls of a tool, all in one run.
    Calls,
}

impl Work {
    const ALL: [Self; 6] = [
        Self::Print,
        Self::PrintAfter,
        Self::Dataclass,
        Self::Compute,
        Self::Call,
        Self::Calls,
    ];

    fn name(self) -> String {
        format!("{self:?}")
    }

    /// The script of a run, which is one of so many.
    fn source(self, run: u32, times: u32) -> String {
        match self {
            Self::PrintAfter if run.is_multiple_of(2) => {
                "texts = [str(n) for n in range(200000)]\nfor n in range(2000000): pass".to_owned()
            }
            Self::Print | Self::PrintAfter => "print(1+1)".to_owned(),
            Self::Dataclass => fs::read_to_string(repository("tests/scripts/hello.py")).unwrap(),
            Self::Compute => fs::read_to_string(repository("tests/scripts/counted.py")).unwrap(),
            Self::Call => "from services import sums\nprint(sums.sum_get(n=1))".to_owned(),
            Self::Calls => format!(
                "from services import sums\nfor n in range({times}): sums.sum_get(n=n)\nprint(n)"
            ),
        }
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number {
    n: u64,
}

/// Only what valgrind's processor has is in this image, so that there is nothing to compile in it.
const LEVEL: &str = "x86-64-v2";

fn cache_of_valgrind() -> PathBuf {
    cache_dir().with_file_name("cache-v2")
}

/// The process: does its work, and writes down what it counted.
pub(crate) fn work() {
    let Ok(wanted) = std::env::var(WORK) else {
        return;
    };
    let work = Work::ALL
        .into_iter()
        .find(|work| work.name() == wanted)
        .unwrap();
    let times: u32 = std::env::var(TIMES).unwrap().parse().unwrap();
    let found = std::env::var_os(FOUND);
    let cache = if found.is_some() {
        cache_dir()
    } else {
        cache_of_valgrind()
    };
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let counted = executor.block_on(async {
        let sandbox = Sandbox::builder()
            .cache_dir(cache)
            .instances(NonZeroU32::MIN);
        let sums = Tools::new("sums", "Sums.").tool(
            "sum.get",
            "The next number.",
            Effect::Read,
            async |Number { n }| Ok(n + 1),
        );
        let policy = r#"@because("x") permit (principal, action in Action::"read", resource);"#;
        let limits = "hero_context = 1\ncalls = 100000\ntimeout = \"1h\"\ncpu = \"1h\"\n";
        let host = Host::builder()
            .sandbox(sandbox)
            .tools(sums)
            .context("counted", policy, limits)
            .build()
            .await
            .unwrap();
        let caller = host.context("counted").unwrap();
        let patient = Limits {
            wall: Duration::MAX,
            cpu: Duration::MAX,
            ..Limits::default()
        };
        let context = Context::alone(patient);
        let pages = Arc::new(Pages::default());
        // So that all runs read the same: the same hashes, the same time. Who counts instructions counts those of the run alone.
        let sink = found.as_ref().map(|_| pages.clone() as Arc<dyn Sink>);
        let script = |run| Script {
            seed: Some(7),
            sink: sink.clone(),
            ..Script::new(work.source(run, times))
        };
        let mut faults = Vec::new();
        for run in 0..if work == Work::Calls { 1 } else { times } {
            let before = page_faults();
            let outcome = match work {
                Work::Call | Work::Calls => caller.run(script(run)).await.unwrap(),
                _ => host.sandbox().run(script(run), &context).await.unwrap(),
            };
            faults.push(page_faults() - before);
            assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
        }
        let dirty = pages.0.lock().unwrap().first().copied().unwrap_or_default();
        faults.sort_unstable();
        (dirty, faults[faults.len() / 2])
    });
    if let Some(found) = found {
        fs::write(found, format!("{} {}", counted.0, counted.1)).unwrap();
    }
}

/// Pages of the guest's memory that are not the image's any more, each time that the script writes something.
#[derive(Debug, Default)]
struct Pages(Mutex<Vec<u64>>);

impl Sink for Pages {
    fn write(&self, _: Stream, _: &[u8]) {
        self.0.lock().unwrap().push(pages_changed());
    }
}

/// The image is mapped from its file, and what a guest has grown by lies directly behind it.
fn pages_changed() -> u64 {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut kilobytes, mut end, mut within) = (0, String::new(), false);
    for line in maps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((from, to)) = words[0].split_once('-') {
            let writable = words[1] == "rw-p";
            within = writable && (line.ends_with(".cwasm") || (words.len() == 5 && from == end));
            end = if within { to.to_owned() } else { String::new() };
        } else if within && words[0] == "Anonymous:" {
            kilobytes += words[1].parse::<u64>().unwrap();
        }
    }
    kilobytes / 4
}

/// Of this thread.
fn page_faults() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    // The name of a thread may hold anything; what follows its bracket does not.
    let numbers = stat.rsplit_once(')').unwrap().1;
    numbers.split_whitespace().nth(7).unwrap().parse().unwrap()
}

fn process(program: &str, arguments: &[&str], work: Work, times: u32) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    if program == "valgrind" {
        command.arg(std::env::current_exe().unwrap());
    }
    command.args(["--exact", PROCESS, "--nocapture", "--test-threads=1"]);
    command.env(WORK, work.name()).env(TIMES, times.to_string());
    command
}

/// Pages that the first run changes, and page faults of one like it (the median of so many).
pub(crate) fn pages(work: Work, times: u32) -> [u64; 2] {
    // Prepared here, where it may take its time.
    ImageCache::new(Some(cache_dir()))
        .unwrap()
        .warm(None)
        .unwrap();
    let place = tempfile::tempdir().unwrap();
    let found = place.path().join("found");
    let this = std::env::current_exe().unwrap();
    let ended = process(this.to_str().unwrap(), &[], work, times)
        .env(FOUND, &found)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let counted = fs::read_to_string(found).unwrap();
    let mut counted = counted.split(' ').map(|number| number.parse().unwrap());
    [counted.next().unwrap(), counted.next().unwrap()]
}

/// Instructions of one time more.
pub(crate) fn instructions(work: Work, [few, many]: [u32; 2]) -> u64 {
    let arguments = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let of = |times| total(&valgrind(&arguments, work, times), "Collected :");
    (of(many) - of(few)) / u64::from(many - few)
}

/// Bytes that the host copies for one time more.
pub(crate) fn bytes_copied(work: Work, [few, many]: [u32; 2]) -> u64 {
    let arguments = ["--tool=dhat", "--mode=copy", "--dhat-out-file=/dev/null"];
    let of = |times| total(&valgrind(&arguments, work, times), "Total:");
    (of(many) - of(few)) / u64::from(many - few)
}

/// The number behind these words, of what valgrind says.
fn total(ended: &Output, words: &str) -> u64 {
    assert!(ended.status.success(), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    let line = said
        .lines()
        .find_map(|line| Some(line.split_once(words)?.1))
        .unwrap();
    let number = line.split_whitespace().next().unwrap();
    number.replace(',', "").parse().unwrap()
}

fn valgrind(arguments: &[&str], work: Work, times: u32) -> Output {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        let cache = ImageCache::new(Some(cache_of_valgrind())).unwrap();
        let prepare = || cache.warm_for(LEVEL.parse().unwrap(), None).unwrap();
        prepare();
        // Whoever loads an image compares all of it, until a seal is a second younger than it: that is to be over.
        while age_of(&cache_of_valgrind().join("images")) < Duration::from_secs(2) {
            prepare();
        }
        prepare();
    });
    let mut command = process("valgrind", arguments, work, times);
    // What a thread may not ask its kernel, no process may that it begins.
    let ended = thread::spawn(move || {
        seccompiler::apply_filter(&without_auxiliary_vector()).unwrap();
        command.output()
    });
    match ended.join().unwrap() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!(
                "instructions are counted by valgrind, which is not installed: `apt-get install valgrind`"
            )
        }
        ended => ended.unwrap(),
    }
}

/// How long ago the youngest image of a directory was made.
fn age_of(directory: &Path) -> Duration {
    let images = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let images = images.filter(|entry| {
        entry
            .path()
            .extension()
            .is_some_and(|found| found == "cwasm")
    });
    let made = images.map(|entry| entry.metadata().unwrap().modified().unwrap());
    made.max().unwrap().elapsed().unwrap_or_default()
}

/// Without the system call by which rustix finds the kernel's own clock, which is not there in a process that valgrind runs.
fn without_auxiliary_vector() -> BpfProgram {
    const PR_GET_AUXV: u64 = 0x4155_5856;
    let condition =
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, PR_GET_AUXV).unwrap();
    let rule = SeccompRule::new(vec![condition]).unwrap();
    let refused = SeccompAction::Errno(libc::EINVAL.unsigned_abs());
    let here = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(
        [(libc::SYS_prctl, vec![rule])].into(),
        SeccompAction::Allow,
        refused,
        here,
    );
    filter.unwrap().try_into().unwrap()
}
