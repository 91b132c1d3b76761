//! Lines as they were written once, which are read for ever, and bytes that are no lines.

use super::*;
use proptest::{prelude::Rng, test_runner::TestRunner};
use std::collections::BTreeSet;

/// A line of each kind, as version 1 writes them. A line is only ever added here.
const GOLDEN: &str = include_str!("../../../../tests/golden/journal-1.jsonl");

fn line(body: &str) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

#[test]
fn lines_of_version_1_are_read_for_ever_and_written_as_they_were() {
    let mut kinds = BTreeSet::new();
    for body in GOLDEN.lines() {
        let bytes = line(body);
        let entry = Entry::decode(&bytes).unwrap();
        assert_eq!(
            String::from_utf8(entry.encode()[1..].to_vec()).unwrap(),
            body
        );
        kinds.insert(entry.kind());
    }
    assert_eq!(kinds, (1..=18).collect());
}

#[test]
fn a_line_of_a_later_version_or_of_an_unknown_kind_is_refused_and_not_passed_over() {
    let error = |bytes: &[u8]| Entry::decode(bytes).unwrap_err().to_string();
    let mut later = line("\"resumed\"");
    assert!(Entry::decode(&later).is_ok());
    later[0] = 2;
    assert_eq!(
        error(&later),
        "it is of version 2, and versions up to 1 are known"
    );
    assert_eq!(
        error(&[0]),
        "it is of version 0, and versions up to 1 are known"
    );
    assert_eq!(error(&[]), "it cannot be read: it is empty");
    assert_eq!(
        error(&line("\"forgotten\"")),
        "it cannot be read: unknown variant `forgotten`, expected one of `begun`, `given`, `input`, `script`, `script_ended`, `called`, `decided`, `asked`, `answered`, `intended`, `planned`, `replied`, `resolved`, `withheld`, `parked`, `resumed`, `ended`, `pruned` at line 1 column 11"
    );
    assert_eq!(
        error(&line(
            "{\"script\":{\"name\":\"a\",\"source\":\"b\",\"more\":1}}"
        )),
        "it cannot be read: unknown field `more`, expected `name` or `source` at line 1 column 41"
    );
}

#[test]
fn bytes_that_are_no_lines_are_refused_whatever_they_are() {
    let lines: Vec<Vec<u8>> = GOLDEN.lines().map(line).collect();
    let mut runner = TestRunner::default();
    let random = runner.rng();
    for _ in 0..20_000 {
        let mut below = |most: usize| {
            usize::try_from(random.next_u64() % u64::try_from(most.max(1)).unwrap()).unwrap()
        };
        let mut bytes = lines[below(lines.len())].clone();
        for _ in 0..below(4) {
            let at = below(bytes.len());
            match below(3) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] = u8::try_from(below(256)).unwrap(),
                _ => bytes.insert(at, u8::try_from(below(256)).unwrap()),
            }
        }
        crate::fuzzing::journal(&bytes);
    }
}
