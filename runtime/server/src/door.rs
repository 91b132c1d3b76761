//! Doors: what listens, opened before the process confines itself, and answered at until it is to end. A connection holds a bounded
//! part of the process and is never waited for: THREAT[WEB-03].

#![expect(
    clippy::disallowed_methods,
    reason = "a socket that nobody listens at any more is in the way"
)]

use crate::{
    closing::Closing,
    desk::{self, DeskState},
    http::{Conversations, DoorState, Peer, router},
    mcp::Seals,
    who::{Gatekeeper, Who},
};
use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use sandgate::{SealKey, TokenStore};
use std::{
    convert::Infallible,
    fs,
    io::{self, ErrorKind},
    net::SocketAddr,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, PermissionsExt},
        net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    },
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// Connections of one door. Whoever comes then waits in the kernel.
const MOST_CONNECTIONS: usize = 512;
/// How long the head of a request may take to come, and how long a connection waits for one.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);
/// Bytes of a head.
const LONGEST_HEAD: usize = 64 << 10;
/// Headers of one request.
const MOST_HEADERS: usize = 64;
/// How often sessions that nobody uses are looked for.
const SWEEPS: Duration = Duration::from_secs(30);
/// A door that cannot accept is left alone for so long.
const RESTS: Duration = Duration::from_millis(100);

/// One door: what listens, and who may come in.
#[derive(Debug)]
pub struct Door {
    listener: Listener,
    hosts: Option<Vec<String>>,
    inside: Inside,
}

/// What is behind a door.
#[derive(Debug)]
enum Inside {
    /// What agents ask for.
    Agents(Who),
    /// What waits for people.
    Desk(TokenStore),
}

#[derive(Debug)]
enum Listener {
    Unix(StdUnixListener, PathBuf),
    Tcp(std::net::TcpListener, SocketAddr),
}

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Somebody answers there.
    #[error("another process listens at `{}`", _0.display())]
    Taken(PathBuf),
    /// Something is there that is no socket.
    #[error("`{}` is there already, and is no socket", _0.display())]
    InTheWay(PathBuf),
    /// The system says no.
    #[error("nothing can listen at `{place}`: {error}")]
    Listen {
        /// Where.
        place: String,
        /// Why not.
        error: io::Error,
    },
}

impl Door {
    /// A Unix socket that its owner alone can open. A socket that nobody listens at any more is replaced.
    pub fn unix(path: &Path, who: Who) -> Result<Self, DoorError> {
        let failed = |error| DoorError::Listen {
            place: path.display().to_string(),
            error,
        };
        if let Some(directory) = path.parent() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(directory).map_err(failed)?;
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(DoorError::InTheWay(path.to_owned()));
            }
            Ok(_) if StdUnixStream::connect(path).is_ok() => {
                return Err(DoorError::Taken(path.to_owned()));
            }
            Ok(_) => fs::remove_file(path).map_err(failed)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = StdUnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener: Listener::Unix(listener, path.to_owned()),
            hosts: None,
            inside: Inside::Agents(who),
        })
    }

    /// A port, called by these names besides those of this machine.
    pub fn tcp(address: SocketAddr, who: Who, names: &[String]) -> Result<Self, DoorError> {
        Self::at(address, Inside::Agents(who), names)
    }

    /// A port for people, who show tokens for a desk.
    pub fn desk(
        address: SocketAddr,
        tokens: TokenStore,
        names: &[String],
    ) -> Result<Self, DoorError> {
        Self::at(address, Inside::Desk(tokens), names)
    }

    fn at(address: SocketAddr, inside: Inside, names: &[String]) -> Result<Self, DoorError> {
        let failed = |error| DoorError::Listen {
            place: address.to_string(),
            error,
        };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let own = ["localhost", "127.0.0.1", "[::1]"].map(ToOwned::to_owned);
        let hosts = own.into_iter().chain(names.iter().cloned()).collect();
        Ok(Self {
            listener: Listener::Tcp(listener, address),
            hosts: Some(hosts),
            inside,
        })
    }

    /// Where it is, as a client names it.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.listener {
            Listener::Tcp(_, address) if matches!(self.inside, Inside::Desk(_)) => {
                format!("http://{address} (desk)")
            }
            Listener::Unix(_, path) => path.display().to_string(),
            Listener::Tcp(_, address) => format!("http://{address}"),
        }
    }
}

