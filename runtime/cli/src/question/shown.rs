//! Names and values as a person reads them in a question. All of them are somebody else's text, so nothing in them may
//! act on the terminal, look like nothing, change the order of what is beside it, or push the rest away:
//! THREAT[APR-03]. Between quotes nothing is ours; outside of them nothing is theirs but plain names and numbers.

use sandgate::policy::{is_blank, is_hidden, is_right_to_left};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt::Write};
use unicode_width::UnicodeWidthChar;

/// How deep a value is looked into.
const DEEPEST: usize = 128;
/// Marks on one letter; the writing systems that have most of them take three.
const MOST_MARKS: usize = 3;
/// Spaces in a row that are shown as they are.
const MOST_SPACES: usize = 3;
/// Of names that are longer, the beginning and the end are shown.
const LONGEST_KEY: usize = 40;

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detail {
    /// Characters of a text that is a parameter by itself.
    pub(super) text: usize,
    /// Characters of a text within a parameter.
    pub(super) leaf: usize,
    /// Members of an object, items of a list.
    pub(super) items: usize,
    /// Where to stop, in bytes of what is shown.
    pub(super) room: usize,
}

impl Detail {
    pub(super) const ALL: Self = Self {
        text: usize::MAX,
        leaf: usize::MAX,
        items: usize::MAX,
        room: usize::MAX,
    };
}

/// What a parameter comes to.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) text: String,
    /// Something of it is not there.
    pub(super) is_cut: bool,
}

/// A name of a program, in visible ASCII.
pub(super) fn name(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_graphic() {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// A sentence of somebody else, on one line.
pub(super) fn sentence(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut shown = String::new();
    visible(&words.join(" "), false, &mut shown);
    shown
}

/// The first digits of a digest: enough to compare what is written in two places.
pub(super) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    hex::encode(digest).chars().take(16).collect()
}

/// Each parameter: what it is called, and its value as JSON. By position they are numbered.
pub(super) fn parameters(params: &str) -> Vec<(String, &str)> {
    let mut json = Json { rest: params };
    let mut all = Vec::new();
    match json.open() {
        Some('{') => {
            while let Some(key) = json.next_key() {
                all.push((self::key(&decoded(key)), json.skip()));
            }
        }
        Some('[') => {
            while json.has_item() {
                all.push((format!("#{}", all.len().saturating_add(1)), json.skip()));
            }
        }
        _ => all.push(("value".to_owned(), params)),
    }
    all
}

/// The value of a parameter.
pub(super) fn value(json: &str, detail: Detail) -> Shown {
    let mut writer = Writer {
        shown: Shown::default(),
        detail,
    };
    writer.value(&mut Json { rest: json }, 0);
    writer.shown
}

/// How many columns a character takes at most. Terminals do not agree, and one that counts less leaves a gap.
pub(super) fn columns(character: char) -> usize {
    let (narrow, wide) = (character.width(), character.width_cjk());
    narrow.unwrap_or(1).max(wide.unwrap_or(1)).max(1)
}

/// Whether a character is drawn on the one before.
pub(super) fn is_mark(character: char) -> bool {
    character.width() == Some(0)
}

fn key(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let bare = name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let put = |part: &str| {
        if bare {
            return part.to_owned();
        }
        let mut shown = String::from("\"");
        visible(part, true, &mut shown);
        shown.push('"');
        shown
    };
    let length = name.chars().count();
    if length <= LONGEST_KEY {
        return put(name);
    }
    let head: String = name.chars().take(LONGEST_KEY / 2).collect();
    let tail: String = name
        .chars()
        .skip(length.saturating_sub(LONGEST_KEY / 4))
        .collect();
    format!("{}…{}", put(&head), put(&tail))
}

/// Writes a text so that it shows as what it is. Quotes and backslashes are escaped in one that is quoted.
fn visible(text: &str, escape_right_to_left: bool, shown: &mut String) {
    let mut characters = text.chars().peekable();
    // Whether a mark has a letter to stand on, and how many do.
    let (mut on_letter, mut marks) = (false, 0_usize);
    while let Some(character) = characters.next() {
        on_letter = match character {
            ' ' => {
                let mut spaces = 1_usize;
                while characters.next_if_eq(&' ').is_some() {
                    spaces = spaces.saturating_add(1);
                }
                if spaces > MOST_SPACES {
                    // Writing to a text cannot fail.
                    let _ = write!(shown, "\\{{{spaces} spaces}}");
                } else {
                    (0..spaces).for_each(|_| shown.push(' '));
                }
                false
            }
            '"' | '\\' | '\n' | '\r' | '\t' => {
                shown.extend(character.escape_debug());
                false
            }
            // Terminals show the last for whatever they cannot show.
            hidden if is_hidden(hidden) || is_blank(hidden) || hidden == '\u{fffd}' => {
                shown.extend(hidden.escape_unicode());
                false
            }
            letter if escape_right_to_left && is_right_to_left(letter) => {
                shown.extend(letter.escape_unicode());
                false
            }
            mark if is_mark(mark) => {
                if on_letter && marks < MOST_MARKS {
                    shown.push(mark);
                    marks = marks.saturating_add(1);
                } else {
                    shown.extend(mark.escape_unicode());
                }
                on_letter
            }
            plain => {
                shown.push(plain);
                marks = 0;
                plain.is_alphabetic()
            }
        };
    }
}

/// Whether the letters from right to left in a text have something beside them whose place they would change.
fn is_mixed(text: &str) -> bool {
    text.chars().any(is_right_to_left)
        && text
            .chars()
            .any(|c| !is_right_to_left(c) && (c.is_alphanumeric() || c.is_numeric()))
}

fn decoded(literal: &str) -> Cow<'_, str> {
    serde_json::from_str::<String>(literal).map_or(Cow::Borrowed(literal), Cow::Owned)
}

