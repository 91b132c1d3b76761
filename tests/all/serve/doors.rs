//! Who is let in by the doors of `sandgate serve`, and everything that somebody could try who is not.

use super::{HEADERS, Server, asked, token};
use crate::support::{desk::Desk, finished, repository};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

#[test]
fn web_01_a_page_of_a_browser_is_not_let_in() {
    let desk = Desk::open();
    let server = Server::start(
        &desk,
        &repository("policies"),
        &["--listen", "127.0.0.1:0", "--host", "gate.example"],
    );
    let secret = format!(
        "Bearer {}",
        token(&desk, &["--actor", "bot", "--context", "assistant"])
    );
    let body = asked("list_services", json!({})).to_string();
    let port = server.port.clone().unwrap();
    let foreign = json!({"error": {"message": "this server is not called that"}});
    let page = json!({"error": {"message": "pages of browsers are not let in"}});
    for (host, status) in [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        (port.as_str(), 200),
        ("[::1]:80", 200),
        ("gate.example", 200),
        ("evil.example", 403),
        ("localhost.", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
        ("127.0.0.1:80:80", 403),
        ("", 403),
    ] {
        let headers = [HEADERS[0], ("Host", host), ("Authorization", &secret)];
        for path in ["POST /rpc", "POST /mcp"] {
            let answered = server.by_port(path, &headers, &body);
            if status == 403 {
                assert_eq!(
                    (answered.status, answered.json()),
                    (403, foreign.clone()),
                    "{host}"
                );
            } else if path == "POST /rpc" {
                assert_eq!(answered.status, status, "{host}");
            }
        }
    }
    // What comes from here is no page of anybody else.
    let own = [
        HEADERS[0],
        ("Origin", "http://localhost"),
        ("Authorization", &secret),
    ];
    assert_eq!(server.by_port("POST /rpc", &own, &body).status, 200);
    for origin in ["null", "http://localhost:1", "https://evil.example", ""] {
        let headers = [HEADERS[0], ("Origin", origin), ("Authorization", &secret)];
        for path in ["POST /rpc", "POST /mcp", "GET /health"] {
            let answered = server.by_port(path, &headers, &body);
            assert_eq!(
                (answered.status, answered.json()),
                (403, page.clone()),
                "{origin}"
            );
        }
        let answered = server.request("POST /rpc", &headers[..2], &body);
        assert_eq!(
            (answered.status, answered.json()),
            (403, page.clone()),
            "{origin}"
        );
    }
    server.end_quietly();
}

#[test]
fn web_03_what_is_too_long_is_refused_unread() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let long = "x".repeat(140 << 10);
    let answered = server.request("POST /rpc", &[("X-Long", &long)], "{}");
    assert_eq!(answered.status, 431);
    let many = vec![("X-Many", "1"); 70];
    assert_eq!(server.request("POST /rpc", &many, "{}").status, 431);
    let body = format!("{{\"code\": \"{}\"}}", "x".repeat(16 << 20));
    let answered = server.request("POST /rpc", &HEADERS, &body);
    let message = "the request is longer than 16 MiB, or was cut off";
    assert_eq!(
        (answered.status, answered.json()),
        (413, json!({"error": {"message": message}}))
    );
    assert_eq!(server.execute("1")["status"], "ok");
    server.end_quietly();
}

/// An issuer with a key of Ed25519, whose files are in a directory.
struct Issuer {
    place: PathBuf,
    key: Ed25519KeyPair,
}

impl Issuer {
    fn open(place: PathBuf) -> Self {
        let issuer = Self {
            key: fresh_key(),
            place,
        };
        let terms = "issuer = \"https://login.example.org\"\naudience = \"sandgate\"\nalgorithm = \"EdDSA\"\nkeys = \"jwks.json\"\n\n[claims]\nuser = \"email\"\n";
        fs::write(issuer.terms(), terms).unwrap();
        issuer.publish();
        issuer
    }

    fn terms(&self) -> PathBuf {
        self.place.join("issuer.toml")
    }

    /// As a program that fetches keys does it.
    fn publish(&self) {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]});
        let new = self.place.join("new.json");
        fs::write(&new, keys.to_string()).unwrap();
        fs::rename(&new, self.place.join("jwks.json")).unwrap();
    }

    fn token(&self, contexts: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let said = json!({
            "iss": "https://login.example.org", "aud": "sandgate", "exp": now.as_secs() + 300,
            "client_id": "bot", "email": "ada@example.org", "contexts": contexts
        });
        let [header, said] =
            [json!({"alg": "EdDSA"}), said].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{said}");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes()));
        format!("Bearer {text}.{signature}")
    }
}

fn fresh_key() -> Ed25519KeyPair {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()
}

