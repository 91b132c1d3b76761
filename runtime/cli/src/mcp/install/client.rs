//! Clients of MCP, and where each keeps its list of servers.

use crate::failure::Failure;
use clap::ValueEnum;
use serde::Serialize;
use std::path::PathBuf;

/// A client whose configuration is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum McpClient {
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    Vscode,
    /// Zed
    Zed,
    /// Codex
    Codex,
}

/// What a configuration is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfigFormat {
    /// JSON, and nothing but JSON.
    Json,
    /// JSON in which people may write comments, and commas behind the last of a list.
    CommentedJson,
    /// TOML.
    Toml,
}

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InstallScope {
    /// You, in every project
    User,
    /// Everybody, in this one
    Project,
}

impl McpClient {
    /// The file, relative to the home directory, to the user's configuration, or to the project.
    pub(super) fn file(self, scope: InstallScope) -> Result<PathBuf, Failure> {
        match (self, scope) {
            (Self::ClaudeCode, InstallScope::User) => Ok(home()?.join(".claude.json")),
            (Self::ClaudeCode, InstallScope::Project) => here(".mcp.json"),
            (Self::ClaudeDesktop, InstallScope::User) => {
                Ok(configuration()?.join("Claude/claude_desktop_config.json"))
            }
            (Self::ClaudeDesktop, InstallScope::Project) => Err(Failure::usage(
                "Claude Desktop has no configuration of projects",
                "leave --scope out",
            )),
            (Self::Cursor, InstallScope::User) => Ok(home()?.join(".cursor/mcp.json")),
            (Self::Cursor, InstallScope::Project) => here(".cursor/mcp.json"),
            (Self::Vscode, InstallScope::User) => Ok(configuration()?.join("Code/User/mcp.json")),
            (Self::Vscode, InstallScope::Project) => here(".vscode/mcp.json"),
            (Self::Zed, InstallScope::User) if cfg!(target_os = "macos") => {
                Ok(home()?.join(".config/zed/settings.json"))
            }
            (Self::Zed, InstallScope::User) => Ok(configuration()?.join("zed/settings.json")),
            (Self::Zed, InstallScope::Project) => here(".zed/settings.json"),
            (Self::Codex, InstallScope::User) => match variable("CODEX_HOME") {
                Some(directory) => Ok(directory.join("config.toml")),
                None => Ok(home()?.join(".codex/config.toml")),
            },
            (Self::Codex, InstallScope::Project) => here(".codex/config.toml"),
        }
    }

    /// What the list of servers is called in it.
    pub(super) fn servers(self) -> &'static str {
        match self {
            Self::Vscode => "servers",
            Self::Zed => "context_servers",
            Self::Codex => "mcp_servers",
            Self::ClaudeCode | Self::ClaudeDesktop | Self::Cursor => "mcpServers",
        }
    }

    /// What the file is written in.
    pub(super) fn format(self) -> ConfigFormat {
        match self {
            Self::ClaudeCode | Self::ClaudeDesktop | Self::Cursor => ConfigFormat::Json,
            Self::Vscode | Self::Zed => ConfigFormat::CommentedJson,
            Self::Codex => ConfigFormat::Toml,
        }
    }

    /// Whether an entry says how the server is spoken to. The others tell by its having a command.
    pub(super) fn names_type(self) -> bool {
        matches!(self, Self::ClaudeCode | Self::Vscode)
    }

    /// What a person does next.
    pub(super) fn then(self) -> &'static str {
        match self {
            Self::ClaudeCode => "start Claude Code again; `/mcp` in it shows the server\n",
            Self::ClaudeDesktop => "start Claude Desktop again\n",
            Self::Cursor => "start Cursor again; its settings show the server\n",
            Self::Vscode => "`MCP: List Servers` in VS Code shows the server and starts it\n",
            Self::Zed => "Zed starts it at once; the settings of its agent show the server\n",
            Self::Codex => "start Codex again; `/mcp` in it shows the server\n",
        }
    }
}

fn here(path: &str) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::usage(
            format!("the project's directory cannot be found: {error}"),
            "start this in a directory that exists",
        )
    })
}

fn home() -> Result<PathBuf, Failure> {
    variable("HOME").ok_or_else(|| {
        Failure::usage(
            "there is no home directory",
            "set HOME to its absolute path",
        )
    })
}

/// Where a desktop's programs keep what they are told.
fn configuration() -> Result<PathBuf, Failure> {
    if cfg!(target_os = "macos") {
        return Ok(home()?.join("Library/Application Support"));
    }
    match variable("XDG_CONFIG_HOME") {
        Some(directory) => Ok(directory),
        None => Ok(home()?.join(".config")),
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(name)?);
    path.is_absolute().then_some(path)
}
