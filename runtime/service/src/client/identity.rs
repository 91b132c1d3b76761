//! On whose behalf a service is called, as the headers of every call say it. Made of a `Principal`, written by `http`. It
//! must never hold anything that a script or a service said.

use http::HeaderValue;
use sandgate_policy::{Principal, PrincipalError};
use std::sync::Arc;

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

impl Identity {
    /// A caller, as the headers that say so. Whoever may be one was decided when it was made: that this can fail is the
    /// second check.
    pub fn of(caller: &Principal) -> Result<Self, PrincipalError> {
        let claimed = (!caller.claims().is_empty()).then(|| caller.claims().join(","));
        let number = caller.number().get();
        let user = caller.user().map(ToOwned::to_owned);
        Ok(Self(Arc::new(Parts {
            context: HeaderValue::from(number),
            user: user.as_deref().map(header).transpose()?,
            claims: claimed.as_deref().map(header).transpose()?,
            lane: format!("{}/{number}", caller.context()),
            private: user.into_iter().chain(claimed).collect(),
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

fn header(words: &str) -> Result<HeaderValue, PrincipalError> {
    HeaderValue::from_str(words).map_err(|_| PrincipalError::Word(words.to_owned()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use sandgate_policy::ContextNumber;
    use std::num::NonZeroU32;

    fn headers(identity: &Identity) -> Vec<(&'static str, &str)> {
        let headers = identity.headers();
        headers
            .map(|(name, value)| (name, value.to_str().unwrap()))
            .collect()
    }

    #[test]
    fn pol_02_what_a_caller_is_is_passed_on_as_it_is() {
        let number = ContextNumber::Number(NonZeroU32::new(7).unwrap());
        let caller = Principal::new("geo-mind_2", number, "script").unwrap();
        let caller = caller.with_user("ann+1@example.org").unwrap();
        let caller = caller.with_claims(["proxy.users.read", "b"]).unwrap();
        let identity = Identity::of(&caller).unwrap();
        assert_eq!(
            headers(&identity),
            [
                ("x-hero-context", "7"),
                ("x-hero-user", "ann+1@example.org"),
                ("x-hero-claims", "proxy.users.read,b")
            ]
        );
        assert_eq!(identity.lane(), "geo-mind_2/7");
    }

    #[test]
    fn pol_01_services_are_told_of_an_administrator_where_the_caller_is_made_one() {
        let caller = Principal::new("a", ContextNumber::Administrator, "script").unwrap();
        let identity = Identity::of(&caller).unwrap();
        assert_eq!(headers(&identity), [("x-hero-context", "0")]);
        assert_eq!(identity.lane(), "a/0");
    }
}
