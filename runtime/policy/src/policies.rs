//! The policies of one context, ready to decide. Loading checks everything that can be known before the first call;
//! a file with one problem is not used at all.

mod check;

use crate::{
    asker::LastAsker,
    hash::PolicyHash,
    limits::ContextLimits,
    mention::Mention,
    name::ContextName,
    problem::{File, Problem, Unusable},
    rule::{PolicyId, Rule},
    schema::{MethodShape, Names, Schema, uid},
    text::{self, Layout},
    types::Attribute,
};
use cedar_policy::{
    Authorizer, Effect, Entities, Entity, EntityUid, Policy, PolicySet, ValidationMode,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};

/// The policies of one context. Immutable, shared between threads; a change of the file makes new ones.
#[derive(Debug)]
pub struct Policies {
    pub(crate) schema: Arc<Schema>,
    pub(crate) context: EntityUid,
    /// In the order of the file.
    pub(crate) rules: Vec<Rule>,
    by_id: HashMap<cedar_policy::PolicyId, usize>,
    /// By service and method.
    slots: HashMap<String, HashMap<String, DecisionInput>>,
    pub(crate) authorizer: Authorizer,
    pub(crate) hash: PolicyHash,
    /// What Cedar warned of: policies that can never match.
    pub(crate) warnings: Vec<Problem>,
    pub(crate) text: String,
    pub(crate) file: String,
}

/// What decisions about one method need, and nothing else.
#[derive(Debug)]
pub(crate) struct DecisionInput {
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
    pub(crate) parameters: Arc<BTreeMap<String, Attribute>>,
    /// Parameters that one of these policies looks at.
    pub(crate) seen: BTreeSet<String>,
    /// The policies whose scope covers the method, as the engine evaluates them.
    pub(crate) policies: Arc<PolicySet>,
    /// Its action with its groups, and the actions that the policies name.
    pub(crate) entities: Entities,
    /// Whoever called it last, beside those.
    pub(crate) asker: LastAsker,
}

impl Policies {
    /// Checks a context's policies against what its services offer. Limits are only part of the digest.
    pub fn load(
        schema: Arc<Schema>,
        file: File<'_>,
        limits: &ContextLimits,
    ) -> Result<Self, Unusable> {
        // Cedar's parser takes about 12 KiB of stack for each bracket: more than a thread of an executor has to spare.
        stacker::maybe_grow(8 << 20, 16 << 20, || Self::try_load(schema, file, limits))
            .map_err(|problems| Unusable::new(file, problems))
    }

    fn try_load(
        schema: Arc<Schema>,
        file: File<'_>,
        limits: &ContextLimits,
    ) -> Result<Self, Vec<Problem>> {
        text::readable(file)?;
        let layout = Layout::of(file.text);
        let mut problems = layout.swallowed(file.text);
        problems.extend(layout.oversized());
        if !problems.is_empty() {
            return Err(problems);
        }
        let (rules, mut problems) = read(file.text, &layout)?;
        problems.extend(check::duplicates(&rules));
        problems.extend(check::conditions(&rules, &schema, file.text));
        let set = PolicySet::from_policies(rules.iter().map(|rule| rule.policy.clone()))
            // Two policies of one name, which has been noted.
            .map_err(|error| match problems.is_empty() {
                true => vec![Problem::new(error.to_string())],
                false => std::mem::take(&mut problems),
            })?;
        let result = schema.validator.validate(&set, ValidationMode::Strict);
        let warnings = check::validation(&result, &rules, &schema, file.text, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let hash = hash(&schema, file, limits);
        let slots = slots(&schema, &rules)
            .map_err(|error| vec![Problem::new(format!("it cannot be prepared: {error}"))])?;
        let by_id = rules.iter().enumerate();
        Ok(Self {
            context: uid(&schema.names.context, schema.context().as_str()),
            by_id: by_id
                .map(|(index, rule)| (rule.policy.id().clone(), index))
                .collect(),
            slots,
            schema,
            rules,
            authorizer: Authorizer::new(),
            hash,
            warnings,
            text: file.text.to_owned(),
            file: file.name.to_owned(),
        })
    }

    /// Whose policies these are.
    #[must_use]
    pub fn context(&self) -> &ContextName {
        self.schema.context()
    }

    /// What they can speak of.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The digest of everything that decisions depend on.
    #[must_use]
    pub fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// Whether some policy permits something of this service, under whatever conditions. What a context may not use
    /// at all it had better not see. THREAT[SEC-05]
    #[must_use]
    pub fn may_use(&self, service: &str) -> bool {
        let methods = self.schema.methods.get(service);
        methods.into_iter().flat_map(BTreeMap::values).any(|shape| {
            let mut rules = self.rules.iter();
            rules.any(|rule| rule.permits() && rule.scope.covers(service, shape))
        })
    }

    /// What the policies are called, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &PolicyId> {
        self.rules.iter().map(|rule| &rule.id)
    }

