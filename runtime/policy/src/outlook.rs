//! What can become of the calls of a method, whatever their parameters: the table that a reviewer reads of a context, and
//! what a model is told that it may do. No call is decided by it: a verdict that is possible here may never come.

use crate::{
    decision::Verdict,
    interface::Effect,
    policies::Policies,
    rule::{PolicyId, Rule},
    schema::MethodShape,
};
use serde::Serialize;

/// One method of a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// What calling it does.
    pub effect: Effect,
    /// What can become of a call, from best to worst; one of them where it depends on nothing.
    pub verdicts: Vec<Verdict>,
    /// The policies that are about it, in the order of their file.
    pub policies: Vec<PolicyId>,
}

impl Outlook {
    /// Whether a call can be made at all.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.verdicts != [Verdict::Refuse]
    }
}

impl Policies {
    /// Every method of every service, in the order of their names.
    #[must_use]
    pub fn matrix(&self) -> Vec<Outlook> {
        let services = self.schema.services();
        services
            .flat_map(|service| self.outlooks(service))
            .collect()
    }

    /// Every method of one service.
    #[must_use]
    pub fn outlooks(&self, service: &str) -> Vec<Outlook> {
        let shapes = self.schema.methods.get(service).into_iter().flatten();
        let outlook = |(method, shape): (&String, &MethodShape)| {
            let rules: Vec<&Rule> = self
                .rules
                .iter()
                .filter(|rule| rule.scope.covers(service, shape))
                .collect();
            Outlook {
                service: service.to_owned(),
                method: method.clone(),
                effect: shape.effect,
                verdicts: verdicts(&rules),
                policies: rules.iter().map(|rule| rule.id.clone()).collect(),
            }
        };
        shapes.map(outlook).collect()
    }
}

/// What these policies can come to. One with a condition, or about one actor, may match or not.
fn verdicts(rules: &[&Rule]) -> Vec<Verdict> {
    let always = |rule: &&&Rule| rule.clauses.is_empty() && rule.scope.any_actor();
    let (permits, forbids): (Vec<&Rule>, Vec<&Rule>) =
        rules.iter().partition(|rule| rule.permits());
    let (asking, forbids): (Vec<&Rule>, Vec<&Rule>) =
        forbids.into_iter().partition(|rule| rule.asks());
    if permits.is_empty() || forbids.iter().any(|rule| always(&rule)) {
        return vec![Verdict::Refuse];
    }
    let always_asked = asking.iter().any(|rule| always(&rule));
    let (gated, open): (Vec<&Rule>, Vec<&Rule>) = permits.iter().partition(|rule| rule.gated);
    let always_open = open.iter().any(|rule| always(&rule));
    let always_permitted = always_open || gated.iter().any(|rule| always(&rule));
    [
        (!open.is_empty() && !always_asked, Verdict::Allow),
        (
            !asking.is_empty() || (!gated.is_empty() && !always_open),
            Verdict::Gate,
        ),
        (!forbids.is_empty() || !always_permitted, Verdict::Refuse),
    ]
    .into_iter()
    .filter_map(|(possible, verdict)| possible.then_some(verdict))
    .collect()
}
