//! Reads the tables of `limits.toml` and `cases.toml`, and for the command those of `sandgate.toml`: every key by its name, every
//! value by its type, and a problem for each one that is not so. Nothing is skipped: a key that nobody reads would be a limit that
//! nobody keeps.

use crate::{
    problem::{File, Problem},
    text,
};
use serde_json::{Map, Number, Value};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// One table, and what is wrong with it so far.
#[derive(Debug)]
pub struct Fields<'a> {
    table: &'a DeTable<'a>,
    place: Range<usize>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// A value and where it stands.
pub type Placed<T> = (T, Range<usize>);

/// Parses a file and hands its table on.
pub fn with_table<T>(
    file: File<'_>,
    read: impl FnOnce(&DeTable<'_>) -> Result<T, Vec<Problem>>,
) -> Result<T, Vec<Problem>> {
    text::readable(file)?;
    let (table, errors) = DeTable::parse_recoverable(file.text);
    if errors.is_empty() {
        return read(table.get_ref());
    }
    let problem = |error: toml::de::Error| {
        let problem = Problem::new(error.message());
        match error.span() {
            Some(place) => problem.at(place),
            None => problem,
        }
    };
    Err(errors.into_iter().map(problem).collect())
}

impl<'a> Fields<'a> {
    /// Keys that are not among the known ones are problems from the start.
    #[must_use]
    pub fn new(table: &'a DeTable<'a>, place: Range<usize>, known: &'static [&str]) -> Self {
        let problems = table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .map(|key| {
                Problem::new(format!(
                    "`{}` is not known here",
                    key.get_ref().escape_debug()
                ))
                .at(key.span())
                .near(key.get_ref(), known.iter().copied())
            })
            .collect();
        Self {
            table,
            place,
            problems,
        }
    }

    /// The value of a key, where there is one and it is what is expected.
    pub fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let value = self.table.get(key)?;
        let parsed = parse(value.get_ref());
        if parsed.is_none() {
            let problem = Problem::new(format!("`{key}` is not {expected}")).at(value.span());
            self.problems.push(problem);
        }
        Some((parsed?, value.span()))
    }

    /// The same, for a key that must be there.
    pub(crate) fn need<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Placed<T>> {
        if !self.table.contains_key(key) {
            let problem = Problem::new(format!("`{key}` is missing"))
                .at(self.place.clone())
                .help(format!("it is {expected}"));
            self.problems.push(problem);
        }
        self.read(key, expected, parse)
    }

    /// The same, for a text.
    pub fn text(&mut self, key: &str) -> Option<Placed<&'a str>> {
        self.read(key, "a string", DeValue::as_str)
    }

    /// The same, for what is true or false.
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        let (flag, _) = self.read(key, "true or false", DeValue::as_bool)?;
        Some(flag)
    }
}

/// A whole number, however it is written.
#[must_use]
pub fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A list of strings with their places.
#[must_use]
pub fn texts<'a>(value: &'a DeValue<'a>) -> Option<Vec<Placed<&'a str>>> {
    value
        .as_array()?
        .iter()
        .map(|one| Some((one.get_ref().as_str()?, one.span())))
        .collect()
}

/// The same value in JSON, if JSON has it.
pub(crate) fn json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(_) => Value::from(integer(value)?),
        DeValue::Float(float) => Value::Number(Number::from_f64(float.as_str().parse().ok()?)?),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(_) => return None,
        DeValue::Array(values) => values
            .iter()
            .map(|value| json(value.get_ref()))
            .collect::<Option<_>>()?,
        DeValue::Table(table) => Value::Object(object(table)?),
    })
}

/// A table as a JSON object.
pub(crate) fn object(table: &DeTable<'_>) -> Option<Map<String, Value>> {
    table
        .iter()
        .map(|(key, value)| Some((key.get_ref().clone().into_owned(), json(value.get_ref())?)))
        .collect()
}
