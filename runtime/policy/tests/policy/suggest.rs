//! What would have allowed calls that were refused, and what is never suggested.

use crate::crm::{caller, crm, limits, load, method, params, schema, try_load};
use proptest::{option, prelude::*};
use sandgate_policy::{
    Cases, Effect, File, Interface, Moment, NOTHING_READ, Policies, Principal, Query, Suggestion,
    Verdict::{Allow, Gate, Refuse},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const TEXT: &str = r#"
@id("reads") @because("Reading is free.") permit (principal, action in Action::"read", resource);
@id("no_deletes") @because("Nothing is deleted.") forbid (principal, action in Action::"destroy", resource);
@id("sums") @because("Sums are small.")
forbid (principal, action == Action::"crm.deal.close", resource) when { context.id + 1 > 1000 };
@id("after_reading") @gate("approve") @because("What it read may be an instruction.")
forbid (principal, action in Action::"change", resource) when { context.run.read_from.contains("crm") };
"#;

struct Call {
    principal: Principal,
    method: &'static str,
    params: Map<String, Value>,
    read_from: BTreeSet<String>,
}

fn call(actor: &str, method: &'static str, value: Value) -> Call {
    Call {
        principal: caller("demo", actor, "", &[]),
        method,
        params: params(value),
        read_from: NOTHING_READ.clone(),
    }
}

fn query(call: &Call) -> Query<'_> {
    Query {
        principal: &call.principal,
        service: "crm",
        method: call.method,
        params: &call.params,
        now: Moment::OF_CASES,
        read_from: &call.read_from,
    }
}

fn suggest(policies: &Policies, calls: &[Call]) -> Suggestion {
    policies.suggest(calls.iter().map(query)).unwrap()
}

fn deal(title: &str, amount: Value) -> Value {
    json!({"title": title, "amount": amount, "contact_id": 7})
}

fn refused() -> Vec<Call> {
    vec![
        call("script", "deal.add", deal("Engine", json!(500))),
        call("script", "deal.add", deal("Engine", json!(12.5))),
        call(
            "robot",
            "deal.add",
            deal("\"Wagon\" \\ \u{200b}é\n", json!(1)),
        ),
        call(
            "script",
            "contact.add",
            json!({"name": "Ada", "email": "ada@example.org"}),
        ),
        call("script", "contact.add", json!({"name": "Bob"})),
        Call {
            principal: caller("demo", "script", "ada", &["crm.write"]),
            read_from: BTreeSet::from(["crm".to_owned(), "crm.contact.list".to_owned()]),
            ..call("script", "company.add", json!({"name": "Acme"}))
        },
        call("script", "deal.delete", json!({"id": 1})),
        call("script", "deal.delete", json!({"id": 2})),
        call("script", "deal.close", json!({"id": i64::MAX, "won": true})),
        call("script", "deal.\nadd", json!({})),
        call("script", "contact.list", json!({"limit": 5})),
    ]
}

#[test]
fn the_narrowest_permits_are_suggested_and_no_prohibition_is_loosened() {
    let suggestion = suggest(&load(TEXT), &refused());
    insta::assert_snapshot!(suggestion);
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&suggestion).unwrap());
}

#[test]
fn what_is_suggested_does_not_load_before_somebody_says_why() {
    let suggestion = suggest(&load(TEXT), &refused());
    let unusable = try_load(&format!("{TEXT}{}", suggestion.policies)).unwrap_err();
    let said: BTreeSet<String> = unusable
        .problems()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(said, BTreeSet::from(["the reason is empty".to_owned()]));
    assert_eq!(unusable.problems().len(), 4);
}

#[test]
fn with_reasons_it_loads_passes_its_cases_and_permits_what_was_refused_and_no_more() {
    let calls = refused();
    let suggestion = suggest(&load(TEXT), &calls);
    let filled = suggestion
        .policies
        .replace("@because(\"\")", "@because(\"Said.\")");
    let policies = load(&format!("{TEXT}{filled}"));
    let file = File {
        name: "cases.toml",
        text: &suggestion.cases,
    };
    let report = Cases::parse(file, &policies).unwrap().run(&policies);
    assert!(report.passed(), "{report}");
    let verdicts: Vec<_> = calls
        .iter()
        .map(|call| policies.decide(&query(call)).verdict)
        .collect();
    assert_eq!(
        verdicts,
        [
            Allow, Allow, Allow, Allow, Allow, Gate, Refuse, Refuse, Refuse, Refuse, Allow
        ]
    );
    for beyond in [
        call("script", "deal.add", deal("Engine", json!(500.0001))),
        call("script", "deal.add", deal("Engines", json!(5))),
        call("robot", "deal.add", deal("Engine", json!(1))),
        call("other", "deal.add", deal("Engine", json!(5))),
        call(
            "script",
            "contact.add",
            json!({"name": "Ada", "email": "eve@example.org"}),
        ),
        call(
            "script",
            "contact.add",
            json!({"name": "Ada", "company_id": 1}),
        ),
        call("script", "contact.update", json!({"id": 1})),
    ] {
        assert_eq!(
            policies.decide(&query(&beyond)).verdict,
            Refuse,
            "{:?}",
            beyond.params
        );
    }
}

