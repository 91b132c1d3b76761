//! Where the desk is, as a person's browser finds it: what an operator says of it, or where it listens. Given to clients that can
//! open an address for their user. It must never hold anything that lets somebody in: whoever comes there shows a token.

use sandgate::Id;
use std::{fmt, str::FromStr, sync::Arc};

/// The address of a desk's page, which ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskUrl(Arc<str>);

/// Why a text is no such address.
#[derive(Debug, thiserror::Error)]
#[error("it is an address such as https://desk.example.org, without a query and a fragment")]
pub struct DeskUrlError;

/// Clients show it whole before they open it.
const LONGEST: usize = 500;

impl FromStr for DeskUrl {
    type Err = DeskUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        // No user, no query, and nothing that a person could not see.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&byte);
        let is_address = rest.is_some_and(|rest| {
            rest.bytes().all(is_plain) && !rest.starts_with(['/', ':']) && !rest.is_empty()
        });
        if !is_address || text.len() > LONGEST {
            return Err(DeskUrlError);
        }
        let slash = if text.ends_with('/') { "" } else { "/" };
        Ok(Self(format!("{text}{slash}").into()))
    }
}

impl fmt::Display for DeskUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl DeskUrl {
    /// Where the page shows this question.
    pub(crate) fn of_question(&self, approval: Id) -> String {
        format!("{self}#question-{approval}")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_a_person_can_read_whole() {
        let of = |text: &str| DeskUrl::from_str(text).map(|url| url.to_string()).ok();
        for (text, url) in [
            ("https://desk.example.org", "https://desk.example.org/"),
            ("http://127.0.0.1:8723/", "http://127.0.0.1:8723/"),
            ("https://example.org/desk", "https://example.org/desk/"),
            ("http://[::1]:8723", "http://[::1]:8723/"),
        ] {
            assert_eq!(of(text).as_deref(), Some(url));
        }
        for text in [
            "",
            "desk.example.org",
            "javascript:alert(1)",
            "https://",
            "https:///desk",
            "https://ada:secret@example.org",
            "https://example.org/?token=1",
            "https://example.org/#a",
            "https://ex\u{202e}ample.org",
            "https://example.org/ x",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of(&format!("https://{}", "a".repeat(500))), None);
        let approval: Id = "01kb3f5m8r0000000000000000".parse().unwrap();
        let url: DeskUrl = "https://example.org".parse().unwrap();
        assert_eq!(
            url.of_question(approval),
            "https://example.org/#question-01kb3f5m8r0000000000000000"
        );
    }
}
