//! How an image goes from the cache to a file, and from a file to the cache. Called by `sandgate image`. Nothing of a file may
//! be run, nor kept, that does not have the digest which whoever imports it names.

use super::{ImageCache, Remake, key, read_seal, smallest_engine, verify};
use crate::sandbox::image::{
    ImageError, ImageTarget, Progress, cache_error,
    portable::{ImageLabel, PortableImage, Unfit},
};
use serde::Serialize;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// An image that went to a file, or came from one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortedImage {
    /// The file.
    pub file: PathBuf,
    /// The processors that it is made for.
    pub target: ImageTarget,
    /// What it is called in the cache.
    pub key: String,
    /// The size of its code.
    pub size: u64,
    /// The digest of the file, SHA-256 in hexadecimal digits.
    pub digest: String,
}

impl ImageCache {
    /// Writes the image for these processors to a new file, for other machines. It is prepared where there is none.
    pub fn export(
        &self,
        target: ImageTarget,
        file: &Path,
        progress: Option<&dyn Progress>,
    ) -> Result<PortedImage, ImageError> {
        let failed = |error: &dyn std::fmt::Display| ImageError::Export {
            path: file.to_owned(),
            reason: error.to_string(),
        };
        let new = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(file);
        let mut new = new.map_err(|error| failed(&error))?;
        let exported = self.warm_for(target, progress).and_then(|()| {
            let key = key(&smallest_engine(target)?)?;
            let path = self.image(&key);
            let unusable = |remake: Remake| match remake {
                Remake::Missing => failed(&"it was removed at once"),
                Remake::Rejected(reason) => failed(&reason),
            };
            let mut code = verify(&path).map_err(unusable)?.into_file();
            let size = code.metadata().map_err(|error| failed(&error))?.len();
            let seal = read_seal(&path).map_err(|reason| failed(&reason))?;
            // It may have been read already, to be verified.
            code.rewind().map_err(|error| failed(&error))?;
            let written = ImageLabel::of(target, &key, size)?.write(&mut code, &mut new);
            let (digest, content) = written.map_err(|error| failed(&error))?;
            if content != seal.digest {
                return Err(failed(&"the image is not what was stored"));
            }
            new.sync_all().map_err(|error| failed(&error))?;
            Ok(PortedImage {
                file: file.to_owned(),
                target,
                key,
                size,
                digest,
            })
        });
        if exported.is_err() {
            // What is not whole is of no use.
            let _ = fs::remove_file(file);
        }
        exported
    }

    /// Takes an image from a file that [`export`](Self::export) wrote, perhaps on another machine.
    ///
    /// An image is machine code, and nobody can tell by looking at it what it does. So whoever imports one says which file is
    /// meant, by its digest (SHA-256, in hexadecimal digits), and answers for it: its code runs with all the rights of this
    /// user. Nothing of a file with another digest is ever run.
    pub fn import(&self, file: &Path, digest: &str) -> Result<PortedImage, ImageError> {
        let refused = |unfit: Unfit| ImageError::Import {
            path: file.to_owned(),
            reason: unfit.reason,
            remedy: unfit.remedy,
        };
        let failed = |error: &io::Error| cache_error(&self.dir, error);
        self.make_private()?;
        let opened = File::open(file).map_err(|error| refused(Unfit::unreadable(&error)))?;
        let portable = PortableImage::open(io::BufReader::new(opened)).map_err(refused)?;
        let fits = portable
            .label
            .fits(|target| key(&smallest_engine(target)?))?;
        let target = fits.map_err(refused)?;
        let key = key(&smallest_engine(target)?)?;
        let mut new = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.dir)
            .map_err(|error| failed(&error))?;
        let copied = portable.copy(&mut new).map_err(|error| failed(&error))?;
        let (whole, content) = copied.map_err(refused)?;
        if whole != digest {
            return Err(refused(Unfit::other_digest(&whole)));
        }
        let size = new
            .as_file()
            .metadata()
            .map_err(|error| failed(&error))?
            .len();
        let lock = self.open_lock().map_err(|error| failed(&error))?;
        lock.lock().map_err(|error| failed(&error))?;
        self.keep(&key, new, content)
            .map_err(|error| failed(&error))?;
        let engine = smallest_engine(ImageTarget::Native)?;
        if let Err(Remake::Rejected(reason)) = self.load(&engine, &key) {
            let path = self.image(&key);
            fs::remove_file(&path).map_err(|error| cache_error(&path, &error))?;
            return Err(refused(Unfit::not_loaded(&reason)));
        }
        self.prune(&key);
        Ok(PortedImage {
            file: file.to_owned(),
            target,
            key,
            size,
            digest: whole,
        })
    }
}
