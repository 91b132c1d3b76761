//! The MCP server as a client meets it, line by line: both eras of the protocol, the three tools, and everything that a
//! client could do wrong. `third_party` has clients that others wrote.

mod asking;
mod install;
mod matrix;

use crate::support::{
    command, desk::Desk, finished, modern, repository, result_or_error, threads_behind_the_wall,
    without_names,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A server, and the end that a client has.
struct Session {
    server: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    last: u64,
}

impl Session {
    fn start(mut command: Command) -> Self {
        let mut server = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: server.stdin.take(),
            output: BufReader::new(server.stdout.take().unwrap()),
            server,
            last: 0,
        }
    }

    /// One that has begun as clients did before 2026.
    fn begun(command: Command) -> Self {
        let mut session = Self::start(command);
        session.ask("initialize", initialize("2025-11-25"));
        session.tell("notifications/initialized", json!({}));
        session
    }

    fn line(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        self.line(message.to_string().as_bytes());
    }

    /// Sends a request and returns its id.
    fn request(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let message =
            json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params});
        self.line(message.to_string().as_bytes());
        self.last
    }

    /// The next message. There is nothing on standard output but messages.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The answer to a request: its result, or its error.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        let answer = self.hear();
        assert_eq!(answer["id"], id, "{answer}");
        result_or_error(answer)
    }

    /// What a model reads of a call, and whether it went well.
    fn call(&mut self, tool: &str, arguments: Value) -> (bool, String) {
        read(&self.ask("tools/call", json!({"name": tool, "arguments": arguments})))
    }

    fn execute(&mut self, code: &str) -> (bool, String) {
        self.call("execute_code", json!({"code": code}))
    }

    /// Sends a script and does not wait.
    fn send(&mut self, code: &str) -> u64 {
        let call = json!({"name": "execute_code", "arguments": {"code": code}});
        self.request("tools/call", call)
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        Path::new("/proc")
            .join(self.server.id().to_string())
            .join(path)
    }

    /// Closes the client's end: the exit code, what was still said, and what it complained of.
    fn end(mut self) -> (i32, String, String) {
        drop(self.input.take());
        let (mut said, mut complained) = (String::new(), String::new());
        self.output.read_to_string(&mut said).unwrap();
        let mut stderr = self.server.stderr.take().unwrap();
        stderr.read_to_string(&mut complained).unwrap();
        (
            self.server.wait().unwrap().code().unwrap(),
            said,
            complained,
        )
    }

    /// The same where there is nothing more to say.
    fn end_quietly(self) {
        assert_eq!(self.end(), (0, String::new(), String::new()));
    }
}

fn read(result: &Value) -> (bool, String) {
    let content = result["content"]
        .as_array()
        .unwrap_or_else(|| panic!("{result}"));
    assert_eq!(content.len(), 1, "{result}");
    let well = !result["isError"].as_bool().unwrap_or(false);
    (well, content[0]["text"].as_str().unwrap().to_owned())
}

fn initialize(version: &str) -> Value {
    json!({
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}
    })
}

/// The policies that ship.
fn assistant(desk: &Desk) -> Command {
    desk.mcp(&repository("policies"), "assistant")
}

/// A service in the place of the CRM that answers nothing, so that a call of it is under way until somebody ends it.
fn silent(desk: &Desk) -> UnixListener {
    fs::remove_file(desk.socket()).unwrap();
    UnixListener::bind(desk.socket()).unwrap()
}

/// Waits until a script calls.
fn called(listener: &UnixListener) -> UnixStream {
    let (stream, _) = listener.accept().unwrap();
    let head = BufReader::new(&stream).lines().next().unwrap().unwrap();
    assert!(head.starts_with("POST "), "{head}");
    stream
}

/// Waits until nobody wants an answer any more.
fn ended(mut call: UnixStream) {
    let _ = call.read_to_end(&mut Vec::new());
}

const CALLS: &str = "from services import crm\nprint(crm.contact_list())";

