//! One service as the operator accepted it: its name, its address, what he says of it, and which document counts. Kept
//! by the library's store, read by the registry. It must never make a service of a document that was not accepted.
//! THREAT[SVC-05]

use crate::{
    address::Address,
    offer::{Document, DocumentError, Hash, Service, Terms},
};

/// One registered service, without its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What scripts and policies call it.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// What the operator says of it.
    pub terms: Terms,
    /// The document that counts.
    pub document: Hash,
    /// Another one, which the service has now. Until it is accepted the service is not offered.
    pub waiting: Option<Hash>,
}

/// Why the text of a document is not the one that was accepted, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Changed {
    /// It has another digest.
    #[error("the document of `{0}` was changed after it was kept")]
    Document(String),
    /// It cannot be read.
    #[error(transparent)]
    Unusable(#[from] DocumentError),
}

impl Registration {
    /// Whether scripts can be given it: no other document is waiting.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.waiting.is_none()
    }

    /// Whether a service was read from the document that counts.
    #[must_use]
    pub fn counts(&self, service: &Service) -> bool {
        self.document == service.hash()
    }

    /// The service with one of its documents, from the text that was kept.
    pub fn service(&self, hash: Hash, kept: &str) -> Result<Service, Changed> {
        let document = Document::read(kept.as_bytes())?;
        if document.hash() != hash {
            return Err(Changed::Document(self.name.clone()));
        }
        Ok(Service::new(
            &self.name,
            self.address.clone(),
            document,
            &self.terms,
        ))
    }
}
