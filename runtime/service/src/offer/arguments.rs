//! The arguments of one call: a script's JSON bound to the parameters of a method and checked against their schemas,
//! before anything is decided or sent. What is decided on and what is sent are made here from the same values, once.
//! THREAT[POL-03]

use crate::{
    json::{self, JsonError},
    offer::{
        Argument, Method,
        document::Structure,
        reserved::{self, Reserved},
        weight::Weight,
    },
    text,
};
use sandgate_policy::{Principal, nearest};
use sandgate_wire::RefusalCode;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use std::{borrow::Cow, cell::Cell, collections::BTreeMap, fmt};

/// Values in the arguments of one call. THREAT[DOS-10]: a byte of JSON can cost a hundred bytes of memory.
const MOST_PARTS: usize = 100_000;

/// Arguments that fit their method. Only [`Method::bind`] makes them.
#[derive(Debug)]
pub struct Arguments {
    by_name: Map<String, Value>,
    rounded: Vec<(String, String)>,
    params: Box<RawValue>,
}

impl Arguments {
    /// What the script gave, by the names of the document. What the host adds is not in it.
    #[must_use]
    pub fn by_name(&self) -> &Map<String, Value> {
        &self.by_name
    }

    /// Parameters that hold a number of which `by_name` has only the nearest, with that number as it is sent: what looks at
    /// them must not decide.
    pub fn rounded(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.rounded.iter();
        all.map(|(name, number)| (name.as_str(), number.as_str()))
    }

    /// What is sent, without the rest: what is sent is kept for as long as a call waits, and nothing else is.
    #[must_use]
    pub fn into_params(self) -> Box<RawValue> {
        self.params
    }

    /// Exactly what is sent: one line of JSON, an object or a list as the document wants it. Numbers have the digits that the
    /// script wrote: a reader of decimals reads them all.
    #[must_use]
    pub fn params(&self) -> &RawValue {
        &self.params
    }
}

/// Why arguments do not fit. The text is the script's to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// Neither by name nor by position, or not strict JSON.
    #[error("`{method}` takes its arguments as one JSON object or list: {reason}")]
    Shape {
        /// The method.
        method: String,
        /// What is wrong.
        reason: String,
    },
    /// No such parameter.
    #[error("`{method}` has no parameter `{parameter}`{} {takes}", meant(.near))]
    Unknown {
        /// The method.
        method: String,
        /// What was given.
        parameter: String,
        /// What was perhaps meant.
        near: Option<String>,
        /// What there is.
        takes: String,
    },
    /// More by position than there are.
    #[error("`{method}` was given {given} arguments. {takes}")]
    TooMany {
        /// The method.
        method: String,
        /// How many were given.
        given: usize,
        /// What there is.
        takes: String,
    },
    /// Which of the two would count?
    #[error("`{method}` was given `{parameter}` twice; leave one out")]
    Twice {
        /// The method.
        method: String,
        /// What was given twice.
        parameter: String,
    },
    /// Something is missing.
    #[error("`{method}` needs {missing}. {takes}")]
    Missing {
        /// The method.
        method: String,
        /// What it needs and was not given.
        missing: String,
        /// What there is.
        takes: String,
    },
    /// A value that the parameter does not take.
    #[error("`{method}` takes `{parameter}: {expected}`, but {reason}")]
    Value {
        /// The method.
        method: String,
        /// The parameter.
        parameter: String,
        /// What it takes.
        expected: String,
        /// What is wrong with what was given.
        reason: String,
    },
    /// THREAT[POL-01]: on whose behalf a call is made is not the script's to say.
    #[error("`{parameter}` is set by the host, from who runs the script; leave it out")]
    Reserved {
        /// What was given.
        parameter: String,
    },
    /// A list has no way to leave one out.
    #[error(
        "`{method}` takes its parameters by position, so `{later}` cannot be given without `{parameter}` before it"
    )]
    Gap {
        /// The method.
        method: String,
        /// What was left out.
        parameter: String,
        /// What was given.
        later: String,
    },
    /// It cannot be called from here.
    #[error(
        "`{method}` needs `{parameter}`, which a script may not set and the host does not know"
    )]
    Unusable {
        /// The method.
        method: String,
        /// What it needs.
        parameter: String,
    },
}

