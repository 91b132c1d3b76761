//! What a service writes over lines. The rules are in `runtime/src/fuzzing.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandgate::fuzzing::run("lines", bytes));
