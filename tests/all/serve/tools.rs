//! What an agent finds at a server besides scripts: tools over plain HTTP, the methods of one service as tools, files that a script left,
//! long answers in parts, and forms for the person at its client.

use super::{HEADERS, Server, asked, token_of};
use crate::support::{desk::Desk, modern, repository, result_or_error};
use serde_json::{Value, json};

/// What a method of MCP comes to at this path.
fn mcp(server: &Server, path: &str, method: &str, name: Option<&str>, params: Value) -> Value {
    let mut headers = HEADERS.to_vec();
    headers.extend([
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", method),
    ]);
    headers.extend(name.map(|name| ("Mcp-Name", name)));
    let body = asked(method, modern(params)).to_string();
    let answered = server.request(&format!("POST {path}"), &headers, &body);
    if answered.status == 404 {
        return answered.json();
    }
    result_or_error(answered.event())
}

#[test]
fn tools_are_called_over_plain_http() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let listed = server.request("GET /api/v1/tools/list", &[], "").json();
    let names: Vec<&str> = listed["tools"]
        .as_array()
        .unwrap()
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
    let execute = |body: Value| {
        let answered = server.request("POST /api/v1/tools/execute", &HEADERS, &body.to_string());
        (answered.status, answered.json())
    };
    for (tool, arguments) in [
        ("tool", "arguments"),
        ("name", "args"),
        ("tool_name", "input"),
    ] {
        let (status, answer) = execute(json!({tool: "execute_code", arguments: {"code": "6 * 7"}}));
        assert_eq!(
            (
                status,
                &answer["success"],
                &answer["text"],
                &answer["result"]["value"]
            ),
            (
                200,
                &json!(true),
                &json!("value: 42\n"),
                &json!({"json": 42})
            )
        );
    }
    // What goes wrong in a script is an answer, and what is no request is none.
    let (status, answer) = execute(json!({"tool": "execute_code", "arguments": {"code": "1 / 0"}}));
    assert_eq!(
        (status, &answer["success"], &answer["result"]["status"]),
        (200, &json!(false), &json!("raised"))
    );
    let (status, answer) = execute(json!({"tool": "list_services"}));
    assert_eq!((status, &answer["success"]), (200, &json!(true)));
    let refused = |message: &str| json!({"error": {"message": message}});
    assert_eq!(
        execute(json!({"tool": "execute_cod"})),
        (
            404,
            refused(
                "there is no `execute_cod`; there are: execute_code, list_services, search, get_interface, call, get_run, resume; did you mean `execute_code`?"
            )
        )
    );
    assert_eq!(
        execute(json!({"tool": "execute_code", "arguments": {}})),
        (
            400,
            refused("`execute_code` needs the argument `code`, a text")
        )
    );
    assert_eq!(execute(json!({"arguments": {}})).0, 400);
    server.end_quietly();
}

#[test]
fn the_methods_of_one_service_are_tools_as_far_as_a_context_may_call_them() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let listed = mcp(&server, "/mcp/crm", "tools/list", None, json!({}));
    let tool = |name: &str| {
        let all = listed["tools"].as_array().unwrap();
        all.iter().find(|tool| tool["name"] == name).cloned()
    };
    assert_eq!(
        tool("contact.get"),
        Some(json!({
            "name": "contact.get",
            "description": "Get one contact",
            "inputSchema": {
                "type": "object",
                "properties": {"id": {"type": "integer", "minimum": 1, "title": "Id", "description": "Which contact"}},
                "required": ["id"],
                "additionalProperties": false
            },
            "annotations": {"readOnlyHint": true, "idempotentHint": false, "openWorldHint": true}
        }))
    );
    let add = tool("contact.add").unwrap();
    assert_eq!(add["annotations"]["readOnlyHint"], false);
    assert!(
        add["description"]
            .as_str()
            .unwrap()
            .ends_with("A person is asked before it is done.")
    );
    // What it may never call is not there, and cannot be called.
    assert_eq!(tool("contact.delete"), None);
    let call = |name: &str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        mcp(&server, "/mcp/crm", "tools/call", Some(name), params)
    };
    assert_eq!(
        call("contact.delete", json!({"id": 1})),
        json!({"code": -32602, "message": "there is no such tool"})
    );
    let found = call("contact.get", json!({"id": 1}));
    let text = found["content"][0]["text"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(text).unwrap(),
        found["structuredContent"]
    );
    assert_eq!(found["structuredContent"]["id"], 1);
    let wrong = call("contact.get", json!({"id": "one"}));
    assert_eq!(wrong["isError"], true, "{wrong}");
    let waits = call("contact.add", json!({"name": "Ada"}));
    assert_eq!(
        waits["structuredContent"]["status"], "awaiting_approval",
        "{waits}"
    );
    // THREAT[SEC-05]: one that there is not, and one that is not for this agent, are the same.
    for path in ["/mcp/mail", "/mcp/"] {
        let refused = mcp(&server, path, "tools/list", None, json!({}));
        let message = if path == "/mcp/" {
            "there is nothing here"
        } else {
            "there is no such service"
        };
        assert_eq!(refused, json!({"error": {"message": message}}));
    }
    server.end_quietly();
    let desk = Desk::open();
    let server = Server::start(&desk, &repository("policies"), &["--context", "nothing"]);
    let refused = mcp(&server, "/mcp/crm", "tools/list", None, json!({}));
    assert_eq!(
        refused,
        json!({"error": {"message": "there is no such service"}})
    );
    server.end_quietly();
}

