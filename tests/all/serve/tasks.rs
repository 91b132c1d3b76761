//! Calls that take long, as tasks of MCP: whose they are, what becomes of them, and how they are answered and ended. The doors are the
//! product's, in this process, where a call need not take a minute to be long.

use super::{HEADERS, asked, exchange};
use crate::support::{cache_dir, desk::Desk, finished, modern, result_or_error};
use sandgate::{Host, Journal, Sandbox, SealKey};
use sandgate_server::{Door, Doors, Entitlement, Gatekeeper, ServerLimits, Who};
use serde_json::{Value, json};
use std::{
    os::unix::net::UnixStream,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::watch, task::JoinHandle};

/// A server with a door for each of two agents of the context `gated`.
struct TaskServer {
    desk: Desk,
    executor: Runtime,
    end: watch::Sender<bool>,
    served: JoinHandle<std::io::Result<()>>,
}

const TASKS: &str = "io.modelcontextprotocol/tasks";
const LONG: &str = "import time\ntime.sleep(2)\nprint('at last')\n6 * 7";

impl TaskServer {
    fn open(after: Duration) -> Self {
        let desk = Desk::open();
        desk.limit("approval_in_band = \"form\"\n");
        let executor = Runtime::new().unwrap();
        let (end, over) = watch::channel(false);
        let doors = executor.block_on(async {
            let host = Host::builder()
                .sandbox(Sandbox::builder().cache_dir(cache_dir()))
                .registrations(desk.state())
                .policies(desk.policies())
                .journal(Journal::open(&desk.state()).unwrap());
            let host = host.build().await.unwrap();
            let doors = ["one", "two"].map(|actor| {
                let entitlement = Entitlement {
                    contexts: None,
                    actor: actor.to_owned(),
                    user: None,
                    claims: vec!["crm.admin".to_owned()],
                };
                let peers = Who::Peers {
                    uid: rustix::process::geteuid().as_raw(),
                    entitlement,
                    are_trusted: false,
                };
                Door::unix(&socket(&desk, actor), peers).unwrap()
            });
            let keeper = Gatekeeper::new(host, None, ServerLimits::default()).unwrap();
            Doors::new(doors.into(), keeper, SealKey::of(&desk.state()).unwrap())
        });
        let doors = doors.with_tasks_after(after);
        let served = executor.spawn(doors.serve(over, Duration::from_secs(5)));
        Self {
            desk,
            executor,
            end,
            served,
        }
    }

    /// What an agent's client is answered that can do these things.
    fn ask(&self, actor: &str, method: &str, name: &str, params: Value, can: Value) -> Value {
        let mut headers = HEADERS.to_vec();
        headers.extend([
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", method),
            ("Mcp-Name", name),
        ]);
        let mut params = modern(params);
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = can;
        let stream = UnixStream::connect(socket(&self.desk, actor)).unwrap();
        let body = asked(method, params).to_string();
        result_or_error(exchange(stream, "POST /mcp", &headers, &body).event())
    }

    fn execute(&self, code: &str, can: Value) -> Value {
        let call = json!({"name": "execute_code", "arguments": {"code": code}});
        self.ask("one", "tools/call", "execute_code", call, can)
    }

    /// Runs a script whose call is a task. Its name.
    fn task(&self, code: &str) -> String {
        let begun = self.execute(code, able());
        assert_eq!(
            (&begun["resultType"], &begun["status"], &begun["ttlMs"]),
            (&json!("task"), &json!("working"), &Value::Null),
            "{begun}"
        );
        begun["taskId"].as_str().unwrap().to_owned()
    }

    fn of_task(&self, actor: &str, method: &str, task: &str, more: Value) -> Value {
        let mut params = more;
        params["taskId"] = json!(task);
        self.ask(actor, method, task, params, able())
    }

