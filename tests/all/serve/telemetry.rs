//! What a collector of OpenTelemetry is handed of runs and calls, and what it is not.

use super::{HEADERS, Server, asked};
use crate::support::{desk::Desk, modern, repository, without_names};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

const FIRST: &str = "0af7651916cd43dd8448eb211c80319c";
const SECOND: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const ABOVE: &str = "b7ad6b7169203331";

/// Something that takes what is posted to it.
struct TestCollector {
    at: String,
    posted: Receiver<(String, String)>,
    /// All that was posted, as it came.
    seen: String,
}

impl TestCollector {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let (post, posted) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if post.send(posted_by(stream)).is_err() {
                    return;
                }
            }
        });
        Self {
            at,
            posted,
            seen: String::new(),
        }
    }

    /// So many spans, in the order in which they came.
    fn spans(&mut self, number: usize) -> Vec<Value> {
        let mut spans = Vec::new();
        while spans.len() < number {
            let (head, body) = self.posted.recv_timeout(Duration::from_secs(30)).unwrap();
            assert_eq!(head, "POST /v1/traces HTTP/1.1");
            self.seen.push_str(&body);
            let mut message: Value = serde_json::from_str(&body).unwrap();
            let scope = &mut message["resourceSpans"][0]["scopeSpans"][0];
            let Value::Array(more) = scope["spans"].take() else {
                panic!("{body}");
            };
            spans.extend(more);
            let version = env!("CARGO_PKG_VERSION");
            let attribute =
                |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
            assert_eq!(
                message,
                json!({"resourceSpans": [{
                    "resource": {"attributes": [
                        attribute("service.name", "sandgate"),
                        attribute("service.version", version)
                    ]},
                    "scopeSpans": [{"scope": {"name": "sandgate", "version": version}, "spans": null}]
                }]})
            );
        }
        assert_eq!(spans.len(), number);
        spans
    }
}

/// The first line and the body of a request, which is told that all is well.
fn posted_by(stream: TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_lowercase());
    }
    let length = lines.iter().find_map(|line| {
        let length = line.strip_prefix("content-length: ")?;
        length.parse().ok()
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    let first = lines[0].replacen("post", "POST", 1).replace("http", "HTTP");
    (first, String::from_utf8(body).unwrap())
}

/// Spans whose ids and times are no accident any more.
fn without_accidents(spans: Vec<Value>) -> Value {
    let mut names: HashMap<String, String> = HashMap::from([
        (FIRST.to_owned(), "the first trace".to_owned()),
        (SECOND.to_owned(), "the second trace".to_owned()),
        (ABOVE.to_owned(), "above".to_owned()),
    ]);
    let nanoseconds = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    let mut last = 0;
    for span in &spans {
        let (begun, ended) = (
            nanoseconds(span, "startTimeUnixNano"),
            nanoseconds(span, "endTimeUnixNano"),
        );
        // In this century, and in order.
        assert!(
            1_700_000_000_000_000_000 < begun && begun <= ended,
            "{span}"
        );
        assert!(last <= begun, "{spans:?}");
        last = begun;
    }
    let mut spans = spans;
    for span in &mut spans {
        let span = span.as_object_mut().unwrap();
        for (key, digits) in [("traceId", 32), ("spanId", 16), ("parentSpanId", 16)] {
            let Some(id) = span.get_mut(key) else {
                continue;
            };
            let text = id.as_str().unwrap().to_owned();
            assert_eq!(text.len(), digits);
            let next = format!("number {}", names.len() - 2);
            *id = json!(names.entry(text).or_insert(next));
        }
        span.insert("startTimeUnixNano".to_owned(), json!("then"));
        span.insert("endTimeUnixNano".to_owned(), json!("later"));
    }
    serde_json::from_str(&without_names(&json!(spans).to_string())).unwrap()
}

const SCRIPT: &str = "from services import crm
tell_nobody = crm.contact_get(id=1)['name']
try:
    crm.contact_delete(id=2)
except PermissionError:
    crm.contact_add(name='Vertraulich', email='vertraulich@example.org')
";

fn execute(server: &Server, code: &str, traceparent: Option<&str>) -> Value {
    let mut headers = HEADERS.to_vec();
    headers.extend(traceparent.map(|parent| ("traceparent", parent)));
    let body = asked("execute_code", json!({"code": code}));
    let answered = server.request("POST /rpc", &headers, &body.to_string());
    answered.json()["result"]["status"].clone()
}

#[test]
fn sec_02_spans_say_what_was_done_and_nothing_that_a_script_said() {
    let desk = Desk::open();
    let mut collector = TestCollector::open();
    let arguments = ["--context", "assistant", "--telemetry", &collector.at];
    let server = Server::start(&desk, &repository("policies"), &arguments);
    let traced = |trace: &str, flags: &str| format!("00-{trace}-{ABOVE}-{flags}");

    let status = execute(&server, SCRIPT, Some(&traced(FIRST, "01")));
    assert_eq!(status, "awaiting_approval");
    let mut spans = collector.spans(4);
    // Whoever began this trace wants no spans of it, and the next ones are of the next run.
    assert_eq!(execute(&server, "1", Some(&traced(SECOND, "00"))), "ok");
    // This is no trace.
    assert_eq!(execute(&server, "1 / 0", Some("vertraulich")), "raised");
    spans.extend(collector.spans(1));
    let unknown = json!({"service": "crm", "method": "vertraulich.add", "arguments": {}});
    drop(server.ask("call", unknown));
    spans.extend(collector.spans(2));

    // What MCP says itself counts before what carries it.
    let mut headers = HEADERS.to_vec();
    let carried = traced(FIRST, "01");
    headers.extend([
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_code"),
        ("traceparent", &carried),
    ]);
    let script = json!({"code": "vertraulich = 7", "session": "vertraulich"});
    let mut params = modern(json!({"name": "execute_code", "arguments": script}));
    params["_meta"]["traceparent"] = json!(traced(SECOND, "01"));
    let body = asked("tools/call", params).to_string();
    assert_eq!(server.request("POST /mcp", &headers, &body).status, 200);
    spans.extend(collector.spans(1));

    server.end_quietly();
    insta::assert_json_snapshot!(without_accidents(spans));
    let seen = collector.seen.to_lowercase();
    for word in ["vertraulich", "tell_nobody", "example.org", "division"] {
        assert!(!seen.contains(word), "{word}: {seen}");
    }
    assert_eq!(collector.posted.try_recv().ok(), None);
}

#[test]
fn what_is_left_is_handed_over_when_a_server_ends() {
    let desk = Desk::open();
    let mut collector = TestCollector::open();
    let arguments = ["--context", "assistant", "--telemetry", &collector.at];
    let server = Server::start(&desk, &repository("policies"), &arguments);
    for _ in 0..40 {
        assert_eq!(execute(&server, "1", None), "ok");
    }
    server.end_quietly();
    assert_eq!(collector.spans(40).len(), 40);
}

#[test]
fn nobody_is_told_of_spans_whom_the_operator_has_not_named() {
    let desk = Desk::open();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let mut serve = desk.serve(&repository("policies"), &["--context", "assistant"]);
    serve
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &at)
        .env("OTEL_TRACES_EXPORTER", "otlp");
    let server = Server::of(serve, desk.rpc(), 1);
    let parent = format!("00-{FIRST}-{ABOVE}-01");
    assert_eq!(execute(&server, "1", Some(&parent)), "ok");
    server.end_quietly();
    let came = listener.accept().map(|_| ()).unwrap_err().kind();
    assert_eq!(came, ErrorKind::WouldBlock);
}
