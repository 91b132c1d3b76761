//! The question that a person is asked, at a real terminal: it is the one that is answered, and it keeps nothing alive.

use crate::support::{desk::Desk, finished, terminal::Session, without_names};
use rustix::process::Signal;
use std::{fs, process::Command};

const ASKED: &str = "[y/N, d: details, e: explain] ";

/// The same, of a method that was asked about before.
const AGAIN: &str = "[y/N, a: all, d: details, e: explain] ";

/// Begins a call that is asked about, and lets it be decided.
const BEGUN: &str = "import _sandgate, sys
n = _sandgate.begin('{\"service\":\"crm\",\"method\":\"contact.add\",\"params\":{\"name\":\"Eve\"}}')
_sandgate.wait(1000)
";

const ADD: &str = "import services
from services import crm
def add(name):
    try: print('added', crm.contact_add(name=name)['name'])
    except services.Refused as refusal: print('not added:', refusal)
";

fn place(text: &str, part: &str) -> usize {
    let at = text.find(part);
    at.unwrap_or_else(|| panic!("{part:?} is not in {text:?}"))
}

#[test]
fn apr_03_what_a_script_writes_waits_while_a_question_stands() {
    let desk = Desk::open();
    let spoof =
        "\\ncrm wants to read\\nCall crm.contact.list (read)? [y/N, d: details, e: explain] ";
    let script = format!(
        "print('before', end='', flush=True)\n{BEGUN}sys.stdout.write('\\n' * 60 + '{spoof}'); sys.stdout.flush()\nsys.stderr.write('{spoof}'); sys.stderr.flush()\nwhile True: pass"
    );
    let mut session = desk.session(&["--timeout", "10s"], &script);
    session.until(ASKED);
    let screen = session.screen();
    let (code, shown) = session.end();
    assert_eq!(code, Some(120), "{shown}");
    // It begins on a line of its own, ends what is on the screen, and what was written after it was begun comes after it.
    assert_eq!(
        screen.join("\n").trim_end(),
        "before\ngated wants to write: crm.contact.add\n  name: \"Eve\"\n  because: A person looks first.\n\
         Call crm.contact.add (write)? [y/N, d: details, e: explain]"
    );
    let withdrawn = place(&shown, "The question about crm.contact.add is withdrawn.\n");
    assert!(
        place(&shown, "Call crm.contact.list") > withdrawn,
        "{shown}"
    );
    assert_eq!(shown.matches("Call crm.contact.list").count(), 2);
}

#[test]
fn apr_03_what_was_typed_before_does_not_answer() {
    let desk = Desk::open();
    let before = desk.contacts();
    let mut session = desk.session(&[], &format!("{ADD}add('a')\nadd('b')"));
    session.types("y\ny\nyes\ny\n");
    session.until(ASKED);
    // More lines than there are questions answer only the one that stands.
    session.types("y\ny\ny\n");
    session.until(AGAIN);
    session.types("n\n");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0));
    place(&shown, "added a\n");
    place(&shown, "not added: `crm.contact.add`");
    assert_eq!(desk.contacts(), before + 1);
}

#[test]
fn apr_03_all_is_for_the_method_and_the_run_and_every_call_is_shown() {
    let desk = Desk::open();
    desk.limit("questions = 3\n");
    let before = desk.contacts();
    let script = format!(
        "{ADD}for name in 'abcde': add(name)\nprint(crm.deal_add(title='x', amount=1, contact_id=1))"
    );
    let mut session = desk.session(&[], &script);
    session.until("Call crm.contact.add (write)? [y/N, d: details, e: explain] ");
    session.types("y\n");
    session.until("Call crm.contact.add (write)? [y/N, a: all, d: details, e: explain] ");
    session.types("a\n");
    // Another method is asked about.
    session.until("Call crm.deal.add (write)? [y/N, d: details, e: explain] ");
    session.types("n\n");
    let (_, shown) = session.end();
    let covered = "Call crm.contact.add (write)? yes, as you said for all of them\n";
    assert_eq!(shown.matches(covered).count(), 3, "{shown}");
    place(&shown, "added e\n");
    assert_eq!(desk.contacts(), before + 5);
}

#[test]
fn apr_03_an_answer_to_a_question_of_the_script_answers_none_of_ours() {
    let desk = Desk::open();
    let before = desk.contacts();
    let script = format!(
        "import os, sys, time\nsys.stdout.write('Call crm.contact.list (read)? [y/N, d: details, e: explain] ')\nsys.stdout.flush()\n\
         while not os.path.exists('go'): time.sleep(0.01)\n{ADD}add('a')"
    );
    let work = desk.work();
    let mut session = desk.session(&["--workspace", work.to_str().unwrap()], &script);
    session.until(ASKED);
    session.types("y\n");
    fs::write(work.join("go"), "").unwrap();
    session.until("gated wants to write: crm.contact.add\r\n");
    session.until(ASKED);
    session.types("\n");
    let (_, shown) = session.end();
    place(&shown, "not added");
    assert_eq!(desk.contacts(), before);
}

