//! What one registered service offers, with everything that a call needs worked out: names in Python, effects and who
//! says so, which parameters are the host's. Made from a document and what the operator said; read by the road, by
//! policies and by whoever describes the service. It must never change once it is made.

mod arguments;
mod bindings;
mod change;
pub(crate) mod document;
mod doubts;
mod effect;
mod expand;
mod interface;
mod marks;
mod placeholder;
mod pyi;
pub(crate) mod reserved;
mod sample;
mod schema;
mod tree;
mod types;
mod undo;
pub(crate) mod weight;
mod written;

pub use arguments::{ArgumentError, Arguments};
pub use bindings::{Bindings, Placeholder, PlaceholderUse};
pub use change::{Change, ChangedPart};
pub use document::{Document, DocumentError, Hash, LeftOut};
pub use doubts::doubts;
pub use effect::{EffectSource, Reads};
pub use interface::{InterfaceFormat, InterfaceOf};
pub use marks::{EVERY_METHOD, MarkError, Marks};
pub use placeholder::placeholder;
pub use sample::sample;
pub use undo::{Undo, UndoError};
pub use weight::Weight;
pub use written::WrittenCall;

use crate::{address::Address, naming, tool::Tool};
use document::{OwnMarks, Parameter, Structure};
use reserved::Reserved;
use sandgate_policy::{Effect, Interface, Outlook};
use schema::ParameterSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};
use types::Types;

/// What the operator says of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Whether the service's own word on effects counts.
    #[serde(default)]
    pub trusted: bool,
    /// What makes a method a read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reads: Reads,
    /// Effects of methods, whatever anybody else says.
    #[serde(default)]
    pub effects: BTreeMap<String, Effect>,
    /// For how long a call is waited for, where that is not what it is for every service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Parameters that scripts may set although they are called like one of the host's.
    #[serde(default)]
    pub free: BTreeSet<String>,
    /// What else is said of methods.
    #[serde(default, skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
}

/// Rows that say nothing of it were written before it could be said.
fn is_default(reads: &Reads) -> bool {
    *reads == Reads::default()
}

/// A service and its methods.
#[derive(Debug)]
pub struct Service {
    name: Arc<str>,
    summary: String,
    hash: Hash,
    methods: BTreeMap<String, Arc<Method>>,
    left_out: Vec<LeftOut>,
    /// What is said of undoing methods, and counts for nothing.
    not_undone: BTreeMap<String, UndoError>,
    /// Records that the methods' annotations name.
    pub(crate) named: BTreeMap<String, String>,
    text: OnceLock<Arc<str>>,
    stub: OnceLock<Arc<[u8]>>,
}

/// Where the calls of a method go.
#[derive(Debug, Clone)]
pub enum Target {
    /// To a service, over a connection.
    Address(Arc<Address>),
    /// To a function of this process.
    Tool(Arc<Tool>),
}

/// One method of a registered service, ready to be called.
#[derive(Debug)]
pub struct Method {
    /// The service's registered name.
    pub service: Arc<str>,
    /// The method, as its document spells it.
    pub method: String,
    /// Where its calls go.
    pub target: Target,
    /// What calling it does.
    pub effect: Effect,
    /// Who says so.
    pub because: EffectSource,
    /// For how long a call of it is waited for, where the operator says so.
    pub timeout: Option<Duration>,
    /// What it is called in Python.
    pub python: String,
    /// How a call of it is undone, where that is known.
    pub undo: Option<Undo>,
    /// Whether calling it twice with one key does no more than calling it once.
    pub idempotent: bool,
    /// Whether what it returns is untrusted or confidential.
    pub source: bool,
    /// Its parameters whose values are not to be kept or shown.
    pub sensitive: BTreeSet<String>,
    pub(crate) summary: String,
    pub(crate) deprecated: bool,
    pub(crate) structure: Structure,
    pub(crate) arguments: Vec<Argument>,
    /// The codes of the errors that it says that it answers with.
    pub(crate) errors: Vec<i64>,
    /// The annotation of what it returns; empty where nothing is known.
    pub(crate) returns: Arc<str>,
    /// The schema of it, where one is known.
    pub(crate) result: Option<ParameterSchema>,
}

/// One parameter of a registered method.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) parameter: Arc<Parameter>,
    pub(crate) python: Box<str>,
    pub(crate) annotation: Arc<str>,
    /// Set by the host alone.
    pub(crate) reserved: Option<Reserved>,
}

