//! What tests share: one sandbox for all of them, and short ways to run a script in it.

pub(crate) mod counted;
pub(crate) mod desk;
pub(crate) mod echo;
pub(crate) mod hostile;
pub(crate) mod liar;
pub(crate) mod meeting;
mod office;
pub(crate) mod people;
pub(crate) mod terminal;
pub(crate) mod witness;

pub(crate) use office::Office;

use sandgate::{
    Context, Limits, Outcome, Sandbox, Script, Status,
    policy::{ContextNumber, Principal},
    service::Identity,
};
use serde_json::{Value, json};
use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Once},
    time::Duration,
};
use tokio::sync::OnceCell;

/// Images survive between test runs, and are not the user's.
pub(crate) fn cache_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// The program `test` of a context that services know by this number; 0 is an administrator.
pub(crate) fn caller(context: &str, number: u32, user: Option<&str>, claims: &[&str]) -> Principal {
    let number = NonZeroU32::new(number);
    let number = number.map_or(ContextNumber::Administrator, ContextNumber::Number);
    let caller = Principal::new(context, number, "test").unwrap();
    let caller = match user {
        Some(user) => caller.with_user(user).unwrap(),
        None => caller,
    };
    caller.with_claims(claims.iter().copied()).unwrap()
}

/// The same, as services are told of it.
pub(crate) fn identity(
    context: &str,
    number: u32,
    user: Option<&str>,
    claims: &[&str],
) -> Identity {
    Identity::of(&caller(context, number, user, claims)).unwrap()
}

/// How many threads a process has, each of which must be behind the second wall. `/proc/PID/task` lists them.
pub(crate) fn threads_behind_the_wall(tasks: &Path) -> usize {
    let mut threads = 0;
    for thread in fs::read_dir(tasks).unwrap().flatten() {
        // One that has ended meanwhile is behind no wall.
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else {
            continue;
        };
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        assert_eq!(
            (of("NoNewPrivs:"), of("Seccomp:"), of("Seccomp_filters:")),
            ("1".to_owned(), "2".to_owned(), "2".to_owned()),
            "{status}"
        );
        threads += 1;
    }
    threads
}

/// The files of a directory of the repository whose names end so, with their texts.
pub(crate) fn files(directory: &str, extension: &str) -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, extension: &str, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    walk(&path, extension, found);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&repository(directory), extension, &mut found);
    assert!(!found.is_empty(), "{directory}");
    found
}

/// Whether an item is only there for tests or for fuzzing.
pub(crate) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| {
                let text = list.tokens.to_string();
                text == "test" || text.contains("fuzzing")
            })
    })
}

/// The sandbox of all tests.
pub(crate) async fn sandbox() -> Sandbox {
    static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();
    SANDBOX
        .get_or_init(|| async {
            let builder = Sandbox::builder().cache_dir(cache_dir());
            builder.build().await.expect("the image can be prepared")
        })
        .await
        .clone()
}

/// Limits that a test can wait for.
pub(crate) fn limits() -> Limits {
    Limits {
        wall: Duration::from_mins(5),
        cpu: Duration::from_mins(5),
        ..Limits::default()
    }
}

/// Runs a script with these limits.
pub(crate) async fn run_limited(script: Script, limits: Limits) -> Outcome {
    let context = Context::alone(limits);
    sandbox()
        .await
        .run(script, &context)
        .await
        .expect("the run can be carried out")
}

/// Runs a script.
pub(crate) async fn run(script: Script) -> Outcome {
    run_limited(script, limits()).await
}

/// Runs source that must end well, and returns what it printed.
pub(crate) async fn printed(source: &str) -> String {
    let outcome = run(Script::new(source)).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    outcome.stdout.text
}

/// Runs source that must raise, and returns the last line of the traceback.
pub(crate) async fn raised(source: &str) -> String {
    let outcome = run(Script::new(source)).await;
    assert_eq!(outcome.status, Status::Raised, "{outcome:#?}");
    let exception = outcome.exception.unwrap();
    format!("{}: {}", exception.kind, exception.message)
}

/// A workspace of its own, in memory.
pub(crate) fn scratch() -> Arc<sandgate::Workspace> {
    Arc::new(sandgate::Workspace::memory())
}

/// Runs the command with the tests' cache; returns exit code, standard output and standard error.
pub(crate) fn sandgate(arguments: &[&str]) -> (i32, String, String) {
    finished(command(arguments).output().unwrap())
}

/// The command with the tests' cache, not started. The image is there, so that nothing is said about preparing it.
pub(crate) fn command(arguments: &[&str]) -> Command {
    static WARM: Once = Once::new();
    WARM.call_once(|| {
        let cache = sandgate::ImageCache::new(Some(cache_dir())).unwrap();
        cache.warm(None).unwrap();
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandgate"));
    command
        .env_clear()
        .env("SANDGATE_CACHE_DIR", cache_dir())
        // All tests write one journal, as the commands of a user do; what is no directory keeps nothing else.
        .env("HOME", "/nonexistent")
        .env("SANDGATE_STATE_DIR", state_dir())
        .args(arguments);
    command
}

/// Where the commands of tests that name no other place keep things.
fn state_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("state")
}

/// Whether that is the name of a run, or of a question.
pub(crate) fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() == 26 && text.starts_with("01") && text.bytes().all(is_letter)
}

/// The same text without the names of runs, which are new every time.
pub(crate) fn without_names(text: &str) -> String {
    let mut shown = text.to_owned();
    while let Some(at) = shown
        .match_indices("01")
        .map(|(at, _)| at)
        .find(|at| shown.get(*at..at + 26).is_some_and(is_name))
    {
        shown.replace_range(at..at + 26, "NAME");
    }
    shown
}

/// What a command left.
pub(crate) fn finished(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What an answer of JSON-RPC says: its result, or its error.
pub(crate) fn result_or_error(mut reply: Value) -> Value {
    let part = if reply.get("error").is_some() {
        "error"
    } else {
        "result"
    };
    reply[part].take()
}

/// Parameters as clients of MCP send them since 2026.
pub(crate) fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}
    });
    params
}
