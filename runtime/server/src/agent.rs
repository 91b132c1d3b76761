//! One agent at a door: whoever was let in, and what is done for them. Every door makes commands of what comes in and asks here.
//! It must never do anything for an agent but as the one caller that it was let in as.

use crate::{
    admission::{Admission, AdmissionLimits, OpenRequest, Overload, ServerLimits, WaitingRun},
    command::{
        AgentCommand, ExecuteCode, Execution, GetRun, InterfaceQuery, LONGEST_WAIT, MethodCall,
        RunPart,
    },
    files::LeftFiles,
    form::ApprovalForm,
    metrics::Metrics,
    owner::AgentOwner,
    repeats::{KEYED, KeyTaken, Known, RepeatRequest, Repeats},
    sessions::{SessionError, SessionOutcome, SessionScript, Sessions},
    spans::{Spans, TraceParent},
    turns::Turns,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sandgate::{
    AnswerError, Caller, Cancel, Digest, Id, Limits, Outcome, PastResult, PastRunError, Plan,
    RunError, Sandbox, Script, Sink, Value as ScriptValue, chain,
    check::CheckReport,
    policy::nearest,
    service::{Method, MethodFound},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::to_raw_value;
use std::{collections::BTreeSet, fmt, pin::pin, sync::Arc, time::Duration};
use tokio::time::Instant;

/// What tracebacks call a script.
pub(crate) const SCRIPT: &str = "script.py";

/// How often it is looked whether a run has ended that another process goes on with.
const LOOKS: Duration = Duration::from_millis(200);

/// Whoever is refused hears of it only then, so that one who asks again at once does not keep the doors busy.
pub(crate) const REFUSED_AFTER: Duration = Duration::from_millis(25);

/// Bytes of a request or an answer that is read or written beside others. A longer one takes milliseconds, and is apart.
pub(crate) const SHORT: usize = 16 << 10;

/// The memory of a usual run, which takes one place.
const ONE_PLACE: usize = 256 << 20;

/// Is told of runs that wait for people. It must not hold up whoever tells it.
pub trait ParkedWatcher: fmt::Debug + Send + Sync {
    /// A run of this context waits.
    fn parked(&self, context: &str, outcome: &Outcome);
}

/// One agent. Cheap to clone; clones are the same agent.
#[derive(Debug, Clone)]
pub struct Agent {
    caller: Caller,
    kept: KeptForAgents,
    watcher: Option<Arc<dyn ParkedWatcher>>,
    /// Who hears what its scripts print, while they do.
    sink: Option<Arc<dyn Sink>>,
    /// The trace that what it asks for belongs to.
    trace: Option<TraceParent>,
}

/// What a process keeps between the requests of its agents. Clones share it.
#[derive(Debug, Clone)]
pub struct KeptForAgents {
    pub(crate) sessions: Sessions,
    pub(crate) repeats: Repeats,
    pub(crate) files: LeftFiles,
    pub(crate) metrics: Metrics,
    /// Where the operator has named a collector.
    pub(crate) spans: Option<Spans>,
    pub(crate) admission: Admission,
    pub(crate) turns: Turns,
}

impl KeptForAgents {
    /// What is kept for an agent whose scripts run in this sandbox, and that shares it with nobody.
    #[must_use]
    pub fn of(sandbox: &Sandbox) -> Self {
        Self::shared(sandbox, ServerLimits::default(), Turns::default())
    }

    /// The same for agents of many contexts, none of which is to be in the way of others.
    pub(crate) fn shared(sandbox: &Sandbox, limits: ServerLimits, turns: Turns) -> Self {
        let sessions = Sessions::of(sandbox, turns.clone());
        Self {
            admission: Admission::new(AdmissionLimits {
                running: sandbox.instances().saturating_sub(sessions.most()).max(1),
                waiting: limits.waiting.get(),
                requests: limits.connections.get(),
            }),
            sessions,
            repeats: Repeats::default(),
            files: LeftFiles::default(),
            metrics: Metrics::default(),
            spans: None,
            turns,
        }
    }
}

/// What an agent is answered.
#[derive(Debug)]
pub enum CommandAnswer {
    /// What came of a run.
    Outcome(Box<Outcome>),
    /// What came of one script of a session.
    Session(Box<SessionOutcome>),
    /// What a script would change, and what came of planning it.
    Plan(Box<(Plan, Outcome)>),
    /// What is wrong with a script, and what it would call.
    Check(CheckReport),
    /// What has come of a run so far, and which piece of its text is wanted.
    Past(Box<PastResult>, usize),
    /// A file that a script left.
    File(FileAnswer),
    /// The services, each with a line on what it is for.
    Services(Vec<(String, String)>),
    /// Methods that were searched for, the best first.
    Found(Vec<MethodFound>),
    /// What services offer, each with what a model reads of it.
    Interfaces(Vec<(String, Arc<str>)>),
}

impl CommandAnswer {
    /// Whether it takes milliseconds to write down.
    pub(crate) fn is_long(&self) -> bool {
        let length = match self {
            Self::Outcome(outcome) => Self::of_outcome(outcome),
            Self::Session(outcome) => outcome.stdout.len().saturating_add(outcome.stderr.len()),
            Self::Plan(plan) => Self::of_outcome(&plan.1),
            Self::Past(result, _) => result.stdout.len().saturating_add(result.stderr.len()),
            Self::File(file) => file.bytes.len(),
            Self::Check(_) | Self::Services(_) | Self::Found(_) | Self::Interfaces(_) => 0,
        };
        length > SHORT
    }

    fn of_outcome(outcome: &Outcome) -> usize {
        let value = match &outcome.value {
            Some(ScriptValue::Json(json)) => json.get().len(),
            Some(ScriptValue::Repr(text)) => text.len(),
            None => 0,
        };
        let streams = outcome
            .stdout
            .text
            .len()
            .saturating_add(outcome.stderr.text.len());
        streams.saturating_add(value)
    }
}

/// A file that a script left. As JSON its content is text, or base64 where it is none.
#[derive(Debug)]
pub struct FileAnswer {
    /// Of which run.
    pub run: Id,
    /// Where it was.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Serialize for FileAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("run", &self.run)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("size", &self.bytes.len())?;
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => map.serialize_entry("text", text)?,
            Err(_) => map.serialize_entry("base64", &BASE64_STANDARD.encode(&self.bytes))?,
        }
        map.end()
    }
}

