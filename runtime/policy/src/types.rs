//! What a parameter is to a policy: the Cedar type of a JSON Schema, and the Cedar value of a JSON value of that type.
//! Used by the schema generator and by decisions. A value is never given a type by the look of it: a script could
//! choose the look.

use crate::moment::DateFormat;
use cedar_policy::{ExpressionConstructionError, RestrictedExpression};
use serde_json::{Map, Number, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Arc, LazyLock},
};

/// Deeper schemas than this have no type. THREAT[DOS-08]: a document decides how deep they are.
const DEEPEST: usize = 16;

/// The largest whole number that Cedar's `decimal` holds.
const LARGEST_DECIMAL: f64 = 922_337_203_685_477.0;

/// How near to each other two numbers are that Cedar's `decimal` tells apart.
pub(crate) const STEP: &str = "0.0001";

/// Every whole number up to here is exact as a floating-point number.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// What policies call the time of a call. THREAT[POL-03]: no parameter of this name is ever taken for it.
pub(crate) const NOW: &str = "now";

/// What policies call the run that makes a call. The same holds for it.
pub(crate) const RUN: &str = "run";

/// What the run has read from, in [`RUN`].
pub(crate) const READ_FROM: &str = "read_from";

/// What the context of a call holds besides its parameters. A parameter of such a name is sent, and no policy sees it.
static SURROUNDINGS: LazyLock<BTreeMap<String, Attribute>> = LazyLock::new(|| {
    let always = |kind| Attribute {
        kind: Ok(kind),
        required: true,
        nullable: false,
    };
    let read_from = always(Type::Set(Arc::new(Type::String)));
    let run = BTreeMap::from([(READ_FROM.to_owned(), read_from)]);
    BTreeMap::from([
        (NOW.to_owned(), always(Type::Instant(DateFormat::Instant))),
        (RUN.to_owned(), always(Type::Record(Arc::new(run)))),
    ])
});

/// The same, if a name is of it.
pub(crate) fn surroundings(name: &str) -> Option<&'static BTreeMap<String, Attribute>> {
    SURROUNDINGS.contains_key(name).then(|| &*SURROUNDINGS)
}

/// Why no policy sees a parameter of this name.
pub(crate) fn taken(name: &str) -> Option<Untyped> {
    match name {
        NOW => Some(Untyped("`context.now` is when the call is made")),
        RUN => Some(Untyped("`context.run` is the run that makes the call")),
        _ => None,
    }
}

/// The run as Cedar has it.
pub(crate) fn run(
    read_from: &BTreeSet<String>,
) -> Result<RestrictedExpression, ExpressionConstructionError> {
    let names = read_from.iter().cloned();
    let names = RestrictedExpression::new_set(names.map(RestrictedExpression::new_string));
    RestrictedExpression::new_record([(READ_FROM.to_owned(), names)])
}

/// A Cedar type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Long,
    Decimal,
    String,
    /// Cedar's `datetime`.
    Instant(DateFormat),
    Set(Arc<Type>),
    Record(Arc<BTreeMap<String, Attribute>>),
}

/// One attribute of a record: of the context, which is a call's parameters, or of an object in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// Or why there is none, in which case policies cannot see it.
    pub(crate) kind: Result<Type, Untyped>,
    /// A call without it is refused.
    pub(crate) required: bool,
    /// Whether a service may be sent `null` for it, which no policy can compare with anything.
    pub(crate) nullable: bool,
}

/// Why a JSON Schema has no Cedar type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Untyped(pub(crate) &'static str);

/// Why a value is not of its type. Names what was expected, and holds of the value no more than a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Not declared.
    Unknown,
    /// Declared as required, and not there.
    Missing,
    /// Of another type.
    Other(&'static str),
    /// A number that Cedar's four digits after the point do not hold, as JSON writes it.
    Inexact(String),
    /// A number that Cedar's decimals do not reach.
    TooLarge,
    /// Cedar has no `null`. Left out, it would be absent to the policy and present to the service.
    Null,
    /// An attribute of it does not fit.
    Within(String, Box<Misfit>),
}

/// The types of schemas that were met. Parameters that share a schema share its type. THREAT[SVC-04]
#[derive(Debug, Default)]
pub(crate) struct Kinds(HashMap<usize, Known>);

/// A schema, kept so that no other takes its address, and what it is.
type Known = (Arc<str>, bool, Result<Type, Untyped>);

