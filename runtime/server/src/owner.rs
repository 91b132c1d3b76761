//! Whose something is that outlives a request: a session, a conversation, a run that is known again, files. Claims are no part of it,
//! since what somebody is entitled to may change meanwhile. Everything that is kept for agents is looked up by it: THREAT[WEB-04].

use sandgate::policy::Principal;

/// An agent, as far as what is kept is its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AgentOwner {
    context: String,
    actor: String,
    user: Option<String>,
}

impl AgentOwner {
    pub(crate) fn of(principal: &Principal) -> Self {
        Self {
            context: principal.context().to_string(),
            actor: principal.actor().to_owned(),
            user: principal.user().map(ToOwned::to_owned),
        }
    }
}
