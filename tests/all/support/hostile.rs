//! A service that does what it must not: the method that is called says in which way. It writes its bytes by hand, so
//! that nothing puts them right. It also answers properly, and keeps what it was sent. Used by tests and benches.

use serde_json::{Value, json};
use std::{
    io,
    os::fd::AsFd,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A running service. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Hostile {
    place: Place,
    seen: Arc<Mutex<Seen>>,
    serving: JoinHandle<()>,
}

/// Where it listens. The directory goes with it.
#[derive(Debug)]
enum Place {
    Socket(
        PathBuf,
        #[expect(dead_code, reason = "it is kept")] tempfile::TempDir,
    ),
    Port(u16),
}

/// What came in.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Requests as they were on the wire, and over which connection they came.
    pub(crate) requests: Vec<(usize, String)>,
}

/// One request.
struct Request {
    /// Its head, for HTTP.
    head: String,
    id: Value,
    method: String,
    params: Value,
}

/// What it speaks over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {
    /// Ends the connection itself, not only this handle of it: a process that another test is about to start holds one
    /// as well until it has become what it is to be.
    fn end(&self);
}

impl Io for UnixStream {
    fn end(&self) {
        shut(self);
    }
}

impl Io for TcpStream {
    fn end(&self) {
        shut(self);
    }
}

impl Io for TlsStream<TcpStream> {
    fn end(&self) {
        shut(self.get_ref().0);
    }
}

fn shut(connection: impl AsFd) {
    // It has ended already if this fails.
    let _ = rustix::net::shutdown(connection, rustix::net::Shutdown::Both);
}

type Stream = BufReader<Box<dyn Io>>;

/// How a connection goes on.
type Next = io::Result<bool>;
const ON: Next = Ok(true);
const END: Next = Ok(false);

impl Hostile {
    /// Speaks HTTP.
    pub(crate) fn http() -> Self {
        Self::serve(true)
    }

    /// Speaks JSON lines.
    pub(crate) fn lines() -> Self {
        Self::serve(false)
    }

    fn serve(http: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("rpc.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let seen_there = seen.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connection(Box::new(stream), http, seen_there.clone()));
            }
        });
        Self {
            place: Place::Socket(socket, directory),
            seen,
            serving,
        }
    }

    /// Speaks HTTP on a port of this machine, encrypted if that is wanted.
    pub(crate) async fn port(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let seen_there = seen.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let stream: Box<dyn Io> = match &tls {
                    None => Box::new(stream),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        // The caller did not like the certificate.
                        Err(_) => continue,
                    },
                };
                connections.spawn(connection(stream, true, seen_there.clone()));
            }
        });
        Self {
            place: Place::Port(port),
            seen,
            serving,
        }
    }

    pub(crate) fn number(&self) -> u16 {
        match &self.place {
            Place::Port(port) => *port,
            Place::Socket(..) => panic!("it listens on a socket"),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        match &self.place {
            Place::Socket(socket, _) => socket.clone(),
            Place::Port(_) => panic!("it listens on a port"),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn connection(stream: Box<dyn Io>, http: bool, seen: Arc<Mutex<Seen>>) {
    let mut stream = BufReader::new(stream);
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.connections += 1;
        seen.connections
    };
    loop {
        let read = if http {
            http_request(&mut stream).await
        } else {
            line(&mut stream).await
        };
        let Ok((raw, request)) = read else { break };
        seen.lock().unwrap().requests.push((number, raw));
        let answered = if http {
            answer_http(&mut stream, &request).await
        } else {
            answer_line(&mut stream, &request).await
        };
        // Encrypted bytes wait for this.
        if !matches!(answered, Ok(true)) || stream.flush().await.is_err() {
            break;
        }
    }
    stream.get_ref().end();
}

async fn http_request(stream: &mut Stream) -> io::Result<(String, Request)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8(body).unwrap();
    let request = request(&head, &body);
    Ok((head + &body, request))
}

async fn line(stream: &mut Stream) -> io::Result<(String, Request)> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let request = request("", &line);
    Ok((line, request))
}

fn request(head: &str, body: &str) -> Request {
    let mut message: Value = serde_json::from_str(body).unwrap_or_default();
    let mut take = |member: &str| message.get_mut(member).map(Value::take).unwrap_or_default();
    Request {
        head: head.to_owned(),
        id: take("id"),
        method: take("method").as_str().unwrap_or_default().to_owned(),
        params: take("params"),
    }
}

fn result(request: &Request, result: Value) -> String {
    json!({"jsonrpc": "2.0", "id": request.id, "result": result}).to_string()
}

