//! `sandgate mcp install`: puts the server into the configuration of an agent's client, or takes it out. The file is the person's and holds
//! more than this entry, secrets among it: everything else in it stays byte for byte, there is a backup, and the file is
//! replaced as a whole or not at all. It must never write over an entry of the same name unless it is told to.

mod client;
mod edit;
mod file;

use super::ScriptsArguments;
use crate::{exit::Exit, failure::Failure, print, shared::SharedArguments};
use clap::Args;
use client::{ConfigFormat, InstallScope, McpClient};
use edit::{Edit, EditError};
use file::ConfigFile;
use sandgate::{ImageCache, policy};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  sandgate mcp install --client claude-code --context assistant
  sandgate mcp install --client cursor --scope project --context read_only --policies policies
  sandgate mcp install --client claude-desktop --context assistant --dry-run
  sandgate mcp install --client codex --remove";

/// Add the server to the configuration of an agent's client.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct InstallArguments {
    /// Whose configuration
    #[arg(long, value_enum)]
    client: McpClient,

    /// For you in every project, or for everybody in the project in this directory
    #[arg(long, value_enum, default_value = "user")]
    scope: InstallScope,

    /// What the client calls the server
    #[arg(long, value_name = "NAME", default_value = "sandgate", value_parser = name)]
    name: String,

    #[command(flatten)]
    scripts: ScriptsArguments,

    /// Write over another entry of the same name
    #[arg(long)]
    replace: bool,

    /// Take the server out of the configuration again
    #[arg(long, conflicts_with_all = ["replace", "context"])]
    remove: bool,

    /// Only show what would be written, and where
    #[arg(long)]
    dry_run: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Clients make names of tools of it.
fn name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("up to 64 of a-z, A-Z, 0-9, _ and -".to_owned())
    }
}

/// What was written, or would be.
#[derive(Debug, Serialize)]
struct Report<'a> {
    client: McpClient,
    file: &'a Path,
    name: &'a str,
    /// What is put there; nothing where it is taken out.
    entry: Option<&'a Value>,
    /// Whether the file is, or would be, another one.
    changed: bool,
    backup: Option<PathBuf>,
    dry_run: bool,
}

pub(super) fn execute(
    arguments: &InstallArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let entry = match arguments.remove {
        true => None,
        false => Some(entry(arguments, shared)?),
    };
    let client = arguments.client;
    let document = ConfigFile::open(&client.file(arguments.scope)?)?;
    let (format, list, name) = (client.format(), client.servers(), &arguments.name);
    let edited = match &entry {
        Some(entry) => {
            let replace = arguments.replace;
            edit::with(format, document.text(), list, name, entry, replace)
        }
        None => edit::without(format, document.text(), list, name),
    };
    let change =
        edited.map_err(|error| refused(arguments, document.path(), entry.as_ref(), &error))?;
    let mut report = Report {
        client,
        file: document.path(),
        name: &arguments.name,
        entry: entry.as_ref(),
        changed: !matches!(change, Edit::None),
        backup: None,
        dry_run: arguments.dry_run,
    };
    if let Edit::To(text) = &change
        && !arguments.dry_run
    {
        report.backup = document.replace(text, arguments.scope == InstallScope::User)?;
    }
    say(&report, arguments.json, !is_prepared(shared))
}

/// Some clients do not wait as long as that takes.
fn is_prepared(shared: &SharedArguments) -> bool {
    let status = ImageCache::new(shared.cache.clone()).and_then(|cache| cache.status());
    // Where it cannot be known, starting the server says why.
    status.map_or(true, |status| status.size.is_some())
}

fn say(report: &Report<'_>, json: bool, unprepared: bool) -> Result<Exit, Failure> {
    if json {
        let text = serde_json::to_string_pretty(report)
            .map_err(|error| Failure::internal(error.to_string(), None))?;
        print::json(&format!("{text}\n"))?;
        return Ok(Exit::Ok);
    }
    let (name, file) = (report.name, report.file.display());
    let mut text = match (report.entry, report.changed, report.dry_run) {
        (Some(_), false, _) => {
            format!("`{name}` is in `{file}` already, exactly so; nothing was changed\n")
        }
        (Some(entry), true, true) => format!(
            "`{name}` would be put into `{file}`{}:\n{}\n",
            under(report.client),
            edit::member(report.client.format(), report.client.servers(), name, entry)
        ),
        (Some(_), true, false) => format!("`{name}` is now in `{file}`\n"),
        (None, false, _) => format!("`{name}` is not in `{file}`; nothing was changed\n"),
        (None, true, true) => format!("`{name}` would be taken out of `{file}`\n"),
        (None, true, false) => format!("`{name}` is no longer in `{file}`\n"),
    };
    if let Some(backup) = &report.backup {
        text.push_str(&format!("what was there before: {}\n", backup.display()));
    }
    if report.changed && !report.dry_run && report.entry.is_some() {
        text.push_str(report.client.then());
        if unprepared {
            text.push_str("the interpreter is not prepared yet, which takes up to a minute; `sandgate image warm` does it before a client waits for it\n");
        }
    }
    print::out(&text)?;
    Ok(Exit::Ok)
}