#[test]
fn apr_03_what_is_typed_before_an_answer_counts_is_none_and_a_line_draws_the_question_again() {
    let desk = Desk::open();
    let asked = "\ngated wants to write: crm.contact.add\n  name: \"a\"\n  because: A person looks first.\n\
                 Call crm.contact.add (write)?";
    let ending = " [y/N, d: details, e: explain] \nnot added: `crm.contact.add` was declined; do not try again; \
                  say what was declined\n";
    for (typed, expected) in [
        ("y", format!("{asked}y{ending}")),
        ("y\n", format!("{asked}y\n{asked}{ending}")),
    ] {
        let shown = loop {
            let mut session = desk.session(&[], &format!("{ADD}add('a')"));
            session.until("Call crm.contact.add (write)?");
            session.types(typed);
            session.until(ASKED);
            session.types("\n");
            let (_, shown) = session.end();
            // Where this test was not on time, it answered.
            if shown.contains("(write)?y") {
                break shown;
            }
        };
        assert_eq!(shown, expected);
    }
}

#[test]
fn apr_03_a_yes_is_for_the_question_as_the_terminal_shows_it() {
    let desk = Desk::open();
    let before = desk.contacts();
    // Which of the two is looked at first is left to chance.
    for _ in 0..4 {
        let mut session = desk.session(&[], &format!("{ADD}add('a')"));
        session.until(ASKED);
        session.signal(Signal::STOP);
        session.resize(10, 30);
        session.types("y\n");
        session.signal(Signal::CONT);
        session.until("Call crm.contact.add (write)?\r\n[y/N/d/e] ");
        // Not typed: for the other of the two it may be drawn again just now, and that throws away what was typed.
        session.signal(Signal::INT);
        assert_eq!(session.end().0, Some(130));
    }
    assert_eq!(desk.contacts(), before);
}

#[test]
fn apr_03_what_was_typed_for_a_question_that_is_withdrawn_goes_nowhere_else() {
    let desk = Desk::open();
    let work = desk.work();
    let script =
        format!("{BEGUN}import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)");
    let run = desk.run(&["--workspace", work.to_str().unwrap()], &script);
    let shell = in_a_shell("\"$@\"; read line; echo \"next: <$line>\"", &run);
    let mut session = Session::open(&shell);
    session.until(ASKED);
    session.types("rm x");
    session.until("rm x");
    fs::write(work.join("go"), "").unwrap();
    session.until("The question about crm.contact.add is withdrawn.\r\n");
    session.types("\n");
    let (_, shown) = session.end();
    assert_eq!(shown.lines().last(), Some("next: <>"), "{shown}");
}

#[test]
fn apr_03_at_a_terminal_that_is_gone_the_answer_is_no() {
    let desk = Desk::open();
    let before = desk.contacts();
    let work = desk.work();
    let script = "import os, services, time
from services import crm
print('started', flush=True)
while not os.path.exists('go'): time.sleep(0.01)
try: said = crm.contact_add(name='a')
except services.Refused as refusal: said = refusal
open('said', 'w').write(str(said))";
    let run = desk.run(&["--workspace", work.to_str().unwrap()], script);
    let mut session = Session::open(&in_a_shell("trap '' HUP; exec \"$@\"", &run));
    session.until("started");
    fs::write(work.join("go"), "").unwrap();
    session.hang_up();
    assert_eq!(
        fs::read_to_string(work.join("said")).unwrap(),
        "`crm.contact.add` was declined; do not try again; say what was declined"
    );
    assert_eq!(desk.contacts(), before);
}

/// A shell that does this with a command.
fn in_a_shell(what: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", what, "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell
}

#[test]
fn apr_03_parameters_cannot_draw_a_question_or_push_it_away() {
    let desk = Desk::open();
    // In lines of 80 columns these spaces would fill the screen, and what follows begin at the left.
    let script = "from services import crm
pad = lambda s: s + ' ' * (-len(s) % 80)
fake = pad('gated wants to read: crm.stats.count') + pad('  {}')
try: crm.contact_find(query=' ' * 68 + ' ' * 80 * 19 + fake + '\\x1b[2J\\u202e\\u3164' + '\\n' * 40 + 'Call crm.stats.count (read)? [y/N, d: details, e: explain] ')
except PermissionError: print('declined')";
    let mut session = desk.session(&[], script);
    session.until("Call crm.contact.find (read)? [y/N, d: details, e: explain] ");
    let screen = session.screen().join("\n");
    let rows: Vec<&str> = screen.trim().lines().map(str::trim_end).collect();
    assert_eq!(
        rows.first(),
        Some(&"gated wants to read: crm.contact.find"),
        "{screen}"
    );
    assert_eq!(
        rows.last(),
        Some(&"Call crm.contact.find (read)? [y/N, d: details, e: explain]"),
        "{screen}"
    );
    // All that the parameter holds is to the right of what is ours.
    assert!(
        rows[1..rows.len() - 1]
            .iter()
            .all(|row| row.starts_with("  ")),
        "{screen}"
    );
    session.types("n\n");
    place(&session.end().1, "declined\n");
}

