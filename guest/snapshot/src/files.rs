//! What a script of the training has where a run has its workspace: files in memory, and waits that end at once.
//! Used by `training` alone: the snapshot is taken where nothing of this is there.

use crate::initialise::{BADF, DIRECTORY, MODULE, Written, pieces, read, write};
use std::collections::BTreeMap;
use wasmtime::{Caller, Linker, Result};

/// The workspace, and the first number that is nobody's.
const WORKSPACE: i32 = 3;
const FIRST: i32 = 4;
/// WASI's numbers: there is no such file; what a file is that has bytes; make it where it is missing; empty it.
const NOENT: i32 = 44;
const REGULAR: u8 = 4;
const CREATE: i32 = 1;
const TRUNCATE: i32 = 8;

/// Files by their paths, and those that are open, each with the place that is read or written next.
#[derive(Default)]
pub struct Files {
    contents: BTreeMap<Vec<u8>, Vec<u8>>,
    open: BTreeMap<i32, (Vec<u8>, usize)>,
}

impl Files {
    fn opened(&mut self, path: Vec<u8>, flags: i32) -> Option<i32> {
        if flags & CREATE == 0 && !self.contents.contains_key(&path) {
            return None;
        }
        let contents = self.contents.entry(path.clone()).or_default();
        if flags & TRUNCATE != 0 {
            contents.clear();
        }
        let number = (FIRST..).find(|number| !self.open.contains_key(number))?;
        self.open.insert(number, (path, 0));
        Some(number)
    }

    /// What an open file holds, and the place in it.
    fn at(&mut self, number: i32) -> Option<(&mut Vec<u8>, &mut usize)> {
        let (path, place) = self.open.get_mut(&number)?;
        Some((self.contents.get_mut(path)?, place))
    }

    /// Writes to an open file, which ends there then; whether it is one.
    pub fn write(&mut self, number: i32, bytes: &[u8]) -> bool {
        let Some((contents, place)) = self.at(number) else {
            return false;
        };
        contents.truncate(*place);
        contents.extend_from_slice(bytes);
        *place = contents.len();
        true
    }
}

/// Puts them in the place of what is not there.
pub fn add(linker: &mut Linker<Written>) -> Result<()> {
    linker.allow_shadowing(true);
    add_files(linker)?;
    add_bytes(linker)?;
    // Time stands still, so whoever waits waits for nothing.
    linker.func_wrap(
        MODULE,
        "clock_res_get",
        |mut caller: Caller<'_, Written>, _: i32, at: i32| {
            write(&mut caller, at, &1_u64.to_le_bytes())?;
            Result::Ok(0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "poll_oneoff",
        |mut caller: Caller<'_, Written>, asked: i32, events: i32, count: i32, number: i32| {
            for index in 0..count {
                let mut event = [0; 32];
                let whose = read(&mut caller, asked.wrapping_add(index.wrapping_mul(48)), 8)?;
                put(&mut event, 0, &whose);
                write(
                    &mut caller,
                    events.wrapping_add(index.wrapping_mul(32)),
                    &event,
                )?;
            }
            write(&mut caller, number, &count.to_le_bytes())?;
            Result::Ok(0)
        },
    )?;
    Ok(())
}

/// Opening, closing and looking.
fn add_files(linker: &mut Linker<Written>) -> Result<()> {
    linker.func_wrap(
        MODULE,
        "path_open",
        |mut caller: Caller<'_, Written>,
         _: i32,
         _: i32,
         path: i32,
         length: i32,
         flags: i32,
         _: i64,
         _: i64,
         _: i32,
         at: i32| {
            let path = read(&mut caller, path, length)?;
            let Some(number) = caller.data_mut().files.opened(path, flags) else {
                return Result::Ok(NOENT);
            };
            write(&mut caller, at, &number.to_le_bytes())?;
            Ok(0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_close",
        |mut caller: Caller<'_, Written>, number: i32| match caller
            .data_mut()
            .files
            .open
            .remove(&number)
        {
            Some(_) => 0,
            None => BADF,
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_filestat_get",
        |mut caller: Caller<'_, Written>, number: i32, at: i32| {
            let mut stat = [0; 64];
            if number >= FIRST {
                let Some((contents, _)) = caller.data_mut().files.at(number) else {
                    return Result::Ok(BADF);
                };
                let length = u64::try_from(contents.len())?.to_le_bytes();
                put(&mut stat, 16, &[REGULAR]);
                put(&mut stat, 32, &length);
            }
            write(&mut caller, at, &stat)?;
            Ok(0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_fdstat_get",
        |mut caller: Caller<'_, Written>, number: i32, at: i32| {
            // Whatever it is, it may be done.
            let mut stat = [0xff; 24];
            let kind = match number {
                WORKSPACE => DIRECTORY,
                FIRST.. => REGULAR,
                _ => 0,
            };
            put(&mut stat, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]);
            write(&mut caller, at, &stat)?;
            Result::Ok(0)
        },
    )?;
    Ok(())
}

/// Reading and seeking.
fn add_bytes(linker: &mut Linker<Written>) -> Result<()> {
    linker.func_wrap(
        MODULE,
        "fd_read",
        |mut caller: Caller<'_, Written>, number: i32, vectors: i32, count: i32, done: i32| {
            let mut total = 0_usize;
            for (at, length) in pieces(&mut caller, vectors, count)? {
                let Some((contents, place)) = caller.data_mut().files.at(number) else {
                    return Result::Ok(BADF);
                };
                let rest = contents.get(*place..).unwrap_or_default();
                let length = usize::try_from(length.cast_unsigned())?;
                let piece = rest.get(..length).unwrap_or(rest).to_vec();
                *place = place.saturating_add(piece.len());
                total = total.saturating_add(piece.len());
                write(&mut caller, at, &piece)?;
            }
            write(&mut caller, done, &u32::try_from(total)?.to_le_bytes())?;
            Ok(0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_seek",
        |mut caller: Caller<'_, Written>, number: i32, by: i64, from: i32, at: i32| {
            let Some((contents, place)) = caller.data_mut().files.at(number) else {
                return Result::Ok(BADF);
            };
            let from = [0, *place, contents.len()]
                .get(usize::try_from(from)?)
                .copied();
            let to = i64::try_from(from.unwrap_or_default())?.wrapping_add(by);
            *place = usize::try_from(to)?;
            write(&mut caller, at, &to.to_le_bytes())?;
            Ok(0)
        },
    )?;
    Ok(())
}

/// Bytes at a place in a record.
fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    let there = record.iter_mut().skip(at);
    there.zip(bytes).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_once_it_was_made_and_holds_what_was_written() {
        let mut files = Files::default();
        let path = || b"out.txt".to_vec();
        assert_eq!(files.opened(path(), 0), None);
        assert_eq!(files.opened(path(), CREATE), Some(FIRST));
        assert!(files.write(FIRST, b"one ") && files.write(FIRST, b"two"));
        assert_eq!(files.opened(path(), 0), Some(FIRST + 1));
        let (contents, place) = files.at(FIRST + 1).unwrap();
        assert_eq!((contents.as_slice(), *place), (b"one two".as_slice(), 0));
        assert!(!files.write(FIRST + 2, b"three"));
        files.open.remove(&FIRST);
        assert_eq!(files.opened(path(), TRUNCATE), Some(FIRST));
        assert!(files.at(FIRST).unwrap().0.is_empty());
    }
}
