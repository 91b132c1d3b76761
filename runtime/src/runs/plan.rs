//! A plan: a script whose reads were made and whose changes were written down, and its carrying out, in which each change has to be
//! the one that was planned. It must never be taken for more than it is: what a script would have done with other answers is
//! not in it.

use super::{PastRun, PastRunError};
use crate::{
    approvals::Answerer,
    cancel::Cancel,
    context::Context,
    hostcall::changes::{Carrying, Changes, PlannedChange},
    journal::{
        entry::Purpose,
        id::Id,
        ledger::{Condition, RunFilter, RunRow},
        past::PastCall,
    },
    outcome::Outcome,
    output::Sink,
    recorder::Clock,
    sandbox::{RunAs, RunError, Sandbox},
    script::Script,
};
use sandgate_policy::{Effect, Verdict};
use sandgate_service::{Placeholder, PlaceholderUse};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// What a script would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What it is called, to be carried out.
    pub plan: Id,
    /// Its calls that were not made, in their order.
    pub calls: Vec<PlannedCall>,
}

/// A call that was planned, and not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedCall {
    /// Its number in the run.
    pub call: u32,
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// What calling it does. A read is among them that needs what only the plan has.
    pub effect: Option<Effect>,
    /// What would be sent, with placeholders where it depends on the result of another planned call.
    pub params: String,
    /// What the policies decided.
    pub verdict: Option<Verdict>,
    /// Their reasons.
    pub because: Vec<String>,
    /// The method that would undo it.
    pub undo: Option<String>,
    /// The placeholders that it holds.
    pub uses: Vec<String>,
    /// Those of them that the script made a text of, which is filled in only where it is a text or a whole number.
    pub in_texts: Vec<String>,
}

impl Sandbox {
    /// Makes a plan of a script: its reads are made, its changes are written down and answered with placeholders.
    pub async fn plan(&self, script: Script, context: &Context) -> Result<Outcome, PastRunError> {
        if context.journal().is_none() {
            return Err(PastRunError::NoJournal);
        }
        let run_as = RunAs {
            of: Some(Purpose::Plan),
            changes: Changes::Planned,
            ..RunAs::default()
        };
        Ok(self.run_as(script, context, run_as).await?)
    }
}

impl PastRun {
    /// What it planned, where it is a plan.
    pub fn plan(&self) -> Result<Plan, PastRunError> {
        if self.past.begun.of != Some(Purpose::Plan) {
            return Err(PastRunError::NoPlan(self.row.run));
        }
        let calls = self.past.calls.iter();
        let calls = calls.filter_map(|(number, call)| self.planned(*number, call).transpose());
        Ok(Plan {
            plan: self.row.run,
            calls: calls.collect::<Result<_, _>>()?,
        })
    }

    fn planned(&self, number: u32, call: &PastCall) -> Result<Option<PlannedCall>, PastRunError> {
        let Some(planned) = &call.planned else {
            return Ok(None);
        };
        let params = planned.read(&self.journal)?;
        let value: Value = serde_json::from_str(&params).unwrap_or_default();
        let uses = Placeholder::uses(&value);
        let named = |whole: bool| {
            let mut names: Vec<String> = uses
                .iter()
                .filter(|used| used.whole || !whole)
                .map(|used: &PlaceholderUse| match &used.placeholder {
                    Placeholder::Text(text) => text.clone(),
                    Placeholder::Number(number) => number.to_string(),
                })
                .collect();
            names.dedup();
            names
        };
        let in_texts = uses.iter().filter(|used| !used.whole);
        Ok(Some(PlannedCall {
            call: number,
            service: call.service.clone(),
            method: call.method.clone(),
            effect: call.effect,
            verdict: call.verdict,
            because: call.because.clone(),
            undo: call.undo.clone(),
            uses: named(false),
            in_texts: in_texts.map(|used| used.at.clone()).collect(),
            params,
        }))
    }

    /// Makes its script again, with its changes: each has to be the planned one, with real values in the place of placeholders.
    /// Anything else stops the run before it is sent.
    pub async fn carry_out(
        self,
        sandbox: &Sandbox,
        context: &Context,
        by: &Answerer,
        sink: Option<Arc<dyn Sink>>,
        cancel: Option<Cancel>,
    ) -> Result<Outcome, PastRunError> {
        self.can_be_again()?;
        let claim = self.carrying()?;
        let begun = &self.past.begun;
        let script = Script {
            clock: if begun.frozen {
                Clock::Frozen(begun.started_ms)
            } else {
                Clock::Real
            },
            sink,
            cancel,
            ..self.script()?
        };
        let run_as = RunAs {
            of: Some(Purpose::Carry(self.row.run)),
            changes: self.carried(by)?,
            seed: Some(self.past.tape.seed),
            claim: Some(claim),
            ..RunAs::default()
        };
        match sandbox.run_as(script, context, run_as).await {
            // Another was first, and is looked for again.
            Err(RunError::Taken) => Err(self
                .carrying()
                .err()
                .unwrap_or(PastRunError::Taken(self.row.run))),
            outcome => Ok(outcome?),
        }
    }

    /// What has to hold for it to be carried out: that it is not, and was not. THREAT[APR-02]: a run that carried it out and made no
    /// change did not.
    fn carrying(&self) -> Result<Condition, PastRunError> {
        let of = Purpose::Carry(self.row.run);
        let runs = self.journal.runs(&RunFilter {
            of: Some(of),
            ..RunFilter::default()
        })?;
        let carries = |row: &&RunRow| row.ended.is_none() || row.counts.changes > 0;
        match runs.iter().find(carries) {
            Some(row) => Err(PastRunError::Carried {
                plan: self.row.run,
                run: row.run,
                status: row.status.clone(),
            }),
            None => Ok(Condition::Runs {
                of,
                all: runs.len() as u64,
                over: runs.len() as u64,
            }),
        }
    }

    /// The changes of a plan, to be carried out.
    pub(super) fn carried(&self, by: &Answerer) -> Result<Changes, PastRunError> {
        if self.past.begun.of != Some(Purpose::Plan) || self.past.ended.is_none() {
            return Err(PastRunError::NoPlan(self.row.run));
        }
        let mut changes = Vec::new();
        for call in self.past.calls.values() {
            let (Some(planned), Some(reply)) = (&call.planned, &call.reply) else {
                continue;
            };
            if call.effect == Some(Effect::Read) {
                continue;
            }
            let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::Null);
            let mut reply: Value = json(reply.read(&self.journal)?);
            changes.push(PlannedChange {
                service: call.service.clone(),
                method: call.method.clone(),
                params: json(planned.read(&self.journal)?),
                placeholder: reply.get_mut("ok").map(Value::take).unwrap_or_default(),
            });
        }
        let requester = self.past.begun.requester().map(ToOwned::to_owned);
        Ok(Changes::Carried(Carrying::new(
            self.row.run,
            by.clone(),
            requester,
            changes,
        )))
    }
}
