//! What a run did, for people: lines in the order in which it happened, each call under its number. Told by `show` of one run, and by
//! `follow` of all that go on. What a script or a service wrote is one short line, whatever is in it: THREAT[DOS-06].

use super::{Redaction, list::when, redaction::RunSecrets};
use crate::failure::Failure;
use sandgate::{
    BUILTIN, Begun, Entry, Id, Journal, KeptLine, Said,
    policy::{Effect, Verdict},
    service::line,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
};

/// Characters of parameters and results that people are shown.
const LONGEST: usize = 300;
/// Lines of output.
const MOST_LINES: usize = 20;

/// Tells entries as they come.
pub(super) struct RunStory<'a> {
    journal: &'a Journal,
    redaction: &'a Redaction,
    secrets: RunSecrets<'a>,
    /// Of which method each call is that has no answer yet; nothing for what is no call of a service.
    calls: BTreeMap<(Id, u32), Option<(String, String)>>,
    /// The run and the call that the last line was about.
    told: Option<(Id, Option<u32>)>,
}

/// What a script was answered.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerKept<'a> {
    #[serde(borrow)]
    Ok(&'a RawValue),
    Failed {
        code: i64,
        message: String,
    },
    Refused {
        code: String,
        message: String,
    },
}

impl<'a> RunStory<'a> {
    pub(super) fn new(journal: &'a Journal, redaction: &'a Redaction) -> Self {
        Self {
            journal,
            redaction,
            secrets: RunSecrets::new(journal, redaction),
            calls: BTreeMap::new(),
            told: None,
        }
    }

