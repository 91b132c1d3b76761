//! The journal: what every run was given, asked for, was told and did, chained line by line. Opened by front ends, written by runs,
//! read by whoever replays, resumes or audits one. A change must be on the disk here before it leaves the host.
//!
//! One thread writes. It gathers what comes within a few milliseconds, so that reads wait for no disk and changes that are made
//! at once share one write.

mod added;
mod anchor;
mod broken;
mod chain;
pub(crate) mod digest;
pub(crate) mod entry;
pub(crate) mod id;
pub(crate) mod key;
pub(crate) mod ledger;
mod owner;
pub(crate) mod past;
pub(crate) mod record;
pub(crate) mod retention;
mod seal;
mod sqlite;
pub(crate) mod verify;

use crate::failpoint;
use added::{Added, AddedBatch};
use broken::BrokenLedger;
use digest::Digest;
use entry::{Entry, Held};
use id::Id;
use key::JournalKey;
use ledger::{
    Appended, ApprovalFilter, ApprovalRow, AskedRow, Batch, Condition, KeptLine, Ledger,
    LedgerError, Line, Pruned, Pruning, RunFilter, RunRow,
};
use owner::Owner;
use retention::Retention;
use sqlite::Sqlite;
use std::{
    collections::BTreeMap,
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::oneshot;
use verify::VerifiedJournal;

/// Lines that are read in one go.
const AT_ONCE: usize = 1_000;
/// For how long the writer gathers lines that nobody waits for.
const GATHERS: Duration = Duration::from_millis(20);
/// For how long it leaves a disk alone that took nothing.
const RESTS: Duration = Duration::from_secs(1);
/// Bytes that may wait while the disk takes what it can. A run that is faster than the disk waits then, or all the room there is
/// would be taken by one that only reads.
const MOST_AHEAD: usize = 8 << 20;
/// A clock that is set right goes back by less than this, and nobody is told.
const TOLERATED: Duration = Duration::from_mins(5);
/// Bytes that wait while the disk takes nothing; what comes then is lost, and counted.
const MOST_WAITING: usize = 64 << 20;

/// A journal. Clones share everything; the last one to go waits until all is written.
#[derive(Debug, Clone)]
pub struct Journal(Arc<JournalInner>);

#[derive(Debug)]
struct JournalInner {
    owner: Id,
    queue: Arc<Queue>,
    reader: Mutex<JournalReader>,
    /// Started with the first line, so that a process can confine itself before.
    writer: Mutex<JournalWriter>,
    options: JournalOptions,
    /// Let go of last.
    _alive: Option<Owner>,
    directory: Option<PathBuf>,
}

/// How a journal is kept.
#[derive(Debug, Clone, Default)]
pub struct JournalOptions {
    /// What it is sealed with. One that is sealed opens with no other, and not without.
    pub key: Option<JournalKey>,
    /// For how long runs are kept after they have ended.
    pub keep: Option<Duration>,
    /// How many bytes it may take: while it takes more, the oldest runs that are over are removed.
    pub most: Option<u64>,
    /// Whether calls that only read are refused too while it cannot be written.
    pub required: bool,
}

/// Most processes only write.
#[derive(Debug)]
enum JournalReader {
    At(PathBuf),
    Open(Box<dyn Ledger>),
}

#[derive(Debug)]
enum JournalWriter {
    Waiting(Box<dyn Ledger>),
    Running(JoinHandle<()>),
    Gone,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
    /// What was taken is written, or could not be.
    written: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    added: AddedBatch,
    /// Whether what was taken is being written.
    busy: bool,
    /// Whether somebody wants to read what was added.
    hurried: bool,
    /// Texts that no line speaks of yet. They are written with the line that does, or a process that dies between the two
    /// would leave a text that nobody knows the reason of.
    loose: BTreeMap<Digest, Vec<u8>>,
    /// What lines were made of that are written. Whoever adds the next lets go of it, and has its memory at hand: memory that
    /// another thread gives back costs more than what is done here otherwise.
    spent: Vec<Entry<'static>>,
    bytes: usize,
    waiting: Vec<Waits>,
    closing: bool,
    /// Whether nobody will write any more.
    is_over: bool,
    /// What the disk said last, while it takes nothing.
    failing: Option<Unwritten>,
    lost: u64,
}

/// Somebody who waits until what was added is kept.
#[derive(Debug)]
struct Waits {
    /// Whether it has to be on the disk.
    durably: bool,
    done: oneshot::Sender<Result<(), Unwritten>>,
}

/// What the run asked for is not in the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unwritten(Arc<str>);

impl Journal {
    /// The journal of a state directory, which is made where it is missing.
    pub fn open(state: &Path) -> Result<Self, LedgerError> {
        Self::open_with(state, JournalOptions::default())
    }

    /// The same, kept in another way than for ever and for everybody who can read the directory.
    pub fn open_with(state: &Path, options: JournalOptions) -> Result<Self, LedgerError> {
        failpoint::arm();
        let directory = Self::place(state);
        let writer = Sqlite::open(&directory, options.key.as_ref())?;
        let owner = Owner::take(&directory).map_err(|error| LedgerError::Directory {
            path: directory.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self(Arc::new(JournalInner {
            owner: owner.id,
            queue: Arc::default(),
            reader: Mutex::new(JournalReader::At(directory.clone())),
            writer: Mutex::new(JournalWriter::Waiting(Box::new(writer))),
            options,
            _alive: Some(owner),
            directory: Some(directory),
        })))
    }

    /// The journal in another engine: one connection that is written to, and one that is read from. `owner` is what this
    /// process is called by [`Ledger::is_alive`].
    #[must_use]
    pub fn over(owner: Id, writer: Box<dyn Ledger>, reader: Box<dyn Ledger>) -> Self {
        Self::kept_by(owner, writer, reader, false)
    }

    fn kept_by(
        owner: Id,
        writer: Box<dyn Ledger>,
        reader: Box<dyn Ledger>,
        required: bool,
    ) -> Self {
        Self(Arc::new(JournalInner {
            owner,
            queue: Arc::default(),
            reader: Mutex::new(JournalReader::Open(reader)),
            writer: Mutex::new(JournalWriter::Waiting(writer)),
            options: JournalOptions {
                required,
                ..JournalOptions::default()
            },
            _alive: None,
            directory: None,
        }))
    }

    /// One that nothing can be written to, so that nothing is changed; nor read, where the journal is `required`.
    #[must_use]
    pub fn unwritable(why: &dyn std::error::Error, required: bool) -> Self {
        let broken = || Box::new(BrokenLedger(why.to_string()));
        Self::kept_by(Id::of([0; 16]), broken(), broken(), required)
    }

    /// Whether calls that only read are refused too while it cannot be written, whatever contexts say.
    pub(crate) fn is_required(&self) -> bool {
        self.0.options.required
    }

    /// Where the journal of a state directory is.
    #[must_use]
    pub fn place(state: &Path) -> PathBuf {
        state.join("journal")
    }

    /// Where it is, for a process that confines itself.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.0.directory.as_deref()
    }

    pub(crate) fn owner(&self) -> Id {
        self.0.owner
    }

    /// Runs, newest first. One that is in no living process any more is `interrupted`.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, LedgerError> {
        // Which of the two it is stands in no table.
        let living = filter.status.as_deref();
        let living = living.filter(|status| [RUNNING, INTERRUPTED].contains(status));
        let in_tables = RunFilter {
            status: living.map(|_| RUNNING.to_owned()),
            most: None,
            ..filter.clone()
        };
        self.read(|reader| {
            let mut runs = reader.runs(if living.is_some() { &in_tables } else { filter })?;
            for run in &mut runs {
                let is_here = |owner: Id| owner == self.0.owner || reader.is_alive(owner);
                if run.status == RUNNING && !run.owner.is_some_and(is_here) {
                    INTERRUPTED.clone_into(&mut run.status);
                }
            }
            if let Some(status) = living {
                runs.retain(|run| run.status == status);
                runs.truncate(filter.most.unwrap_or(usize::MAX));
            }
            Ok(runs)
        })
    }

    /// Of some runs the one that something was written of last.
    pub(crate) fn latest(&self, filter: &RunFilter) -> Result<Option<RunRow>, LedgerError> {
        let mut latest = None;
        for row in self.runs(filter)? {
            let last = self.read(|reader| reader.last_of(row.run))?;
            if latest.as_ref().is_none_or(|(before, _)| *before < last) {
                latest = Some((last, row));
            }
        }
        Ok(latest.map(|(_, row)| row))
    }

    /// The run that is meant by a beginning of its name, or by `last`.
    pub fn run(&self, meant: &str) -> Result<RunRow, NoRun> {
        let filter = match meant {
            "last" => RunFilter {
                most: Some(1),
                ..RunFilter::default()
            },
            beginning => RunFilter {
                beginning: Some(beginning.to_owned()),
                most: Some(2),
                ..RunFilter::default()
            },
        };
        let mut found = self.runs(&filter)?;
        match (found.pop(), found.pop()) {
            (Some(run), None) => Ok(run),
            (Some(_), Some(_)) => Err(NoRun::Several(meant.to_owned())),
            (None, _) => Err(NoRun::None(meant.chars().take(40).collect())),
        }
    }

    /// Questions, oldest first.
    pub fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRow>, LedgerError> {
        self.read(|reader| reader.approvals(filter))
    }

    /// The same with what is shown of them.
    pub(crate) fn asked_rows(&self, filter: &ApprovalFilter) -> Result<Vec<AskedRow>, LedgerError> {
        self.read(|reader| reader.asked(filter))
    }

    /// Lines from a place on, in their order; no more than so many.
    pub fn lines(
        &self,
        run: Option<Id>,
        from: u64,
        most: usize,
    ) -> Result<Vec<KeptLine>, LedgerError> {
        self.read(|reader| {
            let lines = reader.lines(run, from, most)?.into_iter();
            lines.map(|line| reader.opened(line)).collect()
        })
    }

    /// Hands over lines from a place on, of one run or of all, for as long as they are taken, and says where the next ones are.
    pub fn each<E: From<LedgerError>>(
        &self,
        run: Option<Id>,
        mut from: u64,
        mut take: impl FnMut(&KeptLine) -> Result<bool, E>,
    ) -> Result<Option<u64>, E> {
        loop {
            let lines = self.lines(run, from, AT_ONCE)?;
            let Some(last) = lines.last() else {
                return Ok(Some(from));
            };
            from = last.seq.saturating_add(1);
            for line in &lines {
                if !take(line)? {
                    return Ok(None);
                }
            }
        }
    }

    /// JSON that stands in a line or beside it.
    pub fn held(&self, held: &Held<'_>) -> Result<String, LedgerError> {
        match held {
            Held::Here(json) => Ok(json.get().to_owned()),
            Held::Beside(digest) => self.json(*digest),
        }
    }

    /// JSON that stands beside lines.
    pub(crate) fn json(&self, digest: Digest) -> Result<String, LedgerError> {
        String::from_utf8(self.text(digest)?)
            .map_err(|_| LedgerError::Corrupt(format!("text {digest} is not UTF-8")))
    }

    /// The last line that anybody wrote.
    pub fn last(&self) -> Result<u64, LedgerError> {
        self.read(|reader| reader.last())
    }

    /// A text that lines speak of.
    pub fn text(&self, digest: Digest) -> Result<Vec<u8>, LedgerError> {
        if digest == Digest::of(&[]) {
            return Ok(Vec::new());
        }
        self.read(|reader| reader.text(digest))
    }

    /// Looks whether everything is as it was written.
    pub fn verify(&self) -> Result<VerifiedJournal, LedgerError> {
        self.read(|reader| verify::verify(reader))
    }

    /// The same of a sealed journal, for whoever has no key: what is sealed is in the chain or not.
    pub fn verify_sealed(state: &Path) -> Result<VerifiedJournal, LedgerError> {
        verify::verify(&Sqlite::open_blind(&Self::place(state))?)
    }

    /// Removes runs that ended before then, in milliseconds since 1970, as long as more than so many bytes are kept.
    pub fn prune(&self, ended_before: u64, above: u64) -> Result<Pruned, LedgerError> {
        self.pruned(&Pruning {
            ended_before,
            above,
            at: now_ms(),
            lines: AT_ONCE as u64,
            is_rehearsed: false,
        })
    }

    /// What that would remove.
    pub fn would_prune(&self, ended_before: u64, above: u64) -> Result<Pruned, LedgerError> {
        self.pruned(&Pruning {
            ended_before,
            above,
            at: now_ms(),
            lines: u64::MAX,
            is_rehearsed: true,
        })
    }

    /// Piece by piece, so that others can write meanwhile.
    fn pruned(&self, pruning: &Pruning) -> Result<Pruned, LedgerError> {
        let mut all = Pruned::default();
        loop {
            let some = self.read(|reader| reader.prune(pruning))?;
            all = all.followed_by(&some);
            if !some.is_more {
                return Ok(all);
            }
        }
    }

    /// Adds one line at once, with the texts that it speaks of, if something holds at that moment.
    pub(crate) fn append_if(
        &self,
        line: Line,
        spoken: &[Digest],
        condition: &Condition,
    ) -> Result<Appended, LedgerError> {
        let texts = self.0.queue.state().loose(spoken);
        let spoken = spoken.iter().map(|digest| (*digest, 0)).collect();
        let batch = Batch {
            lines: vec![line],
            texts,
            spoken,
        };
        self.read(|reader| reader.append_if(&batch, condition))
    }

    /// Now, and no earlier than anything that is written down: THREAT[APR-05], a question that has run out has not because somebody
    /// set a clock back.
    pub(crate) fn now(&self) -> Result<u64, LedgerError> {
        let (now, latest) = (now_ms(), self.read(|reader| reader.latest())?);
        let behind = Duration::from_millis(latest.saturating_sub(now));
        if behind >= TOLERATED {
            tracing::warn!(
                "the clock is {} behind the journal; approvals run out by the journal's time",
                humantime::format_duration(Duration::from_secs(behind.as_secs()))
            );
        }
        Ok(now.max(latest))
    }

    /// Waits until what this process added is written, before somebody reads it or the process ends. A disk that takes nothing is waited
    /// for no longer than it says so.
    pub fn catch_up(&self) {
        let queue = &self.0.queue;
        let mut state = queue.state();
        while (state.busy || !state.added.is_empty()) && state.failing.is_none() && !state.is_over {
            state.hurried = true;
            queue.wake.notify_one();
            state = queue
                .written
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read<R>(
        &self,
        look: impl FnOnce(&mut dyn Ledger) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        self.catch_up();
        let mut reader = self.0.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let JournalReader::At(directory) = &*reader {
            let key = self.0.options.key.as_ref();
            *reader = JournalReader::Open(Box::new(Sqlite::open(directory, key)?));
        }
        match &mut *reader {
            JournalReader::Open(ledger) => look(&mut **ledger),
            JournalReader::At(directory) => Err(LedgerError::Directory {
                path: directory.clone(),
                reason: "it cannot be opened".to_owned(),
            }),
        }
    }

    /// Adds something, soon, with the texts that it speaks of. Where there is no room for it, it is lost, and whoever adds it has to
    /// know: THREAT[JRN-04].
    fn push(&self, added: Added, spoken: &[Digest]) -> Result<(), Unwritten> {
        self.start();
        let mut guard = self.0.queue.state();
        let state = &mut *guard;
        let texts = state.loose(spoken);
        let all = texts
            .values()
            .fold(added.weight(), |all, text| all.saturating_add(text.len()));
        if state.bytes.saturating_add(all) > MOST_WAITING {
            state.lost = state.lost.saturating_add(1);
            return Err(Unwritten(
                "more waits to be written than there is room for".into(),
            ));
        }
        state.bytes = state.bytes.saturating_add(all);
        let is_first = state.added.is_empty();
        state.added.add(added, texts, spoken);
        let spent = state.spent.pop();
        drop(guard);
        drop(spent);
        if is_first {
            self.0.queue.wake.notify_one();
        }
        Ok(())
    }

    /// Keeps a text that the next line speaks of.
    pub(crate) fn keep(&self, text: &[u8]) -> Digest {
        let digest = Digest::of(text);
        let mut state = self.0.queue.state();
        // An empty text can be told by its digest.
        if !text.is_empty() && !state.added.has_text(digest) {
            state.loose.insert(digest, text.to_owned());
        }
        digest
    }

    /// Whether whoever adds lines should wait for those that there are.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.0.queue.state();
        state.bytes > MOST_AHEAD && state.failing.is_none() && !state.is_over
    }

    /// Waits until everything that was added is on the disk. Those who wait at once wait for one write.
    pub(crate) async fn settle(&self) -> Result<(), Unwritten> {
        self.wait(true).await
    }

    /// Waits until the journal has taken everything that was added, and for no disk.
    pub(crate) async fn reach(&self) -> Result<(), Unwritten> {
        self.wait(false).await
    }

    async fn wait(&self, durably: bool) -> Result<(), Unwritten> {
        self.start();
        let (done, settled) = oneshot::channel();
        {
            let mut state = self.0.queue.state();
            if let Some(why) = state.failing.as_ref().filter(|_| state.is_over) {
                return Err(why.clone());
            }
            state.waiting.push(Waits { durably, done });
        }
        self.0.queue.wake.notify_one();
        settled
            .await
            .unwrap_or_else(|_| Err(Unwritten("the journal is closed".into())))
    }

    fn start(&self) {
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*writer, JournalWriter::Waiting(_)) {
            return;
        }
        if let JournalWriter::Waiting(mut ledger) = mem::replace(&mut *writer, JournalWriter::Gone)
        {
            let (queue, owner) = (Arc::clone(&self.0.queue), self.0.owner);
            let mut retention = Retention::of(&self.0.options);
            let thread = std::thread::Builder::new()
                .name("journal".to_owned())
                .spawn(move || queue.write_to(&mut *ledger, owner, &mut retention));
            match thread {
                Ok(thread) => *writer = JournalWriter::Running(thread),
                Err(error) => {
                    let mut state = self.0.queue.state();
                    state.failing = Some(Unwritten(error.to_string().into()));
                    state.is_over = true;
                }
            }
        }
    }
}

