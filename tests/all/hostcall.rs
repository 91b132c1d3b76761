//! The road of one call, from a script's side: what is answered, and what is refused and how.

use crate::support::{limits, run_limited};
use sandgate::{Limits, Script, Status};

/// Sends requests and prints the replies.
async fn replies(requests: &str) -> String {
    let source = format!(
        "import _sandgate\nfor request in {requests}:\n    print(_sandgate.collect(_sandgate.begin(request)))"
    );
    let outcome = run_limited(Script::new(source), limits()).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    outcome.stdout.text
}

#[tokio::test]
async fn the_runtime_answers_an_echo() {
    assert_eq!(
        replies(r#"['{"service":"sandgate","method":"echo","params":{"a":[1,"ü"]}}']"#).await,
        "{\"ok\":{\"a\":[1,\"ü\"]}}\n"
    );
}

#[tokio::test]
async fn sec_05_what_does_not_exist_and_what_is_hidden_are_refused_alike() {
    assert_eq!(
        replies(r#"['{"service":"%s","method":"%s","params":{}}' % names for names in [("sandgate", "stop"), ("hero_biz", "echo")]]"#).await,
        "{\"refused\":{\"code\":\"method.not_available\",\"exception\":\"PermissionError\",\"message\":\"`sandgate.stop` is not available\",\"because\":null,\"hint\":\"`dir(services)` lists what this context may use\"}}\n\
         {\"refused\":{\"code\":\"method.not_available\",\"exception\":\"PermissionError\",\"message\":\"`hero_biz.echo` is not available\",\"because\":null,\"hint\":\"`dir(services)` lists what this context may use\"}}\n"
    );
}

#[tokio::test]
async fn pol_04_names_that_only_look_like_others_are_refused() {
    let source = r#"['{"service":"sandgate","method":"%s","params":{}}' % name for name in
        ["echo ", "", ".echo", "echo.", "e..o", "ech\\u043e", "echo/x", "*", "x" * 129, "echo\\u200b", "ec\\u0000ho"]]"#;
    let refused = "{\"refused\":{\"code\":\"request.name\",\"exception\":\"ValueError\",\"message\":\"a service or method name is 1 to 128 characters of `A-Za-z0-9_-`, with single dots between\",\"because\":null,\"hint\":null}}\n";
    assert_eq!(replies(source).await, refused.repeat(11));
}

#[tokio::test]
async fn what_is_not_one_request_is_refused() {
    let source = r#"['', '[]', '["sandgate","echo",{}]', 'null', '{"service":"sandgate"}', '{"service":"a","method":"b","params":{},"context":1}', '{"service":"a","service":"b","method":"c","params":{}}', 'x']"#;
    let refused = "{\"refused\":{\"code\":\"request.malformed\",\"exception\":\"ValueError\",\"message\":\"the request is not one JSON object with `service`, `method` and `params`\",\"because\":null,\"hint\":null}}\n";
    assert_eq!(replies(source).await, refused.repeat(8));
}

#[tokio::test]
async fn dos_08_deep_parameters_are_refused_and_the_deepest_allowed_are_not() {
    let source = r#"['{"service":"sandgate","method":"echo","params":%s}' % p for p in
        ["[" * 65 + "]" * 65, "[" * 100000 + "]" * 100000, '{"a":"' + "[" * 100 + '"}']]"#;
    let refused = "{\"refused\":{\"code\":\"request.too_deep\",\"exception\":\"ValueError\",\"message\":\"the parameters nest deeper than 64\",\"because\":null,\"hint\":null}}\n";
    assert_eq!(
        replies(source).await,
        format!(
            "{refused}{refused}{{\"ok\":{{\"a\":\"{}\"}}}}\n",
            "[".repeat(100)
        )
    );
}

#[tokio::test]
async fn dos_10_a_request_that_is_too_long_is_refused() {
    let source = r#"['{"service":"sandgate","method":"echo","params":"%s"}' % ("x" * (1 << 20))]"#;
    assert_eq!(
        replies(source).await,
        "{\"refused\":{\"code\":\"limit.call_bytes\",\"exception\":\"ValueError\",\"message\":\"the request is 1048626 bytes, 1048576 are allowed\",\"because\":null,\"hint\":\"pass less at once, or in several calls\"}}\n"
    );
}

#[tokio::test]
async fn dos_09_calls_are_counted_and_refused_ones_count() {
    let source = "import _sandgate\nlast = ''\nfor i in range(12):\n    last = _sandgate.collect(_sandgate.begin('junk' if i % 2 else '{\"service\":\"sandgate\",\"method\":\"echo\",\"params\":0}'))\nprint(last)";
    let outcome = run_limited(
        Script::new(source),
        Limits {
            calls: 10,
            ..limits()
        },
    )
    .await;
    assert_eq!(outcome.usage.calls, 12);
    assert_eq!(
        outcome.stdout.text,
        "{\"refused\":{\"code\":\"limit.calls\",\"exception\":\"RuntimeError\",\"message\":\"the run has made all of its 10 calls\",\"because\":null,\"hint\":\"do more with each call, or finish in another run\"}}\n"
    );
}

#[tokio::test]
async fn dos_09_a_script_that_begins_calls_and_takes_none_is_ended() {
    let source = "import _sandgate\nwhile True: _sandgate.begin('junk')";
    let outcome = run_limited(Script::new(source), limits()).await;
    assert_eq!(
        (outcome.status, outcome.reason.as_deref()),
        (Status::Memory, Some("100000 calls wait to be taken"))
    );
}
