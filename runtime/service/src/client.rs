//! Speaks to services. One client serves all runs: the road hands it calls that were decided, the registry asks it for
//! documents. It must never make up, change or repeat a call.
//!
//! A call is written once. It is written again, over another connection, only if a connection that had waited in the
//! pool turned out to be closed before one byte of the request was written to it; then no service can have seen it.

mod allotment;
pub(crate) mod clean;
mod connection;
mod connector;
pub(crate) mod deadline;
mod failure;
pub(crate) mod http;
mod idempotency;
mod identity;
pub(crate) mod lines;
pub(crate) mod message;
pub mod passing;
mod pool;
mod tls;

pub use connector::{Connector, Elsewhere, Switchboard};
pub use failure::{Broken, CallError, Part, Phase, ProtocolError, ServiceError};
pub use idempotency::{IdempotencyKey, IdempotencyKeyError};
pub use identity::Identity;

use crate::address::Address;
use allotment::Allotment;
use clean::Cleaner;
use connection::Connection;
use deadline::Deadline;
use message::RpcRequest;
use pool::Pool;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

/// What one call may take, and one context's connections to one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connecting, with the check of the socket or the certificate.
    pub connect: Duration,
    /// Writing the request and waiting for the head of the reply.
    pub first_byte: Duration,
    /// Between two pieces of a reply.
    pub idle: Duration,
    /// All of it. A service that sends a byte now and then is stopped by this.
    pub total: Duration,
    /// Bytes of a request.
    pub request: usize,
    /// Bytes of a reply.
    pub reply: usize,
    /// Connections that one run may have open at once. More calls wait.
    pub connections: usize,
    /// Connections that all runs together may have open, beyond the few that each has to itself.
    pub common: usize,
    /// How long a connection is kept for the next call. Servers close theirs after 5 seconds or more.
    pub keep: Duration,
}

/// What there is to say of one call.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallOptions<'c> {
    /// For how long it is waited for, from the first byte of the request to the last of the reply; the client's own limits
    /// where nothing is said.
    pub timeout: Option<Duration>,
    /// The key of a call of an idempotent method. A service that is spoken to in lines is not told.
    pub key: Option<&'c IdempotencyKey>,
}

/// For how long a call is waited for unless somebody says otherwise, whoever answers it.
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(60);
/// How long a reply may be.
pub(crate) const LONGEST_REPLY: usize = 4 << 20;

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(10),
            total: LONGEST_CALL,
            // What a script may ask for, with room for the object around it.
            request: (1 << 20) + (1 << 10),
            reply: LONGEST_REPLY,
            connections: 128,
            common: common(),
            keep: Duration::from_secs(3),
        }
    }
}

impl ClientLimits {
    /// The same for a service whose calls may take so long.
    fn with_timeout(self, timeout: Duration) -> Self {
        Self {
            first_byte: timeout,
            idle: timeout,
            total: timeout,
            ..self
        }
    }
}

/// Half of the descriptors that this process may have; the other half is for runs' own connections and for files.
fn common() -> usize {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    most.and_then(|most| usize::try_from(most / 2).ok())
        .unwrap_or(4096)
        .clamp(16, 4096)
}

/// Speaks to services. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Connections>,
    /// How many of them its calls may have at once: those of one run, or of all that belong to none.
    connections: Allotment,
}

struct Connections {
    limits: ClientLimits,
    pool: Arc<Pool>,
    common: Arc<Semaphore>,
    connector: Connector,
    authorities: Option<Vec<u8>>,
    tls: OnceLock<Result<TlsConnector, String>>,
}

/// What a service of the hero convention says of itself at `/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `ok`, or what is the matter.
    pub status: String,
    /// What it calls itself.
    #[serde(default)]
    pub service: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

impl Client {
    /// A client that trusts the certificate authorities of this machine.
    #[must_use]
    pub fn new(limits: ClientLimits) -> Self {
        Self::trusting(limits, Connector::Here, None)
    }

    /// The same, with connections that come from elsewhere.
    #[must_use]
    pub fn through(limits: ClientLimits, connector: Connector) -> Self {
        Self::trusting(limits, connector, None)
    }

