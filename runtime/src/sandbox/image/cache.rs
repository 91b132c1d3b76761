//! Where compiled images are kept between processes: found by key, written at once, verified before they are loaded.
//! Called by the builder and by `sandgate image`. It must never hand out a file that it did not verify.
//!
//! Beside each image lies a seal: its digest, and what the file system said of it when that digest was last compared.
//! While the file system says the same (device, inode, size, and the time of its last change, which no program can
//! set), the image has not been written to and is not read again; otherwise it is, whole. THREAT[ESC-08].

#![expect(
    clippy::disallowed_methods,
    reason = "the cache is the one place of the library that keeps files"
)]

use super::{Image, ImageError, ImageTarget, Progress, Stage, artefact, cache_error, with_threads};
use crate::sandbox::engine;
use crate::{
    places,
    private::{self, NotPrivate},
};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    num::NonZeroU32,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use wasmtime::Engine;

mod transfer;

pub use transfer::PortedImage;

/// Changes whenever an image is made in another way from the same artefact.
pub(super) const FORMAT: &str = "sandgate-image-3";

/// Another version's image may still be wanted; older ones are removed when a new one is stored.
const KEPT: usize = 3;

/// A change within this time of sealing could carry the same time stamp, so such a seal is not believed.
const RACY_NS: i128 = 1_000_000_000;

/// Compiled images of one user.
#[derive(Debug, Clone)]
pub struct ImageCache {
    dir: PathBuf,
}

/// What the cache holds for this program on this machine.
#[derive(Debug, Clone, Serialize)]
pub struct ImageStatus {
    /// Where images are kept.
    pub directory: PathBuf,
    /// What this program's image is called here.
    pub key: String,
    /// The processors that it is made for.
    pub target: ImageTarget,
    /// Its size, where there is one.
    pub size: Option<u64>,
    /// Images of other versions or for other processors.
    pub others: usize,
}

/// An image file whose content was compared with its digest.
#[derive(Debug)]
pub(super) struct Verified(File);

impl Verified {
    pub(super) fn into_file(self) -> File {
        self.0
    }
}

/// What the file system says of a file. Any write, rename, link or change of rights changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed_s: i64,
    changed_ns: i64,
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed_s: metadata.ctime(),
            changed_ns: metadata.ctime_nsec(),
        }
    }

    fn changed(&self) -> i128 {
        i128::from(self.changed_s)
            .saturating_mul(RACY_NS)
            .saturating_add(i128::from(self.changed_ns))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    digest: String,
    stamp: Stamp,
    /// Nanoseconds since 1970.
    sealed: i128,
}

/// Why an image is made again.
enum Remake {
    Missing,
    /// With what is said about it.
    Rejected(String),
}

impl ImageCache {
    /// The cache in this directory, or the user's own.
    pub fn new(dir: Option<PathBuf>) -> Result<Self, ImageError> {
        let dir = dir.or_else(places::cache_dir).ok_or(ImageError::NoHome)?;
        Ok(Self {
            dir: dir.join("images"),
        })
    }

    /// Where images are kept.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    /// What there is, without changing it.
    pub fn status(&self) -> Result<ImageStatus, ImageError> {
        let (target, key) = self.found()?;
        let size = fs::metadata(self.image(&key))
            .ok()
            .map(|metadata| metadata.len());
        let others = self
            .images()
            .len()
            .saturating_sub(usize::from(size.is_some()));
        Ok(ImageStatus {
            directory: self.dir.clone(),
            key,
            target,
            size,
            others,
        })
    }

    /// Which image would be loaded: the one for this processor, unless there is none and another one will do.
    fn found(&self) -> Result<(ImageTarget, String), ImageError> {
        let native = key(&smallest_engine(ImageTarget::Native)?)?;
        if !self.image(&native).exists() {
            for target in ImageTarget::runnable() {
                let key = key(&smallest_engine(target)?)?;
                if self.image(&key).exists() {
                    return Ok((target, key));
                }
            }
        }
        Ok((ImageTarget::Native, native))
    }

    /// Whether the image of this program would be loaded: nothing, or why not. `None` where there is none.
    pub fn check(&self) -> Result<Option<Result<(), String>>, ImageError> {
        let (_, key) = self.found()?;
        Ok(match verify(&self.image(&key)) {
            Ok(_) => Some(Ok(())),
            Err(Remake::Rejected(reason)) => Some(Err(reason)),
            Err(Remake::Missing) => None,
        })
    }

