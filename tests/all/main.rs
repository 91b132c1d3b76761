//! Every integration test, in one binary. A module is named after the stage it tests; `coverage` keeps the set whole.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod cli;
mod client;
mod corpus;
mod counted;
mod coverage;
mod crash;
mod crm;
mod demo;
mod directions;
mod doctor;
mod effects;
mod escape;
mod export;
mod host;
mod hostcall;
mod image;
mod isolation;
mod journal;
mod limitations;
mod limits;
mod mcp;
mod names;
mod neighbours;
mod output;
mod pages;
mod plan;
mod policy;
mod question;
mod reach;
mod recorder;
mod refusals;
mod repl;
mod replay;
mod run;
mod scratch;
mod screen;
mod search;
mod serve;
mod service;
mod services;
mod session;
mod signals;
mod specs;
mod stack;
mod support;
#[cfg(feature = "third-party")]
mod third_party;
mod typed;
mod wall;
mod workspace;
