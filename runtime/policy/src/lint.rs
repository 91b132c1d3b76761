//! Policies that load and yet are hardly what their author meant: they never match, others make them void, they reach
//! further than anybody listed, they rest on names that services chose, or no case says what they are for.

use crate::{
    cases::CaseReport,
    mention::Mention,
    policies::{Policies, word},
    problem::{File, Problem, Unusable},
    rule::Rule,
    scope::GROUPS,
};
use cedar_policy::{ActionConstraint, ResourceConstraint};
use std::{collections::BTreeSet, ops::Range};

impl Policies {
    /// What a reviewer would ask about; nothing when there is nothing. With a report of cases, also which policies no
    /// case exercises.
    #[must_use]
    pub fn lint(&self, cases: Option<&CaseReport>) -> Option<Unusable> {
        let mut findings = Vec::new();
        // One finding for all of them: whoever writes the first case is told of the others.
        let untried = cases.is_some_and(|report| report.cases.is_empty());
        for (index, rule) in self.rules.iter().enumerate() {
            let methods = self.methods(rule);
            let idle = methods.is_empty() || self.warned(rule);
            if idle {
                findings.push(self.never(rule, methods.is_empty()));
            } else {
                findings.extend(self.shadow(index, rule, &methods));
                findings.extend(self.nothing_to_ask(rule, &methods));
            }
            findings.extend(self.broad(rule));
            findings.extend(self.by_name(rule));
            let untested =
                !untried && cases.is_some_and(|report| report.unexercised.contains(&rule.id));
            if untested && !idle {
                findings.push(
                    self.finding(rule, format!("no case exercises `{}`", rule.id))
                        .help("add one to cases.toml that it decides"),
                );
            }
        }
        if untried {
            let nothing =
                Problem::new("no case says what these policies are meant to decide").warning();
            findings.push(nothing.help("write calls in cases.toml; `sandgate policy test --bless` fills in what becomes of them"));
        }
        let file = File {
            name: &self.file,
            text: &self.text,
        };
        (!findings.is_empty())
            .then(|| Unusable::titled("leaves something to ask about", file, findings))
    }

    /// The methods that a policy's first line is about.
    fn methods(&self, rule: &Rule) -> BTreeSet<(&str, &str)> {
        self.schema
            .all()
            .filter(|(service, _, shape)| rule.scope.covers(service, shape))
            .map(|(service, method, _)| (service, method))
            .collect()
    }

    fn warned(&self, rule: &Rule) -> bool {
        self.warnings
            .iter()
            .filter_map(Problem::place)
            .any(|place| rule.place.start <= place.start && place.end <= rule.place.end)
    }

    fn finding(&self, rule: &Rule, message: String) -> Problem {
        Problem::new(message).at(self.head(rule)).warning()
    }

    /// The line with `permit` or `forbid`, which is where a reader looks.
    fn head(&self, rule: &Rule) -> Range<usize> {
        let text = self.text.get(rule.place.clone()).unwrap_or_default();
        let mut start = rule.place.start;
        for line in text.split_inclusive('\n') {
            if line.trim_start().starts_with(word(rule.effect)) {
                return start..start.saturating_add(line.trim_end().len());
            }
            start = start.saturating_add(line.len());
        }
        rule.place.clone()
    }

    fn never(&self, rule: &Rule, nothing: bool) -> Problem {
        let help = if nothing {
            "none of the registered services has a method that it is about"
        } else {
            "its conditions cannot all hold"
        };
        self.finding(rule, format!("`{}` never matches a call", rule.id))
            .help(help)
    }

