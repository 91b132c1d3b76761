//! What of a call is not to be kept or shown: parameters that are marked as sensitive, and whatever looks like a
//! credential. Called before a call is written down. It must never change what is sent, and never say how long a thing is
//! that it replaces.

use crate::{json, offer::Method};
use regex::Regex;
use serde_json::{Map, Value};
use std::{cell::Cell, collections::BTreeSet, sync::LazyLock};

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

/// The parameters of a call by name, or what it came to, without what is sensitive: values of these parameters, values of keys
/// that name a credential, and texts that look like one.
#[must_use]
pub fn redacted(value: &Value, sensitive: &BTreeSet<String>) -> Value {
    match value {
        Value::Object(members) => members_of(members, |name| sensitive.contains(name)),
        other => plain(other),
    }
}

/// The same for JSON as it was written. Where nothing of it is sensitive it stays as it is, with every digit of its numbers.
#[must_use]
pub fn redacted_json(text: &str, sensitive: &BTreeSet<String>) -> String {
    // Of a key that stands twice only the last would be looked at.
    if let Ok(value) = json::parse(text.as_bytes(), &Cell::new(usize::MAX)) {
        let kept = redacted(&value, sensitive);
        return if kept == value {
            text.to_owned()
        } else {
            kept.to_string()
        };
    }
    let value = serde_json::from_str(text).map(|value| redacted(&value, sensitive));
    // What cannot be read cannot be looked at.
    value.unwrap_or_else(|_| REDACTED.into()).to_string()
}

impl Method {
    /// The parameters of a call, by name or by position, without what is sensitive: what a script gave as well as what was sent.
    #[must_use]
    pub fn redacted_params(&self, params: &str) -> String {
        if self.sensitive.is_empty() || !params.trim_start().starts_with('[') {
            return redacted_json(params, &self.sensitive);
        }
        let Ok(items) = serde_json::from_str::<Vec<Value>>(params) else {
            return Value::from(REDACTED).to_string();
        };
        // A script leaves out what the host sets, and a list does not say whose it is: either reading counts.
        let hidden = |at: usize| {
            let open = self.arguments.iter().filter(|one| one.reserved.is_none());
            let readings = [open.clone().nth(at), self.arguments.get(at)];
            readings
                .into_iter()
                .flatten()
                .any(|argument| self.sensitive.contains(&argument.parameter.name))
        };
        let kept = items.iter().enumerate().map(|(at, item)| {
            if hidden(at) {
                REDACTED.into()
            } else {
                plain(item)
            }
        });
        Value::Array(kept.collect()).to_string()
    }
}

fn members_of(members: &Map<String, Value>, is_sensitive: impl Fn(&str) -> bool) -> Value {
    let kept = |(name, value): (&String, &Value)| {
        let hidden = is_sensitive(name) || (names_a_credential(name) && may_be_one(value));
        let value = if hidden {
            REDACTED.into()
        } else {
            plain(value)
        };
        (without_credentials(name), value)
    };
    Value::Object(members.iter().map(kept).collect())
}

fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => without_credentials(text).into(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => members_of(members, |_| false),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Nothing and a truth value say no more than that there is one; a number may be a PIN.
fn may_be_one(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(_))
}

