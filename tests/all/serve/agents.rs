//! What an agent finds behind the doors of `sandgate serve`, in both protocols: its sessions, its runs, its conversations, which to
//! any other agent do not exist.

use super::{HEADERS, Server, asked, token};
use crate::support::{desk::Desk, finished, modern, repository, result_or_error};
use serde_json::{Value, json};
use std::{io::Write, os::unix::net::UnixStream};

#[test]
fn a_session_keeps_what_a_script_leaves_and_is_nobody_elses() {
    let desk = Desk::open();
    let server = Server::start(&desk, &repository("policies"), &["--listen", "127.0.0.1:0"]);
    let (one, two) = (
        token(&desk, &["--actor", "bot", "--context", "assistant"]),
        token(&desk, &["--actor", "other", "--context", "assistant"]),
    );
    let run = |token: &str, params: Value| {
        let bearer = format!("Bearer {token}");
        let headers = [HEADERS[0], ("Authorization", bearer.as_str())];
        let body = asked("execute_code", params).to_string();
        server.by_port("POST /rpc", &headers, &body).json()["result"].take()
    };
    let state =
        |is_new: bool, is_over: bool| json!({"name": "a", "is_new": is_new, "is_over": is_over});
    let first = run(
        &one,
        json!({"code": "x = 41\nprint('begun')", "session": "a"}),
    );
    assert_eq!(
        (&first["stdout"], &first["session"]),
        (&json!("begun\n"), &state(true, false))
    );
    let next = run(&one, json!({"code": "x += 1\nx", "session": "a"}));
    assert_eq!(
        (&next["value"], &next["session"]),
        (&json!({"json": 42}), &state(false, false))
    );
    // THREAT[ISO-05]: a name is no key.
    let others = run(&two, json!({"code": "x", "session": "a"}));
    assert_eq!(
        (&others["status"], &others["session"]),
        (&json!("raised"), &state(true, false))
    );
    // What is raised ends the script, and what takes too long is interrupted; the session goes on.
    let raised = run(&one, json!({"code": "1 / 0", "session": "a"}));
    assert_eq!(
        (&raised["status"], &raised["session"]),
        (&json!("raised"), &state(false, false))
    );
    let slow = run(
        &one,
        json!({"code": "while True: pass", "session": "a", "timeout_seconds": 0.2}),
    );
    assert_eq!(
        (&slow["exception"]["type"], &slow["session"]),
        (&json!("KeyboardInterrupt"), &state(false, false))
    );
    let exited = run(
        &one,
        json!({"code": "import sys\nsys.exit(3)", "session": "a"}),
    );
    assert_eq!(
        (&exited["status"], &exited["exit_code"]),
        (&json!("exited"), &json!(3))
    );
    let still = run(&one, json!({"code": "x", "session": "a"}));
    assert_eq!(
        (&still["value"], &still["session"]),
        (&json!({"json": 42}), &state(false, false))
    );
    // THREAT[DOS-06]: of what it prints so much is kept as of any run.
    let long = run(
        &one,
        json!({"code": "print('x' * 3_000_000)", "session": "a"}),
    );
    let cut = "x\n[output cut: 1951425 bytes dropped, the limit is 1.0 MiB]\n";
    assert_eq!(long["stdout_dropped"], 1_951_425);
    assert!(long["stdout"].as_str().unwrap().ends_with(cut));
    // A limit ends it, and whoever comes back is told that nothing is left.
    let full = run(
        &one,
        json!({"code": "b = 'x'\nwhile True: b += b", "session": "a"}),
    );
    assert_eq!(
        (&full["status"], &full["session"]),
        (&json!("memory"), &state(false, true))
    );
    let anew = run(&one, json!({"code": "x", "session": "a"}));
    assert_eq!(
        (&anew["status"], &anew["session"]),
        (&json!("raised"), &state(true, false))
    );
    // Each holds an interpreter, so they are few.
    for name in ["b", "c", "d"] {
        assert_eq!(
            run(&one, json!({"code": "1", "session": name}))["status"],
            "ok"
        );
    }
    let body = asked("execute_code", json!({"code": "1", "session": "e"})).to_string();
    let bearer = format!("Bearer {one}");
    let headers = [HEADERS[0], ("Authorization", bearer.as_str())];
    assert_eq!(
        server.by_port("POST /rpc", &headers, &body).json()["error"],
        json!({"code": -32000, "message": "there is no room for another session; go on in one of yours, or leave `session` out"})
    );
    server.end_quietly();
}

