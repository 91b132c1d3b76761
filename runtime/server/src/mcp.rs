//! MCP, in both of its eras: `rmcp` negotiates, and calls this. A tool is a command of the same name. Every call is made as the one
//! agent that was let in at the door; nothing that a client sends can make it another.

mod asking;
pub mod lines;
mod mount;
mod progress;
mod resources;
pub(crate) mod service;
mod tasks;

use crate::{
    agent::{Agent, CommandAnswer, CommandError},
    closing::Closing,
    command::{AgentCommand, Arguments},
    desk_url::DeskUrl,
    spans::TraceParent,
    text, tools,
};
pub(crate) use asking::Seals;
use asking::{AskingWay, ClientAsking, ClientQuestion, FormAnswer};
use http::request::Parts;
pub(crate) use mount::McpMount;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ContentBlock,
        CustomRequest, CustomResult, ErrorCode, GetTaskParams, GetTaskResult, Implementation,
        InitializeRequestParams, InitializeResult, InputRequiredResult, InputResponses,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
        ReadResourceResponse, ServerCapabilities, ServerConfig, UpdateTaskParams,
    },
    service::RequestContext,
};
use sandgate::{Id, SealKey, Status};
use std::time::{Duration, Instant};
use tasks::Tasks;
use tokio::sync::watch;

/// How often the journal is looked at for answers that were given at the desk.
const LOOKS: Duration = Duration::from_millis(100);
/// The desk goes on with a run that it was answered about. Where nobody does within this time, this server does.
const TAKEN_UP: Duration = Duration::from_secs(3);

/// A server of MCP.
#[derive(Debug, Clone)]
pub struct McpServer {
    /// The one agent of a conversation. Where each request has its own, whoever let it in put it beside the request.
    agent: Option<Agent>,
    /// Of the conversation, or of the process.
    closing: Closing,
    seals: Seals,
    tasks: Tasks,
}

impl McpServer {
    /// For one agent, whose client speaks until it closes its end. A pipe that ends after its requests gets most answers within
    /// the grace, and clients kill a server that is still there after two seconds.
    #[must_use]
    pub fn of(
        agent: Agent,
        key: &SealKey,
        desk: Option<DeskUrl>,
        over: watch::Receiver<bool>,
        grace: Duration,
    ) -> Self {
        Self {
            agent: Some(agent),
            closing: Closing::new(over, grace),
            seals: Seals::new(key, desk),
            tasks: Tasks::default(),
        }
    }

    /// For agents that come with their requests.
    fn of_requests(closing: Closing, seals: Seals, tasks: Tasks) -> Self {
        Self {
            agent: None,
            closing,
            seals,
            tasks,
        }
    }

    fn agent(&self, context: &RequestContext<RoleServer>) -> Result<Agent, ErrorData> {
        let beside = || {
            let parts = context.extensions.get::<Parts>()?;
            parts.extensions.get::<Agent>().cloned()
        };
        // Nothing comes this far that was not let in.
        self.agent.clone().or_else(beside).ok_or_else(|| {
            ErrorData::new(ErrorCode::INVALID_REQUEST, "nobody knows who asks", None)
        })
    }
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_tasks();
        ServerConfig::new(can.build())
            .with_server_info(Implementation::new("sandgate", env!("CARGO_PKG_VERSION")))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        // Whoever begins so is of before 2026, when there were no tasks of this kind.
        result.capabilities.extensions = None;
        Ok(result)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let agent = self.agent(&context)?;
        if let Some(service) = service::named(&context) {
            return Ok(service::list(&agent, &service));
        }
        let all = tools::of(agent.caller());
        let all = all.into_iter().map(tools::ToolDescription::into_mcp);
        Ok(ListToolsResult::with_all_items(all.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let trace = context.meta.get_traceparent();
        let agent = self
            .agent(&context)?
            .traced(trace.and_then(TraceParent::parse));
        let call = ToolCall {
            agent: agent.heard_by(progress::sink(&context)),
            name: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            service: service::named(&context),
            asking: ClientAsking::of(&context),
            gone: None,
            context,
            closing: self.closing.clone(),
            seals: self.seals.clone(),
        };
        let (state, responses) = (request.request_state, request.input_responses);
        if call.may_be_task() {
            return self.tasks.answer(call, state, responses).await;
        }
        call.respond(state, responses).await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let task = self.tasks.get(&self.agent(&context)?, &request.task_id)?;
        Ok(GetTaskResult::new(task))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let agent = self.agent(&context)?;
        let UpdateTaskParams {
            task_id,
            input_responses,
            ..
        } = request;
        self.tasks.update(&agent, &task_id, input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.cancel(&self.agent(&context)?, &request.task_id)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(resources::list(&self.agent(&context)?))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&self.agent(&context)?, &request.uri).map(Into::into)
    }

    /// `rmcp` takes a request of a known method for one of these where its parameters are not what the method has.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(match request.method.as_str() {
            "tools/call" => ErrorData::invalid_params(
                "`tools/call` has a `name`, which is a text, and `arguments`, which are an object",
                None,
            ),
            method => ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                format!("there is no method `{method}`"),
                None,
            ),
        })
    }
}

