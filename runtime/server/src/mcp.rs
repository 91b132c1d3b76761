//! MCP, in both of its eras: `rmcp` negotiates, and calls this. A tool is a command of the same name. Every call is made as the one
//! agent that was let in at the door; nothing that a client sends can make it another.

pub mod lines;

use crate::{agent::Agent, closing::Closing, command::AgentCommand, text, tools};
use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
        CustomResult, ErrorCode, Implementation, ListToolsResult, PaginatedRequestParams,
        ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
};
use std::time::Duration;
use tokio::sync::watch;

/// A server of MCP.
#[derive(Debug, Clone)]
pub struct McpServer {
    /// The one agent of a conversation. Where each request has its own, whoever let it in put it beside the request.
    agent: Option<Agent>,
    /// Of the conversation, or of the process.
    closing: Closing,
}

impl McpServer {
    /// For one agent, whose client speaks until it closes its end. A pipe that ends after its requests gets most answers within
    /// the grace, and clients kill a server that is still there after two seconds.
    #[must_use]
    pub fn of(agent: Agent, over: watch::Receiver<bool>, grace: Duration) -> Self {
        Self {
            agent: Some(agent),
            closing: Closing { over, grace },
        }
    }

    /// For agents that come with their requests.
    pub(crate) fn of_requests(closing: Closing) -> Self {
        Self {
            agent: None,
            closing,
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
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("sandgate", env!("CARGO_PKG_VERSION")))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let agent = self.agent(&context)?;
        let all = tools::all(
            &agent.caller().services(),
            agent.caller().limits().workspace,
        );
        let all = all.into_iter().map(tools::ToolDescription::into_mcp);
        Ok(ListToolsResult::with_all_items(all.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let agent = self.agent(&context)?;
        let Some(command) = AgentCommand::of(&request.name, request.arguments.unwrap_or_default())
        else {
            return Err(ErrorData::invalid_params(
                AgentCommand::unknown(&request.name),
                None,
            ));
        };
        let command = match command {
            Ok(command) => command,
            Err(wrong) => return Ok(error(wrong.to_string()).into()),
        };
        let ended = async {
            tokio::select! {
                () = context.ct.cancelled() => {}
                () = self.closing.past() => {}
            }
        };
        let answer = agent.perform(command, ended).await;
        let content = vec![ContentBlock::text(text::of(&answer))];
        let mut result = if text::is_error(&answer) {
            CallToolResult::error(content)
        } else {
            CallToolResult::success(content)
        };
        // An answer is made of JSON and cannot fail to become some.
        result.structured_content = answer
            .ok()
            .and_then(|answer| serde_json::to_value(answer).ok());
        Ok(result.into())
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

fn error(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}
