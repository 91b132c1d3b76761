//! `sandgate image`: the compiled interpreter of this user on this machine, and how it gets to others. It must never take one
//! from elsewhere unless its digest was named: it is code that runs with the user's rights.

use super::{exit::Exit, failure::Failure, print, progress::Bar, shared::SharedArguments};
use bytesize::ByteSize;
use clap::{Args, Subcommand};
use sandgate::{ImageCache, ImageTarget, PortedImage, Progress};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  sandgate image warm
  sandgate image warm --target x86-64-v3
  sandgate image export sandgate.image --target x86-64-v3
  sandgate image import sandgate.image --digest sha256:0123…";

const TRUST: &str = "\
An image is machine code. sandgate runs it with all of your rights, outside of every wall that it raises around scripts, and \
nobody can tell by looking at a file what its code does. So import only what you exported yourself, or what comes from \
somebody whom you trust as you trust whoever gave you sandgate; `--digest` says which file that is. Take the digest from where \
the image was exported, by another way than the file: a digest that lies beside a file was written by whoever wrote the file.

What is refused: a file with another digest, an image of another version of sandgate, of its interpreter or of wasmtime, one \
made with other settings, and one for a processor that has what this one lacks.";

/// Show, prepare, move or remove the compiled interpreter.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
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
    Warm {
        /// Prepare it for every processor of this level, such as x86-64-v3, so that it can be part of a container that runs
        /// elsewhere; native is for this processor alone
        /// [default: for this processor, unless there is one that it can run]
        #[arg(long, value_name = "TARGET", value_parser = target)]
        target: Option<ImageTarget>,
    },
    /// Write it to a file, for machines of the same kind, and print the file's digest
    Export {
        /// The file, which must not exist yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The processors it is for: native, which are those that have just what this one has, or a level such as x86-64-v3
        #[arg(long, value_name = "TARGET", value_parser = target, default_value = "native")]
        target: ImageTarget,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take it from a file that was exported, by you or by somebody whose code you would run
    #[command(after_help = TRUST)]
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What `image export` printed when it wrote the file
        #[arg(long, value_name = "sha256:HEX", value_parser = digest)]
        digest: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove it, and those of other versions; the next run prepares it again
    Clear,
}

fn target(text: &str) -> Result<ImageTarget, String> {
    text.parse()
        .map_err(|error: sandgate::ImageTargetError| error.to_string())
}

/// SHA-256, in hexadecimal digits.
fn digest(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    Err("a digest is `sha256:` and 64 hexadecimal digits, as `image export` prints it".to_owned())
}

pub(super) fn execute(
    arguments: &ImageArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let cache = ImageCache::new(shared.cache.clone())?;
    let bar = Bar::default();
    let progress = (!shared.quiet).then_some(&bar as &dyn Progress);
    let text = match &arguments.command {
        None | Some(ImageCommand::Show { json: false }) => show(&cache)?,
        Some(ImageCommand::Show { json: true }) => {
            print::json(&json(&cache)?)?;
            return Ok(Exit::Ok);
        }
        Some(ImageCommand::Warm { target: None }) => {
            cache.warm(progress)?;
            show(&cache)?
        }
        Some(ImageCommand::Warm {
            target: Some(target),
        }) => {
            cache.warm_for(*target, progress)?;
            show(&cache)?
        }
        Some(ImageCommand::Export { file, target, json }) => {
            return ported(&cache.export(*target, file, progress)?, *json);
        }
        Some(ImageCommand::Import { file, digest, json }) => {
            return ported(&cache.import(file, digest)?, *json);
        }
        Some(ImageCommand::Clear) => format!("removed {} images\n", cache.clear()?),
    };
    print::out(&text)?;
    Ok(Exit::Ok)
}

/// What an image is that came or went, and by which digest its file is known.
fn ported(image: &PortedImage, json: bool) -> Result<Exit, Failure> {
    if json {
        let text = serde_json::to_string_pretty(image).map_err(|error| Failure::ours(&error))?;
        print::json(&format!("{text}\n"))?;
        return Ok(Exit::Ok);
    }
    print::out(&format!(
        "file    {}\ntarget  {}\nimage   {}\ndigest  sha256:{}\n",
        image.file.display(),
        image.target,
        ByteSize::b(image.size).display().iec(),
        image.digest,
    ))?;
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
        Some(size) => ByteSize::b(size).display().iec().to_string(),
        None => "not prepared yet; `sandgate image warm` does it".to_owned(),
    };
    Ok(format!(
        "directory  {}\nkey        {}\nimage      {state}\ntarget     {}\nothers     {}\n",
        status.directory.display(),
        status.key,
        status.target,
        status.others
    ))
}
