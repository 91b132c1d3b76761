//! Keeps what decides about scripts out of their reach. Called by `run` and `repl` for the directories that a script may use.
//!
//! A script that may write to a directory in which the compiled interpreter, the registrations or the policies lie needs
//! no escape: it writes what the next run loads. THREAT[ESC-08], THREAT[POL-07].

use super::{failure::Failure, shared::SharedArguments};
use std::path::{Path, PathBuf};

/// What decides about scripts, and where it is.
pub(super) fn deciding(
    shared: &SharedArguments,
    policies: Option<PathBuf>,
) -> [(&'static str, Option<PathBuf>); 5] {
    let settings = &shared.settings;
    [
        ("the interpreter", shared.image_dir()),
        ("the registered services", shared.state_dir()),
        ("the policies", policies),
        ("the settings", settings.file.clone()),
        ("the journal's key", settings.journal.key_file.clone()),
    ]
}

/// Refuses a directory that holds one of these, or lies in one. What does not exist yet is taken as it is named.
pub(super) fn check(directory: &Path, decide: &[(&str, Option<PathBuf>)]) -> Result<(), Failure> {
    let directory_is = real(directory);
    for (what, place) in decide {
        let Some(place) = place.as_deref() else {
            continue;
        };
        let place_is = real(place);
        if place_is.starts_with(&directory_is) || directory_is.starts_with(&place_is) {
            return Err(Failure::usage(
                format!(
                    "a script that may write to `{}` could change {what} in `{}`",
                    directory.display(),
                    place.display()
                ),
                "name a directory of its own for the script, beside it or below",
            ));
        }
    }
    Ok(())
}

/// A path without links; of one that does not exist, the part that does, and the rest.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for known in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (known.canonicalize(), path.strip_prefix(known)) {
            return real.join(rest);
        }
    }
    path
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn refused(directory: &Path, place: &Path) -> bool {
        check(directory, &[("it", Some(place.to_owned()))]).is_err()
    }

    #[test]
    fn esc_08_a_script_is_given_no_directory_around_or_inside_one_that_decides() {
        let scene = tempfile::tempdir().unwrap();
        let at = |path: &str| scene.path().join(path);
        fs::create_dir_all(at("home/.cache/sandgate/images")).unwrap();
        fs::create_dir_all(at("home/work")).unwrap();
        symlink(at("home"), at("link")).unwrap();
        let cache = at("home/.cache/sandgate");
        for directory in [
            "",
            "home",
            "home/.cache",
            "home/.cache/sandgate",
            "home/.cache/sandgate/images",
            "home/.cache/sandgate/new",
            "link",
            "link/.cache/sandgate/new/newer",
            "home/work/../.cache",
        ] {
            assert!(refused(&at(directory), &cache), "{directory}");
        }
        for directory in [
            "home/work",
            "link/work",
            "home/.cache/sandgate2",
            "new/sandgate",
        ] {
            assert!(!refused(&at(directory), &cache), "{directory}");
        }
        // What is not there yet is where it will be.
        assert!(refused(&at("home"), &at("home/.config/sandgate/policies")));
        assert!(refused(&at("home"), &at("link/.config/sandgate/policies")));
        assert!(!refused(
            &at("home/work"),
            &at("home/.config/sandgate/policies")
        ));
        assert!(check(&at("home"), &[("it", None)]).is_ok());
    }
}
