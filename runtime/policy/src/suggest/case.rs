//! A call as a case of `cases.toml`. It must never say another call than the one it was given: what TOML cannot write is
//! no case.

use super::quoted;
use crate::{
    cases::Ruling,
    decision::{Decision, Query},
};
use serde_json::{Map, Value};

/// The case, where TOML has all of its values.
pub(super) fn case(name: &str, call: &Query<'_>, decision: &Decision) -> Option<String> {
    let texts = |texts: &mut dyn Iterator<Item = &str>| {
        let texts: Vec<String> = texts.map(text).collect();
        format!("[{}]", texts.join(", "))
    };
    let principal = call.principal;
    let mut lines = vec![
        "[[case]]".to_owned(),
        format!("name = {}", text(name)),
        format!("actor = {}", text(principal.actor())),
    ];
    if let Some(user) = principal.user() {
        lines.push(format!("user = {}", text(user)));
    }
    if !principal.claims().is_empty() {
        let claims = texts(&mut principal.claims().iter().map(String::as_str));
        lines.push(format!("claims = {claims}"));
    }
    lines.push(format!("service = {}", text(call.service)));
    lines.push(format!("method = {}", text(call.method)));
    if !call.params.is_empty() {
        lines.push(format!("params = {}", table(call.params)?));
    }
    lines.push(format!("now = {}", call.now));
    if !call.read_from.is_empty() {
        let read_from = texts(&mut call.read_from.iter().map(String::as_str));
        lines.push(format!("after = {read_from}"));
    }
    let ruling = Ruling::of(decision);
    let policies = texts(&mut ruling.policies.iter().map(String::as_str));
    lines.push(format!("expect = \"{}\"", ruling.verdict));
    lines.push(format!("policies = {policies}"));
    Some(lines.join("\n") + "\n")
}

fn value(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => flag.to_string(),
        // TOML's whole numbers are those of 64 bits, with a sign.
        Value::Number(number) if number.is_u64() && number.as_i64().is_none() => return None,
        Value::Number(number) => number.to_string(),
        Value::String(one) => text(one),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(self::value).collect::<Option<_>>()?;
            format!("[{}]", values.join(", "))
        }
        Value::Object(map) => table(map)?,
    })
}

fn table(map: &Map<String, Value>) -> Option<String> {
    let pairs = map
        .iter()
        .map(|(name, one)| Some(format!("{} = {}", key(name), value(one)?)));
    let pairs: Vec<String> = pairs.collect::<Option<_>>()?;
    Some(match pairs.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", pairs.join(", ")),
    })
}

fn key(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match !name.is_empty() && name.bytes().all(plain) {
        true => name.to_owned(),
        false => text(name),
    }
}

/// A text as TOML writes it.
fn text(text: &str) -> String {
    quoted(text, |character| format!("\\U{:08X}", u32::from(character)))
}
