//! What the journal has a line for: everything that a run was given, asked for, was told, and did. Written by `record` and by
//! whoever answers a question; read for a replay, and shown. A line of a later version must be refused and never passed over.

use super::{digest::Digest, id::Id};
use crate::recorder::Tape;
use sandgate_policy::{ContextNumber, Effect, Principal, PrincipalError, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Stands before every line; a reader knows the versions up to this.
const VERSION: u8 = 1;
/// Bytes that most entries do not need more of.
pub(super) const USUAL: usize = 1 << 10;
/// Bytes of a file beside its path.
pub(super) const FILE: usize = 100;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry<'a> {
    /// A run begins.
    #[serde(borrow)]
    Begun(Box<Begun<'a>>),
    /// What is nondeterministic and the run was given since the last such line.
    Given(GivenEntry),
    /// Standard input that came while it ran, in hexadecimal digits.
    Input(Cow<'a, str>),
    /// The next script of a session.
    Script {
        /// What tracebacks call it.
        name: Cow<'a, str>,
        /// Its text.
        source: Cow<'a, str>,
    },
    /// A script of a session has come to its end.
    ScriptEnded {
        /// Whether it was interrupted on the way, at a moment that is on no tape.
        #[serde(skip_serializing_if = "is_not", default)]
        interrupted: bool,
        /// Bytes that the session has written to its standard output.
        stdout: u64,
        /// And to its standard error.
        stderr: u64,
    },
    /// The script asks for a call.
    Called {
        /// Its number in the run.
        call: u32,
        /// The service that it names.
        service: Cow<'a, str>,
        /// The method.
        method: Cow<'a, str>,
        /// What it gave, as it gave it.
        #[serde(borrow)]
        params: Held<'a>,
    },
    /// The policies decided.
    Decided(DecidedEntry<'a>),
    /// A person has to agree.
    Asked(Asked<'a>),
    /// What they said.
    Answered {
        /// About which call.
        call: u32,
        /// Which question, where it was asked of somebody who was not there.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        approval: Option<Id>,
        /// What it was.
        answer: Said,
        /// How many have agreed by now.
        #[serde(skip_serializing_if = "is_zero", default)]
        agreed: u32,
        /// How many have to.
        #[serde(skip_serializing_if = "is_zero", default)]
        needed: u32,
        /// Who said it.
        by: Cow<'a, str>,
        /// Why, where they say.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        because: Option<Cow<'a, str>>,
        /// Whether it came over the agent's own connection.
        #[serde(skip_serializing_if = "is_not", default)]
        in_band: bool,
    },
    /// A change is about to be sent.
    Intended {
        /// Which call.
        call: u32,
        /// Exactly what is sent.
        #[serde(borrow)]
        params: Held<'a>,
        /// Which question, where somebody who was not there agreed to it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        approval: Option<Id>,
        /// What a service that is asked twice can know it by.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        key: Option<Cow<'a, str>>,
    },
    /// A call is planned, and not made.
    Planned {
        /// Which call.
        call: u32,
        /// Exactly what would be sent.
        #[serde(borrow)]
        params: Held<'a>,
    },
    /// What the script was answered, as it was given it.
    Replied {
        /// Which call.
        call: u32,
        /// The answer: a result, an error of the service, or a refusal.
        #[serde(borrow)]
        reply: Held<'a>,
    },
    /// A person says what became of a change whose answer is not known.
    Resolved {
        /// Which call.
        call: u32,
        /// What the script is told.
        #[serde(borrow)]
        reply: Held<'a>,
        /// Who says so.
        by: Cow<'a, str>,
    },
    /// A change that may have been made, and that its service would know again, would not be made today, so it was not sent again: only
    /// a person can tell.
    Withheld {
        /// Which call.
        call: u32,
    },
    /// The run waits for people and is nowhere else than here.
    Parked(Spent),
    /// It goes on.
    Resumed,
    /// It has ended.
    Ended(Box<EndedEntry<'a>>),
    /// What was before a line was removed, as old as it was. The next line follows it in the chain.
    Pruned {
        /// The last line that was removed.
        through: u64,
        /// Its hash.
        hash: Digest,
    },
}

/// What a run was made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun<'a> {
    /// The text of the script.
    pub script: Digest,
    /// What tracebacks call it.
    pub name: Cow<'a, str>,
    /// Its arguments.
    pub arguments: Vec<Cow<'a, str>>,
    /// Its environment.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub environment: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The zone of its local time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub zone: Option<Cow<'a, str>>,
    /// Its standard input, where it was given whole.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stdin: Option<Digest>,
    /// What was in its workspace, by path, and when it was changed last, in nanoseconds since 1970.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<(Cow<'a, str>, Digest, u64)>,
    /// Why it cannot be replayed, where it cannot.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub once: Option<Cow<'a, str>>,
    /// On whose behalf, where it may call services.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caller: Option<RunCaller<'a>>,
    /// The interpreter.
    pub image: Cow<'a, str>,
    /// Its limits.
    pub limits: RunLimits,
    /// Where its random bytes come from.
    pub seed: Cow<'a, str>,
    /// What its clock showed, in milliseconds since 1970.
    pub started_ms: u64,
    /// Whether its clock stood still.
    pub frozen: bool,
    /// Whether others follow in the same interpreter.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub session: bool,
    /// The run whose plan it carries out, or whose changes it undoes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<Purpose>,
    /// Who agreed to the plan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agreed: Option<PlanApprover<'a>>,
    /// What whoever asked for it knows it by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<Digest>,
}

impl Begun<'_> {
    /// The same, of nobody's text.
    pub(crate) fn owned(&self) -> Begun<'static> {
        let own = |text: &Cow<'_, str>| Cow::Owned(text.to_string());
        Begun {
            script: self.script,
            name: own(&self.name),
            arguments: self.arguments.iter().map(own).collect(),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| (own(name), own(value)))
                .collect(),
            zone: self.zone.as_ref().map(own),
            stdin: self.stdin,
            files: self
                .files
                .iter()
                .map(|(path, digest, modified)| (own(path), *digest, *modified))
                .collect(),
            once: self.once.as_ref().map(own),
            caller: self.caller.as_ref().map(|caller| RunCaller {
                context: own(&caller.context),
                actor: own(&caller.actor),
                user: caller.user.as_ref().map(own),
                claims: caller.claims.iter().map(own).collect(),
                policies: own(&caller.policies),
            }),
            image: own(&self.image),
            limits: self.limits,
            seed: own(&self.seed),
            started_ms: self.started_ms,
            frozen: self.frozen,
            session: self.session,
            of: self.of,
            agreed: self.agreed.as_ref().map(|agreed| PlanApprover {
                name: own(&agreed.name),
                claims: agreed.claims.iter().map(own).collect(),
            }),
            request: self.request,
        }
    }

    /// The texts beside the journal that it speaks of.
    pub(super) fn texts(&self) -> Vec<Digest> {
        let files = self.files.iter().map(|(_, digest, _)| *digest);
        let given = self.stdin.into_iter().chain(files);
        std::iter::once(self.script).chain(given).collect()
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let arguments = self.arguments.iter().map(|argument| argument.len());
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| name.len().saturating_add(value.len()));
        let files = self
            .files
            .iter()
            .map(|(path, ..)| path.len().saturating_add(FILE));
        let claims = self.caller.iter().flat_map(|caller| &caller.claims);
        let all = arguments.chain(environment).chain(files);
        all.chain(claims.map(|claim| claim.len()))
            .fold(USUAL.saturating_add(self.name.len()), usize::saturating_add)
    }

    /// Who asks for its calls: the person, or the program.
    pub(crate) fn requester(&self) -> Option<&str> {
        let caller = self.caller.as_ref()?;
        Some(caller.user.as_ref().unwrap_or(&caller.actor))
    }
}