#[test]
fn apr_03_what_destroys_is_only_called_after_a_word() {
    let desk = Desk::open();
    for name in ["a", "b"] {
        let name = format!("{{\"name\": \"{name}\"}}");
        let add = ["service", "test", "crm", "contact.add", &name, "--yes"];
        assert!(desk.operator(&add).output().unwrap().status.success());
    }
    let before = desk.contacts();
    let script = "from services import crm\nfor id in 8, 9:\n    try: crm.contact_delete(id=id); print('gone')\n    except PermissionError: print('declined')";
    let mut session = desk.session(&[], script);
    let asked = "This destroys. Type the word delete to call crm.contact.delete\r\n(or d: details, e: explain): ";
    session.until(asked);
    session.types("y\n");
    session.until("declined\r\n");
    session.until(asked);
    session.types("delete\n");
    place(&session.end().1, "gone\n");
    assert_eq!(desk.contacts(), before - 1);
}

#[test]
fn apr_03_one_question_stands_at_a_time() {
    let desk = Desk::open();
    let script = "import asyncio\nfrom services.aio import crm\nasync def main():\n    calls = [crm.contact_add(name=str(n)) for n in range(3)]\n    print([type(r).__name__ for r in await asyncio.gather(*calls, return_exceptions=True)].count('Refused'))\nasyncio.run(main())";
    let mut session = desk.session(&[], script);
    for (asked, answer) in [(ASKED, "y\n"), (AGAIN, "n\n"), (AGAIN, "y\n")] {
        session.until(asked);
        session.types(answer);
    }
    let (_, shown) = session.end();
    let last: Vec<&str> = shown.lines().rev().take(2).collect();
    let summary = "sandgate: 2 changes: 2 × crm.contact.add; nothing says how they are undone";
    assert_eq!(last, [summary, "1"], "{shown}");
}

#[test]
fn apr_03_nobody_typing_any_more_is_a_no() {
    let desk = Desk::open();
    let before = desk.contacts();
    for typed in ["\u{4}", "y\u{4}\u{4}"] {
        let mut session = desk.session(&[], &format!("{ADD}add('a')"));
        session.until(ASKED);
        session.types(typed);
        let (_, shown) = session.end();
        assert_eq!(
            shown.lines().last(),
            Some(
                "not added: `crm.contact.add` was declined; do not try again; say what was declined"
            ),
            "{shown}"
        );
    }
    assert_eq!(desk.contacts(), before);
}

#[test]
fn apr_03_a_question_is_drawn_again_when_the_terminal_changes() {
    let desk = Desk::open();
    let mut session = desk.session(&[], &format!("{ADD}add('Ada Lovelace')"));
    session.until(ASKED);
    session.resize(10, 30);
    session.until("Call crm.contact.add (write)?\r\n[y/N/d/e] ");
    session.signal(Signal::CONT);
    session.until("Call crm.contact.add (write)?\r\n[y/N/d/e] ");
    session.types("y\n");
    let (_, shown) = session.end();
    assert_eq!(
        shown.lines().last(),
        Some("sandgate: 1 change: crm.contact.add; nothing says how it is undone"),
        "{shown}"
    );
}

#[test]
fn apr_03_a_terminal_too_small_for_the_question_is_told_so_and_the_answer_is_no() {
    let desk = Desk::open();
    let mut command = desk.run(&[], &format!("{ADD}add('Ada')"));
    command.env("NO_COLOR", "1");
    let (_, shown) = Session::sized(&command, 4, 20).end();
    assert_eq!(
        shown,
        "\ncrm.contact.add\nwants to write, and\nthe terminal of 20\ncolumns and 4 rows\nhas no room for\nwhat with: it is\n\
         not called. Make\nthe terminal larger\nand run again.\nnot added: `crm.contact.add` was declined; do not try again; say what was declined\n"
    );
}

#[test]
fn apr_03_details_show_all_of_what_was_cut() {
    let desk = Desk::open();
    let script = "from services import crm\ntry: crm.contact_find(query='x' * 3000 + 'END')\nexcept PermissionError: print('declined')";
    let mut session = desk.session(&[], script);
    session.until("\u{2026} (3003 characters, sha256 ");
    session.until("[y/N, d: the rest, e: explain] ");
    session.types("d\n");
    session.until("END\"\r\n");
    session.until("[y/N, d: the rest, e: explain] ");
    session.types("n\n");
    place(&session.end().1, "declined\n");
}

