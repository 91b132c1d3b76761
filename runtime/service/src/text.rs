//! Text that strangers wrote, made fit to be shown to people and models: one line, visible characters, a bounded
//! length. Every title, summary, description and error text of a document or a script goes through here before it is
//! printed. THREAT[SVC-05]

use sandgate_policy::is_hidden;

/// The text on one line of at most `most` characters, without anything that hides, reorders or controls.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
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
