//! Clients of MCP and frameworks of agents that others wrote, with a model that was written down: each lists contacts, adds one that a
//! person approves, and recovers from a refusal. What the model was shown is compared whole.

use super::{node, python};
use crate::{
    serve::{Server, token_of},
    support::{cache_dir, desk::Desk, repository, without_names},
};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// Clients and frameworks, and the client of MCP that they all build on.
const PACKAGES: [&str; 4] = [
    "fastmcp==4.2.3",
    "mcp==2.3.0",
    "openai-agents==0.24.0",
    "pydantic-ai-slim[mcp]==2.68.0",
];

const LIST: &str = "from services import crm\nfor contact in crm.contact_list(limit=3):\n    print(contact['id'], contact['name'])";
const ADD: &str = "from services import crm\nprint('id', crm.contact_add(name='Ada Lovelace', email='ada@example.org')['id'])";
const ADD_EVE: &str =
    "from services import crm\ncrm.contact_add(name='Eve', email='eve@example.org')";
const TOO_MANY: &str = "from services import crm\nprint(len(crm.contact_list(limit=80)))";
/// What the refusal says would work.
const PAGES: &str = "from services import crm\nnames, page = [], None\nwhile page != []:\n    page = crm.contact_list(limit=50, offset=len(names))\n    names += [contact['name'] for contact in page]\nprint(len(names), names[-1])";

fn execute(code: &str) -> Value {
    json!({"tool": "execute_code", "arguments": {"code": code}})
}

fn policies() -> PathBuf {
    std::path::absolute(repository("policies")).unwrap()
}

/// The program that a client starts, or a person: the command of these tests, as this desk has it.
fn words(command: &Command) -> Vec<String> {
    let word = |word: &std::ffi::OsStr| word.to_str().unwrap().to_owned();
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(word)
        .collect()
}

/// An MCP server for a client that starts it with an environment of its own choice.
fn stdio(desk: &Desk, context: &str) -> Vec<String> {
    words(
        desk.mcp(&policies(), context)
            .arg("--cache-dir")
            .arg(cache_dir()),
    )
}

/// What one of the scripts of `support/agents` has seen.
fn seen(script: &str, wanted: &Value) -> Value {
    let output = Command::new(python("third-party-agents-1", &PACKAGES))
        .arg(repository("tests/all/support/agents").join(script))
        .arg(wanted.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("FASTMCP_CHECK_FOR_UPDATES", "off")
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    as_always(&output.stdout)
}

/// What was printed, without what is new every time.
fn as_always(printed: &[u8]) -> Value {
    let mut seen =
        serde_json::from_str(&without_names(std::str::from_utf8(printed).unwrap())).unwrap();
    forget(&mut seen);
    seen
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "usage" | "took_us" | "began" => *field = Value::Null,
                    _ => forget(field),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(forget),
        _ => {}
    }
}

/// What the person at a client answers, in this order: yes and no.
fn answers() -> Value {
    json!([
        {"action": "accept", "content": {"call_2": "approve"}},
        {"action": "accept", "content": {"call_2": "reject"}}
    ])
}

/// What a model does that lists contacts, adds one, is refused another by the person at the client, asks for too many at once, and
/// reads on what would work.
fn steps() -> Value {
    json!([
        {"tool": "list_services", "arguments": {}}, execute(LIST), execute(ADD), execute(ADD_EVE), execute(TOO_MANY),
        execute(PAGES), {"say": "Ada Lovelace was added. Eve was not: you said no."}
    ])
}

const PROMPT: &str = "Who is in the CRM? Add Ada Lovelace and Eve. How many are there then?";

/// Asked by a request of the server, as before 2026.
#[test]
fn an_agent_of_pydantic_ai_lists_adds_and_recovers_from_a_refusal() {
    let desk = Desk::open();
    insta::assert_json_snapshot!(seen(
        "pydantic_ai_agent.py",
        &json!({
            "command": stdio(&desk, "assistant"), "era": "legacy", "prompt": PROMPT, "steps": steps(), "answers": answers()
        })
    ));
}

