//! What holds of any workspace: nothing of its shape reaches the host's stack or descriptors, its account is what it holds,
//! and runs that share it share the account.

mod memory;
mod model;

use super::{
    How, Kept, Modes, Mount, Whence, Workspace,
    directory::{Directory, measure},
    ledger::locked,
    memory::Memory,
    slots::Slot,
};
use crate::{budget::Budget, limits::Limits};
use cap_std::fs::Dir;
use rustix::{
    fs::{Mode, mkdirat},
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// How many levels, and how many entries in one directory.
const MANY: usize = 100_000;
/// Enough for a test's own and for four of the workspace.
const FEW_DESCRIPTORS: u64 = 24;
const CHILD: &str = "SANDGATE_TEST_CHILD";

/// Runs one test of this binary again, in a process of its own, whose limits it may change.
fn in_a_process(test: &str) -> ExitStatus {
    // Directories of a disk cost a block each.
    let place = Some("/dev/shm").filter(|place| Path::new(place).is_dir());
    let place = place.map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(place).unwrap().keep();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(CHILD, "1")
        .env("TMPDIR", &place)
        .status();
    // Few ways of removing a tree bear one that is so deep.
    let removed = Command::new("rm").arg("-rf").arg(&place).status();
    assert!(removed.unwrap().success());
    status.unwrap()
}

/// A workspace in a directory of the host.
fn on_the_host() -> (tempfile::TempDir, Workspace) {
    let place = tempfile::tempdir().unwrap();
    let workspace = Workspace::open(place.path()).unwrap();
    (place, workspace)
}

fn directory(workspace: &Workspace) -> &Directory {
    match &workspace.kept {
        Kept::Host(directory) => directory,
        Kept::Memory(_) => panic!("it is in memory"),
    }
}

fn memory(workspace: &Workspace) -> &Memory {
    match &workspace.kept {
        Kept::Memory(memory) => memory,
        Kept::Host(_) => panic!("it is a directory of the host"),
    }
}

/// A session with a budget of its own.
fn session(workspace: &Workspace, limits: &Limits) -> Mount {
    workspace.session(limits, &Budget::default()).unwrap()
}

/// Each kind of workspace, and what keeps it.
fn both() -> [(Option<tempfile::TempDir>, Workspace); 2] {
    let (place, host) = on_the_host();
    [(Some(place), host), (None, Workspace::memory())]
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Acts on a thread with as little stack as an executor might give.
fn with_little_stack<R: Send + 'static>(act: impl FnOnce() -> R + Send + 'static) -> R {
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(act).unwrap().join().unwrap()
}

/// A chain of directories below one, and a file at its end.
fn dig(dir: &Dir, levels: usize) {
    let mut here = dir.try_clone().unwrap();
    for _ in 0..levels {
        mkdirat(&here, "d", Mode::RWXU).unwrap();
        here = here.open_dir("d").unwrap();
    }
    here.write("end", "end").unwrap();
}

#[test]
fn dos_13_whatever_is_left_is_listed_with_little_stack_and_few_descriptors() {
    const TEST: &str =
        "workspace::tests::dos_13_whatever_is_left_is_listed_with_little_stack_and_few_descriptors";
    if !is_child() {
        assert!(in_a_process(TEST).success());
        return;
    }
    let place = tempfile::tempdir().unwrap().keep();
    let workspace = Workspace::open(&place).unwrap();
    let dir = &directory(&workspace).dir;
    dig(dir, MANY);
    dir.create_dir("wide").unwrap();
    let wide = dir.open_dir("wide").unwrap();
    for at in 0..MANY {
        mkdirat(&wide, format!("{at}"), Mode::RWXU).unwrap();
    }
    // One of them is not empty, and has what none of them may be taken for.
    wide.create_dir("7/inside").unwrap();
    wide.symlink("7", "link").unwrap();
    drop(wide);
    let few = Rlimit {
        current: Some(FEW_DESCRIPTORS),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, few).unwrap();
    with_little_stack(move || {
        let listed = workspace.list();
        assert_eq!((listed.files.len(), listed.unlisted), (1, None));
        assert_eq!(listed.files[0].path.len(), 2 * MANY + "end".len());
        let measured = measure(&directory(&workspace).dir).unwrap();
        // Both chains, `end`, `wide`, `inside` and the link.
        assert_eq!((measured.bytes, measured.entries), (3, 2 * MANY as u64 + 4));
        let target = tempfile::tempdir().unwrap();
        workspace.copy_out(target.path()).unwrap_err();
    });
}

#[test]
fn dos_13_no_run_makes_what_is_deeper_or_more_than_it_may() {
    for (_place, workspace) in both() {
        fill(&workspace);
        let files = workspace.files().unwrap().len();
        assert_eq!(files, 1000 - Limits::WORKSPACE_DEPTH - 1);
        with_little_stack(move || drop(workspace));
    }
}

/// As full as a run may make it.
fn fill(workspace: &Workspace) {
    let mut session = session(workspace, &Limits::default());
    let mut deepest = String::from("d");
    for _ in 1..Limits::WORKSPACE_DEPTH {
        session.make_directory(3, &deepest).unwrap();
        deepest.push_str("/d");
    }
    session.make_directory(3, &deepest).unwrap();
    let below = format!("{deepest}/d");
    assert_eq!(session.make_directory(3, &below), Err(Errno::NAMETOOLONG));
    assert_eq!(session.open(3, &below, made()), Err(Errno::NAMETOOLONG));
    // The same tree cannot be hung below another.
    session.make_directory(3, "top").unwrap();
    assert_eq!(session.rename(3, "d", 3, "top/d"), Err(Errno::NAMETOOLONG));
    session.rename(3, "d", 3, "e").unwrap();
    let mut made_so_far = Limits::WORKSPACE_DEPTH as u64 + 1;
    while session.open(3, &format!("{made_so_far}"), made()).is_ok() {
        made_so_far += 1;
        session.close(4).unwrap();
    }
    assert_eq!(made_so_far, Limits::default().workspace_files);
}

fn made() -> How {
    How {
        create: true,
        modes: Modes {
            read: true,
            write: true,
            ..Modes::default()
        },
        ..How::default()
    }
}

#[test]
fn dos_13_a_run_may_hold_so_many_descriptors_and_no_more() {
    for (_place, workspace) in both() {
        hold(&mut session(&workspace, &Limits::default()));
    }
}

fn hold(session: &mut Mount) {
    session.make_directory(3, "d").unwrap();
    for at in 0..Limits::OPEN_FILES {
        let (path, how) = if at % 2 == 0 {
            ("f", made())
        } else {
            ("d", How::default())
        };
        let fd = u32::try_from(at).unwrap() + 4;
        assert_eq!(session.open(3, path, how), Ok(fd));
    }
    assert_eq!(session.open(3, "f", made()), Err(Errno::MFILE));
    assert_eq!(session.open(3, "d", How::default()), Err(Errno::MFILE));
    session.close(10).unwrap();
    assert_eq!(session.open(3, "f", made()), Ok(10));
}

#[test]
fn dos_13_scripts_leave_half_of_all_descriptors_to_the_host() {
    const TEST: &str = "workspace::tests::dos_13_scripts_leave_half_of_all_descriptors_to_the_host";
    if !is_child() {
        assert!(in_a_process(TEST).success());
        return;
    }
    let few = Rlimit {
        current: Some(FEW_DESCRIPTORS),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let mut slots: Vec<Slot> = std::iter::from_fn(Slot::take).collect();
    assert_eq!(slots.len() as u64, FEW_DESCRIPTORS / 2);
    let (_place, workspace) = on_the_host();
    let mut session = session(&workspace, &Limits::default());
    assert_eq!(session.open(3, "f", made()), Err(Errno::NFILE));
    slots.pop();
    assert_eq!(session.open(3, "f", made()), Ok(4));
}

#[test]
fn dos_12_runs_that_share_a_workspace_share_its_account() {
    for (_place, workspace) in both() {
        share(&workspace);
        let left = match &workspace.kept {
            Kept::Host(directory) => locked(&directory.ledger).account.bytes,
            Kept::Memory(memory) => memory.tree().account.bytes,
        };
        assert_eq!(left, 100);
    }
}

fn share(workspace: &Workspace) {
    let limits = Limits {
        workspace_bytes: 100,
        workspace_files: 2,
        ..Limits::default()
    };
    let mut one = session(workspace, &limits);
    let mut other = session(workspace, &limits);
    one.open(3, "f", made()).unwrap();
    other.open(3, "f", made()).unwrap();
    assert_eq!(one.write(4, &[0; 60]), Ok(60));
    // The same file, and so nothing more.
    assert_eq!(other.write(4, &[1; 60]), Ok(60));
    other.open(3, "g", made()).unwrap();
    assert_eq!(other.write(5, &[0; 41]), Err(Errno::NOSPC));
    assert_eq!(one.open(3, "h", made()), Err(Errno::NOSPC));
    // Its name is gone, and one run still holds it.
    other.unlink(3, "f").unwrap();
    other.close(4).unwrap();
    assert_eq!(other.write(5, &[0; 41]), Err(Errno::NOSPC));
    drop(one);
    assert_eq!(other.write(5, &[0; 100]), Ok(100));
}

#[test]
fn dos_12_files_of_several_names_count_once_until_the_last_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a"), [0; 70]).unwrap();
    std::fs::hard_link(directory.path().join("a"), directory.path().join("b")).unwrap();
    let workspace = Workspace::open(directory.path()).unwrap();
    let limits = Limits {
        workspace_bytes: 100,
        ..Limits::default()
    };
    let mut session = session(&workspace, &limits);
    session.open(3, "new", made()).unwrap();
    assert_eq!(session.write(4, &[0; 31]), Err(Errno::NOSPC));
    session.rename(3, "a", 3, "b").unwrap();
    session.unlink(3, "a").unwrap();
    assert_eq!(session.write(4, &[0; 31]), Err(Errno::NOSPC));
    session.unlink(3, "b").unwrap();
    assert_eq!(session.write(4, &[0; 100]), Ok(100));
}

#[test]
fn dos_12_an_operators_workspace_above_the_limit_can_be_read_changed_and_emptied() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("large"), [0; 200]).unwrap();
    let workspace = Workspace::open(directory.path()).unwrap();
    let limits = Limits {
        workspace_bytes: 100,
        ..Limits::default()
    };
    let mut session = session(&workspace, &limits);
    session
        .open(
            3,
            "large",
            How {
                create: false,
                ..made()
            },
        )
        .unwrap();
    assert_eq!(session.write(4, &[1; 200]), Ok(200));
    assert_eq!(session.write(4, &[1; 1]), Err(Errno::NOSPC));
    session.set_size(4, 99).unwrap();
    assert_eq!(session.write(4, &[1; 1]), Err(Errno::NOSPC));
    session.set_size(4, 0).unwrap();
    assert_eq!(session.write(4, &[1; 1]), Err(Errno::NOSPC), "at 200");
    assert_eq!(session.set_size(4, 100), Ok(()));
}

