//! What holds of files in memory alone: they take of the host what is counted, in pieces that say nothing of each other,
//! and go at once.

use super::{
    Errno, Limits, MANY, Mount, Whence, Workspace, made, memory, session, with_little_stack,
};
use crate::budget::{Budget, FOR_FILES};
use proptest::prelude::*;

const PIECE: usize = 64 << 10;

fn millions(bytes: u64) -> Limits {
    Limits {
        workspace_bytes: bytes,
        workspace_files: u64::MAX,
        ..Limits::default()
    }
}

/// What the host is believed to hold for files, looked at and as the budget has it.
fn held(workspace: &Workspace, budget: &Budget) -> usize {
    let tree = memory(workspace).tree();
    let (_, _, held) = tree.counted();
    assert_eq!((tree.room.held(), budget.used()), ((held, held), held));
    held
}

#[test]
fn dos_12_whatever_is_written_no_run_holds_more_than_its_budget_has_for_files() {
    let (workspace, budget) = (Workspace::memory(), Budget::default());
    let mut session = workspace.session(&millions(1 << 40), &budget).unwrap();
    session.open(3, "f", made()).unwrap();
    let block = vec![1; 1 << 20];
    let mut taken = 0;
    let refused = loop {
        match session.write(4, &block) {
            Ok(more) => taken += more,
            Err(error) => break error,
        }
    };
    assert_eq!((refused, taken), (Errno::NOSPC, 47 << 20));
    assert!(held(&workspace, &budget) <= FOR_FILES);
    // What is there can be written to, read and made less, and calls have their part.
    session.seek(4, 0, Whence::Start).unwrap();
    assert_eq!(session.write(4, &block), Ok(block.len()));
    assert!(budget.take(8 << 20).is_some());
    // Removed while it is open it is held, and then no more.
    session.unlink(3, "f").unwrap();
    assert!(held(&workspace, &budget) > 47 << 20);
    session.close(4).unwrap();
    assert_eq!(held(&workspace, &budget), 0);
}

#[test]
fn dos_12_names_are_held_as_well_and_there_are_no_more_of_them_than_fit() {
    let (workspace, budget) = (Workspace::memory(), Budget::default());
    let session = workspace.session(&millions(0), &budget).unwrap();
    let longest = "x".repeat(240);
    let mut made = 0_usize;
    while session
        .make_directory(3, &format!("{longest}{made}"))
        .is_ok()
    {
        made += 1;
    }
    assert_eq!((made, held(&workspace, &budget)), (39_321, 39_321 * 1280));
}

#[test]
fn dos_12_a_hole_counts_as_bytes_and_takes_no_memory() {
    let (workspace, budget) = (Workspace::memory(), Budget::default());
    let mut session = workspace.session(&millions(1 << 40), &budget).unwrap();
    session.open(3, "f", made()).unwrap();
    session.seek(4, (1 << 40) - 1, Whence::Start).unwrap();
    assert_eq!(session.write(4, b"x"), Ok(1));
    assert_eq!(session.write(4, b"x"), Err(Errno::NOSPC));
    // One name, and one piece in which one byte was written to, the last.
    assert_eq!(held(&workspace, &budget), 1280 + PIECE + 64);
    session.seek(4, -3, Whence::End).unwrap();
    let mut read = [9; 8];
    assert_eq!(session.read(4, &mut read), Ok(3));
    assert_eq!(read, [0, 0, b'x', 9, 9, 9, 9, 9]);
    session.set_size(4, 0).unwrap();
    assert_eq!(held(&workspace, &budget), 1280);
    session.set_size(4, 1 << 40).unwrap();
    assert_eq!(held(&workspace, &budget), 1280);
}

