//! `limits.toml`: what is counted rather than decided. Given to the runtime, which maps it onto its own limits.
//! A key that is not known is refused: a misspelt limit would be none.

mod approval;

pub use approval::{ApprovalHook, InBand};

use crate::{
    fields::{self, Fields},
    problem::{File, Problem, Unusable},
    schema::Schema,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    ops::RangeInclusive,
    time::Duration,
};
use toml::de::DeValue;

/// What services know a context by: the number in `X-Hero-Context`.
///
/// 0 means administrator to hero services. It has a variant of its own, so that it is only ever written by somebody
/// who means it: there is no default, and no number that happens to be nought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextNumber {
    /// One context of many.
    Number(NonZeroU32),
    /// Services trust it with everything: `hero_administrator = true`.
    Administrator,
}

impl ContextNumber {
    /// The number as services are told it.
    #[must_use]
    pub fn get(self) -> u32 {
        match self {
            Self::Number(number) => number.get(),
            Self::Administrator => 0,
        }
    }
}

/// Whether the scripts of a context have files. Nothing is less than something, so that the smaller of two is meant by
/// whoever takes from what a context grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Files {
    /// `workspace = "none"`: no path exists, and no front end may give a script any.
    None,
    /// `workspace = "scratch"`: a directory in memory, unless the caller gives the script one of the host.
    Scratch,
}

/// Which calls are refused while the journal cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalDuty {
    /// `journal = "changes"`: those that change something, which is so where nothing is said.
    Changes,
    /// `journal = "required"`: reads too.
    Required,
}

/// What one context may consume. What is not given is the runtime's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextLimits {
    /// What services know the context by.
    pub hero_context: ContextNumber,
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
    /// Whether its scripts have files. Where nothing is said of it the hash of a context is what it was before there was
    /// this limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Files>,
    /// Bytes in the workspace.
    pub workspace_bytes: Option<u64>,
    /// Files and directories in the workspace.
    pub workspace_files: Option<u64>,
    /// Calls of a run.
    pub calls: Option<u64>,
    /// Calls of a run to some methods, by service and method.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub method_calls: BTreeMap<String, u64>,
    /// Bytes of one call.
    pub call_bytes: Option<u64>,
    /// Bytes of one reply.
    pub reply_bytes: Option<u64>,
    /// Calls a second to one service.
    pub rate: Option<u64>,
    /// How many different people must agree to a gated call: 0 where no call may wait for a person, 1 where nothing is
    /// said.
    pub approvals: Option<u64>,
    /// Only who has one of these claims may approve, and never whoever asked for the call; anybody, where there are none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub approvers: BTreeSet<String>,
    /// For how long a gated call waits: [`ContextLimits::USUAL_APPROVAL_EXPIRES`] where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_expires: Option<Duration>,
    /// Who is told of a gated call that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_approval: Option<ApprovalHook>,
    /// Which of them the person at the agent's client is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_in_band: Option<InBand>,
    /// Questions that one run may put before a person.
    pub questions: Option<u64>,
    /// Which calls are refused while the journal cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalDuty>,
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
    "workspace",
    "workspace_bytes",
    "workspace_files",
    "calls",
    "call_bytes",
    "reply_bytes",
    "rate",
    "approvals",
    "approvers",
    "approval_expires",
    "on_approval",
    "approval_in_band",
    "questions",
    "journal",
];

const CONTEXT: &str = "a whole number from 1 to 4294967295";

/// What the runtime can honour. A limit beyond it is refused with its place: clipping it would promise what is not kept.
/// Whether somebody with these claims may approve: anybody may, where nobody is named.
pub fn may_approve(approvers: &BTreeSet<String>, claims: &[String]) -> bool {
    approvers.is_empty() || claims.iter().any(|claim| approvers.contains(claim))
}

