//! Where a user's own things are, if nobody says otherwise. Relative paths in the environment are ignored: they would be
//! other places in other directories.

use std::path::PathBuf;

/// The user's own state directory: `$XDG_STATE_HOME/sandgate`, else `~/.local/state/sandgate`.
#[must_use]
pub fn state_dir() -> Option<PathBuf> {
    Some(base("XDG_STATE_HOME", ".local/state")?.join("sandgate"))
}

/// The user's own policies: `$XDG_CONFIG_HOME/sandgate/policies`, else `~/.config/sandgate/policies`.
#[must_use]
pub fn policies_dir() -> Option<PathBuf> {
    Some(base("XDG_CONFIG_HOME", ".config")?.join("sandgate/policies"))
}

fn base(variable: &str, at_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(at_home)))
}