/// It cannot be asked, so the model is told to wait, and a person approves by the command.
#[test]
fn an_agent_of_openai_agents_lists_adds_and_recovers_from_a_refusal() {
    let desk = Desk::open();
    let server = Server::start(&desk, &policies(), &["--listen", "127.0.0.1:0"]);
    let token = token_of(
        &desk,
        &policies(),
        &["--actor", "clerk", "--context", "assistant"],
    );
    let person = |answer: &[&str], comes_to: i32| {
        let mut command = desk.operator(answer);
        command
            .args(["--all", "--run", "RUN", "--as", "ada", "--cache-dir"])
            .arg(cache_dir())
            .arg("--policies")
            .arg(policies());
        json!({"person": words(&command), "comes_to": comes_to})
    };
    let get_run = || json!({"tool": "get_run", "arguments": {"run": "RUN", "wait_seconds": 20}});
    insta::assert_json_snapshot!(seen(
        "openai_agents_agent.py",
        &json!({
            "url": format!("http://{}/mcp", server.port.as_ref().unwrap()), "token": token, "prompt": PROMPT,
            "instructions": "You keep the contacts of a company.",
            "steps": [
                execute(LIST), execute(ADD), person(&["approve"], 0), get_run(), execute(ADD_EVE),
                person(&["reject", "--because", "We do not know her."], 1), get_run(), execute(TOO_MANY), execute(PAGES),
                {"say": "Ada Lovelace was added. Eve was not: nobody knows her."}
            ]
        })
    ));
    server.end_quietly();
}

/// Asked by the answers of the server, as since 2026, and as before.
#[test]
fn a_client_of_fastmcp_is_asked_in_both_eras() {
    for era in ["auto", "legacy"] {
        let desk = Desk::open();
        let wanted = json!({
            "command": stdio(&desk, "assistant"), "era": era, "answers": answers(),
            "steps": [execute(LIST), execute(ADD), execute(ADD_EVE), execute(TOO_MANY), execute(PAGES)]
        });
        let seen = seen("fastmcp_client.py", &wanted);
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(seen);
        }
    }
}

/// What the command line of the Inspector comes to: its exit code, and what it printed.
fn inspected(server: &[&str], arguments: &[&str]) -> (i32, Value) {
    let (node, inspector) = node("@modelcontextprotocol/inspector", "2.12.0");
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(node)
        .arg(inspector.join("clients/launcher/build/index.js"))
        .args(["--cli", "--format", "json", "--quiet"])
        .args(server)
        .args(arguments)
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(!output.stdout.is_empty(), "{arguments:?}: {complaints}");
    (output.status.code().unwrap(), as_always(&output.stdout))
}

#[test]
fn the_inspector_lists_the_tools_and_calls_them() {
    let desk = Desk::open();
    let server = Server::start(&desk, &policies(), &["--listen", "127.0.0.1:0"]);
    let token = token_of(
        &desk,
        &policies(),
        &["--actor", "clerk", "--context", "assistant"],
    );
    let url = format!("http://{}/mcp", server.port.as_ref().unwrap());
    let bearer = format!("Authorization: Bearer {token}");
    let own = stdio(&desk, "assistant");
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let call = |code: &str| json!({"code": code}).to_string();
    for server in [
        [&["--protocol-era", "legacy"], &*own].concat(),
        [&["--protocol-era", "modern"], &*own].concat(),
        vec![
            "--protocol-era",
            "legacy",
            "--server-url",
            &url,
            "--transport",
            "http",
            "--header",
            &bearer,
        ],
        vec![
            "--protocol-era",
            "modern",
            "--server-url",
            &url,
            "--transport",
            "http",
            "--header",
            &bearer,
        ],
    ] {
        // Whether any client could not use their schemas, it checks as well.
        let (code, listed) = inspected(&server, &["--method", "tools/list", "--strict"]);
        assert_eq!(code, 0, "{listed}");
        let tools = listed["result"]["tools"]
            .as_array()
            .unwrap_or_else(|| panic!("{listed}"));
        let names: Vec<&str> = tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "execute_code",
                "list_services",
                "search",
                "get_interface",
                "call",
                "get_run",
                "resume"
            ]
        );
        let seen: Vec<(i32, Value)> = [LIST, ADD, TOO_MANY, PAGES]
            .map(|code| {
                let arguments = call(code);
                let (code, mut said) = inspected(
                    &server,
                    &[
                        "--method",
                        "tools/call",
                        "--tool-name",
                        "execute_code",
                        "--tool-args-json",
                        &arguments,
                    ],
                );
                // Results of some revisions of MCP say of what kind they are.
                if let Some(result) = said["result"].as_object_mut() {
                    result.remove("resultType");
                }
                (code, said)
            })
            .to_vec();
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(seen);
        }
    }
    server.end_quietly();
}
