//! Text that an operator wrote: what may not be in it, and where its policies and comments stand. Cedar decides what a
//! policy means; this only finds places for reports, and refuses what reads differently from what it is.

use crate::problem::{File, Problem};
use std::ops::Range;

/// THREAT[DOS-08]: far above any policy that a person would review, far below what would take Cedar a second.
const LONGEST: usize = 256 << 10;

/// The same for one policy.
const LONGEST_POLICY: usize = 8 << 10;

/// THREAT[POL-07]: characters that an editor does not show as they are. Line breaks and tabs are fine.
pub(crate) fn hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{b}'..='\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}'
        | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// What makes a text unreadable before anything is parsed.
pub(crate) fn readable(file: File<'_>) -> Result<(), Vec<Problem>> {
    if file.text.len() > LONGEST {
        return Err(vec![Problem::new(format!(
            "it is {} bytes long, {LONGEST} are allowed",
            file.text.len()
        ))]);
    }
    let problems: Vec<Problem> = file
        .text
        .char_indices()
        .filter(|(_, character)| hidden(*character))
        .take(10)
        .map(|(start, character)| {
            let help = if start == 0 && character == '\u{feff}' {
                "save the file as UTF-8 without a byte order mark"
            } else {
                "remove it"
            };
            Problem::new(format!(
                "the character {} is not visible",
                character.escape_unicode()
            ))
            .at(start..start.saturating_add(character.len_utf8()))
            .help(help)
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Where things stand in a policy file.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Each policy with its annotations, up to its semicolon.
    pub(crate) policies: Vec<Range<usize>>,
    /// What follows `//`.
    pub(crate) comments: Vec<Range<usize>>,
}

impl Layout {
    /// Cedar's lexer knows comments, strings and a semicolon that only ends policies; so does this.
    pub(crate) fn of(text: &str) -> Self {
        let mut layout = Self::default();
        let mut start: Option<usize> = None;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '/' if characters.next_if(|(_, next)| *next == '/').is_some() => {
                    let mut end = text.len();
                    for (at, character) in characters.by_ref() {
                        if character == '\n' || character == '\r' {
                            end = at;
                            break;
                        }
                    }
                    layout.comments.push(at.saturating_add(2)..end);
                }
                '"' => {
                    start.get_or_insert(at);
                    while let Some((_, character)) = characters.next() {
                        match character {
                            '\\' => drop(characters.next()),
                            '"' => break,
                            _ => {}
                        }
                    }
                }
                ';' => {
                    let begin = start.take().unwrap_or(at);
                    layout.policies.push(begin..at.saturating_add(1));
                }
                character if !character.is_whitespace() => {
                    start.get_or_insert(at);
                }
                _ => {}
            }
        }
        layout
    }

    /// THREAT[DOS-08]: a policy's structure is walked recursively, and its length bounds how deep it is.
    pub(crate) fn oversized(&self) -> impl Iterator<Item = Problem> {
        self.policies
            .iter()
            .filter(|place| place.len() > LONGEST_POLICY)
            .map(|place| {
                let message = format!("this policy is longer than {LONGEST_POLICY} bytes");
                Problem::new(message)
                    .at(place.start..place.start.saturating_add(1))
                    .help("split it into several")
            })
    }

    /// THREAT[POL-07]: a comment that holds an annotation is a policy, or a gate, whose line break was lost. Refusing it
    /// costs the habit of commenting policies out.
    pub(crate) fn swallowed(&self, text: &str) -> Vec<Problem> {
        let holds = |comment: &str| {
            ["@because", "@gate", "@id", "permit", "forbid"]
                .into_iter()
                .find(|word| match comment.split_once(word) {
                    Some((_, rest)) => rest.trim_start().starts_with('('),
                    None => false,
                })
        };
        self.comments
            .iter()
            .filter_map(|place| {
                let word = holds(text.get(place.clone())?)?;
                let problem = Problem::new(format!("a comment holds `{word}(`"));
                Some(problem.at(place.clone()).help(
                    "delete the policy instead of commenting it out, or put the line break back",
                ))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_end_at_semicolons_that_are_neither_quoted_nor_in_comments() {
        let text = "// a; b\n@because(\"x; \\\" //\")\npermit (a); // \"\nforbid (b);\n";
        let layout = Layout::of(text);
        let shown = |places: &[Range<usize>]| -> Vec<String> {
            places
                .iter()
                .map(|place| text.get(place.clone()).unwrap_or("?").to_owned())
                .collect()
        };
        assert_eq!(
            shown(&layout.policies),
            ["@because(\"x; \\\" //\")\npermit (a);", "forbid (b);"]
        );
        assert_eq!(shown(&layout.comments), [" a; b", " \""]);
    }

    #[test]
    fn pol_07_a_policy_cannot_hide_in_a_comment() {
        let found = |text: &str| -> Vec<String> {
            Layout::of(text)
                .swallowed(text)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(
            found("// What a person may permit.\n"),
            Vec::<String>::new()
        );
        assert_eq!(
            found("// x @gate (\"approve\")\n"),
            ["a comment holds `@gate(`"]
        );
        assert_eq!(
            found("//@because(\"x\")\rforbid (a);"),
            ["a comment holds `@because(`"]
        );
        assert_eq!(found("//forbid (a);"), ["a comment holds `forbid(`"]);
    }
}