/// A reply of HTTP that is in order.
fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn with_status(status: &str, body: &str) -> String {
    ok(body).replacen("200 OK", status, 1)
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn for_ever() -> Next {
    std::future::pending().await
}

/// The bodies that are wrong whatever carries them; `ID` stands for the right id.
fn body(method: &str) -> Option<Vec<u8>> {
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{}{}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let text = match method {
        "malformed" => "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":}",
        "unfinished" => "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":[1",
        "empty" => "",
        "wrong_id" => "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":1}",
        "id_of_another_type" => "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}",
        "id_in_a_list" => "{\"jsonrpc\":\"2.0\",\"id\":[ID],\"result\":1}",
        "null_id" => {
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"?\"}}"
        }
        "no_id" => "{\"jsonrpc\":\"2.0\",\"result\":1}",
        "both" => {
            "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1,\"error\":{\"code\":1,\"message\":\"x\"}}"
        }
        "neither" => "{\"jsonrpc\":\"2.0\",\"id\":ID}",
        "old_version" => "{\"id\":ID,\"result\":1,\"error\":null}",
        "two_objects" => {
            "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1}{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":2}"
        }
        "batch" => "[{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1}]",
        "trailing_garbage" => "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1} x",
        "duplicate_keys" => "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1,\"result\":2}",
        "nan" => "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":NaN}",
        "half_a_character" => "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":\"\\ud800\"}",
        "byte_order_mark" => "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1}",
        "deep" => &deep,
        "bad_error" => "{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":\"no\"}",
        "invalid_utf8" => {
            return Some(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}".to_vec());
        }
        _ => return None,
    };
    Some(text.as_bytes().to_vec())
}

/// Answers that are in order.
async fn proper(request: &Request) -> Option<String> {
    match request.method.as_str() {
        "echo" => Some(result(request, request.params.clone())),
        "sleep" => {
            pause(request.params["ms"].as_u64().unwrap_or_default()).await;
            Some(result(request, Value::Null))
        }
        "head" => Some(result(request, request.head.clone().into())),
        "refuse" => Some(
            json!({"jsonrpc": "2.0", "id": request.id, "error": {"code": -32000, "message": "no", "data": {"why": [1]}}})
                .to_string(),
        ),
        "tell" => Some(
            json!({"jsonrpc": "2.0", "id": request.id, "error": {
                "code": -32001, "message": format!("\u{1b}[31mdenied to {}", request.head), "data": {"head": request.head, "Authorization": "x"},
            }})
            .to_string(),
        ),
        _ => None,
    }
}

fn put_id(body: Vec<u8>, id: &Value) -> Vec<u8> {
    match String::from_utf8(body) {
        Ok(text) => text.replace("ID", &id.to_string()).into_bytes(),
        Err(bytes) => bytes.into_bytes(),
    }
}