#[test]
fn every_version_with_a_handshake_is_spoken() {
    let desk = Desk::open();
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut session = Session::start(assistant(&desk));
        let begun = session.ask("initialize", initialize(version));
        let server = json!({"name": "sandgate", "version": env!("CARGO_PKG_VERSION")});
        let instructions = begun["instructions"].clone();
        assert!(instructions.is_string(), "{begun}");
        assert_eq!(
            begun,
            json!({
                "protocolVersion": version, "capabilities": {"resources": {}, "tools": {}}, "serverInfo": server,
                "instructions": instructions
            })
        );
        session.tell("notifications/initialized", json!({}));
        assert_eq!(session.ask("ping", json!({})), json!({}));
        let result = session.ask(
            "tools/call",
            json!({"name": "execute_code", "arguments": {"code": "6 * 7"}}),
        );
        assert_eq!(read(&result), (true, "value: 42\n".to_owned()));
        // What came with 2026 is not sent to those who do not know it.
        assert_eq!(result.get("resultType"), None, "{result}");
        session.end_quietly();
    }
}

#[test]
fn a_version_that_there_is_not_is_answered_with_one_that_there_is() {
    let desk = Desk::open();
    let mut session = Session::start(assistant(&desk));
    let begun = session.ask("initialize", initialize("1999-12-31"));
    assert_eq!(begun["protocolVersion"], "2025-11-25");
    session.end_quietly();

    let mut session = Session::start(assistant(&desk));
    let mut params = modern(json!({}));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2030-01-01");
    let refused = session.ask("tools/list", params);
    assert_eq!(
        (&refused["code"], &refused["data"]["supported"][4]),
        (&json!(-32022), &json!("2026-07-28"))
    );
    // Either way it goes on.
    assert_eq!(
        session.ask("tools/list", modern(json!({})))["tools"][0]["name"],
        "execute_code"
    );
    session.end_quietly();
}

#[test]
fn a_client_without_a_handshake_is_served() {
    let desk = Desk::open();
    let mut session = Session::start(assistant(&desk));
    let mut found = session.ask("server/discover", modern(json!({})));
    let server = found["_meta"]["io.modelcontextprotocol/serverInfo"].take();
    assert_eq!(
        server,
        json!({"name": "sandgate", "version": env!("CARGO_PKG_VERSION")})
    );
    insta::assert_json_snapshot!(found);
    let listed = session.ask("tools/list", modern(json!({})));
    assert_eq!(listed["resultType"], "complete");
    let call = json!({"name": "execute_code", "arguments": {"code": "6 * 7"}});
    let result = session.ask("tools/call", modern(call.clone()));
    assert_eq!(read(&result), (true, "value: 42\n".to_owned()));
    assert_eq!(result["resultType"], "complete");
    // Its requests say what they are, every one.
    let refused = session.ask("tools/call", call);
    assert_eq!(refused["code"], -32602, "{refused}");
    session.end_quietly();
}

#[test]
fn a_client_that_says_nothing_of_itself_is_refused_and_may_begin_after_all() {
    let desk = Desk::open();
    let mut session = Session::start(assistant(&desk));
    let call = json!({"name": "execute_code", "arguments": {"code": "1"}});
    for (method, params) in [("tools/call", call.clone()), ("server/discover", json!({}))] {
        let refused = session.ask(method, params);
        assert_eq!(
            refused,
            json!({
                "code": -32602,
                "message": "request _meta is missing or has malformed required fields: io.modelcontextprotocol/protocolVersion, io.modelcontextprotocol/clientCapabilities"
            })
        );
    }
    // A client that gave up waiting for an answer says so; that is not the end of it either.
    session.tell("notifications/cancelled", json!({"requestId": 2}));
    session.tell("notifications/initialized", json!({}));
    session.ask("initialize", initialize("2025-06-18"));
    assert_eq!(session.execute("1"), (true, "value: 1\n".to_owned()));
    session.end_quietly();
}

