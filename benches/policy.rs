//! What a decision costs, and what loading policies costs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on stops"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use sandgate_policy::{
    ContextLimits, ContextName, ContextNumber, Effect, File, Interface, JournaledCall,
    MethodInterface, Moment, NOTHING_READ, ParameterInterface, Policies, Principal, Query, Schema,
    Verdict,
};
use serde_json::{Map, Value, json};
use std::{hint::black_box, num::NonZeroU32, sync::Arc};

/// A service of this many methods, a third of each effect.
fn service(methods: usize) -> Interface {
    let parameter = |name: &str, schema: Value| ParameterInterface {
        name: name.to_owned(),
        required: true,
        schema: schema.to_string().into(),
    };
    let methods = (0..methods).map(|number| {
        let effect = [Effect::Read, Effect::Write, Effect::Destroy][number % 3];
        let parameters = vec![
            parameter("title", json!({"type": "string"})),
            parameter("amount", json!({"type": "number"})),
            parameter("count", json!({"type": "integer"})),
            parameter(
                "tags",
                json!({"type": "array", "items": {"type": "string"}}),
            ),
        ];
        let method = MethodInterface {
            effect,
            by_name: false,
            parameters,
        };
        (format!("thing{number}.do"), method)
    });
    Interface {
        service: "crm".to_owned(),
        methods: methods.collect(),
    }
}

/// Three policies about groups, and as many as wanted about single methods.
fn text(singles: usize) -> String {
    let mut text = "\
@id(\"reads\") @because(\"Reading is what this is for.\")
permit (principal in Context::\"bench\", action in Action::\"read\", resource == Service::\"crm\");
@id(\"writes\") @gate(\"approve\") @because(\"A person looks first.\")
permit (principal, action in Action::\"write\", resource == Service::\"crm\")
when { context.amount.lessThan(decimal(\"10000.0\")) && context.count <= 100 };
@id(\"deletes\") @because(\"Nothing is deleted.\")
forbid (principal, action in Action::\"destroy\", resource) unless { principal.claims.contains(\"crm.delete\") };
"
    .to_owned();
    for number in 0..singles {
        text.push_str(&format!(
            "@because(\"One.\") permit (principal, action == Action::\"crm.thing{number}.do\", resource) when {{ context.count == {number} }};\n"
        ));
    }
    text
}

fn schema(methods: usize) -> Arc<Schema> {
    Arc::new(Schema::new(ContextName::new("bench").unwrap(), &[service(methods)]).unwrap())
}

fn load(schema: &Arc<Schema>, text: &str) -> Policies {
    let file = File {
        name: "policy.cedar",
        text,
    };
    Policies::load(
        Arc::clone(schema),
        file,
        &ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN)),
    )
    .unwrap()
}

fn decisions(criterion: &mut Criterion) {
    let principal = Principal::new("bench", ContextNumber::Number(NonZeroU32::MIN), "script")
        .and_then(|caller| caller.with_user("somebody"))
        .and_then(|caller| caller.with_claims(["crm.read", "crm.write"]))
        .unwrap();
    let params: Map<String, Value> = json!({
        "title": "A deal", "amount": 999.5, "count": 7, "tags": ["new", "urgent"],
    })
    .as_object()
    .unwrap()
    .clone();
    let mut group = criterion.benchmark_group("decide");
    for (methods, singles) in [(15, 0), (300, 100)] {
        let policies = load(&schema(methods), &text(singles));
        for (name, method) in [
            ("read", "thing3.do"),
            ("write", "thing4.do"),
            ("destroy", "thing5.do"),
            ("unknown", "thing.do"),
        ] {
            let query = Query {
                principal: &principal,
                service: "crm",
                method,
                params: &params,
                now: Moment::OF_CASES,
                read_from: &NOTHING_READ,
            };
            group.bench_function(
                format!("{name} of {methods}, {} policies", singles + 3),
                |bench| {
                    bench.iter(|| black_box(policies.decide(black_box(&query))));
                },
            );
        }
    }
    group.finish();
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for methods in [15, 300] {
        group.bench_function(format!("schema of {methods} methods"), |bench| {
            bench.iter(|| schema(methods));
        });
        let schema = schema(methods);
        let text = text(methods / 3);
        group.bench_function(format!("{} policies", methods / 3 + 3), |bench| {
            bench.iter(|| load(&schema, &text));
        });
    }
    group.finish();
}

/// A month of a busy context, decided anew.
fn replays(criterion: &mut Criterion) {
    const CALLS: usize = 100_000;
    let principal =
        Principal::new("bench", ContextNumber::Number(NonZeroU32::MIN), "script").unwrap();
    let params = json!({"title": "A deal", "amount": 999.5, "count": 7, "tags": ["new", "urgent"]});
    let params = params.as_object().unwrap();
    let policies = load(&schema(300), &text(100));
    let methods: Vec<String> = (0..300).map(|number| format!("thing{number}.do")).collect();
    let nobody = Vec::new();
    let calls = || {
        methods
            .iter()
            .cycle()
            .take(CALLS)
            .map(|method| JournaledCall {
                query: Query {
                    principal: &principal,
                    service: "crm",
                    method,
                    params,
                    now: Moment::OF_CASES,
                    read_from: &NOTHING_READ,
                },
                verdict: Verdict::Refuse,
                policies: &nobody,
            })
    };
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.bench_function(format!("{CALLS} calls, 103 policies"), |bench| {
        bench.iter(|| policies.replay(black_box(calls())));
    });
    group.finish();
}

criterion_group!(benches, decisions, loading, replays);
criterion_main!(benches);
