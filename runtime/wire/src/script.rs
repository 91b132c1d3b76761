//! What the host asks the guest to run.

use alloc::{borrow::Cow, collections::BTreeMap, vec::Vec};
use serde::{Deserialize, Serialize};

/// One script, as the host hands it to the guest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script<'a> {
    /// The Python source.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// What tracebacks call it. Never a path of the host.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `sys.argv` after the script's name.
    pub argv: Vec<Cow<'a, str>>,
    /// `os.environ`. What `TZ` in it names is the zone of local time.
    pub environment: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// Whether the host mounted a workspace at [`abi::WORKSPACE`](crate::abi::WORKSPACE).
    pub workspace: bool,
    /// What comes after it.
    pub session: Session,
}

/// Whether other scripts follow in the same interpreter, which keeps what they leave: variables, imports, threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// None does: the run ends with this one.
    None,
    /// Others follow; the value of each goes to the host.
    Values,
    /// Others follow; the value of each is printed, as at Python's prompt.
    Shown,
}
