//! What a service says, as bytes that anybody could have written: its document, and its replies over HTTP and over lines;
//! and arguments against a document. Called by `crate::fuzzing`, and not part of the program.

use crate::{
    address::Address,
    client::{
        ClientLimits, clean::Cleaner, deadline::Deadline, http::Http, lines::Lines,
        message::RpcRequest,
    },
    offer::{Service, Terms, document::Document},
};
use sandgate_policy::{ContextName, ContextNumber, Principal, Schema};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use std::{
    io::{self, Write},
    num::NonZeroU32,
    path::Path,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
    runtime::Runtime,
};

/// Only so that a limit is within a fuzzer's reach; and nobody waits here.
const LIMITS: ClientLimits = ClientLimits {
    connect: Duration::from_secs(60),
    first_byte: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    total: Duration::from_secs(60),
    request: 1 << 10,
    reply: 16 << 10,
    connections: 1,
    common: 1,
    keep: Duration::from_secs(60),
};

static EXECUTOR: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
});

fn service(document: &[u8]) -> Option<Service> {
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    Service::read("fuzzed", address, document, &Terms::default()).ok()
}

/// Divides an input that is two things at the first line of three hyphens.
pub fn halves(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    const BETWEEN: &[u8] = b"\n---\n";
    let at = bytes
        .windows(BETWEEN.len())
        .position(|window| window == BETWEEN)?;
    let (first, second) = bytes.split_at(at);
    Some((first, second.strip_prefix(BETWEEN)?))
}

/// A document: whatever is made of it is fit to be shown, and the same when it is kept and read again.
pub fn document(bytes: &[u8]) {
    let Ok(document) = Document::read(bytes) else {
        return;
    };
    let kept = Document::read(document.canonical.as_bytes()).unwrap();
    assert_eq!(kept.hash, document.hash);
    assert_eq!(kept.methods.len(), document.methods.len());
    let service = service(bytes).unwrap();
    let text = service.text();
    for line in text.lines() {
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    }
    assert!(serde_json::from_slice::<Value>(&service.stub()).is_ok());
    let context = ContextName::new("fuzzed").unwrap();
    let schema = Schema::new(context, &[service.interface()]);
    assert!(schema.is_ok(), "{schema:?}");
}

