//! What a policy may speak of: services, their methods, and what those methods take. Made from a service's own
//! document by the registry; read by the schema generator. It must never hold anything that a script supplied.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// What a call does to the world, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    Read,
    /// It adds or changes something.
    Write,
    /// It removes something.
    Destroy,
}

/// A service, as far as a decision needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The name it is registered under.
    pub service: String,
    /// Its methods, by the exact name its document gives them.
    pub methods: BTreeMap<String, MethodInterface>,
}

/// One method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodInterface {
    /// What calling it does.
    pub effect: Effect,
    /// Whether it is a read because its name says so, and for no other reason. No decision looks at it; the linter does.
    pub by_name: bool,
    /// What it takes, in the order of its document.
    pub parameters: Vec<ParameterInterface>,
}

/// One parameter of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInterface {
    /// Its name.
    pub name: String,
    /// Whether a call without it is refused.
    pub required: bool,
    /// Its JSON Schema, draft 07, as text, with local `$ref`s replaced by what they point at. Parameters that are
    /// described alike share one.
    pub schema: Arc<str>,
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destroy => "destroy",
        })
    }
}
