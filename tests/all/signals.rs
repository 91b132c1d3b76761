//! Signals that end a process: whatever the command made goes with it, and nothing that it waits for keeps it.

use crate::support::{command, terminal::Session};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

fn left(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

fn send(to: &Child, signal: Signal) {
    kill_process(Pid::from_child(to), signal).unwrap();
}

/// A script that has a file and does not end.
fn busy(temporary: &Path) -> Child {
    let script = "open('file', 'w').write('x')\nprint('started', flush=True)\nwhile True: pass";
    let mut running = command(&["run", "-c", script])
        .env("TMPDIR", temporary)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(running.stdout.as_mut().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    running
}

#[test]
fn dos_04_every_signal_that_ends_the_process_ends_the_run_and_nothing_is_left() {
    let temporary = tempfile::tempdir().unwrap();
    let named = [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::TERM,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::POWER,
        Signal::STKFLT,
        Signal::XCPU,
        Signal::XFSZ,
    ];
    for signal in named {
        let mut running = busy(temporary.path());
        assert_eq!(left(temporary.path()), 0, "files are in memory");
        send(&running, signal);
        assert_eq!(running.wait().unwrap().code(), Some(130), "{signal:?}");
        assert_eq!(left(temporary.path()), 0, "{signal:?}");
    }
}

#[test]
fn dos_04_real_time_signals_are_among_them() {
    let temporary = tempfile::tempdir().unwrap();
    for number in ["34", "63"] {
        let mut running = busy(temporary.path());
        let sent = Command::new("kill")
            .args([&format!("-{number}"), &running.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        assert_eq!(running.wait().unwrap().code(), Some(130), "{number}");
        assert_eq!(left(temporary.path()), 0, "{number}");
    }
}

#[test]
fn dos_04_what_the_caller_had_ignored_stays_ignored() {
    let work = tempfile::tempdir().unwrap();
    let script = "import os, time\nprint('started', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('done')";
    let sandgate = command(&[
        "run",
        "--workspace",
        work.path().to_str().unwrap(),
        "-c",
        script,
    ]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(sandgate.get_program())
        .args(sandgate.get_args())
        .env_clear()
        .stdout(Stdio::piped());
    for (name, value) in sandgate.get_envs() {
        shell.env(name, value.unwrap());
    }
    let mut running = shell.spawn().unwrap();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    send(&running, Signal::HUP);
    fs::write(work.path().join("go"), "").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(
        (rest.as_str(), running.wait().unwrap().code()),
        ("done\n", Some(0))
    );
}

#[test]
fn dos_04_output_that_nobody_reads_does_not_keep_the_process_from_being_ended() {
    for arguments in [
        &["run", "-c", "print('x' * 500_000)"] as &[&str],
        &["run", "-c", "print('x' * 500_000)\nwhile True: pass"],
        &["run", "--json", "-c", "print('x' * 500_000)"],
    ] {
        let mut running = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From now on what is written waits in the pipe, and then in the process.
        let mut stdout = running.stdout.take().unwrap();
        stdout.read_exact(&mut [0]).unwrap();
        send(&running, Signal::TERM);
        assert_eq!(running.wait().unwrap().code(), Some(130), "{arguments:?}");
        drop(stdout);
    }
}

#[test]
fn dos_04_the_demonstration_leaves_nothing_either() {
    let temporary = tempfile::tempdir().unwrap();
    for key in ["\u{3}", "\u{1c}"] {
        let mut demo = command(&["demo"]);
        demo.env("TMPDIR", temporary.path());
        let mut session = Session::open(&demo);
        session.until("Call crm.contact.add (write)? [y/N, d: details, e: explain] ");
        assert_eq!(left(temporary.path()), 1);
        session.types(key);
        let (code, shown) = session.end();
        assert_eq!(code, Some(130), "{shown}");
        assert!(
            shown.ends_with("The question about crm.contact.add is withdrawn.\n"),
            "{shown}"
        );
        assert_eq!(left(temporary.path()), 0);
    }
}
