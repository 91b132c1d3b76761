//! What can be said of a script before it runs: mistakes in it, each with its remedy, and the calls that it would make, with what
//! policies say of each. Called by the library for embedders and by `sandgate check`.
//!
//! It is advice and never a decision: a script can reach every method in ways that nobody sees in its source, and each call is decided
//! when it is made. What is not certain is not said: a name that means two things, or is given away, is left alone.
//!
//! Pure: this crate opens no file, starts no task and knows nothing of sandboxes.

mod depth;
mod literal;
mod names;
mod offered;
mod reading;
mod report;

pub use offered::Offered;
pub use report::{CheckReport, CheckedCall, Mistake, MistakeKind};

use depth::Depth;
use names::NameBindings;
use reading::ScriptReader;
use report::Places;
use ruff_python_ast::PythonVersion;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextSize};

/// What scripts are run as.
const PYTHON: PythonVersion = PythonVersion {
    major: 3,
    minor: 14,
};

/// Reads a script, of which `offered` may be called. A script that is not Python has one mistake: the first.
#[must_use]
pub fn check(source: &str, offered: &Offered<'_>) -> CheckReport {
    let places = Places::of(source);
    let depth = Depth::of(source);
    if depth.is_too_deep() {
        let mistake = places.mistake(
            MistakeKind::Nesting,
            TextSize::new(0),
            format!(
                "the script nests more than {} levels deep, so it is not checked",
                Depth::MOST
            ),
            Some("give parts of its longest expression names of their own".to_owned()),
        );
        return CheckReport {
            mistakes: vec![mistake],
            calls: Vec::new(),
        };
    }
    depth.with_stack(|| read(source, offered, &places))
}

fn read(source: &str, offered: &Offered<'_>, places: &Places<'_>) -> CheckReport {
    let options = ParseOptions::from(Mode::Module).with_target_version(PYTHON);
    let Some(parsed) = parse_unchecked(source, options).try_into_module() else {
        return CheckReport::default();
    };
    let wrong = parsed
        .errors()
        .iter()
        .map(|error| (error.range(), error.error.to_string()));
    let unsupported = parsed.unsupported_syntax_errors().iter();
    let unsupported = unsupported.map(|error| (error.range(), error.to_string()));
    if let Some((range, message)) = wrong
        .chain(unsupported)
        .min_by_key(|(range, _)| range.start())
    {
        let message = report::as_written_here(&message);
        let mistake = places.mistake(MistakeKind::Syntax, range.start(), message, None);
        return CheckReport {
            mistakes: vec![mistake],
            calls: Vec::new(),
        };
    }
    let names = NameBindings::of(parsed.suite(), offered);
    ScriptReader::of(parsed.suite(), &names, offered, places)
}
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;
