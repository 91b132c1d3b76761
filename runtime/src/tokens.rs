//! Tokens: what an agent shows that comes over the network, and whom it stands for. Kept in one file of a private directory, each as
//! a digest, so that whoever reads the file can come in with none of them. Read by servers, changed by `sandgate token`.
//! THREAT[WEB-02]

#![expect(
    clippy::disallowed_methods,
    reason = "tokens lie in a directory of their own"
)]

use crate::{
    journal::{digest::Digest, now_ms},
    private::{self, NotPrivate},
    replaced::{FileStamp, ReplacedFile},
};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a token begins with, so that scanners know one that was published by mistake.
const PREFIX: &str = "sandgate_";
/// What it is made of: nobody guesses it.
const SECRET: usize = 32;
/// The file.
const NAME: &str = "tokens.json";

/// Whom a token stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What it is called by whoever revokes it. It is no secret.
    pub id: String,
    /// The program that has it, as policies name it.
    pub actor: String,
    /// The contexts in which it may run scripts.
    pub contexts: Vec<String>,
    /// The person behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What its holder is entitled to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// From when on it is worth nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Whether it is for a person at the desk, and for no agent.
    #[serde(default, rename = "desk", skip_serializing_if = "std::ops::Not::not")]
    pub is_for_desk: bool,
}

/// A token to be.
#[derive(Debug, Clone, Default)]
pub struct NewToken {
    /// The program that gets it.
    pub actor: String,
    /// The contexts in which it may run scripts.
    pub contexts: Vec<String>,
    /// The person behind it.
    pub user: Option<String>,
    /// What its holder is entitled to.
    pub claims: Vec<String>,
    /// From when on it is worth nothing, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// Whether it is for a person at the desk, and for no agent.
    pub is_for_desk: bool,
}

/// Why tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The directory.
    #[error("the directory `{}` cannot hold tokens: {reason}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The file.
    #[error("the tokens in `{}` cannot be used: {reason}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There is none.
    #[error("there is no token `{0}`")]
    Unknown(String),
    /// No random bytes are to be had.
    #[error("no token can be made: {0}")]
    Random(#[from] getrandom::Error),
}

/// The tokens of a state directory. Clones share what was read.
#[derive(Debug, Clone)]
pub struct TokenStore {
    path: PathBuf,
    known: ReplacedFile<Tokens>,
}

/// By the digest of the secret.
type Tokens = BTreeMap<Digest, Token>;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    tokens: Vec<KeptToken>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptToken {
    digest: Digest,
    #[serde(flatten)]
    token: Token,
}

impl TokenStore {
    /// The tokens of a state directory, in a directory that is made where it is missing.
    pub fn open(state: &Path) -> Result<Self, TokenError> {
        let directory = Self::place(state);
        private::make_directory(&directory).map_err(|error: NotPrivate| TokenError::Directory {
            path: directory.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            path: directory.join(NAME),
            known: ReplacedFile::default(),
        })
    }

    /// Where the tokens of a state directory are.
    #[must_use]
    pub fn place(state: &Path) -> PathBuf {
        state.join("tokens")
    }

    /// All of them, oldest first.
    pub fn list(&self) -> Result<Vec<Token>, TokenError> {
        let mut all: Vec<Token> = self.current()?.values().cloned().collect();
        all.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(all)
    }

    /// Makes one. Its secret is told this once and kept nowhere.
    pub fn create(&self, new: NewToken) -> Result<(Token, String), TokenError> {
        let mut secret = [0; SECRET];
        getrandom::fill(&mut secret)?;
        let secret = format!("{PREFIX}{}", hex::encode(secret));
        let digest = Digest::of(secret.as_bytes());
        let token = Token {
            id: digest.to_string().chars().take(8).collect(),
            actor: new.actor,
            contexts: new.contexts,
            user: new.user,
            claims: new.claims,
            created: now_ms(),
            expires: new.expires,
            is_for_desk: new.is_for_desk,
        };
        let added = token.clone();
        self.change(move |tokens| {
            tokens.insert(digest, added);
            Ok(())
        })?;
        Ok((token, secret))
    }

    /// Has one be worth nothing from now on, in servers that run too.
    pub fn revoke(&self, id: &str) -> Result<Token, TokenError> {
        let mut revoked = None;
        self.change(|tokens| {
            let found = tokens.iter().find(|(_, token)| token.id == id);
            let digest = found.map(|(digest, _)| *digest);
            let digest =
                digest.ok_or_else(|| TokenError::Unknown(id.chars().take(40).collect()))?;
            revoked = tokens.remove(&digest);
            Ok(())
        })?;
        revoked.ok_or_else(|| TokenError::Unknown(id.to_owned()))
    }