/// Why an agent is not answered.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Nothing tells one that does not exist from one that is not for this agent: THREAT[SEC-05].
    #[error("{}", no_service(name, services))]
    NoService {
        /// What was asked for.
        name: String,
        /// Those that there are.
        services: Vec<(String, String)>,
    },
    /// The same of a method.
    #[error("{}", no_method(name, methods))]
    NoMethod {
        /// What was asked for.
        name: String,
        /// Those that there are, as Python calls them.
        methods: Vec<String>,
    },
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It cannot be gone on with, or looked at.
    #[error(transparent)]
    Past(#[from] PastRunError),
    /// A run that several requests wait for could not be made.
    #[error("{0}")]
    Shared(String),
    /// There is no room for it now.
    #[error(transparent)]
    Overload(#[from] Overload),
    /// The client is gone.
    #[error("nobody waits for the answer any more")]
    Left,
    /// It is another request's.
    #[error(transparent)]
    Key(#[from] KeyTaken),
    /// A session's scripts follow one another, and a plan or a check changes nothing.
    #[error(
        "`key` is for a script that runs by itself; leave it or `session`, `plan` and `check` out"
    )]
    Keyed,
    /// The answer of a person does not count.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// It left no such file, or it is not kept any more.
    #[error(
        "there is no file `{0}` of this run; files are kept for a while, and those of earlier runs go first"
    )]
    NoFile(String),
    /// The session cannot take it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The arguments are no JSON any more.
    #[error("the arguments cannot be written: {0}")]
    Arguments(#[from] serde_json::Error),
}

impl CommandError {
    /// All of it, on one line.
    #[must_use]
    pub fn said(&self) -> String {
        chain(self)
    }
}

impl Agent {
    /// An agent that acts as this caller.
    #[must_use]
    pub fn new(caller: Caller, kept: KeptForAgents) -> Self {
        Self {
            caller,
            kept,
            watcher: None,
            sink: None,
            trace: None,
        }
    }

    /// The same with somebody who is told of runs that wait for people.
    #[must_use]
    pub fn watched(self, watcher: Option<Arc<dyn ParkedWatcher>>) -> Self {
        Self { watcher, ..self }
    }

