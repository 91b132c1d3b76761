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
        shown(&["run", script, "a", "-b"]),
        "exit 0\n--- stdout\nHello, a!\nHello, -b!\n--- stderr\n"
    );
}

#[test]
fn what_follows_a_script_is_the_script_s_whatever_it_looks_like() {
    let place = tempfile::tempdir().unwrap();
    let script = place.path().join("report");
    fs::write(
        &script,
        "#!/usr/bin/env -S sandgate run\nimport sys\nprint(sys.argv[1:])",
    )
    .unwrap();
    let module = place.path().join("report.py");
    fs::copy(&script, &module).unwrap();
    let (script, module) = (script.to_str().unwrap(), module.to_str().unwrap());
    let code = "import sys; print(sys.argv[1:])";
    for typed in [
        &["run", script, "--month", "3", "--json", "-c", "--", "-"] as &[&str],
        &[script, "--month", "3", "--json", "-c", "--", "-"],
        &["-q", module, "--month", "3", "--json", "-c", "--", "-"],
        &[
            "run", "--seed", "1", module, "--month", "3", "--json", "-c", "--", "-",
        ],
        &["run", "-c", code, "--month", "3", "--json", "-c", "--", "-"],
    ] {
        assert_eq!(
            shown(typed),
            "exit 0\n--- stdout\n['--month', '3', '--json', '-c', '--', '-']\n--- stderr\n",
            "{typed:?}"
        );
    }
}