#[test]
fn the_tools_name_the_services_of_the_context() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    insta::assert_json_snapshot!(session.ask("tools/list", json!({})));
    session.end_quietly();
    // Where there are no services, there are none.
    let mut session = Session::begun(desk.mcp(&repository("policies"), "nothing"));
    let listed = session.ask("tools/list", json!({}));
    let tool = &listed["tools"][0];
    assert_eq!(
        tool["description"],
        "Runs Python 3 in a sandbox: the standard library and a directory, whose files come back; no network, no processes, no packages, nothing of an earlier call. No services can be called."
    );
    assert_eq!(tool["annotations"]["openWorldHint"], false);
    assert_eq!(
        session.call("list_services", json!({})),
        (
            true,
            "There are no services that scripts may call.".to_owned()
        )
    );
    assert_eq!(
        session.call("get_interface", json!({"service": "crm"})),
        (
            false,
            "there is no service `crm`; there are none that scripts may call".to_owned()
        )
    );
    session.end_quietly();
}

#[test]
fn a_model_reads_everything_that_came_of_a_script() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    for (arguments, well, text) in [
        (
            json!({"code": ""}),
            true,
            "The script ended and printed nothing.\n",
        ),
        (json!({"code": "print('a')"}), true, "a\n"),
        (
            json!({"code": "print('a', end='')\n{'b': [1, None]}"}),
            true,
            "a\nvalue: {\"b\":[1,null]}\n",
        ),
        (
            json!({"code": "print(input())", "stdin": "ä\n"}),
            true,
            "ä\n",
        ),
        (
            json!({"code": "import sys\nprint('out')\nprint('err', file=sys.stderr)"}),
            true,
            "out\nstderr:\nerr\n",
        ),
        (
            json!({"code": "print('before')\n1 / 0"}),
            false,
            "before\nTraceback (most recent call last):\n  File \"script.py\", line 2, in <module>\n    1 / 0\n    ~~^~~\nZeroDivisionError: division by zero\n",
        ),
        (
            json!({"code": "import sys\nsys.exit()"}),
            true,
            "sys.exit: 0\n",
        ),
        (
            json!({"code": "import sys\nsys.exit(3)"}),
            false,
            "sys.exit: 3\n",
        ),
        // Nothing of the one before.
        (
            json!({"code": "import os\nos.listdir()"}),
            true,
            "value: []\n",
        ),
        // A script cannot say anything in the server's name.
        (
            json!({"code": "import sys\nsys.__stdout__.buffer.write(b'{\"jsonrpc\":\"2.0\",\"id\":1}\\n')\nNone"}),
            true,
            "{\"jsonrpc\":\"2.0\",\"id\":1}\n",
        ),
    ] {
        assert_eq!(
            session.call("execute_code", arguments.clone()),
            (well, text.to_owned()),
            "{arguments}"
        );
    }
    session.end_quietly();
}

#[test]
fn a_program_reads_the_outcome_that_the_command_prints() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    for code in ["print(1)\n2", "1 / 0", "import sys\nsys.exit(2)"] {
        let call = json!({"name": "execute_code", "arguments": {"code": code}});
        let mut structured = session.ask("tools/call", call)["structuredContent"].take();
        let (_, printed, _) = finished(command(&["run", "--json", "-c", code]).output().unwrap());
        let mut printed: Value =
            serde_json::from_str(&printed.replace("<string>", "script.py")).unwrap();
        for outcome in [&mut structured, &mut printed] {
            outcome["usage"].take();
            outcome["run"].take();
        }
        assert_eq!(structured, printed, "{code}");
    }
    session.end_quietly();
}

#[test]
fn a_time_limit_can_only_be_shorter_than_the_context_s() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    let endless = |seconds: f64| json!({"code": "while True: pass", "timeout_seconds": seconds});
    let (well, text) = session.call("execute_code", endless(0.2));
    assert!(
        !well && text.starts_with("out of time: the wall time limit is 200ms;"),
        "{text}"
    );
    session.end_quietly();

    let policies = tempfile::tempdir().unwrap();
    fs::create_dir(policies.path().join("brief")).unwrap();
    fs::write(policies.path().join("brief/policy.cedar"), "").unwrap();
    let limits = "hero_context = 4\ntimeout = \"300ms\"\n";
    fs::write(policies.path().join("brief/limits.toml"), limits).unwrap();
    let mut session = Session::begun(desk.mcp(policies.path(), "brief"));
    let (well, text) = session.call("execute_code", endless(1e9));
    assert!(
        !well && text.starts_with("out of time: the wall time limit is 300ms;"),
        "{text}"
    );
    session.end_quietly();
}

