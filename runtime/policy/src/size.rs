//! Sizes as people write them. Used wherever something is longer than it may be. It must never say of two sizes that differ
//! that one of them is too large, in words that do not differ.

use bytesize::ByteSize;
use std::fmt;

/// So many bytes: `1.5 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteCount(pub usize);

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize::b(self.0 as u64).display().iec().fmt(f)
    }
}

/// What is longer than it may be: `1.5 MiB, 1.0 MiB are allowed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oversize {
    /// How long it is.
    pub size: usize,
    /// How long it may be.
    pub limit: usize,
}

impl fmt::Display for Oversize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = ByteCount(self.size).to_string();
        let limit = ByteCount(self.limit).to_string();
        if size == limit {
            return write!(f, "{} bytes, {} are allowed", self.size, self.limit);
        }
        write!(f, "{size}, {limit} are allowed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_written_in_units_that_show_the_difference() {
        let said = |size, limit| Oversize { size, limit }.to_string();
        assert_eq!(said(3 << 19, 1 << 20), "1.5 MiB, 1.0 MiB are allowed");
        assert_eq!(said(10_000, 512), "9.8 KiB, 512 B are allowed");
        assert_eq!(
            said((1 << 20) + 1, 1 << 20),
            "1048577 bytes, 1048576 are allowed"
        );
    }
}
