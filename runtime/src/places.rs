//! Where a user's own things are, if nobody says otherwise, and the names of the variables by which somebody says so to the
//! command. The library itself reads none of the latter: an embedder passes directories.
//!
//! Relative paths in XDG's variables are ignored: they would be other places in other directories.

use std::path::{Path, PathBuf};

/// Read by the command, for `--cache-dir`: where compiled interpreters are kept.
pub const CACHE_DIR: &str = "SANDGATE_CACHE_DIR";
/// Read by the command, for `--state-dir`: where registrations are kept.
pub const STATE_DIR: &str = "SANDGATE_STATE_DIR";
/// Read by the command, for `--policies`: the directory of the contexts.
pub const POLICIES_DIR: &str = "SANDGATE_POLICIES_DIR";

/// Read by the command, for `--config`: the file of what an operator would otherwise repeat as flags.
pub const CONFIG: &str = "SANDGATE_CONFIG";

/// What that file is called.
pub const CONFIG_NAME: &str = "sandgate.toml";

/// The user's own configuration: `$XDG_CONFIG_HOME/sandgate/sandgate.toml`, else in `~/.config`.
#[must_use]
pub fn config_file() -> Option<PathBuf> {
    Some(
        base("XDG_CONFIG_HOME", ".config")?
            .join("sandgate")
            .join(CONFIG_NAME),
    )
}

/// The user's own compiled interpreters: `$XDG_CACHE_HOME/sandgate`, else `~/.cache/sandgate`.
#[must_use]
pub fn cache_dir() -> Option<PathBuf> {
    Some(base("XDG_CACHE_HOME", ".cache")?.join("sandgate"))
}

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

/// Where a server's own socket is: `$XDG_RUNTIME_DIR/sandgate/rpc.sock`, else `rpc.sock` in the state directory.
#[must_use]
pub fn socket(state: &Path) -> PathBuf {
    let directory = absolute("XDG_RUNTIME_DIR").map(|directory| directory.join("sandgate"));
    directory
        .unwrap_or_else(|| state.to_owned())
        .join("rpc.sock")
}

/// The user's home directory.
#[must_use]
pub fn home() -> Option<PathBuf> {
    absolute("HOME")
}

fn base(variable: &str, at_home: &str) -> Option<PathBuf> {
    absolute(variable).or_else(|| Some(home()?.join(at_home)))
}

fn absolute(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.filter(|path| path.is_absolute())
}
