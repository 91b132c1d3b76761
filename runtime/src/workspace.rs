//! The one directory that a script may be given, and its quota. Front ends fill it, list it and copy from it, always
//! through a directory handle, so that no name inside it can lead outside.

use crate::FileEntry;
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions, OpenOptionsExt},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Listing stops here, whatever a script has made.
const MOST_ENTRIES: usize = 10_000;
/// Deeper than any honest tree; bounds the walk.
const DEEPEST: usize = 64;

/// A directory that appears as `/work` in one run.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    dir: Dir,
    /// Removed when the workspace is dropped.
    temporary: Option<tempfile::TempDir>,
}

/// Why a workspace could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// It is missing, no directory, or not ours to open.
    #[error("the workspace `{}` cannot be opened", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be copied into it.
    #[error("`{}` cannot be copied into the workspace", path.display())]
    CopyIn {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be copied out of it.
    #[error("`{name}` cannot be copied from the workspace to `{}`", path.display())]
    CopyOut {
        /// Which one.
        name: String,
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be listed.
    #[error("the workspace cannot be listed")]
    List(#[source] io::Error),
}

impl Workspace {
    /// An empty directory that is removed with the workspace.
    pub fn temporary() -> Result<Self, WorkspaceError> {
        let open = |source| WorkspaceError::Open {
            path: std::env::temp_dir(),
            source,
        };
        let temporary = tempfile::Builder::new()
            .prefix("sandgate-")
            .tempdir()
            .map_err(open)?;
        let mut workspace = Self::open(temporary.path())?;
        workspace.temporary = Some(temporary);
        Ok(workspace)
    }

    /// An existing directory, which stays when the workspace is dropped. The script can change everything in it.
    pub fn open(path: &Path) -> Result<Self, WorkspaceError> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(|source| {
            WorkspaceError::Open {
                path: path.to_owned(),
                source,
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            dir,
            temporary: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies a file of the host into the workspace under its own name.
    pub fn copy_in(&self, path: &Path) -> Result<(), WorkspaceError> {
        let failed = |source| WorkspaceError::CopyIn {
            path: path.to_owned(),
            source,
        };
        let name = path
            .file_name()
            .ok_or_else(|| failed(io::Error::from(io::ErrorKind::IsADirectory)))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator named this file of the host"
        )]
        let mut from = std::fs::File::open(path).map_err(failed)?;
        if !from.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a regular file",
            )));
        }
        let mut to = self.create(Path::new(name)).map_err(failed)?;
        io::copy(&mut from, &mut to).map_err(failed)?;
        Ok(())
    }

    fn create(&self, name: &Path) -> io::Result<File> {
        self.dir.open_with(
            name,
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600),
        )
    }

    /// Every regular file in it, by path. Links and whatever else a script could not have made are left out.
    pub fn files(&self) -> Result<Vec<FileEntry>, WorkspaceError> {
        let mut walk = Walk::default();
        walk.visit(&self.dir, "", 0).map_err(WorkspaceError::List)?;
        walk.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(walk.files)
    }

    /// What the files occupy and how many entries there are.
    pub(crate) fn occupied(&self) -> io::Result<(u64, u64)> {
        let mut walk = Walk::default();
        walk.visit(&self.dir, "", 0)?;
        let bytes = walk
            .files
            .iter()
            .fold(0_u64, |sum, file| sum.saturating_add(file.size));
        Ok((bytes, walk.entries))
    }

    /// Copies everything in it to a directory of the host, which is made where it is missing. Existing files are not
    /// replaced, and nothing copied is executable: THREAT[ESC-05].
    pub fn copy_out(&self, to: &Path) -> Result<Vec<FileEntry>, WorkspaceError> {
        let files = self.files()?;
        let at = |name: &str| {
            let (name, path) = (name.to_owned(), to.to_owned());
            move |source| WorkspaceError::CopyOut { name, path, source }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator named this directory of the host"
        )]
        std::fs::create_dir_all(to).map_err(at("."))?;
        let target = Dir::open_ambient_dir(to, ambient_authority()).map_err(at("."))?;
        for file in &files {
            let path = Path::new(&file.path);
            if let Some(parent) = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                target.create_dir_all(parent).map_err(at(&file.path))?;
            }
            let mut from = self.dir.open(path).map_err(at(&file.path))?;
            let options = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .clone();
            let mut into = target.open_with(path, &options).map_err(at(&file.path))?;
            io::copy(&mut from, &mut into).map_err(at(&file.path))?;
        }
        Ok(files)
    }
}

#[derive(Default)]
struct Walk {
    files: Vec<FileEntry>,
    entries: u64,
}

impl Walk {
    fn visit(&mut self, dir: &Dir, prefix: &str, depth: usize) -> io::Result<()> {
        if depth > DEEPEST {
            return Ok(());
        }
        for entry in dir.entries()? {
            let entry = entry?;
            self.entries = self.entries.saturating_add(1);
            if self.files.len() >= MOST_ENTRIES {
                return Ok(());
            }
            let name = entry.file_name();
            let path = if prefix.is_empty() {
                name.to_string_lossy().into_owned()
            } else {
                format!("{prefix}/{}", name.to_string_lossy())
            };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.visit(&entry.open_dir()?, &path, depth.saturating_add(1))?;
            } else if kind.is_file() {
                self.files.push(FileEntry {
                    path,
                    size: entry.metadata()?.len(),
                });
            }
        }
        Ok(())
    }
}

/// How much of its workspace a run may still use. Every change is counted as growth; when that reaches the limit the
/// directory itself is measured, so that replacing a file does not add up.
#[derive(Debug)]
pub(crate) struct Quota {
    bytes: u64,
    files: u64,
    most_bytes: u64,
    most_files: u64,
}

impl Quota {
    pub(crate) fn new(workspace: &Workspace, most_bytes: u64, most_files: u64) -> io::Result<Self> {
        let (bytes, files) = workspace.occupied()?;
        Ok(Self {
            bytes,
            files,
            most_bytes,
            most_files,
        })
    }

    /// Room for so many more bytes and entries? What is granted is counted.
    pub(crate) fn take(&mut self, workspace: &Workspace, bytes: u64, files: u64) -> bool {
        if !self.fits(bytes, files) {
            let Ok((occupied, entries)) = workspace.occupied() else {
                return false;
            };
            (self.bytes, self.files) = (occupied, entries);
        }
        let fits = self.fits(bytes, files);
        if fits {
            self.bytes = self.bytes.saturating_add(bytes);
            self.files = self.files.saturating_add(files);
        }
        fits
    }

    fn fits(&self, bytes: u64, files: u64) -> bool {
        self.bytes.saturating_add(bytes) <= self.most_bytes
            && self.files.saturating_add(files) <= self.most_files
    }
}
