//! The terminal that a person sits at, read and written without blocking a thread. Used by `question`, which has it alone
//! meanwhile, and for what is typed for a script. How the terminal works is left as it is, so there is nothing to restore.

#![expect(
    clippy::disallowed_methods,
    reason = "the terminal is opened anew, to be read without blocking"
)]

use super::layout::TerminalSize;
use crate::print;
use rustix::{
    fs::{OFlags, fstat},
    io::Errno,
    termios::{QueueSelector, tcflush, tcgetwinsize},
};
use sandgate::Stream;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};
use tokio::io::{Interest, unix::AsyncFd};

/// A terminal gives no longer line.
const LONGEST_LINE: usize = 4096;
/// A terminal that says it is ready takes so much.
const PIECE: usize = 256;

/// Which terminal it is.
#[derive(Debug)]
pub(crate) struct TerminalPlace(OwnedFd);

impl TerminalPlace {
    /// The terminal of standard input, if standard error goes to the same one. Opened anew where that is possible, so
    /// that not to block is a matter of this process alone.
    pub(super) fn find() -> Option<Self> {
        let stdin = io::stdin();
        if !rustix::termios::isatty(&stdin) || !print::is_terminal(Stream::Err) {
            return None;
        }
        let (input, error) = (fstat(&stdin).ok()?, fstat(rustix::stdio::stderr()).ok()?);
        if input.st_rdev != error.st_rdev {
            return None;
        }
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let anew = rustix::fs::open("/proc/self/fd/0", flags, rustix::fs::Mode::empty());
        let file = match anew {
            Ok(file) => file,
            // Somebody else's terminal, as after `su`.
            Err(_) => stdin.as_fd().try_clone_to_owned().ok()?,
        };
        Some(Self(file))
    }

    /// Throws away what was typed and not read, unfinished lines too.
    pub(super) fn flush(&self) -> io::Result<()> {
        Ok(tcflush(&self.0, QueueSelector::IFlush)?)
    }

    /// Whether whole lines were typed.
    pub(super) fn has_lines(&self) -> bool {
        rustix::io::ioctl_fionread(&self.0).is_ok_and(|bytes| bytes > 0)
    }

    pub(super) fn size(&self) -> TerminalSize {
        match tcgetwinsize(&self.0) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => TerminalSize {
                columns: size.ws_col.into(),
                rows: size.ws_row.into(),
            },
            // One that does not say has the size that all of them once had.
            _ => TerminalSize {
                columns: 80,
                rows: 24,
            },
        }
    }
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TypedLine {
    Typed(String),
    /// Nobody types any more, or what was typed is no text.
    End,
}

/// A terminal in use.
#[derive(Debug)]
pub(super) struct Tty<'a>(AsyncFd<BorrowedFd<'a>>);

impl<'a> Tty<'a> {
    pub(super) fn open(place: &'a TerminalPlace) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "a borrowed descriptor stays open for as long as it is registered; the way in its place is unsafe code"
        )]
        AsyncFd::new(place.0.as_fd()).map(Self)
    }

    pub(super) async fn say(&self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let piece = rest.get(..PIECE).unwrap_or(rest);
            let write = |fd: &BorrowedFd<'_>| retried(|| rustix::io::write(fd, piece));
            let written = self.0.async_io(Interest::WRITABLE, write).await?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// What is typed next, as it is: a line of it, or what stands of one that was ended without; nothing where nobody types
    /// any more.
    pub(super) async fn typed(&self) -> io::Result<Vec<u8>> {
        let mut line = vec![0; LONGEST_LINE];
        let read = |fd: &BorrowedFd<'_>| retried(|| rustix::io::read(fd, &mut line));
        let length = self.0.async_io(Interest::READABLE, read).await?;
        line.truncate(length);
        Ok(line)
    }

    /// One line. Without its end it is none.
    pub(super) async fn line(&self) -> io::Result<TypedLine> {
        let mut line = Vec::new();
        let mut piece = [0; 512];
        while line.len() <= LONGEST_LINE {
            let read = |fd: &BorrowedFd<'_>| retried(|| rustix::io::read(fd, &mut piece));
            let length = self.0.async_io(Interest::READABLE, read).await?;
            let new = piece.get(..length).unwrap_or_default();
            if new.is_empty() {
                return Ok(TypedLine::End);
            }
            line.extend_from_slice(new);
            if let Some(end) = line.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                line.truncate(end);
                return Ok(String::from_utf8(line).map_or(TypedLine::End, TypedLine::Typed));
            }
        }
        Ok(TypedLine::End)
    }
}

fn retried(mut act: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match act() {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}
