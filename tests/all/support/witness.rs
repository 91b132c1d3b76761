//! A shop that remembers what was made of it, in a process that does not die: what each caller did, in what order, and which of it was
//! asked for twice under one key.

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

#[derive(Deserialize)]
struct Asked {
    id: Value,
    method: String,
    params: Box<RawValue>,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MadeChange {
    pub(crate) method: String,
    /// Exactly as it came.
    pub(crate) params: String,
    pub(crate) id: u64,
}

impl MadeChange {
    /// In a few words, without the caller's.
    pub(crate) fn shown(&self) -> String {
        let params: Value = serde_json::from_str(&self.params).unwrap();
        let what = params["item"].as_str().map(ToOwned::to_owned);
        let what = what.unwrap_or_else(|| params["id"].to_string());
        format!("{} {what}", self.method.trim_start_matches("item."))
    }
}

/// A running one, for as long as the process lasts.
#[derive(Clone)]
pub(crate) struct Witness(Arc<WitnessInner>);

struct WitnessInner {
    _place: tempfile::TempDir,
    socket: PathBuf,
    seen: Mutex<WitnessSeen>,
    gone: Condvar,
}

#[derive(Default)]
struct WitnessSeen {
    /// By the word that each caller says first.
    made: BTreeMap<String, Vec<MadeChange>>,
    /// What changes of a key were answered with.
    keys: BTreeMap<String, Value>,
    connections: usize,
}

impl Witness {
    pub(crate) fn open() -> Self {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("rpc.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
        let witness = Self(Arc::new(WitnessInner {
            _place: place,
            socket,
            seen: Mutex::default(),
            gone: Condvar::new(),
        }));
        let serving = witness.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.0.seen.lock().unwrap().connections += 1;
                let serving = serving.clone();
                thread::spawn(move || {
                    converse(stream, &serving);
                    serving.0.seen.lock().unwrap().connections -= 1;
                    serving.0.gone.notify_all();
                });
            }
        });
        witness
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.0.socket
    }

    /// What a caller made. Whoever asks has seen its process end; what it sent before that is made by then.
    pub(crate) fn made(&self, tag: &str) -> Vec<MadeChange> {
        let seen = self.0.seen.lock().unwrap();
        let most = Duration::from_secs(20);
        let is_open = |seen: &mut WitnessSeen| seen.connections > 0;
        let (seen, _) = self.0.gone.wait_timeout_while(seen, most, is_open).unwrap();
        seen.made.get(tag).cloned().unwrap_or_default()
    }

    fn answer(&self, asked: &Asked, key: Option<String>) -> Value {
        if asked.method == "rpc.discover" {
            return document();
        }
        let params: Value = serde_json::from_str(asked.params.get()).unwrap();
        let tag = params["tag"].as_str().unwrap().to_owned();
        let mut seen = self.0.seen.lock().unwrap();
        if asked.method == "item.list" {
            let ids = seen.made.get(&tag).map(Vec::len).unwrap_or_default();
            return json!(ids);
        }
        if let Some(known) = key.as_ref().and_then(|key| seen.keys.get(key)) {
            return known.clone();
        }
        let made = seen.made.entry(tag).or_default();
        let id = made.len() as u64 + 1;
        made.push(MadeChange {
            method: asked.method.clone(),
            params: asked.params.get().to_owned(),
            id,
        });
        let result = json!({ "id": id });
        if let Some(key) = key {
            seen.keys.insert(key, result.clone());
        }
        result
    }
}

/// What it offers. What `put` makes is made once by one key, and `remove` undoes what `add` makes.
pub(crate) fn document() -> Value {
    let tag = json!({"name": "tag", "required": true, "schema": {"type": "string"}});
    let item = json!({"name": "item", "required": true, "schema": {"type": "string"}});
    let after = json!({"name": "after", "schema": {"type": "integer"}});
    let id = json!({"name": "id", "required": true, "schema": {"type": "integer"}});
    let made = json!({"name": "made", "schema": {
        "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]
    }});
    let change = |name: &str| {
        json!({
            "name": name, "x-effect": "write", "paramStructure": "by-name",
            "params": [tag, item, after], "result": made
        })
    };
    let (mut add, mut put, order) = (change("item.add"), change("item.put"), change("item.order"));
    add["x-undo"] =
        json!({"method": "item.remove", "params": {"tag": "params.tag", "id": "result.id"}});
    put["x-idempotent"] = json!(true);
    json!({
        "openrpc": "1.3.2",
        "info": {"title": "A shop that remembers", "version": "1"},
        "methods": [
            {"name": "item.list", "x-effect": "read", "paramStructure": "by-name", "params": [tag],
             "result": {"name": "number", "schema": {"type": "integer"}}},
            add, put, order,
            {"name": "item.remove", "x-effect": "destroy", "paramStructure": "by-name", "params": [tag, id],
             "result": made},
        ]
    })
}

/// One connection. Any error is the caller's having gone.
fn converse(stream: UnixStream, witness: &Witness) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let (mut length, mut key) = (0, None);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "idempotency-key" => key = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let asked: Asked = serde_json::from_slice(&body).ok()?;
        let result = witness.answer(&asked, key);
        let reply = json!({"jsonrpc": "2.0", "id": asked.id, "result": result}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            reply.len()
        );
        writer.write_all((head + &reply).as_bytes()).ok()?;
    }
}
