//! Who is told of each call of a script, as it is decided and when it is answered. Called by `reach` and by `underway`; whoever
//! watches must not hold the call up, and can change nothing of it.

use crate::{journal::id::Id, made::CallResult};
use sandgate_policy::{Effect, Ruling};
use sandgate_wire::RefusalCode;
use serde_json::value::RawValue;
use std::fmt;

/// A call that was decided, or refused before that.
#[derive(Debug)]
pub struct WatchedCall<'a> {
    /// Its number in the run.
    pub call: u32,
    /// The service.
    pub service: &'a str,
    /// The method.
    pub method: &'a str,
    /// What the script gave.
    pub params: &'a RawValue,
    /// What calling the method does, where it was decided.
    pub effect: Option<Effect>,
    /// The method that undoes it, where one is known.
    pub undo: Option<&'a str>,
    /// What was decided, or why there was nothing to decide.
    pub ruling: Result<Ruling, String>,
}

/// The answer to a call.
#[derive(Debug, Clone, Copy)]
pub struct WatchedAnswer {
    /// The run, where a journal keeps it.
    pub run: Option<Id>,
    /// The number of the call in its run. One that could not be read was not decided.
    pub call: u32,
    /// What became of it.
    pub result: CallResult,
    /// The code of a refusal.
    pub code: Option<RefusalCode>,
}

/// Is told of every call that a script makes.
pub trait CallWatcher: fmt::Debug + Send + Sync {
    /// A call was decided. One that is decided again, since policies changed while it waited, is told again.
    fn decided(&self, call: &WatchedCall<'_>);

    /// A call was answered. Most watchers have heard enough by then.
    fn answered(&self, _answer: &WatchedAnswer) {}
}