#[test]
fn web_02_a_token_of_the_operator_s_issuer_lets_in_as_whom_it_names() {
    let desk = Desk::open();
    let mut issuer = Issuer::open(desk.work());
    let terms = issuer.terms();
    let ports = [
        "--listen",
        "127.0.0.1:0",
        "--issuer",
        terms.to_str().unwrap(),
    ];
    let server = Server::start(&desk, &repository("policies"), &ports);
    let run = |token: &str, code: &str| {
        let headers = [HEADERS[0], ("Authorization", token)];
        let body = asked("execute_code", json!({"code": code})).to_string();
        let answered = server.by_port("POST /rpc", &headers, &body);
        (answered.status, answered.json())
    };
    let read = "from services import crm\ncrm.stats_count()['contacts']";
    let (status, answer) = run(&issuer.token("read_only"), read);
    assert_eq!(
        (status, &answer["result"]["value"]["json"]),
        (200, &json!(7))
    );
    // The journal says for whom it ran.
    let row = loop {
        let listed = desk.operator(&["journal", "list", "--json"]).output();
        let (_, listed, _) = finished(listed.unwrap());
        // What was only read is written a moment after it is answered.
        if let Some(row) = listed.lines().next() {
            break serde_json::from_str::<Value>(row).unwrap();
        }
    };
    assert_eq!(
        (&row["context"], &row["actor"], &row["user"]),
        (
            &json!("read_only"),
            &json!("bot"),
            &json!("ada@example.org")
        )
    );
    let refused = |message: &str| json!({"error": {"message": message}});
    assert_eq!(
        run(&issuer.token("nowhere"), read),
        (403, refused("there is no context for you"))
    );
    let worthless = (401, refused("this token is worth nothing"));
    let before = issuer.token("read_only");
    issuer.key = fresh_key();
    assert_eq!(run(&issuer.token("read_only"), read), worthless);
    // The keys of the issuer change while the server runs.
    issuer.publish();
    assert_eq!(run(&issuer.token("read_only"), read).0, 200);
    assert_eq!(run(&before, read), worthless);
    // Tokens of our own go on to count, and the desk takes no others.
    let own = token(&desk, &["--actor", "own", "--context", "read_only"]);
    assert_eq!(run(&format!("Bearer {own}"), read).0, 200);
    server.end_quietly();
    for (text, why) in [
        ("issuer = \"x\"\n", "missing field `audience`"),
        (
            "issuer = \"x\"\naudience = \"y\"\nalgorithm = \"none\"\nkeys = \"jwks.json\"\n",
            "unknown variant `none`, expected one of `RS256`, `ES256`, `EdDSA`",
        ),
        (
            "issuer = \"x\"\naudience = \"y\"\nalgorithm = \"RS256\"\nkeys = \"jwks.json\"\n",
            "none of them is for RS256",
        ),
    ] {
        fs::write(&terms, text).unwrap();
        let output = desk
            .serve(&repository("policies"), &ports)
            .output()
            .unwrap();
        let (code, _, said) = finished(output);
        assert_eq!(code, 64, "{said}");
        assert!(
            said.contains("names no issuer") && said.contains(why),
            "{said}"
        );
    }
}

#[test]
fn web_02_a_token_lets_in_as_whom_it_stands_for_and_nobody_else() {
    let desk = Desk::open();
    let server = Server::start(&desk, &repository("policies"), &["--listen", "127.0.0.1:0"]);
    let one = token(
        &desk,
        &["--actor", "bot", "--context", "assistant", "--user", "ada"],
    );
    let two = token(
        &desk,
        &[
            "--actor",
            "bot",
            "--context",
            "assistant",
            "--context",
            "read_only",
        ],
    );
    let body = asked("list_services", json!({})).to_string();
    let ask = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = HEADERS.iter().chain(headers).copied().collect();
        let answered = server.by_port("POST /rpc", &headers, &body);
        let message = answered.json()["error"]["message"].clone();
        (answered.status, message)
    };
    let show =
        "show a token: `Authorization: Bearer sandgate_…`; `sandgate token create` makes one";
    let worthless = "this token is worth nothing";
    let (bearer_one, bearer_two) = (format!("Bearer {one}"), format!("bearer {two}"));
    let (longer, shorter) = (
        format!("Bearer {one}0"),
        format!("Bearer {}", &one[..one.len() - 1]),
    );
    let basic = format!("Basic {one}");
    for (headers, status, message) in [
        (
            vec![("Authorization", bearer_one.as_str())],
            200,
            Value::Null,
        ),
        (vec![], 401, json!(show)),
        (vec![("Authorization", one.as_str())], 401, json!(show)),
        (vec![("Authorization", basic.as_str())], 401, json!(show)),
        (vec![("Authorization", "Bearer ")], 401, json!(show)),
        (
            vec![("Authorization", longer.as_str())],
            401,
            json!(worthless),
        ),
        (
            vec![("Authorization", shorter.as_str())],
            401,
            json!(worthless),
        ),
        (
            vec![
                ("Authorization", bearer_one.as_str()),
                ("Authorization", bearer_two.as_str()),
            ],
            400,
            json!("the header `authorization` cannot be used"),
        ),
        // THREAT[POL-01]: a context that there is, and one that there is not, are one to whoever may use neither.
        (
            vec![
                ("Authorization", bearer_one.as_str()),
                ("Sandgate-Context", "operator"),
            ],
            403,
            json!("there is no context `operator` for you"),
        ),
        (
            vec![
                ("Authorization", bearer_one.as_str()),
                ("Sandgate-Context", "nowhere"),
            ],
            403,
            json!("there is no context `nowhere` for you"),
        ),
        (
            vec![("Authorization", bearer_two.as_str())],
            400,
            json!(
                "name one of your contexts in the header `sandgate-context`: assistant, read_only"
            ),
        ),
        (
            vec![
                ("Authorization", bearer_two.as_str()),
                ("Sandgate-Context", "read_only"),
            ],
            200,
            Value::Null,
        ),
        // Whoever comes over the network is believed nothing of the kind.
        (
            vec![
                ("Authorization", bearer_one.as_str()),
                ("X-Hero-Context", "1"),
                ("X-Hero-User", "root"),
            ],
            200,
            Value::Null,
        ),
    ] {
        assert_eq!(ask(&headers), (status, message), "{headers:?}");
    }
    // The way in without a token is not the way to health.
    assert_eq!(server.by_port("GET /health", &[], "").status, 200);
    assert_eq!(server.by_port("GET /openrpc.json", &[], "").status, 401);
    let (_, listed, _) = finished(
        desk.operator(&["token", "list", "--json"])
            .output()
            .unwrap(),
    );
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    let revoked = finished(desk.operator(&["token", "revoke", id]).output().unwrap());
    assert_eq!(
        revoked,
        (0, format!("revoked {id}, of bot\n"), String::new())
    );
    assert_eq!(
        ask(&[("Authorization", &bearer_one)]),
        (401, json!(worthless))
    );
    let again = finished(desk.operator(&["token", "revoke", id]).output().unwrap());
    assert_eq!((again.0, again.1.as_str()), (64, ""));
    server.end_quietly();
}

