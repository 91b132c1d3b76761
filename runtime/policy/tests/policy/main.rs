//! What policies decide, what does not load, and what is said about it. One binary; a module is one question.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on fails"
)]

mod cases;
mod crm;
mod decide;
mod explain;
mod limits;
mod lint;
mod load;
mod model;
mod mutation;
mod parameters;
mod replay;
mod sources;
mod suggest;
