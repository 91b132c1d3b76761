//! The demo service as tests know it, and short ways to load and ask.

use sandgate_policy::{
    ContextLimits, ContextName, ContextNumber, Decision, Effect, File, Interface, MethodInterface,
    Moment, NOTHING_READ, ParameterInterface, Policies, Principal, Query, Schema, Unusable,
    Verdict,
};
use serde_json::{Map, Value, json};
use std::{num::NonZeroU32, sync::Arc};

pub(crate) fn method(effect: Effect, parameters: &[(&str, bool, Value)]) -> MethodInterface {
    MethodInterface {
        effect,
        by_name: false,
        parameters: parameters
            .iter()
            .map(|(name, required, schema)| ParameterInterface {
                name: (*name).to_owned(),
                required: *required,
                schema: schema.to_string().into(),
            })
            .collect(),
    }
}

/// What `policies/services/crm.json` says, without its prose.
pub(crate) fn crm() -> Interface {
    use Effect::{Destroy, Read, Write};
    let (text, whole) = (json!({"type": "string"}), json!({"type": "integer"}));
    let number = json!({"type": "number"});
    let page = [
        ("limit", false, whole.clone()),
        ("offset", false, whole.clone()),
    ];
    let id = [("id", true, whole.clone())];
    let stage = json!({"enum": ["open", "won", "lost"]});
    let methods = [
        ("contact.list", method(Read, &page)),
        ("contact.get", method(Read, &id)),
        (
            "contact.find",
            method(Read, &[("query", true, text.clone())]),
        ),
        (
            "contact.add",
            method(
                Write,
                &[
                    ("name", true, text.clone()),
                    ("email", false, text.clone()),
                    ("company_id", false, whole.clone()),
                ],
            ),
        ),
        (
            "contact.update",
            method(
                Write,
                &[
                    ("id", true, whole.clone()),
                    ("name", false, text.clone()),
                    ("email", false, text.clone()),
                ],
            ),
        ),
        ("contact.delete", method(Destroy, &id)),
        ("company.list", method(Read, &page)),
        ("company.get", method(Read, &id)),
        (
            "company.add",
            method(Write, &[("name", true, text.clone())]),
        ),
        (
            "deal.list",
            method(
                Read,
                &[("limit", false, whole.clone()), ("stage", false, stage)],
            ),
        ),
        ("deal.get", method(Read, &id)),
        (
            "deal.add",
            method(
                Write,
                &[
                    ("title", true, text),
                    ("amount", true, number),
                    ("contact_id", true, whole.clone()),
                ],
            ),
        ),
        (
            "deal.close",
            method(
                Write,
                &[
                    ("id", true, whole),
                    ("won", true, json!({"type": "boolean"})),
                ],
            ),
        ),
        ("deal.delete", method(Destroy, &id)),
        ("stats.count", method(Read, &[])),
    ];
    Interface {
        service: "crm".to_owned(),
        methods: methods
            .into_iter()
            .map(|(name, method)| (name.to_owned(), method))
            .collect(),
    }
}

pub(crate) fn schema(interfaces: &[Interface]) -> Arc<Schema> {
    Arc::new(Schema::new(ContextName::new("demo").unwrap(), interfaces).unwrap())
}

/// The limits of context number 1, and the defaults.
pub(crate) fn limits() -> ContextLimits {
    ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN))
}

pub(crate) fn try_load(text: &str) -> Result<Policies, Unusable> {
    load_with(&[crm()], text)
}

pub(crate) fn load_with(interfaces: &[Interface], text: &str) -> Result<Policies, Unusable> {
    let file = File {
        name: "policy.cedar",
        text,
    };
    Policies::load(schema(interfaces), file, &limits())
}

pub(crate) fn load(text: &str) -> Policies {
    try_load(text).unwrap_or_else(|error| panic!("{:#?}", error.problems()))
}

pub(crate) fn params(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// A caller; no user where the text is empty.
pub(crate) fn caller(context: &str, actor: &str, user: &str, claims: &[&str]) -> Principal {
    let number = ContextNumber::Number(NonZeroU32::MIN);
    let caller = Principal::new(context, number, actor).unwrap();
    let caller = match user {
        "" => caller,
        user => caller.with_user(user).unwrap(),
    };
    caller.with_claims(claims.iter().copied()).unwrap()
}

/// Decides a call of the demo service by an actor without claims.
pub(crate) fn ask(policies: &Policies, method: &str, value: Value) -> Decision {
    policies.decide(&Query {
        principal: &caller("demo", "script", "", &[]),
        service: "crm",
        method,
        params: &params(value),
        now: Moment::OF_CASES,
        read_from: &NOTHING_READ,
    })
}

/// The verdict and the ids that decided.
pub(crate) fn short(decision: &Decision) -> (Verdict, Vec<&str>) {
    let ids = decision.policies.iter().map(|id| id.as_str()).collect();
    (decision.verdict, ids)
}