    /// Prepares the image where there is none that this processor can run.
    pub fn warm(&self, progress: Option<&dyn Progress>) -> Result<(), ImageError> {
        let engine = smallest_engine(ImageTarget::Native)?;
        self.load_or_prepare(&engine, progress).map(drop)
    }

    /// Prepares the image for these processors where there is none for them. This one need not be among them.
    pub fn warm_for(
        &self,
        target: ImageTarget,
        progress: Option<&dyn Progress>,
    ) -> Result<(), ImageError> {
        self.make_private()?;
        let engine = smallest_engine(target)?;
        let key = key(&engine)?;
        let path = self.image(&key);
        self.prepared(&engine, &key, progress, &|| verify(&path))
            .map(drop)
    }

    /// Removes all images; returns how many.
    pub fn clear(&self) -> Result<usize, ImageError> {
        let images = self.images();
        for (_, path) in &images {
            fs::remove_file(path).map_err(|error| cache_error(path, &error))?;
            // A seal without its image is of no use and no harm.
            let _ = fs::remove_file(path.with_extension("seal"));
        }
        Ok(images.len())
    }

    pub(in crate::sandbox) fn load_or_prepare(
        &self,
        engine: &Engine,
        progress: Option<&dyn Progress>,
    ) -> Result<Image, ImageError> {
        let key = key(engine)?;
        self.make_private()?;
        match self.load(engine, &key) {
            Ok(image) => return Ok(image),
            Err(Remake::Rejected(_)) => {}
            // One for other processors may do.
            Err(Remake::Missing) => {
                let (target, key) = self.found()?;
                if target != ImageTarget::Native
                    && let Ok(image) = self.load(engine, &key)
                {
                    return Ok(image);
                }
            }
        }
        self.prepared(engine, &key, progress, &|| self.load(engine, &key))
    }

    /// What is found under a key; where that is nothing, the image is prepared first.
    fn prepared<R>(
        &self,
        engine: &Engine,
        key: &str,
        progress: Option<&dyn Progress>,
        find: &dyn Fn() -> Result<R, Remake>,
    ) -> Result<R, ImageError> {
        if let Ok(found) = find() {
            return Ok(found);
        }
        let stage = |stage| {
            if let Some(progress) = progress {
                progress.stage(stage);
            }
        };
        // Whoever comes first prepares; the others wait, and then find it.
        let lock = self
            .open_lock()
            .map_err(|error| cache_error(&self.dir, &error))?;
        if lock.try_lock().is_err() {
            stage(Stage::Waiting);
            lock.lock()
                .map_err(|error| cache_error(&self.dir, &error))?;
        }
        let found = match find() {
            Ok(found) => found,
            Err(unusable) => {
                if let Remake::Rejected(reason) = unusable {
                    tracing::warn!("the cached interpreter is made again: {reason}");
                }
                stage(Stage::Unpacking);
                let snapshot = artefact::unpack()?;
                stage(Stage::Compiling);
                let compiled = with_threads(|| engine.precompile_module(&snapshot))?
                    .map_err(|error| ImageError::Prepare(format!("{error:#}")))?;
                drop(snapshot);
                stage(Stage::Storing);
                self.store(key, &compiled)
                    .map_err(|error| cache_error(&self.dir, &error))?;
                drop(compiled);
                self.prune(key);
                match find() {
                    Ok(found) => found,
                    Err(Remake::Rejected(reason)) => return Err(ImageError::Prepare(reason)),
                    Err(Remake::Missing) => {
                        return Err(ImageError::Prepare("it was removed at once".to_owned()));
                    }
                }
            }
        };
        if let Some(progress) = progress {
            progress.done();
        }
        Ok(found)
    }

