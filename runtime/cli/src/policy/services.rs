//! The services that a directory of policies is checked against: OpenRPC documents in its `services` directory, each
//! named after its file, read as the registry reads them; or else what is registered. Called by `policy`.

use crate::{failure::Failure, shared::SharedArguments};
use sandgate::{
    policy::{self, Interface},
    service::{Address, Document, Service, Store, StoreError, Terms},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// A service by what is known of it; where it would be does not matter.
pub(super) struct Described {
    name: String,
    document: Document,
    terms: Terms,
}

impl Described {
    fn interface(self) -> Interface {
        let nowhere = Address::Http(PathBuf::new());
        Service::new(&self.name, nowhere, self.document, &self.terms).interface()
    }

    /// One that answers with samples.
    pub(super) fn rehearsed(self) -> Service {
        Service::rehearsed(&self.name, self.document, &self.terms)
    }
}

/// The interfaces of the documents in the `services` of a directory; where it has none, of what is registered.
pub(super) fn interfaces(
    policies: &Path,
    shared: &SharedArguments,
) -> Result<Vec<Interface>, Failure> {
    let all = described(policies, shared)?.into_iter();
    Ok(all.map(Described::interface).collect())
}

/// The same, as they are described.
pub(super) fn described(
    policies: &Path,
    shared: &SharedArguments,
) -> Result<Vec<Described>, Failure> {
    let directory = policies.join("services");
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the directory of the policies"
    )]
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return registered(shared),
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}", directory.display());
            return Err(Failure::usage(message, "make it readable for you"));
        }
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    paths.iter().map(|path| filed(path)).collect()
}

/// As `run` checks policies: with the documents that count.
fn registered(shared: &SharedArguments) -> Result<Vec<Described>, Failure> {
    let Some(state) = shared.state_dir() else {
        return Ok(Vec::new());
    };
    let store = Store::open(&state)?;
    let mut all = Vec::new();
    for registration in store.list()? {
        let document = store.document(&registration)?;
        all.push(Described {
            document: Document::read(document.as_bytes()).map_err(StoreError::from)?,
            name: registration.name,
            terms: registration.terms,
        });
    }
    Ok(all)
}

fn filed(path: &Path) -> Result<Described, Failure> {
    let text = policy::read(path)
        .map_err(|error| Failure::usage(sandgate::chain(&error), "check the file"))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let document = Document::read(text.as_bytes()).map_err(|error| {
        let message = format!(
            "`{}` is not an OpenRPC document: {}",
            path.display(),
            sandgate::chain(&error)
        );
        Failure::usage(message, "save what the service answers to `rpc.discover`")
    })?;
    Ok(Described {
        name: name.into_owned(),
        document,
        // The file is the operator's, and so is what it says of effects.
        terms: Terms {
            trusted: true,
            ..Terms::default()
        },
    })
}