/// A document and arguments: what is sent is what is decided on, and binding it again changes nothing.
pub fn arguments(bytes: &[u8]) {
    let Some((document, given)) = halves(bytes) else {
        return;
    };
    let Ok(given) = serde_json::from_slice::<&RawValue>(given) else {
        return;
    };
    let Some(service) = service(document) else {
        return;
    };
    let number = ContextNumber::Number(NonZeroU32::MIN);
    let caller = Principal::new("team", number, "script").unwrap();
    let caller = caller.with_user("ann").unwrap();
    for method in service.methods().take(8) {
        let arguments = match method.bind(given, &caller) {
            Ok(arguments) => arguments,
            Err(error) => {
                let said = error.to_string();
                assert!(said.chars().all(|c| !c.is_control()), "{said:?}");
                continue;
            }
        };
        let sent = arguments.params().get();
        assert!(sent.starts_with(['{', '[']) && !sent.contains(['\n', '\r']));
        let decided = arguments.by_name();
        let all: Value = serde_json::from_str(sent).unwrap();
        let values: Vec<&Value> = match &all {
            Value::Object(members) => decided
                .keys()
                .filter_map(|name| members.get(name))
                .collect(),
            Value::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        for (name, value) in decided {
            assert!(
                values.contains(&value),
                "`{name}` was decided on and is not sent: {sent}"
            );
        }
        let again = to_raw_value(decided).unwrap();
        let again = method.bind(&again, &caller).unwrap();
        // The digits may be others, since only what was sent has those that were given.
        let sent_again: Value = serde_json::from_str(again.params().get()).unwrap();
        assert_eq!(sent_again, all);
        assert_eq!(again.by_name(), decided);
    }
}

/// What a service writes after a request came, and after another one came on the same connection. `ID` stands for the id of
/// the request. A result is only ever believed of the reply to its own request.
pub fn http(bytes: &[u8]) {
    let (first, second) = halves(bytes).unwrap_or((bytes, b""));
    let Some((&piece, first)) = first.split_first() else {
        return;
    };
    let requests = [request(), request()];
    let says = [
        Some(with_id(first, &requests[0])),
        Some(with_id(second, &requests[1])),
    ];
    let stream = ScriptedStream {
        says,
        saying: Vec::new(),
        piece: usize::from(piece).max(1),
        patience: 0,
        waker: None,
    };
    EXECUTOR.block_on(async {
        let deadline = Deadline::new(&LIMITS);
        let mut http = Http::open(Box::new(stream), None).await.unwrap();
        for (request, said) in requests.iter().zip([first, second]) {
            let Ok(reply) = http.post(None, None, request.object(), &deadline).await else {
                return;
            };
            assert!(reply.body.len() <= LIMITS.reply);
            read(request, &reply.body, said);
            if !http.is_quiet().await {
                return;
            }
        }
    });
}

/// The same over lines.
pub fn lines(bytes: &[u8]) {
    // As much as the socket takes before anybody reads.
    if bytes.len() > 64 << 10 {
        return;
    }
    let request = request();
    EXECUTOR.block_on(async {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.write_all(&with_id(bytes, &request)).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let mut lines = Lines::new(UnixStream::from_std(ours).unwrap());
        let deadline = Deadline::new(&LIMITS);
        if let Ok(reply) = lines.exchange(request.line(), &deadline).await {
            assert!(reply.len() <= LIMITS.reply && !reply.contains(&b'\n'));
            read(&request, &reply, bytes);
        }
        // The service has hung up.
        assert!(!lines.is_quiet());
    });
}

fn request() -> RpcRequest {
    let params = RawValue::from_string("{}".to_owned()).unwrap();
    RpcRequest::new("a", &params, LIMITS.request).unwrap()
}

/// The id in a request, with its quotes.
fn id(request: &RpcRequest) -> Vec<u8> {
    let sent: Value = serde_json::from_slice(&request.object()).unwrap();
    sent.get("id").unwrap().to_string().into_bytes()
}

fn with_id(bytes: &[u8], request: &RpcRequest) -> Vec<u8> {
    let id = id(request);
    let mut made = Vec::new();
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"ID") {
            made.extend_from_slice(&id);
            rest = after;
        } else {
            made.push(byte);
            rest = after;
        }
    }
    made
}

/// What becomes of a reply.
fn read(request: &RpcRequest, reply: &[u8], said: &[u8]) {
    let private = ["ann".to_owned()];
    match request.id.result_of(reply, &Cleaner::new(&private)) {
        Ok(result) => {
            assert!(said.windows(2).any(|window| window == b"ID"));
            assert!(serde_json::from_str::<&RawValue>(result.get()).is_ok());
        }
        Err(error) => {
            let told = error.to_string();
            assert!(told.chars().all(|c| !c.is_control()), "{told:?}");
        }
    }
}

/// A connection to a service that says one thing when it is first written to, and another when it is written to after that
/// was read. Nothing waits: a reader who asks again and again is told that it is over.
#[derive(Debug)]
struct ScriptedStream {
    says: [Option<Vec<u8>>; 2],
    /// What is left of what it says now, the end first.
    saying: Vec<u8>,
    /// How much comes at once.
    piece: usize,
    /// How often it was asked for more than there is.
    patience: usize,
    waker: Option<Waker>,
}

impl AsyncRead for ScriptedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.saying.is_empty() {
            if self.says[0].is_some() {
                self.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            self.patience += 1;
            if self.patience > 8 {
                return Poll::Ready(Ok(()));
            }
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let many = self.piece.min(self.saying.len()).min(into.remaining());
        let left = self.saying.len() - many;
        let mut now = self.saying.split_off(left);
        now.reverse();
        into.put_slice(&now);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ScriptedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.saying.is_empty() {
            let next = self.says.iter_mut().find_map(Option::take);
            self.saying = next.unwrap_or_default();
            self.saying.reverse();
            self.patience = 0;
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
