//! One connection to a service, and how it comes to be. Opened by `client`, kept by `pool`, spoken over by `http` and
//! `lines`. This is the only place that connects to anything; it must never do so before the address was checked. Where
//! this process may not connect, `connector` has it done by another one, by the same functions.

use crate::{
    address::{Address, Scheme, UrlParts, check_socket},
    client::{
        connector::Connector,
        deadline::Deadline,
        failure::{CallError, Phase},
        http::Http,
        lines::Lines,
    },
};
use std::{fmt::Debug, io, os::fd::OwnedFd, path::Path};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

/// A connection, by what is spoken over it.
#[derive(Debug)]
pub(crate) enum Connection {
    Http(Http),
    Lines(Lines),
}

/// What bytes go through.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + Debug> ByteStream for S {}

impl Connection {
    /// Connects to a service. `tls` is asked for only where it is needed.
    pub(crate) async fn open(
        to: &Address,
        connector: &Connector,
        deadline: &Deadline<'_>,
        tls: impl FnOnce() -> Result<TlsConnector, CallError>,
    ) -> Result<Self, CallError> {
        let connecting = async {
            match to {
                Address::Http(socket) => {
                    let stream = connector.unix(to, socket).await?;
                    Http::open(Box::new(stream), None).await.map(Self::Http)
                }
                Address::Lines(socket) => {
                    let stream = connector.unix(to, socket).await?;
                    Ok(Self::Lines(Lines::new(stream)))
                }
                Address::Url(url) => {
                    let target = UrlParts::parse(url)?;
                    let stream = connector.tcp(to, &target).await?;
                    let stream: Box<dyn ByteStream> = match target.scheme {
                        Scheme::Http => Box::new(stream),
                        Scheme::Https => {
                            let name = target.server_name()?;
                            let encrypted = tls()?.connect(name, stream).await;
                            Box::new(encrypted.map_err(|error| failed(&error))?)
                        }
                    };
                    Http::open(stream, Some(target)).await.map(Self::Http)
                }
            }
        };
        deadline
            .within(Phase::Connect, || false, connecting)
            .await?
    }

    /// Whether it can be used for another call: it is open, and the service has said nothing unasked.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        match self {
            Self::Http(http) => http.is_quiet().await,
            Self::Lines(lines) => lines.is_quiet(),
        }
    }
}

/// Connects to a service on behalf of another process.
pub(crate) async fn connect(to: &Address) -> Result<OwnedFd, CallError> {
    match to {
        Address::Http(socket) | Address::Lines(socket) => {
            let stream = unix(socket).await?.into_std();
            stream.map(OwnedFd::from)
        }
        Address::Url(url) => {
            let stream = tcp(&UrlParts::parse(url)?).await?.into_std();
            stream.map(OwnedFd::from)
        }
    }
    .map_err(|error| failed(&error))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where connections are made"
)]
pub(crate) async fn unix(socket: &Path) -> Result<UnixStream, CallError> {
    let checked = check_socket(socket)?;
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| failed(&error))?;
    let peer = stream.peer_cred().map_err(|error| failed(&error))?;
    checked.listener(peer.uid())?;
    Ok(stream)
}

/// Connects to the first address that answers. The name is looked up every time; what it stands for is not trusted
/// further than the certificate that is checked, or the loopback interface, goes.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where connections are made"
)]
pub(crate) async fn tcp(target: &UrlParts) -> Result<TcpStream, CallError> {
    let found = tokio::net::lookup_host((target.host(), target.port))
        .await
        .map_err(|error| failed(&error))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no usable address");
    for address in found {
        // THREAT[SEC-03]: without encryption nothing leaves this machine, whatever a name is said to stand for.
        if target.scheme == Scheme::Http && !address.ip().is_loopback() {
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A request is one write; waiting for more of it would only delay it.
                stream.set_nodelay(true).map_err(|error| failed(&error))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(&last))
}

fn failed(error: &io::Error) -> CallError {
    CallError::Connect(error.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::client::ClientLimits;
    use hyper::body::Bytes;
    use tokio::io::AsyncReadExt;

    /// What comes of a call when its service reads this much of it and goes.
    async fn left_after(read: usize) -> [Option<CallError>; 2] {
        let limits = ClientLimits::default();
        let deadline = Deadline::new(&limits);
        let message = Bytes::from_static(b"{}\n");
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (our_lines, mut their_lines) = UnixStream::pair().unwrap();
        let mut http = Http::open(Box::new(ours), None).await.unwrap();
        let mut lines = Lines::new(our_lines);
        let leave = async {
            for stream in [&mut theirs, &mut their_lines] {
                stream.read_exact(&mut vec![0; read]).await.unwrap();
            }
            drop((theirs, their_lines));
        };
        if read == 0 {
            leave.await;
            return [
                http.post(None, None, message.clone(), &deadline)
                    .await
                    .err(),
                lines.exchange(message, &deadline).await.err(),
            ];
        }
        let (http, lines, ()) = tokio::join!(
            http.post(None, None, message.clone(), &deadline),
            lines.exchange(message, &deadline),
            leave
        );
        [http.err(), lines.err()]
    }

    #[tokio::test]
    async fn a_call_may_have_happened_as_soon_as_one_byte_of_it_was_written() {
        for (read, sent) in [(0, false), (1, true)] {
            for error in left_after(read).await {
                let error = error.unwrap();
                assert_eq!(error.may_have_happened(), sent);
                assert!(matches!(error, CallError::Broken(_)), "{error:?}");
            }
        }
    }
}
