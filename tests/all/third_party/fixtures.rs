//! The server that the conformance suite of MCP asks for: its tools, resources and prompts, with the names and texts that it looks for.
//! They are in no product. What the suite is about is the doors, which are the product's own: who is let in, what is refused, how both
//! eras are spoken. What a tool asks a client for since 2026 is in `rounds`, what it asked before in `questions`.

#![expect(
    deprecated,
    reason = "the suite asks for what clients of before 2026 did"
)]

mod catalogue;
mod questions;
mod rounds;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        AudioContent, CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
        CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock,
        GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        LoggingLevel, LoggingMessageNotificationParam, PaginatedRequestParams,
        ProgressNotificationParam, PromptMessage, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, RequestStateCodec, ResourceContents, Role, ServerCapabilities,
        ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
        UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext, SubscriptionSink},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// A picture of one red pixel, and a sound of no length.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const SOUND: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// The server. Clones are one server.
#[derive(Clone)]
pub(super) struct FixtureServer {
    /// What the state of an unfinished call is sealed with.
    codec: Arc<RequestStateCodec>,
    /// Clients that hear of changes: how many were told that they do, and those that do.
    accepted: Arc<AtomicU64>,
    listened: Arc<AtomicU64>,
    listeners: Arc<Mutex<BTreeMap<u64, SubscriptionSink>>>,
}

impl FixtureServer {
    pub(super) fn new() -> Self {
        let key = b"what the suite asks is no secret".to_vec();
        Self {
            codec: Arc::new(RequestStateCodec::new_unchecked(key)),
            accepted: Arc::default(),
            listened: Arc::default(),
            listeners: Arc::default(),
        }
    }

    fn listeners(&self) -> MutexGuard<'_, BTreeMap<u64, SubscriptionSink>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever listens to changes now. A client is told that it does before it does.
    async fn listening(&self) -> Vec<SubscriptionSink> {
        while self.listened.load(Ordering::Acquire) < self.accepted.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        self.listeners().values().cloned().collect()
    }
}

type Answer<T> = Result<T, ErrorData>;

fn unknown<T>(what: &str, name: &str) -> Answer<T> {
    let message = format!("there is no {what} `{name}`");
    Err(ErrorData::invalid_params(message, None))
}

fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn json_resource(uri: &str, kind: &str, text: &str) -> ResourceContents {
    ResourceContents::text(text, uri).with_mime_type(kind)
}

/// A line of a log, for a client that wants lines of this level.
async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, line: &str) {
    let line = LoggingMessageNotificationParam::new(level, json!(line));
    context.peer.notify_logging_message(line).await.unwrap();
}

