//! HTTP/1.1 to a service, on a Unix socket or at a URL. Used by `client`; hyper does the protocol.
//!
//! One call at a time uses a connection (THREAT[SVC-03]). Nothing runs in the background: a connection moves only while
//! a call waits for it, so an abandoned call leaves nothing behind. Redirects are not followed, proxies and other
//! settings of the environment are not looked at, and no reply is decompressed (THREAT[SEC-03], THREAT[DOS-10]).

use crate::{
    address::UrlParts,
    client::{
        connection::ByteStream,
        deadline::Deadline,
        failure::{Broken, CallError, Part, Phase, ProtocolError},
        idempotency::IdempotencyKey,
        identity::Identity,
    },
};
use ::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Body, Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Status line and headers of a reply; more than any service has reason for.
const LONGEST_HEAD: usize = 32 << 10;

type Driver = http1::Connection<TokioIo<Counted>, Full<Bytes>>;

/// A connection over which HTTP goes.
#[derive(Debug)]
pub(crate) struct Http {
    sender: http1::SendRequest<Full<Bytes>>,
    /// What reads and writes. Gone when the connection has ended.
    driver: Option<Pin<Box<Driver>>>,
    written: Arc<AtomicU64>,
    uri: Uri,
    host: HeaderValue,
}

/// A reply of HTTP.
#[derive(Debug)]
pub(crate) struct HttpReply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Http {
    /// Begins to speak HTTP. Without a target it is the hero convention's `/rpc` on a socket.
    pub(crate) async fn open(
        stream: Box<dyn ByteStream>,
        target: Option<UrlParts>,
    ) -> Result<Self, CallError> {
        let (uri, host) = match target {
            Some(target) => (Uri::from(target.path.clone()), target.host_header()?),
            None => (
                Uri::from_static("/rpc"),
                HeaderValue::from_static("localhost"),
            ),
        };
        let written = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            stream,
            written: written.clone(),
        };
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .handshake(TokioIo::new(counted))
            .await
            .map_err(|error| CallError::Connect(error.to_string()))?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
            written,
            uri,
            host,
        })
    }

    /// Whether it is still open and nothing is waiting to be read. hyper ends a connection on which bytes arrive that
    /// belong to no request, so what a service says ahead is never taken for an answer.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            advance(&mut self.driver, cx);
            Poll::Ready(())
        })
        .await;
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Posts one message to the service.
    pub(crate) async fn post(
        &mut self,
        identity: Option<&Identity>,
        key: Option<&IdempotencyKey>,
        message: Bytes,
        deadline: &Deadline<'_>,
    ) -> Result<HttpReply, CallError> {
        let mut request = Request::new(Full::new(message));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        // THREAT[POL-02]: typed values that were checked when the identity was made.
        for (name, value) in identity.into_iter().flat_map(Identity::headers) {
            headers.insert(name, value.clone());
        }
        if let Some(key) = key {
            headers.insert("idempotency-key", key.header().clone());
        }
        self.exchange(request, deadline).await
    }

    /// Gets what the hero convention keeps at a path.
    pub(crate) async fn get(
        &mut self,
        path: &'static str,
        deadline: &Deadline<'_>,
    ) -> Result<HttpReply, CallError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = Uri::from_static(path);
        self.exchange(request, deadline).await
    }

    async fn exchange(
        &mut self,
        mut request: Request<Full<Bytes>>,
        deadline: &Deadline<'_>,
    ) -> Result<HttpReply, CallError> {
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let before = self.written.load(Ordering::Relaxed);
        let written = self.written.clone();
        let sent = || written.load(Ordering::Relaxed) != before;
        let Self { sender, driver, .. } = self;
        let response = deadline
            .within(
                Phase::FirstByte,
                sent,
                drive(driver, sender.send_request(request)),
            )
            .await?
            .map_err(|error| failed(&error, sent()))?;
        let status = response.status();
        let body = self.body(response.into_body(), deadline).await?;
        Ok(HttpReply { status, body })
    }

    /// Reads a body as far as it may go. THREAT[DOS-10].
    async fn body(
        &mut self,
        mut body: Incoming,
        deadline: &Deadline<'_>,
    ) -> Result<Bytes, CallError> {
        let limit = deadline.limits.reply;
        let too_long = || CallError::TooLong {
            part: Part::Reply,
            limit,
        };
        let announced = body.size_hint().lower();
        if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(too_long());
        }
        let mut first = Bytes::new();
        let mut all = Vec::new();
        loop {
            let next = drive(&mut self.driver, body.frame());
            let next = deadline.within(Phase::Idle, || true, next).await?;
            let Some(frame) = next else { break };
            let frame = frame.map_err(|error| failed(&error, true))?;
            // Trailers are left unread.
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            if first.len() + all.len() + piece.len() > limit {
                return Err(too_long());
            }
            if first.is_empty() && all.is_empty() {
                first = piece;
            } else {
                if all.is_empty() {
                    all = Vec::with_capacity(usize::try_from(announced).unwrap_or_default());
                    all.extend_from_slice(&std::mem::take(&mut first));
                }
                all.extend_from_slice(&piece);
            }
        }
        Ok(if all.is_empty() { first } else { all.into() })
    }
}

/// Waits for something that happens on a connection, and keeps the connection moving meanwhile.
async fn drive<T>(driver: &mut Option<Pin<Box<Driver>>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        advance(driver, cx);
        // What the connection read or wrote just now may be all that was waited for.
        work.as_mut().poll(cx)
    })
    .await
}

fn advance(driver: &mut Option<Pin<Box<Driver>>>, cx: &mut Context<'_>) {
    if let Some(moving) = driver
        && moving.as_mut().poll(cx).is_ready()
    {
        *driver = None;
    }
}

/// What went wrong. hyper's own words never quote what a service sent.
fn failed(error: &hyper::Error, sent: bool) -> CallError {
    let source =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    if error.is_parse() {
        ProtocolError::Http(error.to_string()).into()
    } else if let Some(io) = source
        && matches!(
            io.kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        )
    {
        ProtocolError::Http(io.to_string()).into()
    } else {
        CallError::Broken(Broken {
            sent,
            reason: source.map(ToString::to_string),
        })
    }
}

/// A stream that knows how much was written to it. That is what decides whether a call may have been carried out, and
/// whether it may be sent again over another connection: only if it is nothing at all.
#[derive(Debug)]
struct Counted {
    stream: Box<dyn ByteStream>,
    written: Arc<AtomicU64>,
}

impl Counted {
    fn count(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            let bytes = u64::try_from(*bytes).unwrap_or(u64::MAX);
            self.written.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.count(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
