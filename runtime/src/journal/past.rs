//! What a run was given and asked for, read back from the journal: for a replay, which touches no service, and for a run that goes
//! on where it was parked. It must never hand out an answer for another call than the one that it was the answer to.

use super::{
    Journal,
    digest::Digest,
    entry::{Begun, Entry, EntryError, Held, Said, Spent},
    id::Id,
    ledger::{LedgerError, REFUSED, RunCounts},
};
use crate::{recorder::Tape, session::NextScript};
use sandgate_policy::{Effect, Verdict};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// All that is known of a run.
#[derive(Debug)]
pub(crate) struct Past {
    /// Which run.
    pub(crate) run: Id,
    /// What it was made of.
    pub(crate) begun: Begun<'static>,
    /// What it was given.
    pub(crate) tape: Tape,
    /// What came in while it ran.
    pub(crate) input: VecDeque<Vec<u8>>,
    /// The calls that it asked for, by their numbers.
    pub(crate) calls: BTreeMap<u32, PastCall>,
    /// Answers to requests that were refused before anybody looked what they ask for, by their numbers.
    pub(crate) unread: BTreeMap<u32, PastText>,
    /// The last line of it that was read.
    pub(crate) last: u64,
    pub(crate) counts: RunCounts,
    /// What it had used when it was parked last.
    pub(crate) spent: Option<Spent>,
    /// The scripts that it ran, where it is a session.
    pub(crate) scripts: PastScripts,
    /// How it ended, where it has.
    pub(crate) ended: Option<PastEnd>,
}

/// A call of the past.
#[derive(Debug)]
pub(crate) struct PastCall {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) params: PastText,
    /// What calling the method does, where there is such a method.
    pub(crate) effect: Option<Effect>,
    /// What was decided last.
    pub(crate) verdict: Option<Verdict>,
    /// Whether what the method returns was marked as a source.
    pub(crate) source: bool,
    /// The method that would undo it.
    pub(crate) undo: Option<String>,
    /// What would have been sent, where it was only planned.
    pub(crate) planned: Option<PastText>,
    /// What was sent, where it was a change.
    pub(crate) sent: Option<PastText>,
    /// The policies that decided last.
    pub(crate) policies: Vec<String>,
    /// Their reasons.
    pub(crate) because: Vec<String>,
    /// The question that is or was open about it.
    pub(crate) question: Option<PastQuestion>,
    pub(crate) intended: Intended,
    /// Whether somebody who was there was asked about it.
    pub(crate) asked: bool,
    /// What the script was answered, or is to be.
    pub(crate) reply: Option<PastText>,
}

/// Whether a change was sent, or was about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intended {
    No,
    /// Sent once, or not at all.
    Once,
    /// The service knows it by a name, and makes it once however often it is sent.
    Named,
}

/// The scripts of a session.
#[derive(Debug)]
pub(crate) struct PastScripts {
    pub(crate) all: VecDeque<NextScript>,
    /// Whether the last of them has come to its end.
    pub(crate) is_between: bool,
    pub(crate) were_interrupted: bool,
    /// Bytes that they wrote to both streams.
    pub(crate) written: (u64, u64),
}

impl Default for PastScripts {
    fn default() -> Self {
        Self {
            all: VecDeque::new(),
            is_between: true,
            were_interrupted: false,
            written: (0, 0),
        }
    }
}

/// A question of the past.
#[derive(Debug, Clone)]
pub(crate) struct PastQuestion {
    /// Who has agreed so far.
    pub(crate) agreed: BTreeSet<String>,
    pub(crate) approval: Id,
    pub(crate) binding: Digest,
    pub(crate) expires: u64,
    pub(crate) answer: Option<PastAnswer>,
    /// Whether the call was about to be sent by it.
    pub(crate) is_used: bool,
}

/// What was said.
#[derive(Debug, Clone)]
pub(crate) struct PastAnswer {
    pub(crate) said: Said,
    pub(crate) because: Option<String>,
    /// Whether that is enough.
    pub(crate) enough: bool,
}

/// A text, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PastText {
    Here(Box<str>),
    Beside(Digest),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PastEnd {
    /// In one word.
    pub status: String,
    /// What a process would have exited with.
    pub exit_code: i32,
    /// A sentence about it.
    pub reason: Option<String>,
    /// What it had used.
    pub spent: Spent,
    /// Its output.
    pub stdout: Digest,
    /// The other stream.
    pub stderr: Digest,
    /// The value of the last expression, as JSON.
    pub value: Option<Digest>,
    /// The exception that nobody caught, as JSON.
    pub exception: Option<Digest>,
    /// What it left in memory.
    pub files: Vec<(String, Digest)>,
}

