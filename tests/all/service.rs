//! Services as the operator meets them: registered from real sockets, shown, changed behind one's back, found, refused.

use sandgate::{
    policy::Effect,
    service::{Address, Client, ClientLimits, Reads, Registry, Store, Terms},
};
use sandgate_demo::{Crm, Serving};
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;

/// A state directory, and a place for sockets.
pub(crate) struct Scene {
    directory: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("sockets")).unwrap();
        Self { directory }
    }

    /// A CRM that listens among the sockets, under this name.
    pub(crate) fn crm(&self, name: &str) -> (PathBuf, Serving) {
        let socket = self.at("sockets").join(name);
        let serving = Crm::in_memory().serve(&socket).unwrap();
        (socket, serving)
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// What `sandgate service` comes to.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.command(&[&["service"], arguments].concat())
    }

    /// The command's exit code and what it printed, with what differs between runs replaced.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let directory = self.directory.path().to_str().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_sandgate"))
            .env_clear()
            .env("SANDGATE_STATE_DIR", self.at("state"))
            .env("SANDGATE_CACHE_DIR", crate::support::cache_dir())
            .env("HOME", self.at("home"))
            .args(arguments.iter().map(|one| one.replace("DIR", directory)))
            .output()
            .unwrap();
        let text = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            let text = text.replace(directory, "DIR");
            let mut lines: Vec<String> = text.lines().map(without_time).collect();
            lines.push(String::new());
            lines.join("\n")
        };
        let code = output.status.code().unwrap();
        format!(
            "$ sandgate {}\n{}{}[{code}]\n\n",
            arguments.join(" ").replace(directory, "DIR"),
            text(output.stdout).trim_start_matches('\n'),
            text(output.stderr).trim_start_matches('\n'),
        )
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(arguments);
        let body = text.split_once('\n').unwrap().1.rsplit_once('[').unwrap().0;
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn store(&self) -> Store {
        Store::open(&self.at("state")).unwrap()
    }

    fn registry(&self) -> Registry {
        let store = self.store();
        store.registry(&store.list().unwrap()).unwrap()
    }
}

/// `12 methods in 3.4 ms` is another number every time.
fn without_time(line: &str) -> String {
    match (line.split_once(" in "), line.split_once(" ms")) {
        (Some((before, _)), Some((_, after))) => format!("{before} in N ms{after}"),
        _ if line.contains("\"discover_ms\"") => "  \"discover_ms\": 0.0".to_owned(),
        _ => line.to_owned(),
    }
}

/// A service of the hero convention whose document can be changed while it runs.
struct Changing {
    document: Arc<Mutex<String>>,
    protocol: &'static str,
}

impl Changing {
    fn new(document: &Value) -> Self {
        Self {
            document: Arc::new(Mutex::new(document.to_string())),
            protocol: "openrpc",
        }
    }

    fn becomes(&self, document: &Value) {
        *self.document.lock().unwrap() = document.to_string();
    }

    fn serve(&self, socket: &Path) {
        let listener = UnixListener::bind(socket).unwrap();
        let (document, protocol) = (self.document.clone(), self.protocol);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut head = Vec::new();
                for line in (&mut stream).lines() {
                    let line = line.unwrap_or_default();
                    if line.is_empty() {
                        break;
                    }
                    head.push(line.to_ascii_lowercase());
                }
                let length = head
                    .iter()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                if stream.read_exact(&mut body).is_err() {
                    continue;
                }
                let answer = match serde_json::from_slice::<Value>(&body) {
                    Ok(request) => {
                        format!(
                            r#"{{"jsonrpc":"2.0","id":{},"result":{}}}"#,
                            request["id"],
                            document.lock().unwrap()
                        )
                    }
                    Err(_) => json!({"protocol": protocol, "status": "ok"}).to_string(),
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    answer.len()
                );
                let _ = stream.get_mut().write_all((head + &answer).as_bytes());
            }
        });
    }
}

fn document(methods: &[(&str, &str)]) -> Value {
    let methods: Vec<Value> = methods
        .iter()
        .map(|(name, parameter)| {
            json!({
                "name": name,
                "params": [{"name": parameter, "schema": {"type": "integer"}}],
                "result": {"name": "result", "schema": {"type": "boolean"}},
            })
        })
        .collect();
    json!({"openrpc": "1.2.6", "info": {"title": "Changing", "version": "1"}, "methods": methods})
}

