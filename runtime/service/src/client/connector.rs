//! How connections to services come to be: made by this process, or handed over by another one, where this one may not
//! connect to anything. Used by `connection`; the command starts the other process (`cli/connector.rs`).
//!
//! THREAT[ESC-07]: what a script that escaped could ask the other process for is a number. Which services there are was
//! said before the script was anywhere near, the connection is made by the same code as everywhere, with the same check
//! of a socket and of who listens there, and all that comes back is the connection or why there is none.

use crate::{
    address::{Address, UrlParts},
    client::{
        ClientLimits, connection,
        failure::CallError,
        passing::{hear, pass},
    },
};
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    net::{TcpStream, UnixStream},
    sync::Semaphore,
    time::timeout,
};

/// Ends the list of services; no address is written like this.
const END: &[u8] = b".";
/// Comes with a connection.
const CONNECTED: &[u8] = b"+";
/// An address is shorter.
const LONGEST: usize = 64 << 10;
/// What is heard of a reason why there is no connection.
const LONGEST_REASON: usize = 4 << 10;
/// Connections that are being made at once. What is asked for beyond that waits.
const MOST: usize = 256;
/// The other process takes what it is asked at once; should it not, this is how often there is a look.
const AGAIN: Duration = Duration::from_millis(1);

/// Where connections come from. Clones are the same.
#[derive(Debug, Clone, Default)]
pub enum Connector {
    /// This process connects.
    #[default]
    Here,
    /// Another process connects, to these services and to nothing else.
    Elsewhere(Arc<Elsewhere>),
}

/// The way to the process that connects, which can be another one later.
#[derive(Debug)]
pub struct Elsewhere(RwLock<Arc<Way>>);

#[derive(Debug)]
struct Way {
    /// Nothing where nothing is known.
    channel: Option<OwnedFd>,
    known: Vec<Address>,
}

impl Connector {
    /// Tells the process at the other end of `channel`, which keeps messages apart, what it may connect to.
    pub fn elsewhere(channel: OwnedFd, known: Vec<Address>) -> io::Result<Self> {
        for address in &known {
            send(&channel, &serde_json::to_vec(address)?, SendFlags::NOSIGNAL)?;
        }
        send(&channel, END, SendFlags::NOSIGNAL)?;
        Self::told(channel, known)
    }

    /// The same where somebody else has told that process.
    pub fn told(channel: OwnedFd, known: Vec<Address>) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&channel, true)?;
        Ok(Self::by(Some(channel), known))
    }

    /// Nothing is connected to, until something takes the place of this.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::by(None, Vec::new())
    }

    fn by(channel: Option<OwnedFd>, known: Vec<Address>) -> Self {
        Self::Elsewhere(Arc::new(Elsewhere(RwLock::new(Arc::new(Way {
            channel,
            known,
        })))))
    }

    /// From here on another process connects, to what that one was told. The one before is returned, and ends when it is let go of and has
    /// done what it was asked for. Connections that there are stay.
    #[must_use]
    pub fn replace(&self, with: &Self) -> Self {
        let (Self::Elsewhere(ours), Self::Elsewhere(theirs)) = (self, with) else {
            return self.clone();
        };
        let way = theirs.now();
        let mut now = ours.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *now, way);
        Self::Elsewhere(Arc::new(Elsewhere(RwLock::new(before))))
    }

    /// What the other process was told, and the way to it, for somebody else who tells nothing more.
    pub fn into_told(self) -> Option<(OwnedFd, Vec<Address>)> {
        let Self::Elsewhere(elsewhere) = self else {
            return None;
        };
        let way = Arc::into_inner(elsewhere)?.0.into_inner();
        let way = Arc::into_inner(way.unwrap_or_else(PoisonError::into_inner))?;
        Some((way.channel?, way.known))
    }

    /// Nothing is connected to any more. The other process ends.
    pub fn close(&self) {
        if let Self::Elsewhere(elsewhere) = self
            && let Some(channel) = &elsewhere.now().channel
        {
            // It may be gone already.
            let _ = shutdown(channel, Shutdown::Both);
        }
    }

    /// Connects to the socket of a service.
    pub(crate) async fn unix(&self, to: &Address, socket: &Path) -> Result<UnixStream, CallError> {
        match self {
            Self::Here => connection::unix(socket).await,
            Self::Elsewhere(elsewhere) => {
                let stream = std::os::unix::net::UnixStream::from(elsewhere.ask(to).await?);
                UnixStream::from_std(stream).map_err(|error| failed(&error))
            }
        }
    }

    /// Connects to the host and port of a service.
    pub(crate) async fn tcp(
        &self,
        to: &Address,
        target: &UrlParts,
    ) -> Result<TcpStream, CallError> {
        match self {
            Self::Here => connection::tcp(target).await,
            Self::Elsewhere(elsewhere) => {
                let stream = std::net::TcpStream::from(elsewhere.ask(to).await?);
                TcpStream::from_std(stream).map_err(|error| failed(&error))
            }
        }
    }
}

