//! The demonstration's CRM: what it answers, in the hero convention and in JSON-RPC, and that its document is true.

use crate::support::identity;
use sandgate::service::{Address, CallError, Client, ClientLimits, Identity};
use sandgate_demo::Crm;
use serde_json::{Value, json, value::RawValue};
use std::path::{Path, PathBuf};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// A CRM of its own, on a socket.
struct Scene {
    directory: tempfile::TempDir,
    _serving: sandgate_demo::Serving,
}

impl Scene {
    fn new(crm: Crm) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let _serving = crm.serve(&directory.path().join("crm/rpc.sock")).unwrap();
        Self {
            directory,
            _serving,
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("crm/rpc.sock")
    }

    /// Sends what is given after the method and path, byte by byte, and returns status line and body.
    async fn http(&self, request: &str, headers: &str, body: &str) -> (String, String) {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        let request = format!(
            "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// The body that answers a body, in context 1.
    async fn rpc(&self, body: &str) -> (String, String) {
        self.http("POST /rpc", "x-hero-context: 1\r\n", body).await
    }
}

/// A context of this number; 0 is an administrator.
fn context(number: u32) -> Identity {
    identity("a", number, None, &[])
}

async fn call(socket: &Path, who: &Identity, method: &str, params: Value) -> Result<Value, String> {
    let client = Client::new(ClientLimits::default());
    let params = RawValue::from_string(params.to_string()).unwrap();
    let to = Address::http(socket).unwrap();
    match client.call(&to, who, method, &params).await {
        Ok(result) => Ok(serde_json::from_str(result.get()).unwrap()),
        Err(CallError::Service(error)) => Err(format!("{} {}", error.code, error.message)),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn contacts_companies_and_deals_are_kept() {
    let scene = Scene::new(Crm::in_memory());
    let socket = scene.socket();
    let who = context(1);
    let did = async |method: &str, params: Value| call(&socket, &who, method, params).await;
    let chiara = json!({"id": 3, "name": "Chiara Rossi", "email": "chiara@kestrel.example", "company_id": 3});
    let ivo = json!({"id": 8, "name": "Ivo", "email": null, "company_id": 1});
    let table = [
        (
            "contact.list",
            json!({"limit": 1, "offset": 2}),
            Ok(json!([chiara])),
        ),
        (
            "contact.list",
            json!([0]),
            Err("-32602 `limit` must be 1 to 100"),
        ),
        ("contact.get", json!([3]), Ok(chiara.clone())),
        (
            "contact.get",
            json!({"id": 99}),
            Err("-32004 contact 99 does not exist"),
        ),
        (
            "contact.get",
            json!({"id": "3"}),
            Err("-32602 invalid type: string \"3\", expected u32"),
        ),
        (
            "contact.get",
            json!({"id": 3, "_context": 0}),
            Err("-32602 unknown field `_context`, expected `id`"),
        ),
        (
            "contact.get",
            json!([3, 4]),
            Err("-32602 at most 1 parameters are taken"),
        ),
        ("contact.find", json!({"query": "YILMAZ"}), Ok(json!([]))),
        (
            "contact.find",
            json!({"query": "KESTREL"}),
            Ok(json!([
                chiara, {"id": 5, "name": "Elif Yılmaz", "email": "elif@kestrel.example", "company_id": 3}
            ])),
        ),
        (
            "contact.add",
            json!({"name": "Ivo", "company_id": 1}),
            Ok(ivo),
        ),
        (
            "contact.add",
            json!({"name": "Jana", "company_id": 9}),
            Err("-32004 company 9 does not exist"),
        ),
        (
            "contact.add",
            json!({"name": ""}),
            Err("-32602 `name` must have 1 to 200 characters"),
        ),
        (
            "contact.add",
            json!({"name": "Jana", "email": "jana"}),
            Err("-32602 `email` must be an e-mail address"),
        ),
        (
            "contact.add",
            json!({"email": "jana@x"}),
            Err("-32602 missing field `name`"),
        ),
        (
            "contact.update",
            json!({"id": 8, "email": "ivo@x"}),
            Ok(json!({"id": 8, "name": "Ivo", "email": "ivo@x", "company_id": 1})),
        ),
        (
            "contact.update",
            json!({"id": 99, "name": "x"}),
            Err("-32004 contact 99 does not exist"),
        ),
        ("contact.delete", json!([8]), Ok(json!(true))),
        (
            "contact.delete",
            json!([8]),
            Err("-32004 contact 8 does not exist"),
        ),
        (
            "contact.delete",
            json!([1]),
            Err("-32009 contact 1 has deals (1), delete these first"),
        ),
        (
            "company.add",
            json!(["Ümlaut"]),
            Ok(json!({"id": 4, "name": "Ümlaut"})),
        ),
        (
            "company.get",
            json!([4]),
            Ok(json!({"id": 4, "name": "Ümlaut"})),
        ),
        (
            "company.list",
            json!([1]),
            Err("-32602 at most 0 parameters are taken"),
        ),
        (
            "deal.list",
            json!({"stage": "won"}),
            Ok(json!([
                {"id": 2, "title": "Maintenance, two years", "amount": 7200.0, "stage": "won", "contact_id": 4}
            ])),
        ),
        (
            "deal.list",
            json!({"stage": "WON"}),
            Err("-32602 unknown variant `WON`, expected one of `open`, `won`, `lost`"),
        ),
        (
            "deal.add",
            json!({"title": "x", "amount": -1, "contact_id": 1}),
            Err("-32602 `amount` must be 0 or more"),
        ),
        (
            "deal.add",
            json!(["x", 0.5, 6]),
            Ok(json!({"id": 6, "title": "x", "amount": 0.5, "stage": "open", "contact_id": 6})),
        ),
        (
            "deal.close",
            json!([6, true]),
            Ok(json!({"id": 6, "title": "x", "amount": 0.5, "stage": "won", "contact_id": 6})),
        ),
        (
            "deal.close",
            json!([6, false]),
            Err("-32009 deal 6 is closed already"),
        ),
        (
            "deal.close",
            json!([7, false]),
            Err("-32004 deal 7 does not exist"),
        ),
        (
            "deal.get",
            json!([6]),
            Ok(json!({"id": 6, "title": "x", "amount": 0.5, "stage": "won", "contact_id": 6})),
        ),
        ("deal.delete", json!([6]), Ok(json!(true))),
        (
            "stats.count",
            json!({}),
            Ok(json!({"contacts": 7, "companies": 4, "deals": 5, "open_amount": 98400.5})),
        ),
        (
            "contact.drop",
            json!({}),
            Err("-32601 `contact.drop` is not a method"),
        ),
    ];
    for (method, params, expected) in table {
        let told = format!("{method} {params}");
        assert_eq!(
            did(method, params).await,
            expected.map_err(ToOwned::to_owned),
            "{told}"
        );
    }
}

#[tokio::test]
async fn iso_03_each_context_has_data_of_its_own_and_without_one_there_is_none() {
    let scene = Scene::new(Crm::in_memory());
    let add = json!({"name": "Only in 1"});
    call(&scene.socket(), &context(1), "contact.add", add)
        .await
        .unwrap();
    for (number, contacts) in [(1, 8), (2, 7)] {
        let counts = call(&scene.socket(), &context(number), "stats.count", json!({})).await;
        assert_eq!(counts.unwrap()["contacts"], contacts);
    }
    let administrator = context(0);
    let refused = "-32001 no context: pass `X-Hero-Context`, and not 0";
    assert_eq!(
        call(&scene.socket(), &administrator, "stats.count", json!({})).await,
        Err(refused.to_owned())
    );
    let count = r#"{"jsonrpc":"2.0","id":1,"method":"stats.count"}"#;
    let refused = r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"no context: pass `X-Hero-Context`, and not 0"},"id":1}"#;
    for headers in [
        "",
        "x-hero-context: x\r\n",
        "x-hero-context: -1\r\n",
        "x-hero-context: 1\r\nx-hero-context: 2\r\n",
    ] {
        let (_, reply) = scene.http("POST /rpc", headers, count).await;
        assert_eq!(reply, refused, "{headers}");
    }
}

#[tokio::test]
async fn messages_are_answered_as_json_rpc_says() {
    let scene = Scene::new(Crm::in_memory());
    let ok = "HTTP/1.1 200 OK";
    let error = |code: i32, message: &str| {
        format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{message}"}},"id":null}}"#)
    };
    let company = r#"{"id":2,"name":"Atelier Fournier"}"#;
    for (body, status, reply) in [
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"company.get","params":[2]}"#,
            ok,
            format!(r#"{{"jsonrpc":"2.0","result":{company},"id":"x"}}"#),
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"company.get","params":[2]}"#,
            ok,
            format!(r#"{{"jsonrpc":"2.0","result":{company},"id":null}}"#),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"company.add","params":["Later"]}"#,
            "HTTP/1.1 204 No Content",
            String::new(),
        ),
        (
            r#"[{"jsonrpc":"2.0","method":"company.add","params":["Later"]}]"#,
            "HTTP/1.1 204 No Content",
            String::new(),
        ),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"company.get","params":[5]},1,{"jsonrpc":"2.0","method":"no"}]"#,
            ok,
            format!(
                r#"[{{"jsonrpc":"2.0","result":{{"id":5,"name":"Later"}},"id":1}},{}]"#,
                error(-32600, "not a request")
            ),
        ),
        ("[]", ok, error(-32600, "an empty batch")),
        ("{", ok, error(-32700, "parse error")),
        ("", ok, error(-32700, "parse error")),
        ("1", ok, error(-32600, "not a request")),
        (
            r#"{"id":1,"method":"company.list"}"#,
            ok,
            error(-32600, "not a request"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"company.list","params":3}"#,
            ok,
            error(-32600, "not a request"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":[1],"method":"company.list"}"#,
            ok,
            error(-32600, "not an id"),
        ),
    ] {
        assert_eq!(scene.rpc(body).await, (status.to_owned(), reply), "{body}");
    }
}

