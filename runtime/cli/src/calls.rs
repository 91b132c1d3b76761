//! The calls of a run, for whoever watches it: each on one line when it is answered, how a change that somebody agreed to is undone
//! once it is made, and at the end what was changed. Used by every command that makes calls. What is marked as sensitive, and what
//! looks like a credential, is not shown.

use super::{
    journal::{Redaction, arguments, ruled, short},
    print,
};
use sandgate::{
    CallMade, CallResult, CallWatcher, LISTED_CALLS, Outcome, Stream, WatchedAnswer, WatchedCall,
    policy::{Effect, Verdict},
    service::Secrets,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Shows calls on standard error.
#[derive(Debug)]
pub(super) struct ShownCalls {
    /// Of all calls; where there is none, only what was asked about and made is told.
    redaction: Option<Redaction>,
    state: Mutex<ShownState>,
}

#[derive(Debug, Default)]
struct ShownState {
    /// What was hidden in the calls so far.
    secrets: Secrets,
    open: BTreeMap<u32, OpenShown>,
}

/// A call that has no answer yet.
#[derive(Debug)]
struct OpenShown {
    said: String,
    since: Instant,
    /// Once it is made it can be undone.
    is_undone: bool,
}

impl ShownCalls {
    /// Shows each.
    pub(super) fn all(redaction: Redaction) -> Arc<Self> {
        Arc::new(Self {
            redaction: Some(redaction),
            state: Mutex::default(),
        })
    }

    /// Says at a terminal how each change that somebody agreed to is undone.
    pub(super) fn asked() -> Option<Arc<dyn CallWatcher>> {
        let shown = Self {
            redaction: None,
            state: Mutex::default(),
        };
        print::is_terminal(Stream::Err).then(|| Arc::new(shown) as Arc<dyn CallWatcher>)
    }

    fn state(&self) -> MutexGuard<'_, ShownState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows those that have no answer when the run ends.
    pub(super) fn leave(&self) {
        let open = std::mem::take(&mut self.state().open);
        for open in open.into_values() {
            line(
                &open.said,
                CallResult::Open,
                CallResult::Open.told(None),
                "",
            );
        }
    }
}

/// One line, with what came of the call in a colour of its own.
fn line(said: &str, result: CallResult, came: &str, rest: &str) {
    let colour = match result {
        CallResult::Ok | CallResult::Planned => 32,
        CallResult::Failed | CallResult::Refused => 31,
        CallResult::Open | CallResult::Awaiting => 33,
    };
    print::err_in_colours(&format!("{said} → {came}{rest}\n"), || {
        format!("{said} → \u{1b}[{colour}m{came}\u{1b}[0m{rest}\n")
    });
}

impl CallWatcher for ShownCalls {
    fn decided(&self, call: &WatchedCall<'_>) {
        let (service, method) = (call.service, call.method);
        let name = format!("{service}.{method}");
        let is_change = call.effect.is_some_and(|effect| effect != Effect::Read);
        let is_asked = matches!(&call.ruling, Ok(ruling) if ruling.verdict == Verdict::Gate);
        let mut state = self.state();
        let said = match &self.redaction {
            Some(redaction) => {
                let params = call.params.get();
                redaction.learn_params(service, method, params, &mut state.secrets);
                let params = redaction.params(service, method, params, &state.secrets);
                let decided = match &call.ruling {
                    Ok(ruling) => format!(" {}", ruled(ruling.verdict, &ruling.policies)),
                    // Why is in the refusal, which follows.
                    Err(_) => String::new(),
                };
                format!("{name}({}){decided}", short(arguments(&params)))
            }
            None if is_change && is_asked => name,
            None => return,
        };
        let known = state.open.get(&call.call);
        let open = OpenShown {
            said,
            since: known.map_or_else(Instant::now, |open| open.since),
            is_undone: is_change && call.undo.is_some(),
        };
        state.open.insert(call.call, open);
    }

    fn answered(&self, answer: &WatchedAnswer) {
        // What was not decided is an import, or could not be read.
        let Some(open) = self.state().open.remove(&answer.call) else {
            return;
        };
        let is_made = answer.result == CallResult::Ok;
        let undo = answer.run.filter(|_| is_made && open.is_undone);
        let undo =
            undo.map(|run| format!("`sandgate undo {run} --call {}` undoes it", answer.call));
        if self.redaction.is_some() {
            let millis = open.since.elapsed().as_millis();
            let undo = undo.map_or_else(String::new, |undo| format!("; {undo}"));
            let came = answer.result.told(answer.code);
            line(
                &open.said,
                answer.result,
                came,
                &format!(" {millis} ms{undo}"),
            );
        } else if let Some(undo) = undo {
            print::err(&format!("sandgate: {} is made; {undo}\n", open.said));
        }
    }
}

/// What a run has changed, and how it is undone, for whoever is at a terminal; others have the list of calls in the JSON. Nothing
/// where it changed nothing.
pub(super) fn changes(outcome: &Outcome) -> Option<String> {
    if !print::is_terminal(Stream::Err) {
        return None;
    }
    let is_change = |call: &&CallMade| {
        call.result == CallResult::Ok && call.effect.is_some_and(|effect| effect != Effect::Read)
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut all, mut undone) = (0_u64, 0_u64);
    for call in outcome.calls.iter().filter(is_change) {
        let count = counts
            .entry(format!("{}.{}", call.service, call.method))
            .or_default();
        *count = count.saturating_add(1);
        all = all.saturating_add(1);
        undone = undone.saturating_add(u64::from(call.undo.is_some()));
    }
    if all == 0 {
        return None;
    }
    let methods = counts.iter().map(|(method, count)| match count {
        1 => method.clone(),
        count => format!("{count} × {method}"),
    });
    let methods = methods.collect::<Vec<_>>().join(", ");
    let least = if outcome.calls.len() >= LISTED_CALLS {
        "at least "
    } else {
        ""
    };
    let (what, them, are) = match all {
        1 => ("change", "it", "it is"),
        _ => ("changes", "them", "they are"),
    };
    let undo = match outcome.run.filter(|_| undone > 0) {
        None => format!("nothing says how {are} undone"),
        Some(run) if undone == all => format!("`sandgate undo {run}` undoes {them}"),
        Some(run) => format!("`sandgate undo {run}` undoes {undone} of them"),
    };
    Some(format!(
        "sandgate: {least}{all} {what}: {methods}; {undo}\n"
    ))
}