struct Writer {
    shown: Shown,
    detail: Detail,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.shown.text.push_str(text);
    }

    fn is_full(&mut self) -> bool {
        let is_full = self.shown.text.len() > self.detail.room;
        self.shown.is_cut |= is_full;
        is_full
    }

    fn value(&mut self, json: &mut Json<'_>, depth: usize) {
        if self.is_full() {
            return;
        }
        match json.peek() {
            Some('"') => self.text(&decoded(json.text()), depth),
            Some('{') if depth < DEEPEST => self.members(json, depth),
            Some('[') if depth < DEEPEST => self.items(json, depth),
            Some('{' | '[') => {
                json.skip();
                self.shown.is_cut = true;
                self.put("…");
            }
            _ => {
                let plain = json.skip();
                visible(plain, true, &mut self.shown.text);
            }
        }
    }

    fn text(&mut self, text: &str, depth: usize) {
        let most = match depth {
            0 => self.detail.text,
            _ => self.detail.leaf,
        };
        let end = text.char_indices().nth(most).map(|(at, _)| at);
        let part = end.and_then(|end| text.get(..end)).unwrap_or(text);
        // Alone on its lines, a text may be written as its readers write it.
        let alone = depth == 0 && end.is_none() && !is_mixed(text);
        self.put("\"");
        visible(part, !alone, &mut self.shown.text);
        self.put("\"");
        if end.is_some() {
            self.shown.is_cut = true;
            let (length, digest) = (text.chars().count(), digest(text));
            self.put(&format!("… ({length} characters, sha256 {digest})"));
        }
    }

    fn members(&mut self, json: &mut Json<'_>, depth: usize) {
        json.open();
        self.put("{");
        let mut count = 0_usize;
        while let Some(name) = json.next_key() {
            if self.more(count) {
                json.skip();
                let mut left = 1_usize;
                while json.next_key().is_some() {
                    json.skip();
                    left = left.saturating_add(1);
                }
                self.put(&format!("… {left} more"));
                break;
            }
            if self.is_full() {
                return;
            }
            let name = key(&decoded(name));
            self.put(&format!("{name}: "));
            self.value(json, depth.saturating_add(1));
            count = count.saturating_add(1);
        }
        self.put("}");
    }

    fn items(&mut self, json: &mut Json<'_>, depth: usize) {
        json.open();
        self.put("[");
        let mut count = 0_usize;
        while json.has_item() {
            if self.more(count) {
                json.skip();
                let mut left = 1_usize;
                while json.has_item() {
                    json.skip();
                    left = left.saturating_add(1);
                }
                self.put(&format!("… {left} more"));
                break;
            }
            if self.is_full() {
                return;
            }
            self.value(json, depth.saturating_add(1));
            count = count.saturating_add(1);
        }
        self.put("]");
    }

    /// Separates, and says whether the rest is only counted.
    fn more(&mut self, count: usize) -> bool {
        if count > 0 {
            self.put(", ");
        }
        let more = count >= self.detail.items;
        self.shown.is_cut |= more;
        more
    }
}

