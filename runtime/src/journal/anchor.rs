//! Where the chain was seen to end, in a file beside the database: a line is added for each transaction, and an old file gives way
//! to a short one. THREAT[JRN-01]: who cuts off the newest lines of the journal would have to know of this one. It must never
//! name a line that is not kept.

#![expect(
    clippy::disallowed_methods,
    reason = "the anchor lies in the journal's own directory"
)]

use super::{digest::Digest, ledger::Anchor};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// An old file is made short when it is longer.
const LONGEST: u64 = 256 << 10;

/// The file. Several processes add to it, and any of them may make it short.
#[derive(Debug)]
pub(super) struct AnchorFile {
    path: PathBuf,
    file: File,
}

impl AnchorFile {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join("anchor");
        let file = opened(&path)?;
        Ok(Self { path, file })
    }

    /// Notes that the chain has no line yet, before it has one: a journal whose first line was written by a process that died before
    /// it noted that is not taken for one whose anchor was taken away.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let nothing = Anchor {
            seq: 0,
            hash: Digest::default(),
            durable: false,
        };
        let begun = match self.lock()? {
            0 => self
                .file
                .write_all(written(&nothing).as_bytes())
                .and_then(|()| self.file.sync_all())
                .and_then(|()| self.lasts()),
            _ => Ok(()),
        };
        let _ = flock(&self.file, FlockOperation::Unlock);
        begun
    }

    /// Has the file's name be on the disk too.
    fn lasts(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Notes where the chain ends.
    pub(super) fn note(&mut self, anchor: &Anchor) -> io::Result<()> {
        let length = self.lock()?;
        let noted = if length > LONGEST {
            self.shorten(anchor)
        } else {
            self.file.write_all(written(anchor).as_bytes())
        };
        let _ = flock(&self.file, FlockOperation::Unlock);
        noted
    }

    /// Waits for whoever else adds to the file, and sees to it that it is still the one of this name. Tells how long it is.
    fn lock(&mut self) -> io::Result<u64> {
        loop {
            flock(&self.file, FlockOperation::LockExclusive)?;
            let (here, there) = (self.file.metadata()?, std::fs::metadata(&self.path));
            match there {
                Ok(there) if (there.dev(), there.ino()) == (here.dev(), here.ino()) => {
                    return Ok(here.len());
                }
                // Another process made it short, or somebody took it away.
                _ => self.file = opened(&self.path)?,
            }
        }
    }

    /// Makes a file of one line, which has its name only when it is on the disk. The old one stays locked, so
    /// that nobody else does the same meanwhile.
    fn shorten(&mut self, anchor: &Anchor) -> io::Result<()> {
        let furthest = self.read()?.into_iter().max_by_key(|known| known.seq);
        let furthest = furthest.filter(|known| known.seq > anchor.seq);
        let short = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&short)?;
        for anchor in furthest.iter().chain([anchor]) {
            file.write_all(written(anchor).as_bytes())?;
        }
        file.sync_data()?;
        std::fs::rename(&short, &self.path)
    }

    /// All that it says, in no order: processes add to it as they come. A line that a power cut left half is nothing.
    pub(super) fn read(&self) -> io::Result<Vec<Anchor>> {
        let text = String::from_utf8_lossy(&std::fs::read(&self.path)?).into_owned();
        Ok(text.lines().filter_map(anchor).collect())
    }
}

fn written(anchor: &Anchor) -> String {
    let kind = if anchor.durable { 'd' } else { 's' };
    format!("{kind} {:020} {}\n", anchor.seq, anchor.hash)
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
