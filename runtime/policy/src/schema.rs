//! The Cedar schema of one context: what its policies may speak of. Generated from the services' interfaces and given
//! to Cedar as data: names in documents are hostile, so none is ever pasted into text. THREAT[SVC-04]

use crate::{
    interface::{Effect, Interface},
    name::{ContextName, is_method_name, is_service_name},
    types::{self, Attribute, Kinds},
};
use cedar_policy::{EntityId, EntityTypeName, EntityUid, Validator};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// What a decision can be about, in one context.
#[derive(Debug)]
pub struct Schema {
    context: ContextName,
    pub(crate) validator: Validator,
    pub(crate) names: Names,
    /// By service and method.
    pub(crate) methods: BTreeMap<String, BTreeMap<String, MethodShape>>,
    /// The schema as Cedar was given it, in JSON: everything of the interfaces that decisions depend on.
    pub(crate) canonical: String,
    left_out: Vec<BlindSpot>,
}

/// Cedar's names of our types, parsed once.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) context: EntityTypeName,
    pub(crate) actor: EntityTypeName,
    pub(crate) service: EntityTypeName,
    pub(crate) action: EntityTypeName,
}

/// One method, as decisions see it.
#[derive(Debug)]
pub(crate) struct MethodShape {
    pub(crate) action: EntityUid,
    pub(crate) effect: Effect,
    /// Whether only its name says so.
    pub(crate) by_name: bool,
    pub(crate) parameters: Arc<BTreeMap<String, Attribute>>,
}

/// Something of an interface that policies cannot speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlindSpot {
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// The parameter, or none when it is the whole method.
    pub parameter: Option<String>,
    /// Why.
    pub reason: &'static str,
}

/// Why no schema could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The name would make actions ambiguous, or could not be called.
    #[error("`{}` cannot name a service: 1 to 64 characters of `a-z0-9_`, a letter first", .0.escape_debug())]
    Service(String),
    /// Two services of one name.
    #[error("the service `{0}` is registered twice")]
    Twice(String),
    /// Cedar refuses it.
    #[error("the interfaces make no schema: {0}")]
    Cedar(String),
}

impl Schema {
    /// The schema of a context that may use these services.
    pub fn new(context: ContextName, interfaces: &[Interface]) -> Result<Self, SchemaError> {
        let names = Names::new()?;
        let mut left_out = Vec::new();
        let mut methods: BTreeMap<String, BTreeMap<String, MethodShape>> = BTreeMap::new();
        let mut kinds = Kinds::default();
        for interface in interfaces {
            // Without dots, the first dot of an action ends its service: no two methods share an action.
            if !is_service_name(&interface.service) {
                return Err(SchemaError::Service(interface.service.clone()));
            }
            let shapes = shapes(interface, &names, &mut kinds, &mut left_out);
            if methods.insert(interface.service.clone(), shapes).is_some() {
                return Err(SchemaError::Twice(interface.service.clone()));
            }
        }
        let canonical =
            canonical(&context, &methods).map_err(|error| SchemaError::Cedar(error.to_string()))?;
        let cedar = cedar_policy::Schema::from_json_str(&canonical)
            .map_err(|error| SchemaError::Cedar(error.to_string()))?;
        Ok(Self {
            context,
            validator: Validator::new(cedar),
            names,
            methods,
            canonical,
            left_out,
        })
    }

    /// Whose policies it is for.
    #[must_use]
    pub fn context(&self) -> &ContextName {
        &self.context
    }

    /// What policies cannot speak of, and why.
    #[must_use]
    pub fn left_out(&self) -> &[BlindSpot] {
        &self.left_out
    }

    /// The services.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.methods.keys().map(String::as_str)
    }

    /// The methods of a service; none when there is no such service.
    pub fn methods(&self, service: &str) -> impl Iterator<Item = &str> {
        let methods = self.methods.get(service);
        methods
            .into_iter()
            .flat_map(|methods| methods.keys().map(String::as_str))
    }

    pub(crate) fn shape(&self, service: &str, method: &str) -> Option<&MethodShape> {
        self.methods.get(service)?.get(method)
    }

    /// Every method with its service.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str, &MethodShape)> {
        self.methods.iter().flat_map(|(service, methods)| {
            methods
                .iter()
                .map(move |(method, shape)| (service.as_str(), method.as_str(), shape))
        })
    }
}

