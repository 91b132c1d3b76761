//! Passes a script's output on while it runs. What a script writes is hostile to a terminal, so there its control
//! characters are shown instead of obeyed; a pipe or a file gets the bytes as they are. THREAT[DOS-06].

use crate::{Sink, Stream};
use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread::JoinHandle,
};

/// Some bytes, and where they were written.
type Piece = (Stream, Vec<u8>);

/// Hands output to a thread of its own, so that a slow reader holds up the writing and not the run. What is waiting
/// there is bounded by the run's output limit.
#[derive(Debug)]
pub(super) struct Terminal {
    pieces: Mutex<Option<Sender<Piece>>>,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Terminal {
    pub(super) fn start() -> io::Result<Self> {
        let (pieces, received) = mpsc::channel::<Piece>();
        let (out_escapes, err_escapes) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let writer = std::thread::Builder::new()
            .name("sandgate-output".to_owned())
            .spawn(move || {
                let (mut out, mut err) = (Escaper::default(), Escaper::default());
                for (stream, bytes) in received {
                    match stream {
                        Stream::Out => {
                            pass(&mut io::stdout(), &bytes, out_escapes.then_some(&mut out))?
                        }
                        Stream::Err => {
                            pass(&mut io::stderr(), &bytes, err_escapes.then_some(&mut err))?
                        }
                    }
                }
                Ok(())
            })?;
        Ok(Self {
            pieces: Mutex::new(Some(pieces)),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Waits until everything is written, or could not be. A reader that went away wanted no more; that is no error.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.pieces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match writer.map(JoinHandle::join) {
            Some(Ok(Err(error))) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            // The thread does not panic; if it did, there is nothing to be written any more.
            _ => Ok(()),
        }
    }
}

impl Sink for Terminal {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        if let Some(pieces) = &*self.pieces.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = pieces.send((stream, bytes.to_vec()));
        }
    }
}

fn pass(to: &mut dyn Write, bytes: &[u8], escaper: Option<&mut Escaper>) -> io::Result<()> {
    match escaper {
        Some(escaper) => to.write_all(escaper.escape(bytes).as_bytes())?,
        None => to.write_all(bytes)?,
    }
    to.flush()
}

/// Shows a text at a terminal without letting it act on it.
pub(super) fn escaped(text: &str) -> String {
    Escaper::default().escape(text.as_bytes())
}

/// Turns bytes that arrive in pieces into text without control characters.
#[derive(Debug, Default)]
struct Escaper {
    /// The beginning of a character whose end has not arrived.
    rest: Vec<u8>,
}

impl Escaper {
    fn escape(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        for chunk in all.utf8_chunks() {
            chunk
                .valid()
                .chars()
                .for_each(|character| show(character, &mut text));
            self.rest.clear();
            if !chunk.invalid().is_empty() {
                // An incomplete character at the very end may still be completed.
                let incomplete = all.ends_with(chunk.invalid())
                    && std::str::from_utf8(chunk.invalid())
                        .is_err_and(|error| error.error_len().is_none());
                if incomplete {
                    self.rest = chunk.invalid().to_vec();
                } else {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        text
    }
}

fn show(character: char, text: &mut String) {
    let plain =
        matches!(character, '\n' | '\t') || !(character.is_control() || is_invisible(character));
    if plain {
        text.push(character);
    } else {
        text.extend(character.escape_unicode());
    }
}

/// Characters that reorder or hide what is around them.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_a_script_writes_in_whatever_pieces_nothing_that_acts_gets_through(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
        ) {
            let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
            let mut escaper = Escaper::default();
            let text = escaper.escape(first) + &escaper.escape(second);
            let acting = |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || is_invisible(*c);
            prop_assert_eq!(text.chars().find(acting), None);
        }
    }

    #[test]
    fn control_and_invisible_characters_are_shown_and_not_obeyed() {
        assert_eq!(
            escaped("a\x1b[31mred\x07\r\n\tb\u{202e}c"),
            "a\\u{1b}[31mred\\u{7}\\u{d}\n\tb\\u{202e}c"
        );
    }

    #[test]
    fn ordinary_text_in_any_script_is_left_alone() {
        assert_eq!(escaped("Grüße, 世界 👋\n"), "Grüße, 世界 👋\n");
    }

    #[test]
    fn a_character_that_arrives_in_two_pieces_is_put_together() {
        let mut escaper = Escaper::default();
        assert_eq!(escaper.escape(&[b'a', 0xc3]), "a");
        assert_eq!(escaper.escape(&[0xbc, b'b']), "üb");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(
            Escaper::default().escape(&[b'a', 0xff, b'b', 0x9b, b'c']),
            "a\u{fffd}b\u{fffd}c"
        );
    }
}
