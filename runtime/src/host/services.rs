//! The services that scripts may be given, and the contexts that may use them. Opened by `host`, or by a front end that has
//! something to do in between. It must never offer a service whose document waits, nor a context that fails its cases.

use crate::{
    contexts::{self, ContextError, ContextsError, InForce, PolicyStore},
    host::HostError,
    limits::Limits,
    store::Store,
};
use sandgate_policy::{ContextLimits, Interface, Principal};
use sandgate_service::{Address, Registration, Registry, Service};
use std::{collections::BTreeMap, path::Path};

/// A context as it was given, in text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) name: String,
    pub(super) policies: String,
    pub(super) limits: String,
}

/// Services, and contexts that may use them.
#[derive(Debug)]
pub struct Services {
    registry: Registry,
    registrations: Vec<Registration>,
    interfaces: Vec<Interface>,
    directory: Option<PolicyStore>,
    given: BTreeMap<String, InForce>,
}

impl Services {
    pub(super) fn open(
        registrations: Option<&Path>,
        tools: Vec<Service>,
        policies: Option<&Path>,
        given: &[Text],
    ) -> Result<Self, HostError> {
        let (registrations, registry, mut interfaces) = match registrations {
            None => (Vec::new(), Registry::default(), Vec::new()),
            Some(directory) => {
                let store = Store::open(directory)?;
                let registered = store.list()?;
                let registry = store.registry(&registered)?;
                let interfaces = interfaces(&store, &registry, &registered)?;
                (registered, registry, interfaces)
            }
        };
        interfaces.extend(tools.iter().map(Service::interface));
        let registry = registry.with(tools).map_err(HostError::Twice)?;
        let contexts = given.iter().map(|text| {
            let Text {
                name,
                policies,
                limits,
            } = text;
            let context = contexts::parse(name, policies, limits, None, &interfaces)?;
            Ok((name.clone(), InForce::always(context)))
        });
        let given = contexts.collect::<Result<BTreeMap<_, _>, ContextError>>()?;
        let directory = match policies {
            Some(directory) => Some(PolicyStore::open(directory, &interfaces)?),
            None => None,
        };
        Ok(Self {
            registry,
            registrations,
            interfaces,
            directory,
            given,
        })
    }

    /// One context, from the text of its `policy.cedar` and its `limits.toml`, and no service.
    pub fn of_text(name: &str, policies: &str, limits: &str) -> Result<Self, HostError> {
        let text = Text {
            name: name.to_owned(),
            policies: policies.to_owned(),
            limits: limits.to_owned(),
        };
        Self::open(None, Vec::new(), None, &[text])
    }

    /// Every context of a directory, with the services that are registered in a state directory.
    pub fn of_all(state: &Path, policies: &Path) -> Result<Self, HostError> {
        Self::open(Some(state), Vec::new(), Some(policies), &[])
    }

    /// One context of a directory, with the services that are registered in a state directory. Of services that it cannot
    /// use not even the documents are read: what they weigh is none of its business. THREAT[SVC-04]
    pub fn of_one(state: &Path, policies: &Path, context: &str) -> Result<Self, HostError> {
        let store = Store::open(state)?;
        let registered = store.list()?;
        let opened = match quickly(&store, &registered, policies, context)? {
            Some(opened) => Some(opened),
            // With every service, for policies that are about any.
            None => with_services(&store, &registered, policies, context)?,
        };
        if let Some((registry, interfaces, policy)) = opened {
            return Ok(Self {
                registry,
                registrations: registered,
                interfaces,
                directory: None,
                given: BTreeMap::from([(context.to_owned(), policy)]),
            });
        }
        // With every context, to say what is wrong.
        let services = Self::open(Some(state), Vec::new(), Some(policies), &[])?;
        services.policy(context)?;
        Ok(services)
    }

