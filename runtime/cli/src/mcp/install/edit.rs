//! One entry into a document of JSON. Only the place of the entry is written: everything else stays as it is, byte for
//! byte, since numbers, keys and spaces of a file that is somebody else's mean things that nobody here knows.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};
use std::{fmt, ops::Range};

/// What JSON is indented by, unless a document does it otherwise.
const TWO: &str = "  ";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// It is there already.
    None,
    /// The document becomes this.
    To(String),
}

/// Why a document is left alone.
#[derive(Debug, thiserror::Error)]
pub(super) enum EditError {
    #[error("it is not JSON: {0}")]
    Json(serde_json::Error),
    #[error("{0} is not an object")]
    Shape(String),
    #[error("it has \"{0}\" twice")]
    Twice(String),
    #[error("it has another server of the name `{name}`")]
    Exists { name: String },
}

/// The document with this entry in its list of servers.
pub(super) fn with(
    text: &str,
    list: &str,
    name: &str,
    entry: &Value,
    replace: bool,
) -> Result<Edit, EditError> {
    if text.trim().is_empty() {
        return Ok(Edit::To(pretty(&json!({list: {name: entry}}), TWO) + "\n"));
    }
    let document: &RawValue = serde_json::from_str(text).map_err(EditError::Json)?;
    let root = Object::of(text, document, "the document")?;
    let Some(servers) = root.get(list)? else {
        return Ok(Edit::To(root.and(list, &json!({name: entry}))));
    };
    let servers = Object::of(text, servers, &format!("\"{list}\""))?;
    let Some(there) = servers.get(name)? else {
        return Ok(Edit::To(servers.and(name, entry)));
    };
    let known: Value = serde_json::from_str(there.get()).map_err(EditError::Json)?;
    if known == *entry {
        return Ok(Edit::None);
    }
    if !replace {
        let name = name.to_owned();
        return Err(EditError::Exists { name });
    }
    let place = place(text, there);
    let entry = pretty(entry, &servers.unit());
    let entry = indented(&entry, &indentation(text, place.start));
    Ok(Edit::To(spliced(text, place, &entry)))
}

/// The entry as a person would paste it.
pub(super) fn member(name: &str, entry: &Value) -> String {
    line(name, entry, TWO)
}

fn line(name: &str, value: &Value, unit: &str) -> String {
    format!("{}: {}", Value::from(name), pretty(value, unit))
}

/// An object of the document.
struct Object<'a> {
    text: &'a str,
    /// From brace to brace.
    place: Range<usize>,
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    fn of(text: &'a str, value: &'a RawValue, what: &str) -> Result<Self, EditError> {
        if !value.get().starts_with('{') {
            return Err(EditError::Shape(what.to_owned()));
        }
        let Members(members) = serde_json::from_str(value.get()).map_err(EditError::Json)?;
        Ok(Self {
            text,
            place: place(text, value),
            members,
        })
    }

    /// Programs differ in which of two members of a name they take.
    fn get(&self, name: &str) -> Result<Option<&'a RawValue>, EditError> {
        let mut found = self.members.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(EditError::Twice(name.to_owned())),
            (found, None) => Ok(found.map(|(_, value)| *value)),
        }
    }

    /// How much further than the object its members stand.
    fn unit(&self) -> String {
        let own = indentation(self.text, self.place.start);
        let last = self.members.last().map(|(_, last)| {
            let last = place(self.text, last);
            indentation(self.text, last.start)
        });
        let further = last.as_deref().and_then(|last| last.strip_prefix(&own));
        let further = further.filter(|further| !further.is_empty());
        further.unwrap_or(TWO).to_owned()
    }

    /// The document with one more member, laid out as the others are.
    fn and(&self, name: &str, value: &Value) -> String {
        let own = indentation(self.text, self.place.start);
        let unit = self.unit();
        let inner = format!("{own}{unit}");
        let member = indented(&line(name, value, &unit), &inner);
        let Some((_, last)) = self.members.last() else {
            let object = format!("{{\n{inner}{member}\n{own}}}");
            return spliced(self.text, self.place.clone(), &object);
        };
        let last = place(self.text, last);
        let object = self.text.get(self.place.clone()).unwrap_or_default();
        let member = if object.contains('\n') {
            format!(",\n{inner}{member}")
        } else {
            // It is all on one line.
            format!(",{}:{value}", Value::from(name))
        };
        spliced(self.text, last.end..last.end, &member)
    }
}

/// The members of an object, in order, with those that are there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// Where in the text a value stands: a raw value is a part of the text that it was read from.
fn place(text: &str, value: &RawValue) -> Range<usize> {
    let value = value.get();
    let start = (value.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start.saturating_add(value.len())
}

/// The spaces before the line on which something stands.
fn indentation(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    let spaces = line.chars().take_while(|one| matches!(one, ' ' | '\t'));
    spaces.collect()
}

fn indented(text: &str, by: &str) -> String {
    text.replace('\n', &format!("\n{by}"))
}

fn spliced(text: &str, place: Range<usize>, with: &str) -> String {
    let before = text.get(..place.start).unwrap_or_default();
    let after = text.get(place.end..).unwrap_or_default();
    [before, with, after].concat()
}

/// JSON on several lines.
fn pretty(value: &Value, unit: &str) -> String {
    // Strings hold no line breaks in JSON, so each of them begins a line.
    let lines = format!("{value:#}");
    let lines = lines.lines().map(|line| {
        let text = line.trim_start_matches(TWO);
        let depth = line.len().saturating_sub(text.len()) / TWO.len();
        format!("{}{text}", unit.repeat(depth))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
