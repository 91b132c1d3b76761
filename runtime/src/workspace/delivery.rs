//! What comes from the host into a workspace and goes from it to the host: the files and directories that an operator
//! names. Used by `directory` and `memory`. Nothing of the host is replaced unless the operator says so, nothing copied is
//! executable, and what is not a regular file is neither read nor waited for. THREAT[ESC-05]

use super::{
    MOST_LISTED,
    walk::{Next, Visit, WalkEntry, walk},
};
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt},
};
use rustix::fs::{FileType, OFlags};
use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt as _},
    path::{Component, Path, PathBuf},
};

/// What takes files and directories in, each by its path below the workspace. What has a name already is replaced where it
/// is a file.
pub(super) trait Intake {
    /// Makes a directory, whose own one is there, unless it is there.
    fn directory(&mut self, path: &str) -> io::Result<()>;

    fn file(&mut self, path: &str, file: File) -> io::Result<()>;
}

/// What is copied in: a file of the host, or a directory with everything in it.
pub(super) enum InputTree {
    File(File),
    Directory(Dir),
}

impl InputTree {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .custom_flags(without_waiting().bits().cast_signed())
            .open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Ok(Self::Directory(Dir::from_std_file(file)));
        }
        if !metadata.is_file() {
            return Err(irregular());
        }
        Ok(Self::File(file))
    }

    /// Copies it, under this name.
    pub(super) fn copy(self, name: &str, into: &mut impl Intake) -> io::Result<()> {
        let is_plain = |part| matches!(part, Component::Normal(_));
        if name.is_empty() || !Path::new(name).components().all(is_plain) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{name}` names nothing below the workspace"),
            ));
        }
        for (at, _) in name.match_indices('/') {
            into.directory(name.split_at_checked(at).unwrap_or_default().0)?;
        }
        match self {
            Self::File(file) => into.file(name, file),
            Self::Directory(directory) => {
                into.directory(name)?;
                let mut copying = Copying {
                    name,
                    into,
                    entries: 0,
                };
                walk(&directory, &mut copying)
            }
        }
    }
}

/// A directory on its way in.
struct Copying<'a, I> {
    name: &'a str,
    into: &'a mut I,
    entries: usize,
}

impl<I: Intake> Visit for Copying<'_, I> {
    fn meet(&mut self, entry: &WalkEntry<'_>) -> io::Result<Next> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > MOST_LISTED {
            return Err(io::Error::other(format!(
                "it holds more than {MOST_LISTED} files and directories, which only a workspace in a directory can"
            )));
        }
        let path = String::from_utf8_lossy(&entry.path()).into_owned();
        let inside =
            |error: io::Error| io::Error::new(error.kind(), format!("`{path}` in it: {error}"));
        let name = format!("{}/{path}", self.name);
        match entry.kind {
            FileType::Directory => self.into.directory(&name).map_err(inside)?,
            FileType::RegularFile => {
                let mut options = OpenOptions::new();
                let flags = without_waiting() | OFlags::NOFOLLOW;
                options.read(true).custom_flags(flags.bits().cast_signed());
                let file = OsStr::from_bytes(entry.name.to_bytes());
                let file = entry.dir.open_with(file, &options).map_err(inside)?;
                self.into.file(&name, file.into_std()).map_err(inside)?;
            }
            // What a link leads to was not named by whoever named the directory.
            FileType::Symlink => return Err(inside(io::Error::other("links are not followed"))),
            _ => return Err(inside(irregular())),
        }
        Ok(Next::In)
    }

    fn closed(&mut self, path: &[u8], error: io::Error) -> io::Result<()> {
        let path = String::from_utf8_lossy(path);
        Err(io::Error::new(
            error.kind(),
            format!("`{path}` in it: {error}"),
        ))
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
