//! What calling a method does to the world, and who says so. Called when a document is read into a registration; the
//! answer never comes from a script. What nobody knows is a write. THREAT[POL-09]

mod name;
mod words;

use crate::offer::Terms;
use sandgate_policy::Effect;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who says what a method does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectSource {
    /// The operator, for this method.
    Operator,
    /// The service, which the operator trusts.
    Service,
    /// The service, against itself: that a method does more than is known needs no trust.
    Admitted,
    /// A word of its name.
    Name(String),
    /// Nobody.
    Unknown,
}

/// What makes a method a read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// Also its name, where nobody says what it does.
    #[default]
    Named,
    /// Only the operator's word, or that of a service that the operator trusts.
    Declared,
}

impl fmt::Display for EffectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("the operator says so"),
            Self::Service => f.write_str("the service says so, and is trusted"),
            Self::Admitted => f.write_str("the service itself says so"),
            Self::Name(word) => write!(f, "its name says `{word}`"),
            Self::Unknown => f.write_str("nothing says otherwise"),
        }
    }
}

/// The effect of a method: the operator's word, else the service's own where it is trusted, else what the name says, or
/// more if the service says more.
pub(crate) fn effect(
    service: &str,
    method: &str,
    own: Option<Effect>,
    terms: &Terms,
) -> (Effect, EffectSource) {
    if let Some(effect) = terms.effects.get(method) {
        return (*effect, EffectSource::Operator);
    }
    if let Some(own) = own.filter(|_| terms.trusted) {
        return (own, EffectSource::Service);
    }
    let said = name::said(service, method)
        .filter(|(effect, _)| *effect != Effect::Read || terms.reads == Reads::Named);
    let (effect, because) = match said {
        Some((effect, word)) => (effect, EffectSource::Name(word)),
        None => (Effect::Write, EffectSource::Unknown),
    };
    match own {
        Some(own) if own > effect => (own, EffectSource::Admitted),
        _ => (effect, because),
    }
}

#[cfg(test)]
mod tests;
