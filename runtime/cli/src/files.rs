//! The files of a script: the directory that it works in, and what is copied into that first. Arguments of `run` and `repl`.
//! What cannot be had is refused before anything runs, and nothing that decides about scripts is given to one.

use super::{apart, failure::Failure, wall::WithinReach};
use clap::Args;
use sandgate::{Files, Limits, Workspace};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

/// The directory that a script works in, and what is copied into it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub(super) struct FilesArguments {
    /// Let the script read and change this directory, as /work, or with `:ro` behind it only read it; without one, /work is
    /// an empty directory in memory
    #[arg(long, value_name = "DIR[:ro]", value_parser = WorkspaceArgument::parser())]
    workspace: Option<WorkspaceArgument>,

    /// Copy this file, or this directory and what is in it, into the workspace first, under its own name or another; may be
    /// given more than once
    #[arg(long = "in", value_name = "[NAME=]PATH")]
    inputs: Vec<PathBuf>,
}

/// A directory of the host, and whether a script can only read it.
#[derive(Debug, Clone)]
struct WorkspaceArgument {
    path: PathBuf,
    read_only: bool,
}

impl WorkspaceArgument {
    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        use clap::builder::{OsStringValueParser, TypedValueParser};
        OsStringValueParser::new().map(|text| {
            let (path, read_only) = match text.as_bytes().strip_suffix(b":ro") {
                Some(path) => (OsStr::from_bytes(path), true),
                None => (text.as_os_str(), false),
            };
            Self {
                path: path.into(),
                read_only,
            }
        })
    }
}

/// What is copied in.
struct InputPath<'a> {
    path: &'a Path,
    name: Option<&'a str>,
}

impl<'a> InputPath<'a> {
    /// `NAME=PATH`, or a path alone. A text that could be either is refused.
    fn read(text: &'a Path) -> Result<Self, Failure> {
        let alone = Self {
            path: text,
            name: None,
        };
        let bytes = text.as_os_str().as_bytes();
        let Some(at) = bytes.iter().position(|byte| *byte == b'=') else {
            return Ok(alone);
        };
        let (name, path) = bytes.split_at_checked(at).unwrap_or_default();
        let path = Path::new(OsStr::from_bytes(path.strip_prefix(b"=").unwrap_or(path)));
        // A path is no name below the workspace where it says where it begins.
        let is_name = |name: &&str| {
            let mut parts = Path::new(name).components();
            !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
        };
        let Some(name) = std::str::from_utf8(name).ok().filter(is_name) else {
            return Ok(alone);
        };
        match (text.exists(), path.exists()) {
            (true, true) => Err(Failure::usage(
                format!(
                    "`{}` is a file, and `{}` is one as well",
                    text.display(),
                    path.display()
                ),
                format!("pass `./{}` for the first one", text.display()),
            )),
            (true, false) => Ok(alone),
            (false, _) => Ok(Self {
                path,
                name: Some(name),
            }),
        }
    }

    /// What it is called in the workspace.
    fn name(&self) -> Option<&OsStr> {
        self.name.map(OsStr::new).or_else(|| self.path.file_name())
    }

    fn copy(&self, workspace: &Workspace) -> Result<(), Failure> {
        let copied = match self.name {
            Some(name) => workspace.copy_in_as(name, self.path),
            None => workspace.copy_in(self.path),
        };
        copied.map_err(failed)
    }
}

fn failed(error: sandgate::WorkspaceError) -> Failure {
    Failure::from(sandgate::RunError::Workspace(error))
}

impl FilesArguments {
    /// The directory of the host that it works in.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.workspace
            .as_ref()
            .map(|argument| argument.path.as_path())
    }

    /// Whether there is anything in the workspace that somebody put there.
    pub(super) fn are_given(&self) -> bool {
        self.workspace.is_some() || !self.inputs.is_empty()
    }

    /// The places that the process needs while a script runs.
    pub(super) fn places(&self) -> impl Iterator<Item = WithinReach<'_>> {
        self.workspace.iter().map(|argument| {
            if argument.read_only {
                WithinReach::ReadOnly(&argument.path)
            } else {
                WithinReach::Directory(&argument.path)
            }
        })
    }

    /// What the script works in is not what decides about scripts.
    pub(super) fn keep_apart(&self, decide: &[(&str, Option<PathBuf>)]) -> Result<(), Failure> {
        self.directory()
            .map_or(Ok(()), |directory| apart::check(directory, decide))
    }

    /// What would keep files from coming in is said before anything runs: what a script has done cannot be done again for
    /// its files.
    pub(super) fn look(&self) -> Result<(), Failure> {
        let mut names = BTreeMap::new();
        for text in &self.inputs {
            let input = InputPath::read(text)?;
            let name = input.name().map(ToOwned::to_owned);
            if let Some(other) = name.and_then(|name| names.insert(name, text)) {
                let message = format!(
                    "`{}` and `{}` would be one file in the workspace",
                    other.display(),
                    text.display()
                );
                return Err(Failure::usage(
                    message,
                    "give one of them another name, as in --in NAME=PATH",
                ));
            }
        }
        let read_only = self
            .workspace
            .as_ref()
            .filter(|argument| argument.read_only);
        match (read_only, self.inputs.first()) {
            (Some(workspace), Some(input)) => Err(Failure::usage(
                format!(
                    "`{}` cannot be copied into `{}`, which is only read",
                    input.display(),
                    workspace.path.display()
                ),
                "leave `:ro` out, or put the file into the directory",
            )),
            _ => Ok(()),
        }
    }

    /// What a context leaves without files is given none, in whatever way they are asked for. Refused before any is read.
    pub(super) fn may_be_had(&self, limits: &Limits) -> Result<(), Failure> {
        if self.are_given() && limits.workspace == Files::None {
            return Err(sandgate::RunError::NoFiles.into());
        }
        Ok(())
    }

    /// What the script is given. Where that is nothing, it has a directory in memory all the same, once it uses it.
    pub(super) fn workspace(&self) -> Result<Option<Arc<Workspace>>, Failure> {
        let workspace = match &self.workspace {
            Some(WorkspaceArgument { path, read_only }) => if *read_only {
                Workspace::open_read_only(path)
            } else {
                Workspace::open(path)
            }
            .map_err(failed)?,
            None if self.inputs.is_empty() => return Ok(None),
            None => Workspace::memory(),
        };
        for text in &self.inputs {
            InputPath::read(text)?.copy(&workspace)?;
        }
        Ok(Some(Arc::new(workspace)))
    }
}
