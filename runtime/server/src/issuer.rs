//! Tokens of an issuer that the operator names: JSON web tokens (RFC 7519, RFC 7515), each signed with one of the issuer's keys. Asked by
//! `who`. Nothing that a token says of itself decides how it is checked: the algorithm is the operator's word, and a key is taken
//! from the operator's file alone. Whoever shows one that is wrong in any way is told no more than that: THREAT[WEB-02].

#![expect(
    clippy::disallowed_methods,
    reason = "the operator says where the keys of an issuer are"
)]

use crate::entitlement::Entitlement;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use sandgate::{FileStamp, ReplacedFile, policy};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Clocks may differ by so many seconds.
const LEEWAY: f64 = 60.0;
/// Bytes of a token.
const LONGEST: usize = 16 << 10;
/// Keys of one issuer; it has some while it changes from one to the next.
const MOST_KEYS: usize = 32;

/// What the operator says of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerTerms {
    /// Who it is, as its tokens say (`iss`).
    pub issuer: String,
    /// What its tokens for this server are for (`aud`).
    pub audience: String,
    /// How they are signed.
    pub algorithm: IssuerAlgorithm,
    /// Its keys, as a JWK set (RFC 7517). The file is read again where it was replaced.
    pub keys: PathBuf,
    /// Which of their claims says what.
    #[serde(default)]
    pub claims: IssuerClaims,
}

/// How the tokens of an issuer are signed. There is one for each issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum IssuerAlgorithm {
    /// RSA with SHA-256, PKCS #1 v1.5.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Which claim of a token says what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerClaims {
    /// The program, as policies name it.
    pub actor: String,
    /// The person behind it, where there is one.
    pub user: String,
    /// The contexts, as a list of names, or as names with spaces between them.
    pub contexts: String,
    /// What they are entitled to, in the same form, where they are to anything.
    pub claims: String,
}

impl Default for IssuerClaims {
    fn default() -> Self {
        Self {
            actor: "client_id".to_owned(),
            user: "sub".to_owned(),
            contexts: "contexts".to_owned(),
            claims: "claims".to_owned(),
        }
    }
}

/// Why an issuer's tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] policy::FileError),
    /// It cannot be looked at.
    #[error("the keys in `{path}` cannot be used: {error}", path = path.display())]
    Look {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is no JWK set, or has no key of this kind.
    #[error("the keys in `{path}` cannot be used: {reason}", path = path.display())]
    Keys {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// An issuer, with its keys. Clones are the same.
#[derive(Debug, Clone)]
pub struct Issuer(Arc<IssuerInner>);

#[derive(Debug)]
struct IssuerInner {
    terms: IssuerTerms,
    known: ReplacedFile<Vec<IssuerKey>>,
}

#[derive(Debug)]
struct IssuerKey {
    name: Option<String>,
    form: KeyForm,
}

#[derive(Debug)]
enum KeyForm {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Of Ed25519, or a point of P-256.
    Bytes(Vec<u8>),
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Map<String, Value>>,
}

impl Issuer {
    /// Reads its keys.
    pub fn open(terms: IssuerTerms) -> Result<Self, IssuerError> {
        let known = ReplacedFile::default();
        let issuer = Self(Arc::new(IssuerInner { terms, known }));
        issuer.current()?;
        Ok(issuer)
    }

    /// The file of its keys.
    #[must_use]
    pub fn keys(&self) -> &Path {
        &self.0.terms.keys
    }

    /// Whether a secret has the form of its tokens.
    pub(crate) fn may_have_made(secret: &str) -> bool {
        secret.split('.').count() == 3
    }

    /// Whom a token stands for. Nobody, where anything about it is wrong.
    pub(crate) fn holder(&self, token: &str) -> Result<Option<Entitlement>, IssuerError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0.0, |now| now.as_secs_f64());
        let keys = self.current()?;
        Ok(self.checked(token, &keys, now))
    }

    /// Keys that are in force: the file is read again where it was replaced.
    fn current(&self) -> Result<Arc<Vec<IssuerKey>>, IssuerError> {
        let path = self.keys();
        let found = fs::symlink_metadata(path).map_err(|error| IssuerError::Look {
            path: path.to_owned(),
            error,
        })?;
        let stamp = Some(FileStamp::of(&found));
        self.0.known.current(stamp, || read(&self.0.terms))
    }

    fn checked(&self, token: &str, keys: &[IssuerKey], now: f64) -> Option<Entitlement> {
        let terms = &self.0.terms;
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header = object(header)?;
        let is_ours = header.get("alg")?.as_str()? == terms.algorithm.name();
        // Whatever is critical, nobody here knows it.
        if !is_ours || header.contains_key("crit") {
            return None;
        }
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let name = match header.get("kid") {
            None => None,
            Some(name) => Some(name.as_str()?),
        };
        let mut its = keys
            .iter()
            .filter(|key| name.is_none() || key.name.as_deref() == name);
        its.find(|key| terms.algorithm.verify(key, signed.as_bytes(), &signature))?;
        let said = object(payload)?;
        if said.get("iss")?.as_str()? != terms.issuer
            || !texts(said.get("aud")?, Parted::No)?.contains(&terms.audience)
            || said.get("exp")?.as_f64()? + LEEWAY <= now
        {
            return None;
        }
        if let Some(from) = said.get("nbf")
            && from.as_f64()? > now + LEEWAY
        {
            return None;
        }
        let claims = &terms.claims;
        Some(Entitlement {
            actor: said.get(&claims.actor)?.as_str()?.to_owned(),
            user: match said.get(&claims.user) {
                None => None,
                Some(user) => Some(user.as_str()?.to_owned()),
            },
            contexts: Some(texts(said.get(&claims.contexts)?, Parted::BySpaces)?),
            claims: match said.get(&claims.claims) {
                None => Vec::new(),
                Some(claims) => texts(claims, Parted::BySpaces)?,
            },
        })
    }
}

