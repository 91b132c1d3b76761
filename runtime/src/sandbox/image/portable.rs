//! An image as one file that moves to another machine: a line that says what it is, a line that says for what, and the code.
//! Written and read by the cache. The label says why an image is of no use here before any of its code is looked at; it must
//! never be taken for a reason to trust one: that is the digest, which whoever imports the file names. THREAT[ESC-08].

use super::{artefact, cache::FORMAT, target};
use crate::sandbox::image::{ImageError, ImageTarget};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Read, Write};
use wasmtime::ModuleVersionStrategy;

/// The first line.
const MAGIC: &str = "sandgate image 1";

/// The second line is shorter.
const LONGEST_LABEL: u64 = 16 << 10;

/// Larger than any image will be.
const LARGEST: u64 = 1 << 30;

const SAME_PROGRAM: &str =
    "export it with the same sandgate that is to load it, or let this one prepare its own";
const SAME_PROCESSOR: &str =
    "prepare one that both can run, as `sandgate image export FILE --target x86-64-v3` does";

/// Why an image from elsewhere is not taken, and what would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) reason: String,
    pub(super) remedy: &'static str,
}

impl Unfit {
    fn new(reason: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            reason: reason.into(),
            remedy,
        }
    }

    pub(super) fn no_image() -> Self {
        Self::new(
            "it is not an exported image, or not all of one",
            "name a file that `sandgate image export` wrote",
        )
    }

    pub(super) fn unreadable(error: &io::Error) -> Self {
        Self::new(format!("it cannot be read: {error}"), "check the path")
    }

    pub(super) fn other_digest(found: &str) -> Self {
        Self::new(
            format!("its digest is sha256:{found}, which is not the one that was named"),
            "do not use the file: take it again, and its digest from whoever made it",
        )
    }

    pub(super) fn not_loaded(reason: &str) -> Self {
        Self::new(reason, SAME_PROGRAM)
    }
}

/// What an image was made from, how, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageLabel {
    /// The version of sandgate.
    program: String,
    format: String,
    artefact: String,
    wasmtime: String,
    target: String,
    /// What the processor had that it was made on.
    features: Vec<String>,
    /// What such an image is called in a cache.
    key: String,
    /// Of the code, in bytes.
    size: u64,
}

fn wasmtime_version() -> &'static str {
    static VERSION: ModuleVersionStrategy = ModuleVersionStrategy::WasmtimeVersion;
    VERSION.as_str()
}

impl ImageLabel {
    pub(super) fn of(target: ImageTarget, key: &str, size: u64) -> Result<Self, ImageError> {
        Ok(Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT.to_owned(),
            artefact: artefact::digest()?.to_owned(),
            wasmtime: wasmtime_version().to_owned(),
            target: target.to_string(),
            features: target::features()
                .into_iter()
                .map(ToOwned::to_owned)
                .collect(),
            key: key.to_owned(),
            size,
        })
    }

    /// Writes an image; returns the digest of the file, and that of the code.
    pub(super) fn write(
        &self,
        code: &mut impl Read,
        file: &mut impl Write,
    ) -> io::Result<(String, String)> {
        let mut file = Hashing::new(file);
        writeln!(file, "{MAGIC}\n{}", serde_json::to_string(self)?)?;
        let digest = copy(code, &mut file)?.1;
        Ok((file.digest(), digest))
    }

    /// The processors that it was made for, unless it cannot be of use here. `key` is what an image for those is called here.
    pub(super) fn fits(
        &self,
        key: impl FnOnce(ImageTarget) -> Result<String, ImageError>,
    ) -> Result<Result<ImageTarget, Unfit>, ImageError> {
        let refused = |reason: String, remedy| Ok(Err(Unfit::new(reason, remedy)));
        let here = Self::of(ImageTarget::Native, "", 0)?;
        if self.program != here.program {
            let reason = format!(
                "it was made by sandgate {}, and this is {}",
                self.program, here.program
            );
            return refused(reason, SAME_PROGRAM);
        }
        if self.artefact != here.artefact || self.format != here.format {
            let reason = "it holds another build of the interpreter".to_owned();
            return refused(reason, SAME_PROGRAM);
        }
        if self.wasmtime != here.wasmtime {
            let reason = format!(
                "it was compiled by wasmtime {}, and this sandgate has wasmtime {}",
                self.wasmtime, here.wasmtime
            );
            return refused(reason, SAME_PROGRAM);
        }
        let Ok(target) = self.target.parse::<ImageTarget>() else {
            let reason = format!(
                "it was made for `{}`, and not for processors of this kind",
                self.target
            );
            return refused(reason, SAME_PROCESSOR);
        };
        let lacking = target.lacking();
        if !lacking.is_empty() {
            let reason = format!(
                "it was made for {target}, and this processor lacks {}",
                lacking.join(", ")
            );
            return refused(reason, SAME_PROCESSOR);
        }
        if target == ImageTarget::Native && self.features != here.features {
            let beyond = |one: &Self, other: &Self| {
                let more = one
                    .features
                    .iter()
                    .filter(|feature| !other.features.contains(feature));
                let more: Vec<&str> = more.map(String::as_str).collect();
                if more.is_empty() {
                    "nothing".to_owned()
                } else {
                    more.join(", ")
                }
            };
            let reason = format!(
                "it was made for a processor with other features (there alone: {}; here alone: {})",
                beyond(self, &here),
                beyond(&here, self)
            );
            return refused(reason, SAME_PROCESSOR);
        }
        if self.key != key(target)? {
            let reason = "it was compiled with other settings".to_owned();
            return refused(reason, SAME_PROGRAM);
        }
        Ok(Ok(target))
    }
}

