//! The second wall: what this process may still do once everything it needs is open. Called by `sandgate run`, before
//! the script is anywhere near and before there is a second thread. Should a script ever get out of WebAssembly, this
//! is where it is then: in a process that can open its workspace and its cache, and start or reach nothing.
//!
//! It must never be raised in the process of somebody else: it cannot be taken down again.

use super::{reach::Outside, report::Failure};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::path::Path;

/// A place that stays within reach, and for what.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// Read and write whatever is below.
    Directory(&'a Path),
    /// Remove directories that lie directly in it: a temporary workspace is put away at the end.
    Parent(&'a Path),
    /// Read whatever is below.
    Readable(&'a Path),
}

/// The newest rules that are known here; an older kernel enforces those that it has.
const RULES: ABI = ABI::V6;

/// wasmtime asks the kernel which pages a run has changed.
const PAGEMAP: &str = "/proc/self/pagemap";

/// What names and certificates are looked up in, where services are called by URL.
const NETWORK: [&str; 4] = [
    "/etc",
    "/run/systemd/resolve",
    "/usr/share/ca-certificates",
    "/usr/lib/ssl",
];

/// Raises the wall around this thread and all that it starts. THREAT[ESC-07].
pub(super) fn raise(places: &[Place<'_>], outside: Outside) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::internal(format!("the process cannot be confined: {error}"), None)
    };
    files(places, outside).map_err(|error| failed(&error))?;
    let filter = system_calls(outside).map_err(|error| failed(&error))?;
    seccompiler::apply_filter(&filter).map_err(|error| failed(&error))
}

fn files(places: &[Place<'_>], outside: Outside) -> Result<(), landlock::RulesetError> {
    let all = AccessFs::from_all(RULES);
    let net = match outside {
        Outside::Network => AccessNet::BindTcp.into(),
        Outside::Nothing | Outside::Sockets => AccessNet::from_all(RULES),
    };
    let mut rules = Ruleset::default()
        .handle_access(all)?
        .handle_access(net)?
        .scope(Scope::from_all(RULES))?
        .create()?;
    let network = NETWORK.iter().map(|path| Place::Readable(Path::new(path)));
    let network = network.filter(|_| outside == Outside::Network);
    let within = places
        .iter()
        .copied()
        .chain(network)
        .map(|place| match place {
            Place::Directory(path) => (path, all & !AccessFs::Execute),
            Place::Parent(path) => (path, AccessFs::RemoveDir.into()),
            Place::Readable(path) => (path, AccessFs::ReadFile | AccessFs::ReadDir),
        });
    let pagemap: (&Path, BitFlags<AccessFs>) = (Path::new(PAGEMAP), AccessFs::ReadFile.into());
    for (path, access) in within.chain([pagemap]) {
        // What does not exist cannot be reached without a rule either.
        if let Ok(opened) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    // A kernel without landlock leaves the filter of system calls below.
    rules.restrict_self().map(drop)
}

/// Calls that start a program, reach another process or the network, or change what the process may do. They fail
/// with `EPERM`; nothing that sandgate does needs them.
fn system_calls(outside: Outside) -> Result<BpfProgram, seccompiler::Error> {
    // Services are connected to, and names are looked up with a socket that is bound.
    let reaching: &[_] = match outside {
        Outside::Nothing => &[libc::SYS_socket, libc::SYS_connect, libc::SYS_bind],
        Outside::Sockets => &[libc::SYS_bind],
        Outside::Network => &[],
    };
    let denied = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_kill,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
        libc::SYS_setuid,
        libc::SYS_setgid,
    ];
    let denied = denied.iter().chain(reaching);
    let rules = denied.map(|&call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        refuse,
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the test does what must not be done"
)]
mod tests {
    use super::*;
    use std::{
        fs, io,
        net::{TcpListener, TcpStream},
        os::unix::net::UnixListener,
        process::Command,
    };

    /// A thread stands for an escaped script: the wall is around it and what it starts, and not around other tests.
    fn behind<R: Send>(places: &[Place<'_>], act: impl FnOnce() -> R + Send) -> R {
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
        behind(&[Place::Directory(workspace.path())], || {
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
    fn esc_07_a_temporary_workspace_can_be_put_away() {
        let parent = tempfile::tempdir().unwrap();
        let workspace = parent.path().join("workspace");
        fs::create_dir(&workspace).unwrap();
        fs::create_dir(workspace.join("inside")).unwrap();
        fs::write(parent.path().join("other"), "x").unwrap();
        let places = [Place::Directory(&workspace), Place::Parent(parent.path())];
        behind(&places, || {
            assert_eq!(
                kind(fs::read(parent.path().join("other"))),
                Some(io::ErrorKind::PermissionDenied)
            );
            fs::remove_dir_all(&workspace).unwrap();
        });
    }
}
