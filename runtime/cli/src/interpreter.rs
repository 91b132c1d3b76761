//! How commands come by the interpreter: from the directory that the command line names, with progress where it is prepared.
//! Used by `run`, `mcp` and `demo`. It must never load anything by itself: each of them has its own moment for that.

use super::{progress::Bar, shared::SharedArguments};
use sandgate::{Builder, Sandbox};
use std::sync::Arc;

pub(super) fn interpreter(shared: &SharedArguments) -> Builder {
    let mut builder = Sandbox::builder();
    if let Some(cache) = &shared.cache {
        builder = builder.cache_dir(cache);
    }
    if !shared.quiet {
        builder = builder.progress(Arc::new(Bar::default()));
    }
    builder
}
