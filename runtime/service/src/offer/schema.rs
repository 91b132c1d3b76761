//! The schema of one parameter or result: kept as the text of a JSON Schema without references, shared by all that are
//! described by the same part of a document, and made ready to check values when one is checked first. Called when a
//! document is read, for annotations, by policies and by `bind`. It must never hold a tree for each of them: a tree
//! is thirty times its text. THREAT[SVC-04]

use crate::{offer::weight::Weight, text};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

/// Enough for `[0-9a-f]{512}`, which Ethereum's documents have.
pub(crate) const LARGEST_PATTERN: usize = 256 << 10;
/// What states of a pattern are kept while it is matched; what does not fit is worked out again, at a cost that is
/// weighed.
pub(crate) const MOST_STATES: usize = 256 << 10;
/// Parts of schemas that are ready to check values, in one document: about 1 KiB each. More than one method's.
const MOST_READY: usize = 6_000;

/// A schema that holds no reference.
#[derive(Debug, Clone)]
pub(crate) struct ParameterSchema(Arc<Made>);

#[derive(Debug)]
struct Made {
    text: Arc<str>,
    measure: Measure,
    ready: Mutex<Option<Arc<Validator>>>,
    takes_null: OnceLock<bool>,
    /// Of the document that it is from.
    shelf: Arc<Shelf>,
}

/// How large a schema is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measure {
    /// Schemas, values in them, and what its patterns weigh when they are made ready.
    pub(crate) parts: usize,
    /// What checking any value costs at most, in [`Weight`]'s units: so much for each value in it,
    pub(crate) value: u64,
    /// and so much for eight bytes of its texts.
    pub(crate) text: u64,
}

/// Which schemas of a document are ready, the oldest first. THREAT[SVC-04]: a document of thousands of them is not
/// kept ready whole.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<(VecDeque<Weak<Made>>, usize)>);

/// Why a value is not what a schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where in the value, as a JSON pointer; empty for all of it.
    pub(crate) at: String,
    /// What is there, shortened.
    pub(crate) given: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl PartialEq for ParameterSchema {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

impl ParameterSchema {
    pub(crate) fn new(text: Arc<str>, measure: Measure, shelf: Arc<Shelf>) -> Self {
        Self(Arc::new(Made {
            text,
            measure,
            ready: Mutex::default(),
            takes_null: OnceLock::new(),
            shelf,
        }))
    }

    /// What this is, as JSON.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.0.text
    }

    /// The same as a tree, made anew: not to be kept.
    pub(crate) fn value(&self) -> Value {
        // It was written from a tree.
        serde_json::from_str(&self.0.text).unwrap_or_default()
    }

    /// The same for those that share one.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(crate) fn measure(&self) -> Measure {
        self.0.measure
    }

    /// Whether the value fits. The first thing that does not is told. What checking costs is taken from the weight that
    /// the checks of one call share, before it is spent. THREAT[DOS-11]
    pub(crate) fn check(&self, value: &Value, weight: &Weight<'_>) -> Result<(), Mismatch> {
        let whole = |reason: String| Mismatch {
            at: String::new(),
            given: shown(value),
            reason,
        };
        weight
            .take(self, value)
            .map_err(|heavy| whole(heavy.to_string()))?;
        let Some(validator) = self.ready() else {
            return Err(whole("its schema cannot be checked".to_owned()));
        };
        let Err(error) = validator.validate(value) else {
            return Ok(());
        };
        let given = shown(error.instance());
        Err(Mismatch {
            at: text::line(error.instance_path().as_str(), 60),
            reason: text::line(&error.masked_with(given.as_str()).to_string(), 200),
            given,
        })
    }

    /// Whether nothing at all may stand for the value.
    pub(crate) fn takes_null(&self) -> bool {
        *self
            .0
            .takes_null
            .get_or_init(|| self.check(&Value::Null, &Weight::default()).is_ok())
    }

    fn ready(&self) -> Option<Arc<Validator>> {
        let lock = |made: &Arc<Made>| -> Option<Arc<Validator>> {
            let ready = made.ready.lock().unwrap_or_else(PoisonError::into_inner);
            ready.clone()
        };
        if let Some(validator) = lock(&self.0) {
            return Some(validator);
        }
        let validator = Arc::new(compile(&self.value())?);
        let before = self
            .0
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(validator.clone());
        if before.is_none() {
            self.0.shelf.put(&self.0);
        }
        Some(validator)
    }
}

impl Shelf {
    fn put(&self, made: &Arc<Made>) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, parts) = &mut *shelf;
        kept.push_back(Arc::downgrade(made));
        *parts = parts.saturating_add(made.measure.parts);
        while *parts > MOST_READY && kept.len() > 1 {
            // Schemas and shelf are dropped together, so there is none that is gone.
            let Some(oldest) = kept.pop_front().and_then(|oldest| oldest.upgrade()) else {
                continue;
            };
            *parts = parts.saturating_sub(oldest.measure.parts);
            *oldest.ready.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// JSON on one short line.
pub(crate) fn shown(value: &Value) -> String {
    text::line(&value.to_string(), 60)
}

pub(crate) fn compile(schema: &Value) -> Option<Validator> {
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .should_validate_formats(false)
        // THREAT[SVC-04]: linear time, whatever the pattern; the other engine backtracks.
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(LARGEST_PATTERN)
                .dfa_size_limit(MOST_STATES),
        )
        .build(schema)
        .ok()
}
