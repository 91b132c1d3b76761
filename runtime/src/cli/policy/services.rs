//! The services that a directory of policies is checked against: OpenRPC documents in its `services` directory, each
//! named after its file, read as the registry reads them.

use crate::{
    cli::report::{Failure, chain},
    contexts,
    service::{Address, Service, Terms},
};
use sandgate_policy::Interface;
use std::{
    io,
    path::{Path, PathBuf},
};

/// The interfaces of the documents in a directory; none when there is no such directory.
pub(super) fn interfaces(directory: &Path) -> Result<Vec<Interface>, Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the directory of the policies"
    )]
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
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

fn interface(path: &Path) -> Result<Interface, Failure> {
    let text =
        contexts::read(path).map_err(|error| Failure::usage(chain(&error), "check the file"))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // Nothing is called, so where it would be does not matter.
    let nowhere = Address::Http(PathBuf::new());
    let service = Service::read(&name, nowhere, text.as_bytes(), &Terms::default());
    let service = service.map_err(|error| {
        let message = format!(
            "`{}` is no OpenRPC document: {}",
            path.display(),
            chain(&error)
        );
        Failure::usage(message, "save what the service answers to `rpc.discover`")
    })?;
    Ok(service.interface())
}