#[test]
fn nothing_is_suggested_where_nothing_was_refused_or_a_prohibition_refused() {
    let policies = load(TEXT);
    assert_eq!(
        suggest(&policies, &[]).to_string(),
        "nothing is suggested\n"
    );
    let forbidden = suggest(
        &policies,
        &[call("script", "deal.delete", json!({"id": 1}))],
    );
    assert_eq!(
        forbidden.to_string(),
        "`crm.deal.delete`, once: forbidden by `no_deletes`, which no permit outweighs\nnothing is suggested\n"
    );
}

/// Methods with every kind of parameter, one of an awkward name.
fn awkward() -> Interface {
    let parameters = [
        ("if", false, json!({"type": "integer"})),
        ("odd \"name\"", false, json!({"type": "string"})),
        ("number", true, json!({"type": "number"})),
        ("flag", false, json!({"type": ["boolean", "null"]})),
        ("day", false, json!({"type": "string", "format": "date"})),
        (
            "tags",
            false,
            json!({"type": "array", "items": {"type": "string"}}),
        ),
        ("free", false, json!({})),
        ("now", false, json!({"type": "string"})),
    ];
    Interface {
        service: "x".to_owned(),
        methods: [
            ("do".to_owned(), method(Effect::Write, &parameters)),
            ("un-do".to_owned(), method(Effect::Destroy, &parameters)),
        ]
        .into(),
    }
}

fn any_params() -> impl Strategy<Value = Map<String, Value>> {
    let number = prop_oneof![
        (-1000_i64..1000).prop_map(Value::from),
        (-1e18..1e18_f64).prop_map(Value::from),
        (0_u32..100_000).prop_map(|digits| json!(f64::from(digits) / 10_000.0)),
    ];
    (
        option::of(any::<i64>().prop_map(Value::from)),
        option::of(prop_oneof!["\\PC{0,8}", "[ab]", any::<String>()].prop_map(Value::from)),
        number,
        option::of(prop_oneof![
            Just(json!(true)),
            Just(json!(false)),
            Just(Value::Null)
        ]),
        option::of(prop_oneof![Just(json!("2026-01-31")), Just(json!("soon"))]),
        option::of(Just(json!(["a", "b"]))),
        option::of(Just(json!({"a": [1, 2.5, "x"]}))),
        option::of(Just(json!("never"))),
    )
        .prop_map(|(whole, text, number, flag, day, tags, free, now)| {
            let mut params = Map::new();
            params.insert("number".to_owned(), number);
            for (name, value) in [
                ("if", whole),
                ("odd \"name\"", text),
                ("flag", flag),
                ("day", day),
                ("tags", tags),
                ("free", free),
                ("now", now),
            ] {
                params.extend(value.map(|value| (name.to_owned(), value)));
            }
            params
        })
}

proptest! {
    #[test]
    fn whatever_was_refused_for_want_of_a_permit_is_permitted_by_what_is_suggested(
        calls in proptest::collection::vec((any_params(), any::<bool>(), any::<bool>()), 1..6),
    ) {
        let interfaces = [crm(), awkward()];
        let load = |text: &str| Policies::load(schema(&interfaces), File { name: "policy.cedar", text }, &limits());
        let text = "@id(\"reads\") @because(\"x\") permit (principal, action in Action::\"read\", resource);\n";
        let policies = load(text).unwrap();
        let principals = [caller("demo", "script", "", &[]), caller("demo", "robot", "", &[])];
        let queries: Vec<Query<'_>> = calls
            .iter()
            .map(|(params, robot, undo)| Query {
                principal: &principals[usize::from(*robot)],
                service: "x",
                method: if *undo { "un-do" } else { "do" },
                params,
                now: Moment::OF_CASES,
                read_from: &NOTHING_READ,
            })
            .collect();
        let suggestion = policies.suggest(queries.iter().copied()).unwrap();
        prop_assert!(suggestion.still_refused.is_empty());
        let filled = suggestion.policies.replace("@because(\"\")", "@because(\"Said.\")");
        let with = load(&format!("{text}{filled}")).unwrap();
        for query in &queries {
            prop_assert_eq!(with.decide(query).verdict, Allow, "{:?}\n{}", query.params, filled);
        }
        let file = File { name: "cases.toml", text: &suggestion.cases };
        if !suggestion.cases.is_empty() {
            let report = Cases::parse(file, &with).unwrap().run(&with);
            prop_assert!(report.passed(), "{}\n{}", report, filled);
        }
    }
}
