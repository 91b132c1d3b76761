//! The way through a document: method by method, parameter by parameter, with what the whole may take counted down.
//! Called by `Document::read`. It must never describe the same part of a document twice. THREAT[SVC-04]

use super::{DescribedMethod, DocumentError, LONGEST_SUMMARY, OwnMarks, Parameter, Structure};
use crate::{
    offer::{
        expand::{self, Expander, TooMuch},
        tree::Node,
        undo::{MOST_IN_UNDO, Undo},
    },
    text,
};
use sandgate_policy::{Effect, is_method_name};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// Parts of the schemas of one method's parameters. They are made ready to check a call together, in less than 20 ms.
const MOST_IN_METHOD: usize = 4_000;
const MOST_PARAMETERS: usize = 64;
/// Errors of a method that a model is told of.
const MOST_ERRORS: usize = 5;
/// Of a parameter's name; documents of Ethereum have "Returned block parameter".
const LONGEST_NAME: usize = 128;

/// Parts of the schemas of all parameters of a document of so many bytes, references followed. Policies have a type for
/// each, of about a kilobyte; honest documents have one part for some hundred bytes.
fn most_parts(size: usize) -> usize {
    (size / 64).saturating_add(16 << 10)
}

/// Why a method cannot be taken.
pub(super) enum Bad {
    /// It is not offered.
    Method(&'static str),
    /// The whole document is refused.
    Document(DocumentError),
}

impl From<&'static str> for Bad {
    fn from(reason: &'static str) -> Self {
        Self::Method(reason)
    }
}

