//! What a server does that is asked for more than it can do: one context has a part of it, whoever finds no room is told so at once and
//! when to come again, and whoever leaves makes room. Counts are bounded here; times are measured in `benches/load.rs`.

use super::{Answered, HEADERS, Server, asked, token_of};
use crate::support::{desk::Desk, modern, repository};
use serde_json::{Value, json};
use std::{io::Read, os::unix::net::UnixStream, path::Path};

const FOREVER: &str = "print('begun', flush=True)\nwhile True: pass";

/// A server with few places, of the contexts that ship, and what shows its numbers.
fn open(desk: &Desk, arguments: &[&str]) -> (Server, String) {
    let policies = repository("policies");
    let mut command = desk.operator(&["serve", "--desk", "127.0.0.1:0"]);
    command.args(arguments).arg("--policies").arg(&policies);
    let runtime = desk.rpc();
    let runtime = runtime.parent().and_then(Path::parent).unwrap();
    command.env("XDG_RUNTIME_DIR", runtime);
    let server = Server::of(command, desk.rpc(), 2);
    let watch = ["--desk", "--user", "ada", "--context", "assistant"];
    let bearer = format!("Bearer {}", token_of(desk, &policies, &watch));
    (server, bearer)
}

/// What a number of the server says now, by its name and labels.
fn number(server: &Server, bearer: &str, name: &str) -> Option<u64> {
    let shown = server.at_desk("GET /metrics", &[("Authorization", bearer)], "");
    let mut lines = shown.body.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.map(|number| number.parse().unwrap())
}

fn wait_for(server: &Server, bearer: &str, name: &str, expected: Option<u64>) {
    while number(server, bearer, name) != expected {}
}

fn execute(code: &str) -> String {
    asked("execute_code", json!({"code": code})).to_string()
}

/// The headers of a request in a context.
fn within(context: &str) -> [(&str, &str); 3] {
    [HEADERS[0], HEADERS[1], ("Sandgate-Context", context)]
}

fn modern_call(context: &str) -> Vec<(&str, &str)> {
    let mut headers = within(context).to_vec();
    headers.extend([
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_code"),
    ]);
    headers
}

fn is_soon(after: &Value) -> bool {
    after
        .as_u64()
        .is_some_and(|after| (1..=60).contains(&after))
}

fn has_hint(answered: &Answered) -> bool {
    is_soon(&json!(
        answered.headers["retry-after"].parse::<u64>().unwrap()
    ))
}

#[test]
fn dos_13_who_finds_no_room_is_told_at_every_door_and_others_find_some() {
    let desk = Desk::open();
    // Two scripts at once beside two sessions, and two that wait; of each one context has half.
    let (server, bearer) = open(&desk, &["--instances", "4", "--queue", "2"]);
    let number = |name: &str| number(&server, &bearer, name);
    let of = |name: &str| format!("{name}{{context=\"assistant\"}}");
    let running = server.send("POST /rpc", &within("assistant"), &execute(FOREVER));
    wait_for(&server, &bearer, &of("sandgate_runs_running"), Some(1));
    let waiting = server.send("POST /rpc", &within("assistant"), &execute(FOREVER));
    wait_for(&server, &bearer, &of("sandgate_runs_waiting"), Some(1));

    let one = execute("1");
    let refused = server.request("POST /rpc", &within("assistant"), &one);
    let error = refused.json()["error"].clone();
    assert_eq!((refused.status, &error["code"]), (200, &json!(-32005)));
    assert!(is_soon(&error["data"]["retry_after"]), "{error}");
    let said = |after: &Value| {
        format!(
            "there is no room for another run now, and nothing was done; try again in {after} s"
        )
    };
    assert_eq!(error["message"], said(&error["data"]["retry_after"]));

    let plain = json!({"tool": "execute_code", "arguments": {"code": "1"}}).to_string();
    let path = "POST /api/v1/tools/execute";
    let refused = server.request(path, &within("assistant"), &plain);
    assert_eq!((refused.status, has_hint(&refused)), (503, true));
    assert_eq!(refused.json()["error"]["code"], -32005);

    let call = json!({"name": "execute_code", "arguments": {"code": "1"}});
    let body = asked("tools/call", modern(call)).to_string();
    let refused = server.request("POST /mcp", &modern_call("assistant"), &body);
    let result = refused.event()["result"].clone();
    assert_eq!(result["isError"], true, "{result}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(
        text.starts_with(
            "there is no room for another run now, and nothing was done; try again in "
        )
    );

    let refusals = format!(
        "{}{{context=\"assistant\",what=\"run\"}}",
        "sandgate_refused_total"
    );
    assert_eq!(number(&refusals), Some(3));
    // What runs nothing is answered, and so is another context.
    let list = asked("list_services", json!({})).to_string();
    assert_eq!(
        server
            .request("POST /rpc", &within("assistant"), &list)
            .status,
        200
    );
    for body in [execute("6 * 7"), execute("6 * 7")] {
        let answered = server.request("POST /rpc", &within("read_only"), &body);
        assert_eq!(answered.json()["result"]["value"], json!({"json": 42}));
    }
    // Whoever leaves the queue makes room in it, and whoever leaves a run makes room for the next.
    drop(waiting);
    wait_for(&server, &bearer, &of("sandgate_runs_waiting"), None);
    drop(running);
    let answered = server.request("POST /rpc", &within("assistant"), &one);
    assert_eq!(answered.json()["result"]["value"], json!({"json": 1}));
    wait_for(&server, &bearer, &of("sandgate_runs_running"), None);
    server.end_quietly();
}

