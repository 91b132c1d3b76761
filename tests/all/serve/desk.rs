//! The desk of `sandgate serve`: people see there what waits, whole, and answer it; agents have no way in, and nobody sees another
//! context.

use super::{Answered, Server, token_of};
use crate::support::{desk::Desk, result_or_error};
use serde_json::{Value, json};

const ADD: &str = "from services import crm\nprint(crm.contact_add(name='Ada \\u202e', email='ada@example.org')['id'])";

/// A server with a desk.
fn open(desk: &Desk, more: &[&str]) -> Server {
    let arguments = [&["--desk", "127.0.0.1:0"], more].concat();
    Server::start(desk, &desk.policies(), &arguments)
}

/// What a person of this context shows there.
pub(crate) fn person(desk: &Desk, name: &str, context: &str) -> String {
    let arguments = ["--desk", "--user", name, "--context", context];
    token_of(desk, &desk.policies(), &arguments)
}

fn request(server: &Server, token: &str, method: &str, params: Value) -> Answered {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", bearer.as_str()),
    ];
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    server.at_desk("POST /rpc", &headers, &body.to_string())
}

pub(crate) fn ask(server: &Server, token: &str, method: &str, params: Value) -> Value {
    let answered = request(server, token, method, params);
    assert_eq!(answered.status, 200, "{}", answered.body);
    result_or_error(answered.json())
}

/// What a run came to, once it is over.
fn came_to(server: &Server, run: &Value) -> Value {
    server.ask("get_run", json!({"run": run, "wait_seconds": 20}))
}

#[test]
fn apr_04_a_person_answers_at_the_desk_and_the_run_goes_on() {
    let desk = Desk::open();
    let server = open(&desk, &[]);
    let ada = person(&desk, "ada", "gated");
    assert_eq!(
        ask(&server, &ada, "desk.approvals", json!({})),
        json!({"person": "ada", "approvals": []})
    );
    let parked = server.execute(ADD);
    let run = &parked["run"];
    let mut waits = ask(&server, &ada, "desk.approvals", json!({}));
    let asked = &mut waits["approvals"][0];
    assert!(asked["expires"].take().is_u64(), "{asked}");
    let approval = parked["approvals"][0].clone();
    // THREAT[APR-03]: everything of it is visible.
    assert_eq!(
        *asked,
        json!({
            "approval": approval, "run": run, "call": 2, "context": "gated", "actor": "script", "user": null,
            "script": "script.py", "service": "crm", "method": "contact.add", "effect": "write",
            "params": "{\"email\":\"ada@example.org\",\"name\":\"Ada \\u202e\"}", "because": ["A person looks first."],
            "before": [], "agreed": [], "needed": 1, "expires": null
        })
    );
    let answer = |method: &str, id: &Value| {
        ask(
            &server,
            &ada,
            method,
            json!({"approvals": [id], "because": "not now"}),
        )
    };
    assert_eq!(
        answer("desk.approve", &approval),
        json!({"answers": [{"approval": approval, "answer": "approved"}]})
    );
    let result = came_to(&server, run);
    assert_eq!(
        (&result["status"], &result["stdout"]),
        (&json!("ok"), &json!("8\n"))
    );
    // Once.
    assert_eq!(
        answer("desk.approve", &approval),
        json!({"answers": [{"approval": approval, "error": "the question is spent already"}]})
    );
    let parked = server.execute(ADD);
    let approval = &parked["approvals"][0];
    assert_eq!(
        answer("desk.reject", approval),
        json!({"answers": [{"approval": approval, "answer": "rejected"}]})
    );
    let result = came_to(&server, &parked["run"]);
    let message = result["exception"]["traceback"].as_str().unwrap();
    assert!(message.contains("not now"), "{message}");
    assert_eq!(desk.contacts(), 8);
    let shown = ask(&server, &ada, "desk.run", json!({"run": run}));
    assert_eq!(shown["calls"][0]["result"], "made", "{shown}");
    let runs = ask(&server, &ada, "desk.runs", json!({}));
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
    server.end_quietly();
}

