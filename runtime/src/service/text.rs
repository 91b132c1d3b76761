//! Text that strangers wrote, made fit to be shown to people and models: one line, visible characters, a bounded
//! length. Every title, summary, description and error text of a document or a script goes through here before it is
//! printed. THREAT[SVC-05]

/// The text on one line of at most `most` characters, without anything that hides, reorders or controls.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most.saturating_mul(2)));
    let (mut count, mut space) = (0_usize, false);
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() {
            space = count > 0;
            continue;
        }
        if is_hidden(character) {
            continue;
        }
        if count.saturating_add(usize::from(space)) >= most {
            // The mark takes the place of the last character that fitted.
            shown.pop();
            shown.push('…');
            return shown;
        }
        if std::mem::take(&mut space) {
            shown.push(' ');
            count = count.saturating_add(1);
        }
        shown.push(character);
        count = count.saturating_add(1);
    }
    shown
}

/// Characters without a glyph of their own: formatting, direction, joining, variation, filling, tagging, private use.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn svc_05_what_hides_or_reorders_is_removed_and_the_rest_is_left() {
        assert_eq!(
            line(
                "  Adds\r\n\ta \u{202e}contact\u{200b}\u{e0041}\u{1b}[2J\u{2028}now\u{ad}. Grüße, 世界 ",
                99
            ),
            "Adds a contact [2J now. Grüße, 世界"
        );
    }

    #[test]
    fn a_long_text_ends_in_a_mark_and_one_that_fits_does_not() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        assert_eq!(line("abcde fg", 6), "abcd…");
        assert_eq!(line("abcdef \n", 6), "abcdef");
    }

    proptest! {
        #[test]
        fn svc_05_any_text_becomes_one_bounded_visible_line(text in any::<String>(), most in 1_usize..50) {
            let shown = line(&text, most);
            prop_assert!(shown.chars().count() <= most);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_hidden(c) || (c.is_whitespace() && c != ' ')));
            prop_assert_eq!(shown.trim(), &shown);
        }
    }
}
