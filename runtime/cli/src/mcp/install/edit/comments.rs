//! A document of JSON without what is no JSON in it: comments, and commas behind the last of a list, are spaces. So everything else
//! stands where it stands in the text. It must never be longer or shorter than the text.

use super::ConfigFormat;
use serde_json::value::RawValue;
use std::{borrow::Cow, ops::Range};

/// A text, and what of it is JSON.
#[derive(Debug)]
pub(super) struct PlainJson<'a> {
    pub(super) text: &'a str,
    /// Without comments.
    uncommented: Cow<'a, str>,
    /// And without commas that part nothing.
    pub(super) json: Cow<'a, str>,
}

impl<'a> PlainJson<'a> {
    pub(super) fn of(format: ConfigFormat, text: &'a str) -> Self {
        let (uncommented, json) = match format {
            ConfigFormat::CommentedJson => {
                let uncommented = uncommented(text);
                let json = uncommaed(&uncommented);
                (Cow::Owned(uncommented), Cow::Owned(json))
            }
            _ => (Cow::Borrowed(text), Cow::Borrowed(text)),
        };
        Self {
            text,
            uncommented,
            json,
        }
    }

    /// Where in the text a value stands: a raw value is a part of the JSON that it was read from.
    pub(super) fn place(&self, value: &RawValue) -> Range<usize> {
        let value = value.get();
        let start = (value.as_ptr() as usize).saturating_sub(self.json.as_ptr() as usize);
        start..start.saturating_add(value.len())
    }

    /// Where a character stands first, outside of comments.
    pub(super) fn find(&self, within: Range<usize>, character: char) -> Option<usize> {
        let at = self.uncommented.get(within.clone())?.find(character)?;
        Some(within.start.saturating_add(at))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Json,
    Text,
    Line,
    Block,
}

fn uncommented(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut within, mut rest) = (Within::Json, text);
    while let Some(character) = rest.chars().next() {
        let (length, becomes) = match within {
            Within::Json if rest.starts_with("//") => (2, Within::Line),
            Within::Json if rest.starts_with("/*") => (2, Within::Block),
            Within::Json if character == '"' => (1, Within::Text),
            Within::Text if character == '\\' => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                (escaped.saturating_add(1), Within::Text)
            }
            Within::Text if character == '"' => (1, Within::Json),
            Within::Line if character == '\n' => (1, Within::Json),
            Within::Block if rest.starts_with("*/") => (2, Within::Json),
            same => (character.len_utf8(), same),
        };
        let (read, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let is_comment = [within, becomes]
            .iter()
            .any(|within| matches!(within, Within::Line | Within::Block));
        for character in read.chars() {
            if is_comment && character != '\n' {
                plain.extend(std::iter::repeat_n(' ', character.len_utf8()));
            } else {
                plain.push(character);
            }
        }
        (within, rest) = (becomes, left);
    }
    plain
}

fn uncommaed(text: &str) -> String {
    let (mut plain, mut is_text, mut escaped) = (String::with_capacity(text.len()), false, false);
    for (at, character) in text.char_indices() {
        let rest = || text.get(at.saturating_add(1)..).unwrap_or_default();
        let parts_nothing =
            !is_text && character == ',' && rest().trim_start().starts_with(['}', ']']);
        plain.push(if parts_nothing { ' ' } else { character });
        if character == '"' && !escaped {
            is_text = !is_text;
        }
        escaped = is_text && character == '\\' && !escaped;
    }
    plain
}
