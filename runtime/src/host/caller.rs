//! One caller of a host: whose scripts run, what they may call, and at what cost. Made by `host` from whoever was
//! authenticated. It must never be made wider than its context, only narrower.

use crate::{
    cancel::Cancel,
    context::Context,
    host::{Host, HostError},
    hostcall::{question::Approver, reach::Reach, watch::CallWatcher},
    journal::{Journal, NoRun, digest::Digest, ledger::RunFilter},
    limits::Limits,
    outcome::Outcome,
    runs::{self, PastRun, PastRunError},
    sandbox::RunError,
    script::Script,
};
use sandgate_check::CheckReport;
use sandgate_policy::{ContextLimits, Outlook, Principal};
use sandgate_service::{InterfaceFormat, Method, MethodFound};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};

/// Runs of one request among which the latest is looked for: sessions of one name, and most are begun once.
const MOST_REQUESTED: usize = 100;

/// A caller, ready to run scripts. Cheap to clone; clones are the same caller.
#[derive(Debug, Clone)]
pub struct Caller {
    host: Host,
    reach: Arc<Reach>,
    context: Context,
}

impl Caller {
    pub(super) fn new(
        host: Host,
        principal: Principal,
        approver: Option<Arc<dyn Approver>>,
        watcher: Option<Arc<dyn CallWatcher>>,
    ) -> Result<Self, HostError> {
        let name = principal.context().to_string();
        let policy = host.0.services.policy(&name)?;
        let registry = host.0.services.registry();
        let client = host.0.client.clone();
        let reach = Reach::new(principal, policy, registry, client, approver)?;
        let reach = reach.sharing(host.pace(&name));
        let reach = Arc::new(match watcher {
            Some(watcher) => reach.watched(watcher),
            None => reach,
        });
        Ok(Self {
            context: Context::of(Arc::clone(&reach)).kept_in(host.0.journal.as_ref()),
            host,
            reach,
        })
    }

    /// The same with less, wherever these limits are less than the context's.
    #[must_use]
    pub fn tightened(self, limits: Limits) -> Self {
        Self {
            context: self.context.tightened(limits),
            ..self
        }
    }

