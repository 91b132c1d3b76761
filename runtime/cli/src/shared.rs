//! What every subcommand is given: where things are kept, and how much to say.

use super::settings::Settings;
use std::path::PathBuf;

/// What every subcommand is given.
#[derive(Debug)]
pub(crate) struct SharedArguments {
    pub(crate) cache: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) quiet: bool,
    /// The file of settings, as other processes are told of it.
    pub(crate) config: Option<PathBuf>,
    pub(crate) settings: Settings,
}

impl SharedArguments {
    /// Where registrations are kept: the directory that was named, or else the user's own.
    pub(crate) fn state_dir(&self) -> Option<PathBuf> {
        self.state.clone().or_else(sandgate::places::state_dir)
    }

    /// Where it is that they are kept, for whoever asks.
    pub(crate) fn cache_dir(&self) -> Option<PathBuf> {
        self.cache.clone().or_else(sandgate::places::cache_dir)
    }

    /// Where compiled interpreters are kept.
    pub(crate) fn image_dir(&self) -> Option<PathBuf> {
        let cache = sandgate::ImageCache::new(self.cache.clone()).ok()?;
        Some(cache.directory().to_owned())
    }
}
