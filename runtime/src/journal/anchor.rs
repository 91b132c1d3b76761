//! Where the chain was seen to end, in a file beside the database: a line is added for each transaction, and an old file gives way
//! to a short one. THREAT[JRN-01]: who cuts off the newest lines of the journal would have to know of this one. It must never
//! name a line that is not kept.

#![expect(
    clippy::disallowed_methods,
    reason = "the anchor lies in the journal's own directory"
)]

use super::{digest::Digest, ledger::Anchor};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// An old file is made short when it is longer.
const LONGEST: u64 = 256 << 10;

/// The file.
#[derive(Debug)]
pub(super) struct AnchorFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl AnchorFile {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join("anchor");
        let file = opened(&path)?;
        let length = file.metadata()?.len();
        Ok(Self { path, file, length })
    }

    /// Notes where the chain ends. Called while nobody else can add to it.
    pub(super) fn note(&mut self, anchor: &Anchor) -> io::Result<()> {
        let kind = if anchor.durable { 'd' } else { 's' };
        let line = format!("{kind} {:020} {}\n", anchor.seq, anchor.hash);
        if self.length > LONGEST {
            let short = self.path.with_extension("new");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&short)?;
            file.write_all(line.as_bytes())?;
            std::fs::rename(&short, &self.path)?;
            self.file = opened(&self.path)?;
            self.length = 0;
        } else {
            self.file.write_all(line.as_bytes())?;
        }
        self.length = self.length.saturating_add(line.len() as u64);
        Ok(())
    }

    /// All that it says, in no order: processes add to it as they come. A line that a power cut left half is nothing.
    pub(super) fn read(&self) -> io::Result<Vec<Anchor>> {
        let text = String::from_utf8_lossy(&std::fs::read(&self.path)?).into_owned();
        Ok(text.lines().filter_map(anchor).collect())
    }
}

fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn anchor(line: &str) -> Option<Anchor> {
    let mut words = line.split(' ');
    let durable = match words.next()? {
        "d" => true,
        "s" => false,
        _ => return None,
    };
    let seq = words.next()?.parse().ok()?;
    let hash = hex::decode(words.next()?).ok()?;
    Some(Anchor {
        seq,
        hash: Digest::from_bytes(&hash)?,
        durable,
    })
}
