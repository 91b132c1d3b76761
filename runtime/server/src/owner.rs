//! Whose something is that outlives a request: a session, a conversation, a run that is known again, files. Claims are no part of it,
//! since what somebody is entitled to may change meanwhile. Everything that is kept for agents is looked up by it: THREAT[WEB-04].

use sandgate::{Digest, policy::Principal};
use serde_json::json;

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

    /// What the run of a session of this name is known by. No key has a space in it.
    pub(crate) fn session(&self, name: &str) -> Digest {
        self.request(&format!("session {name}"))
    }

    /// What a run is known by that it asked for with this key. THREAT[WEB-04]: no two agents' are the same.
    pub(crate) fn request(&self, key: &str) -> Digest {
        let named = json!([self.context, self.actor, self.user, key]);
        Digest::of(named.to_string().as_bytes())
    }
}
