//! An error with its causes on one line, as people and models are told of it.

use std::error::Error;

/// An error with its causes, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let because = next.to_string();
        // Some say it themselves.
        if !text.ends_with(&because) {
            text.push_str(": ");
            text.push_str(&because);
        }
        cause = next.source();
    }
    text
}