#[test]
fn a_call_that_waits_for_a_person_goes_on_for_its_agent_alone() {
    let desk = Desk::open();
    let server = Server::start(&desk, &repository("policies"), &["--listen", "127.0.0.1:0"]);
    let (one, two) = (
        token(&desk, &["--actor", "bot", "--context", "assistant"]),
        token(&desk, &["--actor", "other", "--context", "assistant"]),
    );
    let ask = |token: &str, method: &str, params: Value| {
        let bearer = format!("Bearer {token}");
        let headers = [HEADERS[0], ("Authorization", bearer.as_str())];
        result_or_error(
            server
                .by_port("POST /rpc", &headers, &asked(method, params).to_string())
                .json(),
        )
    };
    let contacts = || {
        let counted = ask(
            &one,
            "call",
            json!({"service": "crm", "method": "stats.count"}),
        );
        counted["value"]["json"]["contacts"].as_u64().unwrap()
    };
    let before = contacts();
    let code = "from services import crm\ncrm.contact_add(name='Ada')['name']";
    let parked = ask(&one, "execute_code", json!({"code": code}));
    assert_eq!(parked["status"], "awaiting_approval", "{parked}");
    let run = parked["run"].as_str().unwrap();
    assert_eq!(
        ask(&one, "get_run", json!({"run": run}))["status"],
        "awaiting_approval"
    );
    let missing =
        json!({"code": -32004, "message": format!("no run in the journal begins with `{run}`")});
    for method in ["get_run", "resume"] {
        assert_eq!(ask(&two, method, json!({"run": run})), missing);
    }
    // Whoever goes on before a person has agreed waits as before.
    assert_eq!(
        ask(&one, "resume", json!({"run": run}))["status"],
        "awaiting_approval"
    );
    assert_eq!(contacts(), before);
    let mut approve = desk.operator(&["approve", "--all", "--run", run, "--as", "eve"]);
    approve.arg("--policies").arg(repository("policies"));
    let (code, said, complaints) = finished(approve.output().unwrap());
    assert_eq!(code, 0, "{said}{complaints}");
    let result = ask(&one, "get_run", json!({"run": run, "wait_seconds": 20}));
    assert_eq!(
        (&result["status"], &result["value"]),
        (&json!("ok"), &json!({"json": "Ada"}))
    );
    assert_eq!(contacts(), before + 1);
    let over = ask(&one, "resume", json!({"run": run}));
    assert_eq!(
        over,
        json!({"code": -32000, "message": format!("the run {run} is `ok`, and only one that waits or was interrupted can go on")})
    );
    server.end_quietly();
}

#[test]
fn a_plan_says_what_a_script_would_change_and_changes_nothing() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let contacts = || {
        let counted = server.ask("call", json!({"service": "crm", "method": "stats.count"}));
        counted["value"]["json"]["contacts"].as_u64().unwrap()
    };
    let before = contacts();
    let code = "from services import crm\ncrm.contact_add(name='Ada')";
    let planned = server.ask("execute_code", json!({"code": code, "plan": true}));
    let call = &planned["plan"]["calls"][0];
    assert_eq!(
        (
            &call["method"],
            &call["verdict"],
            &planned["outcome"]["status"]
        ),
        (&json!("contact.add"), &json!("gate"), &json!("ok"))
    );
    assert_eq!(contacts(), before);
    server.end_quietly();
}

