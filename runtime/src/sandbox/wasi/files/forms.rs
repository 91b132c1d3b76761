//! How WASI preview 1 writes files, descriptors and errors. Called by `files` alone; nothing here touches a file.

use crate::workspace::{Descriptor, Modes, Seen, kind_number};
use rustix::{
    fs::{FileType, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT},
    io::Errno,
};

/// Flags of a descriptor.
pub(super) const APPEND: u32 = 1;
pub(super) const NONBLOCKING: u32 = 4;
/// Flag of a look-up.
pub(super) const FOLLOW: u32 = 1;
/// Rights, which say what a file is opened for.
pub(super) const READ: u64 = 1 << 1;
pub(super) const WRITE: u64 = 1 << 6;

/// All rights that there are. The C library opens nothing below a directory that does not have them.
const ALL: u64 = (1 << 30) - 1;
/// What makes no sense of a directory: reading, seeking, writing, a size.
const OF_FILES: u64 = READ | (1 << 2) | WRITE | (1 << 8) | (1 << 22);

/// A descriptor: kind, flags, rights, and rights of what is opened below. Nothing is a standard stream: of unknown kind, so
/// no terminal, with the rights to read and write.
pub(super) fn descriptor_form(described: Option<Descriptor>) -> [u8; 24] {
    let (kind, flags, rights, below) = match described {
        None => (FileType::Unknown, 0, READ | WRITE, 0),
        Some(Descriptor::Directory { .. }) => (FileType::Directory, 0, ALL & !OF_FILES, ALL),
        Some(Descriptor::File(Modes {
            read,
            write,
            append,
            nonblocking,
        })) => {
            let unless = |allowed: bool, right: u64| if allowed { 0 } else { right };
            let flags = if append { APPEND } else { 0 } | if nonblocking { NONBLOCKING } else { 0 };
            let rights = ALL & !unless(read, READ) & !unless(write, WRITE);
            (FileType::RegularFile, flags, rights, rights)
        }
    };
    let mut form = [0; 24];
    let parts = [
        u64::from(kind_number(kind)) | (u64::from(flags) << 16),
        rights,
        below,
    ];
    for (place, part) in form.chunks_exact_mut(8).zip(parts) {
        place.copy_from_slice(&part.to_le_bytes());
    }
    form
}

/// What is known of a file, under the number that a script sees. Times are milliseconds, or all that one.
pub(super) fn stat_form(seen: &Seen, number: u64, still: Option<u64>) -> [u8; 64] {
    let [accessed, modified, changed] = seen.times.map(|nanos| {
        let millis = still.unwrap_or(nanos / 1_000_000);
        millis.saturating_mul(1_000_000)
    });
    // The device is not the host's.
    let parts = [
        1,
        number,
        kind_number(seen.kind).into(),
        seen.links,
        seen.size,
        accessed,
        modified,
        changed,
    ];
    let mut form = [0; 64];
    for (place, part) in form.chunks_exact_mut(8).zip(parts) {
        place.copy_from_slice(&part.to_le_bytes());
    }
    form
}

/// Times to be set: those that are given, now, or as they are.
pub(super) fn times_of(accessed: u64, modified: u64, which: u32) -> Result<Timestamps, Errno> {
    let time = |nanos: u64, given: bool, now: bool| match (given, now) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => Ok(Timespec {
            tv_sec: i64::try_from(nanos / 1_000_000_000).map_err(|_| Errno::INVAL)?,
            tv_nsec: i64::try_from(nanos % 1_000_000_000).map_err(|_| Errno::INVAL)?,
        }),
        (false, now) => Ok(Timespec {
            tv_sec: 0,
            tv_nsec: if now { UTIME_NOW } else { UTIME_OMIT },
        }),
    };
    Ok(Timestamps {
        last_access: time(accessed, which & 1 != 0, which & 2 != 0)?,
        last_modification: time(modified, which & 4 != 0, which & 8 != 0)?,
    })
}
