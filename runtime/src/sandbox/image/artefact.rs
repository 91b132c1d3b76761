//! The committed guest: compressed, with the digest it must have. Called when an image is prepared.

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
