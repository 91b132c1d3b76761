//! What `sandgate demo` runs beside the sandbox. Tests use it too: it is a real service, and not a stand-in for one.

mod crm;

#[cfg(any(test, fuzzing))]
pub(crate) use crm::DOCUMENT as CRM_DOCUMENT;
pub use crm::{Crm, Serving};
