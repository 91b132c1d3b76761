//! Placeholders are known again wherever a script puts them, and what they stand for takes their place.

use super::*;
use crate::offer::placeholder::placeholder;
use proptest::{collection::vec, prelude::*};
use serde_json::json;

fn deal(call: u32) -> Value {
    let schema = json!({"properties": {
        "id": {"type": "integer"},
        "title": {"type": "string"},
        "owner": {"properties": {"name": {"type": "string"}}},
        "lines": {"type": "array", "minItems": 1, "items": {"properties": {"sku": {"type": "string"}}}},
        "stage": {"enum": ["open", "won"]},
    }});
    placeholder(&schema, "crm.deal.add", call)
}

const ID: u64 = 9_007_000_000_003_000;

fn known() -> Bindings {
    let real = json!({"id": 7, "title": "‹crm.deal.add#4.title›", "owner": {"name": null},
        "lines": [{"sku": "a"}, {"sku": "b"}], "stage": "won"});
    Bindings::between(&deal(3), &real)
}

#[test]
fn a_result_tells_what_each_part_of_its_placeholder_stands_for() {
    let bindings = known();
    for (placeholder, expected) in [
        (Placeholder::Number(ID), Some(json!(7))),
        (text("title"), Some(json!("‹crm.deal.add#4.title›"))),
        (text("owner.name"), Some(Value::Null)),
        (text("lines.0.sku"), Some(json!("a"))),
        // These were never in a placeholder.
        (text("lines.1.sku"), None),
        (text("stage"), None),
        (Placeholder::Number(ID + 1), None),
    ] {
        assert_eq!(
            bindings.get(&placeholder),
            expected.as_ref(),
            "{placeholder:?}"
        );
    }
    // What is of another shape tells nothing.
    let nothing = Bindings::between(&deal(3), &json!([7]));
    assert_eq!(nothing, Bindings::default());
}

fn text(path: &str) -> Placeholder {
    Placeholder::Text(format!("‹crm.deal.add#3.{path}›"))
}

#[test]
fn what_stands_for_something_is_replaced_whole_and_within_texts() {
    let title = "‹crm.deal.add#3.title›";
    let bindings = known();
    for (planned, sent) in [
        (json!(ID), json!(7)),
        (
            json!([ID, {"a": title}]),
            json!([7, {"a": "‹crm.deal.add#4.title›"}]),
        ),
        (json!(format!("deal {ID}: ok")), json!("deal 7: ok")),
        (json!(format!("{ID}/{ID}.0")), json!("7/7.0")),
        (
            // What a service returned is not looked at again.
            json!(format!("a{title}b‹{title}")),
            json!("a‹crm.deal.add#4.title›b‹‹crm.deal.add#4.title›"),
        ),
        (json!({format!("k{ID}"): 1}), json!({"k7": 1})),
        (json!("‹crm.deal.add#3.owner.name›"), Value::Null),
    ] {
        assert_eq!(bindings.apply(&planned), sent, "{planned}");
        assert_eq!(bindings.unbound(&planned), [], "{planned}");
    }
}

#[test]
fn what_stands_for_nothing_known_stays_and_is_found() {
    let bindings = known();
    let other = "‹crm.deal.add#9.title›";
    for (planned, at, whole) in [
        (json!({"a/b": [1, other]}), "/a~1b/1", true),
        (json!({"a": format!("x {other}")}), "/a", false),
        (json!({other: 1}), "/‹crm.deal.add#9.title›", false),
        (json!(ID + 1), "", true),
        (json!(format!("({})", ID + 1)), "", false),
        // A script would write something, and nobody knows what.
        (json!("to ‹crm.deal.add#3.owner.name›"), "", false),
    ] {
        assert_eq!(bindings.apply(&planned), planned);
        let unbound = bindings.unbound(&planned);
        let found: Vec<_> = unbound
            .iter()
            .map(|used| (used.at.as_str(), used.whole))
            .collect();
        assert_eq!(found, [(at, whole)], "{planned}");
    }
    for plain in [
        json!("‹quoted›"),
        json!("‹a #b›"),
        json!("90070000000030001"),
        json!("9007000000"),
        json!(9_006_999_999_999_999_u64),
        json!(-5),
        json!("›‹#1"),
        json!({"a": [null, true, 1.5]}),
    ] {
        assert_eq!(Placeholder::uses(&plain), [], "{plain}");
        assert_eq!(bindings.apply(&plain), plain);
    }
}

