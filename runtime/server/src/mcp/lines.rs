//! One message a line, in two streams of bytes: the transport of an MCP server, called by `rmcp`. It stands in the
//! place of the one that `rmcp` has, which says nothing to a line that it cannot read, takes as many requests as come,
//! and ends where a notification comes before `initialize`.
//!
//! Whoever writes to it is not trusted with this process's memory. THREAT[DOS-14]. Nothing may be written but messages, and
//! nothing here may wait for a reader of them on an executor's thread.

use crate::weight;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientJsonRpcMessage, ClientNotification, ErrorCode, JsonRpcMessage, RequestId,
        ServerJsonRpcMessage,
    },
    transport::Transport,
};
use sandgate::policy::ByteCount;
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    io::{self, BufRead},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};

/// Bytes of one message. Sixteen times the source that a context grants unless it says otherwise, and what other servers
/// and clients take; what is longer is skipped to its end, and never held.
const LONGEST: usize = 16 << 20;
/// Requests without an answer. A model makes a handful of calls at once; runs beyond the pool's instances only wait.
const MOST_PENDING: usize = 64;
/// Bytes of them. What waits is held, so many long ones must not add up.
const MOST_HELD: usize = 64 << 20;
/// Answers that wait to be written. More than there can be requests under way, so that no answer waits for a place, and
/// few enough that a client which only sends what is refused has to read.
const MOST_WAITING: usize = 4 * MOST_PENDING;
/// For how long the end of the process waits for whoever reads the last answers.
const PATIENCE: Duration = Duration::from_millis(500);

/// The transport.
#[derive(Debug)]
pub struct LineTransport {
    incoming: mpsc::Receiver<McpLine>,
    outgoing: mpsc::Sender<Outgoing>,
    pending: Pending,
    asked: AskedOfClient,
    /// Told when nothing more comes in.
    over: watch::Sender<bool>,
}

#[derive(Debug, PartialEq, Eq)]
enum McpLine {
    Whole(Vec<u8>),
    TooLong,
}

#[derive(Debug)]
enum Outgoing {
    CommandAnswer(ServerJsonRpcMessage),
    /// Of a request that is not among those that are under way, though one of its id may be.
    Refusal(ServerJsonRpcMessage),
    /// Everything before this is written.
    Flush(oneshot::Sender<()>),
}

/// What this server has asked its client, and has no answer to.
#[derive(Debug, Default)]
struct AskedOfClient(Mutex<HashSet<RequestId>>);

impl AskedOfClient {
    fn all(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the answer to something, which has none any more then.
    fn was(&self, id: &RequestId) -> bool {
        self.all().remove(id)
    }

    fn was_of(&self, id: Option<&RequestId>) -> bool {
        id.is_some_and(|id| self.was(id))
    }
}

/// Requests of which the answer is not written yet.
#[derive(Debug, Clone, Default)]
struct Pending(Arc<Mutex<HashMap<RequestId, McpRequest>>>);

#[derive(Debug)]
struct McpRequest {
    bytes: usize,
    /// There is an answer, which waits to be written.
    answered: bool,
}

impl Pending {
    fn all(&self) -> MutexGuard<'_, HashMap<RequestId, McpRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, id: &RequestId, bytes: usize) -> Result<(), &'static str> {
        let mut all = self.all();
        if all.contains_key(id) {
            return Err("a request with this id is under way");
        }
        let held: usize = all.values().map(|request| request.bytes).sum();
        if all.len() >= MOST_PENDING || held.saturating_add(bytes) > MOST_HELD {
            return Err("too many requests are under way; wait for their answers");
        }
        let request = McpRequest {
            bytes,
            answered: false,
        };
        all.insert(id.clone(), request);
        Ok(())
    }

    fn answer(&self, id: &RequestId) {
        if let Some(request) = self.all().get_mut(id) {
            request.answered = true;
        }
    }

    /// Whether there was something to cancel. It is not under way any more, and will not be answered.
    fn cancel(&self, id: &RequestId) -> bool {
        let mut all = self.all();
        let cancelled = all.get(id).is_some_and(|request| !request.answered);
        if cancelled {
            all.remove(id);
        }
        cancelled
    }

