//! How a method is undone: which method of its service does it, and what that is given of the call that is undone. Said by
//! the operator, or by the document of a service that is trusted; checked when a service is made of its document, and made
//! into a call by whoever undoes a run. It must never make a call of something that the undone call did not have.
//!
//! `{"method": "deal.delete", "params": {"id": "result.id"}}`, or `deal.delete(id=result.id)` as a person writes it. A text
//! names a part of the call; `{"const": …}` stands for itself, and so do numbers, truth values and nothing.

use crate::{offer::Method, text};
use sandgate_policy::nearest;
use serde::{Deserialize, Serialize};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    str::FromStr,
    sync::Arc,
};

/// Values in what a document says of undoing one method. THREAT[SVC-04]: it is kept as a tree, for every method.
pub(crate) const MOST_IN_UNDO: usize = 32;

/// The call that undoes a call of a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Undo {
    method: String,
    params: Map<String, Value>,
}

/// Why a method cannot be undone in this way, or a call of it cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// Some other JSON.
    #[error(
        r#"how a method is undone is said as {{"method": "deal.delete", "params": {{"id": "result.id"}}}}"#
    )]
    Malformed,
    /// Not as a person writes it.
    #[error("`{0}` is not METHOD(PARAMETER=result.PART, …)")]
    Syntax(String),
    /// A text that names nothing.
    #[error(r#"`{0}` names no part of `params` or `result`; a constant is written {{"const": …}}"#)]
    Word(String),
    /// The service has no method that would do it.
    #[error("`{undone}` cannot be undone by `{method}`, which the service does not have{}", meant(.near))]
    Method {
        /// The method that is undone.
        undone: String,
        /// What would do it.
        method: String,
        /// What was perhaps meant.
        near: Option<String>,
    },
    /// The undoing method does not take it.
    #[error("`{undone}` cannot be undone so: `{method}` has no parameter `{parameter}`{}", meant(.near))]
    Parameter {
        /// The method that is undone.
        undone: String,
        /// What would do it.
        method: String,
        /// What it does not take.
        parameter: String,
        /// What was perhaps meant.
        near: Option<String>,
    },
    /// The undoing method needs more.
    #[error("`{undone}` cannot be undone so: `{method}` needs `{parameter}`")]
    Missing {
        /// The method that is undone.
        undone: String,
        /// What would do it.
        method: String,
        /// What it needs.
        parameter: String,
    },
    /// No call of the undone method has it.
    #[error("`{undone}` cannot be undone so: its calls have no `{part}`{}", meant(.near))]
    Part {
        /// The method that is undone.
        undone: String,
        /// What was named.
        part: String,
        /// What was perhaps meant.
        near: Option<String>,
    },
    /// This call does not have it.
    #[error("the call cannot be undone: it has no `{0}`")]
    Absent(String),
}

