//! The lines of one run, as it goes on. Written by the road and by `sandbox::instance`. Without a journal it keeps the list of
//! calls and nothing else, and gives tickets all the same.
//!
//! A [`Ticket`] is made here and nowhere else, and nothing is sent without one: what changes anything has its line on the disk
//! before it leaves the host. THREAT[JRN-04]

use super::{
    AWAITING, Journal, Unwritten,
    added::{Added, begun_line},
    digest::Digest,
    entry::{Asked, Begun, DecidedEntry, EndedEntry, Entry, GivenEntry, Held, Said, Spent},
    id::Id,
    ledger::{
        Appended, ApprovalRow, ApprovalState, Condition, LedgerError, Line, RunCounts, TableChange,
    },
    now_ms,
};
use crate::{
    failpoint::{Failpoint, pass},
    made::{CallList, CallMade, CallResult},
};
use sandgate_policy::Effect;
use sandgate_service::IdempotencyKey;
use sandgate_wire::RefusalCode;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Longer texts stand beside the lines.
const LONGEST_HERE: usize = 64 << 10;

/// One run's. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Arc<RecordInner>);

#[derive(Debug, Default)]
struct RecordInner {
    kept: Option<(Journal, Id)>,
    state: Mutex<RecordState>,
}

#[derive(Debug, Default)]
struct RecordState {
    counts: RunCounts,
    calls: CallList,
    /// Changes that were sent and have no answer yet.
    sent: BTreeSet<u32>,
    /// Questions that nobody has answered, by their calls.
    open: Vec<(u32, Id)>,
    /// Those of before that the run has not come to again.
    unused: Vec<(u32, Id)>,
    /// Why a line of the run is not in the journal, where one is not. Nothing is changed after that: what the run was given by
    /// then is not all kept, and it could not be made again.
    lost: Option<Unwritten>,
}

/// What a call is sent with: its line is where it has to be. There is one for each call, and it cannot be kept.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ticket {
    key: Option<IdempotencyKey>,
}

impl Ticket {
    /// What a service that is asked twice knows the call by, where it understands that.
    pub(crate) fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }
}

/// A decision, to be written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecidedCall<'a> {
    pub(crate) decision: &'a sandgate_policy::Decision,
    pub(crate) effect: Effect,
    pub(crate) read_from: &'a BTreeSet<String>,
    pub(crate) source: bool,
    pub(crate) at: u64,
    pub(crate) undo: Option<&'a str>,
}

/// What is asked of somebody who is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenQuestion<'a> {
    pub(crate) call: u32,
    pub(crate) context: &'a str,
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) params: &'a RawValue,
    pub(crate) binding: Digest,
    pub(crate) expires: u64,
    pub(crate) needed: u32,
    pub(crate) effect: Effect,
    pub(crate) because: &'a [String],
}

impl Record {
    /// A run begins. Its first line says what it was made of.
    pub(crate) fn begin(journal: &Journal, run: Id, begun: Box<Begun<'static>>) -> Self {
        let record = Self::of(journal, run, RunCounts::default(), Vec::new());
        let (at, texts) = (now_ms(), begun.texts());
        record.add(&texts, None, |_| Added::Begun { run, at, begun });
        record
    }

    /// The same on the disk, at once, if something holds at that moment; nothing where it does not. THREAT[APR-02]: of two runs that
    /// would do the same, one begins.
    pub(crate) fn begin_if(
        journal: &Journal,
        run: Id,
        begun: Box<Begun<'_>>,
        condition: &Condition,
    ) -> Result<Option<Self>, LedgerError> {
        let texts = begun.texts();
        let (line, _) = begun_line(journal.owner(), run, now_ms(), begun);
        let appended = journal.append_if(line, &texts, condition)?;
        let record = || Self::of(journal, run, RunCounts::default(), Vec::new());
        Ok((appended == Appended::Yes).then(record))
    }

    /// A run goes on that did so much before, and whose questions of before are these.
    pub(crate) fn of(
        journal: &Journal,
        run: Id,
        counts: RunCounts,
        unused: Vec<(u32, Id)>,
    ) -> Self {
        Self(Arc::new(RecordInner {
            kept: Some((journal.clone(), run)),
            state: Mutex::new(RecordState {
                counts,
                unused,
                ..RecordState::default()
            }),
        }))
    }

    /// Now, as the journal has it.
    pub(crate) fn now(&self) -> u64 {
        let now = self.journal().and_then(|journal| journal.now().ok());
        // Of a journal that cannot be read nothing is taken, and no change is made.
        now.unwrap_or_else(now_ms)
    }

