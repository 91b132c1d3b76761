//! How methods are undone: what is written, what is checked, and the call that is made of it.

use super::*;
use crate::{
    address::Address,
    offer::{Marks, Service, Terms},
};
use serde_json::json;
use std::path::Path;

fn document(undo: &Value) -> Value {
    let id = json!({"name": "id", "required": true, "schema": {"type": "integer"}});
    let deal = json!({"type": "object", "properties": {
        "id": {"type": "integer"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
        "owner": {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"name": {"type": "string"}}}]},
        "extra": {"type": "object"},
    }});
    json!({"openrpc": "1.3.2", "methods": [
        {"name": "deal.add", "x-undo": undo, "result": {"schema": deal}, "params": [
            {"name": "title", "required": true, "schema": {"type": "string"}},
            {"name": "note", "schema": {"type": "string"}},
        ]},
        {"name": "deal.delete", "params": [id, {"name": "reason", "schema": {}}, {"name": "_context", "schema": {"type": "integer"}}]},
    ]})
}

fn service(undo: &Value, trusted: bool, marks: Marks) -> Service {
    let terms = Terms {
        trusted,
        marks,
        ..Terms::default()
    };
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    Service::read(
        "crm",
        address,
        document(undo).to_string().as_bytes(),
        &terms,
    )
    .unwrap()
}

fn undone(service: &Service) -> Option<String> {
    let undo = service.method("deal.add").unwrap().undo.as_ref();
    undo.map(ToString::to_string)
}

fn said_by_the_operator(undo: Option<&str>) -> Marks {
    let undo = undo.map(|undo| undo.parse().unwrap());
    Marks {
        undo: BTreeMap::from([("deal.add".to_owned(), undo)]),
        ..Marks::default()
    }
}

#[test]
fn pol_09_how_a_method_is_undone_is_up_to_the_operator_and_to_a_service_that_is_trusted() {
    let own = json!({"method": "deal.delete", "params": {"id": "result.id"}});
    let own = |trusted, marks| undone(&service(&own, trusted, marks));
    let by_service = Some("deal.delete(id=result.id)".to_owned());
    let by_operator = Some("deal.delete(id=7)".to_owned());
    let says = || said_by_the_operator(Some("deal.delete(id=7)"));
    assert_eq!(own(true, Marks::default()), by_service);
    assert_eq!(own(false, Marks::default()), None);
    assert_eq!(own(true, says()), by_operator);
    assert_eq!(own(false, says()), by_operator);
    assert_eq!(own(true, said_by_the_operator(None)), None);
}

#[test]
fn what_cannot_undo_a_method_counts_for_nothing_and_is_said_to_be() {
    let delete = |params: Value| json!({"method": "deal.delete", "params": params});
    for (undo, expected) in [
        (delete(json!({"id": "result.id"})), None),
        (delete(json!({"id": "result.lines.0.sku"})), None),
        (delete(json!({"id": "result.owner.name"})), None),
        (delete(json!({"id": "result.extra.anything.4"})), None),
        (
            delete(json!({"id": "result", "reason": {"a": ["params", {"const": "x"}]}})),
            None,
        ),
        (
            json!({"method": "deal.deleted", "params": {}}),
            Some(
                "`deal.add` cannot be undone by `deal.deleted`, which the service does not have; did you mean `deal.delete`?",
            ),
        ),
        (
            delete(json!({"ids": "result.id"})),
            Some(
                "`deal.add` cannot be undone so: `deal.delete` has no parameter `ids`; did you mean `id`?",
            ),
        ),
        (
            // Which the host sets.
            delete(json!({"id": 1, "_context": 0})),
            Some("`deal.add` cannot be undone so: `deal.delete` has no parameter `_context`"),
        ),
        (
            delete(json!({})),
            Some("`deal.add` cannot be undone so: `deal.delete` needs `id`"),
        ),
        (
            delete(json!({"id": "result.idd"})),
            Some(
                "`deal.add` cannot be undone so: its calls have no `result.idd`; did you mean `result.id`?",
            ),
        ),
        (
            delete(json!({"id": "result.id.x"})),
            Some("`deal.add` cannot be undone so: its calls have no `result.id.x`"),
        ),
        (
            delete(json!({"id": "result.lines.first"})),
            Some("`deal.add` cannot be undone so: its calls have no `result.lines.first`"),
        ),
        (
            delete(json!({"id": 1, "reason": ["params.titel"]})),
            Some(
                "`deal.add` cannot be undone so: its calls have no `params.titel`; did you mean `params.title`?",
            ),
        ),
    ] {
        let service = service(&undo, true, Marks::default());
        let why = service
            .not_undone()
            .values()
            .next()
            .map(ToString::to_string);
        assert_eq!(why.as_deref(), expected, "{undo}");
        assert_eq!(undone(&service).is_some(), expected.is_none(), "{undo}");
    }
}