impl Kinds {
    /// What a parameter with this schema is.
    pub(crate) fn attribute(&mut self, schema: &Arc<str>, required: bool) -> Attribute {
        let address = schema.as_ptr().addr();
        let (_, nullable, kind) = self.0.entry(address).or_insert_with(|| {
            // What is no JSON says nothing.
            let value: Value = serde_json::from_str(schema).unwrap_or_default();
            let (nullable, kind) = kind(&value, 0);
            (schema.clone(), nullable, kind)
        });
        let (nullable, kind) = (*nullable, kind.clone());
        Attribute {
            kind,
            required,
            nullable,
        }
    }
}

impl Attribute {
    fn at(schema: &Value, required: bool, depth: usize) -> Self {
        let (nullable, kind) = kind(schema, depth);
        Self {
            kind,
            required,
            nullable,
        }
    }

    /// Cedar must be told that a `null` may be missing.
    pub(crate) fn always(&self) -> bool {
        self.required && !self.nullable
    }
}

/// Whether `null` is allowed, and the type of everything else.
fn kind(schema: &Value, depth: usize) -> (bool, Result<Type, Untyped>) {
    let Some(schema) = schema.as_object() else {
        return (true, Err(Untyped("its schema says nothing of its type")));
    };
    if depth > DEEPEST {
        return (true, Err(Untyped("its schema nests too deep")));
    }
    let below = depth.saturating_add(1);
    for key in ["oneOf", "anyOf"] {
        if let Some(Value::Array(choices)) = schema.get(key) {
            return union(choices.iter().map(|choice| kind(choice, below)));
        }
    }
    match schema.get("allOf") {
        Some(Value::Array(all)) if !schema.contains_key("type") => {
            return match all.as_slice() {
                [one] => kind(one, below),
                _ => (true, Err(Untyped("it combines several schemas"))),
            };
        }
        _ => {}
    }
    match schema.get("type") {
        Some(Value::String(name)) => named(name, schema, below),
        Some(Value::Array(names)) => {
            let names = names.iter().map(|name| name.as_str().unwrap_or_default());
            union(names.map(|name| named(name, schema, below)))
        }
        _ => match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(values)), _) => union(values.iter().map(literal)),
            (_, Some(value)) => literal(value),
            _ if schema.contains_key("properties") => named("object", schema, below),
            _ => (true, Err(Untyped("its schema says nothing of its type"))),
        },
    }
}

/// All of one type, or of none.
fn union(
    kinds: impl Iterator<Item = (bool, Result<Type, Untyped>)>,
) -> (bool, Result<Type, Untyped>) {
    let mut nullable = false;
    let mut one: Option<Type> = None;
    for (null, kind) in kinds {
        nullable |= null;
        match (kind, &one) {
            (Err(NULL), _) => {}
            (Err(untyped), _) => return (true, Err(untyped)),
            (Ok(kind), None) => one = Some(kind),
            (Ok(kind), Some(same)) if kind == *same => {}
            (Ok(_), Some(_)) => return (true, Err(Untyped("it may be of several types"))),
        }
    }
    (nullable, one.ok_or(NULL))
}

const NULL: Untyped = Untyped("it is always null");

fn named(name: &str, schema: &Map<String, Value>, depth: usize) -> (bool, Result<Type, Untyped>) {
    let kind = match name {
        "null" => return (true, Err(NULL)),
        "boolean" => Ok(Type::Bool),
        "integer" => Ok(Type::Long),
        "number" => Ok(Type::Decimal),
        "string" => Ok(match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => Type::Instant(DateFormat::Instant),
            Some("date") => Type::Instant(DateFormat::Day),
            _ => Type::String,
        }),
        "array" => match schema.get("items").map(|items| kind(items, depth)) {
            Some((false, Ok(kind))) => Ok(Type::Set(Arc::new(kind))),
            _ => Err(Untyped("its elements have no one type")),
        },
        "object" => record(schema, depth),
        _ => Err(Untyped("its schema names no type of JSON")),
    };
    (false, kind)
}

/// An object is a record when its attributes are known: a map with free keys is none.
fn record(schema: &Map<String, Value>, depth: usize) -> Result<Type, Untyped> {
    let free = match schema.get("additionalProperties") {
        None | Some(Value::Bool(false)) => schema.contains_key("patternProperties"),
        Some(_) => true,
    };
    match schema.get("properties") {
        Some(Value::Object(properties)) if !free && !properties.is_empty() => {
            let required: HashSet<&str> = match schema.get("required") {
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
                _ => HashSet::new(),
            };
            let attributes = properties.iter().map(|(name, schema)| {
                let attribute = Attribute::at(schema, required.contains(name.as_str()), depth);
                (name.clone(), attribute)
            });
            Ok(Type::Record(Arc::new(attributes.collect())))
        }
        _ => Err(Untyped("it is an object whose attributes are not declared")),
    }
}