    /// What is to be said of an entry; nothing of those that only a replay needs.
    pub(super) fn tell(&mut self, kept: &KeptLine, entry: &Entry<'_>) -> Result<String, Failure> {
        self.secrets.look(kept)?;
        let (run, at) = (kept.run, when(kept.at));
        Ok(match entry {
            Entry::Begun(begun) => self.begun(run, &at, begun)?,
            Entry::Given(_) => String::new(),
            Entry::Input(digits) => {
                self.of_run(run, &format!("it read {} bytes of input", digits.len() / 2))
            }
            Entry::Script { name, source } => {
                let said = format!("next script, {}, {}", short(name), lines_of(source));
                self.of_run(run, &said)
            }
            Entry::ScriptEnded { interrupted, .. } => match interrupted {
                true => self.of_run(run, "it was interrupted"),
                false => String::new(),
            },
            Entry::Called {
                call,
                service,
                method,
                params,
            } => {
                let is_call = *service != BUILTIN;
                let of = is_call.then(|| (service.to_string(), method.to_string()));
                self.calls.insert((run, *call), of);
                if !is_call {
                    return Ok(String::new());
                }
                let params = self.journal.held(params)?;
                let known = self.secrets.of(run);
                let params = self.redaction.params(service, method, &params, known);
                let begin = self.heading(run, Some(*call));
                format!(
                    "{begin}{call:>4}  {service}.{method}({})\n",
                    short(arguments(&params))
                )
            }
            Entry::Decided(decided) => {
                let effect = match decided.effect {
                    Effect::Read => "a read",
                    Effect::Write => "a change",
                    Effect::Destroy => "a change that removes",
                };
                let mut said = format!("{effect}, {}", ruled(decided.verdict, &decided.policies));
                if !decided.because.is_empty() {
                    write(&mut said, format_args!(": {}", decided.because.join(" ")));
                }
                if !decided.read_from.is_empty() {
                    let from = decided.read_from.join(", ");
                    write(&mut said, format_args!(" (the run had read from {from})"));
                }
                self.of_call(run, decided.call, &said)
            }
            Entry::Asked(asked) => {
                let said = match (asked.approval, asked.expires) {
                    (Some(approval), Some(expires)) => {
                        format!(
                            "asked of whoever may answer, until {}: {approval}",
                            when(expires)
                        )
                    }
                    _ => "asked at the terminal".to_owned(),
                };
                self.of_call(run, asked.call, &said)
            }
            Entry::Answered {
                call,
                answer,
                agreed,
                needed,
                by,
                because,
                in_band,
                ..
            } => {
                let mut said = match answer {
                    Said::Yes => format!("{by} said yes, {at}"),
                    Said::No => format!("{by} said no, {at}"),
                    Said::Expired => "nobody answered in time".to_owned(),
                    Said::Withdrawn => "the run ended before anybody answered".to_owned(),
                };
                if *in_band {
                    said.push_str(", at the agent's client");
                }
                if *needed > 1 {
                    write(&mut said, format_args!(", {agreed} of {needed}"));
                }
                if let Some(because) = because {
                    let because = self.shown(run, because.to_string());
                    write(&mut said, format_args!(": {because}"));
                }
                self.of_call(run, *call, &said)
            }
            Entry::Intended { call, key, .. } => {
                let said = match key {
                    Some(_) => "sent, and would be sent again under the same key",
                    None => "sent",
                };
                self.of_call(run, *call, said)
            }
            Entry::Planned { call, .. } => self.of_call(run, *call, "planned, and not sent"),
            Entry::Replied { call, reply } => {
                let said = self.answer(run, *call, &self.journal.held(reply)?);
                let told = self.of_call(run, *call, &format!("→ {said}"));
                self.calls.remove(&(run, *call));
                told
            }
            Entry::Resolved { call, reply, by } => {
                let said = self.answer(run, *call, &self.journal.held(reply)?);
                let said = format!("{by} says what came of it, {at} → {said}");
                let told = self.of_call(run, *call, &said);
                self.calls.remove(&(run, *call));
                told
            }
            Entry::Withheld { call } => self.of_call(
                run,
                *call,
                &format!("not sent again, {at}: it would not be made today"),
            ),
            Entry::Parked(_) => self.of_run(run, &format!("parked, {at}: it waits for people")),
            Entry::Resumed => self.of_run(run, &format!("resumed, {at}")),
            Entry::Ended(ended) => {
                self.calls.retain(|(of, _), _| *of != run);
                let mut said = format!("ended, {at}: {}", ended.status);
                if ended.exit_code != 0 {
                    write(&mut said, format_args!(", exit code {}", ended.exit_code));
                }
                if let Some(reason) = &ended.reason {
                    let reason = self.shown(run, reason.to_string());
                    write(&mut said, format_args!(": {reason}"));
                }
                let mut told = self.of_run(run, &said);
                let streams = [
                    ("standard output", ended.stdout),
                    ("standard error", ended.stderr),
                ];
                for (name, digest) in streams {
                    let text = self.text(run, digest)?;
                    told.push_str(&block(name, &text));
                }
                if let Some(value) = ended.value {
                    let value = self.json(run, value)?;
                    let plain = value.get("json").unwrap_or(&value).to_string();
                    write(&mut told, format_args!("      value: {}\n", short(&plain)));
                }
                if let Some(exception) = ended.exception {
                    let exception = self.json(run, exception)?;
                    let traceback = exception.get("traceback").and_then(Value::as_str);
                    told.push_str(&block("exception", traceback.unwrap_or_default()));
                }
                if !ended.files.is_empty() {
                    let paths: Vec<&str> = ended.files.iter().map(|(path, _)| &**path).collect();
                    let paths = self.shown(run, paths.join(", "));
                    write(&mut told, format_args!("      files: {}\n", short(&paths)));
                }
                self.secrets.ended(run);
                told
            }
            Entry::Pruned { through, .. } => {
                format!("lines up to {through} were removed, since they were old\n")
            }
        })
    }

    fn begun(&mut self, run: Id, at: &str, begun: &Begun<'_>) -> Result<String, Failure> {
        self.told = Some((run, None));
        let source = self.text(run, begun.script)?;
        let mut told = format!(
            "run {run}\n      {}, {}, began {at}\n",
            short(&begun.name),
            lines_of(&source)
        );
        if let Some(caller) = &begun.caller {
            let mut said = format!("in the context {}, as {}", caller.context, caller.actor);
            if let Some(user) = &caller.user {
                write(&mut said, format_args!(", for {user}"));
            }
            if !caller.claims.is_empty() {
                let claims = caller.claims.join(", ");
                write(&mut said, format_args!(", who is entitled to {claims}"));
            }
            write(&mut told, format_args!("      {}\n", short(&said)));
        }
        if !begun.arguments.is_empty() {
            let arguments = self.shown(run, begun.arguments.join(" "));
            write(
                &mut told,
                format_args!("      arguments: {}\n", short(&arguments)),
            );
        }
        if let Some(why) = &begun.once {
            let said = format!("it cannot be made again: {why}");
            write(&mut told, format_args!("      {}\n", short(&said)));
        }
        Ok(told)
    }

