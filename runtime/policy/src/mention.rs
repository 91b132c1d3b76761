//! What a policy's conditions look at: the attributes of the call, of the caller, and the actions they name. Cedar
//! takes `has` of an attribute that no schema knows for `false`, so a misspelt one would switch a prohibition off;
//! the loader asks here and refuses it.

use crate::types::{self, Attribute, Type, Untyped};
use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Var};
use std::collections::BTreeMap;

/// One look at something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mention {
    /// `context.a.b`, `context has a`.
    Parameter(Vec<String>),
    /// `principal.user`.
    Caller(String),
    /// The context as a whole.
    Everything,
    /// `resource has x` and the like: these have no attributes.
    Nothing(String),
    /// `action == Action::"read"`.
    Equal(String),
    /// `Action::"read"` in any other place.
    Action(String),
    /// `"mail"` in `context.run.read_from.contains("mail")` and the like.
    Source(String),
}

/// Every look that these conditions take.
pub(crate) fn mentions(clauses: &[Clause]) -> Vec<Mention> {
    clauses
        .iter()
        .flat_map(|clause| match clause {
            Clause::When(expression) | Clause::Unless(expression) => of(expression),
        })
        .collect()
}

/// The same for one expression.
pub(crate) fn of(expression: &Expr) -> Vec<Mention> {
    let join = |mut left: Vec<Mention>, right: Vec<Mention>| {
        left.extend(right);
        left
    };
    expression.reduce(&one, &join, Vec::new())
}

fn one(expression: &Expr) -> Option<Vec<Mention>> {
    let (variable, path) = match expression {
        Expr::HasAttr { expr, attrs } => {
            let (variable, mut path) = path(expr)?;
            path.extend(attrs.iter().map(ToString::to_string));
            (variable, path)
        }
        Expr::GetAttr { .. } | Expr::Var(Var::Context) => path(expression)?,
        Expr::Literal(Literal::EntityUID(uid)) => {
            return (uid.ty.0.id.as_str() == "Action")
                .then(|| vec![Mention::Action(uid.eid.to_string())]);
        }
        Expr::BinaryOp {
            op: BinaryOp::Eq | BinaryOp::NotEq,
            left,
            right,
        } => match (left.as_ref(), right.as_ref()) {
            (Expr::Var(Var::Action), Expr::Literal(Literal::EntityUID(uid)))
            | (Expr::Literal(Literal::EntityUID(uid)), Expr::Var(Var::Action)) => {
                return Some(vec![Mention::Equal(uid.eid.to_string())]);
            }
            _ => return sources(left, right),
        },
        Expr::BinaryOp { left, right, .. } => return sources(left, right),
        _ => return None,
    };
    Some(vec![match (variable, path.first()) {
        (Var::Context, Some(_)) => Mention::Parameter(path),
        (Var::Context, None) => Mention::Everything,
        (Var::Principal, Some(first)) => Mention::Caller(first.clone()),
        (Var::Action | Var::Resource, Some(first)) => Mention::Nothing(first.clone()),
        (Var::Principal | Var::Action | Var::Resource, None) => return None,
    }])
}

/// What a comparison of the sources of a run names, and everything else that it looks at.
fn sources(left: &Expr, right: &Expr) -> Option<Vec<Mention>> {
    let is_sources = |expression: &Expr| {
        path(expression).is_some_and(|(variable, path)| {
            variable == Var::Context && path == [types::RUN, types::READ_FROM]
        })
    };
    let names = match (is_sources(left), is_sources(right)) {
        (true, _) => right,
        (_, true) => left,
        _ => return None,
    };
    let mut mentions = of(left);
    mentions.extend(of(right));
    mentions.extend(texts(names).into_iter().map(Mention::Source));
    Some(mentions)
}

/// The texts that are written in an expression.
fn texts(expression: &Expr) -> Vec<String> {
    let one = |expression: &Expr| match expression {
        Expr::Literal(Literal::String(text)) => Some(vec![text.to_string()]),
        _ => None,
    };
    let join = |mut left: Vec<String>, right: Vec<String>| {
        left.extend(right);
        left
    };
    expression.reduce(&one, &join, Vec::new())
}

/// `context.a.b` as its variable and its names.
fn path(expression: &Expr) -> Option<(Var, Vec<String>)> {
    match expression {
        Expr::Var(variable) => Some((variable.clone(), Vec::new())),
        Expr::GetAttr { expr, attr } => {
            let (variable, mut path) = path(expr)?;
            path.push(attr.to_string());
            Some((variable, path))
        }
        _ => None,
    }
}

/// What a path finds among the parameters of a method.
pub(crate) enum Found<'a> {
    Typed,
    Untyped(Untyped),
    /// The name that is not there, and those that are.
    Missing(&'a str, &'a BTreeMap<String, Attribute>),
}

pub(crate) fn find<'a>(
    path: &'a [String],
    mut attributes: &'a BTreeMap<String, Attribute>,
) -> Found<'a> {
    if let Some(surroundings) = path.first().and_then(|first| types::surroundings(first)) {
        attributes = surroundings;
    }
    for name in path {
        match attributes.get(name).map(|attribute| &attribute.kind) {
            None => return Found::Missing(name, attributes),
            Some(Err(untyped)) => return Found::Untyped(*untyped),
            Some(Ok(Type::Record(below))) => attributes = below,
            // Cedar says what is wrong with looking into a string.
            Some(Ok(_)) => return Found::Typed,
        }
    }
    Found::Typed
}
