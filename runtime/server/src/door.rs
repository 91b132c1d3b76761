//! Doors: what listens, opened before the process confines itself, and answered at until it is to end. A connection holds a bounded
//! part of the process and is never waited for: THREAT[WEB-03]. Where all places of a door are taken, whoever asked for nothing for
//! longest makes room, and where everybody asks for something it is said at once that there is none.

#![expect(
    clippy::disallowed_methods,
    reason = "a socket that nobody listens at any more is in the way"
)]

use crate::{
    admission::Overload,
    closing::Closing,
    desk::{self, DeskState},
    desk_url::DeskUrl,
    http::{Conversations, DoorState, Peer, RPC, busy, held, router},
    mcp::{McpMount, Seals},
    who::{Gatekeeper, Who},
};
use axum::Router;
use http::{HeaderValue, header::CONNECTION};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::ServerHandler;
use sandgate::{SealKey, TokenStore};
use std::{
    collections::HashMap,
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
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

/// Connections of one door, beyond those that have a place, that wait for one or are told that there is none. Whoever comes then
/// waits in the kernel.
const MOST_AT_THE_DOOR: usize = 64;
/// How long one waits for the place of another that asks for nothing, and how long it has to hear that there is none.
const MAKING_ROOM: Duration = Duration::from_millis(50);
const HEARING: Duration = Duration::from_secs(2);
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
        Self::of_unix(listener, who)
    }

    /// A Unix socket that somebody else has opened, who also says which processes can open it.
    pub fn of_unix(listener: StdUnixListener, who: Who) -> Result<Self, DoorError> {
        let place = listener.local_addr().ok();
        let place = place.and_then(|place| place.as_pathname().map(Path::to_owned));
        let place = place.unwrap_or_else(|| PathBuf::from("a socket without a name"));
        let blocking = listener.set_nonblocking(true);
        blocking.map_err(|error| DoorError::Listen {
            place: place.display().to_string(),
            error,
        })?;
        Ok(Self {
            listener: Listener::Unix(listener, place),
            hosts: None,
            inside: Inside::Agents(who),
        })
    }

    /// A port, called by these names besides those of this machine.
    pub fn tcp(address: SocketAddr, who: Who, names: &[String]) -> Result<Self, DoorError> {
        Self::at(address, Inside::Agents(who), names)
    }

    /// The same at a port that somebody else has opened.
    pub fn of_tcp(
        listener: std::net::TcpListener,
        who: Who,
        names: &[String],
    ) -> Result<Self, DoorError> {
        Self::of(listener, "a port", Inside::Agents(who), names)
    }

    /// A port for people, who show tokens for a desk.
    pub fn desk(
        address: SocketAddr,
        tokens: TokenStore,
        names: &[String],
    ) -> Result<Self, DoorError> {
        Self::at(address, Inside::Desk(tokens), names)
    }

    /// The same at a port that somebody else has opened.
    pub fn of_desk(
        listener: std::net::TcpListener,
        tokens: TokenStore,
        names: &[String],
    ) -> Result<Self, DoorError> {
        Self::of(listener, "a port", Inside::Desk(tokens), names)
    }

    fn at(address: SocketAddr, inside: Inside, names: &[String]) -> Result<Self, DoorError> {
        let place = address.to_string();
        match std::net::TcpListener::bind(address) {
            Ok(listener) => Self::of(listener, &place, inside, names),
            Err(error) => Err(DoorError::Listen { place, error }),
        }
    }

    fn of(
        listener: std::net::TcpListener,
        place: &str,
        inside: Inside,
        names: &[String],
    ) -> Result<Self, DoorError> {
        let failed = |error| DoorError::Listen {
            place: place.to_owned(),
            error,
        };
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
    desk: Option<DeskUrl>,
    mcp: McpMount,
}

