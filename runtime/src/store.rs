//! Where registrations are kept: SQLite in the state directory, readable by its owner alone. Called by the command line
//! and when a registry is loaded. It must never count a document that the operator has not accepted. THREAT[SVC-05]

#![expect(
    clippy::disallowed_methods,
    reason = "registrations are kept in the operator's own directory"
)]

use crate::private;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use sandgate_policy::{SERVICE_NAME, is_service_name, nearest};
use sandgate_service::{
    Address, Change, Changed, Document, DocumentError, Hash, MarkError, Registration, Registry,
    Service, Terms, line,
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS documents (hash TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS services (
        name TEXT PRIMARY KEY,
        address TEXT NOT NULL,
        terms TEXT NOT NULL,
        document TEXT NOT NULL REFERENCES documents (hash),
        waiting TEXT REFERENCES documents (hash)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;";
const VERSION: i64 = 1;

/// Registrations of one user.
#[derive(Debug)]
pub struct Store {
    database: Connection,
}

/// Registrations with their documents, for a process that may not open the directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreCopy {
    /// Name, address, terms, the document that counts and the one that waits, as they are kept.
    services: Vec<(String, String, String, String, Option<String>)>,
    documents: Vec<(String, String)>,
}

/// What a service's document turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The one that counts.
    Same,
    /// Another one, which now waits for the operator; or did already.
    Waiting {
        /// How it differs from the one that counts.
        change: Change,
        /// Whether the same one was waiting before, so that the operator can have seen it.
        known: bool,
    },
}

/// Why registrations cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no home directory to keep them in.
    #[error("there is no directory to keep state in")]
    NoHome,
    /// The directory cannot be made or opened.
    #[error("the state directory `{}` cannot be used: {reason}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// SQLite says no.
    #[error("the registry cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// What is kept is not what was written, or was written by a newer program.
    #[error("the registry's {0}")]
    Corrupt(String),
    /// The name cannot be used.
    #[error("`{0}` cannot name a service: {SERVICE_NAME}")]
    Name(String),
    /// The name is in use.
    #[error("a service called `{0}` is registered already")]
    Exists(String),
    /// No such service.
    #[error("no service called `{name}` is registered{}", meant(.near))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was perhaps meant.
        near: Option<String>,
    },
    /// The operator speaks of methods that the document does not have.
    #[error("`{name}` has no method `{method}`{}", meant(.near))]
    Method {
        /// The service.
        name: String,
        /// What was asked for.
        method: String,
        /// What was perhaps meant.
        near: Option<String>,
    },
    /// What the operator says of a method cannot be.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// The document cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The kept document is not the one that was accepted.
    #[error(transparent)]
    Changed(#[from] Changed),
}

impl StoreError {
    /// A method that a service does not have.
    #[must_use]
    pub fn method(service: &Service, method: &str) -> Self {
        let names = service.methods().map(|known| known.method.as_str());
        Self::Method {
            name: service.name().to_owned(),
            near: nearest(method, names).map(ToOwned::to_owned),
            method: line(method, 80),
        }
    }
}

