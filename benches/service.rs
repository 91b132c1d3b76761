//! What services cost apart from their own answers: a registration of 104 methods from its document, and what the road
//! does for every call before a policy decides.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use criterion::{Criterion, criterion_group, criterion_main};
use sandgate::{
    policy::{ContextNumber, Principal},
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

criterion_group!(benches, registrations, calls);
criterion_main!(benches);
