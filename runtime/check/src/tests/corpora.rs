//! Every script of the repository, with the services that it uses: nothing is found wrong that is right.

use super::{CRM, Office};
use serde::Deserialize;
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// What a context of a test may do: everything.
const ANYTHING: &str =
    r#"@because("Anything may be called.") permit (principal, action, resource);"#;

#[derive(Deserialize)]
struct Mbpp {
    task_id: u32,
    code: String,
    test_list: Vec<String>,
}

#[derive(Deserialize)]
struct HumanEval {
    task_id: String,
    prompt: String,
    canonical_solution: String,
    test: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// In the order of their names.
#[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Scripts below a directory, each with the directory of its case.
fn scripts(directory: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(directory) {
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|end| end == "py") {
            found.push(path);
        }
    }
}

/// The services of a case, which are those of its documents.
fn documents(case: &Path) -> Vec<(String, String)> {
    let directories = ["documents", "policies/services"];
    let paths = directories
        .iter()
        .flat_map(|directory| entries(&case.join(directory)));
    let documents = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    documents
        .map(|path| {
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                read(&path),
            )
        })
        .collect()
}

/// The blocks of a guide.
fn blocks(guide: &str) -> Vec<String> {
    let blocks = guide.split("```python\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// What is wrong with a script, a line each.
fn mistakes(name: &str, source: &str, office: &Office) -> String {
    let mut text = String::new();
    for mistake in office.check(source).mistakes {
        writeln!(
            text,
            "{name}:{}:{} {}",
            mistake.line, mistake.column, mistake.message
        )
        .unwrap();
    }
    text
}

/// Each line of the snapshot is a mistake that its script makes, and means to make.
#[test]
fn no_script_of_the_repository_has_a_mistake_but_those_that_it_is_about() {
    let root = repository();
    let crm = Office::of("any", ANYTHING, &[("crm".to_owned(), CRM.to_owned())]);
    let mut found = String::new();
    let mut paths = Vec::new();
    for directory in [
        "tests/specs",
        "tests/corpora",
        "tests/limitations",
        "runtime/cli/src",
        "guest/python",
    ] {
        scripts(&root.join(directory), &mut paths);
    }
    assert!(paths.len() > 150, "{}", paths.len());
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let case = documents(path.parent().unwrap());
        let office = if case.is_empty() {
            &crm
        } else {
            &Office::of("any", ANYTHING, &case)
        };
        found.push_str(&mistakes(&name, &read(&path), office));
    }
    for guide in [
        "README.md",
        "policies/README.md",
        "guest/README.md",
        "guest/LIMITATIONS.md",
        "docs/SERVICES.md",
    ] {
        for block in blocks(&read(&root.join(guide))) {
            found.push_str(&mistakes(guide, &block, &crm));
        }
    }
    insta::assert_snapshot!(found);
}

#[test]
fn programs_that_others_collected_have_no_mistake() {
    let root = repository().join("tests/corpora");
    let crm = Office::of("any", ANYTHING, &[("crm".to_owned(), CRM.to_owned())]);
    let mut found = String::new();
    for line in read(&root.join("mbpp-sample.jsonl")).lines() {
        let task: Mbpp = serde_json::from_str(line).unwrap();
        let source = format!("{}\n{}", task.code, task.test_list.join("\n"));
        found.push_str(&mistakes(&task.task_id.to_string(), &source, &crm));
    }
    for line in read(&root.join("human-eval-sample.jsonl")).lines() {
        let task: HumanEval = serde_json::from_str(line).unwrap();
        let source = format!("{}{}\n{}", task.prompt, task.canonical_solution, task.test);
        found.push_str(&mistakes(&task.task_id, &source, &crm));
    }
    assert_eq!(found, "");
}
