//! Services: where they are, what they offer, and how they are spoken to; and the registrations of one user.

pub use crate::{
    places::state_dir,
    store::{Refreshed, Store, StoreError},
};
pub use sandgate_service::*;
