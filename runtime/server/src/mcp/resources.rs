//! Files that scripts left, as resources of MCP: named in a tool's answer, and read by whoever's script left them.

use crate::agent::{Agent, CommandAnswer};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rmcp::{
    ErrorData,
    model::{ContentBlock, ListResourcesResult, ReadResourceResult, Resource, ResourceContents},
};
use sandgate::Id;
use std::fmt::Write;

/// What names of files begin with.
const BEGINNING: &str = "sandgate://runs/";
/// Files that an answer names.
const MOST_NAMED: usize = 20;
/// Files that are listed.
const MOST_LISTED: usize = 1_000;

/// The files that an answer is about.
pub(super) fn links(answer: &CommandAnswer) -> Vec<ContentBlock> {
    let CommandAnswer::Outcome(outcome) = answer else {
        return Vec::new();
    };
    // What is in no journal has no name.
    let Some(run) = outcome.run.filter(|_| outcome.scratch.is_some()) else {
        return Vec::new();
    };
    let files = outcome.files.iter().take(MOST_NAMED);
    let link = |path: &str, size| ContentBlock::resource_link(resource(run, path, size));
    files.map(|file| link(&file.path, file.size)).collect()
}

/// What an agent can read.
pub(super) fn list(agent: &Agent) -> ListResourcesResult {
    let files = agent.kept().files.of(agent.caller());
    let files = files.iter().take(MOST_LISTED);
    let resources = files.map(|file| resource(file.run, &file.path, file.size));
    ListResourcesResult::with_all_items(resources.collect())
}

/// The content of one.
pub(super) fn read(agent: &Agent, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let file = named(uri).and_then(|(run, path)| {
        let bytes = agent.kept().files.read(agent.caller(), run, &path)?;
        Some((path, bytes))
    });
    // Nothing tells one that is gone from one of another agent: THREAT[SEC-05].
    let Some((path, bytes)) = file else {
        let message = "there is no such file; files of scripts are kept for a while";
        return Err(ErrorData::invalid_params(message, None));
    };
    let content = match String::from_utf8(bytes) {
        Ok(text) => ResourceContents::text(text, uri),
        Err(error) => ResourceContents::blob(BASE64_STANDARD.encode(error.as_bytes()), uri),
    };
    let content = match kind(&path) {
        Some(kind) => content.with_mime_type(kind),
        None => content,
    };
    Ok(ReadResourceResult::new(vec![content]))
}

fn resource(run: Id, path: &str, size: u64) -> Resource {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut resource = Resource::new(uri(run, path), name);
    resource.size = Some(size);
    resource.mime_type = kind(path).map(ToOwned::to_owned);
    resource
}

/// What a file is by its name, for the kinds that scripts write most.
fn kind(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        _ => return None,
    })
}

fn uri(run: Id, path: &str) -> String {
    let mut uri = format!("{BEGINNING}{run}/");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Which file is meant.
fn named(uri: &str) -> Option<(Id, String)> {
    let (run, path) = uri.strip_prefix(BEGINNING)?.split_once('/')?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    Some((run.parse().ok()?, String::from_utf8(bytes).ok()?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_uri_and_another_text_names_none() {
        let run: Id = "0".repeat(26).parse().unwrap();
        for path in ["a.csv", "out/ä b%.txt", "x?y#z"] {
            assert_eq!(named(&uri(run, path)), Some((run, path.to_owned())));
        }
        let beginning = format!("{BEGINNING}{run}");
        assert_eq!(uri(run, "a b"), format!("{beginning}/a%20b"));
        for text in [
            "sandgate://runs/",
            "sandgate://runs/1/a",
            "file:///etc/passwd",
            &beginning,
            &format!("{beginning}/%"),
            &format!("{beginning}/%zz"),
            &format!("{beginning}/%ff"),
        ] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
