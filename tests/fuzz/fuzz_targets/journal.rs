//! A line of the journal. The rules are in `runtime/src/fuzzing.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandgate::fuzzing::run("journal", bytes));
