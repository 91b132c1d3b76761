//! The prompt: statements of a person, typed at a real terminal, in one interpreter.

use crate::support::{command, desk::Desk, finished, terminal::Session};

const PROMPT: &str = ">>> ";
const MORE: &str = "... ";

/// A session at a terminal, with its own history.
fn begin(place: &tempfile::TempDir, arguments: &[&str]) -> Session {
    let mut all = vec!["--state-dir", place.path().to_str().unwrap(), "repl"];
    all.extend(arguments);
    let mut session = Session::open(&command(&all));
    session.until(PROMPT);
    session
}

/// Types a line, and waits until what it says is there and the next line can be typed.
fn say(session: &mut Session, line: &str, shown: &str, prompt: &str) {
    session.types(&format!("{line}\r"));
    if !shown.is_empty() {
        session.until(shown);
    }
    session.until(prompt);
}

#[test]
fn statements_share_what_they_leave_and_an_error_ends_only_one() {
    let place = tempfile::tempdir().unwrap();
    let mut session = begin(&place, &[]);
    say(&mut session, "x = 20", "", PROMPT);
    say(&mut session, "x + 1", "\r\n21\r\n", PROMPT);
    say(&mut session, "def half(n):", "", MORE);
    say(&mut session, "    return n / 0", "", MORE);
    say(&mut session, "", "", PROMPT);
    say(
        &mut session,
        "half(x)",
        "line 2, in half\r\n    return n / 0\r\n           ~~^~~\r\nZeroDivisionError: division by zero\r\n",
        PROMPT,
    );
    say(
        &mut session,
        "print('no end', end='')",
        "\r\nno end\r\n",
        PROMPT,
    );
    say(
        &mut session,
        "await __import__('asyncio').sleep(0, _)",
        "\r\n21\r\n",
        PROMPT,
    );
    session.types("exit(3)\r");
    assert_eq!(session.end().0, Some(3));
}

#[test]
fn dos_04_control_c_ends_the_statement_and_not_the_session() {
    let place = tempfile::tempdir().unwrap();
    let mut session = begin(&place, &[]);
    for loops in ["time.sleep(1000)", "any(n for n in iter(int, 1))"] {
        session.types(&format!(
            "import time; x = 5; print('be' + 'gun'); {loops}\r"
        ));
        session.until("begun\r\n");
        session.types("\u{3}");
        session.until("KeyboardInterrupt\r\n");
        session.until(PROMPT);
        say(&mut session, "x", "\r\n5\r\n", PROMPT);
    }
    // What is typed and not entered is forgotten.
    session.types("print('never'\u{3}");
    session.until("KeyboardInterrupt\r\n");
    session.until(PROMPT);
    session.types("\u{4}");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0));
    assert!(!shown.contains("\nnever"), "{shown}");
}

#[test]
fn what_a_statement_asks_for_is_typed_at_the_same_terminal() {
    let place = tempfile::tempdir().unwrap();
    let mut session = begin(&place, &[]);
    session.types("name = input('who? ')\r");
    session.until("\r\nwho? ");
    session.types("Ada\r");
    session.until(PROMPT);
    say(&mut session, "name", "\r\n'Ada'\r\n", PROMPT);
    session.types("\u{4}");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn earlier_statements_come_back_and_names_are_completed() {
    let place = tempfile::tempdir().unwrap();
    let mut session = begin(&place, &[]);
    say(&mut session, "the_answer = 6 * 7", "", PROMPT);
    say(&mut session, "the_a\t", "\r\n42\r\n", PROMPT);
    session.types("\u{4}");
    assert_eq!(session.end().0, Some(0));
    let mut session = begin(&place, &[]);
    // Up, twice.
    session.types("\u{1b}[A\u{1b}[A\r");
    session.until(PROMPT);
    say(&mut session, "the_answer", "\r\n42\r\n", PROMPT);
    session.types("\u{4}");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_statement_that_takes_too_long_ends_the_session_and_says_so() {
    let place = tempfile::tempdir().unwrap();
    let mut session = begin(&place, &["--timeout", "500ms"]);
    session.types("import time; time.sleep(1000)\r");
    let (code, shown) = session.end();
    assert_eq!(code, Some(120));
    let (_, said) = shown.split_once("sandgate: out of time: ").unwrap();
    let (limit, rest) = said.split_once("; ended after ").unwrap();
    assert_eq!(limit, "the wall time limit is 500ms");
    assert!(rest.ends_with("ms; the session has ended\n"), "{shown}");
}

#[test]
fn a_call_in_a_context_is_asked_about_and_services_are_completed() {
    let desk = Desk::open();
    let mut session = desk.prompt();
    session.until(PROMPT);
    say(&mut session, "from services import crm", "", PROMPT);
    session.types("crm.contact_ad\t(name='Eve')['name']\r");
    session.until("Call crm.contact.add (write)? [y/N, d: details, e: explain] ");
    session.types("y\n");
    session.until("\r\n'Eve'\r\n");
    session.until(PROMPT);
    session.types("\u{4}");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn without_a_terminal_there_is_no_prompt() {
    let (code, _, said) = finished(command(&["repl"]).output().unwrap());
    assert_eq!(code, 64);
    assert_eq!(
        said,
        "  × there is no terminal to type at\n  help: `sandgate run -` runs what comes from standard input\n"
    );
}
