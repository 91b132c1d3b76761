//! Files of the cache that somebody else wrote: an image and its seal. Called by `crate::fuzzing`, and not part of the
//! program. Nothing is ever loaded here.

use super::{RACY_NS, Seal, Stamp, verify};
use sandgate_service::fuzzing::halves;
use sha2::{Digest, Sha256};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, sync::LazyLock};
use tempfile::TempDir;

/// What was stored.
const STORED: &[u8] = b"this is what was compiled";

static PLACE: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// An image and its seal. In the seal `DIGEST` stands for that of what was stored, and `DEVICE`, `INODE`, `SIZE`, `SECONDS` and
/// `NANOS` for what the file system says of the image. An image is handed out if its digest is the one in its seal, or if
/// the file system says that it was not touched since that was last found.
pub(crate) fn seal(bytes: &[u8]) {
    let (image, seal) = halves(bytes).unwrap_or((STORED, bytes));
    let place = tempfile::Builder::new().tempdir_in(PLACE.path()).unwrap();
    let path = place.path().join("image.cwasm");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    file.write_all(image).unwrap();
    let stamp = Stamp::of(&file.metadata().unwrap());
    drop(file);
    let seal = match std::str::from_utf8(seal) {
        Ok(text) => filled(text, &stamp).into_bytes(),
        Err(_) => seal.to_vec(),
    };
    fs::write(path.with_extension("seal"), &seal).unwrap();
    let Ok(verified) = verify(&path) else {
        return;
    };
    assert_eq!(Stamp::of(&verified.into_file().metadata().unwrap()), stamp);
    let said: Seal = serde_json::from_slice(&seal).unwrap();
    let same = said.digest == hex::encode(Sha256::digest(image));
    let untouched = said.stamp == stamp && stamp.changed() + RACY_NS < said.sealed;
    assert!(same || untouched, "{}", String::from_utf8_lossy(&seal));
    // What it wrote in its place is good as well.
    assert!(verify(&path).is_ok());
}

fn filled(text: &str, stamp: &Stamp) -> String {
    text.replace("DIGEST", &hex::encode(Sha256::digest(STORED)))
        .replace("DEVICE", &stamp.device.to_string())
        .replace("INODE", &stamp.inode.to_string())
        .replace("SIZE", &stamp.size.to_string())
        .replace("SECONDS", &stamp.changed_s.to_string())
        .replace("NANOS", &stamp.changed_ns.to_string())
}
