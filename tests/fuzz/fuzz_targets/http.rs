//! What a service writes over HTTP. The rules are in `runtime/src/fuzzing.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandgate::fuzzing::run("http", bytes));