    /// Where the services are that some policy of a context permits something of. THREAT[POL-06]: a run can do without
    /// a connection to anything else.
    #[must_use]
    pub fn addresses(&self, context: &str) -> Vec<Address> {
        let Some(policy) = self.policy(context).ok().and_then(|policy| policy.now()) else {
            return Vec::new();
        };
        let used = self.registrations.iter().filter(|registration| {
            registration.is_offered() && policy.policies.may_use(&registration.name)
        });
        used.map(|registration| registration.address.clone())
            .collect()
    }

    /// The contexts that there are, in the order of their names.
    #[must_use]
    pub fn contexts(&self) -> Vec<String> {
        let directory = self.directory.iter().flat_map(PolicyStore::names);
        let mut names: Vec<String> = self.given.keys().cloned().chain(directory).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What is in force for a context. One that was given stands before one of the directory.
    pub(super) fn policy(&self, context: &str) -> Result<InForce, HostError> {
        let directory = || self.directory.as_ref()?.get(context);
        let found = self.given.get(context).cloned().or_else(directory);
        found.ok_or_else(|| self.unknown(context))
    }

    /// A program of a context, on nobody's behalf and entitled to nothing.
    pub fn principal(&self, context: &str, actor: &str) -> Result<Principal, HostError> {
        // Gone in this very moment, it is not known.
        let now = self.policy(context)?.now();
        let policy = now.ok_or_else(|| self.unknown(context))?;
        Ok(Principal::new(context, policy.limits.hero_context, actor)?)
    }

    /// What one run of a context may consume.
    #[must_use]
    pub fn limits(&self, context: &str) -> Limits {
        self.policy(context)
            .map_or_else(|_| Limits::default(), |policy| policy.limits())
    }

    /// What the limits of a context say, where it is in force.
    #[must_use]
    pub fn context_limits(&self, context: &str) -> Option<ContextLimits> {
        Some(self.policy(context).ok()?.now()?.limits.clone())
    }

    fn unknown(&self, context: &str) -> HostError {
        HostError::Unknown {
            name: context.chars().take(80).collect(),
            names: self.contexts(),
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn reload(&self) -> Result<(), ContextsError> {
        match &self.directory {
            Some(directory) => directory.reload(&self.interfaces),
            None => Ok(()),
        }
    }
}

/// What policies may speak of: also of services that are not offered while a new document waits.
fn interfaces(
    store: &Store,
    registry: &Registry,
    registered: &[Registration],
) -> Result<Vec<Interface>, HostError> {
    let offered = registry.services().map(|service| service.interface());
    let mut interfaces: Vec<Interface> = offered.collect();
    for registration in registered.iter().filter(|one| !one.is_offered()) {
        interfaces.push(store.service(registration)?.interface());
    }
    Ok(interfaces)
}

/// What a run in one context needs.
type OneContext = (Registry, Vec<Interface>, InForce);

/// The policies of one context with the services that they can be about, if they load with those.
fn quickly(
    store: &Store,
    registered: &[Registration],
    directory: &Path,
    context: &str,
) -> Result<Option<OneContext>, HostError> {
    let names = registered.iter().map(|service| service.name.as_str());
    let Some(needed) = contexts::needed(directory, context, names) else {
        return Ok(None);
    };
    let wanted: Vec<Registration> = registered
        .iter()
        .filter(|registration| needed.contains(registration.name.as_str()))
        .cloned()
        .collect();
    let opened = with_services(store, &wanted, directory, context)?;
    // Where one of the documents cannot be read, what that means for the policies is told when all are.
    Ok(opened.filter(|(_, interfaces, _)| interfaces.len() >= needed.len()))
}

/// The policies of one context, if they load with these services.
fn with_services(
    store: &Store,
    wanted: &[Registration],
    directory: &Path,
    context: &str,
) -> Result<Option<OneContext>, HostError> {
    let registry = store.registry(wanted)?;
    let interfaces = interfaces(store, &registry, wanted)?;
    let policy = contexts::open_one(directory, context, &interfaces);
    Ok(policy.map(|policy| (registry, interfaces, policy)))
}