impl ArgumentError {
    /// What the refusal of such arguments is called.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::Shape { .. } => RefusalCode::ArgumentsMalformed,
            Self::Unknown { .. } => RefusalCode::ArgumentsUnknown,
            Self::TooMany { .. } => RefusalCode::ArgumentsTooMany,
            Self::Twice { .. } => RefusalCode::ArgumentsTwice,
            Self::Missing { .. } => RefusalCode::ArgumentsMissing,
            Self::Value { .. } => RefusalCode::ArgumentsValue,
            Self::Reserved { .. } => RefusalCode::ArgumentsReserved,
            Self::Gap { .. } => RefusalCode::ArgumentsGap,
            Self::Unusable { .. } => RefusalCode::ArgumentsUnusable,
        }
    }
}

fn meant(near: &Option<String>) -> String {
    match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None => ".".to_owned(),
    }
}

/// The members of an object, or the items of a list, each still as its text.
enum Given<'a> {
    ByName(Vec<(Cow<'a, str>, &'a RawValue)>),
    ByPosition(Vec<&'a RawValue>),
}

impl<'de> Deserialize<'de> for Given<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Given<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some((key, value)) = entries.next_entry::<Cow<'de, str>, &RawValue>()? {
                    all.push((key, value));
                }
                Ok(Given::ByName(all))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Given::ByPosition(all))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The value of one parameter: what is decided on, and what is sent.
#[derive(Debug, Clone)]
struct Bound {
    value: Value,
    text: Box<RawValue>,
    /// The first number in it that the value does not hold exactly.
    rounded: Option<String>,
}

impl Argument {
    /// `None` for what may be left out and cannot be null is how Python leaves it out.
    pub(super) fn is_left_out_by(&self, value: &Value) -> bool {
        value.is_null() && !self.parameter.required && !self.parameter.schema.takes_null()
    }
}

impl Method {
    /// Binds what a script gave to the parameters, adds what only the host knows, and checks all of it.
    pub fn bind(&self, given: &RawValue, caller: &Principal) -> Result<Arguments, ArgumentError> {
        self.bind_within(given, caller, &Weight::default())
    }

    /// The same, within what the checks of the call may cost. THREAT[DOS-11]: one allowance for all parameters.
    pub fn bind_within(
        &self,
        given: &RawValue,
        caller: &Principal,
        weight: &Weight<'_>,
    ) -> Result<Arguments, ArgumentError> {
        let mut values = self.take(given, weight)?;
        let mut missing = Vec::new();
        for (argument, value) in self.arguments.iter().zip(&mut values) {
            let parameter = &argument.parameter;
            if let Some(reserved) = argument.reserved {
                *value = self.set(argument, reserved, caller, weight)?;
                continue;
            }
            if value
                .as_ref()
                .is_some_and(|bound| argument.is_left_out_by(&bound.value))
            {
                *value = None;
            }
            match value {
                Some(bound) => self.check(argument, &bound.value, weight)?,
                None if parameter.required => missing.push(parameter.name.as_str()),
                None => {}
            }
        }
        if !missing.is_empty() {
            return Err(self.missing(missing));
        }
        let params = match self.structure {
            Structure::ByName => to_raw_value(&self.object(&values)),
            Structure::ByPosition => to_raw_value(&self.list(&values)?),
        };
        let params = params.map_err(|error| self.shape(&error))?;
        weight.look().map_err(|over| self.shape(&over))?;
        let (mut by_name, mut rounded) = (Map::new(), Vec::new());
        for (argument, bound) in self.arguments.iter().zip(values) {
            let (None, Some(bound)) = (argument.reserved, bound) else {
                continue;
            };
            let name = &argument.parameter.name;
            rounded.extend(bound.rounded.map(|number| (name.clone(), number)));
            by_name.insert(name.clone(), bound.value);
        }
        Ok(Arguments {
            by_name,
            rounded,
            params,
        })
    }

