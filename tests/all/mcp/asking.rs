//! The person at a client of MCP, who is asked about the calls that a run waits with: by a form in the answer since 2026, before by a
//! request of the server. Each answer counts once, for the call that it was asked about, and only if the context lets it.

use super::{Session, initialize, read};
use crate::support::{desk::Desk, finished, modern, without_names};
use serde_json::{Value, json};
use std::process::Command;

const ADD: &str = "from services import crm\nprint('adding')\nprint(crm.contact_add(name='Ada', email='ada@example.org')['id'])";
const BOTH: &str = "import asyncio\nfrom services.aio import crm\nasync def main():\n    return await asyncio.gather(*(crm.company_add(name=n) for n in 'AB'), return_exceptions=True)\nprint(asyncio.run(main()))";
const REMOVE: &str = "from services import crm\ncrm.contact_delete(id=1)";

/// An MCP server of the context in which a person is asked about everything.
pub(super) fn gated(desk: &Desk) -> Command {
    desk.mcp(&desk.policies(), "gated")
}

fn call(code: &str) -> Value {
    json!({"name": "execute_code", "arguments": {"code": code}})
}

/// A client of 2026 that has these ways of asking its user.
pub(super) fn asked_by(mut params: Value, elicitation: Value) -> Value {
    params = modern(params);
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({"elicitation": elicitation});
    params
}

fn with_forms(params: Value) -> Value {
    asked_by(params, json!({"form": {}}))
}

/// The call again, with what somebody filled in.
fn filled(code: &str, asked: &Value, response: Value) -> Value {
    let mut params = call(code);
    params["requestState"] = asked["requestState"].clone();
    params["inputResponses"] = json!({"approval": response});
    with_forms(params)
}

pub(super) fn accepts(content: Value) -> Value {
    json!({"action": "accept", "content": content})
}

/// What the person reads, and chooses from.
fn form(asked: &Value) -> Value {
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    asked["inputRequests"]["approval"].clone()
}

const WAITING: &str = "adding\nwaiting for approval: the run waits for approval\ncrm.contact.add: waits for approval\nrun: NAME. A person has to approve first. Tell the user; do not run the script again. get_run says what came of it.\n";

#[test]
fn apr_04_a_form_is_answered_once_and_only_for_the_call_that_it_was_about() {
    let desk = Desk::open();
    let mut session = Session::start(gated(&desk));
    let asked = session.ask("tools/call", with_forms(call(ADD)));
    assert_eq!(
        form(&asked),
        json!({
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "A script wants to make this call in the context gated. Nothing of it was sent.\n\n    2: crm.contact.add({\"email\":\"ada@example.org\",\"name\":\"Ada\"})\n    changes something\n    A person looks first.\n",
                "requestedSchema": {
                    "type": "object",
                    "properties": {
                        "call_2": {
                            "type": "string", "title": "crm.contact.add",
                            "description": "Call 2 of the script", "enum": ["approve", "reject"]
                        }
                    },
                    "required": ["call_2"]
                }
            }
        })
    );
    // Whoever says nothing, or something else, is asked again.
    for response in [
        accepts(json!({})),
        accepts(json!({"call_2": "yes"})),
        json!({"action": "accept"}),
        json!("approve"),
    ] {
        let again = session.ask("tools/call", filled(ADD, &asked, response));
        assert_eq!(form(&again), form(&asked));
    }
    assert_eq!(desk.contacts(), 7);
    // THREAT[WEB-04]: what was asked about one call is no answer for another, and nobody can make one.
    let yes = accepts(json!({"call_2": "approve"}));
    let refused = json!({"code": -32602, "message": "the `requestState` is not one that was given for this call"});
    let other = format!("{ADD}\n");
    assert_eq!(
        session.ask("tools/call", filled(&other, &asked, yes.clone())),
        refused
    );
    let mut forged = asked.clone();
    let state = asked["requestState"].as_str().unwrap();
    // Of the last letter not every bit says something.
    let middle = state.len() / 2;
    let other = if &state[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    forged["requestState"] = json!([&state[..middle], other, &state[middle + 1..]].concat());
    assert_eq!(
        session.ask("tools/call", filled(ADD, &forged, yes.clone())),
        refused
    );
    assert_eq!(desk.contacts(), 7);
    // A client that lost the answer asks again, and nothing is done twice.
    let done = session.ask("tools/call", filled(ADD, &asked, yes.clone()));
    assert_eq!(read(&done), (true, "adding\n8\n".to_owned()));
    let twice = session.ask("tools/call", filled(ADD, &asked, yes));
    assert_eq!(
        read(&twice),
        (
            true,
            "status: ok\nadding\n8\ncrm.contact.add: made\n".to_owned()
        )
    );
    assert_eq!(desk.contacts(), 8);
    session.end_quietly();
    // The journal says how the answer came.
    let shown = desk
        .operator(&["journal", "show", "last"])
        .output()
        .unwrap();
    let (code, story, complaints) = finished(shown);
    assert_eq!((code, complaints.as_str()), (0, ""));
    assert!(story.contains("script said yes"), "{story}");
    assert!(story.contains(", at the agent's client"), "{story}");
}

#[test]
fn apr_05_a_form_is_answered_after_a_restart_too() {
    let desk = Desk::open();
    let mut before = Session::start(gated(&desk));
    let asked = before.ask("tools/call", with_forms(call(ADD)));
    before.end_quietly();
    let mut after = Session::start(gated(&desk));
    let yes = accepts(json!({"call_2": "approve"}));
    let done = after.ask("tools/call", filled(ADD, &asked, yes));
    assert_eq!(read(&done), (true, "adding\n8\n".to_owned()));
    after.end_quietly();
}