#[test]
fn an_option_or_a_command_that_there_is_not_is_no_script() {
    insta::assert_snapshot!(
        [
            &["run", "--timout", "5s", "x.py"] as &[&str],
            &["run", "--unknown"],
            &["polcy"],
            &["missing.py"],
        ]
        .map(shown)
        .join("\n")
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

/// What breaks the interpreter, each in its own way: sizes that it does not check, code objects that were changed, its
/// database called from within itself, its own end, and numbers of calls that there are not.
const BREAKING: [(&str, &str); 15] = [
    ("a precision", "f'{1.5:.{2**31-1}f}'"),
    ("a precision of %", "print(len('%.2147483647e' % 1.0))"),
    (
        "a memo of a pickle",
        "import pickle\npickle.loads(b'\\x80\\x04N\\x94' + b'r\\xff\\xff\\xff\\x7f' + b'.')",
    ),
    (
        "a stack size",
        "def f(): return [1, 2, 3]\nf.__code__ = f.__code__.replace(co_stacksize=0)\nprint(f())",
    ),
    (
        "constants",
        "def f(): return 'abc'\nf.__code__ = f.__code__.replace(co_consts=())\nprint(f())",
    ),
    (
        "names",
        "def f(): return len\nf.__code__ = f.__code__.replace(co_names=())\nprint(f())",
    ),
    (
        "variables",
        "def f(a): return a\nf.__code__ = f.__code__.replace(co_varnames=(), co_nlocals=0)\nprint(f(1))",
    ),
    (
        "code that was changed where it is kept",
        "import marshal, random, types
b = bytearray(marshal.dumps((lambda: 1).__code__))
random.seed(1)
for _ in range(3000):
    c = bytearray(b)
    for _ in range(3): c[random.randrange(len(c))] = random.randrange(256)
    try:
        o = marshal.loads(bytes(c))
        if isinstance(o, types.CodeType): exec(o)
    except BaseException: pass",
    ),
    (
        "instructions",
        "import random
def f(a, b=1):
    x = [a, b]
    for i in x: x = (i,)
    return x
random.seed(2)
c = f.__code__
for _ in range(20000):
    b = bytearray(c.co_code)
    for _ in range(random.randrange(1, 4)): b[random.randrange(len(b))] = random.randrange(256)
    try:
        f.__code__ = c.replace(co_code=bytes(b)); f(1)
    except BaseException: pass",
    ),
    (
        "a function of a database",
        "import sqlite3\nc = sqlite3.connect(':memory:')\n\
         c.create_function('f', -1, lambda *a: c.execute('select f(1)').fetchall())\n\
         c.execute('select f(1)').fetchall()",
    ),
    ("an end", "import os\nos.abort()"),
    ("a fault", "import faulthandler\nfaulthandler._sigsegv()"),
    ("no call", "import _sandgate\n_sandgate.collect(0)"),
    (
        "no such call",
        "import _sandgate\n_sandgate.collect(2**32 - 1)",
    ),
    (
        "a call twice",
        "import _sandgate\nn = _sandgate.begin('{}')\n_sandgate.collect(n)\n_sandgate.collect(n)",
    ),
];

#[test]
fn a_script_that_breaks_its_interpreter_is_told_from_sandgate_failing() {
    for (what, code) in BREAKING {
        let (exit, stdout, stderr) = sandgate(&["run", "--json", "--timeout", "20s", "-c", code]);
        let outcome: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let said = format!("{what}: {stdout}{stderr}");
        // Some of them are exceptions by now; what none of them may be is sandgate's own failure.
        let expected = match outcome["status"].as_str().unwrap() {
            "crashed" => 121,
            "raised" => 1,
            "ok" => 0,
            "stack" | "memory" | "timeout" => 120,
            _ => panic!("{said}"),
        };
        assert_eq!(exit, expected, "{said}");
    }
    let (exit, stdout, stderr) = sandgate(&["run", "-c", "import os\nprint('before')\nos.abort()"]);
    assert_eq!((exit, stdout.as_str()), (121, "before\n"));
    assert_eq!(
        stderr,
        "sandgate: crashed: the interpreter failed: wasm trap: wasm `unreachable` instruction executed\n"
    );
}

#[test]
fn a_script_cannot_exit_as_sandgate_does_and_the_outcome_says_what_it_wanted() {
    for (given, exit) in [
        ("64", 1),
        ("70", 1),
        ("73", 1),
        ("120", 1),
        ("121", 1),
        ("122", 1),
        ("130", 1),
        ("256 + 70", 1),
        ("65", 65),
        ("256 + 3", 3),
    ] {
        let code = format!("import sys; sys.exit({given})");
        let (code, stdout, stderr) = sandgate(&["run", "--json", "-c", &code]);
        assert_eq!((code, stderr.as_str()), (exit, ""), "{given}");
        let outcome: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(outcome["status"], "exited");
        let wanted: i64 = given
            .split('+')
            .map(|part| part.trim().parse::<i64>().unwrap())
            .sum();
        assert_eq!(outcome["exit_code"], wanted);
    }
}

#[test]
fn what_a_script_leaves_can_keep_it_from_being_delivered_and_that_is_no_fault_of_the_command_line()
{
    let out = tempfile::tempdir().unwrap();
    fs::create_dir(out.path().join("mine")).unwrap();
    fs::write(out.path().join("mine/too"), "mine").unwrap();
    let out_option = ["--force", "--out", out.path().to_str().unwrap()];
    let arguments = [&["run", "--json"], &out_option[..], &["-c"]].concat();
    let (code, stdout, stderr) =
        sandgate(&[&arguments[..], &["open('mine', 'w').write('yours')"]].concat());
    let outcome: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &outcome["status"]), (73, &"ok".into()), "{stderr}");
    assert_eq!(
        fs::read_to_string(out.path().join("mine/too")).unwrap(),
        "mine"
    );
}

