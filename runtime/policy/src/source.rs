//! What a run has read from: the names of services and methods that policies find in `context.run.read_from`. Used by
//! the loader, by cases and by whoever decides calls. It must never take a name that no service has: a prohibition of what
//! follows a misspelt source would prohibit nothing.

use crate::{near::nearest, problem::Problem, schema::Schema};
use std::collections::BTreeSet;

/// Of a run that has read nothing yet.
pub static NOTHING_READ: BTreeSet<String> = BTreeSet::new();

/// A name that stands for no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no service and no method `{}` to read from", .name.escape_debug())]
pub struct UnknownSource {
    name: String,
    near: Option<String>,
}

impl UnknownSource {
    /// What was perhaps meant.
    #[must_use]
    pub fn help(&self) -> String {
        match &self.near {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "a source is a service, such as `mail`, or a method, such as `mail.list`".to_owned()
            }
        }
    }

    pub(crate) fn problem(&self) -> Problem {
        Problem::new(self.to_string()).help(self.help())
    }
}

/// What a run has read from once a method of a service has answered it: the service and the method, whichever of them is
/// marked as a source, so that a policy may name either.
#[must_use]
pub fn read_from_of(service: &str, method: &str) -> [String; 2] {
    [service.to_owned(), format!("{service}.{method}")]
}

impl Schema {
    /// What a run has read from after calls of these methods, or of some methods of these services.
    pub fn read_from_after<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<BTreeSet<String>, UnknownSource> {
        let mut read_from = BTreeSet::new();
        for name in names {
            self.source(name)?;
            match name.split_once('.') {
                Some((service, method)) => read_from.extend(read_from_of(service, method)),
                None => drop(read_from.insert(name.to_owned())),
            }
        }
        Ok(read_from)
    }

    /// Whether a service or a method is called so.
    pub(crate) fn source(&self, name: &str) -> Result<(), UnknownSource> {
        let is_known = match name.split_once('.') {
            Some((service, method)) => self.shape(service, method).is_some(),
            None => self.services().any(|service| service == name),
        };
        if is_known {
            return Ok(());
        }
        let methods: Vec<String> = self
            .all()
            .map(|(service, method, _)| format!("{service}.{method}"))
            .collect();
        let whole = self.all().find(|(_, method, _)| *method == name);
        let near = match whole {
            Some((service, method, _)) => Some(format!("{service}.{method}")),
            None => nearest(
                name,
                self.services().chain(methods.iter().map(String::as_str)),
            )
            .map(ToOwned::to_owned),
        };
        Err(UnknownSource {
            name: name.to_owned(),
            near,
        })
    }
}