/// The type of an enumerated value.
fn literal(value: &Value) -> (bool, Result<Type, Untyped>) {
    let kind = match value {
        Value::Null => return (true, Err(NULL)),
        Value::Bool(_) => Ok(Type::Bool),
        Value::Number(number) if number.is_f64() => Ok(Type::Decimal),
        Value::Number(_) => Ok(Type::Long),
        Value::String(_) => Ok(Type::String),
        Value::Array(_) | Value::Object(_) => {
            Err(Untyped("its values are enumerated lists or objects"))
        }
    };
    (false, kind)
}

impl Type {
    /// As Cedar's JSON schema format writes it.
    pub(crate) fn schema(&self) -> Value {
        match self {
            Self::Bool => json!({"type": "Boolean"}),
            Self::Long => json!({"type": "Long"}),
            Self::Decimal => json!({"type": "Extension", "name": "decimal"}),
            Self::String => json!({"type": "String"}),
            Self::Instant(_) => json!({"type": "Extension", "name": "datetime"}),
            Self::Set(element) => json!({"type": "Set", "element": element.schema()}),
            Self::Record(attributes) => record_schema(attributes),
        }
    }

    /// The value as Cedar has it.
    pub(crate) fn convert(&self, value: &Value) -> Result<RestrictedExpression, Misfit> {
        Ok(match (self, value) {
            (Self::Bool, Value::Bool(value)) => RestrictedExpression::new_bool(*value),
            (Self::Long, Value::Number(number)) => RestrictedExpression::new_long(long(number)?),
            (Self::Decimal, Value::Number(number)) => {
                RestrictedExpression::new_decimal(decimal(number)?)
            }
            (Self::String, Value::String(text)) => RestrictedExpression::new_string(text.clone()),
            (Self::Instant(format), Value::String(text)) => {
                format.read(text).ok_or_else(|| self.other())?.expression()
            }
            (Self::Set(kind), Value::Array(elements)) => {
                let elements: Result<Vec<_>, _> =
                    elements.iter().map(|value| kind.convert(value)).collect();
                RestrictedExpression::new_set(elements?)
            }
            (Self::Record(attributes), Value::Object(object)) => {
                let pairs = pairs(attributes, object, |_| true).map_err(within)?;
                RestrictedExpression::new_record(pairs).map_err(|_| self.other())?
            }
            _ => return Err(self.other()),
        })
    }

    /// Whether a value is of this type, without making one for Cedar. Any number is a number here, and any text a date.
    fn check(&self, value: &Value) -> Result<(), Misfit> {
        match (self, value) {
            (Self::Bool, Value::Bool(_))
            | (Self::Decimal, Value::Number(_))
            | (Self::String | Self::Instant(_), Value::String(_)) => Ok(()),
            (Self::Long, Value::Number(number)) => long(number).map(drop),
            (Self::Set(kind), Value::Array(elements)) => {
                elements.iter().try_for_each(|value| kind.check(value))
            }
            (Self::Record(attributes), Value::Object(object)) => {
                // Nothing is seen, so nothing is converted.
                pairs(attributes, object, |_| false)
                    .map(drop)
                    .map_err(within)
            }
            _ => Err(self.other()),
        }
    }

    fn other(&self) -> Misfit {
        Misfit::Other(match self {
            Self::Bool => "a boolean",
            Self::Long => "an integer of 64 bits",
            Self::Decimal => "a number",
            Self::String => "a string",
            Self::Instant(format) => format.expected(),
            Self::Set(_) => "a list",
            Self::Record(_) => "an object",
        })
    }
}

/// The context of a call: its parameters, when it is made, and the run that makes it.
pub(crate) fn context_schema(parameters: &BTreeMap<String, Attribute>) -> Value {
    // A parameter of a name that is taken has no type, and is left out.
    attributes_schema(parameters.iter().chain(SURROUNDINGS.iter()))
}

fn record_schema(attributes: &BTreeMap<String, Attribute>) -> Value {
    attributes_schema(attributes.iter())
}

