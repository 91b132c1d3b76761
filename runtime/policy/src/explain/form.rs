//! An explanation as a program reads it: what `text` says, by name.

use super::{Check, Explanation, Story};
use cedar_policy::Effect;
use serde::{Serialize, Serializer, ser::SerializeStruct};

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let decision = &self.decision;
        let decided: Vec<&str> = decision.policies.iter().map(|id| id.as_str()).collect();
        let mut form = serializer.serialize_struct("Explanation", 9)?;
        form.serialize_field("call", &self.call)?;
        form.serialize_field("caller", &self.caller)?;
        form.serialize_field("verdict", &decision.verdict)?;
        form.serialize_field("decided_by", &decided)?;
        form.serialize_field("fault", &decision.fault.as_ref().map(ToString::to_string))?;
        form.serialize_field("file", &self.file)?;
        form.serialize_field("policies", &self.stories)?;
        form.serialize_field("changes", &self.changes)?;
        form.serialize_field("hash", &decision.hash.to_string())?;
        form.end()
    }
}

impl Serialize for Story {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("Story", 8)?;
        form.serialize_field("policy", self.id.as_str())?;
        form.serialize_field("line", &self.line)?;
        let effect = match self.effect {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        };
        form.serialize_field("effect", effect)?;
        form.serialize_field("gated", &self.gated)?;
        form.serialize_field("because", &self.because)?;
        form.serialize_field("actor", &self.caller)?;
        form.serialize_field("matches", &self.matches())?;
        form.serialize_field("conditions", &self.checks)?;
        form.end()
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("Check", 4)?;
        form.serialize_field("clause", if self.wanted { "when" } else { "unless" })?;
        form.serialize_field("text", &self.text)?;
        form.serialize_field("value", &self.got.as_ref().ok())?;
        form.serialize_field("error", &self.got.as_ref().err())?;
        form.end()
    }
}
