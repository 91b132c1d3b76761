//! Arguments as models write them, and as they should not.

use super::*;
use serde_json::json;

fn command(name: &str, arguments: Value) -> Result<AgentCommand, String> {
    let Value::Object(arguments) = arguments else {
        return Err("no object".to_owned());
    };
    match AgentCommand::of(name, arguments) {
        Some(command) => command.map_err(|wrong| wrong.to_string()),
        None => Err(AgentCommand::unknown(name)),
    }
}

fn execute(how: Execution, timeout: Option<Duration>, stdin: &str) -> Result<AgentCommand, String> {
    Ok(AgentCommand::ExecuteCode(ExecuteCode {
        code: "1".to_owned(),
        how,
        timeout,
        stdin: stdin.to_owned(),
        key: None,
        again: false,
    }))
}

#[test]
fn arguments_are_taken_as_they_are_meant() {
    let (half, most) = (Duration::from_millis(500), Duration::MAX);
    let session = Execution::Session {
        name: "a-1_B".to_owned(),
        is_restored: false,
    };
    for (arguments, expected) in [
        (json!({"code": "1"}), execute(Execution::Alone, None, "")),
        (
            json!({"code": "1", "timeout_seconds": 0.5}),
            execute(Execution::Alone, Some(half), ""),
        ),
        (
            json!({"code": "1", "timeout_seconds": 1e300}),
            execute(Execution::Alone, Some(most), ""),
        ),
        (
            json!({"code": "1", "timeout_seconds": null, "stdin": null, "session": null, "plan": false}),
            execute(Execution::Alone, None, ""),
        ),
        (
            json!({"code": "1", "stdin": "a"}),
            execute(Execution::Alone, None, "a"),
        ),
        (
            json!({"code": "1", "session": "a-1_B", "check": null}),
            execute(session, None, ""),
        ),
        (
            json!({"code": "1", "plan": true}),
            execute(Execution::Plan, None, ""),
        ),
        (
            json!({"code": "1", "check": true}),
            execute(Execution::Check, None, ""),
        ),
    ] {
        assert_eq!(command("execute_code", arguments), expected);
    }
    assert_eq!(
        command("list_services", json!({})),
        Ok(AgentCommand::ListServices)
    );
    let crm = Ok(AgentCommand::GetInterface(InterfaceQuery {
        services: vec!["crm".to_owned()],
        ..InterfaceQuery::default()
    }));
    for arguments in [
        json!({"services": ["crm"]}),
        json!({"services": "crm"}),
        json!({"service": "crm"}),
    ] {
        assert_eq!(command("get_interface", arguments), crm);
    }
    let find = |most| {
        let query = "who".to_owned();
        Ok(AgentCommand::Search(MethodSearch { query, most }))
    };
    assert_eq!(command("search", json!({"query": "who"})), find(5));
    assert_eq!(
        command("search", json!({"query": "who", "most": 9})),
        find(9)
    );
    let run = |wait| {
        Ok(AgentCommand::GetRun(GetRun {
            run: "r".to_owned(),
            wait,
            part: None,
        }))
    };
    assert_eq!(command("get_run", json!({"run": "r"})), run(Duration::ZERO));
    let long = json!({"run": "r", "wait_seconds": 600});
    assert_eq!(command("get_run", long), run(Duration::from_secs(30)));
    for (part, expected) in [
        (json!(2), RunPart::Text(2)),
        (json!("out/a.csv"), RunPart::File("out/a.csv".to_owned())),
    ] {
        let asked = GetRun {
            run: "r".to_owned(),
            wait: Duration::ZERO,
            part: Some(expected),
        };
        let arguments = json!({"run": "r", "part": part});
        assert_eq!(
            command("get_run", arguments),
            Ok(AgentCommand::GetRun(asked))
        );
    }
    let keyed = json!({"code": "1", "key": "a-1", "again": true});
    assert_eq!(
        command("execute_code", keyed),
        Ok(AgentCommand::ExecuteCode(ExecuteCode {
            code: "1".to_owned(),
            how: Execution::Alone,
            timeout: None,
            stdin: String::new(),
            key: Some("a-1".to_owned()),
            again: true,
        }))
    );
    assert_eq!(
        command("resume", json!({"run": "r"})),
        Ok(AgentCommand::Resume("r".to_owned()))
    );
    let arguments = json!({"service": "crm", "method": "deal.add", "arguments": {"amount": 1}});
    let Value::Object(given) = json!({"amount": 1}) else {
        return;
    };
    assert_eq!(
        command("call", arguments),
        Ok(AgentCommand::Call(MethodCall {
            service: "crm".to_owned(),
            method: "deal.add".to_owned(),
            arguments: given,
        }))
    );
}