/// Why a run's past cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The journal.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// One of its lines.
    #[error("line {0} of the journal: {1}")]
    Line(u64, #[source] EntryError),
    /// A line that is said to ask a question does not.
    #[error(
        "line {0} of the journal asks no question, and the table of questions says that it does"
    )]
    NoQuestion(u64),
    /// Its beginning is gone.
    #[error("the beginning of the run is not in the journal any more")]
    NoBeginning,
}

impl Past {
    /// Reads a run.
    pub(crate) fn read(journal: &Journal, run: Id) -> Result<Self, PastError> {
        let mut past: Option<Self> = None;
        let next = journal.each(Some(run), 0, |line| {
            let entry =
                Entry::decode(&line.body).map_err(|error| PastError::Line(line.seq, error))?;
            match (&mut past, entry) {
                (None, Entry::Begun(begun)) => past = Some(Self::of(run, &begun)),
                (None, _) => return Err(PastError::NoBeginning),
                (Some(past), entry) => past.add(entry),
            }
            Ok(true)
        })?;
        let mut past = past.ok_or(PastError::NoBeginning)?;
        past.last = next.unwrap_or_default().saturating_sub(1);
        Ok(past)
    }

    fn of(run: Id, begun: &Begun<'_>) -> Self {
        let mut seed = [0; 32];
        let _ = hex::decode_to_slice(begun.seed.as_bytes(), &mut seed);
        Self {
            run,
            tape: Tape {
                seed,
                started_ms: begun.started_ms,
                frozen: begun.frozen,
                ..Tape::default()
            },
            begun: begun.owned(),
            input: VecDeque::new(),
            calls: BTreeMap::new(),
            unread: BTreeMap::new(),
            last: 0,
            counts: RunCounts::default(),
            spent: None,
            ended: None,
            scripts: PastScripts::default(),
        }
    }

    fn add(&mut self, entry: Entry<'_>) {
        self.counts.count(&entry);
        match entry {
            Entry::Given(given) => given.onto(&mut self.tape),
            Entry::Input(digits) => self
                .input
                .push_back(hex::decode(digits.as_bytes()).unwrap_or_default()),
            Entry::Called {
                call,
                service,
                method,
                params,
            } => {
                let called = PastCall {
                    service: service.into_owned(),
                    method: method.into_owned(),
                    params: PastText::of(&params),
                    effect: None,
                    verdict: None,
                    source: false,
                    undo: None,
                    planned: None,
                    sent: None,
                    policies: Vec::new(),
                    because: Vec::new(),
                    question: None,
                    intended: Intended::No,
                    asked: false,
                    reply: None,
                };
                self.calls.insert(call, called);
            }
            Entry::Asked(asked) => {
                if let Some(called) = self.calls.get_mut(&asked.call) {
                    called.asked = true;
                    called.question = asked.approval.map(|approval| PastQuestion {
                        approval,
                        agreed: BTreeSet::new(),
                        binding: asked.binding,
                        expires: asked.expires.unwrap_or_default(),
                        answer: None,
                        is_used: false,
                    });
                }
            }
            Entry::Answered {
                call,
                approval: Some(approval),
                answer,
                agreed,
                needed,
                by,
                because,
                in_band: _,
            } => {
                let question = self
                    .calls
                    .get_mut(&call)
                    .and_then(|called| called.question.as_mut());
                if let Some(question) = question.filter(|asked| asked.approval == approval) {
                    if answer == Said::Yes {
                        question.agreed.insert(by.to_string());
                    }
                    question.answer = Some(PastAnswer {
                        said: answer,
                        because: because.map(|because| because.into_owned()),
                        enough: agreed >= needed,
                    });
                }
            }
            Entry::Planned { call, params } => {
                if let Some(called) = self.calls.get_mut(&call) {
                    called.planned = Some(PastText::of(&params));
                }
            }
            Entry::Intended {
                call,
                key,
                params,
                approval,
            } => {
                if let Some(called) = self.calls.get_mut(&call) {
                    if let Some(question) = &mut called.question {
                        question.is_used = approval == Some(question.approval);
                    }
                    called.sent = Some(PastText::of(&params));
                    called.intended = match key {
                        Some(_) => Intended::Named,
                        None => Intended::Once,
                    };
                }
            }
            Entry::Replied { call, reply } | Entry::Resolved { call, reply, .. } => {
                let reply = PastText::of(&reply);
                match self.calls.get_mut(&call) {
                    Some(called) => called.reply = Some(reply),
                    None => {
                        self.unread.insert(call, reply);
                    }
                }
            }
            Entry::Withheld { call } => {
                if let Some(called) = self.calls.get_mut(&call) {
                    called.intended = Intended::Once;
                }
            }
            Entry::Parked(spent) => self.spent = Some(spent),
            Entry::Ended(ended) => {
                let files = ended.files.iter();
                self.ended = Some(PastEnd {
                    status: ended.status.to_string(),
                    exit_code: ended.exit_code,
                    reason: ended.reason.map(|reason| reason.into_owned()),
                    spent: ended.spent,
                    stdout: ended.stdout,
                    stderr: ended.stderr,
                    value: ended.value,
                    exception: ended.exception,
                    files: files
                        .map(|(path, digest)| (path.to_string(), *digest))
                        .collect(),
                });
            }
            Entry::Decided(decided) => {
                if let Some(called) = self.calls.get_mut(&decided.call) {
                    called.source = decided.source;
                    called.undo = decided.undo.map(|undo| undo.into_owned());
                    called.effect = Some(decided.effect);
                    called.verdict = Some(decided.verdict);
                    let policies = decided.policies.into_iter();
                    called.policies = policies.map(|one| one.into_owned()).collect();
                    let because = decided.because.into_iter();
                    called.because = because.map(|one| one.into_owned()).collect();
                }
            }
            Entry::Script { name, source } => {
                let scripts = &mut self.scripts;
                scripts.all.push_back(NextScript {
                    name: name.into_owned(),
                    source: source.into_owned(),
                });
                scripts.is_between = false;
            }
            Entry::ScriptEnded {
                interrupted,
                stdout,
                stderr,
            } => {
                self.scripts.is_between = true;
                self.scripts.were_interrupted |= interrupted;
                self.scripts.written = (stdout, stderr);
            }
            // A session that was over goes on.
            Entry::Resumed => self.ended = None,
            Entry::Begun(_) | Entry::Answered { approval: None, .. } | Entry::Pruned { .. } => {}
        }
    }

