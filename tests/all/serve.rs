//! `sandgate serve`: what it answers over its socket, how it is told to end and to read policies again. `doors` has who is let in,
//! `agents` what an agent finds there and others do not.

mod activation;
mod agents;
pub(crate) mod desk;
mod doors;
mod load;
mod reload;
mod repeats;
mod restore;
mod tasks;
mod telemetry;
mod tools;

use crate::support::{desk::Desk, finished, repository, result_or_error, threads_behind_the_wall};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

/// A server that runs.
pub(crate) struct Server {
    process: Child,
    says: BufReader<ChildStderr>,
    socket: PathBuf,
    pub(crate) port: Option<String>,
    pub(crate) desk: Option<String>,
}

/// One that outlives a test which failed holds its output open, and whoever reads that waits for ever.
impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// What came back: status, headers by their names in lower case, and the body.
struct Answered {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// What a stream of events says, of which the last is the answer.
    fn event(&self) -> Value {
        if self.body.starts_with('{') {
            return self.json();
        }
        let mut data = self
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let last = data.rfind(|data| data.starts_with('{'));
        serde_json::from_str(last.unwrap_or_else(|| panic!("{}", self.body))).unwrap()
    }
}

const HEADERS: [(&str, &str); 2] = [
    ("Content-Type", "application/json"),
    ("Accept", "application/json, text/event-stream"),
];

impl Server {
    pub(crate) fn start(desk: &Desk, policies: &Path, arguments: &[&str]) -> Self {
        let ports = ["--listen", "--desk"];
        let ports = ports.iter().filter(|port| arguments.contains(port));
        let doors = 1 + ports.count();
        Self::of(desk.serve(policies, arguments), desk.rpc(), doors)
    }

    /// One that says so once it listens at each of its doors.
    fn of(mut command: Command, socket: PathBuf, doors: usize) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut says = BufReader::new(process.stderr.take().unwrap());
        let (mut port, mut desk) = (None, None);
        for _ in 0..doors {
            let mut line = String::new();
            says.read_line(&mut line).unwrap();
            let place = line.trim().strip_prefix("sandgate: listening at ");
            let place = place.unwrap_or_else(|| panic!("{line}"));
            match place.strip_prefix("http://") {
                Some(at) if at.ends_with(" (desk)") => {
                    desk = at.strip_suffix(" (desk)").map(ToOwned::to_owned)
                }
                at => port = port.or(at.map(ToOwned::to_owned)),
            }
        }
        Self {
            process,
            says,
            socket,
            port,
            desk,
        }
    }

    /// One of the contexts that ship.
    fn assistant(desk: &Desk) -> Self {
        Self::start(desk, &repository("policies"), &["--context", "assistant"])
    }

    fn request(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        exchange(
            UnixStream::connect(&self.socket).unwrap(),
            request,
            headers,
            body,
        )
    }

    /// The same by the port.
    fn by_port(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let port = self.port.as_ref().unwrap();
        exchange(TcpStream::connect(port).unwrap(), request, headers, body)
    }

    /// The same at the desk.
    fn at_desk(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let desk = self.desk.as_ref().unwrap();
        exchange(TcpStream::connect(desk).unwrap(), request, headers, body)
    }

    /// Sends a request by the socket, and does not wait for its answer.
    fn send(&self, request: &str, headers: &[(&str, &str)], body: &str) -> UnixStream {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let head = head_of(request, headers);
        let length = body.len();
        write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
        stream
    }

    fn rpc(&self, body: &Value) -> Value {
        let answered = self.request("POST /rpc", &HEADERS, &body.to_string());
        assert_eq!(answered.status, 200, "{}", answered.body);
        answered.json()
    }

    /// What a method comes to: its result, or its error.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        result_or_error(self.rpc(&asked(method, params)))
    }

    pub(crate) fn execute(&self, code: &str) -> Value {
        self.ask("execute_code", json!({"code": code}))
    }

    fn signal(&self, signal: Signal) {
        let process = Pid::from_child(&self.process);
        kill_process(process, signal).unwrap();
    }

    /// Ends it as a supervisor does: its exit code, and what it complained of.
    fn end(mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let mut complaints = String::new();
        self.says.read_to_string(&mut complaints).unwrap();
        (self.process.wait().unwrap().code(), complaints)
    }

    pub(crate) fn end_quietly(self) {
        assert_eq!(self.end(), (Some(0), String::new()));
    }
}