    /// How a task stands that does not run any more.
    fn settled(&self, task: &str) -> Value {
        let begun = Instant::now();
        loop {
            let stands = self.of_task("one", "tasks/get", task, json!({}));
            if stands["status"] != "working" {
                return stands;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{stands}");
        }
    }

    fn close(self) -> Desk {
        self.end.send_replace(true);
        self.executor.block_on(self.served).unwrap().unwrap();
        self.desk
    }
}

fn socket(desk: &Desk, actor: &str) -> PathBuf {
    desk.work().join(actor).join("rpc.sock")
}

/// What a client can that knows tasks and has forms.
fn able() -> Value {
    json!({"elicitation": {"form": {}}, "extensions": {TASKS: {}}})
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{result}"))
}

#[test]
fn web_04_a_call_that_takes_long_is_a_task_of_its_agent_alone() {
    let server = TaskServer::open(Duration::from_millis(50));
    let task = server.task(LONG);
    let missing = json!({"code": -32602, "message": "there is no such task"});
    for (method, more) in [
        ("tasks/get", json!({})),
        ("tasks/cancel", json!({})),
        (
            "tasks/update",
            json!({"inputResponses": {"approval-1": {"action": "accept"}}}),
        ),
    ] {
        assert_eq!(server.of_task("two", method, &task, more.clone()), missing);
        let unknown = "0".repeat(32);
        assert_eq!(server.of_task("one", method, &unknown, more), missing);
    }
    let stands = server.settled(&task);
    assert_eq!(
        (
            &stands["resultType"],
            &stands["status"],
            text(&stands["result"])
        ),
        (
            &json!("complete"),
            &json!("completed"),
            "at last\nvalue: 42\n"
        )
    );
    assert!(stands["ttlMs"].as_u64().unwrap() > 600_000, "{stands}");
    // It is over, and stays what it was.
    let ended = server.of_task("one", "tasks/cancel", &task, json!({}));
    assert_eq!(ended["resultType"], "complete", "{ended}");
    assert_eq!(server.settled(&task), stands);
    // What is short is answered, and whoever does not know tasks waits.
    let patient = TaskServer::open(Duration::from_mins(1));
    assert_eq!(text(&patient.execute("6 * 7", able())), "value: 42\n");
    patient.close();
    let waited = server.execute(LONG, json!({}));
    assert_eq!(text(&waited), "at last\nvalue: 42\n");
    let unable = server.ask(
        "one",
        "tasks/get",
        &task,
        json!({"taskId": task}),
        json!({}),
    );
    assert_eq!(unable["code"], -32021, "{unable}");
    server.close();
}

#[test]
fn a_task_that_is_cancelled_ends_what_runs_for_it() {
    let server = TaskServer::open(Duration::from_millis(50));
    let task = server.task("while True: pass");
    server.of_task("one", "tasks/cancel", &task, json!({}));
    let stands = server.settled(&task);
    assert_eq!(stands["status"], "cancelled", "{stands}");
    // What the journal says of it is on the disk once the server has ended.
    let desk = server.close();
    let mut list = desk.operator(&["journal", "list", "--json"]);
    let (_, listed, _) = finished(list.output().unwrap());
    let listed: Value = serde_json::from_str(listed.trim()).unwrap();
    assert_eq!(listed["status"], "cancelled", "{listed}");
}

#[test]
fn a_task_asks_its_person_and_goes_on_with_what_they_say() {
    let server = TaskServer::open(Duration::from_millis(50));
    let script = "import time
from services import crm
time.sleep(2)
first = crm.contact_add(name='Ada')['name']
time.sleep(2)
print(first, crm.contact_add(name='Eva')['name'])";
    let before = server.desk.contacts();
    let task = server.task(script);
    for round in ["approval-1", "approval-2"] {
        let stands = server.settled(&task);
        assert_eq!(stands["status"], "input_required", "{stands}");
        let asked = &stands["inputRequests"][round];
        assert_eq!(asked["method"], "elicitation/create", "{stands}");
        let fields = &asked["params"]["requestedSchema"]["properties"];
        let field = fields.as_object().unwrap().keys().next().unwrap();
        let agrees = json!({"action": "accept", "content": {field: "approve"}});
        // Nobody was asked this.
        let stale = json!({"inputResponses": {"approval-0": agrees, "approval": agrees}});
        server.of_task("one", "tasks/update", &task, stale);
        assert_eq!(
            server.settled(&task)["inputRequests"],
            stands["inputRequests"]
        );
        let said = json!({"inputResponses": {round: agrees}});
        let taken = server.of_task("one", "tasks/update", &task, said);
        assert_eq!(taken["resultType"], "complete", "{taken}");
        // It is not asked any more, sooner or later.
        while server.settled(&task)["inputRequests"] == stands["inputRequests"] {}
    }
    let stands = server.settled(&task);
    assert_eq!(stands["status"], "completed", "{stands}");
    assert_eq!(text(&stands["result"]).lines().next(), Some("Ada Eva"));
    assert_eq!(server.desk.contacts(), before + 2);
    server.close();
}