impl Doors {
    /// These doors, with one who lets agents in, and what seals what is handed out to them.
    #[must_use]
    pub fn new(doors: Vec<Door>, keeper: Gatekeeper, key: SealKey) -> Self {
        // Whoever listens at a place of this machine finds it there too.
        let desk = doors
            .iter()
            .find_map(|door| match (&door.inside, &door.listener) {
                (Inside::Desk(_), Listener::Tcp(_, at)) if !at.ip().is_unspecified() => {
                    format!("http://{at}").parse().ok()
                }
                _ => None,
            });
        Self {
            doors,
            keeper,
            key,
            desk,
            mcp: McpMount::of_commands(None),
        }
    }

    /// The same with a desk that browsers find at this address.
    #[must_use]
    pub fn of_desk(self, url: Option<DeskUrl>) -> Self {
        Self {
            desk: url.or(self.desk),
            ..self
        }
    }

    /// The same where a call of MCP is a task as soon as it takes longer than this, and not only after a minute.
    #[must_use]
    pub fn with_tasks_after(self, after: Duration) -> Self {
        Self {
            mcp: McpMount::of_commands(Some(after)),
            ..self
        }
    }

    /// The same with another server of MCP in the place of the commands. Who may come in, whose a conversation is, and how much
    /// anybody may send, stays as it is.
    #[must_use]
    pub fn with_mcp<H: ServerHandler + Clone>(self, handler: H) -> Self {
        Self {
            mcp: McpMount::of(handler),
            ..self
        }
    }

