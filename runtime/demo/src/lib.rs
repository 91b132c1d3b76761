//! What `sandgate demo` runs beside the sandbox. Tests use it too: it is a real service, and not a stand-in for one.

mod crm;

pub use crm::{Crm, DOCUMENT, Serving};
