//! What a script may call: the services that a context may use, by the names that Python has for them and for what they have. Made by
//! whoever checks a script; it must never show a service that the context may not use. THREAT[SEC-05]

use sandgate_policy::{Outlook, Policies, nearest};
use sandgate_service::{Method, Registry, Service};
use std::sync::Arc;

/// Names shown of many.
const MOST_NAMES: usize = 40;

/// The services of a context, or none where there is no context.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a>(Option<(&'a Registry, &'a Policies)>);

impl<'a> Offered<'a> {
    /// What these policies permit something of.
    #[must_use]
    pub fn new(registry: &'a Registry, policies: &'a Policies) -> Self {
        Self(Some((registry, policies)))
    }

    /// Nothing: a run in no context has no services.
    #[must_use]
    pub fn nothing() -> Self {
        Self(None)
    }

    pub(crate) fn has_context(&self) -> bool {
        self.0.is_some()
    }

    /// In the order of their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        let services = self.0.into_iter();
        services
            .flat_map(|(registry, policies)| registry.names().filter(|name| policies.may_use(name)))
    }

    pub(crate) fn service(&self, name: &str) -> Option<Arc<Service>> {
        let (registry, policies) = self.0?;
        let is_usable = policies.may_use(name);
        is_usable.then(|| registry.service(name)).flatten()
    }

    /// By the name that Python has for it.
    pub(crate) fn method(&self, service: &str, python: &str) -> Option<Arc<Method>> {
        let service = self.service(service)?;
        let mut methods = service.methods();
        methods.find(|method| method.python == python).cloned()
    }

    /// The service whose client class is called so.
    pub(crate) fn service_of_class(&self, class: &str) -> Option<&'a str> {
        let class = class.strip_suffix("Client")?;
        self.names().find(|service| is_class_of(class, service))
    }

    /// What can become of the calls of a service's methods.
    pub(crate) fn outlooks(&self, service: &str) -> Vec<Outlook> {
        self.0
            .map_or_else(Vec::new, |(_, policies)| policies.outlooks(service))
    }

    /// What to write in the place of a service that there is not.
    pub(crate) fn instead_of_service(&self, name: &str) -> String {
        if !self.has_context() {
            return "a run in no context has no services; name the context that the script is for"
                .to_owned();
        }
        instead(name, &self.names().collect::<Vec<_>>(), |near| {
            format!("did you mean `{near}`?")
        })
    }

    /// The same for a method. THREAT[SEC-05]: what can never be called is not named.
    pub(crate) fn instead_of_method(&self, service: &str, name: &str) -> String {
        let outlooks = self.outlooks(service);
        let service = self.service(service);
        let methods = service.iter().flat_map(|service| service.methods());
        let possible: Vec<&Arc<Method>> = methods
            .filter(|method| {
                let mut outlooks = outlooks.iter();
                outlooks.any(|outlook| outlook.method == method.method && outlook.is_possible())
            })
            .collect();
        let names: Vec<&str> = possible
            .iter()
            .map(|method| method.python.as_str())
            .collect();
        instead(name, &names, |near| {
            let meant = possible.iter().find(|method| method.python == near);
            let signature = meant.map_or_else(String::new, |method| method.signature());
            format!("did you mean `{signature}`?")
        })
    }
}

/// What was perhaps meant, or what there is.
fn instead(name: &str, names: &[&str], meant: impl Fn(&str) -> String) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => meant(near),
        None if names.is_empty() => "there are none".to_owned(),
        None => {
            let shown: Vec<String> = names
                .iter()
                .take(MOST_NAMES)
                .map(|name| format!("`{name}`"))
                .collect();
            let more = match names.len().saturating_sub(MOST_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("there are: {}{more}", shown.join(", "))
        }
    }
}

/// Whether `HeroBiz` is what the proxies make of `hero_biz`.
fn is_class_of(class: &str, service: &str) -> bool {
    let mut rest = class;
    for part in service.split('_') {
        let Some((first, others)) = part.split_at_checked(1) else {
            continue;
        };
        let after = rest.strip_prefix(first.to_ascii_uppercase().as_str());
        match after.and_then(|after| after.strip_prefix(others)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}
