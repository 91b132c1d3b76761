//! `sandgate policy matrix`: what can become of each method's calls, as a table for a review.

use crate::{failure::Failure, print};
use sandgate::policy::{ContextPolicy, FailedContext, Outlook};
use serde_json::json;

pub(super) fn matrix(
    contexts: &[ContextPolicy],
    failed: &[FailedContext],
    json: bool,
) -> Result<(), Failure> {
    if json {
        let all: Vec<_> = contexts
            .iter()
            .map(|context| {
                json!({
                    "context": context.policies.context().to_string(),
                    "methods": context.policies.matrix(),
                })
            })
            .collect();
        return print::json(&format!("{}\n", json!({"contexts": all, "failed": failed})));
    }
    for context in contexts {
        print::out(&text(context))?;
    }
    Ok(())
}

fn text(context: &ContextPolicy) -> String {
    let rows: Vec<[String; 4]> = context.policies.matrix().iter().map(row).collect();
    let mut widths = [0_usize; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = format!("{}\n", context.policies.context());
    for row in &rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    text
}

fn row(outlook: &Outlook) -> [String; 4] {
    let verdicts = outlook.verdicts.iter().map(ToString::to_string);
    let policies = outlook.policies.iter().map(ToString::to_string);
    [
        format!("{}.{}", outlook.service, outlook.method),
        outlook.effect.to_string(),
        verdicts.collect::<Vec<_>>().join(" or "),
        policies.collect::<Vec<_>>().join(", "),
    ]
}