#[tokio::test]
async fn the_paths_of_the_hero_convention_are_there() {
    let scene = Scene::new(Crm::in_memory());
    let (status, document) = scene.http("GET /openrpc.json", "", "").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let to = Address::http(&scene.socket()).unwrap();
    let client = Client::new(ClientLimits::default());
    let discovered: Value =
        serde_json::from_str(client.discover(&to).await.unwrap().get()).unwrap();
    assert_eq!(
        discovered,
        serde_json::from_str::<Value>(&document).unwrap()
    );
    let health = client.health(&to).await.unwrap().unwrap();
    assert_eq!(
        (health.status.as_str(), health.service.as_str()),
        ("ok", "crm")
    );
    let (_, manifest) = scene
        .http("GET /.well-known/heroservice.json", "", "")
        .await;
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(
        (&manifest["protocol"], &manifest["socket"]),
        (&json!("openrpc"), &json!("rpc"))
    );
    assert_eq!(
        scene.http("GET /rpc", "", "").await.0,
        "HTTP/1.1 405 Method Not Allowed"
    );
    assert_eq!(
        scene.http("GET /x", "", "").await.0,
        "HTTP/1.1 404 Not Found"
    );
    let much = " ".repeat((1 << 20) + 1);
    assert_eq!(scene.rpc(&much).await.0, "HTTP/1.1 413 Payload Too Large");
}

