//! `cases.toml`: what a context's policies are meant to decide, as tests. Run by `sandgate policy test`, and by any
//! crate in its own `cargo test`.

mod bless;
mod report;

pub use report::{CaseReport, CaseResult, Expectation, Ruling, junit};

use crate::{
    decision::{Query, Verdict},
    fields::{self, Fields},
    limits::ContextNumber,
    moment::Moment,
    policies::Policies,
    principal::Principal,
    problem::{File, Problem, Unusable},
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, num::NonZeroU32, ops::Range};
use toml::de::{DeTable, DeValue};

/// A call, and what should become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// A sentence, unique in its file.
    pub name: String,
    /// Who calls; the actor `script` on nobody's behalf when the file does not say.
    pub principal: Principal,
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// The parameters.
    pub params: Map<String, Value>,
    /// When it is made: [`Moment::OF_CASES`] where the file does not say.
    pub now: Moment,
    /// What its run has read from before.
    pub read_from: BTreeSet<String>,
    /// What should become of it.
    pub expect: Verdict,
    /// Exactly the policies that should decide, sorted; whichever do, where the file does not say.
    pub policies: Option<Vec<String>>,
    /// Where it begins in its file, counted from 1.
    pub line: usize,
}

/// The cases of one context.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    file: String,
    cases: Vec<Case>,
}

const KEYS: &[&str] = &[
    "name", "actor", "user", "claims", "service", "method", "params", "now", "after", "expect",
    "policies",
];

impl Cases {
    /// Reads the file. Services, methods and policies that do not exist are problems here: such a case would pass by
    /// being refused for another reason than the one it is about.
    pub fn parse(file: File<'_>, policies: &Policies) -> Result<Self, Unusable> {
        fields::with_table(file, |table| read(table, file, policies))
            .map_err(|problems| Unusable::new(file, problems))
    }

    /// The text of the file with what each case is decided as now in place of what it expects. A case that says nothing of
    /// that yet is given it.
    pub fn blessed(file: File<'_>, policies: &Policies) -> Result<String, Unusable> {
        bless::blessed(file, policies)
    }

    /// Decides every case.
    #[must_use]
    pub fn run(&self, policies: &Policies) -> CaseReport {
        let results = self.cases.iter().map(|case| {
            let decision = policies.decide(&Query {
                principal: &case.principal,
                service: &case.service,
                method: &case.method,
                params: &case.params,
                now: case.now,
                read_from: &case.read_from,
            });
            CaseResult::of(case, decision)
        });
        CaseReport::new(policies, &self.file, results.collect())
    }

    /// The cases, in the order of the file.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }
}

fn read(table: &DeTable<'_>, file: File<'_>, policies: &Policies) -> Result<Cases, Vec<Problem>> {
    let (tables, mut problems) = tables(table);
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for (table, place) in tables {
        let line = line(file.text, place.start);
        let mut fields = Fields::new(table, place, KEYS);
        let case = case(&mut fields, policies, line, &mut names);
        problems.extend(fields.problems);
        cases.extend(case);
    }
    if problems.is_empty() {
        let file = file.name.to_owned();
        Ok(Cases { file, cases })
    } else {
        Err(problems)
    }
}

/// The cases of a file and where each is, and what is wrong with that.
fn tables<'t>(table: &'t DeTable<'t>) -> (Vec<CaseTable<'t>>, Vec<Problem>) {
    let mut fields = Fields::new(table, 0..0, &["case"]);
    let tables = fields.need("case", "one `[[case]]` or more", |value| {
        let tables = value.as_array()?.iter();
        tables
            .map(|one| Some((one.get_ref().as_table()?, one.span())))
            .collect::<Option<Vec<_>>>()
    });
    let tables = tables.map_or_else(Vec::new, |(tables, _)| tables);
    (tables, fields.problems)
}

type CaseTable<'t> = (&'t DeTable<'t>, Range<usize>);

/// Which line a byte is in, counted from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    let before = text.bytes().take(at);
    before
        .filter(|byte| *byte == b'\n')
        .count()
        .saturating_add(1)
}

/// One case, or nothing where a problem has been noted.
fn case(
    fields: &mut Fields<'_>,
    policies: &Policies,
    line: usize,
    names: &mut BTreeSet<String>,
) -> Option<Case> {
    let name = fields.need("name", "a sentence that says what is tested", |value| {
        value.as_str().filter(|name| !name.trim().is_empty())
    });
    if let Some((name, place)) = &name
        && !names.insert((*name).to_owned())
    {
        let problem = Problem::new(format!("a second case is called `{}`", name.escape_debug()));
        fields.problems.push(problem.at(place.clone()));
    }
    let principal = principal(fields, policies);
    let (service, method) = call(fields, policies);
    let params = fields.read("params", "a table of values that JSON has", |value| {
        fields::object(value.as_table()?)
    });
    let now = now(fields);
    let read_from = after(fields, policies);
    let expect = fields.need("expect", "\"allow\", \"gate\" or \"refuse\"", verdict);
    let ids = deciding(fields, policies);
    Some(Case {
        name: name?.0.to_owned(),
        principal: principal?,
        service: service?,
        method: method?,
        params: params.map_or_else(Map::new, |(params, _)| params),
        now: now.unwrap_or(Moment::OF_CASES),
        read_from,
        expect: expect?.0,
        policies: ids,
        line,
    })
}

