//! What can be wrong with policies that parse: against the schema by Cedar's validator, and what the validator lets
//! pass although it cannot be meant. Called by the loader.

use crate::{
    mention::{Found, Mention, find},
    near::nearest,
    problem::Problem,
    rule::Rule,
    schema::Schema,
    scope::GROUPS,
    types,
};
use cedar_policy::{
    ActionConstraint, EntityUid, PrincipalConstraint, ValidationError, ValidationResult,
    ValidationWarning,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Two policies of one name.
pub(super) fn duplicates(rules: &[Rule]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    rules
        .iter()
        .filter(|rule| !seen.insert(&rule.id))
        .map(|rule| {
            Problem::new(format!("a second policy is called `{}`", rule.id))
                .at(rule.place.clone())
                .help("give each its own `@id`")
        })
        .collect()
}

/// What conditions look at must exist: THREAT[POL-07], since Cedar takes `context has amuont` for false and would
/// never apply a prohibition that depends on it.
pub(super) fn conditions(rules: &[Rule], schema: &Schema, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in rules {
        if let PrincipalConstraint::Eq(uid) = &rule.scope.principal
            && uid.type_name().basename() == "Context"
        {
            let name = uid.id().unescaped();
            let problem =
                Problem::new("whoever calls is in a context and is none, so this never holds");
            problems.push(
                problem
                    .at(locate(name, rule, text))
                    .help(format!("write `principal in Context::\"{name}\"`")),
            );
        }
        if let ActionConstraint::Eq(uid) = &rule.scope.action {
            problems.extend(group(uid.id().unescaped(), rule, text));
        }
        for mention in &rule.mentions {
            match mention {
                Mention::Parameter(path) => problems.extend(parameter(path, rule, schema, text)),
                Mention::Caller(name) if !["user", "claims"].contains(&name.as_str()) => {
                    let problem = Problem::new(format!("a caller has no attribute `{name}`"));
                    problems.push(
                        problem
                            .at(locate(name, rule, text))
                            .near(name, ["user", "claims"].into_iter()),
                    );
                }
                Mention::Source(name) => problems.extend(
                    schema
                        .source(name)
                        .err()
                        .map(|unknown| unknown.problem().at(locate(name, rule, text))),
                ),
                Mention::Caller(_) | Mention::Action(_) => {}
                Mention::Nothing(name) => problems.push(
                    Problem::new(format!("`{name}`: actions and services have no attributes"))
                        .at(locate(name, rule, text)),
                ),
                Mention::Everything => problems.push(
                    Problem::new("`context` is used as a whole")
                        .at(locate("context", rule, text))
                        .help("name the parameters: what has no type in Cedar is not part of it"),
                ),
                Mention::Equal(action) => problems.extend(group(action, rule, text)),
            }
        }
    }
    problems
}

/// No call *is* a group, so `==` with one never holds.
fn group(action: &str, rule: &Rule, text: &str) -> Option<Problem> {
    GROUPS.contains(&action).then(|| {
        Problem::new(format!(
            "`Action::\"{action}\"` is a group, which no call equals"
        ))
        .at(locate(action, rule, text))
        .help(format!("write `action in Action::\"{action}\"`"))
    })
}

/// Compared as a whole, the names of sources in it would be nobody's to check.
fn of_run(path: &[String], rule: &Rule, text: &str) -> Option<Problem> {
    let problem = match path.first() {
        None => Problem::new("`context.run` is used as a whole")
            .at(locate(types::RUN, rule, text))
            .help("write `context.run.read_from.contains(\"…\")`, with a service or a method"),
        Some(name) if name == types::READ_FROM => return None,
        Some(name) => Problem::new(format!("a run has no attribute `{}`", name.escape_debug()))
            .at(locate(name, rule, text))
            .near(name, [types::READ_FROM].into_iter()),
    };
    Some(problem)
}

fn parameter(path: &[String], rule: &Rule, schema: &Schema, text: &str) -> Option<Problem> {
    if let [run, rest @ ..] = path
        && run == types::RUN
    {
        return of_run(rest, rule, text);
    }
    let mut typed = false;
    let mut missing: Option<(&str, BTreeSet<&str>)> = None;
    for (service, method, shape) in schema.all() {
        if !rule.scope.covers(service, shape) {
            continue;
        }
        match find(path, &shape.parameters) {
            Found::Typed => typed = true,
            Found::Untyped(untyped) => {
                let shown = path.join(".");
                let message = format!(
                    "`{shown}` of `{service}.{method}` has no type in Cedar: {}",
                    untyped.0
                );
                return Some(
                    Problem::new(message)
                        .at(locate(path.last()?, rule, text))
                        .help("a policy cannot look at it"),
                );
            }
            Found::Missing(name, attributes) => {
                let (_, known) = missing.get_or_insert((name, BTreeSet::new()));
                known.extend(attributes.keys().map(String::as_str));
            }
        }
    }
    let (name, known) = missing.filter(|_| !typed)?;
    let problem = Problem::new(format!(
        "no method that this policy is about has a parameter `{}`",
        path.join(".")
    ));
    Some(
        problem
            .at(locate(name, rule, text))
            .near(name, known.iter().copied()),
    )
}

/// Cedar's errors become problems; those of its warnings that are about deception do too; the rest is returned.
pub(super) fn validation(
    result: &ValidationResult,
    rules: &[Rule],
    schema: &Schema,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Problem> {
    let known: Vec<Range<usize>> = problems.iter().filter_map(Problem::place).collect();
    // One error for each place: a policy about a hundred methods would else be wrong a hundred times.
    let mut found: BTreeMap<(Range2, String), (Problem, usize)> = BTreeMap::new();
    for error in result.validation_errors() {
        let rule = rule(rules, error.policy_id());
        let problem = from_error(error, rule, schema, text);
        let place = problem.place().unwrap_or(0..0);
        let said = known
            .iter()
            .any(|known| place.start <= known.start && known.end <= place.end);
        if matches!(error, ValidationError::UnsafeAttributeAccess(_)) && said {
            continue;
        }
        let kind = std::mem::discriminant(error);
        let entry = found
            .entry(((place.start, place.end), format!("{kind:?}")))
            .or_insert((problem, 0));
        entry.1 = entry.1.saturating_add(1);
    }
    problems.extend(found.into_values().map(|(problem, times)| match times {
        0 | 1 => problem,
        _ => problem.more(times.saturating_sub(1)),
    }));
    let mut warnings = Vec::new();
    for warning in result.validation_warnings() {
        let rule = rule(rules, warning.policy_id());
        let problem = Problem::from_cedar(warning, Some(warning.policy_id().as_ref()));
        let problem = match (problem.place(), rule) {
            (None, Some(rule)) => problem.at(rule.place.clone()),
            _ => problem,
        };
        match warning {
            ValidationWarning::ImpossiblePolicy(_)
            | ValidationWarning::InvalidActionApplication(_) => warnings.push(problem.warning()),
            // THREAT[POL-07]: a name in two scripts looks like another name.
            _ => problems.push(problem.help("write it in one script")),
        }
    }
    // Whatever the mapping above lost, a policy that is not valid does not load.
    if problems.is_empty() && !result.validation_passed() {
        problems.push(Problem::new(result.to_string()));
    }
    warnings
}

type Range2 = (usize, usize);

fn rule<'a>(rules: &'a [Rule], id: &cedar_policy::PolicyId) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.policy.id() == id)
}