#[test]
fn web_04_files_that_a_script_left_are_read_by_its_agent_alone() {
    let desk = Desk::open();
    let policies = repository("policies");
    let server = Server::start(&desk, &policies, &["--listen", "127.0.0.1:0"]);
    let bearer = |actor: &str| {
        let arguments = ["--actor", actor, "--context", "assistant"];
        format!("Bearer {}", token_of(&desk, &policies, &arguments))
    };
    let (one, two) = (bearer("bot"), bearer("other"));
    let ask = |bearer: &str, method: &str, params: Value| {
        let mut headers = HEADERS.to_vec();
        headers.extend([
            ("Authorization", bearer),
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", method),
        ]);
        let name = params["name"]
            .as_str()
            .or(params["uri"].as_str())
            .map(ToOwned::to_owned);
        headers.extend(name.as_deref().map(|name| ("Mcp-Name", name)));
        let body = asked(method, modern(params)).to_string();
        result_or_error(server.by_port("POST /mcp", &headers, &body).event())
    };
    let code = "import os\nos.mkdir('out')\nopen('out/a b.csv', 'w').write('x,y\\n')\nopen('raw.bin', 'wb').write(b'\\xff\\x00')";
    let call = json!({"name": "execute_code", "arguments": {"code": code}});
    let left = ask(&one, "tools/call", call);
    let run = left["structuredContent"]["run"].as_str().unwrap();
    let link = |path: &str, name: &str, kind: Option<&str>, size: u64| {
        let mut link = json!({"type": "resource_link", "uri": format!("sandgate://runs/{run}/{path}"), "name": name, "size": size});
        if let Some(kind) = kind {
            link["mimeType"] = json!(kind);
        }
        link
    };
    let text = format!(
        "value: 2\nfiles left: out/a b.csv (4 B), raw.bin (2 B). get_run with run {run} and part PATH reads one\n"
    );
    assert_eq!(
        left["content"],
        json!([
            {"type": "text", "text": text},
            link("out/a%20b.csv", "a b.csv", Some("text/csv"), 4),
            link("raw.bin", "raw.bin", None, 2)
        ])
    );
    let csv = format!("sandgate://runs/{run}/out/a%20b.csv");
    let raw = format!("sandgate://runs/{run}/raw.bin");
    let contents = |bearer: &str, uri: &str| {
        ask(bearer, "resources/read", json!({"uri": uri}))["contents"].take()
    };
    assert_eq!(
        contents(&one, &csv),
        json!([{"uri": csv, "mimeType": "text/csv", "text": "x,y\n"}])
    );
    assert_eq!(contents(&one, &raw), json!([{"uri": raw, "blob": "/wA="}]));
    let listed = ask(&one, "resources/list", json!({}));
    assert_eq!(listed["resources"][0]["uri"], csv);
    let gone = json!({"code": -32602, "message": "there is no such file; files of scripts are kept for a while"});
    assert_eq!(ask(&two, "resources/read", json!({"uri": csv})), gone);
    assert_eq!(
        ask(&two, "resources/list", json!({}))["resources"],
        json!([])
    );
    let missing = format!("sandgate://runs/{run}/b.csv");
    assert_eq!(ask(&one, "resources/read", json!({"uri": missing})), gone);
    // Whoever has no resources asks for one by its path.
    let part = |bearer: &str, path: &str| {
        let arguments = json!({"run": run, "part": path});
        let read = ask(
            bearer,
            "tools/call",
            json!({"name": "get_run", "arguments": arguments}),
        );
        read["content"][0]["text"].clone()
    };
    assert_eq!(part(&one, "out/a b.csv"), "x,y\n");
    assert_eq!(
        part(&one, "raw.bin"),
        "raw.bin is no text, and has 2 bytes.\n"
    );
    assert_eq!(
        part(&one, "b.csv"),
        "there is no file `b.csv` of this run; files are kept for a while, and those of earlier runs go first"
    );
    assert_eq!(
        part(&two, "out/a b.csv"),
        format!("no run in the journal begins with `{run}`")
    );
    server.end_quietly();
}

