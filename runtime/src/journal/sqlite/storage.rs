//! How what the journal holds is stored: as it is, or sealed. Used by `sqlite` for every line, text and row that it writes or reads, so that
//! nobody else has to know which. It must never store as it is what is to be sealed; what was written before a journal was
//! sealed stays as it was, and is read so.

use crate::journal::{
    digest::Digest,
    entry::Entry,
    id::Id,
    key::JournalKey,
    ledger::{ApprovalRow, AskedRow, KeptLine, LedgerError, Line, RunRow},
    seal::{JournalSeal, Unsealed},
};
use rusqlite::{
    Connection, OptionalExtension, TransactionBehavior, params,
    types::{FromSqlError, FromSqlResult, ValueRef},
};
use ruzstd::{
    decoding::StreamingDecoder,
    encoding::{CompressionLevel, compress_to_vec},
};
use std::{borrow::Cow, io::Read, path::PathBuf};

/// Texts that are shorter are not worth packing.
const SHORT: usize = 512;
/// Stands before a line that is sealed, where an entry has its version.
const SEALED_LINE: u8 = 0;
/// Stands before a word of a table that is sealed. No name of a person or a script begins with it.
const SEALED_WORD: char = '\u{1}';
/// Texts that are packed are stored as kind 1 and others as 0; sealed ones are two more.
const PACKED: i64 = 1;
const SEALED: i64 = 2;

/// How it is stored.
#[derive(Debug)]
pub(super) enum Storage {
    /// As it is.
    Plain,
    /// Sealed, and we have the key.
    Sealed(Box<JournalSeal>),
    /// Sealed, and we have none. Only what is not sealed can be read, and nothing written.
    Blind(PathBuf),
}

/// What is wrong with a text.
pub(super) fn wrong(digest: Digest, how: &str) -> LedgerError {
    LedgerError::Corrupt(format!("text {digest} {how}"))
}

fn unsealed(_: Unsealed) -> LedgerError {
    LedgerError::Engine("what it is to hold cannot be sealed".to_owned())
}

impl Storage {
    /// How a journal is stored from now on: sealed once there was a key.
    pub(super) fn of(
        database: &mut Connection,
        key: Option<&JournalKey>,
    ) -> Result<Self, LedgerError> {
        let Some(key) = key else {
            return match sealed_with(database)? {
                None => Ok(Self::Plain),
                Some((_, _, file)) => Err(LedgerError::Sealed { file: file.into() }),
            };
        };
        let (salt, probe) = match sealed_with(database)? {
            Some((salt, probe, _)) => (salt, probe),
            None => begin(database, key)?,
        };
        let seal = JournalSeal::of(key, &salt).map_err(unsealed)?;
        if seal.is_of(&probe) {
            Ok(Self::Sealed(Box::new(seal)))
        } else {
            Err(LedgerError::OtherKey {
                file: key.path().to_owned(),
            })
        }
    }

    /// For whoever has no key.
    pub(super) fn blind(database: &mut Connection) -> Result<Self, LedgerError> {
        Ok(match sealed_with(database)? {
            None => Self::Plain,
            Some((_, _, file)) => Self::Blind(file.into()),
        })
    }

