//! Documents that would cost more than they weigh, and values that would take long to check: what is refused, where the
//! bound is, and that nothing goes beyond it. Costs are counted, so that no machine is too slow for these tests.

use super::{
    hostile::{methods, read},
    *,
};
use crate::offer::{document::DocumentError, weight::MOST};
use proptest::prelude::*;
use serde_json::{Value, json};

fn document(methods: &Value, schemas: &Value) -> Value {
    json!({"openrpc": "1.3.2", "info": {"title": "x", "version": "1"}, "methods": methods, "components": {"schemas": schemas}})
}

/// Schemas of which each holds the next one ten times.
fn tower(height: usize) -> Value {
    let mut schemas = serde_json::Map::new();
    for n in 0..height {
        let next = json!({"$ref": format!("#/components/schemas/a{}", n + 1)});
        schemas.insert(format!("a{n}"), json!({"allOf": vec![next; 10]}));
    }
    schemas.insert(format!("a{height}"), json!({"type": "string"}));
    Value::Object(schemas)
}

fn bomb(methods: usize, height: usize, schema: impl Fn(usize, usize) -> usize) -> Value {
    let methods: Value = (0..methods)
        .map(|method| {
            let params: Value = (0..64)
                .map(|n| {
                    let to = schema(method, n);
                    json!({"name": format!("p{n}"), "schema": {"$ref": format!("#/components/schemas/a{to}")}})
                })
                .collect();
            json!({"name": format!("m{method}"), "params": params})
        })
        .collect();
    document(&methods, &tower(height))
}

#[test]
fn svc_04_a_document_that_refers_to_itself_again_and_again_is_refused_with_the_place() {
    let long = "x".repeat(100_000);
    let titles: Value = (0..60)
        .map(|n| json!({"name": format!("p{n}"), "schema": {"properties": {"a": {"$ref": "#/components/schemas/S"}, "b": {"type": "null", "title": n.to_string()}}}}))
        .collect();
    let chain = format!("#/{}", "y/".repeat(50_000));
    let pointers: Value = (0..5_000)
        .map(|n| json!({"name": format!("m{n}"), "params": [{"$ref": "#/components/schemas/S"}]}))
        .collect();
    let refused: Vec<String> = [
        bomb(20, 8, |_, n| n % 4),
        bomb(500, 40, |method, n| (method * 64 + n) % 40),
        document(
            &json!([{"name": "a", "params": titles}]),
            &json!({"S": {"title": long, "properties": {"a": {"enum": [long]}}}}),
        ),
        document(&pointers, &json!({"S": {"$ref": chain}})),
    ]
    .iter()
    .map(|document| read(document).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(refused.join("\n"));
    // Once is fine.
    let document = bomb(1, 8, |_, n| if n == 0 { 0 } else { 8 });
    assert_eq!(read(&document).unwrap().methods.len(), 1);
}

#[test]
fn svc_04_a_method_whose_schemas_cannot_be_checked_at_once_is_left_out() {
    let one = |parts: usize, n: usize| json!({"enum": (0..parts).map(|part| part * n).collect::<Vec<_>>()});
    let params = |count: usize| -> Value {
        (1..=count)
            .map(|n| json!({"name": format!("p{n}"), "schema": one(1_990, n)}))
            .collect()
    };
    let document = read(&document(
        &json!([{"name": "two", "params": params(2)}, {"name": "three", "params": params(3)}]),
        &json!({}),
    ))
    .unwrap();
    assert_eq!(document.methods.keys().collect::<Vec<_>>(), ["two"]);
    assert_eq!(
        document.left_out,
        [crate::offer::document::LeftOut {
            name: "three".to_owned(),
            reason: "the schemas of its parameters are too large to be checked at once",
        }]
    );
}

#[test]
fn svc_04_parameters_that_share_a_description_share_all_that_is_made_of_it() {
    let methods: Value = (0..300)
        .map(|n| json!({"name": format!("m{n}"), "params": [{"$ref": "#/components/schemas/P"}], "result": {"schema": {"$ref": "#/components/schemas/S"}}}))
        .collect();
    let schemas = json!({
        "P": {"name": "a", "description": "y".repeat(180), "schema": {"$ref": "#/components/schemas/S", "default": 5}},
        "S": {"type": "object", "properties": {"a": {"enum": ["x".repeat(1_000)]}}},
    });
    let service = service(
        "x",
        document(&methods, &schemas).to_string().as_bytes(),
        &Terms::default(),
    );
    let interface = service.interface();
    let texts: std::collections::HashSet<*const u8> = interface
        .methods
        .values()
        .flat_map(|method| &method.parameters)
        .map(|parameter| parameter.schema.as_ptr())
        .collect();
    assert_eq!(texts.len(), 1);
}

/// A service with one method of one parameter.
fn taking(schema: &Value) -> Document {
    let params = json!([{"name": "s", "required": true, "schema": schema}]);
    read(&document(
        &json!([{"name": "check", "params": params}]),
        &json!({}),
    ))
    .unwrap()
}

/// What checking costs, and how it ends.
fn checked(schema: &Value, value: &Value) -> (u64, Result<(), String>) {
    let document = taking(schema);
    let method = document.methods.get("check").unwrap();
    let weight = Weight::default();
    let checked = method.parameters[0].schema.check(value, &weight);
    (
        MOST - weight.left(),
        checked.map_err(|mismatch| mismatch.reason),
    )
}

/// A text of `a` and `b` in no order.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            if state >> 63 == 0 { 'a' } else { 'b' }
        })
        .collect()
}

