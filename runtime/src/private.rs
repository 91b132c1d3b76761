//! Whose a file or a directory is. One rule for what is kept, for what decides and for what is loaded: `store`, `contexts`
//! and the image cache ask here. It must never take anything for private that another user could have written.

#![expect(
    clippy::disallowed_methods,
    reason = "directories are made where something private is to be kept"
)]

use rustix::{
    fs::{Mode, OFlags, open},
    process::geteuid,
};
use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Why a directory is not private.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPrivate {
    /// It cannot be made or looked at.
    #[error(transparent)]
    Unusable(#[from] io::Error),
    #[error("it is not a directory")]
    Kind,
    #[error("it belongs to somebody else")]
    Owner,
    #[error("others can write to it; run `chmod 700` on it")]
    Written,
    #[error("others can look into it; run `chmod 700` on it")]
    Seen,
}

/// Whether what belongs to this user id belongs to whoever runs this process.
pub(crate) fn is_ours(uid: u32) -> bool {
    uid == geteuid().as_raw()
}

/// The same, or to root, who could change it anyway.
pub(crate) fn is_trusted(uid: u32) -> bool {
    uid == 0 || is_ours(uid)
}

/// Whether its group or everybody may write to what has this mode.
pub(crate) fn others_may_write(mode: u32) -> bool {
    mode & 0o022 != 0
}

/// Makes a file where it is missing; nobody else can look into it. One that is there is not opened: closing it again would take every
/// lock from it that this process has, as those of SQLite.
pub(crate) fn make_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a file that is not there yet, which nobody else can look into, with this in it.
pub(crate) fn create_secret(path: &Path, secret: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(secret)?;
    file.sync_all()
}

/// Where a secret lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// In a file that sandgate made.
    Ours,
    /// In one that the operator names, and that may be root's and behind a link.
    Named,
}

/// Reads a file that nobody else can look into, no more than so many bytes of it. A pipe in its place must not make us wait.
pub(crate) fn read_secret(path: &Path, longest: u64, place: SecretPlace) -> io::Result<Vec<u8>> {
    let (links, may_be_of): (_, fn(u32) -> bool) = match place {
        SecretPlace::Ours => (OFlags::NOFOLLOW, is_ours),
        SecretPlace::Named => (OFlags::empty(), is_trusted),
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | links;
    let file: fs::File = open(path, flags, Mode::empty())?.into();
    let found = file.metadata()?;
    let wrong = |why: &str| Err(io::Error::other(why.to_owned()));
    if !found.is_file() {
        return wrong("it is not a file");
    }
    if !may_be_of(found.uid()) {
        return wrong("it belongs to somebody else");
    }
    if found.mode() & 0o077 != 0 {
        return wrong("others can read it; run `chmod 600` on it");
    }
    let mut secret = Vec::new();
    file.take(longest).read_to_end(&mut secret)?;
    Ok(secret)
}

/// Makes a directory, and those above it, where it is missing; nobody else can look into it.
pub(crate) fn make_directory(path: &Path) -> Result<(), NotPrivate> {
    match fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
    {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(NotPrivate::Kind);
    }
    if !is_ours(found.uid()) {
        return Err(NotPrivate::Owner);
    }
    if others_may_write(found.mode()) {
        return Err(NotPrivate::Written);
    }
    if found.mode() & 0o077 != 0 {
        return Err(NotPrivate::Seen);
    }
    Ok(())
}
