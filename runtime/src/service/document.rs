//! What a service says that it offers: its OpenRPC document, read from hostile bytes. Called when a service is
//! registered, refreshed or loaded. It must never fetch what a document points at, and never let a name through that
//! could be taken for another. THREAT[SVC-04]
//!
//! Versions 1.0 to 1.4 are read alike, because real services mix them. A document that is wrong as a whole is refused; a
//! method that cannot be offered is left out, and said to be.

use super::{
    json,
    schema::{Expander, Schema},
    text,
};
use crate::call;
use sandgate_policy::Effect;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    cell::Cell,
    collections::{BTreeMap, HashSet},
    fmt,
    sync::LazyLock,
};

/// Ethereum's is 270 kB. THREAT[SVC-01]
pub(crate) const LONGEST_DOCUMENT: usize = 4 << 20;
/// Values in one document; MetaMask's has about 9 000.
const MOST_PARTS: usize = 250_000;
/// The largest known services have some hundreds.
const MOST_METHODS: usize = 5_000;
const MOST_PARAMETERS: usize = 64;
const LONGEST_SUMMARY: usize = 200;
/// Of a parameter's name; documents of Ethereum have "Returned block parameter".
const LONGEST_NAME: usize = 128;

/// What a parameter without a schema takes.
static ANYTHING: LazyLock<Value> = LazyLock::new(|| Value::Object(serde_json::Map::new()));

/// A document, read.
#[derive(Debug)]
pub(crate) struct Document {
    /// The document itself, with sorted keys and no spaces: what is hashed and kept.
    pub(crate) canonical: String,
    /// What it is known by.
    pub(crate) hash: Hash,
    pub(crate) summary: String,
    /// By the exact name.
    pub(crate) methods: BTreeMap<String, Method>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// The digest of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash([u8; 32]);

/// One method, as the service describes it. Texts are fit to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Method {
    pub(crate) summary: String,
    pub(crate) deprecated: bool,
    pub(crate) structure: Structure,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: Option<Schema>,
    /// What the service says that it does.
    pub(crate) effect: Option<Effect>,
}

/// How parameters are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Structure {
    ByName,
    ByPosition,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) required: bool,
    pub(crate) schema: Schema,
    /// Shown, never sent.
    pub(crate) default: Option<Value>,
}

/// A method that is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Fit to be shown, and therefore perhaps not the exact name.
    pub(crate) name: String,
    pub(crate) reason: &'static str,
}

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than any honest one.
    #[error("the document is {size} bytes long, {LONGEST_DOCUMENT} are allowed")]
    TooLong {
        /// How long it is.
        size: usize,
    },
    /// Not JSON, or JSON that two readers would read differently.
    #[error("the document is not JSON that can be relied on: {0}")]
    Json(#[from] json::JsonError),
    /// Some other JSON.
    #[error("the document is not OpenRPC: {0}")]
    NotOpenRpc(&'static str),
    /// More than any honest one.
    #[error("the document has {count} methods, {MOST_METHODS} are allowed")]
    TooMany {
        /// How many it has.
        count: usize,
    },
    /// Which of the two would be called?
    #[error("the document describes the method `{0}` twice")]
    Twice(String),
}

impl Document {
    /// Reads a document.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > LONGEST_DOCUMENT {
            return Err(DocumentError::TooLong { size: bytes.len() });
        }
        let mut root = json::parse(bytes, &Cell::new(MOST_PARTS))?;
        // The same document in another order is the same document.
        root.sort_all_objects();
        let version = root.get("openrpc").and_then(Value::as_str);
        if !version.is_some_and(|version| version.starts_with("1.")) {
            return Err(DocumentError::NotOpenRpc("its `openrpc` is no version 1"));
        }
        let methods = root
            .get("methods")
            .and_then(Value::as_array)
            .ok_or(DocumentError::NotOpenRpc("it has no list of `methods`"))?;
        if methods.len() > MOST_METHODS {
            return Err(DocumentError::TooMany {
                count: methods.len(),
            });
        }
        let mut reader = Reader {
            expander: Expander::new(&root),
            otherwise: Structure::ByName,
        };
        reader.otherwise = reader.unsaid(methods);
        let (mut offered, mut left_out) = (BTreeMap::new(), Vec::new());
        let mut seen = HashSet::with_capacity(methods.len());
        for method in methods {
            let method = reader.expander.resolve(method).unwrap_or(method);
            let name = method
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !seen.insert(name) {
                return Err(DocumentError::Twice(text::line(name, 80)));
            }
            match reader.method(name, method) {
                Ok(Some(method)) => {
                    offered.insert(name.to_owned(), method);
                }
                Ok(None) => {}
                Err(reason) => left_out.push(LeftOut {
                    name: text::line(name, 80),
                    reason,
                }),
            }
        }
        let info = |key: &str| root.get("info")?.get(key)?.as_str();
        let canonical = root.to_string();
        Ok(Self {
            hash: Hash(Sha256::digest(&canonical).into()),
            summary: text::line(
                info("description")
                    .or_else(|| info("title"))
                    .unwrap_or_default(),
                LONGEST_SUMMARY,
            ),
            canonical,
            methods: offered,
            left_out,
        })
    }
}

