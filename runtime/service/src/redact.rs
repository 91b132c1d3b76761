//! What of a call is not to be kept or shown: parameters that are marked as sensitive, and whatever looks like a
//! credential; and what repeats them. Called before a call is shown. It must never change what is sent, and never say how long a
//! thing is that it replaces.

use crate::{
    credential::{REDACTED, names_a_credential, without_credentials},
    json,
    offer::Method,
    secrets::Secrets,
};
use serde_json::{Map, Value};
use std::{cell::Cell, collections::BTreeSet};

/// The parameters of a call by name, or what it came to, as it was written, without what is sensitive: values of these parameters,
/// values of keys that name a credential, texts that look like one, and what repeats any of those that are known. Where there is
/// nothing of it the JSON stays as it is, with every digit of its numbers.
#[must_use]
pub fn redacted_json(text: &str, sensitive: &BTreeSet<String>, secrets: &Secrets) -> String {
    // Of a key that stands twice only the last would be looked at.
    if let Ok(value) = json::parse(text.as_bytes(), &Cell::new(usize::MAX)) {
        let kept = redacted(&value, sensitive, secrets);
        return if kept == value {
            text.to_owned()
        } else {
            kept.to_string()
        };
    }
    let value = serde_json::from_str(text).map(|value| redacted(&value, sensitive, secrets));
    // What cannot be read cannot be looked at.
    value.unwrap_or_else(|_| REDACTED.into()).to_string()
}

/// A text without what looks like a credential, and without what repeats something sensitive.
#[must_use]
pub fn redacted_text(text: &str, secrets: &Secrets) -> String {
    secrets.hide(&without_credentials(text)).into_owned()
}

/// What [`redacted_json`] would replace, for what repeats it.
pub fn learn_json(text: &str, sensitive: &BTreeSet<String>, secrets: &mut Secrets) {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        match &value {
            Value::Object(members) => {
                learn_members(members, |name| sensitive.contains(name), secrets)
            }
            other => learn(other, secrets),
        }
    }
}

impl Method {
    /// The parameters of a call, by name or by position, without what is sensitive: what a script gave as well as what was sent.
    #[must_use]
    pub fn redacted_params(&self, params: &str, secrets: &Secrets) -> String {
        let Some(items) = self.by_position(params) else {
            return redacted_json(params, &self.sensitive, secrets);
        };
        let Some(items) = items else {
            return Value::from(REDACTED).to_string();
        };
        let kept = items.iter().enumerate().map(|(at, item)| {
            if self.hides(at) {
                REDACTED.into()
            } else {
                plain(item, secrets)
            }
        });
        Value::Array(kept.collect()).to_string()
    }

    /// What [`Self::redacted_params`] would replace, for what repeats it.
    pub fn learn_params(&self, params: &str, secrets: &mut Secrets) {
        let Some(items) = self.by_position(params) else {
            return learn_json(params, &self.sensitive, secrets);
        };
        for (at, item) in items.unwrap_or_default().iter().enumerate() {
            if self.hides(at) {
                secrets.learn(item);
            } else {
                learn(item, secrets);
            }
        }
    }

    /// Parameters that stand in a list, where some of them are sensitive; and whether it can be read.
    fn by_position(&self, params: &str) -> Option<Option<Vec<Value>>> {
        let is_list = params.trim_start().starts_with('[');
        (is_list && !self.sensitive.is_empty()).then(|| serde_json::from_str(params).ok())
    }

    /// Whether a parameter is sensitive by its position. A script leaves out what the host sets, and a list does not say whose it is:
    /// either reading counts.
    fn hides(&self, at: usize) -> bool {
        let open = self.arguments.iter().filter(|one| one.reserved.is_none());
        let readings = [open.clone().nth(at), self.arguments.get(at)];
        readings
            .into_iter()
            .flatten()
            .any(|argument| self.sensitive.contains(&argument.parameter.name))
    }
}

fn redacted(value: &Value, sensitive: &BTreeSet<String>, secrets: &Secrets) -> Value {
    match value {
        Value::Object(members) => members_of(members, |name| sensitive.contains(name), secrets),
        other => plain(other, secrets),
    }
}

fn members_of(
    members: &Map<String, Value>,
    is_sensitive: impl Fn(&str) -> bool,
    secrets: &Secrets,
) -> Value {
    let kept = |(name, value): (&String, &Value)| {
        let hidden = is_sensitive(name) || (names_a_credential(name) && may_be_one(value));
        let value = if hidden {
            REDACTED.into()
        } else {
            plain(value, secrets)
        };
        (redacted_text(name, secrets), value)
    };
    Value::Object(members.iter().map(kept).collect())
}

fn plain(value: &Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => redacted_text(text, secrets).into(),
        Value::Array(items) => items.iter().map(|item| plain(item, secrets)).collect(),
        Value::Object(members) => members_of(members, |_| false, secrets),
        Value::Number(number) if secrets.is_one(&number.to_string()) => REDACTED.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn learn(value: &Value, secrets: &mut Secrets) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| learn(item, secrets)),
        Value::Object(members) => learn_members(members, |_| false, secrets),
        _ => {}
    }
}

fn learn_members(
    members: &Map<String, Value>,
    is_sensitive: impl Fn(&str) -> bool,
    secrets: &mut Secrets,
) {
    for (name, value) in members {
        // What a key only calls a credential may be the description of one, whose words are anybody's.
        let is_called_one = names_a_credential(name) && !(value.is_object() || value.is_array());
        if is_sensitive(name) || is_called_one {
            secrets.learn(value);
        } else {
            learn(value, secrets);
        }
    }
}

/// Nothing and a truth value say no more than that there is one; a number may be a PIN.
fn may_be_one(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(_))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use serde_json::json;

    fn redacted_as(value: Value, sensitive: &[&str]) -> Value {
        let sensitive = sensitive.iter().map(|name| (*name).to_owned()).collect();
        redacted(&value, &sensitive, &Secrets::default())
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
            let known = Secrets::default();
            assert_eq!(redacted_json(text, &sensitive, &known), shown, "{text}");
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
            let known = Secrets::default();
            assert_eq!(method.redacted_params(params, &known), shown, "{params}");
        }
    }
}