    /// The same with somebody who hears what its scripts print.
    #[must_use]
    pub fn heard_by(self, sink: Option<Arc<dyn Sink>>) -> Self {
        Self { sink, ..self }
    }

    /// The same in a trace, where what comes with a request names one.
    pub(crate) fn traced(self, trace: Option<TraceParent>) -> Self {
        Self {
            trace: trace.or(self.trace),
            ..self
        }
    }

    /// What is kept for it.
    pub(crate) fn kept(&self) -> &KeptForAgents {
        &self.kept
    }

    /// Whose what is kept for it is.
    pub(crate) fn owner(&self) -> AgentOwner {
        AgentOwner::of(&self.caller.principal())
    }

    /// Who it acts as.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Does what is asked for. What runs is ended when nobody waits for it any more.
    pub async fn perform(
        &self,
        command: AgentCommand,
        cancelled: impl Future<Output = ()>,
    ) -> Result<CommandAnswer, CommandError> {
        Ok(match command {
            AgentCommand::ExecuteCode(execute) => self.execute(execute, cancelled).await?,
            AgentCommand::Call(call) => {
                let outcome = self.call(call).await?;
                self.told(outcome)
            }
            AgentCommand::ListServices => CommandAnswer::Services(self.caller.services()),
            AgentCommand::Search(asked) => {
                CommandAnswer::Found(self.caller.search(&asked.query, asked.most))
            }
            AgentCommand::GetInterface(asked) => CommandAnswer::Interfaces(self.interfaces(asked)?),
            AgentCommand::GetRun(asked) => self.get_run(asked).await?,
            AgentCommand::Resume(run) => {
                let waiting = self.enter().await?;
                let outcome = self.resume(&run, waiting, cancelled).await?;
                self.told(outcome)
            }
        })
    }

    fn context(&self) -> String {
        self.caller.principal().context().to_string()
    }

    /// How many places a run takes: one, or more where its context grants it more memory than is usual.
    fn weight(&self) -> usize {
        self.caller.limits().memory.div_ceil(ONE_PLACE).max(1)
    }

    /// Lets a run in, which may then have to wait.
    async fn enter(&self) -> Result<WaitingRun, CommandError> {
        match self.kept.admission.enter(&self.context(), self.weight()) {
            Ok(waiting) => Ok(waiting),
            Err(overload) => {
                tokio::time::sleep(REFUSED_AFTER).await;
                Err(overload.into())
            }
        }
    }

    /// Counts a request, until it is answered.
    pub(crate) fn open(&self) -> Result<OpenRequest, Overload> {
        self.kept.admission.open(&self.context())
    }

    /// Does what may take long apart from what others ask for.
    pub(crate) async fn apart<F>(&self, is_long: bool, work: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        if is_long {
            self.kept.turns.apart(work).await
        } else {
            work.await
        }
    }

