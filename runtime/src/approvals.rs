//! The answers to questions that were asked when nobody was there. Called by front ends, on behalf of whoever they authenticated.
//! What becomes of a question is decided here, without a database, and written down only if it is still as it was looked at:
//! THREAT[APR-02], of two people who answer at once one is told what the other said. A script must have no way here: THREAT[APR-04].

use crate::{
    failpoint::{Failpoint, pass},
    journal::{
        Journal, NoRun,
        entry::{Entry, PlanApprover, Said},
        ledger::{Appended, ApprovalRow, ApprovalState, Condition, LedgerError, Line, TableChange},
        now_ms,
        past::{Past, PastError},
    },
};
use sandgate_policy::{ContextLimits, Principal, may_approve};
use std::collections::BTreeSet;

/// Who answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answerer {
    /// What they are called.
    pub name: String,
    /// What they were found to be entitled to.
    pub claims: Vec<String>,
    /// Whether what they say comes over the connection of the agent that asked for the call.
    pub in_band: bool,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Enough have agreed.
    Approved,
    /// More people have to agree: so many.
    MoreNeeded(u32),
    /// It will not be made.
    Rejected,
}

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It was answered before.
    #[error("the question is {} already", .0.as_str())]
    State(ApprovalState),
    /// It is too late.
    #[error("the question could be answered until {}; run the script again to ask anew", humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + std::time::Duration::from_millis(*.0)))]
    Expired(u64),
    /// They may not.
    #[error("the context lets only people with one of these claims answer: {}", .0.join(", "))]
    Claims(Vec<String>),
    /// The context does not let it be answered over the agent's connection.
    #[error("the context lets nobody answer it at the agent's client")]
    InBand,
    /// There is no such question for them.
    #[error(transparent)]
    Run(#[from] NoRun),
    /// They asked for the call themselves.
    #[error("`{0}` asked for the call; somebody else has to answer")]
    Requester(String),
    /// They have agreed before.
    #[error("`{0}` has agreed already; somebody else has to as well")]
    Twice(String),
    /// Somebody else answered at the same moment.
    #[error("somebody else answered at the same moment; look again")]
    TooLate,
    /// The journal.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The run's past.
    #[error(transparent)]
    Past(#[from] PastError),
}

/// A question, as far as an answer to it depends on it.
#[derive(Debug, Clone)]
pub(crate) struct AskedQuestion<'a> {
    pub(crate) state: ApprovalState,
    pub(crate) needed: u32,
    pub(crate) expires: u64,
    /// Who has agreed.
    pub(crate) agreed: &'a BTreeSet<String>,
    /// Who asked for the call: the person, or the program.
    pub(crate) requester: Option<&'a str>,
    /// Who may answer; anybody, where there are none.
    pub(crate) approvers: &'a BTreeSet<String>,
}

/// What an answer makes of a question; nothing but that is looked at.
pub(crate) fn decide(
    question: &AskedQuestion<'_>,
    by: &Answerer,
    agrees: bool,
    now: u64,
) -> Result<(ApprovalState, u32), AnswerError> {
    if question.state != ApprovalState::Pending {
        return Err(AnswerError::State(question.state));
    }
    if now >= question.expires {
        return Err(AnswerError::Expired(question.expires));
    }
    if !may_approve(question.approvers, &by.claims) {
        let claims = question.approvers.iter().cloned().collect();
        return Err(AnswerError::Claims(claims));
    }
    let agreed = u32::try_from(question.agreed.len()).unwrap_or(u32::MAX);
    // Anybody who may answer can say no.
    if !agrees {
        return Ok((ApprovalState::Rejected, agreed));
    }
    let is_guarded = question.needed > 1 || !question.approvers.is_empty();
    if is_guarded && question.requester == Some(by.name.as_str()) {
        return Err(AnswerError::Requester(by.name.clone()));
    }
    if question.agreed.contains(&by.name) {
        return Err(AnswerError::Twice(by.name.clone()));
    }
    let agreed = agreed.saturating_add(1);
    if agreed >= question.needed {
        Ok((ApprovalState::Approved, agreed))
    } else {
        Ok((ApprovalState::Pending, agreed))
    }
}

impl Journal {
    /// Answers a question, under what the context's limits say now of who may. `because` is what the script is told where the
    /// answer is no.
    pub fn answer(
        &self,
        question: &ApprovalRow,
        limits: &ContextLimits,
        by: &Answerer,
        agrees: bool,
        because: Option<&str>,
    ) -> Result<Answered, AnswerError> {
        let past = Past::read(self, question.run)?;
        let agreed = past.agreed(question.approval);
        let asked = AskedQuestion {
            state: question.state,
            needed: question.needed,
            expires: question.expires,
            agreed: &agreed,
            requester: past.begun.requester(),
            approvers: &limits.approvers,
        };
        let decided = decide(&asked, by, agrees, self.now()?);
        let said = match &decided {
            Ok((state, agreed)) => AnswerLine {
                said: if agrees { Said::Yes } else { Said::No },
                agreed: *agreed,
                state: *state,
                by: &by.name,
                because,
                in_band: by.in_band,
            },
            // It has run out for good, however clocks are set: THREAT[APR-05].
            Err(AnswerError::Expired(_)) => AnswerLine {
                said: Said::Expired,
                agreed: question.agreed,
                state: ApprovalState::Expired,
                by: "sandgate",
                because: None,
                in_band: false,
            },
            Err(_) => return decided.map(|_| Answered::Rejected),
        };
        pass(Failpoint::Answering);
        let appended = self.say(question, &said)?;
        let (state, number) = decided?;
        if appended == Appended::TooLate {
            return Err(AnswerError::TooLate);
        }
        pass(Failpoint::Answered);
        Ok(match state {
            ApprovalState::Approved => Answered::Approved,
            ApprovalState::Pending => Answered::MoreNeeded(question.needed.saturating_sub(number)),
            _ => Answered::Rejected,
        })
    }

    /// Notes what becomes of a question, if it is still as it was looked at.
    fn say(&self, question: &ApprovalRow, said: &AnswerLine<'_>) -> Result<Appended, LedgerError> {
        let entry = Entry::Answered {
            call: question.call,
            approval: Some(question.approval),
            answer: said.said,
            agreed: said.agreed,
            needed: question.needed,
            by: said.by.into(),
            because: said.because.map(Into::into),
            in_band: said.in_band,
        };
        let change = TableChange::Answered {
            approval: question.approval,
            agreed: Some(said.agreed),
            state: said.state,
        };
        let line = Line::of(question.run, now_ms(), &entry, Some(change));
        let condition = Condition::Question {
            approval: question.approval,
            state: question.state,
            agreed: question.agreed,
        };
        self.append_if(line, &[], &condition)
    }
}

/// What becomes of a question, to be noted.
struct AnswerLine<'a> {
    said: Said,
    agreed: u32,
    state: ApprovalState,
    by: &'a str,
    because: Option<&'a str>,
    in_band: bool,
}

impl From<&PlanApprover<'_>> for Answerer {
    fn from(agreed: &PlanApprover<'_>) -> Self {
        Self {
            name: agreed.name.to_string(),
            claims: agreed.claims.iter().map(ToString::to_string).collect(),
            in_band: false,
        }
    }
}

impl Answerer {
    /// A person, by the words that principals are made of.
    pub fn of(principal: &Principal) -> Self {
        Self {
            name: principal
                .user()
                .unwrap_or_else(|| principal.actor())
                .to_owned(),
            claims: principal.claims().to_vec(),
            in_band: false,
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
