//! The bytes of one file in memory, in pieces of which only those exist that were written to. Growing therefore copies no
//! more than the last piece, and a hole takes nothing, however far the next byte lies. Kept by `tree`, which asks what a
//! change takes before it is made. It must never take more than it says.

use std::collections::BTreeMap;

/// As large as a piece becomes. Smaller ones would make large files slow, larger ones growing.
const PIECE: usize = 64 << 10;

/// What the table holds for a piece beside its bytes.
const BESIDE: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Content {
    size: u64,
    /// Zeros follow the end of each, as far as it may reach.
    pieces: BTreeMap<u64, Vec<u8>>,
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What it takes of the host's memory.
    pub(super) fn held(&self) -> usize {
        let held = self.pieces.values().map(|piece| cost(piece.len()));
        held.fold(0, usize::saturating_add)
    }

    /// How much more it will take once so many bytes have been written there.
    pub(super) fn growth(&self, mut at: u64, mut length: usize) -> usize {
        let mut growth: usize = 0;
        while length > 0 {
            let (number, within) = place(at);
            let part = length.min(PIECE.saturating_sub(within));
            let before = self.pieces.get(&number).map_or(0, Vec::len);
            let after = before.max(within.saturating_add(part));
            growth = growth.saturating_add(cost(after).saturating_sub(cost(before)));
            at = at.saturating_add(part as u64);
            length = length.saturating_sub(part);
        }
        growth
    }

    /// Puts bytes there. What lies between the end and them is zeros from now on.
    pub(super) fn write(&mut self, mut at: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (number, within) = place(at);
            let part = bytes.len().min(PIECE.saturating_sub(within));
            let (now, later) = bytes.split_at(part);
            put(self.pieces.entry(number).or_default(), within, now);
            at = at.saturating_add(part as u64);
            bytes = later;
        }
        self.size = self.size.max(at);
    }

    /// The bytes from there on, as many as there are and as there is room for.
    pub(super) fn read(&self, mut at: u64, room: &mut [u8]) -> usize {
        let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let taken = room.len().min(left);
        let mut room = room.get_mut(..taken).unwrap_or_default();
        while !room.is_empty() {
            let (number, within) = place(at);
            let part = room.len().min(PIECE.saturating_sub(within));
            let (now, later) = room.split_at_mut(part);
            let piece = self.pieces.get(&number).map_or(&[][..], Vec::as_slice);
            let there = piece.get(within..).unwrap_or_default();
            let known = there.len().min(part);
            let (bytes, zeros) = now.split_at_mut(known);
            bytes.copy_from_slice(there.get(..known).unwrap_or_default());
            zeros.fill(0);
            at = at.saturating_add(part as u64);
            room = later;
        }
        taken
    }

    /// Makes it longer, which takes nothing, or shorter; gives how much less it takes now.
    pub(super) fn resize(&mut self, size: u64) -> usize {
        let shorter = size < self.size;
        self.size = size;
        if !shorter {
            return 0;
        }
        let (last, within) = place(size);
        let mut gone = self.pieces.split_off(&last);
        if within > 0
            && let Some(mut piece) = gone.remove(&last)
        {
            let before = cost(piece.len());
            piece.truncate(within);
            piece.shrink_to(rounded(piece.len()));
            let freed = before.saturating_sub(cost(piece.len()));
            self.pieces.insert(last, piece);
            return freed.saturating_add(
                Self {
                    size: 0,
                    pieces: gone,
                }
                .held(),
            );
        }
        Self {
            size: 0,
            pieces: gone,
        }
        .held()
    }

    /// The first piece at or after this number, with where it begins, copied.
    pub(super) fn piece(&self, from: u64) -> Option<(u64, u64, Vec<u8>)> {
        let (number, piece) = self.pieces.range(from..).next()?;
        let at = number.saturating_mul(PIECE as u64);
        Some((*number, at, piece.clone()))
    }
}

/// Which piece a byte is in, and where in it.
fn place(at: u64) -> (u64, usize) {
    let piece = PIECE as u64;
    let within = usize::try_from(at % piece).unwrap_or(0);
    (at / piece, within)
}

/// What is taken for that many bytes of a piece, so that a small file takes little and a growing one is seldom copied.
fn rounded(length: usize) -> usize {
    let step = if length <= 4096 { 512 } else { 4096 };
    length.next_multiple_of(step)
}

fn cost(length: usize) -> usize {
    if length == 0 {
        0
    } else {
        rounded(length).saturating_add(BESIDE)
    }
}

fn put(piece: &mut Vec<u8>, within: usize, bytes: &[u8]) {
    let end = within.saturating_add(bytes.len());
    piece.reserve_exact(rounded(end).saturating_sub(piece.len()));
    if within >= piece.len() {
        piece.resize(within, 0);
        piece.extend_from_slice(bytes);
        return;
    }
    if piece.len() < end {
        piece.resize(end, 0);
    }
    if let Some(place) = piece.get_mut(within..end) {
        place.copy_from_slice(bytes);
    }
}
