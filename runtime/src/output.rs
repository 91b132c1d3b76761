//! What a script writes: counted, captured as far as the limit goes, and passed on while it comes, all of it. Called by
//! `sandbox::wasi` for every write of a guest. It must never hold more than the limit, whatever the guest writes.

use crate::{limits::Limits, outcome::StreamText};
use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Receives output as it comes. The bytes are the script's own: a terminal needs them escaped.
pub trait Sink: Send + Sync {
    /// Takes some bytes. Called between instructions of the script, so it must not wait.
    fn write(&self, stream: Stream, bytes: &[u8]);

    /// Whether nobody reads this stream any more.
    fn is_gone(&self, _stream: Stream) -> bool {
        false
    }

    /// Whether it holds so much that the script should wait before it writes more.
    fn is_full(&self) -> bool {
        false
    }

    /// Waits until it does not. The script's time goes on meanwhile.
    fn drained(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

impl fmt::Debug for dyn Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// A script wrote so much that nobody can want it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TooMuchOutput {
    #[error("the script wrote {limit} bytes to one stream, {times} times what is kept of it", times = Limits::FLOOD)]
    Flood { limit: u64 },
    #[error("nobody reads what the script writes any more")]
    Unread,
    /// A replay has come to where the recording ends.
    #[error("the recording ends here")]
    Recording,
}

/// A script whose reader went away, as `head` does, may still have its last words; one that goes on writing is ended.
const MOST_UNREAD: u64 = 64 << 10;

/// The two streams of one run.
#[derive(Debug)]
pub(crate) struct Output {
    limit: usize,
    sink: Option<Arc<dyn Sink>>,
    out: Capture,
    err: Capture,
}

#[derive(Debug, Default)]
struct Capture {
    kept: Vec<u8>,
    total: u64,
    unread: u64,
    /// Bytes that somebody had already.
    passed_on: u64,
    /// How much there is in a replay that goes no further than its recording.
    most: Option<u64>,
}

impl Output {
    pub(crate) fn new(limit: usize, sink: Option<Arc<dyn Sink>>) -> Self {
        Self {
            limit,
            sink,
            out: Capture::default(),
            err: Capture::default(),
        }
    }

    /// Takes what the guest writes. THREAT[DOS-06]: counted before anything is kept; past the limit nothing is kept;
    /// far past it the run ends. What is passed on is not cut: a file with half of a report would be worse than none.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), TooMuchOutput> {
        let limit = self.limit;
        let capture = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        let total = capture.total.saturating_add(bytes.len() as u64);
        if capture.most.is_some_and(|most| total > most) {
            return Err(TooMuchOutput::Recording);
        }
        capture.total = total;
        let room = limit.saturating_sub(capture.kept.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        capture.kept.extend_from_slice(kept);
        let had = usize::try_from(capture.passed_on).unwrap_or(usize::MAX);
        let had = had.min(bytes.len());
        capture.passed_on = capture.passed_on.saturating_sub(had as u64);
        let bytes = bytes.get(had..).unwrap_or_default();
        if let Some(sink) = self.sink.as_ref().filter(|_| !bytes.is_empty()) {
            if sink.is_gone(stream) {
                capture.unread = capture.unread.saturating_add(bytes.len() as u64);
            } else {
                sink.write(stream, bytes);
            }
        }
        if capture.unread > MOST_UNREAD {
            return Err(TooMuchOutput::Unread);
        }
        let flood = (limit as u64).saturating_mul(Limits::FLOOD);
        if capture.total > flood {
            Err(TooMuchOutput::Flood { limit: flood })
        } else {
            Ok(())
        }
    }

    /// What was passed on before the run was parked is not passed on again.
    pub(crate) fn passed_on(&mut self, out: u64, err: u64) {
        self.out.passed_on = out;
        self.err.passed_on = err;
    }

    /// A replay writes no more than the recording has.
    pub(crate) fn ends_at(&mut self, out: u64, err: u64) {
        self.out.most = Some(out);
        self.err.most = Some(err);
    }

    /// How much came to each of the two.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.out.total, self.err.total)
    }

    pub(crate) fn total(&self) -> u64 {
        self.out.total.saturating_add(self.err.total)
    }

    /// Where it is passed on to, if the script should wait for it now.
    pub(crate) fn full(&self) -> Option<Arc<dyn Sink>> {
        self.sink.clone().filter(|sink| sink.is_full())
    }

    /// What was kept. The marker is part of the text, so that whoever reads it cannot miss that something is not.
    pub(crate) fn finish(self) -> (StreamText, StreamText) {
        (self.out.finish(self.limit), self.err.finish(self.limit))
    }
}

impl Capture {
    fn finish(self, limit: usize) -> StreamText {
        let dropped = self.total.saturating_sub(self.kept.len() as u64);
        let mut text = match String::from_utf8(self.kept) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        if dropped > 0 {
            text.push_str(&format!(
                "\n[output cut: {dropped} bytes dropped, the limit is {limit}]\n"
            ));
        }
        StreamText { text, dropped }
    }
}
