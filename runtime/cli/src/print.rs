//! The only writer of this process's two streams. What is somebody else's text goes to a terminal with its control and
//! invisible characters shown and not obeyed, JSON too, but for the colours of a script (`filter`); a pipe or a file gets
//! text as it is. What is ours begins on a line of its own, in no colour of a script's. THREAT[DOS-06].
//!
//! While a person is asked, the question has the terminal alone: output of the script waits, and what the command itself
//! would say is kept until the question is over. THREAT[APR-03]. Nothing here may wait for that on an executor's thread.

use super::{escape, failure::Failure, filter::Filter};
use sandgate::Stream;
use std::{
    io::{self, IsTerminal, Write},
    sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// How much of our own text is kept while a question stands. Only warnings come then.
const MOST_LATER: usize = 64 << 10;

/// Whether there may be colours. Read once, when the command starts: later there is no environment.
static COLOURS: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));

/// Reads what the environment says of printing.
pub(super) fn start() {
    LazyLock::force(&COLOURS);
}

/// A process has one terminal.
static TURN: Turn = Turn {
    state: Mutex::new(PrinterState {
        asking: false,
        writing: 0,
        later: Vec::new(),
        queued: 0,
        written: 0,
    }),
    over: Condvar::new(),
    freed: Notify::const_new(),
};

/// The line of the terminal that the cursor is on. Held while a terminal is written to.
static LINE: Mutex<ScreenLine> = Mutex::new(ScreenLine {
    text: String::new(),
    column: 0,
    is_coloured: false,
    interrupted: String::new(),
});

/// What the terminal's last line looks like, as far as it was written here.
struct ScreenLine {
    /// What is on it, where that is not too long.
    text: String,
    /// At least so many cells are before the cursor.
    column: usize,
    /// A script chose how what comes is shown.
    is_coloured: bool,
    /// What was on it when a question took its place.
    interrupted: String,
}

impl ScreenLine {
    /// A longer line is not repeated.
    const LONGEST: usize = 4096;

    fn lock() -> MutexGuard<'static, Self> {
        LINE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be written before anything of ours: the line is ended, and the colours with it.
    fn begin(&mut self) -> String {
        let reset = if std::mem::take(&mut self.is_coloured) {
            RESET
        } else {
            ""
        };
        let end = if self.text.is_empty() { "" } else { "\n" };
        self.text.clear();
        self.column = 0;
        format!("{reset}{end}")
    }

    /// This is written, in which nothing acts but colours and steps on the line.
    fn add(&mut self, text: &str) {
        let new = match text.rsplit_once('\n') {
            Some((_, new)) => {
                self.text.clear();
                new
            }
            None => text,
        };
        let room = Self::LONGEST.saturating_sub(self.text.len());
        self.text.extend(new.chars().take(room));
        if let Some(at) = text.rfind("\u{1b}[") {
            let last = text.get(at..).unwrap_or_default();
            self.is_coloured = !last.starts_with(RESET) && !last.starts_with("\u{1b}[m");
        }
    }

    /// This is written, whatever is in it.
    fn add_raw(&mut self, bytes: &[u8]) {
        self.text.clear();
        if !bytes.ends_with(b"\n") {
            self.text.push(' ');
        }
        self.is_coloured = true;
    }
}

/// Back to no colour and no style.
const RESET: &str = "\u{1b}[0m";

/// Who may write to the terminal.
struct Turn {
    state: Mutex<PrinterState>,
    /// A question is over.
    over: Condvar,
    /// Somebody has written what there was, or a question is over.
    freed: Notify,
}

struct PrinterState {
    asking: bool,
    /// How many are writing now.
    writing: usize,
    later: Vec<(Stream, String)>,
    /// Bytes of the script that were given to be written to the terminal, and how many of them were.
    queued: u64,
    written: u64,
}

impl Turn {
    fn state(&self) -> MutexGuard<'_, PrinterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no question stands.
    fn wait(&'static self) -> Writing {
        let asking = |state: &mut PrinterState| state.asking;
        let mut state = self
            .over
            .wait_while(self.state(), asking)
            .unwrap_or_else(PoisonError::into_inner);
        state.writing = state.writing.saturating_add(1);
        Writing
    }
}

/// Somebody writes to the terminal for as long as this lives.
struct Writing;

impl Drop for Writing {
    fn drop(&mut self) {
        let mut state = TURN.state();
        state.writing = state.writing.saturating_sub(1);
        drop(state);
        TURN.freed.notify_waiters();
    }
}

/// The question that stands. Nobody else writes to the terminal for as long as this lives.
#[derive(Debug)]
pub(super) struct Alone(());

