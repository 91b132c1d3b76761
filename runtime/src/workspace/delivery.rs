//! What comes from the host into a workspace and goes from it to the host: the files and directories that an operator
//! names. Used by `directory` and `memory`. Nothing of the host is replaced unless the operator says so, nothing copied is
//! executable, and what is not a regular file is neither read nor waited for. THREAT[ESC-05]

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt},
};
use rustix::fs::OFlags;
use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// A file of the host, opened to be copied in under its own name.
pub(super) struct InputFile {
    pub(super) name: OsString,
    pub(super) file: File,
}

impl InputFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
        let file = File::options()
            .read(true)
            .custom_flags(without_waiting().bits().cast_signed())
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(irregular());
        }
        Ok(Self {
            name: name.to_owned(),
            file,
        })
    }
}

/// A directory of the host that files are copied to.
pub(super) struct Delivery {
    to: Dir,
    /// Whether what is there gives way.
    replaces: bool,
}

impl Delivery {
    /// Made where it is missing.
    pub(super) fn to(directory: &Path, replaces: bool) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let to = Dir::open_ambient_dir(directory, ambient_authority())?;
        Ok(Self { to, replaces })
    }

    /// A new file there, with the directories above it.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        let mut made = PathBuf::new();
        for name in above.into_iter().flatten() {
            made.push(name);
            match self.to.create_dir(&made) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        if self.replaces {
            // A link goes and is not followed; a directory stays, and the file has no place.
            match self.to.remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(self.to.open_with(path, &options)?.into_std())
    }
}

pub(super) fn without_waiting() -> OFlags {
    OFlags::NONBLOCK | OFlags::NOCTTY
}

pub(super) fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Why a list ends.
pub(super) fn too_many(files: usize) -> String {
    format!("the workspace holds more than is listed; the first {files} files are")
}
