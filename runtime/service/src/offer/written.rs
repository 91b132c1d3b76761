//! A call as it stands in the source of a script: which arguments it gives, and the values of those that are written out.
//! Bound by the rules that bind the call itself (`arguments.rs`), as far as they can be known before it is made. Called by
//! whoever looks at a script before it runs. It must never decide anything, nor find wrong what a run would take: what is
//! not written out is taken to fit.

use crate::offer::{Argument, ArgumentError, Method};
use serde_json::Value;

/// The arguments of a call that was read. A value that is worked out when the script runs is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WrittenCall<'a> {
    /// Those by position, up to the first `*more`.
    pub positional: Vec<Option<Value>>,
    /// Those by name.
    pub named: Vec<(&'a str, Option<Value>)>,
    /// Whether others come from `*more` or `**more`.
    pub is_open: bool,
}

impl Method {
    /// Everything that a call with these arguments would be refused for.
    #[must_use]
    pub fn bind_written(&self, call: &WrittenCall<'_>) -> Vec<ArgumentError> {
        let mut wrong = Vec::new();
        wrong.extend(self.are_not_too_many(call.positional.len()).err());
        let mut given = vec![false; self.arguments.len()];
        let open = self.arguments.iter().zip(&mut given);
        let open = open.filter(|(argument, _)| argument.reserved.is_none());
        for ((argument, is_given), value) in open.zip(&call.positional) {
            *is_given = true;
            wrong.extend(self.fits(argument, value.as_ref()).err());
        }
        for (name, value) in &call.named {
            let at = match self.settable_in_python(name) {
                Ok(at) => at,
                Err(error) => {
                    wrong.push(error);
                    continue;
                }
            };
            let mut all = self.arguments.iter().zip(&mut given);
            let Some((argument, is_given)) = all.nth(at) else {
                continue;
            };
            if std::mem::replace(is_given, true) {
                wrong.push(self.twice(name));
            } else {
                wrong.extend(self.fits(argument, value.as_ref()).err());
            }
        }
        let missing: Vec<&str> = self
            .open_or_not(&given)
            .filter(|(argument, is_given)| argument.parameter.required && !is_given)
            .map(|(argument, _)| argument.parameter.name.as_str())
            .collect();
        // One of another name was perhaps meant for it.
        let is_misnamed = wrong
            .iter()
            .any(|error| matches!(error, ArgumentError::Unknown { .. }));
        if !call.is_open && !is_misnamed && !missing.is_empty() {
            wrong.push(self.missing(missing));
        }
        wrong
    }

    /// What Python calls a parameter comes before what the service does, as in the proxies that a script calls.
    fn settable_in_python(&self, name: &str) -> Result<usize, ArgumentError> {
        let mut all = self.arguments.iter();
        let is_meant =
            |argument: &Argument| argument.reserved.is_none() && *argument.python == *name;
        match all.position(is_meant) {
            Some(at) => Ok(at),
            None => self.settable(name),
        }
    }

    fn open_or_not<'a>(&'a self, given: &'a [bool]) -> impl Iterator<Item = (&'a Argument, bool)> {
        let all = self.arguments.iter().zip(given.iter().copied());
        all.filter(|(argument, _)| argument.reserved.is_none())
    }

    fn fits(&self, argument: &Argument, value: Option<&Value>) -> Result<(), ArgumentError> {
        match value {
            Some(value) if !argument.is_left_out_by(value) => self.look_at(argument, value),
            _ => Ok(()),
        }
    }
}