/// How a run stands that goes on.
pub(crate) const RUNNING: &str = "running";
/// How one stands that is in no living process any more.
pub(crate) const INTERRUPTED: &str = "interrupted";
/// How one stands that waits for people.
pub(crate) const AWAITING: &str = "awaiting_approval";

/// Which run is meant cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// There is none.
    #[error("no run in the journal begins with `{}`", .0.escape_debug())]
    None(String),
    /// There are several.
    #[error("several runs begin with `{0}`")]
    Several(String),
    /// The journal cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Drop for JournalInner {
    fn drop(&mut self) {
        self.queue.state().closing = true;
        self.queue.wake.notify_one();
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let JournalWriter::Running(thread) = mem::replace(writer, JournalWriter::Gone) {
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the journal is closed.
    fn write_to(&self, ledger: &mut dyn Ledger, owner: Id, retention: &mut Retention) {
        loop {
            let mut state = self.state();
            while state.is_idle() {
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let gathers = if state.failing.is_some() {
                RESTS
            } else {
                GATHERS
            };
            let is_calm = |state: &mut QueueState| {
                state.waiting.is_empty() && !state.closing && !state.hurried
            };
            let (mut state, _) = self
                .wake
                .wait_timeout_while(state, gathers, is_calm)
                .unwrap_or_else(PoisonError::into_inner);
            let added = mem::take(&mut state.added);
            (state.busy, state.hurried) = (true, false);
            let waiting = mem::take(&mut state.waiting);
            let (bytes, closing) = (mem::take(&mut state.bytes), state.closing);
            drop(state);
            let (batch, mut spent) = added.into_batch(owner);
            spent.truncate(AT_ONCE);
            let written = if batch.is_empty() && waiting.is_empty() {
                Ok(())
            } else {
                let durable = waiting.iter().any(|waits| waits.durably);
                ledger.append(&batch, durable)
            };
            let written = written.map_err(|error| Unwritten(error.to_string().into()));
            let mut state = self.state();
            let unused = mem::replace(&mut state.spent, spent);
            state.busy = false;
            match &written {
                Ok(()) => {
                    state.failing = None;
                    let lost = mem::take(&mut state.lost);
                    if lost > 0 {
                        tracing::warn!(
                            "the journal lost {lost} lines while it could not be written"
                        );
                    }
                }
                Err(why) => {
                    if state.failing.is_none() {
                        tracing::warn!("{why}");
                    }
                    state.failing = Some(why.clone());
                    state.added.put_back(batch);
                    state.bytes = state.bytes.saturating_add(bytes);
                }
            }
            let is_idle = state.is_idle();
            drop(state);
            drop(unused);
            self.written.notify_all();
            for waits in waiting {
                let _ = waits.done.send(written.clone());
            }
            // Nobody waits for the journal while this is done.
            if written.is_ok() && (is_idle || closing) {
                retention.keep_to(ledger, now_ms());
            }
            if closing {
                return;
            }
        }
    }
}

impl QueueState {
    fn is_idle(&self) -> bool {
        self.added.is_empty() && self.waiting.is_empty() && !self.closing
    }

    /// Those of some texts that no line speaks of yet. The others were written, or are about to be, with another line.
    fn loose(&mut self, texts: &[Digest]) -> BTreeMap<Digest, Vec<u8>> {
        texts
            .iter()
            .filter_map(|digest| self.loose.remove_entry(digest))
            .collect()
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.texts.is_empty()
    }
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]
mod tests;

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]
mod keeping;
