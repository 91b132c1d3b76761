//! How services are spoken to: what a service may do to a caller, what it is told, and what never crosses between calls.
//! Time is paused where a service is slow: it moves only when nobody has anything else to do.

mod urls;

use crate::support::{hostile::Hostile, identity};
use sandgate::service::{
    Address, CallError, CallOptions, Client, ClientLimits, IdempotencyKey, Identity,
};
use serde_json::{Value, json, value::RawValue};
use std::{collections::BTreeSet, time::Duration};

fn limits() -> ClientLimits {
    ClientLimits {
        connect: Duration::from_secs(1),
        first_byte: Duration::from_secs(1),
        idle: Duration::from_millis(200),
        total: Duration::from_secs(3),
        request: 64 << 10,
        reply: 64 << 10,
        ..ClientLimits::default()
    }
}

fn params(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn ann() -> Identity {
    identity(
        "geomind",
        7,
        Some("ann@example.org"),
        &["crm.read", "crm.write"],
    )
}

/// The id of a request: the fourth text in it.
fn id_in(request: &str) -> &str {
    request.split('"').nth(7).unwrap()
}

/// Calls, and says what came of it in one line.
async fn said(client: &Client, to: &Address, method: &str) -> String {
    match client.call(to, &ann(), method, &params(&json!({}))).await {
        Ok(result) => result.get().to_owned(),
        Err(error) => {
            assert!(error.may_have_happened(), "{error:?}");
            error.to_string()
        }
    }
}

/// Each misbehaviour has exactly this end, and the service can be called again afterwards.
async fn table(hostile: &Hostile, to: &Address, table: &[(&str, &str)]) {
    let client = Client::new(limits());
    let mut ends = Vec::new();
    for (method, _) in table {
        ends.push((*method, said(&client, to, method).await));
        assert_eq!(said(&client, to, "echo").await, "{}", "after {method}");
    }
    let ends: Vec<_> = ends
        .iter()
        .map(|(method, said)| (*method, said.as_str()))
        .collect();
    assert_eq!(ends, table);
    let requests = hostile.seen().requests;
    assert_eq!(requests.len(), 2 * table.len(), "nothing was sent twice");
}

const NOT_KEPT: &str = "the service does not keep to its protocol: ";

/// The bodies that are wrong over HTTP and as lines.
fn bodies() -> Vec<(&'static str, String)> {
    [
        (
            "malformed",
            "its reply is not one JSON object (expected value at line 1 column 67)",
        ),
        (
            "unfinished",
            "its reply is not one JSON object (EOF while parsing a list at line 1 column 68)",
        ),
        (
            "empty",
            "its reply is not one JSON object (it does not begin with `{`)",
        ),
        (
            "wrong_id",
            "its reply does not carry the `id` of the request",
        ),
        (
            "id_of_another_type",
            "its reply does not carry the `id` of the request",
        ),
        (
            "id_in_a_list",
            "its reply does not carry the `id` of the request",
        ),
        (
            "null_id",
            "its reply does not carry the `id` of the request",
        ),
        ("no_id", "its reply does not carry the `id` of the request"),
        ("both", "its reply has both `result` and `error`"),
        ("neither", "its reply has neither `result` nor `error`"),
        ("old_version", "its reply has no `jsonrpc` of \"2.0\""),
        (
            "two_objects",
            "its reply is not one JSON object (trailing characters at line 1 column 69)",
        ),
        ("batch", "its reply is not one JSON object (it is a list)"),
        (
            "trailing_garbage",
            "its reply is not one JSON object (trailing characters at line 1 column 70)",
        ),
        (
            "duplicate_keys",
            "its reply is not one JSON object (duplicate field `result` at line 1 column 76)",
        ),
        (
            "nan",
            "its reply is not one JSON object (expected value at line 1 column 67)",
        ),
        (
            "half_a_character",
            "its reply contains half of a character (an unpaired surrogate)",
        ),
        ("byte_order_mark", "its reply begins with a byte order mark"),
        ("deep", "its reply nests deeper than 64"),
        (
            "bad_error",
            "its `error` is not an object with an integer `code` and a text `message`",
        ),
        ("invalid_utf8", "its reply is not UTF-8"),
    ]
    .into_iter()
    .map(|(method, reason)| (method, format!("{NOT_KEPT}{reason}")))
    .collect()
}

#[tokio::test(start_paused = true)]
async fn svc_01_a_reply_that_is_none_is_refused_over_http_and_as_lines() {
    let bodies = bodies();
    let bodies: Vec<_> = bodies
        .iter()
        .map(|(method, said)| (*method, said.as_str()))
        .collect();
    let hostile = Hostile::http();
    table(
        &hostile,
        &Address::http(&hostile.socket()).unwrap(),
        &bodies,
    )
    .await;
    let hostile = Hostile::lines();
    table(
        &hostile,
        &Address::lines(&hostile.socket()).unwrap(),
        &bodies,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn svc_02_whatever_a_service_does_with_http_a_call_ends() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let not_http = |reason: &str| format!("{NOT_KEPT}its reply is not HTTP ({reason})");
    let status = |status: u16| format!("{NOT_KEPT}it answered with HTTP status {status}");
    let redirects = |status: u16| {
        format!("{NOT_KEPT}it redirects (status {status}), and redirects are not followed")
    };
    let slow = "waiting for the reply took longer than 1s".to_owned();
    let ended = "the connection ended before the reply did".to_owned();
    let entries = [
        ("silent", slow.clone()),
        ("slow_head", slow.clone()),
        ("interim_for_ever", slow),
        ("slow_body", "the call took longer than 3s".to_owned()),
        (
            "endless_body_of_nothing",
            "the call took longer than 3s".to_owned(),
        ),
        (
            "half_a_body",
            "waiting for the rest of the reply took longer than 200ms".to_owned(),
        ),
        ("close", ended.clone()),
        ("reset_in_the_head", ended.clone()),
        (
            "reset_in_the_body",
            format!("{ended} (end of file before message length reached)"),
        ),
        (
            "length_too_long",
            format!("{ended} (end of file before message length reached)"),
        ),
        (
            "endless_body",
            "the reply is longer than 64.0 KiB".to_owned(),
        ),
        (
            "huge_length",
            "the reply is longer than 64.0 KiB".to_owned(),
        ),
        ("huge_body", "the reply is longer than 64.0 KiB".to_owned()),
        ("endless_head", not_http("message head is too large")),
        ("many_headers", not_http("message head is too large")),
        ("not_http", not_http("invalid HTTP version parsed")),
        ("two_lengths", not_http("invalid content-length parsed")),
        (
            "length_and_chunks",
            not_http("Invalid chunk size line: missing size digit"),
        ),
        (
            "chunked_garbage",
            not_http("Invalid chunk size line: missing size digit"),
        ),
        ("header_folded", not_http("invalid HTTP header parsed")),
        (
            "length_too_short",
            format!(
                "{NOT_KEPT}its reply is not one JSON object (EOF while parsing a string at line 1 column 9)"
            ),
        ),
        ("compressed", format!("{NOT_KEPT}its reply is not UTF-8")),
        ("redirect", redirects(302)),
        ("redirect_that_keeps_the_method", redirects(307)),
        ("switch", status(101)),
        ("no_content", status(204)),
        ("html", status(500)),
        ("result_and_500", status(500)),
        (
            "error_and_500",
            "the service answered with error -32603: broken".to_owned(),
        ),
        (
            "unknown",
            "the service answered with error -32601: method not found".to_owned(),
        ),
        ("until_the_end", "1".to_owned()),
        ("in_chunks", "1".to_owned()),
        ("once_and_close", "1".to_owned()),
        ("one_ahead", "1".to_owned()),
    ];
    let entries: Vec<_> = entries
        .iter()
        .map(|(method, said)| (*method, said.as_str()))
        .collect();
    table(&hostile, &to, &entries).await;
}

#[tokio::test(start_paused = true)]
async fn svc_02_whatever_a_service_does_with_lines_a_call_ends() {
    let hostile = Hostile::lines();
    let to = Address::lines(&hostile.socket()).unwrap();
    let entries = [
        ("silent", "waiting for the reply took longer than 1s"),
        (
            "half_a_line",
            "waiting for the rest of the reply took longer than 200ms",
        ),
        ("slow_line", "the call took longer than 3s"),
        ("close", "the connection ended before the reply did"),
        (
            "reset_in_the_line",
            "the connection ended before the reply did",
        ),
        ("endless_line", "the reply is longer than 64.0 KiB"),
        (
            "two_lines",
            "the service does not keep to its protocol: it sends more than the reply",
        ),
        (
            "broken_line",
            "the service does not keep to its protocol: it sends more than the reply",
        ),
        ("carriage_return", "1"),
    ];
    table(&hostile, &to, &entries).await;
}

#[tokio::test]
async fn dos_10_a_request_that_is_too_long_is_not_sent_and_the_longest_is() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    let long = params(&json!(["x".repeat(64 << 10)]));
    let error = client.call(&to, &ann(), "echo", &long).await.unwrap_err();
    assert_eq!(error.to_string(), "the request is longer than 64.0 KiB");
    assert!(!error.may_have_happened());
    assert_eq!(hostile.seen().connections, 0);
    let long = params(&json!(["x".repeat(63 << 10)]));
    let result = client.call(&to, &ann(), "echo", &long).await.unwrap();
    assert_eq!(result.get(), long.get());
}

/// What was decided is what is on the wire, once, and nothing else.
#[tokio::test]
async fn pol_05_a_capture_sees_exactly_one_object_for_each_call() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    let attempts = [
        r#"{"a":1}"#,
        r#"[]"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"evil","params":{}}"#,
        r#"[{"jsonrpc":"2.0","method":"evil"}]"#,
        r#"{"a":"\"}}\r\n\r\nPOST /rpc HTTP/1.1\r\n"}"#,
        r#"{"b":1.50, "a":1e400,"a":"\u0041"}"#,
    ];
    for attempt in attempts {
        let params = RawValue::from_string(attempt.to_owned()).unwrap();
        // What cannot be sent back as it came is not what this test is about.
        let _ = client.call(&to, &ann(), "ec\"ho", &params).await;
    }
    let seen = hostile.seen();
    assert_eq!((seen.connections, seen.requests.len()), (1, attempts.len()));
    let mut ids = BTreeSet::new();
    for ((_, request), attempt) in seen.requests.iter().zip(attempts) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head,
            format!(
                "POST /rpc HTTP/1.1\r\ncontent-type: application/json\r\nx-hero-context: 7\r\n\
                 x-hero-user: ann@example.org\r\nx-hero-claims: crm.read,crm.write\r\nhost: localhost\r\n\
                 accept: application/json\r\ncontent-length: {}",
                body.len()
            )
        );
        let id = id_in(body);
        assert_eq!(
            body,
            format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"ec\"ho","params":{attempt}}}"#)
        );
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        ids.insert(id);
    }
    assert_eq!(ids.len(), attempts.len(), "no id comes twice");
}

