//! The second wall, around the real command: everything that scripts are for works behind it, and what the process was
//! started with, or could have reached, is gone.

use crate::{
    specs::{Described, cases},
    support::{command, finished, hostile::Hostile, sandgate, threads_behind_the_wall},
};
use sandgate::{Exception, Value};
use sandgate_demo::{Crm, Serving};
use serde::Deserialize;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
};

/// The part of an outcome that specs speak of.
#[derive(Deserialize)]
struct Said {
    status: String,
    exception: Option<Exception>,
    value: Option<Value>,
    stdout: String,
    stderr: String,
}

#[test]
fn esc_07_every_spec_holds_behind_the_wall() {
    let waiting = Mutex::new(cases("language"));
    let wrong = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(case) = waiting.lock().unwrap().pop() else {
                return;
            };
            let script = case.join("script.py");
            let arguments = ["run", "--json", "--timeout", "1m", script.to_str().unwrap()];
            let (_, stdout, stderr) = sandgate(&arguments);
            let said: Said = serde_json::from_str(&stdout).unwrap();
            let found = Described {
                status: &said.status,
                exception: said.exception.as_ref(),
                value: said.value.as_ref(),
                stdout: &said.stdout,
                stderr: &said.stderr,
            };
            let expected = fs::read_to_string(case.join("expected.txt")).unwrap();
            if found.to_string() != expected || !stderr.is_empty() {
                let told = format!("{}\n{found}{stderr}", case.display());
                wrong.lock().unwrap().push(told);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn esc_07_files_of_every_kind_and_long_waits_work_behind_the_wall() {
    let scene = tempfile::tempdir().unwrap();
    let at = |path: &str| scene.path().join(path).to_str().unwrap().to_owned();
    fs::write(at("in.txt"), "in").unwrap();
    fs::create_dir(at("work")).unwrap();
    let script = "\
import os, pathlib, shutil, sqlite3, tempfile, time, threading, asyncio, zipfile
from concurrent.futures import ThreadPoolExecutor
deep = pathlib.Path('a/b/c'); deep.mkdir(parents=True)
(deep / 'file').write_bytes(bytes(300_000))
os.rename('a/b/c/file', 'moved'); os.replace('moved', 'a/again'); os.utime('a/again', (1, 2))
print(os.stat('a/again').st_mtime, sorted(os.listdir('a')), os.path.exists('b'))
with open('a/again', 'r+b') as file:
    file.seek(10); file.truncate(20); file.flush(); os.fsync(file.fileno()); file.seek(0, 2); print(file.tell())
shutil.copytree('a', 'copy'); shutil.rmtree('a'); os.remove('copy/again'); os.removedirs('copy/b/c')
with tempfile.TemporaryDirectory() as there: open(there + '/x', 'w').close()
with zipfile.ZipFile('z.zip', 'w') as packed: packed.writestr('name', 'text')
database = sqlite3.connect('d.sqlite'); database.execute('pragma journal_mode = wal')
database.execute('create table t(x)'); database.executemany('insert into t values(?)', [(i,) for i in range(1000)])
database.commit(); print(database.execute('select sum(x) from t').fetchone()); database.close()
with ThreadPoolExecutor(3) as pool: print(list(pool.map(lambda n: n * n, range(4))))
asyncio.run(asyncio.sleep(0.05)); time.sleep(0.05)
print(len(os.urandom(9)), len(bytearray(100 << 20)), input())
";
    fs::write(at("script.py"), script).unwrap();
    let (script, input, work, out) = (at("script.py"), at("in.txt"), at("work"), at("out"));
    let printed = "2.0 ['again', 'b'] False\n20\n(499500,)\n[0, 1, 4, 9]\n9 104857600 in\n";
    for place in [
        &[][..],
        &["--workspace", &work],
        &["--in", &input, "--out", &out],
    ] {
        let arguments = ["run", "--timeout", "1m", "--stdin", &input];
        let (code, stdout, stderr) = sandgate(&[&arguments[..], place, &[&script]].concat());
        assert_eq!(
            (code, stdout.as_str(), stderr.as_str()),
            (0, printed, ""),
            "{place:?}"
        );
    }
    assert_eq!(fs::read_to_string(at("out/in.txt")).unwrap(), "in");
    assert_eq!(
        fs::metadata(at("out/d.sqlite")).unwrap().len(),
        fs::metadata(at("work/d.sqlite")).unwrap().len()
    );
}

/// A run that waits for its end, and what the system shows of it.
struct Waiting(Child);

impl Waiting {
    /// Starts a command that prints a line when the script runs.
    fn start(mut command: Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        if line != "started\n" {
            let mut said = String::new();
            let stderr = process.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut said).unwrap();
            panic!("{line}{said}");
        }
        Self(process)
    }

    fn at(&self, path: &str) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join(path)
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.at(path)).unwrap()
    }

    /// What each descriptor is, other than the three streams.
    fn open(&self) -> Vec<String> {
        let listed = fs::read_dir(self.at("fd")).unwrap().flatten();
        let mut open: Vec<(u32, String)> = listed
            .map(|entry| {
                let number = entry.file_name().to_str().unwrap().parse().unwrap();
                let target = fs::read_link(entry.path()).unwrap();
                (number, target.to_str().unwrap().to_owned())
            })
            .filter(|(number, _)| *number > 2)
            .collect();
        open.sort();
        open.into_iter().map(|(_, target)| target).collect()
    }

    /// How often these bytes are in memory that the process has written to.
    fn in_memory(&self, bytes: &[u8]) -> usize {
        let maps = String::from_utf8(self.read("maps")).unwrap();
        let memory = File::open(self.at("mem")).unwrap();
        let mut found = 0;
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (range, rights) = (words.next().unwrap(), words.next().unwrap());
            if !rights.starts_with("rw") {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            let mut piece = vec![0; usize::try_from(number(to) - number(from)).unwrap()];
            // What was never touched, of a size that nothing has, cannot be read.
            if memory.read_exact_at(&mut piece, number(from)).is_ok() {
                found += piece
                    .windows(bytes.len())
                    .filter(|part| *part == bytes)
                    .count();
            }
        }
        found
    }

    /// The processes that it has started and that are still there.
    fn children(&self) -> Vec<u32> {
        let parent = self.0.id().to_string();
        let all = fs::read_dir("/proc").unwrap().flatten();
        all.filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // Behind the name, which may hold anything: the state, and the parent.
            let (_, rest) = stat.rsplit_once(") ")?;
            (rest.split(' ').nth(1)? == parent).then_some(number)
        })
        .collect()
    }

    fn end(mut self) -> Option<i32> {
        let interrupted = Command::new("kill")
            .args(["-INT", &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(interrupted.success());
        self.0.wait().unwrap().code()
    }
}

/// It takes no time of the processor, and has all that it could want: what is looked for in it may take long.
const WAITS: &str = "import time\nprint('started', flush=True)\nwhile True: time.sleep(600)";

fn waits() -> Command {
    command(&["run", "--timeout", "1h", "-c", WAITS])
}

#[test]
fn esc_07_every_thread_of_a_run_is_behind_the_wall() {
    let waiting = Waiting::start(waits());
    let threads = threads_behind_the_wall(&waiting.at("task"));
    assert!(threads > 2, "the script, its time and its output");
    assert_eq!(waiting.end(), Some(130));
}

#[test]
fn sec_01_the_environment_is_forgotten_before_a_script_runs() {
    let secret = "7b1f-a-secret-of-the-operator-9c2e";
    let mut process = waits();
    process.env("API_TOKEN", secret).env("ANOTHER", secret);
    let waiting = Waiting::start(process);
    let shown = waiting.read("environ");
    assert!(shown.iter().all(|byte| *byte == 0), "{shown:?}");
    assert_eq!(waiting.in_memory(secret.as_bytes()), 0);
    assert_eq!(waiting.in_memory(b"API_TOKEN"), 0);
    // What is there is found: the test would notice if it looked in the wrong place.
    assert!(waiting.in_memory(b"while True: time.sleep(600)") > 0);
    assert_eq!(waiting.end(), Some(130));
}

#[test]
fn esc_07_descriptors_that_somebody_left_open_are_closed_and_the_interpreter_is_open_to_be_read_only()
 {
    let scene = tempfile::tempdir().unwrap();
    let (left, log) = (scene.path().join("left"), scene.path().join("log"));
    fs::write(&left, "left").unwrap();
    let run = waits();
    // A shell leaves two files open, one of them far up, and a pipe.
    let mut shell = Command::new("/bin/bash");
    shell
        .env_clear()
        .envs(
            run.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .arg("-c")
        .arg("exec 7<\"$1\" 203>\"$2\" 9< <(:); shift 2; exec \"$@\"")
        .args([Path::new("bash"), &left, &log, Path::new(run.get_program())])
        .args(run.get_args());
    let waiting = Waiting::start(shell);
    let open = waiting.open();
    let ours = |target: &String| {
        target.starts_with("socket:")
            || target.starts_with("anon_inode:")
            || target.ends_with("/pagemap")
            || target.ends_with(".cwasm")
            || target.contains("/journal/")
    };
    assert_eq!(
        open.iter()
            .filter(|target| !ours(target))
            .collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert!(!open.iter().any(|target| target.starts_with("pipe:")));
    for entry in fs::read_dir(waiting.at("fd")).unwrap().flatten() {
        let target = fs::read_link(entry.path()).unwrap();
        if target
            .extension()
            .is_some_and(|extension| extension == "cwasm")
        {
            let info = waiting.at("fdinfo").join(entry.file_name());
            let info = fs::read_to_string(info).unwrap();
            let flags = info
                .lines()
                .find(|line| line.starts_with("flags:"))
                .unwrap();
            assert!(flags.ends_with('0'), "opened for reading: {flags}");
        }
    }
    assert_eq!(waiting.end(), Some(130));
}

#[test]
fn a_script_that_a_shell_passes_as_a_descriptor_is_read_before_descriptors_are_closed() {
    let run = command(&["run"]);
    let output = Command::new("/bin/bash")
        .env_clear()
        .envs(
            run.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .arg("-c")
        .arg("exec \"$0\" run --stdin <(echo given) <(echo 'print(input())')")
        .arg(run.get_program())
        .output()
        .unwrap();
    assert_eq!(finished(output), (0, "given\n".to_owned(), String::new()));
}

/// Two services of which the context may use one, and what `run` needs to know.
struct Scene {
    place: tempfile::TempDir,
    _serving: [Serving; 2],
}

impl Scene {
    fn open() -> Self {
        let place = tempfile::tempdir().unwrap();
        let serving = ["crm", "other"].map(|name| {
            let socket = place.path().join(name).join("rpc.sock");
            Crm::in_memory().serve(&socket).unwrap()
        });
        let scene = Self {
            place,
            _serving: serving,
        };
        for name in ["crm", "other"] {
            let socket = scene.at(name).join("rpc.sock");
            scene.add(name, "--socket", socket.to_str().unwrap());
        }
        let context = scene.at("policies/reader");
        fs::create_dir_all(&context).unwrap();
        fs::write(
            context.join("policy.cedar"),
            "@because(\"It is a test.\")\npermit (principal in Context::\"reader\", action in Action::\"read\", resource == Service::\"crm\");\n",
        )
        .unwrap();
        fs::write(context.join("limits.toml"), "hero_context = 1\n").unwrap();
        scene
    }

    fn at(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    fn add(&self, name: &str, how: &str, where_: &str) {
        let mut add = command(&["service", "add", name, how, where_]);
        let added = add
            .env("SANDGATE_STATE_DIR", self.at("state"))
            .output()
            .unwrap();
        assert!(added.status.success(), "{added:?}");
    }

    fn run(&self, source: &str) -> Command {
        let policies = self.at("policies");
        let policies = policies.to_str().unwrap();
        let mut run = command(&[
            "run",
            "--policies",
            policies,
            "--context",
            "reader",
            "-c",
            source,
        ]);
        run.env("SANDGATE_STATE_DIR", self.at("state"));
        run
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn esc_07_calls_are_made_from_behind_the_wall_over_connections_that_another_process_makes() {
    let scene = Scene::open();
    let calls = "\
import asyncio
from services import crm
from services.aio import crm as later
print(len(crm.contact_list(limit=5)))
async def all(): return await asyncio.gather(*[later.contact_get(1) for _ in range(40)])
print(len(asyncio.run(all())))
";
    let output = scene.run(calls).output().unwrap();
    assert_eq!(finished(output), (0, "5\n40\n".to_owned(), String::new()));

    let source = format!("from services import crm\ncrm.contact_list()\n{WAITS}");
    let waiting = Waiting::start(scene.run(&source));
    let children = waiting.children();
    assert_eq!(children.len(), 1, "what connects, and nothing else");
    let connector = Path::new("/proc").join(children[0].to_string());
    let arguments = fs::read_to_string(connector.join("cmdline")).unwrap();
    assert_eq!(arguments, "sandgate\0connector\0");
    assert_eq!(fs::read(connector.join("environ")).unwrap(), b"");
    let status = fs::read_to_string(connector.join("status")).unwrap();
    assert!(status.contains("Seccomp:\t2\n"), "{status}");
    assert_eq!(waiting.end(), Some(130));
    // It is collected by the run, so nothing is left of it, not even an entry in the table of processes.
    assert!(!connector.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn esc_07_what_connects_ends_with_a_run_that_is_killed() {
    let scene = Scene::open();
    let waiting = Waiting::start(scene.run(WAITS));
    let connector = Path::new("/proc").join(waiting.children()[0].to_string());
    let mut process = waiting.0;
    process.kill().unwrap();
    process.wait().unwrap();
    // It is nobody's child any more; that it has ended is seen in its state, or in that there is none.
    let ended = || match fs::read_to_string(connector.join("stat")) {
        Ok(stat) => stat.rsplit_once(") ").unwrap().1.starts_with('Z'),
        Err(_) => true,
    };
    while !ended() {
        thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_06_what_a_context_may_not_use_is_not_connected_to() {
    let scene = Scene::open();
    // Without a service that it may use, there is nothing that connects.
    fs::write(
        scene.at("policies/reader/policy.cedar"),
        "@because(\"Nothing.\")\nforbid (principal in Context::\"reader\", action, resource == Service::\"crm\");\n",
    )
    .unwrap();
    let waiting = Waiting::start(scene.run(WAITS));
    assert_eq!(waiting.children(), Vec::<u32>::new());
    assert_eq!(waiting.end(), Some(130));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn esc_07_a_service_at_a_url_is_called_over_a_connection_that_another_process_makes() {
    let scene = Scene::open();
    let web = Hostile::port(None).await;
    let document = serde_json::json!({
        "openrpc": "1.3.2",
        "info": {"title": "Web", "version": "1"},
        "methods": [{"name": "echo", "params": [], "result": {"name": "r", "schema": {}}}]
    });
    let mut store = sandgate::service::Store::open(&scene.at("state")).unwrap();
    // By its name, so that it is looked up.
    let address =
        sandgate::service::Address::url(&format!("http://localhost:{}/rpc", web.number())).unwrap();
    let terms = sandgate::service::Terms::default();
    let bytes = document.to_string();
    store
        .add("web", &address, &terms, bytes.as_bytes(), false)
        .unwrap();
    drop(store);
    fs::write(
        scene.at("policies/reader/policy.cedar"),
        "@because(\"It is a test.\")\npermit (principal in Context::\"reader\", action, resource == Service::\"web\");\n",
    )
    .unwrap();
    let source = "from services import web\nprint(web.echo())";
    let output = tokio::task::spawn_blocking({
        let mut run = scene.run(source);
        move || run.output().unwrap()
    });
    assert_eq!(
        finished(output.await.unwrap()),
        (0, "{}\n".to_owned(), String::new())
    );
    assert_eq!(web.seen().connections, 1);
}

#[test]
fn the_process_that_connects_does_nothing_by_hand() {
    let output = command(&["connector"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (code, stdout, stderr) = finished(output);
    assert_eq!((code, stdout.as_str()), (64, ""));
    assert_eq!(
        stderr,
        "  × nothing can be heard from a run: Operation not permitted (os error 1)\n  help: `sandgate run` starts this itself\n"
    );
}
