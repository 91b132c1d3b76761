//! The services that scripts may be given, and the contexts that may use them. Opened by `host`, or by a front end that has
//! something to do in between. It must never offer a service whose document waits, nor a context that fails its cases.

use crate::{
    contexts::{self, ContextError, InForce, PolicyStore},
    host::HostError,
    limits::Limits,
    store::{Store, StoreCopy},
};
use sandgate_policy::{ContextLimits, Interface, Principal};
use sandgate_service::{Address, Registration, Registry, Service};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

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
    offered: RwLock<Arc<OfferedServices>>,
    /// Those that are functions of this process, which stay as they are.
    tools: Registry,
    /// Where registrations are read again.
    state: Option<PathBuf>,
    directory: Option<PolicyStore>,
    given: BTreeMap<String, InForce>,
}

/// What there is to be used until it is read again.
#[derive(Debug, Default)]
struct OfferedServices {
    registry: Registry,
    registrations: Vec<Registration>,
    interfaces: Vec<Interface>,
}

impl OfferedServices {
    fn of(store: Option<&Store>, tools: &Registry) -> Result<Self, HostError> {
        let (registrations, registry, mut interfaces) = match store {
            None => (Vec::new(), Registry::default(), Vec::new()),
            Some(store) => {
                let registered = store.list()?;
                let registry = store.registry(&registered)?;
                let interfaces = interfaces(store, &registry, &registered)?;
                (registered, registry, interfaces)
            }
        };
        interfaces.extend(tools.services().map(|service| service.interface()));
        let registry = registry.with(tools);
        Ok(Self {
            registry: registry.map_err(HostError::Twice)?,
            registrations,
            interfaces,
        })
    }
}

impl Services {
    pub(super) fn open(
        registrations: Option<&Path>,
        tools: Vec<Service>,
        policies: Option<&Path>,
        given: &[Text],
    ) -> Result<Self, HostError> {
        let store = registrations.map(Store::open).transpose()?;
        Self::with(store.as_ref(), registrations, tools, policies, given)
    }

    fn with(
        store: Option<&Store>,
        state: Option<&Path>,
        tools: Vec<Service>,
        policies: Option<&Path>,
        given: &[Text],
    ) -> Result<Self, HostError> {
        let tools = tools
            .into_iter()
            .try_fold(Registry::default(), |all, tool| {
                all.with(&Registry::of([tool])).map_err(HostError::Twice)
            })?;
        let offered = OfferedServices::of(store, &tools)?;
        let interfaces = &offered.interfaces;
        let contexts = given.iter().map(|text| {
            let Text {
                name,
                policies,
                limits,
            } = text;
            let context = contexts::parse(name, policies, limits, None, interfaces)?;
            Ok((name.clone(), InForce::always(context)))
        });
        let given = contexts.collect::<Result<BTreeMap<_, _>, ContextError>>()?;
        let directory = match policies {
            Some(directory) => Some(PolicyStore::open(directory, interfaces)?),
            None => None,
        };
        Ok(Self {
            offered: RwLock::new(Arc::new(offered)),
            tools,
            state: state.map(ToOwned::to_owned),
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

    /// Every context of a directory, with the services of a copy of registrations.
    pub fn of_copy(registrations: &StoreCopy, policies: &Path) -> Result<Self, HostError> {
        let store = Store::of_copy(registrations)?;
        Self::with(Some(&store), None, Vec::new(), Some(policies), &[])
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
            let offered = OfferedServices {
                registry,
                registrations: registered,
                interfaces,
            };
            return Ok(Self {
                offered: RwLock::new(Arc::new(offered)),
                tools: Registry::default(),
                state: None,
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
        let offered = self.offered();
        let used = offered.registrations.iter().filter(|registration| {
            registration.is_offered() && policy.policies.may_use(&registration.name)
        });
        used.map(|registration| registration.address.clone())
            .collect()
    }

    /// Where the services are that any context uses, each once.
    #[must_use]
    pub fn all_addresses(&self) -> Vec<Address> {
        let contexts = self.contexts();
        let mut addresses: Vec<Address> = contexts
            .iter()
            .flat_map(|context| self.addresses(context))
            .collect();
        addresses.sort_by_key(ToString::to_string);
        addresses.dedup();
        addresses
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

    /// Those that scripts which begin now may be given.
    pub(super) fn registry(&self) -> Registry {
        self.offered().registry.clone()
    }

    fn offered(&self) -> Arc<OfferedServices> {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&offered)
    }

    /// Reads registrations and policies again, or takes the registrations from a copy. All of it is in force, or what was in force
    /// stays. THREAT[POL-07]
    pub(super) fn reload(&self, registrations: Option<&StoreCopy>) -> Result<(), HostError> {
        let store = match (registrations, &self.state) {
            (Some(copy), _) => Some(Store::of_copy(copy)?),
            (None, Some(state)) => Some(Store::open(state)?),
            (None, None) => None,
        };
        let anew = match &store {
            Some(store) => Arc::new(OfferedServices::of(Some(store), &self.tools)?),
            None => self.offered(),
        };
        if let Some(directory) = &self.directory {
            directory.reload(&anew.interfaces)?;
        }
        *self.offered.write().unwrap_or_else(PoisonError::into_inner) = anew;
        Ok(())
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
