//! Scripts with what they must come to: one directory a case below `tests/specs`, so that adding one needs no Rust.
//! `script.py` is run; `expected.txt` is its status, its exception, its value, its two streams and its traceback.
//! `SANDGATE_BLESS=1 cargo test specs` writes what is, for a person to read before it is committed.

use crate::support::{repository, run};
use sandgate::{Outcome, Script, Value};
use std::{fs, path::PathBuf};

fn cases(directory: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(repository("tests/specs").join(directory))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn described(outcome: &Outcome) -> String {
    let mut text = format!("status: {:?}\n", outcome.status).to_lowercase();
    if let Some(exception) = &outcome.exception {
        text.push_str(&format!(
            "exception: {}: {}\n",
            exception.kind, exception.message
        ));
    }
    match &outcome.value {
        Some(Value::Json(json)) => text.push_str(&format!("value: {}\n", json.get())),
        Some(Value::Repr(repr)) => text.push_str(&format!("repr: {repr}\n")),
        None => {}
    }
    for (name, stream) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        if !stream.text.is_empty() {
            text.push_str(&format!("--- {name}\n{}", stream.text));
        }
    }
    if let Some(exception) = &outcome.exception {
        text.push_str(&format!("--- traceback\n{}", exception.traceback));
    }
    text
}

async fn hold(directory: &str) {
    let mut wrong = Vec::new();
    for case in cases(directory) {
        let source = fs::read_to_string(case.join("script.py")).unwrap();
        let found = described(&run(Script::new(source)).await);
        let expected = case.join("expected.txt");
        if std::env::var_os("SANDGATE_BLESS").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if found != wanted {
            wrong.push(format!(
                "{}\n=== expected\n{wanted}\n=== found\n{found}",
                case.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_language_is_what_its_specs_say() {
    hold("language").await;
}
