//! What the MCP server answers, in both eras of the protocol: `rmcp` negotiates, and calls this. Every call of
//! `execute_code` is a run of the one caller that the command line names; nothing that a client sends can make it another.

use super::{
    answer,
    call::{Execute, GetRun, ToolCall},
    tools,
};
use crate::failure::chain;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
        CustomResult, ErrorCode, Implementation, ListToolsResult, PaginatedRequestParams,
        ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
};
use sandgate::{Caller, Cancel, Limits, Outcome, PastResult, PastRunError, RunError, Script};
use std::{future::Future, pin::pin, time::Duration};
use tokio::{sync::watch, time::Instant};

/// For how long runs go on when the client has closed its end. A pipe that ends after its requests gets most answers, and
/// clients kill a server that is still there after two seconds.
const GRACE: Duration = Duration::from_secs(1);

/// How often it is looked whether a run has ended.
const LOOKS: Duration = Duration::from_millis(200);

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    caller: Caller,
    /// Whether the client has closed its end.
    over: watch::Receiver<bool>,
}

impl Server {
    pub(super) fn new(caller: Caller, over: watch::Receiver<bool>) -> Self {
        Self { caller, over }
    }

    async fn execute(
        &self,
        execute: Execute,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Outcome, RunError> {
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
            name: Some(tools::SCRIPT.to_owned()),
            stdin: execute.stdin.into_bytes(),
            cancel: Some(cancel.clone()),
            ..Script::new(execute.code)
        };
        let mut run = pin!(caller.run(script));
        tokio::select! {
            outcome = &mut run => return outcome,
            () = cancelled => {}
            () = self.closed() => {}
        }
        cancel.cancel();
        run.await
    }

    /// What has come of a run, once it has ended or the time has passed.
    async fn run_result(&self, asked: GetRun) -> Result<PastResult, PastRunError> {
        let until = Instant::now().checked_add(asked.wait);
        loop {
            let result = self.caller.own_run(&asked.run)?.result()?;
            let is_over = !matches!(result.status.as_str(), "running" | "awaiting_approval");
            if is_over || until.is_none_or(|until| Instant::now() >= until) {
                return Ok(result);
            }
            // Another process goes on with it, and writes no oftener than this.
            tokio::time::sleep(LOOKS).await;
        }
    }

    /// Waits until the client has closed its end, and nobody can be waiting for an answer any more.
    async fn closed(&self) {
        // Where the other end is gone, so is the client.
        let _ = self.over.clone().wait_for(|over| *over).await;
        tokio::time::sleep(GRACE).await;
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("sandgate", env!("CARGO_PKG_VERSION")))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all(
            &self.caller.services(),
            self.caller.limits().workspace,
        )))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let Some(call) = ToolCall::of(&request.name, arguments) else {
            let message = format!(
                "there is no tool `{}`; there are: {}",
                request.name,
                tools::NAMES.join(", ")
            );
            return Err(ErrorData::invalid_params(message, None));
        };
        let result = match call {
            Err(wrong) => error(wrong.to_string()),
            Ok(ToolCall::ExecuteCode(execute)) => {
                match self.execute(execute, context.ct.cancelled()).await {
                    Ok(outcome) => answer::outcome(&outcome),
                    Err(failure) => error(chain(&failure)),
                }
            }
            Ok(ToolCall::GetRun(asked)) => match self.run_result(asked).await {
                Ok(result) => answer::past(&result),
                Err(failure) => error(chain(&failure)),
            },
            Ok(ToolCall::ListServices) => text(answer::services(&self.caller.services())),
            Ok(ToolCall::GetInterface(service)) => match self.caller.interface(&service) {
                Some(interface) => text(interface.as_ref()),
                None => error(answer::no_service(&service, &self.caller.services())),
            },
        };
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

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn error(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}
