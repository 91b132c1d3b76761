//! Questions for the person at an agent's own client: the agent's connection carries them there and the answers back. Called by doors.
//! Such an answer is weaker evidence of a person than one at a terminal, so the context says what may be asked there
//! (`approval_in_band`), and a run is asked about only if all that it waits for may be. Whom a client sends to the desk answers there,
//! with a token that no agent has, so everything may be asked about so. It must never answer for anybody but the person behind the
//! caller whose run it is: THREAT[APR-04].

use super::caller::Caller;
use crate::{
    approvals::{AnswerError, Answered, Answerer},
    journal::{
        NoRun,
        id::Id,
        ledger::{ApprovalFilter, ApprovalState},
        now_ms,
    },
    runs::{AskedCall, PastRunError},
};
use sandgate_policy::{ContextLimits, Effect, InBand};

impl Caller {
    /// The questions that one of this caller's runs waits with, where all of them may be put to the person at the client; none
    /// otherwise.
    pub fn asked_in_band(&self, run: Id) -> Result<Vec<AskedCall>, PastRunError> {
        let mut asked = self.pending(run)?;
        let limits = self.context_limits();
        let all_may = limits.is_some_and(|limits| {
            let now = now_ms();
            asked.iter().all(|asked| may_be_asked(&limits, asked, now))
        });
        if !all_may {
            asked.clear();
        }
        Ok(asked)
    }

    /// The questions that one of this caller's runs waits with, where the person at the client may be sent to the desk with them; none
    /// otherwise.
    pub fn asked_at_desk(&self, run: Id) -> Result<Vec<AskedCall>, PastRunError> {
        let mut asked = self.pending(run)?;
        let limits = self.context_limits();
        let may_be_sent = limits
            .is_some_and(|limits| matches!(limits.approval_in_band, None | Some(InBand::Url)));
        let now = now_ms();
        if !may_be_sent || asked.iter().any(|asked| now >= asked.row.expires) {
            asked.clear();
        }
        Ok(asked)
    }

    /// The questions that one of this caller's runs waits with.
    fn pending(&self, run: Id) -> Result<Vec<AskedCall>, PastRunError> {
        let past = self.own_run(&run.to_string())?;
        let journal = self.journal().ok_or(PastRunError::NoJournal)?;
        let filter = ApprovalFilter {
            run: Some(past.row().run),
            ..ApprovalFilter::default()
        };
        let mut asked = journal.asked(&filter)?;
        asked.retain(|asked| asked.row.state == ApprovalState::Pending);
        // In the order of the script: calls that are made at once are asked about in any.
        asked.sort_by_key(|asked| asked.row.call);
        Ok(asked)
    }

    /// The person behind this caller answers a question of one of its runs.
    pub fn answer_in_band(&self, asked: &AskedCall, agrees: bool) -> Result<Answered, AnswerError> {
        let nothing = || NoRun::None(asked.row.run.to_string());
        let own = self.own_run(&asked.row.run.to_string());
        let (Ok(_), Some(journal)) = (own, self.journal()) else {
            return Err(nothing().into());
        };
        let limits = self.context_limits();
        let limits = limits.filter(|limits| may_be_asked(limits, asked, now_ms()));
        let limits = limits.ok_or(AnswerError::InBand)?;
        let by = Answerer {
            in_band: true,
            ..Answerer::of(&self.principal())
        };
        journal.answer(&asked.row, &limits, &by, agrees, None)
    }
}

/// Whether the context lets the person at the client answer it. Where somebody else has to agree, an answer from there cannot count.
fn may_be_asked(limits: &ContextLimits, asked: &AskedCall, now: u64) -> bool {
    let is_let = match limits.approval_in_band {
        Some(InBand::Off | InBand::Url) => false,
        Some(InBand::Form) => true,
        None => asked.effect.is_some_and(|effect| effect != Effect::Destroy),
    };
    is_let && limits.anybody_may_approve() && asked.row.needed <= 1 && now < asked.row.expires
}
