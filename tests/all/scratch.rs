//! The directory in memory that a script has without asking: that it works, that it is only there once it is used, that
//! nothing of it is on the host's disk, and that a context can say that there is none.

use crate::support::{
    command, desk::Desk, finished, limits, printed, run, run_limited, sandbox, sandgate,
};
use rustix::process::{Pid, Signal, kill_process};
use sandgate::{Clock, Context, Files, Limits, Outcome, Script, Sink, Status, Stream, Workspace};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

fn files(outcome: &Outcome) -> Vec<(&str, u64)> {
    let files = outcome.files.iter();
    files.map(|file| (file.path.as_str(), file.size)).collect()
}

const USES: &str = "\
import csv, os, pathlib, sqlite3, tempfile
with open('x.csv', 'w', newline='') as file: csv.writer(file).writerows([['a', 'b'], [1, 2]])
with tempfile.NamedTemporaryFile('w+') as file:
    file.write('gone'); file.seek(0); print(file.read(), os.path.dirname(file.name))
with tempfile.TemporaryDirectory() as directory: pathlib.Path(directory, 'f').write_text('gone as well')
database = sqlite3.connect('x.db'); database.execute('create table t(x)')
with database: database.executemany('insert into t values(?)', [(i,) for i in range(1000)])
print(database.execute('select sum(x) from t').fetchone()); database.close()
pathlib.Path('a/b').mkdir(parents=True); os.rename('x.csv', 'a/b/x.csv')
print(os.getcwd(), sorted(os.listdir()), open('/work/a/b/x.csv').read().split())
";

const USED: &str = "gone /work\n(499500,)\n/work ['a', 'x.db'] ['a,b', '1,2']\n";

#[tokio::test]
async fn files_databases_and_temporary_files_just_work_and_are_in_the_outcome() {
    let outcome = run(Script::new(USES)).await;
    assert_eq!(outcome.stdout.text, USED, "{outcome:#?}");
    let [("a/b/x.csv", 10), ("x.db", size)] = files(&outcome)[..] else {
        panic!("{outcome:#?}");
    };
    let scratch = outcome.scratch.as_ref().unwrap();
    assert_eq!(scratch.path(), None);
    assert_eq!(scratch.files().unwrap(), outcome.files);
    assert_eq!(scratch.read("a/b/x.csv").unwrap(), b"a,b\r\n1,2\r\n");
    assert_eq!(scratch.read("x.db").unwrap().len() as u64, size);
    for (path, why) in [
        ("a", "it is not a regular file"),
        ("b", "No such file or directory (os error 2)"),
        ("../x.db", "Operation not permitted (os error 1)"),
    ] {
        let error = scratch.read(path).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let said = format!("`{path}` cannot be read from the workspace");
        assert_eq!((error.to_string(), cause.as_str()), (said, why));
    }
    let target = tempfile::tempdir().unwrap();
    assert_eq!(scratch.copy_out(target.path()).unwrap(), outcome.files);
    let copied = fs::read(target.path().join("a/b/x.csv")).unwrap();
    assert_eq!(copied, b"a,b\r\n1,2\r\n");
    // What is printed of an outcome names the files and does not hold them.
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json.get("scratch"), None);
    assert_eq!(json["files"][0]["path"], "a/b/x.csv");
}

#[tokio::test]
async fn a_run_that_uses_no_path_makes_no_directory_and_one_that_does_makes_one() {
    for (source, made) in [
        ("print(1 + 1)", false),
        (
            "import json, sqlite3, os\nos.getcwd()\nsqlite3.connect(':memory:')",
            false,
        ),
        ("1 / 0", false),
        ("import os\nos.listdir()", true),
        ("import os\nos.path.exists('x')", true),
        ("open('x')", true),
        ("import nothing_there", true),
    ] {
        let outcome = run(Script::new(source)).await;
        assert_eq!(outcome.scratch.is_some(), made, "{source}");
        assert_eq!(files(&outcome), []);
    }
    // One of the caller's is the caller's.
    let given = Script {
        workspace: Some(Arc::new(Workspace::memory())),
        ..Script::new("open('x', 'w').close()")
    };
    let outcome = run(given).await;
    assert_eq!(files(&outcome), [("x", 0)]);
    assert!(outcome.scratch.is_none());
}

