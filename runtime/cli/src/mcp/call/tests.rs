//! Arguments as models write them, and as they should not.

use super::*;
use serde_json::json;

fn call(tool: &str, arguments: Value) -> Result<ToolCall, String> {
    let Value::Object(arguments) = arguments else {
        return Err("no object".to_owned());
    };
    match ToolCall::of(tool, arguments) {
        Some(call) => call.map_err(|wrong| wrong.to_string()),
        None => Err("no tool".to_owned()),
    }
}

fn execute(timeout: Option<Duration>, stdin: &str) -> Result<ToolCall, String> {
    Ok(ToolCall::ExecuteCode(Execute {
        code: "1".to_owned(),
        timeout,
        stdin: stdin.to_owned(),
    }))
}

#[test]
fn arguments_are_taken_as_they_are_meant() {
    let (half, most) = (Duration::from_millis(500), Duration::MAX);
    for (arguments, expected) in [
        (json!({"code": "1"}), execute(None, "")),
        (
            json!({"code": "1", "timeout_seconds": 0.5}),
            execute(Some(half), ""),
        ),
        (
            json!({"code": "1", "timeout_seconds": 1e300}),
            execute(Some(most), ""),
        ),
        (
            json!({"code": "1", "timeout_seconds": null, "stdin": null}),
            execute(None, ""),
        ),
        (json!({"code": "1", "stdin": "a"}), execute(None, "a")),
    ] {
        assert_eq!(call("execute_code", arguments), expected);
    }
    assert_eq!(call("list_services", json!({})), Ok(ToolCall::ListServices));
    assert_eq!(
        call("get_interface", json!({"service": "crm"})),
        Ok(ToolCall::GetInterface("crm".to_owned()))
    );
}

#[test]
fn arguments_that_cannot_be_are_refused_with_what_can() {
    for (tool, arguments, expected) in [
        (
            "execute_code",
            json!({}),
            "`execute_code` needs the argument `code`, a text",
        ),
        (
            "execute_code",
            json!({"code": null}),
            "`execute_code` needs the argument `code`, a text",
        ),
        (
            "execute_code",
            json!({"code": ["1"]}),
            "the argument `code` of `execute_code` is to be a text",
        ),
        (
            "execute_code",
            json!({"code": "1", "timeout_second": 1}),
            "`execute_code` takes no argument `timeout_second`; it takes code, timeout_seconds, stdin; did you mean `timeout_seconds`?",
        ),
        (
            "execute_code",
            json!({"code": "1", "context": "operator"}),
            "`execute_code` takes no argument `context`; it takes code, timeout_seconds, stdin",
        ),
        (
            "execute_code",
            json!({"code": "1", "timeout_seconds": 0}),
            "the argument `timeout_seconds` of `execute_code` is to be a number of seconds above 0",
        ),
        (
            "execute_code",
            json!({"code": "1", "timeout_seconds": "5"}),
            "the argument `timeout_seconds` of `execute_code` is to be a number of seconds above 0",
        ),
        (
            "execute_code",
            json!({"code": "1", "stdin": 1}),
            "the argument `stdin` of `execute_code` is to be a text",
        ),
        (
            "list_services",
            json!({"a": 1}),
            "`list_services` takes no argument `a`; it takes none",
        ),
        (
            "get_interface",
            json!({}),
            "`get_interface` needs the argument `service`, a text",
        ),
        ("run", json!({}), "no tool"),
    ] {
        assert_eq!(call(tool, arguments), Err(expected.to_owned()));
    }
}