fn meant(near: &Option<String>) -> String {
    near.as_ref()
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

impl Store {
    /// Opens the registrations in a directory, which is made where it is missing.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        // What is in it decides what scripts can reach.
        private::make_directory(directory).map_err(|error| StoreError::Directory {
            path: directory.to_owned(),
            reason: error.to_string(),
        })?;
        let database = Connection::open(directory.join("registry.db"))?;
        // Another process may be writing; it will be done at once.
        database.busy_timeout(Duration::from_secs(5))?;
        database.pragma_update(None, "foreign_keys", true)?;
        let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            VERSION => {}
            0 => {
                database.pragma_update(None, "journal_mode", "wal")?;
                database.execute_batch(TABLES)?;
            }
            newer => {
                return Err(StoreError::Corrupt(format!(
                    "version is {newer}, and only {VERSION} is known"
                )));
            }
        }
        Ok(Self { database })
    }

    /// Everything that is in it.
    pub fn copy(&self) -> Result<StoreCopy, StoreError> {
        // Both are of one moment.
        let moment = self.database.unchecked_transaction()?;
        let mut services =
            moment.prepare("SELECT name, address, terms, document, waiting FROM services")?;
        let services = services.query_map([], |row| row.try_into())?;
        let mut documents = moment.prepare("SELECT hash, body FROM documents")?;
        let documents = documents.query_map([], |row| row.try_into())?;
        Ok(StoreCopy {
            services: services.collect::<Result<_, _>>()?,
            documents: documents.collect::<Result<_, _>>()?,
        })
    }

    /// A copy of another one, in memory.
    pub fn of_copy(copy: &StoreCopy) -> Result<Self, StoreError> {
        let database = Connection::open_in_memory()?;
        database.execute_batch(TABLES)?;
        for (hash, body) in &copy.documents {
            database.execute("INSERT INTO documents VALUES (?1, ?2)", params![hash, body])?;
        }
        for (name, address, terms, document, waiting) in &copy.services {
            database.execute(
                "INSERT INTO services VALUES (?1, ?2, ?3, ?4, ?5)",
                params![name, address, terms, document, waiting],
            )?;
        }
        Ok(Self { database })
    }

    /// All of them, in the order of their names.
    pub fn list(&self) -> Result<Vec<Registration>, StoreError> {
        let mut statement = self.database.prepare(
            "SELECT name, address, terms, document, waiting FROM services ORDER BY name",
        )?;
        let rows = statement.query_map([], |row| Ok(registration(row)))?;
        rows.map(|row| row?).collect()
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Result<Registration, StoreError> {
        let found = self
            .database
            .query_row(
                "SELECT name, address, terms, document, waiting FROM services WHERE name = ?1",
                [name],
                |row| Ok(registration(row)),
            )
            .optional()?;
        match found {
            Some(found) => found,
            None => Err(self.unknown(name)?),
        }
    }

    /// What scripts can be given of these registrations. THREAT[SVC-04]: documents of others are not looked at.
    pub fn registry<'r>(
        &self,
        of: impl IntoIterator<Item = &'r Registration>,
    ) -> Result<Registry, StoreError> {
        let offered = of
            .into_iter()
            .filter(|registration| registration.is_offered());
        let kept = offered.map(|registration| {
            let document = self.body(registration.document)?;
            Ok((registration.clone(), document))
        });
        Ok(Registry::of_registrations(
            kept.collect::<Result<Vec<_>, StoreError>>()?,
        ))
    }

    /// The service with the document that counts, also while another one is waiting.
    pub fn service(&self, registration: &Registration) -> Result<Service, StoreError> {
        self.read(registration, registration.document)
    }

    /// The document that counts, as it was kept.
    pub fn document(&self, registration: &Registration) -> Result<String, StoreError> {
        self.body(registration.document)
    }

    /// The service with the document that is waiting, where one is.
    pub fn waiting(&self, registration: &Registration) -> Result<Option<Service>, StoreError> {
        registration
            .waiting
            .map(|hash| self.read(registration, hash))
            .transpose()
    }

    /// Registers a service with its document, in the place of another of this name if that is `replaced`.
    pub fn add(
        &mut self,
        name: &str,
        address: &Address,
        terms: &Terms,
        document: &[u8],
        replaced: bool,
    ) -> Result<Service, StoreError> {
        if !is_service_name(name) {
            return Err(StoreError::Name(line(name, 80)));
        }
        let document = Document::read(document)?;
        let transaction = self.write()?;
        if replaced {
            transaction.execute("DELETE FROM services WHERE name = ?1", [name])?;
        }
        keep(&transaction, &document)?;
        let added = transaction.execute(
            "INSERT INTO services VALUES (?1, ?2, ?3, ?4, NULL) ON CONFLICT DO NOTHING",
            params![
                name,
                json(address)?,
                json(terms)?,
                document.hash().to_string()
            ],
        )?;
        if added == 0 {
            return Err(StoreError::Exists(name.to_owned()));
        }
        let service = Service::new(name, address.clone(), document, terms);
        known(&service, terms)?;
        sweep(&transaction)?;
        transaction.commit()?;
        Ok(service)
    }

    /// Takes note of the document that a service has now. Another than the one that counts makes the service wait.
    pub fn refresh(&mut self, name: &str, document: &[u8]) -> Result<Refreshed, StoreError> {
        let before = self.get(name)?;
        let document = Document::read(document)?;
        let hash = document.hash();
        let waiting = (hash != before.document).then_some(hash);
        let transaction = self.write()?;
        if waiting.is_some() {
            keep(&transaction, &document)?;
        }
        transaction.execute(
            "UPDATE services SET waiting = ?2 WHERE name = ?1",
            params![name, waiting.map(|hash| hash.to_string())],
        )?;
        sweep(&transaction)?;
        transaction.commit()?;
        if waiting.is_none() {
            return Ok(Refreshed::Same);
        }
        let new = Service::new(name, before.address.clone(), document, &before.terms);
        Ok(Refreshed::Waiting {
            change: Change::between(&self.service(&before)?, &new),
            known: before.waiting == waiting,
        })
    }

    /// Says something else of a service that is registered.
    pub fn amend(&mut self, name: &str, terms: &Terms) -> Result<Service, StoreError> {
        let registration = Registration {
            terms: terms.clone(),
            ..self.get(name)?
        };
        let service = self.service(&registration)?;
        known(&service, terms)?;
        let transaction = self.write()?;
        transaction.execute(
            "UPDATE services SET terms = ?2 WHERE name = ?1",
            params![name, json(terms)?],
        )?;
        transaction.commit()?;
        Ok(service)
    }

    /// What another document would change, without taking note of it. Nothing where it is the one that counts.
    pub fn compare(&self, name: &str, document: &[u8]) -> Result<Option<Change>, StoreError> {
        let before = self.get(name)?;
        let document = Document::read(document)?;
        if document.hash() == before.document {
            return Ok(None);
        }
        let new = Service::new(name, before.address.clone(), document, &before.terms);
        Ok(Some(Change::between(&self.service(&before)?, &new)))
    }

    /// Lets the document count that counted, and no other wait. Tells whether one waited.
    pub fn decline(&mut self, name: &str) -> Result<bool, StoreError> {
        self.settle(name, "waiting = NULL")
    }

    /// Makes the waiting document the one that counts. Tells whether there was one.
    pub fn accept(&mut self, name: &str) -> Result<bool, StoreError> {
        self.settle(name, "document = waiting, waiting = NULL")
    }

    /// What becomes of a document that waits, in SQL. Tells whether one did.
    fn settle(&mut self, name: &str, change: &'static str) -> Result<bool, StoreError> {
        self.get(name)?;
        let transaction = self.write()?;
        let settled = transaction.execute(
            &format!("UPDATE services SET {change} WHERE name = ?1 AND waiting IS NOT NULL"),
            [name],
        )?;
        sweep(&transaction)?;
        transaction.commit()?;
        Ok(settled > 0)
    }

    /// Removes a registration.
    pub fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.get(name)?;
        let transaction = self.write()?;
        transaction.execute("DELETE FROM services WHERE name = ?1", [name])?;
        sweep(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// The text of a document, as it was kept.
    fn body(&self, hash: Hash) -> Result<String, StoreError> {
        let body = "SELECT body FROM documents WHERE hash = ?1";
        Ok(self
            .database
            .query_row(body, [hash.to_string()], |row| row.get(0))?)
    }

    fn read(&self, registration: &Registration, hash: Hash) -> Result<Service, StoreError> {
        Ok(registration.service(hash, &self.body(hash)?)?)
    }

    fn write(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self
            .database
            .transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    fn unknown(&self, name: &str) -> Result<StoreError, StoreError> {
        let all = self.list()?;
        let names = all.iter().map(|known| known.name.as_str());
        Ok(StoreError::Unknown {
            near: nearest(name, names).map(ToOwned::to_owned),
            name: line(name, 80),
        })
    }
}

/// Whether a service has the methods that the operator speaks of, and is such that what he says can be.
fn known(service: &Service, terms: &Terms) -> Result<(), StoreError> {
    let effects = terms.effects.keys().map(String::as_str);
    for method in effects.chain(terms.marks.methods()) {
        if service.method(method).is_none() {
            return Err(StoreError::method(service, method));
        }
        terms.marks.check(service, method)?;
    }
    Ok(())
}

fn keep(transaction: &Transaction<'_>, document: &Document) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO documents VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![document.hash().to_string(), document.canonical()],
    )?;
    Ok(())
}

/// Documents that nobody counts on any more.
fn sweep(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute(
        "DELETE FROM documents WHERE hash NOT IN (SELECT document FROM services)
            AND hash NOT IN (SELECT waiting FROM services WHERE waiting IS NOT NULL)",
        [],
    )?;
    Ok(())
}

fn registration(row: &Row<'_>) -> Result<Registration, StoreError> {
    let name: String = row.get("name")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of `{name}` cannot be read"));
    let hash = |column: &str| -> Result<Option<Hash>, StoreError> {
        let text: Option<String> = row.get(column)?;
        text.map(|text| Hash::from_hex(&text).ok_or_else(|| corrupt(column)))
            .transpose()
    };
    Ok(Registration {
        address: serde_json::from_str(&row.get::<_, String>("address")?)
            .map_err(|_| corrupt("address"))?,
        terms: serde_json::from_str(&row.get::<_, String>("terms")?)
            .map_err(|_| corrupt("terms"))?,
        document: hash("document")?.ok_or_else(|| corrupt("document"))?,
        waiting: hash("waiting")?,
        name,
    })
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Corrupt(format!("entry cannot be written: {error}")))
}
