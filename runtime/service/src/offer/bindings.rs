//! What placeholders stand for, once the calls of a plan are made: learnt from a call's placeholder and its real result, put into
//! what a planned call was to send. Pure: whoever runs a plan compares what comes out with what is about to be sent. It must
//! never look for placeholders in what a service returned.

use crate::offer::placeholder::{CLOSING, LONGEST, OPENING, is_number};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Digits of every integer that is one.
const DIGITS: usize = 16;

/// A value that stands for one that is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder {
    /// For a text, as it is written.
    Text(String),
    /// For a number.
    Number(u64),
}

/// Where one is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceholderUse {
    /// Which one.
    pub placeholder: Placeholder,
    /// Where in the value, as a JSON pointer; empty for all of it. A key is where its value is.
    pub at: String,
    /// Whether it is a value, and not a part of a text.
    pub whole: bool,
}

/// Placeholders, and what they stand for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bindings(BTreeMap<Placeholder, Value>);

impl Placeholder {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => is_text(text).then(|| Self::Text(text.clone())),
            Value::Number(number) => number
                .as_u64()
                .filter(|number| is_number(*number))
                .map(Self::Number),
            _ => None,
        }
    }

    /// All that are used in a value, in the order of the value.
    #[must_use]
    pub fn uses(value: &Value) -> Vec<PlaceholderUse> {
        let mut found = Vec::new();
        collect(value, &mut String::new(), &mut found);
        found
    }
}

impl Bindings {
    /// What the parts of a placeholder stand for, now that the real result is there. What the result does not have stays unknown.
    #[must_use]
    pub fn between(placeholder: &Value, real: &Value) -> Self {
        let mut bindings = Self::default();
        let mut left = vec![(placeholder, real)];
        while let Some((placeholder, real)) = left.pop() {
            if let Some(placeholder) = Placeholder::of(placeholder) {
                bindings.0.insert(placeholder, real.clone());
                continue;
            }
            match (placeholder, real) {
                (Value::Array(items), Value::Array(reals)) => left.extend(items.iter().zip(reals)),
                (Value::Object(members), Value::Object(reals)) => left.extend(
                    members
                        .iter()
                        .filter_map(|(name, value)| Some((value, reals.get(name)?))),
                ),
                _ => {}
            }
        }
        bindings
    }

    /// These, and those of another call.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// What stands for the one.
    #[must_use]
    pub fn get(&self, placeholder: &Placeholder) -> Option<&Value> {
        self.0.get(placeholder)
    }

