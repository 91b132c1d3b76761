//! Parameters that say on whose behalf a call is made. The host sets them from the authenticated caller; a script that
//! names one is refused, whether the service's document has it or not. THREAT[POL-01]

use sandgate_policy::Principal;
use serde_json::Value;

/// What a parameter tells a service about the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// The context, by its number.
    Context,
    /// The user.
    User,
    /// What the user may do.
    Claims,
    /// Something that only a proxy in front of the service knows.
    Other,
}

impl Reserved {
    /// Whether a name belongs to the host in every service, at any depth: `_context`, `x-hero-user`, `hero_claims`.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        // Nothing that long is one of them.
        if name.len() > 40 {
            return None;
        }
        let plain: String = name
            .chars()
            .filter(|c| !matches!(c, '_' | '-' | '.' | ' '))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let hero = plain
            .strip_prefix("xhero")
            .or_else(|| plain.strip_prefix("hero"));
        let word = match hero {
            Some(rest) => rest,
            None if name.starts_with('_') => &plain,
            None => return None,
        };
        match word {
            "context" | "contextid" | "contextname" => Some(Self::Context),
            "user" | "userid" => Some(Self::User),
            "claims" => Some(Self::Claims),
            "impersonator" | "auth" | "caller" | "tenant" => Some(Self::Other),
            _ => None,
        }
    }

    /// The same for a parameter that a document describes. A plain `context` is the hero one where it is a number or a
    /// text, as identifiers of contexts are; a record called `context` is data.
    pub(crate) fn of(name: &str, schema: impl FnOnce() -> Value) -> Option<Self> {
        Self::by_name(name).or_else(|| {
            let plain = matches!(
                name.to_ascii_lowercase().as_str(),
                "context" | "context_id" | "contextid" | "context_name" | "contextname"
            );
            let record = |schema: &Value| {
                matches!(
                    schema.get("type").and_then(Value::as_str),
                    Some("object" | "array" | "boolean")
                )
            };
            (plain && !record(&schema())).then_some(Self::Context)
        })
    }

    /// Ways to say it, of which the service's schema takes one.
    pub(crate) fn values(self, caller: &Principal) -> Vec<Value> {
        match self {
            Self::Context => {
                let number = caller.number().get();
                vec![number.into(), number.to_string().into()]
            }
            Self::User => caller.user().map(Value::from).into_iter().collect(),
            Self::Claims => vec![caller.claims().into(), caller.claims().join(",").into()],
            Self::Other => Vec::new(),
        }
    }
}

/// A key anywhere in a value that belongs to the host.
pub(crate) fn within(value: &Value) -> Option<&str> {
    match value {
        Value::Array(items) => items.iter().find_map(within),
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            if Reserved::by_name(key).is_some() {
                Some(key.as_str())
            } else {
                within(value)
            }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pol_01_names_that_belong_to_the_host_are_known_in_every_spelling() {
        for name in [
            "_context",
            "_Context",
            "_CONTEXT",
            "__context",
            "_context_id",
            "X-Hero-Context",
            "x_hero_context",
            "hero_context",
            "heroContext",
        ] {
            assert_eq!(Reserved::by_name(name), Some(Reserved::Context), "{name}");
        }
        assert_eq!(Reserved::by_name("_user"), Some(Reserved::User));
        assert_eq!(Reserved::by_name("X-Hero-Claims"), Some(Reserved::Claims));
        assert_eq!(Reserved::by_name("_impersonator"), Some(Reserved::Other));
        for name in [
            "context",
            "user",
            "claims",
            "_meta",
            "contextual",
            "hero",
            "hero_name",
            "user_id",
            "",
        ] {
            assert_eq!(Reserved::by_name(name), None, "{name}");
        }
    }

    #[test]
    fn pol_01_a_documented_context_is_the_host_s_unless_it_is_a_record() {
        for (schema, reserved) in [
            (json!({"type": "integer"}), true),
            (json!({"type": "string"}), true),
            (json!({}), true),
            (json!({"type": ["string", "null"]}), true),
            (json!({"type": "object"}), false),
            (json!({"type": "array"}), false),
        ] {
            assert_eq!(
                Reserved::of("context", || schema.clone()).is_some(),
                reserved,
                "{schema}"
            );
            assert_eq!(Reserved::of("text", || schema.clone()), None, "{schema}");
        }
    }
}
