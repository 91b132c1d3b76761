//! What documents cost in memory: every allocation of this process is counted, while real documents, changed ones and
//! made-up ones are read, kept and used as a context with policies uses them. SVC-04

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod made;

use made::{Dice, mutated, written};
use peak_alloc::PeakAlloc;
use sandgate_policy::{
    ContextLimits, ContextName, ContextNumber, File, Policies, Principal, Schema,
};
use sandgate_service::{Address, Registry, Service, Terms};
use serde_json::{Value, json, value::to_raw_value};
use std::{num::NonZeroU32, path::Path, sync::Mutex};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One at a time, since the process is counted whole.
static TURN: Mutex<()> = Mutex::new(());

/// What a document of no bytes may take: the tables of the 5 000 methods that a document may have at most.
const CONSTANT: usize = 64 << 20;
/// Bytes of memory for each byte of a document.
const TIMES: usize = 20;

/// The most memory that was taken at once, and how many methods there were, where the document was not refused.
fn cost(document: &[u8]) -> (usize, Option<usize>) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let methods = used(document);
    (MEMORY.peak_usage().saturating_sub(before), methods)
}

/// Reads it, describes it, loads policies that are about all of it, calls every method, and searches for some.
fn used(document: &[u8]) -> Option<usize> {
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let service = Service::read("x", address, document, &Terms::default()).ok()?;
    let (text, stub) = (service.text(), service.stub());
    assert!(text.starts_with("SERVICE: x\n") && stub.starts_with(b"{\"service\":\"x\""));
    let interface = service.interface();
    let schema = Schema::new(ContextName::new("x").unwrap(), &[interface]).unwrap();
    let file = File {
        name: "policy.cedar",
        text: "@because(\"x\") permit (principal, action, resource);",
    };
    let policies = Policies::load(
        schema.into(),
        file,
        &ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN)),
    )
    .unwrap();
    assert!(policies.may_use("x") || service.methods().len() == 0);
    let number = ContextNumber::Number(NonZeroU32::MIN);
    let caller = Principal::new("team", number, "script").unwrap();
    let caller = caller.with_user("ann").unwrap();
    let values = [
        json!("text"),
        json!(1),
        json!({"a": [null]}),
        json!(["a", 2]),
    ];
    for (n, method) in service.methods().enumerate() {
        let given: Vec<&Value> = values.iter().cycle().skip(n % 4).take(n % 6).collect();
        let _ = method.bind(&to_raw_value(&given).unwrap(), &caller);
    }
    let methods = service.methods().len();
    let found = Registry::of([service]).search(Some(&policies), "x", 10);
    assert!(found.len() <= 10.min(methods));
    Some(methods)
}

fn real() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    for directory in ["tests/specs/openrpc", "policies/services"] {
        for entry in std::fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                all.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    all.sort();
    assert_eq!(all.len(), 13);
    all
}

fn within_bounds(name: &str, document: &[u8]) -> Option<usize> {
    let (peak, methods) = cost(document);
    let most = TIMES * document.len() + CONSTANT;
    assert!(
        peak <= most,
        "{name}, of {} bytes, takes {peak} bytes; {most} are allowed",
        document.len()
    );
    // The constant is that of thousands of methods: with fewer it is smaller.
    let fewer = TIMES * document.len() + (4 << 20) + methods.unwrap_or(0) * (12 << 10);
    assert!(
        peak <= fewer,
        "{name}, of {} bytes and {methods:?} methods, takes {peak} bytes; {fewer} are expected",
        document.len()
    );
    methods
}

#[test]
fn svc_04_real_documents_cost_what_they_weigh() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for (name, document) in real() {
        assert!(within_bounds(&name, &document).is_some(), "{name}");
        // Without the spaces that people read it with.
        let value: Value = serde_json::from_slice(&document).unwrap();
        assert!(
            within_bounds(&name, value.to_string().as_bytes()).is_some(),
            "{name}"
        );
    }
}

#[test]
fn svc_04_the_largest_documents_cost_what_they_weigh() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut offered = Vec::new();
    for (name, document) in made::largest() {
        let document = document.to_string();
        assert!(document.len() <= 4 << 20, "{name}: {}", document.len());
        let (peak, methods) = cost(document.as_bytes());
        let most = TIMES * document.len() + CONSTANT;
        assert!(
            peak <= most,
            "{name}, of {} bytes, takes {peak} bytes; {most} are allowed",
            document.len()
        );
        if methods.is_some() {
            offered.push(name);
        }
    }
    // Honest ones are among them.
    for name in [
        "5000 methods",
        "500 methods of 40 parameters",
        "a record of many fields",
    ] {
        assert!(offered.contains(&name), "{name} is refused");
    }
}

#[test]
fn svc_04_any_document_costs_what_it_weighs() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = std::env::var("SANDGATE_DOCUMENTS").map_or(2_000, |count| count.parse().unwrap());
    let real: Vec<Value> = real()
        .iter()
        .map(|(_, document)| serde_json::from_slice(document).unwrap())
        .collect();
    let (mut taken, mut methods) = (0_usize, 0_usize);
    for seed in 0..count {
        let dice = &mut Dice::new(seed);
        let document = if seed % 2 == 0 {
            written(dice)
        } else {
            mutated(dice, &real)
        };
        if let Some(count) =
            within_bounds(&format!("document {seed}"), document.to_string().as_bytes())
        {
            taken += 1;
            methods += count;
        }
    }
    // More than half of them are documents: what is changed at random often is none.
    assert!(
        taken * 2 > usize::try_from(count).unwrap() && methods > taken,
        "{taken}, {methods}"
    );
}
