//! What a script writes, as a terminal may have it, in whatever pieces it comes: colours, carriage returns and steps back on
//! the line are obeyed, since they change nothing but the script's own line; everything else that a terminal would obey is
//! shown as an escape. Used by `print`. It must never let a sequence through that is not on the list here, nor hold more
//! than the beginning of one. THREAT[DOS-06]

use super::escape;
use unicode_width::UnicodeWidthChar;

/// The longest beginning of a sequence of colours that is waited for: two colours of three numbers each, and every style.
const LONGEST: usize = 64;

/// The filter of one stream.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// The beginning of a character whose end has not arrived.
    rest: Vec<u8>,
    /// The beginning of a sequence whose end has not arrived.
    held: String,
}

impl Filter {
    /// The next bytes as text, for a cursor that is so many cells from the beginning of its line.
    pub(super) fn pass(&mut self, bytes: &[u8], column: &mut usize) -> String {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for character in chunk.valid().chars() {
                self.take(character, column, &mut text);
            }
            if !chunk.invalid().is_empty() {
                // An incomplete character at the very end may still be completed.
                let incomplete = chunks.peek().is_none()
                    && std::str::from_utf8(chunk.invalid())
                        .is_err_and(|error| error.error_len().is_none());
                if incomplete {
                    self.rest = chunk.invalid().to_vec();
                } else {
                    self.take(char::REPLACEMENT_CHARACTER, column, &mut text);
                }
            }
        }
        text
    }

    /// What was held back, when nothing comes after it.
    pub(super) fn end(&mut self) -> String {
        let mut text = escape::escaped(&std::mem::take(&mut self.held));
        if !std::mem::take(&mut self.rest).is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        text
    }

    fn take(&mut self, character: char, column: &mut usize, text: &mut String) {
        if !self.held.is_empty() {
            let begins = self.held.len() == 1;
            match character {
                '[' if begins => return self.held.push(character),
                '0'..='9' | ';' if !begins && self.held.len() < LONGEST => {
                    return self.held.push(character);
                }
                'm' if !begins && self.held.get(2..).is_some_and(is_colour) => {
                    text.push_str(&std::mem::take(&mut self.held));
                    return text.push(character);
                }
                _ => {
                    let shown = escape::escaped(&std::mem::take(&mut self.held));
                    *column = column.saturating_add(shown.len());
                    text.push_str(&shown);
                }
            }
        }
        match character {
            '\u{1b}' => self.held.push(character),
            '\r' | '\n' => {
                *column = 0;
                text.push(character);
            }
            // At the beginning of a line some terminals step back into the one above, which may be ours.
            '\u{8}' if *column > 0 => {
                *column = column.saturating_sub(1);
                text.push(character);
            }
            _ => {
                let before = text.len();
                escape::show(character, text);
                *column = column.saturating_add(cells(text.get(before..).unwrap_or_default()));
            }
        }
    }
}

/// How far the cursor has moved at least: terminals do not agree on how broad some characters are.
fn cells(text: &str) -> usize {
    let takes_some = |character: &char| *character == '\t' || character.width() > Some(0);
    text.chars().filter(takes_some).count()
}