/// One call of a tool.
#[derive(Debug, Clone)]
struct ToolCall {
    agent: Agent,
    name: String,
    arguments: Arguments,
    /// Whose methods are the tools, where they are one service's.
    service: Option<String>,
    asking: ClientAsking,
    /// Where it is a task, whether it is to end. What ends the request does not end it then.
    gone: Option<watch::Receiver<bool>>,
    context: RequestContext<RoleServer>,
    closing: Closing,
    seals: Seals,
}

/// What it is answered with.
enum Told {
    Answer(Result<CommandAnswer, CommandError>),
    /// Somebody is asked first.
    Form(InputRequiredResult),
}

impl ToolCall {
    /// Whether its client knows what a task is.
    fn may_be_task(&self) -> bool {
        let can = self.context.client_capabilities();
        matches!(self.asking.way, AskingWay::Rounds) && can.is_some_and(|can| can.supports_tasks())
    }

    /// What it is answered with, if it is the first time or comes back with what somebody said.
    async fn respond(
        self,
        state: Option<String>,
        responses: Option<InputResponses>,
    ) -> Result<CallToolResponse, ErrorData> {
        let command = match self.command()? {
            Ok(command) => command,
            Err(wrong) => return Ok(error(wrong).into()),
        };
        let answer = match &state {
            Some(state) => {
                let opened = self
                    .seals
                    .open(state, &self.agent, &self.name, &self.arguments)?;
                match self.come_back(opened, responses.as_ref()).await {
                    Told::Answer(answer) => answer,
                    Told::Form(form) => return Ok(form.into()),
                }
            }
            None => self.agent.perform(command, self.left()).await,
        };
        Ok(match self.asked(answer).await {
            Told::Answer(answer) => {
                let is_long = answer.as_ref().is_ok_and(CommandAnswer::is_long);
                let is_own = self.service.is_some();
                let written = async move { result_of(is_own, &answer) };
                self.agent.apart(is_long, written).await.into()
            }
            Told::Form(form) => form.into(),
        })
    }

    /// What is asked for. What is wrong with the arguments is for the model.
    fn command(&self) -> Result<Result<AgentCommand, String>, ErrorData> {
        let arguments = self.arguments.clone();
        let unknown = |message: String| ErrorData::invalid_params(message, None);
        match &self.service {
            None => match AgentCommand::of(&self.name, arguments) {
                Some(command) => Ok(command.map_err(|wrong| wrong.to_string())),
                None => Err(unknown(AgentCommand::unknown(&self.name))),
            },
            Some(service) => service::command(&self.agent, service, &self.name, arguments)
                .map(Ok)
                .ok_or_else(|| unknown("there is no such tool".to_owned())),
        }
    }

    /// Waits until nobody waits for the answer.
    async fn left(&self) {
        let gone = async {
            match self.gone.clone() {
                // Whoever could say so may be gone as well.
                Some(mut gone) => drop(gone.wait_for(|gone| *gone).await),
                None => self.context.ct.cancelled().await,
            }
        };
        tokio::select! {
            () = gone => {}
            () = self.closing.past() => {}
        }
    }

    fn question(&self, run: Id) -> Option<ClientQuestion> {
        self.asking.question(&self.seals, &self.agent, run)
    }

    /// An answer; where a run waits for people, the one at the client is asked first.
    async fn asked(&self, answer: Result<CommandAnswer, CommandError>) -> Told {
        let run = match &answer {
            Ok(CommandAnswer::Outcome(outcome)) if outcome.status == Status::AwaitingApproval => {
                outcome.run
            }
            _ => None,
        };
        let question = run.and_then(|run| self.question(run));
        match question {
            Some(question) => self.ask(question, answer).await,
            None => Told::Answer(answer),
        }
    }

