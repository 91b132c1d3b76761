//! A command that could not be carried out: the thing, the reason and the remedy, and what the process exits with.

use super::exit::Exit;
use miette::Diagnostic;
use sandgate::{HostError, ImageError, LedgerError, RunError, chain};

/// A command that could not be carried out.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub(super) struct Failure {
    message: String,
    #[help]
    help: Option<String>,
    pub(super) exit: Exit,
}

impl Failure {
    /// The caller asked for something that cannot be.
    pub(super) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
            exit: Exit::Usage,
        }
    }

    /// sandgate could not do its work.
    pub(super) fn internal(message: impl Into<String>, help: Option<&str>) -> Self {
        Self {
            message: message.into(),
            help: help.map(ToOwned::to_owned),
            exit: Exit::Failure,
        }
    }
}

impl Failure {
    /// The same, for an error that nobody but us can do anything about.
    pub(super) fn ours(error: &dyn std::error::Error) -> Self {
        Self::internal(chain(error), None)
    }

    /// A service is not there, or what it answers is of no use.
    pub(super) fn service(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            exit: Exit::Service,
            ..Self::usage(message, help)
        }
    }

    /// The script has run, and what it left cannot be put where it was asked for.
    pub(super) fn undelivered(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            exit: Exit::Undelivered,
            ..Self::usage(message, help)
        }
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let message = error.to_string();
        let help = match &error {
            ImageError::Import { remedy, .. } => return Self::usage(message, *remedy),
            ImageError::Export { .. } => {
                return Self::usage(
                    message,
                    "name a file that does not exist yet, where you can write",
                );
            }
            ImageError::Cache { .. } => {
                Some("make the directory writable for you alone, or name another with --cache-dir")
            }
            ImageError::NoHome => Some("name a directory with --cache-dir"),
            ImageError::Artefact(_) | ImageError::Guest(_) => Some("install sandgate again"),
            ImageError::Engine(_) => Some(
                "sandgate reserves address space for its instances; a limit such as `ulimit -v` prevents that",
            ),
            ImageError::Prepare(_) | ImageError::Interrupted(_) => {
                Some("run `sandgate image clear` and try again")
            }
        };
        Self::internal(message, help)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let chain = chain(&error);
        match error {
            RunError::Memory { .. } => Self::usage(chain, "pass --memory 256MiB, for example"),
            RunError::Stdin { .. } => Self::usage(chain, "pass large input as a file, with --in"),
            RunError::Variable(_) => Self::usage(chain, "pass --env NAME=VALUE"),
            RunError::NoFiles => Self::usage(chain, "leave --workspace, --in and --out out"),
            RunError::Workspace(_) => Self::usage(
                chain,
                "name files and directories that you can read and write",
            ),
            RunError::Replay => Self::usage(chain, "leave --context out"),
            RunError::Taken => Self::usage(chain, "look at it with `sandgate journal list`"),
            RunError::Unknown { .. } => Self::usage(
                chain,
                "look at the service, and say what came of it with `sandgate resolve`",
            ),
            RunError::Ledger(error) => error.into(),
            RunError::Random(_) | RunError::Instance(_) => Self::internal(chain, None),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::internal(
            chain(&error),
            Some("`sandgate journal verify` says what is wrong with the journal"),
        )
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let help = error.help().map(|help| help.to_string());
        match error {
            HostError::Image(error) => error.into(),
            HostError::Store(error) => error.into(),
            error => Self {
                message: chain(&error),
                help,
                exit: Exit::Usage,
            },
        }
    }
}
