//! Scripts with what they must come to: one directory a case below `tests/specs`, so that adding one needs no Rust.
//! `script.py` is run; `expected.txt` is its status, its exception, its value, its two streams and its traceback.
//! Below `cli`, `policy` and `services` it is `commands.sh`: each line is given to a shell, in a copy of the directory, and `expected.txt` is
//! what a person would see at a terminal that shows both streams, with the exit code where it is not 0.
//! A case that has `documents/NAME.json` has a service of that name at `sockets/NAME/rpc.sock` (`support/echo.rs`).
//! `SANDGATE_BLESS=1 cargo test specs` writes what is, for a person to read before it is committed.

use crate::support::{cache_dir, command, echo::serve_documents, is_name, repository, run};
use sandgate::{Exception, Outcome, Script, Value};
use std::{
    fmt::{self, Display, Formatter},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
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

/// What is on the screen when all commands of a case have been typed.
fn screen(case: &Path) -> String {
    let began = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let place = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .arg("-R")
        .arg(case.join("."))
        .arg(place.path())
        .status();
    assert!(copied.unwrap().success());
    // Modes do not depend on who checked the case out.
    let modes = Command::new("chmod")
        .args(["-R", "u=rwX,go=rX"])
        .arg(place.path())
        .status();
    assert!(modes.unwrap().success());
    serve_documents(place.path());
    let binaries = Path::new(env!("CARGO_BIN_EXE_sandgate")).parent().unwrap();
    let mut screen = String::new();
    let commands = fs::read_to_string(case.join("commands.sh")).unwrap();
    for line in commands.lines().filter(|line| !line.is_empty()) {
        screen.push_str(&format!("$ {line}\n"));
        if line.starts_with('#') {
            continue;
        }
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{line}")])
            .current_dir(place.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", binaries.display()))
            .env("HOME", place.path().join("home"))
            .env("SANDGATE_CACHE_DIR", cache_dir())
            .env("SANDGATE_STATE_DIR", place.path().join("state"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        screen.push_str(&String::from_utf8(output.stdout).unwrap());
        match output.status.code() {
            Some(0) => {}
            code => screen.push_str(&format!("[exit {}]\n", code.unwrap_or(-1))),
        }
    }
    let screen = screen.replace(&place.path().display().to_string(), "HERE");
    let screen = without_what_changes(&screen, &began);
    // Hashes depend on every input; that they do is tested where they are made.
    let words = screen.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(
            |word| match word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()) {
                hash if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    word.replace(hash, "HASH")
                }
                _ => word.to_owned(),
            },
        )
        .collect()
}

/// The names of runs and questions in the order in which they appear, and no times.
fn without_what_changes(screen: &str, began: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    // How long a question waits depends on when it was asked; other times are of this test, or the case names them.
    let (mut until, now) = (
        false,
        humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    );
    let words = screen.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "-:".contains(c)));
    words
        .map(|word| {
            let text = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_name(text) {
                let known = names.iter().position(|name| name == text);
                let number = known.unwrap_or_else(|| {
                    names.push(text.to_owned());
                    names.len() - 1
                });
                return word.replace(text, &format!("NAME-{}", number + 1));
            }
            let is_time = text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
            let is_until = std::mem::replace(&mut until, text == "until");
            let is_of_this_test = is_time && (began..=now.as_str()).contains(&text);
            if is_time && is_until || is_of_this_test {
                return word.replace(text, "SOME-TIME");
            }
            word.to_owned()
        })
        .collect()
}

async fn hold(directory: &str) {
    let mut wrong = Vec::new();
    for case in cases(directory) {
        let found = if case.join("commands.sh").exists() {
            screen(&case)
        } else {
            let source = fs::read_to_string(case.join("script.py")).unwrap();
            described(&run(Script::new(source)).await)
        };
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

/// What CPython does with each, but for waits that it would never end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_come_to_what_their_specs_say() {
    hold("threads").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_is_what_its_specs_say() {
    // The image is there before anything is shown.
    drop(command(&[]));
    hold("cli").await;
    hold("policy").await;
    hold("services").await;
}
