//! `sandgate journal key`: what the journal is sealed with. It must never write over a file: what was sealed with the key in it could not
//! be read again.

use crate::{exit::Exit, failure::Failure, print};
use clap::{Args, Subcommand};
use sandgate::JournalKey;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
From when on sandgate.toml names the file as `key_file`, under [journal], everything that is written to the journal is
sealed with it: scripts, what they printed, what was sent and answered, names of people and scripts. Who called when, in
which context, and how it ended, is not; nor is what was written before, until it is pruned. End what
still writes without the key first.

`sandgate journal verify` says without the key whether everything is in its place. Without the key nobody can read what is
sealed, nor go on with a run that waits: keep a copy of the file elsewhere. A key cannot be changed: end what
waits, export the journal, move its directory away, and name the new key.

Example:
  sandgate journal key new ~/.config/sandgate/journal.key")]
pub(super) struct KeyArguments {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key in a new file, which is yours alone
    New {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(super) fn execute(arguments: &KeyArguments) -> Result<Exit, Failure> {
    let KeyCommand::New { file } = &arguments.command;
    JournalKey::create(file).map_err(|error| {
        let help = "name a file that does not exist yet, where you can write";
        Failure::usage(sandgate::chain(&error), help)
    })?;
    print::out(&format!(
        "made `{}`; keep a copy of it, and name it as `key_file` under [journal] of sandgate.toml\n",
        file.display()
    ))?;
    Ok(Exit::Ok)
}