fn attributes_schema<'a>(attributes: impl Iterator<Item = (&'a String, &'a Attribute)>) -> Value {
    let attributes: Map<String, Value> = attributes
        .filter_map(|(name, attribute)| {
            let mut schema = attribute.kind.as_ref().ok()?.schema();
            if let Value::Object(schema) = &mut schema {
                schema.insert("required".to_owned(), Value::Bool(attribute.always()));
            }
            Some((name.clone(), schema))
        })
        .collect();
    json!({"type": "Record", "attributes": attributes})
}

/// The attributes of a record as Cedar has them, or which of them does not fit. What no policy looks at, as `seen` says,
/// is checked and left out: converting it would cost time, and a number with more digits than Cedar holds is fine there.
pub(crate) fn pairs<'a>(
    attributes: &'a BTreeMap<String, Attribute>,
    object: &'a Map<String, Value>,
    seen: impl Fn(&str) -> bool,
) -> Result<Vec<(String, RestrictedExpression)>, (&'a str, Misfit)> {
    let mut pairs = Vec::with_capacity(object.len());
    let mut required = 0_usize;
    for (name, value) in object {
        let attribute = attributes
            .get(name)
            .ok_or((name.as_str(), Misfit::Unknown))?;
        required = required.saturating_add(usize::from(attribute.required));
        let Ok(kind) = &attribute.kind else {
            continue;
        };
        if attribute.nullable && value.is_null() {
            // THREAT[POL-03]: `context has owner` must not be false of a call that sets the owner to nothing.
            if seen(name) {
                return Err((name.as_str(), Misfit::Null));
            }
            continue;
        }
        if seen(name) {
            let value = kind
                .convert(value)
                .map_err(|misfit| (name.as_str(), misfit))?;
            pairs.push((name.clone(), value));
        } else {
            kind.check(value)
                .map_err(|misfit| (name.as_str(), misfit))?;
        }
    }
    complete(attributes, object, required)?;
    Ok(pairs)
}

fn within((name, misfit): (&str, Misfit)) -> Misfit {
    Misfit::Within(name.chars().take(128).collect(), Box::new(misfit))
}

/// Whether nothing that is required is missing, of which so many are there. Names are unique on both sides.
fn complete<'a>(
    attributes: &'a BTreeMap<String, Attribute>,
    object: &Map<String, Value>,
    required: usize,
) -> Result<(), (&'a str, Misfit)> {
    if required == attributes.values().filter(|one| one.required).count() {
        return Ok(());
    }
    let missing = attributes
        .iter()
        .find(|(name, one)| one.required && !object.contains_key(*name));
    missing.map_or(Ok(()), |(name, _)| Err((name, Misfit::Missing)))
}

/// An integer of JSON Schema, for which `5.0` is one.
pub(crate) fn long(number: &Number) -> Result<i64, Misfit> {
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= LARGEST_EXACT =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole and in range, so nothing is cut off"
            )]
            Ok(float as i64)
        }
        _ => Err(Type::Long.other()),
    }
}

/// A number as Cedar writes decimals, if that is exactly it.
pub(crate) fn decimal(number: &Number) -> Result<String, Misfit> {
    let float = number.as_f64().ok_or(Misfit::TooLarge)?;
    if float.abs() > LARGEST_DECIMAL {
        return Err(Misfit::TooLarge);
    }
    // Rust writes the shortest digits that are this number, and never an exponent.
    let mut text = match number.as_i64() {
        Some(whole) => whole.to_string(),
        None => float.to_string(),
    };
    match text.split_once('.') {
        None => text.push_str(".0"),
        Some((_, digits)) if digits.len() <= 4 => {}
        Some(_) => return Err(Misfit::Inexact(number.to_string())),
    }
    Ok(text)
}

impl Misfit {
    /// The number that has too many digits, if that is what is wrong.
    pub(crate) fn inexact(&self) -> Option<&str> {
        match self {
            Self::Inexact(number) => Some(number),
            Self::Within(_, misfit) => misfit.inexact(),
            _ => None,
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("is not declared"),
            Self::Missing => f.write_str("is missing"),
            Self::Other(expected) => write!(f, "is not {expected}"),
            Self::Within(name, misfit) => {
                write!(f, "holds `{}`, which {misfit}", name.escape_debug())
            }
            Self::Null => f.write_str("is null, which policies cannot compare"),
            Self::Inexact(number) => {
                write!(
                    f,
                    "is {number}, and policies compare numbers in steps of {STEP}"
                )
            }
            Self::TooLarge => write!(
                f,
                "is larger than policies compare: {LARGEST_DECIMAL} is the most"
            ),
        }
    }
}
