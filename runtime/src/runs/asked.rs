//! Questions that wait for people, as whoever answers has to see them. They are read from the tables and from the lines that ask them:
//! thousands of runs may wait, and none of them is read for a list. It must never leave anything out of a question.

use super::{PastRun, PastRunError};
use crate::journal::{
    Journal,
    entry::Entry,
    ledger::{ApprovalFilter, ApprovalRow, AskedRow},
    past::{Intended, PastError},
};
use sandgate_policy::Effect;
use serde::Serialize;

/// A question. All of it but the names of the context, the actor and the user is somebody else's text, and hostile: THREAT[APR-03].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedCall {
    /// Which question.
    #[serde(flatten)]
    pub row: ApprovalRow,
    /// What the script is called.
    pub script: String,
    /// Which program asks.
    pub actor: Option<String>,
    /// The person behind it.
    pub user: Option<String>,
    /// What calling the method does.
    pub effect: Option<Effect>,
    /// Why the policies want a person to look.
    pub because: Vec<String>,
    /// Exactly what would be sent.
    pub params: String,
    /// Who has agreed.
    pub agreed: Vec<String>,
    /// The changes that the run made before.
    pub before: Vec<String>,
}

impl Journal {
    /// Questions, oldest first, whole.
    pub fn asked(&self, filter: &ApprovalFilter) -> Result<Vec<AskedCall>, PastRunError> {
        let mut last: Option<PastRun> = None;
        let asked = self.asked_rows(filter)?.into_iter();
        let asked = asked.map(|asked| {
            // Who agreed, and what the run changed before, stands in lines of their own.
            let past = if asked.row.agreed == 0 && asked.changes == 0 {
                None
            } else {
                // Questions of one run follow one another.
                let known = last.take().filter(|past| past.row().run == asked.row.run);
                let past = match known {
                    Some(past) => past,
                    None => PastRun::read(self, &asked.row.run.to_string())?,
                };
                Some(&*last.insert(past))
            };
            AskedCall::of(self, asked, past)
        });
        asked.collect()
    }
}

impl AskedCall {
    fn of(
        journal: &Journal,
        asked: AskedRow,
        past: Option<&PastRun>,
    ) -> Result<Self, PastRunError> {
        let AskedRow {
            row,
            script,
            actor,
            user,
            changes: _,
            body,
        } = asked;
        let entry = Entry::decode(&body).map_err(|error| PastError::Line(row.line, error))?;
        let Entry::Asked(question) = entry else {
            return Err(PastError::NoQuestion(row.line).into());
        };
        let calls = past.map(|past| past.past.calls.range(..row.call));
        let changes = calls.into_iter().flatten();
        let changes = changes.filter(|(_, call)| call.intended != Intended::No);
        let agreed = past.map(|past| past.past.agreed(row.approval));
        Ok(Self {
            params: journal.held(&question.params)?,
            effect: question.effect,
            because: question.because.iter().map(ToString::to_string).collect(),
            agreed: agreed.into_iter().flatten().collect(),
            before: changes
                .map(|(number, call)| format!("{number}: {}.{}", call.service, call.method))
                .collect(),
            row,
            script,
            actor,
            user,
        })
    }
}
