//! The listing of a directory, kept while the guest reads it. Called by `files` alone.
//!
//! The guest's C library reads a directory in pieces of a few kilobytes, and `wasmtime-wasi` lists the whole of it, and
//! asks for the state of every entry, for each piece. So it is asked once for a large piece, and the small ones come
//! from there. It must never outlive the guest's own view: reading from the beginning lists anew.

use crate::sandbox::state::Files;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

/// How much is listed at once; a thousand entries with long names.
const PIECE: u32 = 256 * 1024;
/// An entry is a header (next entry, file number, length of the name, kind) and its name.
const HEADER: usize = 24;

/// Whole entries of one open directory, from one on.
pub(in crate::sandbox) struct Listing {
    fd: i32,
    bytes: Vec<u8>,
    /// Where the entry with that number begins, ascending.
    starts: Vec<(u64, usize)>,
    /// The number of the entry after the last.
    next: u64,
    /// Whether there is none after the last.
    whole: bool,
}

impl Listing {
    /// The entries from that number on; an error is that of WASI.
    async fn read(files: &mut Files, fd: i32, from: u64) -> wasmtime::Result<Result<Self, i32>> {
        let mut bytes = vec![0; usize::try_from(PIECE)? + size_of::<u32>()];
        let mut memory = GuestMemory::Unshared(&mut bytes);
        let piece = PIECE.cast_signed();
        let from_there = from.cast_signed();
        let error = p1::fd_readdir(
            &mut files.wasi,
            &mut memory,
            fd,
            0,
            piece,
            from_there,
            piece,
        )
        .await?;
        if error != 0 {
            return Ok(Err(error));
        }
        let mut listing = Self {
            fd,
            starts: Vec::new(),
            next: from,
            whole: false,
            bytes,
        };
        let used = listing.bytes.last_chunk();
        let used = used.map_or(0, |used| u32::from_le_bytes(*used));
        listing.whole = used < PIECE;
        listing.bytes.truncate(usize::try_from(used)?);
        let mut at = 0;
        while let Some((next, end)) = entry(&listing.bytes, at) {
            listing.starts.push((listing.next, at));
            (listing.next, at) = (next, end);
        }
        // An entry that did not fit in is the first of the next piece.
        listing.bytes.truncate(at);
        Ok(Ok(listing))
    }

    /// What is kept from that entry on; nothing where that has to be read first.
    fn rest(&self, number: u64) -> Option<&[u8]> {
        if self.whole && number == self.next {
            return Some(&[]);
        }
        let at = self
            .starts
            .binary_search_by_key(&number, |start| start.0)
            .ok()?;
        self.bytes.get(self.starts.get(at)?.1..)
    }
}

/// The number that follows an entry, and where it ends.
fn entry(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let header = bytes.get(at..at.checked_add(HEADER)?)?;
    let next = u64::from_le_bytes(*header.first_chunk()?);
    let length = u32::from_le_bytes(*header.get(16..)?.first_chunk()?);
    let end = at + HEADER + usize::try_from(length).ok()?;
    (end <= bytes.len()).then_some((next, end))
}

/// Up to `room` bytes of a directory's entries from a number on, the last one perhaps cut, as WASI wants them.
pub(super) async fn entries(
    files: &mut Files,
    fd: i32,
    mut number: u64,
    room: usize,
) -> wasmtime::Result<Result<Vec<u8>, i32>> {
    if number == 0 {
        files.listing = None;
    }
    let mut found = Vec::new();
    while found.len() < room {
        let kept = files.listing.take().filter(|listing| listing.fd == fd);
        let listing = match kept.filter(|listing| listing.rest(number).is_some()) {
            Some(listing) => listing,
            None => match Listing::read(files, fd, number).await? {
                Ok(listing) => listing,
                Err(error) => return Ok(Err(error)),
            },
        };
        let rest = listing.rest(number).unwrap_or_default();
        let end = rest.is_empty();
        found.extend_from_slice(rest.get(..room - found.len()).unwrap_or(rest));
        number = listing.next;
        files.listing = Some(listing);
        if end {
            break;
        }
    }
    Ok(Ok(found))
}
