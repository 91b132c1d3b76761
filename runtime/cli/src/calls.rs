//! The calls of a run, for whoever watches it: each on one line when it is answered, and at the end what was changed. Used by `run`.
//! What is marked as sensitive, and what looks like a credential, is not shown.

use super::{
    journal::{Redaction, arguments, ruled, short},
    print,
};
use sandgate::{
    CallMade, CallResult, CallWatcher, Outcome, WatchedAnswer, WatchedCall, policy::Effect,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Shows calls on standard error.
#[derive(Debug)]
pub(super) struct ShownCalls {
    redaction: Redaction,
    /// What was said of each call that has no answer yet, and since when it is under way.
    open: Mutex<BTreeMap<u32, (String, Instant)>>,
}

impl ShownCalls {
    pub(super) fn new(redaction: Redaction) -> Self {
        Self {
            redaction,
            open: Mutex::default(),
        }
    }

    /// Shows those that have no answer when the run ends.
    pub(super) fn leave(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (said, _) in std::mem::take(&mut *open).into_values() {
            print::err(&format!("{said} → no answer yet\n"));
        }
    }
}

impl CallWatcher for ShownCalls {
    fn decided(&self, call: &WatchedCall<'_>) {
        let (service, method) = (call.service, call.method);
        let params = self.redaction.params(service, method, call.params.get());
        let decided = match &call.ruling {
            Ok(ruling) => format!(" {}", ruled(ruling.verdict, &ruling.policies)),
            // Why is in the refusal, which follows.
            Err(_) => String::new(),
        };
        let said = format!("{service}.{method}({}){decided}", short(arguments(&params)));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let since = open
            .get(&call.call)
            .map_or_else(Instant::now, |(_, since)| *since);
        open.insert(call.call, (said, since));
    }

    fn answered(&self, answer: &WatchedAnswer) {
        let open = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // What was not decided is an import, or could not be read.
        let Some((said, since)) = open().remove(&answer.call) else {
            return;
        };
        let came = match (answer.result, answer.code) {
            (CallResult::Ok, _) => "ok",
            (CallResult::Failed, _) => "failed",
            (_, Some(code)) => code.as_str(),
            (_, None) => "refused",
        };
        let millis = since.elapsed().as_millis();
        print::err(&format!("{said} → {came} {millis} ms\n"));
    }
}

/// What a run has changed, and how it is undone; nothing where it changed nothing.
pub(super) fn changes(outcome: &Outcome) -> Option<String> {
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
    let mut text = format!("sandgate: it changed something: {methods}\n");
    if let Some(run) = outcome.run.filter(|_| undone > 0) {
        let what = if undone == all {
            String::new()
        } else {
            format!(", {undone} of {all} changes")
        };
        text.push_str(&format!(
            "sandgate: `sandgate undo {run}` undoes it{what}\n"
        ));
    }
    Some(text)
}
