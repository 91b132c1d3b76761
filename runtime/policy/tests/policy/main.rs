//! What policies decide, what does not load, and what is said about it. One binary; a module is one question.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod crm;
mod decide;
