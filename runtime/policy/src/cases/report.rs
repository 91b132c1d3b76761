//! What became of a file of cases: for people, as JSON (it serialises), and as the XML that CI systems read.

use super::Case;
use crate::{
    decision::{Decision, Fault, Verdict},
    policies::Policies,
    problem::FailedContext,
    rule::PolicyId,
};
use serde::Serialize;
use std::{collections::BTreeSet, fmt};

/// One case, decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Its line in the file.
    pub line: usize,
    /// Whether verdict and policies are the expected ones.
    pub passed: bool,
    /// What was expected.
    pub expected: Expectation,
    /// What was decided.
    pub decided: Ruling,
    /// Why policies did not decide, where they did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// A verdict, and whose it should be where that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// The verdict.
    pub verdict: Verdict,
    /// Exactly the policies that should decide, where the case names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<String>>,
}

/// A verdict and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// The verdict.
    pub verdict: Verdict,
    /// The policies that decided.
    pub policies: Vec<String>,
}

/// All cases of one context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// The context.
    pub context: String,
    /// The file of the cases.
    pub file: String,
    /// In the order of the file.
    pub cases: Vec<CaseResult>,
    /// Policies that no case exercises, in the order of their file.
    pub unexercised: Vec<PolicyId>,
    /// How many policies there are.
    pub policies: usize,
}

impl CaseResult {
    pub(super) fn of(case: &Case, decision: Decision) -> Self {
        let expected = Expectation {
            verdict: case.expect,
            policies: case.policies.clone(),
        };
        let decided = Ruling::of(&decision);
        Self {
            name: case.name.clone(),
            line: case.line,
            passed: expected.is_met_by(&decided),
            expected,
            decided,
            fault: decision.fault,
        }
    }
}

impl Expectation {
    fn is_met_by(&self, ruling: &Ruling) -> bool {
        let policies = self.policies.as_ref();
        self.verdict == ruling.verdict
            && policies.is_none_or(|policies| *policies == ruling.policies)
    }
}

impl Ruling {
    /// What a decision came to.
    #[must_use]
    pub fn of(decision: &Decision) -> Self {
        let ids = decision.policies.iter();
        Self {
            verdict: decision.verdict,
            policies: ids.map(ToString::to_string).collect(),
        }
    }
}

impl CaseReport {
    pub(super) fn new(policies: &Policies, file: &str, cases: Vec<CaseResult>) -> Self {
        let exercised: BTreeSet<&str> = cases
            .iter()
            .flat_map(|case| case.decided.policies.iter().map(String::as_str))
            .collect();
        let unexercised = policies
            .ids()
            .filter(|id| !exercised.contains(id.as_str()))
            .cloned()
            .collect();
        Self {
            context: policies.context().to_string(),
            file: file.to_owned(),
            unexercised,
            policies: policies.ids().count(),
            cases,
        }
    }

    /// The report of no cases at all.
    #[must_use]
    pub fn of_none(policies: &Policies) -> Self {
        Self::new(policies, "", Vec::new())
    }

    /// Those that did not come out as expected.
    pub fn failed(&self) -> impl Iterator<Item = &CaseResult> {
        self.cases.iter().filter(|case| !case.passed)
    }

    /// Whether every case came out as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.passed)
    }
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            let word = if case.passed { "ok  " } else { "FAIL" };
            writeln!(f, "{word}  {}: {}", self.context, case.name)?;
            if !case.passed {
                writeln!(f, "      {}:{}", self.file, case.line)?;
                writeln!(f, "      expected  {}", case.expected)?;
                writeln!(f, "      decided   {}", case.decided)?;
                if let Some(fault) = &case.fault {
                    writeln!(f, "      because   {fault}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.policies {
            None => self.verdict.fmt(f),
            Some(policies) => written(self.verdict, policies, f),
        }
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        written(self.verdict, &self.policies, f)
    }
}

fn written(verdict: Verdict, policies: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match policies {
        [] => write!(f, "{verdict}, by no policy"),
        ids => write!(f, "{verdict}, by {}", ids.join(", ")),
    }
}

/// JUnit's XML: a suite for each context. One that does not load has a case that says so.
#[must_use]
pub fn junit(reports: &[CaseReport], failed: &[FailedContext]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for context in failed {
        let name = escaped(&context.context);
        xml.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"1\" failures=\"1\">\n    <testcase classname=\"policy.{name}\" name=\"it loads\">\n"
        ));
        for problem in &context.problems {
            let place = match (&problem.file, problem.line) {
                (Some(file), Some(line)) => format!("{file}:{line}: "),
                (Some(file), None) => format!("{file}: "),
                (None, _) => String::new(),
            };
            let message = escaped(&format!("{place}{}", problem.message));
            xml.push_str(&format!("      <failure message=\"{message}\"/>\n"));
        }
        xml.push_str("    </testcase>\n  </testsuite>\n");
    }
    for report in reports {
        let failures = report.cases.iter().filter(|case| !case.passed).count();
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">\n",
            escaped(&report.context),
            report.cases.len(),
        ));
        for case in &report.cases {
            xml.push_str(&format!(
                "    <testcase classname=\"policy.{}\" name=\"{}\" file=\"{}\" line=\"{}\"",
                escaped(&report.context),
                escaped(&case.name),
                escaped(&report.file),
                case.line,
            ));
            if case.passed {
                xml.push_str("/>\n");
            } else {
                let message = format!("expected {}; decided {}", case.expected, case.decided);
                xml.push_str(&format!(
                    ">\n      <failure message=\"{}\"/>\n    </testcase>\n",
                    escaped(&message),
                ));
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text for an attribute. What XML cannot hold at all is written as Rust would.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                escaped.extend(character.escape_default());
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
