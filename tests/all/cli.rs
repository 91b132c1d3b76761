//! The command line: what is printed where, what the process exits with, and what is said when something is wrong.

use crate::support::{command, finished, repository, sandgate, terminal::at_a_terminal};
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

/// Exit code, standard output and standard error in one text.
fn shown(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = sandgate(arguments);
    format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
}

#[test]
fn help_teaches_the_command() {
    insta::assert_snapshot!(shown(&["--help"]));
    insta::assert_snapshot!(shown(&["run", "--help"]));
    insta::assert_snapshot!(shown(&["image", "--help"]));
}

#[test]
fn the_script_of_the_readme_runs() {
    let script = repository("tests/scripts/hello.py");
    let script = script.to_str().unwrap();
    assert_eq!(
        shown(&["run", script]),
        "exit 0\n--- stdout\nHello, sandbox!\n--- stderr\n"
    );
    assert_eq!(
        shown(&["run", script, "--", "a", "-b"]),
        "exit 0\n--- stdout\nHello, a!\nHello, -b!\n--- stderr\n"
    );
}

#[test]
fn exit_codes_tell_endings_apart() {
    for (code, arguments) in [
        (0, vec!["run", "-c", "1"]),
        (1, vec!["run", "-c", "1 / 0"]),
        (3, vec!["run", "-c", "import sys; sys.exit(3)"]),
        (1, vec!["run", "-c", "import sys; sys.exit('text')"]),
        (255, vec!["run", "-c", "import sys; sys.exit(-1)"]),
        (
            120,
            vec!["run", "--timeout", "100ms", "-c", "while True: pass"],
        ),
        (
            120,
            vec!["run", "--output-limit", "10", "-c", "while True: print(1)"],
        ),
        (64, vec!["run", "/nonexistent.py"]),
        (64, vec!["run", "--memory", "1KiB", "-c", "1"]),
        (64, vec!["run", "--unknown"]),
        (64, vec!["run"]),
        (64, vec!["frobnicate"]),
        (0, vec!["--version"]),
    ] {
        assert_eq!(sandgate(&arguments).0, code, "{arguments:?}");
    }
}

#[test]
fn an_exception_is_shown_on_standard_error() {
    insta::assert_snapshot!(shown(&["run", "-c", "print('before')\nint('x')"]));
}

#[test]
fn a_limit_is_named() {
    let (_, stdout, stderr) = sandgate(&[
        "run",
        "--output-limit",
        "10",
        "-c",
        "while True: print('abcd')",
    ]);
    assert_eq!(stdout.lines().next().unwrap(), "abcd");
    assert_eq!(
        stderr,
        "sandgate: too much output: the script wrote 640 bytes to one stream, 64 times what is kept of it\n"
    );
}