#[test]
fn apr_04_no_agent_comes_to_the_desk_and_nobody_from_there_is_an_agent() {
    let desk = Desk::open();
    let server = open(&desk, &["--listen", "127.0.0.1:0"]);
    let ada = person(&desk, "ada", "gated");
    let agent = token_of(
        &desk,
        &desk.policies(),
        &["--actor", "bot", "--context", "gated"],
    );
    let refused = json!({"error": {"message": "show a token for a desk; `sandgate token create --desk` makes one"}});
    for token in [agent.as_str(), "sandgate_0", ""] {
        let answered = request(&server, token, "desk.approvals", json!({}));
        assert_eq!((answered.status, answered.json()), (401, refused.clone()));
    }
    assert_eq!(server.at_desk("GET /metrics", &[], "").status, 401);
    let bearer = format!("Bearer {ada}");
    let headers = [super::HEADERS[0], ("Authorization", bearer.as_str())];
    let body = super::asked("execute_code", json!({"code": "1"})).to_string();
    let answered = server.by_port("POST /rpc", &headers, &body);
    assert_eq!(
        (answered.status, answered.json()),
        (
            401,
            json!({"error": {"message": "this token is worth nothing"}})
        )
    );
    // There is no method of an agent at a desk, and none of a desk at an agent's door.
    assert_eq!(
        ask(&server, &ada, "execute_code", json!({"code": "1"}))["code"],
        -32601
    );
    assert_eq!(server.ask("desk.approvals", json!({}))["code"], -32601);
    server.end_quietly();
}

#[test]
fn sec_05_a_desk_shows_the_contexts_of_its_token_and_no_other() {
    let desk = Desk::open();
    let policies = desk.policies();
    std::fs::create_dir(policies.join("other")).unwrap();
    std::fs::write(policies.join("other/policy.cedar"), "").unwrap();
    std::fs::write(policies.join("other/limits.toml"), "hero_context = 2\n").unwrap();
    let server = open(&desk, &["--context", "gated"]);
    let other = person(&desk, "eve", "other");
    let parked = server.execute(ADD);
    let approval = &parked["approvals"][0];
    let asked = |method: &str, params: Value| ask(&server, &other, method, params);
    assert_eq!(asked("desk.approvals", json!({}))["approvals"], json!([]));
    assert_eq!(asked("desk.runs", json!({}))["runs"], json!([]));
    assert_eq!(
        asked("desk.run", json!({"run": parked["run"]})),
        json!({"code": -32004, "message": "there is no such run"})
    );
    assert_eq!(
        asked("desk.approve", json!({"approvals": [approval]})),
        json!({"answers": [{"approval": approval, "error": "there is no such question"}]})
    );
    assert_eq!(
        asked("desk.services", json!({})),
        json!({"contexts": [{"context": "other", "services": []}]})
    );
    assert_eq!(desk.contacts(), 7);
    server.end_quietly();
}

#[test]
fn web_01_the_page_of_the_desk_asks_and_no_other_page_does() {
    let desk = Desk::open();
    let server = open(&desk, &[]);
    let page = server.at_desk("GET /", &[], "");
    assert_eq!(
        (page.status, page.headers["content-type"].as_str()),
        (200, "text/html; charset=utf-8")
    );
    assert_eq!(
        page.headers["content-security-policy"],
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    let place = server.desk.clone().unwrap();
    let own = format!("http://{place}");
    for (host, origin, status) in [
        (place.as_str(), own.as_str(), 401),
        (place.as_str(), "http://evil.example", 403),
        (place.as_str(), "null", 403),
        ("evil.example", "http://evil.example", 403),
    ] {
        let headers = [
            ("Host", host),
            ("Origin", origin),
            ("Content-Type", "application/json"),
        ];
        assert_eq!(
            server.at_desk("POST /rpc", &headers, "{}").status,
            status,
            "{host} {origin}"
        );
    }
    server.end_quietly();
}

#[test]
fn a_desk_has_numbers_of_runs_and_calls_and_no_text_of_them() {
    let desk = Desk::open();
    let server = open(&desk, &[]);
    let ada = person(&desk, "ada", "gated");
    server.execute("print('secret words')");
    server.execute("from services import crm\ncrm.secret_method()");
    server.execute(ADD);
    let bearer = format!("Bearer {ada}");
    let metrics = server.at_desk("GET /metrics", &[("Authorization", &bearer)], "");
    let counts: Vec<&str> = metrics
        .body
        .lines()
        .filter(|line| line.contains("_count"))
        .collect();
    assert_eq!(
        counts,
        [
            "sandgate_run_seconds_count{context=\"gated\",status=\"awaiting_approval\"} 1",
            "sandgate_run_seconds_count{context=\"gated\",status=\"ok\"} 1",
            "sandgate_run_seconds_count{context=\"gated\",status=\"raised\"} 1",
            "sandgate_call_seconds_count{context=\"gated\",service=\"crm\",method=\"contact.add\",verdict=\"gate\",result=\"awaiting\"} 1",
        ]
    );
    assert!(!metrics.body.contains("secret"), "{}", metrics.body);
    server.end_quietly();
}