#[test]
fn what_is_only_read_is_changed_in_no_way() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("file"), "text").unwrap();
    std::fs::create_dir(place.path().join("directory")).unwrap();
    let only_read = Workspace::open_read_only(place.path()).unwrap();
    let mut files = session(&only_read, &Limits::default());
    let times = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec::default(),
        last_modification: rustix::fs::Timespec::default(),
    };
    let writing = How {
        modes: Modes {
            write: true,
            ..Modes::default()
        },
        ..How::default()
    };
    let truncating = How {
        truncate: true,
        ..How::default()
    };
    const ROOT: u32 = 3;
    assert_eq!(files.open(ROOT, "new", made()), Err(Errno::ROFS));
    assert_eq!(files.open(ROOT, "none/new", made()), Err(Errno::NOENT));
    assert_eq!(files.open(ROOT, "file", writing), Err(Errno::ROFS));
    assert_eq!(files.open(ROOT, "file", truncating), Err(Errno::ROFS));
    assert_eq!(files.make_directory(ROOT, "new"), Err(Errno::ROFS));
    assert_eq!(files.make_directory(ROOT, "file"), Err(Errno::EXIST));
    assert_eq!(files.remove_directory(ROOT, "directory"), Err(Errno::ROFS));
    assert_eq!(files.unlink(ROOT, "file"), Err(Errno::ROFS));
    assert_eq!(files.rename(ROOT, "file", ROOT, "new"), Err(Errno::ROFS));
    assert_eq!(
        files.set_times(ROOT, "file", true, &times),
        Err(Errno::ROFS)
    );
    // It is there to be read, and who would have made it if it were missing may read it too.
    let reading = How {
        create: true,
        modes: Modes {
            read: true,
            ..Modes::default()
        },
        ..How::default()
    };
    let file = files.open(ROOT, "file", reading).unwrap();
    let mut room = [0; 8];
    assert_eq!(files.read(file, &mut room), Ok(4));
    assert_eq!(files.write(file, b"x"), Err(Errno::BADF));
    assert_eq!(files.set_size(file, 0), Err(Errno::INVAL));
    drop(files);
    // The same directory, where it may change.
    let workspace = Workspace::open(place.path()).unwrap();
    let mut files = session(&workspace, &Limits::default());
    assert!(files.open(ROOT, "new", made()).is_ok());
    assert_eq!(files.set_times(ROOT, "file", true, &times), Ok(()));
    assert_eq!(files.unlink(ROOT, "file"), Ok(()));
}