#[test]
fn mcp_is_spoken_over_http_in_both_eras() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let call = json!({"name": "execute_code", "arguments": {"code": "6 * 7"}});
    let said = |result: &Value| result["content"][0]["text"].clone();
    let mut headers = HEADERS.to_vec();
    headers.extend([
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_code"),
    ]);
    let body = asked("tools/call", modern(call.clone())).to_string();
    let answered = server.request("POST /mcp", &headers, &body);
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert_eq!(said(&answered.event()["result"]), "value: 42\n");
    assert_eq!(answered.headers.get("mcp-session-id"), None);

    let begin = asked(
        "initialize",
        json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "tests", "version": "1"}
        }),
    );
    let begun = server.request("POST /mcp", &HEADERS, &begin.to_string());
    assert_eq!(begun.event()["result"]["protocolVersion"], "2025-11-25");
    let name = begun.headers["mcp-session-id"].clone();
    let mut headers = HEADERS.to_vec();
    headers.extend([
        ("MCP-Protocol-Version", "2025-11-25"),
        ("Mcp-Session-Id", name.as_str()),
    ]);
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    assert_eq!(server.request("POST /mcp", &headers, &ready).status, 202);
    let body = asked("tools/call", call).to_string();
    let answered = server.request("POST /mcp", &headers, &body);
    assert_eq!(
        said(&answered.event()["result"]),
        "value: 42\n",
        "{}",
        answered.body
    );
    server.end_quietly();
}

#[test]
fn web_04_a_conversation_is_its_agents_alone() {
    let desk = Desk::open();
    let server = Server::start(&desk, &repository("policies"), &["--listen", "127.0.0.1:0"]);
    let bearer = |actor: &str, more: &[&str]| {
        let arguments: Vec<&str> = ["--actor", actor].iter().chain(more).copied().collect();
        format!("Bearer {}", token(&desk, &arguments))
    };
    let one = bearer("bot", &["--context", "assistant"]);
    let begin = asked(
        "initialize",
        json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "tests", "version": "1"}
        }),
    );
    let mut headers = HEADERS.to_vec();
    headers.push(("Authorization", &one));
    let begun = server.by_port("POST /mcp", &headers, &begin.to_string());
    let name = begun.headers["mcp-session-id"].clone();
    let list = asked("tools/list", json!({})).to_string();
    let missing = json!({"error": {"message": "there is no such session"}});
    for other in [
        bearer("other", &["--context", "assistant"]),
        bearer("bot", &["--context", "read_only"]),
        bearer("bot", &["--context", "assistant", "--user", "ada"]),
    ] {
        for request in ["POST /mcp", "GET /mcp", "DELETE /mcp"] {
            let mut headers = HEADERS.to_vec();
            headers.extend([
                ("Authorization", other.as_str()),
                ("Mcp-Session-Id", name.as_str()),
                ("MCP-Protocol-Version", "2025-11-25"),
            ]);
            let answered = server.by_port(request, &headers, &list);
            assert_eq!((answered.status, answered.json()), (404, missing.clone()));
        }
    }
    headers.extend([
        ("Mcp-Session-Id", name.as_str()),
        ("MCP-Protocol-Version", "2025-11-25"),
    ]);
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    assert_eq!(server.by_port("POST /mcp", &headers, &ready).status, 202);
    assert_eq!(server.by_port("POST /mcp", &headers, &list).status, 200);
    server.end_quietly();
}

#[test]
fn a_client_that_leaves_ends_its_run() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let code = "print('begun', flush=True)\nwhile True: pass";
    let body = asked("execute_code", json!({"code": code})).to_string();
    let mut stream = UnixStream::connect(&server.socket).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    // It is on its way once the journal says so.
    let status = || {
        let (_, listed, _) = finished(
            desk.operator(&["journal", "list", "--json"])
                .output()
                .unwrap(),
        );
        let listed = listed
            .lines()
            .next()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        listed.map(|run| run["status"].clone())
    };
    while status() != Some(json!("running")) {}
    drop(stream);
    while status() == Some(json!("running")) {}
    assert_eq!(status(), Some(json!("cancelled")));
    server.end_quietly();
}

/// Locks of a file are a process's, and closing the file anywhere in it takes them away. Whoever then leaves the journal takes himself for
/// the last, and removes what is still being written. THREAT[JRN-04]
#[test]
fn jrn_04_a_process_that_leaves_the_journal_takes_nothing_from_one_that_reads_and_writes_it() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let listed = || {
        let mut command = desk.operator(&["journal", "list", "--json"]);
        let (code, listed, said) = finished(command.output().unwrap());
        assert_eq!(code, 0, "{said}");
        listed.lines().count()
    };
    for runs in 1..=3 {
        let run = server.execute("1")["run"].clone();
        assert_eq!(server.ask("get_run", json!({"run": run}))["status"], "ok");
        assert_eq!(listed(), runs);
    }
    server.end_quietly();
    assert_eq!(listed(), 3);
}