    fn leave(&self, id: &RequestId) {
        self.all().remove(id);
    }
}

impl LineTransport {
    /// Reads and writes on threads of their own, since not every stream can be waited for otherwise. `over` is told when nothing
    /// more comes in.
    pub fn between(
        input: impl BufRead + Send + 'static,
        output: impl FnMut(&str) -> bool + Send + 'static,
        over: watch::Sender<bool>,
    ) -> io::Result<Self> {
        let (lines, incoming) = mpsc::channel(1);
        let (outgoing, messages) = mpsc::channel(MOST_WAITING);
        let pending = Pending::default();
        let answered = pending.clone();
        thread::Builder::new()
            .name("sandgate-input".to_owned())
            .spawn(move || read(input, LONGEST, &lines))?;
        thread::Builder::new()
            .name("sandgate-output".to_owned())
            .spawn(move || write(messages, &answered, output))?;
        Ok(Self {
            incoming,
            outgoing,
            pending,
            asked: AskedOfClient::default(),
            over,
        })
    }

    /// What a line is: a message that is passed on, or one that is answered here, or one that means nothing.
    fn take(&self, line: &McpLine) -> Incoming {
        let McpLine::Whole(bytes) = line else {
            let message = format!("the message is longer than {}", ByteCount(LONGEST));
            return Incoming::refused(None, ErrorCode::INVALID_REQUEST, message);
        };
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return Incoming::Nothing;
        }
        if !weight::is_bearable(bytes) {
            let message = format!("the message has more than {} values", weight::MOST);
            return Incoming::refused(None, ErrorCode::INVALID_REQUEST, message);
        }
        match serde_json::from_slice::<ClientJsonRpcMessage>(bytes) {
            Ok(JsonRpcMessage::Request(request)) => {
                match self.pending.enter(&request.id, bytes.len()) {
                    Ok(()) => Incoming::Message(JsonRpcMessage::Request(request)),
                    Err(why) => {
                        Incoming::refused(Some(request.id), ErrorCode::INVALID_REQUEST, why)
                    }
                }
            }
            // The only one that means something to this server, and only while what it names is under way. Before
            // `initialize` nothing is, and `rmcp` would end.
            Ok(JsonRpcMessage::Notification(notification)) => {
                let cancelled = match &notification.notification {
                    ClientNotification::CancelledNotification(one) => {
                        one.params.request_id.as_ref()
                    }
                    _ => None,
                };
                if cancelled.is_some_and(|id| self.pending.cancel(id)) {
                    Incoming::Message(JsonRpcMessage::Notification(notification))
                } else {
                    Incoming::Nothing
                }
            }
            // Only what was asked for is an answer.
            Ok(JsonRpcMessage::Response(answer)) if self.asked.was(&answer.id) => {
                Incoming::Message(JsonRpcMessage::Response(answer))
            }
            Ok(JsonRpcMessage::Error(error)) if self.asked.was_of(error.id.as_ref()) => {
                Incoming::Message(JsonRpcMessage::Error(error))
            }
            Ok(JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) => Incoming::Nothing,
            Err(error) if error.is_data() => not_a_message(bytes),
            Err(error) => {
                let message = format!("the message is not JSON: {error}");
                Incoming::refused(None, ErrorCode::PARSE_ERROR, message)
            }
        }
    }
}

/// JSON that is no message of MCP. Notifications are not answered, whatever they say.
fn not_a_message(bytes: &[u8]) -> Incoming {
    #[derive(Deserialize)]
    struct MaybeMessage {
        id: Option<RequestId>,
        method: Option<IgnoredAny>,
    }
    let refused = |id| {
        let message = "this is no request of JSON-RPC 2.0 as MCP has them";
        Incoming::refused(id, ErrorCode::INVALID_REQUEST, message)
    };
    match serde_json::from_slice::<MaybeMessage>(bytes) {
        Ok(named) if named.id.is_none() && named.method.is_some() => Incoming::Nothing,
        Ok(named) => refused(named.id),
        Err(_) => refused(None),
    }
}