#[test]
fn a_description_speaks_of_a_directory_only_where_there_is_one() {
    let desk = Desk::open();
    let policies = tempfile::tempdir().unwrap();
    fs::create_dir(policies.path().join("brief")).unwrap();
    fs::write(policies.path().join("brief/policy.cedar"), "").unwrap();
    for (limit, expected) in [
        (
            "",
            "Runs Python 3 in a sandbox: the standard library and a directory, whose files come back; no network, no processes, no packages, nothing of an earlier call. No services can be called.",
        ),
        (
            "workspace = \"none\"\n",
            "Runs Python 3 in a sandbox: the standard library; no files, no network, no processes, no packages, nothing of an earlier call. No services can be called.",
        ),
    ] {
        let limits = format!("hero_context = 4\n{limit}");
        fs::write(policies.path().join("brief/limits.toml"), limits).unwrap();
        let mut session = Session::begun(desk.mcp(policies.path(), "brief"));
        let listed = session.ask("tools/list", json!({}));
        assert_eq!(listed["tools"][0]["description"], expected);
        session.end_quietly();
    }
}

#[test]
fn services_are_listed_and_read_and_a_misspelt_one_is_named() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    assert_eq!(
        session.call("list_services", json!({})),
        (true, "crm: Contacts, the companies they work for, and the deals that are made with them. A demonstration.\n".to_owned())
    );
    let (well, interface) = session.call("get_interface", json!({"service": "crm"}));
    let (_, printed, _) = finished(
        desk.operator(&["service", "interface", "crm", "--context", "assistant"])
            .arg("--policies")
            .arg(repository("policies"))
            .output()
            .unwrap(),
    );
    assert_eq!((well, interface), (true, printed));
    assert_eq!(
        session.call("get_interface", json!({"service": "cmr"})),
        (
            false,
            "there is no service `cmr`; there are: crm; did you mean `crm`?".to_owned()
        )
    );
    session.end_quietly();
}

#[test]
fn a_script_calls_what_is_permitted_and_a_gated_call_waits_for_a_person() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    let (well, text) = session.execute(
        "from services import crm\nprint(crm.contact_get(id=1)['name'])\ntry:\n    crm.contact_add(name='Ada', email='ada@example.org')\nexcept BaseException as error:\n    print(error)",
    );
    assert_eq!(
        (well, without_names(&text).as_str()),
        (
            true,
            "Amara Okafor\nwaiting for approval: the run waits for approval\ncrm.contact.add: waits for approval\nrun: NAME. A person has to approve first. Tell the user; do not run the script again. get_run says what came of it.\n"
        )
    );
    let (_, rest) = text.split_once("run: ").unwrap();
    let run = rest.split_once('.').unwrap().0;
    assert_eq!(
        session.call("get_run", json!({"run": run})),
        (
            true,
            "status: awaiting_approval\ncrm.contact.add: waits\nA person has to approve first. Tell the user; do not run the script again. get_run says what came of it.\n".to_owned()
        )
    );
    // Another's run, and one that there is not, are the same.
    let none = "01m8fh8kw5mm49vsjq467emzb4";
    assert_eq!(
        session.call("get_run", json!({"run": none})),
        (false, format!("no run in the journal begins with `{none}`"))
    );
    assert_eq!(desk.contacts(), 7);
    let (well, text) = session.execute("from services import crm\ncrm.contact_delete(id=1)");
    assert!(!well, "{text}");
    assert_eq!(
        text.lines().last(),
        Some("services.Refused: `crm.contact.delete` is refused: Nothing is deleted by a script.")
    );
    session.end_quietly();
}

