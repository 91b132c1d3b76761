//! Programs that others collected: each task with its own tests, in a fresh interpreter. A sample always; all of it
//! where a variable names the file (tests/corpora/README.md).

use crate::support::{limits, repository, run_limited};
use sandgate::{Limits, Script, Status};
use serde::Deserialize;
use std::{fs, path::PathBuf, time::Duration};

/// Tasks whose own tests depend on the order in which CPython iterates a set of small integers.
const SET_ORDER: &[u32] = &[2, 111, 193, 579, 769];

#[derive(Deserialize)]
struct Mbpp {
    task_id: u32,
    code: String,
    test_setup_code: Option<String>,
    test_list: Vec<String>,
}

#[derive(Deserialize)]
struct HumanEval {
    task_id: String,
    prompt: String,
    canonical_solution: String,
    test: String,
    entry_point: String,
}

fn lines<T: for<'a> Deserialize<'a>>(path: &PathBuf) -> Vec<T> {
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The names of the programs that do not end well.
async fn failures(programs: Vec<(String, String)>) -> Vec<String> {
    let limits = Limits {
        wall: Duration::from_secs(120),
        cpu: Duration::from_secs(120),
        ..limits()
    };
    let number = programs.len();
    let mut failed = Vec::new();
    for (name, source) in programs {
        if run_limited(Script::new(source), limits).await.status != Status::Ok {
            failed.push(name);
        }
    }
    println!("{} of {number}", number - failed.len());
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corpus_mbpp_passes_but_for_the_order_of_sets() {
    let path = std::env::var_os("SANDGATE_MBPP").map(PathBuf::from);
    let tasks: Vec<Mbpp> =
        lines(&path.unwrap_or_else(|| repository("tests/corpora/mbpp-sample.jsonl")));
    let ids: Vec<u32> = tasks.iter().map(|task| task.task_id).collect();
    let programs = tasks
        .into_iter()
        .map(|task| {
            let setup = task.test_setup_code.unwrap_or_default();
            (
                task.task_id.to_string(),
                format!("{}\n{setup}\n{}", task.code, task.test_list.join("\n")),
            )
        })
        .collect();
    let expected: Vec<String> = SET_ORDER
        .iter()
        .filter(|id| ids.contains(id))
        .map(ToString::to_string)
        .collect();
    assert_eq!(failures(programs).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corpus_human_eval_passes() {
    let path = std::env::var_os("SANDGATE_HUMANEVAL").map(PathBuf::from);
    let path = path.unwrap_or_else(|| repository("tests/corpora/human-eval-sample.jsonl"));
    let programs = lines::<HumanEval>(&path)
        .into_iter()
        .map(|task| {
            let HumanEval {
                task_id,
                prompt,
                canonical_solution,
                test,
                entry_point,
            } = task;
            (
                task_id,
                format!("{prompt}{canonical_solution}\n{test}\ncheck({entry_point})"),
            )
        })
        .collect();
    assert_eq!(failures(programs).await, Vec::<String>::new());
}
