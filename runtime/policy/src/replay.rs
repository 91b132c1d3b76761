//! What changed policies would have decided about calls that were made under others. Called with what a journal holds; no
//! call is made, and none is decided by it. It must never leave out a call: one that cannot be decided anew is a difference.

use crate::{
    cases::Ruling,
    decision::{Fault, Query, Verdict},
    policies::Policies,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

/// A call of a journal, and what was decided about it then.
#[derive(Debug, Clone, Copy)]
pub struct JournaledCall<'a> {
    /// The call as it was.
    pub query: Query<'a>,
    /// What became of it.
    pub verdict: Verdict,
    /// The policies that decided then, sorted.
    pub policies: &'a [String],
}

/// What would be decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// How many calls were decided anew.
    pub calls: u64,
    /// How many would come to another verdict.
    pub differing: u64,
    /// How many would come to the same verdict by other policies, such as renamed ones. They are no differences.
    pub by_others: u64,
    /// The differences: calls that were decided by the same policies and would be by the same stand together, those of
    /// more calls first.
    pub groups: Vec<Difference>,
}

/// Calls that would be decided otherwise for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was decided.
    pub before: Ruling,
    /// What would be.
    pub after: Ruling,
    /// Why policies would not decide about the first of them, where they would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// How many calls of each method these are.
    pub methods: BTreeMap<String, u64>,
    /// Which of all calls these are, counted from 0: the first of them, for whoever wants to look at one.
    pub first: Vec<u64>,
}

/// More examples than this nobody looks at.
const MOST_FIRST: usize = 10;

/// Both rulings, and whether the policies could not decide.
type Reason = (Verdict, Vec<String>, Verdict, Vec<String>, bool);

impl Policies {
    /// Decides calls of a journal anew.
    pub fn replay<'a>(&self, calls: impl IntoIterator<Item = JournaledCall<'a>>) -> Differences {
        let mut all = Differences {
            calls: 0,
            differing: 0,
            by_others: 0,
            groups: Vec::new(),
        };
        let mut groups: HashMap<Reason, Difference> = HashMap::new();
        for call in calls {
            let number = all.calls;
            all.calls = all.calls.saturating_add(1);
            let decision = self.decide(&call.query);
            let after = Ruling::of(&decision);
            if after.verdict == call.verdict {
                let others = u64::from(after.policies != call.policies);
                all.by_others = all.by_others.saturating_add(others);
                continue;
            }
            all.differing = all.differing.saturating_add(1);
            let reason = (
                call.verdict,
                call.policies.to_vec(),
                after.verdict,
                after.policies.clone(),
                decision.fault.is_some(),
            );
            let group = groups.entry(reason).or_insert_with(|| Difference {
                before: Ruling {
                    verdict: call.verdict,
                    policies: call.policies.to_vec(),
                },
                after,
                fault: decision.fault,
                methods: BTreeMap::new(),
                first: Vec::new(),
            });
            let method = format!("{}.{}", call.query.service, call.query.method);
            let count = group.methods.entry(method).or_default();
            *count = count.saturating_add(1);
            if group.first.len() < MOST_FIRST {
                group.first.push(number);
            }
        }
        all.groups = groups.into_values().collect();
        all.groups
            .sort_by_key(|group| (std::cmp::Reverse(group.calls()), group.first.clone()));
        all
    }
}

impl Difference {
    /// How many calls these are.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.methods.values().sum()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in &self.groups {
            write!(f, "{group}")?;
        }
        let (differing, calls) = (self.differing, self.calls);
        write!(f, "{differing} of {calls} calls would be decided otherwise")?;
        match self.by_others {
            0 => writeln!(f),
            others => writeln!(f, "; {others} by other policies to the same end"),
        }
    }
}

/// A verdict, and whose it is. Where there is a fault, it says why.
fn said(ruling: &Ruling, is_fault: bool) -> String {
    let word = match ruling.verdict {
        Verdict::Allow => "allowed",
        Verdict::Gate => "asked about",
        Verdict::Refuse => "refused",
    };
    match ruling.policies.as_slice() {
        [] if is_fault => word.to_owned(),
        [] => format!("{word}, with no policy for it"),
        ids => format!("{word}, by {}", ids.join(", ")),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = said(&self.before, false);
        let after = said(&self.after, self.fault.is_some());
        writeln!(f, "was {before}; would be {after}")?;
        if let Some(fault) = &self.fault {
            writeln!(f, "  {fault}")?;
        }
        for (method, calls) in &self.methods {
            writeln!(f, "  {calls:>6}  {}", method.escape_debug())?;
        }
        Ok(())
    }
}
