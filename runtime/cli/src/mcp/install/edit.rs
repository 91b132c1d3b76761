//! One entry into a document, or out of it. Only the place of the entry is written: everything else stays as it is, byte for
//! byte, since numbers, keys and spaces of a file that is somebody else's mean things that nobody here knows.

mod comments;
mod tables;

use super::client::ConfigFormat;
use comments::PlainJson;

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
    #[error("it is not TOML: {0}")]
    Toml(String),
    #[error("{0} is not {1}")]
    Shape(String, &'static str),
    #[error("it has \"{0}\" twice")]
    Twice(String),
    #[error("it has another server of the name `{name}`")]
    Exists { name: String },
}

/// The document with this entry in its list of servers.
pub(super) fn with(
    format: ConfigFormat,
    text: &str,
    list: &str,
    name: &str,
    entry: &Value,
    replace: bool,
) -> Result<Edit, EditError> {
    if format == ConfigFormat::Toml {
        return tables::with(text, list, name, entry, replace);
    }
    let plain = PlainJson::of(format, text);
    if plain.json.trim().is_empty() {
        let said = if text.trim().is_empty() { "" } else { text };
        return Ok(Edit::To(format!(
            "{said}{}\n",
            pretty(&json!({list: {name: entry}}), TWO)
        )));
    }
    let root = Object::root(&plain)?;
    let Some(servers) = root.object(list)? else {
        return Ok(Edit::To(root.and(list, &json!({name: entry}))));
    };
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
    let place = plain.place(there);
    let entry = pretty(entry, &servers.unit());
    let entry = indented(&entry, &indentation(text, place.start));
    Ok(Edit::To(spliced(text, place, &entry)))
}

/// The document without the entry of this name in its list of servers.
pub(super) fn without(
    format: ConfigFormat,
    text: &str,
    list: &str,
    name: &str,
) -> Result<Edit, EditError> {
    if format == ConfigFormat::Toml {
        return tables::without(text, list, name);
    }
    let plain = PlainJson::of(format, text);
    if plain.json.trim().is_empty() {
        return Ok(Edit::None);
    }
    let Some(servers) = Object::root(&plain)?.object(list)? else {
        return Ok(Edit::None);
    };
    Ok(match servers.get(name)? {
        Some(there) => Edit::To(servers.but(there)),
        None => Edit::None,
    })
}

/// The entry as a person would paste it.
pub(super) fn member(format: ConfigFormat, list: &str, name: &str, entry: &Value) -> String {
    match format {
        ConfigFormat::Toml => tables::shown(list, name, entry),
        ConfigFormat::Json | ConfigFormat::CommentedJson => line(name, entry, TWO),
    }
}

fn line(name: &str, value: &Value, unit: &str) -> String {
    format!("{}: {}", Value::from(name), pretty(value, unit))
}

/// An object of the document.
struct Object<'a> {
    plain: &'a PlainJson<'a>,
    /// From brace to brace.
    place: Range<usize>,
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    fn of(plain: &'a PlainJson<'a>, value: &'a RawValue, what: &str) -> Result<Self, EditError> {
        if !value.get().starts_with('{') {
            return Err(EditError::Shape(what.to_owned(), "an object"));
        }
        let Members(members) = serde_json::from_str(value.get()).map_err(EditError::Json)?;
        Ok(Self {
            plain,
            place: plain.place(value),
            members,
        })
    }

    fn root(plain: &'a PlainJson<'a>) -> Result<Self, EditError> {
        let document = serde_json::from_str(&plain.json).map_err(EditError::Json)?;
        Self::of(plain, document, "the document")
    }

    /// A member that is an object itself.
    fn object(&self, name: &str) -> Result<Option<Self>, EditError> {
        let value = self.get(name)?;
        let of = |value| Self::of(self.plain, value, &format!("\"{name}\""));
        value.map(of).transpose()
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
        let text = self.plain.text;
        let own = indentation(text, self.place.start);
        let last = self.members.last().map(|(_, last)| {
            let last = self.plain.place(last);
            indentation(text, last.start)
        });
        let further = last.as_deref().and_then(|last| last.strip_prefix(&own));
        let further = further.filter(|further| !further.is_empty());
        further.unwrap_or(TWO).to_owned()
    }

    /// The document with one more member, laid out as the others are.
    fn and(&self, name: &str, value: &Value) -> String {
        let text = self.plain.text;
        let own = indentation(text, self.place.start);
        let unit = self.unit();
        let inner = format!("{own}{unit}");
        let member = indented(&line(name, value, &unit), &inner);
        let object = text.get(self.place.clone()).unwrap_or_default();
        let Some((_, last)) = self.members.last() else {
            let said = object
                .strip_prefix('{')
                .and_then(|said| said.strip_suffix('}'));
            let said = said.unwrap_or_default().trim_end();
            let object = format!("{{{said}\n{inner}{member}\n{own}}}");
            return spliced(text, self.place.clone(), &object);
        };
        let last = self.plain.place(last);
        let rest = last.end..self.place.end.saturating_sub(1);
        let said = text.get(rest.clone()).unwrap_or_default();
        if !said.trim().is_empty() {
            // What stands there is said of what was the last.
            let is_parted = self.plain.find(rest.clone(), ',').is_some();
            let (before, after) = if is_parted { ("", ",") } else { (",", "") };
            let said = said.trim_end();
            let member = format!("{before}{said}\n{inner}{member}{after}\n{own}");
            return spliced(text, rest, &member);
        }
        let member = if object.contains('\n') {
            format!(",\n{inner}{member}")
        } else {
            // It is all on one line.
            format!(",{}:{value}", Value::from(name))
        };
        spliced(text, last.end..last.end, &member)
    }

    /// The document without a member.
    fn but(&self, there: &RawValue) -> String {
        let text = self.plain.text;
        let value = self.plain.place(there);
        let before = self
            .members
            .iter()
            .map(|(_, member)| self.plain.place(member).end);
        let before = before.filter(|end| *end <= value.start).max();
        let from = before.unwrap_or_else(|| self.place.start.saturating_add(1));
        // From the end of what stands before it there is a comma, if anything, and then its name.
        let comma = self.plain.find(from..value.start, ',');
        let from = comma.map_or(from, |comma| comma.saturating_add(1));
        let name = self.plain.find(from..value.start, '"').unwrap_or(from);
        let name = text
            .get(..name)
            .map_or(name, |before| before.trim_end().len())
            .max(from);
        // Of two commas one is left.
        let after = self.plain.find(value.end..self.place.end, ',');
        let gone = match (comma, after) {
            (_, Some(after)) => [name..value.end, after..after.saturating_add(1)],
            (Some(comma), None) => [comma..from, name..value.end],
            (None, None) => [name..value.end, value.end..value.end],
        };
        let [first, second] = gone;
        spliced(&spliced(text, second, ""), first, "")
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
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;