async fn answer_http(stream: &mut Stream, request: &Request) -> Next {
    if let Some(reply) = proper(request).await {
        stream.write_all(ok(&reply).as_bytes()).await?;
        return ON;
    }
    if let Some(body) = body(&request.method) {
        let body = put_id(body, &request.id);
        stream
            .write_all(
                ok("")
                    .replace("length: 0", &format!("length: {}", body.len()))
                    .as_bytes(),
            )
            .await?;
        stream.write_all(&body).await?;
        return ON;
    }
    let right = result(request, json!(1));
    let write = match request.method.as_str() {
        "silent" => return for_ever().await,
        "close" => return END,
        "slow_head" => {
            for byte in ok(&right).bytes().cycle() {
                stream.write_all(&[byte.max(b' ')]).await?;
                pause(50).await;
            }
            String::new()
        }
        "slow_body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await?;
            for _ in 0..1000 {
                stream.write_all(b" ").await?;
                pause(50).await;
            }
            String::new()
        }
        "interim_for_ever" => loop {
            stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await?;
            pause(10).await;
        },
        "half_a_body" => {
            let half = ok(&right);
            stream.write_all(&half.as_bytes()[..half.len() - 5]).await?;
            return for_ever().await;
        }
        "reset_in_the_body" => {
            let half = ok(&right);
            stream.write_all(&half.as_bytes()[..half.len() - 5]).await?;
            return END;
        }
        "reset_in_the_head" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncont").await?;
            return END;
        }
        "endless_body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes()).await?;
            }
        }
        "endless_body_of_nothing" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"1\r\n \r\n").await?;
                pause(10).await;
            }
        }
        "huge_length" => "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n".to_owned(),
        "huge_body" => ok(&format!("{right}{}", " ".repeat(64 << 10))),
        "endless_head" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await?;
            loop {
                stream.write_all(&[b'x'; 1024]).await?;
            }
        }
        "many_headers" => ok(&right).replacen("\r\n", &format!("\r\n{}", "a: b\r\n".repeat(200)), 1),
        "not_http" => "{\"jsonrpc\":\"2.0\"}\r\n\r\n".to_owned(),
        "length_too_short" => ok(&right).replace(&format!("length: {}", right.len()), "length: 9"),
        "length_too_long" => {
            let longer = ok(&right).replace(&format!("length: {}", right.len()), "length: 9999");
            stream.write_all(longer.as_bytes()).await?;
            return END;
        }
        "two_lengths" => ok(&right).replacen("\r\n", "\r\ncontent-length: 5\r\n", 1),
        "length_and_chunks" => ok(&right).replacen("\r\n", "\r\ntransfer-encoding: chunked\r\n", 1),
        "chunked_garbage" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_owned(),
        "header_folded" => ok(&right).replacen("\r\n", "\r\na: b\r\n c\r\n", 1),
        "compressed" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00").await?;
            return ON;
        }
        "redirect" => with_status("302 Found", &right).replacen("\r\n", "\r\nlocation: /other\r\n", 1),
        "redirect_that_keeps_the_method" => with_status("307 Temporary Redirect", &right).replacen("\r\n", "\r\nlocation: http://127.0.0.1:1/\r\n", 1),
        "redirect_to" => with_status("308 Permanent Redirect", &right)
            .replacen("\r\n", &format!("\r\nlocation: {}\r\n", request.params["location"].as_str().unwrap()), 1),
        "switch" => with_status("101 Switching Protocols", "").replacen("\r\n", "\r\nupgrade: x\r\nconnection: upgrade\r\n", 1),
        "no_content" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "html" => with_status("500 Internal Server Error", "<html>Traceback: Authorization: Bearer abc</html>"),
        "result_and_500" => with_status("500 Internal Server Error", &right),
        "error_and_500" => with_status("500 Internal Server Error", &json!({"jsonrpc": "2.0", "id": request.id, "error": {"code": -32603, "message": "broken"}}).to_string()),
        // In order, if old.
        "until_the_end" => {
            stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{right}").as_bytes()).await?;
            return END;
        }
        "in_chunks" => {
            let (a, b) = right.split_at(7);
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:x};x=y\r\n{b}\r\n0\r\nt: u\r\n\r\n", a.len(), b.len())
        }
        "once_and_close" => {
            stream.write_all(ok(&right).as_bytes()).await?;
            return END;
        }
        // The answer, and one to what was not asked yet.
        "one_ahead" => format!("{}{}", ok(&right), ok(&json!({"jsonrpc": "2.0", "id": request.id, "result": "smuggled"}).to_string())),
        _ => ok(&json!({"jsonrpc": "2.0", "id": request.id, "error": {"code": -32601, "message": "method not found"}}).to_string()),
    };
    stream.write_all(write.as_bytes()).await?;
    ON
}

async fn answer_line(stream: &mut Stream, request: &Request) -> Next {
    if let Some(reply) = proper(request).await {
        stream.write_all(format!("{reply}\n").as_bytes()).await?;
        return ON;
    }
    if let Some(body) = body(&request.method) {
        let mut body = put_id(body, &request.id);
        body.push(b'\n');
        stream.write_all(&body).await?;
        return ON;
    }
    let right = result(request, json!(1));
    let write = match request.method.as_str() {
        "silent" => return for_ever().await,
        "close" => return END,
        "half_a_line" => {
            stream.write_all(&right.as_bytes()[..9]).await?;
            return for_ever().await;
        }
        "reset_in_the_line" => {
            stream.write_all(&right.as_bytes()[..9]).await?;
            return END;
        }
        "slow_line" => loop {
            stream.write_all(b" ").await?;
            pause(50).await;
        },
        "endless_line" => loop {
            stream.write_all(&[b' '; 1024]).await?;
        },
        "two_lines" => format!("{right}\n{right}\n"),
        "broken_line" => format!("{}\n", right.replace(',', ",\n")),
        "carriage_return" => format!("{right}\r\n"),
        "one_later" => {
            stream.write_all(format!("{right}\n").as_bytes()).await?;
            pause(1).await;
            right + "\n"
        }
        _ => String::new(),
    };
    stream.write_all(write.as_bytes()).await?;
    ON
}