pub(super) struct Reader<'d> {
    size: usize,
    expander: Expander<'d>,
    /// How many parts the schemas of parameters may still have.
    parts: usize,
    /// For methods that do not say how their parameters are sent.
    otherwise: Structure,
    /// Whether methods that say nothing of it are sources.
    source: bool,
    /// By the part of the document that describes them.
    parameters: HashMap<*const Node<'d>, Arc<Parameter>>,
    defaults: HashMap<*const Node<'d>, Arc<str>>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(root: &'d Node<'d>, size: usize) -> Self {
        Self {
            size,
            expander: Expander::new(root, size),
            parts: most_parts(size),
            otherwise: Structure::ByName,
            source: root.get("x-source").and_then(Node::as_bool) == Some(true),
            parameters: HashMap::new(),
            defaults: HashMap::new(),
        }
    }

    /// How methods that do not say so take their parameters.
    pub(super) fn expect(&mut self, methods: &'d [Node<'d>]) -> Result<(), DocumentError> {
        self.otherwise = self.unsaid(methods)?;
        Ok(())
    }

    /// What describes a method, which may stand elsewhere.
    pub(super) fn resolve(&self, method: &'d Node<'d>) -> Result<&'d Node<'d>, DocumentError> {
        let resolved = self.expander.resolve(method);
        let resolved = resolved.map_err(|TooMuch| self.too_heavy("list of methods".to_owned()))?;
        Ok(resolved.unwrap_or(method))
    }

    #[cfg(test)]
    pub(super) fn took(&self) -> (usize, usize) {
        (
            expand::most(self.size).saturating_sub(self.expander.left()),
            most_parts(self.size).saturating_sub(self.parts),
        )
    }

    fn too_heavy(&self, place: String) -> DocumentError {
        DocumentError::TooHeavy {
            place,
            most: expand::most(self.size),
            unit: "bytes",
            size: self.size,
        }
    }

    /// Documents that say nothing mean either; but the servers of some take positions only. Those call their
    /// parameters "Typed data" or "Returned block parameter", which nobody sends as a name.
    fn unsaid(&self, methods: &'d [Node<'d>]) -> Result<Structure, DocumentError> {
        for method in methods {
            if method.get("paramStructure").is_some() {
                continue;
            }
            let parameters = method.get("params").and_then(Node::as_array);
            for parameter in parameters.unwrap_or_default() {
                let resolved = self.expander.resolve(parameter).map_err(|TooMuch| {
                    let name = method.get("name").and_then(Node::as_str);
                    self.too_heavy(parameters_of(name.unwrap_or_default()))
                })?;
                let name = resolved.and_then(|parameter| parameter.get("name")?.as_str());
                if name.is_some_and(|name| name.contains(' ')) {
                    return Ok(Structure::ByPosition);
                }
            }
        }
        Ok(Structure::ByName)
    }

    /// The method, nothing where it is one of every service's own, or why it cannot be offered.
    pub(super) fn method(
        &mut self,
        name: &str,
        method: &'d Node<'d>,
    ) -> Result<Option<DescribedMethod>, Bad> {
        // THREAT[POL-04]: exact bytes, and none that look like others.
        if !is_method_name(name) {
            return Err(
                "its name is not 1 to 128 characters of `A-Za-z0-9_-`, with single dots between"
                    .into(),
            );
        }
        if name == "rpc.discover" {
            return Ok(None);
        }
        if name
            .split('.')
            .next()
            .is_some_and(|first| first.eq_ignore_ascii_case("rpc"))
        {
            return Err("names that begin with `rpc.` belong to the protocol".into());
        }
        let structure = match method.get("paramStructure").and_then(Node::as_str) {
            Some("by-position") => Structure::ByPosition,
            Some("by-name" | "either") => Structure::ByName,
            _ => self.otherwise,
        };
        let described = match method.get("params") {
            None | Some(Node::Null) => &[],
            Some(Node::Array(parameters)) => parameters.as_ref(),
            Some(_) => return Err("its parameters are no list".into()),
        };
        if described.len() > MOST_PARAMETERS {
            return Err("it has more than 64 parameters".into());
        }
        let mut parameters = Vec::with_capacity(described.len());
        for parameter in described {
            parameters.push(self.parameter(name, parameter)?);
        }
        let mut seen = HashSet::with_capacity(parameters.len());
        if !parameters
            .iter()
            .all(|parameter| seen.insert(parameter.name.as_str()))
        {
            return Err("two of its parameters have the same name".into());
        }
        self.weigh(name, &parameters)?;
        let marked = parameters.iter().filter(|parameter| parameter.sensitive);
        let sensitive = marked.map(|parameter| parameter.name.clone()).collect();
        let heavy = |reader: &Self| {
            let place = format!("result of `{}`", text::line(name, 80));
            Bad::Document(reader.too_heavy(place))
        };
        let result = match method.get("result") {
            None => None,
            Some(result) => self
                .expander
                .resolve(result)
                .map_err(|TooMuch| heavy(self))?
                .and_then(|result| result.get("schema")),
        };
        let result = match result {
            None => None,
            Some(schema) => Some(
                self.expander
                    .schema(Some(schema))
                    .map_err(|TooMuch| heavy(self))?,
            ),
        };
        Ok(Some(DescribedMethod {
            summary: summary(method),
            deprecated: method.get("deprecated").and_then(Node::as_bool) == Some(true),
            structure,
            parameters,
            result,
            effect: annotation(method),
            errors: self.errors(method).map_err(|TooMuch| heavy(self))?,
            own: self.own(method, sensitive),
        }))
    }

    /// What the service says of a method beyond its effect, with the parameters that it says are sensitive.
    fn own(&self, method: &'d Node<'d>, sensitive: BTreeSet<String>) -> OwnMarks {
        let said = |key: &str| method.get(key).and_then(Node::as_bool);
        OwnMarks {
            undo: undo(method),
            idempotent: said("x-idempotent").unwrap_or(false),
            source: said("x-source").unwrap_or(self.source),
            sensitive,
        }
    }

    /// The codes of the errors that a method declares, each once.
    fn errors(&self, method: &'d Node<'d>) -> Result<Vec<i64>, TooMuch> {
        let mut codes = Vec::new();
        let declared = method.get("errors").and_then(Node::as_array);
        for error in declared.unwrap_or_default().iter().take(MOST_ERRORS) {
            let error = self.expander.resolve(error)?;
            let code = error.and_then(|error| error.get("code")?.as_i64());
            if let Some(code) = code.filter(|code| !codes.contains(code)) {
                codes.push(code);
            }
        }
        Ok(codes)
    }

    /// What policies, and the check of one call, will have to hold of a method's parameters.
    fn weigh(&mut self, method: &str, parameters: &[Arc<Parameter>]) -> Result<(), Bad> {
        let mut distinct = HashSet::new();
        let mut at_once = 0_usize;
        for parameter in parameters {
            let parts = parameter.schema.measure().parts;
            match self.parts.checked_sub(parts) {
                Some(left) => self.parts = left,
                None => {
                    return Err(Bad::Document(DocumentError::TooHeavy {
                        place: place(&parameter.name, method),
                        most: most_parts(self.size),
                        unit: "parts",
                        size: self.size,
                    }));
                }
            }
            if distinct.insert(parameter.schema.address()) {
                at_once = at_once.saturating_add(parts);
            }
        }
        if at_once > MOST_IN_METHOD {
            return Err("the schemas of its parameters are too large to be checked at once".into());
        }
        Ok(())
    }

    fn parameter(&mut self, method: &str, written: &'d Node<'d>) -> Result<Arc<Parameter>, Bad> {
        let nowhere = "one of its parameters is described nowhere in the document";
        let parameter = match self.expander.resolve(written) {
            Ok(parameter) => parameter.ok_or(nowhere)?,
            Err(TooMuch) => {
                return Err(Bad::Document(self.too_heavy(parameters_of(method))));
            }
        };
        let address = std::ptr::from_ref(parameter);
        if let Some(known) = self.parameters.get(&address) {
            return Ok(known.clone());
        }
        let name = parameter
            .get("name")
            .and_then(Node::as_str)
            .unwrap_or_default();
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if !plain || !(1..=LONGEST_NAME).contains(&name.len()) {
            return Err(
                "the name of one of its parameters is not 1 to 128 visible ASCII characters".into(),
            );
        }
        let made = self
            .described(name, parameter)
            .map_err(|TooMuch| Bad::Document(self.too_heavy(place(name, method))))?;
        let made = Arc::new(made);
        self.parameters.insert(address, made.clone());
        Ok(made)
    }

    fn described(&mut self, name: &str, parameter: &'d Node<'d>) -> Result<Parameter, TooMuch> {
        let schema = parameter.get("schema");
        let described = match schema {
            None => None,
            Some(schema) => self.expander.resolve(schema)?,
        };
        let said = summary(parameter);
        let default = schema
            .and_then(|schema| schema.get("default"))
            .or_else(|| described?.get("default"));
        Ok(Parameter {
            name: name.to_owned(),
            summary: if said.is_empty() {
                described.map(summary).unwrap_or_default()
            } else {
                said
            },
            required: parameter.get("required").and_then(Node::as_bool) == Some(true),
            default: default.map(|default| self.default(default)),
            sensitive: parameter.get("x-sensitive").and_then(Node::as_bool) == Some(true),
            schema: self.expander.schema(schema)?,
        })
    }

    /// Written once, however many parameters it is the default of.
    fn default(&mut self, default: &'d Node<'d>) -> Arc<str> {
        let made = self
            .defaults
            .entry(std::ptr::from_ref(default))
            .or_insert_with(|| {
                // Strings, numbers and names: there is nothing in it that JSON cannot say.
                serde_json::to_string(default).unwrap_or_default().into()
            });
        made.clone()
    }
}

