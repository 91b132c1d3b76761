//! The committed guest: the snapshot that `guest/build.sh` takes of it, compressed, with the digest it must have. Called when
//! an image is prepared.

use super::ImageError;
use sha2::{Digest, Sha256};
use std::io::Read;

const COMPRESSED: &[u8] = include_bytes!("../../../../guest/artefact/guest.wasm.zst");
const MANIFEST: &str = include_str!("../../../../guest/artefact/manifest.toml");

/// Larger than any guest will be; a damaged artefact cannot fill the memory.
const LARGEST: u64 = 256 << 20;

/// The digest of the guest, as its manifest says.
pub(super) fn digest() -> Result<&'static str, ImageError> {
    MANIFEST
        .lines()
        .find_map(|line| line.strip_prefix("wasm = \"")?.strip_suffix('"'))
        .ok_or_else(|| ImageError::Artefact("its manifest names no digest".to_owned()))
}

/// The guest, unpacked and compared with its digest.
pub(super) fn unpack() -> Result<Vec<u8>, ImageError> {
    let damaged = |error: &dyn std::fmt::Display| ImageError::Artefact(error.to_string());
    let decoder =
        ruzstd::decoding::StreamingDecoder::new(COMPRESSED).map_err(|error| damaged(&error))?;
    let mut wasm = Vec::new();
    decoder
        .take(LARGEST)
        .read_to_end(&mut wasm)
        .map_err(|error| damaged(&error))?;
    let found = hex::encode(Sha256::digest(&wasm));
    let expected = digest()?;
    if found != expected {
        return Err(ImageError::Artefact(format!(
            "its digest is {found}, and should be {expected}"
        )));
    }
    Ok(wasm)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use wasmparser::{Operator, Parser, Payload};

    /// How often each function that does it copies or fills memory.
    fn copies_and_fills(wasm: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let operators = body.get_operators_reader().unwrap().into_iter();
                let bulk = operators.filter(|operator| {
                    matches!(
                        operator.as_ref().unwrap(),
                        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }
                    )
                });
                found.push(bulk.count());
            }
        }
        found.retain(|copies_or_fills| *copies_or_fills > 0);
        found
    }

    #[test]
    fn dos_01_what_is_committed_copies_and_fills_memory_piece_by_piece_only() {
        // `guest/snapshot` adds two functions that do, and leaves it to no other.
        assert_eq!(copies_and_fills(&unpack().unwrap()), [3, 2]);
    }

    #[test]
    fn what_is_committed_is_initialised_and_cannot_be_again() {
        let wasm = unpack().unwrap();
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(&wasm) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                names.extend(exports.into_iter().map(|export| export.unwrap().name));
            }
        }
        // What a library of the interpreter exports as well, by its names in C.
        names.retain(|name| !name.starts_with("lzma_"));
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "memory",
                "sandgate_buffer",
                "sandgate_interrupt",
                "sandgate_run"
            ]
        );
    }
}
