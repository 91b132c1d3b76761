//! What the operator says of methods beyond their effects, method by method. Kept with a registration, read when a service is
//! made of its document. It must never give way to the document: the operator has the last word.

use crate::offer::{
    Service,
    undo::{Undo, UndoError},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why something cannot be said of a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// How it is undone.
    #[error(transparent)]
    Undo(#[from] UndoError),
}

/// The operator's words on methods. What is not in it is left to the document of a service that is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// How a method is undone, or that it cannot be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undo: BTreeMap<String, Option<Undo>>,
}

impl Marks {
    /// Whether nothing is said. Rows that say nothing were written before anything could be said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The methods that something is said of.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.undo.keys().map(String::as_str)
    }

    /// Leaves out what cannot be said of a service that was made with it, and tells of which methods it was.
    pub fn fit(&mut self, service: &Service) -> Vec<String> {
        let holds =
            |method: &str| service.method(method).is_some() && self.check(service, method).is_ok();
        let mut dropped: Vec<String> = self
            .methods()
            .filter(|method| !holds(method))
            .map(ToOwned::to_owned)
            .collect();
        dropped.sort();
        dropped.dedup();
        self.undo.retain(|method, _| !dropped.contains(method));
        dropped
    }

    /// Whether what is said of a method can be said of a service that was made with it.
    pub fn check(&self, service: &Service, method: &str) -> Result<(), MarkError> {
        if self.undo.contains_key(method)
            && let Some(error) = service.not_undone().get(method)
        {
            return Err(error.clone().into());
        }
        Ok(())
    }
}
