//! Which calls a context may make: policies in Cedar, the schema they are checked against, limits, and their tests.
//!
//! Pure: this crate opens no file, starts no task and knows nothing of sandboxes. It is given text and a description
//! of the services, and gives back decisions.

mod asker;
mod cases;
mod characters;
mod decision;
mod explain;
mod fields;
mod hash;
mod interface;
mod layout;
mod limits;
mod lint;
mod mention;
mod moment;
mod name;
mod near;
mod needed;
mod outlook;
mod policies;
mod principal;
mod problem;
mod replay;
mod rule;
mod schema;
mod scope;
mod size;
mod source;
mod suggest;
mod text;
mod types;

pub use cases::{Case, CaseReport, CaseResult, Cases, Expectation, Ruling, junit};
pub use characters::{is_blank, is_hidden, is_right_to_left};
pub use decision::{Decision, Fault, Query, Verdict};
pub use explain::Explanation;
pub use fields::{Fields, Placed, integer, texts, with_table};
pub use hash::{PolicyHash, digits};
pub use interface::{Effect, Interface, MethodInterface, ParameterInterface};
pub use layout::formatted;
pub use limits::{
    ApprovalHook, ContextLimits, ContextNumber, Files, InBand, JournalDuty, may_approve,
};
pub use moment::Moment;
pub use name::{
    ContextName, ContextNameError, METHOD_NAME, PYTHON_WORDS, SERVICE_NAME, is_method_name,
    is_service_name,
};
pub use near::nearest;
pub use outlook::Outlook;
pub use policies::Policies;
pub use principal::{Principal, PrincipalError};
pub use problem::{FailedContext, File, Finding, Problem, Unusable};
pub use replay::{Difference, Differences, JournaledCall};
pub use rule::PolicyId;
pub use schema::{BlindSpot, Schema, SchemaError};
pub use size::{ByteCount, Oversize};
pub use source::{NOTHING_READ, UnknownSource, read_from_of};
pub use suggest::{StillRefused, Suggestion};