struct Reader<'d> {
    expander: Expander<'d>,
    /// For methods that do not say how their parameters are sent.
    otherwise: Structure,
}

impl<'d> Reader<'d> {
    /// Documents that say nothing mean either; but the servers of some take positions only. Those call their
    /// parameters "Typed data" or "Returned block parameter", which nobody sends as a name.
    fn unsaid(&self, methods: &'d [Value]) -> Structure {
        let spoken = methods
            .iter()
            .filter(|method| method.get("paramStructure").is_none())
            .filter_map(|method| method.get("params")?.as_array())
            .flatten()
            .filter_map(|parameter| self.expander.resolve(parameter)?.get("name")?.as_str())
            .any(|name| name.contains(' '));
        if spoken {
            Structure::ByPosition
        } else {
            Structure::ByName
        }
    }

    /// The method, nothing where it is one of every service's own, or why it cannot be offered.
    fn method(&mut self, name: &str, method: &'d Value) -> Result<Option<Method>, &'static str> {
        // THREAT[POL-04]: exact bytes, and none that look like others.
        if !call::is_name(name) {
            return Err("its name is not 1 to 128 of `A-Za-z0-9_-`, with single dots between");
        }
        if name == "rpc.discover" {
            return Ok(None);
        }
        if name
            .split('.')
            .next()
            .is_some_and(|first| first.eq_ignore_ascii_case("rpc"))
        {
            return Err("names that begin with `rpc.` belong to the protocol");
        }
        let structure = match method.get("paramStructure").and_then(Value::as_str) {
            Some("by-position") => Structure::ByPosition,
            Some("by-name" | "either") => Structure::ByName,
            _ => self.otherwise,
        };
        let parameters = match method.get("params") {
            None | Some(Value::Null) => &[],
            Some(Value::Array(parameters)) => parameters.as_slice(),
            Some(_) => return Err("its parameters are no list"),
        };
        if parameters.len() > MOST_PARAMETERS {
            return Err("it has more than 64 parameters");
        }
        let parameters = parameters
            .iter()
            .map(|parameter| self.parameter(parameter))
            .collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::with_capacity(parameters.len());
        if !parameters
            .iter()
            .all(|parameter| seen.insert(parameter.name.as_str()))
        {
            return Err("two of its parameters have the same name");
        }
        let result = method
            .get("result")
            .and_then(|result| self.expander.resolve(result)?.get("schema"))
            .map(|schema| self.expander.schema(schema));
        Ok(Some(Method {
            summary: summary(method),
            deprecated: method.get("deprecated") == Some(&Value::Bool(true)),
            structure,
            parameters,
            result,
            effect: annotation(method),
        }))
    }

    fn parameter(&mut self, parameter: &'d Value) -> Result<Parameter, &'static str> {
        let parameter = self
            .expander
            .resolve(parameter)
            .ok_or("one of its parameters is described nowhere in the document")?;
        let name = parameter
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if !plain || !(1..=LONGEST_NAME).contains(&name.len()) {
            return Err(
                "the name of one of its parameters is not 1 to 128 visible ASCII characters",
            );
        }
        let schema = parameter.get("schema");
        let described = schema.and_then(|schema| self.expander.resolve(schema));
        let said = summary(parameter);
        Ok(Parameter {
            name: name.to_owned(),
            summary: if said.is_empty() {
                described.map(summary).unwrap_or_default()
            } else {
                said
            },
            required: parameter.get("required") == Some(&Value::Bool(true)),
            default: schema
                .and_then(|schema| schema.get("default"))
                .or_else(|| described?.get("default"))
                .cloned(),
            schema: self.expander.schema(schema.unwrap_or(&ANYTHING)),
        })
    }
}

/// One line on what something is for.
fn summary(of: &Value) -> String {
    let said = ["summary", "description"]
        .into_iter()
        .filter_map(|key| of.get(key)?.as_str())
        .find(|text| !text.trim().is_empty());
    text::line(said.unwrap_or_default(), LONGEST_SUMMARY)
}

/// What the service says that a method does: `x-effect`, `x-hero-effect`, or the hints of MCP. THREAT[POL-09]: only
/// believed where the operator trusts the service.
fn annotation(method: &Value) -> Option<Effect> {
    let said = ["x-effect", "x-hero-effect"]
        .into_iter()
        .find_map(|key| method.get(key)?.as_str());
    match said {
        Some("read") => return Some(Effect::Read),
        Some("write") => return Some(Effect::Write),
        Some("destroy") => return Some(Effect::Destroy),
        _ => {}
    }
    let hint = |key: &str| {
        method
            .get(key)
            .or_else(|| method.get("annotations")?.get(key))
            .and_then(Value::as_bool)
    };
    match (hint("destructiveHint"), hint("readOnlyHint")) {
        (Some(true), _) => Some(Effect::Destroy),
        (_, Some(true)) => Some(Effect::Read),
        (Some(false), _) | (_, Some(false)) => Some(Effect::Write),
        (None, None) => None,
    }
}

impl Hash {
    /// The digest as it is kept.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
