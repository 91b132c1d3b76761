//! What a call to a service costs: one after the other, and a hundred at once that take 10 ms each.
//! `cargo bench --bench client`; results with their machine are kept in benches/results.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench that cannot run has nothing to measure"
)]

#[path = "../tests/all/support/hostile.rs"]
#[expect(dead_code, reason = "tests use all of it")]
mod hostile;

use criterion::{Criterion, criterion_group, criterion_main};
use hostile::Hostile;
use sandgate::{
    policy::{ContextNumber, Principal},
    service::{Address, Client, ClientLimits, Identity},
};
use serde_json::value::RawValue;
use std::num::NonZeroU32;
use tokio::{runtime::Runtime, task::JoinSet};

fn calls(criterion: &mut Criterion) {
    let executor = Runtime::new().unwrap();
    let _within = executor.enter();
    let http = Hostile::http();
    let lines = Hostile::lines();
    let caller = Principal::new("bench", ContextNumber::Number(NonZeroU32::MIN), "script").unwrap();
    let caller = caller
        .with_user("ann")
        .unwrap()
        .with_claims(["crm.read"])
        .unwrap();
    let who = Identity::of(&caller).unwrap();
    let params = RawValue::from_string(r#"{"name":"Ann","limit":5}"#.to_owned()).unwrap();
    let wait = RawValue::from_string(r#"{"ms":10}"#.to_owned()).unwrap();
    let mut group = criterion.benchmark_group("service_call");
    for (name, to) in [
        ("http", Address::http(&http.socket()).unwrap()),
        ("lines", Address::lines(&lines.socket()).unwrap()),
    ] {
        let client = Client::new(ClientLimits::default());
        let hundred = async |client: &Client| {
            let mut calling = JoinSet::new();
            for _ in 0..100 {
                let (client, to, who, wait) =
                    (client.clone(), to.clone(), who.clone(), wait.clone());
                calling.spawn(async move { client.call(&to, &who, "sleep", &wait).await.unwrap() });
            }
            calling.join_all().await
        };
        group.bench_function(format!("one_{name}"), |bencher| {
            bencher
                .to_async(&executor)
                .iter(async || client.call(&to, &who, "echo", &params).await.unwrap());
        });
        group.bench_function(format!("hundred_of_10ms_{name}"), |bencher| {
            bencher.to_async(&executor).iter(|| hundred(&client));
        });
        // As the first calls of a context find it: no connection is there yet.
        group.bench_function(format!("hundred_of_10ms_{name}_unconnected"), |bencher| {
            bencher
                .to_async(&executor)
                .iter(async || hundred(&Client::new(ClientLimits::default())).await);
        });
    }
    group.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
