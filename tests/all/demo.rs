//! `sandgate demo`, the first thing a newcomer runs: what it shows, and that the answer given is the one that counts.

use crate::support::{sandgate, terminal::at_a_terminal};

/// Without the time that it took.
fn without_time(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once(" calls in ") {
            Some((before, after)) => {
                let (_, after) = after.split_once(" ms").unwrap();
                format!("{before} calls in TIME ms{after}\n")
            }
            None => format!("{line}\n"),
        })
        .collect()
}

fn shown(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = sandgate(arguments);
    let stdout = without_time(&stdout);
    assert!(stdout.lines().count() + stderr.lines().count() < 40);
    format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
}

#[test]
fn the_demonstration_shows_a_call_that_passes_one_that_is_asked_about_and_one_that_is_refused() {
    insta::assert_snapshot!("yes", shown(&["demo", "--yes"]));
    insta::assert_snapshot!("no", shown(&["demo", "--no"]));
    insta::assert_snapshot!("nobody", shown(&["demo"]));
}

#[test]
fn a_person_at_the_terminal_decides() {
    for (answer, added) in [
        ("y\n", true),
        ("yes\n", true),
        ("\n", false),
        ("n\n", false),
        ("maybe y\n", false),
        ("\u{4}", false),
    ] {
        let shown = at_a_terminal(&["demo"], Some(answer));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines.contains(&"added: Ada Lovelace with id 8"),
            added,
            "{answer:?}: {shown}"
        );
        assert_eq!(
            shown
                .matches("Call crm.contact.add (write)? [y/N] ")
                .count(),
            1
        );
        assert!(lines.len() < 40, "{shown}");
    }
    insta::assert_snapshot!(without_time(&at_a_terminal(&["demo"], Some("y\n"))));
}
