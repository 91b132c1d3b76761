//! How people are told of what went wrong: a report on standard error, and the library's warnings. Called by `lib`.

use super::print;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use tracing::{Level, Metadata};
use tracing_subscriber::{Layer, filter::filter_fn, layer::SubscriberExt};

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
    let told = |event: &Metadata<'_>| {
        // What `rmcp` warns of has been said to the client, which knows what it did.
        *event.level() <= Level::WARN && !event.target().starts_with("rmcp")
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| print::Warnings)
        .with_target(false)
        .without_time()
        .compact()
        .with_filter(filter_fn(told).with_max_level_hint(Level::WARN));
    let subscriber = tracing_subscriber::registry().with(lines);
    // An embedder that calls this twice keeps its own.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
