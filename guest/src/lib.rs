//! The guest: RustPython, our bridge to the host, and the Python that scripts see, as one WebAssembly reactor.
//!
//! `guest/build.sh` has `wizer-initialize` called once and takes a snapshot of memory, which is what is committed. Every run
//! is a fresh copy of that snapshot on which the host calls `sandgate_buffer` and `sandgate_run`. Nothing here decides anything: what a script
//! may do is decided on the other side of `abi`, which is the only way out.

// RustPython's modules expect its macros in every scope.
#[macro_use]
extern crate rustpython_derive;

mod abi;
mod allocator;
mod bridge;
mod decimal;
mod errors;
mod interpreter;
mod localtime;
mod prelude;
mod rehearsal;
mod script;
mod sqlite;
mod streams;
mod sum;
mod value;
mod zones;
