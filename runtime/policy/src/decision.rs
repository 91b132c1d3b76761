//! One call, one decision. Everything that is unknown, does not fit or cannot be evaluated is a refusal; a decision
//! depends on its query and the loaded policies, and on nothing else.

use crate::{
    asker::Asker,
    hash::PolicyHash,
    moment::Moment,
    policies::{DecisionInput, Policies},
    principal::Principal,
    rule::{PolicyId, Rule},
    types,
};
use cedar_policy::{AuthorizationError, Context, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// A call, as the host knows it. All of it but service, method and parameters comes from the authenticated caller.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// On whose behalf it is made.
    pub principal: &'a Principal,
    /// The service's registered name.
    pub service: &'a str,
    /// The method, as the service's document writes it.
    pub method: &'a str,
    /// The parameters by name. What is sent must be made from this very map, not from the text it was read from:
    /// THREAT[POL-03].
    pub params: &'a Map<String, Value>,
    /// When the caller made it.
    pub now: Moment,
    /// What its run has read from so far, as [`read_from_of`](crate::read_from_of) names it.
    pub read_from: &'a BTreeSet<String>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is made.
    Allow,
    /// It is made when a person agrees.
    Gate,
    /// It is not made.
    Refuse,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Gate => "gate",
            Self::Refuse => "refuse",
        })
    }
}

/// A verdict, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Decision {
    /// What becomes of the call.
    pub verdict: Verdict,
    /// Exactly the policies that decided, sorted; none when no policy spoke of the call.
    pub policies: Vec<PolicyId>,
    /// Their reasons, in the same order: what people and the model are shown. Empty when the policies did not decide.
    pub because: Vec<String>,
    /// Why the policies were not asked, or could not answer. For the journal and the operator. THREAT[SEC-05]: a script
    /// is never shown it, since it tells what exists from what does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Which policies, limits and interfaces these were.
    pub hash: PolicyHash,
}

/// Why policies did not decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// These are the policies of another context.
    #[error("the call is of another context")]
    Context,
    /// Not registered.
    #[error("no such service")]
    Service,
    /// Not in the service's document.
    #[error("the service has no such method")]
    Method,
    /// A parameter is missing, not declared, or of another type.
    #[error("the parameter `{}` {problem}", .name.escape_debug())]
    Parameter {
        /// Which one.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A parameter is or holds a number with more digits than policies tell apart.
    #[error("the parameter `{}` {} {number}, and policies compare numbers in steps of {}", .parameter.escape_debug(), if *.within { "holds" } else { "is" }, types::STEP)]
    Inexact {
        /// Which one.
        parameter: String,
        /// The number, as it would be sent.
        number: String,
        /// Whether it is only a part of the parameter.
        within: bool,
    },
    /// A policy could not be evaluated, such as when a sum is too large.
    #[error("{0}")]
    Evaluation(String),
}

impl Fault {
    /// The same of a parameter of a call, which is a number or holds one.
    #[must_use]
    pub fn inexact(parameter: &str, value: Option<&Value>, number: &str) -> Self {
        Self::Inexact {
            parameter: parameter.chars().take(128).collect(),
            number: number.to_owned(),
            within: !value.is_some_and(Value::is_number),
        }
    }

    /// What Python's word for the remedy is, where there is one that a script could try.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Inexact {
                parameter, within, ..
            } => Some(match within {
                false => format!("`round({parameter}, 2)`"),
                true => format!("`round(…, 2)` for each number in `{parameter}`"),
            }),
            _ => None,
        }
    }
}

impl Policies {
    /// Whether some policy that is about the method looks at the parameter.
    #[must_use]
    pub fn looks_at(&self, service: &str, method: &str, parameter: &str) -> bool {
        // A parameter of a name that is taken is not what they look at.
        types::taken(parameter).is_none()
            && self
                .slot(service, method)
                .is_some_and(|slot| slot.seen.contains(parameter))
    }

    /// Decides. Default is refusal, one prohibition outweighs every permission, and one with a gate turns what would be
    /// allowed into a question.
    pub fn decide(&self, query: &Query<'_>) -> Decision {
        let slot = match self.find(query) {
            Ok(slot) => slot,
            Err(fault) => return self.refusal(Some(fault)),
        };
        if slot.policies.is_empty() {
            return self.refusal(None);
        }
        match self.ask(slot, query) {
            Ok(response) => self.judge(&response),
            Err(fault) => self.refusal(Some(fault)),
        }
    }