#[tokio::test]
async fn what_one_run_left_another_has_only_if_it_is_given_it() {
    let first = run(Script::new("open('kept', 'w').write('text')")).await;
    assert_eq!(printed("import os\nprint(os.listdir())").await, "[]\n");
    let second = Script {
        workspace: first.scratch,
        ..Script::new("print(open('kept').read())\nopen('more', 'w').close()")
    };
    let second = run(second).await;
    assert_eq!(second.stdout.text, "text\n");
    assert_eq!(files(&second), [("kept", 4), ("more", 0)]);
}

#[tokio::test]
async fn esc_04_nothing_of_the_host_is_there() {
    let source = "import os\n\
                  for path in ('/etc/passwd', '/', '/work/../etc/passwd', '/proc/self/environ', '/tmp', '..'):\n    \
                  try: print(os.stat(path))\n    except OSError as error: print(type(error).__name__, path)\n\
                  print(os.listdir('/work'))";
    assert_eq!(
        printed(source).await,
        "FileNotFoundError /etc/passwd\nFileNotFoundError /\nPermissionError /work/../etc/passwd\n\
         FileNotFoundError /proc/self/environ\nFileNotFoundError /tmp\nPermissionError ..\n[]\n"
    );
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// Says to a process of these tests that it is one.
const CHILD: &str = "SANDGATE_TEST_CHILD";

/// Looks at the directory for temporary files whenever a script prints.
#[derive(Default)]
struct Looks(Mutex<Vec<usize>>);

impl Sink for Looks {
    fn write(&self, _: Stream, _: &[u8]) {
        let seen = entries(&std::env::temp_dir());
        self.0.lock().unwrap().push(seen);
    }
}

/// In a process that has no wall around it, which would let nothing be written there anyway.
#[tokio::test]
async fn esc_04_nothing_appears_on_the_hosts_disk_where_there_is_no_wall_either() {
    if std::env::var_os(CHILD).is_none() {
        let place = tempfile::tempdir().unwrap();
        let test =
            "scratch::esc_04_nothing_appears_on_the_hosts_disk_where_there_is_no_wall_either";
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(CHILD, "1")
            .env("TMPDIR", place.path())
            .current_dir(place.path())
            .status();
        assert!(status.unwrap().success());
        assert_eq!(entries(place.path()), 0);
        return;
    }
    let temporary = std::env::temp_dir();
    let control = tempfile::tempdir().unwrap();
    assert_eq!(entries(&temporary), 1, "this is where they would be");
    drop(control);
    let looks = Arc::new(Looks::default());
    let outcome = run(Script {
        sink: Some(looks.clone()),
        ..Script::new(USES)
    })
    .await;
    assert_eq!(outcome.stdout.text, USED);
    let seen = looks.0.lock().unwrap().clone();
    assert_eq!((seen.is_empty(), seen.iter().sum::<usize>()), (false, 0));
    assert_eq!(entries(&temporary), 0, "while the outcome is kept");
}

#[test]
fn esc_04_nothing_appears_on_the_hosts_disk_while_a_script_writes_or_after() {
    let place = tempfile::tempdir().unwrap();
    let script = format!(
        "{USES}unlinked = open('unlinked', 'wb'); os.unlink('unlinked'); unlinked.write(bytes(20 << 20))\n\
         print('written', flush=True)\nimport time; time.sleep(60)"
    );
    let mut running = command(&["run", "--timeout", "2m", "-c", &script]);
    let mut running = running
        .env("TMPDIR", place.path())
        .current_dir(place.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(running.stdout.take().unwrap());
    for line in stdout.lines() {
        if line.unwrap() == "written" {
            break;
        }
    }
    assert_eq!(entries(place.path()), 0);
    kill_process(Pid::from_child(&running), Signal::TERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(entries(place.path()), 0);
}

#[test]
fn files_go_into_memory_and_come_out_of_it_without_a_word_about_it() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("in.csv"), "a,b\n").unwrap();
    let script = "open('out.csv', 'w').write(open('in.csv').read().upper())";
    let (code, _, stderr) = sandgate(&[
        "run",
        "--in",
        &at("in.csv"),
        "--out",
        &at("out"),
        "-c",
        script,
    ]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(at("out/out.csv")).unwrap(), "A,B\n");
    assert_eq!(fs::read_to_string(at("out/in.csv")).unwrap(), "a,b\n");
    // Without anything to go in, and without anything to come out.
    let (code, ..) = sandgate(&[
        "run",
        "--out",
        &at("new"),
        "-c",
        "open('x', 'w').write('x')",
    ]);
    assert_eq!(code, 0);
    assert_eq!(fs::read_to_string(at("new/x")).unwrap(), "x");
    let (code, ..) = sandgate(&["run", "--out", &at("none"), "-c", "print(1)"]);
    assert_eq!((code, entries(Path::new(&at("none")))), (0, 0));
}

#[tokio::test]
async fn where_a_context_says_none_no_path_exists() {
    let none = Limits {
        workspace: Files::None,
        ..limits()
    };
    let source = "import os, tempfile\n\
                  for act in (lambda: open('x', 'w'), lambda: open('/work/x', 'w'), lambda: os.listdir('/work'), \
                  lambda: os.mkdir('d'), lambda: os.stat('/'), tempfile.TemporaryFile):\n    \
                  try: act()\n    except OSError as error: print(type(error).__name__)\n\
                  for act in (lambda: os.fstat(3), lambda: os.read(3, 1), lambda: os.close(3)):\n    \
                  try: act()\n    except OSError as error: print(error)";
    let outcome = run_limited(Script::new(source), none).await;
    assert_eq!(
        outcome.stdout.text,
        format!(
            "{}{}",
            "FileNotFoundError\n".repeat(6),
            "[Errno 8] Bad file descriptor: 3\n[Errno 8] Bad file descriptor\n[Errno 8] Bad file descriptor\n"
        ),
        "{outcome:#?}"
    );
    assert!(outcome.scratch.is_none());
    // Nor can whoever starts the run give it any, or take the limit back.
    let given = Script {
        workspace: Some(Arc::new(Workspace::memory())),
        ..Script::new("1")
    };
    let context = Context::alone(none).tightened(Limits::MOST);
    let error = sandbox().await.run(given, &context).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the limit `workspace = \"none\"` of the context leaves its scripts no files"
    );
}

