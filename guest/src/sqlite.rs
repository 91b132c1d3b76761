//! SQLite for scripts: RustPython's own module `_sqlite3` (see build.rs) over SQLite's C library.
//! Called by `interpreter`. Databases live in memory or in the workspace; there is nowhere else.

#![expect(
    unsafe_code,
    unexpected_cfgs,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "RustPython's code, built as it is"
)]

include!(concat!(env!("OUT_DIR"), "/sqlite3.rs"));