    /// THREAT[POL-04]: names are looked up whole, byte by byte, among those that the document gave.
    pub(crate) fn slot(&self, service: &str, method: &str) -> Option<&DecisionInput> {
        self.slots.get(service)?.get(method)
    }

    pub(crate) fn rule(&self, id: &cedar_policy::PolicyId) -> Option<&Rule> {
        self.by_id.get(id).and_then(|index| self.rules.get(*index))
    }

    pub(crate) fn names(&self) -> &Names {
        &self.schema.names
    }
}

/// Parses the file and reads each policy's annotations.
fn read(text: &str, layout: &Layout) -> Result<(Vec<Rule>, Vec<Problem>), Vec<Problem>> {
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let problems = errors.iter();
        problems
            .map(|error| Problem::from_cedar(error, None))
            .collect::<Vec<_>>()
    })?;
    let mut problems = Vec::new();
    for template in set.templates() {
        let place = place(template.id(), layout, text);
        problems.push(
            Problem::new("`?principal` and `?resource` have no value here")
                .at(place)
                .help("name who or what is meant"),
        );
    }
    let mut policies: Vec<(Range<usize>, &Policy)> = set
        .policies()
        .map(|policy| (place(policy.id(), layout, text), policy))
        .collect();
    policies.sort_by_key(|(place, _)| place.start);
    let rules = policies
        .into_iter()
        .filter_map(|(place, policy)| Rule::read(policy, text, place, &mut problems))
        .collect();
    Ok((rules, problems))
}

/// Cedar numbers the policies of a file; the layout knows where the nth one stands.
fn place(id: &cedar_policy::PolicyId, layout: &Layout, text: &str) -> Range<usize> {
    let id: &str = id.as_ref();
    id.strip_prefix("policy")
        .and_then(|number| number.parse::<usize>().ok())
        .and_then(|number| layout.policies.get(number))
        .cloned()
        .unwrap_or(0..text.len())
}

fn hash(schema: &Schema, file: File<'_>, limits: &ContextLimits) -> PolicyHash {
    // A structure of ours, whose serialisation cannot fail; if it did, the digest would be another one.
    let limits = serde_json::to_vec(limits).unwrap_or_default();
    PolicyHash::of([
        schema.context().as_str().as_bytes(),
        file.text.as_bytes(),
        &limits,
        schema.canonical.as_bytes(),
    ])
}

fn slots(
    schema: &Schema,
    rules: &[Rule],
) -> Result<HashMap<String, HashMap<String, DecisionInput>>, Box<dyn std::error::Error>> {
    let actions = schema.validator.schema().action_entities()?;
    // Actions that conditions name, such as `action in [Action::"a", Action::"b"]`.
    let named: BTreeSet<EntityUid> = rules
        .iter()
        .flat_map(|rule| &rule.mentions)
        .filter_map(|mention| match mention {
            Mention::Equal(action) | Mention::Action(action) => {
                Some(uid(&schema.names.action, action))
            }
            _ => None,
        })
        .collect();
    let named: Vec<&Entity> = named.iter().filter_map(|uid| actions.get(uid)).collect();
    let mut sets: HashMap<Vec<usize>, Arc<PolicySet>> = HashMap::new();
    let mut slots: HashMap<String, HashMap<String, DecisionInput>> = HashMap::new();
    for (service, method, shape) in schema.all() {
        let covering: Vec<usize> = rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.scope.covers(service, shape))
            .map(|(index, _)| index)
            .collect();
        let covering_rules = || covering.iter().filter_map(|index| rules.get(*index));
        let seen = covering_rules().flat_map(|rule| &rule.mentions);
        let seen = seen.filter_map(|mention| match mention {
            Mention::Parameter(path) => path.first().cloned(),
            _ => None,
        });
        let slot = DecisionInput {
            action: shape.action.clone(),
            resource: uid(&schema.names.service, service),
            parameters: shape.parameters.clone(),
            seen: seen.collect(),
            entities: entities(&actions, &named, shape)?,
            asker: LastAsker::default(),
            policies: match sets.get(&covering) {
                Some(set) => Arc::clone(set),
                None => {
                    let policies = covering_rules().map(|rule| rule.evaluated.clone());
                    let set = Arc::new(PolicySet::from_policies(policies)?);
                    sets.insert(covering, Arc::clone(&set));
                    set
                }
            },
        };
        let methods = slots.entry(service.to_owned()).or_default();
        methods.insert(method.to_owned(), slot);
    }
    Ok(slots)
}

fn entities(
    actions: &Entities,
    named: &[&Entity],
    shape: &MethodShape,
) -> Result<Entities, Box<dyn std::error::Error>> {
    let own = actions.get(&shape.action);
    let others = named.iter().copied();
    let others = others.filter(|entity| entity.uid() != shape.action);
    Ok(Entities::from_entities(
        own.into_iter().chain(others).cloned(),
        None,
    )?)
}

/// What a policy does, in its own word.
pub(crate) fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    }
}
