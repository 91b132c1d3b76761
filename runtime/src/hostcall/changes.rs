//! What becomes of the changes that a script asks for: they are sent; or they are planned, written down and answered with
//! placeholders; or those of a plan are carried out, and nothing else. Asked by `hostcall`. A change that differs from its plan in
//! anything must never be sent.

use super::{
    call::Call,
    gate::{Stop, terms},
    halt::{Divergence, Halt},
    reach::Reach,
};
use crate::{
    approvals::{Answerer, AskedQuestion, decide},
    journal::{id::Id, ledger::ApprovalState, now_ms},
};
use sandgate_policy::{ContextLimits, Effect};
use sandgate_service::{Bindings, Placeholder};
use serde_json::{Value, value::RawValue};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What becomes of them.
#[derive(Debug, Default)]
pub(crate) enum Changes {
    /// They are sent.
    #[default]
    Sent,
    /// They are written down.
    Planned,
    /// Those of a plan are sent.
    Carried(Carrying),
}

/// A plan that is carried out.
#[derive(Debug)]
pub(crate) struct Carrying {
    plan: Id,
    /// Who agreed to it.
    by: Answerer,
    /// Who asks for its calls.
    requester: Option<String>,
    state: Mutex<CarryingState>,
}

#[derive(Debug)]
struct CarryingState {
    left: VecDeque<PlannedChange>,
    bindings: Bindings,
}

/// A change as it was planned.
#[derive(Debug, Clone)]
pub(crate) struct PlannedChange {
    pub(crate) service: String,
    pub(crate) method: String,
    /// What would have been sent, with placeholders.
    pub(crate) params: Value,
    /// What it was answered with.
    pub(crate) placeholder: Value,
}

/// What the word of whoever agreed to a plan is worth for one of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlanWord {
    /// Nothing: the context would not let them answer a question about it.
    Nothing,
    /// They are one of several who have to agree.
    One,
    /// It is enough.
    Enough,
}

impl Carrying {
    pub(crate) fn new(
        plan: Id,
        by: Answerer,
        requester: Option<String>,
        changes: Vec<PlannedChange>,
    ) -> Self {
        Self {
            plan,
            by,
            requester,
            state: Mutex::new(CarryingState {
                left: changes.into(),
                bindings: Bindings::default(),
            }),
        }
    }

    /// The same rule as for an answer to a question about the call.
    fn word(&self, limits: &ContextLimits) -> PlanWord {
        let (needed, _) = terms(limits);
        let question = AskedQuestion {
            state: ApprovalState::Pending,
            needed,
            expires: u64::MAX,
            agreed: &BTreeSet::new(),
            requester: self.requester.as_deref(),
            approvers: &limits.approvers,
        };
        match decide(&question, &self.by, true, now_ms()) {
            // Where no call that needs approval is made at all, nobody's word is.
            _ if needed == 0 => PlanWord::Nothing,
            Ok((ApprovalState::Approved, _)) => PlanWord::Enough,
            Ok(_) => PlanWord::One,
            Err(_) => PlanWord::Nothing,
        }
    }

    fn state(&self) -> MutexGuard<'_, CarryingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changes {
    /// Whether nothing that changes anything is sent.
    pub(crate) fn are_planned(&self) -> bool {
        matches!(self, Self::Planned)
    }

    /// The planned change that a call has to be, where it is one. They come in the order of the plan.
    pub(crate) fn next(&self, reach: &Reach, call: &Call) -> Result<Option<PlannedChange>, Halt> {
        let Self::Carried(carrying) = self else {
            return Ok(None);
        };
        match reach.effect(call) {
            None | Some(Effect::Read) => return Ok(None),
            Some(Effect::Write | Effect::Destroy) => {}
        }
        let params = call.params().get();
        let off_plan = |was: String| {
            Halt::OffPlan(Box::new(Divergence {
                call: call.number(),
                now: Divergence::shown(call.service(), call.method(), params),
                was,
            }))
        };
        match carrying.state().left.pop_front() {
            Some(next) if next.service == call.service() && next.method == call.method() => {
                Ok(Some(next))
            }
            Some(next) => {
                let planned =
                    Divergence::shown(&next.service, &next.method, &next.params.to_string());
                Err(off_plan(format!("the plan has {planned} there")))
            }
            None => Err(off_plan("the plan has no more changes".to_owned())),
        }
    }

    /// Whether what would be sent is what was planned, with what is known by now in the place of placeholders. Tells what the
    /// word of whoever agreed to the plan is worth for this call.
    pub(crate) fn check(
        &self,
        planned: &PlannedChange,
        call: &Call,
        params: &RawValue,
        limits: &ContextLimits,
    ) -> Result<PlanWord, Stop> {
        let Self::Carried(carrying) = self else {
            return Ok(PlanWord::Nothing);
        };
        let expected = carrying.state().bindings.apply(&planned.params);
        let now: Value = serde_json::from_str(params.get()).unwrap_or_default();
        if expected != now {
            let shown = |params: &str| Divergence::shown(call.service(), call.method(), params);
            return Err(Stop::Halt(Halt::OffPlan(Box::new(Divergence {
                call: call.number(),
                now: shown(params.get()),
                was: format!("the plan has {}", shown(&expected.to_string())),
            }))));
        }
        Ok(carrying.word(limits))
    }

    /// A change was not made after all, as somebody found out: it is the next one still.
    pub(crate) fn not_made(&self, planned: &PlannedChange) {
        if let Self::Carried(carrying) = self {
            carrying.state().left.push_front(planned.clone());
        }
    }

    /// What the placeholders of a change stand for, now that it is made.
    pub(crate) fn made(&self, planned: &PlannedChange, result: &str) {
        if let Self::Carried(carrying) = self
            && let Ok(result) = serde_json::from_str(result)
        {
            let learnt = Bindings::between(&planned.placeholder, &result);
            carrying.state().bindings.extend(learnt);
        }
    }

    /// Who agreed, and to which plan.
    pub(crate) fn agreed(&self) -> Option<(&Answerer, Id)> {
        match self {
            Self::Carried(carrying) => Some((&carrying.by, carrying.plan)),
            Self::Sent | Self::Planned => None,
        }
    }
}

/// Whether parameters hold what only a plan knows.
pub(crate) fn holds_placeholders(params: &RawValue) -> bool {
    serde_json::from_str(params.get()).is_ok_and(|value| !Placeholder::uses(&value).is_empty())
}
