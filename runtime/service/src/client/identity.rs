//! On whose behalf a service is called. Made by the host from the authenticated caller and checked when it is made;
//! `http` writes it into the headers of every call. It must never hold anything that a script or a service said.

use http::HeaderValue;
use sandgate_policy::ContextName;
use std::sync::Arc;

/// Room for an address or a key of a user, and for a claim.
const LONGEST_WORD: usize = 128;
/// Together with [`LONGEST_WORD`] this stays below what servers accept as one header.
const MOST_CLAIMS: usize = 32;

/// The caller, as services are told of it.
///
/// Services of the hero convention read it from the headers `X-Hero-Context`, `X-Hero-User` and `X-Hero-Claims`.
/// A service that speaks newline-delimited JSON has no headers and is told nothing; its parameters are sent exactly
/// as they were decided. Such a service cannot tell contexts apart, so a policy should let only those contexts use
/// it that may share its data.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    context: HeaderValue,
    user: Option<HeaderValue>,
    claims: Option<HeaderValue>,
    lane: String,
    private: Vec<String>,
}

/// Why something is no identity. THREAT[POL-02].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Context names become headers, directories and policy ids.
    #[error("a context is named by 1 to 64 characters of `a-z0-9_-`, and not {0:?}")]
    Context(String),
    /// Users and claims become headers.
    #[error(
        "a user or a claim is 1 to {LONGEST_WORD} characters of `A-Za-z0-9` and `_-.:@+`, and not {0:?}"
    )]
    Word(String),
    /// They would not fit into one header.
    #[error("{0} claims are more than the {MOST_CLAIMS} that can be passed on")]
    Claims(usize),
    /// Services of the hero convention trust context 0 with everything.
    #[error(
        "context `{0}` has the number 0, which means administrator to services; give it another"
    )]
    Zero(String),
}

impl Identity {
    /// A caller of this context. The number is what services know the context by.
    pub fn new(
        context: &str,
        number: u32,
        user: Option<&str>,
        claims: &[String],
    ) -> Result<Self, IdentityError> {
        if number == 0 {
            return Err(IdentityError::Zero(context.to_owned()));
        }
        Self::with_number(context, number, user, claims)
    }

    /// A caller whom services trust with everything: context number 0. Only an operator may decide that.
    pub fn administrator(
        context: &str,
        user: Option<&str>,
        claims: &[String],
    ) -> Result<Self, IdentityError> {
        Self::with_number(context, 0, user, claims)
    }

    fn with_number(
        context: &str,
        number: u32,
        user: Option<&str>,
        claims: &[String],
    ) -> Result<Self, IdentityError> {
        if ContextName::new(context).is_err() {
            return Err(IdentityError::Context(context.to_owned()));
        }
        if claims.len() > MOST_CLAIMS {
            return Err(IdentityError::Claims(claims.len()));
        }
        for word in user.into_iter().chain(claims.iter().map(String::as_str)) {
            if !is_word(word) {
                return Err(IdentityError::Word(word.to_owned()));
            }
        }
        let claimed = (!claims.is_empty()).then(|| claims.join(","));
        Ok(Self(Arc::new(Parts {
            context: HeaderValue::from(number),
            user: user.map(header).transpose()?,
            claims: claimed.as_deref().map(header).transpose()?,
            lane: format!("{context}/{number}"),
            private: user
                .map(ToOwned::to_owned)
                .into_iter()
                .chain(claimed)
                .collect(),
        })))
    }

