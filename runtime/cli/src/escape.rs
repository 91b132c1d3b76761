//! Text as a terminal may have it: what it would obey, and what nobody would see, is shown as an escape. Used by
//! `print` for everything of ours that goes to a terminal. It must never let a character of the table through. THREAT[DOS-06]

use sandgate::policy::is_hidden;
use std::fmt::Write;

/// A text in lines: line breaks and tabs are obeyed.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars()
        .for_each(|character| show(character, &mut shown));
    shown
}

/// Whether a text holds anything that is shown as an escape.
pub(super) fn acts(text: &str) -> bool {
    text.chars()
        .any(|character| is_hidden(character) && !matches!(character, '\n' | '\t'))
}

/// JSON that says the same without such a character. Where one stands outside a text it can only be a carriage return,
/// for which a space does.
pub(super) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            '\r' => shown.push(' '),
            hidden if is_hidden(hidden) => {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    // Writing to a text cannot fail.
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            plain => shown.push(plain),
        }
    }
    shown
}

/// One character of it.
pub(super) fn show(character: char, text: &mut String) {
    if is_hidden(character) && !matches!(character, '\n' | '\t') {
        text.extend(character.escape_unicode());
    } else {
        text.push(character);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    proptest! {
        #[test]
        fn dos_06_any_json_says_the_same_without_what_acts(text in any::<String>(), key in any::<String>()) {
            let value = serde_json::json!({ key: [text, 1.5, null] });
            for written in [value.to_string(), serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n")] {
                let shown = json(&written);
                prop_assert!(!acts(&shown), "{:?}", shown);
                prop_assert_eq!(&serde_json::from_str::<Value>(&shown).unwrap(), &value);
            }
        }
    }

    #[test]
    fn dos_06_control_and_invisible_characters_are_shown_and_not_obeyed() {
        assert_eq!(
            escaped("a\x1b[31mred\x07\r\n\tb\u{202e}c\u{9b}d\u{61c}e"),
            "a\\u{1b}[31mred\\u{7}\\u{d}\n\tb\\u{202e}c\\u{9b}d\\u{61c}e"
        );
        assert_eq!(
            json("{\"a\": \"\u{9b}2J\u{e0041}\",\r\n \"b\": 1}"),
            "{\"a\": \"\\u009b2J\\udb40\\udc41\", \n \"b\": 1}"
        );
    }

    #[test]
    fn dos_06_no_character_of_the_table_gets_through() {
        let acts = |c: &char| acts(&escaped(&format!("a{c}b"))) || acts(&json(&format!("\"{c}\"")));
        let through: Vec<char> = ('\0'..=char::MAX).filter(acts).collect();
        assert_eq!(through, Vec::<char>::new());
    }

    #[test]
    fn ordinary_text_in_any_script_is_left_alone() {
        let text = "Grüße, 世界　👋 1\u{202f}000 \u{5e9}\u{5dc}\u{5d5}\u{5dd}\n";
        assert_eq!(escaped(text), text);
        assert_eq!(json(text), text);
    }
}
