//! The services that a directory of policies is checked against: OpenRPC documents in its `services` directory, each
//! named after its file, read as the registry reads them; or else what is registered. Called by `policy`.

use crate::{
    failure::{Failure, chain},
    shared::SharedArguments,
};
use sandgate::{
    policy::{self, Interface},
    service::{Address, Service, Store, Terms},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// The interfaces of the documents in the `services` of a directory; where it has none, of what is registered.
pub(super) fn interfaces(
    policies: &Path,
    shared: &SharedArguments,
) -> Result<Vec<Interface>, Failure> {
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
    paths.iter().map(|path| interface(path)).collect()
}

/// As `run` checks policies: with the documents that count.
fn registered(shared: &SharedArguments) -> Result<Vec<Interface>, Failure> {
    let Some(state) = shared.state_dir() else {
        return Ok(Vec::new());
    };
    let store = Store::open(&state)?;
    let mut interfaces = Vec::new();
    for registration in store.list()? {
        interfaces.push(store.service(&registration)?.interface());
    }
    Ok(interfaces)
}

fn interface(path: &Path) -> Result<Interface, Failure> {
    let text =
        policy::read(path).map_err(|error| Failure::usage(chain(&error), "check the file"))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // Nothing is called, so where it would be does not matter.
    let nowhere = Address::Http(PathBuf::new());
    // The file is the operator's, and so is what it says of effects.
    let terms = Terms {
        trusted: true,
        ..Terms::default()
    };
    let service = Service::read(&name, nowhere, text.as_bytes(), &terms);
    let service = service.map_err(|error| {
        let message = format!(
            "`{}` is not an OpenRPC document: {}",
            path.display(),
            chain(&error)
        );
        Failure::usage(message, "save what the service answers to `rpc.discover`")
    })?;
    Ok(service.interface())
}
