//! Where a service listens. Given by the operator when the service is registered; never by a script or a document.

mod socket;
mod url;

pub use socket::SocketError;
pub(crate) use socket::check_socket;
pub(crate) use url::{Scheme, UrlParts};

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where a service listens, and what it speaks there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Address {
    /// HTTP with `POST /rpc` on a Unix socket.
    Http(PathBuf),
    /// One JSON-RPC message a line on a Unix socket.
    Lines(PathBuf),
    /// JSON-RPC over HTTP at this URL.
    Url(String),
}

/// Why something is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A relative path would mean another socket in another directory.
    #[error("`{}` is not an absolute path", .0.display())]
    Relative(PathBuf),
    /// Not a URL that this can speak to.
    #[error("`{url}` is not a URL of a service: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Address {
    /// HTTP on a Unix socket.
    pub fn http(socket: &Path) -> Result<Self, AddressError> {
        absolute(socket).map(Self::Http)
    }

    /// Newline-delimited JSON-RPC on a Unix socket.
    pub fn lines(socket: &Path) -> Result<Self, AddressError> {
        absolute(socket).map(Self::Lines)
    }

    /// JSON-RPC over HTTP at a URL, with its path as given: `https://` to anywhere, `http://` to this machine only.
    /// A URL with a user, a password or a fragment is refused.
    pub fn url(url: &str) -> Result<Self, AddressError> {
        UrlParts::parse(url)?;
        Ok(Self::Url(url.to_owned()))
    }
}

impl Address {
    /// The port that is connected to, where it is a URL.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Url(url) => UrlParts::parse(url).ok().map(|target| target.port),
            Self::Http(_) | Self::Lines(_) => None,
        }
    }

    /// Whether certificates count.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Url(url) if UrlParts::parse(url).is_ok_and(|target| target.scheme == Scheme::Https))
    }
}

fn absolute(socket: &Path) -> Result<PathBuf, AddressError> {
    if socket.is_absolute() {
        Ok(socket.to_owned())
    } else {
        Err(AddressError::Relative(socket.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(socket) | Self::Lines(socket) => socket.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}
