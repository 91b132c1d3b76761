//! How people are told of what went wrong: a report on standard error, and the library's warnings. Called by `lib`.

use super::print;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode,
};
use std::{error::Error, fmt};
use tracing::{Level, Metadata};
use tracing_subscriber::{Layer, filter::filter_fn, layer::SubscriberExt};

/// Prints a report to standard error. Names of files and texts of services may be in it.
pub(super) fn failure(failure: &dyn Diagnostic) {
    print::err_in_colours(&rendered(failure, false), || rendered(failure, true));
}

/// A report as text, and below it what belongs to it, each as a report of its own.
pub(super) fn rendered(report: &dyn Diagnostic, colour: bool) -> String {
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme);
    let mut text = String::new();
    render(&handler, &ReportPart::whole(report), &mut text);
    text
}

fn render(handler: &GraphicalReportHandler, part: &ReportPart<'_>, text: &mut String) {
    let mut own = String::new();
    if handler.render_report(&mut own, part).is_err() {
        own = format!("{part}\n");
    }
    text.push_str(&own);
    for related in part.report.related().into_iter().flatten() {
        text.push('\n');
        render(handler, &part.below(related), text);
    }
}

/// A report without what belongs to it, which `miette` would put below it under a heading, `Error:`, that says nothing.
struct ReportPart<'a> {
    report: &'a dyn Diagnostic,
    /// The text that it is about, which is that of the report above where it has none of its own.
    source: Option<&'a dyn SourceCode>,
}

impl<'a> ReportPart<'a> {
    fn whole(report: &'a dyn Diagnostic) -> Self {
        Self {
            report,
            source: report.source_code(),
        }
    }

    fn below(&self, report: &'a dyn Diagnostic) -> Self {
        Self {
            report,
            source: report.source_code().or(self.source),
        }
    }
}

impl fmt::Display for ReportPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.report, f)
    }
}

impl fmt::Debug for ReportPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.report, f)
    }
}

impl Error for ReportPart<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.report.source()
    }
}

impl Diagnostic for ReportPart<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.report.code()
    }

    fn severity(&self) -> Option<Severity> {
        self.report.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.report.help()
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.report.url()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.report.labels()
    }
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
