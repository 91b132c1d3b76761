//! What the journal holds, sealed for whoever has no key: the entries of lines, the texts beside them, and what tables say of a run that
//! a person would not want read. Used by `sqlite` for what it stores, and by nobody else; what it opens is what was written.
//!
//! **How.** ChaCha20-Poly1305 with a key of the journal's own: HKDF-SHA-256 of the file's 32 bytes with the journal's random salt, so
//! that one file may serve several journals. What is sealed is bound to its place (associated data: what it is, its run, its number, its time,
//! its kind; for a text its address), so it opens nowhere else. The chain is over what is stored: whether lines were changed, moved or
//! removed shows without the key.
//!
//! **Nonces** are 96 random bits each, of the system. Two of 2³² sealed things have the same with a chance of 2⁻³³; a journal that
//! is told to keep 2 GiB has some 2²³ at a time. Counting instead would need a number that no two processes and no rollback of a
//! transaction ever use twice.
//!
//! **Addresses.** A text is stored under an HMAC of its digest, with another key: who knows a text and not the key cannot find out whether
//! it is in the journal. That two runs had the same text, how long it is (packed, where that is shorter), and what else is in the
//! tables (times, contexts, actors, services and methods that were asked about, counts) is not hidden.

use super::{
    digest::Digest,
    key::{JournalKey, KEY},
};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use std::fmt;

/// Bytes of the salt of a journal.
pub(super) const SALT: usize = 32;
/// What is sealed when a journal gets its key, and shows later whether that is the key.
const PROBE: &[u8] = b"sandgate";

/// The keys of one journal.
pub(super) struct JournalSeal {
    sealing: LessSafeKey,
    addresses: hmac::Key,
    random: SystemRandom,
}

/// What cannot be sealed or opened. It does not say why: that is the point of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsealed;

impl fmt::Debug for JournalSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalSeal").finish_non_exhaustive()
    }
}

/// How long a key is, as `ring` wants to be told.
struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY
    }
}

impl JournalSeal {
    /// The keys that follow from the file's and the journal's salt.
    pub(super) fn of(key: &JournalKey, salt: &[u8]) -> Result<Self, Unsealed> {
        let derived = Salt::new(HKDF_SHA256, salt).extract(key.bytes());
        let key = |what: &[u8]| -> Result<[u8; KEY], Unsealed> {
            let mut bytes = [0; KEY];
            let info = [what];
            let key = derived.expand(&info, KeyLength).map_err(|_| Unsealed)?;
            key.fill(&mut bytes).map_err(|_| Unsealed)?;
            Ok(bytes)
        };
        let sealing = key(b"sandgate journal: what is sealed")?;
        let sealing = UnboundKey::new(&CHACHA20_POLY1305, &sealing).map_err(|_| Unsealed)?;
        let addresses = key(b"sandgate journal: addresses of texts")?;
        Ok(Self {
            sealing: LessSafeKey::new(sealing),
            addresses: hmac::Key::new(hmac::HMAC_SHA256, &addresses),
            random: SystemRandom::new(),
        })
    }

    /// A new journal's salt.
    pub(super) fn salt() -> Result<[u8; SALT], Unsealed> {
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| Unsealed)?;
        Ok(salt)
    }

    /// Shows later whether a key is this one.
    pub(super) fn probe(&self) -> Result<Vec<u8>, Unsealed> {
        self.seal(&[b"probe"], PROBE)
    }

    pub(super) fn is_of(&self, probe: &[u8]) -> bool {
        self.open(&[b"probe"], probe).as_deref() == Ok(PROBE)
    }

    /// Seals what belongs in a place.
    pub(super) fn seal(&self, place: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, Unsealed> {
        self.seal_behind(&[], place, plain)
    }

    /// The same, behind some bytes that are not sealed.
    pub(super) fn seal_behind(
        &self,
        before: &[u8],
        place: &[&[u8]],
        plain: &[u8],
    ) -> Result<Vec<u8>, Unsealed> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| Unsealed)?;
        let tag_len = CHACHA20_POLY1305.tag_len();
        let all = before.len().saturating_add(NONCE_LEN);
        let mut sealed =
            Vec::with_capacity(all.saturating_add(plain.len()).saturating_add(tag_len));
        sealed.extend_from_slice(before);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, within) = sealed.split_at_mut_checked(all).ok_or(Unsealed)?;
        let tag = self
            .sealing
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound(place)),
                within,
            )
            .map_err(|_| Unsealed)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    pub(super) fn open(&self, place: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, Unsealed> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unsealed)?;
        let mut within = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .sealing
            .open_in_place(nonce, Aad::from(bound(place)), &mut within);
        let length = opened.map_err(|_| Unsealed)?.len();
        within.truncate(length);
        Ok(within)
    }

    /// Where a text with this digest is kept.
    pub(super) fn address(&self, digest: Digest) -> Digest {
        let signed = hmac::sign(&self.addresses, digest.bytes());
        Digest::from_bytes(signed.as_ref()).unwrap_or_default()
    }
}

/// A place, in which no part runs into the next.
fn bound(place: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    for part in place {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;

    fn sealing() -> (tempfile::TempDir, JournalKey) {
        let place = tempfile::tempdir().unwrap();
        let key = JournalKey::create(&place.path().join("key")).unwrap();
        (place, key)
    }

    #[test]
    fn jrn_03_what_is_sealed_opens_in_its_place_with_its_key_and_nowhere_else() {
        let (_place, key) = sealing();
        let salt = JournalSeal::salt().unwrap();
        let seal = JournalSeal::of(&key, &salt).unwrap();
        let sealed = seal.seal(&[b"line", b"1"], b"ghp_secret").unwrap();
        assert_eq!(seal.open(&[b"line", b"1"], &sealed).unwrap(), b"ghp_secret");
        assert!(!sealed.windows(4).any(|four| four == b"ghp_"));
        // Once more is another text, under another nonce.
        assert_ne!(seal.seal(&[b"line", b"1"], b"ghp_secret").unwrap(), sealed);

        for other in [
            &[b"line".as_slice(), b"2"] as &[&[u8]],
            &[b"line1"],
            &[b"lin", b"e1"],
            &[],
        ] {
            assert_eq!(seal.open(other, &sealed), Err(Unsealed));
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&[b"line", b"1"], &changed), Err(Unsealed));
            assert_eq!(seal.open(&[b"line", b"1"], &sealed[..at]), Err(Unsealed));
        }
        let (_other, other_key) = sealing();
        for other in [
            JournalSeal::of(&other_key, &salt),
            JournalSeal::of(&key, &[0; SALT]),
        ] {
            let other = other.unwrap();
            assert_eq!(other.open(&[b"line", b"1"], &sealed), Err(Unsealed));
            assert!(!other.is_of(&seal.probe().unwrap()));
            assert_ne!(
                other.address(Digest::of(b"1")),
                seal.address(Digest::of(b"1"))
            );
        }
        assert!(
            JournalSeal::of(&key, &salt)
                .unwrap()
                .is_of(&seal.probe().unwrap())
        );
        assert_ne!(seal.address(Digest::of(b"1")), Digest::of(b"1"));
    }
}
