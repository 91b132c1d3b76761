//! `guest/LIMITATIONS.md`: what works, what differs and what is absent, found by trying. The probes are in
//! `tests/limitations`; `SANDGATE_BLESS=1 cargo test limitations` writes the file. A file that is no longer true fails.

use crate::support::{repository, run};
use sandgate::{Outcome, Script, Status};
use serde::Deserialize;
use std::{fmt::Write, fs};

const HEAD: &str = "\
# What differs from CPython 3.14

Written by `SANDGATE_BLESS=1 cargo test --release limitations` from what is tried there; do not edit. Where nothing is
said, sandgate does what CPython does; `tests/corpora/cpython.py` runs CPython's own tests. What RustPython gets wrong and
only its own sources can mend is mended in `guest/patches`, one file a crate, each with its minimal case.
";

/// The modules that CPython 3.14 names as its standard library, without its private ones.
const MODULES: &str = include_str!("../limitations/modules.txt");

#[derive(Deserialize)]
struct Probes {
    probe: Vec<Probe>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    part: Part,
    name: String,
    code: String,
    cpython: String,
    note: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Part {
    Language,
    Library,
    System,
    Defect,
}

/// What a script prints, or the last line of why it failed.
fn printed(outcome: &Outcome) -> String {
    let mut text = outcome.stdout.text.trim_end().to_owned();
    if let Some(exception) = &outcome.exception {
        write!(text, "{}: {}", exception.kind, exception.message).unwrap();
    }
    if outcome.status == Status::Crashed {
        text.push_str("(the run ends as `crashed`)");
    }
    text
}

fn block(text: &mut String, kind: &str, content: &str) {
    writeln!(text, "```{kind}\n{}\n```\n", content.trim()).unwrap();
}

/// Those that agree as a list, those that differ with their code and both results.
async fn part(text: &mut String, title: &str, part: Part, probes: &[Probe]) {
    let mut agree = String::new();
    let mut differ = String::new();
    for probe in probes.iter().filter(|probe| probe.part == part) {
        let found = printed(&run(Script::new(probe.code.trim())).await);
        if found == probe.cpython.trim() {
            assert!(part != Part::Defect, "mended, so no defect: {}", probe.name);
            let note = probe.note.as_ref().map(|note| format!(" ({note})"));
            writeln!(agree, "- {}{}", probe.name, note.unwrap_or_default()).unwrap();
        } else {
            writeln!(differ, "### {}\n", probe.name).unwrap();
            if let Some(note) = &probe.note {
                writeln!(differ, "{note}\n").unwrap();
            }
            block(&mut differ, "python", &probe.code);
            differ.push_str("Here, and in CPython:\n\n");
            block(&mut differ, "text", &found);
            block(&mut differ, "text", &probe.cpython);
        }
    }
    writeln!(text, "\n## {title}\n").unwrap();
    if !agree.is_empty() {
        writeln!(text, "As in CPython:\n\n{agree}").unwrap();
    }
    text.push_str(&differ);
    text.truncate(text.trim_end().len());
    text.push('\n');
}

async fn modules(text: &mut String) {
    let names: Vec<&str> = MODULES.split_whitespace().collect();
    let source =
        include_str!("../limitations/modules.py").replace("MODULES", &format!("{names:?}"));
    let outcome = run(Script::new(source)).await;
    let lines: Vec<(&str, &str, &str)> = outcome
        .stdout
        .text
        .lines()
        .map(|line| {
            let (name, rest) = line.split_once('|').unwrap();
            let (state, why) = rest.split_once('|').unwrap();
            (name, state, why)
        })
        .collect();
    assert_eq!(lines.len(), names.len(), "{outcome:#?}");
    let of = |wanted: &str| {
        let found = lines.iter().filter(|(_, state, _)| *state == wanted);
        let quoted: Vec<String> = found.map(|(name, ..)| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    writeln!(
        text,
        "\n## Modules\n\nThese import and work: {}.\n",
        of("works")
    )
    .unwrap();
    writeln!(
        text,
        "These import, and stand in for what the sandbox cannot have (see below): {}.\n",
        of("stand-in")
    )
    .unwrap();
    text.push_str("These do not import; the error says why:\n\n| module | error |\n|---|---|\n");
    for (name, state, why) in &lines {
        assert_ne!(*state, "broken", "{name}: {why}");
        if *state == "absent" {
            writeln!(text, "| `{name}` | {why} |").unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limitations_are_written_from_what_is_true() {
    let probes = fs::read_to_string(repository("tests/limitations/probes.toml")).unwrap();
    let probes: Probes = toml::from_str(&probes).unwrap();
    let mut text = HEAD.to_owned();
    modules(&mut text).await;
    for (title, kind) in [
        ("The language", Part::Language),
        ("The standard library", Part::Library),
        ("The system", Part::System),
        ("Defects of RustPython 0.6.0", Part::Defect),
    ] {
        part(&mut text, title, kind, &probes.probe).await;
    }
    let path = repository("guest/LIMITATIONS.md");
    if std::env::var_os("SANDGATE_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, text, "SANDGATE_BLESS=1 writes it anew");
}
