//! What can be asked for over HTTP, on any door: JSON-RPC, MCP, the document of both, and whether anybody is there. Everything but the
//! last two is for agents that were let in. Errors are JSON, and never repeat what was sent: THREAT[WEB-07].

use crate::{
    admission::Overload,
    agent::{Agent, REFUSED_AFTER, SHORT},
    closing::{Closing, Leaving},
    mcp::{McpMount, Seals, service},
    owner::AgentOwner,
    plain,
    rpc::{self, RpcError},
    spans::TraceParent,
    weight,
    who::{Gatekeeper, Who},
};
use axum::{
    Extension, Json, Router,
    body::{Body, Bytes},
    extract::{FromRequest, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, SizeHint};
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::watch;

/// Bytes of one request: what other doors take.
const LONGEST: usize = 16 << 20;
/// Where JSON-RPC is spoken.
pub(crate) const RPC: &str = "/rpc";
/// How long a body may take to come. THREAT[WEB-03]
const SLOWEST: Duration = Duration::from_secs(30);
/// Conversations of clients of MCP from before 2026. Those that were begun first are forgotten first.
const MOST_CONVERSATIONS: usize = 1_000;
/// What a client of MCP from before 2026 calls its conversation.
const CONVERSATION: HeaderName = HeaderName::from_static("mcp-session-id");

/// The user of the process at the other end, where that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) Option<u32>);

/// What one door needs to answer.
#[derive(Debug, Clone)]
pub(crate) struct DoorState {
    pub(crate) keeper: Gatekeeper,
    pub(crate) who: Who,
    /// What the door is called by those who use it; whatever they say, where a name says nothing.
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) closing: Closing,
    pub(crate) conversations: Conversations,
    pub(crate) seals: Seals,
    pub(crate) mcp: McpMount,
}

/// Whose conversation is whose.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conversations(Arc<Mutex<ConversationTable>>);

#[derive(Debug, Default)]
struct ConversationTable {
    owners: BTreeMap<String, AgentOwner>,
    order: VecDeque<String>,
}

impl Conversations {
    fn is_of(&self, name: &str, agent: &Agent) -> bool {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.owners.get(name) == Some(&agent.owner())
    }

    fn begin(&self, name: &str, agent: &Agent) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.owners.len() >= MOST_CONVERSATIONS
            && let Some(first) = table.order.pop_front()
        {
            table.owners.remove(&first);
        }
        if table
            .owners
            .insert(name.to_owned(), agent.owner())
            .is_none()
        {
            table.order.push_back(name.to_owned());
        }
    }
}

/// Everything that a door answers.
pub(crate) fn router(desk: DoorState) -> Router {
    let desk = Arc::new(desk);
    let (closing, seals) = (desk.closing.clone(), desk.seals.clone());
    let config = StreamableHttpServerConfig::default()
        // Hosts and origins are looked at before, for everything.
        .disable_allowed_hosts()
        .with_max_request_body_bytes(LONGEST);
    let mcp = desk.mcp.open(closing, seals, config);
    let mcp = Router::new()
        .route_service("/mcp", mcp.clone())
        .merge(
            Router::new()
                .route_service("/mcp/{service}", mcp)
                .layer(middleware::from_fn(offered)),
        )
        .layer(middleware::from_fn_with_state(desk.clone(), converse));
    let agents = Router::new()
        .route(RPC, post(call))
        .route("/openrpc.json", get(document))
        .route("/api/v1/tools/list", get(tools))
        .route("/api/v1/tools/execute", post(execute))
        .merge(mcp)
        .layer(middleware::from_fn_with_state(desk.clone(), admit));
    Router::new()
        .merge(agents)
        .route("/health", get(health))
        .route("/.well-known/heroservice.json", get(description))
        .fallback(async || refused(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "this is asked for in another way",
            )
        })
        .layer(middleware::from_fn_with_state(desk.clone(), foreign))
        .with_state(desk)
}