#[test]
fn dos_12_what_the_operator_copied_in_is_not_of_the_runs_budget() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("large");
    std::fs::write(&input, vec![1; 60 << 20]).unwrap();
    let (workspace, budget) = (Workspace::memory(), Budget::default());
    workspace.copy_in(&input).unwrap();
    let mut session = workspace.session(&Limits::default(), &budget).unwrap();
    assert_eq!(budget.used(), 0);
    session.open(3, "large", made()).unwrap();
    assert_eq!(session.write(4, &[2; 100]), Ok(100));
    assert_eq!(budget.used(), 0);
    session.open(3, "new", made()).unwrap();
    assert_eq!(session.write(5, &[3; 1 << 20]), Ok(1 << 20));
    assert_eq!(budget.used(), 1280 + 16 * (PIECE + 64));
    drop(session);
    // A run that comes after answers for what another left, and the other no more.
    let later = Budget::default();
    let session = workspace.session(&Limits::default(), &later).unwrap();
    assert_eq!((budget.used(), later.used()), (0, 1280 + 16 * (PIECE + 64)));
    drop(session);
    let error = {
        let huge = directory.path().join("huge");
        std::fs::File::create(&huge)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        workspace.copy_in(&huge).unwrap_err()
    };
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "files in memory are at most 256.0 MiB; a directory may hold more"
    );
}

#[test]
fn dos_13_a_hundred_thousand_entries_and_the_deepest_tree_are_dropped_with_little_stack() {
    let workspace = Workspace::memory();
    memory(&workspace).tree().as_the_host(|tree| tree.dig(MANY));
    let wide = tempfile::tempdir().unwrap();
    std::fs::write(wide.path().join("f"), "f").unwrap();
    workspace.copy_in(&wide.path().join("f")).unwrap();
    let mut session = session(&workspace, &millions(1 << 20));
    memory(&workspace)
        .tree()
        .as_the_host(|tree| tree.widen(MANY));
    // As a directory it is listed in order, entry by entry, in a time that follows their number.
    let (mut from, mut names) = (0, 0);
    loop {
        let entries = session.list(3, from, 4096).unwrap();
        let mut entries = &entries[..];
        let before = names;
        while let Some((head, rest)) = entries.split_first_chunk::<24>() {
            let length = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
            let Some(rest) = rest.get(length..) else {
                break;
            };
            from = u64::from_le_bytes(head[..8].try_into().unwrap());
            names += 1;
            entries = rest;
        }
        if names == before {
            break;
        }
    }
    // With the file, the chain, and the two that every directory has.
    assert_eq!(names, MANY + 4);
    drop(session);
    with_little_stack(move || {
        let listed = workspace.list();
        assert_eq!((listed.files.len(), listed.unlisted), (1, None));
        drop(workspace);
    });
}