/// Where in a file of JSON; a table of TOML says that itself.
fn under(client: McpClient) -> String {
    match client.format() {
        ConfigFormat::Toml => String::new(),
        ConfigFormat::Json | ConfigFormat::CommentedJson => {
            format!(", under \"{}\"", client.servers())
        }
    }
}

/// How a client starts the server: by absolute paths, since nobody knows in which directory and environment it does.
fn entry(arguments: &InstallArguments, shared: &SharedArguments) -> Result<Value, Failure> {
    let mut given = vec!["mcp".to_owned()];
    let mut add = |flag: &str, value: &str| given.extend([flag.to_owned(), value.to_owned()]);
    if let Some(context) = &arguments.scripts.context {
        add("--context", context);
        let policies = arguments.scripts.policies.required()?;
        known(&policies, context)?;
    }
    let named = [
        ("--policies", arguments.scripts.policies.named()),
        ("--config", shared.settings.file.as_deref()),
        ("--state-dir", shared.state.as_deref()),
        ("--cache-dir", shared.cache.as_deref()),
    ];
    for (flag, path) in named {
        if let Some(path) = path {
            add(flag, &absolute(path)?);
        }
    }
    let who = &arguments.scripts.who;
    if who.actor != policy::Principal::SCRIPT {
        add("--actor", &who.actor);
    }
    if let Some(user) = &who.user {
        add("--user", user);
    }
    for claim in &who.claims {
        add("--claim", claim);
    }
    if let Some(url) = &arguments.scripts.desk_url {
        add("--desk-url", &url.to_string());
    }
    let command = std::env::current_exe()
        .map_err(|error| Failure::internal(format!("this program has no path: {error}"), None))?;
    let command = absolute(&command)?;
    Ok(if arguments.client.names_type() {
        json!({"type": "stdio", "command": command, "args": given})
    } else {
        json!({"command": command, "args": given})
    })
}

/// A server of a context that does not exist would fail where nobody sees why.
fn known(policies: &Path, context: &str) -> Result<(), Failure> {
    let names = policy::names(policies).map_err(|error| {
        Failure::usage(
            sandgate::chain(&error),
            "name the directory of your contexts with --policies",
        )
    })?;
    if names.iter().any(|name| name == context) {
        return Ok(());
    }
    let message = format!(
        "there is no context `{context}` in `{}`",
        policies.display()
    );
    Err(Failure::usage(
        message,
        if names.is_empty() {
            "a context is a directory with policy.cedar and limits.toml".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        },
    ))
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let unusable = || {
        Failure::usage(
            format!("`{}` cannot be written in JSON", path.display()),
            "use a path that is UTF-8",
        )
    };
    let path = std::path::absolute(path).map_err(|_| unusable())?;
    path.to_str().map(ToOwned::to_owned).ok_or_else(unusable)
}

fn refused(
    arguments: &InstallArguments,
    file: &Path,
    entry: Option<&Value>,
    error: &EditError,
) -> Failure {
    let (client, name) = (arguments.client, &arguments.name);
    let only = match client.format() {
        ConfigFormat::Json => "only a JSON object without comments is changed",
        ConfigFormat::CommentedJson => "only a JSON object is changed",
        ConfigFormat::Toml => "only a file of TOML is changed",
    };
    let help = match (error, entry) {
        (EditError::Exists { .. }, _) => {
            "pass --replace to write over it, or choose another name with --name".to_owned()
        }
        (_, Some(entry)) => format!(
            "{only}; put this there yourself{}:\n{}",
            under(client),
            edit::member(client.format(), client.servers(), name, entry)
        ),
        (_, None) => format!("{only}; take `{name}` out of it yourself"),
    };
    Failure::usage(
        format!("`{}` was not changed: {error}", file.display()),
        help,
    )
}
