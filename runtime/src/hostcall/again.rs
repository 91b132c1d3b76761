//! A run that is made again from its past: each call that it asks for has to be the one that it asked for before, and is answered
//! as it was. Asked by `hostcall` before anything else is. It must never reach a service: what has no answer in the past is left
//! to the road, where the run goes on, or ends a replay.

use super::{
    call::Call,
    changes::PlannedChange,
    halt::{Divergence, Halt},
    sources::Sources,
    tally::Tally,
};
use crate::{
    journal::{
        Journal,
        entry::Spent,
        ledger::LedgerError,
        past::{Intended, Past, PastCall, PastEnd, PastQuestion},
    },
    made::{CallMade, CallResult},
};
use std::time::Duration;

/// The past of one run.
#[derive(Debug)]
pub(crate) struct Again {
    past: Past,
    journal: Journal,
    goes_on: bool,
    until: Option<u32>,
    outside: Option<PastEnd>,
}

/// What the past says of a call.
#[derive(Debug)]
pub(crate) enum Before {
    /// The answer that it had; and the call as the outcome lists it, where the run goes on.
    Answered(String, Option<Box<CallMade>>),
    /// It was asked for and had none.
    Open(Box<OpenCall>),
    /// It was asked for, and the run ended before it had an answer.
    Unanswered,
    /// Nothing.
    Nothing,
}

/// What was done about a call that had no answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenCall {
    /// Who was asked about it.
    pub(crate) question: Option<PastQuestion>,
    /// What it has to be, where a plan is carried out.
    pub(crate) planned: Option<PlannedChange>,
    /// Whether it was about to be sent, and may have been made. Its service knows it by a name.
    pub(crate) may_be_made: bool,
}

impl Again {
    pub(crate) fn new(
        past: Past,
        journal: Journal,
        goes_on: bool,
        until: Option<u32>,
        outside: Option<PastEnd>,
    ) -> Self {
        Self {
            past,
            journal,
            goes_on,
            until,
            outside,
        }
    }

    /// How the run was ended, where it did not end by itself. Where that was between two things that its tape has is on no tape.
    pub(crate) fn outside(&self) -> Option<&PastEnd> {
        self.outside.as_ref()
    }

    /// What the run had used when it was parked, the first time that it asks for something new.
    pub(crate) fn goes_on(&mut self) -> Option<Spent> {
        self.past.spent.take()
    }

    /// Whether the run goes on where its past ends.
    pub(crate) fn may_go_on(&self) -> bool {
        self.goes_on
    }

    /// Whether the run could call services.
    pub(crate) fn had_services(&self) -> bool {
        self.past.begun.caller.is_some()
    }

    /// The refusal that a request of this number had, where it was refused before anybody looked what it asks for.
    pub(crate) fn unread(&mut self, number: u32) -> Result<Option<String>, LedgerError> {
        if self.until.is_some_and(|until| number > until) {
            return Ok(None);
        }
        match self.past.unread.remove(&number) {
            Some(reply) => reply.read(&self.journal).map(Some),
            None => Ok(None),
        }
    }

    /// The first call of the past that a replay has not asked for.
    pub(crate) fn left(&self) -> Result<Option<Divergence>, LedgerError> {
        let Some((number, was)) = self.past.calls.first_key_value() else {
            return Ok(None);
        };
        let params = was.params.read(&self.journal)?;
        let shown = Divergence::shown(&was.service, &was.method, &params);
        Ok(Some(Divergence {
            call: *number,
            now: "not made".to_owned(),
            was: format!("was {shown}"),
        }))
    }

    /// The call of this number, as it was.
    pub(crate) fn before(&mut self, call: &Call) -> Result<Before, AgainError> {
        let number = call.number();
        if self.until.is_some_and(|until| number > until) {
            return Err(Halt::RecordingEnds.into());
        }
        let Some(mut was) = self.past.calls.remove(&number) else {
            if self.goes_on {
                return Ok(Before::Nothing);
            }
            return Err(match self.past.ended {
                Some(_) if self.outside.is_none() => diverged(call, "was not made").into(),
                _ => Halt::RecordingEnds.into(),
            });
        };
        self.is_same(&was, call)?;
        match was.reply.take() {
            Some(reply) => {
                let reply = reply.read(&self.journal)?;
                let made = self
                    .goes_on
                    .then(|| Box::new(was_made(number, was, &reply)));
                Ok(Before::Answered(reply, made))
            }
            None if self.goes_on => Ok(Before::Open(Box::new(OpenCall {
                question: was.question,
                planned: None,
                may_be_made: was.intended != Intended::No,
            }))),
            // The run ended while it was under way, or was never waited for.
            None if self.past.ended.is_some() => Ok(Before::Unanswered),
            None => Err(Halt::RecordingEnds.into()),
        }
    }

    fn is_same(&self, was: &PastCall, call: &Call) -> Result<(), AgainError> {
        if was.service == call.service()
            && was.method == call.method()
            && was.params.is(call.params())
        {
            return Ok(());
        }
        let params = was.params.read(&self.journal)?;
        let shown = Divergence::shown(&was.service, &was.method, &params);
        Err(diverged(call, &format!("was {shown}")).into())
    }

    /// How often methods were called by then, and how often people were asked.
    pub(crate) fn count(&self, tally: &Tally, sources: &Sources) -> u64 {
        for called in self.past.calls.values() {
            // One that has no answer is made yet, and counted then.
            let is_made = called
                .reply
                .as_ref()
                .is_some_and(|reply| !reply.is_refusal());
            if is_made && called.source {
                sources.add(&called.service, &called.method);
            }
            if is_made {
                tally.again(&called.service, &called.method);
            }
        }
        let asked = self.past.calls.values().filter(|called| called.asked);
        asked.count() as u64
    }
}

/// A call of the past, as the outcome lists it. How long it took is not known.
fn was_made(call: u32, was: PastCall, reply: &str) -> CallMade {
    let (result, code) = match serde_json::from_str(reply) {
        Ok(_) if was.planned.is_some() => (CallResult::Planned, None),
        Ok(reply) => CallResult::of(&reply),
        Err(_) => (CallResult::Open, None),
    };
    CallMade {
        call,
        service: was.service,
        method: was.method,
        effect: was.effect,
        verdict: was.verdict,
        policies: was.policies,
        result,
        code,
        undo: was.undo,
        began: None,
        took: Duration::ZERO,
    }
}

fn diverged(call: &Call, was: &str) -> Halt {
    Halt::Diverged(Box::new(Divergence {
        call: call.number(),
        now: Divergence::shown(call.service(), call.method(), call.params().get()),
        was: was.to_owned(),
    }))
}

/// Why a call of the past cannot be had again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgainError {
    #[error(transparent)]
    Halt(#[from] Halt),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