    /// Answers until it is `over`. What runs then has this long to end, and ends in good order.
    pub async fn serve(self, over: watch::Receiver<bool>, grace: Duration) -> io::Result<()> {
        let mut all = JoinSet::new();
        let (conversations, seals) = (Conversations::default(), Seals::new(&self.key, self.desk));
        let closing = Closing::new(over, grace);
        for door in self.doors {
            let router = match door.inside {
                Inside::Agents(who) => router(DoorState {
                    keeper: self.keeper.clone(),
                    who,
                    hosts: door.hosts,
                    closing: closing.clone(),
                    conversations: conversations.clone(),
                    seals: seals.clone(),
                    mcp: self.mcp.clone(),
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
                places: Arc::new(Semaphore::new(self.keeper.limits().connections.get())),
                at_the_door: Arc::new(Semaphore::new(MOST_AT_THE_DOOR)),
                connections: OpenConnections::default(),
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
        closing.all_ended().await;
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
    at_the_door: Arc<Semaphore>,
    connections: OpenConnections,
}

impl OpenDoor {
    /// Takes connections until the process is to end, and waits for those that there are.
    async fn accept(self, listening: Listening) {
        let mut ended = pin!(self.closing.come());
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = async {
                let place = Arc::clone(&self.at_the_door).acquire_owned().await;
                (listening.accept().await, place)
            };
            let (accepted, at_the_door) = tokio::select! {
                () = &mut ended => break,
                accepted = accepted => accepted,
            };
            let Ok(connected) = accepted else {
                tokio::time::sleep(RESTS).await;
                continue;
            };
            let answered = self.clone();
            connections.spawn(async move {
                let place = answered.place().await;
                if place.is_some() {
                    drop(at_the_door);
                }
                match connected {
                    Connected::Unix(stream, peer) => {
                        answered.answer(stream, Peer(peer), place).await;
                    }
                    Connected::Tcp(stream) => answered.answer(stream, Peer(None), place).await,
                }
            });
        }
        while connections.join_next().await.is_some() {}
    }

    /// A place of this door; where all are taken, that of a connection by which nobody asks for anything.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        if !self.connections.make_room() {
            return None;
        }
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(MAKING_ROOM, place).await;
        place.ok()?.ok()
    }

    /// Answers one connection, or tells it that there is no place for it.
    async fn answer<S>(self, stream: S, peer: Peer, place: Option<OwnedSemaphorePermit>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match place {
            Some(place) => {
                self.converse(stream, peer).await;
                drop(place);
            }
            None => turn_away(stream).await,
        }
    }

    /// Answers one connection.
    async fn converse<S>(self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let open = self.connections.open();
        let (router, asked) = (self.router, open.connection());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let (mut router, asking) = (router.clone(), asked.asks());
            async move {
                let answered = tower_service::Service::call(&mut router, request).await;
                let answered = answered.map_err(|never: Infallible| never);
                answered.map(|response| held(response, asking))
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
            () = open.makes_room() => {}
            () = self.closing.come() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(self.closing.grace.saturating_add(RESTS), connection).await;
    }
}

/// Tells whoever comes that there is no place.
async fn turn_away<S>(stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(async |request: Request<Incoming>| {
        let is_rpc = request.uri().path() == RPC;
        let mut response = busy(Overload::CONNECTION, is_rpc);
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        Ok::<_, Infallible>(response)
    });
    let connection = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(HEARING, connection).await;
}

/// The connections of one door, so that one can make room for another.
#[derive(Debug, Clone, Default)]
struct OpenConnections(Arc<Mutex<ConnectionTable>>);

#[derive(Debug, Default)]
struct ConnectionTable {
    opened: u64,
    all: HashMap<u64, Arc<ConnectionUse>>,
}

/// What is asked for by one connection.
#[derive(Debug)]
struct ConnectionUse {
    /// Requests that are not answered, and since when there is none.
    asked: Mutex<(usize, Instant)>,
    makes_room: Notify,
}

/// One of them, as long as it is open.
#[derive(Debug)]
struct OpenConnection {
    connections: OpenConnections,
    number: u64,
    connection: Arc<ConnectionUse>,
}

/// A request that is not answered.
#[derive(Debug)]
struct ConnectionAsking(Arc<ConnectionUse>);

impl OpenConnections {
    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> OpenConnection {
        let connection = Arc::new(ConnectionUse {
            asked: Mutex::new((0, Instant::now())),
            makes_room: Notify::new(),
        });
        let mut table = self.table();
        table.opened = table.opened.wrapping_add(1);
        let number = table.opened;
        table.all.insert(number, Arc::clone(&connection));
        drop(table);
        OpenConnection {
            connections: self.clone(),
            number,
            connection,
        }
    }

    /// Has the one close by which nobody asked for anything for longest. Whether there is one.
    fn make_room(&self) -> bool {
        let mut table = self.table();
        let idle = table.all.iter().filter_map(|(number, connection)| {
            let (asked, since) = *connection.asked();
            (asked == 0).then_some((since, *number))
        });
        let Some((_, longest)) = idle.min() else {
            return false;
        };
        // Nobody else is to wait for the same one.
        if let Some(connection) = table.all.remove(&longest) {
            connection.makes_room.notify_one();
        }
        true
    }
}

impl OpenConnection {
    fn connection(&self) -> Arc<ConnectionUse> {
        Arc::clone(&self.connection)
    }

    /// Waits until it is to make room for another.
    async fn makes_room(&self) {
        self.connection.makes_room.notified().await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.table().all.remove(&self.number);
    }
}

impl ConnectionUse {
    fn asked(&self) -> MutexGuard<'_, (usize, Instant)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asks(self: &Arc<Self>) -> ConnectionAsking {
        let mut asked = self.asked();
        asked.0 = asked.0.saturating_add(1);
        drop(asked);
        ConnectionAsking(Arc::clone(self))
    }
}

impl Drop for ConnectionAsking {
    fn drop(&mut self) {
        let mut asked = self.0.asked();
        *asked = (asked.0.saturating_sub(1), Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_03_who_asks_for_nothing_for_longest_makes_room_and_nobody_who_asks_does() {
        let connections = OpenConnections::default();
        let all = [0; 3].map(|_| connections.open());
        let [first, second, third] = &all;
        let asking = first.connection.asks();
        // The second has asked since the third came.
        drop(second.connection.asks());
        assert!(connections.make_room());
        let is_told = |connection: &OpenConnection| {
            let told = pin!(connection.connection.makes_room.notified());
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            told.poll(&mut context).is_ready()
        };
        assert!(is_told(third) && !is_told(second) && !is_told(first));
        assert!(connections.make_room());
        assert!(is_told(second));
        assert!(!connections.make_room());
        drop(asking);
        assert!(connections.make_room());
        assert!(is_told(first));
        assert!(!connections.make_room());
    }
}
