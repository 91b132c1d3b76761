//! Why the road ends a run. None of it is an exception: nothing that a script catches may go on after it. Made by the road, given
//! its name by `sandbox::instance`.

/// The run ends here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    /// The script can do nothing but wait for people who are not there.
    #[error("the run waits for approval")]
    Parked,
    /// A replay asks for another call than the recording has.
    #[error("{0}")]
    Diverged(Box<Divergence>),
    /// A replay has come to where the recording ends, or to where it was to end.
    #[error("the recording ends here")]
    RecordingEnds,
    /// A change that may have been made would not be sent again today: only a person can tell. THREAT[APR-02]
    #[error("nobody knows whether call {call}, {method}, was made, and it is not sent again")]
    Unknown {
        /// Which call.
        call: u32,
        /// Of what.
        method: String,
    },
    /// What a plan has is carried out, and something else was asked for.
    #[error("{0}")]
    OffPlan(Box<Divergence>),
}

/// What was to be asked for, and what was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("call {call} is {now}, and {was}")]
pub(crate) struct Divergence {
    pub(crate) call: u32,
    pub(crate) now: String,
    pub(crate) was: String,
}

impl Divergence {
    /// A call as people read it, no longer than they do.
    pub(crate) fn shown(service: &str, method: &str, params: &str) -> String {
        const LONGEST: usize = 400;
        let mut shown = format!("{service}.{method}({params})");
        if shown.len() > LONGEST {
            let cut = shown.floor_char_boundary(LONGEST);
            shown.truncate(cut);
            shown.push('…');
        }
        shown
    }
}