    /// The value with what its placeholders stand for. Those that stand for nothing known stay, and so does one in a text that
    /// stands for something which is no text or integer: nobody can know how the script would write it.
    #[must_use]
    pub fn apply(&self, value: &Value) -> Value {
        if let Some(real) = Placeholder::of(value).and_then(|placeholder| self.get(&placeholder)) {
            return real.clone();
        }
        match value {
            Value::String(text) => self.within(text).into(),
            Value::Array(items) => items.iter().map(|item| self.apply(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (self.within(name), self.apply(value)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Those of the placeholders that are used in a value which [`Bindings::apply`] would leave in it.
    #[must_use]
    pub fn unbound(&self, value: &Value) -> Vec<PlaceholderUse> {
        let mut uses = Placeholder::uses(value);
        uses.retain(|used| match self.get(&used.placeholder) {
            Some(real) => !used.whole && written(&used.placeholder, real).is_none(),
            None => true,
        });
        uses
    }

    fn within(&self, text: &str) -> String {
        let mut made = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Plain(text) => made.push_str(text),
                Piece::Placeholder(text, placeholder) => {
                    let real = self.get(&placeholder);
                    let real = real.and_then(|real| written(&placeholder, real));
                    made.push_str(real.as_deref().unwrap_or(text));
                }
            }
        }
        made
    }
}

/// How a script writes a value into a text, where there is no doubt.
fn written(placeholder: &Placeholder, real: &Value) -> Option<String> {
    match (placeholder, real) {
        (Placeholder::Text(_), Value::String(text)) => Some(text.clone()),
        (Placeholder::Number(_), Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Some(number.to_string())
        }
        _ => None,
    }
}

/// `‹crm.deal.add#3.id›`, and nothing around it.
fn is_text(text: &str) -> bool {
    let inner = text
        .strip_prefix(OPENING)
        .and_then(|text| text.strip_suffix(CLOSING));
    text.len() <= LONGEST
        && inner.is_some_and(|inner| {
            let call = inner.split_once('#').map(|(_, call)| call);
            !inner.contains([OPENING, CLOSING])
                && call.is_some_and(|call| call.starts_with(|first: char| first.is_ascii_digit()))
        })
}

/// A part of a text.
enum Piece<'t> {
    Plain(&'t str),
    Placeholder(&'t str, Placeholder),
}

/// A text, cut where placeholders begin and end: all of it, in order.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((start, end, placeholder)) = first(rest) {
        let (before, behind) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let length = end.saturating_sub(start);
        let (found, behind) = behind.split_at_checked(length).unwrap_or((behind, ""));
        pieces.push(Piece::Plain(before));
        pieces.push(Piece::Placeholder(found, placeholder));
        rest = behind;
    }
    pieces.push(Piece::Plain(rest));
    pieces
}

/// The first placeholder of a text, and where it begins and ends.
fn first(text: &str) -> Option<(usize, usize, Placeholder)> {
    let mut opened = None;
    // Where the digits began that are being read.
    let mut digits = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_ascii_digit() {
            digits.get_or_insert(at);
            continue;
        }
        // Within brackets a number is part of a name.
        if let Some(start) = digits.take()
            && at.saturating_sub(start) == DIGITS
            && let Some(number) = text.get(start..at).and_then(|digits| digits.parse().ok())
            && is_number(number)
            && opened.is_none_or(|opened| !may_end(text, opened))
        {
            return Some((start, at, Placeholder::Number(number)));
        }
        match (c, opened) {
            (OPENING, _) => opened = Some(at),
            (CLOSING, Some(start)) => {
                let end = at.saturating_add(c.len_utf8());
                let found = text.get(start..end).filter(|found| is_text(found));
                if let Some(found) = found {
                    return Some((start, end, Placeholder::Text(found.to_owned())));
                }
                opened = None;
            }
            _ => {}
        }
    }
    None
}

/// Whether the bracket that opens here is one of a placeholder. Looked at for every number behind it, so it must be near.
fn may_end(text: &str, opened: usize) -> bool {
    let behind = text.get(opened..).unwrap_or_default();
    let near = behind.char_indices().take_while(|(at, _)| *at < LONGEST);
    let end = near.into_iter().find(|(_, c)| *c == CLOSING);
    let end = end.map(|(at, c)| at.saturating_add(c.len_utf8()));
    end.and_then(|end| behind.get(..end)).is_some_and(is_text)
}

fn collect(value: &Value, at: &mut String, found: &mut Vec<PlaceholderUse>) {
    if let Some(placeholder) = Placeholder::of(value) {
        found.push(PlaceholderUse {
            placeholder,
            at: at.clone(),
            whole: true,
        });
        return;
    }
    match value {
        Value::String(text) => collect_within(text, at, found),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                below(at, &index.to_string(), |at| collect(item, at, found));
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let step = name.replace('~', "~0").replace('/', "~1");
                below(at, &step, |at| {
                    collect_within(name, at, found);
                    collect(value, at, found);
                });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn collect_within(text: &str, at: &str, found: &mut Vec<PlaceholderUse>) {
    for piece in pieces(text) {
        if let Piece::Placeholder(_, placeholder) = piece {
            found.push(PlaceholderUse {
                placeholder,
                at: at.to_owned(),
                whole: false,
            });
        }
    }
}

fn below(at: &mut String, step: &str, visit: impl FnOnce(&mut String)) {
    let length = at.len();
    at.push('/');
    at.push_str(step);
    visit(at);
    at.truncate(length);
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests;
