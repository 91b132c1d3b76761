//! What is decided is what is sent: random documents, random policies and random calls through the real binding and the
//! real policies. The policies compare every parameter with every value of a small world, so which of them match tells
//! exactly what they saw; a model says which should, from what would be sent.

use super::*;
use crate::{
    hostcall::{
        call,
        desk::Desk,
        gate::{self, Agreed, GateQuestion, People, Stop},
        question::{Answer, Question},
    },
    journal::record::Record,
    processor::Processor,
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use sandgate_policy::{ContextName, File, Moment, Policies, Schema, Verdict};
use sandgate_service::{Address, ClientLimits, Service, Terms};
use serde_json::{Map, Value, json};
use std::{
    cell::Cell, collections::BTreeMap, future::Future, num::NonZeroU32, path::Path, pin::Pin,
};

/// How many calls; CONTRIBUTING.md says how to make a million.
fn calls() -> usize {
    std::env::var("SANDGATE_CALLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000)
}

/// A call of the one method that there is.
fn asked(params: &str) -> Call {
    let request = format!(r#"{{"service":"svc","method":"thing.put","params":{params}}}"#);
    call::decode(request.as_bytes(), 1, Moment::OF_CASES).unwrap()
}

/// Calls for each document and its policies.
const EACH: usize = 400;

struct Dice(ChaCha20Rng);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.0.next_u64()).unwrap() % most
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// One parameter of a document: its schema, and the values that policies compare it with, in JSON and in Cedar.
struct Drawn {
    name: &'static str,
    schema: Value,
    required: bool,
    world: Vec<(Value, String)>,
}

const NAMES: [&str; 6] = ["a", "owner", "amount", "to", "_context", "Note"];

fn draw(dice: &mut Dice, name: &'static str) -> Drawn {
    let (mut schema, world): (Value, Vec<(Value, String)>) = match dice.below(6) {
        0 => (
            json!({"type": "integer"}),
            [-1_i64, 0, 7, i64::MAX]
                .map(|number| (json!(number), number.to_string()))
                .into(),
        ),
        1 => (
            json!({"type": "number"}),
            [0.5, 1.25, 100.0]
                .map(|number: f64| (json!(number), format!("decimal(\"{number:.4}\")")))
                .into(),
        ),
        2 => (
            json!({"type": "string"}),
            ["", "x", "null", "é", "\"'\\"]
                .map(|text| (json!(text), format!("\"{}\"", text.escape_default())))
                .into(),
        ),
        3 => (
            json!({"type": "boolean"}),
            [true, false]
                .map(|value| (json!(value), value.to_string()))
                .into(),
        ),
        4 => (
            json!({"type": "array", "items": {"type": "string"}}),
            vec![
                (json!(["x"]), "[\"x\"]".to_owned()),
                (json!(["x", "y"]), "[\"x\", \"y\"]".to_owned()),
            ],
        ),
        _ => (
            json!({"type": "object", "properties": {"n": {"type": "integer"}, "iban": {"type": ["string", "null"]}}}),
            vec![],
        ),
    };
    if dice.one_in(2)
        && let Some(kind) = schema.get("type").cloned()
    {
        schema["type"] = json!([kind, "null"]);
    }
    Drawn {
        name,
        schema,
        required: dice.one_in(2),
        world,
    }
}

/// One comparison that a policy makes.
enum Comparison {
    Is(&'static str, Value),
    Has(&'static str),
    /// An attribute of a record.
    Holds(&'static str, &'static str),
}

impl Comparison {
    /// Whether it is so of what would be sent.
    fn holds(&self, sent: &BTreeMap<String, Value>) -> bool {
        match self {
            Self::Is(name, value) => sent.get(*name).is_some_and(|sent| same(sent, value)),
            Self::Has(name) => sent.contains_key(*name),
            Self::Holds(name, below) => sent
                .get(*name)
                .is_some_and(|sent| sent.get(*below).is_some()),
        }
    }
}

/// Equal as policies mean it: lists are sets, and 100 is 100.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => {
            a.iter().all(|one| b.contains(one)) && b.iter().all(|one| a.contains(one))
        }
        _ => a == b,
    }
}

struct World {
    reach: Reach,
    drawn: Vec<Drawn>,
    by_position: bool,
    comparisons: Vec<Comparison>,
}

fn world(dice: &mut Dice) -> World {
    let many = 1 + dice.below(NAMES.len());
    let drawn: Vec<Drawn> = (0..many).map(|at| draw(dice, NAMES[at])).collect();
    let by_position = dice.one_in(3);
    let params: Vec<Value> = drawn
        .iter()
        .map(|one| json!({"name": one.name, "required": one.required, "schema": one.schema}))
        .collect();
    let document = json!({"openrpc": "1.2.6", "info": {"title": "T"}, "methods": [{
        "name": "thing.put",
        "paramStructure": if by_position { "by-position" } else { "by-name" },
        "params": params,
    }]});
    let service = service(&document);
    let (mut text, mut comparisons) = (String::new(), Vec::new());
    let mut policy = |condition: &str, comparison| {
        let id = comparisons.len();
        text.push_str(&format!(
            "@id(\"p{id:02}\") @because(\"x\") permit (principal, action, resource) when {{ {condition} }};\n"
        ));
        comparisons.push(comparison);
    };
    for one in drawn.iter().filter(|one| one.name != "_context") {
        let name = one.name;
        // Parameters that no policy looks at are among them.
        if dice.one_in(4) {
            continue;
        }
        for (value, cedar) in &one.world {
            let condition = format!("context has {name} && context.{name} == {cedar}");
            policy(&condition, Comparison::Is(name, value.clone()));
        }
        policy(&format!("context has {name}"), Comparison::Has(name));
        if one.world.is_empty() {
            for below in ["n", "iban"] {
                let condition = format!("context has {name} && context.{name} has {below}");
                policy(&condition, Comparison::Holds(name, below));
            }
        }
    }
    World {
        reach: reach(service, &text),
        drawn,
        by_position,
        comparisons,
    }
}

fn service(document: &Value) -> Service {
    let address = Address::http(Path::new("/nowhere.sock")).unwrap();
    let bytes = document.to_string();
    Service::read("svc", address, bytes.as_bytes(), &Terms::default()).unwrap()
}

fn reach(service: Service, policy: &str) -> Reach {
    reach_with(service, policy, None)
}

fn reach_with(service: Service, policy: &str, approver: Option<Arc<dyn Approver>>) -> Reach {
    let limits = ContextLimits::of(ContextNumber::Number(NonZeroU32::new(7).unwrap()));
    let name = ContextName::new("demo").unwrap();
    let schema = Schema::new(name, &[service.interface()]).unwrap();
    let file = File {
        name: "policy.cedar",
        text: policy,
    };
    let policies = Policies::load(Arc::new(schema), file, &limits)
        .unwrap_or_else(|error| panic!("{policy}: {:#?}", error.problems()));
    let principal = Principal::new("demo", limits.hero_context, "test").unwrap();
    let policy = ContextPolicy {
        policies,
        limits,
        cases: None,
    };
    let client = Client::new(ClientLimits::default());
    let registry = Registry::of([service]);
    Reach::new(
        principal,
        InForce::always(policy),
        registry,
        client,
        approver,
    )
    .unwrap()
}

/// Some value for a parameter: mostly one of its world, sometimes of its type, sometimes anything.
fn value(dice: &mut Dice, one: &Drawn) -> Value {
    let anything = [
        json!(null),
        json!(3),
        json!(0.1),
        json!("z"),
        json!(["y", "x", "x"]),
        json!({"n": 1}),
        json!({"iban": null}),
        json!({"n": 2, "iban": "x"}),
        json!([null]),
        json!(100),
        json!({"_context": 1}),
    ];
    match (dice.below(12), one.world.as_slice()) {
        (0, _) => dice.of(&anything).clone(),
        (1, _) => Value::Null,
        (_, []) => dice.of(&anything[5..8]).clone(),
        (_, world) => dice.of(world).0.clone(),
    }
}

/// What a script gives: by name or position, complete or not, with what does not belong there.
fn given(dice: &mut Dice, world: &World) -> Value {
    if dice.one_in(3) {
        let open = world.drawn.iter().filter(|one| one.name != "_context");
        let mut items: Vec<Value> = open.map(|one| value(dice, one)).collect();
        items.truncate(dice.below(items.len() + 2));
        return Value::Array(items);
    }
    let mut members = Map::new();
    for one in &world.drawn {
        let left_out = if one.required { 12 } else { 2 };
        let reserved = one.name == "_context";
        if !dice.one_in(left_out) && (!reserved || dice.one_in(20)) {
            members.insert(one.name.to_owned(), value(dice, one));
        }
    }
    if dice.one_in(20) {
        let odd = [
            "A",
            "owner ",
            "_Context",
            "x-hero-user",
            "ownerr",
            "to.iban",
        ];
        members.insert((*dice.of(&odd)).to_owned(), json!(1));
    }
    Value::Object(members)
}

/// What a list or an object of parameters says, by name.
fn by_name(world: &World, params: &Value) -> BTreeMap<String, Value> {
    match params {
        Value::Array(items) => {
            let names = world.drawn.iter().map(|one| one.name.to_owned());
            names.zip(items.iter().cloned()).collect()
        }
        Value::Object(members) => members.clone().into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// The same of what a script gave, which has no place for what is the host's.
fn given_by_name(world: &World, given: &Value) -> BTreeMap<String, Value> {
    match given {
        Value::Array(items) => {
            let open = world.drawn.iter().filter(|one| one.name != "_context");
            open.map(|one| one.name.to_owned())
                .zip(items.iter().cloned())
                .collect()
        }
        _ => by_name(world, given),
    }
}

#[test]
fn pol_03_what_policies_see_is_what_is_sent_and_nothing_is_sent_that_was_not_given() {
    let mut dice = Dice(ChaCha20Rng::seed_from_u64(10));
    let (mut decided, mut matched, all) = (0, 0, calls());
    for _ in 0..all.div_ceil(EACH) {
        let world = world(&mut dice);
        for _ in 0..EACH {
            let given = given(&mut dice, &world);
            let asked = asked(&serde_json::to_string(&given).unwrap());
            let Ok(made) = world.reach.decide(&asked, &Arc::default(), &|| true) else {
                continue;
            };
            decided += 1;
            let (decision, call) = made.open();
            let params: Value = serde_json::from_str(call.params().get()).unwrap();
            assert_eq!(params.is_array(), world.by_position, "{given} {params}");
            let sent = by_name(&world, &params);
            // Nothing is sent that was not given, but for what the host says, and that is the host's.
            let was_given = given_by_name(&world, &given);
            for (name, value) in &sent {
                match name.as_str() {
                    "_context" => assert!(*value == json!(7) || *value == json!("7"), "{value}"),
                    _ => assert_eq!(was_given.get(name), Some(value), "{given} {params}"),
                }
            }
            // The policies matched that should, seen from what is sent, and no other.
            let should: Vec<String> = world
                .comparisons
                .iter()
                .enumerate()
                .filter(|(_, comparison)| comparison.holds(&sent))
                .map(|(id, _)| format!("p{id:02}"))
                .collect();
            let did = decision.policies.iter().map(ToString::to_string);
            assert_eq!(did.collect::<Vec<_>>(), should, "{given} {params}");
            let verdict = if should.is_empty() {
                Verdict::Refuse
            } else {
                matched += 1;
                Verdict::Allow
            };
            assert_eq!(decision.verdict, verdict);
        }
    }
    // It would prove nothing about calls that are all refused.
    assert!(
        decided > all / 3 && matched > all / 5,
        "{decided} {matched}"
    );
}

fn refusal(reach: &Reach, params: &str) -> Option<String> {
    let asked = asked(params);
    reach
        .decide(&asked, &Arc::default(), &|| true)
        .err()
        .map(|refusal| refusal.to_string())
}

#[test]
fn pol_03_a_null_that_a_policy_looks_at_is_refused_with_the_reason_and_others_are_sent() {
    let nullable = json!({"type": ["string", "null"]});
    let document = json!({"openrpc": "1.2.6", "info": {"title": "T"}, "methods": [{
        "name": "thing.put",
        "params": [
            {"name": "id", "required": true, "schema": {"type": "integer"}},
            {"name": "owner", "schema": nullable},
            {"name": "note", "schema": nullable},
        ],
    }]});
    let policy = "@because(\"x\") permit (principal, action, resource);
        @because(\"y\") forbid (principal, action, resource) when { context has owner };";
    let reach = reach(service(&document), policy);
    assert_eq!(
        refusal(&reach, r#"{"id":1,"owner":null}"#).unwrap(),
        "`svc.thing.put` cannot be decided: the parameter `owner` is null, which policies cannot compare"
    );
    assert_eq!(refusal(&reach, r#"{"id":1,"note":null}"#), None);
    assert_eq!(refusal(&reach, r#"{"id":1}"#), None);
}

#[test]
fn pol_03_a_number_that_no_policy_can_compare_is_answered_with_the_step_and_where_none_looks_it_is_sent()
 {
    let number = json!({"type": "number"});
    let document = json!({"openrpc": "1.2.6", "info": {"title": "T"}, "methods": [{
        "name": "thing.put",
        "params": [
            {"name": "cost", "schema": number},
            {"name": "weight", "schema": number},
            {"name": "parts", "schema": {"type": "array", "items": number}},
        ],
    }]});
    let policy = "@because(\"x\") permit (principal, action, resource)
        unless { context has cost && context.cost.greaterThan(decimal(\"100.0\")) }
        unless { context has parts && context.parts.isEmpty() };";
    let reach = reach(service(&document), policy);
    for (params, expected) in [
        (
            r#"{"cost":0.30000000000000004}"#,
            "the parameter `cost` is 0.30000000000000004, and policies compare numbers in steps of 0.0001; pass `round(cost, 2)`",
        ),
        (
            r#"{"cost":0.1000000000000000055511151231257827}"#,
            "the parameter `cost` is 0.1000000000000000055511151231257827, and policies compare numbers in steps of 0.0001; pass `round(cost, 2)`",
        ),
        (
            r#"{"parts":[1,0.00001]}"#,
            "the parameter `parts` holds 0.00001, and policies compare numbers in steps of 0.0001; pass `round(…, 2)` for each number in `parts`",
        ),
    ] {
        assert_eq!(
            refusal(&reach, params).unwrap(),
            format!("`svc.thing.put` cannot be decided: {expected}")
        );
    }
    for sent in [
        r#"{"cost":50.10}"#,
        r#"{"weight":0.1000000000000000055511151231257827}"#,
    ] {
        let decided = reach
            .decide(&asked(sent), &Arc::default(), &|| true)
            .unwrap();
        let (_, call) = decided.open();
        assert_eq!(call.params().get(), sent);
    }
}

#[tokio::test]
async fn dos_01_deciding_is_the_run_s_time_for_short_and_long_calls() {
    let document = json!({"openrpc": "1.2.6", "info": {"title": "T"}, "methods": [{
        "name": "thing.put",
        "params": [{"name": "list", "required": true, "schema": {"type": "array", "items": {"type": "integer"}}}],
    }]});
    let policy = "@because(\"x\") permit (principal, action, resource);";
    let reach = Arc::new(reach(service(&document), policy));
    for many in [1, 50_000] {
        let processor = Processor::default();
        let desk = Desk::new(processor.clone());
        let asked = Arc::new(asked(&json!({"list": vec![1; many]}).to_string()));
        let _ = desk.decide(&reach, &asked, &Arc::default()).await.unwrap();
        assert!(!processor.used().is_zero(), "{many}");
    }
}

#[test]
fn dos_01_a_long_decision_is_given_up_between_any_two_of_its_steps() {
    let record =
        json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^x+$"}}});
    let document = json!({"openrpc": "1.2.6", "info": {"title": "T"}, "methods": [{
        "name": "thing.put",
        "params": [{"name": "list", "required": true, "schema": {"type": "array", "items": record}}],
    }]});
    let policy = "@because(\"x\") permit (principal, action, resource);";
    let reach = reach(service(&document), policy);
    let asked = asked(&json!({"list": vec![json!({"a": "xx"}); 20_000]}).to_string());
    let given_up_at = |last: usize| {
        let looks = Cell::new(0);
        let wanted = || looks.replace(looks.get() + 1) < last;
        let refusal = reach.decide(&asked, &Arc::default(), &wanted).err();
        (looks.get(), refusal.map(|refusal| refusal.to_string()))
    };
    // After the values are read, before and after their check is weighed, and once what is sent is written.
    assert_eq!(given_up_at(usize::MAX), (4, None));
    for last in 0..4 {
        let (looks, refusal) = given_up_at(last);
        assert_eq!(looks, last + 1);
        assert!(refusal.unwrap().ends_with("the run is over"));
    }
}

/// Agrees to everything.
#[derive(Debug)]
struct Agrees;

impl Approver for Agrees {
    fn ask<'a>(&'a self, _: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(std::future::ready(Answer::Yes))
    }
}

#[tokio::test]
async fn apr_01_an_answer_is_about_the_bytes_that_were_shown() {
    let document = json!({"openrpc": "1.2.6", "info": {"title": "T"}, "methods": [{
        "name": "thing.put",
        "params": [{"name": "id", "required": true, "schema": {"type": "integer"}}],
    }]});
    let policy = "@because(\"x\") @gate(\"approve\") permit (principal, action, resource);";
    let reach = reach_with(service(&document), policy, Some(Arc::new(Agrees)));
    let decided = |params: &str| {
        let asked = asked(params);
        reach.decide(&asked, &Arc::default(), &|| true).unwrap()
    };
    let (people, record) = (People::default(), Record::default());
    let (call, mut agreed) = (asked("{}"), Agreed::default());
    let asking = GateQuestion {
        call: &call,
        approver: reach.approver(),
        people: &people,
        record: &record,
        question: None,
        may_park: false,
    };
    for _ in 0..2 {
        let cleared = gate::clear(decided("{\"id\":1}"), asking, &mut agreed).await;
        assert_eq!(cleared.unwrap().spend().2.get(), "{\"id\":1}");
    }
    let other = gate::clear(decided("{\"id\":2}"), asking, &mut agreed).await;
    let Err(Stop::Refusal(refusal)) = other else {
        panic!("{other:?}");
    };
    assert_eq!(
        refusal.to_string(),
        "`svc.thing.put` was approved, but what would be sent changed meanwhile"
    );
}
