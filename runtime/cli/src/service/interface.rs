//! `sandgate service interface`: what a model reads of services, all of them or one, as they are or as the policies of a context
//! leave them. It must never show less than a script of the context could find out, nor more.

use super::{arguments::InterfaceArguments, policies};
use crate::{exit::Exit, failure::Failure, print};
use sandgate::{
    policy::Policies,
    service::{InterfaceOf, Service, Store},
};
use serde_json::{Value, json};

pub(super) fn show(store: &Store, arguments: &InterfaceArguments) -> Result<Exit, Failure> {
    let registrations = match &arguments.name {
        Some(name) => vec![store.get(name)?],
        None => store.list()?,
    };
    let mut services = Vec::new();
    for registration in &registrations {
        // What waits is not offered to the scripts of a context.
        if arguments.context.is_none() || registration.is_offered() {
            services.push(store.service(registration)?);
        }
    }
    let Some(context) = &arguments.context else {
        return match arguments.pyi {
            true => pyi(&services, None),
            false => all(&services, arguments.json),
        };
    };
    match policies::of_context(store, &arguments.policies, context)? {
        Some(policies) if arguments.pyi => pyi(&services, Some(&policies)),
        Some(policies) => within(&services, &policies, arguments.json),
        None => Ok(Exit::Found),
    }
}

fn all(services: &[Service], json: bool) -> Result<Exit, Failure> {
    let stubs = services
        .iter()
        .map(|service| String::from_utf8_lossy(&service.stub()).into_owned());
    match (services, json) {
        ([one], true) => print::json(&format!("{}\n", String::from_utf8_lossy(&one.stub())))?,
        (_, true) => print::json(&format!("[{}]\n", stubs.collect::<Vec<_>>().join(",")))?,
        (_, false) => print::out(&joined(
            services.iter().map(|service| service.text().to_string()),
        ))?,
    }
    Ok(Exit::Ok)
}

fn within(services: &[Service], policies: &Policies, json: bool) -> Result<Exit, Failure> {
    let usable: Vec<&Service> = services
        .iter()
        .filter(|service| policies.may_use(service.name()))
        .collect();
    if json {
        let methods = usable.iter().map(|service| methods(service, policies));
        print::json(&format!("{}\n", Value::from_iter(methods)))?;
    } else if usable.is_empty() {
        print::out(&format!("`{}` may call nothing\n", policies.context()))?;
    } else {
        let texts = usable
            .iter()
            .map(|service| service.text_within(&policies.outlooks(service.name())));
        print::out(&joined(texts))?;
    }
    Ok(Exit::Ok)
}

/// As a stub file, for all who may call everything or for a context.
fn pyi(services: &[Service], policies: Option<&Policies>) -> Result<Exit, Failure> {
    for service in services {
        let outlooks = policies.map(|policies| policies.outlooks(service.name()));
        print::out(&service.pyi_of(InterfaceOf {
            outlooks: outlooks.as_deref(),
            methods: None,
        }))?;
    }
    Ok(Exit::Ok)
}

fn methods(service: &Service, policies: &Policies) -> Value {
    let outlooks = policies.outlooks(service.name()).into_iter();
    let possible = outlooks.filter(|outlook| outlook.is_possible());
    let methods: Vec<Value> = possible
        .filter_map(|outlook| {
            let method = service.method(&outlook.method)?;
            let mut shown = json!({
                "method": outlook.method,
                "signature": method.signature(),
                "effect": outlook.effect,
                "verdicts": outlook.verdicts,
            });
            if let (Some(undo), Some(shown)) = (&method.undo, shown.as_object_mut()) {
                shown.insert("undo".to_owned(), json!(undo));
            }
            Some(shown)
        })
        .collect();
    json!({"service": service.name(), "methods": methods})
}

/// With an empty line between two services.
fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("\n")
}
