//! The one table of characters that do not show as what they are. Policies and their comments may not hold them, names
//! and texts of services lose them, and at a terminal each is shown as an escape. It must never say of a character that
//! it shows when a terminal would obey it, or when nobody would see it: a test compares it with the Unicode properties.

/// Whether a terminal or an editor obeys a character, or shows nothing for it: controls, line and paragraph separators,
/// direction, joining, variation, filling, tags, private use, and what no character is. Line breaks and tabs are
/// controls; whoever wants them says so. THREAT[APR-03], THREAT[POL-07]
#[must_use]
pub fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    // The last two of each plane are no characters.
    let last = u32::from(character) & 0xfffe == 0xfffe;
    last || matches!(character,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}'
        | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{10ffff}')
}

/// Whether a character is a space other than the space: of another width, or one at which no line breaks.
#[must_use]
pub fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Whether a character is written from right to left, so that a terminal may move what stands beside it.
#[must_use]
pub fn is_right_to_left(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use icu_properties::{
        CodePointMapData, CodePointSetData,
        props::{
            BidiClass, BidiControl, DefaultIgnorableCodePoint, GeneralCategory,
            NoncharacterCodePoint, VariationSelector,
        },
    };

    fn all() -> impl Iterator<Item = char> {
        '\0'..=char::MAX
    }

    /// Those that Unicode calls visible, and that show as nothing all the same.
    fn is_blank_glyph(character: char) -> bool {
        matches!(
            character,
            '\u{2800}' | '\u{16fe4}' | '\u{1d159}' | '\u{fffc}' | '\u{13440}'..='\u{1345f}'
        )
    }

    #[test]
    fn apr_03_every_character_that_is_obeyed_or_not_seen_is_in_the_table_and_no_other() {
        let (category, ignorable) = (
            CodePointMapData::<GeneralCategory>::new(),
            CodePointSetData::new::<DefaultIgnorableCodePoint>(),
        );
        let direction = CodePointSetData::new::<BidiControl>();
        let variation = CodePointSetData::new::<VariationSelector>();
        let none = CodePointSetData::new::<NoncharacterCodePoint>();
        let wrong = |c: &char| {
            let by_category = matches!(
                category.get(*c),
                GeneralCategory::Control
                    | GeneralCategory::Format
                    | GeneralCategory::LineSeparator
                    | GeneralCategory::ParagraphSeparator
                    | GeneralCategory::PrivateUse
            );
            let unseen = by_category
                || ignorable.contains(*c)
                || direction.contains(*c)
                || variation.contains(*c)
                || none.contains(*c);
            // Nothing is assigned beyond, and whatever will be is no letter.
            let beyond = *c >= '\u{e0000}';
            is_hidden(*c) != (unseen || beyond || is_blank_glyph(*c))
        };
        let wrong: Vec<String> = all()
            .filter(wrong)
            .map(|c| c.escape_unicode().to_string())
            .collect();
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn apr_03_every_space_but_the_space_is_a_blank() {
        let category = CodePointMapData::<GeneralCategory>::new();
        let is_space = |c: char| category.get(c) == GeneralCategory::SpaceSeparator;
        let wrong: Vec<char> = all()
            .filter(|&c| is_blank(c) != (is_space(c) && c != ' '))
            .collect();
        assert_eq!(wrong, Vec::<char>::new());
    }

    #[test]
    fn apr_03_every_character_that_is_written_from_right_to_left_is_known() {
        let class = CodePointMapData::<BidiClass>::new();
        let missed: Vec<char> = all()
            .filter(|&c| {
                matches!(
                    class.get(c),
                    BidiClass::RightToLeft | BidiClass::ArabicLetter | BidiClass::ArabicNumber
                )
            })
            .filter(|&c| !is_right_to_left(c) && !is_hidden(c))
            .collect();
        assert_eq!(missed, Vec::<char>::new());
    }
}
