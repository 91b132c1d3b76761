//! Who is told of each call of a script, as it is decided. Called by `reach`; whoever watches must not hold the call up, and
//! can change nothing of it.

use sandgate_policy::Ruling;
use serde_json::value::RawValue;
use std::fmt;

/// A call that was decided, or refused before that.
#[derive(Debug)]
pub struct WatchedCall<'a> {
    /// The service.
    pub service: &'a str,
    /// The method.
    pub method: &'a str,
    /// What the script gave.
    pub params: &'a RawValue,
    /// What was decided, or why there was nothing to decide.
    pub ruling: Result<Ruling, String>,
}

/// Is told of every call that a script makes.
pub trait CallWatcher: fmt::Debug + Send + Sync {
    /// A call was decided. One that is decided again, since policies changed while it waited, is told again.
    fn decided(&self, call: &WatchedCall<'_>);
}