/// What a run is for, where it is not a script's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Purpose {
    /// Changes are written down and not made.
    Plan,
    /// The changes of this plan, and no others, are made.
    Carry(Id),
    /// The changes of this run are undone.
    Undo(Id),
    /// One call.
    Call,
}

/// On whose behalf a run was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunCaller<'a> {
    /// The context.
    pub context: Cow<'a, str>,
    /// Which program of it.
    pub actor: Cow<'a, str>,
    /// The person behind it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<Cow<'a, str>>,
    /// What they are entitled to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub claims: Vec<Cow<'a, str>>,
    /// The policies, limits and interfaces that were in force when it began.
    pub policies: Cow<'a, str>,
}

impl RunCaller<'_> {
    /// The same in the terms of policies: in a context that may be called otherwise today, while services know it by this number.
    pub fn principal(
        &self,
        context: &str,
        number: ContextNumber,
    ) -> Result<Principal, PrincipalError> {
        let principal = Principal::new(context, number, &self.actor)?;
        let principal = match &self.user {
            Some(user) => principal.with_user(user)?,
            None => principal,
        };
        principal.with_claims(self.claims.iter().map(AsRef::as_ref))
    }
}

/// Who agreed to a plan. It counts for the calls of the plan whenever they are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanApprover<'a> {
    /// What they are called.
    pub name: Cow<'a, str>,
    /// What they were found to be entitled to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub claims: Vec<Cow<'a, str>>,
}

