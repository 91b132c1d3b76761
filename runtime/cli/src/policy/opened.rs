//! One context, with the services that its policies are checked against: for commands that look at a script or run it without
//! connecting to anything. Called by `policy try` and `check`.

use super::services;
use crate::{failure::Failure, reach::PoliciesArgument, report, shared::SharedArguments};
use sandgate::{
    policy::{self, ContextError, ContextPolicy},
    service::Service,
};

/// What is in force, and what it is about.
pub(crate) struct OpenedContext {
    pub(crate) services: Vec<Service>,
    pub(crate) context: ContextPolicy,
}

impl OpenedContext {
    /// Loads it as a run would. Nothing where its policies are not as they should be, which has been said then.
    pub(crate) fn open(
        policies: &PoliciesArgument,
        context: &str,
        shared: &SharedArguments,
    ) -> Result<Option<Self>, Failure> {
        let directory = policies.required()?;
        let place = policies.of_context(context)?;
        let described = services::described(&directory, shared)?;
        let services = described.into_iter().map(services::Described::rehearsed);
        let services: Vec<Service> = services.collect();
        let interfaces: Vec<_> = services.iter().map(Service::interface).collect();
        let loaded = policy::load(&place, context, &interfaces).and_then(ContextPolicy::kept);
        match loaded {
            Ok(context) => Ok(Some(Self { services, context })),
            Err(error @ (ContextError::Unusable(_) | ContextError::Cases(_))) => {
                report::failure(&error);
                Ok(None)
            }
            Err(error) => Err(super::usage(&error)),
        }
    }
}