impl ContextLimits {
    /// The interpreter's snapshot has to fit in; the pool reserves address space for the most.
    pub const MEMORY: RangeInclusive<u64> = 96 << 20..=2 << 30;
    /// Output is kept in the host's memory until the run ends.
    pub const OUTPUT: RangeInclusive<u64> = 0..=256 << 20;
    /// The source is copied into the guest, and parsed there.
    pub const SOURCE: RangeInclusive<u64> = 0..=16 << 20;
    /// Standard input is kept in the host's memory.
    pub const STDIN: RangeInclusive<u64> = 0..=256 << 20;
    /// A workspace may be a directory of the host; in memory a run has less.
    pub const WORKSPACE_BYTES: RangeInclusive<u64> = 0..=1 << 40;
    /// All of them are listed when the run ends.
    pub const WORKSPACE_FILES: RangeInclusive<u64> = 0..=10_000;
    /// Calls are numbered, and a run that has begun more than this is ended.
    pub const CALLS: RangeInclusive<u64> = 0..=1_000_000;
    /// Requests are copied out of the guest whole.
    pub const CALL_BYTES: RangeInclusive<u64> = 0..=1 << 20;
    /// Replies are read whole before they are handed on.
    pub const REPLY_BYTES: RangeInclusive<u64> = 0..=4 << 20;
    /// Turns are spaced by no less than a microsecond.
    pub const RATE: RangeInclusive<u64> = 1..=1_000_000;
    /// A person who is asked more often no longer reads the questions.
    pub const QUESTIONS: RangeInclusive<u64> = 0..=1_000;
    /// One is `true` and none is `false`. More people than this are never found in time.
    pub const APPROVALS: RangeInclusive<u64> = 2..=10;
    /// Nobody answers in less than a second; after a month nobody knows what the question was about.
    pub const APPROVAL_EXPIRES: RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);
    /// A day: until whoever went home is back.
    pub const USUAL_APPROVAL_EXPIRES: Duration = Duration::from_secs(24 * 3600);
    /// Longer than any run that somebody waits for; deadlines stay within what clocks can say.
    pub const TIME: Duration = Duration::from_secs(7 * 24 * 3600);

    /// A context with this number, and the runtime's defaults for everything else.
    #[must_use]
    pub fn of(hero_context: ContextNumber) -> Self {
        Self {
            hero_context,
            timeout: None,
            cpu: None,
            memory: None,
            output: None,
            source: None,
            stdin: None,
            workspace: None,
            workspace_bytes: None,
            workspace_files: None,
            calls: None,
            method_calls: BTreeMap::new(),
            call_bytes: None,
            reply_bytes: None,
            rate: None,
            approvals: None,
            approvers: BTreeSet::new(),
            approval_expires: None,
            on_approval: None,
            approval_in_band: None,
            questions: None,
            journal: None,
        }
    }

    /// Whether the word of one person is enough for a gated call, whoever that is.
    #[must_use]
    pub fn anybody_may_approve(&self) -> bool {
        self.approvals.unwrap_or(1) == 1 && self.approvers.is_empty()
    }

    /// Reads the file. The methods that it names have to be those of a schema.
    pub fn parse(file: File<'_>, schema: &Schema) -> Result<Self, Unusable> {
        fields::with_table(file, |table| {
            let mut fields = Fields::new(table, 0..0, KEYS);
            let number = hero_context(&mut fields);
            let (calls, method_calls) = calls(&mut fields, schema);
            let terms = approval::approval_terms(&mut fields);
            let limits = Self {
                timeout: duration(&mut fields, "timeout"),
                cpu: duration(&mut fields, "cpu"),
                memory: size(&mut fields, "memory", Self::MEMORY),
                output: size(&mut fields, "output", Self::OUTPUT),
                source: size(&mut fields, "source", Self::SOURCE),
                stdin: size(&mut fields, "stdin", Self::STDIN),
                workspace: files(&mut fields),
                workspace_bytes: size(&mut fields, "workspace_bytes", Self::WORKSPACE_BYTES),
                workspace_files: count(&mut fields, "workspace_files", Self::WORKSPACE_FILES),
                calls,
                method_calls,
                call_bytes: size(&mut fields, "call_bytes", Self::CALL_BYTES),
                reply_bytes: size(&mut fields, "reply_bytes", Self::REPLY_BYTES),
                rate: count(&mut fields, "rate", Self::RATE),
                approvals: terms.approvals,
                approvers: terms.approvers,
                approval_expires: terms.expires,
                on_approval: terms.hook,
                approval_in_band: terms.in_band,
                questions: count(&mut fields, "questions", Self::QUESTIONS),
                journal: journal(&mut fields),
                // Without a number there is a problem, and these limits are not returned.
                ..Self::of(number.unwrap_or(ContextNumber::Number(NonZeroU32::MIN)))
            };
            if fields.problems.is_empty() && number.is_some() {
                Ok(limits)
            } else {
                Err(fields.problems)
            }
        })
        .map_err(|problems| Unusable::new(file, problems))
    }
}

fn hero_context(fields: &mut Fields<'_>) -> Option<ContextNumber> {
    let number = |value: &DeValue<'_>| u32::try_from(fields::integer(value)?).ok();
    let given = fields.need("hero_context", CONTEXT, number);
    let administrator = fields.flag("hero_administrator");
    let (number, place) = given?;
    match (NonZeroU32::new(number), administrator) {
        (Some(number), None | Some(false)) => Some(ContextNumber::Number(number)),
        (None, Some(true)) => Some(ContextNumber::Administrator),
        (None, None | Some(false)) => {
            fields.problems.push(
                Problem::new("`hero_context` 0 makes every call an administrator's")
                    .at(place)
                    .help("choose another number, or add `hero_administrator = true` if that is what you want"),
            );
            None
        }
        (Some(_), Some(true)) => {
            fields.problems.push(
                Problem::new("`hero_administrator` is about `hero_context` 0, which this is not")
                    .at(place)
                    .help("remove `hero_administrator`"),
            );
            None
        }
    }
}

fn duration(fields: &mut Fields<'_>, key: &str) -> Option<Duration> {
    duration_between(fields, key, Duration::from_nanos(1)..=ContextLimits::TIME)
}