#[test]
fn web_02_the_socket_is_its_owners_alone() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&server.socket), mode(server.socket.parent().unwrap())),
        (0o600, 0o700)
    );
    // Nobody takes it over while somebody answers there, and what is left of one that was killed is no hindrance.
    let second = desk.serve(&repository("policies"), &[]).output().unwrap();
    let (code, _, said) = finished(second);
    assert_eq!(code, 64);
    assert!(said.contains("another process listens at"), "{said}");
    server.signal(Signal::KILL);
    let mut killed = server;
    killed.process.wait().unwrap();
    assert!(killed.socket.exists());
    let server = Server::assistant(&desk);
    assert_eq!(server.execute("1")["status"], "ok");
    server.end_quietly();
    let file = desk.work().join("file");
    fs::write(&file, "kept").unwrap();
    let file_name = file.to_str().unwrap();
    let mut command = desk.serve(&repository("policies"), &["--socket", file_name]);
    let (code, _, said) = finished(command.output().unwrap());
    assert_eq!(code, 64);
    assert!(
        said.contains("is there already, and is no socket"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(file).unwrap(), "kept");
}

#[test]
fn pol_01_whom_a_process_asks_for_is_believed_where_the_operator_says_so() {
    let desk = Desk::open();
    let body = asked("list_services", json!({})).to_string();
    let headers = |context: &'static str| {
        [
            HEADERS[0],
            ("X-Hero-Context", context),
            ("X-Hero-User", "ada"),
        ]
    };
    // `read_only` is number 2 to services, and `assistant` number 3.
    let server = Server::start(&desk, &repository("policies"), &["--trust-headers"]);
    for (context, status) in [
        ("3", 200),
        ("0", 403),
        ("77", 403),
        ("assistant", 403),
        ("03", 403),
    ] {
        let answered = server.request("POST /rpc", &headers(context), &body);
        assert_eq!(answered.status, status, "{context}: {}", answered.body);
    }
    let both = [
        HEADERS[0],
        ("X-Hero-Context", "3"),
        ("Sandgate-Context", "read_only"),
    ];
    assert_eq!(server.request("POST /rpc", &both, &body).status, 400);
    server.end_quietly();
    let server = Server::start(&desk, &repository("policies"), &[]);
    let answered = server.request("POST /rpc", &headers("3"), &body);
    assert_eq!(
        answered.json(),
        json!({"error": {"message": "name one of your contexts in the header `sandgate-context`: assistant, nothing, operator, read_only"}})
    );
    server.end_quietly();
}

#[test]
fn web_07_errors_are_json_and_repeat_nothing_that_was_sent() {
    let desk = Desk::open();
    let server = Server::assistant(&desk);
    for request in ["GET /hostile", "POST /rpc?hostile", "PUT /mcp/hostile"] {
        let answered = server.request(
            request,
            &[("X-Sent", "hostile"), ("Content-Type", "hostile")],
            "hostile",
        );
        assert_eq!(
            answered.headers["content-type"], "application/json",
            "{request}"
        );
        assert_eq!(answered.body.find("hostile"), None, "{}", answered.body);
        assert!(answered.status >= 400 && answered.json()["error"]["message"].is_string());
    }
    server.end_quietly();
}
