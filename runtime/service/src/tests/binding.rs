//! Arguments: what is bound, what is sent, and how what does not fit is refused.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

fn ann() -> Principal {
    let number = ContextNumber::Number(NonZeroU32::new(7).unwrap());
    let caller = Principal::new("team", number, "script").unwrap();
    caller.with_user("ann").unwrap()
}

fn contacts(structure: &str) -> Service {
    let document = json!({"openrpc": "1.2.6", "info": {"title": "CRM"}, "methods": [{
        "name": "contact.add",
        "paramStructure": structure,
        "params": [
            {"name": "_context", "required": true, "schema": {"type": "integer"}},
            {"name": "name", "required": true, "schema": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"}},
            {"name": "email", "schema": {"type": "string"}},
            {"name": "age", "schema": {"type": "integer", "minimum": 0, "maximum": 200, "default": 30}},
            {"name": "note", "schema": {"type": ["string", "null"]}},
            {"name": "address", "schema": {"type": "object", "required": ["zip"], "properties": {"zip": {"type": "string"}}}},
        ],
    }]});
    service("crm", document.to_string().as_bytes(), &Terms::default())
}

fn bind(service: &Service, method: &str, given: &str) -> Result<Arguments, ArgumentError> {
    let given: &RawValue = serde_json::from_str(given).unwrap();
    service.method(method).unwrap().bind(given, &ann())
}

/// What is decided on, and what is sent.
fn bound(structure: &str, given: &str) -> (String, String) {
    let arguments = bind(&contacts(structure), "contact.add", given).unwrap();
    (
        Value::Object(arguments.by_name().clone()).to_string(),
        arguments.params().get().to_owned(),
    )
}

fn refused(structure: &str, given: &str) -> String {
    let error = bind(&contacts(structure), "contact.add", given).unwrap_err();
    format!("{}: {error}", error.code())
}

#[test]
fn arguments_by_name_or_position_are_decided_on_by_name_and_sent_as_the_document_says() {
    let decided = r#"{"name":"Ann","email":"a@b"}"#;
    for given in [
        r#"{"name":"Ann","email":"a@b"}"#,
        r#"{"email":"a@b", "n\u0061me":"Ann"}"#,
        r#"["Ann","a@b"]"#,
    ] {
        let sent = r#"{"_context":7,"email":"a@b","name":"Ann"}"#;
        assert_eq!(
            bound("by-name", given),
            (decided.to_owned(), sent.to_owned()),
            "{given}"
        );
        assert_eq!(
            bound("either", given),
            (decided.to_owned(), sent.to_owned()),
            "{given}"
        );
        assert_eq!(
            bound("by-position", given),
            (decided.to_owned(), r#"[7,"Ann","a@b"]"#.to_owned()),
            "{given}"
        );
    }
}

#[test]
fn what_is_left_out_is_not_sent_and_none_leaves_out_what_cannot_be_null() {
    let none = r#"{"name":"Ann","email":null,"age":null}"#;
    assert_eq!(bound("by-name", none).1, r#"{"_context":7,"name":"Ann"}"#);
    assert_eq!(bound("by-position", none).1, r#"[7,"Ann"]"#);
    let null = r#"{"name":"Ann","note":null}"#;
    assert_eq!(
        bound("by-name", null).1,
        r#"{"_context":7,"name":"Ann","note":null}"#
    );
    assert_eq!(
        refused("by-position", r#"{"name":"Ann","age":1}"#),
        "arguments.gap: `contact.add` takes its parameters by position, so `age` cannot be given without `email` before it"
    );
}

#[test]
fn arguments_that_do_not_fit_are_refused_with_what_would() {
    let mut all = String::new();
    for given in [
        r#"{"nam":"Ann"}"#,
        r#"{"name":"Ann","frobnicate":1}"#,
        r#"{}"#,
        r#"[]"#,
        r#"["Ann","a","1","2","3","4"]"#,
        r#"{"name":5}"#,
        r#"{"name":null}"#,
        r#"{"name":""}"#,
        r#"{"name":"ann"}"#,
        r#"{"name":"Ann","age":"5"}"#,
        r#"{"name":"Ann","age":201}"#,
        r#"{"name":"Ann","age":1.5}"#,
        r#"{"name":"Ann","age":true}"#,
        r#"{"name":"Ann","age":18446744073709551616}"#,
        r#"{"name":"Ann","age":0.1000000000000000055}"#,
        r#"{"name":"Ann","address":{}}"#,
        r#"{"name":"Ann","address":{"zip":1}}"#,
        r#"{"name":"Ann","address":{"zip":"1","zip":"2"}}"#,
        r#"{"name":"Ann","name":"Bob"}"#,
        r#"{"name":"Ann","n\u0061me":"Bob"}"#,
        r#""Ann""#,
        r#"5"#,
        "{\"name\":\"Ann\",\"\u{202e}x\\u0007\":1}",
    ] {
        all.push_str(&format!("{given}\n    {}\n", refused("by-name", given)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_a_script_gave_is_shown_shortened_and_without_control() {
    let long = format!(
        r#"{{"name":"Ann","age":"\u001b[2J{}"}}"#,
        "x".repeat(100_000)
    );
    assert_eq!(
        refused("by-name", &long),
        format!(
            "arguments.value: `contact.add` takes `age: int`, but \"\\u001b[2J{}… is not of type \"integer\"",
            "x".repeat(49)
        )
    );
}

#[test]
fn pol_01_a_script_cannot_say_on_whose_behalf_it_calls() {
    for (given, name) in [
        (r#"{"name":"Ann","_context":8}"#, "_context"),
        (r#"{"name":"Ann","_Context":8}"#, "_Context"),
        (r#"{"name":"Ann","X-Hero-Context":"8"}"#, "X-Hero-Context"),
        (r#"{"name":"Ann","_user":"root"}"#, "_user"),
        (r#"{"name":"Ann","_claims":["admin"]}"#, "_claims"),
        (
            r#"{"name":"Ann","address":{"zip":"1","_context":8}}"#,
            "_context",
        ),
        (
            r#"{"name":"Ann","address":{"zip":"1","x":[{"hero_context":8}]}}"#,
            "hero_context",
        ),
    ] {
        for structure in ["by-name", "by-position"] {
            assert_eq!(
                refused(structure, given),
                format!(
                    "arguments.reserved: `{name}` is set by the host, from who runs the script; leave it out"
                ),
                "{given}"
            );
        }
    }
    // By position there is no place for it.
    assert_eq!(
        refused("by-position", "[8]"),
        "arguments.value: `contact.add` takes `name: str`, but 8 is not of type \"string\""
    );
}

#[test]
fn pol_01_what_the_host_cannot_say_in_the_service_s_words_is_not_said_in_others() {
    let document = |schema: Value, required: bool| {
        json!({"openrpc": "1.3.2", "methods": [{"name": "a.b", "params": [
            {"name": "context", "required": required, "schema": schema},
        ]}]})
        .to_string()
    };
    let sent = |schema: Value, required: bool, terms: &Terms, given: &str| {
        let service = service("s", document(schema, required).as_bytes(), terms);
        match bind(&service, "a.b", given) {
            Ok(arguments) => arguments.params().get().to_owned(),
            Err(error) => error.to_string(),
        }
    };
    let usual = Terms::default();
    assert_eq!(
        sent(json!({"type": "integer"}), false, &usual, "{}"),
        r#"{"context":7}"#
    );
    assert_eq!(
        sent(json!({"type": "string"}), false, &usual, "{}"),
        r#"{"context":"7"}"#
    );
    assert_eq!(
        sent(
            json!({"type": "string", "enum": ["root"]}),
            false,
            &usual,
            "{}"
        ),
        "`a.b` needs `context`, which a script may not set and the host does not know"
    );
    assert_eq!(
        sent(
            json!({"type": "string"}),
            false,
            &usual,
            r#"{"context":"8"}"#
        ),
        "`context` is set by the host, from who runs the script; leave it out"
    );
    // A record is data; and so is what the operator says is.
    assert_eq!(
        sent(
            json!({"type": "object"}),
            false,
            &usual,
            r#"{"context":{"a":1}}"#
        ),
        r#"{"context":{"a":1}}"#
    );
    let free = Terms {
        free: ["context".to_owned()].into(),
        ..Terms::default()
    };
    assert_eq!(
        sent(
            json!({"type": "string"}),
            true,
            &free,
            r#"{"context":"text"}"#
        ),
        r#"{"context":"text"}"#
    );
}

/// JSON that a script could send for one parameter.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        let key = prop_oneof![
            Just("_context".to_owned()),
            Just("zip".to_owned()),
            any::<String>()
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn pol_01_pol_03_whatever_is_given_the_context_is_the_caller_s_and_what_is_sent_is_what_was_decided(
        given in proptest::collection::btree_map(
            prop_oneof![
                Just("name"), Just("email"), Just("age"), Just("note"), Just("address"), Just("_context"), Just("context"),
            ],
            anything(),
            0..4,
        ),
        name in "[A-Z]{1,3}",
        by_name in any::<bool>(),
    ) {
        let mut given: serde_json::Map<String, Value> = given.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        given.entry("name").or_insert(name.into());
        let structure = if by_name { "by-name" } else { "by-position" };
        let text = Value::Object(given).to_string();
        if let Ok(arguments) = bind(&contacts(structure), "contact.add", &text) {
            let sent: Value = serde_json::from_str(arguments.params().get()).unwrap();
            let names = ["_context", "name", "email", "age", "note", "address"];
            let sent: serde_json::Map<String, Value> = match sent {
                Value::Object(map) => map,
                Value::Array(items) => names.into_iter().map(ToOwned::to_owned).zip(items).collect(),
                _ => panic!("neither object nor list"),
            };
            for (name, value) in &sent {
                match arguments.by_name().get(name) {
                    Some(decided) => prop_assert_eq!(decided, value),
                    // A null only fills a gap of a list.
                    None => prop_assert!(name == "_context" && *value == 7 || value.is_null() && !by_name, "{}", name),
                }
            }
            prop_assert_eq!(&sent["_context"], 7);
            prop_assert!(arguments.by_name().keys().all(|name| sent.contains_key(name)));
            prop_assert!(!arguments.params().get().contains(['\n', '\r']));
        }
    }
}