#[test]
fn what_a_client_gets_wrong_is_said_to_it() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    for (params, code, message) in [
        (
            json!({"name": "exec"}),
            -32602,
            "there is no `exec`; there are: execute_code, list_services, search, get_interface, call, get_run, resume",
        ),
        (
            json!({"name": 5}),
            -32602,
            "`tools/call` has a `name`, which is a text, and `arguments`, which are an object",
        ),
        (
            json!({"name": "execute_code", "arguments": []}),
            -32602,
            "`tools/call` has a `name`, which is a text, and `arguments`, which are an object",
        ),
    ] {
        assert_eq!(
            session.ask("tools/call", params),
            json!({"code": code, "message": message})
        );
    }
    assert_eq!(
        session.ask("tools/run", json!({})),
        json!({"code": -32601, "message": "there is no method `tools/run`"})
    );
    // What a model got wrong is for the model to read.
    assert_eq!(
        session.call("execute_code", json!({"code": "1", "context": "operator"})),
        (
            false,
            "`execute_code` takes no argument `context`; it takes code, session, restore, plan, check, timeout_seconds, stdin, key, again"
                .to_owned()
        )
    );
    assert_eq!(session.execute("1"), (true, "value: 1\n".to_owned()));
    session.end_quietly();
}

#[test]
fn calls_go_on_at_once_and_each_is_answered_when_it_ends() {
    let desk = Desk::open();
    let listener = silent(&desk);
    let mut session = Session::begun(assistant(&desk));
    let first = session.send(CALLS);
    let call = called(&listener);
    assert_eq!(session.execute("2"), (true, "value: 2\n".to_owned()));
    drop(call);
    drop(listener);
    let answer = session.hear();
    assert_eq!(answer["id"], first);
    assert!(!read(&answer["result"]).0, "{answer}");
    session.end_quietly();
}

#[test]
fn a_call_that_is_cancelled_ends_and_is_not_answered() {
    let desk = Desk::open();
    let listener = silent(&desk);
    let mut session = Session::begun(assistant(&desk));
    let id = session.send(CALLS);
    let call = called(&listener);
    // Another's is not.
    session.tell("notifications/cancelled", json!({"requestId": id + 1}));
    assert_eq!(session.execute("1"), (true, "value: 1\n".to_owned()));
    session.tell(
        "notifications/cancelled",
        json!({"requestId": id, "reason": "enough"}),
    );
    ended(call);
    assert_eq!(session.execute("2"), (true, "value: 2\n".to_owned()));
    session.end_quietly();
    assert_eq!(desk.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_end_of_input_ends_the_runs_and_the_process() {
    let desk = Desk::open();
    let listener = silent(&desk);
    let mut session = Session::begun(assistant(&desk));
    let id = session.send(CALLS);
    let call = called(&listener);
    let (code, said, complained) = session.end();
    ended(call);
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["id"], id);
    assert_eq!(
        read(&answer["result"]),
        (false, "cancelled: the caller ended the run\n".to_owned())
    );
    assert_eq!((code, complained.as_str()), (0, ""));
    assert_eq!(desk.left(), Vec::<std::path::PathBuf>::new());

    // Who sends everything and closes gets the answers that come soon.
    let mut session = Session::begun(assistant(&desk));
    session.execute("0");
    session.send("1");
    let (code, said, _) = session.end();
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (code, read(&answer["result"])),
        (0, (true, "value: 1\n".to_owned()))
    );

    // And before anything was said.
    Session::start(assistant(&desk)).end_quietly();
}