#[test]
fn a_long_answer_is_cut_in_the_middle_and_read_whole_in_parts() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let call = |tool: &str, arguments: Value| {
        let params = json!({"name": tool, "arguments": arguments});
        mcp(&server, "/mcp", "tools/call", Some(tool), params)
    };
    let code = "for n in range(10_000): print(f'{n:07}')";
    let answer = call("execute_code", json!({"code": code}));
    let text = answer["content"][0]["text"].as_str().unwrap();
    let run = answer["structuredContent"]["run"].as_str().unwrap();
    let marker = format!(
        "[50000 characters are left out here; get_run with run {run} and part 1 to 3 shows all]\n"
    );
    let (head, tail) = text.split_once(&marker).unwrap();
    assert_eq!((head.len(), tail.len()), (20_001, 10_000));
    assert!(tail.ends_with("0009999\n"), "{tail}");
    // What programs read is as long as what models do: some clients give a model both.
    assert!(
        answer["structuredContent"]["stdout"]
            .as_str()
            .unwrap()
            .len()
            < 31_000
    );
    let parts: Vec<String> = (1..=3)
        .map(|part| {
            let read = call("get_run", json!({"run": run, "part": part}));
            read["content"][0]["text"].as_str().unwrap().to_owned()
        })
        .collect();
    let whole: String = parts
        .iter()
        .enumerate()
        .map(|(at, part)| {
            let end = format!("[part {} of 3]\n", at + 1);
            part.strip_suffix(&end)
                .unwrap()
                .strip_suffix('\n')
                .unwrap_or(part)
        })
        .collect();
    assert!(
        whole.starts_with("status: ok\n0000000\n0000001\n"),
        "{}",
        &whole[..40]
    );
    assert!(whole.ends_with("0009999"), "{}", &whole[whole.len() - 40..]);
    let beyond = call("get_run", json!({"run": run, "part": 4}));
    assert_eq!(beyond["content"][0]["text"], "There are 3 parts of it.\n");
    server.end_quietly();
}

#[test]
fn web_04_a_form_is_for_the_agent_that_got_it_alone() {
    let desk = Desk::open();
    let policies = desk.policies();
    let server = Server::start(&desk, &policies, &["--listen", "127.0.0.1:0"]);
    let bearer = |actor: &str| {
        let arguments = ["--actor", actor, "--context", "gated"];
        format!("Bearer {}", token_of(&desk, &policies, &arguments))
    };
    let (one, two) = (bearer("bot"), bearer("other"));
    let code = "from services import crm\nprint(crm.contact_add(name='Ada')['name'])";
    let call = |bearer: &str, more: Value| {
        let mut params = modern(json!({"name": "execute_code", "arguments": {"code": code}}));
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"elicitation": {"form": {}}});
        for (name, value) in more.as_object().unwrap() {
            params[name] = value.clone();
        }
        let mut headers = HEADERS.to_vec();
        headers.extend([
            ("Authorization", bearer),
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "execute_code"),
        ]);
        let body = asked("tools/call", params).to_string();
        result_or_error(server.by_port("POST /mcp", &headers, &body).event())
    };
    let form = call(&one, json!({}));
    assert_eq!(form["resultType"], "input_required", "{form}");
    let yes = json!({
        "requestState": form["requestState"],
        "inputResponses": {"approval": {"action": "accept", "content": {"call_2": "approve"}}}
    });
    assert_eq!(
        call(&two, yes.clone()),
        json!({"code": -32602, "message": "the `requestState` is not one that was given for this call"})
    );
    assert_eq!(desk.contacts(), 7);
    let done = call(&one, yes);
    assert_eq!(done["content"][0]["text"], "Ada\n", "{done}");
    assert_eq!(desk.contacts(), 8);
    server.end_quietly();
}

#[test]
fn an_interface_is_read_in_part_or_as_a_stub_file() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let interface = |arguments: Value| server.ask("get_interface", arguments);
    let of = |answered: &Value| answered["interfaces"][0]["interface"].clone();
    let asked =
        json!({"services": "crm", "methods": ["deal.list", "contact_get", "crm.stats_count"]});
    let text = of(&interface(asked.clone()));
    let methods: Vec<&str> = text
        .as_str()
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("crm."))
        .filter_map(|line| Some(line.split_once('(')?.0))
        .collect();
    assert_eq!(methods, ["contact_get", "deal_list", "stats_count"]);
    let pyi = json!({"services": ["crm"], "methods": asked["methods"], "format": "pyi"});
    insta::assert_snapshot!(of(&interface(pyi)).as_str().unwrap());
    // THREAT[SEC-05]: what the context may not call is as if there were none.
    let refused = |message: &str| json!({"code": -32000, "message": message});
    for (method, message) in [
        (
            "deal_lst",
            "these services have no method `deal_lst`; did you mean `deal_list`?",
        ),
        (
            "contact.delete",
            "these services have no method `contact.delete`",
        ),
    ] {
        assert_eq!(
            interface(json!({"services": "crm", "methods": [method]})),
            refused(message)
        );
    }
    assert_eq!(
        interface(json!({"services": "crm", "format": "py"})),
        json!({"code": -32602, "message": "the argument `format` of `get_interface` is to be `text` or `pyi`"})
    );
    server.end_quietly();
}