/// Waits until everything that the script wrote before is on the terminal and nobody writes, and keeps it so.
pub(super) async fn alone() -> Alone {
    // A pipe may wait for ever, and keeps its order with nothing.
    let before = if is_terminal(Stream::Out) {
        TURN.state().queued
    } else {
        0
    };
    let alone = loop {
        let freed = TURN.freed.notified();
        {
            let mut state = TURN.state();
            if state.written >= before && !state.asking {
                state.asking = true;
                break Alone(());
            }
        }
        freed.await;
    };
    loop {
        let freed = TURN.freed.notified();
        if TURN.state().writing == 0 {
            return alone;
        }
        freed.await;
    }
}

impl Alone {
    /// What a question begins with: the end of the script's line and of its colours. What was on that line is kept.
    pub(super) fn begin(&self) -> String {
        let mut line = ScreenLine::lock();
        line.interrupted = line.text.clone();
        // Whatever is on the line that the cursor is on, what is asked begins on another.
        let begin = line.begin();
        format!("{}\n", begin.trim_end_matches('\n'))
    }

    /// Ends a line that the script left unfinished, and its colours.
    pub(super) fn fresh_line(&self) {
        // Nobody is left to tell.
        let _ = on_a_line(Stream::Out, "");
    }

    /// Leaves a line that is written when the question is over, before anything else.
    pub(super) fn leave(&self, text: &str) {
        let text = escape::escaped(text);
        TURN.state().later.insert(0, (Stream::Err, text));
    }
}

/// A person ended the line.
pub(super) fn entered() {
    let mut line = ScreenLine::lock();
    line.text.clear();
    line.column = 0;
}

/// The line that a question interrupted, once, if nothing was written since: whoever was about to type there sees it again.
pub(super) fn interrupted() -> String {
    let mut line = ScreenLine::lock();
    let interrupted = std::mem::take(&mut line.interrupted);
    line.add(&interrupted);
    interrupted
}

impl Drop for Alone {
    fn drop(&mut self) {
        let later = std::mem::take(&mut TURN.state().later);
        for (stream, text) in later {
            // Nobody is left to tell.
            let _ = on_a_line(stream, &text);
        }
        TURN.state().asking = false;
        TURN.over.notify_all();
        TURN.freed.notify_waiters();
    }
}

/// Whether a stream ends at a terminal.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing is written, it is only looked at"
)]
pub(super) fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::Out => io::stdout().is_terminal(),
        Stream::Err => io::stderr().is_terminal(),
    }
}

fn has_colours(stream: Stream) -> bool {
    is_terminal(stream) && *COLOURS
}

/// Data, to standard output.
pub(super) fn out(text: &str) -> Result<(), Failure> {
    say(Stream::Out, text).map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::internal(
        format!("the output cannot be written: {error}"),
        Some("make room where it goes"),
    )
}

/// Data as JSON, to standard output.
pub(super) fn json(text: &str) -> Result<(), Failure> {
    out(&escape::json(text))
}

/// The same, piece by piece for as long as somebody reads: whether anybody still does.
pub(super) fn goes_on(text: &str) -> Result<bool, Failure> {
    let written = if is_terminal(Stream::Out) {
        ours(Stream::Out, escape::escaped(text))
    } else {
        direct(Stream::Out, text.as_bytes())
    };
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(unwritten(&error)),
    }
}

/// Anything else, to standard error. Nobody can be told when that is closed.
pub(super) fn err(text: &str) {
    let _ = say(Stream::Err, text);
}

/// A text that also exists in colours. Colours are escape sequences of ours; where the text holds others as well, it is
/// shown without colours.
pub(super) fn err_in_colours(plain: &str, coloured: impl FnOnce() -> String) {
    if has_colours(Stream::Err) && !escape::acts(plain) {
        let _ = ours(Stream::Err, coloured());
    } else {
        err(plain);
    }
}

/// A heading of our own words, to standard output.
pub(super) fn heading(text: &str) -> Result<(), Failure> {
    if has_colours(Stream::Out) && !escape::acts(text) {
        // As for every other text: who does not read needs no error.
        let _ = ours(Stream::Out, format!("\u{1b}[1;36m{text}\u{1b}[0m\n"));
        Ok(())
    } else {
        out(&format!("{text}\n"))
    }
}

/// What is wrong with the arguments, or help. Arguments may be names of files that a script chose.
pub(super) fn arguments(error: &clap::Error) {
    let foreign = std::env::args_os().any(|argument| escape::acts(&argument.to_string_lossy()));
    if foreign {
        let stream = if error.use_stderr() {
            Stream::Err
        } else {
            Stream::Out
        };
        let _ = say(stream, &error.render().to_string());
    } else {
        // Writing can only fail because nobody reads.
        let _ = error.print();
    }
}

/// Where the library's warnings are written.
#[derive(Debug)]
pub(super) struct Warnings;

