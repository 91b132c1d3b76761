//! What answers MCP behind the doors of HTTP: our commands, or another server of MCP, of an embedder or a test. A door lets people in,
//! binds conversations to their agents and bounds what they send before any of it is asked; what answers can change none of that.

use super::{McpServer, Seals, tasks::Tasks};
use crate::closing::Closing;
use axum::routing::{MethodRouter, any_service};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use std::{fmt, io, sync::Arc, time::Duration};

type Opening =
    dyn Fn(Closing, Seals, StreamableHttpServerConfig) -> MethodRouter + Send + Sync + 'static;

/// Makes what answers, for each door its own.
#[derive(Clone)]
pub(crate) struct McpMount(Arc<Opening>);

impl McpMount {
    /// The commands. A call that takes longer than is usual, or than this, is a task.
    pub(crate) fn of_commands(after: Option<Duration>) -> Self {
        let tasks = after.map_or_else(Tasks::default, Tasks::after);
        Self(Arc::new(move |closing, seals, config| {
            let server = McpServer::of_requests(closing, seals, tasks.clone());
            routed(move || Ok(server.clone()), config)
        }))
    }

    /// Another server.
    pub(crate) fn of<H: ServerHandler + Clone>(handler: H) -> Self {
        Self(Arc::new(move |_, _, config| {
            let handler = handler.clone();
            routed(move || Ok(handler.clone()), config)
        }))
    }

    /// For one door.
    pub(crate) fn open(
        &self,
        closing: Closing,
        seals: Seals,
        config: StreamableHttpServerConfig,
    ) -> MethodRouter {
        (self.0)(closing, seals, config)
    }
}

impl fmt::Debug for McpMount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("McpMount")
    }
}

fn routed<H: ServerHandler>(
    make: impl Fn() -> io::Result<H> + Send + Sync + 'static,
    config: StreamableHttpServerConfig,
) -> MethodRouter {
    let sessions = Arc::new(LocalSessionManager::default());
    any_service(StreamableHttpService::new(make, sessions, config))
}
