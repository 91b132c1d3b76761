//! Why a call is decided so, and what would change it: for the policy's author, at a terminal. It tells what exists, so
//! a script is never shown it.

mod form;
mod text;

use crate::{
    cases::line,
    decision::{Decision, Fault, Query, Verdict},
    mention::{self, Mention},
    near::nearest,
    policies::{DecisionInput, Policies},
    rule::{PolicyId, Rule},
};
use cedar_policy::{
    Effect, Entities, EvalResult, Expression, PrincipalConstraint, Request, eval_expression,
    pst::{BinaryOp, Clause, Expr},
};

/// A decision with its story.
#[derive(Debug)]
pub struct Explanation {
    /// What is decided.
    pub decision: Decision,
    call: String,
    caller: String,
    file: String,
    /// Every policy about this method, in the order of the file.
    stories: Vec<Story>,
    /// What would change it.
    changes: Vec<String>,
}

/// What one policy has to do with the call.
#[derive(Debug)]
struct Story {
    id: PolicyId,
    line: usize,
    effect: Effect,
    gated: bool,
    because: String,
    /// Who it is about, when that is somebody else.
    caller: Option<String>,
    checks: Vec<Check>,
}

/// One condition of a policy.
#[derive(Debug)]
struct Check {
    text: String,
    /// What it would have to be for the policy to match.
    wanted: bool,
    /// What it is, or why it is nothing.
    got: Result<bool, String>,
    /// What it looks at, and what is there.
    looks: Vec<(String, String)>,
}

impl Story {
    fn matches(&self) -> bool {
        self.caller.is_none() && self.checks.iter().all(Check::holds)
    }
}

impl Check {
    fn holds(&self) -> bool {
        self.got.as_ref() == Ok(&self.wanted)
    }
}

impl Policies {
    /// Decides and says why.
    #[must_use]
    pub fn explain(&self, query: &Query<'_>) -> Explanation {
        // As where a call is decided: Cedar evaluates nothing with less than this.
        stacker::maybe_grow(512 << 10, 1 << 20, || self.explained(query))
    }

    fn explained(&self, query: &Query<'_>) -> Explanation {
        let decision = self.decide(query);
        let slot = self.slot(query.service, query.method);
        let asked = slot.and_then(|slot| Some((slot, self.question(slot, query).ok()?)));
        let stories = match &asked {
            Some((_, (request, asker))) => self.stories(query, request, &asker.entities),
            None => Vec::new(),
        };
        let changes = match &decision.fault {
            Some(fault) => self.repairs(fault, query, slot),
            None => changes(&decision, &stories, query),
        };
        Explanation {
            decision,
            call: format!("{}.{}", query.service, query.method),
            caller: format!(
                "actor `{}` of context `{}`",
                query.principal.actor(),
                query.principal.context()
            ),
            file: self.file.clone(),
            stories,
            changes,
        }
    }

    fn stories(&self, query: &Query<'_>, request: &Request, entities: &Entities) -> Vec<Story> {
        let Some(shape) = self.schema.shape(query.service, query.method) else {
            return Vec::new();
        };
        self.rules
            .iter()
            .filter(|rule| rule.scope.covers(query.service, shape))
            .map(|rule| Story {
                id: rule.id.clone(),
                line: line(&self.text, rule.place.start),
                effect: rule.effect,
                gated: rule.gated,
                because: rule.because.clone(),
                caller: other_caller(rule, query),
                checks: checks(&rule.clauses, request, entities),
            })
            .collect()
    }

    /// What to do about a call that policies were not asked about, or could not decide.
    fn repairs(
        &self,
        fault: &Fault,
        query: &Query<'_>,
        slot: Option<&DecisionInput>,
    ) -> Vec<String> {
        let suggest = |near: Option<&str>| match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "register it, or check its name".to_owned(),
        };
        vec![match fault {
            Fault::Context => format!("these are the policies of `{}`", self.context()),
            Fault::Service => suggest(nearest(query.service, self.schema.services())),
            Fault::Method => suggest(nearest(
                query.method,
                self.schema.methods(query.service),
            )),
            Fault::Parameter { name, .. } => {
                let names = slot.map(|slot| slot.parameters.keys().map(String::as_str));
                let names: Vec<&str> = names.map_or_else(Vec::new, Iterator::collect);
                let near = nearest(name, names.iter().copied()).filter(|near| near != name);
                match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if names.is_empty() => "the method takes no parameters".to_owned(),
                    None if names.contains(&name.as_str()) => {
                        format!("another value of `{name}`, one that policies can compare")
                    }
                    None => format!("the method takes `{}`", names.join("`, `")),
                }
            }
            Fault::Inexact { .. } => fault.remedy().unwrap_or_default(),
            Fault::Evaluation(_) => "a policy that cannot be evaluated refuses; bound its numbers before it calculates with them".to_owned(),
        }]
    }
}

/// Who a policy is about, when it is not this caller.
fn other_caller(rule: &Rule, query: &Query<'_>) -> Option<String> {
    match &rule.scope.principal {
        PrincipalConstraint::Eq(uid)
        | PrincipalConstraint::In(uid)
        | PrincipalConstraint::IsIn(_, uid) => {
            let id = uid.id().unescaped();
            // The loader has seen to it that a context is this one.
            let here = uid.type_name().basename() == "Context" || id == query.principal.actor();
            (!here).then(|| id.to_owned())
        }
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
    }
}