    /// The given value of each parameter, in the order of the document.
    fn take(
        &self,
        given: &RawValue,
        weight: &Weight<'_>,
    ) -> Result<Vec<Option<Bound>>, ArgumentError> {
        let mut values = vec![None; self.arguments.len()];
        let parts = Cell::new(MOST_PARTS);
        match serde_json::from_str(given.get()).map_err(|error| self.shape(&error))? {
            Given::ByName(members) => {
                for (name, value) in members {
                    let at = self.settable(&name)?;
                    let Some((argument, slot)) = self.arguments.iter().zip(&mut values).nth(at)
                    else {
                        return Err(self.unknown(&name));
                    };
                    if slot.is_some() {
                        return Err(self.twice(&name));
                    }
                    *slot = Some(self.value(argument, value, &parts, weight)?);
                }
            }
            Given::ByPosition(items) => {
                let open = self
                    .arguments
                    .iter()
                    .zip(&mut values)
                    .filter(|(argument, _)| argument.reserved.is_none());
                self.are_not_too_many(items.len())?;
                for (item, (argument, slot)) in items.into_iter().zip(open) {
                    *slot = Some(self.value(argument, item, &parts, weight)?);
                }
            }
        }
        Ok(values)
    }

    /// Which parameter of this name a script may set.
    pub(super) fn settable(&self, name: &str) -> Result<usize, ArgumentError> {
        let mut all = self.arguments.iter().enumerate();
        let found = all.find(|(_, argument)| argument.parameter.name == name);
        let is_reserved = Reserved::by_name(name).is_some();
        match found {
            Some((_, argument)) if argument.reserved.is_some() => Err(ArgumentError::Reserved {
                parameter: argument.parameter.name.clone(),
            }),
            Some((at, _)) => Ok(at),
            None if is_reserved => Err(ArgumentError::Reserved {
                parameter: text::line(name, 60),
            }),
            None => Err(self.unknown(name)),
        }
    }

    pub(super) fn are_not_too_many(&self, given: usize) -> Result<(), ArgumentError> {
        if given <= self.open().count() {
            return Ok(());
        }
        Err(ArgumentError::TooMany {
            method: self.method.clone(),
            given,
            takes: self.takes(),
        })
    }

    pub(super) fn twice(&self, name: &str) -> ArgumentError {
        ArgumentError::Twice {
            method: self.method.clone(),
            parameter: text::line(name, 60),
        }
    }

    pub(super) fn missing(&self, names: Vec<&str>) -> ArgumentError {
        ArgumentError::Missing {
            method: self.method.clone(),
            missing: quoted(names.into_iter()),
            takes: self.takes(),
        }
    }

    /// A value that stands in the source of a script: what a call with it would be told of it.
    pub(super) fn look_at(&self, argument: &Argument, value: &Value) -> Result<(), ArgumentError> {
        let text = to_raw_value(value).map_err(|error| self.shape(&error))?;
        let weight = Weight::default();
        let bound = self.value(argument, &text, &Cell::new(MOST_PARTS), &weight)?;
        self.check(argument, &bound.value, &weight)
    }

    /// Strict JSON, with nothing in it that belongs to the host.
    fn value(
        &self,
        argument: &Argument,
        given: &RawValue,
        parts: &Cell<usize>,
        weight: &Weight<'_>,
    ) -> Result<Bound, ArgumentError> {
        let wrong = |error: JsonError| self.wrong(argument, error.to_string());
        let rounded = json::rounded(given.get()).map_err(wrong)?;
        let value = json::parse(given.get().as_bytes(), parts).map_err(wrong)?;
        let look = weight.look();
        look.map_err(|over| self.wrong(argument, over.to_string()))?;
        match reserved::within(&value) {
            Some(key) => Err(ArgumentError::Reserved {
                parameter: text::line(key, 60),
            }),
            None => Ok(Bound {
                value,
                text: json::compact(given.get()).map_err(|error| self.shape(&error))?,
                rounded: rounded.map(|number| text::line(number, 60)),
            }),
        }
    }

