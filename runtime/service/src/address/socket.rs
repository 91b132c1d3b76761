//! Whether a Unix socket is the one that the operator meant. Called before every connection, also when reconnecting,
//! and when a service is registered. It must never follow a link: what is checked is what is connected to.
//!
//! THREAT[POL-06]: another user who could put a socket in the place of a service's would be given its calls. So every
//! directory on the way, and the socket, belong to us or to root, and nobody else may write to them, no group either; a
//! directory that others may write to is accepted where it is sticky (`/tmp`), because then nobody can replace what is
//! ours. Only
//! we and root can change any of this between the check and the connection, and both are trusted. Who is listening is
//! asked of the kernel once connected.

use rustix::{
    fs::{FileType, Mode, Stat, lstat},
    io::Errno,
    process::geteuid,
};
use std::path::{Path, PathBuf};

const ROOT: u32 = 0;
/// What an address of a Unix socket has room for, without the byte that ends it.
const LONGEST_PATH: usize = 107;

/// Why a socket is not spoken to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// Nothing is there, or it may not be looked at.
    #[error("`{}` cannot be reached: {reason}", path.display())]
    Missing {
        /// The socket, or the directory on the way to it.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The kernel has no room for such a path.
    #[error("`{}` is longer than the {LONGEST_PATH} bytes that the path of a socket can have; use a shorter one", .0.display())]
    TooLong(PathBuf),
    /// A link can be pointed at something else at any time.
    #[error("`{}` is a symbolic link; name the socket by its real path", .0.display())]
    Link(PathBuf),
    /// A file, a directory, a pipe.
    #[error("`{}` is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// A part of the path is not a directory, or is `..`.
    #[error("`{}` is not the plain path of a directory", .0.display())]
    NotADirectory(PathBuf),
    /// It belongs to another user.
    #[error("`{}` belongs to user {owner}, and not to us or root", path.display())]
    Owner {
        /// The socket, or the directory on the way to it.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Somebody else could replace it or answer in its place.
    #[error("others than its owner may write to `{}`; remove that permission with `chmod go-w`", .0.display())]
    Writable(PathBuf),
    /// Somebody else is listening there.
    #[error("the process that listens at `{}` belongs to user {peer}, and not to user {owner} as the socket does", path.display())]
    Listener {
        /// The socket.
        path: PathBuf,
        /// Who listens.
        peer: u32,
        /// Whose socket it is.
        owner: u32,
    },
}

/// A socket that was checked, and who has to be listening there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckedSocket<'a> {
    path: &'a Path,
    owner: u32,
}

/// Checks a socket and every directory on the way to it.
pub(crate) fn check_socket(path: &Path) -> Result<CheckedSocket<'_>, SocketError> {
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(SocketError::TooLong(path.to_owned()));
    }
    for directory in path.ancestors().skip(1) {
        check_directory(directory)?;
    }
    let found = look(path)?;
    if !FileType::from_raw_mode(found.st_mode).is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    if others_write(&found) {
        return Err(SocketError::Writable(path.to_owned()));
    }
    Ok(CheckedSocket {
        path,
        owner: found.st_uid,
    })
}

impl CheckedSocket<'_> {
    /// Whether the process at the other end is the one the socket belongs to. Root may serve anybody's socket.
    pub(crate) fn listener(&self, peer: u32) -> Result<(), SocketError> {
        if peer == self.owner || peer == ROOT {
            Ok(())
        } else {
            Err(SocketError::Listener {
                path: self.path.to_owned(),
                peer,
                owner: self.owner,
            })
        }
    }
}

fn check_directory(path: &Path) -> Result<(), SocketError> {
    let found = look(path)?;
    if !FileType::from_raw_mode(found.st_mode).is_dir() || path.ends_with("..") {
        return Err(SocketError::NotADirectory(path.to_owned()));
    }
    let sticky = Mode::from_raw_mode(found.st_mode).contains(Mode::SVTX);
    if others_write(&found) && !sticky {
        return Err(SocketError::Writable(path.to_owned()));
    }
    Ok(())
}

/// What is there, without following a link, if it belongs to somebody trusted.
fn look(path: &Path) -> Result<Stat, SocketError> {
    let found = lstat(path).map_err(|error: Errno| SocketError::Missing {
        path: path.to_owned(),
        reason: std::io::Error::from(error).to_string(),
    })?;
    if FileType::from_raw_mode(found.st_mode).is_symlink() {
        return Err(SocketError::Link(path.to_owned()));
    }
    if found.st_uid != ROOT && found.st_uid != geteuid().as_raw() {
        return Err(SocketError::Owner {
            path: path.to_owned(),
            owner: found.st_uid,
        });
    }
    Ok(found)
}