    /// What was answered, in a few words.
    fn answer(&self, run: Id, call: u32, reply: &str) -> String {
        let of = self.calls.get(&(run, call)).cloned().flatten();
        let (service, method) = of.unwrap_or_default();
        let known = self.secrets.of(run);
        let reply = self.redaction.reply(&service, &method, reply, known);
        match serde_json::from_str(&reply) {
            Ok(AnswerKept::Ok(result)) => shortened(result.get()),
            Ok(AnswerKept::Failed { code, message }) => {
                format!("the service answered with error {code}: {message}")
            }
            Ok(AnswerKept::Refused { code, message }) => format!("refused, {code}: {message}"),
            Err(_) => shortened(&reply),
        }
    }

    /// A line about a call: under its own, where that was the last.
    fn of_call(&mut self, run: Id, call: u32, said: &str) -> String {
        let of = match self.calls.get(&(run, call)) {
            // Not a call of a service.
            Some(None) => return String::new(),
            Some(Some((service, method))) => format!("{service}.{method}: "),
            None => String::new(),
        };
        if self.told == Some((run, Some(call))) {
            return format!("      {}\n", short(said));
        }
        let begin = self.heading(run, Some(call));
        format!("{begin}{call:>4}  {of}{}\n", short(said))
    }

    /// A line about a run.
    fn of_run(&mut self, run: Id, said: &str) -> String {
        let begin = self.heading(run, None);
        format!("{begin}      {}\n", short(said))
    }

    /// Which run it is, where the last line was about another.
    fn heading(&mut self, run: Id, call: Option<u32>) -> String {
        let before = self.told.replace((run, call));
        if before.is_some_and(|(before, _)| before == run) {
            String::new()
        } else {
            format!("run {run}\n")
        }
    }

    fn shown(&self, run: Id, text: String) -> String {
        self.redaction.text(text, self.secrets.of(run))
    }

    fn text(&self, run: Id, digest: sandgate::Digest) -> Result<String, Failure> {
        let bytes = self.journal.text(digest)?;
        Ok(self.shown(run, String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn json(&self, run: Id, digest: sandgate::Digest) -> Result<Value, Failure> {
        let bytes = self.journal.text(digest)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = self.redaction.json(&text, self.secrets.of(run));
        serde_json::from_str(&text).map_err(|error| Failure::ours(&error))
    }
}

/// A verdict and whose it is, as it is said of a call that was made.
pub(crate) fn ruled(verdict: Verdict, policies: &[impl Display]) -> String {
    let ids = policies.iter().map(ToString::to_string);
    let ids = ids.collect::<Vec<_>>().join(", ");
    match (verdict, ids.as_str()) {
        (Verdict::Refuse, "") => "refused, since no policy permits it".to_owned(),
        (Verdict::Allow, ids) => format!("allowed by {ids}"),
        (Verdict::Gate, ids) => format!("a person is asked by {ids}"),
        (Verdict::Refuse, ids) => format!("refused by {ids}"),
    }
}

/// Parameters as they stand between the brackets of a call: nothing where there are none.
pub(crate) fn arguments(params: &str) -> &str {
    match params.trim() {
        "{}" | "[]" => "",
        params => params,
    }
}

/// One line, of which the rest is in the JSON.
pub(crate) fn short(text: &str) -> String {
    line(text, LONGEST)
}

/// The same of a result, with its length where that is not all.
fn shortened(json: &str) -> String {
    let shown = short(json);
    if json.chars().count() > LONGEST {
        format!("{shown} ({} bytes)", json.len())
    } else {
        shown
    }
}

fn lines_of(source: &str) -> String {
    match source.lines().count() {
        1 => "1 line".to_owned(),
        lines => format!("{lines} lines"),
    }
}

/// The beginning of a longer text.
fn block(name: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut told = format!("      {name}:\n");
    for shown in text.lines().take(MOST_LINES) {
        let shown = shown.trim_end();
        // Indentation says something in a traceback.
        let indent: String = shown.chars().take_while(|c| *c == ' ').take(40).collect();
        write(
            &mut told,
            format_args!("      | {indent}{}\n", short(shown)),
        );
    }
    let more = text.lines().skip(MOST_LINES).count();
    if more > 0 {
        write(&mut told, format_args!("      | … {more} lines more\n"));
    }
    told
}

fn write(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = text.write_fmt(more);
}