impl Elsewhere {
    fn now(&self) -> Arc<Way> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for a connection. The answer comes over a pair of sockets of its own, so that slow ones hold up nobody, and
    /// nobody who has stopped waiting gets the answer of another.
    async fn ask(&self, to: &Address) -> Result<OwnedFd, CallError> {
        // The other end hears that nobody asks any more when the last who does lets go of this.
        let way = self.now();
        let number = way.known.iter().position(|known| known == to);
        let number = number.and_then(|number| u32::try_from(number).ok());
        let (Some(number), Some(channel)) = (number, &way.channel) else {
            let reason = "this context does not use it";
            return Err(CallError::Connect(reason.to_owned()));
        };
        let (ours, theirs) = UnixStream::pair().map_err(|error| failed(&error))?;
        loop {
            match pass(channel.as_fd(), &number.to_le_bytes(), Some(theirs.as_fd())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => return Err(failed(&error)),
                Ok(()) => break,
            }
        }
        drop(theirs);
        let mut said = Vec::new();
        let mut piece = vec![0; LONGEST_REASON];
        while said.len() < LONGEST_REASON {
            let (length, passed) = hear(&ours, &mut piece)
                .await
                .map_err(|error| failed(&error))?;
            if let Some(connection) = passed.into_iter().next() {
                return Ok(connection);
            }
            if length == 0 {
                break;
            }
            said.extend(piece.iter().take(length));
        }
        Err(CallError::Connect(if said.is_empty() {
            "the process that connects has ended".to_owned()
        } else {
            String::from_utf8_lossy(&said).into_owned()
        }))
    }
}

/// The other end: what connects on behalf of a process that may not.
#[derive(Debug)]
pub struct Switchboard {
    /// Tokio has no name for a socket that keeps messages apart; waiting for one is the same.
    channel: UnixStream,
    known: Vec<Address>,
}

impl Switchboard {
    /// Hears which services there are.
    pub async fn open(channel: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&channel, true)?;
        let channel = std::os::unix::net::UnixStream::from(channel);
        let mut desk = Self {
            channel: UnixStream::from_std(channel)?,
            known: Vec::new(),
        };
        let mut message = vec![0; LONGEST];
        loop {
            let (length, _) = hear(&desk.channel, &mut message).await?;
            match message.get(..length) {
                None | Some([]) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(END) => return Ok(desk),
                Some(address) => desk.known.push(serde_json::from_slice(address)?),
            }
        }
    }

    /// Which services there are.
    #[must_use]
    pub fn known(&self) -> &[Address] {
        &self.known
    }

    /// Connects to what it is asked for until nobody can ask any more. Whatever else it is told is left without an
    /// answer.
    pub async fn serve(self) -> io::Result<()> {
        let permits = Arc::new(Semaphore::new(MOST));
        // A number, and one byte more by which something longer is noticed.
        let mut message = [0; 5];
        loop {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            let (length, mut passed) = hear(&self.channel, &mut message).await?;
            if length == 0 {
                return Ok(());
            }
            let (4, 1, Some(back)) = (length, passed.len(), passed.pop()) else {
                continue;
            };
            let [a, b, c, d, _] = message;
            let number = usize::try_from(u32::from_le_bytes([a, b, c, d]));
            let to = number.ok().and_then(|number| self.known.get(number));
            let to = to.cloned();
            tokio::spawn(async move {
                let _permit = permit;
                let connected = match to {
                    Some(to) => connected(&to).await,
                    None => Err("it is not a service of this context".to_owned()),
                };
                // Whoever asked may have stopped waiting.
                let _ = match &connected {
                    Ok(connection) => pass(back.as_fd(), CONNECTED, Some(connection.as_fd())),
                    Err(reason) => pass(back.as_fd(), reason.as_bytes(), None),
                };
            });
        }
    }
}

