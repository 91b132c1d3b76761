//! What `limits.toml` says of approvals: how many people must agree, who they may be, for how long they are waited for,
//! and who is told. Read by the parser of limits. It must never take a line that would leave a question with nobody who
//! could answer it, or one that changes nothing.

use super::{ContextLimits, duration_between, within};
use crate::{
    fields::{self, Fields, Placed},
    name::{WORD, is_word},
    problem::Problem,
};
use serde::Serialize;
use std::{collections::BTreeSet, time::Duration};
use toml::de::DeValue;

/// Who is told of a pending approval, so that nobody has to look for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalHook {
    /// A program with its arguments, started without a shell.
    Program {
        /// What is started.
        program: String,
        /// What it is given.
        arguments: Vec<String>,
    },
    /// Where the question is posted.
    Url(String),
}

/// How the person at an agent's own client is asked about calls that wait. An answer from there comes over the agent's connection, and
/// is weaker evidence of a person than one at a terminal or at the desk. Where nothing is said it is a form for what removes
/// nothing, and the desk for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InBand {
    /// Not at all.
    Off,
    /// By a form, about all that one can show whole.
    Form,
    /// By the address of the desk, where they answer with a token of their own.
    Url,
}

/// The lines about approvals, as they are part of [`ContextLimits`].
#[derive(Default)]
pub(super) struct ApprovalTerms {
    pub(super) approvals: Option<u64>,
    pub(super) approvers: BTreeSet<String>,
    pub(super) expires: Option<Duration>,
    pub(super) hook: Option<ApprovalHook>,
    pub(super) in_band: Option<InBand>,
}

/// As many claims as a caller can have.
const MOST_APPROVERS: usize = 32;
/// More than any notice needs, and less than a process may be given.
const MOST_ARGUMENTS: usize = 64;
const LONGEST_WORD: usize = 4096;

const PEOPLE: &str = "true, false or how many people must agree";
const APPROVERS: &str = "a list of claims such as [\"crm.manager\"]";
const IN_BAND: &str = "\"off\", \"form\" or \"url\"";
const HOOK: &str = "a program with its arguments such as [\"notify-send\", \"sandgate\"], or a URL";

pub(super) fn approval_terms(fields: &mut Fields<'_>) -> ApprovalTerms {
    let approvals = approvals(fields);
    let approvers = fields.read("approvers", APPROVERS, fields::texts);
    let expires = duration_between(fields, "approval_expires", ContextLimits::APPROVAL_EXPIRES);
    let hook = hook(fields);
    let in_band = fields.read("approval_in_band", IN_BAND, |value| {
        match value.as_str()? {
            "off" => Some(InBand::Off),
            "form" => Some(InBand::Form),
            "url" => Some(InBand::Url),
            _ => None,
        }
    });
    if approvals == Some(0) {
        for key in [
            "approvers",
            "approval_expires",
            "on_approval",
            "approval_in_band",
        ] {
            // Any value: the line is what is wrong.
            if let Some(((), place)) = fields.read(key, "", |_| Some(())) {
                let problem =
                    Problem::new(format!("`{key}` changes nothing: `approvals` is false"));
                let help = format!("remove `{key}`, or let calls wait for a person");
                fields.problems.push(problem.at(place).help(help));
            }
        }
    }
    ApprovalTerms {
        approvals,
        approvers: approvers.map_or_else(BTreeSet::new, |given| claims(fields, given)),
        expires,
        hook,
        in_band: in_band.map(|(in_band, _)| in_band),
    }
}

/// `false` is nobody and `true` one person, so that there is one way to write each.
fn approvals(fields: &mut Fields<'_>) -> Option<u64> {
    let parse = |value: &DeValue<'_>| match value.as_bool() {
        Some(flag) => Some(Err(u64::from(flag))),
        None => Some(Ok(u64::try_from(fields::integer(value)?).ok()?)),
    };
    let (given, place) = fields.read("approvals", PEOPLE, parse)?;
    match given {
        Err(one_or_none) => Some(one_or_none),
        Ok(0 | 1) => {
            let problem = Problem::new("`approvals` is a number only from 2 up").at(place);
            let help = "write `true` where one person is enough, and `false` where none is asked";
            fields.problems.push(problem.help(help));
            None
        }
        Ok(people) => {
            let honoured = ContextLimits::APPROVALS;
            within(fields, "approvals", (people, place), honoured, |people| {
                people.to_string()
            })
        }
    }
}

fn claims(fields: &mut Fields<'_>, (given, place): Placed<Vec<Placed<&str>>>) -> BTreeSet<String> {
    let mut claims = BTreeSet::new();
    let mut problems = Vec::new();
    match given.len() {
        0 => problems.push(
            Problem::new("`approvers` is empty: nobody could approve")
                .at(place)
                .help("name a claim, or remove `approvers` if anybody may approve"),
        ),
        1..=MOST_APPROVERS => {}
        more => problems.push(
            Problem::new(format!(
                "`approvers` has {more} claims; {MOST_APPROVERS} are the most"
            ))
            .at(place),
        ),
    }
    for (claim, place) in given {
        let shown = claim.escape_debug();
        if !is_word(claim) {
            let problem = Problem::new(format!("nobody can have the claim `{shown}`"));
            problems.push(problem.at(place).help(format!("a claim is {WORD}")));
        } else if !claims.insert(claim.to_owned()) {
            problems.push(Problem::new(format!("`{shown}` is named twice")).at(place));
        }
    }
    fields.problems.extend(problems);
    claims
}

fn hook(fields: &mut Fields<'_>) -> Option<ApprovalHook> {
    let parse = |value: &DeValue<'_>| {
        if let Some(url) = value.as_str() {
            return Some(ApprovalHook::Url(url.to_owned()));
        }
        let mut words = fields::texts(value)?
            .into_iter()
            .map(|(word, _)| word.to_owned());
        Some(ApprovalHook::Program {
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
        })
    };
    let (hook, place) = fields.read("on_approval", HOOK, parse)?;
    let (message, help) = match &hook {
        ApprovalHook::Url(url) if url.starts_with("https://") || url.starts_with("http://") => {
            return Some(hook);
        }
        ApprovalHook::Url(_) => (
            "`on_approval` is no URL".to_owned(),
            "write `https://…`; a program is a list, even without arguments: [\"notify-send\"]",
        ),
        ApprovalHook::Program { program, .. } if program.is_empty() => (
            "`on_approval` names no program".to_owned(),
            "the first of the list is the program",
        ),
        ApprovalHook::Program { program, arguments } => {
            let long = |word: &String| word.len() > LONGEST_WORD || word.contains('\0');
            if arguments.len() > MOST_ARGUMENTS {
                (
                    format!("`on_approval` has more than {MOST_ARGUMENTS} arguments"),
                    "put them into a program of your own",
                )
            } else if long(program) || arguments.iter().any(long) {
                (
                    format!(
                        "a word of `on_approval` is longer than {LONGEST_WORD} bytes, or has a null character"
                    ),
                    "put it into a program of your own",
                )
            } else {
                return Some(hook);
            }
        }
    };
    fields
        .problems
        .push(Problem::new(message).at(place).help(help));
    None
}
