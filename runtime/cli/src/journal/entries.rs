//! Entries of the journal as JSON, one line each, with the texts that they speak of in their places. Used by every view for
//! machines. It must never shorten anything.

use super::{Redaction, redaction::RunSecrets};
use crate::failure::Failure;
use sandgate::{Digest, Entry, Id, Journal, KeptLine};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Makes JSON of entries.
pub(super) struct Entries<'a> {
    journal: &'a Journal,
    redaction: &'a Redaction,
    secrets: RunSecrets<'a>,
    /// The calls that have no answer yet, since only their first line says of which method they are.
    methods: BTreeMap<(Id, u32), (String, String)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(journal: &'a Journal, redaction: &'a Redaction) -> Self {
        Self {
            journal,
            redaction,
            secrets: RunSecrets::new(journal, redaction),
            methods: BTreeMap::new(),
        }
    }

    /// One entry, with where it stands.
    pub(super) fn line(&mut self, line: &KeptLine, entry: &Entry<'_>) -> Result<String, Failure> {
        self.secrets.look(line)?;
        let whole = serde_json::to_value(entry).map_err(|error| Failure::ours(&error))?;
        let (kind, body) = match whole {
            Value::Object(whole) => match whole.into_iter().next() {
                Some((kind, body)) => (kind, body),
                None => (String::new(), Value::Null),
            },
            Value::String(kind) => (kind, json!({})),
            _ => (String::new(), Value::Null),
        };
        let body = match body {
            Value::Object(mut members) => {
                self.inline(line.run, entry, &mut members)?;
                let known = self.secrets.of(line.run);
                let members = Value::Object(members).to_string();
                let plain = self.redaction.json(&members, known);
                self.whole(line.run, entry, &plain)?
            }
            // Standard input in hexadecimal digits.
            Value::String(digits) => {
                let bytes = hex::decode(&digits).unwrap_or_default();
                self.bytes(line.run, bytes).to_string()
            }
            other => other.to_string(),
        };
        let head = json!({"seq": line.seq, "run": line.run, "at": line.at, "hash": line.hash});
        let head = head.to_string();
        let head = head.trim_end_matches('}');
        Ok(format!("{head},{}:{body}}}\n", Value::from(kind)))
    }

    /// Texts in the place of their digests.
    fn inline(
        &self,
        run: Id,
        entry: &Entry<'_>,
        members: &mut Map<String, Value>,
    ) -> Result<(), Failure> {
        let mut put = |name: &str, digest: Digest| -> Result<(), Failure> {
            let value = self.bytes(run, self.journal.text(digest)?);
            members.insert(name.to_owned(), value);
            Ok(())
        };
        let listed: Vec<Value> = match entry {
            Entry::Begun(begun) => {
                put("script", begun.script)?;
                if let Some(stdin) = begun.stdin {
                    put("stdin", stdin)?;
                }
                // A name says whether a value is a credential.
                let environment = begun.environment.iter();
                let environment: Map<String, Value> = environment
                    .map(|(name, value)| (name.to_string(), Value::from(&**value)))
                    .collect();
                if !environment.is_empty() {
                    members.insert("environment".to_owned(), Value::Object(environment));
                }
                let mut listed = Vec::new();
                for (path, digest, modified) in &begun.files {
                    let content = self.bytes(run, self.journal.text(*digest)?);
                    listed.push(json!({"path": path, "modified_ns": modified, "content": content}));
                }
                listed
            }
            Entry::Ended(ended) => {
                put("stdout", ended.stdout)?;
                put("stderr", ended.stderr)?;
                let said = [("value", ended.value), ("exception", ended.exception)];
                for (name, digest) in said {
                    if let Some(digest) = digest {
                        let value = serde_json::from_slice(&self.journal.text(digest)?);
                        let value = value.map_err(|error| Failure::ours(&error))?;
                        members.insert(name.to_owned(), value);
                    }
                }
                // A replay makes them again; what is kept says whether they are the same.
                let files = ended.files.iter();
                files
                    .map(|(path, digest)| json!({"path": path, "digest": digest}))
                    .collect()
            }
            _ => Vec::new(),
        };
        if !listed.is_empty() {
            members.insert("files".to_owned(), Value::Array(listed));
        }
        Ok(())
    }

    /// What a script gave and was answered, with every digit.
    fn whole(&mut self, run: Id, entry: &Entry<'_>, plain: &str) -> Result<String, Failure> {
        let (call, name, held) = match entry {
            Entry::Called {
                call,
                service,
                method,
                params,
            } => {
                let method = (service.to_string(), method.to_string());
                self.methods.insert((run, *call), method);
                (*call, "params", params)
            }
            Entry::Asked(asked) => (asked.call, "params", &asked.params),
            Entry::Intended { call, params, .. } | Entry::Planned { call, params, .. } => {
                (*call, "params", params)
            }
            Entry::Replied { call, reply } | Entry::Resolved { call, reply, .. } => {
                (*call, "reply", reply)
            }
            Entry::Ended(_) => {
                self.methods.retain(|(of, _), _| *of != run);
                self.secrets.ended(run);
                return Ok(plain.to_owned());
            }
            _ => return Ok(plain.to_owned()),
        };
        let text = self.journal.held(held)?;
        let of = self.methods.get(&(run, call)).cloned().unwrap_or_default();
        let known = self.secrets.of(run);
        let shown = if name == "reply" {
            self.methods.remove(&(run, call));
            self.redaction.reply(&of.0, &of.1, &text, known)
        } else {
            self.redaction.params(&of.0, &of.1, &text, known)
        };
        let mut members: Map<String, Value> =
            serde_json::from_str(plain).map_err(|error| Failure::ours(&error))?;
        members.shift_remove(name);
        let rest = Value::Object(members).to_string();
        let rest = rest.trim_end_matches('}');
        Ok(format!("{rest},{}:{shown}}}", Value::from(name)))
    }

    /// Bytes as text, or what can be said of those that are none: what cannot be read cannot be redacted.
    fn bytes(&self, run: Id, bytes: Vec<u8>) -> Value {
        match String::from_utf8(bytes) {
            Ok(text) => self.redaction.text(text, self.secrets.of(run)).into(),
            Err(error) if self.redaction.is_off() => {
                json!({"hex": hex::encode(error.as_bytes())})
            }
            Err(error) => json!({"bytes": error.as_bytes().len()}),
        }
    }
}