/// The paths and contents of a workspace.
fn content(workspace: &Workspace) -> Vec<(String, String)> {
    let files = workspace.files().unwrap();
    let read = |path: &str| String::from_utf8(workspace.read(path).unwrap()).unwrap();
    files
        .into_iter()
        .map(|file| (file.path.clone(), read(&file.path)))
        .collect()
}

#[test]
fn what_is_copied_in_keeps_its_shape_and_leads_nowhere_else() {
    let outside = tempfile::tempdir().unwrap();
    let at = |path: &str| outside.path().join(path);
    std::fs::create_dir_all(at("data/below")).unwrap();
    std::fs::write(at("data/a"), "1").unwrap();
    std::fs::write(at("data/below/b"), "2").unwrap();
    std::fs::write(at("secret"), "secret").unwrap();
    for (place, workspace) in both() {
        workspace.copy_in(&at("data")).unwrap();
        workspace.copy_in_as("x/y", &at("data/a")).unwrap();
        workspace.copy_in_as("x/data", &at("data/below")).unwrap();
        // Again, and nothing is in the way.
        workspace.copy_in(&at("data")).unwrap();
        let found = content(&workspace);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let all = [
            ("data/a", "1"),
            ("data/below/b", "2"),
            ("x/data/b", "2"),
            ("x/y", "1"),
        ];
        assert_eq!(found, all);
        for name in ["", "..", "../a", "/a", "x/../../a", "."] {
            assert!(workspace.copy_in_as(name, &at("secret")).is_err(), "{name}");
        }
        // A file is no directory, nor the other way round.
        assert!(workspace.copy_in_as("x", &at("secret")).is_err());
        assert!(workspace.copy_in_as("x/y/z", &at("secret")).is_err());
        // Links of the host: one in what is copied, one to what is copied.
        std::os::unix::fs::symlink(at("secret"), at("data/link")).unwrap();
        let refused = workspace.copy_in(&at("data")).unwrap_err();
        let said = std::error::Error::source(&refused).unwrap().to_string();
        assert_eq!(said, "`link` in it: links are not followed");
        std::fs::remove_file(at("data/link")).unwrap();
        drop(place);
    }
}

#[test]
fn a_workspace_is_not_copied_into_itself_and_its_own_files_stay_as_they_are() {
    let (place, workspace) = on_the_host();
    let at = |path: &str| place.path().join(path);
    std::fs::create_dir(at("data")).unwrap();
    std::fs::write(at("data/a"), "text").unwrap();
    assert!(workspace.copy_in_as("copy", place.path()).is_err());
    let inside = Workspace::open(&at("data")).unwrap();
    assert!(inside.copy_in_as("copy", place.path()).is_err());
    workspace.copy_in(&at("data")).unwrap();
    inside.copy_in(&at("data/a")).unwrap();
    assert_eq!(
        content(&workspace),
        [("data/a".to_owned(), "text".to_owned())]
    );
    workspace.copy_in_as("copy", &at("data")).unwrap();
    let both = ["copy/a", "data/a"].map(|path| (path.to_owned(), "text".to_owned()));
    assert_eq!(content(&workspace), both);
}