#[test]
fn unusable_files_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("latin.py"), b"x = 1\ny = '\xe9'\n").unwrap();
    fs::write(at("ok.py"), "print(1)").unwrap();
    let mut all = String::new();
    for arguments in [
        vec!["run".to_owned(), at("missing.py")],
        vec!["run".to_owned(), at(".")],
        vec!["run".to_owned(), at("latin.py")],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--stdin".to_owned(),
            at("missing.txt"),
        ],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--in".to_owned(),
            at("missing.txt"),
        ],
        vec!["run".to_owned(), at("ok.py"), "--in".to_owned(), at(".")],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--workspace".to_owned(),
            at("missing"),
        ],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--workspace".to_owned(),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--timeout".to_owned(),
            "soon".to_owned(),
        ],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--timeout".to_owned(),
            "0s".to_owned(),
        ],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--memory".to_owned(),
            "much".to_owned(),
        ],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "--clock".to_owned(),
            "noon".to_owned(),
        ],
        vec![
            "run".to_owned(),
            "-".to_owned(),
            "--stdin".to_owned(),
            "-".to_owned(),
        ],
        vec![
            "run".to_owned(),
            at("ok.py"),
            "-c".to_owned(),
            "1".to_owned(),
        ],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        all.push_str(&shown(&arguments).replace(directory.path().to_str().unwrap(), "DIR"));
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_script_can_come_from_standard_input() {
    let mut process = command(&["run", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process
        .stdin
        .take()
        .unwrap()
        .write_all(b"print(__file__)")
        .unwrap();
    assert_eq!(finished(process.wait_with_output().unwrap()).1, "<stdin>\n");
}

#[test]
fn input_can_come_from_standard_input() {
    let mut process = command(&["run", "--stdin", "-", "-c", "print(input())"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    assert_eq!(finished(process.wait_with_output().unwrap()).1, "typed\n");
}

#[test]
fn json_holds_everything_and_nothing_else_is_printed() {
    let (code, stdout, stderr) = sandgate(&["run", "--json", "-c", "print('x')\nint('y')"]);
    let mut json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    json.as_object_mut().unwrap().remove("usage");
    assert_eq!((code, stderr.as_str()), (1, ""));
    insta::assert_json_snapshot!(json);
}

#[test]
fn files_go_in_and_come_out() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("in.txt");
    let out = directory.path().join("out");
    fs::write(&input, "abc").unwrap();
    let code = "open('out.txt', 'w').write(open('in.txt').read().upper())";
    let arguments = [
        "run",
        "-c",
        code,
        "--in",
        input.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    assert_eq!(shown(&arguments), "exit 0\n--- stdout\n--- stderr\n");
    assert_eq!(fs::read_to_string(out.join("out.txt")).unwrap(), "ABC");
    // A second time nothing is replaced, and that is said.
    let (code, _, stderr) = sandgate(&arguments);
    assert_eq!(code, 64);
    insta::assert_snapshot!(stderr.replace(directory.path().to_str().unwrap(), "DIR"));
}

#[test]
fn a_full_disk_is_reported_and_says_that_the_script_has_run() {
    // /dev/full is the disk.
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for arguments in [
        &["run", "-c", "print('x')"] as &[&str],
        &["run", "--json", "-c", "print('x')"],
    ] {
        let (code, _, stderr) = finished(command(arguments).stdout(full()).output().unwrap());
        assert_eq!(code, 70);
        assert_eq!(
            stderr,
            "  × the output cannot be written: No space left on device (os error 28)\n  help: make room where it goes; the script itself has run\n"
        );
    }
}

#[test]
fn a_reader_that_goes_away_does_not_break_the_run() {
    let mut process = command(&[
        "run",
        "-c",
        "for i in range(20000): print('line', i)\nimport sys; sys.exit(7)",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    drop(process.stdout.take());
    assert_eq!(process.wait().unwrap().code(), Some(7));
}

#[test]
fn an_interrupt_ends_the_run_and_keeps_what_was_printed() {
    use std::io::{BufRead, BufReader};
    let mut process = command(&["run", "-c", "print('started')\nwhile True: pass"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "started\n");
    let sent = Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "sandgate: cancelled: the caller ended the run\n"
    );
}

#[test]
fn dos_06_a_terminal_never_receives_a_scripts_escape_sequences() {
    let code = "import sys\nprint('\\x1b[31mred \\x9b2J \\x07 \\u202e')\nsys.stderr.write('\\x1b]0;title\\x07\\n')\nraise ValueError('\\x1b[2J')";
    let shown = at_a_terminal(&["run", "-c", code], None);
    assert_eq!(
        shown,
        "\\u{1b}[31mred \\u{9b}2J \\u{7} \\u{202e}\n\\u{1b}]0;title\\u{7}\nTraceback (most recent call last):\n  \
         File \"<string>\", line 4, in <module>\n    raise ValueError('\\x1b[2J')\nValueError: \\u{1b}[2J\n"
    );
}

#[test]
fn a_pipe_receives_the_bytes_as_they_are() {
    let (_, stdout, _) = sandgate(&["run", "-c", "print('\\x1b[31mred')"]);
    assert_eq!(stdout, "\x1b[31mred\n");
}
