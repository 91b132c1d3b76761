//! What a service says that it offers: its OpenRPC document, read from hostile bytes. Called when a service is
//! registered, refreshed or loaded. It must never fetch what a document points at, and never let a name through that
//! could be taken for another. THREAT[SVC-04]
//!
//! Versions 1.0 to 1.4 are read alike, because real services mix them. A document that is wrong as a whole is refused; a
//! method that cannot be offered is left out, and said to be.

mod reader;

use crate::{
    json,
    offer::{schema::ParameterSchema, tree::Node, undo::Undo},
    text,
};
use reader::{Bad, Reader};
use sandgate_policy::{Effect, Oversize, digits};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    sync::Arc,
};

/// Ethereum's is 270 kB. THREAT[SVC-01]
pub(crate) const LONGEST_DOCUMENT: usize = 4 << 20;
/// Values in one document; MetaMask's has about 9 000.
const MOST_PARTS: usize = 250_000;
/// The largest known services have some hundreds.
const MOST_METHODS: usize = 5_000;
const LONGEST_SUMMARY: usize = 200;

/// A document, read.
#[derive(Debug)]
pub struct Document {
    /// The document itself, with sorted keys and no spaces: what is hashed and kept.
    pub(crate) canonical: String,
    /// What it is known by.
    pub(crate) hash: Hash,
    pub(crate) summary: String,
    /// By the exact name.
    pub(crate) methods: BTreeMap<String, DescribedMethod>,
    pub(crate) left_out: Vec<LeftOut>,
    /// What it took of what it may take: bytes of schemas that were written and references that were followed, and
    /// parts of the schemas of all parameters.
    #[cfg(test)]
    pub(crate) took: (usize, usize),
}

/// The digest of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

/// One method, as the service describes it. Texts are fit to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DescribedMethod {
    pub(crate) summary: String,
    pub(crate) deprecated: bool,
    pub(crate) structure: Structure,
    /// Those that are described by the same part of the document are one.
    pub(crate) parameters: Vec<Arc<Parameter>>,
    pub(crate) result: Option<ParameterSchema>,
    /// What the service says that it does.
    pub(crate) effect: Option<Effect>,
    /// The codes of the errors that it says that it answers with.
    pub(crate) errors: Vec<i64>,
    /// What else the service says of it.
    pub(crate) own: OwnMarks,
}

/// What a service says of one of its methods beyond its effect. It counts where the service is trusted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OwnMarks {
    /// How it is undone.
    pub(crate) undo: Option<Undo>,
    /// Whether calling it twice with one key does no more than calling it once.
    pub(crate) idempotent: bool,
    /// Whether what it returns is untrusted or confidential.
    pub(crate) source: bool,
    /// Its parameters whose values are not to be kept or shown.
    pub(crate) sensitive: BTreeSet<String>,
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
    pub(crate) schema: ParameterSchema,
    /// As JSON. Shown, never sent.
    pub(crate) default: Option<Arc<str>>,
    /// Whether the service says that its values are not to be kept or shown.
    pub(crate) sensitive: bool,
}

/// A method that is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Fit to be shown, and therefore perhaps not the exact name.
    pub name: String,
    /// Why it is not offered.
    pub reason: &'static str,
}

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than any honest one.
    #[error("the document is {}", Oversize { size: *size, limit: LONGEST_DOCUMENT })]
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
    /// It costs more than it weighs, because it refers to the same parts again and again.
    #[error(
        "with the {place}, the schemas of the document come to more than {most} {unit} once references are followed; a document of {size} bytes may have that many"
    )]
    TooHeavy {
        /// Where that was found.
        place: String,
        /// How many there may be.
        most: usize,
        /// Of what.
        unit: &'static str,
        /// How long the document is.
        size: usize,
    },
}

impl Document {
    /// Reads a document.
    pub fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > LONGEST_DOCUMENT {
            return Err(DocumentError::TooLong { size: bytes.len() });
        }
        let root = Node::read(bytes, MOST_PARTS)?;
        let version = root.get("openrpc").and_then(Node::as_str);
        if !version.is_some_and(|version| version.starts_with("1.")) {
            return Err(DocumentError::NotOpenRpc("its `openrpc` is not version 1"));
        }
        let methods = root
            .get("methods")
            .and_then(Node::as_array)
            .ok_or(DocumentError::NotOpenRpc("it has no list of `methods`"))?;
        if methods.len() > MOST_METHODS {
            return Err(DocumentError::TooMany {
                count: methods.len(),
            });
        }
        let mut reader = Reader::new(&root, bytes.len());
        reader.expect(methods)?;
        let (mut offered, mut left_out) = (BTreeMap::new(), Vec::new());
        let mut seen = HashSet::with_capacity(methods.len());
        for method in methods {
            let method = reader.resolve(method)?;
            let name = method
                .get("name")
                .and_then(Node::as_str)
                .unwrap_or_default();
            if !seen.insert(name) {
                return Err(DocumentError::Twice(text::line(name, 80)));
            }
            match reader.method(name, method) {
                Ok(Some(method)) => {
                    offered.insert(name.to_owned(), method);
                }
                Ok(None) => {}
                Err(Bad::Document(error)) => return Err(error),
                Err(Bad::Method(reason)) => left_out.push(LeftOut {
                    name: text::line(name, 80),
                    reason,
                }),
            }
        }
        let info = |key: &str| root.get("info")?.get(key)?.as_str();
        let canonical = canonical(&root, bytes.len())?;
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
            #[cfg(test)]
            took: reader.took(),
        })
    }

    /// What it is known by.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The document itself, with sorted keys and no spaces: what is hashed and kept.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// With sorted keys and no spaces.
fn canonical(root: &Node<'_>, size: usize) -> Result<String, json::JsonError> {
    let mut text = Vec::with_capacity(size);
    let written = serde_json::to_writer(&mut text, root).map_err(|error| error.to_string());
    written
        .and_then(|()| String::from_utf8(text).map_err(|error| error.to_string()))
        .map_err(json::JsonError::Invalid)
}

impl Hash {
    /// The digest as it is kept.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(digits(&self.0, &mut [0; 64]))
    }
}
