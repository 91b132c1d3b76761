//! What a run and a question are called: 128 bits of which 80 are random, so that nobody guesses one, behind the time, so that
//! they sort as they were made. THREAT[APR-04]

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

/// Digits and letters without those that are taken for others.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Five bits each.
const LENGTH: usize = 26;

/// The name of a run, or of a question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u128);

/// The text is no [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is {LENGTH} digits and letters, as the journal shows it")]
pub struct NoId;

impl Id {
    /// One that nothing else has.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis() & ((1 << 48) - 1);
        Ok(Self((millis << 80) | (u128::from_be_bytes(random) >> 48)))
    }

    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub(crate) fn of(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The ids that begin with a text: the first and the last of them. Nothing where no id can begin so.
    pub(crate) fn beginning(text: &str) -> Option<(Self, Self)> {
        if text.is_empty() || text.len() > LENGTH {
            return None;
        }
        let fill = |with: char| {
            let rest = std::iter::repeat_n(with, LENGTH.saturating_sub(text.len()));
            text.chars().chain(rest).collect::<String>().parse()
        };
        let first: Self = fill('0').ok()?;
        // Two bits of the first letter are beyond 128.
        let last = fill('z').unwrap_or(Self(u128::MAX));
        Some((first, last))
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text.len() != LENGTH {
            return Err(NoId);
        }
        text.bytes()
            .try_fold(0_u128, |id, letter| {
                let lower = letter.to_ascii_lowercase();
                let digit = ALPHABET.iter().position(|known| *known == lower)?;
                id.checked_mul(32)?.checked_add(u128::try_from(digit).ok()?)
            })
            .map(Self)
            .ok_or(NoId)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = (0..LENGTH).rev().map(|place| {
            let digit = (self.0 >> (5 * place)) & 31;
            let digit = usize::try_from(digit).unwrap_or_default();
            char::from(ALPHABET.get(digit).copied().unwrap_or(b'0'))
        });
        f.pad(&letters.collect::<String>())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_sorts_as_it_was_made() {
        let first = Id::new().unwrap();
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(Id::of(first.bytes()), first);
        for edge in [Id(0), Id(u128::MAX), Id(1 << 80)] {
            assert_eq!(edge.to_string().parse(), Ok(edge));
        }
        assert!(Id(1 << 80).to_string() > Id((1 << 80) - 1).to_string());
        for wrong in [
            "",
            "z",
            "zzzzzzzzzzzzzzzzzzzzzzzzzz",
            "0000000000000000000000000u",
        ] {
            assert_eq!(wrong.parse::<Id>(), Err(NoId), "{wrong}");
        }
    }

    #[test]
    fn a_beginning_names_the_ids_between_its_first_and_its_last() {
        let id = Id::new().unwrap();
        let text = id.to_string();
        for length in 1..=26 {
            let (first, last) = Id::beginning(text.get(..length).unwrap()).unwrap();
            assert!((first..=last).contains(&id));
        }
        assert_eq!(Id::beginning(&text), Some((id, id)));
        assert_eq!(Id::beginning(""), None);
        assert_eq!(Id::beginning("last"), None);
    }
}