    pub(super) fn is_sealed(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// The seal, where there is one, or that there is no key for it.
    fn seal(&self) -> Result<Option<&JournalSeal>, LedgerError> {
        match self {
            Self::Plain => Ok(None),
            Self::Sealed(seal) => Ok(Some(seal)),
            Self::Blind(file) => Err(LedgerError::Sealed { file: file.clone() }),
        }
    }

    /// A line as it is stored. What says where the chain begins is for everybody.
    pub(super) fn line<'l>(&self, seq: u64, line: &'l Line) -> Result<Cow<'l, [u8]>, LedgerError> {
        match self.seal()? {
            Some(seal) if line.kind != Entry::PRUNED => {
                let place = LinePlace::of(seq, line.run, line.at, line.kind);
                let sealed = seal.seal_behind(&[SEALED_LINE], &place.parts(), &line.body);
                Ok(Cow::Owned(sealed.map_err(unsealed)?))
            }
            _ => Ok(Cow::Borrowed(&line.body)),
        }
    }

    /// A line as it was written.
    pub(super) fn opened(&self, line: KeptLine) -> Result<KeptLine, LedgerError> {
        let Some((&SEALED_LINE, sealed)) = line.body.split_first() else {
            return Ok(line);
        };
        let not_ours = || {
            let why = "is sealed, and not by this journal's key in this place";
            LedgerError::Corrupt(format!("line {} {why}", line.seq))
        };
        let Some(seal) = self.seal()? else {
            return Err(not_ours());
        };
        let place = LinePlace::of(line.seq, line.run, line.at, line.kind);
        let opened = seal.open(&place.parts(), sealed);
        let body = opened.map_err(|_| not_ours())?;
        Ok(KeptLine { body, ..line })
    }

    /// Where a text is kept.
    pub(super) fn address(&self, digest: Digest) -> Digest {
        match self {
            Self::Sealed(seal) => seal.address(digest),
            Self::Plain | Self::Blind(_) => digest,
        }
    }

    /// A text as it is stored.
    pub(super) fn text<'t>(
        &self,
        address: Digest,
        text: &'t [u8],
    ) -> Result<(i64, Cow<'t, [u8]>), LedgerError> {
        let packed = (text.len() > SHORT).then(|| compress_to_vec(text, CompressionLevel::Fastest));
        let (kind, body) = match packed.filter(|packed| packed.len() < text.len()) {
            Some(packed) => (PACKED, Cow::Owned(packed)),
            None => (0, Cow::Borrowed(text)),
        };
        match self.seal()? {
            None => Ok((kind, body)),
            Some(seal) => {
                let kind = kind.saturating_add(SEALED);
                let sealed = seal.seal(&TextPlace::of(address, kind).parts(), &body);
                Ok((kind, Cow::Owned(sealed.map_err(unsealed)?)))
            }
        }
    }

    /// A text as it was given.
    pub(super) fn opened_text(
        &self,
        address: Digest,
        kind: i64,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, LedgerError> {
        let body = if kind < SEALED {
            body
        } else {
            let Some(seal) = self.seal()? else {
                return Err(wrong(address, "is sealed, and the journal is not"));
            };
            let opened = seal.open(&TextPlace::of(address, kind).parts(), &body);
            opened.map_err(|_| wrong(address, "is not sealed by this journal's key"))?
        };
        match kind & PACKED {
            _ if !(0..=SEALED.saturating_add(PACKED)).contains(&kind) => {
                Err(wrong(address, "is neither packed nor not"))
            }
            0 => Ok(body),
            _ => unpacked(&body).ok_or_else(|| wrong(address, "cannot be unpacked")),
        }
    }

    /// What a script is called, in the table.
    pub(super) fn name<'r>(&self, row: &'r RunRow) -> Result<Cow<'r, str>, LedgerError> {
        self.word(b"name", row.run, &row.name)
    }

    /// The person behind a run, in the table.
    pub(super) fn user<'r>(&self, row: &'r RunRow) -> Result<Option<Cow<'r, str>>, LedgerError> {
        let user = row.user.as_deref();
        user.map(|user| self.word(b"user", row.run, user))
            .transpose()
    }

    /// A row of the table of runs, as it was given.
    pub(super) fn opened_run(&self, row: RunRow) -> Result<RunRow, LedgerError> {
        let name = self.opened_word(b"name", row.run, row.name)?;
        let user = row
            .user
            .map(|user| self.opened_word(b"user", row.run, user));
        Ok(RunRow {
            name,
            user: user.transpose()?,
            ..row
        })
    }

    /// The same of what stands beside a question.
    pub(super) fn opened_asked(&self, asked: AskedRow) -> Result<AskedRow, LedgerError> {
        let ApprovalRow { run, .. } = asked.row;
        let script = self.opened_word(b"name", run, asked.script)?;
        let user = asked.user.map(|user| self.opened_word(b"user", run, user));
        Ok(AskedRow {
            script,
            user: user.transpose()?,
            ..asked
        })
    }

    fn word<'w>(&self, what: &[u8], run: Id, word: &'w str) -> Result<Cow<'w, str>, LedgerError> {
        match self.seal()? {
            None => Ok(Cow::Borrowed(word)),
            Some(seal) => {
                let sealed = seal.seal(&[b"run", what, &run.bytes()], word.as_bytes());
                let digits = hex::encode(sealed.map_err(unsealed)?);
                Ok(Cow::Owned(format!("{SEALED_WORD}{digits}")))
            }
        }
    }

    fn opened_word(&self, what: &[u8], run: Id, word: String) -> Result<String, LedgerError> {
        let Some(digits) = word.strip_prefix(SEALED_WORD) else {
            return Ok(word);
        };
        let Some(seal) = self.seal()? else {
            return Ok(word);
        };
        let opened = hex::decode(digits).ok();
        let opened = opened.and_then(|sealed| {
            let opened = seal.open(&[b"run", what, &run.bytes()], &sealed);
            String::from_utf8(opened.ok()?).ok()
        });
        let why = || format!("table of runs says of {run} what is not sealed by its key");
        opened.ok_or_else(|| LedgerError::Corrupt(why()))
    }

    /// What an answer is bound to, in the table: a digest of what would be sent, which could be guessed.
    pub(super) fn binding(&self, approval: Id, binding: Digest) -> Result<Vec<u8>, LedgerError> {
        match self.seal()? {
            None => Ok(binding.bytes().to_vec()),
            Some(seal) => {
                let sealed = seal.seal(&[b"binding", &approval.bytes()], binding.bytes());
                sealed.map_err(unsealed)
            }
        }
    }

    pub(super) fn opened_binding(
        &self,
        approval: Id,
        stored: ValueRef<'_>,
    ) -> FromSqlResult<Digest> {
        let stored = stored.as_blob()?;
        if let Some(digest) = Digest::from_bytes(stored) {
            return Ok(digest);
        }
        let Self::Sealed(seal) = self else {
            return Err(FromSqlError::InvalidType);
        };
        let opened = seal.open(&[b"binding", &approval.bytes()], stored);
        let opened = opened.map_err(|_| FromSqlError::InvalidType)?;
        Digest::from_bytes(&opened).ok_or(FromSqlError::InvalidType)
    }
}