fn duration_between(
    fields: &mut Fields<'_>,
    key: &str,
    honoured: RangeInclusive<Duration>,
) -> Option<Duration> {
    let parse = |value: &DeValue<'_>| {
        let time = humantime::parse_duration(value.as_str()?).ok()?;
        (!time.is_zero()).then_some(time)
    };
    let given = fields.read(
        key,
        "a duration such as \"500ms\", \"30s\" or \"5m\"",
        parse,
    )?;
    within(fields, key, given, honoured, |time| {
        humantime::format_duration(time).to_string()
    })
}

fn files(fields: &mut Fields<'_>) -> Option<Files> {
    let parse = |value: &DeValue<'_>| match value.as_str()? {
        "scratch" => Some(Files::Scratch),
        "none" => Some(Files::None),
        _ => None,
    };
    let given = fields.read("workspace", "\"scratch\" or \"none\"", parse);
    given.map(|(files, _)| files)
}

fn journal(fields: &mut Fields<'_>) -> Option<JournalDuty> {
    let parse = |value: &DeValue<'_>| match value.as_str()? {
        "changes" => Some(JournalDuty::Changes),
        "required" => Some(JournalDuty::Required),
        _ => None,
    };
    let given = fields.read("journal", "\"changes\" or \"required\"", parse);
    given.map(|(duty, _)| duty)
}

fn size(fields: &mut Fields<'_>, key: &str, honoured: RangeInclusive<u64>) -> Option<u64> {
    let parse = |value: &DeValue<'_>| {
        let size: bytesize::ByteSize = value.as_str()?.parse().ok()?;
        Some(size.as_u64())
    };
    let given = fields.read(key, "a size such as \"64KiB\" or \"64MiB\"", parse)?;
    within(fields, key, given, honoured, |bytes| {
        bytesize::ByteSize::b(bytes).display().iec().to_string()
    })
}

fn count(fields: &mut Fields<'_>, key: &str, honoured: RangeInclusive<u64>) -> Option<u64> {
    let parse = |value: &DeValue<'_>| u64::try_from(fields::integer(value)?).ok();
    let expected = format!("a whole number from {} up", honoured.start());
    let given = fields.read(key, &expected, parse)?;
    within(fields, key, given, honoured, |count| count.to_string())
}

/// `calls = 100`, or a table with a number for some methods and one for all calls together.
fn calls(fields: &mut Fields<'_>, schema: &Schema) -> (Option<u64>, BTreeMap<String, u64>) {
    let mut methods = BTreeMap::new();
    let given = fields.read("calls", CALLS, |value| {
        match (value.as_table(), fields::integer(value)) {
            (None, None) => None,
            (table, _) => Some(table),
        }
    });
    let (table, place) = match given {
        Some((Some(table), place)) => (table, place),
        Some((None, _)) => return (count(fields, "calls", ContextLimits::CALLS), methods),
        None => return (None, methods),
    };
    let known: Vec<String> = schema
        .all()
        .map(|(service, method, _)| format!("{service}.{method}"))
        .collect();
    let (mut all, mut problems) = (None, Vec::new());
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let number = fields::integer(value.get_ref()).and_then(|number| u64::try_from(number).ok());
        let Some(number) = number else {
            let problem = Problem::new(format!(
                "`{}` is not a whole number from 0 up",
                name.escape_debug()
            ));
            problems.push(problem.at(value.span()));
            continue;
        };
        if !ContextLimits::CALLS.contains(&number) {
            let most = ContextLimits::CALLS.end();
            let problem = Problem::new(format!("`{}` is at most {most}", name.escape_debug()));
            problems.push(problem.at(value.span()));
        } else if name == EVERY_CALL {
            all = Some(number);
        } else if known.iter().any(|known| known == name) {
            methods.insert(name.to_owned(), number);
        } else {
            let problem = Problem::new(format!("there is no method `{}`", name.escape_debug()));
            let problem = problem.at(key.span());
            let names = known.iter().map(String::as_str).chain([EVERY_CALL]);
            let method = |known: &&str| known.split_once('.').is_some_and(|(_, one)| one == name);
            problems.push(match names.clone().find(method) {
                Some(whole) => problem.help(format!("did you mean `{whole}`?")),
                None => problem.near(name, names),
            });
        }
    }
    if table.is_empty() {
        problems.push(Problem::new("`calls` limits nothing").at(place).help(CALLS));
    }
    fields.problems.extend(problems);
    (all, methods)
}

/// What stands for all calls of a run together.
const EVERY_CALL: &str = "*";

const CALLS: &str =
    "a whole number from 0 up, or a table such as `{ \"crm.deal.add\" = 3, \"*\" = 100 }`";

/// The number, or a problem where the runtime could not keep to it.
fn within<T: PartialOrd + Copy>(
    fields: &mut Fields<'_>,
    key: &str,
    (number, place): fields::Placed<T>,
    honoured: RangeInclusive<T>,
    shown: impl Fn(T) -> String,
) -> Option<T> {
    if honoured.contains(&number) {
        return Some(number);
    }
    let (word, bound) = if number > *honoured.end() {
        ("most", *honoured.end())
    } else {
        ("least", *honoured.start())
    };
    let problem = Problem::new(format!("`{key}` is at {word} {}", shown(bound))).at(place);
    fields.problems.push(problem);
    None
}
