//! What `sandgate service` shows, as text and as JSON. Names and descriptions in it were cleaned when the document was
//! read.

use super::{DiscoveredSocket, Failure, Refreshed, Registration};
use sandgate::{
    policy::Effect,
    service::{
        CallError, Change, ChangedPart, EffectSource, Health, Method, Reads, Service, StoreError,
        Undo,
    },
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{collections::BTreeSet, fmt::Write, time::Duration};

#[derive(Serialize)]
pub(super) struct ServiceView {
    #[serde(flatten)]
    brief: BriefView,
    document: String,
    trusted: bool,
    reads_are: Reads,
    /// Those of which nothing but their names says that they read.
    reads_by_name: Vec<String>,
    methods: Vec<MethodView>,
    left_out: Vec<LeftOutView>,
    /// What is hardly meant so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<String>,
}

/// One line of a list.
#[derive(Serialize, Clone)]
pub(super) struct BriefView {
    name: String,
    summary: String,
    address: String,
    /// Whether scripts can be given it; otherwise its new document waits to be accepted.
    offered: bool,
    reads: usize,
    writes: usize,
    destroys: usize,
}

#[derive(Serialize)]
struct MethodView {
    method: String,
    signature: String,
    effect: Effect,
    because: EffectSource,
    deprecated: bool,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    undo: Option<Undo>,
    #[serde(skip_serializing_if = "is_false")]
    idempotent: bool,
    #[serde(skip_serializing_if = "is_false")]
    source: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    sensitive: BTreeSet<String>,
}

#[derive(Serialize)]
struct LeftOutView {
    name: String,
    reason: &'static str,
}

impl ServiceView {
    pub(super) fn new(registration: &Registration, service: &Service) -> Self {
        let count = |effect| {
            service
                .methods()
                .filter(|method| method.effect == effect)
                .count()
        };
        Self {
            brief: BriefView {
                name: registration.name.clone(),
                summary: service.summary().to_owned(),
                address: registration.address.to_string(),
                offered: registration.is_offered(),
                reads: count(Effect::Read),
                writes: count(Effect::Write),
                destroys: count(Effect::Destroy),
            },
            document: service.hash().to_string(),
            trusted: registration.terms.trusted,
            reads_are: registration.terms.reads,
            reads_by_name: service
                .methods()
                .filter(|method| method.reads_by_name())
                .map(|method| method.method.clone())
                .collect(),
            methods: service
                .methods()
                .map(|method| MethodView::new(method))
                .collect(),
            left_out: service
                .left_out()
                .iter()
                .map(|left_out| LeftOutView {
                    name: left_out.name.clone(),
                    reason: left_out.reason,
                })
                .collect(),
            doubts: service
                .not_undone()
                .values()
                .map(ToString::to_string)
                .collect(),
        }
    }

    /// With what else the operator should look at, and of which methods something was said that can no longer be said.
    pub(super) fn with_doubts(mut self, doubts: Vec<String>, dropped: Vec<String>) -> Self {
        let dropped = dropped.into_iter().map(|method| {
            match self.methods.iter().any(|known| known.method == method) {
                false => format!("it no longer has `{method}`; what was said of it is dropped"),
                true => format!("what was said of `{method}` no longer holds, and is dropped"),
            }
        });
        let own = std::mem::take(&mut self.doubts);
        self.doubts = dropped.chain(own).chain(doubts).collect();
        self
    }

    /// The same as text.
    pub(super) fn doubts(&self) -> String {
        let lines = self.doubts.iter().map(|doubt| format!("  {doubt}\n"));
        match self.doubts.as_slice() {
            [] => String::new(),
            _ => format!("look at these:\n{}", lines.collect::<String>()),
        }
    }

    pub(super) fn brief(&self) -> &BriefView {
        &self.brief
    }

    /// `crm  4 methods (2 read, 1 write, 1 destroy)  /run/crm.sock`
    pub(super) fn line(&self) -> String {
        let BriefView {
            name,
            address,
            offered,
            reads,
            writes,
            destroys,
            ..
        } = &self.brief;
        let count = methods(self.methods.len());
        let left_out = match self.left_out.len() {
            0 => String::new(),
            count => format!(", {count} left out"),
        };
        let state = if *offered {
            ""
        } else {
            "  (not offered: its new document waits)"
        };
        format!(
            "{name}  {count}: {reads} read, {writes} write, {destroys} destroy{left_out}  {address}{state}\n"
        )
    }

    /// Everything, with each method's effect and who says so.
    pub(super) fn whole(&self) -> String {
        let brief = &self.brief;
        let mut text = format!(
            "{}\n  summary   {}\n  address   {}\n  document  {}\n  trusted   {}\n  reads     {}\n",
            brief.name,
            brief.summary,
            brief.address,
            self.document,
            if self.trusted {
                "yes: what it says of its methods counts"
            } else {
                "no"
            },
            match self.reads_are {
                Reads::Named => "named: also what only its name calls one",
                Reads::Declared => "declared: no name makes one",
            },
        );
        if !brief.offered {
            let _ = writeln!(
                text,
                "  waits     its document has changed; see `sandgate service refresh {}`",
                brief.name
            );
        }
        text.push('\n');
        let width = self
            .methods
            .iter()
            .map(|method| method.method.len())
            .max()
            .unwrap_or(0)
            .min(40);
        for method in &self.methods {
            let deprecated = if method.deprecated {
                ", deprecated"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  {:<7}  {:<width$}  {}{deprecated}{}",
                method.effect.to_string(),
                method.method,
                method.because,
                method.marks(),
            );
        }
        let by_name = self.by_name();
        if !by_name.is_empty() {
            let _ = write!(text, "\n{by_name}");
        }
        if !self.left_out.is_empty() {
            text.push_str("\nleft out:\n");
        }
        for left_out in &self.left_out {
            let _ = writeln!(text, "  {:?}: {}", left_out.name, left_out.reason);
        }
        if !self.doubts.is_empty() {
            let _ = write!(text, "\n{}", self.doubts());
        }
        text
    }
}

impl ServiceView {
    /// What the operator should look at: reads that rest on a word which the service chose. THREAT[POL-09]
    pub(super) fn by_name(&self) -> String {
        let count = match self.reads_by_name.len() {
            0 => return String::new(),
            1 => "1 read rests on its name alone".to_owned(),
            count => format!("{count} reads rest on their names alone"),
        };
        let methods = wrapped(&self.reads_by_name);
        format!(
            "{count}:\n{methods}\
             say what you know (--effect METHOD=EFFECT), believe the service (--trust), or let no name vouch (--reads declared)\n"
        )
    }
}

/// Names on lines that a terminal has room for.
fn wrapped(names: &[String]) -> String {
    let mut text = String::new();
    let mut width = 0_usize;
    for name in names {
        let wider = width.saturating_add(name.len()).saturating_add(2);
        if width > 0 && wider > 100 {
            text.push('\n');
            width = 0;
        }
        text.push_str(if width == 0 { "  " } else { ", " });
        text.push_str(name);
        width = width.saturating_add(name.len()).saturating_add(2);
    }
    text.push('\n');
    text
}

impl MethodView {
    fn new(method: &Method) -> Self {
        Self {
            method: method.method.clone(),
            signature: method.signature(),
            effect: method.effect,
            because: method.because.clone(),
            deprecated: method.deprecated(),
            summary: method.summary().to_owned(),
            undo: method.undo.clone(),
            idempotent: method.idempotent,
            source: method.source,
            sensitive: method.sensitive.clone(),
        }
    }

    /// `; undone by deal.delete(id=result.id); idempotent`
    fn marks(&self) -> String {
        let undo = self.undo.as_ref().map(|undo| format!("; undone by {undo}"));
        let sensitive: Vec<&str> = self.sensitive.iter().map(String::as_str).collect();
        [
            undo,
            self.idempotent.then(|| "; idempotent".to_owned()),
            self.source.then(|| "; a source".to_owned()),
            (!sensitive.is_empty()).then(|| format!("; sensitive: {}", sensitive.join(", "))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(said: &bool) -> bool {
    !said
}

/// A socket that was found, and what came of asking there.
#[derive(Serialize)]
pub(super) struct FoundView {
    name: String,
    socket: String,
    #[serde(flatten)]
    outcome: Discovery,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Discovery {
    Registered(String),
    New { methods: usize },
    Added { methods: usize },
    Unusable(String),
}

impl FoundView {
    pub(super) fn new(found: DiscoveredSocket, outcome: Discovery) -> Self {
        Self {
            name: found.name,
            socket: found.socket.display().to_string(),
            outcome,
        }
    }

    pub(super) fn line(&self) -> String {
        let outcome = match &self.outcome {
            Discovery::Registered(name) if *name == self.name => "registered".to_owned(),
            Discovery::Registered(name) => format!("registered as {name}"),
            Discovery::New { methods: count } => {
                format!("{}; `--add` registers it", methods(*count))
            }
            Discovery::Added { methods: count } => format!("{}; now registered", methods(*count)),
            Discovery::Unusable(reason) => format!("not usable: {reason}"),
        };
        format!("{}  {}  {outcome}\n", self.name, self.socket)
    }
}

/// What a service's document turned out to be.
#[derive(Serialize)]
pub(super) struct RefreshView {
    name: String,
    state: RefreshState,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum RefreshState {
    Same,
    Accepted,
    Waiting,
    /// It has changed, and nothing was done about it.
    Changed,
    Declined,
    Unreachable,
}

impl RefreshView {
    pub(super) fn new(name: String, refreshed: Refreshed) -> Self {
        match refreshed {
            Refreshed::Same => Self::of(name, RefreshState::Same, None),
            Refreshed::Waiting { change, .. } => {
                Self::of(name, RefreshState::Waiting, Some(change))
            }
        }
    }

    /// One that was only looked at.
    pub(super) fn looked_at(name: String, change: Option<Change>) -> Self {
        match change {
            None => Self::of(name, RefreshState::Same, None),
            change => Self::of(name, RefreshState::Changed, change),
        }
    }

    pub(super) fn declined(name: String, waited: bool) -> Self {
        match waited {
            true => Self::of(name, RefreshState::Declined, None),
            false => Self::of(name, RefreshState::Same, None),
        }
    }

    fn of(name: String, state: RefreshState, change: Option<Change>) -> Self {
        Self {
            name,
            state,
            change,
            reason: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn accept(&mut self) {
        self.state = RefreshState::Accepted;
    }

    pub(super) fn unreachable(name: String, error: &CallError) -> Self {
        Self {
            name,
            state: RefreshState::Unreachable,
            change: None,
            reason: Some(sandgate::chain(error)),
        }
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.state == RefreshState::Unreachable
    }

    /// Whether the operator has something to do.
    pub(super) fn waits(&self) -> bool {
        self.state == RefreshState::Waiting
    }

    /// Whether the service came with another document.
    pub(super) fn changed(&self) -> bool {
        self.change.is_some()
    }

    pub(super) fn text(&self) -> String {
        let name = &self.name;
        let mut text = match self.state {
            RefreshState::Same => format!("{name}  unchanged\n"),
            RefreshState::Accepted => format!("{name}  changed, and accepted\n"),
            RefreshState::Waiting => format!(
                "{name}  changed, and not offered until you accept it: `sandgate service refresh {name} --accept`\n"
            ),
            RefreshState::Changed => format!("{name}  changed; it is offered as before\n"),
            RefreshState::Declined => {
                format!("{name}  offered again, with the document that counts\n")
            }
            RefreshState::Unreachable => {
                format!(
                    "{name}  not reachable: {}\n",
                    self.reason.as_deref().unwrap_or_default()
                )
            }
        };
        if let Some(change) = &self.change {
            text.push_str(&differences(change));
        }
        text
    }
}

fn differences(change: &Change) -> String {
    let mut text = String::new();
    for (method, effect) in &change.added {
        let _ = writeln!(text, "  + {method}  {effect}");
    }
    for method in &change.removed {
        let _ = writeln!(text, "  - {method}");
    }
    for (method, parts) in &change.changed {
        let words: Vec<String> = parts.iter().map(part).collect();
        let _ = writeln!(text, "  ~ {method}  {}", words.join(", "));
        for part in parts {
            if let ChangedPart::Parameters { removed, added } = part {
                for parameter in removed {
                    let _ = writeln!(text, "      - {parameter}");
                }
                for parameter in added {
                    let _ = writeln!(text, "      + {parameter}");
                }
            }
        }
    }
    if change.described {
        text.push_str("  ~ the service's summary\n");
    }
    if text.is_empty() {
        text.push_str("  nothing that a script or a policy can see\n");
    }
    text
}

fn part(part: &ChangedPart) -> String {
    match part {
        ChangedPart::Parameters { .. } => "parameters".to_owned(),
        ChangedPart::Result => "result".to_owned(),
        ChangedPart::Description => "description".to_owned(),
        ChangedPart::Effect(before, now) => format!("was {before}, is {now}"),
        ChangedPart::Name => "name in Python".to_owned(),
        ChangedPart::Mark(word) => (*word).to_owned(),
    }
}

/// Whether a service is there.
#[derive(Serialize)]
pub(super) struct CheckView {
    name: String,
    health: Option<String>,
    methods: usize,
    same_document: bool,
    discover_ms: f64,
}

impl CheckView {
    pub(super) fn new(
        registration: &Registration,
        health: Option<Health>,
        document: &RawValue,
        took: Duration,
    ) -> Result<Self, Failure> {
        let Registration {
            name,
            address,
            terms,
            ..
        } = registration;
        let service = Service::read(name, address.clone(), document.get().as_bytes(), terms)
            .map_err(StoreError::from)?;
        Ok(Self {
            name: name.clone(),
            health: health.map(|health| {
                let said = format!("{} ({} {})", health.status, health.service, health.version);
                said.replace(" ( )", "").replace(" )", ")")
            }),
            methods: service.methods().len(),
            same_document: registration.counts(&service),
            discover_ms: took.as_secs_f64() * 1000.0,
        })
    }

    pub(super) fn text(&self) -> String {
        let document = if self.same_document {
            "as registered".to_owned()
        } else {
            format!(
                "not as registered; see `sandgate service refresh {}`",
                self.name
            )
        };
        format!(
            "{}\n  health    {}\n  discover  {} in {:.1} ms, {document}\n",
            self.name,
            self.health
                .as_deref()
                .unwrap_or("it does not say; it can be connected to"),
            methods(self.methods),
            self.discover_ms,
        )
    }
}

fn methods(count: usize) -> String {
    if count == 1 {
        "1 method".to_owned()
    } else {
        format!("{count} methods")
    }
}
