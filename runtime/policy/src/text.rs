//! Text that an operator wrote: what may not be in it, and where its policies and comments stand. Cedar decides what a
//! policy means; this only finds places for reports, and refuses what reads differently from what it is.

use crate::{
    characters::{is_blank, is_hidden},
    problem::{File, Problem},
    size::Oversize,
};
use std::ops::Range;

/// THREAT[DOS-08]: far above any policy that a person would review, far below what would take Cedar a second.
const LONGEST: usize = 256 << 10;

/// THREAT[DOS-08]: Cedar reads and evaluates a policy recursively. These bound how deep: brackets within brackets, and
/// operators (each `&&`, `.` or `if` may hold all that comes before it).
const DEEPEST: usize = 32;
const MOST_OPERATORS: usize = 256;

/// THREAT[POL-07]: what an editor does not show as what it is. Line breaks and tabs are fine.
fn is_unreadable(character: char) -> bool {
    !matches!(character, '\t' | '\n' | '\r') && (is_hidden(character) || is_blank(character))
}

/// What makes a text unreadable before anything is parsed.
pub(crate) fn readable(file: File<'_>) -> Result<(), Vec<Problem>> {
    if file.text.len() > LONGEST {
        return Err(vec![Problem::new(format!(
            "it is {}",
            Oversize {
                size: file.text.len(),
                limit: LONGEST,
            }
        ))]);
    }
    let problems: Vec<Problem> = file
        .text
        .char_indices()
        .filter(|(_, character)| is_unreadable(*character))
        .take(10)
        .map(|(start, character)| {
            let help = if start == 0 && character == '\u{feff}' {
                "save the file as UTF-8 without a byte order mark"
            } else {
                "remove it"
            };
            Problem::new(format!(
                "the character {} does not show as what it is",
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
    /// How much of the stack each may take.
    sizes: Vec<Size>,
    /// What follows `//`.
    pub(crate) comments: Vec<Range<usize>>,
}

#[derive(Debug, Default)]
struct Size {
    depth: usize,
    deepest: usize,
    operators: usize,
}

impl Layout {
    /// Cedar's lexer knows comments, strings and a semicolon that only ends policies; so does this.
    pub(crate) fn of(text: &str) -> Self {
        let mut layout = Self::default();
        let mut start: Option<usize> = None;
        let mut size = Size::default();
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
                    layout.sizes.push(std::mem::take(&mut size));
                }
                character if !character.is_whitespace() => {
                    start.get_or_insert(at);
                    size.add(character, characters.peek().map(|(_, next)| *next));
                }
                _ => {}
            }
        }
        // What is not ended does not parse, but is parsed.
        if let Some(begin) = start {
            layout.policies.push(begin..text.len());
            layout.sizes.push(size);
        }
        layout
    }

    /// Policies that would take too much of the stack.
    pub(crate) fn oversized(&self) -> impl Iterator<Item = Problem> {
        let oversized = |(place, size): (&Range<usize>, &Size)| {
            let problem = if size.deepest > DEEPEST {
                format!("brackets nest deeper than {DEEPEST} in this policy")
            } else if size.operators > MOST_OPERATORS {
                format!("this policy has more than {MOST_OPERATORS} operators")
            } else {
                return None;
            };
            let start = place.start..place.start.saturating_add(1);
            Some(
                Problem::new(problem)
                    .at(start)
                    .help("split it into several, or use a set and `contains`"),
            )
        };
        self.policies.iter().zip(&self.sizes).filter_map(oversized)
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

impl Size {
    fn add(&mut self, character: char, next: Option<char>) {
        match character {
            '(' | '[' | '{' => {
                self.depth = self.depth.saturating_add(1);
                self.deepest = self.deepest.max(self.depth);
            }
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            '.' | '!' | '+' | '-' | '*' => self.operators = self.operators.saturating_add(1),
            // Words that hold `if` count too: an upper bound is enough.
            '&' | '|' if next == Some(character) => {
                self.operators = self.operators.saturating_add(1);
            }
            'i' if next == Some('f') => self.operators = self.operators.saturating_add(1),
            _ => {}
        }
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
