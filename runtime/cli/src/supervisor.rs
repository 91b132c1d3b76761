//! What started this process, where that is systemd or speaks as it does: the sockets that it opened for it, and what it is told of how
//! this process stands. Used by `serve`, before the wall is raised: what it is told goes over a connection that is made before, and
//! which is why no library does it that connects for each word. It must never believe variables that are meant for another process.

use super::{failure::Failure, wall::Inherited};
use rustix::{
    net::{AddressFamily, SocketType, sockopt},
    time::{ClockId, clock_gettime},
};
use std::{
    env,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixListener},
    },
    time::Duration,
};

/// The first descriptor that a supervisor passes.
const FIRST: i32 = 3;
/// No supervisor opens more for one server.
const MOST: i32 = 64;

/// A socket that listens already.
#[derive(Debug)]
pub(super) enum PassedSocket {
    /// For agents of the same user.
    Socket(UnixListener),
    /// For agents that show tokens.
    Listen(TcpListener),
    /// For people.
    Desk(TcpListener),
}

/// Those that were passed to this process, in their order.
pub(super) fn sockets(inherited: &mut Inherited) -> Result<Vec<PassedSocket>, Failure> {
    let number = |name| env::var(name).ok()?.parse::<i32>().ok();
    if !is_for_us(number("LISTEN_PID")) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or_default().clamp(0, MOST);
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let passed = (FIRST..FIRST.saturating_add(count)).map(|descriptor| {
        let name = names.next().unwrap_or_default();
        let unusable = |why: &str| {
            let name = name.escape_debug();
            Failure::usage(
                format!("the descriptor {descriptor}, `{name}`, which was passed to listen at, {why}"),
                "name each with FileDescriptorName: a Unix socket `socket`, a port `listen` or `desk`",
            )
        };
        let socket = inherited.take(descriptor).ok_or_else(|| unusable("is not open"))?;
        of(socket, name).map_err(unusable)
    });
    passed.collect()
}

fn is_for_us(pid: Option<i32>) -> bool {
    pid.is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id()))
}

fn of(socket: OwnedFd, name: &str) -> Result<PassedSocket, &'static str> {
    const NO_SOCKET: &str = "is no socket that listens";
    let is_stream = sockopt::socket_type(&socket) == Ok(SocketType::STREAM);
    if !is_stream || sockopt::socket_acceptconn(&socket) != Ok(true) {
        return Err(NO_SOCKET);
    }
    // What this process starts has no use for it.
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC).map_err(|_| NO_SOCKET)?;
    let family = sockopt::socket_domain(&socket).map_err(|_| NO_SOCKET)?;
    match (family, name) {
        (AddressFamily::UNIX, "listen" | "desk") => Err("is a Unix socket, and no port"),
        // Whatever it is called, where nobody gave it a name.
        (AddressFamily::UNIX, _) => Ok(PassedSocket::Socket(socket.into())),
        (_, "listen") => Ok(PassedSocket::Listen(socket.into())),
        (_, "desk") => Ok(PassedSocket::Desk(socket.into())),
        (_, "socket") => Err("is a port, and no Unix socket"),
        _ => Err("is a port, and its name does not say whose"),
    }
}

/// Whoever is told how this process stands; nobody, where nobody asked.
#[derive(Debug, Default)]
pub(super) struct Supervisor {
    socket: Option<UnixDatagram>,
    /// How often it wants to hear that this process lives.
    pub(super) watchdog: Option<Duration>,
}

impl Supervisor {
    /// Connects to whoever wants to be told. One that cannot be reached is nobody: it would end this process, and not the other way round.
    pub(super) fn find() -> Self {
        let socket = env::var("NOTIFY_SOCKET")
            .ok()
            .and_then(|place| connected(&place));
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let pid = number("WATCHDOG_PID").map(|pid| i32::try_from(pid).ok());
        let is_ours = pid.is_none_or(is_for_us);
        let watchdog = number("WATCHDOG_USEC").filter(|time| is_ours && *time > 0);
        Self {
            watchdog: watchdog
                .map(Duration::from_micros)
                .filter(|_| socket.is_some()),
            socket,
        }
    }

    pub(super) fn ready(&self) {
        self.tell("READY=1\nSTATUS=answers");
    }

    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now = now
            .tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(now.tv_nsec / 1000);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=what runs has time to end");
    }

    pub(super) fn lives(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(what.as_bytes())
        {
            tracing::warn!("the supervisor cannot be told how it stands: {error}");
        }
    }
}

fn connected(place: &str) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    let connected = match place.strip_prefix('@') {
        Some(name) => {
            let address = SocketAddr::from_abstract_name(name).ok()?;
            socket.connect_addr(&address)
        }
        None => socket.connect(place),
    };
    connected.and_then(|()| socket.set_nonblocking(true)).ok()?;
    Some(socket)
}