#[test]
fn whoever_declines_refuses_the_call_and_whoever_cancels_leaves_it_waiting() {
    let desk = Desk::open();
    let mut session = Session::start(gated(&desk));
    let asked = session.ask("tools/call", with_forms(call(ADD)));
    let later = session.ask(
        "tools/call",
        filled(ADD, &asked, json!({"action": "cancel"})),
    );
    assert_eq!(
        read(&later),
        (
            true,
            "status: awaiting_approval\ncrm.contact.add: waits\nA person has to approve first. Tell the user; do not run the script again. get_run says what came of it.\n".to_owned()
        )
    );
    let declined = session.ask(
        "tools/call",
        filled(ADD, &asked, json!({"action": "decline"})),
    );
    let (well, text) = read(&declined);
    assert!(!well, "{text}");
    assert!(
        text.ends_with(
            "services.Refused: `crm.contact.add` was declined; do not try again; say what was declined\n"
        ),
        "{text}"
    );
    assert_eq!(desk.contacts(), 7);
    session.end_quietly();
}

#[test]
fn calls_that_wait_together_are_asked_about_in_one_form_and_each_has_its_answer() {
    let desk = Desk::open();
    let mut session = Session::start(gated(&desk));
    let asked = session.ask("tools/call", with_forms(call(BOTH)));
    let params = &form(&asked)["params"];
    assert_eq!(
        params["message"],
        "A script wants to make these calls in the context gated. Nothing of it was sent.\n\n    2: crm.company.add({\"name\":\"A\"})\n    changes something\n    A person looks first.\n\n    3: crm.company.add({\"name\":\"B\"})\n    changes something\n    A person looks first.\n"
    );
    assert_eq!(
        params["requestedSchema"]["required"],
        json!(["call_2", "call_3"])
    );
    let one = accepts(json!({"call_2": "reject", "call_3": "approve"}));
    let done = session.ask("tools/call", filled(BOTH, &asked, one));
    let (well, text) = read(&done);
    assert!(well, "{text}");
    assert!(text.starts_with("[Refused("), "{text}");
    assert!(text.contains("'name': 'B'"), "{text}");
    session.end_quietly();
}

#[test]
fn who_cannot_be_asked_or_may_not_be_is_told_that_the_run_waits() {
    let waits = |code: &str, limits: &str, elicitation: Value| {
        let desk = Desk::open();
        desk.limit(limits);
        let mut session = Session::start(gated(&desk));
        let params = asked_by(call(code), elicitation);
        let result = session.ask("tools/call", params);
        let asked = result["resultType"] == "input_required";
        let text = without_names(result["content"][0]["text"].as_str().unwrap_or_default());
        session.end_quietly();
        (asked, text)
    };
    let form = || json!({"form": {}});
    let waiting = (false, WAITING.to_owned());
    assert_eq!(waits(ADD, "", json!({"url": {}})), waiting);
    assert_eq!(waits(ADD, "approval_in_band = \"off\"\n", form()), waiting);
    // Somebody else has to agree, whom this client does not have.
    assert_eq!(waits(ADD, "approvals = 2\n", form()), waiting);
    assert_eq!(waits(ADD, "approvers = [\"boss\"]\n", form()), waiting);
    assert_eq!(waits(ADD, "", form()), (true, String::new()));
    // One that says nothing of how it asks has forms.
    assert_eq!(waits(ADD, "", json!({})), (true, String::new()));
    // What removes something is asked about only where the context says so.
    assert!(!waits(REMOVE, "", form()).0);
    assert!(waits(REMOVE, "approval_in_band = \"form\"\n", form()).0);
}

#[test]
fn a_client_of_before_2026_is_asked_while_the_call_is_under_way() {
    let desk = Desk::open();
    let mut session = Session::start(gated(&desk));
    let mut params = initialize("2025-11-25");
    params["capabilities"] = json!({"elicitation": {}});
    session.ask("initialize", params);
    session.tell("notifications/initialized", json!({}));
    let answer = |session: &mut Session, request: u64, response: Value| {
        let asked = session.hear();
        assert_eq!(asked["method"], "elicitation/create", "{asked}");
        assert_eq!(
            asked["params"]["requestedSchema"]["required"],
            json!(["call_2"])
        );
        let reply = json!({"jsonrpc": "2.0", "id": asked["id"], "result": response});
        // What nobody asked for is no answer.
        let unasked = json!({"jsonrpc": "2.0", "id": 4_000_000, "result": response});
        session.line(unasked.to_string().as_bytes());
        session.line(reply.to_string().as_bytes());
        let mut result = session.hear();
        assert_eq!(result["id"], request, "{result}");
        let (well, text) = read(&result["result"].take());
        (well, without_names(&text))
    };
    for (response, expected) in [
        (
            accepts(json!({"call_2": "approve"})),
            (true, "adding\n8\n".to_owned()),
        ),
        (json!({"action": "cancel"}), (true, WAITING.to_owned())),
    ] {
        let request = session.request("tools/call", call(ADD));
        assert_eq!(answer(&mut session, request, response), expected);
    }
    let request = session.request("tools/call", call(ADD));
    let (well, text) = answer(&mut session, request, json!({"action": "decline"}));
    assert!(!well, "{text}");
    assert_eq!(desk.contacts(), 8);
    // Whoever never answers, and closes, leaves the run waiting.
    session.request("tools/call", call(ADD));
    assert_eq!(session.hear()["method"], "elicitation/create");
    let (code, _, complaints) = session.end();
    assert_eq!((code, complaints.as_str()), (0, ""));
    assert_eq!(desk.contacts(), 8);
}