fn asked(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// How a request begins, without its length.
fn head_of(request: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{request} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str("Host: localhost\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head
}

fn exchange(
    mut stream: impl Read + Write,
    request: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answered {
    let head = head_of(request, headers);
    let length = body.len();
    let whole = format!("{head}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    // Who is refused unread is answered before all of it is sent.
    let _ = stream.write_all(whole.as_bytes());
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut rest = Vec::new();
    // Who did not hear all that was sent to him resets the connection once he has answered.
    let _ = reader.read_to_end(&mut rest);
    let rest = String::from_utf8(rest).unwrap();
    let body = if headers.contains_key("transfer-encoding") {
        unchunked(&rest)
    } else {
        rest
    };
    Answered {
        status: status.unwrap_or_else(|| panic!("{line}")),
        headers,
        body,
    }
}

fn unchunked(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&rest[..size]);
        text = &rest[size + 2..];
    }
    whole
}

fn token(desk: &Desk, arguments: &[&str]) -> String {
    token_of(desk, &repository("policies"), arguments)
}

pub(crate) fn token_of(desk: &Desk, policies: &Path, arguments: &[&str]) -> String {
    let mut command = desk.operator(&["token", "create"]);
    command.arg("--policies").arg(policies).args(arguments);
    let (code, secret, said) = finished(command.output().unwrap());
    assert_eq!(code, 0, "{said}");
    secret.trim().to_owned()
}

#[test]
fn an_agent_is_answered_over_the_socket() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let outcome =
        server.execute("from services import crm\nprint(len(crm.contact_list(limit=5)))\n6 * 7");
    assert_eq!(
        (&outcome["status"], &outcome["stdout"], &outcome["value"]),
        (&json!("ok"), &json!("5\n"), &json!({"json": 42}))
    );
    assert_eq!(
        server.ask("list_services", json!({})),
        json!({"services": [{"name": "crm", "summary": "Contacts, the companies they work for, and the deals that are made with them. A demonstration."}]})
    );
    let interface = server.ask("get_interface", json!({"services": ["crm"]}));
    let interface = interface["interfaces"][0]["interface"].as_str().unwrap();
    assert!(interface.contains("contact_list("), "{interface}");
    let outcome = server.ask(
        "call",
        json!({"service": "crm", "method": "contact.get", "arguments": {"id": 1}}),
    );
    assert_eq!(outcome["status"], "ok", "{outcome}");
    let report = server.ask(
        "execute_code",
        json!({"code": "from services import crm\ncrm.contact_lst()", "check": true}),
    );
    assert_eq!(report["mistakes"][0]["kind"], "method", "{report}");
    // What does not exist, or is not for this agent, is one thing.
    let refused = server.ask("get_interface", json!({"services": ["mail"]}));
    assert_eq!(
        refused,
        json!({"code": -32004, "message": "there is no service `mail`; there are: crm"})
    );
    server.end_quietly();
}

#[test]
fn json_rpc_is_spoken_as_it_is_written_down() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let error = |code: i32, message: &str, id: Value| json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": id});
    let shape = "a request has `jsonrpc`, which is \"2.0\", a `method`, and an `id` that is a text or a number";
    let names = "execute_code, list_services, search, get_interface, call, get_run, resume";
    for (body, expected) in [
        (
            "{",
            error(
                -32700,
                "the request is not JSON: EOF while parsing an object at line 1 column 1",
                Value::Null,
            ),
        ),
        (
            "[]",
            error(-32600, "a batch has 1 to 100 requests", Value::Null),
        ),
        (
            "1",
            error(-32600, "this is no request of JSON-RPC 2.0", Value::Null),
        ),
        (
            r#"{"jsonrpc":"1.0","method":"resume","id":7}"#,
            error(-32600, shape, json!(7)),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"resume","id":{}}"#,
            error(-32600, shape, Value::Null),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"list_service","id":"a"}"#,
            error(
                -32601,
                &format!(
                    "there is no `list_service`; there are: {names}; did you mean `list_services`?"
                ),
                json!("a"),
            ),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"execute_code","params":["1"],"id":1}"#,
            error(
                -32602,
                "`execute_code` takes its parameters by name",
                json!(1),
            ),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"execute_code","params":{"cod":"1"},"id":1}"#,
            error(
                -32602,
                "`execute_code` takes no argument `cod`; it takes code, session, restore, plan, check, timeout_seconds, stdin, key, again; did you mean `code`?",
                json!(1),
            ),
        ),
        (
            r#"[{"jsonrpc":"2.0","method":"list_services","id":null}, 1, {"jsonrpc":"2.0","method":"list_services"}]"#,
            json!([
                {
                    "jsonrpc": "2.0",
                    "result": {"services": [{"name": "crm", "summary": "Contacts, the companies they work for, and the deals that are made with them. A demonstration."}]},
                    "id": null
                },
                error(-32600, "this is no request of JSON-RPC 2.0", Value::Null),
            ]),
        ),
    ] {
        let answered = server.request("POST /rpc", &HEADERS, body);
        assert_eq!(
            (answered.status, answered.json()),
            (200, expected),
            "{body}"
        );
    }
    // Notifications are done, and not answered.
    let body = r#"[{"jsonrpc":"2.0","method":"list_services"}]"#;
    let answered = server.request("POST /rpc", &HEADERS, body);
    assert_eq!((answered.status, answered.body.as_str()), (204, ""));
    // THREAT[DOS-08]: what would become many times its size is not parsed.
    let heavy = format!("[{}0]", "0,".repeat(200_000));
    assert_eq!(
        server.request("POST /rpc", &HEADERS, &heavy).json(),
        error(
            -32600,
            "the request has more than 100000 values",
            Value::Null
        )
    );
    insta::assert_json_snapshot!(server.ask("rpc.discover", json!([])));
    let document = server.request("GET /openrpc.json", &[], "");
    assert_eq!(document.json(), server.ask("rpc.discover", json!({})));
    server.end_quietly();
}

