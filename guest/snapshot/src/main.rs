//! Makes the artefact of the linked guest: copies made interruptible, initialised once, its memory taken and put together, and at
//! the end loops made to give way. Also has an instrumented guest count what scripts do. Called by `guest/build.sh`. What it writes must follow from the guest alone, or nobody could build the same bytes again.

#![expect(
    clippy::disallowed_methods,
    reason = "it reads the file that it is given and writes the one that it is told to"
)]

mod countdown;
mod data;
mod files;
mod initialise;
mod interruptible;
mod training;

use std::{env, fs, process::ExitCode};
use wasmtime::{Result, bail, error::Context as _};

const USAGE: &str = "sandgate-snapshot [--once | --count] GUEST.wasm SNAPSHOT.wasm
       sandgate-snapshot --train GUEST.wasm SCRIPTS PROFILE.profraw";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("snapshot: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    if let [train, guest, scripts, to] = arguments.as_slice()
        && train == "--train"
    {
        let profile = training::profile(&read(guest)?, &read(scripts)?)?;
        return fs::write(to, profile).with_context(|| format!("`{to}` cannot be written"));
    }
    let once = arguments.first().is_some_and(|first| first == "--once");
    let count = arguments.first().is_some_and(|first| first == "--count");
    if once || count {
        arguments.remove(0);
    }
    let [guest, to] = arguments.as_slice() else {
        bail!("usage: {USAGE}");
    };
    let guest = read(guest)?;
    let snapshot = if count {
        countdown::rewrite(&data::merge(&guest)?)?
    } else if once {
        initialise::snapshot(
            &interruptible::rewrite(&guest)?,
            initialise::Compiling::Quickly,
        )?
    } else {
        initialise::snapshot_both_ways(&interruptible::rewrite(&guest)?)?
    };
    fs::write(to, snapshot).with_context(|| format!("`{to}` cannot be written"))
}

fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("`{path}` cannot be read"))
}
