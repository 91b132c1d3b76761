//! `sandgate image`: the compiled interpreter of this user on this machine.

use super::{exit::Exit, failure::Failure, print, progress::Bar, shared::SharedArguments};
use clap::{Args, Subcommand};
use sandgate::{ImageCache, Progress};

/// Show, prepare or remove the compiled interpreter.
#[derive(Debug, Args)]
pub(super) struct ImageArguments {
    #[command(subcommand)]
    command: Option<ImageCommand>,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    /// Where it is kept, under which key, and how large it is (also without a subcommand)
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Prepare it now rather than when the first script runs
    Warm,
    /// Remove it, and those of other versions; the next run prepares it again
    Clear,
}

pub(super) fn execute(
    arguments: &ImageArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let cache = ImageCache::new(shared.cache.clone())?;
    let text = match arguments.command {
        None | Some(ImageCommand::Show { json: false }) => show(&cache)?,
        Some(ImageCommand::Show { json: true }) => {
            print::json(&json(&cache)?)?;
            return Ok(Exit::Ok);
        }
        Some(ImageCommand::Warm) => {
            let bar = Bar::default();
            cache.warm((!shared.quiet).then_some(&bar as &dyn Progress))?;
            show(&cache)?
        }
        Some(ImageCommand::Clear) => format!("removed {} images\n", cache.clear()?),
    };
    print::out(&text)?;
    Ok(Exit::Ok)
}

fn json(cache: &ImageCache) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(&cache.status()?)
        .map_err(|error| Failure::internal(error.to_string(), None))?;
    Ok(format!("{text}\n"))
}

fn show(cache: &ImageCache) -> Result<String, Failure> {
    let status = cache.status()?;
    let state = match status.size {
        Some(size) => bytesize::ByteSize::b(size).display().iec().to_string(),
        None => "not prepared yet; `sandgate image warm` does it".to_owned(),
    };
    Ok(format!(
        "directory  {}\nkey        {}\nimage      {state}\nothers     {}\n",
        status.directory.display(),
        status.key,
        status.others
    ))
}
