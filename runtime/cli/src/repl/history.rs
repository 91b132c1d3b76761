//! The statements of earlier sessions, in a file of the state directory that is opened before the wall is raised. It must
//! never hold more than a prompt can use, or be readable for others.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator's own file of what was typed"
)]

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

/// As much of the file as is read. What is older is dropped when the file is next opened.
const MOST: u64 = 256 << 10;

/// The statements, oldest first, and where new ones go.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) statements: Vec<String>,
    file: Option<File>,
}

impl History {
    /// Reads what there is. Without a directory to keep it in there is none, and that is no reason not to begin.
    pub(super) fn open(directory: Option<PathBuf>) -> Self {
        Self::read(directory).unwrap_or_default()
    }

    fn read(directory: Option<PathBuf>) -> Option<Self> {
        let directory = directory?;
        std::fs::create_dir_all(&directory).ok()?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("repl-history"))
            .ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MOST)))
            .ok()?;
        let mut bytes = Vec::new();
        (&file).take(MOST).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let mut statements: Vec<String> = text.lines().filter_map(read_line).collect();
        if length > MOST {
            // Its first line was cut.
            statements.drain(..1.min(statements.len()));
            let kept: String = statements.iter().map(|statement| line(statement)).collect();
            file.set_len(0).ok()?;
            file.seek(SeekFrom::Start(0)).ok()?;
            file.write_all(kept.as_bytes()).ok()?;
        }
        Some(Self {
            statements,
            file: Some(file),
        })
    }

    /// Keeps one more.
    pub(super) fn keep(&mut self, statement: &str) {
        if let Some(file) = &mut self.file {
            // A full disk is no reason to end a session.
            let _ = file.write_all(line(statement).as_bytes());
        }
    }
}

/// One statement a line, as JSON.
fn line(statement: &str) -> String {
    format!("{}\n", serde_json::Value::from(statement))
}

fn read_line(line: &str) -> Option<String> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_typed_is_there_the_next_time_and_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let open = || History::open(Some(directory.path().join("state")));
        let mut history = open();
        assert!(history.statements.is_empty());
        history.keep("x = 1");
        history.keep("for n in x:\n    print('é')");
        assert_eq!(open().statements, ["x = 1", "for n in x:\n    print('é')"]);
        let mode = std::fs::metadata(directory.path().join("state/repl-history"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(History::open(None).statements.is_empty());
    }

    #[test]
    fn what_no_prompt_could_use_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let open = || History::open(Some(directory.path().to_owned()));
        let mut history = open();
        for number in 0..30_000 {
            history.keep(&format!("number_{number} = 0"));
        }
        let last = open().statements;
        assert_eq!(last.last().unwrap(), "number_29999 = 0");
        let length = std::fs::metadata(directory.path().join("repl-history"))
            .unwrap()
            .len();
        assert!(length <= MOST, "{length}");
        assert_eq!(open().statements, last);
    }
}
