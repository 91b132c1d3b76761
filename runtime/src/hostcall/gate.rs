//! The gate: what was decided becomes a clearance, or a refusal, or a question to a person. Called by `hostcall`.
//! A clearance is made here and nowhere else, and sending takes it by value: one clearance, one call.

use crate::{
    contexts::ContextPolicy,
    hostcall::{
        call::Call,
        decided::{Clearable, Decided, Party},
        halt::Halt,
        question::{Answer, Approver, Basis, Grounds, Pause, Question},
        refusal::Refusal,
    },
    journal::{
        digest::Digest,
        entry::Said,
        id::Id,
        past::PastQuestion,
        record::{OpenQuestion, Record},
    },
};
use sandgate_policy::{ContextLimits, Decision, Verdict};
use sandgate_service::{Method, Target};
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
    /// So many were asked before the run was parked.
    pub(crate) fn were_asked(&self, times: u64) {
        self.asked.fetch_add(times, Ordering::Relaxed);
    }

    fn subjects(&self) -> MutexGuard<'_, Subjects> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of one call, and what a person agreed to while it waits to be sent: exactly these parameters.
#[derive(Debug, Default)]
pub(crate) struct Agreed {
    params: Option<Box<RawValue>>,
    /// The question that was answered when the run was not here.
    approval: Option<Id>,
    /// One of the several who have to agree, and where they did.
    one: Option<(String, String)>,
}

/// Why a call is not cleared: the script is told, or the run ends.
#[derive(Debug)]
pub(crate) enum Stop {
    Refusal(Refusal),
    Halt(Halt),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl Cleared {
    /// What was in force when it was decided.
    pub(crate) fn policy(&self) -> &Arc<ContextPolicy> {
        self.0.policy()
    }

    pub(crate) fn service(&self) -> &Arc<str> {
        &self.0.method().service
    }

    pub(crate) fn method(&self) -> &Arc<Method> {
        self.0.method()
    }

    /// Exactly what is sent.
    pub(crate) fn params(&self) -> &RawValue {
        self.0.params()
    }

    /// What is sent, where, and on whose behalf. Nothing is left that could be sent again.
    pub(crate) fn spend(self) -> (Arc<Method>, Party, Box<RawValue>) {
        self.0.take()
    }
}

impl Agreed {
    /// Somebody agreed to exactly these parameters, in a plan.
    pub(crate) fn to(params: &RawValue) -> Self {
        Self {
            params: Some(params.to_owned()),
            ..Self::default()
        }
    }

    /// Somebody agreed who is one of several that have to.
    pub(crate) fn is_one(&mut self, name: &str, because: String) {
        self.one = Some((name.to_owned(), because));
    }

    /// Whether anybody did.
    pub(crate) fn is_none(&self) -> bool {
        self.params.is_none()
    }

    /// The question that this call uses up, where one was answered when the run was not here.
    pub(crate) fn approval(&self) -> Option<Id> {
        self.approval
    }
}

/// What would be sent, for a plan: nobody is asked, and what is refused is refused.
pub(crate) fn planned(decided: Decided) -> Result<(Arc<Method>, Box<RawValue>), Refusal> {
    let (decision, call) = decided.open();
    if decision.verdict == Verdict::Refuse {
        return Err(Refusal::Denied {
            service: call.method().service.to_string(),
            method: call.method().method.clone(),
            because: decision.because,
        });
    }
    let (method, _, params) = call.take();
    Ok((method, params))
}

/// Who can be asked, and what is known of the call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GateQuestion<'a> {
    pub(crate) call: &'a Call,
    pub(crate) approver: Option<&'a Arc<dyn Approver>>,
    pub(crate) people: &'a People,
    pub(crate) record: &'a Record,
    /// The question that was asked when the run was parked.
    pub(crate) question: Option<&'a PastQuestion>,
    /// Whether the run can be gone on with from the journal.
    pub(crate) may_park: bool,
}

impl GateQuestion<'_> {
    /// What was asked when the run was parked is decided without an answer, unless one was used already.
    fn withdraw(&self, agreed: &Agreed) {
        if let Some(question) = self.question.filter(|_| agreed.approval.is_none()) {
            self.record.withdrawn(self.call.number(), question.approval);
        }
    }
}

