//! One agent at a door: whoever was let in, and what is done for them. Every door makes commands of what comes in and asks here.
//! It must never do anything for an agent but as the one caller that it was let in as.

use crate::{
    command::{AgentCommand, ExecuteCode, Execution, GetRun, MethodCall},
    sessions::{SessionError, SessionOutcome, Sessions},
};
use sandgate::service::MethodFound;
use sandgate::{
    Caller, Cancel, Limits, Outcome, PastResult, PastRunError, Plan, RunError, Script, chain,
    check::CheckReport, policy::nearest,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::to_raw_value;
use std::{fmt, pin::pin, sync::Arc, time::Duration};
use tokio::time::Instant;

/// What tracebacks call a script.
pub(crate) const SCRIPT: &str = "script.py";

/// How often it is looked whether a run has ended that another process goes on with.
const LOOKS: Duration = Duration::from_millis(200);

/// Is told of runs that wait for people. It must not hold up whoever tells it.
pub trait ParkedWatcher: fmt::Debug + Send + Sync {
    /// A run of this context waits.
    fn parked(&self, context: &str, outcome: &Outcome);
}

/// One agent. Cheap to clone; clones are the same agent.
#[derive(Debug, Clone)]
pub struct Agent {
    caller: Caller,
    sessions: Sessions,
    watcher: Option<Arc<dyn ParkedWatcher>>,
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
    /// What has come of a run so far.
    Past(Box<PastResult>),
    /// The services, each with a line on what it is for.
    Services(Vec<(String, String)>),
    /// Methods that were searched for, the best first.
    Found(Vec<MethodFound>),
    /// What services offer, each with what a model reads of it.
    Interfaces(Vec<(String, Arc<str>)>),
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
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It cannot be gone on with, or looked at.
    #[error(transparent)]
    Past(#[from] PastRunError),
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
    pub fn new(caller: Caller, sessions: Sessions) -> Self {
        Self {
            caller,
            sessions,
            watcher: None,
        }
    }

    /// The same with somebody who is told of runs that wait for people.
    #[must_use]
    pub fn watched(self, watcher: Option<Arc<dyn ParkedWatcher>>) -> Self {
        Self { watcher, ..self }
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
            AgentCommand::GetInterface(names) => CommandAnswer::Interfaces(self.interfaces(names)?),
            AgentCommand::GetRun(asked) => {
                CommandAnswer::Past(Box::new(self.run_result(asked).await?))
            }
            AgentCommand::Resume(run) => {
                let outcome = self.resume(&run, cancelled).await?;
                self.told(outcome)
            }
        })
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
            ..Script::new(execute.code)
        };
        Ok(match execute.how {
            Execution::Alone => {
                let run = caller.run(script);
                self.told(until(run, &cancel, cancelled).await?)
            }
            Execution::Session(name) => {
                if !script.stdin.is_empty() {
                    return Err(SessionError::Stdin.into());
                }
                let timeout = execute.timeout;
                let ran = self
                    .sessions
                    .run(&caller, &name, script.source, timeout, cancelled);
                CommandAnswer::Session(Box::new(ran.await?))
            }
            Execution::Plan => {
                let outcome = until(caller.plan(script), &cancel, cancelled).await?;
                let run = outcome.run.map(|run| run.to_string()).unwrap_or_default();
                let plan = self.caller.own_run(&run)?.plan()?;
                CommandAnswer::Plan(Box::new((plan, outcome)))
            }
            Execution::Check => CommandAnswer::Check(caller.check(&script.source)),
        })
    }

    /// It is waited for whoever still listens, or nobody would know what came of it.
    async fn call(&self, call: MethodCall) -> Result<Outcome, CommandError> {
        let params = to_raw_value(&call.arguments)?;
        Ok(self
            .caller
            .call(&call.service, &call.method, params)
            .await?)
    }

    async fn resume(
        &self,
        run: &str,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Outcome, CommandError> {
        let past = self.caller.own_run(run)?;
        let cancel = Cancel::new();
        let resumed = self.caller.resume(past, Some(cancel.clone()));
        Ok(until(resumed, &cancel, cancelled).await?)
    }

    /// What has come of a run, once it has ended or the time has passed.
    async fn run_result(&self, asked: GetRun) -> Result<PastResult, PastRunError> {
        let until = Instant::now().checked_add(asked.wait);
        loop {
            let result = self.caller.own_run(&asked.run)?.result()?;
            if result.is_over() || until.is_none_or(|until| Instant::now() >= until) {
                return Ok(result);
            }
            // Another process goes on with it, and writes no oftener than this.
            tokio::time::sleep(LOOKS).await;
        }
    }

    fn interfaces(&self, names: Vec<String>) -> Result<Vec<(String, Arc<str>)>, CommandError> {
        let interface = |name: String| match self.caller.interface(&name) {
            Some(interface) => Ok((name, interface)),
            None => Err(CommandError::NoService {
                name,
                services: self.caller.services(),
            }),
        };
        names.into_iter().map(interface).collect()
    }

    fn told(&self, outcome: Outcome) -> CommandAnswer {
        if let Some(watcher) = &self.watcher
            && !outcome.approvals.is_empty()
        {
            watcher.parked(self.caller.principal().context().as_str(), &outcome);
        }
        CommandAnswer::Outcome(Box::new(outcome))
    }
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
            Self::Past(result) => result.serialize(serializer),
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
