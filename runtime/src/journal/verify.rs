//! Whether the journal is what was written: every line chained to the one before, every text with its digest, every table as the
//! lines say, and the end where the anchor has it. It must only ever read. THREAT[JRN-01]

use super::{
    chain::link,
    digest::Digest,
    entry::{Entry, Said},
    id::Id,
    ledger::{
        Anchor, ApprovalFilter, ApprovalState, KeptLine, Ledger, LedgerError, RunCounts, RunFilter,
    },
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Lines that are looked at in one go.
const AT_ONCE: usize = 10_000;

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifiedJournal {
    /// Lines.
    pub lines: u64,
    /// Runs.
    pub runs: u64,
    /// Texts beside the lines.
    pub texts: u64,
    /// The first that is kept; those before it were removed by age.
    pub first: u64,
    /// The hash of the last.
    pub head: Digest,
    /// Lines that are sealed, and that there was no key for: that they are in the chain is all that is known of them. Where there are
    /// any, neither texts nor tables were looked at.
    pub sealed: u64,
    /// Everything that is not as it was written.
    pub problems: Vec<JournalProblem>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum JournalProblem {
    /// A line's hash is not that of its text and the line before.
    #[error("line {0} is not the one that was written, or the one before it is not")]
    Changed(u64),
    /// Lines are missing.
    #[error("lines {0} to {1} are missing")]
    Missing(u64, u64),
    /// Lines at the end are missing that were on the disk.
    #[error("the journal ends at line {0}, and line {1} was on the disk")]
    CutOff(u64, u64),
    /// Lines at the end are missing that may not have been on the disk.
    #[error(
        "the journal ends at line {0}, and line {1} was written: the power failed, or it was cut off"
    )]
    CutOffOrLost(u64, u64),
    /// The anchor knows another line.
    #[error("the anchor knows another line {0}")]
    Anchor(u64),
    /// The anchor is gone.
    #[error("there is no anchor, or not one line of it can be read")]
    NoAnchor,
    /// A line is filed as another kind than it is.
    #[error("line {0} is filed as another kind of line than it is")]
    Kind(u64),
    /// A line cannot be read.
    #[error("line {0} cannot be read: {1}")]
    Unreadable(u64, String),
    /// A text is not the one that was kept, or is gone.
    #[error("{0}")]
    Text(String),
    /// A text that no line speaks of.
    #[error("no line speaks of the text {0}")]
    Stray(Digest),
    /// The table of runs says something else than the lines.
    #[error("the table of runs does not say of {0} what the lines say")]
    Run(Id),
    /// The table of questions says something else than the lines.
    #[error("the table of questions does not say of {0} what the lines say")]
    Approval(Id),
}