    /// A run in its place, and in its turns. One that is to end before it has a place ends without.
    fn in_place<F>(
        &self,
        waiting: WaitingRun,
        cancel: &Cancel,
        run: F,
    ) -> impl Future<Output = F::Output> + Send + use<F>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (turns, context, cancel) = (self.kept.turns.clone(), self.context(), cancel.clone());
        async move {
            let _place = tokio::select! {
                place = waiting.placed() => place,
                () = cancel.cancelled() => None,
            };
            turns.drive(&context, run).await
        }
    }

    async fn execute(
        &self,
        execute: ExecuteCode,
        cancelled: impl Future<Output = ()>,
    ) -> Result<CommandAnswer, CommandError> {
        let caller = match execute.timeout {
            // What the context grants counts as well.
            Some(timeout) => self.caller.clone().tightened(Limits {
                wall: timeout,
                cpu: timeout,
                ..Limits::MOST
            }),
            None => self.caller.clone(),
        };
        let cancel = Cancel::new();
        let script = Script {
            name: Some(SCRIPT.to_owned()),
            stdin: execute.stdin.into_bytes(),
            cancel: Some(cancel.clone()),
            sink: self.sink.clone(),
            ..Script::new(execute.code)
        };
        if execute.key.is_some() && execute.how != Execution::Alone {
            return Err(CommandError::Keyed);
        }
        Ok(match execute.how {
            // One that mentions no service changes nothing, and may as well run twice.
            Execution::Alone if execute.key.is_some() || script.source.contains("services") => {
                let asked = RepeatRequest {
                    key: execute.key,
                    script: script_digest(&script),
                    again: execute.again,
                };
                return self.shared(caller, script, asked, cancel, cancelled).await;
            }
            Execution::Alone => {
                let waiting = self.enter().await?;
                let run = async move { caller.run(script).await };
                let run = self.in_place(waiting, &cancel, run);
                self.told(until(run, &cancel, cancelled).await?)
            }
            Execution::Session { name, is_restored } => {
                if !script.stdin.is_empty() {
                    return Err(SessionError::Stdin.into());
                }
                let timeout = execute.timeout;
                let waiting = self.enter().await?;
                let mut cancelled = pin!(cancelled);
                let _place = tokio::select! {
                    place = waiting.placed() => place,
                    () = &mut cancelled => return Err(CommandError::Left),
                };
                let next = SessionScript {
                    source: script.source,
                    timeout,
                    is_restored,
                };
                let ran = self.kept.sessions.run(&self.caller, &name, next, cancelled);
                let began = Instant::now();
                let ran = ran.await?;
                let principal = self.caller.principal();
                let context = principal.context().as_str();
                let metrics = &self.kept.metrics;
                let wall = began.elapsed();
                metrics.count_script(context, ran.status, wall);
                if let Some(spans) = &self.kept.spans {
                    spans.tell_script(self.trace, context, (ran.status, ran.exit_code), wall);
                }
                CommandAnswer::Session(Box::new(ran))
            }
            Execution::Plan => {
                let waiting = self.enter().await?;
                let planned = async move { caller.plan(script).await };
                let planned = self.in_place(waiting, &cancel, planned);
                let outcome = until(planned, &cancel, cancelled).await?;
                let run = outcome.run.map(|run| run.to_string()).unwrap_or_default();
                let plan = self.caller.own_run(&run)?.plan()?;
                CommandAnswer::Plan(Box::new((plan, outcome)))
            }
            Execution::Check => CommandAnswer::Check(caller.check(&script.source)),
        })
    }

    /// Runs a script that another request may ask for as well.
    async fn shared(
        &self,
        caller: Caller,
        script: Script,
        asked: RepeatRequest,
        cancel: Cancel,
        cancelled: impl Future<Output = ()>,
    ) -> Result<CommandAnswer, CommandError> {
        let request = asked.key.as_deref().map(|key| self.owner().request(key));
        if let Some(run) = self.requested(&asked, request)? {
            return self.stands(run, LONGEST_WAIT).await;
        }
        let script = Script { request, ..script };
        let (agent, running) = (self.clone(), caller.clone());
        let waiting = self.enter().await?;
        // However many wait for it, it is one run.
        let run = async move {
            let outcome = running.run(script).await;
            outcome.inspect(|outcome| agent.note(outcome))
        };
        let mut run = self.in_place(waiting, &cancel, run);
        let repeats = &self.kept.repeats;
        loop {
            match repeats.enter(&caller, &asked, run, &cancel)? {
                Known::Running(waiting) => {
                    let outcome = waiting.outcome(cancelled).await.ok_or(CommandError::Left)?;
                    let outcome = outcome.map_err(CommandError::Shared)?;
                    return Ok(CommandAnswer::Outcome(Box::new(outcome)));
                }
                Known::Ending(ending, same) => {
                    ending.come().await;
                    run = same;
                }
                Known::Ended(run) => return self.stands(run, LONGEST_WAIT).await,
            }
        }
    }

    /// The run of a key that another process, or this one before it was started anew, has made.
    fn requested(
        &self,
        asked: &RepeatRequest,
        request: Option<Digest>,
    ) -> Result<Option<Id>, CommandError> {
        let is_new = asked.again || self.kept.repeats.is_known(&self.caller, asked);
        let Some((key, request)) = asked.key.as_ref().zip(request).filter(|_| !is_new) else {
            return Ok(None);
        };
        let Some(past) = self.caller.requested_run(request, KEYED)? else {
            return Ok(None);
        };
        let (source, stdin) = past.given();
        if repeated_digest(source, stdin.unwrap_or_else(|| Digest::of(b""))) == asked.script {
            Ok(Some(past.row().run))
        } else {
            Err(KeyTaken(key.clone()).into())
        }
    }

    /// What the person at the client said to each call of a form, and what comes of the run then.
    pub(crate) async fn answered(
        &self,
        form: &ApprovalForm,
        choices: &[bool],
        cancelled: impl Future<Output = ()>,
    ) -> Result<CommandAnswer, CommandError> {
        for (asked, agrees) in form.asked().iter().zip(choices) {
            match self.caller.answer_in_band(asked, *agrees) {
                // Somebody else was first. The run goes on with what they said.
                Ok(_) | Err(AnswerError::State(_) | AnswerError::TooLate) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.gone_on(form.run(), cancelled).await
    }

    /// Goes on with a run whose questions are answered, here or elsewhere.
    pub(crate) async fn gone_on(
        &self,
        run: Id,
        cancelled: impl Future<Output = ()>,
    ) -> Result<CommandAnswer, CommandError> {
        let waiting = self
            .kept
            .admission
            .enter_again(&self.context(), self.weight());
        match self.resume(&run.to_string(), waiting, cancelled).await {
            Ok(outcome) => Ok(self.told(outcome)),
            // It has ended, or another process goes on with it.
            Err(CommandError::Past(PastRunError::Status { .. } | PastRunError::Taken(_))) => {
                self.stands(run, LONGEST_WAIT).await
            }
            Err(error) => Err(error),
        }
    }

    /// How a run stands, once it has ended or the time has passed.
    pub(crate) async fn stands(
        &self,
        run: Id,
        wait: Duration,
    ) -> Result<CommandAnswer, CommandError> {
        let asked = GetRun {
            run: run.to_string(),
            wait,
            part: None,
        };
        self.get_run(asked).await
    }

    /// It is waited for whoever still listens, or nobody would know what came of it.
    async fn call(&self, call: MethodCall) -> Result<Outcome, CommandError> {
        let params = to_raw_value(&call.arguments)?;
        let _place = self.enter().await?.placed().await;
        Ok(self
            .caller
            .call(&call.service, &call.method, params)
            .await?)
    }

    async fn resume(
        &self,
        run: &str,
        waiting: WaitingRun,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Outcome, CommandError> {
        let past = self.caller.own_run(run)?;
        let (cancel, caller) = (Cancel::new(), self.caller.clone());
        let ended_by = Some(cancel.clone());
        let resumed = async move { caller.resume(past, ended_by).await };
        let resumed = self.in_place(waiting, &cancel, resumed);
        Ok(until(resumed, &cancel, cancelled).await?)
    }

    /// What has come of a run, once it has ended or the time has passed.
    async fn get_run(&self, asked: GetRun) -> Result<CommandAnswer, CommandError> {
        let piece = match asked.part {
            Some(RunPart::File(path)) => {
                let run = self.caller.own_run(&asked.run)?.row().run;
                let bytes = self.kept.files.read(&self.caller, run, &path);
                let bytes = bytes.ok_or_else(|| CommandError::NoFile(path.clone()))?;
                return Ok(CommandAnswer::File(FileAnswer { run, path, bytes }));
            }
            Some(RunPart::Text(piece)) => piece,
            None => 1,
        };
        let until = Instant::now().checked_add(asked.wait);
        loop {
            let result = self.caller.own_run(&asked.run)?.result()?;
            if result.is_over() || until.is_none_or(|until| Instant::now() >= until) {
                return Ok(CommandAnswer::Past(Box::new(result), piece));
            }
            // Another process goes on with it, and writes no oftener than this.
            tokio::time::sleep(LOOKS).await;
        }
    }

    fn interfaces(&self, asked: InterfaceQuery) -> Result<Vec<(String, Arc<str>)>, CommandError> {
        let mut wanted: BTreeSet<&String> = asked.methods.iter().collect();
        let (mut interfaces, mut known) = (Vec::new(), Vec::new());
        for name in asked.services {
            let mut only = None;
            if !asked.methods.is_empty() {
                let mut meant = Vec::new();
                for (method, _) in self.caller.methods(&name).unwrap_or_default() {
                    wanted.retain(|name| !is_called(&method, name));
                    if asked.methods.iter().any(|name| is_called(&method, name)) {
                        meant.push(method.method.clone());
                    }
                    known.push(method.python.clone());
                }
                only = Some(meant);
            }
            let interface = self
                .caller
                .interface_of(&name, only.as_deref(), asked.format);
            match interface {
                None => {
                    return Err(CommandError::NoService {
                        name,
                        services: self.caller.services(),
                    });
                }
                // What has none of the methods is left out.
                Some(_) if only.is_some_and(|only| only.is_empty()) => {}
                Some(interface) => interfaces.push((name, interface)),
            }
        }
        match wanted.first() {
            None => Ok(interfaces),
            Some(name) => Err(CommandError::NoMethod {
                name: (*name).clone(),
                methods: known,
            }),
        }
    }

    fn told(&self, outcome: Outcome) -> CommandAnswer {
        self.note(&outcome);
        CommandAnswer::Outcome(Box::new(outcome))
    }

    /// Keeps what is kept of a run that has come to an end or waits, and tells whoever is told of those.
    fn note(&self, outcome: &Outcome) {
        let principal = self.caller.principal();
        let context = principal.context().as_str();
        self.kept.files.keep(&self.caller, outcome);
        self.kept.metrics.count(context, outcome);
        if let Some(spans) = &self.kept.spans {
            spans.tell(self.trace, context, outcome);
        }
        if let Some(watcher) = &self.watcher
            && !outcome.approvals.is_empty()
        {
            watcher.parked(context, outcome);
        }
    }
}

/// The same for the same script that reads the same.
fn script_digest(script: &Script) -> Digest {
    repeated_digest(
        Digest::of(script.source.as_bytes()),
        Digest::of(&script.stdin),
    )
}

fn repeated_digest(source: Digest, stdin: Digest) -> Digest {
    Digest::of(format!("{source}{stdin}").as_bytes())
}

/// What came of something that runs; it is ended in good order when nobody waits for it any more.
async fn until<E>(
    run: impl Future<Output = Result<Outcome, E>>,
    cancel: &Cancel,
    cancelled: impl Future<Output = ()>,
) -> Result<Outcome, E> {
    let mut run = pin!(run);
    tokio::select! {
        outcome = &mut run => return outcome,
        () = cancelled => {}
    }
    cancel.cancel();
    run.await
}

impl Serialize for CommandAnswer {
    /// What programs read.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct ServiceForm<'a> {
            name: &'a str,
            summary: &'a str,
        }
        #[derive(Serialize)]
        struct InterfaceForm<'a> {
            service: &'a str,
            interface: &'a str,
        }
        match self {
            Self::Outcome(outcome) => outcome.serialize(serializer),
            Self::Session(outcome) => outcome.serialize(serializer),
            Self::Plan(plan) => {
                let (plan, outcome) = &**plan;
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("plan", plan)?;
                map.serialize_entry("outcome", outcome)?;
                map.end()
            }
            Self::Check(report) => report.serialize(serializer),
            Self::Past(result, _) => result.serialize(serializer),
            Self::File(file) => file.serialize(serializer),
            Self::Services(services) => {
                let form = services
                    .iter()
                    .map(|(name, summary)| ServiceForm { name, summary });
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("services", &form.collect::<Vec<_>>())?;
                map.end()
            }
            Self::Found(found) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("methods", found)?;
                map.end()
            }
            Self::Interfaces(interfaces) => {
                let form = interfaces
                    .iter()
                    .map(|(service, interface)| InterfaceForm { service, interface });
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("interfaces", &form.collect::<Vec<_>>())?;
                map.end()
            }
        }
    }
}

/// Whether a method goes by this name: as its service calls it, or as Python does, with the service before it or without.
fn is_called(method: &Method, name: &str) -> bool {
    let within = name.strip_prefix(&*method.service);
    let within = within.and_then(|name| name.strip_prefix('.'));
    name == method.method || [Some(name), within].contains(&Some(method.python.as_str()))
}

fn no_method(name: &str, methods: &[String]) -> String {
    let meant = nearest(name, methods.iter().map(String::as_str))
        .map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    format!("these services have no method `{name}`{meant}")
}

fn no_service(name: &str, services: &[(String, String)]) -> String {
    let names = || services.iter().map(|(name, _)| name.as_str());
    if services.is_empty() {
        return format!("there is no service `{name}`; there are none that scripts may call");
    }
    let meant = nearest(name, names())
        .map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    let all = names().collect::<Vec<_>>().join(", ");
    format!("there is no service `{name}`; there are: {all}{meant}")
}
