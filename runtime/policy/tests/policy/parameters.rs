//! How parameters become what policies see: by their schema, exactly, or not at all.

use crate::crm::{ask, caller, limits, method, params, schema};
use sandgate_policy::{
    Effect, File, Interface, Moment, NOTHING_READ, Policies, Query,
    Verdict::{self, Allow, Refuse},
};
use serde_json::{Value, json};

/// Policies about a method `x.get` with one optional parameter `p` of this schema.
fn policies(parameter: Value, rule: &str) -> Policies {
    let interface = Interface {
        service: "crm".to_owned(),
        methods: [(
            "x.get".to_owned(),
            method(Effect::Read, &[("p", false, parameter)]),
        )]
        .into(),
    };
    let text = format!(
        "@because(\"x\") permit (principal, action == Action::\"crm.x.get\", resource) {rule};"
    );
    let file = File {
        name: "policy.cedar",
        text: &text,
    };
    Policies::load(schema(&[interface]), file, &limits())
        .unwrap_or_else(|error| panic!("{text}: {:?}", error.problems()))
}

/// What becomes of each value, and the fault if there is one.
fn table(parameter: Value, rule: &str, values: &[Value]) -> String {
    let policies = policies(parameter, rule);
    values
        .iter()
        .map(|value| {
            let decision = ask(&policies, "x.get", json!({"p": value}));
            let fault = decision.fault.map(|fault| format!(": {fault}"));
            format!(
                "{value} {:?}{}\n",
                decision.verdict,
                fault.unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn values_are_taken_by_the_schema_and_not_by_their_looks() {
    let values = [
        json!(5),
        json!(-5),
        json!(5.0),
        json!(5.5),
        json!("5"),
        json!(true),
        json!(null),
        json!([5]),
        json!({"p": 5}),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(9_007_199_254_740_993.0_f64),
        json!(1e300),
        json!({"__extn": {"fn": "decimal", "arg": "5.0"}}),
        json!({"__entity": {"type": "Actor", "id": "root"}}),
    ];
    let mut all = String::new();
    for (schema, rule) in [
        (
            json!({"type": "integer"}),
            "when { context has p && context.p <= 5 }",
        ),
        (
            json!({"type": "number"}),
            "when { context has p && context.p.lessThanOrEqual(decimal(\"5.0\")) }",
        ),
        (
            json!({"type": "string"}),
            "when { context has p && context.p == \"5\" }",
        ),
        (
            json!({"type": "boolean"}),
            "when { context has p && context.p }",
        ),
        (
            json!({"type": "array", "items": {"type": "integer"}}),
            "when { context has p && context.p.contains(5) }",
        ),
        (
            json!({"type": "object", "properties": {"p": {"type": "integer"}}}),
            "when { context has p && context.p has p && context.p.p == 5 }",
        ),
        (
            json!({"type": ["integer", "null"]}),
            "unless { context has p && context.p != 5 }",
        ),
        (
            json!({"anyOf": [{"type": "string", "maxLength": 1}, {"enum": ["yes", "no"]}, {"type": "null"}]}),
            "when { context has p && context.p == \"5\" }",
        ),
        (json!({"type": "object"}), ""),
    ] {
        all.push_str(&format!(
            "{schema} {rule}\n{}\n",
            table(schema.clone(), rule, &values)
        ));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn decimals_are_exact_or_refused() {
    let rule = "when { context has p && context.p.lessThanOrEqual(decimal(\"0.3\")) }";
    let values = [
        json!(0.3),
        json!(0.1 + 0.2),
        json!(0.3001),
        json!(0.30001),
        json!(-0.0),
        json!(1e-5),
        json!(-922_337_203_685_477_i64),
        json!(922_337_203_685_477_i64),
        json!(922_337_203_685_478_i64),
        json!(-9.3e14),
    ];
    assert_eq!(
        table(json!({"type": "number"}), rule, &values),
        "0.3 Allow\n\
         0.30000000000000004 Refuse: the parameter `p` is 0.30000000000000004, and policies compare numbers in steps of 0.0001\n\
         0.3001 Refuse\n\
         0.30001 Refuse: the parameter `p` is 0.30001, and policies compare numbers in steps of 0.0001\n\
         -0.0 Allow\n\
         0.00001 Refuse: the parameter `p` is 0.00001, and policies compare numbers in steps of 0.0001\n\
         -922337203685477 Allow\n\
         922337203685477 Refuse\n\
         922337203685478 Refuse: the parameter `p` is larger than policies compare: 922337203685477 is the most\n\
         -930000000000000.0 Refuse: the parameter `p` is larger than policies compare: 922337203685477 is the most\n"
    );
    // Where no policy looks at it, a number may be anything that JSON holds.
    let all = table(json!({"type": "number"}), "", &values);
    assert_eq!(all.matches("Allow").count(), values.len(), "{all}");
    assert_eq!(
        table(json!({"type": "number"}), "", &[json!("1")]),
        "\"1\" Refuse: the parameter `p` is not a number\n"
    );
}

#[test]
fn a_prohibition_is_not_avoided_by_a_number_that_cedar_cannot_hold() {
    let interface = Interface {
        service: "crm".to_owned(),
        methods: [(
            "pay.add".to_owned(),
            method(
                Effect::Write,
                &[("amount", true, json!({"type": "number"}))],
            ),
        )]
        .into(),
    };
    let text = "@because(\"a\") permit (principal, action, resource == Service::\"crm\");
        @because(\"b\") forbid (principal, action in Action::\"change\", resource)
        when { context.amount.greaterThan(decimal(\"100.0\")) };";
    let file = File {
        name: "policy.cedar",
        text,
    };
    let policies = Policies::load(schema(&[interface]), file, &limits()).unwrap();
    let of = |amount: Value| ask(&policies, "pay.add", json!({"amount": amount})).verdict;
    assert_eq!(of(json!(100)), Allow);
    for amount in [
        json!(100.0001),
        json!(100.00001),
        json!(1e15),
        json!(1e300),
        json!(u64::MAX),
    ] {
        assert_eq!(of(amount.clone()), Refuse, "{amount}");
    }
}

#[test]
fn pol_03_what_is_not_declared_is_refused_and_so_is_what_is_missing() {
    let interface = Interface {
        service: "crm".to_owned(),
        methods: [(
            "x.get".to_owned(),
            method(
                Effect::Read,
                &[
                    ("id", true, json!({"type": "integer"})),
                    (
                        "where",
                        false,
                        json!({"type": "object", "required": ["a"], "properties": {
                            "a": {"type": "string"}, "b": {"type": ["string", "null"]}, "any": {},
                        }}),
                    ),
                    ("free", true, json!({})),
                ],
            ),
        )]
        .into(),
    };
    let text = "@because(\"x\") permit (principal, action in Action::\"read\", resource);";
    let file = File {
        name: "policy.cedar",
        text,
    };
    let policies = Policies::load(schema(&[interface]), file, &limits()).unwrap();
    let of = |value: Value| {
        let decision = ask(&policies, "x.get", value);
        match decision.fault {
            None => format!("{:?}", decision.verdict),
            Some(fault) => fault.to_string(),
        }
    };
    assert_eq!(of(json!({"id": 1, "free": null})), "Allow");
    assert_eq!(of(json!({"id": 1, "free": [1, "a", {}]})), "Allow");
    assert_eq!(of(json!({"id": 1})), "the parameter `free` is missing");
    assert_eq!(of(json!({"free": 1})), "the parameter `id` is missing");
    assert_eq!(
        of(json!({"id": null, "free": 1})),
        "the parameter `id` is not an integer of 64 bits"
    );
    assert_eq!(
        of(json!({"id": 1, "free": 1, "_context": 0})),
        "the parameter `_context` is not declared"
    );
    assert_eq!(
        of(json!({"id": 1, "free": 1, "ID": 2})),
        "the parameter `ID` is not declared"
    );
    assert_eq!(
        of(json!({"id": 1, "free": 1, "where": {"a": "x", "b": null, "any": 5}})),
        "Allow"
    );
    assert_eq!(
        of(json!({"id": 1, "free": 1, "where": {"b": "x"}})),
        "the parameter `where` holds `a`, which is missing"
    );
    assert_eq!(
        of(json!({"id": 1, "free": 1, "where": {"a": "x", "c": 1}})),
        "the parameter `where` holds `c`, which is not declared"
    );
    assert_eq!(
        of(json!({"id": 1, "free": 1, "a\n\u{1b}b": 1})),
        "the parameter `a\\n\\u{1b}b` is not declared"
    );
}

#[test]
fn dos_08_deep_and_large_parameters_are_decided() {
    let policies = policies(
        json!({"type": "array", "items": {"type": "string"}}),
        "when { context has p && context.p.contains(\"x\") }",
    );
    let many: Vec<Value> = (0..50_000)
        .map(|number| json!(number.to_string()))
        .collect();
    let decision = ask(&policies, "x.get", json!({"p": many}));
    assert_eq!((decision.verdict, decision.fault), (Refuse, None));
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    assert_eq!(ask(&policies, "x.get", json!({"p": deep})).verdict, Refuse);
    // A schema that nests without end has no type, and says so.
    let mut endless = json!({"type": "string"});
    for _ in 0..100 {
        endless = json!({"type": "array", "items": endless});
    }
    let interface = Interface {
        service: "crm".to_owned(),
        methods: [(
            "x.get".to_owned(),
            method(Effect::Read, &[("p", false, endless)]),
        )]
        .into(),
    };
    assert_eq!(schema(&[interface]).left_out().len(), 1);
}

#[test]
fn pol_09_a_call_cannot_say_what_its_effect_is() {
    let text = "@because(\"a\") permit (principal, action in Action::\"read\", resource);";
    let interface = |effect| Interface {
        service: "crm".to_owned(),
        methods: [(
            "contact.list".to_owned(),
            method(
                effect,
                &[
                    ("effect", false, json!({"type": "string"})),
                    ("x-effect", false, json!({"type": "string"})),
                ],
            ),
        )]
        .into(),
    };
    let of = |effect| -> Verdict {
        let file = File {
            name: "policy.cedar",
            text,
        };
        let policies = Policies::load(schema(&[interface(effect)]), file, &limits()).unwrap();
        policies
            .decide(&Query {
                principal: &caller("demo", "read", "read", &["read"]),
                service: "crm",
                method: "contact.list",
                params: &params(json!({"effect": "read", "x-effect": "read"})),
                now: Moment::OF_CASES,
                read_from: &NOTHING_READ,
            })
            .verdict
    };
    // The name says `list`; the interface decides.
    assert_eq!(of(Effect::Read), Allow);
    assert_eq!(of(Effect::Write), Refuse);
    assert_eq!(of(Effect::Destroy), Refuse);
}

#[test]
fn pol_03_a_null_is_not_taken_for_absence_by_a_policy_that_looks() {
    let nullable = json!({"type": ["string", "null"]});
    let record =
        json!({"type": "object", "properties": {"iban": nullable, "name": {"type": "string"}}});
    let interface = Interface {
        service: "crm".to_owned(),
        methods: [(
            "x.set".to_owned(),
            method(
                Effect::Write,
                &[
                    ("id", true, json!({"type": "integer"})),
                    ("owner", false, nullable.clone()),
                    ("parent", true, nullable.clone()),
                    ("note", false, nullable),
                    ("to", false, record),
                ],
            ),
        )]
        .into(),
    };
    let text = "@because(\"a\") permit (principal, action, resource);
        @because(\"b\") forbid (principal, action, resource) when { context has owner };
        @because(\"c\") forbid (principal, action, resource) when { context has parent && context.parent == \"x\" };
        @because(\"d\") forbid (principal, action, resource) when { context has to && context.to has iban };";
    let file = File {
        name: "policy.cedar",
        text,
    };
    let policies = Policies::load(schema(&[interface]), file, &limits()).unwrap();
    let of = |value: Value| {
        let decision = ask(&policies, "x.set", value);
        match decision.fault {
            None => format!("{:?}", decision.verdict),
            Some(fault) => fault.to_string(),
        }
    };
    assert_eq!(of(json!({"id": 1, "parent": "y", "note": null})), "Allow");
    assert_eq!(of(json!({"id": 1, "parent": "y", "owner": "x"})), "Refuse");
    assert_eq!(
        of(json!({"id": 1, "parent": "y", "owner": null})),
        "the parameter `owner` is null, which policies cannot compare"
    );
    assert_eq!(
        of(json!({"id": 1, "parent": null})),
        "the parameter `parent` is null, which policies cannot compare"
    );
    assert_eq!(
        of(json!({"id": 1, "parent": "y", "to": {"name": "n"}})),
        "Allow"
    );
    assert_eq!(
        of(json!({"id": 1, "parent": "y", "to": {"name": "n", "iban": null}})),
        "the parameter `to` holds `iban`, which is null, which policies cannot compare"
    );
}
