//! A registered service as a file beside policies, and services that are found.

use crate::service::Scene;
use serde_json::{Value, json};
use std::{fs, process::Command};

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_checked_elsewhere_with_the_effects_of_the_registration() {
    let scene = Scene::new();
    let (socket, _crm) = scene.crm("crm.sock");
    let socket = socket.to_str().unwrap();
    // The operator overrules the document in both directions.
    scene.run(&[
        "add",
        "crm",
        "--socket",
        socket,
        "--trust",
        "--effect",
        "deal.close=destroy",
        "--effect",
        "contact.update=read",
    ]);
    let exported = scene.json(&["export", "crm"]);
    let services = scene.at("policies/services");
    fs::create_dir_all(&services).unwrap();
    fs::write(services.join("crm.json"), exported.to_string()).unwrap();
    let context = scene.at("policies/office");
    fs::create_dir(&context).unwrap();
    let policy = "@because(\"Reading is free.\")\npermit (principal, action in Action::\"read\", resource);\n";
    fs::write(context.join("policy.cedar"), policy).unwrap();
    fs::write(context.join("limits.toml"), "hero_context = 4\n").unwrap();
    let verdict = |policies: &str, method: &str, params: &str| {
        let said = scene.command(&[
            "policy",
            "explain",
            "--policies",
            policies,
            "--context",
            "office",
            "crm",
            method,
            params,
        ]);
        said.lines().nth(1).unwrap().to_owned()
    };
    // Without `services` the registered ones count.
    fs::create_dir(scene.at("registered")).unwrap();
    let status = Command::new("cp")
        .arg("-R")
        .arg(&context)
        .arg(scene.at("registered"))
        .status();
    assert!(status.unwrap().success());
    for (method, params, expected) in [
        ("contact.list", "{}", "allowed"),
        ("contact.update", "{\"id\": 1}", "allowed"),
        ("deal.close", "{\"id\": 1}", "refused"),
    ] {
        let expected =
            format!("`crm.{method}` is {expected}, for actor `script` of context `office`");
        assert_eq!(verdict("DIR/registered", method, params), expected);
        assert_eq!(verdict("DIR/policies", method, params), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relative_directory_of_sockets_holds_the_same_sockets() {
    let scene = Scene::new();
    let (socket, _crm) = scene.crm("crm.sock");
    scene.run(&["add", "crm", "--socket", socket.to_str().unwrap()]);
    let discovered = |directory: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_sandgate"))
            .env_clear()
            .env("SANDGATE_STATE_DIR", scene.at("state"))
            .current_dir(scene.at(""))
            .args(["service", "discover", "--sockets-dir", directory, "--json"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let found = discovered("sockets");
    assert_eq!(found, discovered(scene.at("sockets").to_str().unwrap()));
    assert_eq!(
        serde_json::from_str::<Value>(&found).unwrap()[0]["registered"],
        json!("crm")
    );
}
