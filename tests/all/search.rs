//! Whether methods are found by what they are for: requests that others wrote and collected, with the methods that they want
//! (tests/corpora/search). Through documents and the registry, as a service is searched that somebody registered.

use crate::support::repository;
use sandgate::service::{Address, Registry, Service, Terms};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// One line of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Service {
        name: String,
        #[serde(default)]
        description: String,
    },
    Method {
        service: String,
        name: String,
        #[serde(default)]
        description: String,
        #[serde(default)]
        parameters: Map<String, Value>,
    },
    Request {
        text: String,
        /// Each method that it wants, by any of its names.
        methods: Vec<Vec<String>>,
    },
}

struct Requests {
    registry: Registry,
    requests: Vec<(String, Vec<Vec<String>>)>,
}

impl Requests {
    fn read(file: &str) -> Self {
        let text = fs::read_to_string(repository("tests/corpora/search").join(file)).unwrap();
        let mut services: BTreeMap<String, (String, Vec<Value>)> = BTreeMap::new();
        let mut requests = Vec::new();
        for line in text.lines() {
            match serde_json::from_str(line).unwrap() {
                Line::Service { name, description } => {
                    assert!(services.insert(name, (description, Vec::new())).is_none());
                }
                Line::Method {
                    service,
                    name,
                    description,
                    parameters,
                } => {
                    let parameter = |(name, about): (&String, &Value)| json!({"name": name, "description": about, "schema": {}});
                    let params: Vec<Value> = parameters.iter().map(parameter).collect();
                    let method =
                        json!({"name": name, "description": description, "params": params});
                    services.get_mut(&service).unwrap().1.push(method);
                }
                Line::Request { text, methods } => requests.push((text, methods)),
            }
        }
        let services = services.into_iter().map(|(name, (description, methods))| {
            let info = json!({"title": name, "description": description, "version": "1"});
            let document = json!({"openrpc": "1.3.2", "info": info, "methods": methods});
            let address = Address::http(Path::new("/run/x.sock")).unwrap();
            let bytes = document.to_string();
            let service = Service::read(&name, address, bytes.as_bytes(), &Terms::default());
            let service = service.unwrap();
            assert_eq!(service.left_out(), [], "{name}");
            service
        });
        Self {
            registry: Registry::of(services.collect::<Vec<_>>()),
            requests,
        }
    }

    /// Of the methods that a request wants, the share that is among the first so many found; of all requests.
    fn recall(&self, most: usize) -> f64 {
        let shares = self.requests.iter().map(|(text, methods)| {
            let found = self.registry.search(None, text, most);
            let found: Vec<String> = found
                .into_iter()
                .map(|found| format!("{}.{}", found.service, found.method))
                .collect();
            let there = methods
                .iter()
                .filter(|names| names.iter().any(|name| found.contains(name)));
            there.count() as f64 / methods.len() as f64
        });
        shares.sum::<f64>() / self.requests.len() as f64
    }
}

/// Fails where fewer are found, and says how many are.
fn at_least(floor: f64, file: &str, methods: usize, requests: usize) {
    let read = Requests::read(file);
    let services = read.registry.services();
    let counted: usize = services.map(|service| service.methods().len()).sum();
    assert_eq!((counted, read.requests.len()), (methods, requests));
    let [one, five, ten] = [1, 5, 10].map(|most| read.recall(most));
    let figures = format!("{file}: {one:.3} at 1, {five:.3} at 5, {ten:.3} at 10");
    println!("{figures}");
    assert!(five >= floor, "{figures}; {floor} at 5 is the least");
}

#[test]
fn plugins_are_found_by_what_people_ask_of_them() {
    at_least(0.64, "metatool.jsonl", 199, 1_500);
}

#[test]
fn functions_are_found_by_what_people_ask_of_them() {
    at_least(0.89, "bfcl.jsonl", 457, 1_053);
}

#[test]
fn methods_of_many_services_are_found_by_the_work_that_takes_several() {
    at_least(0.40, "livemcp.jsonl", 527, 94);
}
