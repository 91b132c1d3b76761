//! A service that mixes up whom it speaks to: it answers late, in pieces, with what another caller was to get, with more
//! than it was asked for, and to connections that wait. It also answers properly, and remembers who said what where.

use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
};

/// A running one. It stops when this is dropped.
pub(crate) struct Liar {
    place: tempfile::TempDir,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

/// What came in.
#[derive(Default)]
pub(crate) struct Seen {
    calls: AtomicUsize,
    /// Which callers, by their words on whose behalf they call, used each connection.
    callers: Mutex<BTreeMap<usize, BTreeSet<String>>>,
    /// What was said by whom.
    said: Mutex<BTreeMap<String, String>>,
    /// Replies that somebody else is to get, too.
    kept: Mutex<VecDeque<String>>,
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Liar {
    pub(crate) fn open() -> Self {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("rpc.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
        let seen = Arc::new(Seen::default());
        let seen_there = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let seen = Arc::clone(&seen_there);
                connections.spawn(async move { converse(stream, number, &seen).await });
            }
        });
        Self {
            place,
            seen,
            serving,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.place.path().join("rpc.sock")
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::Relaxed)
    }

    /// The callers of each connection.
    pub(crate) fn callers(&self) -> Vec<BTreeSet<String>> {
        let callers = self.seen.callers.lock().unwrap();
        callers.values().cloned().collect()
    }

    /// On whose behalf each word came.
    pub(crate) fn said(&self) -> BTreeMap<String, String> {
        self.seen.said.lock().unwrap().clone()
    }
}

impl Seen {
    /// Notes a call, and says how many there were before.
    fn note(&self, connection: usize, word: &str, caller: &str) -> usize {
        let mut callers = self.callers.lock().unwrap();
        let callers = callers.entry(connection).or_default();
        callers.insert(caller.to_owned());
        let mut said = self.said.lock().unwrap();
        said.insert(word.to_owned(), caller.to_owned());
        self.calls.fetch_add(1, Ordering::Relaxed)
    }
}

fn document() -> Value {
    json!({
        "openrpc": "1.3.2",
        "info": {"title": "Says whom it takes you for", "version": "1"},
        "methods": [{
            "name": "say",
            "params": [{"name": "word", "required": true, "schema": {"type": "string"}}],
            "result": {"name": "said", "schema": {"type": "string"}}
        }]
    })
}

fn http(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One connection. Any error is the caller's having gone.
async fn converse(stream: UnixStream, number: usize, seen: &Seen) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut caller, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match name {
                "content-length" => length = value.parse().unwrap(),
                "x-hero-context" | "x-hero-user" => caller.push_str(&format!("{value} ")),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let request: Value = serde_json::from_slice(&body).unwrap();
        let reply = |result: Value| {
            http(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string())
        };
        if request["method"] == "rpc.discover" {
            let reply = reply(document());
            stream.write_all(reply.as_bytes()).await.ok()?;
            continue;
        }
        let word = request["params"]["word"].as_str().unwrap().to_owned();
        let turn = seen.note(number, &word, &caller);
        let right = reply(format!("{caller}said {word}").into());
        answer(&mut stream, turn, right, seen).await?;
    }
}

/// What a connection's caller gets, who was to get the right reply.
async fn answer(
    stream: &mut BufReader<UnixStream>,
    turn: usize,
    right: String,
    seen: &Seen,
) -> Option<()> {
    let late = || tokio::time::sleep(Duration::from_millis(2));
    // What somebody else was to get, or got.
    let others = {
        let mut kept = seen.kept.lock().unwrap();
        kept.push_back(right.clone());
        if kept.len() > 5 {
            kept.pop_front()
        } else {
            kept.front().cloned()
        }
    };
    let others = others.unwrap_or_default();
    let mut write = async |text: &str| stream.write_all(text.as_bytes()).await.ok();
    match turn % 12 {
        // The reply of another caller, alone, before the right one, and behind it.
        0 => write(&others).await,
        1 => write(&format!("{others}{right}")).await,
        2 => write(&format!("{right}{others}")).await,
        // Behind it, when the connection waits to be used again.
        3 => {
            write(&right).await?;
            late().await;
            write(&others).await
        }
        // The same, to whoever calls next.
        4 => {
            write(&right).await?;
            late().await;
            write(&right).await
        }
        5 => {
            late().await;
            write(&right).await
        }
        6 => {
            let (first, second) = right.split_at(right.len() / 2);
            write(first).await?;
            late().await;
            write(second).await
        }
        // A length that takes in another reply.
        7 => {
            let longer = right.replacen("length: ", "length: 1", 1);
            write(&format!("{longer}{others}{others}{others}")).await?;
            None
        }
        // It goes in the middle of it.
        8 => {
            write(&right[..right.len() - 3]).await?;
            None
        }
        _ => write(&right).await,
    }
}
