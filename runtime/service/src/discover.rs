//! Finds the sockets of services in the directories where the hero convention puts them. Called by `sandgate service
//! discover`. It looks at names only: whoever wants to speak to a socket checks it first, and sockets for people
//! (`admin`, `ui`) are not even returned.
//!
//! The convention has moved, so all of its layouts are looked for:
//! ```text
//! DIR/<service>/rpc.sock                        hero_router, mycelium
//! DIR/<service>.sock, DIR/<service>_server.sock
//! DIR/<service>_server/<context>/<domain>.sock
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "the operator names these directories"
)]

use sandgate_policy::is_service_name;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Entries that are looked at in one directory, whatever is in it.
const MOST_ENTRIES: usize = 10_000;

/// A socket, and what its service would be called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiscoveredSocket {
    /// Made from the path.
    pub name: String,
    /// Where it is.
    pub socket: PathBuf,
}

/// Where sockets are when nobody says: the directories that the environment names, then those of the user.
#[must_use]
pub fn socket_dirs() -> Vec<PathBuf> {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let home = named("HOME");
    let mut all: Vec<PathBuf> = [
        named("PATH_SOCKET"),
        named("HERO_SOCKET_DIR"),
        home.as_ref().map(|home| home.join("hero/sockets")),
        home.map(|home| home.join("hero/var/sockets")),
    ]
    .into_iter()
    .flatten()
    .filter(|path| path.is_absolute())
    .collect();
    let mut seen = std::collections::HashSet::new();
    all.retain(|path| seen.insert(path.clone()));
    all
}

/// The sockets in these directories. Where two would have one name, the first directory's is taken.
#[must_use]
pub fn find(directories: &[PathBuf]) -> Vec<DiscoveredSocket> {
    let mut found = BTreeMap::new();
    for directory in directories {
        for (name, path, is_dir) in entries(directory) {
            let service = name.strip_suffix("_server").unwrap_or(&name);
            if is_dir {
                within(service, &path, &mut found);
            } else {
                add(&mut found, service.to_owned(), path);
            }
        }
    }
    found
        .into_iter()
        .map(|(name, socket)| DiscoveredSocket { name, socket })
        .collect()
}

/// A service's own directory: `rpc.sock`, and one directory for each context.
fn within(service: &str, directory: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for (name, path, is_dir) in entries(directory) {
        if !is_dir {
            if name == "rpc" {
                add(found, service.to_owned(), path);
            }
            continue;
        }
        for (domain, path, is_dir) in entries(&path) {
            if !is_dir {
                add(found, format!("{service}_{name}_{domain}"), path);
            }
        }
    }
}

fn add(found: &mut BTreeMap<String, PathBuf>, name: String, socket: PathBuf) {
    let name = name.to_lowercase().replace(['-', '.', ' '], "_");
    let for_people = ["ui", "admin"]
        .iter()
        .any(|kind| name == *kind || name.ends_with(&format!("_{kind}")));
    if is_service_name(&name) && !for_people {
        found.entry(name).or_insert(socket);
    }
}

/// Directories, and sockets by their name without `.sock`, in the order of their names. Links are left out: what they
/// point at can change. THREAT[POL-06]
fn entries(directory: &Path) -> Vec<(String, PathBuf, bool)> {
    use std::os::unix::fs::FileTypeExt;
    let Ok(listed) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut all: Vec<_> = listed
        .flatten()
        .take(MOST_ENTRIES)
        .filter_map(|entry| {
            let kind = entry.file_type().ok()?;
            let name = entry.file_name().into_string().ok()?;
            if kind.is_dir() {
                return Some((name, entry.path(), true));
            }
            let name = name.strip_suffix(".sock").filter(|_| kind.is_socket())?;
            Some((name.to_owned(), entry.path(), false))
        })
        .collect();
    // `x_server.sock` before `x.sock`: names that say more go first.
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}
