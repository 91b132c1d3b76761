//! A form for the person at an agent's client: the calls that a run waits with, each whole, and a choice for each. Made for doors that
//! can put one before somebody. What is in a call is somebody else's text, so nothing of it may look like ours, act on
//! whoever shows it, or be left out: THREAT[APR-03]. What cannot be shown so is not asked here.

use sandgate::{
    AskedCall, Caller, Id,
    policy::{Effect, is_blank, is_hidden, is_right_to_left},
};
use serde_json::{Value, json};
use std::fmt::Write;

/// Calls of one form. Of more than a person looks at one by one, nobody should be asked in one go.
const MOST_CALLS: usize = 8;
/// Characters of one call as it is shown.
const LONGEST_CALL: usize = 2_000;

/// The two choices, as they come back.
const APPROVE: &str = "approve";
const REJECT: &str = "reject";

/// A form.
#[derive(Debug)]
pub(crate) struct ApprovalForm {
    run: Id,
    asked: Vec<AskedCall>,
}

impl ApprovalForm {
    /// What a run waits with, where its person can be asked about all of it.
    pub(crate) fn of(caller: &Caller, run: Id) -> Option<Self> {
        let asked = match caller.asked_in_band(run) {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!("nobody is asked at the client: {}", sandgate::chain(&error));
                return None;
            }
        };
        let can_be_shown = |asked: &AskedCall| shown(asked).chars().count() <= LONGEST_CALL;
        let is_form = (1..=MOST_CALLS).contains(&asked.len()) && asked.iter().all(can_be_shown);
        is_form.then_some(Self { run, asked })
    }

    pub(crate) fn run(&self) -> Id {
        self.run
    }

    /// The calls, in the order of the fields.
    pub(crate) fn asked(&self) -> &[AskedCall] {
        &self.asked
    }

    /// What the person reads.
    pub(crate) fn message(&self) -> String {
        let mut text = String::new();
        if let Some(first) = self.asked.first() {
            let calls = match self.asked.len() {
                1 => "this call",
                _ => "these calls",
            };
            let for_whom = match &first.user {
                Some(user) => format!(", for {user}"),
                None => String::new(),
            };
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "A script wants to make {calls} in the context {}{for_whom}. Nothing of it was sent.",
                first.row.context
            );
        }
        for asked in &self.asked {
            let _ = write!(text, "\n{}", shown(asked));
        }
        text
    }

    /// A required choice for each call.
    pub(crate) fn schema(&self) -> Value {
        let mut properties = serde_json::Map::new();
        for asked in &self.asked {
            let choice = json!({
                "type": "string",
                "title": format!("{}.{}", asked.row.service, asked.row.method),
                "description": format!("Call {} of the script", asked.row.call),
                "enum": [APPROVE, REJECT]
            });
            properties.insert(field(asked), choice);
        }
        let required: Vec<String> = self.asked.iter().map(field).collect();
        json!({"type": "object", "properties": properties, "required": required})
    }

    /// Whether the person agrees to each, where each choice was made.
    pub(crate) fn choices(&self, content: &Value) -> Option<Vec<bool>> {
        let choice = |asked: &AskedCall| match content.get(field(asked))?.as_str()? {
            APPROVE => Some(true),
            REJECT => Some(false),
            _ => None,
        };
        self.asked.iter().map(choice).collect()
    }
}

/// What the person at a client is sent to the desk with, where each call is shown whole and answered.
#[derive(Debug)]
pub(crate) struct DeskQuestions {
    run: Id,
    asked: Vec<AskedCall>,
}

impl DeskQuestions {
    /// What a run waits with, where its person may be sent to the desk.
    pub(crate) fn of(caller: &Caller, run: Id) -> Option<Self> {
        let asked = match caller.asked_at_desk(run) {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!("nobody is sent to the desk: {}", sandgate::chain(&error));
                return None;
            }
        };
        (!asked.is_empty()).then_some(Self { run, asked })
    }

    pub(crate) fn run(&self) -> Id {
        self.run
    }

    pub(crate) fn asked(&self) -> &[AskedCall] {
        &self.asked
    }

    /// What the person reads before they go there: which calls, and nothing that somebody else wrote.
    pub(crate) fn message(&self) -> String {
        let context = self.asked.first().map(|asked| asked.row.context.as_str());
        let names: Vec<String> = self
            .asked
            .iter()
            .take(MOST_CALLS)
            .map(|asked| format!("{}.{}", asked.row.service, asked.row.method))
            .collect();
        let more = match self.asked.len().saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "A script in the context {} waits for a person's approval: {}{more}. Nothing of it was sent. The desk shows each call whole, and takes your answer.",
            context.unwrap_or_default(),
            names.join(", ")
        )
    }
}

fn field(asked: &AskedCall) -> String {
    format!("call_{}", asked.row.call)
}

/// One call, whole. It is indented, so that a client that reads Markdown shows it as it is.
fn shown(asked: &AskedCall) -> String {
    let effect = match asked.effect {
        Some(Effect::Destroy) => "removes something",
        Some(Effect::Write) | None => "changes something",
        Some(Effect::Read) => "reads",
    };
    let (service, method) = (&asked.row.service, &asked.row.method);
    let mut text = format!(
        "    {}: {service}.{method}({})\n",
        asked.row.call,
        visible(&asked.params)
    );
    let _ = writeln!(text, "    {effect}");
    for because in &asked.because {
        let _ = writeln!(text, "    {}", visible(because));
    }
    if !asked.before.is_empty() {
        let _ = writeln!(text, "    made before: {}", asked.before.join(", "));
    }
    text
}

/// JSON, or a sentence, on one line, with everything in it visible: what is not is written as JSON escapes it, which is the same text.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let is_plain = character == ' '
            || !(character.is_control()
                || is_hidden(character)
                || is_blank(character)
                || is_right_to_left(character));
        if is_plain {
            shown.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apr_03_what_is_not_visible_is_escaped_and_stays_the_same_json() {
        let hostile = "{\"a\":\"x\u{202e}\u{200b}y\u{e0041}\u{5d0}\u{3000}z é\u{1f600}\"}";
        let shown = visible(hostile);
        assert_eq!(
            shown,
            "{\"a\":\"x\\u202e\\u200by\\udb40\\udc41\\u05d0\\u3000z é\u{1f600}\"}"
        );
        let same = |text: &str| serde_json::from_str::<Value>(text).ok();
        assert_eq!(same(&shown), same(hostile));
        assert_eq!(visible("one\n\u{1b}[2Jline"), "one\\u000a\\u001b[2Jline");
    }
}