/// A policy's conditions, one by one.
fn checks(clauses: &[Clause], request: &Request, entities: &Entities) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for clause in clauses {
        let (expression, operator, wanted) = match clause {
            Clause::When(expression) => (expression, BinaryOp::And, true),
            Clause::Unless(expression) => (expression, BinaryOp::Or, false),
        };
        let mut parts = Vec::new();
        split(expression, operator, &mut parts);
        let mut failed = false;
        for part in parts {
            let check = check(part, wanted, request, entities);
            // What stands after a part that decides is not evaluated, and may not be possible to evaluate.
            if !(failed && check.got.is_err()) {
                failed |= !check.holds();
                checks.push(check);
            }
        }
    }
    checks
}

/// `a && b && c` as its parts.
fn split<'a>(expression: &'a Expr, operator: BinaryOp, parts: &mut Vec<&'a Expr>) {
    match expression {
        Expr::BinaryOp { op, left, right } if *op == operator => {
            split(left, operator, parts);
            split(right, operator, parts);
        }
        _ => parts.push(expression),
    }
}

fn check(part: &Expr, wanted: bool, request: &Request, entities: &Entities) -> Check {
    let text = part.to_string();
    let got = match evaluate(&text, request, entities) {
        Ok(EvalResult::Bool(got)) => Ok(got),
        Ok(other) => Err(format!("it is {other}")),
        Err(error) => Err(error),
    };
    let mut looks: Vec<(String, String)> = Vec::new();
    for mention in mention::of(part) {
        let place = match mention {
            Mention::Parameter(path) => path.iter().fold("context".to_owned(), |place, name| {
                format!("{place}[\"{}\"]", name.escape_debug())
            }),
            Mention::Caller(name) => format!("principal[\"{}\"]", name.escape_debug()),
            Mention::Everything
            | Mention::Nothing(_)
            | Mention::Equal(_)
            | Mention::Action(_)
            | Mention::Source(_) => continue,
        };
        let value = match evaluate(&place, request, entities) {
            Ok(value) => format!("is {}", text::plain(&value.to_string())),
            Err(_) => "is not there".to_owned(),
        };
        let look = (text::readable(&place), value);
        if !looks.contains(&look) {
            looks.push(look);
        }
    }
    Check {
        text,
        wanted,
        got,
        looks,
    }
}

fn evaluate(text: &str, request: &Request, entities: &Entities) -> Result<EvalResult, String> {
    let expression: Expression = text
        .parse()
        .map_err(|error: cedar_policy::ParseErrors| error.to_string())?;
    eval_expression(request, entities, &expression).map_err(|error| error.to_string())
}

/// What would have to be different for another verdict.
fn changes(decision: &Decision, stories: &[Story], query: &Query<'_>) -> Vec<String> {
    let (permits, forbids): (Vec<&Story>, Vec<&Story>) = stories
        .iter()
        .partition(|story| story.effect == Effect::Permit);
    let (asking, forbids): (Vec<&Story>, Vec<&Story>) =
        forbids.into_iter().partition(|story| story.gated);
    let standing = |stories: &[&'_ Story]| stories.iter().any(|story| story.matches());
    let asked = standing(&asking);
    let mut changes = Vec::new();
    match decision.verdict {
        Verdict::Refuse => {
            for story in forbids.iter().filter(|story| story.matches()) {
                let Some(unless) = text::unmet(story, true) else {
                    return vec![format!(
                        "nothing: `{}` forbids it whoever asks and whatever the parameters, and no permit outweighs that",
                        story.id
                    )];
                };
                changes.push(format!("`{}` would not forbid it {unless}", story.id));
            }
            let matching = permits.iter().find(|story| story.matches());
            if let (Some(story), true) = (matching, standing(&forbids)) {
                let grant = text::grant(story, asked);
                changes.push(format!("then `{}` would {grant}", story.id));
                return changes;
            }
            changes.extend(nearly(&permits, asked, |_| true));
            if permits.is_empty() {
                changes.push(format!(
                    "no permit is about this method; one would be\n    permit (principal, action == Action::\"{0}.{1}\", resource == Service::\"{0}\");",
                    query.service, query.method
                ));
            }
        }
        Verdict::Gate => {
            for story in asking.iter().filter(|story| story.matches()) {
                changes.push(match text::unmet(story, true) {
                    Some(unless) => format!("`{}` would have nobody asked {unless}", story.id),
                    None => format!(
                        "`{}` has a person asked whoever calls and whatever the parameters",
                        story.id
                    ),
                });
            }
            let is_open = permits.iter().any(|story| story.matches() && !story.gated);
            let before = changes.len();
            if !is_open {
                changes.extend(nearly(&permits, asked, |story| !story.gated));
            }
            changes.extend(nearly(&forbids, false, |_| true));
            if !is_open && changes.len() == before {
                changes.push("a permit without `@gate` would allow it without asking".to_owned());
            }
        }
        Verdict::Allow => {
            changes.extend(nearly(&asking, false, |_| true));
            changes.extend(nearly(&forbids, false, |_| true));
        }
    }
    changes
}

/// Policies that do not match, and when they would.
fn nearly(stories: &[&Story], asked: bool, which: impl Fn(&Story) -> bool) -> Vec<String> {
    stories
        .iter()
        .filter(|story| !story.matches() && which(story))
        .filter_map(|story| {
            let when = text::unmet(story, false)?;
            Some(format!(
                "`{}` would {} {when}",
                story.id,
                text::grant(story, asked)
            ))
        })
        .collect()
}