/// Doors that are answered at together.
#[derive(Debug)]
pub struct Doors {
    doors: Vec<Door>,
    keeper: Gatekeeper,
    key: SealKey,
}

impl Doors {
    /// These doors, with one who lets agents in, and what seals what is handed out to them.
    #[must_use]
    pub fn new(doors: Vec<Door>, keeper: Gatekeeper, key: SealKey) -> Self {
        Self { doors, keeper, key }
    }

    /// Answers until it is `over`. What runs then has this long to end, and ends in good order.
    pub async fn serve(self, over: watch::Receiver<bool>, grace: Duration) -> io::Result<()> {
        let mut all = JoinSet::new();
        let (conversations, seals) = (Conversations::default(), Seals::new(&self.key));
        let closing = Closing { over, grace };
        for door in self.doors {
            let router = match door.inside {
                Inside::Agents(who) => router(DoorState {
                    keeper: self.keeper.clone(),
                    who,
                    hosts: door.hosts,
                    closing: closing.clone(),
                    conversations: conversations.clone(),
                    seals: seals.clone(),
                }),
                Inside::Desk(tokens) => desk::router(DeskState {
                    keeper: self.keeper.clone(),
                    tokens,
                    hosts: door.hosts.unwrap_or_default(),
                }),
            };
            let answered = OpenDoor {
                router,
                closing: closing.clone(),
                places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            };
            all.spawn(answered.accept(Listening::of(door.listener)?));
        }
        let sessions = self.keeper.sessions().clone();
        let mut ended = pin!(closing.come());
        loop {
            tokio::select! {
                () = &mut ended => break,
                () = tokio::time::sleep(SWEEPS) => sessions.sweep(),
            }
        }
        sessions.clear();
        while all.join_next().await.is_some() {}
        Ok(())
    }
}

/// What listens, within an executor.
enum Listening {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// Somebody who has come.
enum Connected {
    /// From a process of this user.
    Unix(UnixStream, Option<u32>),
    Tcp(TcpStream),
}

impl Listening {
    fn of(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Unix(listener, _) => Self::Unix(UnixListener::from_std(listener)?),
            Listener::Tcp(listener, _) => Self::Tcp(TcpListener::from_std(listener)?),
        })
    }

    async fn accept(&self) -> io::Result<Connected> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred().ok().map(|peer| peer.uid());
                Ok(Connected::Unix(stream, peer))
            }
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // An answer is one piece.
                stream.set_nodelay(true)?;
                Ok(Connected::Tcp(stream))
            }
        }
    }
}

/// What one door answers with.
#[derive(Clone)]
struct OpenDoor {
    router: Router,
    closing: Closing,
    places: Arc<Semaphore>,
}

impl OpenDoor {
    /// Takes connections until the process is to end, and waits for those that there are.
    async fn accept(self, listening: Listening) {
        let mut ended = pin!(self.closing.come());
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = async {
                let place = Arc::clone(&self.places).acquire_owned().await;
                (listening.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = &mut ended => break,
                accepted = accepted => accepted,
            };
            let Ok(connected) = accepted else {
                tokio::time::sleep(RESTS).await;
                continue;
            };
            let answered = self.clone();
            connections.spawn(async move {
                match connected {
                    Connected::Unix(stream, peer) => answered.converse(stream, Peer(peer)).await,
                    Connected::Tcp(stream) => answered.converse(stream, Peer(None)).await,
                }
                drop(place);
            });
        }
        while connections.join_next().await.is_some() {}
    }

    /// Answers one connection.
    async fn converse<S>(self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let mut router = router.clone();
            async move {
                let answered = tower_service::Service::call(&mut router, request).await;
                answered.map_err(|never: Infallible| never)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(SLOWEST_HEAD)
            .max_buf_size(LONGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            // Whatever went wrong at the other end is no concern of anybody here.
            _ = &mut connection => return,
            () = self.closing.come() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(self.closing.grace.saturating_add(RESTS), connection).await;
    }
}
