//! PLACEHOLDER for `sandgate::Caller`, with the same shape, until `Host` is merged.

use crate::{failure::Failure, progress::Bar, reach::Opened, shared::Shared};
pub(super) use sandgate::RunError;
use sandgate::{Context, Limits, Outcome, Sandbox, Script, policy::InForce, service::Registry};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) struct Caller {
    sandbox: Sandbox,
    context: Context,
    known: (Registry, InForce),
}

impl Caller {
    pub(super) async fn open(opened: &Opened, shared: &Shared) -> Result<Self, Failure> {
        let mut builder = Sandbox::builder();
        if let Some(cache) = &shared.cache {
            builder = builder.cache_dir(cache);
        }
        if !shared.quiet {
            builder = builder.progress(Arc::new(Bar::default()));
        }
        Ok(Self {
            sandbox: builder.build().await?,
            context: Context::of(opened.reach.clone()),
            known: opened.placeholder.clone(),
        })
    }

    pub(super) fn services(&self) -> Vec<(String, String)> {
        let Some(policy) = self.known.1.now() else {
            return Vec::new();
        };
        self.known
            .0
            .names()
            .filter(|service| policy.policies.may_use(service))
            .filter_map(|service| self.known.0.service(service))
            .map(|service| (service.name().to_owned(), service.summary().to_owned()))
            .collect()
    }

    pub(super) fn interface(&self, service: &str) -> Option<Arc<str>> {
        let policy = self.known.1.now()?;
        if !policy.policies.may_use(service) {
            return None;
        }
        Some(self.known.0.service(service)?.text())
    }

    pub(super) fn tightened(self, limits: Limits) -> Self {
        Self {
            context: self.context.tightened(limits),
            ..self
        }
    }

    pub(super) async fn run(&self, script: Script) -> Result<Outcome, RunError> {
        self.sandbox.run(script, &self.context).await
    }
}
