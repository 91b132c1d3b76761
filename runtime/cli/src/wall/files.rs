//! Which places of the file system, and which ports, stay within reach behind the wall. Called by `wall`; Linux's landlock
//! enforces it. An older kernel enforces what it has; the filter of system calls does not depend on it.

use super::{Outside, WithinReach};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};
use std::path::Path;

/// The newest rules that are known here; an older kernel enforces those that it has.
const RULES: ABI = ABI::V9;

/// What a run does in a directory. Nothing in it is executed, and neither links, devices, pipes nor sockets are made.
const INSIDE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer
});

/// Where names are looked up, and the libraries that do it.
const NAMES: [&str; 6] = [
    "/etc",
    "/run/systemd/resolve",
    "/run/nscd",
    "/lib",
    "/lib64",
    "/usr/lib",
];

/// Names are looked up over TCP where an answer is long.
const DOMAIN: u16 = 53;

pub(super) fn restrict(places: &[WithinReach<'_>], outside: Outside) -> Result<(), RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()?;
    if outside == Outside::Network {
        rules = rules.add_rule(NetPort::new(DOMAIN, AccessNet::ConnectTcp))?;
        for path in NAMES {
            let access = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::ResolveUnix;
            rules = rules.add_rules(rule(Path::new(path), access))?;
        }
    }
    for place in places {
        rules = match *place {
            WithinReach::Directory(path) => rules.add_rules(rule(path, INSIDE))?,
            WithinReach::ReadOnly(path) => {
                rules.add_rules(rule(path, AccessFs::ReadFile | AccessFs::ReadDir))?
            }
            WithinReach::Sockets(path) => {
                rules.add_rules(rule(path, AccessFs::ResolveUnix.into()))?
            }
            WithinReach::Port(port) => rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?,
        };
    }
    // A kernel without landlock leaves the filter of system calls.
    rules.restrict_self().map(drop)
}

/// What does not exist cannot be reached without a rule either.
fn rule(
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Option<Result<PathBeneath<PathFd>, RulesetError>> {
    let opened = PathFd::new(path).ok()?;
    Some(Ok(PathBeneath::new(opened, access)))
}
