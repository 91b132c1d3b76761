//! On whose behalf a run is made: by whoever authenticated the caller, checked once, read by policies, by the binding of
//! arguments and by the headers that services get. It must never hold anything that a script or a service said.

use crate::{
    limits::ContextNumber,
    name::{ContextName, ContextNameError, WORD, is_word},
};

/// Together with the longest word this stays below what servers accept as one header.
const MOST_CLAIMS: usize = 32;

/// A caller: a program of a context, the person behind it, and what they are entitled to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    context: ContextName,
    number: ContextNumber,
    actor: String,
    user: Option<String>,
    claims: Vec<String>,
}

/// Why somebody cannot be a caller. THREAT[POL-02]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// The context's name.
    #[error(transparent)]
    Context(#[from] ContextNameError),
    /// Users and claims become headers, and actors become names in policies.
    #[error("an actor, a user or a claim is {WORD}, and not {0:?}")]
    Word(String),
    /// They would not fit into one header.
    #[error("{0} claims are more than the {MOST_CLAIMS} that can be passed on")]
    Claims(usize),
}

impl Principal {
    /// Which program is called when nobody says.
    pub const SCRIPT: &str = "script";

    /// A program of a context, on nobody's behalf and entitled to nothing. The number is what services know the context
    /// by.
    pub fn new(context: &str, number: ContextNumber, actor: &str) -> Result<Self, PrincipalError> {
        Ok(Self {
            context: ContextName::new(context)?,
            number,
            actor: word(actor)?,
            user: None,
            claims: Vec::new(),
        })
    }

    /// The same on behalf of a person.
    pub fn with_user(self, user: &str) -> Result<Self, PrincipalError> {
        let user = Some(word(user)?);
        Ok(Self { user, ..self })
    }

    /// The same with what the caller was found to be entitled to.
    pub fn with_claims<'c>(
        self,
        claims: impl IntoIterator<Item = &'c str>,
    ) -> Result<Self, PrincipalError> {
        let claims: Vec<String> = claims.into_iter().map(word).collect::<Result<_, _>>()?;
        if claims.len() > MOST_CLAIMS {
            return Err(PrincipalError::Claims(claims.len()));
        }
        Ok(Self { claims, ..self })
    }

    /// The same where services know the context by another number.
    #[must_use]
    pub fn with_number(self, number: ContextNumber) -> Self {
        Self { number, ..self }
    }

    /// The context.
    #[must_use]
    pub fn context(&self) -> &ContextName {
        &self.context
    }

    /// What services know the context by.
    #[must_use]
    pub fn number(&self) -> ContextNumber {
        self.number
    }

    /// Which program of the context it is, as policies name it.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The person behind it, where one is known.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// What the caller was found to be entitled to.
    #[must_use]
    pub fn claims(&self) -> &[String] {
        &self.claims
    }
}

fn word(text: &str) -> Result<String, PrincipalError> {
    if is_word(text) {
        Ok(text.to_owned())
    } else {
        // As much of it as a message can show.
        Err(PrincipalError::Word(text.chars().take(128).collect()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    const ONE: ContextNumber = ContextNumber::Number(NonZeroU32::MIN);

    #[test]
    fn pol_02_what_could_be_read_as_something_else_is_no_caller() {
        let longest = "x".repeat(128);
        for text in ["a", "ann@example.org", "key:Aa0+_-.", longest.as_str()] {
            let caller = Principal::new("team", ONE, text).unwrap();
            let caller = caller.with_user(text).unwrap().with_claims([text]).unwrap();
            assert_eq!(
                (caller.actor(), caller.user(), caller.claims()),
                (text, Some(text), &[text.to_owned()][..])
            );
        }
        // What others tried in order to smuggle a line into a header is among them.
        let too_long = "x".repeat(129);
        for text in [
            "",
            " ",
            "a b",
            "a\r\nX-Hero-Context: 0",
            "a\nX-Admin: 1",
            "a\rX-Admin: 1",
            "a\r\n\tfolded",
            "a\0",
            "a%0d%0ax",
            "a%250ax",
            "a\u{560a}x",
            "a\u{560d}\u{560a}x",
            "a\u{85}x",
            "a\u{2028}x",
            "\u{430}",
            "\u{ff41}",
            "a\u{200b}",
            "a,b",
            "a;b=c",
            too_long.as_str(),
        ] {
            let refused = Err(PrincipalError::Word(text.chars().take(128).collect()));
            let caller = Principal::new("team", ONE, "script").unwrap();
            assert_eq!(Principal::new("team", ONE, text), refused, "{text:?}");
            assert_eq!(caller.clone().with_user(text), refused, "{text:?}");
            assert_eq!(caller.with_claims(["x", text]), refused, "{text:?}");
        }
        assert_eq!(
            Principal::new("a b", ONE, "script")
                .unwrap_err()
                .to_string(),
            "`a b` cannot name a context: 1 to 64 characters of `a-z`, `0-9`, `_` and `-`"
        );
        assert_eq!(
            PrincipalError::Word("ä".to_owned()).to_string(),
            "an actor, a user or a claim is 1 to 128 characters of `A-Za-z0-9` and `_-.:@+`, and not \"ä\""
        );
    }

    proptest::proptest! {
        #[test]
        fn pol_02_every_accepted_word_is_plain(text in "\\PC{0,6}") {
            if let Ok(caller) = Principal::new("a", ONE, &text) {
                let plain = |byte: u8| byte.is_ascii_graphic() && byte != b',';
                proptest::prop_assert!(caller.actor().bytes().all(plain));
            }
        }
    }

    #[test]
    fn pol_02_no_more_claims_than_one_header_takes() {
        let caller = Principal::new("team", ONE, "script").unwrap();
        let claims = vec!["c"; 33];
        assert!(
            caller
                .clone()
                .with_claims(claims.iter().copied().skip(1))
                .is_ok()
        );
        assert_eq!(
            caller.with_claims(claims).unwrap_err().to_string(),
            "33 claims are more than the 32 that can be passed on"
        );
    }
}