#[test]
fn help_teaches_the_commands() {
    let scene = Scene::new();
    let all: String = ["--help", "add", "discover", "show", "refresh", "test"]
        .into_iter()
        .map(|command| match command {
            "--help" => scene.run(&["--help"]),
            command => scene.run(&[command, "--help"]),
        })
        .collect();
    insta::assert_snapshot!(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_registered_shown_tested_and_forgotten() {
    let scene = Scene::new();
    let (socket, _crm) = scene.crm("rpc.sock");
    let socket = socket.to_str().unwrap();
    let all: String = [
        &["list"] as &[&str],
        &["add", "crm", "--socket", socket],
        &["add", "crm", "--socket", socket],
        &[
            "add",
            "crm",
            "--socket",
            socket,
            "--trust",
            "--effect",
            "deal.close=destroy",
            "--replace",
        ],
        &["list"],
        &["show", "crm"],
        &["interface", "crm"],
        &["refresh"],
        &["test", "crm"],
        &["test", "crm", "contact.list", "{\"limit\": 2}"],
        &["test", "crm", "contact.list", "{\"limt\": 2}"],
        &[
            "test",
            "crm",
            "contact.list",
            "{\"limit\": 2, \"_context\": 3}",
        ],
        &["test", "crm", "contact.lst"],
        &["test", "crm", "deal.close", "[1]"],
        &["remove", "crm"],
        &["show", "crm"],
    ]
    .into_iter()
    .map(|arguments| scene.run(arguments))
    .collect();
    insta::assert_snapshot!(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_also_said_as_json() {
    let scene = Scene::new();
    let (socket, _crm) = scene.crm("rpc.sock");
    let added = scene.json(&["add", "crm", "--socket", socket.to_str().unwrap(), "--json"]);
    assert_eq!(added, scene.json(&["show", "crm", "--json"]));
    let mut brief = added.clone();
    for more in [
        "document",
        "trusted",
        "reads_are",
        "reads_by_name",
        "methods",
        "left_out",
    ] {
        brief.as_object_mut().unwrap().remove(more);
    }
    assert_eq!(json!([brief]), scene.json(&["list", "--json"]));
    insta::assert_json_snapshot!(added);
    insta::assert_json_snapshot!(scene.json(&["interface", "crm", "--json"]));
    insta::assert_json_snapshot!(scene.json(&["test", "crm", "--json"]));
    insta::assert_json_snapshot!(scene.json(&["refresh", "--json"]));
    insta::assert_json_snapshot!(scene.json(&["remove", "crm", "--json"]));
}

#[test]
fn names_and_places_that_cannot_be_are_refused_with_what_can() {
    let scene = Scene::new();
    let serving = Changing::new(&document(&[("contact.list", "limit")]));
    let socket = scene.at("sockets/rpc.sock");
    serving.serve(&socket);
    let socket = socket.to_str().unwrap();
    let missing = scene.at("sockets/none.sock");
    let bad = Changing::new(&json!({"swagger": "2.0"}));
    bad.serve(&scene.at("sockets/bad.sock"));
    let bad = scene.at("sockets/bad.sock");
    let mut all: String = ["Crm", "class", "aio", "sandgate", "a.b", "2x", "größe", ""]
        .into_iter()
        .map(|name| scene.run(&["add", name, "--socket", socket]))
        .collect();
    for arguments in [
        &["add", "crm"] as &[&str],
        &["add", "crm", "--socket", socket, "--lines", socket],
        &["add", "crm", "--socket", missing.to_str().unwrap()],
        &["add", "crm", "--socket", bad.to_str().unwrap()],
        &["add", "crm", "--url", "http://example.org/rpc"],
        &["add", "crm", "--socket", socket, "--effect", "contact.list"],
        &[
            "add",
            "crm",
            "--socket",
            socket,
            "--effect",
            "contact.list=delete",
        ],
        &[
            "add",
            "crm",
            "--socket",
            socket,
            "--effect",
            "contact.lst=read",
        ],
        &["list", "--json"],
        &["add", "crm", "--socket", socket],
        &["show", "crn"],
        &["remove", "crm2"],
        &["refresh", "other"],
    ] {
        all.push_str(&scene.run(arguments));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn svc_05_a_document_that_changes_waits_until_it_is_accepted() {
    let scene = Scene::new();
    let socket = scene.at("sockets/rpc.sock");
    let serving = Changing::new(&document(&[
        ("contact.list", "limit"),
        ("contact.add", "name"),
        ("contact.old", "x"),
    ]));
    serving.serve(&socket);
    let mut all = scene.run(&["add", "crm", "--socket", socket.to_str().unwrap()]);
    let offered = |method: &str| {
        let registry = scene.registry();
        registry.method("crm", method).map(|method| method.effect)
    };
    assert_eq!(offered("contact.list"), Some(Effect::Read));

    let changed = document(&[
        ("contact.list", "most"),
        ("contact.add", "name"),
        ("contact.purge", "x"),
        ("contact.export", "to"),
    ]);
    serving.becomes(&changed);
    all.push_str(&scene.run(&["refresh"]));
    // Nothing of it is offered: neither what is new nor what was there before.
    assert_eq!(
        (offered("contact.purge"), offered("contact.add")),
        (None, None)
    );
    all.push_str(&scene.run(&["list"]));
    all.push_str(&scene.run(&["show", "crm"]));
    all.push_str(&scene.run(&["test", "crm"]));

    // What is accepted is what was shown, and not what came after.
    serving.becomes(&document(&[
        ("contact.list", "most"),
        ("contact.wipe", "x"),
    ]));
    all.push_str(&scene.run(&["refresh", "crm", "--accept"]));
    assert_eq!(offered("contact.list"), None);

    serving.becomes(&changed);
    all.push_str(&scene.run(&["refresh", "crm"]));
    all.push_str(&scene.run(&["refresh", "crm", "--accept"]));
    assert_eq!(offered("contact.purge"), Some(Effect::Destroy));
    all.push_str(&scene.run(&["refresh", "crm", "--json"]));

    // A service that takes it back is offered again.
    serving.becomes(&document(&[]));
    all.push_str(&scene.run(&["refresh", "crm"]));
    serving.becomes(&changed);
    all.push_str(&scene.run(&["refresh", "crm"]));
    assert_eq!(offered("contact.purge"), Some(Effect::Destroy));
    insta::assert_snapshot!(all);
}

#[test]
fn a_document_that_changes_is_checked_against_the_policies_in_force() {
    let scene = Scene::new();
    let socket = scene.at("sockets/rpc.sock");
    let serving = Changing::new(&document(&[
        ("contact.list", "limit"),
        ("contact.add", "name"),
    ]));
    serving.serve(&socket);
    let context = scene.at("home/.config/sandgate/policies/office");
    fs::create_dir_all(&context).unwrap();
    fs::write(
        context.join("policy.cedar"),
        "@id(\"add\")\n@because(\"People add contacts.\")\n\
         permit (principal, action == Action::\"crm.contact.add\", resource);\n",
    )
    .unwrap();
    fs::write(context.join("limits.toml"), "hero_context = 1\n").unwrap();
    let mut all = scene.run(&["add", "crm", "--socket", socket.to_str().unwrap()]);

    serving.becomes(&document(&[("contact.add", "name")]));
    all.push_str(&scene.run(&["refresh"]));
    all.push_str(&scene.command(&["run", "-q", "-c", "print(1)", "--context", "office"]));
    all.push_str(&scene.run(&["refresh", "--accept"]));

    serving.becomes(&document(&[("contact.put", "name")]));
    all.push_str(&scene.run(&["refresh"]));
    all.push_str(&scene.command(&["policy", "check", "DIR/home/.config/sandgate/policies"]));
    insta::assert_snapshot!(all);
}

#[test]
fn svc_05_only_what_a_document_says_counts_and_not_how_it_is_written() {
    let scene = Scene::new();
    let mut store = scene.store();
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let compact = r#"{"openrpc":"1.2.6","info":{"title":"x","version":"1"},"methods":[]}"#;
    let spread = "{ \"methods\": [ ],\n\"info\": {\"version\": \"1\", \"title\": \"\\u0078\"}, \"openrpc\": \"1.2.6\" }";
    store
        .add("x", &address, &Terms::default(), compact.as_bytes(), false)
        .unwrap();
    assert_eq!(
        store.refresh("x", spread.as_bytes()).unwrap(),
        sandgate::service::Refreshed::Same
    );
}

#[test]
fn sec_05_what_is_not_there_what_waits_and_what_is_spelt_otherwise_are_the_same_nothing() {
    let scene = Scene::new();
    let mut store = scene.store();
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let before = document(&[("contact.list", "limit")]).to_string();
    for name in ["crm", "waits"] {
        store
            .add(name, &address, &Terms::default(), before.as_bytes(), false)
            .unwrap();
    }
    store
        .refresh("waits", document(&[]).to_string().as_bytes())
        .unwrap();
    let registry = store.registry(&store.list().unwrap()).unwrap();
    assert!(registry.method("crm", "contact.list").is_some());
    for (service, method) in [
        ("crm", "contact.add"),
        ("crm", "Contact.list"),
        ("crm", ""),
        ("waits", "contact.list"),
        ("other", "contact.list"),
        ("CRM", "contact.list"),
        ("crm ", "contact.list"),
        ("", ""),
    ] {
        assert!(
            registry.method(service, method).is_none(),
            "{service:?} {method:?}"
        );
    }
    assert_eq!(registry.names().collect::<Vec<_>>(), ["crm"]);
}

#[test]
fn pol_09_a_service_that_lies_about_what_it_does_is_believed_only_by_the_operator_s_word() {
    let scene = Scene::new();
    let mut lying = document(&[
        ("contact.delete", "id"),
        ("contact.frob", "id"),
        ("contact.get", "id"),
    ]);
    for (at, says) in [(0, "read"), (1, "read"), (2, "destroy")] {
        lying["methods"][at]["x-effect"] = says.into();
    }
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let effects = |terms: &Terms| -> Vec<Effect> {
        let lying = lying.to_string();
        let service = scene
            .store()
            .add("x", &address, terms, lying.as_bytes(), true)
            .unwrap();
        service.methods().map(|method| method.effect).collect()
    };
    let mut terms = Terms::default();
    // That it does more than is known is believed of anybody.
    assert_eq!(
        effects(&terms),
        [Effect::Destroy, Effect::Write, Effect::Destroy]
    );
    terms.reads = Reads::Declared;
    assert_eq!(
        effects(&terms),
        [Effect::Destroy, Effect::Write, Effect::Destroy]
    );
    terms.trusted = true;
    assert_eq!(
        effects(&terms),
        [Effect::Read, Effect::Read, Effect::Destroy]
    );
    terms
        .effects
        .insert("contact.frob".to_owned(), Effect::Destroy);
    assert_eq!(
        effects(&terms),
        [Effect::Read, Effect::Destroy, Effect::Destroy]
    );
}

#[test]
fn pol_09_reads_that_only_a_name_vouches_for_are_listed_with_what_to_do_about_them() {
    let scene = Scene::new();
    let mut told = document(&[
        ("contact.list", "limit"),
        ("contact.get", "id"),
        ("contact.get_history", "id"),
        ("contact.list_transfer", "id"),
        ("contact.get_and_reset", "id"),
        ("contact.frob", "id"),
        ("contact.search", "text"),
    ]);
    for (at, says) in [(0, "read"), (5, "read"), (6, "write")] {
        told["methods"][at]["x-effect"] = says.into();
    }
    let socket = scene.at("sockets/rpc.sock");
    Changing::new(&told).serve(&socket);
    let add = |more: &[&str]| {
        // Anew, since what was said before is kept by `--replace`.
        let _ = scene.run(&["remove", "crm"]);
        let usual = ["add", "crm", "--socket", socket.to_str().unwrap()];
        scene.run(&[&usual, more].concat()) + &scene.run(&["show", "crm"])
    };
    let mut all = add(&[]);
    all.push_str(&add(&[
        "--effect",
        "contact.get=read",
        "--effect",
        "contact.get_history=read",
    ]));
    all.push_str(&add(&["--trust"]));
    all.push_str(&add(&[
        "--reads",
        "declared",
        "--effect",
        "contact.get=read",
    ]));
    all.push_str(&add(&["--reads", "declared", "--trust"]));
    let never = [
        "add",
        "crm",
        "--replace",
        "--socket",
        socket.to_str().unwrap(),
        "--reads",
        "never",
    ];
    all.push_str(&(scene.run(&never) + &scene.run(&["show", "crm"])));
    insta::assert_snapshot!(all);
}

#[test]
fn pol_09_that_no_name_vouches_is_kept_and_what_was_kept_before_reads_as_before() {
    let scene = Scene::new();
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let body = document(&[("contact.list", "limit"), ("contact.purge", "id")]).to_string();
    let effects = || {
        let registry = scene.registry();
        ["contact.list", "contact.purge"]
            .map(|method| registry.method("crm", method).unwrap().effect)
    };
    let kept = || -> String {
        let database = rusqlite::Connection::open(scene.at("state/registry.db")).unwrap();
        database
            .query_row("SELECT terms FROM services", [], |row| row.get(0))
            .unwrap()
    };
    for (reads, terms, expected) in [
        (
            Reads::Named,
            r#"{"trusted":false,"effects":{},"free":[]}"#,
            [Effect::Read, Effect::Destroy],
        ),
        (
            Reads::Declared,
            r#"{"trusted":false,"reads":"declared","effects":{},"free":[]}"#,
            [Effect::Write, Effect::Destroy],
        ),
    ] {
        let said = Terms {
            reads,
            ..Terms::default()
        };
        scene
            .store()
            .add("crm", &address, &said, body.as_bytes(), true)
            .unwrap();
        assert_eq!((kept().as_str(), effects()), (terms, expected));
    }
}

#[test]
fn pol_06_sockets_of_every_layout_are_found_and_those_for_people_are_never_called() {
    let scene = Scene::new();
    let base = scene.at("sockets");
    let serving = Changing::new(&document(&[("contact.list", "limit")]));
    for path in [
        "hero_biz/rpc.sock",
        "flat.sock",
        "hero_books_server.sock",
        "hero_osis_server/geomind/calendar.sock",
        "hero-proxy/rpc.sock",
    ] {
        fs::create_dir_all(base.join(path).parent().unwrap()).unwrap();
        serving.serve(&base.join(path));
    }
    // These answer whoever connects to them, if anybody does.
    let people = [
        "hero_biz/admin.sock",
        "hero_biz/ui.sock",
        "hero_books_ui.sock",
        "flat_admin.sock",
        "hero_osis_server/geomind/ui.sock",
    ]
    .map(|path| {
        let listener = UnixListener::bind(base.join(path)).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    });
    let pages = Changing {
        protocol: "ui",
        ..Changing::new(&document(&[]))
    };
    pages.serve(&base.join("pages.sock"));
    UnixListener::bind(base.join("open.sock")).unwrap();
    fs::set_permissions(base.join("open.sock"), Permissions::from_mode(0o777)).unwrap();
    symlink(base.join("flat.sock"), base.join("link.sock")).unwrap();
    symlink(base.join("hero_biz"), base.join("linked")).unwrap();
    fs::write(base.join("file.sock"), "").unwrap();
    drop(UnixListener::bind(base.join("dead.sock")).unwrap());
    // A child of another test has it until it is another program.
    while UnixStream::connect(base.join("dead.sock")).is_ok() {}

    let base = base.to_str().unwrap();
    let mut all = scene.run(&["discover", "--sockets-dir", base]);
    all.push_str(&scene.run(&["list", "--json"]));
    all.push_str(&scene.run(&["discover", "--sockets-dir", base, "--add"]));
    all.push_str(&scene.run(&[
        "discover",
        "--sockets-dir",
        base,
        "--sockets-dir",
        "/nonexistent",
        "--json",
    ]));
    all.push_str(&scene.run(&["list"]));
    all.push_str(&scene.run(&["discover"]));
    insta::assert_snapshot!(all);
    for listener in people {
        assert_eq!(
            listener.accept().unwrap_err().kind(),
            std::io::ErrorKind::WouldBlock,
            "somebody connected"
        );
    }
}

#[test]
fn pol_06_a_socket_that_others_could_replace_is_not_registered() {
    let scene = Scene::new();
    let serving = Changing::new(&document(&[("contact.list", "limit")]));
    let socket = scene.at("sockets/rpc.sock");
    serving.serve(&socket);
    let add = || {
        scene.run(&[
            "add",
            "crm",
            "--replace",
            "--socket",
            socket.to_str().unwrap(),
        ])
    };
    let mut all = add();
    fs::set_permissions(&socket, Permissions::from_mode(0o777)).unwrap();
    all.push_str(&add());
    fs::set_permissions(&socket, Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(scene.at("sockets"), Permissions::from_mode(0o777)).unwrap();
    all.push_str(&add());
    fs::set_permissions(scene.at("sockets"), Permissions::from_mode(0o700)).unwrap();
    let link = scene.at("sockets/link.sock");
    symlink(&socket, &link).unwrap();
    all.push_str(&scene.run(&[
        "add",
        "crm",
        "--replace",
        "--socket",
        link.to_str().unwrap(),
    ]));
    insta::assert_snapshot!(all);
}

#[test]
fn the_state_directory_is_its_owners_alone() {
    let scene = Scene::new();
    scene.run(&["list"]);
    let mode = |path: &str| fs::metadata(scene.at(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("state"), 0o700);
    fs::set_permissions(scene.at("state"), Permissions::from_mode(0o755)).unwrap();
    insta::assert_snapshot!(scene.run(&["list"]));
}

#[test]
fn svc_05_a_kept_document_that_was_tampered_with_is_not_offered() {
    let scene = Scene::new();
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let kept = document(&[("contact.list", "limit")]).to_string();
    scene
        .store()
        .add("x", &address, &Terms::default(), kept.as_bytes(), false)
        .unwrap();
    let database = rusqlite::Connection::open(scene.at("state/registry.db")).unwrap();
    let changed = "UPDATE documents SET body = replace(body, 'contact.list', 'contact.lost')";
    assert_eq!(database.execute(changed, []).unwrap(), 1);
    let registry = scene.registry();
    assert!(registry.service("x").is_none());
    insta::assert_snapshot!(scene.run(&["show", "x"]));
}

#[test]
fn svc_04_a_service_that_the_policies_of_a_context_do_not_name_costs_its_runs_nothing() {
    let scene = Scene::new();
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    for name in ["crm", "other"] {
        let kept = document(&[("contact.list", "limit"), (name, "x")]).to_string();
        let mut store = scene.store();
        let terms = Terms::default();
        store
            .add(name, &address, &terms, kept.as_bytes(), false)
            .unwrap();
    }
    // Whoever reads this document notices.
    let database = rusqlite::Connection::open(scene.at("state/registry.db")).unwrap();
    let changed = "UPDATE documents SET body = '[' WHERE hash = (SELECT document FROM services WHERE name = 'other')";
    assert_eq!(database.execute(changed, []).unwrap(), 1);
    let mut all = String::new();
    for (context, scope) in [
        ("named", "action == Action::\"crm.contact.list\", resource"),
        (
            "group",
            "action in Action::\"read\", resource == Service::\"crm\"",
        ),
        (
            "both",
            "action in Action::\"read\", resource == Service::\"other\"",
        ),
        ("any", "action in Action::\"read\", resource"),
    ] {
        let policies = scene.at("home/.config/sandgate/policies");
        let directory = policies.join(context);
        fs::create_dir_all(&directory).unwrap();
        let text = format!("@because(\"x\")\npermit (principal, {scope});\n");
        fs::write(directory.join("policy.cedar"), text).unwrap();
        fs::write(directory.join("limits.toml"), "hero_context = 1\n").unwrap();
        let script = "from services import crm\nprint(callable(crm.contact_list))";
        all.push_str(&scene.command(&["run", "-q", "-c", script, "--context", context]));
    }
    insta::assert_snapshot!(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_question_is_all_that_a_registration_asks() {
    let scene = Scene::new();
    let (socket, _crm) = scene.crm("rpc.sock");
    let address = Address::http(&socket).unwrap();
    let document = Client::new(ClientLimits::default())
        .discover(&address)
        .await
        .unwrap();
    let mut store = scene.store();
    let service = store
        .add(
            "crm",
            &address,
            &Terms::default(),
            document.get().as_bytes(),
            false,
        )
        .unwrap();
    let registry = store.registry(&store.list().unwrap()).unwrap();
    let loaded = registry.service("crm").unwrap();
    assert_eq!(
        (loaded.text(), loaded.stub()),
        (service.text(), service.stub())
    );
    assert_eq!(loaded.interface(), service.interface());
    assert_eq!(Registry::of([service]).names().collect::<Vec<_>>(), ["crm"]);
}
