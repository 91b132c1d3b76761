//! Which methods a policy is about, as its first line says. Used to give each method its own small set of policies, so
//! that a decision looks at no others, and by the linter.

use crate::{interface::Effect, schema::MethodShape};
use cedar_policy::{ActionConstraint, EntityUid, PrincipalConstraint, ResourceConstraint};

/// The first line of a policy.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) principal: PrincipalConstraint,
    pub(crate) action: ActionConstraint,
    pub(crate) resource: ResourceConstraint,
}

impl Scope {
    pub(crate) fn of(policy: &cedar_policy::Policy) -> Self {
        Self {
            principal: policy.principal_constraint(),
            action: policy.action_constraint(),
            resource: policy.resource_constraint(),
        }
    }

    /// Whether a call of this method can match at all. Errs on the side of `true`: Cedar looks again.
    pub(crate) fn covers(&self, service: &str, shape: &MethodShape) -> bool {
        let action = match &self.action {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => *uid == shape.action,
            ActionConstraint::In(uids) => uids
                .iter()
                .any(|uid| *uid == shape.action || holds(uid, shape.effect)),
        };
        action
            && match &self.resource {
                ResourceConstraint::Any | ResourceConstraint::Is(_) => true,
                ResourceConstraint::Eq(uid)
                | ResourceConstraint::In(uid)
                | ResourceConstraint::IsIn(_, uid) => uid.id().unescaped() == service,
            }
    }

    /// Whether it names this method, and not only a group that it is in.
    pub(crate) fn names(&self, shape: &MethodShape) -> bool {
        match &self.action {
            ActionConstraint::Any => false,
            ActionConstraint::Eq(uid) => *uid == shape.action,
            ActionConstraint::In(uids) => uids.contains(&shape.action),
        }
    }

    /// Whether it names a group, so that what the policy is about depends on effects.
    pub(crate) fn by_effect(&self) -> bool {
        match &self.action {
            ActionConstraint::In(uids) => uids
                .iter()
                .any(|uid| GROUPS.contains(&uid.id().unescaped())),
            ActionConstraint::Any | ActionConstraint::Eq(_) => false,
        }
    }

    /// Whether it says nothing of who calls: every actor is in this context.
    pub(crate) fn any_actor(&self) -> bool {
        match &self.principal {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => true,
            PrincipalConstraint::Eq(_) => false,
            PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
                uid.type_name().basename() == "Context"
            }
        }
    }
}

/// The groups of actions and what they hold.
fn holds(group: &EntityUid, effect: Effect) -> bool {
    match group.id().unescaped() {
        "read" => effect == Effect::Read,
        "write" => effect == Effect::Write,
        "destroy" => effect == Effect::Destroy,
        "change" => effect != Effect::Read,
        _ => false,
    }
}

pub(crate) const GROUPS: [&str; 4] = ["read", "write", "destroy", "change"];
