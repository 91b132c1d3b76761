//! Who is let in by a door, and as whom: a token, or a process of a user whom the operator trusts, and one of the contexts that it is
//! entitled to. Nothing else makes an agent of a request, and nothing in a request makes it another's: THREAT[POL-01].

use crate::{
    admission::ServerLimits,
    agent::{Agent, KeptForAgents, ParkedWatcher},
    entitlement::Entitlement,
    issuer::{Issuer, IssuerError},
    sessions::Sessions,
    spans::{SpanSink, Spans},
    turns::Turns,
};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use sandgate::{
    Caller, Host, HostError, Token, TokenError, TokenStore, chain,
    policy::{Principal, PrincipalError},
    service::StoreCopy,
};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// The header by which an agent names one of the contexts that it is entitled to.
pub const CONTEXT_HEADER: &str = "sandgate-context";
/// What a peer that the operator trusts says of whoever it asks for.
const HERO_CONTEXT: &str = "x-hero-context";
const HERO_USER: &str = "x-hero-user";
const HERO_CLAIMS: &str = "x-hero-claims";

/// Callers that are kept at hand. Whoever comes when there are more is made anew.
const MOST_CALLERS: usize = 1_000;

/// Who may come in by a door.
#[derive(Debug, Clone)]
pub enum Who {
    /// Whoever shows a token.
    Holders {
        /// One of ours,
        tokens: TokenStore,
        /// or of an issuer that the operator has named.
        issuer: Option<Issuer>,
    },
    /// Whoever can open a Unix socket, which its mode and the kernel say.
    Peers {
        /// The user whose processes may come in.
        uid: u32,
        /// As whom they act.
        entitlement: Entitlement,
        /// Whether they are believed who it is that they ask for, in the headers that hero services use.
        are_trusted: bool,
    },
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Nobody knows who it is.
    #[error("show a token: `Authorization: Bearer sandgate_…`; `sandgate token create` makes one")]
    NoToken,
    /// It is worth nothing. Whether it ever was is not said.
    #[error("this token is worth nothing")]
    Token,
    /// A process of somebody else.
    #[error("this socket is for the processes of another user")]
    Peer,
    /// There is no such context, or it is not for whoever asks: THREAT[SEC-05].
    #[error("there is no context `{0}` for you")]
    Context(String),
    /// One has to be chosen.
    #[error("name one of your contexts in the header `{CONTEXT_HEADER}`: {}", _0.join(", "))]
    Several(Vec<String>),
    /// There is none at all.
    #[error("there is no context for you")]
    None,
    /// A header is no text, or says what cannot be.
    #[error("the header `{0}` cannot be used")]
    Header(&'static str),
    /// Nobody can be whoever was named.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// sandgate cannot say.
    #[error("nobody can be let in: {0}")]
    Ours(String),
}

impl NotAdmitted {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::Token => StatusCode::UNAUTHORIZED,
            Self::Peer | Self::Context(_) | Self::None => StatusCode::FORBIDDEN,
            Self::Several(_) | Self::Header(_) | Self::Principal(_) => StatusCode::BAD_REQUEST,
            Self::Ours(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<TokenError> for NotAdmitted {
    fn from(error: TokenError) -> Self {
        tracing::warn!("{}", chain(&error));
        Self::Ours("the tokens cannot be read".to_owned())
    }
}

impl From<IssuerError> for NotAdmitted {
    fn from(error: IssuerError) -> Self {
        tracing::warn!("{}", chain(&error));
        Self::Ours("the keys of the issuer cannot be read".to_owned())
    }
}

/// Lets agents in. One for all doors of a process; clones share callers and sessions.
#[derive(Debug, Clone)]
pub struct Gatekeeper {
    host: Host,
    kept: KeptForAgents,
    watcher: Option<Arc<dyn ParkedWatcher>>,
    callers: Arc<Mutex<KnownCallers>>,
    limits: ServerLimits,
}

/// Those that there are. Each knows the services that there were when it was made.
#[derive(Debug, Default)]
struct KnownCallers {
    all: HashMap<CallerKey, Caller>,
    /// How often services were read again.
    reloads: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CallerKey {
    context: String,
    actor: String,
    user: Option<String>,
    claims: Vec<String>,
}

impl Gatekeeper {
    /// For the callers of a host. It starts threads of its own, for scripts that compute long.
    pub fn new(
        host: Host,
        watcher: Option<Arc<dyn ParkedWatcher>>,
        limits: ServerLimits,
    ) -> io::Result<Self> {
        Ok(Self {
            kept: KeptForAgents::shared(host.sandbox(), limits, Turns::start()?),
            host,
            watcher,
            callers: Arc::default(),
            limits,
        })
    }

    /// The same with somebody who hands spans of what is done to a collector.
    #[must_use]
    pub fn with_spans(mut self, sink: Option<Arc<dyn SpanSink>>) -> Self {
        self.kept.spans = sink.map(Spans::new);
        self
    }

    /// How many there may be of what.
    pub(crate) fn limits(&self) -> ServerLimits {
        self.limits
    }

    /// The sessions of all agents.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.kept.sessions
    }

    /// Whose agents they are.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// An agent that acts as this caller.
    pub(crate) fn agent(&self, caller: Caller) -> Agent {
        Agent::new(caller, self.kept.clone()).watched(self.watcher.clone())
    }

    /// How much was done, and how it stands, as Prometheus reads it.
    pub(crate) fn metrics(&self) -> String {
        self.kept.metrics.text(&self.kept.admission.counts())
    }

    /// Reads policies again, with registrations that another process has read, as [`Host::reload_with`] does.
    pub fn reload_with(&self, registrations: &StoreCopy) -> Result<(), HostError> {
        self.host.reload_with(registrations)?;
        let callers = self.callers.lock();
        let mut callers = callers.unwrap_or_else(PoisonError::into_inner);
        callers.reloads = callers.reloads.saturating_add(1);
        callers.all.clear();
        Ok(())
    }

    /// Lets in whoever sends these headers, from a process of this user where that is known.
    pub(crate) fn admit(
        &self,
        who: &Who,
        peer: Option<u32>,
        headers: &HeaderMap,
    ) -> Result<Agent, NotAdmitted> {
        let named = header(headers, CONTEXT_HEADER)?;
        let (entitlement, named) = match who {
            Who::Holders { tokens, issuer } => {
                let entitlement = holder(tokens, issuer.as_ref(), headers)?;
                (entitlement, named.map(ToOwned::to_owned))
            }
            Who::Peers {
                uid,
                entitlement,
                are_trusted,
            } => {
                if peer != Some(*uid) {
                    return Err(NotAdmitted::Peer);
                }
                if *are_trusted {
                    self.vouched(entitlement, named, headers)?
                } else {
                    (entitlement.clone(), named.map(ToOwned::to_owned))
                }
            }
        };
        let context = self.chosen(&entitlement, named)?;
        Ok(self.agent(self.caller(context, entitlement)?))
    }

    /// Whom a trusted peer asks for.
    fn vouched(
        &self,
        entitlement: &Entitlement,
        named: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Entitlement, Option<String>), NotAdmitted> {
        let mut entitlement = entitlement.clone();
        if let Some(user) = header(headers, HERO_USER)? {
            entitlement.user = Some(user.to_owned());
        }
        if let Some(claims) = header(headers, HERO_CLAIMS)? {
            let claims = claims.split(',').map(str::trim);
            entitlement.claims = claims
                .filter(|claim| !claim.is_empty())
                .map(ToOwned::to_owned)
                .collect();
        }
        let Some(number) = header(headers, HERO_CONTEXT)? else {
            return Ok((entitlement, named.map(ToOwned::to_owned)));
        };
        let context = self.numbered(number);
        let context = context.ok_or_else(|| NotAdmitted::Context(number.to_owned()))?;
        if named.is_some_and(|named| named != context) {
            return Err(NotAdmitted::Header(HERO_CONTEXT));
        }
        Ok((entitlement, Some(context)))
    }

    /// The context that services know by this number.
    fn numbered(&self, number: &str) -> Option<String> {
        let is_it = |context: &String| {
            let principal = self.host.principal(context, Principal::SCRIPT);
            principal.is_ok_and(|principal| principal.number().get().to_string() == number)
        };
        self.host.contexts().into_iter().find(is_it)
    }

    /// One of the contexts that there are and that an agent is entitled to.
    fn chosen(
        &self,
        entitlement: &Entitlement,
        named: Option<String>,
    ) -> Result<String, NotAdmitted> {
        let mut its = self.host.contexts();
        if let Some(entitled) = &entitlement.contexts {
            its.retain(|context| entitled.contains(context));
        }
        match named {
            Some(name) if its.contains(&name) => Ok(name),
            Some(name) => Err(NotAdmitted::Context(name.escape_debug().take(80).collect())),
            None if its.len() > 1 => Err(NotAdmitted::Several(its)),
            None => its.pop().ok_or(NotAdmitted::None),
        }
    }

    fn caller(&self, context: String, entitlement: Entitlement) -> Result<Caller, NotAdmitted> {
        let key = CallerKey {
            context,
            actor: entitlement.actor,
            user: entitlement.user,
            claims: entitlement.claims,
        };
        let all = || self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let reloads = {
            let known = all();
            if let Some(caller) = known.all.get(&key) {
                return Ok(caller.clone());
            }
            known.reloads
        };
        let ours = |error: HostError| {
            tracing::warn!("{}", chain(&error));
            NotAdmitted::None
        };
        let principal = self
            .host
            .principal(&key.context, &key.actor)
            .map_err(ours)?;
        let principal = match &key.user {
            Some(user) => principal.with_user(user)?,
            None => principal,
        };
        let principal = principal.with_claims(key.claims.iter().map(String::as_str))?;
        let caller = self.host.caller(principal).map_err(ours)?;
        let mut known = all();
        if known.all.len() >= MOST_CALLERS {
            known.all.clear();
        }
        // Made while services were read again it may know those of before.
        if known.reloads == reloads {
            known.all.insert(key, caller.clone());
        }
        Ok(caller)
    }
}

/// Whom a token in these headers stands for.
fn holder(
    tokens: &TokenStore,
    issuer: Option<&Issuer>,
    headers: &HeaderMap,
) -> Result<Entitlement, NotAdmitted> {
    if let Some(issuer) = issuer {
        let secret = bearer(headers)?;
        if Issuer::may_have_made(secret) {
            return issuer.holder(secret)?.ok_or(NotAdmitted::Token);
        }
    }
    let token = shown(tokens, headers, TokenUse::Agent)?;
    Ok(Entitlement {
        contexts: Some(token.contexts),
        actor: token.actor,
        user: token.user,
        claims: token.claims,
    })
}

/// The token in these headers. One for the desk is worth nothing to an agent, and the other way round: THREAT[APR-04].
pub(crate) fn shown(
    tokens: &TokenStore,
    headers: &HeaderMap,
    wanted: TokenUse,
) -> Result<Token, NotAdmitted> {
    let is_wanted = |token: &Token| token.is_for_desk == (wanted == TokenUse::Desk);
    let token = tokens.holder(bearer(headers)?)?.filter(is_wanted);
    token.ok_or(NotAdmitted::Token)
}

/// What somebody shows.
fn bearer(headers: &HeaderMap) -> Result<&str, NotAdmitted> {
    let shown = header(headers, AUTHORIZATION.as_str())?.ok_or(NotAdmitted::NoToken)?;
    let (scheme, secret) = shown.split_once(' ').ok_or(NotAdmitted::NoToken)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(secret.trim())
    } else {
        Err(NotAdmitted::NoToken)
    }
}

/// What a token is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenUse {
    Agent,
    Desk,
}

/// A header that is there once, or not at all: of two, one could be read here and the other elsewhere.
fn header<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, NotAdmitted> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let value = value.to_str().map_err(|_| NotAdmitted::Header(name))?;
            Ok(Some(value))
        }
        (Some(_), Some(_)) => Err(NotAdmitted::Header(name)),
    }
}
