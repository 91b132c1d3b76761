//! What the operator says of methods beyond their effects, method by method. Kept with a registration, read when a service is
//! made of its document. It must never give way to the document: the operator has the last word.

use crate::{
    offer::{
        Service,
        undo::{Undo, UndoError},
    },
    text,
};
use sandgate_policy::nearest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Every method of a service, where a method is named; no method can be called so.
pub const EVERY_METHOD: &str = "*";

/// Why something cannot be said of a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// How it is undone.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// That a parameter is sensitive which it does not have.
    #[error("`{method}` has no parameter `{parameter}`{}", meant(.near))]
    Parameter {
        /// The method.
        method: String,
        /// What was named.
        parameter: String,
        /// What was perhaps meant.
        near: Option<String>,
    },
}

/// The operator's words on methods. What is not in it is left to the document of a service that is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// How a method is undone, or that it cannot be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undo: BTreeMap<String, Option<Undo>>,
    /// Whether calling a method twice with one key does no more than calling it once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub idempotent: BTreeMap<String, bool>,
    /// Whether what a method returns is untrusted or confidential; [`EVERY_METHOD`] is every method of which nothing is said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, bool>,
    /// Whether the values of parameters are not to be kept or shown, by method and parameter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sensitive: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Marks {
    /// Whether nothing is said. Rows that say nothing were written before anything could be said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The methods that something is said of.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        let undo = self.undo.keys();
        let others = self.idempotent.keys().chain(self.sensitive.keys());
        let sources = self.sources.keys().filter(|method| *method != EVERY_METHOD);
        undo.chain(others).chain(sources).map(String::as_str)
    }

    /// Whether what a method returns is untrusted or confidential, where anything is said of it.
    pub(crate) fn source(&self, method: &str) -> Option<bool> {
        let said = self.sources.get(method);
        said.or_else(|| self.sources.get(EVERY_METHOD)).copied()
    }

    /// The sensitive parameters of a method of which its service says that these are.
    pub(crate) fn sensitive(&self, method: &str, mut own: BTreeSet<String>) -> BTreeSet<String> {
        for (parameter, sensitive) in self.sensitive.get(method).into_iter().flatten() {
            if *sensitive {
                own.insert(parameter.clone());
            } else {
                own.remove(parameter);
            }
        }
        own
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
        let kept = |method: &String| !dropped.contains(method);
        self.undo.retain(|method, _| kept(method));
        self.idempotent.retain(|method, _| kept(method));
        self.sources.retain(|method, _| kept(method));
        self.sensitive.retain(|method, _| kept(method));
        dropped
    }

    /// Whether what is said of a method can be said of a service that was made with it.
    pub fn check(&self, service: &Service, method: &str) -> Result<(), MarkError> {
        if self.undo.contains_key(method)
            && let Some(error) = service.not_undone().get(method)
        {
            return Err(error.clone().into());
        }
        let Some(known) = service.method(method) else {
            return Ok(());
        };
        let named = self.sensitive.get(method).into_iter().flatten();
        let names = || {
            known
                .open()
                .map(|argument| argument.parameter.name.as_str())
        };
        match named
            .map(|(parameter, _)| parameter)
            .find(|parameter| !names().any(|name| name == *parameter))
        {
            None => Ok(()),
            Some(parameter) => Err(MarkError::Parameter {
                method: method.to_owned(),
                near: nearest(parameter, names()).map(ToOwned::to_owned),
                parameter: text::line(parameter, 80),
            }),
        }
    }
}

fn meant(near: &Option<String>) -> String {
    near.as_ref()
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;