    /// The run, where it is in a journal.
    pub(crate) fn run(&self) -> Option<Id> {
        self.0.kept.as_ref().map(|(_, run)| *run)
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.0.kept.as_ref().map(|(journal, _)| journal)
    }

    /// What the run was given since the last time.
    pub(crate) fn given(&self, given: GivenEntry) {
        if !(given.readings.is_empty() && given.waits.is_empty()) {
            self.push(&Entry::Given(given), None);
        }
    }

    /// Standard input that came.
    pub(crate) fn input(&self, bytes: &[u8]) {
        if self.0.kept.is_some() {
            self.push(&Entry::Input(hex::encode(bytes).into()), None);
        }
    }

    /// The next script of a session.
    pub(crate) fn script(&self, name: &str, source: &str) {
        let entry = Entry::Script {
            name: name.into(),
            source: source.into(),
        };
        self.push(&entry, None);
    }

    /// It has ended, and so much was written by then.
    pub(crate) fn script_ended(&self, interrupted: bool, (stdout, stderr): (u64, u64)) {
        let entry = Entry::ScriptEnded {
            interrupted,
            stdout,
            stderr,
        };
        self.push(&entry, None);
    }

    /// The script asks for a call.
    pub(crate) fn called(&self, call: u32, service: &str, method: &str, params: &RawValue) {
        self.called_before(call, service, method);
        let entry = Entry::Called {
            call,
            service: service.into(),
            method: method.into(),
            params: self.held(params),
        };
        self.push(&entry, None);
    }

    /// The same of a call that is in the journal already.
    pub(crate) fn called_before(&self, call: u32, service: &str, method: &str) {
        self.state().calls.called(call, service, method);
    }

    /// A call was answered before the run was gone on with.
    pub(crate) fn answered_before(&self, made: CallMade) {
        self.state().calls.add(made);
    }

    /// The policies decided.
    pub(crate) fn decided(&self, call: u32, decided: &DecidedCall<'_>) {
        let decision = decided.decision;
        if let Some(made) = self.state().calls.of(call) {
            made.effect = Some(decided.effect);
            made.verdict = Some(decision.verdict);
            made.policies = decision.policies.iter().map(ToString::to_string).collect();
            made.undo = decided.undo.map(ToOwned::to_owned);
        }
        if self.0.kept.is_none() {
            return;
        }
        let policies = decision.policies.iter();
        let because = decision.because.iter();
        self.push(
            &Entry::Decided(DecidedEntry {
                call,
                verdict: decision.verdict,
                effect: decided.effect,
                policies: policies.map(|id| Cow::Owned(id.to_string())).collect(),
                because: because.map(|one| Cow::Borrowed(one.as_str())).collect(),
                read_from: (decided.read_from.iter())
                    .map(|one| Cow::Borrowed(one.as_str()))
                    .collect(),
                source: decided.source,
                undo: decided.undo.map(Cow::Borrowed),
                hash: decision.hash.to_string().into(),
                at: decided.at,
            }),
            None,
        );
    }

    /// A call is planned, and not made.
    pub(crate) fn planned(&self, call: u32, params: &RawValue) {
        if let Some(made) = self.state().calls.of(call) {
            made.result = CallResult::Planned;
        }
        let params = self.held(params);
        self.push(&Entry::Planned { call, params }, None);
    }

    /// Somebody who is there is asked, and answers.
    pub(crate) fn asked(&self, call: u32, params: &RawValue, binding: Digest) {
        let asked = Asked {
            call,
            approval: None,
            params: self.held(params),
            binding,
            needed: 0,
            expires: None,
            effect: None,
            because: Vec::new(),
        };
        self.push(&Entry::Asked(asked), None);
    }

    /// What they said.
    pub(crate) fn answered(&self, call: u32, answer: Said, by: &str) {
        let entry = Entry::Answered {
            call,
            approval: None,
            answer,
            agreed: 0,
            needed: 0,
            by: by.into(),
            because: None,
            in_band: false,
        };
        self.push(&entry, None);
    }