fn from_error(
    error: &ValidationError,
    rule: Option<&Rule>,
    schema: &Schema,
    text: &str,
) -> Problem {
    let problem = Problem::from_cedar(error, Some(error.policy_id().as_ref()));
    let place = problem.place();
    let written = place.clone().and_then(|place| text.get(place));
    if let (ValidationError::UnsafeAttributeAccess(_), Some(rule), Some(written)) =
        (error, rule, written)
        && let Some(problem) = not_everywhere(rule, written, schema, text)
    {
        return problem;
    }
    let uid = written.and_then(|written| written.parse::<EntityUid>().ok());
    match (error, uid, place) {
        (ValidationError::UnrecognizedActionId(_), Some(uid), Some(place)) => {
            let name = uid.id().unescaped().to_owned();
            no_action(&name, schema).at(place)
        }
        (ValidationError::InvalidEnumEntity(_), Some(uid), Some(place)) => {
            let name = uid.id().unescaped().to_owned();
            if uid.type_name().basename() == "Context" {
                let context = schema.context().as_str();
                Problem::new(format!(
                    "these are the policies of `{context}`, not of `{}`",
                    name.escape_debug()
                ))
                .at(place)
                .help(format!("write `Context::\"{context}\"`"))
            } else {
                Problem::new(format!("there is no service `{}`", name.escape_debug()))
                    .at(place)
                    .near(&name, schema.services().collect::<Vec<_>>().into_iter())
            }
        }
        (_, _, None) => match rule {
            Some(rule) => problem.at(rule.place.clone()),
            None => problem,
        },
        (ValidationError::UnexpectedType(_), _, Some(_)) => {
            match written.and_then(|written| of_another_type(error, written)) {
                Some(help) => problem.help(help),
                None => problem,
            }
        }
        _ => problem,
    }
}