fn names(session: &mut Mount, from: u64, room: usize) -> Vec<(u64, String)> {
    let entries = session.list(3, from, room).unwrap();
    let (mut entries, mut found) = (&entries[..], Vec::new());
    while let Some((head, rest)) = entries.split_first_chunk::<24>() {
        let length = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
        let Some((name, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let next = u64::from_le_bytes(head[..8].try_into().unwrap());
        found.push((next, String::from_utf8(name.to_vec()).unwrap()));
        entries = rest;
    }
    found
}

#[test]
fn a_listing_goes_on_where_it_was_whatever_comes_and_goes_meanwhile() {
    let workspace = Workspace::memory();
    let mut session = session(&workspace, &Limits::default());
    for name in ["b", "a", "d", "c"] {
        session.make_directory(3, name).unwrap();
    }
    // Room for the two dots and two names.
    let first = names(&mut session, 0, 103);
    let seen: Vec<&str> = first.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(seen, [".", "..", "b", "a"]);
    // One that was given, one that was not, and one that is new.
    session.remove_directory(3, "b").unwrap();
    session.remove_directory(3, "d").unwrap();
    session.make_directory(3, "e").unwrap();
    let rest = names(&mut session, first[3].0, 4096);
    let seen: Vec<&str> = rest.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(seen, ["c", "e"]);
}

#[test]
fn a_directory_that_was_removed_while_it_was_open_is_empty_and_takes_nothing_new() {
    let workspace = Workspace::memory();
    let mut session = session(&workspace, &Limits::default());
    session.make_directory(3, "d").unwrap();
    session.open(3, "d", super::How::default()).unwrap();
    session.remove_directory(3, "d").unwrap();
    assert_eq!(session.open(4, "f", made()), Err(Errno::NOENT));
    assert_eq!(session.make_directory(4, "e"), Err(Errno::NOENT));
    assert_eq!(session.stat(4).unwrap().links, 0);
    session.close(4).unwrap();
    let (bytes, entries, held) = memory(&workspace).tree().counted();
    assert_eq!((bytes, entries, held), (0, 0, 0));
}

#[test]
fn no_path_in_memory_leads_out_of_the_directory_that_it_begins_at() {
    let workspace = Workspace::memory();
    let mut session = session(&workspace, &Limits::default());
    session.make_directory(3, "d").unwrap();
    session.open(3, "d", super::How::default()).unwrap();
    session.open(3, "d/f", made()).unwrap();
    for (fd, path, answer) in [
        (3, "d/../d/./f", Ok(())),
        (3, "d//f", Ok(())),
        (4, "f", Ok(())),
        (3, "..", Err(Errno::PERM)),
        (3, "d/../..", Err(Errno::PERM)),
        (4, "../d/f", Err(Errno::PERM)),
        (3, "/etc/passwd", Err(Errno::PERM)),
        (3, "/work", Err(Errno::PERM)),
        (3, "", Err(Errno::NOENT)),
        (3, "e", Err(Errno::NOENT)),
        (3, "d/f/", Err(Errno::NOTDIR)),
        (3, "d/f/..", Err(Errno::NOTDIR)),
        (3, "d\0", Err(Errno::INVAL)),
        (5, "d", Err(Errno::NOTDIR)),
        (6, "d", Err(Errno::BADF)),
    ] {
        let found = session.stat_path(fd, path, true).map(drop);
        assert_eq!(found, answer, "{fd} {path:?}");
    }
    let long = "x".repeat(256);
    assert_eq!(session.open(3, &long, made()), Err(Errno::NAMETOOLONG));
}

/// What is done to a file, with places and lengths that meet the ends of pieces.
fn steps() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    let place = prop_oneof![
        0..3 * PIECE,
        (0..4_usize, 0..9_usize)
            .prop_map(|(piece, beside)| (piece * PIECE + beside).saturating_sub(4)),
    ];
    prop::collection::vec((0..3_usize, place, 0..2 * PIECE), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_read_is_what_was_written_wherever_pieces_end(steps in steps()) {
        let (workspace, budget) = (Workspace::memory(), Budget::default());
        let mut session = workspace.session(&Limits::default(), &budget).unwrap();
        session.open(3, "f", made()).unwrap();
        let mut model: Vec<u8> = Vec::new();
        for (number, (step, at, length)) in steps.into_iter().enumerate() {
            match step {
                0 => {
                    let bytes = vec![u8::try_from(number + 1).unwrap(); length];
                    session.seek(4, i64::try_from(at).unwrap(), Whence::Start).unwrap();
                    prop_assert_eq!(session.write(4, &bytes), Ok(length));
                    if length > 0 {
                        model.resize(model.len().max(at + length), 0);
                        model[at..at + length].copy_from_slice(&bytes);
                    }
                }
                1 => {
                    session.set_size(4, at as u64).unwrap();
                    model.resize(at, 0);
                }
                _ => {
                    let mut room = vec![255; length];
                    session.seek(4, i64::try_from(at).unwrap(), Whence::Start).unwrap();
                    let taken = session.read(4, &mut room).unwrap();
                    let expected = model.get(at..).unwrap_or_default();
                    prop_assert_eq!(&room[..taken], &expected[..expected.len().min(length)]);
                }
            }
            held(&workspace, &budget);
        }
        prop_assert_eq!(&workspace.read("f").unwrap(), &model);
        let target = tempfile::tempdir().unwrap();
        workspace.copy_out(target.path()).unwrap();
        prop_assert_eq!(&std::fs::read(target.path().join("f")).unwrap(), &model);
    }
}
