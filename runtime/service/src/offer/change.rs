//! What is different between two documents of one service. Shown to the operator, who decides whether the new one
//! counts. THREAT[SVC-05]

use crate::offer::{Argument, Method, Service};
use sandgate_policy::Effect;
use serde::Serialize;

/// The differences that matter to whoever calls the service or wrote a policy for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// New methods, and what they do.
    pub added: Vec<(String, Effect)>,
    /// Methods that are gone.
    pub removed: Vec<String>,
    /// Methods that are no longer the same.
    pub changed: Vec<(String, Vec<ChangedPart>)>,
    /// Whether the service describes itself in other words.
    pub described: bool,
}

/// What is different about a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedPart {
    /// What it takes, or how: parameters as they were, and as they are, each as an interface shows it. Neither where it takes
    /// the same in another form.
    Parameters {
        /// What is gone.
        removed: Vec<String>,
        /// What there is now.
        added: Vec<String>,
    },
    /// What it returns.
    Result,
    /// Its words.
    Description,
    /// What it does: before, and now.
    Effect(Effect, Effect),
    /// Its name in Python.
    Name,
    /// What is said of it beyond that, by this word.
    Mark(&'static str),
}

impl Change {
    /// From one document to another, under the same terms.
    #[must_use]
    pub fn between(old: &Service, new: &Service) -> Self {
        let mut change = Self {
            described: old.summary() != new.summary(),
            ..Self::default()
        };
        for method in new.methods() {
            match old.method(&method.method) {
                None => change.added.push((method.method.clone(), method.effect)),
                Some(before) => {
                    let parts = parts(before, method);
                    if !parts.is_empty() {
                        change.changed.push((method.method.clone(), parts));
                    }
                }
            }
        }
        change.removed = old
            .methods()
            .filter(|method| new.method(&method.method).is_none())
            .map(|method| method.method.clone())
            .collect();
        change
    }
}

/// Parameters of one that the other has not, or not so.
fn not_in(one: &Method, other: &Method) -> Vec<String> {
    let same = |argument: &Argument, other: &Argument| {
        let (parameter, other) = (&argument.parameter, &other.parameter);
        parameter.name == other.name
            && parameter.required == other.required
            && parameter.schema == other.schema
            && parameter.default == other.default
    };
    one.open()
        .filter(|argument| !other.open().any(|other| same(argument, other)))
        .map(Argument::shown_whole)
        .collect()
}

fn parts(old: &Method, new: &Method) -> Vec<ChangedPart> {
    let takes = |argument: &Argument| {
        let parameter = &argument.parameter;
        (
            parameter.name.clone(),
            parameter.required,
            parameter.schema.clone(),
            parameter.default.clone(),
        )
    };
    let words = |method: &Method| {
        let of_parameters: Vec<String> = method
            .arguments
            .iter()
            .map(|argument| argument.parameter.summary.clone())
            .collect();
        (method.summary.clone(), method.deprecated, of_parameters)
    };
    let same_parameters = old.structure == new.structure
        && old
            .arguments
            .iter()
            .map(takes)
            .eq(new.arguments.iter().map(takes));
    [
        (!same_parameters).then(|| ChangedPart::Parameters {
            removed: not_in(old, new),
            added: not_in(new, old),
        }),
        (old.returns != new.returns).then_some(ChangedPart::Result),
        (words(old) != words(new)).then_some(ChangedPart::Description),
        (old.effect != new.effect).then_some(ChangedPart::Effect(old.effect, new.effect)),
        (old.python != new.python).then_some(ChangedPart::Name),
        (old.undo != new.undo).then_some(ChangedPart::Mark("undo")),
        (old.idempotent != new.idempotent).then_some(ChangedPart::Mark("idempotent")),
        (old.source != new.source).then_some(ChangedPart::Mark("source")),
        (old.sensitive != new.sensitive).then_some(ChangedPart::Mark("sensitive parameters")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