/// What a run might consume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunLimits {
    /// Wall time in milliseconds.
    pub wall_ms: u64,
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// Linear memory.
    pub memory: u64,
    /// Output that is kept.
    pub output: u64,
    /// Bytes in its workspace.
    pub workspace_bytes: u64,
    /// Files in it.
    pub workspace_files: u64,
    /// Whether it has one.
    pub workspace: bool,
    /// Calls.
    pub calls: u64,
}

/// Readings of clocks, and how waits ended, as a [`Tape`] has them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenEntry {
    /// Readings.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub readings: Vec<(u64, u64)>,
    /// Waits.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waits: Vec<(u32, u64)>,
}

impl GivenEntry {
    /// Goes on with a tape.
    pub(crate) fn onto(self, tape: &mut Tape) {
        tape.readings.extend(self.readings);
        tape.waits.extend(self.waits);
    }
}

/// A decision.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecidedEntry<'a> {
    /// About which call.
    pub call: u32,
    /// What it was.
    pub verdict: Verdict,
    /// What calling the method does.
    pub effect: Effect,
    /// The policies that decided.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub policies: Vec<Cow<'a, str>>,
    /// Their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub because: Vec<Cow<'a, str>>,
    /// What this run had read from then, of what is marked as a source.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub read_from: Vec<Cow<'a, str>>,
    /// Whether what the method returns is marked as a source.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub source: bool,
    /// The method that would undo it, where one is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo: Option<Cow<'a, str>>,
    /// Policies, limits and interfaces, by their digest.
    pub hash: Cow<'a, str>,
    /// When the script made the call, in milliseconds since 1970.
    pub at: u64,
}

/// A question to a person.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked<'a> {
    /// About which call.
    pub call: u32,
    /// What it is called, where nobody was there to answer it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval: Option<Id>,
    /// Exactly what would be sent.
    #[serde(borrow)]
    pub params: Held<'a>,
    /// What an answer is bound to.
    pub binding: Digest,
    /// How many have to agree, where nobody was there to answer it.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub needed: u32,
    /// Until when it can be answered, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<u64>,
    /// What calling the method does, for whoever was not there when it was decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effect: Option<Effect>,
    /// Why the policies want a person to look, for the same.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub because: Vec<Cow<'a, str>>,
}

/// What a person said, or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It may be made.
    Yes,
    /// It may not.
    No,
    /// Nobody said anything in time.
    Expired,
    /// The run ended without it.
    Withdrawn,
}

/// What a run had used when it was parked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Bytes of standard output that somebody may have seen.
    pub stdout: u64,
    /// Bytes of standard error.
    pub stderr: u64,
}

/// How a run ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedEntry<'a> {
    /// In one word.
    pub status: Cow<'a, str>,
    /// What a process would have exited with.
    pub exit_code: i32,
    /// A sentence about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Cow<'a, str>>,
    /// Its standard output, as it was kept.
    pub stdout: Digest,
    /// Its standard error.
    pub stderr: Digest,
    /// The value of its last expression, as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<Digest>,
    /// The exception that nobody caught, as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exception: Option<Digest>,
    /// Files that it left in memory, by path, which a replay makes again.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<(Cow<'a, str>, Digest)>,
    /// What it used.
    pub spent: Spent,
}

