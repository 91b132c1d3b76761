//! Services for specs: each file `documents/NAME.json` of a case is served as it is at that moment, on `sockets/NAME/rpc.sock`. What
//! is asked of a method comes back as text, exactly as it was sent; one whose name ends in `never` does not answer.

use serde::Deserialize;
use serde_json::{json, value::RawValue};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    thread,
};

#[derive(Deserialize)]
struct Asked {
    id: serde_json::Value,
    method: String,
    params: Box<RawValue>,
}

/// Serves every document of a place for as long as the process lasts.
pub(crate) fn serve_documents(place: &Path) {
    let Ok(documents) = fs::read_dir(place.join("documents")) else {
        return;
    };
    for document in documents.flatten().map(|entry| entry.path()) {
        let name = document.file_stem().unwrap();
        let directory = place.join("sockets").join(name);
        fs::create_dir_all(&directory).unwrap();
        let socket = directory.join("rpc.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let document = document.clone();
                thread::spawn(move || converse(stream, &document));
            }
        });
    }
}

/// One connection. Any error is the caller's having gone.
fn converse(stream: UnixStream, document: &PathBuf) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        let mut first = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if first.is_empty() {
                first.clone_from(&line);
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        if !first.starts_with("post") {
            writer
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                .ok()?;
            continue;
        }
        let asked: Asked = serde_json::from_slice(&body).ok()?;
        if asked.method.ends_with("never") {
            // Until the caller goes.
            let _ = reader.read(&mut [0]);
            return None;
        }
        let result = match asked.method.as_str() {
            "rpc.discover" => serde_json::from_slice(&fs::read(document).ok()?).ok()?,
            _ => json!(asked.params.get()),
        };
        let reply = json!({"jsonrpc": "2.0", "id": asked.id, "result": result}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            reply.len()
        );
        writer.write_all((head + &reply).as_bytes()).ok()?;
    }
}
