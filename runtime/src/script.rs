//! What a caller asks to be run. Front ends make one per run; the sandbox consumes it.

use crate::{
    cancel::Cancel,
    input::Input,
    journal::digest::Digest,
    output::Sink,
    recorder::{Clock, Tape},
    session::Scripts,
    workspace::Workspace,
    zone::TimeZone,
};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// One script and everything that belongs to this run of it alone.
///
/// What a script may do is not here: that is the [`Context`](crate::Context), which the caller is given and a script
/// cannot choose.
#[derive(Debug, Default)]
pub struct Script {
    /// The Python source.
    pub source: String,
    /// What tracebacks call it. A name, not a path: it is visible to the script.
    pub name: Option<String>,
    /// `sys.argv` after the name.
    pub arguments: Vec<String>,
    /// `os.environ`, which is empty otherwise: nothing of the host's own environment is ever in it.
    pub environment: BTreeMap<String, String>,
    /// The zone of its local time, which is UTC otherwise. It is `TZ` in the environment, whatever that says.
    pub zone: Option<TimeZone>,
    /// What `input()` and `sys.stdin` read.
    pub stdin: Vec<u8>,
    /// What they read after that, as it comes. It is on no tape, so such a run cannot be replayed.
    pub input: Option<Box<dyn Input>>,
    /// The directory that appears as `/work`. Without one there is an empty one in memory, which is made when the script
    /// first uses a path and comes back as [`Outcome::scratch`](crate::Outcome::scratch).
    pub workspace: Option<Arc<Workspace>>,
    /// Which time the script sees.
    pub clock: Clock,
    /// Makes random bytes repeatable. Without one they come from the operating system.
    pub seed: Option<u64>,
    /// Runs against a recorded tape instead of the clock and a seed of its own.
    pub replay: Option<Tape>,
    /// Has other scripts follow in the same interpreter, each given through the other end of it. The run ends when none is
    /// given any more.
    pub session: Option<Scripts>,
    /// What whoever asks for the run knows it by: [`Caller::requested_run`](crate::Caller::requested_run) finds it in the journal.
    pub request: Option<Digest>,
    /// Receives output while the script runs, as well as the outcome at the end.
    pub sink: Option<Arc<dyn Sink>>,
    /// Ends the run from outside with an outcome; dropping the future ends it without one.
    pub cancel: Option<Cancel>,
}

impl Script {
    /// A script with nothing granted to it.
    #[must_use]
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            ..Self::default()
        }
    }

    /// `os.environ`, with the zone.
    pub(crate) fn variables(&self) -> BTreeMap<Cow<'_, str>, Cow<'_, str>> {
        let zone = self.zone.as_ref().map(|zone| ("TZ", zone.as_str()));
        let given = self.environment.iter();
        given
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(zone)
            .map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)))
            .collect()
    }

    /// A variable that no environment can hold.
    pub(crate) fn unusable_variable(&self) -> Option<&str> {
        let unusable = |(name, value): &(&String, &String)| {
            name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
        };
        let mut given = self.environment.iter();
        given.find(unusable).map(|(name, _)| name.as_str())
    }

    /// What one is called that has no name.
    pub(crate) const UNNAMED: &'static str = "script.py";

    /// The name that tracebacks show.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(Self::UNNAMED)
    }
}

impl From<&str> for Script {
    fn from(source: &str) -> Self {
        Self::new(source)
    }
}

impl From<String> for Script {
    fn from(source: String) -> Self {
        Self::new(source)
    }
}