    /// Somebody who is not there will be asked. Without a journal there is nothing that they could find the question in.
    pub(crate) fn open(&self, question: &OpenQuestion<'_>) -> Option<Id> {
        let run = self.run()?;
        let approval = Id::new().ok()?;
        let row = ApprovalRow {
            approval,
            run,
            call: question.call,
            context: question.context.to_owned(),
            service: question.service.to_owned(),
            method: question.method.to_owned(),
            state: ApprovalState::Pending,
            needed: question.needed,
            agreed: 0,
            expires: question.expires,
            binding: question.binding,
            line: 0,
        };
        let asked = Asked {
            call: question.call,
            approval: Some(approval),
            params: self.held(question.params),
            binding: question.binding,
            needed: question.needed,
            expires: Some(question.expires),
            effect: Some(question.effect),
            because: (question.because.iter())
                .map(|one| Cow::Borrowed(one.as_str()))
                .collect(),
        };
        let mut state = self.state();
        state.open.push((question.call, approval));
        if let Some(made) = state.calls.of(question.call) {
            made.result = CallResult::Awaiting;
        }
        drop(state);
        self.push(
            &Entry::Asked(asked),
            Some(TableChange::Asked(Box::new(row))),
        );
        Some(approval)
    }

    /// Somebody had agreed to a call before it was asked for, and is the first of several who have to.
    pub(crate) fn agreed_before(
        &self,
        call: u32,
        approval: Id,
        needed: u32,
        by: &str,
        because: &str,
    ) {
        let entry = Entry::Answered {
            call,
            approval: Some(approval),
            answer: Said::Yes,
            agreed: 1,
            needed,
            by: by.into(),
            because: Some(because.into()),
            in_band: false,
        };
        let change = TableChange::Answered {
            approval,
            agreed: Some(1),
            state: ApprovalState::Pending,
        };
        self.push(&entry, Some(change));
    }

    /// The run has come to the call again that a question of before is about.
    pub(crate) fn come_to(&self, approval: Id) {
        self.state()
            .unused
            .retain(|(_, unused)| *unused != approval);
    }

    /// A question of before is not needed any more.
    pub(crate) fn withdrawn(&self, call: u32, approval: Id) {
        self.unanswered(call, approval, Said::Withdrawn, ApprovalState::Withdrawn);
    }

    /// A question of before is still open.
    pub(crate) fn still_open(&self, call: u32, approval: Id) {
        let mut state = self.state();
        state.open.push((call, approval));
        if let Some(made) = state.calls.of(call) {
            made.result = CallResult::Awaiting;
        }
    }

    /// Nobody answered a question in time.
    pub(crate) fn expired(&self, call: u32, approval: Id) {
        self.unanswered(call, approval, Said::Expired, ApprovalState::Expired);
    }

    fn unanswered(&self, call: u32, approval: Id, answer: Said, state: ApprovalState) {
        let entry = Entry::Answered {
            call,
            approval: Some(approval),
            answer,
            agreed: 0,
            needed: 0,
            by: "sandgate".into(),
            because: None,
            in_band: false,
        };
        let change = TableChange::Answered {
            approval,
            agreed: None,
            state,
        };
        self.push(&entry, Some(change));
    }

    /// What a call is sent with, once it may be. A change waits until its line is on the disk, and everything that the run
    /// was given before it: THREAT[JRN-04]. `approval` is the question that it uses up. Where the context says so, reads too
    /// are made only while the journal takes lines.
    pub(crate) async fn intend(
        &self,
        call: u32,
        effect: Effect,
        params: &RawValue,
        approval: Option<Id>,
        idempotent: bool,
        is_required: bool,
    ) -> Result<Ticket, Unwritten> {
        let Some((journal, run)) = &self.0.kept else {
            return Ok(Ticket { key: None });
        };
        let named = idempotent.then(|| format!("{run}:{call}"));
        let key = named
            .as_deref()
            .and_then(|key| IdempotencyKey::new(key).ok());
        if effect == Effect::Read && approval.is_none() {
            if is_required || journal.is_required() {
                journal.reach().await?;
                self.is_whole()?;
            }
            return Ok(Ticket { key });
        }
        let entry = Entry::Intended {
            call,
            params: self.held(params),
            approval,
            key: named.as_deref().map(Cow::Borrowed),
        };
        let change = approval.map(|approval| TableChange::Answered {
            approval,
            agreed: None,
            state: ApprovalState::Spent,
        });
        self.push(&entry, change);
        journal.settle().await?;
        self.is_whole()?;
        self.state().sent.insert(call);
        Ok(Ticket { key })
    }

