//! Nothing of the host is within reach: the probes of THREATS.md, from inside a script.

use crate::support::{command, finished, limits, printed, repository, run_limited, scratch};
use sandgate::{Files, Limits, Script};

/// Runs each expression and prints its type of exception, or its value.
fn probe(expressions: &[&str]) -> String {
    let list = expressions
        .iter()
        .map(|expression| format!("{expression:?}, "))
        .collect::<String>();
    format!(
        "for source in [{list}]:\n    try: print(source, '->', repr(eval(source)))\n    except BaseException as error: print(source, '->', type(error).__name__)\n"
    )
}

/// Ways to come upon a file of the host.
const FILES: &[&str] = &[
    "open('/etc/passwd')",
    "open('/proc/self/environ')",
    "open('/dev/tty')",
    "open('new', 'w').name",
    "__import__('os').listdir('/')",
    "__import__('os').listdir('.')",
    "__import__('os').stat('/')",
    "__import__('os').mkdir('/x')",
    "__import__('os').open('/', 0)",
    "__import__('os').path.exists('/')",
    "__import__('os').fdopen(3)",
    "__import__('os').read(3, 1)",
    "__import__('os').write(3, b'x')",
    "__import__('pathlib').Path('/').exists()",
    "__import__('glob').glob('/*')",
    "__import__('os').path.dirname(__import__('tempfile').mkdtemp())",
    "__import__('shutil').disk_usage('/')",
];

#[tokio::test]
async fn esc_01_no_file_of_the_host_exists() {
    insta::assert_snapshot!(printed(&probe(FILES)).await);
}

#[tokio::test]
async fn esc_01_where_a_context_says_none_no_file_exists_at_all() {
    let none = Limits {
        workspace: Files::None,
        ..limits()
    };
    let outcome = run_limited(Script::new(probe(FILES)), none).await;
    insta::assert_snapshot!(outcome.stdout.text);
}

#[tokio::test]
async fn esc_01_no_process_socket_or_foreign_function_exists() {
    let source = probe(&[
        "__import__('subprocess').run(['true'])",
        "__import__('os').system('true')",
        "__import__('os').popen('true').read()",
        "__import__('os').fork()",
        "__import__('os').execv('/bin/true', ['true'])",
        "__import__('os').kill(1, 9)",
        "__import__('os').posix_spawn('/bin/true', ['true'], {})",
        "__import__('socket').socket()",
        "__import__('socket').create_connection(('127.0.0.1', 80))",
        "__import__('socket').gethostbyname('localhost')",
        "__import__('urllib.request').request.urlopen('http://127.0.0.1/')",
        "__import__('ctypes')",
        "__import__('mmap')",
        "__import__('fcntl')",
        "__import__('multiprocessing').Process(target=print).start()",
        "__import__('_sandgate').__dict__.keys() - {'__name__', '__doc__', '__package__', '__loader__', '__spec__'}",
    ]);
    insta::assert_snapshot!(printed(&source).await);
}

#[test]
fn esc_01_the_imports_of_the_artefact_are_the_committed_ones() {
    // The sandbox refuses to load another artefact; this compares what is committed with what a reviewer reads.
    let list = std::fs::read_to_string(repository("guest/imports.txt")).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines.is_sorted());
    insta::assert_snapshot!(list);
}

