//! Rules of the house that a compiler does not check: every threat that is named has a test, files say what they are,
//! and stay readable. `directions` has the rule on imports.

use crate::support::files;
use std::collections::BTreeSet;

/// Ids of the form `THREAT[ABC-01]`.
fn threats(text: &str) -> BTreeSet<String> {
    text.split("THREAT[")
        .skip(1)
        .filter_map(|rest| rest.split_once(']'))
        .map(|(id, _)| id.to_owned())
        .collect()
}

#[test]
fn every_threat_that_the_code_names_has_a_test_of_its_name() {
    let mut named: BTreeSet<String> = files("runtime", "rs")
        .iter()
        .flat_map(|(_, text)| threats(text))
        .collect();
    for directory in ["guest/src", "guest/snapshot/src"] {
        let files = files(directory, "rs");
        named.extend(files.iter().flat_map(|(_, text)| threats(text)));
    }
    let mut code = files("tests", "rs");
    code.extend(files("runtime", "rs"));
    let tests: Vec<String> = code
        .iter()
        .flat_map(|(_, text)| {
            text.lines()
                .filter_map(|line| line.trim().split("fn ").nth(1).map(ToOwned::to_owned))
                .collect::<Vec<_>>()
        })
        .collect();
    let untested: Vec<&String> = named
        .iter()
        .filter(|id| {
            let prefix = format!("{}_", id.to_lowercase().replace('-', "_"));
            !tests.iter().any(|test| test.starts_with(&prefix))
        })
        .collect();
    assert_eq!(untested, Vec::<&String>::new());
    assert!(named.len() > 15, "{named:?}");
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let rust = [
        "runtime",
        "guest/src",
        "guest/snapshot/src",
        "tests/all",
        "benches",
    ];
    let rust = rust.map(|directory| (directory, "rs", "//!"));
    let python = ("guest/python", "py", "\"\"\"");
    for (directory, extension, header) in rust.into_iter().chain([python]) {
        for (path, text) in files(directory, extension) {
            assert!(text.starts_with(header), "{} has no header", path.display());
            let lines = text.lines().count();
            assert!(lines <= 800, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    for directory in [
        "runtime",
        "guest/src",
        "guest/snapshot/src",
        "guest/python",
        "tests",
        "benches",
    ] {
        for (path, text) in files(
            directory,
            if directory == "guest/python" {
                "py"
            } else {
                "rs"
            },
        ) {
            assert!(!text.contains(concat!("/ro", "ot/.")), "{}", path.display());
        }
    }
}
