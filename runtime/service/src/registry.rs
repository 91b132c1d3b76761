//! The services that there are, for as long as a process runs: made once from registrations, cheap to clone, found by
//! exact name, and their methods by what they are for. Read by the road for every call. It must never hold a service whose
//! document waits to be accepted.

use crate::{
    offer::{Method, Service},
    registration::Registration,
    search::{self, MethodFound, MethodIndex, Searched},
};
use sandgate_policy::Policies;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// All services that may be spoken of.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<BTreeMap<String, RegistryEntry>>);

/// One of them. Its document is read when it is first asked for: most runs use one service, or none, and search for nothing.
#[derive(Debug, Clone)]
struct RegistryEntry {
    kept: Option<(Registration, String)>,
    service: OnceLock<Option<Arc<Service>>>,
    index: OnceLock<Option<Arc<MethodIndex>>>,
}

impl Registry {
    /// Registrations with the documents that count, as they were kept. THREAT[SVC-05]: a service that changed its document
    /// is not offered until somebody has looked.
    pub fn of_registrations(kept: impl IntoIterator<Item = (Registration, String)>) -> Self {
        let kept = kept
            .into_iter()
            .filter(|(registration, _)| registration.is_offered());
        let entry = |(registration, document): (Registration, String)| {
            let entry = RegistryEntry {
                kept: Some((registration.clone(), document)),
                service: OnceLock::new(),
                index: OnceLock::new(),
            };
            (registration.name, entry)
        };
        Self(Arc::new(kept.map(entry).collect()))
    }

    /// These services and no others.
    pub fn of(services: impl IntoIterator<Item = Service>) -> Self {
        Self(Arc::new(
            services.into_iter().map(RegistryEntry::of).collect(),
        ))
    }

    /// These and more. A name that is taken is an error.
    pub fn with(self, more: &Self) -> Result<Self, String> {
        let mut entries = Arc::unwrap_or_clone(self.0);
        for (name, entry) in more.0.iter() {
            if entries.insert(name.clone(), entry.clone()).is_some() {
                return Err(name.clone());
            }
        }
        Ok(Self(Arc::new(entries)))
    }

    /// The method of exactly this name of the service of exactly this name. THREAT[SEC-05]: nothing, whichever of the
    /// two there is not.
    #[must_use]
    pub fn method(&self, service: &str, method: &str) -> Option<Arc<Method>> {
        self.service(service)?.method(method).cloned()
    }

    /// The service of exactly this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.0.get(name)?.service()
    }

    /// All of them, in the order of their names.
    pub fn services(&self) -> impl Iterator<Item = Arc<Service>> {
        self.0.values().filter_map(RegistryEntry::service)
    }

    /// The methods that a query is about, at most so many, the best first; with policies, of those that some call may be made of.
    /// THREAT[SEC-05]: documents of services that these permit nothing of are not even read.
    #[must_use]
    pub fn search(
        &self,
        policies: Option<&Policies>,
        query: &str,
        most: usize,
    ) -> Vec<MethodFound> {
        let usable = self
            .0
            .iter()
            .filter(|(name, _)| policies.is_none_or(|policies| policies.may_use(name)));
        let searched: Vec<Searched> = usable
            .filter_map(|(name, entry)| {
                Some(Searched {
                    index: entry.index()?,
                    outlooks: policies.map(|policies| policies.outlooks(name)),
                })
            })
            .collect();
        search::search(&searched, query, most)
    }

    /// What they are called.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl RegistryEntry {
    fn of(service: Service) -> (String, Self) {
        let name = service.name().to_owned();
        let service = OnceLock::from(Some(Arc::new(service)));
        (
            name,
            Self {
                kept: None,
                service,
                index: OnceLock::new(),
            },
        )
    }

    fn service(&self) -> Option<Arc<Service>> {
        let read = || {
            let (registration, body) = self.kept.as_ref()?;
            match registration.service(registration.document, body) {
                Ok(service) => Some(Arc::new(service)),
                Err(error) => {
                    tracing::warn!("`{}` is not offered: {error}", registration.name);
                    None
                }
            }
        };
        self.service.get_or_init(read).clone()
    }

    fn index(&self) -> Option<Arc<MethodIndex>> {
        let index = || Some(Arc::new(MethodIndex::of(self.service()?)));
        self.index.get_or_init(index).clone()
    }
}