fn parameters_of(method: &str) -> String {
    format!("parameters of `{}`", text::line(method, 80))
}

fn place(parameter: &str, method: &str) -> String {
    format!(
        "parameter `{}` of `{}`",
        text::line(parameter, 80),
        text::line(method, 80)
    )
}

/// One line on what something is for.
fn summary(of: &Node<'_>) -> String {
    let said = ["summary", "description"]
        .into_iter()
        .filter_map(|key| of.get(key)?.as_str())
        .find(|text| !text.trim().is_empty());
    text::line(said.unwrap_or_default(), LONGEST_SUMMARY)
}

/// How the service says that a method is undone. What cannot be read says nothing.
fn undo(method: &Node<'_>) -> Option<Undo> {
    let written = method.get("x-undo")?;
    let (parts, _) = written.size();
    (parts <= MOST_IN_UNDO)
        .then(|| Undo::try_from(written.to_value()).ok())
        .flatten()
}

/// What the service says that a method does: `x-effect`, `x-hero-effect`, or the hints of MCP; the most of it, where it
/// says several things. THREAT[POL-09]: that a method does little is only believed where the operator trusts the service.
fn annotation(method: &Node<'_>) -> Option<Effect> {
    let said = |key: &str| match method.get(key)?.as_str()? {
        "read" => Some(Effect::Read),
        "write" => Some(Effect::Write),
        "destroy" => Some(Effect::Destroy),
        _ => None,
    };
    let hint = |key: &str| {
        method
            .get(key)
            .or_else(|| method.get("annotations")?.get(key))
            .and_then(Node::as_bool)
    };
    let hints = match (hint("destructiveHint"), hint("readOnlyHint")) {
        (Some(true), _) => Some(Effect::Destroy),
        (_, Some(true)) => Some(Effect::Read),
        (Some(false), _) | (_, Some(false)) => Some(Effect::Write),
        (None, None) => None,
    };
    // Nothing is less than anything that is said.
    said("x-effect").max(said("x-hero-effect")).max(hints)
}
