//! What services cost apart from their own answers: a registration of 104 methods from its document, what the road does
//! for every call before a policy decides, and finding methods among 520.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use criterion::{Criterion, criterion_group, criterion_main};
use sandgate::{
    policy::{self, ContextNumber, Principal},
    service::{Address, Registry, Service, Store, Terms},
};
use serde_json::value::RawValue;
use std::{hint::black_box, num::NonZeroU32, path::Path};

const DOCUMENT: &[u8] = include_bytes!("../tests/specs/openrpc/chain.json");

fn registrations(criterion: &mut Criterion) {
    let address = Address::http(Path::new("/run/chain.sock")).unwrap();
    let terms = Terms::default();
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("state")).unwrap();
    let read = || Service::read("chain", address.clone(), DOCUMENT, &terms).unwrap();
    criterion.bench_function("service/read 104 methods", |bencher| bencher.iter(read));
    criterion.bench_function("service/register 104 methods", |bencher| {
        bencher.iter(|| {
            store
                .add("chain", &address, &terms, DOCUMENT, true)
                .unwrap()
        });
    });
    criterion.bench_function("service/load a registry", |bencher| {
        bencher.iter(|| store.registry(&store.list().unwrap()).unwrap());
    });
    criterion.bench_function("service/text and stub", |bencher| {
        bencher.iter_batched(
            read,
            |service| (service.text(), service.stub()),
            criterion::BatchSize::LargeInput,
        );
    });
}

fn calls(criterion: &mut Criterion) {
    let address = Address::http(Path::new("/run/chain.sock")).unwrap();
    let service = Service::read("chain", address, DOCUMENT, &Terms::default()).unwrap();
    let registry = Registry::of([service]);
    criterion.bench_function("service/find a method", |bencher| {
        bencher.iter(|| {
            registry
                .method(black_box("chain"), black_box("chain.block.get"))
                .unwrap()
        });
    });
    let method = registry.method("chain", "chain.block.get").unwrap();
    let given: &RawValue =
        serde_json::from_str(r#"{"block_id":{"block_number":7},"contract_address":"0x7a5e"}"#)
            .unwrap();
    let number = ContextNumber::Number(NonZeroU32::MIN);
    let caller = Principal::new("bench", number, "script").unwrap();
    criterion.bench_function("service/bind arguments", |bencher| {
        bencher.iter(|| method.bind(black_box(given), &caller).unwrap());
    });
}

fn searches(criterion: &mut Criterion) {
    const POLICIES: &str = "@because(\"It may look.\") permit (principal, action in Action::\"read\", resource);
        @because(\"A person looks.\") @gate(\"approve\") permit (principal, action in Action::\"write\", resource);
        @because(\"Kept.\") forbid (principal, action in Action::\"destroy\", resource);";
    let address = Address::http(Path::new("/run/chain.sock")).unwrap();
    let services: Vec<Service> = (0..5)
        .map(|number| {
            let name = format!("chain{number}");
            Service::read(&name, address.clone(), DOCUMENT, &Terms::default()).unwrap()
        })
        .collect();
    let interfaces: Vec<_> = services.iter().map(Service::interface).collect();
    let context = policy::parse("bench", POLICIES, "hero_context = 1", None, &interfaces);
    let policies = context.unwrap().policies;
    let registry = Registry::of(services);
    let query = "how much does it cost to send a transaction with this nonce";
    criterion.bench_function("service/search 520 methods", |bencher| {
        bencher.iter(|| registry.search(None, black_box(query), 10));
    });
    criterion.bench_function("service/search 520 methods with policies", |bencher| {
        bencher.iter(|| registry.search(Some(&policies), black_box(query), 10));
    });
    criterion.bench_function("service/index 104 methods", |bencher| {
        bencher.iter_batched(
            || {
                Registry::of([
                    Service::read("chain", address.clone(), DOCUMENT, &Terms::default()).unwrap(),
                ])
            },
            |registry| registry.search(None, query, 10),
            criterion::BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, registrations, calls, searches);
criterion_main!(benches);