impl Write for Warnings {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        err(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn say(stream: Stream, text: &str) -> io::Result<()> {
    if is_terminal(stream) {
        ours(stream, escape::escaped(text))
    } else {
        raw(stream, text.as_bytes())
    }
}

/// Writes what may go to a terminal as it is.
fn ours(stream: Stream, text: String) -> io::Result<()> {
    let mut state = TURN.state();
    if state.asking {
        let kept: usize = state.later.iter().map(|(_, text)| text.len()).sum();
        if kept.saturating_add(text.len()) <= MOST_LATER {
            state.later.push((stream, text));
        }
        return Ok(());
    }
    state.writing = state.writing.saturating_add(1);
    drop(state);
    let _writing = Writing;
    on_a_line(stream, &text)
}

/// Writes what is ours to a terminal, on a line of its own.
fn on_a_line(stream: Stream, text: &str) -> io::Result<()> {
    let mut line = ScreenLine::lock();
    let text = format!("{}{text}", line.begin());
    line.add(&text);
    raw(stream, text.as_bytes())
}

fn raw(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match direct(stream, bytes) {
        // A reader that went away wanted no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn direct(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    let write = |to: &mut dyn Write| to.write_all(bytes).and_then(|()| to.flush());
    #[expect(
        clippy::disallowed_methods,
        reason = "everything that is written passes here"
    )]
    match stream {
        Stream::Out => write(&mut io::stdout()),
        Stream::Err => write(&mut io::stderr()),
    }
}

/// One stream of a script, in pieces. For a thread of its own: it waits while a question stands.
#[derive(Debug)]
pub(super) struct Passing {
    stream: Stream,
    manner: Manner,
}

/// How a stream of a script is written.
#[derive(Debug)]
enum Manner {
    /// It ends in a file or a pipe.
    Whole,
    /// It ends at a terminal.
    Filtered(Filter),
    /// It ends at a terminal, and whoever started the run wants it as it is.
    Raw,
}

impl Passing {
    pub(super) fn to(stream: Stream, is_raw: bool) -> Self {
        let manner = match (is_terminal(stream), is_raw) {
            (false, _) => Manner::Whole,
            (true, false) => Manner::Filtered(Filter::default()),
            (true, true) => Manner::Raw,
        };
        Self { stream, manner }
    }

    pub(super) fn is_terminal(&self) -> bool {
        !matches!(self.manner, Manner::Whole)
    }

    /// Writes some. That nobody reads a pipe any more is an error here.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Manner::Whole = self.manner {
            return direct(self.stream, bytes);
        }
        let _writing = TURN.wait();
        let mut line = ScreenLine::lock();
        match &mut self.manner {
            Manner::Filtered(filter) => {
                let text = filter.pass(bytes, &mut line.column);
                line.interrupted.clear();
                line.add(&text);
                raw(self.stream, text.as_bytes())
            }
            Manner::Raw | Manner::Whole => {
                line.add_raw(bytes);
                raw(self.stream, bytes)
            }
        }
    }

    /// Nothing more comes. A script does not leave the terminal in its colours.
    pub(super) fn end(&mut self) -> io::Result<()> {
        let rest = match &mut self.manner {
            Manner::Whole => return Ok(()),
            Manner::Filtered(filter) => filter.end(),
            Manner::Raw => String::new(),
        };
        let _writing = TURN.wait();
        let mut line = ScreenLine::lock();
        let reset = if line.is_coloured { RESET } else { "" };
        let text = format!("{rest}{reset}");
        line.add(&text);
        raw(self.stream, text.as_bytes())
    }
}

/// What is said at the end of a run, by the thread that wrote what came before.
pub(super) fn last(stream: Stream, text: &str) -> io::Result<()> {
    if is_terminal(stream) {
        let _writing = TURN.wait();
        on_a_line(stream, &escape::escaped(text))
    } else {
        raw(stream, text.as_bytes())
    }
}

/// So many bytes for the terminal are waiting to be written.
pub(super) fn queued(bytes: usize) {
    let mut state = TURN.state();
    state.queued = state.queued.saturating_add(bytes as u64);
}

/// So many of them were written, or nobody reads them.
pub(super) fn written(bytes: usize) {
    let mut state = TURN.state();
    state.written = state.written.saturating_add(bytes as u64);
    drop(state);
    TURN.freed.notify_waiters();
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    #[tokio::test]
    async fn apr_03_a_question_waits_for_whoever_writes_and_what_is_said_then_waits_for_it() {
        let writing = TURN.wait();
        let mut alone = pin!(alone());
        let mut unwoken = Context::from_waker(Waker::noop());
        assert!(alone.as_mut().poll(&mut unwoken).is_pending());
        drop(writing);
        let alone = alone.await;
        ours(Stream::Err, "a warning".to_owned()).unwrap();
        assert_eq!(
            std::mem::take(&mut TURN.state().later),
            [(Stream::Err, "a warning".to_owned())]
        );
        drop(alone);
    }
}
