//! A small CRM: contacts, companies and deals in SQLite, served in the hero convention over HTTP on a Unix socket.
//! Used by `sandgate demo` and by tests. It must never be mistaken for more than a demonstration.
//!
//! Each context has data of its own. A request that does not say for which context it is, or says 0, is refused.

mod messages;
mod store;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustix::fs::{Mode, chmod, mkdir, unlink};
use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use store::{Fault, Store};
use tokio::{
    net::UnixListener,
    task::{JoinHandle, JoinSet},
};

/// Its interface, as it answers `rpc.discover` and `GET /openrpc.json`.
pub const DOCUMENT: &str = include_str!("crm.openrpc.json");
/// Bytes of a request; far more than any of its methods takes.
const LONGEST: usize = 1 << 20;
/// Contexts that are held at once, so that callers cannot fill the memory with empty ones.
const MOST_CONTEXTS: usize = 1000;

/// The CRM, not served yet.
#[derive(Debug, Default)]
pub struct Crm {
    directory: Option<PathBuf>,
    stores: Mutex<HashMap<NonZeroU32, Store>>,
}

/// The CRM while it is served. It stops when this is dropped.
#[derive(Debug)]
pub struct Serving {
    socket: PathBuf,
    task: JoinHandle<()>,
}

impl Crm {
    /// Forgets everything when it stops.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Keeps one file for each context in this directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            directory: Some(directory.to_owned()),
            stores: Mutex::default(),
        }
    }

    /// Listens on a socket that only its owner can use; its directory is made if it is missing, for the owner alone.
    /// Must be called within a tokio runtime.
    pub fn serve(self, socket: &Path) -> io::Result<Serving> {
        if let Some(directory) = socket.parent().filter(|directory| !directory.exists()) {
            mkdir(directory, Mode::RWXU)?;
        }
        let listener = UnixListener::bind(socket)?;
        chmod(socket, Mode::RUSR | Mode::WUSR)?;
        let crm = Arc::new(self);
        let task = tokio::spawn(async move {
            // Dropped with this task, and all connections with it.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { return };
                        let crm = crm.clone();
                        connections.spawn(async move {
                            let answer = service_fn(|request| crm.answer(request));
                            // Whoever breaks off a connection knows that.
                            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                        });
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Serving {
            socket: socket.to_owned(),
            task,
        })
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        Ok(match (head.method, head.uri.path()) {
            (Method::POST, "/rpc") => match Limited::new(body, LONGEST).collect().await {
                Ok(body) => {
                    let context = context(&head.headers);
                    let call = |method: &str, params| self.call(context, method, params);
                    match messages::answer(&body.to_bytes(), call) {
                        Some(reply) => json(reply),
                        None => empty(StatusCode::NO_CONTENT),
                    }
                }
                Err(_) => empty(StatusCode::PAYLOAD_TOO_LARGE),
            },
            (Method::GET, "/openrpc.json") => json(DOCUMENT),
            (Method::GET, "/health") => json(concat!(
                r#"{"status":"ok","service":"crm","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#""}"#
            )),
            (Method::GET, "/.well-known/heroservice.json") => json(concat!(
                r#"{"protocol":"openrpc","name":"crm","title":"CRM","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#"","description":"Contacts, companies and deals. A demonstration.","socket":"rpc"}"#
            )),
            (_, "/rpc" | "/openrpc.json" | "/health" | "/.well-known/heroservice.json") => {
                empty(StatusCode::METHOD_NOT_ALLOWED)
            }
            _ => empty(StatusCode::NOT_FOUND),
        })
    }

    /// One call. SQLite answers in microseconds, from memory or with nothing to wait for on a disk.
    fn call(
        &self,
        context: Option<NonZeroU32>,
        method: &str,
        params: serde_json::Value,
    ) -> Result<serde_json::Value, Fault> {
        if method == "rpc.discover" {
            return serde_json::from_str(DOCUMENT).map_err(|_| Fault::internal());
        }
        let context = context.ok_or_else(Fault::no_context)?;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if !stores.contains_key(&context) {
            if stores.len() >= MOST_CONTEXTS {
                return Err(Fault::internal());
            }
            let file = self
                .directory
                .as_ref()
                .map(|directory| directory.join(format!("crm-{context}.sqlite")));
            stores.insert(context, Store::open(file.as_deref())?);
        }
        let store = stores.get_mut(&context).ok_or_else(Fault::internal)?;
        store.call(method, params)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
        // Somebody may have removed it already.
        let _ = unlink(&self.socket);
    }
}

fn context(headers: &HeaderMap) -> Option<NonZeroU32> {
    let mut given = headers.get_all("x-hero-context").iter();
    let context = given.next()?.to_str().ok()?.parse().ok()?;
    given.next().is_none().then_some(context)
}

fn json(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