/// What is answered once there is room, which is made soon or never. Whoever makes it may take longer than one waits for it.
fn answered(server: &Server, headers: &[(&str, &str)], body: &str) -> Answered {
    let ask = || server.request("POST /rpc", headers, body);
    let room = (0..100)
        .map(|_| ask())
        .find(|answered| answered.status != 503);
    room.unwrap_or_else(ask)
}

#[test]
fn web_03_connections_and_requests_are_bounded_and_whoever_asks_for_nothing_makes_room() {
    let desk = Desk::open();
    let (server, bearer) = open(&desk, &["--connections", "4"]);
    let mut idle: Vec<UnixStream> = (0..4)
        .map(|_| UnixStream::connect(&server.socket).unwrap())
        .collect();
    // The one that has asked for nothing for longest is closed.
    let one = answered(&server, &within("assistant"), &execute("1"));
    assert_eq!(one.status, 200);
    assert_eq!(idle.remove(0).read(&mut [0]).unwrap(), 0);
    drop(idle);

    // Of the four requests at a time one context has two, and others have the rest.
    let open = |context: &str, expected: u64| {
        let name = format!("sandgate_requests_open{{context=\"{context}\"}}");
        loop {
            let mut stream = server.send("POST /rpc", &within(context), &execute(FOREVER));
            stream.set_nonblocking(true).unwrap();
            while stream.read(&mut [0]).is_err() {
                if number(&server, &bearer, &name) == Some(expected) {
                    return stream;
                }
            }
        }
    };
    let mut all = vec![open("assistant", 1), open("assistant", 2)];
    let list = asked("list_services", json!({})).to_string();
    let refused = server.request("POST /rpc", &within("assistant"), &list);
    let error = &refused.json()["error"];
    assert_eq!(
        (refused.status, &error["code"], has_hint(&refused)),
        (503, &json!(-32005), true)
    );
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("there is no room for another request now")
    );
    let listed = answered(&server, &within("read_only"), &list);
    assert_eq!(listed.status, 200);

    // Where every connection asks for something, whoever comes is told that there is none.
    for context in ["read_only", "nothing"] {
        all.push(open(context, 1));
    }
    let refused = server.request("GET /health", &[], "");
    let error = &refused.json()["error"];
    assert_eq!((refused.status, has_hint(&refused)), (503, true));
    assert_eq!(
        error["message"],
        "there is no room for another connection now, and nothing was done; try again in 1 s"
    );
    drop(all.pop());
    while server.request("GET /health", &[], "").status == 503 {}
    drop(all);
    server.end_quietly();
}

#[test]
fn a_client_that_leaves_ends_its_run_at_every_door() {
    let desk = Desk::open();
    let (server, bearer) = open(&desk, &["--instances", "4"]);
    let running = "sandgate_runs_running{context=\"assistant\"}";
    let cancelled = "sandgate_run_seconds_count{context=\"assistant\",status=\"cancelled\"}";
    let call = json!({"name": "execute_code", "arguments": {"code": FOREVER}});
    let plain = json!({"tool": "execute_code", "arguments": {"code": FOREVER}}).to_string();
    let doors = [
        ("/rpc", within("assistant").to_vec(), execute(FOREVER)),
        ("/api/v1/tools/execute", within("assistant").to_vec(), plain),
        (
            "/mcp",
            modern_call("assistant"),
            asked("tools/call", modern(call.clone())).to_string(),
        ),
    ];
    let mut ended = 0;
    for (path, headers, body) in doors {
        let stream = server.send(&format!("POST {path}"), &headers, &body);
        wait_for(&server, &bearer, running, Some(1));
        drop(stream);
        ended += 1;
        wait_for(&server, &bearer, cancelled, Some(ended));
        wait_for(&server, &bearer, running, None);
    }

    // Before 2026 a stream may break and the call goes on; the client says that it does not want it any more.
    let begin = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}});
    let begin = asked("initialize", begin).to_string();
    let begun = server.request("POST /mcp", &within("assistant"), &begin);
    let name = begun.headers["mcp-session-id"].clone();
    let mut headers = within("assistant").to_vec();
    headers.extend([
        ("MCP-Protocol-Version", "2025-11-25"),
        ("Mcp-Session-Id", name.as_str()),
    ]);
    let tell = |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string();
        assert_eq!(server.request("POST /mcp", &headers, &body).status, 202);
    };
    tell("notifications/initialized", json!({}));
    let body = asked("tools/call", call).to_string();
    let stream = server.send("POST /mcp", &headers, &body);
    wait_for(&server, &bearer, running, Some(1));
    drop(stream);
    tell("notifications/cancelled", json!({"requestId": 1}));
    wait_for(&server, &bearer, cancelled, Some(ended + 1));
    wait_for(&server, &bearer, running, None);
    // Or ends the conversation.
    let stream = server.send("POST /mcp", &headers, &body);
    wait_for(&server, &bearer, running, Some(1));
    let ending = server.request("DELETE /mcp", &headers, "");
    assert!(ending.status < 300, "{}", ending.status);
    wait_for(&server, &bearer, cancelled, Some(ended + 2));
    drop(stream);
    server.end_quietly();
}