#[test]
fn where_a_context_says_none_the_command_gives_its_scripts_none_either() {
    let desk = Desk::open();
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("in"), "x").unwrap();
    fs::create_dir(at("work")).unwrap();
    let script = "try: open('x', 'w').close()\nexcept OSError as error: print(type(error).__name__)\nelse: print('written')";
    let all = [
        vec![],
        vec!["--in".to_owned(), at("in")],
        vec!["--out".to_owned(), at("out")],
        vec!["--workspace".to_owned(), at("work")],
    ];
    let run = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        finished(desk.run(&arguments, script).output().unwrap())
    };
    for limits in ["", "workspace = \"scratch\"\n"] {
        desk.limit(limits);
        for arguments in &all {
            let said = (0, "written\n".to_owned(), String::new());
            assert_eq!(run(arguments), said, "{limits} {arguments:?}");
        }
        assert_eq!(fs::read(at("out/x")).unwrap(), b"");
        fs::remove_dir_all(at("out")).unwrap();
    }
    desk.limit("workspace = \"none\"\n");
    let said = (0, "FileNotFoundError\n".to_owned(), String::new());
    assert_eq!(run(&[]), said);
    for arguments in &all[1..] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!(
            (code, stdout.as_str(), stderr.as_str()),
            (
                64,
                "",
                "  × the limit `workspace = \"none\"` of the context leaves its scripts no files\n  \
                 help: leave --workspace, --in and --out out\n"
            ),
            "{arguments:?}"
        );
    }
    assert!(!Path::new(&at("out")).exists());
}