#[test]
fn sec_01_environment_paths_and_names_of_the_host_do_not_reach_a_script() {
    let directory = tempfile_dir("sandbox-canary-directory");
    let script = directory.path().join("canary-script.py");
    let probe = "import os, sys, platform, locale, getpass, traceback, sysconfig, site\n\
                 print(dict(os.environ), sys.argv, sys.path, sys.executable, sys.prefix, sys.flags, platform.uname(), __file__, sys.orig_argv)\n\
                 print(platform.platform(), platform.processor(), platform.node(), os.getpid(), sysconfig.get_paths())\n\
                 print(vars(sys), os.__file__, traceback.__file__, sys.modules)\n\
                 for f in (getpass.getuser, os.getcwd, lambda: os.path.expanduser('~')):\n    try: print(f())\n    except BaseException as e: print(repr(e))\n\
                 raise ValueError\n";
    std::fs::write(&script, probe).unwrap();
    let mut command = command(&["run", "--json", script.to_str().unwrap()]);
    command
        .env("SANDBOX_CANARY", "canary-environment")
        .env("USER", "canary-user")
        .current_dir(directory.path());
    let (code, stdout, stderr) = finished(command.output().unwrap());
    assert_eq!(code, 1, "{stdout} {stderr}");
    // The run's name is drawn at random, and a host's may be two letters.
    let outcome: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let stdout = stdout.replace(outcome["run"].as_str().unwrap(), "RUN");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let home = std::env::var("HOME").unwrap_or("/root".into());
    for secret in [
        "sandbox-canary-directory",
        "canary-environment",
        "canary-user",
        host.trim(),
        home.as_str(),
        "/tmp",
        ".cargo",
    ] {
        if !secret.is_empty() {
            assert_eq!(stdout.matches(secret).count(), 0, "{secret} in {stdout}");
        }
    }
    // The probe did reach its end, and the script's own name is not a secret.
    assert_ne!(stdout.matches("canary-script.py").count(), 0);
}

#[tokio::test]
async fn esc_04_no_path_leads_out_of_a_workspace() {
    let workspace = scratch();
    let source = probe(&[
        "open('/work/../etc/passwd')",
        "open('../etc/passwd')",
        "open('/etc/passwd')",
        "open('/work/./.././../etc/passwd')",
        "open('/work//../../etc/passwd')",
        "open('/../work/../etc/passwd')",
        "open('\\x00/etc/passwd')",
        "open('/proc/self/root/etc/passwd')",
        "open('x' * 5000, 'w')",
        "__import__('os').symlink('/etc', 'link')",
        "__import__('os').link('/etc/passwd', 'link')",
        "__import__('os').listdir('..')",
        "__import__('os').listdir('/')",
        "__import__('os').chdir('..')",
        "__import__('os').rename('/work', '/other')",
        "__import__('os').rmdir('/work')",
        "__import__('os').mkfifo('fifo')",
        "__import__('os').listdir('/work')",
    ]);
    let outcome = crate::support::run(Script {
        workspace: Some(workspace.clone()),
        ..Script::new(source)
    })
    .await;
    assert_eq!(workspace.files().unwrap(), []);
    insta::assert_snapshot!(outcome.stdout.text);
}