impl IssuerAlgorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn verify(self, key: &IssuerKey, signed: &[u8], signature: &[u8]) -> bool {
        let with = |algorithm: &'static dyn signature::VerificationAlgorithm, bytes: &[u8]| {
            let key = UnparsedPublicKey::new(algorithm, bytes);
            key.verify(signed, signature).is_ok()
        };
        match (self, &key.form) {
            (Self::Rs256, KeyForm::Rsa { n, e }) => {
                let key = RsaPublicKeyComponents { n, e };
                let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
                key.verify(algorithm, signed, signature).is_ok()
            }
            (Self::Es256, KeyForm::Bytes(point)) => {
                with(&signature::ECDSA_P256_SHA256_FIXED, point)
            }
            (Self::EdDsa, KeyForm::Bytes(key)) => with(&signature::ED25519, key),
            _ => false,
        }
    }

    /// A key of a set, where it is one of this kind and for signatures.
    fn key(self, jwk: &Map<String, Value>) -> Option<IssuerKey> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|used| used != "sig")
            || text("alg").is_some_and(|algorithm| algorithm != self.name())
        {
            return None;
        }
        let form = match (self, text("kty")?, text("crv")) {
            (Self::Rs256, "RSA", _) => KeyForm::Rsa {
                n: bytes("n")?,
                e: bytes("e")?,
            },
            (Self::Es256, "EC", Some("P-256")) => {
                // Uncompressed.
                KeyForm::Bytes([vec![4], bytes("x")?, bytes("y")?].concat())
            }
            (Self::EdDsa, "OKP", Some("Ed25519")) => KeyForm::Bytes(bytes("x")?),
            _ => return None,
        };
        Some(IssuerKey {
            name: text("kid").map(ToOwned::to_owned),
            form,
        })
    }
}

fn read(terms: &IssuerTerms) -> Result<Vec<IssuerKey>, IssuerError> {
    let text = policy::read(&terms.keys)?;
    let unusable = |reason: String| IssuerError::Keys {
        path: terms.keys.clone(),
        reason,
    };
    let set: KeySet = serde_json::from_str(&text)
        .map_err(|error| unusable(format!("it is no JWK set: {error}")))?;
    let keys = set.keys.iter().filter_map(|jwk| terms.algorithm.key(jwk));
    let keys: Vec<IssuerKey> = keys.take(MOST_KEYS).collect();
    if keys.is_empty() {
        let name = terms.algorithm.name();
        return Err(unusable(format!("none of them is for {name}")));
    }
    Ok(keys)
}

/// A part of a token that is an object of JSON.
fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parted {
    No,
    BySpaces,
}

/// A text, or a list of texts.
fn texts(value: &Value, parted: Parted) -> Option<Vec<String>> {
    match value {
        Value::String(text) if parted == Parted::BySpaces => {
            let words = text.split_ascii_whitespace();
            Some(words.map(ToOwned::to_owned).collect())
        }
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(all) => {
            let text = |one: &Value| one.as_str().map(ToOwned::to_owned);
            all.iter().map(text).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests;
