//! Policies that must not load, each in a directory with the exact report about it: `rejected/NAME` holds a
//! `policy.cedar` or a `limits.toml`, and `message.txt`.

use crate::{failure::Failure, report::rendered};
use sandgate::policy::{
    self, ContextError, ContextLimits, ContextName, ContextNumber, File, Interface, Policies,
    Schema,
};
use serde::Serialize;
use std::{num::NonZeroU32, path::Path, sync::Arc};

/// Whether one of them is rejected in the words that it should be.
#[derive(Debug, Serialize)]
pub(super) struct Rejected {
    name: String,
    pub(super) passed: bool,
    expected: String,
    said: String,
}

pub(super) fn all(directory: &Path, interfaces: &[Interface]) -> Result<Vec<Rejected>, Failure> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let names = policy::names(directory).map_err(|error| unusable(&error))?;
    names
        .into_iter()
        .map(|name| {
            let directory = directory.join(&name);
            let expected =
                policy::read(&directory.join("message.txt")).map_err(|error| unusable(&error))?;
            let said = match try_load(&directory, &name, interfaces) {
                Ok(()) => "it was not rejected\n".to_owned(),
                Err(ContextError::Unusable(error)) => rendered(&error, false),
                Err(error) => return Err(unusable(&error)),
            };
            Ok(Rejected {
                passed: said == expected,
                name,
                expected,
                said,
            })
        })
        .collect()
}

fn unusable(error: &dyn std::error::Error) -> Failure {
    Failure::usage(
        sandgate::chain(error),
        "each directory in `rejected` holds a `policy.cedar` or a `limits.toml`, and a `message.txt`",
    )
}

fn try_load(directory: &Path, name: &str, interfaces: &[Interface]) -> Result<(), ContextError> {
    let path = directory.join("limits.toml");
    // Where there are none, any will do: they are only part of the digest.
    let mut limits = ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN));
    if path.exists() {
        let text = policy::read(&path)?;
        let schema = Schema::new(ContextName::new(name)?, interfaces)?;
        let file = File {
            name: "limits.toml",
            text: &text,
        };
        limits = ContextLimits::parse(file, &schema)?;
    }
    let path = directory.join("policy.cedar");
    if path.exists() {
        let text = policy::read(&path)?;
        let schema = Arc::new(Schema::new(ContextName::new(name)?, interfaces)?);
        let file = File {
            name: "policy.cedar",
            text: &text,
        };
        Policies::load(schema, file, &limits)?;
    }
    Ok(())
}

/// For people: one line each, and both texts where they differ.
pub(super) fn text(all: &[Rejected]) -> String {
    all.iter()
        .map(|one| {
            if one.passed {
                format!("ok    rejected: {}\n", one.name)
            } else {
                format!(
                    "FAIL  rejected: {}\n--- expected\n{}--- said\n{}---\n",
                    one.name, one.expected, one.said
                )
            }
        })
        .collect()
}