#[tokio::test]
async fn a_key_of_idempotency_is_told_over_http_where_there_is_one_and_never_in_lines() {
    let key = IdempotencyKey::new("run-7/3").unwrap();
    let http = Hostile::http();
    let lines = Hostile::lines();
    for (hostile, to) in [
        (&http, Address::http(&http.socket()).unwrap()),
        (&lines, Address::lines(&lines.socket()).unwrap()),
    ] {
        let client = Client::new(limits());
        for key in [None, Some(&key)] {
            let options = CallOptions {
                key,
                ..CallOptions::default()
            };
            let (ann, params) = (ann(), params(&json!({})));
            let called = client.call_with(&to, &ann, "echo", &params, options);
            called.await.unwrap();
        }
        let seen = hostile.seen().requests.into_iter();
        let told: Vec<Vec<String>> = seen
            .map(|(_, request)| {
                let lines = request.lines().filter(|line| line.contains("run-7"));
                lines.map(ToOwned::to_owned).collect()
            })
            .collect();
        let expected = match std::ptr::eq(hostile, &raw const http) {
            true => vec!["idempotency-key: run-7/3".to_owned()],
            false => Vec::new(),
        };
        assert_eq!(told, [Vec::new(), expected]);
    }
}

#[tokio::test]
async fn pol_05_as_lines_a_call_is_one_line() {
    let hostile = Hostile::lines();
    let to = Address::lines(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    let result = client
        .call(
            &to,
            &ann(),
            "echo",
            &params(&json!({"a": "b\n\r\u{2028}c"})),
        )
        .await
        .unwrap();
    assert_eq!(result.get(), r#"{"a":"b\n\r c"}"#.replace(' ', "\u{2028}"));
    let [(_, line)] = &hostile.seen().requests[..] else {
        panic!("{:?}", hostile.seen());
    };
    assert_eq!(
        line,
        &format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":\"{}\",\"method\":\"echo\",\"params\":{{\"a\":\"b\\n\\r\u{2028}c\"}}}}\n",
            id_in(line)
        )
    );
}

#[tokio::test]
async fn pol_01_discovery_is_on_nobody_s_behalf_and_over_connections_of_its_own() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    client
        .call(&to, &ann(), "echo", &params(&json!({})))
        .await
        .unwrap();
    let error = client.discover(&to).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the service answered with error -32601: method not found"
    );
    let seen = hostile.seen();
    assert_eq!(seen.connections, 2);
    let (_, request) = &seen.requests[1];
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        head,
        "POST /rpc HTTP/1.1\r\ncontent-type: application/json\r\nhost: localhost\r\naccept: application/json\r\ncontent-length: 93"
    );
    assert_eq!(
        body,
        format!(
            r#"{{"jsonrpc":"2.0","id":"{}","method":"rpc.discover","params":[]}}"#,
            id_in(body)
        )
    );
}

