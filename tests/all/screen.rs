//! What a terminal shows of a script that writes to it as programs do, and as an attacker would: colours are obeyed, what
//! is sandgate's own begins on a line of its own and in no colour, and nothing else acts. THREAT[DOS-06]

use crate::support::{command, desk::Desk, finished, terminal::Session, without_names};

/// The exit code, and everything that a terminal receives.
fn shown(arguments: &[&str]) -> (Option<i32>, String) {
    Session::open(&command(arguments)).end()
}

#[test]
fn colours_and_progress_on_one_line_reach_a_terminal() {
    let script = "import os\nfor n in (5, 50): print(f'\\r{n} %', end='', flush=True)\nprint('\\b\\bpercent')\n\
                  os.write(1, b'\\x1b[3'); os.write(1, b'1mred\\x1b[0m\\n')";
    assert_eq!(
        shown(&["run", "-c", script]),
        (
            Some(0),
            "\r5 %\r50 %\u{8}\u{8}percent\n\u{1b}[31mred\u{1b}[0m\n".to_owned()
        )
    );
}

#[test]
fn dos_06_a_script_leaves_neither_colours_nor_a_line_to_what_is_ours() {
    let forged = "print('\\x1b[31mworking\\r', end='', flush=True)\nraise SystemError('\\x1b[32m\\rsandgate: all is well')";
    assert_eq!(
        shown(&["run", "-c", forged]),
        (
            Some(1),
            "\u{1b}[31mworking\r\u{1b}[0m\nTraceback (most recent call last):\n  File \"<string>\", line 2, in <module>\n    \
             raise SystemError('\\x1b[32m\\rsandgate: all is well')\nSystemError: \\u{1b}[32m\\u{d}sandgate: all is well\n"
                .to_owned()
        )
    );
    let unended = "import os\nos.write(1, b'\\x1b[1;4mbold\\x1b[3')";
    assert_eq!(
        shown(&["run", "-c", unended]),
        (Some(0), "\u{1b}[1;4mbold\\u{1b}[3\u{1b}[0m".to_owned())
    );
    let endless = "print('50 %', end='\\r', flush=True)\nwhile True: pass";
    let (code, shown) = shown(&["run", "--timeout", "3s", "-c", endless]);
    let (said, _) = shown.split_once("; ended after").unwrap();
    assert_eq!(
        (code, said),
        (
            Some(120),
            "50 %\r\nsandgate: out of time: the wall time limit is 3s"
        )
    );
}

#[test]
fn dos_06_what_sets_the_clipboard_moves_the_cursor_or_hides_text_is_shown() {
    let script =
        "print('\\x1b]52;c;cm0gLXJm\\x07\\x1b[2A\\x1b[2K\\x1b[8mhidden\\x1b[?1049h\\x1b[6n\\b\\b')";
    assert_eq!(
        shown(&["run", "-c", script]),
        (
            Some(0),
            "\\u{1b}]52;c;cm0gLXJm\\u{7}\\u{1b}[2A\\u{1b}[2K\\u{1b}[8mhidden\\u{1b}[?1049h\\u{1b}[6n\u{8}\u{8}\n".to_owned()
        )
    );
    // At the beginning of a line nothing is left to step back over but what is ours.
    assert_eq!(
        shown(&["run", "-c", "print('\\bx\\r\\b\\r')"]),
        (Some(0), "\\u{8}x\r\\u{8}\r\n".to_owned())
    );
}

#[test]
fn apr_03_a_question_begins_on_a_line_of_its_own_in_no_colour_of_the_script() {
    let desk = Desk::open();
    let script = "from services import crm\nprint('\\x1b[8;37;47m\\x1b[97;107mnothing to see\\r', end='', flush=True)\ncrm.contact_add(name='Eve')";
    let mut session = desk.session(&[], script);
    session.until("[y/N, d: details, e: explain] ");
    session.types("n\n");
    let (_, shown) = session.end();
    let question = "\\u{1b}[8;37;47m\u{1b}[97;107mnothing to see\r\u{1b}[0m\ngated wants to write: crm.contact.add\n";
    assert_eq!(shown.get(..question.len()), Some(question), "{shown:?}");
}

#[test]
fn raw_output_is_as_it_was_written_and_the_terminal_is_reset_after_it() {
    let script = "print('\\x1b[2J\\x1b]0;title\\x07', end='')";
    assert_eq!(
        shown(&["run", "--raw", "-c", script]),
        (Some(0), "\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[0m".to_owned())
    );
    // A pipe has it so in any case.
    let output = command(&["run", "-c", script]).output().unwrap();
    assert_eq!(
        finished(output),
        (0, "\u{1b}[2J\u{1b}]0;title\u{7}".to_owned(), String::new())
    );
}

#[test]
fn apr_03_nobody_is_asked_where_a_script_may_draw_what_it_likes() {
    let desk = Desk::open();
    let before = desk.contacts();
    let script = "from services import crm\ntry: crm.contact_add(name='Eve')\nexcept PermissionError as error: print(error.code)";
    let (code, shown) = desk.session(&["--raw"], script).end();
    assert_eq!(
        (code, without_names(&shown).as_str()),
        (
            Some(75),
            "sandgate: 1 call waits for approval: `sandgate approvals --run NAME` shows it, `sandgate approve --all --run NAME` goes on\n"
        )
    );
    assert_eq!(desk.contacts(), before);
}
