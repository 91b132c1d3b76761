//! The services that a directory of policies is checked against: OpenRPC documents in its `services` directory, each
//! named after its file.

use crate::{cli::report::Failure, contexts};
use sandgate_policy::{Effect, Interface, Method, Parameter};
use serde::Deserialize;
use std::{collections::BTreeMap, io, path::Path};

/// As much of an OpenRPC document as a decision needs.
#[derive(Deserialize)]
struct Document {
    methods: Vec<DocumentMethod>,
}

#[derive(Deserialize)]
struct DocumentMethod {
    name: String,
    params: Vec<DocumentParameter>,
}

#[derive(Deserialize)]
struct DocumentParameter {
    name: String,
    #[serde(default)]
    required: bool,
    schema: serde_json::Value,
}

const READS: [&str; 5] = ["list", "get", "find", "search", "count"];
const DESTROYS: [&str; 2] = ["delete", "remove"];

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
    let text = contexts::read(path)
        .map_err(|error| Failure::usage(super::super::report::chain(&error), "check the file"))?;
    let document: Document = serde_json::from_str(&text).map_err(|error| {
        let message = format!("`{}` is no OpenRPC document: {error}", path.display());
        Failure::usage(message, "save what the service answers to `rpc.discover`")
    })?;
    let service = path.file_stem().unwrap_or_default().to_string_lossy();
    let methods: BTreeMap<String, Method> = document
        .methods
        .into_iter()
        .map(|method| (method.name.clone(), known(method)))
        .collect();
    Ok(Interface {
        service: service.into_owned(),
        methods,
    })
}

fn known(method: DocumentMethod) -> Method {
    let verb = method.name.rsplit('.').next().unwrap_or_default();
    let effect = if READS.contains(&verb) {
        Effect::Read
    } else if DESTROYS.contains(&verb) {
        Effect::Destroy
    } else {
        Effect::Write
    };
    let parameters = method.params.into_iter();
    let parameters = parameters.map(|parameter| Parameter {
        name: parameter.name,
        required: parameter.required,
        schema: parameter.schema,
    });
    Method {
        effect,
        parameters: parameters.collect(),
    }
}
