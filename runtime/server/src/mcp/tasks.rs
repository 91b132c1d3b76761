//! Calls of tools that take longer than a client wants to hold a request open for, as tasks of MCP (`io.modelcontextprotocol/tasks`): a client
//! that has declared them is given a name for the call, asks what has become of it, answers what its person is asked, and may end it. A
//! task is its agent's, and to anybody else it does not exist: THREAT[WEB-04]. There are so many of them, and where there is no room the
//! client waits for its answer as any other. They are in memory: after a restart `get_run` says what became of the run.

use super::ToolCall;
use crate::{agent::Agent, owner::AgentOwner};
use ring::rand::{SecureRandom, SystemRandom};
use rmcp::{
    ErrorData,
    model::{
        CallToolResponse, CallToolResult, CreateTaskResult, DetailedTask, ErrorCode, InputRequests,
        InputResponses, JsonObject, Task, TaskPayload, TaskStatus,
    },
    task_manager::current_timestamp,
};
use sandgate::Status;
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinHandle},
};

/// When a call becomes a task.
const AFTER: Duration = Duration::from_mins(1);
/// Tasks of one agent, and of all: about as many as run and wait at once.
const MOST_OF_ONE: usize = 64;
const MOST: usize = 1_024;
/// For how long it is known what became of one, in memory that holds an answer for each.
const KEPT: Duration = Duration::from_mins(10);
/// For how long a task waits for its person. The run waits on, in the journal.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often a client had better ask, in milliseconds.
const POLLS: u64 = 1_000;

type ToolAnswer = Result<CallToolResponse, ErrorData>;

/// The tasks of all agents. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    all: Arc<Mutex<BTreeMap<String, AgentTask>>>,
    after: Duration,
}

/// One of them.
#[derive(Debug)]
struct AgentTask {
    owner: AgentOwner,
    created: String,
    changed: String,
    begun: Instant,
    state: TaskState,
    /// Ends what runs for it.
    leave: watch::Sender<bool>,
    /// Takes what its person says.
    answers: mpsc::Sender<InputResponses>,
}

#[derive(Debug)]
enum TaskState {
    Working,
    /// Its person is asked, for so many times.
    Asking(InputRequests, usize),
    /// It is over, since then.
    Over(TaskPayload, Instant),
}

impl Default for Tasks {
    fn default() -> Self {
        Self::after(AFTER)
    }
}

impl AgentTask {
    fn set(&mut self, state: TaskState) {
        self.state = state;
        self.changed = current_timestamp();
    }

    fn is_old(&self) -> bool {
        matches!(&self.state, TaskState::Over(_, since) if since.elapsed() > KEPT)
    }

    fn shown(&self, id: &str) -> Task {
        let (created, changed) = (self.created.clone(), self.changed.clone());
        let mut task = Task::new(id, TaskStatus::Working, created, changed);
        task.poll_interval_ms = Some(POLLS);
        if let TaskState::Over(_, since) = &self.state {
            let lasts = since.saturating_duration_since(self.begun);
            let lasts = lasts.saturating_add(KEPT).as_millis();
            task.ttl_ms = u64::try_from(lasts).ok();
        }
        task
    }
}

impl Tasks {
    /// Of calls that take longer than this.
    pub(super) fn after(after: Duration) -> Self {
        Self {
            all: Arc::default(),
            after,
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, AgentTask>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, task| !task.is_old());
        all
    }

    /// Waits for the answer of a call, and makes a task of it where that takes long.
    pub(super) async fn answer(
        &self,
        call: ToolCall,
        state: Option<String>,
        responses: Option<InputResponses>,
    ) -> ToolAnswer {
        let (leave, gone) = watch::channel(false);
        let requested = call.context.ct.clone();
        let call = ToolCall {
            gone: Some(gone),
            ..call
        };
        // Nothing that is printed may be told after the answer, so only what runs has whoever hears it.
        let kept = ToolCall {
            agent: call.agent.clone().heard_by(None),
            ..call.clone()
        };
        let mut running = tokio::spawn(call.respond(state, responses));
        let is_long = tokio::select! {
            answer = &mut running => return answered(answer),
            () = requested.cancelled() => false,
            () = tokio::time::sleep(self.after) => true,
        };
        let leave = match is_long {
            true => match self.begin(kept.agent.owner(), leave) {
                Ok((id, task, answers)) => {
                    tokio::spawn(self.clone().follow(id, kept, running, answers));
                    return Ok(CreateTaskResult::new(task).into());
                }
                Err(leave) => leave,
            },
            false => leave,
        };
        tokio::select! {
            answer = &mut running => return answered(answer),
            () = requested.cancelled() => leave.send_replace(true),
        };
        answered(running.await)
    }

    /// A task that has just begun, where there is room for one.
    fn begin(
        &self,
        owner: AgentOwner,
        leave: watch::Sender<bool>,
    ) -> Result<(String, Task, mpsc::Receiver<InputResponses>), watch::Sender<bool>> {
        let mut bytes = [0; 16];
        let mut all = self.all();
        let of_owner = all.values().filter(|task| task.owner == owner).count();
        if all.len() >= MOST
            || of_owner >= MOST_OF_ONE
            || SystemRandom::new().fill(&mut bytes).is_err()
        {
            return Err(leave);
        }
        let id = format!("{:032x}", u128::from_be_bytes(bytes));
        let (answers, said) = mpsc::channel(1);
        let now = current_timestamp();
        let task = AgentTask {
            owner,
            created: now.clone(),
            changed: now,
            begun: Instant::now(),
            state: TaskState::Working,
            leave,
            answers,
        };
        let shown = task.shown(&id);
        all.insert(id.clone(), task);
        Ok((id, shown, said))
    }