#[test]
fn esc_08_a_script_is_given_no_directory_from_which_later_runs_take_what_decides() {
    let scene = tempfile::tempdir().unwrap();
    let at = |path: &str| scene.path().join(path).to_str().unwrap().to_owned();
    for directory in ["work", "state", "policies"] {
        fs::create_dir(at(directory)).unwrap();
    }
    let (home, work) = (at("."), at("work"));
    let (state, policies) = (at("state"), at("policies"));
    let run = |option: &str, directory: &str, more: &[&str]| {
        let arguments = ["run", option, directory, "-c", "open('x', 'w')"];
        let arguments = [&arguments[..], more].concat();
        let (code, _, stderr) = sandgate(&arguments);
        let stderr: Vec<&str> = stderr.split_whitespace().collect();
        (
            code,
            stderr
                .join(" ")
                .replace(scene.path().to_str().unwrap(), "DIR"),
        )
    };
    let said = |directory: &str, what: &str, place: &str| {
        format!(
            "× a script that may write to `DIR/{directory}` could change {what} in `DIR/{place}` \
             help: name a directory of its own for the script, beside it or below"
        )
    };
    for option in ["--workspace", "--out"] {
        for directory in [".", "state"] {
            assert_eq!(
                run(option, &at(directory), &["--state-dir", &state]),
                (64, said(directory, "the registered services", "state"))
            );
        }
        assert_eq!(
            run(
                option,
                &policies,
                &[
                    "--state-dir",
                    &state,
                    "--context",
                    "any",
                    "--policies",
                    &policies
                ]
            ),
            (64, said("policies", "the policies", "policies"))
        );
    }
    let cache = at("cache");
    let (code, stderr) = run("--workspace", &home, &["--cache-dir", &cache]);
    assert_eq!(
        (code, stderr),
        (64, said(".", "the interpreter", "cache/images"))
    );
    assert_eq!(
        run("--workspace", &work, &["--state-dir", &state]),
        (0, String::new())
    );
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
            "--stdin".to_owned(),
            at("missing.txt"),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            "--in".to_owned(),
            at("missing.txt"),
            at("ok.py"),
        ],
        vec!["run".to_owned(), "--in".to_owned(), at("."), at("ok.py")],
        vec![
            "run".to_owned(),
            "--workspace".to_owned(),
            at("missing"),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            "--workspace".to_owned(),
            at("ok.py"),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            "--timeout".to_owned(),
            "soon".to_owned(),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            "--timeout".to_owned(),
            "0s".to_owned(),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            "--memory".to_owned(),
            "much".to_owned(),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            "--clock".to_owned(),
            "noon".to_owned(),
            at("ok.py"),
        ],
        vec![
            "run".to_owned(),
            "--stdin".to_owned(),
            "-".to_owned(),
            "-".to_owned(),
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
    for another in ["usage", "run"] {
        json.as_object_mut().unwrap().remove(another).unwrap();
    }
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
        "--in",
        input.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "-c",
        code,
    ];
    assert_eq!(shown(&arguments), "exit 0\n--- stdout\n--- stderr\n");
    assert_eq!(fs::read_to_string(out.join("out.txt")).unwrap(), "ABC");
    // What has no place is said after the script, which has run.
    fs::remove_file(out.join("out.txt")).unwrap();
    fs::create_dir(out.join("out.txt")).unwrap();
    let (code, _, stderr) = sandgate(&[&["run", "--force"], &arguments[1..]].concat());
    assert_eq!(code, 73);
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
        assert_eq!(code, 73);
        assert_eq!(
            stderr,
            "  × the output cannot be written: No space left on device (os error 28)\n  help: make room where it goes; the script itself has run\n"
        );
    }
}

#[test]
fn a_reader_that_goes_away_does_not_break_the_run_and_ends_a_flood() {
    for (script, ending) in [
        (
            "for i in range(2000): print('line', i)\nimport sys; sys.exit(7)",
            (Some(7), ""),
        ),
        (
            "while True: print('line')",
            (
                Some(120),
                "sandgate: too much output: nobody reads what the script writes any more\n",
            ),
        ),
    ] {
        let mut process = command(&["run", "-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(process.stdout.take());
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), ending, "{script}");
    }
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
        "sandgate: cancelled\n"
    );
}

