//! Hands spans to a collector of OpenTelemetry: a process of its own, started before the wall, since a server may start and reach nothing.
//! It connects to the collector and to nothing else, and must never be given anything but spans. What the collector does not take in
//! time is dropped, and nobody waits for it.

use super::{
    exit::Exit,
    failure::Failure,
    itself,
    values::Collector,
    wall::{self, Inherited, Outside, WithinReach},
};
use sandgate::service::{Address, Client, ClientLimits};
use sandgate_server::{SpanSink, spans_message};
use serde_json::Value;
use std::{
    io::{self, BufRead, Write, stdin},
    process::{Child, ChildStdin, Stdio},
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

/// The subcommand that it is. Nobody is told of it; by hand it does nothing.
pub(super) const NAME: &str = "telemetry";

/// Runs whose spans wait to be handed over while the collector is busy, and how many spans those may have: some ten megabytes.
const MOST_WAITING: usize = 1_024;
const MOST_WAITING_SPANS: usize = 16_384;
/// Spans of one message, besides those of its last run: a quarter of a megabyte.
const MOST_AT_ONCE: usize = 512;
/// How long the collector has for one message.
const LONGEST: Duration = Duration::from_secs(5);
/// How long a server that ends waits until its last spans are handed over.
const LONGEST_FAREWELL: Duration = Duration::from_secs(1);

/// The process, which waits for spans.
#[derive(Debug)]
pub(super) struct TelemetryProcess {
    process: Child,
    to: ChildStdin,
}

/// What hands spans to it.
#[derive(Debug)]
pub(super) struct Telemetry {
    spans: Arc<SpanQueue>,
    done: Receiver<()>,
}

/// Spans that wait.
#[derive(Debug)]
struct SpanQueue {
    sender: Mutex<Option<SyncSender<Vec<Value>>>>,
    waiting: Arc<AtomicUsize>,
    warned: Once,
}

impl TelemetryProcess {
    /// Starts one for a collector.
    pub(super) fn start(collector: &Collector) -> Result<Self, Failure> {
        let mut command = itself::helper(NAME, Stdio::piped());
        let mut process = command.spawn().map_err(|error| Failure::ours(&error))?;
        let to = process.stdin.take().ok_or_else(|| {
            let error = io::Error::other("the process that hands spans on hears nothing");
            Failure::ours(&error)
        });
        let mut to = to?;
        writeln!(to, "{}", collector.traces()).map_err(|error| Failure::ours(&error))?;
        Ok(Self { process, to })
    }

    /// Begins to hand spans over, by a thread of its own.
    pub(super) fn open(self) -> io::Result<Telemetry> {
        let (sender, spans) = sync_channel(MOST_WAITING);
        let (over, done) = sync_channel(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        let begun = thread::Builder::new().name("telemetry".to_owned());
        let Self { mut process, to } = self;
        begun.spawn(move || {
            hand_over(&spans, &left, to);
            drop(over);
            process.wait()
        })?;
        let spans = Arc::new(SpanQueue {
            sender: Mutex::new(Some(sender)),
            waiting,
            warned: Once::new(),
        });
        Ok(Telemetry { spans, done })
    }
}

impl Telemetry {
    /// Whom a server tells.
    pub(super) fn sink(&self) -> Arc<dyn SpanSink> {
        self.spans.clone()
    }

    /// Hands over what is left, if that takes no longer than a farewell.
    pub(super) fn close(self) {
        let sender = &self.spans.sender;
        drop(sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.done.recv_timeout(LONGEST_FAREWELL);
    }
}

impl SpanSink for SpanQueue {
    fn take(&self, spans: Vec<Value>) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let many = spans.len();
        let before = self.waiting.fetch_add(many, Ordering::Relaxed);
        let is_taken = match &*sender {
            Some(sender) => {
                before.saturating_add(many) <= MOST_WAITING_SPANS && sender.try_send(spans).is_ok()
            }
            None => true,
        };
        if !is_taken {
            self.waiting.fetch_sub(many, Ordering::Relaxed);
        }
        if !is_taken {
            self.warned.call_once(|| {
                tracing::warn!(
                    "the collector takes fewer spans than there are; the rest is dropped"
                );
            });
        }
    }
}

/// Writes a line for what has come meanwhile, until nothing more can.
fn hand_over(from: &Receiver<Vec<Value>>, waiting: &AtomicUsize, mut to: ChildStdin) {
    while let Ok(mut spans) = from.recv() {
        while spans.len() < MOST_AT_ONCE {
            let Ok(more) = from.try_recv() else { break };
            spans.extend(more);
        }
        waiting.fetch_sub(spans.len(), Ordering::Relaxed);
        let mut line = spans_message(spans).to_string();
        line.push('\n');
        if to.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// What the process does: it posts each line that it is given, until nothing more can come.
pub(super) fn serve(inherited: Inherited) -> Result<Exit, Failure> {
    inherited.close();
    let mut lines = stdin().lock().lines();
    let Some(Ok(url)) = lines.next() else {
        return Ok(Exit::Ok);
    };
    let collector = Address::url(&url).map_err(|error| Failure::ours(&error))?;
    let client = Client::new(ClientLimits {
        first_byte: LONGEST,
        idle: LONGEST,
        total: LONGEST,
        ..ClientLimits::default()
    });
    if collector.is_encrypted() {
        client.read_authorities();
    }
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::ours(&error))?;
    wall::alone()?;
    let port = collector.port().map(WithinReach::Port);
    wall::raise(port.as_slice(), Outside::Network)?;
    for line in lines.map_while(Result::ok) {
        // Whatever it answers: nobody waits for that.
        let _ = executor.block_on(client.deliver(&collector, line.into_bytes()));
    }
    Ok(Exit::Ok)
}