fn others_write(found: &Stat) -> bool {
    Mode::from_raw_mode(found.st_mode).intersects(Mode::WGRP | Mode::WOTH)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use rustix::fs::{chmod, chown, mkdir};
    use std::os::unix::{fs::symlink, net::UnixListener};

    /// A directory with a socket in it that passes.
    fn scene() -> (tempfile::TempDir, PathBuf) {
        let scene = tempfile::tempdir().unwrap();
        let socket = scene.path().join("rpc.sock");
        UnixListener::bind(&socket).unwrap();
        chmod(&socket, Mode::from_raw_mode(0o600)).unwrap();
        (scene, socket)
    }

    fn refused(path: &Path) -> String {
        check_socket(path).unwrap_err().to_string()
    }

    #[test]
    fn pol_06_our_own_socket_in_our_own_directory_is_spoken_to() {
        let (_scene, socket) = scene();
        let checked = check_socket(&socket).unwrap();
        assert_eq!(checked.owner, geteuid().as_raw());
        assert_eq!(checked.listener(checked.owner), Ok(()));
        assert_eq!(checked.listener(ROOT), Ok(()));
    }

    #[test]
    fn pol_06_a_link_is_refused_wherever_it_is_on_the_way() {
        let (scene, socket) = scene();
        let link = scene.path().join("other.sock");
        symlink(&socket, &link).unwrap();
        assert_eq!(
            refused(&link),
            format!(
                "`{}` is a symbolic link; name the socket by its real path",
                link.display()
            )
        );
        let elsewhere = tempfile::tempdir().unwrap();
        let directory = elsewhere.path().join("link");
        symlink(scene.path(), &directory).unwrap();
        assert_eq!(
            refused(&directory.join("rpc.sock")),
            format!(
                "`{}` is a symbolic link; name the socket by its real path",
                directory.display()
            )
        );
        assert_eq!(
            refused(&scene.path().join("x/../rpc.sock")),
            format!(
                "`{}` cannot be reached: No such file or directory (os error 2)",
                scene.path().join("x/..").display()
            )
        );
        mkdir(scene.path().join("x"), Mode::RWXU).unwrap();
        assert_eq!(
            refused(&scene.path().join("x/../rpc.sock")),
            format!(
                "`{}` is not the plain path of a directory",
                scene.path().join("x/..").display()
            )
        );
    }

    #[test]
    fn pol_06_what_a_group_or_everybody_may_write_to_is_refused() {
        let (scene, socket) = scene();
        let said = |path: &Path| {
            format!(
                "others than its owner may write to `{}`; remove that permission with `chmod go-w`",
                path.display()
            )
        };
        // Every combination of rights: writing is what counts, and only the owner may.
        for mode in 0o600..=0o677 {
            chmod(&socket, Mode::from_raw_mode(mode)).unwrap();
            if mode & 0o022 == 0 {
                assert!(check_socket(&socket).is_ok(), "{mode:o}");
            } else {
                assert_eq!(refused(&socket), said(&socket), "{mode:o}");
            }
        }
        chmod(&socket, Mode::from_raw_mode(0o600)).unwrap();
        for mode in 0o700..=0o777 {
            chmod(scene.path(), Mode::from_raw_mode(mode)).unwrap();
            if mode & 0o022 == 0 {
                assert!(check_socket(&socket).is_ok(), "{mode:o}");
            } else {
                assert_eq!(refused(&socket), said(scene.path()), "{mode:o}");
            }
            // Sticky: others can add names, and cannot take ours away.
            chmod(scene.path(), Mode::from_raw_mode(0o1000 | mode)).unwrap();
            assert!(check_socket(&socket).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn pol_06_what_belongs_to_another_user_is_refused() {
        let (scene, socket) = scene();
        let checked = check_socket(&socket).unwrap();
        assert_eq!(
            checked.listener(4711).unwrap_err().to_string(),
            format!(
                "the process that listens at `{}` belongs to user 4711, and not to user {} as the socket does",
                socket.display(),
                checked.owner
            )
        );
        // Only root can give a file away, and then the rest can be tried too.
        let other = rustix::fs::Uid::from_raw(4711);
        if chown(&socket, Some(other), None).is_ok() {
            assert_eq!(
                refused(&socket),
                format!(
                    "`{}` belongs to user 4711, and not to us or root",
                    socket.display()
                )
            );
            chown(&socket, Some(geteuid()), None).unwrap();
            chown(scene.path(), Some(other), None).unwrap();
            assert_eq!(
                refused(&socket),
                format!(
                    "`{}` belongs to user 4711, and not to us or root",
                    scene.path().display()
                )
            );
        }
    }

    #[test]
    fn pol_06_what_is_no_socket_is_refused() {
        let (scene, socket) = scene();
        assert_eq!(
            refused(scene.path()),
            format!("`{}` is not a socket", scene.path().display())
        );
        assert_eq!(
            refused(&socket.join("x")),
            format!(
                "`{}` is not the plain path of a directory",
                socket.display()
            )
        );
        let long = scene.path().join("x".repeat(100));
        assert_eq!(
            refused(&long),
            format!(
                "`{}` is longer than the 107 bytes that the path of a socket can have; use a shorter one",
                long.display()
            )
        );
    }
}
