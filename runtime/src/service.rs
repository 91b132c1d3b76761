//! Services: where they are, what they offer, and how they are spoken to; and the registrations of one user.

pub use crate::store::{Refreshed, Store, StoreCopy, StoreError};
pub use sandgate_service::*;