impl VerifiedJournal {
    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

/// What the lines say of a run.
#[derive(Debug, PartialEq, Eq)]
struct RunSaid {
    status: String,
    context: Option<String>,
    actor: Option<String>,
    user: Option<String>,
    name: String,
    of: Option<super::entry::Purpose>,
    request: Option<Digest>,
    began: u64,
    ended: Option<u64>,
    shown: RunCounts,
    counts: RunCounts,
}

/// What the lines say of a question.
#[derive(Debug, PartialEq, Eq)]
struct ApprovalSaid {
    run: Id,
    call: u32,
    context: Option<String>,
    /// The service and the method.
    called: Option<(String, String)>,
    state: ApprovalState,
    needed: u32,
    agreed: u32,
    expires: u64,
    binding: Digest,
    line: u64,
}

#[derive(Default)]
struct Look {
    found: VerifiedJournal,
    runs: BTreeMap<Id, RunSaid>,
    approvals: BTreeMap<Id, ApprovalSaid>,
    /// The service and the method of calls that have no answer yet.
    called: BTreeMap<(Id, u32), (String, String)>,
    spoken: BTreeSet<Digest>,
    removed: BTreeMap<u64, Digest>,
    before: Option<(u64, Digest)>,
    anchors: BTreeMap<u64, Vec<Anchor>>,
}

/// Looks at everything, as it is at one moment.
pub(super) fn verify(ledger: &dyn Ledger) -> Result<VerifiedJournal, LedgerError> {
    // A line is kept before the anchor names it, so the anchor is read first.
    let anchors = ledger.anchors()?;
    ledger.read_at_one_moment()?;
    let found = everything(ledger, anchors);
    ledger.read_on()?;
    found
}

fn everything(ledger: &dyn Ledger, anchors: Vec<Anchor>) -> Result<VerifiedJournal, LedgerError> {
    let mut look = Look::default();
    if anchors.is_empty() && ledger.last()? > 0 {
        look.found.problems.push(JournalProblem::NoAnchor);
    }
    let furthest = anchors.iter().copied().max_by_key(|anchor| anchor.seq);
    for anchor in anchors {
        look.anchors.entry(anchor.seq).or_default().push(anchor);
    }
    let mut first = None;
    let mut from = 0;
    loop {
        let lines = ledger.lines(None, from, AT_ONCE)?;
        let Some(last) = lines.last() else { break };
        from = last.seq.saturating_add(1);
        for line in &lines {
            first.get_or_insert_with(|| line.clone());
            look.line(ledger, line);
        }
    }
    let end = look.before.map_or(0, |(seq, _)| seq);
    if let Some(first) = first {
        look.first(&first);
    }
    if let Some(furthest) = furthest.filter(|furthest| furthest.seq > end) {
        look.found.problems.push(if furthest.durable {
            JournalProblem::CutOff(end, furthest.seq)
        } else {
            JournalProblem::CutOffOrLost(end, furthest.seq)
        });
    }
    if look.found.sealed == 0 {
        look.tables(ledger)?;
        look.texts(ledger)?;
    }
    look.found.runs = look.runs.len() as u64;
    look.found.head = look.before.map_or_else(Digest::default, |(_, hash)| hash);
    Ok(look.found)
}

impl Look {
    fn line(&mut self, ledger: &dyn Ledger, line: &KeptLine) {
        self.found.lines = self.found.lines.saturating_add(1);
        if let Some((seq, hash)) = self.before {
            let next = seq.saturating_add(1);
            if line.seq > next {
                let last = line.seq.saturating_sub(1);
                self.found
                    .problems
                    .push(JournalProblem::Missing(next, last));
            }
            if link(&hash, line.seq, line.run, line.at, &line.body) != line.hash {
                self.found.problems.push(JournalProblem::Changed(line.seq));
            }
        }
        self.before = Some((line.seq, line.hash));
        for anchor in self.anchors.get(&line.seq).into_iter().flatten() {
            if anchor.hash != line.hash {
                self.found.problems.push(JournalProblem::Anchor(line.seq));
            }
        }
        let line = match ledger.opened(line.clone()) {
            Ok(line) => line,
            Err(LedgerError::Sealed { .. }) => {
                self.found.sealed = self.found.sealed.saturating_add(1);
                return;
            }
            Err(error) => {
                let problem = JournalProblem::Unreadable(line.seq, error.to_string());
                self.found.problems.push(problem);
                return;
            }
        };
        match Entry::decode(&line.body) {
            // Filters go by the kind, which stands beside the line and is not in its hash.
            Ok(entry) if entry.kind() != line.kind => {
                self.found.problems.push(JournalProblem::Kind(line.seq));
                self.entry(&line, &entry);
            }
            Ok(entry) => self.entry(&line, &entry),
            Err(error) => self
                .found
                .problems
                .push(JournalProblem::Unreadable(line.seq, error.to_string())),
        }
    }

    /// The first line follows what was removed, or nothing.
    fn first(&mut self, first: &KeptLine) {
        self.found.first = first.seq;
        let before = match first.seq {
            1 => Some(Digest::default()),
            seq => self.removed.get(&seq.saturating_sub(1)).copied(),
        };
        match before {
            Some(before)
                if link(&before, first.seq, first.run, first.at, &first.body) == first.hash => {}
            Some(_) => self.found.problems.push(JournalProblem::Changed(first.seq)),
            None => {
                let last = first.seq.saturating_sub(1);
                self.found.problems.push(JournalProblem::Missing(1, last));
            }
        }
    }

    fn entry(&mut self, line: &KeptLine, entry: &Entry<'_>) {
        self.spoken.extend(entry.texts());
        if let Some(run) = self.runs.get_mut(&line.run) {
            run.counts.count(entry);
        }
        match entry {
            Entry::Begun(begun) => {
                let caller = begun.caller.as_ref();
                let said = RunSaid {
                    status: "running".to_owned(),
                    context: caller.map(|caller| caller.context.to_string()),
                    actor: caller.map(|caller| caller.actor.to_string()),
                    user: caller.and_then(|caller| Some(caller.user.as_ref()?.to_string())),
                    name: begun.name.to_string(),
                    of: begun.of,
                    request: begun.request,
                    began: line.at,
                    ended: None,
                    shown: RunCounts::default(),
                    counts: RunCounts::default(),
                };
                self.runs.insert(line.run, said);
            }
            Entry::Parked(_) => {
                if let Some(run) = self.runs.get_mut(&line.run) {
                    "awaiting_approval".clone_into(&mut run.status);
                    run.shown = run.counts;
                }
            }
            Entry::Resumed => {
                if let Some(run) = self.runs.get_mut(&line.run) {
                    "running".clone_into(&mut run.status);
                }
            }
            Entry::Ended(ended) => {
                if let Some(run) = self.runs.get_mut(&line.run) {
                    run.status = ended.status.to_string();
                    run.shown = run.counts;
                    run.ended = Some(line.at);
                }
            }
            Entry::Called {
                call,
                service,
                method,
                ..
            } => {
                let called = (service.to_string(), method.to_string());
                self.called.insert((line.run, *call), called);
            }
            Entry::Replied { call, .. } => {
                self.called.remove(&(line.run, *call));
            }
            Entry::Asked(asked) => {
                if let Some(approval) = asked.approval {
                    let run = self.runs.get(&line.run);
                    let said = ApprovalSaid {
                        run: line.run,
                        call: asked.call,
                        context: run.and_then(|run| run.context.clone()),
                        called: self.called.get(&(line.run, asked.call)).cloned(),
                        state: ApprovalState::Pending,
                        needed: asked.needed,
                        agreed: 0,
                        expires: asked.expires.unwrap_or_default(),
                        binding: asked.binding,
                        line: line.seq,
                    };
                    self.approvals.insert(approval, said);
                }
            }
            Entry::Answered {
                approval: Some(approval),
                answer,
                agreed,
                needed,
                ..
            } => {
                if let Some(said) = self.approvals.get_mut(approval) {
                    if *answer == Said::Yes {
                        said.agreed = *agreed;
                    }
                    said.state = match answer {
                        Said::Yes if agreed >= needed => ApprovalState::Approved,
                        Said::Yes => ApprovalState::Pending,
                        Said::No => ApprovalState::Rejected,
                        Said::Expired => ApprovalState::Expired,
                        Said::Withdrawn => ApprovalState::Withdrawn,
                    };
                }
            }
            Entry::Intended {
                approval: Some(approval),
                ..
            } => {
                if let Some(said) = self.approvals.get_mut(approval) {
                    said.state = ApprovalState::Spent;
                }
            }
            Entry::Pruned { through, hash } => {
                self.removed.insert(*through, *hash);
            }
            _ => {}
        }
    }

