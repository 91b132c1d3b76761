//! Everything that runs need, opened once: the sandbox, the services and the contexts. What every front end is built on,
//! and all that most embedders touch. It must never let a caller have more than its context.

mod caller;
mod in_band;
mod services;

pub use caller::Caller;
pub use services::Services;

use crate::{
    contexts::{ContextError, ContextsError},
    hostcall::{pace::Pace, question::Approver, watch::CallWatcher},
    journal::Journal,
    sandbox::{self, ImageError, Sandbox},
    store::{StoreCopy, StoreError},
};
use sandgate_policy::{ContextLimits, Principal, PrincipalError};
use sandgate_service::{Client, ClientLimits, Tools, ToolsError};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// The sandbox, the services and the contexts of a process. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Host(Arc<HostInner>);

#[derive(Debug)]
struct HostInner {
    sandbox: Sandbox,
    services: Services,
    client: Client,
    approver: Option<Arc<dyn Approver>>,
    journal: Option<Journal>,
    /// The turns at services that all callers of a context share.
    paces: Mutex<BTreeMap<String, Arc<Pace>>>,
}

/// Why there is no host, or no such caller.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum HostError {
    /// The interpreter.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The registered services.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tools.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// Two services of one name.
    #[error("a second service is called `{0}`")]
    Twice(String),
    /// The contexts of a directory.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Contexts(#[from] ContextsError),
    /// A context whose policies were given as text.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Context(#[from] ContextError),
    /// There is no such context, so nothing could be decided.
    #[error("there is no context `{}`", name.escape_debug())]
    #[diagnostic(help("{}", known(names)))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those that there are.
        names: Vec<String>,
    },
    /// Nobody can be the caller that was named.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
}

fn known(names: &[String]) -> String {
    if names.is_empty() {
        "a context is a directory with policy.cedar and limits.toml".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

impl Host {
    /// How to make one.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// One of parts that were opened apart, as a process does that confines itself in between.
    #[must_use]
    pub fn of(
        sandbox: Sandbox,
        services: Services,
        client: Client,
        approver: Option<Arc<dyn Approver>>,
        journal: Option<Journal>,
    ) -> Self {
        Self(Arc::new(HostInner {
            sandbox,
            services,
            client,
            approver,
            journal,
            paces: Mutex::default(),
        }))
    }

    /// The contexts that there are, in the order of their names.
    #[must_use]
    pub fn contexts(&self) -> Vec<String> {
        self.0.services.contexts()
    }

    /// The program `script` of a context, on nobody's behalf. Calls that need approval are put to the host's approver.
    pub fn context(&self, name: &str) -> Result<Caller, HostError> {
        self.caller(self.principal(name, Principal::SCRIPT)?)
    }

    /// A program of a context, to be given the person behind it and what they are entitled to. Whoever authenticated
    /// the caller says so, and nobody else.
    pub fn principal(&self, context: &str, actor: &str) -> Result<Principal, HostError> {
        self.0.services.principal(context, actor)
    }

    /// What this caller may do. Calls that need approval are put to the host's approver.
    pub fn caller(&self, principal: Principal) -> Result<Caller, HostError> {
        Caller::new(self.clone(), principal, self.0.approver.clone(), None)
    }

    /// The same with somebody who is told of every call.
    pub fn watched_caller(
        &self,
        principal: Principal,
        watcher: Arc<dyn CallWatcher>,
    ) -> Result<Caller, HostError> {
        let approver = self.0.approver.clone();
        Caller::new(self.clone(), principal, approver, Some(watcher))
    }

    /// Reads registrations and policies again. Policies are in force from the next decision on, also in runs that go on; services
    /// are there for callers that are made from then on. Where anything of it cannot be used, what was in force stays.
    pub fn reload(&self) -> Result<(), HostError> {
        self.0.services.reload(None)
    }

    /// The same with registrations that another process has read.
    pub fn reload_with(&self, registrations: &StoreCopy) -> Result<(), HostError> {
        self.0.services.reload(Some(registrations))
    }

    /// What the limits of a context say now, where it is in force.
    #[must_use]
    pub fn context_limits(&self, context: &str) -> Option<ContextLimits> {
        self.0.services.context_limits(context)
    }

    /// The journal, where there is one.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.0.journal.as_ref()
    }

    /// The sandbox, for scripts that may call nothing.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    fn pace(&self, context: &str) -> Arc<Pace> {
        let mut paces = self.0.paces.lock().unwrap_or_else(PoisonError::into_inner);
        match paces.get(context) {
            Some(pace) => Arc::clone(pace),
            None => Arc::clone(paces.entry(context.to_owned()).or_default()),
        }
    }
}

/// How a [`Host`] is made. What is not named is not there: no service, no context.
#[derive(Debug, Default)]
pub struct HostBuilder {
    registrations: Option<PathBuf>,
    policies: Option<PathBuf>,
    tools: Vec<Tools>,
    contexts: Vec<services::Text>,
    client: Option<Client>,
    approver: Option<Arc<dyn Approver>>,
    journal: Option<Journal>,
    sandbox: sandbox::Builder,
}

impl HostBuilder {
    /// The services that are registered in this state directory; `sandgate service add` puts them there.
    #[must_use]
    pub fn registrations(mut self, directory: impl Into<PathBuf>) -> Self {
        self.registrations = Some(directory.into());
        self
    }

    /// The contexts of this directory, each a directory with `policy.cedar` and `limits.toml`.
    #[must_use]
    pub fn policies(mut self, directory: impl Into<PathBuf>) -> Self {
        self.policies = Some(directory.into());
        self
    }

    /// A service of functions of this process.
    #[must_use]
    pub fn tools(mut self, tools: Tools) -> Self {
        self.tools.push(tools);
        self
    }

    /// A context, from the text of its `policy.cedar` and its `limits.toml`.
    #[must_use]
    pub fn context(mut self, name: &str, policies: &str, limits: &str) -> Self {
        self.contexts.push(services::Text {
            name: name.to_owned(),
            policies: policies.to_owned(),
            limits: limits.to_owned(),
        });
        self
    }

    /// How services are spoken to, where the default does not do.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Where everything that is done is written down. With one, a call that needs approval and nobody can be asked about parks
    /// its run, which can be gone on with later.
    #[must_use]
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Who is asked about calls that need approval. Without one, and without a journal, they are refused.
    #[must_use]
    pub fn approver(mut self, approver: Arc<dyn Approver>) -> Self {
        self.approver = Some(approver);
        self
    }

    /// How the sandbox is made, where the default does not do.
    #[must_use]
    pub fn sandbox(mut self, sandbox: sandbox::Builder) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Opens everything. The first time on a machine it prepares the interpreter, which takes up to a minute.
    pub async fn build(self) -> Result<Host, HostError> {
        let tools = self.tools.into_iter().map(Tools::into_service);
        let tools = tools.collect::<Result<Vec<_>, _>>()?;
        // Files are read, and text is parsed for milliseconds.
        let opening = tokio::task::spawn_blocking(move || {
            Services::open(
                self.registrations.as_deref(),
                tools,
                self.policies.as_deref(),
                &self.contexts,
            )
        });
        let services = match opening.await {
            Ok(services) => services?,
            Err(error) => return Err(ImageError::Interrupted(error.to_string()).into()),
        };
        let client = self
            .client
            .unwrap_or_else(|| Client::new(ClientLimits::default()));
        Ok(Host::of(
            self.sandbox.build().await?,
            services,
            client,
            self.approver,
            self.journal,
        ))
    }
}