#[test]
fn a_person_can_look_into_a_question_before_they_answer_it() {
    let desk = Desk::open();
    let before = desk.contacts();
    let script = format!("{ADD}add('Ada')\nadd('Grace')");
    let mut session = desk.session(&[], &script);
    session.until(ASKED);
    session.types("d\n");
    session.until(ASKED);
    session.types("e\n");
    session.until(ASKED);
    session.types("n\n");
    session.until(AGAIN);
    session.types("d\n");
    session.until(AGAIN);
    session.types("y\n");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0), "{shown}");
    insta::assert_snapshot!(without_names(&without_what_is_hashed(&shown)));
    assert_eq!(desk.contacts(), before + 1);
}

#[test]
fn how_a_change_is_undone_is_said_once_it_is_made_and_at_the_end() {
    let desk = Desk::open();
    let mark = [
        "service",
        "mark",
        "crm",
        "--undo",
        "contact.add=contact.delete(id=result.id)",
    ];
    assert!(desk.operator(&mark).output().unwrap().status.success());
    let script = format!(
        "{ADD}add('Ada')\nadd('Grace')\nprint(crm.deal_add(title='x', amount=1, contact_id=1)['title'])"
    );
    let mut session = desk.session(&[], &script);
    session.until(ASKED);
    session.types("y\n");
    session.until(AGAIN);
    session.types("n\n");
    session.until(ASKED);
    session.types("y\n");
    let (_, shown) = session.end();
    insta::assert_snapshot!(without_names(&shown));
    // Into a pipe nothing of it is said: the JSON has the calls.
    let mut piped = desk.run(
        &["--yes"],
        "from services import crm\ncrm.contact_add(name='Eve')",
    );
    let (_, stdout, stderr) = finished(piped.output().unwrap());
    assert_eq!(
        (stdout.as_str(), stderr.as_str()),
        (
            "",
            "gated wants to write: crm.contact.add\n  name: \"Eve\"\n  because: A person looks first.\n\
             Call crm.contact.add (write)? yes, as --yes says\n"
        )
    );
}

/// A digest holds the name of a run, and the hash of policies their files.
fn without_what_is_hashed(text: &str) -> String {
    let is_hash = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = text.split_inclusive([' ', '\n']);
    words
        .map(|word| match word.trim_end() {
            hash if is_hash(hash) => word.replace(hash, "HASH"),
            _ => word.to_owned(),
        })
        .collect()
}

#[test]
fn dos_04_a_question_keeps_nothing_alive() {
    let desk = Desk::open();
    let ends = |script: &str, timeout: &str, end: &dyn Fn(&mut Session)| {
        let mut session = desk.session(&["--timeout", timeout], script);
        session.until(ASKED);
        end(&mut session);
        let (code, shown) = session.end();
        place(&shown, "The question about crm.contact.add is withdrawn.\n");
        assert_eq!(desk.left(), Vec::<std::path::PathBuf>::new());
        code
    };
    let waits = format!("{BEGUN}_sandgate.collect(n)");
    let nothing = |_: &mut Session| {};
    // The deadline comes, since the script does more than wait for the answer; the script is over.
    for goes_on in ["while True: pass", "import time; time.sleep(600)"] {
        let script = format!("{BEGUN}{goes_on}");
        assert_eq!(ends(&script, "10s", &nothing), Some(120), "{goes_on}");
    }
    assert_eq!(
        ends(&format!("{BEGUN}_sandgate.wait(5000)"), "60s", &nothing),
        Some(0)
    );
    // Ctrl-C and Ctrl-\.
    for key in ["\u{3}", "y\u{3}", "\u{1c}"] {
        assert_eq!(
            ends(&waits, "60s", &|session| session.types(key)),
            Some(130),
            "{key:?}"
        );
    }
    for signal in [
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::USR1,
        Signal::ALARM,
    ] {
        assert_eq!(
            ends(&waits, "60s", &|session| session.signal(signal)),
            Some(130),
            "{signal:?}"
        );
    }
    let mut session = desk.session(&[], &waits);
    session.until(ASKED);
    assert_eq!(session.hang_up(), Some(130));
    assert_eq!(desk.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn dos_06_results_of_a_service_reach_a_terminal_as_json_without_what_acts() {
    let desk = Desk::open();
    let python = "E\\x9b31mve\\u202e\\x7f";
    let mut session = desk.session(&[], &format!("{ADD}add('{python}')"));
    session.until("  name: \"E\\u{9b}31mve\\u{202e}\\u{7f}\"\r\n");
    session.until(ASKED);
    session.types("n\n");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0), "{shown}");
    let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert_eq!(shown.chars().find(|c| acts(*c)), None);
}