impl Names {
    fn new() -> Result<Self, SchemaError> {
        let name = |text: &str| {
            text.parse()
                .map_err(|error: cedar_policy::ParseErrors| SchemaError::Cedar(error.to_string()))
        };
        Ok(Self {
            context: name("Context")?,
            actor: name("Actor")?,
            service: name("Service")?,
            action: name("Action")?,
        })
    }
}

pub(crate) fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn shapes(
    interface: &Interface,
    names: &Names,
    kinds: &mut Kinds,
    left_out: &mut Vec<BlindSpot>,
) -> BTreeMap<String, MethodShape> {
    let mut shapes = BTreeMap::new();
    for (name, method) in &interface.methods {
        let mut leave_out = |parameter: Option<&str>, reason| {
            left_out.push(BlindSpot {
                service: interface.service.clone(),
                method: name.clone(),
                parameter: parameter.map(ToOwned::to_owned),
                reason,
            });
        };
        if !is_method_name(name) {
            leave_out(None, "no call can carry its name");
            continue;
        }
        let mut parameters = BTreeMap::new();
        let mut twice = false;
        for parameter in &method.parameters {
            let mut attribute = kinds.attribute(&parameter.schema, parameter.required);
            if let Some(untyped) = types::taken(&parameter.name) {
                attribute.kind = Err(untyped);
            }
            if let Err(untyped) = &attribute.kind {
                leave_out(Some(&parameter.name), untyped.0);
            }
            twice |= parameters
                .insert(parameter.name.clone(), attribute)
                .is_some();
        }
        if twice {
            // THREAT[POL-03]: which of the two would a policy mean, and which the service?
            leave_out(None, "it declares a parameter twice");
            continue;
        }
        let shape = MethodShape {
            action: uid(&names.action, &format!("{}.{name}", interface.service)),
            effect: method.effect,
            by_name: method.by_name,
            parameters: Arc::new(parameters),
        };
        shapes.insert(name.clone(), shape);
    }
    shapes
}

/// Cedar's JSON schema format. Keys are in order, so that equal interfaces give equal bytes.
fn canonical(
    context: &ContextName,
    methods: &BTreeMap<String, BTreeMap<String, MethodShape>>,
) -> Result<String, serde_json::Error> {
    // Enumerated, so that a policy that names another service or context does not load. An enumeration of nothing
    // does not exist; without services there is nothing to misspell either.
    let services: Vec<&String> = methods.keys().collect();
    let service = if services.is_empty() {
        json!({})
    } else {
        json!({"enum": services})
    };
    let entities = json!({
        "Context": {"enum": [context.as_str()]},
        "Actor": {
            "memberOfTypes": ["Context"],
            "shape": {"type": "Record", "attributes": {
                "claims": {"type": "Set", "element": {"type": "String"}},
                "user": {"type": "String"},
            }},
        },
        "Service": service,
    });
    serde_json::to_string(&Namespaces {
        only: Namespace {
            entities,
            actions: Actions(methods),
        },
    })
}

#[derive(Serialize)]
struct Namespaces<'a> {
    #[serde(rename = "")]
    only: Namespace<'a>,
}

#[derive(Serialize)]
struct Namespace<'a> {
    #[serde(rename = "entityTypes")]
    entities: Value,
    actions: Actions<'a>,
}

/// The groups of actions, then every method. They are written one by one: a tree of them all would take more memory
/// than what Cedar makes of it.
struct Actions<'a>(&'a BTreeMap<String, BTreeMap<String, MethodShape>>);

impl Serialize for Actions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut actions = serializer.serialize_map(None)?;
        actions.serialize_entry("change", &json!({}))?;
        actions.serialize_entry("read", &json!({}))?;
        for effect in [Effect::Write, Effect::Destroy] {
            let group = json!({"memberOf": [{"id": "change"}]});
            actions.serialize_entry(&effect.to_string(), &group)?;
        }
        for shape in self.0.values().flat_map(BTreeMap::values) {
            let action = json!({
                "memberOf": [{"id": shape.effect.to_string()}],
                "appliesTo": {
                    "principalTypes": ["Actor"],
                    "resourceTypes": ["Service"],
                    "context": types::context_schema(&shape.parameters),
                },
            });
            actions.serialize_entry(shape.action.id().unescaped(), &action)?;
        }
        actions.end()
    }
}