pub(crate) fn refused(status: StatusCode, message: impl Into<String>) -> Response {
    let message: String = message.into();
    let mut response = (status, Json(json!({"error": {"message": message}}))).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    }
    response
}

/// There is no room for it now. A caller of JSON-RPC reads the same as in any other answer.
pub(crate) fn busy(overload: Overload, is_rpc: bool) -> Response {
    let error = RpcError::overload(overload).shown();
    let answer = if is_rpc {
        json!({"jsonrpc": "2.0", "error": error, "id": null})
    } else {
        json!({"error": error})
    };
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response();
    let after = HeaderValue::from(overload.retry_after);
    response.headers_mut().insert(RETRY_AFTER, after);
    response
}

/// A body with something that is kept until all of it is sent, or nobody reads it any more.
struct HeldBody<H> {
    body: Body,
    _held: H,
}

impl<H: Unpin> hyper::body::Body for HeldBody<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The same answer, with something that is kept until it is given.
pub(crate) fn held(response: Response, held: impl Unpin + Send + 'static) -> Response {
    response.map(|body| Body::new(HeldBody { body, _held: held }))
}

/// A page of a browser is not an agent: its requests carry an `Origin`, and a name that was made to point here. THREAT[WEB-01]
/// What comes from here is no page of anybody else, and there is none here.
async fn foreign(State(desk): State<Arc<DoorState>>, request: Request, next: Next) -> Response {
    let is_known = desk.hosts.is_some() && is_own(request.headers());
    if request.headers().contains_key(ORIGIN) && !is_known {
        return refused(StatusCode::FORBIDDEN, "pages of browsers are not let in");
    }
    if let Some(hosts) = &desk.hosts
        && !is_called(hosts, request.headers())
    {
        return refused(StatusCode::FORBIDDEN, "this server is not called that");
    }
    next.run(request).await
}

/// Whether whoever asks is no page, or the one that comes from here.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let (Ok(origin), Some(Ok(host))) =
        (origin.to_str(), headers.get(HOST).map(HeaderValue::to_str))
    else {
        return false;
    };
    let place = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    place.is_some_and(|place| place.eq_ignore_ascii_case(host))
}

