//! Taking a temporary workspace away, whatever a script left in it. Called when the workspace is dropped. It must never
//! depend on the depth of what is there, in stack or descriptors, nor touch anything outside.

use super::{
    entry::number,
    walk::{Entry, Next, Visit, walk},
};
use cap_std::fs::Dir;
use rustix::{
    fs::{AtFlags, FileType, unlinkat},
    io::Errno,
};
use std::{ffi::CStr, io, path::Path};

/// A file operation that was under way when its run ended may still make one entry; more rounds mean that somebody else
/// is at work.
const ROUNDS: usize = 4;

/// Empties a directory and removes it.
pub(super) fn remove(dir: &Dir, path: &Path) -> io::Result<()> {
    let mut result = Ok(());
    for _ in 0..ROUNDS {
        result = walk(dir, &mut Emptying).and_then(|()| std::fs::remove_dir(path));
        match &result {
            Err(error) if matches!(number(error), Errno::NOTEMPTY | Errno::EXIST) => {}
            _ => break,
        }
    }
    result
}

struct Emptying;

impl Visit for Emptying {
    fn meet(&mut self, entry: &Entry<'_>) -> io::Result<Next> {
        let flags = if entry.kind == FileType::Directory {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        match unlinkat(entry.dir, entry.name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(Next::Past),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(Next::In),
            Err(error) => Err(error.into()),
        }
    }

    fn leave(&mut self, parent: &Dir, name: &CStr) -> io::Result<()> {
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            // What is not empty now is looked at in another round.
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn closed(&mut self, _: &[u8], error: io::Error) -> io::Result<()> {
        match number(&error) {
            Errno::NOENT => Ok(()),
            _ => Err(error),
        }
    }
}
