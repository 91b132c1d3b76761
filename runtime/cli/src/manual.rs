//! `sandgate completions` and `sandgate man`: what shells complete and what `man` shows, made from the same arguments that are
//! parsed. Nothing here knows a command by name.

use super::{failure::Failure, print};
use clap::{Args, Command};
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Print what a shell needs to complete this command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sandgate completions bash > ~/.local/share/bash-completion/completions/sandgate
  sandgate completions zsh > ~/.zfunc/_sandgate
  sandgate completions fish > ~/.config/fish/completions/sandgate.fish")]
pub(super) struct CompletionsArguments {
    /// Which shell
    shell: Shell,
}

/// Write the pages of the manual, one for each command.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandgate man ~/.local/share/man/man1 && man sandgate-run")]
pub(super) struct ManArguments {
    /// The directory they are written to, which is made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn completions(
    arguments: &CompletionsArguments,
    mut command: Command,
) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "sandgate", &mut script);
    print::out(&String::from_utf8_lossy(&script))
}

pub(super) fn man(arguments: &ManArguments, command: Command) -> Result<(), Failure> {
    let directory: &Path = &arguments.directory;
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the directory that is written to"
    )]
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(command, directory))
        .map_err(|error| {
            let message = format!("`{}` cannot be written to: {error}", directory.display());
            Failure::usage(message, "name a directory that you can write to")
        })
}