#[tokio::test]
async fn a_replay_finds_the_same_files_with_the_same_times_and_numbers() {
    let source = "import os, time, tempfile\n\
                  for i in range(3):\n    with tempfile.NamedTemporaryFile(delete=False) as f: f.write(os.urandom(9))\n    time.sleep(0.02)\n    \
                  s = os.stat(f.name); print(f.name, s.st_ino, s.st_mtime_ns, s.st_ctime_ns)\n\
                  print(os.listdir(), os.stat('.').st_mtime_ns)";
    let first = run(Script::new(source)).await;
    assert_eq!(first.status, Status::Ok, "{first:#?}");
    let again = Script {
        replay: Some(first.tape.clone()),
        ..Script::new(source)
    };
    let again = run(again).await;
    assert_eq!(again.stdout.text, first.stdout.text);
    assert_eq!(again.files, first.files);
    // Times of files are those that the script's clock shows, and stand where it stands.
    let source = "import os, time\nopen('x', 'w').close()\nprint(abs(os.stat('x').st_mtime - time.time()) < 10)";
    assert_eq!(printed(source).await, "True\n");
    let still = Script {
        clock: Clock::Frozen(1_700_000_000_000),
        ..Script::new(
            "import os, time\nopen('x', 'w').close()\ntime.sleep(5)\nopen('y', 'w').close()\nprint(os.stat('x').st_mtime, os.stat('y').st_mtime)",
        )
    };
    assert_eq!(run(still).await.stdout.text, "1700000000.0 1700000000.0\n");
}

#[tokio::test]
async fn dos_12_what_a_run_holds_in_memory_is_bounded_whatever_its_limits_say() {
    let granted = Limits {
        workspace_bytes: 1 << 40,
        workspace_files: 10_000,
        ..limits()
    };
    // Blocks that leave no room for one more name at the end of each file, names after bytes, and what holes hide.
    let source = "import os\nblock = bytes(1 << 20); total = 0\n\
                  def until_full(act, most=None):\n    count = 0\n    try:\n        while True: act(count); count += 1\n    except OSError as error: print(count if most is None else count < most, error.errno)\n\
                  f = open('f', 'wb', buffering=0)\nuntil_full(lambda _: f.write(block))\n\
                  until_full(lambda n: os.mkdir(f'd{n}'))\nuntil_full(lambda _: f.write(b'x' * 4096))\nuntil_full(lambda _: f.write(b'x'), 4096)\n\
                  g = open('d0/../d1/../f', 'r+b', buffering=0); os.unlink('f'); f.close(); g.seek(0); print(len(g.read()) >> 20)\n\
                  g.truncate(0); g.seek((1 << 40) - 1); print(g.write(b'x'), os.fstat(g.fileno()).st_size)\n\
                  g.close(); print(len(os.listdir()))\nfor n in range(100): os.rmdir(f'd{n}')\n\
                  h = open('h', 'wb', buffering=0)\nuntil_full(lambda _: h.write(block))";
    // What is read of a clock that goes is held as well, and that would not be the same twice.
    let script = Script {
        clock: Clock::Frozen(0),
        ..Script::new(source)
    };
    let outcome = run_limited(script, granted).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    // In this order: bytes, names, a few bytes, a hole of a terabyte, names that are left, and what room came back.
    assert_eq!(
        outcome.stdout.text,
        "47 51\n780 51\n0 51\nTrue 51\n47\n1 1099511627776\n780\n47 51\n"
    );
}