#[tokio::test]
async fn esc_04_links_that_lead_out_are_not_followed() {
    let directory = tempfile_dir("outside");
    std::fs::write(directory.path().join("secret"), "secret").unwrap();
    let inside = directory.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::os::unix::fs::symlink("../secret", inside.join("relative")).unwrap();
    std::os::unix::fs::symlink(directory.path().join("secret"), inside.join("absolute")).unwrap();
    std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
    let workspace = std::sync::Arc::new(sandgate::Workspace::open(&inside).unwrap());
    let source = probe(&[
        "open('relative').read()",
        "open('absolute').read()",
        "open('up/secret').read()",
        "open('up/new', 'w')",
    ]);
    let outcome = crate::support::run(Script {
        workspace: Some(workspace.clone()),
        ..Script::new(source)
    })
    .await;
    assert_eq!(
        outcome.stdout.text,
        "open('relative').read() -> PermissionError\nopen('absolute').read() -> PermissionError\n\
         open('up/secret').read() -> PermissionError\nopen('up/new', 'w') -> PermissionError\n"
    );
    // Nor does the host follow them when it lists or copies.
    assert_eq!(workspace.files().unwrap(), []);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn esc_05_what_a_script_leaves_is_not_executable_and_replaces_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let workspace = scratch();
    let source = "import os\nos.makedirs('a/b')\nopen('a/b/conftest.py', 'w').write('x')\nopen('sitecustomize.py', 'w').write('x')\ntry: os.chmod('sitecustomize.py', 0o777)\nexcept BaseException: pass";
    crate::support::run(Script {
        workspace: Some(workspace.clone()),
        ..Script::new(source)
    })
    .await;
    let target = tempfile_dir("target");
    let copied = workspace.copy_out(&target.path().join("new")).unwrap();
    assert_eq!(
        copied
            .iter()
            .map(|file| file.path.as_str())
            .collect::<Vec<_>>(),
        ["a/b/conftest.py", "sitecustomize.py"]
    );
    for file in copied {
        let mode = std::fs::metadata(target.path().join("new").join(file.path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = workspace.copy_out(&target.path().join("new")).unwrap_err();
    assert_eq!(
        again.to_string(),
        format!(
            "`a/b/conftest.py` cannot be copied from the workspace to `{}`",
            target.path().join("new").display()
        )
    );
}

#[tokio::test]
async fn esc_06_no_clock_is_finer_than_a_millisecond() {
    let workspace = scratch();
    let source = "import time, os\nfor clock in (time.time_ns, time.monotonic_ns, time.perf_counter_ns):\n    steps = set()\n    last = clock()\n    for _ in range(20000):\n        now = clock()\n        steps.add(now - last)\n        last = now\n    print(all(step % 1_000_000 == 0 for step in steps))\n\
                  open('f', 'w').close()\nstat = os.stat('f')\nprint([t % 1_000_000 for t in (stat.st_mtime_ns, stat.st_atime_ns, stat.st_ctime_ns)])\nprint(time.monotonic() < 60, time.get_clock_info('perf_counter').resolution)";
    let outcome = crate::support::run(Script {
        workspace: Some(workspace),
        ..Script::new(source)
    })
    .await;
    assert_eq!(
        outcome.stdout.text, "True\nTrue\nTrue\n[0, 0, 0]\nTrue 0.001\n",
        "{outcome:#?}"
    );
}

#[tokio::test]
async fn esc_02_numbers_that_a_guest_makes_up_are_checked() {
    // What Python can reach of the boundary; the hostile guest of the next issue makes up the rest.
    let source = probe(&[
        "__import__('os').write(-1, b'x')",
        "__import__('os').read(0, 2**31 - 1)",
        "__import__('os').read(2**31 - 1, 1)",
        "__import__('os').close(2**31 - 1)",
        "__import__('time').sleep(-1)",
        "__import__('os').urandom(0)",
        "len(__import__('os').urandom(1 << 20))",
    ]);
    insta::assert_snapshot!(printed(&source).await);
}

#[tokio::test]
async fn dos_04_what_blocks_or_acts_when_it_is_opened_is_refused() {
    let directory = tempfile_dir("operator");
    let fifo = directory.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
    std::os::unix::fs::symlink("fifo", directory.path().join("link")).unwrap();
    let workspace = std::sync::Arc::new(sandgate::Workspace::open(directory.path()).unwrap());
    let source = probe(&[
        "open('fifo').read()",
        "open('fifo', 'w')",
        "open('fifo', 'a')",
        "open('fifo', 'x')",
        "open('link')",
        "open('socket')",
        "__import__('os').open('fifo', __import__('os').O_RDWR)",
        "__import__('os').listdir('fifo')",
        "__import__('os').utime('fifo')",
        "__import__('os').stat('fifo').st_size",
        "__import__('os').rename('fifo', 'moved')",
        "sorted(__import__('os').listdir('.'))",
        "__import__('os').remove('moved')",
    ]);
    let outcome = crate::support::run(Script {
        workspace: Some(workspace.clone()),
        ..Script::new(source)
    })
    .await;
    assert_eq!(
        outcome.stdout.text,
        "open('fifo').read() -> PermissionError\n\
         open('fifo', 'w') -> PermissionError\n\
         open('fifo', 'a') -> PermissionError\n\
         open('fifo', 'x') -> FileExistsError\n\
         open('link') -> PermissionError\n\
         open('socket') -> PermissionError\n\
         __import__('os').open('fifo', __import__('os').O_RDWR) -> PermissionError\n\
         __import__('os').listdir('fifo') -> PermissionError\n\
         __import__('os').utime('fifo') -> PermissionError\n\
         __import__('os').stat('fifo').st_size -> 0\n\
         __import__('os').rename('fifo', 'moved') -> None\n\
         sorted(__import__('os').listdir('.')) -> ['link', 'moved', 'socket']\n\
         __import__('os').remove('moved') -> None\n"
    );
    // Nor does the host wait for it when it copies.
    let input = tempfile_dir("input");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        input.path().join("f"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    workspace.copy_in(&input.path().join("f")).unwrap_err();
    let plain = input.path().join("socket");
    std::fs::write(&plain, "x").unwrap();
    workspace.copy_in(&plain).unwrap_err();
    assert_eq!(workspace.copy_out(&input.path().join("out")).unwrap(), []);
}

#[tokio::test]
async fn sec_01_numbers_of_files_say_nothing_and_links_do_not_say_where_they_lead() {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile_dir("operator");
    std::fs::write(directory.path().join("f"), "text").unwrap();
    std::os::unix::fs::symlink("f", directory.path().join("inside")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("outside")).unwrap();
    let workspace = std::sync::Arc::new(sandgate::Workspace::open(directory.path()).unwrap());
    let run = async |source: String| {
        let outcome = crate::support::run(Script {
            workspace: Some(workspace.clone()),
            ..Script::new(source)
        })
        .await;
        outcome.stdout.text
    };
    let source = probe(&[
        "__import__('os').readlink('inside')",
        "__import__('os').readlink('outside')",
        "__import__('os').lstat('outside').st_size",
        "__import__('os').lstat('inside').st_size",
        "open('inside').read()",
        "open('outside')",
        "__import__('os').path.samefile('f', 'inside')",
        "__import__('os').path.samefile('f', '.')",
        "[(e.name, e.is_symlink()) for e in __import__('os').scandir('.')]",
    ]);
    assert_eq!(
        run(source).await,
        "__import__('os').readlink('inside') -> PermissionError\n\
         __import__('os').readlink('outside') -> PermissionError\n\
         __import__('os').lstat('outside').st_size -> 0\n\
         __import__('os').lstat('inside').st_size -> 0\n\
         open('inside').read() -> 'text'\n\
         open('outside') -> PermissionError\n\
         __import__('os').path.samefile('f', 'inside') -> True\n\
         __import__('os').path.samefile('f', '.') -> False\n\
         [(e.name, e.is_symlink()) for e in __import__('os').scandir('.')] -> \
         [('f', False), ('inside', True), ('outside', True)]\n"
    );
    let source = "import os\nn = os.stat('f').st_ino\nos.rename('f', 'g')\n\
                  print(n, n == os.stat('g').st_ino == os.fstat(os.open('g', os.O_RDONLY)).st_ino)\n\
                  print(os.stat('.').st_ino, os.stat('.').st_dev)\nos.rename('g', 'f')";
    let mut seen = std::collections::HashSet::new();
    for path in ["f", "."] {
        let metadata = std::fs::metadata(directory.path().join(path)).unwrap();
        let (device, inode) = (metadata.dev(), metadata.ino());
        let mut hasher = DefaultHasher::new();
        (device, inode).hash(&mut hasher);
        seen.extend([inode, device, hasher.finish()]);
    }
    for _ in 0..3 {
        let printed = run(source.to_owned()).await;
        let words: Vec<&str> = printed.split_whitespace().collect();
        assert_eq!((words[1], words[3]), ("True", "1"), "{printed}");
        for number in [words[0], words[2]] {
            assert!(seen.insert(number.parse().unwrap()), "{number} came twice");
        }
    }
}

#[tokio::test]
async fn esc_04_the_directory_that_was_opened_is_the_one_that_is_used() {
    let directory = tempfile_dir("operator");
    let (path, other) = (
        directory.path().join("work"),
        directory.path().join("other"),
    );
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("meant"), "").unwrap();
    let workspace = std::sync::Arc::new(sandgate::Workspace::open(&path).unwrap());
    std::fs::rename(&path, &other).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("exchanged"), "").unwrap();
    let outcome = crate::support::run(Script {
        workspace: Some(workspace.clone()),
        ..Script::new(
            "import os\nprint(os.listdir('.'))\nos.mkdir('d')\nopen('d/new', 'w').close()",
        )
    })
    .await;
    assert_eq!(outcome.stdout.text, "['meant']\n", "{outcome:#?}");
    assert!(other.join("d/new").exists() && !path.join("d").exists());
}

fn tempfile_dir(prefix: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(prefix).tempdir().unwrap()
}
