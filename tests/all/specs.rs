//! Scripts with what they must come to: one directory a case below `tests/specs`, so that adding one needs no Rust.
//! `script.py` is run; `expected.txt` is its status, its exception, its value, its two streams and its traceback.
//! `SANDGATE_BLESS=1 cargo test specs` writes what is, for a person to read before it is committed.

use crate::support::{repository, run};
use sandgate::{Exception, Outcome, Script, Value};
use std::{
    fmt::{self, Display, Formatter},
    fs,
    path::PathBuf,
};

pub(crate) fn cases(directory: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(repository("tests/specs").join(directory))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// What is said of an outcome.
pub(crate) struct Described<'a> {
    pub(crate) status: &'a str,
    pub(crate) exception: Option<&'a Exception>,
    pub(crate) value: Option<&'a Value>,
    pub(crate) stdout: &'a str,
    pub(crate) stderr: &'a str,
}

impl Display for Described<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "status: {}", self.status)?;
        if let Some(Exception { kind, message, .. }) = self.exception {
            writeln!(f, "exception: {kind}: {message}")?;
        }
        match self.value {
            Some(Value::Json(json)) => writeln!(f, "value: {}", json.get())?,
            Some(Value::Repr(repr)) => writeln!(f, "repr: {repr}")?,
            None => {}
        }
        for (name, text) in [("stdout", self.stdout), ("stderr", self.stderr)] {
            if !text.is_empty() {
                write!(f, "--- {name}\n{text}")?;
            }
        }
        if let Some(exception) = self.exception {
            write!(f, "--- traceback\n{}", exception.traceback)?;
        }
        Ok(())
    }
}

fn described(outcome: &Outcome) -> String {
    Described {
        status: &format!("{:?}", outcome.status).to_lowercase(),
        exception: outcome.exception.as_ref(),
        value: outcome.value.as_ref(),
        stdout: &outcome.stdout.text,
        stderr: &outcome.stderr.text,
    }
    .to_string()
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