#[test]
fn dos_04_a_signal_ends_the_runs_and_the_process() {
    let desk = Desk::open();
    let listener = silent(&desk);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut session = Session::begun(assistant(&desk));
        session.send(CALLS);
        let call = called(&listener);
        kill_process(Pid::from_child(&session.server), signal).unwrap();
        assert_eq!(
            session.server.wait().unwrap().code(),
            Some(130),
            "{signal:?}"
        );
        ended(call);
        assert_eq!(desk.left(), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn esc_07_every_thread_of_the_server_is_behind_the_wall() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    session.execute("1");
    let threads = threads_behind_the_wall(&session.at("task"));
    assert!(
        threads > 4,
        "the executor's, the time's, and those that read and write"
    );
    assert_eq!(
        fs::read(session.at("environ")).unwrap().iter().max(),
        Some(&0)
    );
    session.end_quietly();
}

#[test]
fn dos_14_lines_that_are_no_messages_are_answered_and_hold_nothing() {
    let desk = Desk::open();
    let mut session = Session::begun(assistant(&desk));
    let error = |code: i32, message: &str| json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}});
    let no_request = "this is no request of JSON-RPC 2.0 as MCP has them";
    let deep = "[".repeat(99_000);
    let heavy = format!("[{}0]", "0,".repeat(7 << 20));
    let long = "x".repeat((16 << 20) + 1);
    for (line, answer) in [
        (
            "{",
            error(
                -32700,
                "the message is not JSON: EOF while parsing an object at line 1 column 1",
            ),
        ),
        (
            "\u{0}\u{1}",
            error(
                -32700,
                "the message is not JSON: expected value at line 1 column 1",
            ),
        ),
        (
            &deep,
            error(
                -32700,
                "the message is not JSON: recursion limit exceeded at line 1 column 128",
            ),
        ),
        ("[]", error(-32600, no_request)),
        ("{}", error(-32600, no_request)),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            error(-32600, no_request),
        ),
        (
            &heavy,
            error(-32600, "the message has more than 100000 values"),
        ),
        (&long, error(-32600, "the message is longer than 16.0 MiB")),
    ] {
        session.line(line.as_bytes());
        let start: String = line.chars().take(50).collect();
        assert_eq!(session.hear(), answer, "{start}");
    }
    session.line(br#"{"jsonrpc":"2.0","id":"a","method":7}"#);
    assert_eq!(session.hear()["id"], "a");
    // What wants no answer gets none.
    for line in [
        "",
        "  \r",
        r#"{"jsonrpc":"2.0","method":"notifications/unheard_of"}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}"#,
    ] {
        session.line(line.as_bytes());
    }
    assert_eq!(session.execute("1"), (true, "value: 1\n".to_owned()));
    // As long as can be, and it is a message.
    let code = format!("#{}\n3", "x".repeat(1_000_000));
    assert_eq!(session.execute(&code), (true, "value: 3\n".to_owned()));
    session.end_quietly();
}

#[test]
fn dos_14_more_requests_than_can_be_under_way_are_refused() {
    let desk = Desk::open();
    let listener = silent(&desk);
    let mut session = Session::begun(assistant(&desk));
    for _ in 0..64 {
        session.send(CALLS);
    }
    let refused = session.send("1");
    assert_eq!(
        session.hear(),
        json!({
            "jsonrpc": "2.0",
            "id": refused,
            "error": {
                "code": -32600,
                "message": "too many requests are under way; wait for their answers"
            }
        })
    );
    // An id that is used twice makes no room.
    for id in [2, 66] {
        session.line(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#).as_bytes());
        assert_eq!(session.hear()["error"]["code"], -32600);
    }
    // One that is cancelled does.
    session.tell("notifications/cancelled", json!({"requestId": 2}));
    assert_eq!(session.execute("1"), (true, "value: 1\n".to_owned()));
    drop(listener);
    assert_eq!(session.end().0, 0);
}

#[test]
fn what_cannot_be_served_is_said_before_anything_is() {
    let desk = Desk::open();
    let policies = repository("policies");
    let shown = |command: &mut Command| {
        let (code, stdout, stderr) = finished(command.stdin(Stdio::null()).output().unwrap());
        assert_eq!(stdout, "");
        format!(
            "exit {code}\n{}",
            stderr.replace(policies.to_str().unwrap(), "POLICIES")
        )
    };
    let text = [
        shown(&mut desk.operator(&["mcp", "--user", "ada"])),
        shown(&mut desk.mcp(&policies, "asistant")),
        shown(desk.mcp(&policies, "assistant").args(["--user", "a b"])),
        shown(desk.mcp(&policies, "assistant").arg("--yes")),
    ];
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn help_teaches_the_server_and_its_installation() {
    for arguments in [&["mcp", "--help"][..], &["mcp", "install", "--help"]] {
        let (code, stdout, stderr) = finished(command(arguments).output().unwrap());
        assert_eq!((code, stderr.as_str()), (0, ""));
        insta::assert_snapshot!(stdout);
    }
}