/// A file that an image is read from, and everything that was read of it so far.
pub(super) struct PortableImage<R> {
    pub(super) label: ImageLabel,
    file: Hashing<R>,
}

impl<R: BufRead> PortableImage<R> {
    /// Reads what the file says of itself.
    pub(super) fn open(mut file: R) -> Result<Self, Unfit> {
        let mut hasher = Sha256::new();
        let magic = line(&mut file, MAGIC.len() as u64 + 1, &mut hasher)?;
        if magic != MAGIC.as_bytes() {
            return Err(Unfit::no_image());
        }
        let label = line(&mut file, LONGEST_LABEL, &mut hasher)?;
        let label: ImageLabel = serde_json::from_slice(&label).map_err(|_| Unfit::no_image())?;
        if label.size > LARGEST {
            return Err(Unfit::no_image());
        }
        let file = Hashing {
            inner: file,
            hasher,
        };
        Ok(Self { label, file })
    }

    /// Copies the code; returns the digest of the whole file, and that of the code.
    pub(super) fn copy(
        mut self,
        to: &mut impl Write,
    ) -> io::Result<Result<(String, String), Unfit>> {
        let size = self.label.size;
        let (copied, digest) = copy(&mut (&mut self.file).take(size.saturating_add(1)), to)?;
        if copied != size {
            return Ok(Err(Unfit::no_image()));
        }
        Ok(Ok((self.file.digest(), digest)))
    }
}

/// A line of a file, without its end.
fn line(file: &mut impl BufRead, longest: u64, hasher: &mut Sha256) -> Result<Vec<u8>, Unfit> {
    let mut line = Vec::new();
    let read = file.take(longest).read_until(b'\n', &mut line);
    read.map_err(|error| Unfit::unreadable(&error))?;
    hasher.update(&line);
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(Unfit::no_image()),
    }
}

/// Copies all of it; returns how much it was, and its digest.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let mut from = Hashing::new(from);
    let copied = io::copy(&mut from, to)?;
    Ok((copied, from.digest()))
}

/// Passes bytes on, and takes their digest.
struct Hashing<T> {
    inner: T,
    hasher: Sha256,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
        }
    }

    fn digest(self) -> String {
        hex::encode(self.hasher.finalize())
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let taken = self.inner.read(room)?;
        self.hasher.update(room.get(..taken).unwrap_or_default());
        Ok(taken)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;

    fn label() -> ImageLabel {
        ImageLabel::of(ImageTarget::Native, "key", 4).unwrap()
    }

    fn fits(label: &ImageLabel) -> Result<ImageTarget, String> {
        let fits = label.fits(|_| Ok("key".to_owned())).unwrap();
        fits.map_err(|unfit| unfit.reason)
    }

    #[test]
    fn what_differs_is_named() {
        assert_eq!(fits(&label()), Ok(ImageTarget::Native));
        let version = env!("CARGO_PKG_VERSION");
        let with = |change: &dyn Fn(&mut ImageLabel)| {
            let mut label = label();
            change(&mut label);
            fits(&label).unwrap_err()
        };
        assert_eq!(
            with(&|label| label.program = "0.0.9".to_owned()),
            format!("it was made by sandgate 0.0.9, and this is {version}")
        );
        let other = "it holds another build of the interpreter";
        assert_eq!(with(&|label| label.artefact.push('0')), other);
        assert_eq!(with(&|label| label.format.push('0')), other);
        assert_eq!(
            with(&|label| label.wasmtime = "47".to_owned()),
            format!(
                "it was compiled by wasmtime 47, and this sandgate has wasmtime {}",
                wasmtime_version()
            )
        );
        assert_eq!(
            with(&|label| label.target = "riscv64".to_owned()),
            "it was made for `riscv64`, and not for processors of this kind"
        );
        assert_eq!(
            with(&|label| label.features.push("more".to_owned())),
            "it was made for a processor with other features (there alone: more; here alone: nothing)"
        );
        assert_eq!(
            with(&|label| label.key.push('0')),
            "it was compiled with other settings"
        );
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let mut file = Vec::new();
        let (whole, code) = label().write(&mut &b"code"[..], &mut file).unwrap();
        assert_eq!(whole, hex::encode(Sha256::digest(&file)));
        assert_eq!(code, hex::encode(Sha256::digest(b"code")));
        let read = |file: &[u8]| {
            let portable = PortableImage::open(file)?;
            let mut copied = Vec::new();
            let digests = portable.copy(&mut copied).unwrap()?;
            Ok::<_, Unfit>((digests, copied))
        };
        assert_eq!(read(&file), Ok(((whole, code), b"code".to_vec())));
        for length in 0..file.len() {
            assert_eq!(read(&file[..length]), Err(Unfit::no_image()), "{length}");
        }
        let longer = [&file[..], b"x"].concat();
        assert_eq!(read(&longer), Err(Unfit::no_image()));
        assert_eq!(read(b"\x7fELF and more"), Err(Unfit::no_image()));
    }
}
