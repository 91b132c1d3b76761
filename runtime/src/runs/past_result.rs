//! What has come of a run so far, for whoever started it and was not there when it ended. It is told to nobody else: a run belongs to
//! its context, its actor and its user. THREAT[APR-04]

use super::{PastRun, PastRunError};
use crate::journal::{
    AWAITING, RUNNING,
    digest::Digest,
    id::Id,
    ledger::{ApprovalFilter, ApprovalState, RunCounts},
    past::{Intended, PastText},
};
use sandgate_policy::{Effect, Principal};
use sandgate_wire::{Exception, Value};
use serde::Serialize;

/// What has come of it.
#[derive(Debug, Serialize)]
pub struct PastResult {
    /// Which run.
    pub run: Id,
    /// How it stands, in one word.
    pub status: String,
    /// What a process would have exited with, where it has ended.
    pub exit_code: Option<i32>,
    /// What it printed, where it has ended.
    pub stdout: String,
    /// The other stream.
    pub stderr: String,
    /// The value of its last expression.
    pub value: Option<Value>,
    /// The exception that nobody caught.
    pub exception: Option<Exception>,
    /// Its calls that changed something, or wait.
    pub calls: Vec<PastCallResult>,
    /// How much it did. Not among the rest: what it called has the same name.
    pub counts: RunCounts,
    /// Questions that nobody has answered.
    pub approvals: Vec<Id>,
}

/// A call that changed something, or waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastCallResult {
    /// Its number.
    pub call: u32,
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// What came of it: `made`, `refused`, `waits` or `unknown`.
    pub result: &'static str,
}

impl PastResult {
    /// Whether it has ended: nothing more comes of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        ![RUNNING, AWAITING].contains(&self.status.as_str())
    }
}

impl PastRun {
    /// Whether somebody is who started it.
    #[must_use]
    pub fn belongs_to(&self, principal: &Principal) -> bool {
        self.past.begun.caller.as_ref().is_some_and(|caller| {
            caller.context == principal.context().as_str()
                && caller.actor == principal.actor()
                && caller.user.as_deref() == principal.user()
        })
    }

    /// What has come of it so far.
    pub fn result(&self) -> Result<PastResult, PastRunError> {
        let ended = self.past.ended.as_ref();
        let text = |digest: Option<Digest>| match digest {
            Some(digest) => self.text(digest),
            None => Ok(String::new()),
        };
        let value = text(ended.and_then(|ended| ended.value))?;
        let exception = text(ended.and_then(|ended| ended.exception))?;
        let filter = ApprovalFilter {
            run: Some(self.row.run),
            ..ApprovalFilter::default()
        };
        let open = self.journal.approvals(&filter)?;
        let open = open
            .iter()
            .filter(|row| row.state == ApprovalState::Pending);
        Ok(PastResult {
            run: self.row.run,
            status: self.row.status.clone(),
            exit_code: ended.map(|ended| ended.exit_code),
            stdout: text(ended.map(|ended| ended.stdout))?,
            stderr: text(ended.map(|ended| ended.stderr))?,
            value: serde_json::from_str(&value).ok(),
            exception: serde_json::from_str(&exception).ok(),
            calls: self.changes(),
            counts: self.row.counts,
            approvals: open.map(|row| row.approval).collect(),
        })
    }

    fn changes(&self) -> Vec<PastCallResult> {
        let calls = self.past.calls.iter();
        let changes =
            calls.filter(|(_, call)| call.effect.is_some_and(|effect| effect != Effect::Read));
        changes
            .map(|(number, call)| PastCallResult {
                call: *number,
                service: call.service.clone(),
                method: call.method.clone(),
                result: match (&call.reply, call.intended) {
                    (Some(reply), _) if reply.is_ok() => "made",
                    (Some(PastText::Here(_) | PastText::Beside(_)), _) => "refused",
                    (None, Intended::No) => "waits",
                    // Also where somebody had agreed to it.
                    (None, Intended::Once | Intended::Named) => "unknown",
                },
            })
            .collect()
    }
}