/// The place that a line is bound to.
struct LinePlace {
    seq: [u8; 8],
    run: [u8; 16],
    at: [u8; 8],
    kind: [u8; 1],
}

impl LinePlace {
    fn of(seq: u64, run: Id, at: u64, kind: u8) -> Self {
        Self {
            seq: seq.to_le_bytes(),
            run: run.bytes(),
            at: at.to_le_bytes(),
            kind: [kind],
        }
    }

    fn parts(&self) -> [&[u8]; 5] {
        [b"line", &self.seq, &self.run, &self.at, &self.kind]
    }
}

/// The place that a text is bound to.
struct TextPlace {
    address: Digest,
    kind: [u8; 8],
}

impl TextPlace {
    fn of(address: Digest, kind: i64) -> Self {
        Self {
            address,
            kind: kind.to_le_bytes(),
        }
    }

    fn parts(&self) -> [&[u8]; 3] {
        [b"text", self.address.bytes(), &self.kind]
    }
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    StreamingDecoder::new(packed)
        .ok()?
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

/// The salt, the probe and the file of the key, of a journal that is sealed.
type SealedWith = (Vec<u8>, Vec<u8>, String);

fn sealed_with(database: &Connection) -> Result<Option<SealedWith>, LedgerError> {
    let found = database
        .prepare_cached("SELECT salt, probe, file FROM seal")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    Ok(found)
}

/// From here on what is written is sealed. Another process may be first, with another key.
fn begin(database: &mut Connection, key: &JournalKey) -> Result<(Vec<u8>, Vec<u8>), LedgerError> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some((salt, probe, _)) = sealed_with(&transaction)? {
        return Ok((salt, probe));
    }
    let salt = JournalSeal::salt().map_err(unsealed)?;
    let seal = JournalSeal::of(key, &salt).map_err(unsealed)?;
    let probe = seal.probe().map_err(unsealed)?;
    let file = std::path::absolute(key.path()).unwrap_or_else(|_| key.path().to_owned());
    transaction.execute(
        "INSERT INTO seal VALUES (?1, ?2, ?3)",
        params![salt.to_vec(), probe, file.to_string_lossy()],
    )?;
    transaction.commit()?;
    Ok((salt.to_vec(), probe))
}