impl ServerHandler for FixtureServer {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_completions()
            .enable_logging();
        ServerConfig::new(can.build()).with_server_info(Implementation::new("fixtures", "1"))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let mut tools = catalogue::tools().into_iter();
        tools.find(|tool| tool.name == name)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListToolsResult> {
        Ok(ListToolsResult::with_all_items(catalogue::tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Answer<CallToolResponse> {
        if let Some(round) = rounds::of(&request.name) {
            return round(self, &request, &context);
        }
        let arguments = request.arguments.unwrap_or_default();
        let text = |name: &str| {
            let value = arguments.get(name).and_then(|value| value.as_str());
            value.unwrap_or_default().to_owned()
        };
        let result = match &*request.name {
            "test_simple_text" => said("This is a simple text response for testing."),
            "test_image_content" => {
                CallToolResult::success(vec![ContentBlock::image(PICTURE, "image/png")])
            }
            "test_audio_content" => {
                let sound = AudioContent::new(SOUND, "audio/wav");
                CallToolResult::success(vec![ContentBlock::Audio(sound)])
            }
            "test_embedded_resource" => {
                CallToolResult::success(vec![ContentBlock::resource(json_resource(
                    "test://embedded-resource",
                    "text/plain",
                    "This is an embedded resource content.",
                ))])
            }
            "test_multiple_content_types" => CallToolResult::success(vec![
                ContentBlock::text("Multiple content types test:"),
                ContentBlock::image(PICTURE, "image/png"),
                ContentBlock::resource(json_resource(
                    "test://mixed-content-resource",
                    "application/json",
                    r#"{"test":"data","value":123}"#,
                )),
            ]),
            "test_tool_with_logging" => {
                for line in [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ] {
                    log(&context, LoggingLevel::Info, line).await;
                }
                said("logged")
            }
            "test_logging_tool" => {
                if let Some(level) = context.meta.log_level() {
                    log(&context, level, "It was asked for.").await;
                }
                said("done")
            }
            "test_error_handling" => CallToolResult::error(vec![ContentBlock::text(
                "This tool intentionally returns an error for testing",
            )]),
            "test_tool_with_progress" => {
                for progress in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let told = ProgressNotificationParam::new(token, progress);
                        let told = context.peer.notify_progress(told.with_total(100.0));
                        told.await.unwrap();
                    }
                }
                said("done")
            }
            "test_sampling" => questions::sampling(&context, &text("prompt")).await,
            "test_elicitation" => questions::form(&context, &text("message")).await,
            "test_elicitation_sep1034_defaults" => questions::defaults(&context).await,
            "test_elicitation_sep1330_enums" => questions::choices(&context).await,
            "test_missing_capability" => {
                let can = context.meta.client_capabilities().unwrap_or_default();
                if can.sampling.is_none() {
                    let needed = ClientCapabilities::builder().enable_sampling().build();
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
                said("the client can")
            }
            "test_trigger_tool_change" => {
                for listener in self.listening().await {
                    // Some have asked for other changes.
                    drop(listener.notify_tool_list_changed().await);
                }
                said("told")
            }
            "test_trigger_prompt_change" => {
                for listener in self.listening().await {
                    drop(listener.notify_prompt_list_changed().await);
                }
                said("told")
            }
            "test_custom_header" => said(text("value")),
            "test_reconnection" | catalogue::SCHEMA_TOOL => said("done"),
            name => return unknown("tool", name),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListResourcesResult> {
        Ok(ListResourcesResult::with_all_items(catalogue::resources()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListResourceTemplatesResult> {
        Ok(ListResourceTemplatesResult::with_all_items(
            catalogue::templates(),
        ))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Answer<ReadResourceResponse> {
        let uri = request.uri.as_str();
        let within = uri.strip_prefix("test://template/");
        let content = match (uri, within.and_then(|rest| rest.strip_suffix("/data"))) {
            ("test://static-text", _) => json_resource(
                uri,
                "text/plain",
                "This is the content of the static text resource.",
            ),
            ("test://static-binary", _) => {
                ResourceContents::blob(PICTURE, uri).with_mime_type("image/png")
            }
            (_, Some(id)) => {
                let data =
                    json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
                json_resource(uri, "application/json", &data.to_string())
            }
            _ => {
                let message = "there is no such resource";
                let data = json!({"uri": uri});
                return Err(ErrorData::resource_not_found(message, Some(data)));
            }
        };
        Ok(ReadResourceResult::new(vec![content]).into())
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Answer<()> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Answer<()> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.accepted.fetch_add(1, Ordering::Release);
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Answer<()> {
        let number = {
            let mut listeners = self.listeners();
            let number = self.listened.load(Ordering::Acquire);
            listeners.insert(number, context.sink().clone());
            self.listened.fetch_add(1, Ordering::Release);
            number
        };
        context.cancelled().await;
        self.listeners().remove(&number);
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Answer<ListPromptsResult> {
        Ok(ListPromptsResult::with_all_items(catalogue::prompts()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Answer<GetPromptResponse> {
        let arguments = request.arguments.unwrap_or_default();
        let argument = |name: &str| {
            let value = arguments.get(name).and_then(|value| value.as_str());
            value.unwrap_or_default().to_owned()
        };
        let text = |text: String| PromptMessage::new_text(Role::User, text);
        let messages = match &*request.name {
            "test_simple_prompt" => vec![text("This is a simple prompt for testing.".to_owned())],
            "test_prompt_with_arguments" => vec![text(format!(
                "Prompt with arguments: arg1='{}', arg2='{}'",
                argument("arg1"),
                argument("arg2")
            ))],
            "test_prompt_with_embedded_resource" => {
                let uri = argument("resourceUri");
                let content = json_resource(&uri, "text/plain", "Embedded resource content.");
                let embedded = ContentBlock::resource(content);
                vec![
                    PromptMessage::new(Role::User, embedded),
                    text("Please process the embedded resource above.".to_owned()),
                ]
            }
            "test_prompt_with_image" => vec![
                PromptMessage::new(Role::User, ContentBlock::image(PICTURE, "image/png")),
                text("Please analyze the image above.".to_owned()),
            ],
            "test_input_required_result_prompt" => {
                return Ok(rounds::prompt(request.input_responses.as_ref()));
            }
            name => return unknown("prompt", name),
        };
        Ok(GetPromptResult::new(messages).into())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Answer<CompleteResult> {
        let values = ["paris", "park", "party"].map(ToOwned::to_owned);
        let values = CompletionInfo::new(values.to_vec()).unwrap();
        Ok(CompleteResult::new(values))
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Answer<()> {
        Ok(())
    }
}