    /// A client that trusts these certificate authorities (PEM) instead.
    #[must_use]
    pub fn with_authorities(limits: ClientLimits, pem: Vec<u8>) -> Self {
        Self::trusting(limits, Connector::Here, Some(pem))
    }

    fn trusting(limits: ClientLimits, connector: Connector, authorities: Option<Vec<u8>>) -> Self {
        let common = Arc::new(Semaphore::new(limits.common.min(Semaphore::MAX_PERMITS)));
        let connections = Allotment::new(limits.connections, &common);
        let inner = Arc::new(Connections {
            limits,
            pool: Arc::new(Pool::new(limits.keep)),
            common,
            connector,
            authorities,
            tls: OnceLock::new(),
        });
        Self { inner, connections }
    }

    /// The same for one run, with connections of its own.
    #[must_use]
    pub fn of_a_run(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            connections: Allotment::new(self.inner.limits.connections, &self.inner.common),
        }
    }

    /// Reads which certificate authorities are trusted now, and not when the first connection needs them. What is wrong
    /// with them is said then.
    pub fn read_authorities(&self) {
        let _ = self.tls();
    }

    fn tls(&self) -> Result<TlsConnector, CallError> {
        let made = self
            .inner
            .tls
            .get_or_init(|| tls::connector(self.inner.authorities.as_deref()));
        made.clone().map_err(CallError::Connect)
    }

    /// Calls a method and returns its result as the service wrote it. The parameters are sent byte by byte as they
    /// are given here.
    pub async fn call(
        &self,
        to: &Address,
        on_behalf_of: &Identity,
        method: &str,
        params: &RawValue,
    ) -> Result<Box<RawValue>, CallError> {
        let call = CallOptions::default();
        self.exchange(to, Some(on_behalf_of), method, params, call)
            .await
    }

    /// The same where there is more to say of the call.
    pub async fn call_with(
        &self,
        to: &Address,
        on_behalf_of: &Identity,
        method: &str,
        params: &RawValue,
        options: CallOptions<'_>,
    ) -> Result<Box<RawValue>, CallError> {
        self.exchange(to, Some(on_behalf_of), method, params, options)
            .await
    }

    /// Tells somebody something, on nobody's behalf.
    pub async fn tell(
        &self,
        to: &Address,
        method: &str,
        params: &RawValue,
    ) -> Result<Box<RawValue>, CallError> {
        self.exchange(to, None, method, params, CallOptions::default())
            .await
    }

    /// Hands something over that is no call, on nobody's behalf: JSON, posted to a URL. What is answered says only whether it was taken.
    pub async fn deliver(&self, to: &Address, json: Vec<u8>) -> Result<(), CallError> {
        let deadline = Deadline::new(&self.inner.limits);
        let Connection::Http(mut connection) = self.open(to, &deadline).await? else {
            return Err(CallError::Connect("lines are for calls".to_owned()));
        };
        let reply = connection.post(None, None, json.into(), &deadline).await?;
        if reply.status.is_success() {
            Ok(())
        } else {
            Err(status(reply.status).into())
        }
    }

    /// Asks for a service's own document, on nobody's behalf.
    pub async fn discover(&self, to: &Address) -> Result<Box<RawValue>, CallError> {
        let nothing =
            serde_json::value::to_raw_value(&[(); 0]).map_err(|_| CallError::Parameters)?;
        let call = CallOptions::default();
        self.exchange(to, None, "rpc.discover", &nothing, call)
            .await
    }

    /// Whether a service is there. A service of the hero convention says more; with any other it is enough that it
    /// can be connected to.
    pub async fn health(&self, to: &Address) -> Result<Option<Health>, CallError> {
        let deadline = Deadline::new(&self.inner.limits);
        let connection = self.open(to, &deadline).await?;
        let (Address::Http(_), Connection::Http(mut connection)) = (to, connection) else {
            return Ok(None);
        };
        let reply = connection.get("/health", &deadline).await?;
        if reply.status != ::http::StatusCode::OK {
            return Err(status(reply.status).into());
        }
        let said: Health = serde_json::from_slice(&reply.body)
            .map_err(|error| ProtocolError::Malformed(error.to_string()))?;
        let cleaner = Cleaner::new(&[]);
        Ok(Some(Health {
            status: cleaner.text(&said.status),
            service: cleaner.text(&said.service),
            version: cleaner.text(&said.version),
        }))
    }

    /// What a service of the hero convention says that is spoken at its socket: `openrpc`, or `ui` where pages are
    /// shown to people. Nothing, where it does not say.
    pub async fn protocol(&self, to: &Address) -> Result<Option<String>, CallError> {
        #[derive(Deserialize)]
        struct Protocol {
            protocol: String,
        }
        let deadline = Deadline::new(&self.inner.limits);
        let connection = self.open(to, &deadline).await?;
        let (Address::Http(_), Connection::Http(mut connection)) = (to, connection) else {
            return Ok(None);
        };
        let reply = connection
            .get("/.well-known/heroservice.json", &deadline)
            .await?;
        let described = serde_json::from_slice::<Protocol>(&reply.body);
        Ok(described
            .ok()
            .filter(|_| reply.status == ::http::StatusCode::OK)
            .map(|described| Cleaner::new(&[]).text(&described.protocol)))
    }

    async fn exchange(
        &self,
        to: &Address,
        identity: Option<&Identity>,
        method: &str,
        params: &RawValue,
        options: CallOptions<'_>,
    ) -> Result<Box<RawValue>, CallError> {
        let limits = &match options.timeout {
            Some(timeout) => self.inner.limits.with_timeout(timeout),
            None => self.inner.limits,
        };
        let request = RpcRequest::new(method, params, limits.request)?;
        let cleaner = Cleaner::new(identity.map_or(&[], Identity::private));
        let deadline = Deadline::new(limits);
        // Contexts have names, so what is asked on nobody's behalf has connections of its own.
        let lane = self
            .inner
            .pool
            .lane(identity.map_or("", Identity::lane), to);
        let _permit = deadline
            .within(Phase::Queue, || false, self.connections.permit())
            .await?;
        loop {
            let mut waited = lane.take(limits.keep);
            if let Some(connection) = &mut waited
                && !connection.is_quiet().await
            {
                continue;
            }
            let (mut connection, fresh) = match waited {
                Some(connection) => (connection, false),
                None => (self.open(to, &deadline).await?, true),
            };
            let replied = match &mut connection {
                Connection::Http(http) => http
                    .post(identity, options.key, request.object(), &deadline)
                    .await
                    .and_then(|reply| result_in(&reply, &request, &cleaner)),
                Connection::Lines(lines) => lines
                    .exchange(request.line(), &deadline)
                    .await
                    .and_then(|reply| request.id.result_of(&reply, &cleaner)),
            };
            match replied {
                Err(CallError::Broken(Broken { sent: false, .. })) if !fresh => {}
                // A connection over which anything went wrong is not used again.
                Ok(_) | Err(CallError::Service(_)) if connection.is_quiet().await => {
                    self.inner.pool.give(&lane, connection);
                    return replied;
                }
                replied => return replied,
            }
        }
    }

    async fn open(&self, to: &Address, deadline: &Deadline<'_>) -> Result<Connection, CallError> {
        Connection::open(to, &self.inner.connector, deadline, || self.tls()).await
    }
}

/// Services of the hero convention answer errors with status 200 too. Others choose a status for them; what counts is
/// the reply, but only an error is believed of a reply whose status says that there is one.
fn result_in(
    reply: &http::HttpReply,
    request: &RpcRequest,
    cleaner: &Cleaner<'_>,
) -> Result<Box<RawValue>, CallError> {
    let result = request.id.result_of(&reply.body, cleaner);
    match result {
        result if reply.status == ::http::StatusCode::OK => result,
        Err(CallError::Service(error)) if !reply.status.is_redirection() => {
            Err(CallError::Service(error))
        }
        _ => Err(status(reply.status).into()),
    }
}

fn status(status: ::http::StatusCode) -> ProtocolError {
    if status.is_redirection() {
        ProtocolError::Redirect(status.as_u16())
    } else {
        ProtocolError::Status(status.as_u16())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}
