//! The workspace of one run as `files` comes by it. One in memory is made by the first operation that is about a path; that
//! there is a directory, and where it is, is said without it. What may wait for a disk is carried out by a thread that may
//! wait, which takes the session with it. It must never hold the executor, nor the workspace: a run that ends meanwhile is
//! over.

use super::Failed;
use crate::{
    budget::Budget,
    limits::Limits,
    sandbox::{
        RunError,
        linker::memory,
        state::{GuestFiles, State},
    },
    workspace::{Descriptor, FileList, Mount, Workspace, WorkspaceError},
};
use rustix::io::Errno;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use wasmtime::Caller;

/// The directory that a run begins with.
pub(super) const FIRST: u32 = 3;

/// Opens a workspace for one run, or none: then there is one in memory as soon as it is used.
pub(in crate::sandbox) async fn open(
    workspace: Option<Arc<Workspace>>,
    limits: &Limits,
    budget: &Budget,
) -> Result<GuestFiles, RunError> {
    let (limits, budget) = (*limits, budget.clone());
    let Some(workspace) = workspace else {
        return Ok(GuestFiles::Unused { limits, budget });
    };
    let Some(path) = workspace.path().map(ToOwned::to_owned) else {
        return Ok(GuestFiles::Here(workspace.session(&limits, &budget)?));
    };
    let opened = spawn_blocking(move || workspace.session(&limits, &budget)).await;
    let session = opened.map_err(|error| WorkspaceError::Open {
        path,
        source: std::io::Error::other(error),
    })??;
    Ok(GuestFiles::Here(session))
}

/// What a run left.
pub(in crate::sandbox) async fn listed(workspace: Arc<Workspace>) -> FileList {
    match spawn_blocking(move || workspace.list()).await {
        Ok(listed) => listed,
        Err(error) => FileList {
            unlisted: Some(format!("the workspace cannot be listed: {error}")),
            ..FileList::default()
        },
    }
}

/// The workspace, which is made if this is the first use of it, from here on at the time that the run has now.
pub(super) fn session(state: &mut State) -> Result<&mut Mount, Failed> {
    let (files, recorder) = (&mut state.files, &mut state.recorder);
    let files = files.as_mut().ok_or(Errno::BADF)?;
    if let GuestFiles::Unused { limits, budget } = files {
        let made = Workspace::memory_since(recorder.started_ms());
        let opened = made
            .session(limits, budget)
            .map_err(wasmtime::Error::from)?;
        *files = GuestFiles::Here(opened);
    }
    match files {
        GuestFiles::Here(session) => {
            if let Mount::Memory(files) = session {
                files.at(recorder.wall_ms().map_err(wasmtime::Error::from)?);
            }
            Ok(session)
        }
        GuestFiles::Unused { .. } | GuestFiles::Away => Err(lost()),
    }
}

fn lost() -> Failed {
    Failed::Trapped(wasmtime::format_err!(
        "an earlier operation on a file failed"
    ))
}

/// What a descriptor stands for, for which no workspace need be made.
pub(super) fn described(caller: &mut Caller<'_, State>, fd: u32) -> Result<Descriptor, Failed> {
    match caller.data().files.as_ref().ok_or(Errno::BADF)? {
        GuestFiles::Unused { .. } if fd == FIRST => Ok(Descriptor::Directory { first: true }),
        GuestFiles::Unused { .. } => Err(Errno::BADF.into()),
        GuestFiles::Here(session) => Ok(session.describe(fd)?),
        GuestFiles::Away => Err(lost()),
    }
}

/// How many files and directories a run has open, for which no workspace need be made.
pub(super) fn open_files(state: &State) -> usize {
    match &state.files {
        Some(GuestFiles::Here(session)) => session.open_files(),
        Some(GuestFiles::Unused { .. } | GuestFiles::Away) | None => 0,
    }
}

/// Does something with a workspace in memory and with the guest's, both at hand; nothing where it is a directory of the
/// host, of which nobody knows how long it takes.
pub(super) fn at_once<R>(
    caller: &mut Caller<'_, State>,
    act: impl FnOnce(&mut Mount, &mut [u8]) -> Result<R, Failed>,
) -> Result<Option<R>, Failed> {
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    match session(state)? {
        Mount::Host(_) => Ok(None),
        files => act(files, bytes).map(Some),
    }
}

/// What may wait, by a thread that may, unless nothing can take long.
pub(super) async fn carry_out<R: Send + 'static>(
    caller: &mut Caller<'_, State>,
    act: impl FnOnce(&mut Mount) -> Result<R, Errno> + Send + 'static,
) -> Result<R, Failed> {
    let state = caller.data_mut();
    if let files @ Mount::Memory(_) = session(state)? {
        return Ok(act(files)?);
    }
    let taken = state
        .files
        .as_mut()
        .map(|files| std::mem::replace(files, GuestFiles::Away));
    let Some(GuestFiles::Here(mut session)) = taken else {
        return Err(lost());
    };
    let acted = spawn_blocking(move || {
        let done = act(&mut session);
        (session, done)
    });
    let (session, done) = acted.await.map_err(wasmtime::Error::from)?;
    caller.data_mut().files = Some(GuestFiles::Here(session));
    Ok(done?)
}

/// That there is a workspace at all.
pub(super) fn exists(caller: &Caller<'_, State>) -> Result<(), Failed> {
    match caller.data().files {
        Some(_) => Ok(()),
        None => Err(Errno::BADF.into()),
    }
}
