//! The gate: what was decided becomes a clearance, or a refusal, or a question to a person. Called by `hostcall`.
//! A clearance is made here and nowhere else, and sending takes it by value: one clearance, one call.

use crate::{
    contexts::ContextPolicy,
    hostcall::{
        decided::{Clearable, Decided, Party},
        question::{Answer, Approver, Pause, Question},
        refusal::Refusal,
    },
};
use sandgate_policy::Verdict;
use sandgate_service::Method;
use serde_json::value::RawValue;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Questions of one run, where the context's limits do not say. THREAT[APR-03]: whoever has to answer more at once says
/// yes to all of them.
const MOST_QUESTIONS: u64 = 20;

/// A call that may be made, once. Only [`clear`] makes one.
#[derive(Debug)]
#[must_use]
pub(crate) struct Cleared(Clearable);

/// The people of one run: how long they took, how often they were asked, and what they said yes to.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    pub(crate) pause: Pause,
    asked: Arc<AtomicU64>,
    subjects: Arc<Mutex<Subjects>>,
}

/// What people were asked about: a service, its method, and why. No more than they may be asked.
#[derive(Debug, Default)]
struct Subjects {
    asked: BTreeSet<Subject>,
    /// Those that were agreed to for the whole run.
    all: BTreeSet<Subject>,
}

type Subject = (String, String, Vec<String>);

impl People {
    fn subjects(&self) -> MutexGuard<'_, Subjects> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person agreed to, while the call waits to be sent: exactly these parameters.
#[derive(Debug, Default)]
pub(crate) struct Agreed(Option<Box<RawValue>>);

impl Cleared {
    /// What was in force when it was decided.
    pub(crate) fn policy(&self) -> &Arc<ContextPolicy> {
        self.0.policy()
    }

    pub(crate) fn service(&self) -> &Arc<str> {
        &self.0.method().service
    }

    /// What is sent, where, and on whose behalf. Nothing is left that could be sent again.
    pub(crate) fn spend(self) -> (Arc<Method>, Party, Box<RawValue>) {
        self.0.take()
    }
}

/// Lets a decided call pass, or says why not. Asks a person at most once for the same parameters.
pub(crate) async fn clear(
    decided: Decided,
    approver: Option<&Arc<dyn Approver>>,
    people: &People,
    agreed: &mut Agreed,
) -> Result<Cleared, Refusal> {
    let (decision, call) = decided.open();
    let (service, name) = (
        call.method().service.to_string(),
        call.method().method.clone(),
    );
    let because = decision.because;
    match decision.verdict {
        Verdict::Allow => {}
        Verdict::Refuse => {
            return Err(Refusal::Denied {
                service,
                method: name,
                because,
            });
        }
        // THREAT[APR-01]: an answer is about these bytes.
        Verdict::Gate
            if agreed
                .0
                .as_ref()
                .is_some_and(|agreed| agreed.get() == call.params().get()) => {}
        Verdict::Gate if agreed.0.is_some() => {
            return Err(Refusal::Changed {
                service,
                method: name,
            });
        }
        Verdict::Gate => {
            // The context's limits may let nobody be asked, or want more than the word of whoever sits at this terminal.
            let allowed = call.policy().limits.anybody_may_approve();
            let Some(approver) = approver.filter(|_| allowed) else {
                return Err(Refusal::Awaiting {
                    service,
                    method: name,
                    because,
                });
            };
            let subject = (service.clone(), name.clone(), because.clone());
            let mut question = Question {
                context: call.principal().context().to_string(),
                service,
                method: name,
                effect: call.method().effect,
                params: call.params().to_owned(),
                because,
                again: true,
            };
            let is_covered = people.subjects().all.contains(&subject);
            if is_covered {
                approver.covered(&question).await;
                agreed.0 = Some(question.params);
                return Ok(Cleared(call));
            }
            let limit = call.policy().limits.questions.unwrap_or(MOST_QUESTIONS);
            if people.asked.fetch_add(1, Ordering::Relaxed) >= limit {
                return Err(Refusal::AskedTooOften {
                    service: question.service,
                    method: question.method,
                    limit,
                });
            }
            question.again = !people.subjects().asked.insert(subject.clone());
            let _asking = people.pause.question();
            match approver.ask(&question).await {
                Answer::Yes => {}
                Answer::All => {
                    people.subjects().all.insert(subject);
                }
                Answer::No => {
                    return Err(Refusal::Declined {
                        service: question.service,
                        method: question.method,
                    });
                }
            }
            agreed.0 = Some(question.params);
        }
    }
    Ok(Cleared(call))
}
