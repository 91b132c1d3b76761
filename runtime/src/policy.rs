//! What contexts may do: their policies, limits and cases, from the text of a file to what is in force.

pub use crate::contexts::{
    ContextError, ContextPolicy, ContextsError, FileError, InForce, NO_CONTEXTS, PolicyStore, load,
    names, needed, open_one, parse, read,
};
pub use sandgate_policy::{
    ApprovalHook, BlindSpot, ByteCount, Case, CaseReport, CaseResult, Cases, ContextLimits,
    ContextName, ContextNameError, ContextNumber, Decision, Difference, Differences, Effect,
    Expectation, Explanation, FailedContext, Fault, File, Finding, Interface, JournalDuty,
    JournaledCall, MethodInterface, Moment, NOTHING_READ, Outlook, Oversize, ParameterInterface,
    Policies, PolicyHash, PolicyId, Principal, PrincipalError, Problem, Query, Ruling, Schema,
    SchemaError, StillRefused, Suggestion, UnknownSource, Unusable, Verdict, formatted, is_blank,
    is_hidden, is_method_name, is_right_to_left, junit, nearest, read_from_of,
};
