//! What a person types at a terminal: `input()` of a script and the questions about its calls each get what was typed for
//! them, and nothing of the other's.

use crate::support::{command, desk::Desk, terminal::Session};

const ADD: &str =
    "from services import crm\ndef add(name): print('added', crm.contact_add(name=name)['name'])\n";

const ASKED: &str = "[y/N, d: details, e: explain] ";

#[test]
fn at_a_terminal_input_asks_there_line_by_line_with_its_prompt() {
    let script = "name = input('Name? ')\nage = input('Age? ')\nprint(name, age)\nimport sys\nprint(sys.stdin.readlines())";
    let mut session = Session::open(&command(&["run", "-c", script]));
    session.until("Name? ");
    session.types("Ada\n");
    session.until("Age? ");
    session.types("36\n");
    session.until("Ada 36");
    session.types("more\n\u{4}");
    assert_eq!(
        session.end(),
        (
            Some(0),
            "Name? Ada\nAge? 36\nAda 36\nmore\n['more\\n']\n".to_owned()
        )
    );
}

#[test]
fn where_nobody_types_any_more_input_raises() {
    let mut session = Session::open(&command(&["run", "-c", "input('Name? ')"]));
    session.until("Name? ");
    session.types("\u{4}");
    let (code, shown) = session.end();
    assert_eq!(code, Some(1));
    assert_eq!(
        shown.lines().last(),
        Some("EOFError: EOF when reading a line"),
        "{shown}"
    );
}

#[test]
fn a_person_has_time_to_type_and_a_script_that_does_not_wait_has_not() {
    let slow = ["run", "--timeout", "3s", "-c"];
    let script = "name = input('Name? ')\nprint(name)\nwhile True: pass";
    let mut session = Session::open(&command(&[&slow[..], &[script]].concat()));
    session.until("Name? ");
    // Longer than the script may take.
    std::thread::sleep(std::time::Duration::from_millis(3500));
    session.types("Ada\n");
    let (code, shown) = session.end();
    let (said, _) = shown.split_once("; ended after").unwrap();
    assert_eq!(
        (code, said),
        (
            Some(120),
            "Name? Ada\nAda\nsandgate: out of time: the wall time limit is 3s"
        )
    );
}

#[test]
fn apr_03_in_a_context_input_and_questions_each_get_what_was_typed_for_them() {
    let desk = Desk::open();
    let before = desk.contacts();
    let script = format!(
        "{ADD}name = input('Name? ')\nadd(name)\nprint('then', input('Then? '))\nadd(input('Again? '))"
    );
    let mut session = desk.session(&[], &script);
    session.until("Name? ");
    session.types("Eve\n");
    session.until(ASKED);
    // What is more than an answer is thrown away: it was not typed for the script.
    session.types("y\nmore\n");
    session.until("Then? ");
    session.types("Ada\n");
    session.until("Again? ");
    // What is more than the script asked for is no answer.
    session.types("Bob\ny\ny\n");
    session.until("[y/N, a: all, d: details, e: explain] ");
    session.types("n\n");
    let (code, shown) = session.end();
    assert_eq!(code, Some(1), "{shown}");
    assert!(
        shown.contains("added Eve\nThen? Ada\nthen Ada\nAgain? Bob\ny\ny\n\ngated"),
        "{shown}"
    );
    assert!(shown.contains("was declined"), "{shown}");
    assert_eq!(desk.contacts(), before + 1);
}

#[test]
fn apr_03_a_question_takes_the_turn_of_input_which_asks_again_afterwards() {
    let desk = Desk::open();
    let script = "import _sandgate
n = _sandgate.begin('{\"service\":\"crm\",\"method\":\"contact.add\",\"params\":{\"name\":\"Eve\"}}')
print('got', input('\\x1b[32mName? '))
_sandgate.collect(n)";
    let shown = loop {
        let mut session = desk.session(&[], script);
        session.until(ASKED);
        session.types("y\n");
        session.until("Name? ");
        session.types("Ada\n");
        let (code, shown) = session.end();
        assert_eq!(code, Some(0), "{shown}");
        // Which of the two is first is left to chance.
        if shown.starts_with("\u{1b}[32mName? ") {
            break shown;
        }
        assert!(
            shown.ends_with("\u{1b}[32mName? Ada\ngot Ada\n\u{1b}[0m\nsandgate: 1 change: crm.contact.add; nothing says how it is undone\n"),
            "{shown}"
        );
    };
    assert_eq!(
        shown,
        "\u{1b}[32mName? \u{1b}[0m\ngated wants to write: crm.contact.add\n  name: \"Eve\"\n  because: A person looks first.\n\
         Call crm.contact.add (write)? [y/N, d: details, e: explain] y\n\u{1b}[32mName? Ada\ngot Ada\n\u{1b}[0m\nsandgate: 1 change: crm.contact.add; nothing says how it is undone\n"
    );
}