    /// The same where a call that needs approval, and that nobody can be asked about, is refused and not waited for.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self {
            context: self.context.at_once(),
            ..self
        }
    }

    /// The same, for [`Sandbox::run`](crate::Sandbox::run).
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Runs a script to its end. Whatever the script does is an [`Outcome`]; dropping the future ends the run at once.
    pub async fn run(&self, script: impl Into<Script>) -> Result<Outcome, RunError> {
        self.host.sandbox().run(script.into(), &self.context).await
    }

    /// Makes a plan of a script: its reads are made, its changes are written down and answered with placeholders.
    pub async fn plan(&self, script: impl Into<Script>) -> Result<Outcome, PastRunError> {
        self.host.sandbox().plan(script.into(), &self.context).await
    }

    /// Goes on with a run that waited for people, or was interrupted. It must be this caller's own.
    pub async fn resume(
        &self,
        run: PastRun,
        cancel: Option<Cancel>,
    ) -> Result<Outcome, PastRunError> {
        let sandbox = self.host.sandbox();
        run.resume(sandbox, &self.context, None, cancel).await
    }

    /// Goes on with a session that is over, or whose process is gone: the scripts that it ran are made again from the journal, without
    /// a service, and more come from the `session` of what is given. It must be this caller's own.
    pub async fn restore(&self, run: PastRun, given: Script) -> Result<Outcome, PastRunError> {
        run.restore(self.host.sandbox(), &self.context, given).await
    }

    /// The run that this caller asked for by a [`request`](crate::Script::request) and that was last to go on, whether it is over or not.
    pub fn latest_requested(&self, request: Digest) -> Result<Option<PastRun>, PastRunError> {
        let Some(journal) = self.journal() else {
            return Ok(None);
        };
        let filter = RunFilter {
            request: Some(request),
            most: Some(MOST_REQUESTED),
            ..RunFilter::default()
        };
        let Some(row) = journal.latest(&filter)? else {
            return Ok(None);
        };
        let past = self.own_run(&row.run.to_string())?;
        Ok(past.was_requested_by(request).then_some(past))
    }

    /// What is wrong with a script, and what it would call, by the policies in force now. It takes no time to speak of, runs
    /// nothing and decides nothing: a mistake that is not found here is found by the run.
    #[must_use]
    pub fn check(&self, source: &str) -> CheckReport {
        self.reach.check(source)
    }

    /// The host's journal, where it has one.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.host.0.journal.as_ref()
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> Arc<Principal> {
        self.reach.principal()
    }

    /// A run of the journal, where it is this caller's own. THREAT[SEC-05]: another's is as if there were none.
    pub fn own_run(&self, meant: &str) -> Result<PastRun, PastRunError> {
        let journal = self.journal().ok_or(PastRunError::NoJournal)?;
        let past = PastRun::read(journal, meant)?;
        if past.belongs_to(&self.principal()) {
            Ok(past)
        } else {
            Err(NoRun::None(meant.to_owned()).into())
        }
    }

    /// The last run that this caller asked for by a [`request`](crate::Script::request), no longer ago.
    pub fn requested_run(
        &self,
        request: Digest,
        within: Duration,
    ) -> Result<Option<PastRun>, PastRunError> {
        let Some(journal) = self.journal() else {
            return Ok(None);
        };
        let past = PastRun::requested(journal, request, within)?;
        Ok(past.filter(|past| past.belongs_to(&self.principal())))
    }

    /// Makes one call, as a script would.
    pub async fn call(
        &self,
        service: &str,
        method: &str,
        params: Box<RawValue>,
    ) -> Result<Outcome, PastRunError> {
        runs::call(&self.context, service, method, params).await
    }

    /// The services that the context may use, each with a line on what it is for.
    #[must_use]
    pub fn services(&self) -> Vec<(String, String)> {
        self.reach.services()
    }

    /// What a model reads of a service: names, types and one line for each method. Nothing for a service that there is not,
    /// and for one that the context may not use.
    #[must_use]
    pub fn interface(&self, service: &str) -> Option<Arc<str>> {
        self.interface_of(service, None, InterfaceFormat::Text)
    }

    /// The same of some of its methods, as the service calls them, or as a stub file of Python.
    #[must_use]
    pub fn interface_of(
        &self,
        service: &str,
        methods: Option<&[String]>,
        format: InterfaceFormat,
    ) -> Option<Arc<str>> {
        self.reach.interface_of(service, methods, format)
    }

    /// Whether the context may use a service. One that there is not is as one that it may not use: THREAT[SEC-05].
    #[must_use]
    pub fn may_use(&self, service: &str) -> bool {
        self.reach.may_use(service)
    }

    /// The methods of a service that the context may call at all, with what can become of their calls. Nothing for a service that
    /// there is not, and for one that the context may not use: THREAT[SEC-05].
    #[must_use]
    pub fn methods(&self, service: &str) -> Option<Vec<(Arc<Method>, Outlook)>> {
        self.reach.methods(service)
    }

    /// The methods that a query is about, at most so many and [`MOST_FOUND`](crate::service::MOST_FOUND), the best first, each with
    /// what the policies say of it. THREAT[SEC-05]: one that the context may never call is as if there were none, also in
    /// the order of the others.
    #[must_use]
    pub fn search(&self, query: &str, most: usize) -> Vec<MethodFound> {
        self.reach.search(query, most)
    }

    /// What the limits of its context say now, where it is in force.
    #[must_use]
    pub fn context_limits(&self) -> Option<ContextLimits> {
        let services = &self.host.0.services;
        services.context_limits(self.principal().context().as_str())
    }

    /// What one run may consume now.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.context.limits()
    }
}