    fn texts(&mut self, ledger: &dyn Ledger) -> Result<(), LedgerError> {
        let Self { found, spoken, .. } = self;
        let mut kept = BTreeSet::new();
        ledger.texts(&mut |digest, text| {
            found.texts = found.texts.saturating_add(1);
            kept.insert(digest);
            if let Err(error) = text {
                found.problems.push(JournalProblem::Text(error.to_string()));
            }
            if !spoken.contains(&digest) {
                found.problems.push(JournalProblem::Stray(digest));
            }
        })?;
        // What is in an empty text is known, so none is kept.
        kept.insert(Digest::of(&[]));
        let gone = spoken.difference(&kept);
        found.problems.extend(
            gone.map(|digest| JournalProblem::Text(format!("the journal's text {digest} is gone"))),
        );
        Ok(())
    }

    fn tables(&mut self, ledger: &dyn Ledger) -> Result<(), LedgerError> {
        let mut rows: BTreeSet<Id> = BTreeSet::new();
        for row in ledger.runs(&RunFilter::default())? {
            rows.insert(row.run);
            let is_as_said = self.runs.get(&row.run).is_some_and(|said| {
                let RunSaid {
                    status,
                    context,
                    actor,
                    user,
                    name,
                    of,
                    request,
                    began,
                    ended,
                    shown,
                    counts: _,
                } = said;
                *status == row.status
                    && *context == row.context
                    && *actor == row.actor
                    && *user == row.user
                    && *name == row.name
                    && *of == row.of
                    && request.is_some() == row.request.is_some()
                    && *began == row.began
                    && *ended == row.ended
                    && *shown == row.counts
                    // Which process a run is in is no history; that it is in one is.
                    && row.owner.is_some() == (row.status == "running")
            });
            // It is found by what is kept, which may be sealed and says nothing by itself.
            let found_by = |request| {
                let run = Some(row.run.to_string());
                let by_request = RunFilter {
                    beginning: run,
                    request: Some(request),
                    ..RunFilter::default()
                };
                ledger.runs(&by_request)
            };
            let is_found = match self.runs.get(&row.run).and_then(|said| said.request) {
                Some(request) => !found_by(request)?.is_empty(),
                None => true,
            };
            if !(is_as_said && is_found) {
                self.found.problems.push(JournalProblem::Run(row.run));
            }
        }
        let missing = self.runs.keys().filter(|run| !rows.contains(run));
        self.found
            .problems
            .extend(missing.map(|run| JournalProblem::Run(*run)));
        let all = ApprovalFilter {
            all: true,
            ..ApprovalFilter::default()
        };
        let mut rows: BTreeSet<Id> = BTreeSet::new();
        for row in ledger.approvals(&all)? {
            rows.insert(row.approval);
            let said = ApprovalSaid {
                run: row.run,
                call: row.call,
                context: Some(row.context),
                called: Some((row.service, row.method)),
                state: row.state,
                needed: row.needed,
                agreed: row.agreed,
                expires: row.expires,
                binding: row.binding,
                line: row.line,
            };
            if self.approvals.get(&row.approval) != Some(&said) {
                self.found
                    .problems
                    .push(JournalProblem::Approval(row.approval));
            }
        }
        let missing = self.approvals.keys().filter(|one| !rows.contains(one));
        self.found
            .problems
            .extend(missing.map(|one| JournalProblem::Approval(*one)));
        Ok(())
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]
pub(super) mod tests;
