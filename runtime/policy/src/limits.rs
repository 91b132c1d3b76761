//! `limits.toml`: what is counted rather than decided. Given to the runtime, which maps it onto its own limits.
//! A key that is not known is refused: a misspelt limit would be none.

use crate::{
    fields::{self, Fields},
    problem::{File, Problem, Unusable},
};
use serde::Serialize;
use std::time::Duration;
use toml::de::DeValue;

/// What one context may consume. What is not given is the runtime's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The number for `X-Hero-Context`. 0 means administrator to hero services, and is only here when the operator
    /// says so in as many words.
    pub hero_context: u32,
    /// Wall time of a run.
    pub timeout: Option<Duration>,
    /// Processor time of a run.
    pub cpu: Option<Duration>,
    /// Bytes of linear memory.
    pub memory: Option<u64>,
    /// Bytes kept of each output stream.
    pub output: Option<u64>,
    /// Bytes of source.
    pub source: Option<u64>,
    /// Bytes of standard input.
    pub stdin: Option<u64>,
    /// Bytes in the workspace.
    pub workspace_bytes: Option<u64>,
    /// Files and directories in the workspace.
    pub workspace_files: Option<u64>,
    /// Calls of a run.
    pub calls: Option<u64>,
    /// Bytes of one call.
    pub call_bytes: Option<u64>,
    /// Bytes of one reply.
    pub reply_bytes: Option<u64>,
    /// Calls a second to one service.
    pub rate: Option<u64>,
    /// Whether a gated call may wait for a person at all.
    pub approvals: Option<bool>,
}

const KEYS: &[&str] = &[
    "hero_context",
    "hero_administrator",
    "timeout",
    "cpu",
    "memory",
    "output",
    "source",
    "stdin",
    "workspace_bytes",
    "workspace_files",
    "calls",
    "call_bytes",
    "reply_bytes",
    "rate",
    "approvals",
];

const CONTEXT: &str = "a whole number from 1 to 4294967295";

impl Limits {
    /// Reads the file.
    pub fn parse(file: File<'_>) -> Result<Self, Unusable> {
        fields::with_table(file, |table| {
            let mut fields = Fields::new(table, 0..0, KEYS);
            let limits = Self {
                hero_context: hero_context(&mut fields),
                timeout: duration(&mut fields, "timeout"),
                cpu: duration(&mut fields, "cpu"),
                memory: size(&mut fields, "memory"),
                output: size(&mut fields, "output"),
                source: size(&mut fields, "source"),
                stdin: size(&mut fields, "stdin"),
                workspace_bytes: size(&mut fields, "workspace_bytes"),
                workspace_files: count(&mut fields, "workspace_files", 0),
                calls: count(&mut fields, "calls", 0),
                call_bytes: size(&mut fields, "call_bytes"),
                reply_bytes: size(&mut fields, "reply_bytes"),
                rate: count(&mut fields, "rate", 1),
                approvals: fields.flag("approvals"),
            };
            if fields.problems.is_empty() {
                Ok(limits)
            } else {
                Err(fields.problems)
            }
        })
        .map_err(|problems| Unusable::new(file, problems))
    }
}

fn hero_context(fields: &mut Fields<'_>) -> u32 {
    let number = |value: &DeValue<'_>| u32::try_from(fields::integer(value)?).ok();
    let given = fields.need("hero_context", CONTEXT, number);
    let administrator = fields.flag("hero_administrator");
    match (&given, administrator) {
        (Some((0, place)), None | Some(false)) => fields.problems.push(
            Problem::new("`hero_context` 0 makes every call an administrator's")
                .at(place.clone())
                .help("choose another number, or add `hero_administrator = true` if that is what you want"),
        ),
        (Some((1.., place)), Some(true)) => fields.problems.push(
            Problem::new("`hero_administrator` is about `hero_context` 0, which this is not")
                .at(place.clone())
                .help("remove `hero_administrator`"),
        ),
        _ => {}
    }
    given.map_or(0, |(number, _)| number)
}

fn duration(fields: &mut Fields<'_>, key: &str) -> Option<Duration> {
    let parse = |value: &DeValue<'_>| {
        let time = humantime::parse_duration(value.as_str()?).ok()?;
        (!time.is_zero()).then_some(time)
    };
    let (time, _) = fields.read(
        key,
        "a duration such as \"500ms\", \"30s\" or \"5m\"",
        parse,
    )?;
    Some(time)
}

fn size(fields: &mut Fields<'_>, key: &str) -> Option<u64> {
    let parse = |value: &DeValue<'_>| {
        let size: bytesize::ByteSize = value.as_str()?.parse().ok()?;
        Some(size.as_u64())
    };
    let (size, _) = fields.read(key, "a size such as \"64KiB\" or \"64MiB\"", parse)?;
    Some(size)
}

fn count(fields: &mut Fields<'_>, key: &str, least: u64) -> Option<u64> {
    let parse = |value: &DeValue<'_>| {
        u64::try_from(fields::integer(value)?)
            .ok()
            .filter(|count| *count >= least)
    };
    let (count, _) = fields.read(key, &format!("a whole number from {least} up"), parse)?;
    Some(count)
}
