//! The desk: where people see what waits for them, say yes or no, and look at runs, over a listener of its own and with a token that no
//! agent has. A page and the methods that it calls; what services and scripts wrote is text there. Agents must have no way here, and
//! nobody sees anything of a context that their token does not name: THREAT[APR-04], THREAT[SEC-05].

mod methods;

use crate::{
    http::{JsonBody, is_called, is_own, refused, rpc_answered},
    rpc,
    who::{Gatekeeper, NotAdmitted, TokenUse, shown},
};
use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use methods::DeskMethods;
use sandgate::{Token, TokenStore};
use std::sync::Arc;

/// Scripts and styles of its own and nothing else; nobody frames it, and no form leads away.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What a desk needs to answer.
#[derive(Debug)]
pub(crate) struct DeskState {
    pub(crate) keeper: Gatekeeper,
    pub(crate) tokens: TokenStore,
    pub(crate) hosts: Vec<String>,
}

/// Everything that a desk answers.
pub(crate) fn router(desk: DeskState) -> Router {
    let desk = Arc::new(desk);
    let guarded = Router::new()
        .route("/rpc", post(call))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(desk.clone(), admit));
    Router::new()
        .merge(guarded)
        .route(
            "/",
            get(async || text("text/html; charset=utf-8", include_str!("desk/page.html"))),
        )
        .route(
            "/desk.js",
            get(async || text("text/javascript", include_str!("desk/desk.js"))),
        )
        .route(
            "/desk.css",
            get(async || text("text/css", include_str!("desk/desk.css"))),
        )
        .route(
            "/health",
            get(async || text("application/json", "{\"status\":\"ok\"}")),
        )
        .fallback(async || refused(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(middleware::from_fn_with_state(desk.clone(), foreign))
        .with_state(desk)
}

fn text(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

/// Its own page may ask, and no page of anybody else: THREAT[WEB-01]. There are no cookies that another page could use.
async fn foreign(State(desk): State<Arc<DeskState>>, request: Request, next: Next) -> Response {
    if !is_called(&desk.hosts, request.headers()) {
        return refused(StatusCode::FORBIDDEN, "this server is not called that");
    }
    if !is_own(request.headers()) {
        return refused(StatusCode::FORBIDDEN, "pages of others are not let in");
    }
    let mut response = next.run(request).await;
    let headers: [(HeaderName, &'static str); 4] = [
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whoever has a token for a desk.
async fn admit(State(desk): State<Arc<DeskState>>, mut request: Request, next: Next) -> Response {
    match shown(&desk.tokens, request.headers(), TokenUse::Desk) {
        Ok(token) => {
            request.extensions_mut().insert(Clerk(Arc::new(token)));
            next.run(request).await
        }
        Err(NotAdmitted::Ours(message)) => refused(StatusCode::INTERNAL_SERVER_ERROR, message),
        Err(_) => {
            let message = "show a token for a desk; `sandgate token create --desk` makes one";
            refused(StatusCode::UNAUTHORIZED, message)
        }
    }
}

/// Whoever sits at a desk.
#[derive(Debug, Clone)]
struct Clerk(Arc<Token>);

async fn call(
    State(desk): State<Arc<DeskState>>,
    Extension(Clerk(token)): Extension<Clerk>,
    JsonBody(body): JsonBody,
) -> Response {
    let methods = DeskMethods { desk, token };
    rpc_answered(rpc::answer(&methods, &body).await)
}

/// For Prometheus: numbers of everything, and no text of any script or call.
async fn metrics(State(desk): State<Arc<DeskState>>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], desk.keeper.metrics()).into_response()
}
