//! Reads the files that decide what scripts may do. Whoever can write such a file decides, so it is used only when
//! that is its owner alone. THREAT[POL-07]

use crate::private;
use rustix::fs::{FileType, Mode, OFlags, Stat};
use sandgate_policy::ByteCount;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A policy that a person reviews is far shorter; an OpenRPC document of a thousand methods is about this long.
const LONGEST: usize = 4 << 20;

/// Why a file that decides is not used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum FileError {
    /// Missing, or not ours to open.
    #[error("`{}` cannot be read", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A link may point elsewhere tomorrow.
    #[error("`{}` is a symbolic link", path.display())]
    #[diagnostic(help("put the file itself there"))]
    Link {
        /// Which one.
        path: PathBuf,
    },
    /// Not a file, or not a directory where one is needed.
    #[error("`{}` is not a {expected}", path.display())]
    Kind {
        /// Which one.
        path: PathBuf,
        /// What was needed.
        expected: &'static str,
    },
    /// Somebody else could change it.
    #[error("`{}` can be written by others than its owner", path.display())]
    #[diagnostic(help("run `chmod go-w` on it"))]
    Writable {
        /// Which one.
        path: PathBuf,
    },
    /// Somebody else can change it.
    #[error("`{}` belongs to another user", path.display())]
    #[diagnostic(help("make it yours, or root's"))]
    Owner {
        /// Which one.
        path: PathBuf,
    },
    /// Nobody would have reviewed it.
    #[error("`{}` is longer than {}", path.display(), ByteCount(LONGEST))]
    Long {
        /// Which one.
        path: PathBuf,
    },
    /// Written while it was read.
    #[error("`{}` changed while it was read", path.display())]
    #[diagnostic(help("try again; write a new file beside it and rename that"))]
    Changed {
        /// Which one.
        path: PathBuf,
    },
    /// Another encoding.
    #[error("`{}` is not UTF-8", path.display())]
    #[diagnostic(help("save it as UTF-8"))]
    Encoding {
        /// Which one.
        path: PathBuf,
    },
}

/// The text of a file that decides.
pub fn read(path: &Path) -> Result<String, FileError> {
    let (file, before) = open(path, FileType::RegularFile)?;
    let mut bytes = Vec::new();
    let mut file = File::from(file);
    io::Read::by_ref(&mut file)
        .take(LONGEST.saturating_add(1) as u64)
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::Open {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() > LONGEST {
        return Err(FileError::Long {
            path: path.to_owned(),
        });
    }
    // Half of a policy file may be a policy file that permits more.
    let after = stat(&file, path)?;
    let changed = |stat: &Stat| {
        (
            stat.st_size,
            stat.st_mtime,
            stat.st_mtime_nsec,
            stat.st_ctime_nsec,
        )
    };
    if changed(&before) != changed(&after) || i64::try_from(bytes.len()) != Ok(after.st_size) {
        return Err(FileError::Changed {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|_| FileError::Encoding {
        path: path.to_owned(),
    })
}

/// Whether a directory is one whose files decide.
pub(crate) fn directory(path: &Path) -> Result<(), FileError> {
    open(path, FileType::Directory).map(drop)
}

/// Opens what is there and not what it points at, then looks at what was opened.
fn open(path: &Path, kind: FileType) -> Result<(rustix::fd::OwnedFd, Stat), FileError> {
    let owned = || path.to_owned();
    // A pipe in the place of a file must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    // A server reads policies again behind its wall, where there is no `open`.
    let file = rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty());
    let file = file.map_err(|error| match error {
        rustix::io::Errno::LOOP => FileError::Link { path: owned() },
        _ => FileError::Open {
            path: owned(),
            source: error.into(),
        },
    })?;
    let stat = stat(&file, path)?;
    if FileType::from_raw_mode(stat.st_mode) != kind {
        return Err(FileError::Kind {
            path: owned(),
            expected: match kind {
                FileType::Directory => "directory",
                _ => "regular file",
            },
        });
    }
    if private::others_may_write(stat.st_mode) {
        return Err(FileError::Writable { path: owned() });
    }
    if !private::is_trusted(stat.st_uid) {
        return Err(FileError::Owner { path: owned() });
    }
    Ok((file, stat))
}

fn stat(file: &impl rustix::fd::AsFd, path: &Path) -> Result<Stat, FileError> {
    rustix::fs::fstat(file).map_err(|error| FileError::Open {
        path: path.to_owned(),
        source: error.into(),
    })
}