#[test]
fn others_find_out_what_it_is() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        server.request("GET /health", &[], "").json(),
        json!({"status": "ok", "service": "sandgate", "version": version})
    );
    let found = server.request("GET /.well-known/heroservice.json", &[], "");
    assert_eq!(
        found.json(),
        json!({
            "protocol": "openrpc",
            "name": "sandgate",
            "title": "sandgate",
            "version": version,
            "description": "Runs Python that a language model wrote, with one way out, and that way guarded.",
            "socket": "rpc"
        })
    );
    for (request, status, message) in [
        ("GET /", 404, "there is nothing here"),
        ("GET /rpc", 405, "this is asked for in another way"),
        ("POST /health", 405, "this is asked for in another way"),
    ] {
        let answered = server.request(request, &HEADERS, "{}");
        assert_eq!(
            (answered.status, answered.json()),
            (status, json!({"error": {"message": message}})),
            "{request}"
        );
    }
    let answered = server.request("POST /rpc", &[("Content-Type", "text/plain")], "{}");
    assert_eq!(
        (answered.status, answered.json()),
        (
            415,
            json!({"error": {"message": "the `Content-Type` is to be application/json"}})
        )
    );
    server.end_quietly();
}

#[test]
fn what_runs_has_time_to_end_when_the_server_is_to_end() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let code = "import time\nprint('begun', flush=True)\ntime.sleep(5)\n'done'";
    let body = asked("execute_code", json!({"code": code})).to_string();
    let socket = server.socket.clone();
    let asking = std::thread::spawn(move || {
        exchange(
            UnixStream::connect(socket).unwrap(),
            "POST /rpc",
            &HEADERS,
            &body,
        )
        .json()
    });
    let running = || {
        let (_, listed, _) = finished(
            desk.operator(&["journal", "list", "--json"])
                .output()
                .unwrap(),
        );
        listed.contains("\"running\"")
    };
    while !running() {}
    server.end_quietly();
    assert_eq!(
        asking.join().unwrap()["result"]["value"],
        json!({"json": "done"})
    );
}

