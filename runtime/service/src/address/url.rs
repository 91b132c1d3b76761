//! A service's URL, taken apart. `address` uses it to say whether a URL is an address, `connection` to reach it. It must
//! never accept a URL that two readers could understand differently.

use crate::address::AddressError;
use ::http::{
    HeaderValue, Uri,
    uri::{Authority, PathAndQuery},
};
use std::net::IpAddr;
use tokio_rustls::rustls::pki_types::ServerName;

/// What a URL says.
#[derive(Debug, Clone)]
pub(crate) struct UrlParts {
    pub(crate) scheme: Scheme,
    pub(crate) port: u16,
    /// The path and query as given.
    pub(crate) path: PathAndQuery,
    authority: Authority,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl UrlParts {
    /// THREAT[SEC-03]: credentials do not belong into an address that is listed and logged, and without encryption
    /// only this machine is spoken to.
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        let wrong = |reason| AddressError::Url {
            url: shown(url),
            reason,
        };
        if url.contains('#') {
            return Err(wrong("an address has no fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it cannot be read"))?;
        let parts = uri.into_parts();
        let scheme = match parts.scheme.as_ref().map(::http::uri::Scheme::as_str) {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(wrong("it begins with neither `https://` nor `http://`")),
        };
        let authority = parts.authority.ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("user names and passwords do not belong in a URL"));
        }
        let port = match (authority.port(), scheme) {
            (Some(port), _) => port.as_u16(),
            // Where there is more than a host, the rest is a port that could not be read.
            (None, _) if authority.as_str() != authority.host() => {
                return Err(wrong("its port is not a number from 1 to 65535"));
            }
            (None, Scheme::Http) => 80,
            (None, Scheme::Https) => 443,
        };
        let target = Self {
            scheme,
            port,
            path: parts
                .path_and_query
                .unwrap_or_else(|| PathAndQuery::from_static("/")),
            authority,
        };
        if target.host().is_empty() || port == 0 {
            return Err(wrong("it names no host and port"));
        }
        if scheme == Scheme::Http && !target.is_here() {
            return Err(wrong(
                "`http://` is only for this machine (localhost); use `https://`",
            ));
        }
        Ok(target)
    }

    /// The host, without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// What the `Host` header says.
    pub(crate) fn host_header(&self) -> Result<HeaderValue, AddressError> {
        HeaderValue::from_str(self.authority.as_str()).map_err(|_| self.unnameable())
    }

    /// Whom the certificate has to be for.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, AddressError> {
        ServerName::try_from(self.host().to_owned()).map_err(|_| self.unnameable())
    }

    fn unnameable(&self) -> AddressError {
        AddressError::Url {
            url: self.authority.to_string(),
            reason: "a certificate cannot name its host",
        }
    }

    fn is_here(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// A URL that is no address is shown without what may be a password in it.
fn shown(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(start), Some(end)) if start < end => {
            let (scheme, rest) = url.split_at(start.saturating_add(3));
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}…@{host}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::address::Address;

    #[test]
    fn sec_03_a_url_is_an_address_only_where_it_has_one_meaning() {
        for (url, reason) in [
            ("", "it cannot be read"),
            ("/rpc", "it begins with neither `https://` nor `http://`"),
            (
                "example.org",
                "it begins with neither `https://` nor `http://`",
            ),
            (
                "ftp://example.org/",
                "it begins with neither `https://` nor `http://`",
            ),
            ("https://", "it cannot be read"),
            ("https:///rpc", "it cannot be read"),
            (
                "https://example.org:/rpc",
                "its port is not a number from 1 to 65535",
            ),
            ("https://example.org:0/rpc", "it names no host and port"),
            (
                "https://example.org:99999/",
                "its port is not a number from 1 to 65535",
            ),
            ("https://example.org/ rpc", "it cannot be read"),
            ("https://example.org\\evil.org/", "it cannot be read"),
            ("https://ex\u{e4}mple.org/", "it cannot be read"),
            ("https://example.org/\r\nX-Admin:1", "it cannot be read"),
            ("https://example.org/rpc#x", "an address has no fragment"),
            (
                "http://example.org/rpc",
                "`http://` is only for this machine (localhost); use `https://`",
            ),
            (
                "http://localhost.evil.org/",
                "`http://` is only for this machine (localhost); use `https://`",
            ),
            (
                "http://10.0.0.1/",
                "`http://` is only for this machine (localhost); use `https://`",
            ),
        ] {
            assert_eq!(
                Address::url(url).unwrap_err().to_string(),
                format!("`{url}` is not a URL of a service: {reason}")
            );
        }
        assert_eq!(
            Address::url("https://ann:secret@example.org/")
                .unwrap_err()
                .to_string(),
            "`https://…@example.org/` is not a URL of a service: user names and passwords do not belong in a URL"
        );
    }

    #[test]
    fn sec_03_a_url_is_taken_as_it_is_given() {
        for (url, host, port, path) in [
            (
                "https://example.org/rpc?v=1",
                "example.org",
                443,
                "/rpc?v=1",
            ),
            ("https://example.org", "example.org", 443, "/"),
            ("http://localhost:8545/a/../b", "localhost", 8545, "/a/../b"),
            ("http://127.3.2.1/", "127.3.2.1", 80, "/"),
            ("http://[::1]:1/x", "::1", 1, "/x"),
        ] {
            assert_eq!(Address::url(url).unwrap().to_string(), url);
            let target = UrlParts::parse(url).unwrap();
            assert_eq!(
                (target.host(), target.port, target.path.as_str()),
                (host, port, path)
            );
        }
    }
}
