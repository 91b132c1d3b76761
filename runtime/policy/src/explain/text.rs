//! An explanation as a policy author reads it.

use super::{Check, Explanation, Story};
use crate::{decision::Verdict, moment::Moment};
use cedar_policy::Effect;
use std::fmt;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.decision.verdict {
            Verdict::Allow => "allowed",
            Verdict::Gate => "allowed once a person agrees",
            Verdict::Refuse => "refused",
        };
        writeln!(f, "`{}` is {verdict}, for {}", self.call, self.caller)?;
        if let Some(fault) = &self.decision.fault {
            writeln!(f, "  {fault}")?;
        }
        let ids = &self.decision.policies;
        if ids.is_empty() && self.decision.fault.is_none() {
            writeln!(
                f,
                "  no policy permits it, and what is not permitted is refused"
            )?;
        }
        let (decided, others): (Vec<_>, Vec<_>) = self
            .stories
            .iter()
            .partition(|story| ids.contains(&story.id));
        let (outweighed, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|story| story.matches());
        // A prohibition with a gate matches, and there is no permit for it to be about.
        let matching = if ids.is_empty() {
            "without effect:"
        } else {
            "outweighed:"
        };
        for (title, stories) in [
            ("decided by", decided),
            (matching, outweighed),
            ("not by", others),
        ] {
            for story in stories {
                writeln!(f, "\n{title} `{}`, {}:{}", story.id, self.file, story.line)?;
                story.fmt(f)?;
            }
        }
        if !self.changes.is_empty() {
            writeln!(f, "\nwhat would change it")?;
            for change in &self.changes {
                writeln!(f, "  - {change}")?;
            }
        }
        writeln!(f, "\npolicy {}", self.decision.hash)
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (self.effect, self.gated) {
            (Effect::Permit, false) => "permits",
            (Effect::Permit, true) => "permits once a person agrees",
            (Effect::Forbid, false) => "forbids",
            (Effect::Forbid, true) => "has a person asked about what is permitted",
        };
        writeln!(f, "  {word}: {}", self.because)?;
        if let Some(caller) = &self.caller {
            writeln!(f, "  it is about actor `{caller}` alone")?;
        }
        self.checks.iter().try_for_each(|check| check.fmt(f))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clause = if self.wanted { "when" } else { "unless" };
        match &self.got {
            Ok(got) => writeln!(f, "  {clause} {}: {got}", self.text)?,
            Err(error) => writeln!(f, "  {clause} {}: {error}", self.text)?,
        }
        for (place, value) in &self.looks {
            writeln!(f, "    {place} {value}")?;
        }
        Ok(())
    }
}

/// A value as a person reads it: Cedar shows an instant that it was given in milliseconds as so many after 1970.
pub(super) fn plain(value: &str) -> String {
    value
        .strip_prefix("(datetime(\"1970-01-01\")).offset(duration(\"")
        .and_then(|rest| rest.strip_suffix("ms\"))")?.parse().ok())
        .map_or_else(|| value.to_owned(), |ms| Moment::of_ms(ms).to_string())
}

/// `context["a"]["b"]` as a person writes it, where that is possible.
pub(super) fn readable(place: &str) -> String {
    let mut readable = String::new();
    let mut rest = place;
    while let Some((before, after)) = rest.split_once("[\"") {
        readable.push_str(before);
        let Some((name, after)) = after.split_once("\"]") else {
            return place.to_owned();
        };
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty();
        if !plain {
            return place.to_owned();
        }
        readable.push('.');
        readable.push_str(name);
        rest = after;
    }
    readable.push_str(rest);
    readable
}

/// What a policy does to a call that it matches, where a prohibition with a gate matches it too or not.
pub(super) fn grant(story: &Story, asked: bool) -> &'static str {
    match (story.effect, story.gated) {
        (Effect::Permit, false) if !asked => "allow it",
        (Effect::Permit, _) => "let a person allow it",
        (Effect::Forbid, false) => "forbid it",
        (Effect::Forbid, true) => "have a person asked",
    }
}

/// What is in the way of a policy that does not match; or, of one that does, what keeps it matching.
pub(super) fn unmet(story: &Story, matching: bool) -> Option<String> {
    let mut conditions = Vec::new();
    if let Some(caller) = &story.caller {
        conditions.push(format!("the actor were `{caller}`"));
    }
    for check in &story.checks {
        if check.holds() == matching {
            let wanted = check.wanted != matching;
            conditions.push(format!("`{}` were {wanted}", check.text));
        }
    }
    let word = if matching { " or " } else { " and " };
    (!conditions.is_empty()).then(|| format!("if {}", conditions.join(word)))
}