#[derive(Debug)]
enum Incoming {
    Message(ClientJsonRpcMessage),
    Refused(ServerJsonRpcMessage),
    Nothing,
}

impl Incoming {
    fn refused(id: Option<RequestId>, code: ErrorCode, message: impl Into<String>) -> Self {
        let error = ErrorData::new(code, message.into(), None);
        Self::Refused(ServerJsonRpcMessage::error(error, id))
    }
}

impl Transport<RoleServer> for LineTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        if let Some(id) = answers(&message) {
            self.pending.answer(id);
        }
        if let JsonRpcMessage::Request(request) = &message {
            self.asked.all().insert(request.id.clone());
        }
        let outgoing = self.outgoing.clone();
        async move {
            let sent = outgoing.send(Outgoing::CommandAnswer(message)).await;
            sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
        }
    }

    /// May be dropped at any time: nothing is lost then, since both waits are for a place and not for bytes.
    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            let place = self.outgoing.reserve().await.ok();
            let (Some(place), Some(line)) = (place, self.incoming.recv().await) else {
                self.over.send_replace(true);
                return None;
            };
            match self.take(&line) {
                Incoming::Message(message) => return Some(message),
                Incoming::Refused(refusal) => place.send(Outgoing::Refusal(refusal)),
                Incoming::Nothing => {}
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        let flushed = async {
            if self.outgoing.send(Outgoing::Flush(done)).await.is_ok() {
                // The thread does not panic; if it did, there is nothing to be written any more.
                let _ = written.await;
            }
        };
        // Who does not read any more is not waited for.
        let _ = tokio::time::timeout(PATIENCE, flushed).await;
        Ok(())
    }
}

/// Which request a message answers.
fn answers(message: &ServerJsonRpcMessage) -> Option<&RequestId> {
    match message {
        JsonRpcMessage::Response(response) => Some(&response.id),
        JsonRpcMessage::Error(error) => error.id.as_ref(),
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
    }
}

/// Reads lines until there are no more, or nobody wants them. At most `longest` bytes are held.
fn read(mut from: impl BufRead, longest: usize, to: &mpsc::Sender<McpLine>) {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let available = match from.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // It is no different from the end.
            Err(_) => return,
        };
        if available.is_empty() {
            // A line without an end is not a message.
            return;
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = available
            .get(..end.unwrap_or(available.len()))
            .unwrap_or_default();
        if line.len().saturating_add(part.len()) > longest {
            too_long = true;
            line = Vec::new();
        }
        if !too_long {
            line.extend_from_slice(part);
        }
        let taken = part.len().saturating_add(usize::from(end.is_some()));
        from.consume(taken);
        if end.is_none() {
            continue;
        }
        let whole = if std::mem::take(&mut too_long) {
            McpLine::TooLong
        } else {
            McpLine::Whole(std::mem::take(&mut line))
        };
        if to.blocking_send(whole).is_err() {
            return;
        }
    }
}

/// Writes messages until there are no more, or nobody reads them.
fn write(
    mut messages: mpsc::Receiver<Outgoing>,
    pending: &Pending,
    mut output: impl FnMut(&str) -> bool,
) {
    while let Some(outgoing) = messages.blocking_recv() {
        let message = match outgoing {
            Outgoing::CommandAnswer(message) => {
                if let Some(id) = answers(&message) {
                    pending.leave(id);
                }
                message
            }
            Outgoing::Refusal(message) => message,
            Outgoing::Flush(done) => {
                // Nobody may be waiting any more.
                let _ = done.send(());
                continue;
            }
        };
        // Messages are made of JSON and cannot fail to become some.
        let Ok(mut text) = serde_json::to_string(&message) else {
            continue;
        };
        text.push('\n');
        if !output(&text) {
            // Nobody can be answered any more; the end of the input ends the process.
            return;
        }
    }
}

#[cfg(test)]
mod tests;
