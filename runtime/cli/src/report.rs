//! How people are told of what went wrong: a report on standard error, and the library's warnings. Called by `lib`.

use super::print;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

/// Prints a report to standard error. Names of files and texts of services may be in it.
pub(super) fn failure(failure: &dyn Diagnostic) {
    print::err_in_colours(&rendered(failure, false), || rendered(failure, true));
}

/// A report as text.
pub(super) fn rendered(report: &dyn Diagnostic, colour: bool) -> String {
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let mut text = String::new();
    if GraphicalReportHandler::new_themed(theme)
        .render_report(&mut text, report)
        .is_err()
    {
        text = format!("{report}\n");
    }
    text
}

/// Reads what the environment says of reports, and makes lines on standard error of the library's warnings.
pub(super) fn start(quiet: bool) {
    print::start();
    if quiet {
        return;
    }
    let subscriber = tracing_subscriber::fmt()
        .with_writer(|| print::Warnings)
        .with_max_level(tracing::Level::WARN)
        .with_target(false)
        .without_time()
        .compact()
        .finish();
    // An embedder that calls this twice keeps its own.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