/// An action that there is not, with what was perhaps meant: a method without its service, or one of a service that nobody
/// knows.
fn no_action(name: &str, schema: &Schema) -> Problem {
    let problem = Problem::new(format!("there is no action `{}`", name.escape_debug()));
    let all = actions(schema);
    let named = all.iter().map(String::as_str);
    let whole = schema.all().find(|(_, method, _)| *method == name);
    if let Some((service, method, _)) = whole {
        return problem.help(format!("did you mean `{service}.{method}`?"));
    }
    let service = name.split_once('.').map(|(service, _)| service);
    match service.filter(|service| !schema.services().any(|known| known == *service)) {
        Some(service) if nearest(name, named.clone()).is_none() => {
            Problem::new(format!("no service `{}` is known", service.escape_debug())).help(
                "register it with `sandgate service add`, or put its document in `services/` beside the contexts",
            )
        }
        _ => problem.near(name, named),
    }
}

/// How a value is compared that is not of the type that was expected of it.
fn of_another_type(error: &ValidationError, written: &str) -> Option<String> {
    let message = error.to_string();
    if message.ends_with("saw decimal") {
        return Some(format!(
            "`{written}` is a number that may have a fraction: write `{written}.lessThanOrEqual(decimal(\"100.0\"))`; `lessThan`, `greaterThan` and `greaterThanOrEqual` are the others"
        ));
    }
    if message.ends_with("saw datetime") {
        return Some(format!(
            "`{written}` is a date: write `{written} < datetime(\"2026-12-31\")`, or `{written} < context.now.offset(duration(\"30d\"))`"
        ));
    }
    if message.contains("datetime") && written.starts_with('"') {
        return Some(format!("write `datetime({written})`"));
    }
    message
        .ends_with("saw String")
        .then(|| format!("`{written}` is a text: it is compared with `==`, `!=` and `like`"))
}

/// A parameter that some of the methods have, and others of the same policy have not.
fn not_everywhere(rule: &Rule, written: &str, schema: &Schema, text: &str) -> Option<Problem> {
    let path = rule.mentions.iter().find_map(|mention| match mention {
        Mention::Parameter(path) if written.contains(path.last()?) => Some(path),
        _ => None,
    })?;
    let (with, without): (Vec<_>, Vec<_>) = schema
        .all()
        .filter(|(service, _, shape)| rule.scope.covers(service, shape))
        .partition(|(_, _, shape)| matches!(find(path, &shape.parameters), Found::Typed));
    let (service, method, _) = without.first()?;
    let (shown, name) = (path.join("."), path.last()?);
    let others = match without.len() {
        1 => String::new(),
        2 => ", nor has another of its methods".to_owned(),
        count => format!(
            ", nor have {} others of its methods",
            count.saturating_sub(1)
        ),
    };
    let with: Vec<String> = with
        .iter()
        .take(3)
        .map(|(service, method, _)| format!("`{service}.{method}`"))
        .collect();
    Some(
        Problem::new(format!(
            "this policy is also about `{service}.{method}`, which has no parameter `{shown}`{others}"
        ))
        .at(locate(name, rule, text))
        .help(format!(
            "ask with `context has {shown} &&` first, or narrow the policy to methods like {}",
            with.join(", ")
        )),
    )
}

/// Everything that may stand after `Action::`.
fn actions(schema: &Schema) -> Vec<String> {
    let methods = schema
        .all()
        .map(|(service, method, _)| format!("{service}.{method}"));
    methods
        .chain(GROUPS.into_iter().map(ToOwned::to_owned))
        .collect()
}

/// Where a policy writes a name. Only for reports: the whole policy when it is written in another way.
fn locate(name: &str, rule: &Rule, text: &str) -> Range<usize> {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    let policy = text.get(rule.place.clone()).unwrap_or_default();
    // Annotations come first and may hold the same word.
    let body = ["permit", "forbid"]
        .iter()
        .filter_map(|word| policy.rfind(word))
        .max()
        .unwrap_or(0);
    policy
        .match_indices(name)
        .filter(|(at, _)| *at >= body)
        .find(|(at, found)| {
            let before = policy.get(..*at).and_then(|text| text.chars().next_back());
            let after = policy.get(at.saturating_add(found.len())..);
            let after = after.and_then(|text| text.chars().next());
            !before.is_some_and(word) && !after.is_some_and(word)
        })
        .map_or(rule.place.clone(), |(at, found)| {
            let start = rule.place.start.saturating_add(at);
            start..start.saturating_add(found.len())
        })
}
