//! Where the words of a name or a text are. Asked by whoever reads a method's name for what it does, and by the search. It
//! must never pass over a letter or a digit: a word that is not seen could be the one that destroys.
//!
//! Words end at every separator, between digits and letters, and where upper and lower case meet (`getHTTPServer` has
//! three). Chinese and Japanese put nothing between words, so each of their characters is one.

use std::ops::Range;

/// In order, without what stands between them.
pub(crate) fn places(text: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    // The two characters before this one, none before the beginning and behind separators.
    let (mut before, mut last): (Option<char>, Option<(usize, char)>) = (None, None);
    for (at, character) in text.char_indices() {
        if !character.is_alphanumeric() {
            (before, last) = (None, None);
            continue;
        }
        let end = at.saturating_add(character.len_utf8());
        match (places.last_mut(), last) {
            (Some(word), Some((start, previous))) if !parted(previous, character) => {
                // The last capital of several begins a word: `HTTPServer`.
                let capitals = before.is_some_and(char::is_uppercase);
                if capitals && previous.is_uppercase() && character.is_lowercase() {
                    word.end = start;
                    places.push(start..end);
                } else {
                    word.end = end;
                }
            }
            _ => places.push(at..end),
        }
        (before, last) = (last.map(|(_, last)| last), Some((at, character)));
    }
    places
}

/// Whether a word ends between these two.
fn parted(before: char, after: char) -> bool {
    before.is_numeric() != after.is_numeric()
        || (before.is_lowercase() && after.is_uppercase())
        || is_alone(before)
        || is_alone(after)
}

/// Kana and ideographs.
fn is_alone(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<&str> {
        places(text)
            .into_iter()
            .filter_map(|place| text.get(place))
            .collect()
    }

    #[test]
    fn words_end_at_separators_at_digits_and_where_case_changes() {
        for (text, expected) in [
            ("contact.add", &["contact", "add"][..]),
            ("getHTTPServer", &["get", "HTTP", "Server"]),
            ("HTTPServer2Go", &["HTTP", "Server", "2", "Go"]),
            ("eth_getBlock-by_n", &["eth", "get", "Block", "by", "n"]),
            ("ID", &["ID"]),
            ("aBC", &["a", "BC"]),
            ("Grüße an Ösen!", &["Grüße", "an", "Ösen"]),
            ("必应搜索 bing", &["必", "应", "搜", "索", "bing"]),
            (" ._- ", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_letter_and_no_digit_is_passed_over(text in any::<String>()) {
            let kept: String = text.chars().filter(|character| character.is_alphanumeric()).collect();
            prop_assert_eq!(words(&text).concat(), kept);
        }
    }
}
