//! Sessions whose interpreter is gone: their scripts are made again from the journal, where that can be done, and go on.

use super::Server;
use crate::support::desk::Desk;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;

const POLICY: &str = "@because(\"It may.\")\npermit (principal, action, resource);\n";

fn started(desk: &Desk) -> Server {
    let policies = desk.policies();
    fs::write(policies.join("gated/policy.cedar"), POLICY).unwrap();
    Server::start(desk, &policies, &[])
}

fn next(server: &Server, code: &str, restore: bool) -> Value {
    let asked = json!({"code": code, "session": "a", "restore": restore});
    server.ask("execute_code", asked)
}

/// What a script printed, and how its session stands: whether it is new, was before, and is restored.
fn told(outcome: &Value) -> (&str, [bool; 3]) {
    assert_eq!(outcome["status"], "ok", "{outcome}");
    let standing = |of: &str| outcome["session"][of].as_bool() == Some(true);
    let printed = outcome["stdout"].as_str().unwrap();
    let standing = ["is_new", "was_before", "is_restored"].map(standing);
    (printed, standing)
}

/// Everything that is different each time that it is asked for, a change, and a function.
const FIRST: &str = "import random, time
from services import crm
made = crm.contact_add(name='Ada', email='ada@example.org')['id']
drawn, at = random.random(), time.time()
def seen(): return made, drawn, at
print(seen())";

#[test]
fn apr_02_a_session_is_restored_after_its_server_is_gone_and_no_change_is_made_again() {
    for signal in [Signal::TERM, Signal::KILL] {
        let desk = Desk::open();
        let before = desk.contacts();
        let mut server = started(&desk);
        let first = next(&server, FIRST, false);
        let (was, standing) = told(&first);
        assert_eq!(standing, [true, false, false]);
        told(&next(&server, "more = [1]", true));
        assert_eq!(desk.contacts(), before + 1);
        for round in 1..=2 {
            // What a script did that changed nothing is written within milliseconds; whoever reads has it.
            server.ask("get_run", json!({"run": "0"}));
            server.signal(signal);
            server.process.wait().unwrap();
            server = started(&desk);
            let outcome = next(&server, "print(seen()); more.append(1); len(more)", true);
            assert_eq!(told(&outcome), (was, [false, false, true]));
            assert_eq!(outcome["value"], json!({"json": round + 1}));
        }
        assert_eq!(
            told(&next(&server, "print(len(more))", true)),
            ("3\n", [false; 3])
        );
        assert_eq!(desk.contacts(), before + 1);
        // From where it was, things are what they are now.
        let code = "made = crm.contact_add(name='A', email='a@example.org')";
        told(&next(&server, code, false));
        assert_eq!(desk.contacts(), before + 2);
        server.end_quietly();
    }
}

#[test]
fn whoever_comes_back_without_asking_for_it_is_told_that_it_can_be_restored_and_can_still() {
    let desk = Desk::open();
    let server = started(&desk);
    told(&next(&server, "x = 1", false));
    server.end_quietly();
    let server = started(&desk);
    let outcome = next(&server, "print('x' in globals())", false);
    assert_eq!(told(&outcome), ("False\n", [true, true, false]));
    let outcome = next(&server, "print(x)", true);
    assert_eq!(told(&outcome), ("1\n", [false, false, true]));
    server.end_quietly();
    // The one that was restored is the one that is restored again.
    let server = started(&desk);
    let outcome = next(&server, "print(x)", true);
    assert_eq!(told(&outcome), ("1\n", [false, false, true]));
    server.end_quietly();
}

#[test]
fn what_cannot_be_made_again_is_not_restored_and_says_why() {
    let desk = Desk::open();
    desk.limit("cpu = \"300ms\"\n");
    let mut server = started(&desk);
    for (code, timeout, why) in [
        (
            "while True: pass",
            json!(0.05),
            "one of its scripts was interrupted, at a moment that is on no tape",
        ),
        (
            "while True: pass",
            json!(60),
            "its last script did not come to its end",
        ),
    ] {
        let asked = json!({"code": code, "session": "a", "timeout_seconds": timeout});
        server.ask("execute_code", asked);
        server.end_quietly();
        server = started(&desk);
        let refused = next(&server, "1", true);
        let message = refused["message"].as_str().unwrap();
        let message = message.split_once(" cannot be made again: ").unwrap();
        assert!(
            message
                .0
                .starts_with("the session `a` cannot be restored: the run ")
        );
        assert_eq!(
            message.1,
            format!("{why}; leave `restore` out to begin with nothing")
        );
        // So it does.
        let asked = json!({"code": "x = 1", "session": "a"});
        assert_eq!(server.ask("execute_code", asked)["status"], "ok");
    }
    let alone = json!({"code": "1", "restore": true});
    assert_eq!(
        server.ask("execute_code", alone)["message"],
        "`execute_code` needs the argument `session`, the one that is to be restored"
    );
    let none = json!({"code": "1", "session": "other", "restore": true});
    assert_eq!(
        server.ask("execute_code", none)["session"],
        json!({"name": "other", "is_new": true, "is_over": false})
    );
    server.end_quietly();
}

/// An interrupt is for the script that was given, and for none that is made again: one that catches it could do what it had not done. What it
/// would have called has no answer in the journal, and would be sent.
#[test]
fn apr_02_what_is_interrupted_while_a_session_is_made_again_is_the_next_script_alone() {
    let desk = Desk::open();
    let before = desk.contacts();
    let server = started(&desk);
    let first = "from services import crm
try:
    for n in range(2_000_000): pass
except KeyboardInterrupt:
    crm.contact_add(name='Ada', email='ada@example.org')
x = 1";
    told(&next(&server, first, false));
    server.end_quietly();
    let server = started(&desk);
    let asked = json!({"code": "while True: pass", "session": "a", "restore": true, "timeout_seconds": 0.02});
    let outcome = server.ask("execute_code", asked);
    assert_eq!(
        outcome["exception"]["type"], "KeyboardInterrupt",
        "{outcome}"
    );
    assert_eq!(outcome["session"]["is_restored"], true);
    assert_eq!(told(&next(&server, "print(x)", false)), ("1\n", [false; 3]));
    assert_eq!(desk.contacts(), before);
    server.end_quietly();
}

#[test]
fn web_04_nobody_restores_the_session_of_another_agent() {
    let desk = Desk::open();
    let policies = desk.policies();
    let server = started(&desk);
    told(&next(&server, "x = 1", false));
    server.end_quietly();
    let server = Server::start(&desk, &policies, &["--actor", "other"]);
    let outcome = next(&server, "print('x' in globals())", true);
    assert_eq!(told(&outcome), ("False\n", [true, false, false]));
    server.end_quietly();
}