    /// Waits until the journal has the answer of a change, before the script has it: a process that dies then leaves a change of
    /// which somebody knows that it was made. Any other call waits only for a journal that has fallen behind.
    pub(crate) async fn kept(&self, call: u32) {
        let is_change = self.state().sent.remove(&call);
        let waits = |journal: &&Journal| is_change || journal.is_behind();
        if let Some(journal) = self.journal().filter(waits) {
            // Where it cannot be written the change is unknown to whoever goes on with the run, as it is without an answer.
            let _ = journal.reach().await;
        }
    }

    /// What the script is answered.
    pub(crate) fn replied(
        &self,
        call: u32,
        result: CallResult,
        code: Option<RefusalCode>,
        reply: &RawValue,
    ) {
        self.state().calls.ended(call, result, code);
        let entry = Entry::Replied {
            call,
            reply: self.held(reply),
        };
        self.push(&entry, None);
    }

    /// The run waits for people. Returns the questions, once all of it is on the disk.
    pub(crate) async fn park(&self, spent: Spent) -> Result<Vec<Id>, Unwritten> {
        let Some(journal) = self.journal() else {
            return Ok(Vec::new());
        };
        pass(Failpoint::Parking);
        let open = self.state().open.clone();
        let change = TableChange::Stands {
            status: AWAITING.to_owned(),
            counts: RunCounts::default(),
            over: false,
        };
        self.push(&Entry::Parked(spent), Some(change));
        journal.settle().await?;
        self.is_whole()?;
        pass(Failpoint::Parked);
        Ok(open.into_iter().map(|(_, approval)| approval).collect())
    }

    /// A change is not sent again, and nobody goes on with the run, which is not over: it is as if its process had died.
    pub(crate) fn withheld(&self, call: u32) {
        // No process has this name.
        let change = Id::new().ok().map(|owner| TableChange::Resumed { owner });
        self.push(&Entry::Withheld { call }, change);
    }

    /// The run has ended, and what nobody answered is not asked any more.
    pub(crate) fn end(&self, ended: Box<EndedEntry<'static>>) {
        pass(Failpoint::Ending);
        let open = {
            let mut state = self.state();
            let state = &mut *state;
            state.unused.append(&mut state.open);
            std::mem::take(&mut state.unused)
        };
        for (call, approval) in open {
            self.unanswered(call, approval, Said::Withdrawn, ApprovalState::Withdrawn);
        }
        if let Some(run) = self.run() {
            let (at, texts) = (now_ms(), ended.texts());
            self.add(&texts, None, |counts| Added::Ended {
                run,
                at,
                ended,
                counts,
            });
        }
        pass(Failpoint::Ended);
    }

    /// A text that lines speak of.
    pub(crate) fn text(&self, text: &[u8]) -> Digest {
        match self.journal() {
            Some(journal) => journal.keep(text),
            None => Digest::of(text),
        }
    }

    /// The calls, for the outcome.
    pub(crate) fn calls(&self) -> Vec<CallMade> {
        self.state().calls.take()
    }

    /// Those before this one, for whoever is asked about it.
    pub(crate) fn calls_before(&self, call: u32) -> Vec<CallMade> {
        self.state().calls.before(call)
    }

    fn held<'p>(&self, json: &'p RawValue) -> Held<'p> {
        match self.journal() {
            Some(journal) if json.get().len() > LONGEST_HERE => {
                Held::Beside(journal.keep(json.get().as_bytes()))
            }
            _ => Held::Here(json),
        }
    }

    fn push(&self, entry: &Entry<'_>, change: Option<TableChange>) {
        let Some(run) = self.run() else {
            return;
        };
        let mut line = Line::of(run, now_ms(), entry, change);
        self.add(&entry.texts(), Some(entry), |so_far| {
            if let Some(TableChange::Stands { counts, .. }) = &mut line.change {
                *counts = so_far;
            }
            Added::Line(line)
        });
    }

    /// Counted and added as one, or another line could come between how many there were and the line that says so.
    fn add(
        &self,
        texts: &[Digest],
        counted: Option<&Entry<'_>>,
        added: impl FnOnce(RunCounts) -> Added,
    ) {
        let Some(journal) = self.journal() else {
            return;
        };
        let mut state = self.state();
        match journal.push(added(state.counts), texts) {
            Ok(()) => counted
                .into_iter()
                .for_each(|entry| state.counts.count(entry)),
            Err(why) => state.lost = Some(why),
        }
    }

    fn is_whole(&self) -> Result<(), Unwritten> {
        match &self.state().lost {
            None => Ok(()),
            Some(why) => Err(why.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, RecordState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