    /// Whom a secret stands for now. How long that takes says nothing about secrets: what is looked up is a digest.
    pub fn holder(&self, secret: &str) -> Result<Option<Token>, TokenError> {
        let tokens = self.current()?;
        let token = tokens.get(&Digest::of(secret.as_bytes()));
        let is_worth = |token: &&Token| token.expires.is_none_or(|expires| now_ms() < expires);
        Ok(token.filter(is_worth).cloned())
    }

    /// What is in force: the file is read again where it was replaced.
    fn current(&self) -> Result<Arc<Tokens>, TokenError> {
        let stamp = self.stamp()?;
        self.known.current(stamp, || self.read(stamp))
    }

    /// Nothing where there is no file yet.
    fn stamp(&self) -> Result<Option<FileStamp>, TokenError> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if !found.is_file() => Err(self.unusable("it is no file")),
            Ok(found) if !private::is_ours(found.uid()) => {
                Err(self.unusable("it belongs to somebody else"))
            }
            Ok(found) if private::others_may_write(found.mode()) => {
                Err(self.unusable("others can write to it; run `chmod 600` on it"))
            }
            Ok(found) => Ok(Some(FileStamp::of(&found))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unusable(error)),
        }
    }

    fn read(&self, stamp: Option<FileStamp>) -> Result<Tokens, TokenError> {
        if stamp.is_none() {
            return Ok(Tokens::new());
        }
        let bytes = fs::read(&self.path).map_err(|error| self.unusable(error))?;
        let file: TokenFile =
            serde_json::from_slice(&bytes).map_err(|error| self.unusable(error))?;
        let kept = file.tokens.into_iter();
        Ok(kept.map(|kept| (kept.digest, kept.token)).collect())
    }

    /// Replaces the file by a changed one, while nobody else does.
    fn change(
        &self,
        change: impl FnOnce(&mut Tokens) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let unusable = |error: io::Error| self.unusable(error);
        let turn = File::open(directory).map_err(unusable)?;
        flock(&turn, FlockOperation::LockExclusive).map_err(|error| unusable(error.into()))?;
        let mut tokens = self.read(self.stamp()?)?;
        change(&mut tokens)?;
        let kept = tokens
            .into_iter()
            .map(|(digest, token)| KeptToken { digest, token });
        let file = TokenFile {
            tokens: kept.collect(),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|error| self.unusable(error))?;
        let mut new = tempfile::NamedTempFile::new_in(directory).map_err(unusable)?;
        new.write_all(text.as_bytes()).map_err(unusable)?;
        new.as_file().sync_all().map_err(unusable)?;
        new.persist(&self.path)
            .map_err(|error| self.unusable(error.error))?;
        Ok(())
    }

    fn unusable(&self, reason: impl ToString) -> TokenError {
        TokenError::File {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn new() -> NewToken {
        NewToken {
            actor: "bot".to_owned(),
            contexts: vec!["assistant".to_owned()],
            ..NewToken::default()
        }
    }

    #[test]
    fn web_02_a_token_is_worth_something_until_it_is_revoked_or_expires_and_its_secret_is_nowhere()
    {
        let state = tempfile::tempdir().unwrap();
        let tokens = TokenStore::open(state.path()).unwrap();
        let running = TokenStore::open(state.path()).unwrap();
        assert_eq!(running.holder("sandgate_").unwrap(), None);
        let (token, secret) = tokens.create(new()).unwrap();
        // A server that runs has it at once.
        assert_eq!(running.holder(&secret).unwrap(), Some(token.clone()));
        assert_eq!(running.holder(&secret.to_uppercase()).unwrap(), None);
        assert_eq!(running.holder(&token.id).unwrap(), None);
        let text = fs::read_to_string(state.path().join("tokens/tokens.json")).unwrap();
        assert!(!text.contains(secret.strip_prefix(PREFIX).unwrap()));
        let mode = fs::metadata(state.path().join("tokens/tokens.json")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);

        let over = NewToken {
            expires: Some(now_ms() - 1),
            ..new()
        };
        let (_, expired) = tokens.create(over).unwrap();
        assert_eq!(running.holder(&expired).unwrap(), None);
        assert_eq!(running.list().unwrap().len(), 2);

        assert_eq!(tokens.revoke(&token.id).unwrap(), token);
        assert_eq!(running.holder(&secret).unwrap(), None);
        let error = tokens.revoke(&token.id).unwrap_err().to_string();
        assert_eq!(error, format!("there is no token `{}`", token.id));
    }

    #[test]
    fn web_02_a_file_that_others_could_have_written_is_not_believed() {
        let state = tempfile::tempdir().unwrap();
        let tokens = TokenStore::open(state.path()).unwrap();
        let (_, secret) = tokens.create(new()).unwrap();
        let file = state.path().join("tokens/tokens.json");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o622)).unwrap();
        let error = tokens.holder(&secret).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "the tokens in `{}` cannot be used: others can write to it; run `chmod 600` on it",
                file.display()
            )
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "{\"tokens\": [").unwrap();
        assert!(tokens.holder(&secret).is_err());
    }
}