    /// The directory exists and belongs to this user alone.
    fn make_private(&self) -> Result<(), ImageError> {
        let written = match private::make_directory(&self.dir) {
            Ok(()) => return Ok(()),
            Err(NotPrivate::Written) => true,
            Err(NotPrivate::Seen) => false,
            Err(error) => {
                return Err(ImageError::Cache {
                    path: self.dir.clone(),
                    reason: error.to_string(),
                });
            }
        };
        // Nothing in it is anybody's but ours to make again.
        if written {
            tracing::warn!(
                "others could write to the image cache `{}`; it is emptied",
                self.dir.display()
            );
            self.clear()?;
        }
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o700))
            .map_err(|error| cache_error(&self.dir, &error))
    }

    fn load(&self, engine: &Engine, key: &str) -> Result<Image, Remake> {
        let path = self.image(key);
        let verified = verify(&path)?;
        Image::load(engine, verified).map_err(|error| Remake::Rejected(format!("{error:#}")))
    }

    /// Writes image and seal under other names first, so that nobody ever sees a part of one.
    fn store(&self, key: &str, compiled: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.dir)?;
        file.write_all(compiled)?;
        self.keep(key, file, hex::encode(Sha256::digest(compiled)))
    }

    /// Gives an image its name and its seal.
    fn keep(&self, key: &str, file: tempfile::NamedTempFile, digest: String) -> io::Result<()> {
        file.as_file().sync_all()?;
        let path = self.image(key);
        file.persist(&path)?;
        let metadata = fs::symlink_metadata(&path)?;
        write_seal(
            &path,
            &Seal {
                digest,
                stamp: Stamp::of(&metadata),
                sealed: 0,
            },
        )
    }

    fn prune(&self, key: &str) {
        let mut images = self.images();
        images.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
        for (_, path) in images
            .into_iter()
            .filter(|(_, path)| *path != self.image(key))
            .skip(KEPT.saturating_sub(1))
        {
            // Whoever has it mapped keeps it; the next run of that version makes it again.
            let _ = fs::remove_file(&path);
            let _ = fs::remove_file(path.with_extension("seal"));
        }
    }

    fn images(&self) -> Vec<(SystemTime, PathBuf)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries
            .filter(|entry| {
                entry
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "cwasm")
            })
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect()
    }

    fn image(&self, key: &str) -> PathBuf {
        self.dir.join(key).with_extension("cwasm")
    }

    fn open_lock(&self) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.dir.join("lock"))
    }
}

/// The engine of one instance: images do not depend on how many there are.
fn smallest_engine(target: ImageTarget) -> Result<Engine, ImageError> {
    engine::pooled_for(target, NonZeroU32::MIN)
}

/// Opens an image and compares it with its seal.
fn verify(path: &Path) -> Result<Verified, Remake> {
    let rejected = |reason: &str| Remake::Rejected(format!("`{}` {reason}", path.display()));
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0))
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Remake::Missing),
        Err(error) => return Err(rejected(&format!("cannot be opened: {error}"))),
    };
    let metadata = file
        .metadata()
        .map_err(|error| rejected(&error.to_string()))?;
    let ours = metadata.is_file()
        && private::is_ours(metadata.uid())
        && !private::others_may_write(metadata.mode())
        && metadata.nlink() == 1;
    if !ours {
        return Err(rejected("is not a private file of this user"));
    }
    let seal = read_seal(path).map_err(rejected)?;
    let stamp = Stamp::of(&metadata);
    if stamp == seal.stamp && stamp.changed().saturating_add(RACY_NS) < seal.sealed {
        return Ok(Verified(file));
    }
    if digest(&mut file).map_err(|error| rejected(&error.to_string()))? != seal.digest {
        return Err(rejected("is not what was stored"));
    }
    let sealed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_nanos());
    // Without the new seal the next process compares again; nothing else depends on it.
    let _ = write_seal(
        path,
        &Seal {
            stamp,
            sealed: i128::try_from(sealed).unwrap_or(0),
            ..seal
        },
    );
    Ok(Verified(file))
}

fn read_seal(image: &Path) -> Result<Seal, &'static str> {
    let seal = fs::read(image.with_extension("seal")).map_err(|_| "has no seal")?;
    serde_json::from_slice(&seal).map_err(|_| "has a damaged seal")
}

fn write_seal(image: &Path, seal: &Seal) -> io::Result<()> {
    let parent = image.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(parent)?;
    file.write_all(&serde_json::to_vec(seal)?)?;
    file.persist(image.with_extension("seal"))?;
    Ok(())
}

fn digest(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(hex::encode(hasher.finalize()));
        };
        hasher.update(bytes);
    }
}

/// Names everything that shapes an image: the artefact, the way it is made, wasmtime, its settings and this processor.
fn key(engine: &Engine) -> Result<String, ImageError> {
    struct Feed(Sha256);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut feed = Feed(Sha256::new());
    FORMAT.hash(&mut feed);
    artefact::digest()?.hash(&mut feed);
    engine.precompile_compatibility_hash().hash(&mut feed);
    Ok(hex::encode(feed.0.finalize()).chars().take(32).collect())
}

#[cfg(any(test, fuzzing))]
#[expect(clippy::unwrap_used, reason = "a fuzzer ends where a rule is broken")]
pub(crate) mod fuzzing;