    fn check(
        &self,
        argument: &Argument,
        value: &Value,
        weight: &Weight<'_>,
    ) -> Result<(), ArgumentError> {
        let checked = argument.parameter.schema.check(value, weight);
        checked.map_err(|mismatch| {
            let at = if mismatch.at.is_empty() {
                String::new()
            } else {
                format!("at `{}` ", mismatch.at)
            };
            self.wrong(argument, format!("{at}{}", mismatch.reason))
        })
    }

    /// What the host says for a parameter of its own.
    fn set(
        &self,
        argument: &Argument,
        reserved: Reserved,
        caller: &Principal,
        weight: &Weight<'_>,
    ) -> Result<Option<Bound>, ArgumentError> {
        let value = reserved
            .values(caller)
            .into_iter()
            .find(|value| argument.parameter.schema.check(value, weight).is_ok());
        // THREAT[POL-01]: a context is always said, even where the service has a default: that would be somebody's.
        if value.is_none() && (argument.parameter.required || reserved == Reserved::Context) {
            return Err(ArgumentError::Unusable {
                method: self.method.clone(),
                parameter: argument.parameter.name.clone(),
            });
        }
        let bound = |value: Value| -> Result<Bound, serde_json::Error> {
            let text = to_raw_value(&value)?;
            Ok(Bound {
                value,
                text,
                rounded: None,
            })
        };
        value
            .map(bound)
            .transpose()
            .map_err(|error| self.shape(&error))
    }

    /// In the order of the names, so that the same arguments are always the same bytes.
    fn object<'v>(&'v self, values: &'v [Option<Bound>]) -> BTreeMap<&'v str, &'v RawValue> {
        self.arguments
            .iter()
            .zip(values)
            .filter_map(|(argument, bound)| {
                Some((argument.parameter.name.as_str(), &*bound.as_ref()?.text))
            })
            .collect()
    }

    fn list<'v>(&self, values: &'v [Option<Bound>]) -> Result<Vec<&'v RawValue>, ArgumentError> {
        let length = values
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last.saturating_add(1));
        let mut list = Vec::with_capacity(length);
        for (at, (argument, value)) in self.arguments.iter().zip(values).take(length).enumerate() {
            match value {
                Some(bound) => list.push(&*bound.text),
                // THREAT[POL-03]: a `null` in its place would be sent without having been given, or decided on.
                None => {
                    let given = self.arguments.iter().zip(values).skip(at);
                    let later = given
                        .filter(|(_, value)| value.is_some())
                        .map(|(argument, _)| argument)
                        .next();
                    return Err(ArgumentError::Gap {
                        method: self.method.clone(),
                        parameter: argument.parameter.name.clone(),
                        later: later.map_or_else(String::new, |later| later.parameter.name.clone()),
                    });
                }
            }
        }
        Ok(list)
    }

    fn shape(&self, reason: &dyn fmt::Display) -> ArgumentError {
        ArgumentError::Shape {
            method: self.method.clone(),
            reason: text::line(&reason.to_string(), 120),
        }
    }

    fn unknown(&self, name: &str) -> ArgumentError {
        let names = self.open().map(|argument| argument.parameter.name.as_str());
        ArgumentError::Unknown {
            method: self.method.clone(),
            parameter: text::line(name, 60),
            near: nearest(name, names).map(ToOwned::to_owned),
            takes: self.takes(),
        }
    }

    fn wrong(&self, argument: &Argument, reason: String) -> ArgumentError {
        ArgumentError::Value {
            method: self.method.clone(),
            parameter: argument.parameter.name.clone(),
            expected: argument.annotation.to_string(),
            reason,
        }
    }

    fn takes(&self) -> String {
        let mut names = self
            .open()
            .map(|argument| argument.parameter.name.as_str())
            .peekable();
        if names.peek().is_none() {
            return "It takes no arguments".to_owned();
        }
        text::line(&format!("It takes {}", quoted(names)), 400)
    }
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
