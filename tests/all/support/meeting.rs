//! A service whose answers wait until so many calls have arrived: only calls that overlap are ever answered.

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{convert::Infallible, path::PathBuf, sync::Arc};
use tokio::{
    net::UnixListener,
    sync::Barrier,
    task::{JoinHandle, JoinSet},
};

pub(crate) struct Meeting {
    place: tempfile::TempDir,
    serving: JoinHandle<()>,
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Meeting {
    pub(crate) fn socket(&self) -> PathBuf {
        self.place.path().join("rpc.sock")
    }
}

/// A meeting of so many.
pub(crate) async fn meeting(many: usize) -> Meeting {
    let place = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(place.path().join("rpc.sock")).unwrap();
    let barrier = Arc::new(Barrier::new(many));
    let serving = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let barrier = Arc::clone(&barrier);
            connections.spawn(async move {
                let answer = service_fn(|request| answer(request, &barrier));
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    Meeting { place, serving }
}

async fn answer(
    request: Request<Incoming>,
    barrier: &Barrier,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let call: Value = serde_json::from_slice(&body).unwrap();
    let result = if call["method"] == "rpc.discover" {
        json!({
            "openrpc": "1.3.2",
            "info": {"title": "A meeting", "version": "1"},
            "methods": [{
                "name": "come",
                "params": [{"name": "who", "required": true, "schema": {"type": "integer"}}],
                "result": {"name": "who", "schema": {"type": "integer"}}
            }, {
                "name": "say",
                "params": [{"name": "text", "required": true, "schema": {"type": "string"}}],
                "result": {"name": "who", "schema": {"type": "integer"}}
            }]
        })
    } else {
        barrier.wait().await;
        call["params"]["who"].clone()
    };
    let reply = json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
    Ok(Response::new(Full::from(reply.to_string())))
}