    /// Goes on with a task until it is over: what its person says is what a client without tasks would call again with.
    async fn follow(
        self,
        id: String,
        call: ToolCall,
        running: JoinHandle<ToolAnswer>,
        mut answers: mpsc::Receiver<InputResponses>,
    ) {
        let _detached = call.closing.detached().await;
        let mut answer = answered(running.await);
        let mut asked: usize = 0;
        loop {
            let question = match answer {
                Ok(CallToolResponse::InputRequired(question)) => question,
                answer => return self.end(&id, answer),
            };
            asked = asked.saturating_add(1);
            let requests = question.input_requests.unwrap_or_default().into_iter();
            let requests = requests.map(|(name, request)| (key(&name, asked), request));
            self.set(&id, TaskState::Asking(requests.collect(), asked));
            let said = tokio::select! {
                said = answers.recv() => said,
                () = call.left() => None,
                () = tokio::time::sleep(PATIENCE) => None,
            };
            let Some(said) = said else {
                let message = "nobody has answered; `get_run` says what becomes of the run";
                let nobody = ErrorData::new(ErrorCode::INTERNAL_ERROR, message, None);
                return self.end(&id, Err(nobody));
            };
            self.set(&id, TaskState::Working);
            answer = call
                .clone()
                .respond(question.request_state, Some(said))
                .await;
        }
    }

    fn set(&self, id: &str, state: TaskState) {
        if let Some(task) = self.all().get_mut(id) {
            task.set(state);
        }
    }

    fn end(&self, id: &str, answer: ToolAnswer) {
        let mut all = self.all();
        let Some(task) = all.get_mut(id) else {
            return;
        };
        let is_left = *task.leave.borrow();
        let payload = match answer {
            // What came to its end before it heard of that may have changed something.
            Ok(CallToolResponse::Complete(result)) if !is_left || !was_ended(&result) => {
                TaskPayload::Completed {
                    result: object(&result),
                }
            }
            _ if is_left => TaskPayload::Cancelled,
            Ok(_) => TaskPayload::Failed {
                error: object(&failed()),
            },
            Err(error) => TaskPayload::Failed {
                error: object(&error),
            },
        };
        task.set(TaskState::Over(payload, Instant::now()));
    }

    /// What has become of a task of this agent.
    pub(super) fn get(&self, agent: &Agent, id: &str) -> Result<DetailedTask, ErrorData> {
        self.with(agent, id, |task| {
            let payload = match &task.state {
                TaskState::Working => TaskPayload::Working,
                TaskState::Asking(requests, _) => TaskPayload::InputRequired {
                    input_requests: requests.clone(),
                },
                TaskState::Over(payload, _) => payload.clone(),
            };
            DetailedTask::new(task.shown(id), payload)
        })
    }

    /// Takes what its person said. What nobody was asked, or was asked before, says nothing.
    pub(super) fn update(
        &self,
        agent: &Agent,
        id: &str,
        responses: InputResponses,
    ) -> Result<(), ErrorData> {
        self.with(agent, id, |task| {
            let TaskState::Asking(requests, asked) = &task.state else {
                return;
            };
            let responses = responses.into_iter();
            let meant = responses.filter(|(key, _)| requests.contains_key(key));
            let end = key("", *asked);
            let meant: InputResponses = meant
                .filter_map(|(key, said)| Some((key.strip_suffix(&end)?.to_owned(), said)))
                .collect();
            if !meant.is_empty() {
                // One that was said before is being gone on with.
                let _ = task.answers.try_send(meant);
            }
        })
    }

    /// Ends a task, if it is not over.
    pub(super) fn cancel(&self, agent: &Agent, id: &str) -> Result<(), ErrorData> {
        self.with(agent, id, |task| {
            if !matches!(task.state, TaskState::Over(..)) {
                task.leave.send_replace(true);
            }
        })
    }

    fn with<T>(
        &self,
        agent: &Agent,
        id: &str,
        act: impl FnOnce(&AgentTask) -> T,
    ) -> Result<T, ErrorData> {
        let owner = agent.owner();
        let all = self.all();
        let task = all.get(id).filter(|task| task.owner == owner);
        let missing = || ErrorData::invalid_params("there is no such task", None);
        task.map(act).ok_or_else(missing)
    }
}

/// Whether the run of a call was ended before it came to its end.
fn was_ended(result: &CallToolResult) -> bool {
    let structured = result.structured_content.as_ref();
    let status = structured.and_then(|structured| structured.get("status"));
    status.and_then(Value::as_str) == Some(Status::Cancelled.as_str())
}

/// A name that a task has for a question only once.
fn key(name: &str, asked: usize) -> String {
    format!("{name}-{asked}")
}

fn answered(answer: Result<ToolAnswer, JoinError>) -> ToolAnswer {
    answer.unwrap_or_else(|_| Err(failed()))
}

fn failed() -> ErrorData {
    ErrorData::internal_error("sandgate failed", None)
}

fn object(value: &impl Serialize) -> JsonObject {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}