#[test]
fn dos_06_a_terminal_never_receives_a_scripts_escape_sequences() {
    let code = "import sys\nprint('\\x1b[8mred \\x9b2J \\x07 \\u202e')\nsys.stderr.write('\\x1b]0;title\\x07\\n')\nraise ValueError('\\x1b[2J')";
    let shown = at_a_terminal(&["run", "-c", code], None);
    assert_eq!(
        shown,
        "\\u{1b}[8mred \\u{9b}2J \\u{7} \\u{202e}\n\\u{1b}]0;title\\u{7}\nTraceback (most recent call last):\n  \
         File \"<string>\", line 4, in <module>\n    raise ValueError('\\x1b[2J')\nValueError: \\u{1b}[2J\n"
    );
}

#[test]
fn dos_06_a_character_in_pieces_over_two_streams_is_still_none_that_acts() {
    let code = "import os\nos.write(1, b'a\\xc2'); os.write(2, b'\\x9b31m-err\\n'); os.write(1, b'\\x9b31m-out\\n')\n\
                os.write(1, b'\\xe2\\x80'); os.write(1, b'\\xaeX\\n'); os.write(1, b'\\x1b'); os.write(2, b'[2J\\n'); os.write(1, b'\\xf0\\x9f')\n\
                print('\\u061c\\u2028\\u00ad shy|\\u3164|')";
    assert_eq!(
        at_a_terminal(&["run", "-c", code], None),
        "a\u{fffd}31m-err\n\\u{9b}31m-out\n\\u{202e}X\n[2J\n\\u{1b}\u{fffd}\\u{61c}\\u{2028}\\u{ad} shy|\\u{3164}|\n"
    );
}

#[test]
fn dos_06_json_at_a_terminal_says_the_same_and_nothing_in_it_acts() {
    let code = "print('\\x9b31mred\\x9d0;title\\x9c \\u202eevil \\x7f \\U000e0041')\nraise ValueError('\\x9b2J \\u202e')";
    let shown = at_a_terminal(&["run", "--json", "-c", code], None);
    let acts = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{e0041}');
    assert_eq!(shown.chars().find(|c| acts(*c)), None);
    let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        json["stdout"],
        "\u{9b}31mred\u{9d}0;title\u{9c} \u{202e}evil \u{7f} \u{e0041}\n"
    );
    assert_eq!(json["exception"]["message"], "\u{9b}2J \u{202e}");
}

#[test]
fn dos_06_names_of_files_do_not_act_on_a_terminal_in_errors_of_ours() {
    let evil = "\u{1b}[31m\u{9b}2J\u{1b}]0;title\u{7}\u{202e}";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(evil);
    let path = path.to_str().unwrap();
    let state = directory.path().join("state");
    let state = state.to_str().unwrap();
    for arguments in [
        &["run", path] as &[&str],
        &["run", "-c", "1", "--in", path],
        &["run", "-c", "1", "--workspace", path],
        &["run", "--seed", evil, "-c", "1"],
        &["run", "--unknown", evil],
        &["run", "--timeout", evil, "-c", "1"],
        &["policy", "check", path],
        &["service", "add", "x", "--socket", path],
        &["service", "--state-dir", state, "show", evil],
    ] {
        // Our own colours are these two, around words of ours.
        let shown = at_a_terminal(arguments, None)
            .replace("\u{1b}[31m×\u{1b}[0m", "×")
            .replace("\u{1b}[36m  help: \u{1b}[0m", "  help: ");
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert_eq!(
            shown.chars().find(|c| acts(*c)),
            None,
            "{arguments:?}: {shown:?}"
        );
        assert!(
            shown.contains("error") || shown.contains('×'),
            "{arguments:?}: {shown:?}"
        );
    }
    // One without anything of the kind is in colours as before.
    let shown = at_a_terminal(&["run", "/nonexistent.py"], None);
    assert!(shown.contains("\u{1b}[31m"), "{shown:?}");
}

#[test]
fn a_pipe_receives_the_bytes_as_they_are() {
    let (_, stdout, _) = sandgate(&["run", "-c", "print('\\x1b[31mred')"]);
    assert_eq!(stdout, "\x1b[31mred\n");
}
