//! The executor of a command: one thread, the one that it is made on. It must be made before the wall is raised, since it
//! opens what it wakes by.

use super::{failure::Failure, signals::Signals};
use tokio::runtime::{Builder, Runtime};

/// An executor.
pub(super) fn executor() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::ours(&error))
}

/// The same, and from here on no signal ends the process by itself.
pub(super) fn catching() -> Result<(Runtime, Signals), Failure> {
    let executor = executor()?;
    let signals = {
        let _entered = executor.enter();
        Signals::catch().map_err(|error| Failure::ours(&error))?
    };
    Ok((executor, signals))
}