/// Lets a decided call pass, or says why not. Asks a person at most once for the same parameters.
pub(crate) async fn clear(
    decided: Decided,
    asking: GateQuestion<'_>,
    agreed: &mut Agreed,
) -> Result<Cleared, Stop> {
    let (decision, call) = decided.open();
    let (service, name) = (
        call.method().service.to_string(),
        call.method().method.clone(),
    );
    if let Some(question) = asking.question {
        asking.record.come_to(question.approval);
        unless_declined(question, &service, &name)?;
    }
    match decision.verdict {
        Verdict::Allow => {
            asking.withdraw(agreed);
            Ok(Cleared(call))
        }
        Verdict::Refuse => {
            asking.withdraw(agreed);
            Err(Refusal::Denied {
                service,
                method: name,
                because: decision.because,
            }
            .into())
        }
        Verdict::Gate => match &agreed.params {
            // THREAT[APR-01]: an answer is about these bytes.
            Some(params) if params.get() == call.params().get() => {
                asking.withdraw(agreed);
                Ok(Cleared(call))
            }
            Some(_) => Err(Refusal::Changed {
                service,
                method: name,
            }
            .into()),
            None => ask(call, decision, asking, agreed).await,
        },
    }
}

/// Has a person look, now or later.
async fn ask(
    call: Clearable,
    decision: Decision,
    asking: GateQuestion<'_>,
    agreed: &mut Agreed,
) -> Result<Cleared, Stop> {
    let GateQuestion {
        approver,
        people,
        record,
        ..
    } = asking;
    let because = decision.because;
    let (service, name) = (
        call.method().service.to_string(),
        call.method().method.clone(),
    );
    let number = asking.call.number();
    let binding = binding(&call, record.run(), number);
    if let Some(question) = asking.question {
        return answered(call, question, binding, asking, agreed);
    }
    let limits = &call.policy().limits;
    // The context's limits may let nobody be asked, or want more than the word of whoever sits at this terminal.
    let approver = approver.filter(|_| limits.anybody_may_approve());
    let may_wait = asking.may_park && limits.approvals != Some(0);
    let limit = limits.questions.unwrap_or(MOST_QUESTIONS);
    let too_often = |service, method| Refusal::AskedTooOften {
        service,
        method,
        limit,
    };
    let approver = match approver {
        Some(approver) => approver,
        None if may_wait => {
            if people.asked.fetch_add(1, Ordering::Relaxed) >= limit {
                return Err(too_often(service, name).into());
            }
            let (needed, lasts) = terms(limits);
            let open = OpenQuestion {
                call: number,
                context: call.principal().context().as_str(),
                service: &service,
                method: &name,
                params: call.params(),
                binding,
                expires: record.now().saturating_add(lasts),
                needed,
                effect: call.method().effect,
                because: &because,
            };
            return match record.open(&open) {
                Some(approval) => {
                    if let Some((by, because)) = &agreed.one {
                        record.agreed_before(number, approval, needed, by, because);
                    }
                    Err(Stop::Halt(Halt::Parked))
                }
                None => Err(Refusal::Awaiting {
                    service,
                    method: name,
                    because,
                }
                .into()),
            };
        }
        None => {
            return Err(Refusal::Awaiting {
                service,
                method: name,
                because,
            }
            .into());
        }
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
        grounds: Grounds {
            run: record.run(),
            call: number,
            digest: binding,
            policies: decision.policies.iter().map(ToString::to_string).collect(),
            basis: Some(Basis {
                policy: Arc::clone(call.policy()),
                principal: Arc::clone(call.principal()),
                method: Arc::clone(call.method()),
                given: asking.call.params().to_owned(),
                made: asking.call.made(),
                read_from: Arc::clone(call.read_from()),
                record: record.clone(),
            }),
        },
    };
    let is_covered = people.subjects().all.contains(&subject);
    if is_covered {
        approver.covered(&question).await;
        record.answered(number, Said::Yes, "as said for all");
        agreed.params = Some(question.params);
        return Ok(Cleared(call));
    }
    if people.asked.fetch_add(1, Ordering::Relaxed) >= limit {
        return Err(too_often(question.service, question.method).into());
    }
    question.again = !people.subjects().asked.insert(subject.clone());
    record.asked(number, &question.params, binding);
    let answer = {
        let _asking = people.pause.question();
        approver.ask(&question).await
    };
    let said = if answer == Answer::No {
        Said::No
    } else {
        Said::Yes
    };
    record.answered(number, said, approver.name());
    match answer {
        Answer::Yes => {}
        Answer::All => {
            people.subjects().all.insert(subject);
        }
        Answer::No => {
            return Err(Refusal::Declined {
                service: question.service,
                method: question.method,
                because: None,
            }
            .into());
        }
    }
    agreed.params = Some(question.params);
    Ok(Cleared(call))
}

