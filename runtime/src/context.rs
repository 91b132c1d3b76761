//! On whose behalf a script runs, and what that may cost. Comes from the authenticated caller, never from a script.

use crate::{hostcall::reach::Reach, journal::Journal, limits::Limits};
use std::sync::Arc;

/// A context: the tenant a run belongs to, and its limits.
///
/// What a context's policies say of its limits holds for every run in it, whoever starts it: there is no context with a
/// reach and other limits, only one with less.
#[derive(Debug, Clone, Default)]
pub struct Context {
    reach: Option<Arc<Reach>>,
    /// What is asked for: all of it counts where there is no reach, and what is less than the context's own where there
    /// is.
    asked: Option<Limits>,
    journal: Option<Journal>,
    at_once: bool,
}

impl Context {
    /// No services, and these limits.
    #[must_use]
    pub fn alone(limits: Limits) -> Self {
        Self {
            asked: Some(limits),
            ..Self::default()
        }
    }

    /// The services of a reach, and the limits of its context.
    #[must_use]
    pub fn of(reach: Arc<Reach>) -> Self {
        Self {
            reach: Some(reach),
            ..Self::default()
        }
    }

    /// The same with less, wherever these limits are less.
    #[must_use]
    pub fn tightened(self, limits: Limits) -> Self {
        let asked = match self.asked {
            Some(asked) => asked.least(&limits),
            None => limits,
        };
        Self {
            asked: Some(asked),
            ..self
        }
    }

    /// The same where everything that is done is written down, if there is a journal.
    #[must_use]
    pub fn kept_in<'j>(self, journal: impl Into<Option<&'j Journal>>) -> Self {
        Self {
            journal: journal.into().cloned(),
            ..self
        }
    }

    /// The same where a call that needs approval, and that nobody can be asked about, is refused and not waited for.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self {
            at_once: true,
            ..self
        }
    }

    /// Whether a run may wait for people who are not there.
    pub(crate) fn may_park(&self) -> bool {
        !self.at_once
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    pub(crate) fn reach(&self) -> Option<&Arc<Reach>> {
        self.reach.as_ref()
    }

    /// What one run may consume now. Limits of a context follow its policies when those are loaded again.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let granted = self.reach.as_ref().map(|reach| reach.limits());
        match (granted, self.asked) {
            (Some(granted), Some(asked)) => granted.least(&asked),
            (Some(limits), None) | (None, Some(limits)) => limits,
            (None, None) => Limits::default(),
        }
    }
}
