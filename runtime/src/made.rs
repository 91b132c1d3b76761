//! The calls that a run made, as its outcome lists them. Kept while the run goes on. It must never grow with what a script
//! makes: the first thousand are listed, and all are counted.

use sandgate_policy::{Effect, Verdict};
use sandgate_wire::{RefusalCode, Reply};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What the runtime's own methods are called by, which are no calls of a service.
pub const BUILTIN: &str = "sandgate";

/// Calls of a run that are listed.
pub const LISTED_CALLS: usize = 1_000;

/// One call of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallMade {
    /// Its number in the run.
    pub call: u32,
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// What calling it does, where there is such a method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// What the policies decided, where they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The policies that decided.
    pub policies: Vec<String>,
    /// What became of it.
    pub result: CallResult,
    /// The code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<RefusalCode>,
    /// How it can be undone, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// When the script made it, where that was since the run was begun or gone on with.
    #[serde(skip)]
    pub began: Option<Instant>,
    /// How long the script would have waited for it.
    #[serde(rename = "took_us", serialize_with = "micros")]
    pub took: Duration,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    /// It has no answer yet.
    Open,
    /// It has a result.
    Ok,
    /// The service answered with an error.
    Failed,
    /// It was not made, or brought no result.
    Refused,
    /// A person has to agree first.
    Awaiting,
    /// Only planned: it was not sent.
    Planned,
}

impl CallResult {
    /// What a reply says, and the code of a refusal.
    pub(crate) fn of(reply: &Reply) -> (Self, Option<RefusalCode>) {
        match reply {
            Reply::Ok(_) => (Self::Ok, None),
            Reply::Failed { .. } => (Self::Failed, None),
            Reply::Refused { code, .. } => (Self::Refused, Some(*code)),
        }
    }

    /// In one word, as its JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Awaiting => "awaiting",
            Self::Planned => "planned",
        }
    }

    /// The same in words, or the code of the refusal.
    #[must_use]
    pub fn told(self, code: Option<RefusalCode>) -> &'static str {
        match (self, code) {
            (Self::Open, _) => "no answer yet",
            (Self::Ok, _) => "ok",
            (Self::Failed, _) => "failed",
            (Self::Refused, Some(code)) => code.as_str(),
            (Self::Refused, None) => "refused",
            (Self::Awaiting, _) => "waits for approval",
            (Self::Planned, _) => "planned",
        }
    }
}

/// The list of one run.
#[derive(Debug, Default)]
pub(crate) struct CallList {
    calls: Vec<CallMade>,
}

impl CallList {
    pub(crate) fn called(&mut self, call: u32, service: &str, method: &str) {
        if self.lists(service) {
            self.calls.push(CallMade {
                call,
                service: service.to_owned(),
                method: method.to_owned(),
                effect: None,
                verdict: None,
                policies: Vec::new(),
                result: CallResult::Open,
                code: None,
                undo: None,
                began: Some(Instant::now()),
                took: Duration::ZERO,
            });
        }
    }

    /// One that was answered before the run was gone on with.
    pub(crate) fn add(&mut self, made: CallMade) {
        if self.lists(&made.service) {
            self.calls.push(made);
        }
    }

    /// Whether one more call of a service is listed.
    fn lists(&self, service: &str) -> bool {
        service != BUILTIN && self.calls.len() < LISTED_CALLS
    }

    /// The call of a number, if it is listed. Numbers only ever grow.
    pub(crate) fn of(&mut self, call: u32) -> Option<&mut CallMade> {
        let place = self
            .calls
            .binary_search_by_key(&call, |made| made.call)
            .ok()?;
        self.calls.get_mut(place)
    }

    /// It has an answer.
    pub(crate) fn ended(&mut self, call: u32, result: CallResult, code: Option<RefusalCode>) {
        if let Some(made) = self.of(call) {
            if made.result != CallResult::Planned {
                made.result = result;
            }
            made.code = code;
            made.took = made.began.map_or(Duration::ZERO, |began| began.elapsed());
        }
    }

    /// Those before a call.
    pub(crate) fn before(&self, call: u32) -> Vec<CallMade> {
        let calls = self.calls.iter();
        calls.take_while(|made| made.call < call).cloned().collect()
    }

    pub(crate) fn take(&mut self) -> Vec<CallMade> {
        std::mem::take(&mut self.calls)
    }
}

fn micros<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