#[test]
fn policies_are_read_again_and_those_that_do_not_load_change_nothing() {
    let desk = Desk::open();
    let policies = desk.work().join("policies");
    fs::create_dir_all(policies.join("a")).unwrap();
    let policy = policies.join("a/policy.cedar");
    let permit =
        "@because(\"It may look.\") permit (principal, action in Action::\"read\", resource);";
    fs::write(&policy, permit).unwrap();
    fs::write(policies.join("a/limits.toml"), "hero_context = 1\n").unwrap();
    let mut server = Server::start(&desk, &policies, &[]);
    let services = |server: &Server| {
        server.ask("list_services", json!({}))["services"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(services(&server), 1);
    fs::write(&policy, "permit (").unwrap();
    server.signal(Signal::HUP);
    let mut said = String::new();
    server.says.read_line(&mut said).unwrap();
    assert!(said.contains("the ones before stay in force"), "{said}");
    assert_eq!(services(&server), 1);
    fs::write(
        &policy,
        "@because(\"It may not.\") forbid (principal, action, resource);",
    )
    .unwrap();
    server.signal(Signal::HUP);
    while services(&server) != 0 {}
    server.end_quietly();
}

#[test]
fn esc_07_every_thread_of_a_server_is_behind_the_wall() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    assert_eq!(server.execute("1")["status"], "ok");
    let tasks = Path::new("/proc")
        .join(server.process.id().to_string())
        .join("task");
    assert!(threads_behind_the_wall(&tasks) > 1);
    server.end_quietly();
}

#[test]
fn what_cannot_be_served_is_said_before_anybody_can_come() {
    let desk = Desk::open();
    let failed = |arguments: &[&str]| {
        let (code, _, said) = finished(
            desk.serve(&repository("policies"), arguments)
                .output()
                .unwrap(),
        );
        (code, said)
    };
    insta::assert_snapshot!(failed(&["--context", "asistant"]).1);
    let (code, said) = failed(&["--listen", "192.0.2.1:80"]);
    assert_eq!(code, 64);
    assert!(
        said.contains("nothing can listen at `192.0.2.1:80`"),
        "{said}"
    );
    let (code, said) = failed(&["--no-socket"]);
    assert_eq!(code, 64, "{said}");
}

#[test]
fn nothing_has_to_be_set_up_for_scripts_that_compute() {
    let desk = Desk::open();
    let none = desk.work();
    let mut server = desk.operator(&["serve"]);
    server.env("XDG_CONFIG_HOME", &none).env(
        "XDG_RUNTIME_DIR",
        desk.rpc().parent().unwrap().parent().unwrap(),
    );
    let server = Server::of(server, desk.rpc(), 1);
    assert_eq!(server.execute("6 * 7")["value"], json!({"json": 42}));
    assert_eq!(
        server.ask("list_services", json!({})),
        json!({"services": []})
    );
    server.end_quietly();
    let mut agent = desk
        .operator(&["mcp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let call = json!({
        "name": "execute_code",
        "arguments": {"code": "6 * 7"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}
        }
    });
    let mut input = agent.stdin.take().unwrap();
    writeln!(input, "{}", asked("tools/call", call)).unwrap();
    let mut answer = String::new();
    let output = agent.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut answer).unwrap();
    drop(input);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "value: 42\n");
    assert!(agent.wait().unwrap().success());
}