/// Somebody said no, and policies that would let the call pass today do not unsay it: THREAT[APR-05].
fn unless_declined(question: &PastQuestion, service: &str, method: &str) -> Result<(), Refusal> {
    match &question.answer {
        Some(answer) if answer.said == Said::No => Err(Refusal::Declined {
            service: service.to_owned(),
            method: method.to_owned(),
            because: answer.because.clone(),
        }),
        _ => Ok(()),
    }
}

/// What came of a question that was asked when the run was parked. THREAT[APR-05]: it is decided anew, and a call that
/// the policies would have somebody look at is made if somebody did.
fn answered(
    call: Clearable,
    question: &PastQuestion,
    binding: Digest,
    asking: GateQuestion<'_>,
    agreed: &mut Agreed,
) -> Result<Cleared, Stop> {
    let (service, method) = (
        call.method().service.to_string(),
        call.method().method.clone(),
    );
    let unheard = |service, method| Refusal::Declined {
        service,
        method,
        because: Some("nobody answered in time".to_owned()),
    };
    // By one that was used the call may have been made; when the run was taken it had not run out, or a person was asked.
    let is_over = !question.is_used && asking.record.now() >= question.expires;
    match &question.answer {
        Some(answer) if answer.said == Said::Yes && answer.enough && !is_over => {
            if question.binding != binding {
                asking.withdraw(agreed);
                return Err(Refusal::Changed { service, method }.into());
            }
            agreed.params = Some(call.params().to_owned());
            agreed.approval = Some(question.approval);
            Ok(Cleared(call))
        }
        Some(answer) if matches!(answer.said, Said::Expired | Said::Withdrawn) => {
            Err(unheard(service, method).into())
        }
        _ if is_over => {
            asking
                .record
                .expired(asking.call.number(), question.approval);
            Err(unheard(service, method).into())
        }
        _ => {
            asking
                .record
                .still_open(asking.call.number(), question.approval);
            Err(Stop::Halt(Halt::Parked))
        }
    }
}

/// How many have to agree, and for how long they can, in milliseconds.
pub(super) fn terms(limits: &ContextLimits) -> (u32, u64) {
    let needed = limits.approvals.unwrap_or(1);
    let lasts = limits
        .approval_expires
        .unwrap_or(ContextLimits::USUAL_APPROVAL_EXPIRES);
    (
        u32::try_from(needed).unwrap_or(u32::MAX),
        u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX),
    )
}

/// What an answer is bound to: what would be sent, where, on whose behalf, and by which call of which run. THREAT[APR-01]
fn binding(call: &Clearable, run: Option<Id>, number: u32) -> Digest {
    let (method, principal) = (call.method(), call.principal());
    let address = match &method.target {
        Target::Address(address) => address.to_string(),
        Target::Tool(_) => String::new(),
    };
    let claims = principal.claims().join("\n");
    Digest::of_parts(&[
        &run.map(Id::bytes).unwrap_or_default(),
        &number.to_le_bytes(),
        principal.context().as_str().as_bytes(),
        principal.actor().as_bytes(),
        principal.user().unwrap_or_default().as_bytes(),
        claims.as_bytes(),
        method.service.as_bytes(),
        address.as_bytes(),
        method.method.as_bytes(),
        call.params().get().as_bytes(),
    ])
}