#[test]
fn arguments_that_cannot_be_are_refused_with_what_can() {
    const TAKES: &str =
        "it takes code, session, restore, plan, check, timeout_seconds, stdin, key, again";
    let unknown = |argument: &str, meant: &str| {
        format!("`execute_code` takes no argument `{argument}`; {TAKES}{meant}")
    };
    let one = "`execute_code` takes one of `session`, `plan` and `check` at a time".to_owned();
    let session =
        "the argument `session` of `execute_code` is to be 1 to 64 letters, digits, `-` and `_`";
    let seconds =
        "the argument `timeout_seconds` of `execute_code` is to be a number of seconds above 0";
    let code = "`execute_code` needs the argument `code`, a text";
    let services = "the argument `services` of `get_interface` is to be a text, or a list of texts";
    for (name, arguments, expected) in [
        ("execute_code", json!({}), code.to_owned()),
        ("execute_code", json!({"code": null}), code.to_owned()),
        (
            "execute_code",
            json!({"code": ["1"]}),
            "the argument `code` of `execute_code` is to be a text".to_owned(),
        ),
        (
            "execute_code",
            json!({"code": "1", "timeout_second": 1}),
            unknown("timeout_second", "; did you mean `timeout_seconds`?"),
        ),
        (
            "execute_code",
            json!({"code": "1", "context": "operator"}),
            unknown("context", ""),
        ),
        (
            "execute_code",
            json!({"code": "1", "timeout_seconds": 0}),
            seconds.to_owned(),
        ),
        (
            "execute_code",
            json!({"code": "1", "timeout_seconds": "5"}),
            seconds.to_owned(),
        ),
        (
            "execute_code",
            json!({"code": "1", "stdin": 1}),
            "the argument `stdin` of `execute_code` is to be a text".to_owned(),
        ),
        (
            "execute_code",
            json!({"code": "1", "plan": "yes"}),
            "the argument `plan` of `execute_code` is to be true or false".to_owned(),
        ),
        (
            "execute_code",
            json!({"code": "1", "plan": true, "check": true}),
            one.clone(),
        ),
        (
            "execute_code",
            json!({"code": "1", "session": "a", "plan": true}),
            one,
        ),
        (
            "execute_code",
            json!({"code": "1", "session": ""}),
            session.to_owned(),
        ),
        (
            "execute_code",
            json!({"code": "1", "session": "../a"}),
            session.to_owned(),
        ),
        (
            "execute_code",
            json!({"code": "1", "key": "a b"}),
            session.replace("`session`", "`key`"),
        ),
        (
            "get_run",
            json!({"run": "r", "part": 0}),
            "the argument `part` of `get_run` is to be a number from 1 up, or the path of a file"
                .to_owned(),
        ),
        (
            "list_services",
            json!({"a": 1}),
            "`list_services` takes no argument `a`; it takes none".to_owned(),
        ),
        (
            "get_interface",
            json!({}),
            "`get_interface` needs the argument `services`, a text, or a list of texts".to_owned(),
        ),
        (
            "get_interface",
            json!({"services": []}),
            services.to_owned(),
        ),
        (
            "get_interface",
            json!({"services": [1]}),
            services.to_owned(),
        ),
        (
            "search",
            json!({"query": "who", "most": 0}),
            "the argument `most` of `search` is to be a whole number above 0".to_owned(),
        ),
        (
            "call",
            json!({"service": "crm", "method": "deal.add", "arguments": [1]}),
            "the argument `arguments` of `call` is to be an object, by the names of parameters"
                .to_owned(),
        ),
        (
            "execute_cod",
            json!({}),
            "there is no `execute_cod`; there are: execute_code, list_services, search, get_interface, call, get_run, resume; did you mean `execute_code`?".to_owned(),
        ),
    ] {
        assert_eq!(command(name, arguments), Err(expected));
    }
}