impl Service {
    /// Reads a service's own document.
    pub fn read(
        name: &str,
        address: Address,
        document: &[u8],
        terms: &Terms,
    ) -> Result<Self, DocumentError> {
        Ok(Self::new(name, address, Document::read(document)?, terms))
    }

    /// A service of a document that was read, under what the operator says of it.
    #[must_use]
    pub fn new(name: &str, address: Address, document: Document, terms: &Terms) -> Self {
        let target = Target::Address(Arc::new(address));
        Self::of(name, document, terms, |_| Some(target.clone()))
    }

    /// A service that is not there: each method answers with a sample of what its document says that it returns.
    #[must_use]
    pub fn rehearsed(name: &str, document: Document, terms: &Terms) -> Self {
        let tools: BTreeMap<String, Arc<Tool>> = document
            .methods
            .iter()
            .map(|(method, described)| {
                let result = described.result.as_ref();
                let answer = result.map_or(Value::Null, |schema| sample(&schema.value()));
                (method.clone(), Arc::new(Tool::always(answer)))
            })
            .collect();
        let target = |method: &str| tools.get(method).cloned().map(Target::Tool);
        Self::of(name, document, terms, target)
    }

    /// The same where each method says where its calls go. One of which nobody knows is not offered.
    pub(crate) fn of(
        name: &str,
        document: Document,
        terms: &Terms,
        target: impl Fn(&str) -> Option<Target>,
    ) -> Self {
        let service: Arc<str> = name.into();
        let names: Vec<&str> = document.methods.keys().map(String::as_str).collect();
        let identifiers = naming::identifiers(&names, None);
        let mut types = Types::default();
        let mut methods = BTreeMap::new();
        let mut left_out = document.left_out;
        let mut undoing = Vec::new();
        for ((method, described), python) in document.methods.into_iter().zip(identifiers) {
            let Some(python) = python else {
                left_out.push(LeftOut {
                    name: method,
                    reason: "nothing in its name can be a name in Python",
                });
                continue;
            };
            let Some(target) = target(&method) else {
                continue;
            };
            let (effect, because) = effect::effect(&service, &method, described.effect, terms);
            // THREAT[POL-09]: what a service says of itself counts where it is trusted.
            let own = if terms.trusted {
                described.own
            } else {
                OwnMarks::default()
            };
            let marks = &terms.marks;
            let undo = marks.undo.get(&method).cloned().unwrap_or(own.undo);
            undoing.extend(undo.map(|undo| (method.clone(), undo)));
            let registered = Method {
                service: service.clone(),
                target,
                effect,
                because,
                timeout: terms.timeout,
                python,
                summary: described.summary,
                errors: described.errors,
                deprecated: described.deprecated,
                structure: described.structure,
                returns: match &described.result {
                    None => "None".into(),
                    Some(result) => types.of(result),
                },
                arguments: arguments(described.parameters, terms, &mut types),
                result: described.result,
                undo: None,
                idempotent: *marks.idempotent.get(&method).unwrap_or(&own.idempotent),
                source: marks.source(&method).unwrap_or(own.source),
                sensitive: marks.sensitive(&method, own.sensitive),
                method: method.clone(),
            };
            methods.insert(method, Arc::new(registered));
        }
        let not_undone = undone(&mut methods, undoing);
        Self {
            name: service,
            summary: document.summary,
            hash: document.hash,
            methods,
            left_out,
            not_undone,
            named: types.named,
            text: OnceLock::new(),
            stub: OnceLock::new(),
        }
    }