/// Whether the numbers of a sequence only choose colours and styles. Others choose fonts, in some of which letters look like
/// other letters, or hide what is written.
fn is_colour(numbers: &str) -> bool {
    let mut numbers = numbers.split(';').map(|number| match number {
        "" => Some(0),
        number if number.len() <= 3 => number.parse::<u16>().ok(),
        _ => None,
    });
    let of_a_colour = |number: Option<Option<u16>>| number.flatten().is_some_and(|n| n <= 255);
    while let Some(number) = numbers.next() {
        let known = match number {
            Some(38 | 48 | 58) => {
                let more = match numbers.next() {
                    Some(Some(5)) => 1,
                    Some(Some(2)) => 3,
                    _ => return false,
                };
                (0..more).all(|_| of_a_colour(numbers.next()))
            }
            Some(0..=7 | 9 | 21..=37 | 39..=47 | 49 | 53 | 55 | 59 | 90..=97 | 100..=107) => true,
            _ => false,
        };
        if !known {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filtered(text: &str) -> String {
        let mut filter = Filter::default();
        filter.pass(text.as_bytes(), &mut 0) + &filter.end()
    }

    /// Without what may be there.
    fn without_colours(text: &str) -> String {
        let mut parts = text.split("\u{1b}[");
        let mut plain = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (numbers, rest) = part.split_once('m').unwrap_or((part, "\u{1b}"));
            plain.push_str(if is_colour(numbers) { rest } else { "\u{1b}" });
        }
        plain.replace(['\r', '\u{8}'], "")
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            "[a-zäß世]{0,5}".prop_map(String::into_bytes),
            "\u{1b}\\[[0-9;]{0,9}[mmmHJK]?".prop_map(String::into_bytes),
            "[\r\u{8}\n\u{1b}\\[m0-9;]{0,9}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn dos_06_whatever_a_script_writes_in_whatever_pieces_nothing_but_colours_and_steps_on_its_line_gets_through(
            pieces in proptest::collection::vec(piece(), 0..20),
            at in any::<prop::sample::Index>(),
        ) {
            let bytes = pieces.concat();
            let expected = {
                let mut whole = Filter::default();
                whole.pass(&bytes, &mut 0) + &whole.end()
            };
            prop_assert!(!escape::acts(&without_colours(&expected)), "{:?}", expected);
            // Where it is divided makes no difference.
            let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
            let (mut parted, mut column) = (Filter::default(), 0);
            let begun = parted.pass(first, &mut column);
            prop_assert!(parted.held.len() <= LONGEST && parted.rest.len() < 4);
            prop_assert_eq!(begun + &parted.pass(second, &mut column) + &parted.end(), expected);
        }
    }

    #[test]
    fn colours_and_styles_are_obeyed() {
        for text in [
            "\u{1b}[1;32mgreen\u{1b}[0m",
            "\u{1b}[m",
            "\u{1b}[38;5;208morange",
            "\u{1b}[38;2;255;0;12;48;5;1;4mboth",
            "\u{1b}[97;100m",
            "10 %\r20 %\r100 %\n",
            "ab\u{8}c",
        ] {
            assert_eq!(filtered(text), text);
        }
    }

    #[test]
    fn dos_06_what_would_move_the_cursor_set_the_clipboard_or_hide_text_is_shown() {
        for (text, shown) in [
            ("\u{1b}]52;c;cm0gLXJm\u{7}", "\\u{1b}]52;c;cm0gLXJm\\u{7}"),
            ("\u{1b}[2A\u{1b}[2K", "\\u{1b}[2A\\u{1b}[2K"),
            ("\u{1b}[?1049h", "\\u{1b}[?1049h"),
            ("\u{1b}[>4;2m", "\\u{1b}[>4;2m"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("\u{1b}[11m", "\\u{1b}[11m"),
            (
                "\u{1b}[38;5m\u{1b}[38;5;256m",
                "\\u{1b}[38;5m\\u{1b}[38;5;256m",
            ),
            ("\u{1b}[38;7;1m", "\\u{1b}[38;7;1m"),
            ("\u{1b}[0001m", "\\u{1b}[0001m"),
            ("\u{1b}\u{1b}[1m", "\\u{1b}\u{1b}[1m"),
            ("\u{1b}[1", "\\u{1b}[1"),
            ("\u{1b}c", "\\u{1b}c"),
            ("\u{9b}1m", "\\u{9b}1m"),
            ("\u{8}a\u{8}\u{8}b", "\\u{8}a\u{8}\u{8}b"),
            ("\na\r\u{8}", "\na\r\\u{8}"),
            ("\u{b}\u{c}\u{85}", "\\u{b}\\u{c}\\u{85}"),
        ] {
            assert_eq!(filtered(text), shown, "{text:?}");
        }
        let long = format!("\u{1b}[{}m", "1;".repeat(40));
        assert_eq!(filtered(&long), escape::escaped(&long));
    }

    #[test]
    fn a_colour_or_a_character_that_arrives_in_two_pieces_is_put_together() {
        let (mut filter, mut column) = (Filter::default(), 0);
        for (bytes, text) in [
            (b"a\x1b[3".as_slice(), "a"),
            (b"1mred", "\u{1b}[31mred"),
            (&[b'a', 0xc3], "a"),
            (&[0xbc, b'b'], "üb"),
            (&[b'a', 0xff, b'b', 0x9b, b'c'], "a\u{fffd}b\u{fffd}c"),
            (b"\x1b[3", ""),
        ] {
            assert_eq!(filter.pass(bytes, &mut column), text);
        }
        assert_eq!((filter.end().as_str(), column), ("\\u{1b}[3", 12));
    }
}
