//! What was done, as spans of OpenTelemetry: one for each run and one for each of its calls, in the trace that the request belongs to. Made
//! by `agent` where the operator has named a collector, and nowhere else. No text of a script and no parameter is in any of them, nor a
//! name that only a script gave: THREAT[SEC-02]. Whoever hands them on is told and never waited for.
//!
//! They are written as OTLP has them in JSON. The crates of OpenTelemetry would send them too, which a process behind the wall cannot.

use http::HeaderMap;
use ring::rand::{SecureRandom, SystemRandom};
use sandgate::{CallMade, CallResult, Outcome, Status, policy::Verdict};
use serde_json::{Value, json};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// What a request says of its trace, as a header and in the `_meta` of MCP.
const TRACEPARENT: &str = "traceparent";
/// What is called by a name that nobody has offered.
const OTHER: &str = "other";
/// Kinds of spans, and the status of one that failed, in the numbers of OTLP.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const FAILED: u8 = 2;

/// Whoever hands spans on. It must not hold up whoever tells it.
pub trait SpanSink: fmt::Debug + Send + Sync {
    /// The spans of one run.
    fn take(&self, spans: Vec<Value>);
}

/// A message for a collector.
#[must_use]
pub fn spans_message(spans: Vec<Value>) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            attribute("service.name", "sandgate"),
            attribute("service.version", version),
        ]},
        "scopeSpans": [{"scope": {"name": "sandgate", "version": version}, "spans": spans}]
    }]})
}

/// The trace that a request belongs to, as W3C's Trace Context has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceParent {
    trace: u128,
    span: u64,
    /// Whether whoever began the trace wants spans of it.
    is_sampled: bool,
}

impl TraceParent {
    /// What the headers of a request say, if there is one such header.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Self::parse(one.to_str().ok()?),
            _ => None,
        }
    }

    /// What a text says. One of a later version may say more.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let part = parts.next()?;
            let is_number = part.len() == digits && part.bytes().all(is_digit);
            u128::from_str_radix(part, 16).ok().filter(|_| is_number)
        };
        let (version, trace, span) = (number(2)?, number(32)?, number(16)?);
        let flags = number(2)?;
        let is_right = version < 0xff && (version > 0 || parts.next().is_none());
        let span = u64::try_from(span).ok()?;
        (is_right && trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            is_sampled: flags & 1 == 1,
        })
    }
}

/// Makes spans. Clones tell the same sink.
#[derive(Debug, Clone)]
pub(crate) struct Spans {
    sink: Arc<dyn SpanSink>,
    random: SystemRandom,
}

/// When it is, by both clocks.
struct SpanClock {
    now: Instant,
    since_1970: Duration,
}

impl SpanClock {
    fn read() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            now: Instant::now(),
            since_1970: since.unwrap_or_default(),
        }
    }

    fn ago(&self, then: Instant) -> Duration {
        self.now.saturating_duration_since(then)
    }

    /// In the words of OTLP, which has numbers as texts.
    fn at(&self, ago: Duration) -> String {
        let at = self.since_1970.saturating_sub(ago);
        at.as_nanos().to_string()
    }
}

/// What a span is of.
struct Span<'s> {
    trace: u128,
    span: u64,
    parent: Option<u64>,
    name: String,
    kind: u8,
    begun: Duration,
    ended: Duration,
    attributes: Vec<(&'static str, &'s str)>,
    has_failed: bool,
}

impl Span<'_> {
    fn written(self, clock: &SpanClock) -> Value {
        let attributes = self.attributes.iter();
        let mut span = json!({
            "traceId": format!("{:032x}", self.trace),
            "spanId": format!("{:016x}", self.span),
            "name": self.name,
            "kind": self.kind,
            "startTimeUnixNano": clock.at(self.begun),
            "endTimeUnixNano": clock.at(self.ended),
            "attributes": attributes.map(|(name, value)| attribute(name, value)).collect::<Vec<_>>(),
            "status": if self.has_failed { json!({"code": FAILED}) } else { json!({}) },
        });
        if let (Some(span), Some(parent)) = (span.as_object_mut(), self.parent) {
            span.insert("parentSpanId".to_owned(), json!(format!("{parent:016x}")));
        }
        span
    }
}