/// A connection, or why there is none. What nobody waits for any more ends at the same time as the waiting.
async fn connected(to: &Address) -> Result<OwnedFd, String> {
    match timeout(ClientLimits::default().connect, connection::connect(to)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(CallError::Connect(reason))) => Err(reason),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it took too long".to_owned()),
    }
}

fn failed(error: &io::Error) -> CallError {
    CallError::Connect(error.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use rustix::{
        cmsg_space,
        net::{
            AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SocketFlags, SocketType,
            sendmsg, socketpair,
        },
    };
    use std::{
        io::IoSlice,
        mem::MaybeUninit,
        os::{fd::BorrowedFd, unix::net::UnixListener},
        path::PathBuf,
    };
    use tokio::task::JoinHandle;

    /// Services, and a desk at which some of them are known.
    struct Scene {
        place: tempfile::TempDir,
        connector: Connector,
        channel: OwnedFd,
        serving: JoinHandle<io::Result<()>>,
        listening: Vec<UnixListener>,
    }

    impl Scene {
        async fn open(known: &[&str], others: &[&str]) -> Self {
            let place = tempfile::tempdir().unwrap();
            let at = |name: &&str| place.path().join(name);
            let listen = |name| {
                let listener = UnixListener::bind(at(name)).unwrap();
                listener.set_nonblocking(true).unwrap();
                listener
            };
            let listening = known.iter().chain(others).map(listen).collect();
            let known = known.iter().map(|name| Address::Lines(at(name))).collect();
            let (ours, theirs) = socketpair(
                AddressFamily::UNIX,
                SocketType::SEQPACKET,
                SocketFlags::CLOEXEC,
                None,
            )
            .unwrap();
            let channel = ours.try_clone().unwrap();
            let connector = Connector::elsewhere(ours, known).unwrap();
            let desk = Switchboard::open(theirs).await.unwrap();
            Self {
                place,
                connector,
                channel,
                serving: tokio::spawn(desk.serve()),
                listening,
            }
        }

        fn socket(&self, name: &str) -> PathBuf {
            self.place.path().join(name)
        }

        async fn connect(&self, name: &str) -> Result<UnixStream, String> {
            let socket = self.socket(name);
            let to = Address::Lines(socket.clone());
            let connected = self.connector.unix(&to, &socket).await;
            connected.map_err(|error| error.to_string())
        }

        /// How many connections there have been to each.
        fn accepted(&self) -> Vec<usize> {
            let accept =
                |listener: &UnixListener| std::iter::from_fn(|| listener.accept().ok()).count();
            self.listening.iter().map(accept).collect()
        }

        /// Says something to the desk, and what it answers.
        async fn say(&self, message: &[u8], with: usize) -> (Vec<u8>, usize) {
            let (ours, end) = UnixStream::pair().unwrap();
            let theirs = (0..with).map(|_| end.as_fd().try_clone_to_owned().unwrap());
            let theirs: Vec<OwnedFd> = theirs.collect();
            // Only what is passed keeps the other end open.
            drop(end);
            let passed: Vec<BorrowedFd<'_>> = theirs.iter().map(AsFd::as_fd).collect();
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(4))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            if !passed.is_empty() {
                assert!(beside.push(SendAncillaryMessage::ScmRights(&passed)));
            }
            sendmsg(
                &self.channel,
                &[IoSlice::new(message)],
                &mut beside,
                SendFlags::NOSIGNAL,
            )
            .unwrap();
            drop(theirs);
            let mut answer = vec![0; 1024];
            let (length, passed) = hear(&ours, &mut answer).await.unwrap();
            answer.truncate(length);
            (answer, passed.len())
        }
    }

    #[tokio::test]
    async fn esc_07_what_is_known_is_connected_to_and_nothing_else_is() {
        let scene = Scene::open(&["one", "two"], &["docker.sock"]).await;
        for (name, accepted) in [("one", [1, 0, 0]), ("two", [0, 1, 0])] {
            scene.connect(name).await.unwrap();
            assert_eq!(scene.accepted(), accepted);
        }
        assert_eq!(
            scene.connect("docker.sock").await.unwrap_err(),
            "the service cannot be connected to: this context does not use it"
        );
        // Whoever does not keep to what `Connector` asks for gets no further.
        for number in [2, 3, 1 << 16, u32::MAX] {
            let answer = scene.say(&number.to_le_bytes(), 1).await;
            assert_eq!(answer, (b"it is not a service of this context".to_vec(), 0));
        }
        assert_eq!(scene.accepted(), [0, 0, 0]);
        scene.connect("one").await.unwrap();
    }

    #[tokio::test]
    async fn esc_07_what_is_no_request_has_no_answer_and_does_no_harm() {
        let scene = Scene::open(&["one"], &[]).await;
        let path = scene.socket("one");
        let path = path.to_str().unwrap().as_bytes();
        let address = serde_json::to_vec(&Address::Lines(scene.socket("one"))).unwrap();
        let nothing = (Vec::new(), 0);
        for message in [&[0][..], &[0, 0, 0], &[0, 0, 0, 0, 0], path, &address, END] {
            assert_eq!(scene.say(message, 1).await, nothing, "{message:?}");
        }
        for with in [2, 3, 4] {
            assert_eq!(scene.say(&[0; 4], with).await, nothing);
        }
        assert_eq!(scene.accepted(), [0]);
        assert_eq!(scene.say(&[0; 4], 1).await, (CONNECTED.to_vec(), 1));
        assert_eq!(scene.accepted(), [1]);
    }

    #[tokio::test]
    async fn pol_06_a_socket_is_checked_where_it_is_connected_to() {
        let scene = Scene::open(&["one"], &[]).await;
        let socket = scene.socket("one");
        rustix::fs::chmod(&socket, rustix::fs::Mode::from_raw_mode(0o666)).unwrap();
        assert_eq!(
            scene.connect("one").await.unwrap_err(),
            format!(
                "the service cannot be connected to: others than its owner may write to `{}`; \
                 remove that permission with `chmod go-w`",
                socket.display()
            )
        );
        assert_eq!(scene.accepted(), [0]);
        rustix::fs::unlink(&socket).unwrap();
        assert_eq!(
            scene.connect("one").await.unwrap_err(),
            format!(
                "the service cannot be connected to: `{}` cannot be reached: No such file or directory (os error 2)",
                socket.display()
            )
        );
    }

    #[tokio::test]
    async fn it_ends_when_nobody_can_ask_any_more_and_whoever_asks_later_is_told() {
        let scene = Scene::open(&["one"], &[]).await;
        scene.connect("one").await.unwrap();
        scene.connector.close();
        assert!(scene.serving.await.unwrap().is_ok());
        let socket = scene.place.path().join("one");
        let to = Address::Lines(socket.clone());
        let error = scene.connector.unix(&to, &socket).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the service cannot be connected to: Broken pipe (os error 32)"
        );
    }

    #[tokio::test]
    async fn another_process_takes_over_and_the_one_before_ends() {
        let scene = Scene::open(&["one"], &[]).await;
        let other = Scene::open(&["two"], &[]).await;
        let two = (Address::Lines(other.socket("two")), other.socket("two"));
        let unknown = "the service cannot be connected to: this context does not use it";
        let error = scene.connector.unix(&two.0, &two.1).await.unwrap_err();
        assert_eq!(error.to_string(), unknown);
        drop(scene.channel);
        drop(scene.connector.replace(&other.connector));
        scene.connector.unix(&two.0, &two.1).await.unwrap();
        assert_eq!(other.accepted(), [1]);
        let one = scene.place.path().join("one");
        let gone = Address::Lines(one.clone());
        let error = scene.connector.unix(&gone, &one).await.unwrap_err();
        assert_eq!(error.to_string(), unknown);
        assert!(scene.serving.await.unwrap().is_ok());
        drop(scene.connector.replace(&Connector::nowhere()));
        let error = scene.connector.unix(&two.0, &two.1).await.unwrap_err();
        assert_eq!(error.to_string(), unknown);
    }

    #[tokio::test]
    async fn many_connections_are_made_at_once_and_each_goes_to_whoever_asked() {
        let scene = Scene::open(&["one", "two"], &[]).await;
        let connected =
            (0..300).map(|number| scene.connect(if number % 3 == 0 { "one" } else { "two" }));
        // As a service would, those that listen take what comes.
        let all = async {
            let mut streams = Vec::new();
            let mut accepted = [0, 0];
            for connecting in connected {
                streams.push(connecting.await.unwrap());
                for (all, new) in accepted.iter_mut().zip(scene.accepted()) {
                    *all += new;
                }
            }
            accepted
        };
        assert_eq!(all.await, [100, 200]);
    }
}