    /// Who has agreed to a question so far.
    pub(crate) fn agreed(&self, approval: Id) -> BTreeSet<String> {
        let questions = self
            .calls
            .values()
            .filter_map(|call| call.question.as_ref());
        let mut asked = questions.filter(|question| question.approval == approval);
        asked
            .next()
            .map(|question| question.agreed.clone())
            .unwrap_or_default()
    }

    /// Questions that are open, or whose answer was not used.
    pub(crate) fn unused(&self) -> impl Iterator<Item = (u32, Id)> {
        self.calls.iter().filter_map(|(call, called)| {
            let question = called.question.as_ref()?;
            let is_over = (question.answer.as_ref()).is_some_and(|answer| answer.said != Said::Yes);
            (called.reply.is_none() && called.intended == Intended::No && !is_over)
                .then_some((*call, question.approval))
        })
    }

    /// Changes that were about to be sent and have no answer: only a person can tell whether they were made. One that its service
    /// knows by a name is sent again, but not after the approval by which it was sent has run out: THREAT[APR-05].
    pub(crate) fn unknown(&self, now: u64) -> impl Iterator<Item = (u32, &PastCall)> {
        let calls = self.calls.iter().filter(move |(_, called)| {
            let has_run_out = |asked: &PastQuestion| asked.is_used && now >= asked.expires;
            let may_be_made = match called.intended {
                Intended::No => false,
                Intended::Once => true,
                Intended::Named => called.question.as_ref().is_some_and(has_run_out),
            };
            may_be_made && called.reply.is_none()
        });
        calls.map(|(call, called)| (*call, called))
    }
}

impl PastCall {
    /// Whether it is a change that was about to be sent, and has no answer.
    pub(crate) fn may_be_made(&self) -> bool {
        self.intended != Intended::No && self.reply.is_none()
    }
}

impl PastText {
    fn of(held: &Held<'_>) -> Self {
        match held {
            Held::Here(json) => Self::Here(json.get().into()),
            Held::Beside(digest) => Self::Beside(*digest),
        }
    }

    /// The text itself.
    pub(crate) fn read(&self, journal: &Journal) -> Result<String, LedgerError> {
        match self {
            Self::Here(text) => Ok(text.to_string()),
            Self::Beside(digest) => journal.json(*digest),
        }
    }

    /// Whether it says that a call has a result.
    pub(crate) fn is_ok(&self) -> bool {
        match self {
            Self::Here(text) => text.starts_with("{\"ok\":"),
            // Refusals and errors are short.
            Self::Beside(_) => true,
        }
    }

    /// Whether it says that a call was refused. Refusals are short.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Here(text) if text.starts_with(REFUSED))
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, json: &RawValue) -> bool {
        match self {
            Self::Here(text) => **text == *json.get(),
            Self::Beside(digest) => Digest::of(json.get().as_bytes()) == *digest,
        }
    }
}
