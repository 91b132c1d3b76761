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
pub(super) fn start(quiet: bool, verbose: bool) {
    print::start();
    if quiet {
        return;
    }
    let most = if verbose { Level::DEBUG } else { Level::WARN };
    let told = move |event: &Metadata<'_>| {
        // What other crates say of themselves is not about the script; what `rmcp` warns of has been said to the client.
        *event.level() <= most && event.target().starts_with("sandgate")
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| print::Warnings)
        .with_target(false)
        .without_time()
        .compact()
        .with_filter(filter_fn(told).with_max_level_hint(most));
    let subscriber = tracing_subscriber::registry().with(lines);
    // An embedder that calls this twice keeps its own.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