    /// The headers that every call carries.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &HeaderValue)> {
        [
            ("x-hero-context", Some(&self.0.context)),
            ("x-hero-user", self.0.user.as_ref()),
            ("x-hero-claims", self.0.claims.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// What separates the connections of one context from those of every other. Never empty.
    pub(crate) fn lane(&self) -> &str {
        &self.0.lane
    }

    /// Values that a service was told and a script may not learn from it.
    pub(crate) fn private(&self) -> &[String] {
        &self.0.private
    }
}

/// Cannot fail for what was checked; that it says so is the second check.
fn header(word: &str) -> Result<HeaderValue, IdentityError> {
    HeaderValue::from_str(word).map_err(|_| IdentityError::Word(word.to_owned()))
}

fn is_word(word: &str) -> bool {
    (1..=LONGEST_WORD).contains(&word.len())
        && word.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'@' | b'+')
        })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What others tried in order to smuggle a line into a header.
    const SMUGGLED: [&str; 21] = [
        "",
        " ",
        "a b",
        "a\r\nX-Admin: 1",
        "a\nX-Admin: 1",
        "a\rX-Admin: 1",
        "a\r\n\tfolded",
        "a\0",
        "a%0d%0ax",
        "a%0Ax",
        "a%250ax",
        "a\u{560a}x",
        "a\u{560d}x",
        "a\u{560d}\u{560a}x",
        "a\u{85}x",
        "a\u{2028}x",
        "а",
        "ａ",
        "a\u{200b}",
        "a,b",
        "a;b=c",
    ];

    #[test]
    fn pol_02_no_smuggled_line_gets_into_a_header() {
        for text in SMUGGLED {
            assert_eq!(
                Identity::new(text, 1, None, &[]).unwrap_err(),
                IdentityError::Context(text.to_owned())
            );
            assert_eq!(
                Identity::new("a", 1, Some(text), &[]).unwrap_err(),
                IdentityError::Word(text.to_owned())
            );
            assert_eq!(
                Identity::new("a", 1, None, &["b".to_owned(), text.to_owned()]).unwrap_err(),
                IdentityError::Word(text.to_owned())
            );
        }
        assert_eq!(
            Identity::new("A", 1, None, &[]).unwrap_err().to_string(),
            "a context is named by 1 to 64 characters of `a-z0-9_-`, and not \"A\""
        );
        assert!(Identity::new(&"a".repeat(65), 1, None, &[]).is_err());
        assert!(Identity::new("a", 1, Some(&"a".repeat(129)), &[]).is_err());
        assert_eq!(
            Identity::new("a", 1, None, &vec!["b".to_owned(); 33])
                .unwrap_err()
                .to_string(),
            "33 claims are more than the 32 that can be passed on"
        );
    }

    #[test]
    fn pol_02_what_is_accepted_is_passed_on_as_it_is() {
        let claims = ["proxy.users.read".to_owned(), "b".to_owned()];
        let identity = Identity::new("geo-mind_2", 7, Some("ann+1@example.org"), &claims).unwrap();
        let headers: Vec<_> = identity
            .headers()
            .map(|(name, value)| (name, value.to_str().unwrap()))
            .collect();
        assert_eq!(
            headers,
            [
                ("x-hero-context", "7"),
                ("x-hero-user", "ann+1@example.org"),
                ("x-hero-claims", "proxy.users.read,b")
            ]
        );
        assert_eq!(identity.lane(), "geo-mind_2/7");
    }

    #[test]
    fn pol_01_the_administrator_s_number_is_given_on_purpose_only() {
        assert_eq!(
            Identity::new("a", 0, None, &[]).unwrap_err().to_string(),
            "context `a` has the number 0, which means administrator to services; give it another"
        );
        assert_eq!(
            Identity::administrator("a", None, &[]).unwrap().lane(),
            "a/0"
        );
    }

    proptest! {
        #[test]
        fn pol_02_every_accepted_word_is_plain(context in "\\PC{0,6}", word in "\\PC{0,6}") {
            if let Ok(identity) = Identity::new(&context, 1, Some(&word), std::slice::from_ref(&word)) {
                for (_, value) in identity.headers() {
                    prop_assert!(value.as_bytes().iter().all(|byte| byte.is_ascii_graphic() && *byte != b','));
                }
            }
        }
    }
}
