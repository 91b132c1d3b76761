//! The policies in force, with the documents that services have: those of a context, for what is shown of it, and whether all still
//! load when a document has changed. It decides nothing: a run loads its policies itself, and a service whose document waits
//! is not offered to it.

use crate::{failure::Failure, reach::PoliciesArgument, report};
use sandgate::{
    policy::{self, ContextError, ContextPolicy, ContextsError, Interface, Policies, PolicyStore},
    service::{Store, StoreError},
};
use std::{collections::BTreeMap, path::PathBuf};

/// The policies that were checked.
pub(super) struct CheckedPolicies {
    directory: PathBuf,
    /// Why they would not load.
    pub(super) refused: Option<ContextsError>,
}

/// What a context may do. Where its policies do not load that is reported, and there is nothing.
pub(super) fn of_context(
    store: &Store,
    policies: &PoliciesArgument,
    context: &str,
) -> Result<Option<Policies>, Failure> {
    let mut interfaces = Vec::new();
    for registration in store.list()? {
        interfaces.push(store.service(&registration)?.interface());
    }
    let directory = policies.of_context(context)?;
    let loaded = policy::load(&directory, context, &interfaces).and_then(ContextPolicy::kept);
    match loaded {
        Ok(context) => Ok(Some(context.policies)),
        Err(error @ (ContextError::Unusable(_) | ContextError::Cases(_))) => {
            report::failure(&error);
            Ok(None)
        }
        Err(error) => Err(Failure::usage(
            sandgate::chain(&error),
            "name a context of the policies, and their directory with --policies",
        )),
    }
}

/// Loads the policies with the newest document of every service, those that were just read among them. Nothing where there are no policies.
pub(super) fn check(
    store: &Store,
    policies: &PoliciesArgument,
    newest: &BTreeMap<String, Interface>,
) -> Result<Option<CheckedPolicies>, StoreError> {
    let Some(directory) = policies.directory().filter(|path| path.is_dir()) else {
        return Ok(None);
    };
    let mut interfaces = Vec::new();
    for registration in store.list()? {
        let interface = match newest.get(&registration.name) {
            Some(interface) => interface.clone(),
            None => match store.waiting(&registration)? {
                Some(service) => service.interface(),
                None => store.service(&registration)?.interface(),
            },
        };
        interfaces.push(interface);
    }
    let refused = PolicyStore::open(&directory, &interfaces).err();
    Ok(Some(CheckedPolicies { directory, refused }))
}

impl CheckedPolicies {
    pub(super) fn text(&self) -> String {
        let directory = self.directory.display();
        match self.refused {
            None => format!("the policies in {directory} load with it\n"),
            Some(_) => format!("the policies in {directory} do not load with it\n"),
        }
    }
}
