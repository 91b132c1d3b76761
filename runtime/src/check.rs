//! What can be said of a script before it runs: its mistakes, and what it would call. Advice, and never a decision.

pub use sandgate_check::*;
