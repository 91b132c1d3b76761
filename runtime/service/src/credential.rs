//! What a credential looks like, and what the key of one is called: the rules by which texts are hidden that nobody marked. Asked by
//! `secrets` and `redact`. It must never take a word of a sentence for one.

use regex::Regex;
use std::{borrow::Cow, sync::LazyLock};

/// What stands in the place of something sensitive.
pub const REDACTED: &str = "[redacted]";

/// Words of a key whose value is a credential: as all of the key, or as its last words.
const CREDENTIALS: [&[&str]; 22] = [
    &["password"],
    &["passwd"],
    &["passphrase"],
    &["passcode"],
    &["pwd"],
    &["secret"],
    &["token"],
    &["authorization"],
    &["authentication"],
    &["cookie"],
    &["credential"],
    &["credentials"],
    &["apikey"],
    &["api", "key"],
    &["access", "key"],
    &["secret", "key"],
    &["private", "key"],
    &["signing", "key"],
    &["encryption", "key"],
    &["account", "key"],
    &["session", "id"],
    &["bearer"],
];

/// What credentials look like wherever they stand. Those that are known by their beginning have the length that their issuers
/// give them, or more, so that a word which begins alike stays.
static CREDENTIAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        // Of HTTP; the words are followed by something that no sentence has.
        r"(?i:\b(?:bearer|basic|digest|token)\s+)[A-Za-z0-9._~+/-]{16,}=*",
        // OpenAI, Anthropic and Stripe.
        r"\b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{16,}",
        // GitHub and GitLab.
        r"\bgh[pousr]_[A-Za-z0-9]{20,}",
        r"\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bglpat-[A-Za-z0-9_-]{16,}",
        // Amazon.
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        // Google.
        r"\bAIza[A-Za-z0-9_-]{30,}",
        r"\bya29\.[A-Za-z0-9_-]{20,}",
        // Slack.
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
        // JSON Web Tokens.
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        // PEM, to its end or to the end of the text.
        r"(?s:-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z))",
    ];
    Regex::new(&forms.join("|")).ok()
});
/// A password in a URL, with what is around it.
static URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@]*:)[^\s/@]+(@)").ok());

/// Whether a key names a credential: `api_key`, `X-Auth-Token`, `clientSecret`; not `token_count`, nor `secretary`.
pub(crate) fn names_a_credential(key: &str) -> bool {
    let words = words(key);
    let ends = |credential: &[&str]| {
        words.len() >= credential.len()
            && words
                .iter()
                .rev()
                .zip(credential.iter().rev())
                .all(|(word, credential)| word == credential)
    };
    CREDENTIALS.into_iter().any(ends)
}

/// The words of a key, in lower case, without the plural: `accessTokens` is `access`, `token`.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (was_lower && c.is_uppercase()) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    if let Some(last) = words.last_mut()
        && last.ends_with('s')
        && !last.ends_with("ss")
        && last != "credentials"
    {
        last.pop();
    }
    words
}

/// A text without what looks like a credential.
pub(crate) fn without_credentials(text: &str) -> Cow<'_, str> {
    // Neither can fail to be made: they are constants, and a test uses both.
    let (Some(credential), Some(url)) = (&*CREDENTIAL, &*URL) else {
        return REDACTED.into();
    };
    let text = credential.replace_all(text, REDACTED);
    match url.replace_all(&text, format!("${{1}}{REDACTED}${{2}}")) {
        Cow::Owned(text) => text.into(),
        Cow::Borrowed(_) => text,
    }
}
