//! Requests that come again: a client whose stream broke is answered with the run that it started, and what a script changes is changed
//! once.

use super::{HEADERS, Server, asked, token_of};
use crate::support::{desk::Desk, finished};
use serde_json::{Value, json};
use std::fs;

/// A server of a context that asks nobody.
fn free(desk: &Desk, doors: &[&str]) -> Server {
    let policies = desk.policies();
    let permit = "@because(\"Nobody is asked.\")\npermit (principal in Context::\"gated\", action, resource == Service::\"crm\");\n";
    fs::write(policies.join("gated/policy.cedar"), permit).unwrap();
    Server::start(desk, &policies, doors)
}

fn contacts(server: &Server) -> u64 {
    let counted = server.ask("call", json!({"service": "crm", "method": "stats.count"}));
    counted["value"]["json"]["contacts"].as_u64().unwrap()
}

const ADD: &str = "from services import crm\nprint(crm.contact_add(name='Ada')['name'])";

#[test]
fn a_request_with_a_key_is_made_once() {
    let desk = Desk::open();
    let server = free(&desk, &[]);
    let before = contacts(&server);
    let with = |arguments: Value| server.ask("execute_code", arguments);
    let first = with(json!({"code": ADD, "key": "a-1"}));
    assert_eq!(
        (&first["status"], &first["stdout"]),
        (&json!("ok"), &json!("Ada\n"))
    );
    let again = with(json!({"code": ADD, "key": "a-1"}));
    assert_eq!(
        (&again["run"], &again["status"], &again["stdout"]),
        (&first["run"], &json!("ok"), &json!("Ada\n"))
    );
    assert_eq!(contacts(&server), before + 1);
    let other = format!("{ADD}\nprint(1)");
    assert_eq!(
        with(json!({"code": other, "key": "a-1"})),
        json!({"code": -32000, "message": "the key `a-1` stands for another script; give each its own"})
    );
    // Another key, and whoever says so, run it anew.
    assert_ne!(
        with(json!({"code": ADD, "key": "a-2"}))["run"],
        first["run"]
    );
    assert_ne!(
        with(json!({"code": ADD, "key": "a-1", "again": true}))["run"],
        first["run"]
    );
    assert_eq!(contacts(&server), before + 3);
    // Without a key, what came to its end and was heard of is over.
    for _ in 0..2 {
        assert_eq!(with(json!({"code": ADD}))["status"], "ok");
    }
    assert_eq!(contacts(&server), before + 5);
    assert_eq!(
        with(json!({"code": "1", "key": "a-3", "session": "s"})),
        json!({"code": -32000, "message": "`key` is for a script that runs by itself; leave it or `session`, `plan` and `check` out"})
    );
    server.end_quietly();
}

#[test]
fn a_key_is_known_after_a_restart_and_nothing_is_done_twice() {
    let desk = Desk::open();
    let ask = |server: &Server, arguments: Value| server.ask("execute_code", arguments);
    let server = free(&desk, &[]);
    let before = contacts(&server);
    let first = ask(&server, json!({"code": ADD, "key": "a-1"}));
    let read = json!({"code": "print(input())", "stdin": "x", "key": "a-2"});
    let reading = ask(&server, read.clone());
    server.end_quietly();
    let server = free(&desk, &[]);
    let again = ask(&server, json!({"code": ADD, "key": "a-1"}));
    assert_eq!(
        (&again["run"], &again["status"], &again["stdout"]),
        (&first["run"], &json!("ok"), &json!("Ada\n"))
    );
    assert_eq!(ask(&server, read)["run"], reading["run"]);
    for other in [
        json!({"code": "1", "key": "a-1"}),
        json!({"code": ADD, "stdin": "x", "key": "a-1"}),
    ] {
        assert_eq!(
            ask(&server, other),
            json!({"code": -32000, "message": "the key `a-1` stands for another script; give each its own"})
        );
    }
    assert_eq!(contacts(&server), before + 1);
    // The run that was made last is what a key stands for.
    let anew = ask(&server, json!({"code": ADD, "key": "a-1", "again": true}));
    assert_ne!(anew["run"], first["run"]);
    server.end_quietly();
    let server = free(&desk, &[]);
    let last = ask(&server, json!({"code": ADD, "key": "a-1"}));
    assert_eq!(last["run"], anew["run"]);
    assert_eq!(contacts(&server), before + 2);
    server.end_quietly();
}

#[test]
fn a_script_whose_client_left_after_it_had_changed_something_is_not_run_again_unasked() {
    let desk = Desk::open();
    let server = free(&desk, &[]);
    let before = contacts(&server);
    // Once there is a second one, the script was told of the first.
    let code = format!("{ADD}\ncrm.contact_add(name='Bob')\nwhile True: pass");
    let body = asked("execute_code", json!({"code": code})).to_string();
    let send = || server.send("POST /rpc", &HEADERS[..1], &body);
    let first = send();
    while contacts(&server) < before + 2 {}
    // Two that wait for one run: the one that is left keeps it, and nothing is done twice.
    let second = send();
    drop(first);
    drop(second);
    let ended = || {
        let listed = desk.operator(&["journal", "list", "--json", "--status", "cancelled"]);
        let (_, listed, _) = finished({ listed }.output().unwrap());
        !listed.is_empty()
    };
    while !ended() {}
    let again = server.ask("execute_code", json!({"code": code}));
    assert_eq!(
        (
            &again["status"],
            &again["calls"][0]["method"],
            &again["calls"][0]["result"]
        ),
        (&json!("cancelled"), &json!("contact.add"), &json!("made")),
        "{again}"
    );
    assert_eq!(contacts(&server), before + 2);
    let anew = server.ask(
        "execute_code",
        json!({"code": code, "again": true, "timeout_seconds": 10}),
    );
    assert_eq!(anew["status"], "timeout", "{anew}");
    assert_eq!(contacts(&server), before + 4);
    server.end_quietly();
}

#[test]
fn web_04_a_key_is_known_to_its_agent_alone() {
    let desk = Desk::open();
    let server = free(&desk, &["--listen", "127.0.0.1:0"]);
    let policies = desk.policies();
    let run = |actor: &str| {
        let token = token_of(&desk, &policies, &["--actor", actor, "--context", "gated"]);
        let bearer = format!("Bearer {token}");
        let headers = [HEADERS[0], ("Authorization", bearer.as_str())];
        let body = asked("execute_code", json!({"code": ADD, "key": "a"})).to_string();
        server.by_port("POST /rpc", &headers, &body).json()["result"]["run"].take()
    };
    let one = run("bot");
    assert!(one.is_string());
    assert_ne!(run("other"), one);
    assert_eq!(run("bot"), one);
    server.end_quietly();
}
