//! The image: the snapshot of the interpreter, which is built into this program, compiled for this processor. Called when a sandbox is
//! built, and by `sandgate image`. It must never load a file that it did not verify.

mod artefact;
mod cache;
mod portable;
mod target;

#[cfg(any(test, fuzzing))]
pub(crate) use cache::fuzzing;
pub use cache::{ImageCache, ImageStatus, PortedImage};
pub use target::{ImageTarget, ImageTargetError, ProcessorLevel};

use std::{fmt, io, path::PathBuf, sync::LazyLock};
use wasmtime::{Config, Engine, Module};

/// Told what is being done while an image is prepared.
pub trait Progress: Send + Sync {
    /// The next stage begins.
    fn stage(&self, stage: Stage);
    /// The image is ready.
    fn done(&self);
}

impl fmt::Debug for dyn Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// The stages of preparing an image, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another process is doing it.
    Waiting,
    /// The artefact is unpacked and compared with its manifest.
    Unpacking,
    /// It is compiled for this processor.
    Compiling,
    /// The result is written.
    Storing,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The cache directory cannot be used.
    #[error("the image cache `{}` cannot be used: {reason}", path.display())]
    Cache {
        /// Which directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No cache directory is known.
    #[error("there is no home directory to keep the compiled interpreter in")]
    NoHome,
    /// The committed artefact is not what its manifest says.
    #[error("the interpreter that is built into this program is damaged: {0}")]
    Artefact(String),
    /// The interpreter asks for something that is not granted, or lacks something.
    #[error("the interpreter is not the one this program was built for: {0}")]
    Guest(String),
    /// wasmtime does not work here.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
    /// The image could not be made.
    #[error("the interpreter could not be prepared: {0}")]
    Prepare(String),
    /// A file that an image is written to or read from.
    #[error("the image cannot be written to `{}`: {reason}", path.display())]
    Export {
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An image that came as a file is not one for here, or not the one that was meant.
    #[error("`{}` is not taken: {reason}", path.display())]
    Import {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What would be taken.
        remedy: &'static str,
    },
    /// The task that did it was ended.
    #[error("preparing the interpreter was interrupted: {0}")]
    Interrupted(String),
}

/// Which interpreter this program has, whatever it was compiled for: what a run that is made again needs the same of.
pub(crate) fn interpreter() -> &'static str {
    // Every run says it.
    static NAME: LazyLock<&str> = LazyLock::new(|| artefact::digest().unwrap_or_default());
    &NAME
}

/// An image that was verified and loaded.
pub(super) struct Image(Module);

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Image")
    }
}

impl Image {
    pub(super) fn module(&self) -> &Module {
        &self.0
    }

    /// A guest of the tests, which was compiled just now.
    #[cfg(test)]
    pub(super) fn compiled(module: Module) -> Self {
        Self(module)
    }

    /// Loads compiled code.
    #[expect(
        unsafe_code,
        reason = "loading precompiled code is unsafe in wasmtime: it is run as it is"
    )]
    fn load(engine: &Engine, file: cache::Verified) -> wasmtime::Result<Self> {
        // SAFETY: `Verified` is only made of a file that this program wrote, whose digest it compared with the one
        // that was noted when it was written, in a directory and a file that belong to this user alone. What it wrote it
        // compiled itself, or copied from a file whose digest the user named as that of code to be run.
        let module = unsafe { Module::deserialize_open_file(engine, file.into_file()) }?;
        Ok(Self(module))
    }
}

/// Has code made for every processor of a level, which may use what all of them have.
#[expect(
    unsafe_code,
    reason = "any setting of the compiler is unsafe in wasmtime: some make code that is wrong"
)]
pub(super) fn assume(config: &mut Config, level: ProcessorLevel) {
    // SAFETY: a level is one of the compiler's own, from a table, and does nothing but let it use instructions. Code that
    // was made so is only loaded where wasmtime finds each of them in the processor.
    unsafe { config.cranelift_flag_enable(level.name()) };
}

/// The imports that a guest may have, one `module name` a line. Committed; guest/build.sh compares with it as well.
const IMPORTS: &str = include_str!("../../../guest/imports.txt");

/// THREAT[ESC-01]: a guest with any other import is not linked.
pub(super) fn check_imports<'a>(
    imports: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), ImageError> {
    let mut found: Vec<String> = imports
        .map(|(module, name)| format!("{module} {name}"))
        .collect();
    found.sort();
    let expected: Vec<&str> = IMPORTS.lines().collect();
    if found == expected {
        return Ok(());
    }
    let more: Vec<&str> = found
        .iter()
        .map(String::as_str)
        .filter(|name| !expected.contains(name))
        .collect();
    let fewer: Vec<&str> = expected
        .iter()
        .copied()
        .filter(|name| !found.iter().any(|found| found == name))
        .collect();
    Err(ImageError::Guest(format!(
        "its imports differ from guest/imports.txt (more: {}; fewer: {})",
        if more.is_empty() {
            "none".to_owned()
        } else {
            more.join(", ")
        },
        if fewer.is_empty() {
            "none".to_owned()
        } else {
            fewer.join(", ")
        },
    )))
}

/// Does this with threads for compiling that are gone when it returns. wasmtime would otherwise start some that stay, and
/// they would be outside of a wall that is raised later.
fn with_threads<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, ImageError> {
    /// As much as a program's first thread usually has.
    const STACK: usize = 8 << 20;
    rayon::ThreadPoolBuilder::new()
        .stack_size(STACK)
        .build_scoped(|thread| thread.run(), |pool| pool.install(work))
        .map_err(|error| ImageError::Prepare(error.to_string()))
}

fn cache_error(path: &std::path::Path, error: &io::Error) -> ImageError {
    ImageError::Cache {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