/// Whether the one `Host` is one of these names, whatever the port.
pub(crate) fn is_called(hosts: &[String], headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(HOST).iter();
    let (Some(host), None) = (all.next(), all.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => host,
    };
    hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whoever asks is let in as one agent, or not at all.
async fn admit(State(desk): State<Arc<DoorState>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.and_then(|Peer(uid)| uid);
    let agent = match desk.keeper.admit(&desk.who, peer, request.headers()) {
        Ok(agent) => agent,
        Err(why) => return refused(why.status(), why.to_string()),
    };
    let open = match agent.open() {
        Ok(open) => open,
        Err(overload) => {
            tokio::time::sleep(REFUSED_AFTER).await;
            return busy(overload, request.uri().path() == RPC);
        }
    };
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let has_body = request.method() == Method::POST;
    let is_long = has_body && length.is_none_or(|length| length > SHORT);
    let agent = agent.traced(TraceParent::of(request.headers()));
    request.extensions_mut().insert(agent.clone());
    let response = agent.apart(is_long, next.run(request)).await;
    held(response, open)
}

/// A conversation is its agent's: to anybody else it does not exist. THREAT[WEB-04]
async fn converse(
    State(desk): State<Arc<DoorState>>,
    Extension(agent): Extension<Agent>,
    request: Request,
    next: Next,
) -> Response {
    let named = |headers: &HeaderMap| {
        let name = headers.get(CONVERSATION)?.to_str().ok()?;
        Some(name.to_owned())
    };
    let is_named = request.headers().contains_key(CONVERSATION);
    let is_its =
        named(request.headers()).is_some_and(|name| desk.conversations.is_of(&name, &agent));
    if is_named && !is_its {
        return refused(StatusCode::NOT_FOUND, "there is no such session");
    }
    let response = next.run(request).await;
    if let Some(name) = named(response.headers()).filter(|_| !is_named) {
        desk.conversations.begin(&name, &agent);
    }
    response
}

async fn call(
    State(desk): State<Arc<DoorState>>,
    Extension(agent): Extension<Agent>,
    JsonBody(body): JsonBody,
) -> Response {
    let answer = async move |leaving: Leaving| {
        rpc_answered(rpc::answer(&rpc::AgentMethods { agent, leaving }, &body).await)
    };
    while_wanted(&desk, answer).await
}

/// What an answer of JSON-RPC is over HTTP.
pub(crate) fn rpc_answered(answer: Option<String>) -> Response {
    match answer {
        Some(text) => {
            let json = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, json)], text).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn tools(Extension(agent): Extension<Agent>) -> Json<Value> {
    Json(plain::list(&agent))
}

async fn execute(
    State(desk): State<Arc<DoorState>>,
    Extension(agent): Extension<Agent>,
    JsonBody(body): JsonBody,
) -> Response {
    if !weight::is_bearable(&body) {
        let message = format!("the request has more than {} values", weight::MOST);
        return refused(StatusCode::BAD_REQUEST, message);
    }
    let answer = async move |leaving: Leaving| match plain::execute(&agent, &body, &leaving).await {
        Ok((status, answer)) => (status, Json(answer)).into_response(),
        Err(overload) => busy(overload, false),
    };
    while_wanted(&desk, answer).await
}

/// A service that an agent may not use is as if there were none: THREAT[SEC-05].
async fn offered(Extension(agent): Extension<Agent>, request: Request, next: Next) -> Response {
    let service = request.uri().path().strip_prefix(service::BEGINNING);
    if !service.is_some_and(|service| agent.caller().may_use(service)) {
        return refused(StatusCode::NOT_FOUND, "there is no such service");
    }
    next.run(request).await
}

/// What somebody sends, read whole, where it is JSON and not too much.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        if !is_json(request.headers()) {
            let message = "the `Content-Type` is to be application/json";
            return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let read = Limited::new(request.into_body(), LONGEST).collect();
        match tokio::time::timeout(SLOWEST, read).await {
            Ok(Ok(body)) => Ok(Self(body.to_bytes())),
            Ok(Err(_)) => {
                let message = "the request is longer than 16 MiB, or was cut off";
                Err(refused(StatusCode::PAYLOAD_TOO_LARGE, message))
            }
            Err(_) => {
                let message = "the request took too long to come";
                Err(refused(StatusCode::REQUEST_TIMEOUT, message))
            }
        }
    }
}

/// Answers. What runs for it is ended in good order when the other end is gone, and this with it.
async fn while_wanted<F>(desk: &DoorState, answer: impl FnOnce(Leaving) -> F) -> Response
where
    F: Future<Output = Response> + Send + 'static,
{
    let (here, gone) = watch::channel(());
    let closing = desk.closing.clone();
    let answered = tokio::spawn(answer(Leaving { gone, closing })).await;
    drop(here);
    answered.unwrap_or_else(|_| refused(StatusCode::INTERNAL_SERVER_ERROR, "sandgate failed"))
}

/// A form of a page cannot send it unasked.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn document(Extension(agent): Extension<Agent>) -> Json<Value> {
    Json(rpc::document(&agent))
}

async fn health(method: Method) -> Response {
    if method != Method::GET {
        return StatusCode::OK.into_response();
    }
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({"status": "ok", "service": "sandgate", "version": version})).into_response()
}

/// What other hero services look for.
async fn description() -> Json<Value> {
    Json(json!({
        "protocol": "openrpc",
        "name": "sandgate",
        "title": "sandgate",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Runs Python that a language model wrote, with one way out, and that way guarded.",
        "socket": "rpc"
    }))
}
