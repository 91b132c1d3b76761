//! A process that dies in the middle of a run, at each place that an embedder can reach: never is a change made twice, none is made
//! without a line that was on the disk before, and what only a person can tell is said to be unknown. The process is this binary,
//! started again with the name of the place in `SANDGATE_DIES`.

mod faults;
mod matrix;
mod rivals;
mod shop;

use crate::support::{cache_dir, limits};
use sandgate::{
    Answer, Approver, Entry, Host, Journal, PastRun, Question, RunFilter, Sandbox, Status,
    policy::Effect,
    service::{ToolError, Tools},
};
use std::{
    fs,
    future::{Future, ready},
    io::Write,
    path::{Path, PathBuf},
    pin::Pin,
    process::{Command, abort},
    sync::Arc,
};

const POLICY: &str = "@because(\"It may look.\") permit (principal, action in Action::\"read\", resource);
@because(\"A person looks first.\") @gate(\"approve\") permit (principal, action in Action::\"write\", resource);\n";
const SCRIPT: &str = "from services import shop
print('first', shop.look())
print('changed', shop.change())
print('second', shop.look())
";

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dies {
    /// While the first read is under way.
    Reading,
    /// While a person looks at the change.
    Asking,
    /// When the change has reached the service, and was not made.
    Sent,
    /// When it was made, and nobody was told.
    Made,
    /// When the answer is known, and the read after it is under way.
    Answered,
    Never,
}

impl Dies {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Reading, "reading"),
        (Self::Asking, "asking"),
        (Self::Sent, "sent"),
        (Self::Made, "made"),
        (Self::Answered, "answered"),
    ];
}

/// Says yes, unless the process is to die before it has.
#[derive(Debug)]
struct Agrees(Dies);

impl Approver for Agrees {
    fn ask<'a>(&'a self, _: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        if self.0 == Dies::Asking {
            abort();
        }
        Box::pin(ready(Answer::Yes))
    }
}

fn made(state: &Path) -> Vec<String> {
    let made = fs::read_to_string(state.join("made")).unwrap_or_default();
    made.lines().map(ToOwned::to_owned).collect()
}

async fn host(state: &Path, dies: Dies) -> Host {
    let (looks, changes): (PathBuf, PathBuf) = (state.to_owned(), state.to_owned());
    let tools = Tools::new("shop", "What is sold.")
        .tool("look", "Looks.", Effect::Read, move |(): ()| {
            let after = made(&looks).len();
            if dies == Dies::Reading || (dies == Dies::Answered && after > 0) {
                abort();
            }
            ready(Ok::<_, ToolError>(after))
        })
        .tool("change", "Changes.", Effect::Write, move |(): ()| {
            if dies == Dies::Sent {
                abort();
            }
            let file = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(changes.join("made"));
            // As the disk has it, before anything is sent.
            let intended = intended(&Journal::open(&changes).unwrap());
            writeln!(file.unwrap(), "after {intended} intended").unwrap();
            if dies == Dies::Made {
                abort();
            }
            ready(Ok::<_, ToolError>(true))
        });
    Host::builder()
        .sandbox(Sandbox::builder().cache_dir(cache_dir()))
        .tools(tools)
        .context("assistant", POLICY, "hero_context = 1\n")
        .approver(Arc::new(Agrees(dies)))
        .journal(Journal::open(state).unwrap())
        .build()
        .await
        .unwrap()
}

fn intended(journal: &Journal) -> usize {
    let lines = journal.lines(None, 0, 1_000).unwrap();
    lines
        .iter()
        .filter(|line| matches!(Entry::decode(&line.body).unwrap(), Entry::Intended { .. }))
        .count()
}

/// The process that dies; nothing in any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_dies() {
    let (Some(state), Ok(dies)) = (
        std::env::var_os("SANDGATE_DIES_IN"),
        std::env::var("SANDGATE_DIES"),
    ) else {
        return;
    };
    let dies = Dies::ALL.iter().find(|(_, name)| *name == dies).unwrap().0;
    let host = host(Path::new(&state), dies).await;
    let caller = host.context("assistant").unwrap().tightened(limits());
    let outcome = caller.run(SCRIPT).await.unwrap();
    panic!("it lives: {outcome:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jrn_04_a_process_that_dies_anywhere_leaves_a_run_that_goes_on_or_is_unknown_and_no_change_is_made_twice()
 {
    for (dies, name) in Dies::ALL {
        let place = tempfile::tempdir().unwrap();
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_process_that_dies", "--nocapture"])
            .env("SANDGATE_DIES_IN", place.path())
            .env("SANDGATE_DIES", name)
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), None, "{name}: {ended:?}");

        let journal = Journal::open(place.path()).unwrap();
        assert_eq!(journal.verify().unwrap().problems, [], "{name}");
        let runs = journal.runs(&RunFilter::default()).unwrap();
        assert_eq!(
            runs.iter()
                .map(|run| run.status.as_str())
                .collect::<Vec<_>>(),
            match runs.len() {
                // A run that dies within milliseconds of its beginning may have changed nothing, and be nowhere.
                0 if matches!(dies, Dies::Reading | Dies::Asking) => vec![],
                _ => vec!["interrupted"],
            },
            "{name}"
        );
        let Some(run) = runs.first().map(|run| run.run) else {
            continue;
        };
        let host = host(place.path(), Dies::Never).await;
        let caller = host.context("assistant").unwrap().tightened(limits());
        let past = PastRun::read(&journal, &run.to_string()).unwrap();
        let resumed = past
            .resume(host.sandbox(), caller.context(), None, None)
            .await;
        match dies {
            Dies::Sent | Dies::Made => assert_eq!(
                resumed.unwrap_err().to_string(),
                format!(
                    "nobody knows whether call 3 of the run {run}, shop.change, was made: it was about to be sent, and no answer is known"
                )
            ),
            _ => {
                let outcome = resumed.unwrap();
                assert_eq!(
                    (outcome.status, outcome.stdout.text.as_str()),
                    (Status::Ok, "first 0\nchanged True\nsecond 1\n"),
                    "{name}"
                );
            }
        }
        let expected: &[&str] = match dies {
            Dies::Sent => &[],
            _ => &["after 1 intended"],
        };
        assert_eq!(made(place.path()), expected, "{name}");
        assert_eq!(journal.verify().unwrap().problems, [], "{name}");
    }
}

#[test]
fn jrn_04_a_build_that_is_shipped_has_no_place_to_die_at() {
    for (path, text) in crate::support::files("runtime", "toml") {
        let Ok(manifest) = text.parse::<toml::Table>() else {
            panic!("{}", path.display());
        };
        let of = |table: &str, name: &str| manifest.get(table)?.get(name).cloned();
        let asked = of("dependencies", "sandgate").and_then(|one| one.get("features").cloned());
        assert_eq!(asked, None, "{}", path.display());
        assert_eq!(of("features", "default"), None, "{}", path.display());
    }
    let workspace = fs::read_to_string(crate::support::repository("Cargo.toml")).unwrap();
    assert!(!workspace.contains("failpoints"));
}