/// Whether a key names a credential: `api_key`, `X-Auth-Token`, `clientSecret`; not `token_count`, nor `secretary`.
fn names_a_credential(key: &str) -> bool {
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

fn without_credentials(text: &str) -> String {
    // Neither can fail to be made: they are constants, and a test uses both.
    let (Some(credential), Some(url)) = (&*CREDENTIAL, &*URL) else {
        return REDACTED.to_owned();
    };
    let text = credential.replace_all(text, REDACTED);
    url.replace_all(&text, format!("${{1}}{REDACTED}${{2}}"))
        .into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use serde_json::json;

    fn redacted_as(value: Value, sensitive: &[&str]) -> Value {
        let sensitive = sensitive.iter().map(|name| (*name).to_owned()).collect();
        redacted(&value, &sensitive)
    }

    #[test]
    fn sec_01_a_marked_parameter_is_replaced_whole_and_the_same_name_further_down_is_not() {
        let call = json!({"email": {"to": ["ada@example.org"]}, "body": {"email": "x"}, "id": 7});
        assert_eq!(
            redacted_as(call.clone(), &["email"]),
            json!({"email": "[redacted]", "body": {"email": "x"}, "id": 7})
        );
        assert_eq!(redacted_as(call.clone(), &[]), call);
        assert_eq!(
            redacted_as(json!({"pin": null}), &["pin"]),
            json!({"pin": "[redacted]"})
        );
    }

    #[test]
    fn sec_01_what_a_key_calls_a_credential_is_replaced_and_what_is_only_named_alike_stays() {
        for key in [
            "password",
            "Password",
            "user_password",
            "passwords",
            "secret",
            "client_secret",
            "clientSecret",
            "token",
            "access_token",
            "accessToken",
            "refreshTokens",
            "X-Auth-Token",
            "api_key",
            "apiKey",
            "API-KEY",
            "apikey",
            "authorization",
            "Authorization",
            "private_key",
            "aws_secret_access_key",
            "cookie",
            "Set-Cookie",
            "credentials",
            "session_id",
            "sessionId",
            "pwd",
        ] {
            for value in [json!("x"), json!(1234), json!(["x"]), json!({"y": "x"})] {
                let call = json!({"of": [{key: value}]});
                assert_eq!(
                    redacted_as(call, &[]),
                    json!({"of": [{key: "[redacted]"}]}),
                    "{key}"
                );
            }
            for value in [json!(null), json!(true)] {
                let call = json!({key: value});
                assert_eq!(redacted_as(call.clone(), &[]), call, "{key}");
            }
        }
        for key in [
            "token_count",
            "tokens_used",
            "max_tokens_limit",
            "secretary",
            "secret_santa",
            "key",
            "keyboard",
            "api_keys_url",
            "monkey",
            "author",
            "authorized",
            "passport",
            "password_reset_at",
            "cookie_banner",
            "tokenizer",
            "public_key",
            "session",
            "pass",
            "compass",
            "id",
            "",
        ] {
            let call = json!({key: "x", "n": [{key: 5}]});
            assert_eq!(redacted_as(call.clone(), &[]), call, "{key}");
        }
    }

    #[test]
    fn sec_01_what_looks_like_a_credential_is_replaced_within_its_text_and_words_stay() {
        let jwt = format!(
            "eyJ{}.{}.{}",
            "hbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0In0", "dozjgNryP4J3jVmNHl0w5N"
        );
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----";
        for (text, expected) in [
            (
                format!("Bearer {}", "a1B2c3D4e5F6g7H8"),
                "[redacted]".to_owned(),
            ),
            (
                format!("use bearer {}==, now", "a1B2c3D4e5F6g7H8"),
                "use [redacted], now".to_owned(),
            ),
            (
                format!("Basic {}", "dXNlcjpwYXNzd29yZDEyMw=="),
                "[redacted]".to_owned(),
            ),
            (format!("sk-{}", "a".repeat(20)), "[redacted]".to_owned()),
            (
                format!("key: sk-proj-{}.", "a1".repeat(20)),
                "key: [redacted].".to_owned(),
            ),
            (
                format!("sk_live_{}", "a1".repeat(12)),
                "[redacted]".to_owned(),
            ),
            (format!("ghp_{}", "a1B2".repeat(9)), "[redacted]".to_owned()),
            (
                format!("github_pat_{}", "a1B2".repeat(9)),
                "[redacted]".to_owned(),
            ),
            (
                format!("AKIA{} and more", "ABCD1234".repeat(2)),
                "[redacted] and more".to_owned(),
            ),
            (
                format!("AIza{}", "a1B2c".repeat(7)),
                "[redacted]".to_owned(),
            ),
            (
                format!("xoxb-{}", "1234567890-abc"),
                "[redacted]".to_owned(),
            ),
            (format!("t={jwt};"), "t=[redacted];".to_owned()),
            (format!("a\n{pem}\nb"), "a\n[redacted]\nb".to_owned()),
            (
                "-----BEGIN PRIVATE KEY-----\nMIIEow".to_owned(),
                "[redacted]".to_owned(),
            ),
            (
                "postgres://ann:hunter2@db/x".to_owned(),
                "postgres://ann:[redacted]@db/x".to_owned(),
            ),
        ] {
            let value = json!({"note": [text], "n": 1});
            assert_eq!(
                redacted_as(value, &[]),
                json!({"note": [expected], "n": 1}),
                "{text}"
            );
            // A key may be one as well.
            assert_eq!(
                redacted_as(json!({&text: 1}), &[]),
                json!({expected: 1}),
                "{text}"
            );
        }
        for text in [
            "the bearer of this letter is my secretary",
            "a token of my appreciation",
            "Bearer",
            "basic understanding of arithmetic",
            "sk-8",
            "task-1234567890123456789",
            "ghp_",
            "AKIA",
            "AKIAABCD1234ABCD12345",
            "eyJ is how they begin",
            "-----BEGIN PUBLIC KEY-----\nMIIEow\n-----END PUBLIC KEY-----",
            "https://example.org:8080/a@b",
            "12:30@office",
            "",
        ] {
            assert_eq!(redacted_as(json!([text]), &[]), json!([text]));
        }
    }

    #[test]
    fn json_keeps_its_digits_unless_something_is_hidden_and_what_cannot_be_read_is() {
        let sensitive = BTreeSet::from(["pin".to_owned()]);
        for (text, shown) in [
            (
                r#"{"sum": 0.10000000000000000001}"#,
                r#"{"sum": 0.10000000000000000001}"#,
            ),
            (
                r#"{"pin": 4711, "room": 1}"#,
                r#"{"pin":"[redacted]","room":1}"#,
            ),
            (r#"{"a": {"pin": 4711}}"#, r#"{"a": {"pin": 4711}}"#),
            (r#"{"token": "x", "token": null}"#, r#"{"token":null}"#),
            ("{", r#""[redacted]""#),
        ] {
            assert_eq!(redacted_json(text, &sensitive), shown, "{text}");
        }
    }

    #[test]
    fn parameters_by_position_are_hidden_by_the_names_that_they_stand_for() {
        let document =
            br#"{"openrpc": "1.3.2", "info": {"title": "Rooms", "version": "1"}, "methods": [{
            "name": "room.book", "paramStructure": "by-position",
            "params": [
                {"name": "room", "required": true, "schema": {"type": "string"}},
                {"name": "code", "x-sensitive": true, "schema": {"type": "string"}}
            ]
        }]}"#;
        let terms = crate::Terms {
            trusted: true,
            ..crate::Terms::default()
        };
        let address = crate::Address::Http(std::path::PathBuf::new());
        let service = crate::Service::read("calendar", address, document, &terms).unwrap();
        let method = service.method("room.book").unwrap();
        for (params, shown) in [
            (r#"["blue", "4711"]"#, r#"["blue","[redacted]"]"#),
            (r#"["blue"]"#, r#"["blue"]"#),
            (
                r#"{"room": "blue", "code": "4711"}"#,
                r#"{"room":"blue","code":"[redacted]"}"#,
            ),
        ] {
            assert_eq!(method.redacted_params(params), shown, "{params}");
        }
    }
}
