//! What names say of methods of real services, which `tests/corpora/methods` labels by hand: no change may be taken for a
//! read. Through the reader of documents, as a registration does it.

use crate::support::repository;
use sandgate::{
    policy::Effect,
    service::{Address, Service, Terms},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

struct Method {
    service: String,
    name: String,
    /// What it does.
    label: Effect,
    /// What its name says, and by which word.
    said: Effect,
    because: String,
}

/// Those that write a name as one word (`getblockcount`), so that no word of it can be told.
const IN_ONE_WORD: [&str; 2] = ["bitcoin", "lightning"];

/// Ethereum, Starknet, the OpenRPC project's examples, MCP's reference servers, and the services that sandgate was made
/// for. The others say how far the same words carry.
const FIRST: [&str; 27] = [
    "aws_kb",
    "brave_search",
    "ethereum",
    "everart",
    "everything",
    "fetch",
    "filesystem",
    "gdrive",
    "git",
    "github_reference",
    "gitlab_reference",
    "google_maps",
    "hero",
    "herolib",
    "knowledge",
    "metamask",
    "mycelium",
    "openrpc_examples",
    "postgres",
    "puppeteer",
    "redis",
    "sentry_reference",
    "sequential_thinking",
    "slack",
    "sqlite",
    "starknet",
    "time",
];

fn methods() -> Vec<Method> {
    let text = fs::read_to_string(repository("tests/corpora/methods/methods.tsv")).unwrap();
    let mut labels: BTreeMap<&str, BTreeMap<&str, Effect>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [service, name, label, reason @ ..] = &*line.split('\t').collect::<Vec<_>>() else {
            panic!("{line}");
        };
        assert!(
            reason.iter().all(|reason| !reason.is_empty()) && reason.len() < 2,
            "{line}"
        );
        let label = match *label {
            "read" => Effect::Read,
            "write" => Effect::Write,
            "destroy" => Effect::Destroy,
            _ => panic!("{line}"),
        };
        let before = labels.entry(service).or_default().insert(name, label);
        assert_eq!(before, None, "{line}");
    }
    labels
        .into_iter()
        .flat_map(|(service, labels)| said(service, &labels))
        .collect()
}

/// What a registration makes of a document with these methods.
fn said(service: &str, labels: &BTreeMap<&str, Effect>) -> Vec<Method> {
    let methods: Vec<Value> = labels
        .keys()
        .map(|name| json!({"name": name, "params": []}))
        .collect();
    let document = json!({
        "openrpc": "1.3.2",
        "info": {"title": service, "version": "1"},
        "methods": methods,
    });
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let read = Service::read(
        service,
        address,
        document.to_string().as_bytes(),
        &Terms::default(),
    );
    let read = read.unwrap();
    labels
        .iter()
        .map(|(name, label)| {
            let method = read
                .method(name)
                .unwrap_or_else(|| panic!("{service} has no {name}"));
            assert_eq!(
                method.reads_by_name(),
                method.effect == Effect::Read,
                "{name}"
            );
            Method {
                service: service.to_owned(),
                name: (*name).to_owned(),
                label: *label,
                said: method.effect,
                because: method.because.to_string(),
            }
        })
        .collect()
}

/// `7 of 9 (77.7 in 100)`, never rounded up.
fn share(found: usize, all: usize) -> String {
    let thousandths = found * 1000 / all.max(1);
    format!(
        "{found} of {all} ({}.{} in 100)",
        thousandths / 10,
        thousandths % 10
    )
}

fn found<'a>(methods: impl Iterator<Item = &'a Method>) -> (usize, usize) {
    let reads: Vec<&Method> = methods
        .filter(|method| method.label == Effect::Read)
        .collect();
    let found = reads
        .iter()
        .filter(|method| method.said == Effect::Read)
        .count();
    (found, reads.len())
}

#[test]
fn pol_09_no_method_of_a_real_service_that_changes_something_is_taken_for_a_read() {
    let methods = methods();
    assert!(methods.len() > 2_000);
    let taken: Vec<&str> = methods
        .iter()
        .filter(|method| method.label != Effect::Read && method.said == Effect::Read)
        .map(|method| method.name.as_str())
        .collect();
    assert_eq!(taken, Vec::<&str>::new());
}

#[test]
fn what_only_looks_is_found_by_its_name_as_far_as_names_say_it() {
    let methods = methods();
    for name in [
        "list_contacts",
        "books.search",
        "photos.list_recent",
        "eth_getBalance",
        "get_interface",
    ] {
        let method = methods.iter().find(|method| method.name == name).unwrap();
        assert_eq!(method.said, Effect::Read, "{name}");
    }
    let is = |method: &Method, services: &[&str]| services.contains(&method.service.as_str());
    let first = found(methods.iter().filter(|method| is(method, &FIRST)));
    assert!(first.0 * 100 >= first.1 * 85, "{first:?}");

    let apart = found(methods.iter().filter(|method| !is(method, &IN_ONE_WORD)));
    let all = found(methods.iter());
    let count = |label| {
        methods
            .iter()
            .filter(|method| method.label == label)
            .count()
    };
    let destroys = methods
        .iter()
        .filter(|method| method.label == Effect::Destroy);
    let known = destroys
        .clone()
        .filter(|method| method.said == Effect::Destroy)
        .count();
    let mut text = format!(
        "{} methods: {} read, {} write, {} destroy\n\nreads found\n  first   {}\n  apart   {}\n  all     {}\n\
         what destroys, known as such\n  all     {}\n\nreads found of each service\n",
        methods.len(),
        count(Effect::Read),
        count(Effect::Write),
        count(Effect::Destroy),
        share(first.0, first.1),
        share(apart.0, apart.1),
        share(all.0, all.1),
        share(known, destroys.count()),
    );
    let mut missed = String::new();
    for services in methods.chunk_by(|one, next| one.service == next.service) {
        let (found, all) = found(services.iter());
        let service = &services[0].service;
        let _ = writeln!(text, "  {service:<20}  {found} of {all}");
        for method in services {
            if method.label == Effect::Read && method.said != Effect::Read {
                let Method {
                    name,
                    said,
                    because,
                    ..
                } = method;
                let _ = writeln!(missed, "{service:<20}  {said:<7}  {name}: {because}");
            }
        }
    }
    insta::assert_snapshot!("reads_found", text);
    insta::assert_snapshot!("reads_missed", missed);
}
