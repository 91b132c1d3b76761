//! The second wall: what this process may still do once everything it needs is open. Called by `sandgate run` and `sandgate
//! mcp`, before a script is anywhere near and before there is a second thread; the interpreter is loaded by then. Should a
//! script ever get out of WebAssembly, this is where it is then: in a process that can open the directories named for it, and start or
//! reach nothing. What a context may call is connected to by another process (`connector`), which has a wall of its own.
//!
//! It must never be raised in the process of somebody else: it cannot be taken down again.

#![expect(
    clippy::disallowed_methods,
    reason = "what the system says of this process is in files"
)]

mod calls;
mod files;
mod inherited;

use super::failure::Failure;
pub(super) use inherited::{Inherited, forget_environment};
use std::{fs, path::Path, thread};

/// A place that stays within reach, and for what.
#[derive(Debug, Clone, Copy)]
pub(super) enum WithinReach<'a> {
    /// Read and write whatever is below.
    Directory(&'a Path),
    /// Read whatever is below.
    ReadOnly(&'a Path),
    /// Connect to sockets that lie below, where connecting is allowed at all.
    Sockets(&'a Path),
    /// The same for a port, on any machine.
    Port(u16),
}

/// What may be connected to from behind the wall. A run connects to nothing: it is handed connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    /// Nothing.
    Nothing,
    /// Nothing, but the terminal can be told not to show what is typed, as who edits a line does.
    Prompt,
    /// Nothing, but whoever comes to a socket that listens already is let in.
    Visitors,
    /// Unix sockets.
    Sockets,
    /// The network as well.
    Network,
}

/// From here on the process can reach these places and nothing else. Everything that is named on the command line or in the
/// environment has been read, and the interpreter is loaded. THREAT[ESC-07]
pub(super) fn confine(places: &[WithinReach<'_>], inherited: Inherited) -> Result<(), Failure> {
    confine_to(places, Outside::Nothing, inherited)
}

/// The same, with that outside.
pub(super) fn confine_to(
    places: &[WithinReach<'_>],
    outside: Outside,
    inherited: Inherited,
) -> Result<(), Failure> {
    alone()?;
    inherited.close();
    forget_environment();
    raise(places, outside)
}

/// Raises the wall around this thread and all that it starts. THREAT[ESC-07].
pub(super) fn raise(places: &[WithinReach<'_>], outside: Outside) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::internal(format!("the process cannot be confined: {error}"), None)
    };
    files::restrict(places, outside).map_err(|error| failed(&error))?;
    for filter in calls::filters(outside).map_err(|error| failed(&error))? {
        seccompiler::apply_filter(&filter).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// A thread that exists already would be outside of the wall. Those that prepared an image have been waited for, and may
/// still be on their way out.
pub(super) fn alone() -> Result<(), Failure> {
    /// A thread that has done its work is gone long before this many looks.
    const LOOKS: usize = 100_000;
    for _ in 0..LOOKS {
        // Without /proc nothing can be seen, and nothing was started either.
        let Ok(threads) = fs::read_dir("/proc/self/task") else {
            return Ok(());
        };
        if threads.count() == 1 {
            return Ok(());
        }
        thread::yield_now();
    }
    Err(Failure::internal(
        "the process cannot be confined: it has a second thread",
        None,
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use std::{
        fs::{File, Permissions},
        io::{self, Read},
        net::{TcpListener, TcpStream},
        os::unix::{
            fs::{PermissionsExt, symlink},
            net::{UnixDatagram, UnixListener, UnixStream},
        },
        process::Command,
        time::SystemTime,
    };

    /// A thread stands for an escaped script: the wall is around it and what it starts, and not around other tests.
    fn behind<R: Send>(places: &[WithinReach<'_>], act: impl FnOnce() -> R + Send) -> R {
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    raise(places, Outside::Nothing).unwrap();
                    act()
                })
                .join()
                .unwrap()
        })
    }

    fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn esc_07_behind_the_wall_nothing_is_opened_started_or_reached() {
        let denied = Some(io::ErrorKind::PermissionDenied);
        let elsewhere = tempfile::tempdir().unwrap();
        let secret = elsewhere.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        behind(&[], || {
            assert_eq!(kind(fs::read("/etc/passwd")), denied);
            assert_eq!(kind(fs::read(&secret)), denied);
            assert_eq!(kind(fs::read("/proc/self/environ")), denied);
            assert_eq!(kind(fs::read_dir("/")), denied);
            assert_eq!(kind(fs::write(elsewhere.path().join("new"), "x")), denied);
            assert_eq!(kind(fs::remove_file(&secret)), denied);
            assert_eq!(kind(Command::new("/bin/true").spawn()), denied);
            assert_eq!(kind(TcpStream::connect(address)), denied);
            assert_eq!(kind(TcpListener::bind("127.0.0.1:0")), denied);
            assert_eq!(
                kind(UnixListener::bind(elsewhere.path().join("socket"))),
                denied
            );
        });
        // And without it, each of these works: the test would notice a machine on which they fail anyway.
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
        assert!(Command::new("/bin/true").status().unwrap().success());
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn esc_07_behind_the_wall_the_workspace_still_works_and_nothing_in_it_runs() {
        let workspace = tempfile::tempdir().unwrap();
        let program = workspace.path().join("program");
        fs::copy("/bin/true", &program).unwrap();
        behind(&[WithinReach::Directory(workspace.path())], || {
            let file = workspace.path().join("file");
            fs::write(&file, "x").unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"x");
            fs::create_dir(workspace.path().join("directory")).unwrap();
            fs::remove_file(&file).unwrap();
            assert_eq!(
                kind(Command::new(&program).spawn()),
                Some(io::ErrorKind::PermissionDenied)
            );
        });
        assert!(Command::new(&program).status().unwrap().success());
    }

    #[test]
    fn esc_07_behind_the_wall_what_is_only_read_is_not_written() {
        let denied = Some(io::ErrorKind::PermissionDenied);
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "x").unwrap();
        behind(&[WithinReach::ReadOnly(place.path())], || {
            assert_eq!(fs::read(&file).unwrap(), b"x");
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
            assert_eq!(kind(fs::write(&file, "y")), denied);
            assert_eq!(kind(fs::write(place.path().join("new"), "x")), denied);
            assert_eq!(kind(fs::create_dir(place.path().join("new"))), denied);
            assert_eq!(kind(fs::remove_file(&file)), denied);
        });
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn esc_07_behind_the_wall_no_socket_is_reached_whoever_listens() {
        let denied = Some(io::ErrorKind::PermissionDenied);
        let place = tempfile::tempdir().unwrap();
        let (stream, datagram) = (place.path().join("stream"), place.path().join("datagram"));
        let _listening = UnixListener::bind(&stream).unwrap();
        let _waiting = UnixDatagram::bind(&datagram).unwrap();
        let before = UnixDatagram::unbound().unwrap();
        // Not even one in its own workspace.
        behind(&[WithinReach::Directory(place.path())], || {
            assert_eq!(kind(UnixStream::connect(&stream)), denied);
            assert_eq!(kind(UnixDatagram::unbound()), denied);
            assert_eq!(kind(UnixDatagram::pair()), denied);
            // One that was open before has nobody at its other end, and can name nobody.
            assert_eq!(kind(before.send_to(b"x", &datagram)), denied);
            assert_eq!(kind(before.connect(&datagram)), denied);
            assert!(UnixStream::pair().is_ok());
        });
        UnixStream::connect(&stream).unwrap();
        before.send_to(b"x", &datagram).unwrap();
    }

    #[test]
    fn esc_07_behind_the_wall_what_belongs_to_others_is_not_changed_where_landlock_does_not_look() {
        let denied = Some(io::ErrorKind::PermissionDenied);
        let workspace = tempfile::tempdir().unwrap();
        let file = workspace.path().join("file");
        fs::write(&file, "x").unwrap();
        behind(&[WithinReach::Directory(workspace.path())], || {
            let mode = Permissions::from_mode(0o777);
            assert_eq!(kind(fs::set_permissions(&file, mode)), denied);
            assert_eq!(kind(std::os::unix::fs::chown(&file, None, None)), denied);
            assert_eq!(kind(symlink("/etc", workspace.path().join("link"))), denied);
            assert_eq!(
                kind(fs::hard_link(&file, workspace.path().join("second"))),
                denied
            );
            assert_eq!(kind(std::env::set_current_dir("/")), denied);
            // Times of a file that is open are what a script may set.
            let open = File::options().write(true).open(&file).unwrap();
            open.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        });
        fs::set_permissions(&file, Permissions::from_mode(0o777)).unwrap();
    }

    /// What a script that escaped would do to the interpreter of later runs: change it, and seal what it changed.
    #[test]
    fn esc_08_behind_the_wall_the_cache_is_neither_written_nor_read() {
        let denied = Some(io::ErrorKind::PermissionDenied);
        let (cache, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (image, seal) = (
            cache.path().join("key.cwasm"),
            cache.path().join("key.seal"),
        );
        fs::write(&image, "image").unwrap();
        fs::write(&seal, "seal").unwrap();
        let mut loaded = File::open(&image).unwrap();
        behind(&[WithinReach::Directory(workspace.path())], || {
            let other = workspace.path().join("other");
            fs::write(&other, "poisoned").unwrap();
            for file in [&image, &seal] {
                assert_eq!(kind(fs::write(file, "poisoned")), denied);
                assert_eq!(kind(File::options().append(true).open(file)), denied);
                assert_eq!(kind(fs::remove_file(file)), denied);
                assert_eq!(kind(fs::read(file)), denied);
                // Between directories, and with rights that differ, the kernel says that it is another device.
                assert!(fs::rename(&other, file).is_err());
                assert!(fs::rename(file, &other).is_err());
            }
            assert_eq!(kind(fs::write(cache.path().join("new"), "x")), denied);
            assert_eq!(kind(fs::create_dir(cache.path().join("new"))), denied);
            assert_eq!(kind(fs::read_dir(cache.path())), denied);
            // What was opened before is what runs.
            let mut text = String::new();
            loaded.read_to_string(&mut text).unwrap();
            assert_eq!(text, "image");
        });
        assert_eq!(fs::read(&image).unwrap(), b"image");
        assert_eq!(fs::read(&seal).unwrap(), b"seal");
        fs::write(&image, "poisoned").unwrap();
    }
}