/// JSON that is known to be valid, read from left to right without being kept: numbers stay as they are written.
struct Json<'a> {
    rest: &'a str,
}

impl<'a> Json<'a> {
    fn peek(&mut self) -> Option<char> {
        let space = [' ', '\n', '\r', '\t'];
        self.rest = self.rest.trim_start_matches(space);
        self.rest.chars().next()
    }

    fn take(&mut self, end: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// Goes into an object or a list.
    fn open(&mut self) -> Option<char> {
        let first = self.peek();
        if matches!(first, Some('{' | '[')) {
            self.take(1);
        }
        first
    }

    /// The name of the next member, in its quotes; nothing, and out of the object, at its end.
    fn next_key(&mut self) -> Option<&'a str> {
        if !self.has_item() {
            return None;
        }
        let name = self.text();
        if self.peek() == Some(':') {
            self.take(1);
        }
        Some(name)
    }

    /// Whether there is one more; where there is none, the end is passed.
    fn has_item(&mut self) -> bool {
        if self.peek() == Some(',') {
            self.take(1);
        }
        match self.peek() {
            None => false,
            Some('}' | ']') => {
                self.take(1);
                false
            }
            Some(_) => true,
        }
    }

    /// A text in its quotes.
    fn text(&mut self) -> &'a str {
        let mut escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        self.take(end.map_or(self.rest.len(), |end| end.saturating_add(2)))
    }

    /// A whole value.
    fn skip(&mut self) -> &'a str {
        let begin = {
            self.peek();
            self.rest
        };
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some('"') => {
                    self.text();
                }
                Some('{' | '[') => {
                    self.take(1);
                    depth = depth.saturating_add(1);
                    continue;
                }
                Some('}' | ']') => {
                    self.take(1);
                    depth = depth.saturating_sub(1);
                }
                Some(',' | ':') => {
                    self.take(1);
                    continue;
                }
                Some(_) => {
                    let ends = |byte: u8| b",:]} \n\r\t".contains(&byte);
                    let end = self.rest.bytes().position(ends);
                    self.take(end.unwrap_or(self.rest.len()));
                }
                None => depth = 0,
            }
            if depth == 0 {
                break;
            }
        }
        let length = begin.len().saturating_sub(self.rest.len());
        begin.get(..length).unwrap_or(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(json: &str) -> String {
        value(json, Detail::ALL).text
    }

    fn short(json: &str) -> String {
        let detail = Detail {
            text: 5,
            leaf: 3,
            items: 2,
            room: 1000,
        };
        value(json, detail).text
    }

    #[test]
    fn apr_03_values_are_shown_as_what_they_are() {
        for (json, shown) in [
            ("1e400", "1e400"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("[]", "[]"),
            ("{}", "{}"),
            (
                r#"[1, "a", [true, null], {"b": -0.5}]"#,
                r#"[1, "a", [true, null], {b: -0.5}]"#,
            ),
            (r#""a\"b\\c\nd\u001be""#, r#""a\"b\\c\nd\u{1b}e""#),
            ("\"a   b    c\"", "\"a   b\\{4 spaces}c\""),
            (
                r#"{"a b": 1, "\u202e": 2, "x-y.z": 3, "1": 4, "": 5}"#,
                r#"{"a b": 1, "\u{202e}": 2, x-y.z: 3, "1": 4, "": 5}"#,
            ),
        ] {
            assert_eq!(all(json), shown, "{json}");
        }
    }

    #[test]
    fn apr_03_characters_that_nobody_sees_and_those_that_reorder_are_escapes() {
        assert_eq!(
            all(
                "\"A\u{61c}B\u{ad}C\u{3164}D\u{115f}E\u{fe0f}F\u{2028}G\u{2029}H\u{34f}I\u{180e}J\u{2800}K\u{e0100}L\u{600}M\u{17b4}N\u{a0}O\u{3000}P\""
            ),
            r#""A\u{61c}B\u{ad}C\u{3164}D\u{115f}E\u{fe0f}F\u{2028}G\u{2029}H\u{34f}I\u{180e}J\u{2800}K\u{e0100}L\u{600}M\u{17b4}N\u{a0}O\u{3000}P""#
        );
        // Letters from right to left stay letters where they have nothing beside them to move.
        assert_eq!(
            all("\"\u{5e9}\u{5dc}\u{5d5}\u{5dd}\""),
            "\"\u{5e9}\u{5dc}\u{5d5}\u{5dd}\""
        );
        assert_eq!(all("\"\u{5e9} 100\""), "\"\\u{5e9} 100\"");
        assert_eq!(
            all("[\"\u{5e9}\", 1, \"\u{5dc}\"]"),
            "[\"\\u{5e9}\", 1, \"\\u{5dc}\"]"
        );
    }

    #[test]
    fn apr_03_marks_stand_on_letters_and_are_few() {
        assert_eq!(all("\"e\u{301}\""), "\"e\u{301}\"");
        assert_eq!(all("\"\u{301}a\""), "\"\\u{301}a\"");
        assert_eq!(all("\"1\u{338}\""), "\"1\\u{338}\"");
        assert_eq!(
            all("\"a\u{301}\u{302}\u{303}\u{304}\""),
            "\"a\u{301}\u{302}\u{303}\\u{304}\""
        );
        assert_eq!(all("\"ไม่มี नमस्ते\""), "\"ไม่มี नमस्ते\"");
    }

    #[test]
    fn apr_03_what_is_long_is_cut_where_it_is_long_and_every_key_stays() {
        assert_eq!(
            short(r#""abcdef""#),
            "\"abcde\"… (6 characters, sha256 bef57ec7f53a6d40)"
        );
        assert_eq!(
            short(r#"{"aaa": "xxxx", "amount": 1000000}"#),
            "{aaa: \"xxx\"… (4 characters, sha256 6f5fa3b9e3b8d9f8), amount: 1000000}"
                .replace("6f5fa3b9e3b8d9f8", &digest("xxxx"))
        );
        assert_eq!(
            short("[1, [1, 2, 3], 4, 5]"),
            "[1, [1, 2, … 1 more], … 2 more]"
        );
        assert_eq!(
            short(r#"{"a": 1, "b": {}, "c": 3}"#),
            "{a: 1, b: {}, … 1 more}"
        );
        let long = "k".repeat(30) + &"l".repeat(30);
        assert_eq!(
            all(&format!("{{\"{long}\": 1}}")),
            "{kkkkkkkkkkkkkkkkkkkk…llllllllll: 1}"
        );
    }

    #[test]
    fn parameters_are_told_apart_by_name_or_by_position() {
        assert_eq!(
            parameters(r#"{"a": [1, {"b": 2}], "c d": "x"}"#),
            [
                ("a".to_owned(), r#"[1, {"b": 2}]"#),
                ("\"c d\"".to_owned(), "\"x\"")
            ]
        );
        assert_eq!(
            parameters(r#"[1,null,{"a":[]}]"#),
            [
                ("#1".to_owned(), "1"),
                ("#2".to_owned(), "null"),
                ("#3".to_owned(), r#"{"a":[]}"#)
            ]
        );
        assert_eq!(parameters("{}"), []);
    }

    proptest::proptest! {
        #[test]
        fn apr_03_any_text_is_shown_without_what_acts_or_hides(text in proptest::prelude::any::<String>(), nested in proptest::prelude::any::<bool>()) {
            let json = serde_json::Value::from(text).to_string();
            let shown = all(&if nested { format!("[{json}]") } else { json });
            proptest::prop_assert_eq!(shown.chars().find(|c| is_hidden(*c) || is_blank(*c)), None);
            proptest::prop_assert!(!shown.contains("    "));
        }
    }
}