/// Every `$ref` of the document leads somewhere, and every method it names exists and takes what it says.
#[tokio::test]
async fn the_document_is_true() {
    let scene = Scene::new(Crm::in_memory());
    let to = Address::http(&scene.socket()).unwrap();
    let discovered = Client::new(ClientLimits::default())
        .discover(&to)
        .await
        .unwrap();
    let document: Value = serde_json::from_str(discovered.get()).unwrap();
    let mut references = 0;
    for reference in discovered.get().split("\"$ref\":\"#").skip(1) {
        let (path, _) = reference.split_once('"').unwrap();
        assert!(document.pointer(path).is_some(), "{path}");
        references += 1;
    }
    assert!(references > 20);
    let methods = document["methods"].as_array().unwrap();
    assert_eq!(methods.len(), 15);
    for method in methods {
        let name = method["name"].as_str().unwrap();
        let parameters = method["params"].as_array().unwrap();
        let of_wrong_type: serde_json::Map<String, Value> = parameters
            .iter()
            .map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), json!({})))
            .collect();
        let expected = !of_wrong_type.is_empty();
        let answer = call(
            &scene.socket(),
            &context(1),
            name,
            Value::Object(of_wrong_type),
        )
        .await;
        // An unknown parameter would be named; what is complained of is the type.
        let wrong_type = answer.is_err_and(|error| error.starts_with("-32602 invalid type: map"));
        assert_eq!(wrong_type, expected, "{name}");
    }
}

#[tokio::test]
async fn a_directory_keeps_what_a_stopped_crm_knew() {
    let directory = tempfile::tempdir().unwrap();
    for contacts in [8, 9] {
        let scene = Scene::new(Crm::in_directory(directory.path()));
        let add = json!({"name": "Ivo"});
        call(&scene.socket(), &context(1), "contact.add", add)
            .await
            .unwrap();
        let counts = call(&scene.socket(), &context(1), "stats.count", json!({})).await;
        assert_eq!(counts.unwrap()["contacts"], contacts);
    }
}

#[tokio::test]
async fn only_its_owner_can_use_the_socket_and_it_goes_with_the_service() {
    let scene = Scene::new(Crm::in_memory());
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::symlink_metadata(path)
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    let socket = scene.socket();
    assert_eq!(
        (mode(&socket), mode(socket.parent().unwrap())),
        (0o600, 0o700)
    );
    let Scene {
        directory: _kept,
        _serving,
    } = scene;
    drop(_serving);
    assert!(!socket.exists());
}
