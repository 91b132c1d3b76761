//! How much was done, in numbers that Prometheus reads: runs by their context and ending, calls by their method and what came of them, and
//! how long both took; and who waits now, and was refused. No text of a script, and no parameter, is in any of it. What is counted apart is bounded, since names of
//! methods come from scripts: THREAT[DOS-14].

use crate::{admission::AdmissionCounts, spans::verdict};
use sandgate::{CallMade, Outcome, Status};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Series of one kind. What comes then is counted as `other`.
const MOST_SERIES: usize = 5_000;
/// Upper bounds of how long something took, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// The numbers of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics(Arc<Mutex<CountedSeries>>);

#[derive(Debug, Default)]
struct CountedSeries {
    runs: BTreeMap<RunSeries, Series>,
    calls: BTreeMap<CallSeries, Series>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RunSeries {
    context: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CallSeries {
    context: String,
    service: String,
    method: String,
    verdict: &'static str,
    result: &'static str,
}

/// One series: how often, and how long.
#[derive(Debug, Default)]
struct Series {
    count: u64,
    seconds: f64,
    within: [u64; BOUNDS.len()],
}

impl Series {
    fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.count = self.count.saturating_add(1);
        self.seconds += seconds;
        for (within, bound) in self.within.iter_mut().zip(BOUNDS) {
            if seconds <= bound {
                *within = within.saturating_add(1);
            }
        }
    }
}

impl Metrics {
    /// A run of this context has come to an end, or waits.
    pub(crate) fn count(&self, context: &str, outcome: &Outcome) {
        let mut counted = self.counted();
        counted.run(context, outcome.status, outcome.usage.wall);
        // Calls from before the run was resumed have been counted already.
        let calls = outcome.calls.iter();
        for call in calls.filter(|call| call.began.is_some()) {
            counted.call(context, call);
        }
    }

    /// A script of a session has ended.
    pub(crate) fn count_script(&self, context: &str, status: Status, wall: Duration) {
        self.counted().run(context, status, wall);
    }

    /// All of it, as Prometheus reads it.
    pub(crate) fn text(&self, admission: &AdmissionCounts) -> String {
        let counted = self.counted();
        let mut text = String::new();
        let runs = counted.runs.iter().map(|(series, counted)| {
            let labels = [
                ("context", series.context.as_str()),
                ("status", series.status),
            ];
            (labelled(&labels), counted)
        });
        family(
            &mut text,
            "sandgate_run_seconds",
            "How long runs took, by how they ended.",
            runs,
        );
        let calls = counted.calls.iter().map(|(series, counted)| {
            let labels = [
                ("context", series.context.as_str()),
                ("service", series.service.as_str()),
                ("method", series.method.as_str()),
                ("verdict", series.verdict),
                ("result", series.result),
            ];
            (labelled(&labels), counted)
        });
        family(
            &mut text,
            "sandgate_call_seconds",
            "How long calls took, by what came of them.",
            calls,
        );
        stands(&mut text, admission);
        text
    }

    fn counted(&self) -> MutexGuard<'_, CountedSeries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CountedSeries {
    fn run(&mut self, context: &str, status: Status, wall: Duration) {
        let series = RunSeries {
            context: context.to_owned(),
            status: status.as_str(),
        };
        self.runs.entry(series).or_default().add(wall);
    }

    fn call(&mut self, context: &str, call: &CallMade) {
        let mut series = CallSeries {
            context: context.to_owned(),
            service: call.service.clone(),
            method: call.method.clone(),
            verdict: verdict(call.verdict),
            result: call.result.as_str(),
        };
        // What was never offered has any name that a script gives it.
        let is_unknown = call.effect.is_none();
        let is_full = self.calls.len() >= MOST_SERIES && !self.calls.contains_key(&series);
        if is_unknown || is_full {
            "other".clone_into(&mut series.service);
            "other".clone_into(&mut series.method);
        }
        self.calls.entry(series).or_default().add(call.took);
    }
}

fn labelled(labels: &[(&str, &str)]) -> String {
    let shown = labels.iter().map(|(name, value)| {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    });
    shown.collect::<Vec<_>>().join(",")
}

/// How it stands with places, and who was refused one. Writing to a text cannot fail.
fn stands(text: &mut String, admission: &AdmissionCounts) {
    for (name, help, each) in [
        (
            "sandgate_runs_running",
            "Runs that have a place, by what they weigh.",
            &admission.running,
        ),
        (
            "sandgate_runs_waiting",
            "Runs that wait for a place.",
            &admission.waiting,
        ),
        (
            "sandgate_requests_open",
            "Requests that are not answered yet.",
            &admission.requests,
        ),
    ] {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (context, number) in each {
            let _ = writeln!(
                text,
                "{name}{{{}}} {number}",
                labelled(&[("context", context)])
            );
        }
    }
    let name = "sandgate_refused_total";
    let _ = writeln!(
        text,
        "# HELP {name} What there was no room for.\n# TYPE {name} counter"
    );
    for ((context, what), number) in &admission.refused {
        let labels = labelled(&[("context", context), ("what", what)]);
        let _ = writeln!(text, "{name}{{{labels}}} {number}");
    }
}

/// A histogram. Writing to a text cannot fail.
fn family<'s>(
    text: &mut String,
    name: &str,
    help: &str,
    all: impl Iterator<Item = (String, &'s Series)>,
) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
    for (labels, series) in all {
        for (bound, within) in BOUNDS.iter().zip(series.within) {
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {within}");
        }
        let _ = writeln!(
            text,
            "{name}_bucket{{{labels},le=\"+Inf\"}} {}",
            series.count
        );
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", series.seconds);
        let _ = writeln!(text, "{name}_count{{{labels}}} {}", series.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_read_as_a_histogram_and_names_of_nothing_are_one() {
        let metrics = Metrics::default();
        metrics.count_script("a\"b", Status::Ok, Duration::from_millis(3));
        metrics.count_script("a\"b", Status::Ok, Duration::from_secs(700));
        let expected = "# HELP sandgate_run_seconds How long runs took, by how they ended.
# TYPE sandgate_run_seconds histogram
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"0.001\"} 0
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"0.005\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"0.02\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"0.1\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"0.5\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"1\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"5\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"30\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"120\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"600\"} 1
sandgate_run_seconds_bucket{context=\"a\\\"b\",status=\"ok\",le=\"+Inf\"} 2
sandgate_run_seconds_sum{context=\"a\\\"b\",status=\"ok\"} 700.003
sandgate_run_seconds_count{context=\"a\\\"b\",status=\"ok\"} 2
# HELP sandgate_call_seconds How long calls took, by what came of them.
# TYPE sandgate_call_seconds histogram
# HELP sandgate_runs_running Runs that have a place, by what they weigh.
# TYPE sandgate_runs_running gauge
sandgate_runs_running{context=\"a\"} 2
# HELP sandgate_runs_waiting Runs that wait for a place.
# TYPE sandgate_runs_waiting gauge
sandgate_runs_waiting{context=\"a\"} 7
# HELP sandgate_requests_open Requests that are not answered yet.
# TYPE sandgate_requests_open gauge
# HELP sandgate_refused_total What there was no room for.
# TYPE sandgate_refused_total counter
sandgate_refused_total{context=\"a\",what=\"run\"} 3
";
        let admission = AdmissionCounts {
            running: vec![("a".to_owned(), 2)],
            waiting: vec![("a".to_owned(), 7)],
            requests: Vec::new(),
            refused: vec![(("a".to_owned(), "run"), 3)],
        };
        assert_eq!(metrics.text(&admission), expected);
    }
}
