//! What a script wrote and nobody has read yet. Filled by the run, emptied by the thread that writes. It must never
//! cost much more than its bytes, however small the pieces: THREAT[DOS-06].

use sandgate::Stream;

/// Bytes of two streams, and in which order they came.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    out: Vec<u8>,
    err: Vec<u8>,
    /// How long each stretch of one stream is, from standard output on and in turns, each number in as few bytes as it
    /// takes, seven bits in each. The last stretch is not in it yet.
    stretches: Vec<u8>,
    /// The stretch that may still grow.
    last: (Option<Stream>, usize),
}

impl Backlog {
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.last {
            (Some(last), length) if last == stream => {
                self.last.1 = length.saturating_add(bytes.len());
            }
            (last, length) => {
                match last {
                    Some(_) => self.end(length),
                    // The first stretch is one of standard output.
                    None if stream == Stream::Err => self.end(0),
                    None => {}
                }
                self.last = (Some(stream), bytes.len());
            }
        }
        match stream {
            Stream::Out => self.out.extend_from_slice(bytes),
            Stream::Err => self.err.extend_from_slice(bytes),
        }
    }

    fn end(&mut self, mut length: usize) {
        loop {
            let [low, ..] = length.to_le_bytes();
            length >>= 7;
            if length == 0 {
                self.stretches.push(low & 0x7f);
                return;
            }
            self.stretches.push(low | 0x80);
        }
    }

    /// How many bytes.
    pub(super) fn len(&self) -> usize {
        self.out.len().saturating_add(self.err.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.0.is_none()
    }

    /// Hands over each stretch, in order.
    pub(super) fn for_each(mut self, mut take: impl FnMut(Stream, &[u8])) {
        self.end(self.last.1);
        let (mut out, mut err) = (self.out.as_slice(), self.err.as_slice());
        let mut stream = Stream::Out;
        let (mut length, mut shift) = (0_usize, 0_u32);
        for byte in self.stretches {
            length |= usize::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift = shift.saturating_add(7);
            if byte & 0x80 != 0 {
                continue;
            }
            let (from, next) = match stream {
                Stream::Out => (&mut out, Stream::Err),
                Stream::Err => (&mut err, Stream::Out),
            };
            let (stretch, rest) = from.split_at_checked(length).unwrap_or((from, &[]));
            if !stretch.is_empty() {
                take(stream, stretch);
            }
            *from = rest;
            (stream, length, shift) = (next, 0, 0);
        }
    }

    #[cfg(test)]
    fn cost(&self) -> usize {
        self.out.capacity() + self.err.capacity() + self.stretches.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(backlog: Backlog) -> Vec<(Stream, Vec<u8>)> {
        let mut taken = Vec::new();
        backlog.for_each(|stream, bytes| taken.push((stream, bytes.to_vec())));
        taken
    }

    proptest! {
        #[test]
        fn whatever_was_written_comes_out_in_its_order(
            pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..40)
        ) {
            let mut backlog = Backlog::default();
            let mut expected: Vec<(Stream, Vec<u8>)> = Vec::new();
            for (is_err, bytes) in pieces {
                let stream = if is_err { Stream::Err } else { Stream::Out };
                backlog.push(stream, &bytes);
                match expected.last_mut() {
                    _ if bytes.is_empty() => {}
                    Some((last, all)) if *last == stream => all.extend(bytes),
                    _ => expected.push((stream, bytes)),
                }
            }
            prop_assert_eq!(backlog.is_empty(), expected.is_empty());
            prop_assert_eq!(taken(backlog), expected);
        }
    }

    #[test]
    fn dos_06_output_that_nobody_reads_costs_about_its_bytes_however_small_its_pieces() {
        let mut backlog = Backlog::default();
        let pieces = 1_usize << 20;
        for _ in 0..pieces {
            backlog.push(Stream::Out, b"x");
            backlog.push(Stream::Err, b"y");
        }
        // One byte for each stretch, and a vector may be half empty.
        let cost = backlog.cost();
        assert!(cost <= 4 * 2 * pieces, "{cost} for {} bytes", 2 * pieces);
    }
}
