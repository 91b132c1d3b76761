//! A file that is never written to, only replaced, and is read again where it was: tokens, and whatever else an operator changes under a
//! server that runs. Whether a file may be believed is for whoever reads it to say.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, PoisonError},
};

/// What tells a file from the one that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    number: u64,
    length: u64,
    changed: (i64, i64),
}

impl FileStamp {
    /// Of the file that is there now.
    #[must_use]
    pub fn of(found: &Metadata) -> Self {
        Self {
            number: found.ino(),
            length: found.len(),
            changed: (found.mtime(), found.mtime_nsec()),
        }
    }
}

/// What was read last, and of which file. Clones share it.
#[derive(Debug)]
pub struct ReplacedFile<T>(Arc<Mutex<Option<ReadFile<T>>>>);

#[derive(Debug)]
struct ReadFile<T> {
    /// Nothing where there was no file.
    stamp: Option<FileStamp>,
    content: Arc<T>,
}

impl<T> ReplacedFile<T> {
    /// What the file with this stamp says; it is read where it was not.
    pub fn current<E>(
        &self,
        stamp: Option<FileStamp>,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.stamp == stamp) {
            return Ok(Arc::clone(&known.content));
        }
        let content = Arc::new(read()?);
        *known = Some(ReadFile {
            stamp,
            content: Arc::clone(&content),
        });
        Ok(content)
    }
}

impl<T> Default for ReplacedFile<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for ReplacedFile<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
