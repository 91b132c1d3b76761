//! Where a directory lies in its workspace, as the kernel says, so that it holds after any renaming above it. Called by
//! `names` before anything is made or moved.

use cap_std::fs::Dir;
use rustix::{
    fs::{CWD, readlinkat},
    io::Errno,
};
use std::os::fd::AsRawFd;

/// How many names lead somewhere from the workspace, and how many bytes they are with separators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) depth: usize,
    pub(super) length: usize,
}

impl Place {
    pub(super) fn of(root: &Dir, dir: &Dir) -> Result<Self, Errno> {
        let (root, path) = (path(root)?, path(dir)?);
        let inside = match root.as_slice() {
            b"/" => path.as_slice(),
            // Moved out of the workspace by somebody else.
            root => path.strip_prefix(root).ok_or(Errno::PERM)?,
        };
        let names = match inside.split_first() {
            None => return Ok(Self::default()),
            Some((b'/', [])) => return Ok(Self::default()),
            Some((b'/', names)) => names,
            Some(_) => return Err(Errno::PERM),
        };
        Ok(Self {
            depth: names.split(|byte| *byte == b'/').count(),
            length: names.len(),
        })
    }

    /// The place of a name in this directory.
    pub(super) fn below(self, name: &str) -> Self {
        let separator = usize::from(self.depth > 0);
        Self {
            depth: self.depth.saturating_add(1),
            length: self
                .length
                .saturating_add(separator)
                .saturating_add(name.len()),
        }
    }

    /// The deepest and longest place in a tree of that extent here.
    pub(super) fn with(self, extent: Self) -> Self {
        let separator = usize::from(extent.depth > 0);
        Self {
            depth: self.depth.saturating_add(extent.depth),
            length: self
                .length
                .saturating_add(separator)
                .saturating_add(extent.length),
        }
    }
}

/// The path of an open directory; an error where it is longer than a path can be.
fn path(dir: &Dir) -> Result<Vec<u8>, Errno> {
    let link = format!("/proc/self/fd/{}", dir.as_raw_fd());
    let path = readlinkat(CWD, link, Vec::with_capacity(256))?;
    Ok(path.into_bytes())
}