#[test]
fn how_a_method_is_undone_is_written_as_a_call_or_as_json() {
    for (written, shown) in [
        ("a.b()", "a.b()"),
        ("a.b(id=result.id)", "a.b(id=result.id)"),
        (
            "a.b( x = params , y=\"result, (1)\", z=[1, {}],w=null )",
            r#"a.b(x=params, y="result, (1)", z=[1,{}], w=null)"#,
        ),
        (
            r#"{"method": "a.b", "params": {"x": ["result", {"y": "params.z"}], "z": {"const": {}}}}"#,
            r#"a.b(x=[result, {"y": params.z}], z={})"#,
        ),
        (r#"{"method": "a.b"}"#, "a.b()"),
    ] {
        let undo: Undo = written.parse().unwrap();
        assert_eq!(undo.to_string(), shown);
        let kept = serde_json::to_string(&undo).unwrap();
        assert_eq!(serde_json::from_str::<Undo>(&kept).unwrap(), undo);
    }
    let call = "is not METHOD(PARAMETER=result.PART, …)";
    let json = r#"how a method is undone is said as {"method": "deal.delete", "params": {"id": "result.id"}}"#;
    let no_part = |word: &str| {
        format!(
            r#"`{word}` names no part of `params` or `result`; a constant is written {{"const": …}}"#
        )
    };
    for (written, expected) in [
        ("a.b", format!("`a.b` {call}")),
        ("a.b(id=id)", format!("`a.b(id=id)` {call}")),
        ("a.b(id=1 2)", format!("`a.b(id=1 2)` {call}")),
        ("a.b(id=1, id=2)", format!("`a.b(id=1, id=2)` {call}")),
        ("a.b(id)", format!("`a.b(id)` {call}")),
        ("a.b(id=results.id)", no_part("results.id")),
        ("a.b(id=result..id)", no_part("result..id")),
        (
            r#"{"method": "a.b", "params": {"x": ["id"]}}"#,
            no_part("id"),
        ),
        (r#"{"method": "a.b", "params": []}"#, json.to_owned()),
        (
            r#"{"method": "a.b", "params": {}, "also": 1}"#,
            json.to_owned(),
        ),
        (r#"{"params": {}}"#, json.to_owned()),
    ] {
        assert_eq!(
            written.parse::<Undo>().unwrap_err().to_string(),
            expected,
            "{written}"
        );
    }
}

#[test]
fn the_undoing_call_has_what_the_undone_one_had() {
    let params = json!({"title": "x", "lines": [{"sku": "a"}, {"sku": "b"}]});
    let result = json!({"id": 7, "at": null});
    for (written, expected) in [
        (
            "a.b(id=result.id, at=result.at)",
            Ok(r#"{"id":7,"at":null}"#),
        ),
        (
            "a.b(all=result, second=params.lines.1.sku, one=1)",
            Ok(r#"{"all":{"id":7,"at":null},"second":"b","one":1}"#),
        ),
        (
            r#"{"method": "a.b", "params": {"x": [{"y": "params.title"}, "result.id"], "z": {"const": "result.id"}}}"#,
            Ok(r#"{"x":[{"y":"x"},7],"z":"result.id"}"#),
        ),
        // What was not given then is not given now.
        ("a.b(note=params.note, id=1)", Ok(r#"{"id":1}"#)),
        (
            "a.b(id=result.number)",
            Err("the call cannot be undone: it has no `result.number`"),
        ),
        (
            "a.b(sku=params.lines.2.sku)",
            Err("the call cannot be undone: it has no `params.lines.2.sku`"),
        ),
        (
            r#"{"method": "a.b", "params": {"x": ["params.note"]}}"#,
            Err("the call cannot be undone: it has no `params.note`"),
        ),
    ] {
        let undo: Undo = written.parse().unwrap();
        let made = undo.call(&params, &result);
        let made = made.map(|(method, params)| (method, params.get().to_owned()));
        let expected = expected
            .map(|params| ("a.b".to_owned(), params.to_owned()))
            .map_err(ToOwned::to_owned);
        assert_eq!(made.map_err(|error| error.to_string()), expected);
    }
}

#[test]
fn svc_04_what_a_document_says_of_undoing_is_small_or_says_nothing() {
    let many = |count: usize| json!({"method": "deal.delete", "params": {"id": 1, "reason": {"const": vec![0; count]}}});
    // The object, its method, its parameters, `id`, `reason` and its constant are six.
    let fits = many(MOST_IN_UNDO - 6);
    assert!(undone(&service(&fits, true, Marks::default())).is_some());
    let more = many(MOST_IN_UNDO - 5);
    assert_eq!(undone(&service(&more, true, Marks::default())), None);
}