    /// The name it is registered under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line on what it is for.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The method of exactly this name. THREAT[POL-04]: the document's own table is the only one there is.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&Arc<Method>> {
        self.methods.get(name)
    }

    /// All of them, in the order of their names.
    pub fn methods(&self) -> impl ExactSizeIterator<Item = &Arc<Method>> {
        self.methods.values()
    }

    /// What a model reads: names, types and one line for each method.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        let text = self
            .text
            .get_or_init(|| interface::text(self, InterfaceOf::default()).into());
        text.clone()
    }

    /// The same for a context: without the methods that it may never call, and with what can become of the others.
    #[must_use]
    pub fn text_within(&self, outlooks: &[Outlook]) -> String {
        self.text_of(InterfaceOf {
            outlooks: Some(outlooks),
            methods: None,
        })
    }

    /// The same of some of its methods.
    #[must_use]
    pub fn text_of(&self, of: InterfaceOf<'_>) -> String {
        interface::text(self, of)
    }

    /// The same as a file for type checkers and editors.
    #[must_use]
    pub fn pyi_of(&self, of: InterfaceOf<'_>) -> String {
        pyi::text(self, of)
    }

    /// What the proxies in a script are built from, as compact JSON.
    #[must_use]
    pub fn stub(&self) -> Arc<[u8]> {
        let stub = self.stub.get_or_init(|| interface::stub(self).into());
        stub.clone()
    }

    /// What policies may speak of: parameters that scripts set.
    #[must_use]
    pub fn interface(&self) -> Interface {
        let method = |registered: &Method| sandgate_policy::MethodInterface {
            effect: registered.effect,
            by_name: registered.reads_by_name(),
            parameters: registered
                .open()
                .map(|argument| sandgate_policy::ParameterInterface {
                    name: argument.parameter.name.clone(),
                    required: argument.parameter.required,
                    schema: argument.parameter.schema.text().clone(),
                })
                .collect(),
        };
        Interface {
            service: self.name.to_string(),
            methods: self
                .methods
                .iter()
                .map(|(name, registered)| (name.clone(), method(registered)))
                .collect(),
        }
    }

    /// What its document is known by.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Why methods cannot be undone as it is said that they are. Nothing is made of that.
    #[must_use]
    pub fn not_undone(&self) -> &BTreeMap<String, UndoError> {
        &self.not_undone
    }

    /// What of the document is not offered.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

impl Method {
    /// How it is called in Python, as a model reads it.
    #[must_use]
    pub fn signature(&self) -> String {
        interface::signature(self)
    }

    /// The same with what it is for, and with what can become of its calls where that is asked.
    pub(crate) fn line(&self, outlook: Option<&Outlook>) -> String {
        interface::line(self, outlook)
    }

    /// One line on what it is for.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Whether its service would rather not offer it any more.
    #[must_use]
    pub fn deprecated(&self) -> bool {
        self.deprecated
    }

    /// Whether it is a read because its name says so, and for no other reason. THREAT[POL-09]
    #[must_use]
    pub fn reads_by_name(&self) -> bool {
        self.effect == Effect::Read && matches!(self.because, EffectSource::Name(_))
    }

    /// The JSON Schema of what it returns, where one is known, without references.
    #[must_use]
    pub fn result_schema(&self) -> Option<Value> {
        self.result.as_ref().map(ParameterSchema::value)
    }

    /// The JSON Schema of its parameters by name, those that scripts set, without references.
    #[must_use]
    pub fn parameters_schema(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for argument in self.open() {
            let parameter = &argument.parameter;
            let mut schema = parameter.schema.value();
            if let (Value::Object(schema), false) = (&mut schema, parameter.summary.is_empty()) {
                let summary = || Value::String(parameter.summary.clone());
                schema.entry("description").or_insert_with(summary);
            }
            if parameter.required {
                required.push(Value::String(parameter.name.clone()));
            }
            properties.insert(parameter.name.clone(), schema);
        }
        json!({
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false
        })
    }

    /// The parameters that scripts set.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Argument> {
        self.arguments
            .iter()
            .filter(|argument| argument.reserved.is_none())
    }
}

/// Tells methods how they are undone, once all of them are known. What cannot be so is returned.
fn undone(
    methods: &mut BTreeMap<String, Arc<Method>>,
    undoing: Vec<(String, Undo)>,
) -> BTreeMap<String, UndoError> {
    let check = |(name, undo): (String, Undo)| {
        let checked = undo.check(methods.get(&name)?, methods);
        Some((name, checked.map(|()| undo)))
    };
    let checked: Vec<_> = undoing.into_iter().filter_map(check).collect();
    let mut wrong = BTreeMap::new();
    for (name, checked) in checked {
        match checked {
            Ok(undo) => {
                if let Some(method) = methods.get_mut(&name).and_then(Arc::get_mut) {
                    method.undo = Some(undo);
                }
            }
            Err(error) => drop(wrong.insert(name, error)),
        }
    }
    wrong
}

fn arguments(parameters: Vec<Arc<Parameter>>, terms: &Terms, types: &mut Types) -> Vec<Argument> {
    let names: Vec<&str> = parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let python = naming::identifiers(&names, Some("argument"));
    parameters
        .into_iter()
        .zip(python)
        .map(|(parameter, python)| Argument {
            annotation: types.of(&parameter.schema),
            // Every name has one, since there is a word to fall back to.
            python: python.unwrap_or_default().into(),
            reserved: Reserved::of(&parameter.name, || parameter.schema.value())
                .filter(|_| !terms.free.contains(&parameter.name)),
            parameter,
        })
        .collect()
}