    /// Asks, and what comes of it; `without` is what would be said if nobody could be asked.
    async fn ask(
        &self,
        question: ClientQuestion,
        without: Result<CommandAnswer, CommandError>,
    ) -> Told {
        let (mut question, mut without) = (question, without);
        loop {
            let AskingWay::Peer(peer) = &self.asking.way else {
                return self.round(&question, without);
            };
            let said = tokio::select! {
                said = asking::ask(peer, &question) => said,
                () = self.left() => FormAnswer::Later,
            };
            let run = question.run();
            without = match said {
                FormAnswer::Choices(choices) => self.answered(&question, &choices).await,
                FormAnswer::Gone => {
                    let answer = self.at_desk(run, &question.approvals()).await;
                    asking::tell_answered(peer, &question.approvals()).await;
                    answer
                }
                FormAnswer::Later | FormAnswer::Unclear => return Told::Answer(without),
            };
            // It may wait again, with other calls.
            let asked = question.approvals();
            match self.question(run) {
                Some(next) if next.is_beyond(&asked) => question = next,
                _ => return Told::Answer(without),
            }
        }
    }

    /// A call that comes back with what somebody said.
    async fn come_back(
        &self,
        (run, approvals): (Id, Vec<Id>),
        responses: Option<&InputResponses>,
    ) -> Told {
        let question = self.question(run);
        // A run that has gone on since waits with others, which nobody has seen.
        let Some(question) = question.filter(|question| !question.is_beyond(&approvals)) else {
            // Everything was answered, here or elsewhere: nothing is answered twice.
            return Told::Answer(self.agent.gone_on(run, self.left()).await);
        };
        match asking::answer_of(&question, responses) {
            FormAnswer::Choices(choices) => Told::Answer(self.answered(&question, &choices).await),
            FormAnswer::Gone => {
                let answer = self.at_desk(run, &approvals).await;
                match self.question(run) {
                    Some(next) if next.is_beyond(&approvals) => self.round(&next, answer),
                    _ => Told::Answer(answer),
                }
            }
            FormAnswer::Later => Told::Answer(self.agent.stands(run, Duration::ZERO).await),
            FormAnswer::Unclear => {
                let without = self.agent.stands(run, Duration::ZERO).await;
                self.round(&question, without)
            }
        }
    }

    async fn answered(
        &self,
        question: &ClientQuestion,
        choices: &[bool],
    ) -> Result<CommandAnswer, CommandError> {
        match question {
            ClientQuestion::Form(form) => self.agent.answered(form, choices, self.left()).await,
            // Nobody has a form of it.
            ClientQuestion::Desk(questions, _) => {
                self.agent.stands(questions.run(), Duration::ZERO).await
            }
        }
    }

    /// Waits until the desk, or a person elsewhere, has answered these questions, and for what the run came to then.
    async fn at_desk(&self, run: Id, approvals: &[Id]) -> Result<CommandAnswer, CommandError> {
        let begun = Instant::now();
        let mut answered: Option<Instant> = None;
        loop {
            let result = self.agent.caller().own_run(&run.to_string())?.result()?;
            let pending = &result.approvals;
            let is_waiting = pending.iter().any(|one| approvals.contains(one));
            if result.is_over() || (!is_waiting && !pending.is_empty()) {
                break;
            }
            if !is_waiting && answered.get_or_insert_with(Instant::now).elapsed() > TAKEN_UP {
                return self.agent.gone_on(run, self.left()).await;
            }
            if is_waiting && begun.elapsed() > asking::PATIENCE {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOKS) => {}
                () = self.left() => break,
            }
        }
        self.agent.stands(run, Duration::ZERO).await
    }

    /// The question, as the answer to the call; where there cannot be one, what would be said without.
    fn round(
        &self,
        question: &ClientQuestion,
        without: Result<CommandAnswer, CommandError>,
    ) -> Told {
        let round = self
            .seals
            .round(question, &self.agent, &self.name, &self.arguments);
        round.map_or(Told::Answer(without), Told::Form)
    }
}

/// What an answer is, of a service's own methods where those are the tools.
fn result_of(is_own: bool, answer: &Result<CommandAnswer, CommandError>) -> CallToolResult {
    if let Some(own) = service::result_of(answer).filter(|_| is_own) {
        return own;
    }
    let mut content = vec![ContentBlock::text(text::of(answer))];
    if let Ok(answer) = answer {
        content.extend(resources::links(answer));
    }
    let mut result = if text::is_error(answer) {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    };
    result.structured_content = text::structured(answer).map(text::bounded);
    result
}

fn error(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}