    fn find(&self, query: &Query<'_>) -> Result<&DecisionInput, Fault> {
        if query.principal.context() != self.context() {
            return Err(Fault::Context);
        }
        self.slot(query.service, query.method).ok_or_else(|| {
            match self.schema.methods(query.service).next() {
                None => Fault::Service,
                Some(_) => Fault::Method,
            }
        })
    }

    /// Cedar refuses to evaluate with less than 100 KiB of the thread's stack, and what it sees on a fiber is no stack at
    /// all; then it gets one.
    fn ask(&self, slot: &DecisionInput, query: &Query<'_>) -> Result<Response, Fault> {
        stacker::maybe_grow(512 << 10, 1 << 20, || {
            let (request, asker) = self.question(slot, query)?;
            Ok(self
                .authorizer
                .is_authorized(&request, &slot.policies, &asker.entities))
        })
    }

    /// The call in Cedar's terms.
    pub(crate) fn question(
        &self,
        slot: &DecisionInput,
        query: &Query<'_>,
    ) -> Result<(Request, Arc<Asker>), Fault> {
        let mut pairs = types::pairs(&slot.parameters, query.params, |name| {
            slot.seen.contains(name)
        })
        .map_err(|(name, misfit)| match misfit.inexact() {
            Some(number) => Fault::inexact(name, query.params.get(name), number),
            None => Fault::Parameter {
                name: name.chars().take(128).collect(),
                problem: misfit.to_string(),
            },
        })?;
        if slot.seen.contains(types::NOW) {
            pairs.push((types::NOW.to_owned(), query.now.expression()));
        }
        let evaluation = |error: &dyn std::fmt::Display| Fault::Evaluation(error.to_string());
        if slot.seen.contains(types::RUN) {
            let run = types::run(query.read_from).map_err(|error| evaluation(&error))?;
            pairs.push((types::RUN.to_owned(), run));
        }
        let context = Context::from_pairs(pairs).map_err(|error| evaluation(&error))?;
        let asker = slot
            .asker
            .of(
                query.principal,
                &self.names().actor,
                &self.context,
                &slot.entities,
            )
            .map_err(|error| evaluation(&*error))?;
        let request = Request::new(
            asker.uid.clone(),
            slot.action.clone(),
            slot.resource.clone(),
            context,
            None,
        )
        .map_err(|error| evaluation(&error))?;
        Ok((request, asker))
    }

    /// THREAT[POL-08]: Cedar skips a policy that cannot be evaluated, which would switch a prohibition off; here one
    /// such policy refuses the call.
    fn judge(&self, response: &Response) -> Decision {
        let mut failed: Vec<(&Rule, &AuthorizationError)> = response
            .diagnostics()
            .errors()
            .filter_map(|error| {
                let AuthorizationError::PolicyEvaluationError(failed) = error;
                Some((self.rule(failed.policy_id())?, error))
            })
            .collect();
        if response.diagnostics().errors().next().is_some() {
            failed.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
            let errors: Vec<String> = failed.iter().map(|(_, error)| error.to_string()).collect();
            return Decision {
                policies: failed.iter().map(|(rule, _)| rule.id.clone()).collect(),
                ..self.refusal(Some(Fault::Evaluation(errors.join("; "))))
            };
        }
        let mut rules: Vec<&Rule> = response
            .diagnostics()
            .reason()
            .filter_map(|id| self.rule(id))
            .collect();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        // The engine takes a prohibition with a gate for a permit: it says nothing against the call, but permits nothing.
        let is_permitted = rules.iter().any(|rule| rule.permits());
        let is_asked = rules.iter().any(|rule| rule.asks());
        let verdict = match response.decision() {
            cedar_policy::Decision::Deny => Verdict::Refuse,
            cedar_policy::Decision::Allow if !is_permitted => return self.refusal(None),
            cedar_policy::Decision::Allow if is_asked || rules.iter().all(|rule| rule.gated) => {
                Verdict::Gate
            }
            cedar_policy::Decision::Allow => Verdict::Allow,
        };
        Decision {
            verdict,
            policies: rules.iter().map(|rule| rule.id.clone()).collect(),
            because: rules.iter().map(|rule| rule.because.clone()).collect(),
            fault: None,
            hash: self.hash,
        }
    }

    fn refusal(&self, fault: Option<Fault>) -> Decision {
        Decision {
            verdict: Verdict::Refuse,
            policies: Vec::new(),
            because: Vec::new(),
            fault,
            hash: self.hash,
        }
    }
}
