//! MCP, in both of its eras: `rmcp` negotiates, and calls this. A tool is a command of the same name. Every call is made as the one
//! agent that was let in at the door; nothing that a client sends can make it another.

mod asking;
pub mod lines;
mod progress;
mod resources;
pub(crate) mod service;

use crate::{
    agent::{Agent, CommandAnswer, CommandError},
    closing::Closing,
    command::{AgentCommand, Arguments},
    form::ApprovalForm,
    text, tools,
};
pub(crate) use asking::Seals;
use asking::{ClientAsking, FormAnswer};
use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
        CustomResult, ErrorCode, Implementation, InputRequiredResult, ListResourcesResult,
        ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
        ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
};
use sandgate::{Id, SealKey};
use std::time::Duration;
use tokio::sync::watch;

/// A server of MCP.
#[derive(Debug, Clone)]
pub struct McpServer {
    /// The one agent of a conversation. Where each request has its own, whoever let it in put it beside the request.
    agent: Option<Agent>,
    /// Of the conversation, or of the process.
    closing: Closing,
    seals: Seals,
}

impl McpServer {
    /// For one agent, whose client speaks until it closes its end. A pipe that ends after its requests gets most answers within
    /// the grace, and clients kill a server that is still there after two seconds.
    #[must_use]
    pub fn of(agent: Agent, key: &SealKey, over: watch::Receiver<bool>, grace: Duration) -> Self {
        Self {
            agent: Some(agent),
            closing: Closing { over, grace },
            seals: Seals::new(key),
        }
    }

    /// For agents that come with their requests.
    pub(crate) fn of_requests(closing: Closing, seals: Seals) -> Self {
        Self {
            agent: None,
            closing,
            seals,
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
            .enable_resources();
        ServerConfig::new(can.build())
            .with_server_info(Implementation::new("sandgate", env!("CARGO_PKG_VERSION")))
            .with_instructions(tools::INSTRUCTIONS)
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
        let call = ToolCall {
            agent: self.agent(&context)?.heard_by(progress::sink(&context)),
            name: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            service: service::named(&context),
            context,
            closing: &self.closing,
            seals: &self.seals,
        };
        let command = match call.command()? {
            Ok(command) => command,
            Err(wrong) => return Ok(error(wrong).into()),
        };
        let answer = match &request.request_state {
            Some(state) => {
                let opened = call
                    .seals
                    .open(state, &call.agent, &call.name, &call.arguments)?;
                match call
                    .come_back(opened, request.input_responses.as_ref())
                    .await
                {
                    Told::Answer(answer) => answer,
                    Told::Form(form) => return Ok(form.into()),
                }
            }
            None => call.agent.perform(command, call.left()).await,
        };
        Ok(match call.asked(answer).await {
            Told::Answer(answer) => {
                let is_long = answer.as_ref().is_ok_and(CommandAnswer::is_long);
                let is_own = call.service.is_some();
                let written = async move { result_of(is_own, &answer) };
                call.agent.apart(is_long, written).await.into()
            }
            Told::Form(form) => form.into(),
        })
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
struct ToolCall<'s> {
    agent: Agent,
    name: String,
    arguments: Arguments,
    /// Whose methods are the tools, where they are one service's.
    service: Option<String>,
    context: RequestContext<RoleServer>,
    closing: &'s Closing,
    seals: &'s Seals,
}

/// What it is answered with.
enum Told {
    Answer(Result<CommandAnswer, CommandError>),
    /// Somebody is asked first.
    Form(InputRequiredResult),
}

impl ToolCall<'_> {
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
        tokio::select! {
            () = self.context.ct.cancelled() => {}
            () = self.closing.past() => {}
        }
    }

    /// An answer; where a run waits for people, the one at the client is asked first.
    async fn asked(&self, answer: Result<CommandAnswer, CommandError>) -> Told {
        let mut answer = answer;
        let asking = ClientAsking::of(&self.context);
        loop {
            let form = match &answer {
                Ok(CommandAnswer::Outcome(outcome)) => {
                    ApprovalForm::of_outcome(self.agent.caller(), outcome)
                }
                _ => None,
            };
            let Some(form) = form else {
                return Told::Answer(answer);
            };
            match &asking {
                ClientAsking::Never => return Told::Answer(answer),
                ClientAsking::Rounds => return self.form(&form, answer),
                ClientAsking::Peer(peer) => {
                    let said = tokio::select! {
                        said = asking::ask(peer, &form) => said,
                        () = self.left() => FormAnswer::Later,
                    };
                    let FormAnswer::Choices(choices) = said else {
                        return Told::Answer(answer);
                    };
                    answer = self.agent.answered(&form, &choices, self.left()).await;
                }
            }
        }
    }

    /// A call that comes back with what somebody said.
    async fn come_back(
        &self,
        (run, form): (Id, Option<ApprovalForm>),
        responses: Option<&rmcp::model::InputResponses>,
    ) -> Told {
        let Some(form) = form else {
            // Everything was answered, here or elsewhere: nothing is answered twice.
            return Told::Answer(self.agent.gone_on(run, self.left()).await);
        };
        match asking::answer_of(&form, responses) {
            FormAnswer::Choices(choices) => {
                Told::Answer(self.agent.answered(&form, &choices, self.left()).await)
            }
            FormAnswer::Later => Told::Answer(self.agent.stands(run, Duration::ZERO).await),
            FormAnswer::Unclear => {
                let without = self.agent.stands(run, Duration::ZERO).await;
                self.form(&form, without)
            }
        }
    }

    /// The form; where there cannot be one, what would be said without.
    fn form(&self, form: &ApprovalForm, without: Result<CommandAnswer, CommandError>) -> Told {
        let round = self
            .seals
            .round(form, &self.agent, &self.name, &self.arguments);
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