const EVIL: &str = "[ab]*a[ab]{60}c";

#[test]
fn dos_11_a_text_that_is_too_long_for_a_pattern_is_refused_before_it_is_matched() {
    let evil = json!({"not": {"pattern": EVIL}});
    let long = Value::from(noise(1_000_000));
    let refusal =
        format!("a text of 1000000 bytes is too long to be checked against the pattern `{EVIL}`");
    for schema in [
        json!({"pattern": EVIL}),
        evil.clone(),
        json!({"allOf": vec![evil.clone(); 20]}),
        json!({"allOf": vec![evil.clone(); 1_900]}),
    ] {
        let (cost, checked) = checked(&schema, &long);
        assert_eq!(checked, Err(refusal.clone()), "{schema:.60}");
        assert!(cost <= MOST);
    }
    // Short texts against it, long ones against a pattern whose states are few, and long ones against none.
    assert_eq!(checked(&evil, &noise(2_000).into()).1, Ok(()));
    let plain = Value::from("word ".repeat(200_000));
    for schema in [
        json!({"pattern": "^[a-z ]*$"}),
        json!({"pattern": "(word ){3}$", "maxLength": 2_000_000}),
        json!({"type": "string"}),
        json!({"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 1}]}),
    ] {
        assert_eq!(checked(&schema, &plain).1, Ok(()), "{schema}");
    }
    // A pattern that every kind of honest text goes through: up to so many characters, of any script.
    let any = json!({"pattern": "^.{0,500}$"});
    assert_eq!(checked(&any, &"ß".repeat(500).into()).1, Ok(()));
}

#[test]
fn dos_11_all_parameters_of_a_call_share_one_allowance() {
    let params: Value = (0..64)
        .map(|n| json!({"name": format!("p{n}"), "schema": {"pattern": "^[a-z]*$"}}))
        .collect();
    let document = document(&json!([{"name": "a", "params": params}]), &json!({}));
    let service = service("x", document.to_string().as_bytes(), &Terms::default());
    let method = service.method("a").unwrap();
    let bind = |count: usize, length: usize| {
        let values = vec![Value::from("z".repeat(length)); count];
        let given = serde_json::value::to_raw_value(&values).unwrap();
        let number = ContextNumber::Number(NonZeroU32::MIN);
        let caller = Principal::new("team", number, "script").unwrap();
        method.bind(&given, &caller).map(drop)
    };
    assert_eq!(bind(64, 1_000), Ok(()));
    assert_eq!(bind(1, 1_000_000), Ok(()));
    assert_eq!(
        bind(64, 1_000_000).unwrap_err().to_string(),
        "`a` takes `p2: Any`, but a text of 1000000 bytes is too long to be checked against the pattern `^[a-z]*$`"
    );
}

#[test]
fn svc_04_what_is_neither_long_nor_matched_can_be_too_much_as_well() {
    let deep = (0..28).fold(
        json!({"type": "integer"}),
        |inner, _| json!({"anyOf": [inner, {"type": "null"}]}),
    );
    let many = json!({"type": "array", "items": {"allOf": vec![deep; 30]}});
    let (cost, refused) = checked(&many, &vec![1; 90_000].into());
    assert_eq!(
        refused,
        Err("it is too large to be checked against its schema".to_owned())
    );
    assert!(cost <= MOST);
    assert_eq!(checked(&many, &vec![1; 5].into()).1, Ok(()));
    let plain = json!({"type": "array", "items": {"type": "integer", "minimum": 0}});
    assert_eq!(checked(&plain, &vec![1; 90_000].into()).1, Ok(()));
    let lengths = json!({"allOf": vec![json!({"minLength": 1}); 1_500]});
    let long = Value::from("x".repeat(1 << 20));
    assert!(checked(&lengths, &long).1.is_err());
}

#[test]
fn svc_04_a_hundred_thousand_parameters_and_methods_are_read_in_steps_that_were_counted() {
    // Each of these bounds was a step for each pair, or for each reference and each part behind it.
    for document in [
        methods((0..5_000).map(|n| format!("x{}", format!("{n:013b}").replace('0', "-").replace('1', "_")))),
        document(
            &(0..1_000).map(|n| json!({"name": format!("m{n}"), "params": [{"name": "a", "schema": {"$ref": "#/components/schemas/W"}}]})).collect(),
            &json!({"W": {"required": (0..50_000).map(|n| n.to_string()).collect::<Vec<_>>()}}),
        ),
        document(
            &(0..1_000).map(|n| json!({"name": format!("m{n}"), "params": [{"name": "a", "schema": {"allOf": [{"$ref": "#/components/schemas/W"}]}}]})).collect(),
            &json!({"W": (0..50_000).map(|n| (format!("x-{n}"), json!(1))).collect::<serde_json::Map<_, _>>()}),
        ),
    ] {
        let size = document.to_string().len();
        match read(&document) {
            Ok(document) => assert!(document.took.0 <= 4 * size + (2 << 20) && document.took.1 <= size / 64 + (16 << 10)),
            Err(error) => assert!(matches!(error, DocumentError::TooHeavy { .. }), "{error}"),
        }
    }
}

#[test]
fn svc_04_a_document_has_so_many_patterns_and_each_weighs_what_its_states_do() {
    let method = |n: usize, schema: Value| json!({"name": format!("m{n}"), "params": [{"name": "a", "schema": schema}]});
    let patterns = (0..300).map(|n| method(n, json!({"pattern": format!("^a{n}$")})));
    let document = read(&document(&patterns.collect(), &json!({}))).unwrap();
    let kept = document
        .methods
        .values()
        .filter(|method| method.parameters[0].schema.text().contains("pattern"));
    assert_eq!(kept.count(), 200);
    let parts = |schema: Value| taking(&schema).took.1;
    let one = parts(json!({"title": "^a+$"}));
    assert_eq!(parts(json!({"pattern": "^a+$"})) - one, 32);
    // One part for 16 of its states.
    assert_eq!(
        parts(json!({"pattern": format!("^{}$", "a".repeat(900))})) - one,
        56
    );
}

#[test]
fn dos_11_values_that_must_differ_are_weighed_where_a_check_is_looked_into() {
    let items: Value = (0..1_000).map(|n| json!(n.to_string())).collect();
    let walked = |schema: Value| {
        let document = taking(&schema);
        let method = document.methods.get("check").unwrap();
        Weight::walked(&method.parameters[0].schema, &items)
            .unwrap()
            .0
    };
    let plain = walked(json!({"type": "array"}));
    let unique = walked(json!({"type": "array", "uniqueItems": true}));
    // A hundred for each of 1,001 values, one for each byte, and five for the keyword.
    assert_eq!(unique - plain, 100 * 1_001 + 2_890 + 5);
}

/// Schemas that bring all keywords together.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(false)),
        Just(json!({"pattern": EVIL})),
        Just(json!({"pattern": "^a+$", "maxLength": 5})),
        Just(json!({"type": "integer", "minimum": 0})),
        Just(json!({"enum": ["a", [1, 2], {"a": 1}]})),
        Just(json!({"uniqueItems": true})),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let list = || proptest::collection::vec(inner.clone(), 1..4);
        let map = || proptest::collection::btree_map("[ab]{1,2}", inner.clone(), 1..4);
        prop_oneof![
            list().prop_map(|list| json!({"anyOf": list})),
            list().prop_map(|list| json!({"oneOf": list, "not": list[0]})),
            list().prop_map(|list| json!({"allOf": list, "contains": list[0]})),
            inner.clone().prop_map(|inner| json!({"items": inner, "additionalProperties": inner})),
            inner.clone().prop_map(|inner| json!({"propertyNames": inner})),
            (map(), map()).prop_map(|(a, b)| json!({"properties": a, "patternProperties": b, "additionalProperties": {"pattern": "b"}})),
        ]
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0_i64..3).prop_map(Value::from),
        "[ab]{0,4}".prop_map(Value::from),
        (0_usize..40_000).prop_map(|length| noise(length).into()),
    ];
    leaf.prop_recursive(3, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map("[ab]{1,2}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn dos_11_no_check_costs_more_than_a_call_may(schema in schemas(), value in values()) {
        let document = taking(&schema);
        let Some(method) = document.methods.get("check") else {
            return Ok(());
        };
        let schema = &method.parameters[0].schema;
        let weight = Weight::default();
        let first = weight.take(schema, &value);
        prop_assert!(weight.left() <= MOST);
        prop_assert!(Weight::of(0).take(schema, &value).is_err());
        // What is not looked into cannot be more than what it is taken for.
        if let Some((walked, most)) = Weight::walked(schema, &value) {
            prop_assert!(walked <= most, "{} of at most {}", walked, most);
            prop_assert!(first.is_ok() || walked > MOST);
        }
    }
}
