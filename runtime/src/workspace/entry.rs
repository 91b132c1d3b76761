//! What a file or directory is, as the file system says, before any of it is shown to a script: identity, kind, size,
//! names, times. Called by everything in `workspace`. It holds numbers of the host, which must not reach a script as
//! they are.

use cap_std::fs::{Metadata, MetadataExt};
use rustix::{fs::FileType, io::Errno};
use std::io;

/// A file, whatever it is called: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileIdentity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(super) identity: FileIdentity,
    pub(crate) kind: FileType,
    pub(crate) links: u64,
    pub(crate) size: u64,
    /// Of the last access, modification and change, in nanoseconds since 1970.
    pub(crate) times: [u64; 3],
}

impl Seen {
    /// A directory in memory that has not been made yet, as it will be.
    pub(crate) fn empty_directory(millis: u64) -> Self {
        Self {
            identity: FileIdentity {
                device: 0,
                inode: 1,
            },
            kind: FileType::Directory,
            links: 1,
            size: 0,
            times: [millis.saturating_mul(1_000_000); 3],
        }
    }

    pub(super) fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
    }
}

impl From<Metadata> for Seen {
    fn from(metadata: Metadata) -> Self {
        let kind = FileType::from_raw_mode(metadata.mode());
        let nanos = |seconds: i64, nanos: i64| {
            u64::try_from(seconds)
                .unwrap_or(0)
                .saturating_mul(1_000_000_000)
                .saturating_add(u64::try_from(nanos).unwrap_or(0))
        };
        Self {
            identity: FileIdentity {
                device: metadata.dev(),
                inode: metadata.ino(),
            },
            kind,
            links: metadata.nlink(),
            // The size of a link is the length of what it says, which may be a path of the host. THREAT[SEC-01].
            size: if kind == FileType::Symlink {
                0
            } else {
                metadata.len()
            },
            times: [
                nanos(metadata.atime(), metadata.atime_nsec()),
                nanos(metadata.mtime(), metadata.mtime_nsec()),
                nanos(metadata.ctime(), metadata.ctime_nsec()),
            ],
        }
    }
}

/// The system's number of an error; what `cap-std` refuses itself has none.
pub(super) fn number(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or_else(|| match error.kind() {
        io::ErrorKind::PermissionDenied => Errno::PERM,
        io::ErrorKind::NotFound => Errno::NOENT,
        io::ErrorKind::InvalidInput => Errno::INVAL,
        _ => Errno::IO,
    })
}
