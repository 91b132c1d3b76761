//! One suggested permit, as it is written into a policy file: about one actor and one method, and no wider than the calls
//! that it is made from. It must never be written so that it means another value than the one that was seen.

use super::quoted;
use crate::{
    decision::Query,
    schema::MethodShape,
    types::{self, Attribute, Type},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A longer text is left out of a condition: nobody would compare it by reading.
const LONGEST_TEXT: usize = 500;

/// Words that Cedar does not take after a dot.
const CEDAR_WORDS: [&str; 9] = [
    "true", "false", "if", "then", "else", "in", "is", "like", "has",
];

/// What it permits.
#[derive(Debug)]
pub(super) struct SuggestedPermit {
    id: String,
    actor: String,
    service: String,
    method: String,
    calls: usize,
    conditions: Vec<String>,
    /// Parameters of which any value passes.
    any: Vec<String>,
}

/// The largest number that was seen of a parameter.
pub(super) enum Largest {
    Whole(i64),
    Decimal(f64),
}

impl SuggestedPermit {
    /// The narrowest of these calls, which are all of one actor and one method.
    pub(super) fn of(
        id: String,
        calls: &[Query<'_>],
        shape: &MethodShape,
        may_be_written: &dyn Fn(&str, &str) -> bool,
    ) -> Option<Self> {
        let first = calls.first()?;
        let mut permit = Self {
            id,
            actor: first.principal.actor().to_owned(),
            service: first.service.to_owned(),
            method: first.method.to_owned(),
            calls: calls.len(),
            conditions: Vec::new(),
            any: Vec::new(),
        };
        for (name, attribute) in shape.parameters.iter() {
            let values: Vec<&Value> = calls
                .iter()
                .filter_map(|call| call.params.get(name))
                .collect();
            let everywhere = values.len() == calls.len();
            let condition = condition(name, attribute, &values, everywhere)
                .filter(|condition| may_be_written(name, condition));
            match condition {
                Some(condition) => permit.conditions.push(condition),
                None if values.is_empty() => {}
                // A name from a document is not for a comment unless it is a plain one.
                None if is_identifier(name) => permit.any.push(format!("`{name}`")),
                None => permit.any.push("a parameter with an odd name".to_owned()),
            }
        }
        Some(permit)
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The policy with its reason.
    pub(super) fn written(&self, because: &str) -> String {
        let Self {
            id,
            actor,
            service,
            method,
            ..
        } = self;
        let calls = match self.calls {
            1 => "1 call".to_owned(),
            calls => format!("{calls} calls"),
        };
        let mut written = format!("// From {calls}.");
        if !self.any.is_empty() {
            written.push_str(&format!(" Any value passes of {}.", self.any.join(", ")));
        }
        written.push_str(&format!(
            "\n@id(\"{id}\")\n@because(\"{because}\")\npermit (\n    principal == Actor::\"{actor}\",\n    \
             action == Action::\"{service}.{method}\",\n    resource == Service::\"{service}\"\n)"
        ));
        if !self.conditions.is_empty() {
            let conditions = self.conditions.join(" &&\n    ");
            written.push_str(&format!("\nwhen {{\n    {conditions}\n}}"));
        }
        written + ";\n"
    }
}

/// What a call has to hold, where a policy can say so of all the values that were seen.
fn condition(
    name: &str,
    attribute: &Attribute,
    values: &[&Value],
    everywhere: bool,
) -> Option<String> {
    let kind = attribute.kind.as_ref().ok()?;
    let (place, has) = match is_identifier(name) {
        true => (format!("context.{name}"), format!("context has {name}")),
        false => (
            format!("context[{}]", text(name)),
            format!("context has {}", text(name)),
        ),
    };
    if values.is_empty() {
        return (!attribute.always()).then(|| format!("!({has})"));
    }
    let compared = match (kind, largest(kind, values)) {
        (_, Some(Largest::Whole(most))) => format!("{place} <= {most}"),
        (_, Some(Largest::Decimal(most))) => {
            let number = serde_json::Number::from_f64(most)?;
            let most = types::decimal(&number).ok()?;
            format!("{place}.lessThanOrEqual(decimal(\"{most}\"))")
        }
        (Type::String | Type::Bool, None) => match values {
            [Value::String(one), rest @ ..]
                if one.len() <= LONGEST_TEXT && rest.iter().all(|other| *other == one) =>
            {
                format!("{place} == {}", text(one))
            }
            [one @ Value::Bool(flag), rest @ ..] if rest.iter().all(|other| other == one) => {
                format!("{place} == {flag}")
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(match (attribute.always(), everywhere) {
        (true, _) => compared,
        (false, true) => format!("{has} && {compared}"),
        (false, false) => format!("(if {has} then {compared} else true)"),
    })
}

/// The largest of some numbers, if that is what they are.
pub(super) fn largest(kind: &Type, values: &[&Value]) -> Option<Largest> {
    let numbers = values.iter().map(|value| match value {
        Value::Number(number) => Some(number),
        _ => None,
    });
    let numbers: Vec<_> = numbers.collect::<Option<_>>()?;
    match kind {
        Type::Long => {
            let whole = numbers.into_iter().map(|number| types::long(number).ok());
            let whole: Vec<i64> = whole.collect::<Option<_>>()?;
            whole.into_iter().max().map(Largest::Whole)
        }
        Type::Decimal => {
            let all = numbers.into_iter().map(serde_json::Number::as_f64);
            let all: Vec<f64> = all.collect::<Option<_>>()?;
            all.into_iter().reduce(f64::max).map(Largest::Decimal)
        }
        _ => None,
    }
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with("__")
        && !CEDAR_WORDS.contains(&name)
}

/// A text as Cedar writes it.
fn text(text: &str) -> String {
    quoted(text, |character| character.escape_unicode().to_string())
}

/// Parameters that no policy may look at, of a method with these calls: where one does, a value that cannot be compared
/// refuses the call, whoever makes it.
pub(super) fn incomparable<'s>(calls: &[Query<'_>], shape: &'s MethodShape) -> BTreeSet<&'s str> {
    let fits = |name: &String, kind: &Type| {
        let mut values = calls.iter().filter_map(|call| call.params.get(name));
        values.all(|value| kind.convert(value).is_ok())
    };
    let untold = |(name, attribute): &(&String, &Attribute)| {
        !attribute.kind.as_ref().is_ok_and(|kind| fits(name, kind))
    };
    let parameters = shape.parameters.iter().filter(untold);
    parameters.map(|(name, _)| name.as_str()).collect()
}

/// A service and a method.
pub(super) type MethodKey = (String, String);

/// Calls by their method, and then by the actor that makes them, in the order of their names.
pub(super) fn by_method<'a>(
    calls: Vec<Query<'a>>,
) -> BTreeMap<MethodKey, BTreeMap<&'a str, Vec<Query<'a>>>> {
    let mut methods: BTreeMap<MethodKey, BTreeMap<&'a str, Vec<Query<'a>>>> = BTreeMap::new();
    for call in calls {
        let method = (call.service.to_owned(), call.method.to_owned());
        let actors = methods.entry(method).or_default();
        actors.entry(call.principal.actor()).or_default().push(call);
    }
    methods
}