#[tokio::test]
async fn sec_02_an_error_does_not_give_back_who_called() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let error = Client::new(limits())
        .call(&to, &ann(), "tell", &params(&json!({})))
        .await
        .unwrap_err();
    let CallError::Service(error) = error else {
        panic!("{error:?}");
    };
    let head = "POST /rpc HTTP/1.1 content-type: application/json x-hero-context: [removed] x-hero-user: [removed] \
                x-hero-claims: [removed] host: localhost accept: application/json content-length: 85";
    assert_eq!(error.message, format!("[31mdenied to {head}"));
    assert_eq!(
        error.data.unwrap().get(),
        json!({"head": head, "Authorization": "[removed]"}).to_string()
    );
}

#[tokio::test]
async fn an_error_of_a_service_arrives_whole() {
    let hostile = Hostile::lines();
    let to = Address::lines(&hostile.socket()).unwrap();
    let error = Client::new(limits())
        .call(&to, &ann(), "refuse", &params(&json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the service answered with error -32000: no"
    );
    assert_eq!(
        error.for_script(),
        "the service answered with error -32000: no"
    );
    let CallError::Service(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.data.unwrap().get(), r#"{"why":[1]}"#);
}

#[tokio::test]
async fn iso_03_a_connection_of_one_context_is_never_used_by_another() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    let contexts: Vec<Identity> = [("a", 1), ("b", 2), ("a", 3)]
        .iter()
        .map(|(name, number)| identity(name, *number, None, &[]))
        .collect();
    let calls = 12_000_usize;
    let mut calling = tokio::task::JoinSet::new();
    for worker in 0..30 {
        let (client, to) = (client.clone(), to.clone());
        let who = contexts[worker % contexts.len()].clone();
        calling.spawn(async move {
            for call in 0..calls / 30 {
                let sent = params(&json!([worker, call]));
                let result = client.call(&to, &who, "echo", &sent).await.unwrap();
                assert_eq!(result.get(), sent.get());
            }
        });
    }
    while let Some(done) = calling.join_next().await {
        done.unwrap();
    }
    let seen = hostile.seen();
    assert_eq!(seen.requests.len(), calls);
    let told: BTreeSet<(usize, &str)> = seen
        .requests
        .iter()
        .map(|(connection, request)| {
            let context = request
                .lines()
                .find_map(|line| line.strip_prefix("x-hero-context: "));
            (*connection, context.unwrap())
        })
        .collect();
    assert_eq!(
        told.len(),
        seen.connections,
        "each connection had one context"
    );
    assert!(seen.connections <= 30, "connections are used again");
}

#[tokio::test]
async fn svc_03_answers_that_come_at_once_reach_those_who_asked() {
    for hostile in [Hostile::http(), Hostile::lines()] {
        let client = Client::new(limits());
        for to in [
            Address::http(&hostile.socket()),
            Address::lines(&hostile.socket()),
        ] {
            let to = to.unwrap();
            if said(&client, &to, "echo").await != "{}" {
                continue; // It speaks the other one.
            }
            let mut calling = tokio::task::JoinSet::new();
            for number in 0..100 {
                let (client, to) = (client.clone(), to.clone());
                calling.spawn(async move {
                    let wait = params(&json!({"ms": number % 7}));
                    client.call(&to, &ann(), "sleep", &wait).await.unwrap();
                    let sent = params(&json!([number]));
                    let result = client.call(&to, &ann(), "echo", &sent).await.unwrap();
                    assert_eq!(result.get(), sent.get());
                });
            }
            while let Some(done) = calling.join_next().await {
                done.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn svc_03_an_answer_that_is_sent_ahead_is_nobody_s() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    assert_eq!(said(&client, &to, "one_ahead").await, "1");
    assert_eq!(said(&client, &to, "echo").await, "{}");
    assert_eq!(
        hostile.seen().connections,
        2,
        "the first connection is not used again"
    );
}

#[tokio::test(start_paused = true)]
async fn svc_03_a_line_that_comes_unasked_is_nobody_s_answer() {
    let hostile = Hostile::lines();
    let to = Address::lines(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    assert_eq!(said(&client, &to, "one_later").await, "1");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(said(&client, &to, "echo").await, "{}");
    assert_eq!(
        hostile.seen().connections,
        2,
        "the first connection is not used again"
    );
}

#[tokio::test]
async fn a_connection_is_used_again_and_a_closed_one_is_noticed() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    for _ in 0..5 {
        assert_eq!(said(&client, &to, "echo").await, "{}");
    }
    assert_eq!(hostile.seen().connections, 1);
    for _ in 0..5 {
        assert_eq!(said(&client, &to, "once_and_close").await, "1");
    }
    // None of the ten was sent twice, and none failed.
    assert_eq!(hostile.seen().requests.len(), 10);
}

#[tokio::test]
async fn dos_13_an_abandoned_call_takes_its_connection_with_it() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    assert_eq!(said(&client, &to, "echo").await, "{}");
    let abandoned = tokio::time::timeout(Duration::from_millis(1), said(&client, &to, "silent"));
    assert!(abandoned.await.is_err());
    assert_eq!(said(&client, &to, "echo").await, "{}");
    assert_eq!(hostile.seen().connections, 2);
}

#[tokio::test(start_paused = true)]
async fn dos_13_connections_that_nobody_uses_are_closed() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(limits());
    assert_eq!(said(&client, &to, "echo").await, "{}");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(said(&client, &to, "echo").await, "{}");
    assert_eq!(hostile.seen().connections, 2);
}

#[tokio::test(start_paused = true)]
async fn dos_13_more_calls_than_connections_wait_and_do_not_fail() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(ClientLimits {
        connections: 2,
        ..limits()
    });
    let wait = params(&json!({"ms": 900}));
    let mut calling = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, to, wait) = (client.clone(), to.clone(), wait.clone());
        calling.spawn(async move {
            match client.call(&to, &ann(), "sleep", &wait).await {
                Ok(_) => None,
                Err(error) => Some((error.to_string(), error.may_have_happened())),
            }
        });
    }
    let mut ended = calling.join_all().await;
    ended.sort();
    // Two at a time fit three times into three seconds; the last two are stopped while they are being served.
    let stopped = Some(("the call took longer than 3s".to_owned(), true));
    assert_eq!(
        ended,
        [None, None, None, None, None, None, stopped.clone(), stopped]
    );
    assert_eq!(hostile.seen().connections, 2);
}

