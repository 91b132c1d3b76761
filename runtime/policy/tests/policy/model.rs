//! The semantics of policies written a second time, on data types of its own and without Cedar, and a comparison of
//! both on random policies and calls. THREAT[POL-08] is answered here: default refuses, `forbid` wins, an error refuses, and a
//! `forbid` with a gate asks about what is permitted.
//!
//! `SANDGATE_CASES` sets how many calls are compared, `SANDGATE_SEED` where they start.

use crate::crm::{caller, limits, method, schema};
use sandgate_policy::{
    Effect, File, Interface, Moment, Policies, Principal, Query,
    Verdict::{self, Allow, Gate, Refuse},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::Arc};

// The model.

#[derive(Debug, Clone)]
struct Policy {
    permit: bool,
    gate: bool,
    actions: Actions,
    service: Option<usize>,
    actor: Option<&'static str>,
    conditions: Vec<(Clause, Condition)>,
}

#[derive(Debug, Clone, Copy)]
enum Actions {
    Any,
    Group(&'static str),
    One(usize, usize),
    List([(usize, usize); 2]),
}

#[derive(Debug, Clone, Copy)]
enum Clause {
    When,
    WhenNot,
    Unless,
}

#[derive(Debug, Clone, Copy)]
enum Condition {
    NumberIs(i64),
    NumberAtMost(i64),
    NumberPlusMost,
    HasText,
    TextIs(&'static str),
    Flag,
    AmountAtMost(i64),
    TagsHold(&'static str),
    Claim(&'static str),
    User(&'static str),
    Group(&'static str),
    ReadFrom(&'static str),
    ReadFromAny,
}

#[derive(Debug)]
struct Call {
    context: &'static str,
    actor: &'static str,
    user: &'static str,
    claims: Vec<String>,
    service: &'static str,
    method: &'static str,
    params: Map<String, Value>,
    read_from: BTreeSet<String>,
}

impl Call {
    fn caller(&self) -> Principal {
        let claims: Vec<&str> = self.claims.iter().map(String::as_str).collect();
        caller(self.context, self.actor, self.user, &claims)
    }
}

const SERVICES: [&str; 2] = ["one", "two"];
const METHODS: [(&str, Effect); 4] = [
    ("thing.get", Effect::Read),
    ("thing.add", Effect::Write),
    ("thing.drop", Effect::Destroy),
    ("thing.do", Effect::Write),
];

fn in_group(group: &str, effect: Effect) -> bool {
    match group {
        "read" => effect == Effect::Read,
        "write" => effect == Effect::Write,
        "destroy" => effect == Effect::Destroy,
        _ => effect != Effect::Read,
    }
}

/// Whether a policy is about a method, whoever calls.
fn covers(policy: &Policy, at: (usize, usize), effect: Effect) -> bool {
    let action = match policy.actions {
        Actions::Any => true,
        Actions::Group(group) => in_group(group, effect),
        Actions::One(service, method) => (service, method) == at,
        Actions::List(list) => list.contains(&at),
    };
    action && policy.service.is_none_or(|service| service == at.0)
}

/// Whether Cedar holds the number exactly.
fn exact(number: &Value) -> bool {
    number
        .as_f64()
        .is_some_and(|number| number.abs() < 1e9 && (number * 10_000.0).fract() == 0.0)
}

/// Whether the parameters are of the declared types, or the call is refused before policies are asked.
fn fits(params: &Map<String, Value>, amount_is_seen: bool, text_is_seen: bool) -> bool {
    params.contains_key("number")
        && params.iter().all(|(name, value)| match name.as_str() {
            "number" => value.is_i64(),
            "text" => value.is_string() || (value.is_null() && !text_is_seen),
            "flag" => value.is_boolean(),
            "amount" => value.is_number() && (exact(value) || !amount_is_seen),
            "tags" => value
                .as_array()
                .is_some_and(|tags| tags.iter().all(Value::is_string)),
            _ => false,
        })
}

/// `None` when it cannot be evaluated.
fn holds(condition: Condition, call: &Call, effect: Effect) -> Option<bool> {
    let number = call.params.get("number").and_then(Value::as_i64);
    let text = call.params.get("text").and_then(Value::as_str);
    Some(match condition {
        Condition::NumberIs(value) => number == Some(value),
        Condition::NumberAtMost(value) => number? <= value,
        Condition::NumberPlusMost => number?.checked_add(i64::MAX)? > 0,
        Condition::HasText => text.is_some(),
        Condition::TextIs(value) => text == Some(value),
        Condition::Flag => call.params.get("flag") == Some(&Value::Bool(true)),
        Condition::AmountAtMost(value) => match call.params.get("amount") {
            Some(amount) => amount.as_f64()? <= value as f64 / 10_000.0,
            None => false,
        },
        Condition::TagsHold(value) => match call.params.get("tags") {
            Some(tags) => tags.as_array()?.iter().any(|tag| tag == value),
            None => false,
        },
        Condition::Claim(value) => call.claims.iter().any(|claim| claim == value),
        Condition::User(value) => call.user == value,
        Condition::Group(group) => in_group(group, effect),
        Condition::ReadFrom(name) => call.read_from.iter().any(|read| read == name),
        Condition::ReadFromAny => !call.read_from.is_empty(),
    })
}

fn matches(policy: &Policy, call: &Call, at: (usize, usize), effect: Effect) -> Option<bool> {
    if !covers(policy, at, effect) || policy.actor.is_some_and(|actor| actor != call.actor) {
        return Some(false);
    }
    for (clause, condition) in &policy.conditions {
        let wanted = matches!(clause, Clause::When);
        if holds(*condition, call, effect)? != wanted {
            return Some(false);
        }
    }
    Some(true)
}

fn decide(policies: &[Policy], call: &Call) -> (Verdict, Vec<String>) {
    let none = (Refuse, Vec::new());
    let service = SERVICES.iter().position(|name| *name == call.service);
    let method = METHODS.iter().position(|(name, _)| *name == call.method);
    let (Some(service), Some(method)) = (service, method) else {
        return none;
    };
    let effect = METHODS.get(method).unwrap().1;
    let is_seen = |looks: fn(&Condition) -> bool| {
        policies.iter().any(|policy| {
            let mut conditions = policy.conditions.iter();
            covers(policy, (service, method), effect)
                && conditions.any(|(_, condition)| looks(condition))
        })
    };
    let amount_is_seen = is_seen(|one| matches!(one, Condition::AmountAtMost(_)));
    let text_is_seen = is_seen(|one| matches!(one, Condition::HasText | Condition::TextIs(_)));
    if call.context != "demo" || !fits(&call.params, amount_is_seen, text_is_seen) {
        return none;
    }
    let (mut failed, mut forbids, mut permits) = (Vec::new(), Vec::new(), Vec::new());
    let mut asking = Vec::new();
    let mut open = false;
    for (number, policy) in policies.iter().enumerate() {
        let id = format!("p{number:02}");
        match (
            matches(policy, call, (service, method), effect),
            policy.permit,
        ) {
            (None, _) => failed.push(id),
            (Some(false), _) => {}
            (Some(true), false) if policy.gate => asking.push(id),
            (Some(true), false) => forbids.push(id),
            (Some(true), true) => {
                open |= !policy.gate;
                permits.push(id);
            }
        }
    }
    if !failed.is_empty() {
        (Refuse, failed)
    } else if !forbids.is_empty() {
        (Refuse, forbids)
    } else if permits.is_empty() {
        none
    } else if asking.is_empty() {
        (if open { Allow } else { Gate }, permits)
    } else {
        permits.extend(asking);
        permits.sort();
        (Gate, permits)
    }
}

// The same policies as text.

fn action(service: usize, method: usize) -> String {
    let (service, (method, _)) = (SERVICES.get(service).unwrap(), METHODS.get(method).unwrap());
    format!("Action::\"{service}.{method}\"")
}

fn condition_text(condition: Condition) -> String {
    match condition {
        Condition::NumberIs(value) => format!("context.number == {value}"),
        Condition::NumberAtMost(value) => format!("context.number <= {value}"),
        Condition::NumberPlusMost => format!("context.number + {} > 0", i64::MAX),
        Condition::HasText => "context has text".to_owned(),
        Condition::TextIs(value) => format!("context has text && context.text == \"{value}\""),
        Condition::Flag => "context has flag && context[\"flag\"]".to_owned(),
        Condition::AmountAtMost(value) => format!(
            "context has amount && context.amount.lessThanOrEqual(decimal(\"{}.{:04}\"))",
            value / 10_000,
            value % 10_000
        ),
        Condition::TagsHold(value) => {
            format!("context has tags && context.tags.contains(\"{value}\")")
        }
        Condition::Claim(value) => format!("principal.claims.contains(\"{value}\")"),
        Condition::User(value) => format!("principal.user == \"{value}\""),
        Condition::Group(group) => format!("action in Action::\"{group}\""),
        Condition::ReadFrom(name) => format!("context.run.read_from.contains(\"{name}\")"),
        Condition::ReadFromAny => "!context.run.read_from.isEmpty()".to_owned(),
    }
}

fn policy_text(number: usize, policy: &Policy) -> String {
    let actions = match policy.actions {
        Actions::Any => "action".to_owned(),
        Actions::Group(group) => format!("action in Action::\"{group}\""),
        Actions::One(service, method) => format!("action == {}", action(service, method)),
        Actions::List([(a, b), (c, d)]) => {
            format!("action in [{}, {}]", action(a, b), action(c, d))
        }
    };
    let principal = match policy.actor {
        Some(actor) => format!("principal == Actor::\"{actor}\""),
        None => "principal in Context::\"demo\"".to_owned(),
    };
    let resource = match policy.service.and_then(|service| SERVICES.get(service)) {
        Some(service) => format!("resource == Service::\"{service}\""),
        None => "resource".to_owned(),
    };
    let mut text = format!("@id(\"p{number:02}\") @because(\"Policy {number}.\")");
    if policy.gate {
        text.push_str(" @gate(\"approve\")");
    }
    let word = if policy.permit { "permit" } else { "forbid" };
    text.push_str(&format!("\n{word} ({principal}, {actions}, {resource})"));
    for (clause, condition) in &policy.conditions {
        let condition = condition_text(*condition);
        text.push_str(&match clause {
            Clause::When => format!("\nwhen {{ {condition} }}"),
            Clause::WhenNot => format!("\nwhen {{ !({condition}) }}"),
            Clause::Unless => format!("\nunless {{ {condition} }}"),
        });
    }
    text.push_str(";\n");
    text
}

// What is compared.

/// SplitMix64: a test that fails fails again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from.get(self.below(from.len())).unwrap().clone()
    }
}

const SOURCES: [&str; 3] = ["one", "one.thing.get", "two"];

const GROUPS: [&str; 4] = ["read", "write", "destroy", "change"];

fn random_policy(random: &mut Random) -> Policy {
    let one = |random: &mut Random| (random.below(2), random.below(4));
    let actions = match random.below(5) {
        0 => Actions::Any,
        1 | 2 => Actions::Group(random.pick(&GROUPS)),
        3 => {
            let (service, method) = one(random);
            Actions::One(service, method)
        }
        _ => Actions::List([one(random), one(random)]),
    };
    let permit = !random.one_in(3);
    let conditions = (0..random.below(3)).map(|_| {
        let clause = random.pick(&[Clause::When, Clause::When, Clause::WhenNot, Clause::Unless]);
        let condition = match random.below(17) {
            0 => Condition::NumberIs(random.pick(&[0, 1, 2])),
            1 | 2 => Condition::NumberAtMost(random.pick(&[-1, 0, 1, 2])),
            3 => Condition::NumberPlusMost,
            4 => Condition::HasText,
            5 | 6 => Condition::TextIs(random.pick(&["a", "b"])),
            7 => Condition::Flag,
            8 | 9 => Condition::AmountAtMost(random.pick(&[0, 5000, 10_000])),
            10 => Condition::TagsHold(random.pick(&["a", "b"])),
            11 => Condition::Claim(random.pick(&["x", "y"])),
            12 => Condition::User(random.pick(&["", "ada"])),
            13 => Condition::Group(random.pick(&GROUPS)),
            14 | 15 => Condition::ReadFrom(random.pick(&SOURCES)),
            _ => Condition::ReadFromAny,
        };
        (clause, condition)
    });
    Policy {
        permit,
        conditions: conditions.collect(),
        gate: random.one_in(2),
        actions,
        service: random.one_in(2).then(|| random.below(2)),
        actor: random.one_in(4).then(|| random.pick(&["script", "robot"])),
    }
}

fn random_call(random: &mut Random) -> Call {
    let mut params = Map::new();
    let mut set = |name: &str, values: &[Value], often: usize, random: &mut Random| {
        if !random.one_in(often) {
            params.insert(name.to_owned(), random.pick(values));
        }
    };
    let numbers = [
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
    ];
    set("number", &numbers, 40, random);
    set(
        "text",
        &[json!("a"), json!("b"), json!("A"), json!("a "), Value::Null],
        2,
        random,
    );
    set("flag", &[json!(true), json!(false)], 2, random);
    set(
        "amount",
        &[
            json!(0),
            json!(0.5),
            json!(0.5001),
            json!(1),
            json!(2),
            json!(0.00001),
        ],
        2,
        random,
    );
    set(
        "tags",
        &[json!([]), json!(["a"]), json!(["b", "a", "a"])],
        2,
        random,
    );
    // Now and then something that does not fit.
    if random.one_in(20) {
        let name = random.pick(&[
            "number", "text", "flag", "amount", "tags", "other", "Number",
        ]);
        let wrong = [
            json!({}),
            json!([1]),
            json!("1"),
            json!(u64::MAX),
            json!({"__extn": {"fn": "decimal", "arg": "0.0"}}),
        ];
        params.insert(name.to_owned(), random.pick(&wrong));
    }
    Call {
        context: random.pick(
            &["demo"; 30]
                .iter()
                .copied()
                .chain(["other", "demo2"])
                .collect::<Vec<_>>(),
        ),
        actor: random.pick(&["script", "robot", "Script"]),
        user: random.pick(&["", "ada"]),
        claims: ["x", "y", "X"]
            .into_iter()
            .filter(|_| random.one_in(2))
            .map(ToOwned::to_owned)
            .collect(),
        service: random.pick(&[
            "one", "one", "one", "one", "two", "two", "two", "two", "One", "three",
        ]),
        method: random.pick(&[
            "thing.get",
            "thing.get",
            "thing.add",
            "thing.add",
            "thing.drop",
            "thing.drop",
            "thing.do",
            "thing.do",
            "thing.Get",
            "thing",
            "thing.get ",
            "read",
        ]),
        params,
        read_from: SOURCES
            .into_iter()
            .filter(|_| random.one_in(2))
            .map(ToOwned::to_owned)
            .collect(),
    }
}

fn interfaces() -> Vec<Interface> {
    let parameters = [
        ("number", true, json!({"type": "integer"})),
        ("text", false, json!({"type": ["string", "null"]})),
        ("flag", false, json!({"type": "boolean"})),
        ("amount", false, json!({"type": "number"})),
        (
            "tags",
            false,
            json!({"type": "array", "items": {"type": "string"}}),
        ),
    ];
    let methods = METHODS.map(|(name, effect)| (name.to_owned(), method(effect, &parameters)));
    SERVICES
        .iter()
        .map(|service| Interface {
            service: (*service).to_owned(),
            methods: methods.clone().into_iter().collect(),
        })
        .collect()
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

#[test]
fn pol_08_the_engine_agrees_with_the_model() {
    const CALLS: u64 = 500;
    let cases = number(
        "SANDGATE_CASES",
        if cfg!(debug_assertions) {
            20_000
        } else {
            1_000_000
        },
    );
    let seed = number("SANDGATE_SEED", 4);
    let schema = schema(&interfaces());
    let mut seen = [0_u64; 4];
    for round in 0..cases.div_ceil(CALLS) {
        let mut random = Random(seed.wrapping_add(round << 32));
        let policies: Vec<Policy> = (0..random.below(9))
            .map(|_| random_policy(&mut random))
            .collect();
        let text: String = policies
            .iter()
            .enumerate()
            .map(|(number, policy)| policy_text(number, policy))
            .collect();
        let file = File {
            name: "policy.cedar",
            text: &text,
        };
        let engine = Policies::load(Arc::clone(&schema), file, &limits())
            .unwrap_or_else(|error| panic!("{text}\n{:#?}", error.problems()));
        for _ in 0..CALLS {
            let call = random_call(&mut random);
            let decision = engine.decide(&Query {
                principal: &call.caller(),
                service: call.service,
                method: call.method,
                params: &call.params,
                now: Moment::OF_CASES,
                read_from: &call.read_from,
            });
            let ids: Vec<String> = decision.policies.iter().map(ToString::to_string).collect();
            let expected = decide(&policies, &call);
            assert_eq!(
                (decision.verdict, ids),
                expected,
                "round {round}\n{text}\n{call:#?}\n{:?}",
                decision.fault
            );
            let kind = match (expected.0, expected.1.is_empty()) {
                (Allow, _) => 0,
                (Gate, _) => 1,
                (Refuse, false) => 2,
                (Refuse, true) => 3,
            };
            *seen.get_mut(kind).unwrap() += 1;
        }
    }
    // The comparison is worth something only when every kind of answer is common.
    assert!(seen.iter().all(|count| *count > cases / 40), "{seen:?}");
}