fn attribute(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

impl Spans {
    pub(crate) fn new(sink: Arc<dyn SpanSink>) -> Self {
        Self {
            sink,
            random: SystemRandom::new(),
        }
    }

    /// A run of this context has come to an end, or waits.
    pub(crate) fn tell(&self, parent: Option<TraceParent>, context: &str, outcome: &Outcome) {
        let clock = SpanClock::read();
        // Those that were made before a run was gone on with have their spans.
        let calls = outcome.calls.iter();
        let calls: Vec<_> = calls
            .filter_map(|call| Some((call, clock.ago(call.began?))))
            .collect();
        let first = calls.first().map_or(Duration::ZERO, |(_, begun)| *begun);
        let run = outcome.run.map(|run| run.to_string());
        let wall = outcome.usage.wall.max(first);
        let has_failed = has_failed(outcome.status, outcome.exit_code);
        let run = run.as_deref().map(|run| ("sandgate.run", run));
        let Some(span) = self.run(parent, context, outcome.status, wall, has_failed, run) else {
            return;
        };
        let (trace, above) = (span.trace, span.span);
        let mut spans = vec![span.written(&clock)];
        for (call, begun) in calls {
            let Some(number) = self.number::<8>().map(u64::from_be_bytes) else {
                return;
            };
            let span = Span {
                trace,
                span: number,
                parent: Some(above),
                ..call_span(call, context, begun)
            };
            spans.push(span.written(&clock));
        }
        self.sink.take(spans);
    }

    /// A script of a session has ended.
    pub(crate) fn tell_script(
        &self,
        parent: Option<TraceParent>,
        context: &str,
        (status, exit_code): (Status, i32),
        wall: Duration,
    ) {
        let has_failed = has_failed(status, exit_code);
        let session = Some(("sandgate.session", "true"));
        if let Some(span) = self.run(parent, context, status, wall, has_failed, session) {
            self.sink.take(vec![span.written(&SpanClock::read())]);
        }
    }

    /// The span of a run that ends now, where anybody wants one.
    fn run<'s>(
        &self,
        parent: Option<TraceParent>,
        context: &'s str,
        status: Status,
        wall: Duration,
        has_failed: bool,
        more: Option<(&'static str, &'s str)>,
    ) -> Option<Span<'s>> {
        let trace = match parent {
            Some(parent) if !parent.is_sampled => return None,
            Some(parent) => parent.trace,
            None => u128::from_be_bytes(self.number()?),
        };
        let mut attributes = vec![
            ("sandgate.context", context),
            ("sandgate.status", status.as_str()),
        ];
        attributes.extend(more);
        Some(Span {
            trace,
            span: u64::from_be_bytes(self.number()?),
            parent: parent.map(|parent| parent.span),
            name: "run".to_owned(),
            kind: SERVER,
            begun: wall,
            ended: Duration::ZERO,
            attributes,
            has_failed,
        })
    }

    /// Nobody else's.
    fn number<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// Whether an ending is one that somebody who looks for failures looks for. A run that waits for people has not failed.
fn has_failed(status: Status, exit_code: i32) -> bool {
    match status {
        Status::Ok | Status::AwaitingApproval => false,
        Status::Exited => exit_code != 0,
        _ => true,
    }
}

/// The span of a call, without its place among others.
fn call_span<'s>(call: &'s CallMade, context: &'s str, begun: Duration) -> Span<'s> {
    // What was never offered has any name that a script gives it.
    let (service, method) = match call.effect {
        Some(_) => (call.service.as_str(), call.method.as_str()),
        None => (OTHER, OTHER),
    };
    let mut attributes = vec![
        ("sandgate.context", context),
        ("sandgate.service", service),
        ("sandgate.method", method),
        ("sandgate.verdict", verdict(call.verdict)),
        ("sandgate.result", call.result.as_str()),
    ];
    attributes.extend(call.code.map(|code| ("sandgate.code", code.as_str())));
    Span {
        trace: 0,
        span: 0,
        parent: None,
        name: format!("{service}/{method}"),
        kind: CLIENT,
        begun,
        ended: begun.saturating_sub(call.took),
        attributes,
        has_failed: matches!(call.result, CallResult::Failed | CallResult::Refused),
    }
}

/// What was decided of a call, for whoever counts.
pub(crate) fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Allow) => "allow",
        Some(Verdict::Gate) => "gate",
        Some(Verdict::Refuse) => "refuse",
        None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_up_where_it_is_written_as_it_is_to_be() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let of = |text: String| TraceParent::parse(&text);
        let parent = TraceParent {
            trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
            span: 0xb7ad_6b71_6920_3331,
            is_sampled: true,
        };
        assert_eq!(of(format!("00-{trace}-{span}-01")), Some(parent));
        assert_eq!(of(format!("cc-{trace}-{span}-03-more")), Some(parent));
        let unwanted = TraceParent {
            is_sampled: false,
            ..parent
        };
        assert_eq!(of(format!("00-{trace}-{span}-00")), Some(unwanted));
        let none = "0".repeat(32);
        for wrong in [
            String::new(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{none}-{span}-01"),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{trace}-+7ad6b7169203331-01"),
            format!("0-{trace}-{span}-01"),
        ] {
            assert_eq!(of(wrong.clone()), None, "{wrong}");
        }
    }
}