fn meant(near: &Option<String>) -> String {
    near.as_ref()
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

/// What stands for a value of the undoing call.
enum UndoValue<'v> {
    Part(UndoPart<'v>),
    Constant(&'v Value),
    List(&'v [Value]),
    Object(&'v Map<String, Value>),
}

/// A part of the call that is undone, as it is written: `result.id`.
#[derive(Clone, Copy)]
struct UndoPart<'v>(&'v str);

impl Undo {
    /// The method that undoes it.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The call that undoes a call with these parameters, by name, which came to this result. A parameter that the undone
    /// call was not given is not given to this one either.
    pub fn call(
        &self,
        params: &Value,
        result: &Value,
    ) -> Result<(String, Box<RawValue>), UndoError> {
        let mut given = Map::new();
        for (name, value) in &self.params {
            if let UndoValue::Part(part) = UndoValue::of(value)?
                && part.is_parameter()
                && part.find(params, result).is_none()
            {
                continue;
            }
            given.insert(name.clone(), filled(value, params, result)?);
        }
        let params = to_raw_value(&given).map_err(|_| UndoError::Malformed)?;
        Ok((self.method.clone(), params))
    }

    /// Whether the methods of a service are such that this can undo one of them.
    pub(crate) fn check(
        &self,
        undone: &Method,
        methods: &BTreeMap<String, Arc<Method>>,
    ) -> Result<(), UndoError> {
        let name = || undone.method.clone();
        let Some(by) = methods.get(&self.method) else {
            return Err(UndoError::Method {
                undone: name(),
                near: near(&self.method, methods.keys().map(String::as_str)),
                method: text::line(&self.method, 80),
            });
        };
        let taken = || by.open().map(|argument| argument.parameter.name.as_str());
        if let Some(parameter) = self
            .params
            .keys()
            .find(|name| !taken().any(|one| one == *name))
        {
            return Err(UndoError::Parameter {
                undone: name(),
                method: self.method.clone(),
                near: near(parameter, taken()),
                parameter: text::line(parameter, 80),
            });
        }
        let mut required = by.open().filter(|argument| argument.parameter.required);
        let missing = required.find(|needed| !self.params.contains_key(&needed.parameter.name));
        if let Some(missing) = missing {
            return Err(UndoError::Missing {
                undone: name(),
                method: self.method.clone(),
                parameter: missing.parameter.name.clone(),
            });
        }
        let result = undone.result_schema();
        each_part(&self.params, &mut |part| {
            part.check(undone, result.as_ref())
                .map_err(|near| UndoError::Part {
                    undone: name(),
                    part: text::line(part.0, 80),
                    near,
                })
        })
    }
}

/// The value that a template stands for.
fn filled(value: &Value, params: &Value, result: &Value) -> Result<Value, UndoError> {
    match UndoValue::of(value)? {
        UndoValue::Part(part) => {
            let found = part.find(params, result);
            let absent = || UndoError::Absent(text::line(part.0, 80));
            found.cloned().ok_or_else(absent)
        }
        UndoValue::Constant(value) => Ok(value.clone()),
        UndoValue::List(items) => items
            .iter()
            .map(|item| filled(item, params, result))
            .collect(),
        UndoValue::Object(members) => members
            .iter()
            .map(|(name, value)| Ok((name.clone(), filled(value, params, result)?)))
            .collect(),
    }
}

/// Calls a function with every part that is named, until one of them is not right.
fn each_part(
    members: &Map<String, Value>,
    check: &mut impl FnMut(UndoPart<'_>) -> Result<(), UndoError>,
) -> Result<(), UndoError> {
    let mut left: Vec<&Value> = members.values().collect();
    while let Some(value) = left.pop() {
        match UndoValue::of(value)? {
            UndoValue::Part(part) => check(part)?,
            UndoValue::Constant(_) => {}
            UndoValue::List(items) => left.extend(items),
            UndoValue::Object(members) => left.extend(members.values()),
        }
    }
    Ok(())
}

impl<'v> UndoValue<'v> {
    fn of(value: &'v Value) -> Result<Self, UndoError> {
        Ok(match value {
            Value::String(text) => Self::Part(UndoPart::of(text)?),
            Value::Array(items) => Self::List(items),
            Value::Object(members) => match members.get("const") {
                Some(constant) if members.len() == 1 => Self::Constant(constant),
                _ => Self::Object(members),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Constant(value),
        })
    }
}

impl<'v> UndoPart<'v> {
    fn of(text: &'v str) -> Result<Self, UndoError> {
        let mut steps = text.split('.');
        let known = matches!(steps.next(), Some("params" | "result"));
        match known && steps.all(|step| !step.is_empty()) {
            true => Ok(Self(text)),
            false => Err(UndoError::Word(text::line(text, 80))),
        }
    }

    /// Whether it is of the result, and the steps to it.
    fn steps(self) -> (bool, impl Iterator<Item = &'v str>) {
        let mut steps = self.0.split('.');
        (steps.next() == Some("result"), steps)
    }

    /// Whether it is one whole parameter.
    fn is_parameter(self) -> bool {
        let (of_result, steps) = self.steps();
        !of_result && steps.count() == 1
    }

    fn find(self, params: &'v Value, result: &'v Value) -> Option<&'v Value> {
        let (of_result, mut steps) = self.steps();
        let whole = if of_result { result } else { params };
        steps.try_fold(whole, |value, step| match value {
            Value::Object(members) => members.get(step),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Whether calls of a method have it, as far as its document says; else what was perhaps meant.
    fn check(self, undone: &Method, result: Option<&Value>) -> Result<(), Option<String>> {
        let (of_result, mut steps) = self.steps();
        let meant = |before: &str, near: Option<&str>| near.map(|near| format!("{before}.{near}"));
        let (schema, mut before) = if of_result {
            let Some(schema) = result else { return Ok(()) };
            (schema.clone(), "result".to_owned())
        } else {
            let Some(first) = steps.next() else {
                return Ok(());
            };
            let names = || {
                undone
                    .open()
                    .map(|argument| argument.parameter.name.as_str())
            };
            let mut open = undone.open();
            match open.find(|argument| argument.parameter.name == first) {
                Some(argument) => (argument.parameter.schema.value(), format!("params.{first}")),
                None => return Err(meant("params", nearest(first, names()))),
            }
        };
        let mut schemas = vec![&schema];
        for step in steps {
            schemas = match below(&schemas, step) {
                Below::Anything => return Ok(()),
                Below::Schemas(schemas) => schemas,
                Below::Nothing(names) => {
                    return Err(meant(&before, nearest(step, names.into_iter())));
                }
            };
            before = format!("{before}.{step}");
        }
        Ok(())
    }
}

/// What schemas say of a part.
enum Below<'s> {
    Anything,
    Schemas(Vec<&'s Value>),
    /// There is none; these there are.
    Nothing(Vec<&'s str>),
}

/// What any of these schemas says of one step further. It may stand in any of their alternatives.
fn below<'s>(schemas: &[&'s Value], step: &str) -> Below<'s> {
    let (mut found, mut names) = (Vec::new(), Vec::new());
    let index = step.parse::<usize>().is_ok();
    let mut left = schemas.to_vec();
    while let Some(schema) = left.pop() {
        let Some(keys) = schema.as_object() else {
            return Below::Anything;
        };
        let alternatives = ["anyOf", "oneOf", "allOf"]
            .into_iter()
            .filter_map(|key| keys.get(key)?.as_array());
        let before = left.len();
        left.extend(alternatives.flatten());
        let types: Vec<&str> = match keys.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let may_be = |kind: &str| types.is_empty() || types.contains(&kind);
        let properties = keys.get("properties").and_then(Value::as_object);
        match (keys.get("items"), properties) {
            (Some(items), _) if index => found.push(items),
            (_, Some(properties)) => {
                found.extend(properties.get(step));
                names.extend(properties.keys().map(String::as_str));
                if let Some(Value::Object(_) | Value::Bool(true)) = keys.get("additionalProperties")
                {
                    return Below::Anything;
                }
            }
            _ if left.len() > before => {}
            _ if may_be("object") || (index && types.contains(&"array")) => return Below::Anything,
            _ => {}
        }
    }
    match found.is_empty() {
        true => Below::Nothing(names),
        false => Below::Schemas(found),
    }
}

fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    nearest(name, known).map(ToOwned::to_owned)
}

impl TryFrom<Value> for Undo {
    type Error = UndoError;

    fn try_from(value: Value) -> Result<Self, UndoError> {
        let Value::Object(mut members) = value else {
            return Err(UndoError::Malformed);
        };
        let params = members
            .remove("params")
            .unwrap_or_else(|| Map::new().into());
        match (members.remove("method"), params, members.is_empty()) {
            (Some(Value::String(method)), Value::Object(params), true) => {
                each_part(&params, &mut |_| Ok(()))?;
                Ok(Self { method, params })
            }
            _ => Err(UndoError::Malformed),
        }
    }
}

impl FromStr for Undo {
    type Err = UndoError;

    fn from_str(written: &str) -> Result<Self, UndoError> {
        if written.starts_with('{') {
            let value = serde_json::from_str::<Value>(written);
            return Self::try_from(value.map_err(|_| UndoError::Malformed)?);
        }
        let syntax = || UndoError::Syntax(text::line(written, 80));
        let (method, rest) = written.split_once('(').ok_or_else(syntax)?;
        let mut rest = rest.strip_suffix(')').ok_or_else(syntax)?.trim();
        let mut params = Map::new();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or_else(syntax)?;
            let (value, after) = argument(after.trim_start()).ok_or_else(syntax)?;
            if params.insert(name.trim().to_owned(), value).is_some() {
                return Err(syntax());
            }
            rest = match after.trim_start() {
                "" => "",
                more => more.strip_prefix(',').ok_or_else(syntax)?.trim_start(),
            };
        }
        let method = method.trim().to_owned();
        each_part(&params, &mut |_| Ok(()))?;
        Ok(Self { method, params })
    }
}

/// The first value of some arguments, a part or JSON, and what is behind it.
fn argument(written: &str) -> Option<(Value, &str)> {
    if written.starts_with("result") || written.starts_with("params") {
        let end = written.find(',').unwrap_or(written.len());
        let (part, rest) = written.split_at_checked(end)?;
        return Some((part.trim_end().into(), rest));
    }
    let mut values = serde_json::Deserializer::from_str(written).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let value = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
        value => serde_json::json!({"const": value}),
    };
    Some((value, written.get(values.byte_offset()..)?))
}

/// `deal.delete(id=result.id)`, on one line.
impl Display for Undo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let given: Vec<String> = self
            .params
            .iter()
            .map(|(name, value)| format!("{name}={}", shown(value)))
            .collect();
        let whole = format!("{}({})", self.method, given.join(", "));
        f.write_str(&text::line(&whole, 200))
    }
}

fn shown(value: &Value) -> String {
    match UndoValue::of(value) {
        Ok(UndoValue::Part(part)) => part.0.to_owned(),
        Ok(UndoValue::Constant(value)) => value.to_string(),
        Ok(UndoValue::List(items)) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        Ok(UndoValue::Object(members)) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), shown(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        // Nothing is kept that names no part.
        Err(_) => value.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;
