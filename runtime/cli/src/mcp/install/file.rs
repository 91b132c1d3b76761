//! The file of a configuration: read, kept beside itself, and replaced at once. It must never be half of itself, and what
//! was in it must never be gone: whoever reads it meanwhile, or pulls the plug, finds the old one or the new one.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator asks for this file to be changed"
)]

use crate::failure::Failure;
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// No list of servers is longer; Claude Code keeps its history beside it, some megabytes.
const LONGEST: u64 = 64 << 20;
/// Backups beside a file before a person has to tidy up.
const MOST_BACKUPS: u32 = 1000;

/// A configuration as it is now.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// Where links lead, since a link that is replaced by a file would leave the other end as it was.
    path: PathBuf,
    text: String,
    /// Of the file, where there is one.
    permissions: Option<Permissions>,
}

impl ConfigFile {
    /// Reads it. A file that does not exist is empty.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &io::Error| {
            Failure::usage(
                format!("`{}` cannot be read: {error}", path.display()),
                "nothing was changed; make it a file that you can read and write",
            )
        };
        if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(Self {
                path: path.to_owned(),
                text: String::new(),
                permissions: None,
            });
        }
        // A link to nothing is an error: nobody knows whether its other end will be there again.
        let path = path.canonicalize().map_err(|error| failed(&error))?;
        let (text, permissions) = read(&path).map_err(|error| failed(&error))?;
        Ok(Self {
            path,
            text,
            permissions: Some(permissions),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Puts this text in its place, and says where the old one is kept.
    pub(super) fn replace(&self, text: &str, private: bool) -> Result<Option<PathBuf>, Failure> {
        let failed = |error: &io::Error| {
            Failure::usage(
                format!("`{}` cannot be written: {error}", self.path.display()),
                "nothing was changed; make it and its directory writable for you",
            )
        };
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(directory).map_err(|error| failed(&error))?;
        let otherwise = if private { 0o600 } else { 0o644 };
        let permissions = self.permissions.clone();
        let permissions = permissions.unwrap_or_else(|| Permissions::from_mode(otherwise));
        let written = || {
            let mut file = tempfile::Builder::new()
                .prefix(".sandgate-")
                .tempfile_in(directory)?;
            file.write_all(text.as_bytes())?;
            file.as_file().set_permissions(permissions.clone())?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = written().map_err(|error: io::Error| failed(&error))?;
        let backup = match &self.permissions {
            Some(permissions) => Some(self.back_up(permissions).map_err(|error| failed(&error))?),
            None => None,
        };
        self.is_unchanged()?;
        match backup {
            Some(_) => file.persist(&self.path),
            // Somebody may have made one meanwhile.
            None => file.persist_noclobber(&self.path),
        }
        .map_err(|error| failed(&error.error))?;
        Ok(backup)
    }

    /// Keeps what was read beside the file, under the first name that is free.
    fn back_up(&self, permissions: &Permissions) -> io::Result<PathBuf> {
        for number in 1..=MOST_BACKUPS {
            let mut name = self.path.clone().into_os_string();
            name.push(".sandgate-backup");
            if number > 1 {
                name.push(format!("-{number}"));
            }
            let opened = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&name);
            let mut file = match opened {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            file.write_all(self.text.as_bytes())?;
            file.set_permissions(permissions.clone())?;
            file.sync_all()?;
            return Ok(name.into());
        }
        Err(io::Error::other("there are a thousand backups beside it"))
    }

    /// Clients write these files too, while they run.
    fn is_unchanged(&self) -> Result<(), Failure> {
        let now = match (&self.permissions, read(&self.path)) {
            (Some(_), Ok((now, _))) => Some(now),
            (None, Err(error)) if error.kind() == io::ErrorKind::NotFound => Some(String::new()),
            _ => None,
        };
        if now.as_deref() == Some(&self.text) {
            return Ok(());
        }
        Err(Failure::usage(
            format!(
                "`{}` was changed by another program just now",
                self.path.display()
            ),
            "close the client and try again",
        ))
    }
}

fn read(path: &Path) -> io::Result<(String, Permissions)> {
    // A pipe would keep us waiting.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let file = File::open(path)?;
    let permissions = file.metadata()?.permissions();
    let mut text = String::new();
    let read = file
        .take(LONGEST.saturating_add(1))
        .read_to_string(&mut text)?;
    if read as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 64 MiB"));
    }
    Ok((text, permissions))
}
