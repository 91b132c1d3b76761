//! The conformance suite of MCP, for both revisions: against the product, which has none of the tools that the suite calls, and against
//! the server that it asks for behind the product's doors. What does not pass is in `tests/conformance`, strict both ways.

use super::{Server, fixtures::FixtureServer, listening, node};
use crate::support::{cache_dir, desk::Desk, repository};
use sandgate::{Host, Sandbox, SealKey, TokenStore};
use sandgate_server::{Door, Doors, Gatekeeper, ServerLimits, Who};
use std::{process::Command, time::Duration};
use tokio::sync::watch;

/// A token for the port of a server.
fn token(desk: &Desk) -> String {
    let mut command = desk.operator(&["token", "create", "--actor", "suite"]);
    command.args(["--context", "nothing", "--policies"]);
    let secret = command.arg(repository("policies")).output().unwrap();
    String::from_utf8(secret.stdout).unwrap().trim().to_owned()
}

/// The suite shows no token, so somebody adds one on the way. Where.
fn with_token(at: &str, secret: &str) -> (Server, String) {
    let mut proxy = Command::new("python3");
    proxy
        .arg(repository("tests/all/support/token_proxy.py"))
        .args([at.strip_prefix("http://").unwrap(), secret])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    listening(&mut proxy, "listening at ")
}

/// Runs the suite against whatever listens at a port, and expects what the files of a directory say to fail, and nothing else.
fn expect(port: &str, expected: &str) {
    let (node, suite) = node("@modelcontextprotocol/conformance", "0.2.0-alpha.12");
    for revision in ["2026-07-28", "2025-11-25"] {
        let failures = repository(&format!("tests/conformance/{expected}/{revision}.yml"));
        let results = tempfile::tempdir().unwrap();
        let ran = Command::new(&node)
            .arg(suite.join("dist/index.js"))
            .args(["server", "--url", &format!("http://127.0.0.1:{port}/mcp")])
            .args(["--requirements", revision, "--expected-failures"])
            .arg(std::path::absolute(failures).unwrap())
            .arg("-o")
            .arg(results.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        let summary = said
            .split_once("=== SUMMARY")
            .map_or(&*said, |(_, end)| end);
        assert!(ran.status.success(), "{revision}: {summary}");
    }
}

#[test]
fn the_conformance_suite_of_mcp_finds_what_is_written_down_and_nothing_else() {
    let desk = Desk::open();
    let secret = token(&desk);
    let arguments = ["--no-socket", "--listen", "127.0.0.1:0"];
    let mut serve = desk.serve(&repository("policies"), &arguments);
    let (_server, at) = listening(&mut serve, "listening at ");
    let (_proxy, port) = with_token(&at, &secret);
    expect(&port, "product");
}

/// The doors of the product, at a port, before the server that the suite asks for.
async fn fixtures(desk: &Desk) -> (Doors, String) {
    let host = Host::builder()
        .sandbox(Sandbox::builder().cache_dir(cache_dir()))
        .registrations(desk.state())
        .policies(repository("policies"));
    let tokens = TokenStore::open(&desk.state()).unwrap();
    let holders = Who::Holders {
        tokens,
        issuer: None,
    };
    let door = Door::tcp("127.0.0.1:0".parse().unwrap(), holders, &[]).unwrap();
    let (at, limits) = (door.place(), ServerLimits::default());
    let keeper = Gatekeeper::new(host.build().await.unwrap(), None, limits).unwrap();
    let doors = Doors::new(vec![door], keeper, SealKey::of(&desk.state()).unwrap());
    (doors.with_mcp(FixtureServer::new()), at)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite_of_mcp_finds_the_doors_right_before_a_server_that_has_what_it_calls()
{
    let desk = tokio::task::block_in_place(Desk::open);
    let secret = token(&desk);
    let (end, over) = watch::channel(false);
    let (doors, at) = fixtures(&desk).await;
    let served = tokio::spawn(doors.serve(over, Duration::ZERO));
    tokio::task::block_in_place(|| {
        let (_proxy, port) = with_token(&at, &secret);
        expect(&port, "fixtures");
    });
    end.send_replace(true);
    served.await.unwrap().unwrap();
    tokio::task::block_in_place(|| drop(desk));
}