/// The policies that should decide, if the case names them.
fn deciding(fields: &mut Fields<'_>, policies: &Policies) -> Option<Vec<String>> {
    let (named, _) = fields.read(
        "policies",
        "a list of policy ids, `[]` for none; without it only the verdict counts",
        fields::texts,
    )?;
    let known: Vec<&str> = policies.ids().map(|id| id.as_str()).collect();
    let mut ids = Vec::new();
    for (id, place) in named {
        if !known.contains(&id) {
            let problem = Problem::new(format!("there is no policy `{}`", id.escape_debug()));
            let problem = problem.at(place).near(id, known.iter().copied());
            fields.problems.push(problem);
        }
        ids.push(id.to_owned());
    }
    ids.sort();
    Some(ids)
}

/// When it is called, if the case says so.
fn now(fields: &mut Fields<'_>) -> Option<Moment> {
    let given = fields.read(
        "now",
        "a date and a time with an offset, such as 2026-01-31T10:00:00Z",
        |value| match value {
            DeValue::Datetime(at) => Moment::parse(&at.to_string()),
            other => Moment::parse(other.as_str()?),
        },
    );
    given.map(|(now, _)| now)
}

/// What has been called before, if the case says so.
fn after(fields: &mut Fields<'_>, policies: &Policies) -> BTreeSet<String> {
    let expected = "a list of methods, or of services, such as [\"mail.list\"]";
    let given = fields.read("after", expected, fields::texts);
    let mut read_from = BTreeSet::new();
    for (name, place) in given.map_or_else(Vec::new, |(names, _)| names) {
        match policies.schema().read_from_after([name]) {
            Ok(names) => read_from.extend(names),
            Err(unknown) => fields.problems.push(unknown.problem().at(place)),
        }
    }
    read_from
}

/// Who calls, if that can be somebody.
fn principal(fields: &mut Fields<'_>, policies: &Policies) -> Option<Principal> {
    let actor = fields.text("actor");
    let user = fields.text("user");
    let claims = fields.read("claims", "a list of strings", fields::texts);
    let place = [&actor, &user]
        .into_iter()
        .flatten()
        .map(|(_, place)| place.clone())
        .chain(claims.iter().map(|(_, place)| place.clone()))
        .next();
    let name = actor.map_or(Principal::SCRIPT, |(actor, _)| actor);
    // What services would know the context by is nothing that decides.
    let number = ContextNumber::Number(NonZeroU32::MIN);
    let principal = Principal::new(policies.context().as_str(), number, name)
        .and_then(|caller| match user {
            Some((user, _)) if !user.is_empty() => caller.with_user(user),
            _ => Ok(caller),
        })
        .and_then(|caller| {
            let claims = claims.map_or_else(Vec::new, |(claims, _)| claims);
            caller.with_claims(claims.into_iter().map(|(claim, _)| claim))
        });
    match principal {
        Ok(principal) => Some(principal),
        Err(error) => {
            let problem = Problem::new(error.to_string());
            fields.problems.push(match place {
                Some(place) => problem.at(place),
                None => problem,
            });
            None
        }
    }
}

/// The service and the method, if they exist.
fn call(fields: &mut Fields<'_>, policies: &Policies) -> (Option<String>, Option<String>) {
    let service = fields.need("service", "the name of a service", DeValue::as_str);
    let method = fields.need("method", "the name of a method", DeValue::as_str);
    let schema = policies.schema();
    let Some((service, place)) = service else {
        return (None, None);
    };
    if !schema.services().any(|known| known == service) {
        let problem = Problem::new(format!("there is no service `{}`", service.escape_debug()));
        let known: Vec<&str> = schema.services().collect();
        let problem = problem.at(place).near(service, known.into_iter());
        fields.problems.push(problem);
        return (None, None);
    }
    let Some((method, place)) = method else {
        return (Some(service.to_owned()), None);
    };
    if !schema.methods(service).any(|known| known == method) {
        let message = format!("`{service}` has no method `{}`", method.escape_debug());
        let known: Vec<&str> = schema.methods(service).collect();
        let problem = Problem::new(message)
            .at(place)
            .near(method, known.into_iter());
        fields.problems.push(problem);
        return (Some(service.to_owned()), None);
    }
    (Some(service.to_owned()), Some(method.to_owned()))
}

fn verdict(value: &DeValue<'_>) -> Option<Verdict> {
    let word = value.as_str()?;
    [Verdict::Allow, Verdict::Gate, Verdict::Refuse]
        .into_iter()
        .find(|verdict| verdict.to_string() == word)
}