impl EndedEntry<'_> {
    /// The texts beside the journal that it speaks of.
    pub(super) fn texts(&self) -> Vec<Digest> {
        let streams = [self.stdout, self.stderr].into_iter();
        let said = self.value.into_iter().chain(self.exception);
        streams.chain(said).collect()
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let files = self
            .files
            .iter()
            .map(|(path, _)| path.len().saturating_add(FILE));
        let reason = self.reason.iter().map(|reason| reason.len());
        files.chain(reason).fold(USUAL, usize::saturating_add)
    }
}

/// JSON that stands here, or is long and stands beside the journal under its digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Held<'a> {
    /// Here.
    #[serde(borrow)]
    Here(&'a RawValue),
    /// Beside.
    Beside(Digest),
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_not(flag: &bool) -> bool {
    !*flag
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It was written by a newer program.
    #[error("it is of version {0}, and versions up to {VERSION} are known")]
    Version(u8),
    /// It is not what any version writes.
    #[error("it cannot be read: {0}")]
    Form(String),
}

impl<'a> Entry<'a> {
    /// The kind of what says where the chain begins.
    pub(crate) const PRUNED: u8 = 15;
    /// The kinds of the first line of a run and of its last.
    pub(super) const BEGUN: u8 = 1;
    pub(super) const ENDED: u8 = 14;

    /// As it is kept.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(USUAL);
        bytes.push(VERSION);
        // Texts and numbers are all that is in it: there is nothing that JSON has no form for.
        if serde_json::to_writer(&mut bytes, self).is_err() {
            bytes.truncate(1);
        }
        bytes
    }

    /// As it was kept.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EntryError> {
        match bytes.split_first() {
            Some((&VERSION, body)) => {
                serde_json::from_slice(body).map_err(|error| EntryError::Form(error.to_string()))
            }
            Some((version, _)) => Err(EntryError::Version(*version)),
            None => Err(EntryError::Form("it is empty".to_owned())),
        }
    }

    /// Which kind it is, as filters name it. The numbers are kept, and never change their meaning.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Begun(_) => Self::BEGUN,
            Self::Given(_) => 2,
            Self::Input(_) => 3,
            Self::Script { .. } => 4,
            Self::Called { .. } => 5,
            Self::Decided(_) => 6,
            Self::Asked(_) => 7,
            Self::Answered { .. } => 8,
            Self::Intended { .. } => 9,
            Self::Replied { .. } => 10,
            Self::Resolved { .. } => 11,
            Self::Parked(_) => 12,
            Self::Resumed => 13,
            Self::Ended(_) => Self::ENDED,
            Self::Pruned { .. } => Self::PRUNED,
            Self::Planned { .. } => 16,
            Self::Withheld { .. } => 17,
            Self::ScriptEnded { .. } => 18,
        }
    }

    /// The texts beside the journal that it speaks of.
    pub(crate) fn texts(&self) -> Vec<Digest> {
        let held = |held: &Held<'_>| match held {
            Held::Here(_) => None,
            Held::Beside(digest) => Some(*digest),
        };
        match self {
            Self::Begun(begun) => begun.texts(),
            Self::Called { params, .. }
            | Self::Planned { params, .. }
            | Self::Intended { params, .. } => held(params).into_iter().collect(),
            Self::Asked(asked) => held(&asked.params).into_iter().collect(),
            Self::Replied { reply, .. } | Self::Resolved { reply, .. } => {
                held(reply).into_iter().collect()
            }
            Self::Ended(ended) => ended.texts(),
            Self::Given(_)
            | Self::Input(_)
            | Self::Script { .. }
            | Self::ScriptEnded { .. }
            | Self::Decided(_)
            | Self::Answered { .. }
            | Self::Withheld { .. }
            | Self::Parked(_)
            | Self::Resumed
            | Self::Pruned { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests;