#[test]
fn dos_11_texts_that_look_like_many_placeholders_are_read_in_linear_time() {
    let number = format!("{ID} ");
    for hostile in [
        format!("‹{}", number.repeat(60_000)),
        format!("‹a#1 {}›", number.repeat(60_000)),
        format!("‹{ID}").repeat(50_000),
        "‹".repeat(300_000),
        "‹a#1".repeat(150_000),
    ] {
        let begun = std::time::Instant::now();
        let _ = Placeholder::uses(&json!(hostile));
        // Quadratic, it would take minutes.
        assert!(begun.elapsed().as_secs() < 10);
    }
}

/// What a script makes of the results of its calls and sends.
#[derive(Debug, Clone)]
enum Sent {
    Plain(Value),
    /// A part of the result of one of the calls.
    Part(usize, usize),
    /// Texts and parts, one behind the other.
    Joined(Vec<(String, usize, usize)>),
    List(Vec<Sent>),
    Object(Vec<(String, Sent)>),
}

const PARTS: [&str; 4] = ["/id", "/title", "/owner/name", "/lines/0/sku"];

impl Sent {
    fn value(&self, results: &[Value]) -> Value {
        let part = |call: usize, part: usize| results[call].pointer(PARTS[part]).unwrap();
        match self {
            Self::Plain(value) => value.clone(),
            Self::Part(call, which) => part(*call, *which).clone(),
            Self::Joined(pieces) => {
                let joined = pieces
                    .iter()
                    .map(|(text, call, which)| match part(*call, *which) {
                        Value::String(value) => format!("{text}{value}"),
                        value => format!("{text}{value}"),
                    });
                joined.collect::<String>().into()
            }
            Self::List(items) => items.iter().map(|item| item.value(results)).collect(),
            Self::Object(members) => {
                let members = members.iter();
                members
                    .map(|(name, sent)| (name.clone(), sent.value(results)))
                    .collect()
            }
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let leaf = prop_oneof![
        "[a-z‹›# .]{0,6}".prop_map(|text| Sent::Plain(text.into())),
        any::<i32>().prop_map(|number| Sent::Plain(number.into())),
        (0..3_usize, 0..4_usize).prop_map(|(call, part)| Sent::Part(call, part)),
        // Digits beside a number make another number of it.
        vec(("[a-z‹› .:/]{0,5}[a-z ]", 0..3_usize, 0..4_usize), 1..4).prop_map(Sent::Joined),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Sent::List),
            vec(("[a-z]{1,4}", inner), 0..4).prop_map(Sent::Object),
        ]
    })
}

fn real() -> impl Strategy<Value = Value> {
    ("\\PC{0,8}", any::<i64>(), "[a-z‹›#0-9.]{0,8}", "\\PC{0,4}").prop_map(
        |(title, id, name, sku)| {
            json!({"id": id, "title": title, "owner": {"name": name}, "lines": [{"sku": sku}], "stage": "won"})
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_a_planned_program_sent_becomes_what_the_real_one_sends(sent in sent(), reals in vec(real(), 3..=3)) {
        let planned: Vec<Value> = (1..=3).map(deal).collect();
        let mut bindings = Bindings::default();
        for (placeholder, real) in planned.iter().zip(&reals) {
            bindings.extend(Bindings::between(placeholder, real));
        }
        let before = sent.value(&planned);
        prop_assert_eq!(bindings.apply(&before), sent.value(&reals));
        prop_assert_eq!(bindings.unbound(&before), []);
    }
}
