//! Whether the policies in force still load with the documents that services have now. Called when one has changed.
//! It decides nothing: a run loads its policies itself, and a service whose document waits is not offered to it.

use crate::reach::PoliciesArgument;
use sandgate::{
    policy::{ContextsError, Interface, PolicyStore},
    service::{Store, StoreError},
};
use std::{collections::BTreeMap, path::PathBuf};

/// The policies that were checked.
pub(super) struct CheckedPolicies {
    directory: PathBuf,
    /// Why they would not load.
    pub(super) refused: Option<ContextsError>,
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
