//! `sandgate demo`, the first thing a newcomer runs: what it shows, and that the answer given is the one that counts.

use crate::support::{sandgate, terminal::at_a_terminal, without_names};

/// Without the time that it took, the times at which it happened, and the names of runs.
fn without_what_changes(text: &str) -> String {
    let is_time = |word: &str| word.len() == 20 && word.ends_with('Z') && &word[10..11] == "T";
    let words = without_names(text);
    let words = words.split_inclusive([' ', '\n']);
    let text: String = words
        .map(|word| match word.trim_end_matches([' ', '\n', ':', ',']) {
            time if is_time(time) => word.replace(time, "TIME"),
            _ => word.to_owned(),
        })
        .collect();
    let lines = text.lines();
    lines
        .map(|line| match line.split_once(" calls in ") {
            Some((before, after)) => {
                let (_, after) = after.split_once(" ms").unwrap();
                format!("{before} calls in TIME ms{after}\n")
            }
            None => format!("{line}\n"),
        })
        .collect()
}

/// It is read on a screen or two.
const MOST_LINES: usize = 80;

fn shown(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = sandgate(arguments);
    let stdout = without_what_changes(&stdout);
    let stderr = without_what_changes(&stderr);
    assert!(stdout.lines().count() + stderr.lines().count() < MOST_LINES);
    format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
}

#[test]
fn the_demonstration_shows_a_plan_what_passes_is_asked_about_and_is_refused_the_story_and_the_undo()
{
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
                .matches("Call crm.contact.add (write)? [y/N, d: details, e: explain] ")
                .count(),
            1
        );
        assert!(lines.len() < MOST_LINES, "{shown}");
    }
    insta::assert_snapshot!(without_what_changes(&at_a_terminal(&["demo"], Some("y\n"))));
}