#[tokio::test]
async fn sec_01_a_call_that_was_not_sent_says_so_and_a_script_is_not_told_where() {
    let nowhere = tempfile::tempdir().unwrap();
    let socket = nowhere.path().join("rpc.sock");
    let client = Client::new(limits());
    let to = Address::http(&socket).unwrap();
    let nothing = params(&json!({}));
    let error = client
        .call(&to, &ann(), "echo", &nothing)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` cannot be reached: No such file or directory (os error 2)",
            socket.display()
        )
    );
    assert_eq!(error.for_script(), "the service cannot be reached");
    assert!(!error.may_have_happened());
    // Somebody was there, and is no longer.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    // What another test starts at this moment has it too, until it is another program.
    while std::os::unix::net::UnixStream::connect(&socket).is_ok() {}
    let error = client
        .call(&to, &ann(), "echo", &nothing)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the service cannot be connected to: Connection refused (os error 111)"
    );
    assert!(!error.may_have_happened());
}

#[tokio::test]
async fn pol_06_a_socket_is_checked_again_before_every_connection() {
    let hostile = Hostile::http();
    let to = Address::http(&hostile.socket()).unwrap();
    let client = Client::new(ClientLimits {
        keep: Duration::ZERO,
        ..limits()
    });
    assert_eq!(said(&client, &to, "echo").await, "{}");
    let moved = hostile.socket().with_file_name("moved.sock");
    std::fs::rename(hostile.socket(), &moved).unwrap();
    std::os::unix::fs::symlink(&moved, hostile.socket()).unwrap();
    let error = client
        .call(&to, &ann(), "echo", &params(&json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is a symbolic link; name the socket by its real path",
            hostile.socket().display()
        )
    );
    assert_eq!(error.for_script(), "the service cannot be reached");
    assert_eq!(hostile.seen().requests.len(), 1);
}