    fn shadow(
        &self,
        index: usize,
        rule: &Rule,
        methods: &BTreeSet<(&str, &str)>,
    ) -> Option<Problem> {
        self.rules
            .iter()
            .enumerate()
            .find_map(|(other_index, other)| {
                let wider = index != other_index
                    && other.clauses.is_empty()
                    && (other.scope.any_actor() || other.scope.principal == rule.scope.principal)
                    && self.methods(other).is_superset(methods);
                if !wider {
                    return None;
                }
                // Of two that say the same, the second one is the finding.
                let same = rule.clauses.is_empty()
                    && rule.effect == other.effect
                    && rule.gated == other.gated
                    && rule.scope.any_actor() == other.scope.any_actor()
                    && *methods == self.methods(other);
                if same && index < other_index {
                    return None;
                }
                let (id, other_id) = (&rule.id, &other.id);
                match (rule.permits(), other.permits()) {
                    (_, false) if other.asks() && !rule.asks() => None,
                    (_, false) if rule.asks() && other.refuses() => Some(
                        self.finding(rule, format!("`{id}` asks nobody"))
                            .help(format!("`{other_id}` forbids all of it")),
                    ),
                    (true, false) => Some(
                        self.finding(rule, format!("`{id}` permits nothing"))
                            .help(format!("`{other_id}` forbids all of it")),
                    ),
                    (false, true) => None,
                    (true, true) if other.gated && !rule.gated => None,
                    (true, true) if rule.gated && !other.gated => Some(
                        self.finding(rule, format!("the gate of `{id}` holds nothing back"))
                            .help(format!("`{other_id}` permits the same without one")),
                    ),
                    _ => Some(
                        self.finding(rule, format!("`{id}` changes nothing"))
                            .help(format!("`{other_id}` covers all of it")),
                    ),
                }
            })
    }

    /// A prohibition with a gate permits nothing by itself, which its author may have meant.
    fn nothing_to_ask(&self, rule: &Rule, methods: &BTreeSet<(&str, &str)>) -> Option<Problem> {
        let mut permits = self.rules.iter().filter(|other| other.permits());
        let is_permitted = permits.any(|other| !self.methods(other).is_disjoint(methods));
        (rule.asks() && !is_permitted).then(|| {
            self.finding(rule, format!("`{}` has nothing to ask about", rule.id)).help(
                "no permit is about what it covers, and what is not permitted is refused; a `permit` with the gate lets a person allow it",
            )
        })
    }

    /// THREAT[POL-09]: a permit without a person whose reach depends on what counts as a read, where nothing but a name
    /// says so of some method. Naming the method is the operator's own word.
    fn by_name(&self, rule: &Rule) -> Option<Problem> {
        let by_effect = |rule: &Rule| {
            let group = |mention: &Mention| match mention {
                Mention::Equal(action) | Mention::Action(action) => {
                    GROUPS.contains(&action.as_str())
                }
                _ => false,
            };
            rule.scope.by_effect() || rule.mentions.iter().any(group)
        };
        // What a prohibition of changes leaves of a permit of everything is the reads.
        let every = matches!(rule.scope.action, ActionConstraint::Any);
        let left = every
            && self
                .rules
                .iter()
                .any(|other| !other.permits() && by_effect(other));
        if !rule.permits() || rule.gated || !(by_effect(rule) || left) {
            return None;
        }
        let mut methods = self.schema.all().filter(|(service, _, shape)| {
            shape.by_name && rule.scope.covers(service, shape) && !rule.scope.names(shape)
        });
        let (service, method, _) = methods.next()?;
        let message = format!(
            "`{}` permits `{service}.{method}`, of which only its name says that it reads",
            rule.id
        );
        let more = match methods.count() {
            0 => String::new(),
            1 => ", and one more such method".to_owned(),
            count => format!(", and {count} more such methods"),
        };
        Some(self.finding(rule, message + &more).help(
            "say what it does where the service is registered (`--effect`, `--trust`), or that no name vouches \
             (`--reads declared`); or name the methods that are meant",
        ))
    }

    fn broad(&self, rule: &Rule) -> Option<Problem> {
        if !rule.permits() {
            return None;
        }
        let action = matches!(rule.scope.action, ActionConstraint::Any);
        let service = matches!(
            rule.scope.resource,
            ResourceConstraint::Any | ResourceConstraint::Is(_)
        );
        let (reach, help) = match (action, service) {
            (true, true) => (
                "every method of every service",
                "name an action and a service",
            ),
            (true, false) => (
                "every method of the service, those that destroy included",
                "write `action in Action::\"read\"`, for example",
            ),
            (false, true) => (
                "every service, those that are registered later included",
                "write `resource == Service::\"…\"`",
            ),
            (false, false) => return None,
        };
        Some(
            self.finding(rule, format!("`{}` permits {reach}", rule.id))
                .help(help),
        )
    }
}
