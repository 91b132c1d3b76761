//! Messages between processes of ours that have a descriptor with them. Used by `connector`, and by what starts another one
//! (`cli/steward.rs`). What is received is closed where nobody takes it.

use rustix::{
    cmsg_space,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};
use tokio::{io::Interest, net::UnixStream};

/// Writes a message, with a descriptor or without.
pub fn pass(to: BorrowedFd<'_>, message: &[u8], with: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let with: Vec<BorrowedFd<'_>> = with.into_iter().collect();
    if !with.is_empty() {
        // There is room for one.
        beside.push(SendAncillaryMessage::ScmRights(&with));
    }
    sendmsg(
        to,
        &[IoSlice::new(message)],
        &mut beside,
        SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    )?;
    Ok(())
}

/// Waits for a message, and what is passed with it.
pub(crate) async fn hear(
    from: &UnixStream,
    message: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    loop {
        from.readable().await?;
        match from.try_io(Interest::READABLE, || take(from.as_fd(), message)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            taken => return taken,
        }
    }
}

/// Reads a message, and what was passed with it. Waits for one where the socket does.
pub fn take(from: BorrowedFd<'_>, message: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let taken = recvmsg(
        from,
        &mut [IoSliceMut::new(message)],
        &mut beside,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut passed = Vec::new();
    for part in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = part {
            passed.extend(descriptors);
        }
    }
    Ok((taken.bytes, passed))
}
