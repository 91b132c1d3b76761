//! What becomes of a policy file of which one byte is wrong: it does not load, or it permits no more than before. Only
//! inside a condition can a literal or an operator become another one, which is another policy and not a wrong one.

use crate::crm::{ask, crm, limits, schema};
use sandgate_policy::{File, Policies, Schema, Verdict};
use serde_json::json;
use std::sync::Arc;

const TEXT: &str = r#"// What the assistant may do.
@id("reads")
@because("Reading is what it is for.")
permit (principal in Context::"demo", action in Action::"read", resource == Service::"crm");

// Larger deals are entered by hand.
@gate("approve")
@because("A person looks first.")
permit (principal, action in [Action::"crm.deal.add", Action::"crm.contact.delete"], resource)
unless { context has title && context.title == "x" };

@because("Nothing is deleted.") // ever
forbid (principal, action in Action::"destroy", resource == Service::"crm");

@because("Large pages are slow.")
forbid (principal, action == Action::"crm.contact.list", resource)
when { context has limit && context.limit > 200 };
"#;

/// How much is permitted: of calls that tell the policies apart, and of one of every other method.
fn permitted(policies: &Policies) -> Vec<u8> {
    let id = json!({"id": 1});
    let calls = [
        ("contact.list", json!({})),
        ("contact.list", json!({"limit": 200})),
        ("contact.list", json!({"limit": 201})),
        ("contact.get", id.clone()),
        ("contact.find", json!({"query": "x"})),
        ("contact.add", json!({"name": "x"})),
        ("contact.update", id.clone()),
        ("contact.delete", id.clone()),
        ("company.list", json!({})),
        ("company.get", id.clone()),
        ("company.add", json!({"name": "x"})),
        ("deal.list", json!({})),
        ("deal.get", id.clone()),
        (
            "deal.add",
            json!({"title": "x", "amount": 1, "contact_id": 1}),
        ),
        (
            "deal.add",
            json!({"title": "y", "amount": 1, "contact_id": 1}),
        ),
        ("deal.close", json!({"id": 1, "won": true})),
        ("deal.delete", id),
        ("stats.count", json!({})),
    ];
    calls
        .into_iter()
        .map(
            |(method, params)| match ask(policies, method, params).verdict {
                Verdict::Refuse => 0,
                Verdict::Gate => 1,
                Verdict::Allow => 2,
            },
        )
        .collect()
}

/// Between the braces of `when` and `unless`, where a literal or an operator may become another one.
fn in_condition(at: usize) -> bool {
    let open = TEXT.get(..at).unwrap().matches('{').count();
    let close = TEXT.get(..at).unwrap().matches('}').count();
    open > close
}

fn mutants() -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..TEXT.len()).flat_map(|at| {
        let bytes = TEXT.as_bytes();
        let with = move |new: &[u8]| {
            let mut mutant = bytes.get(..at).unwrap().to_vec();
            mutant.extend_from_slice(new);
            mutant.extend_from_slice(bytes.get(at.saturating_add(1)..).unwrap());
            (at, mutant)
        };
        let byte = *bytes.get(at).unwrap();
        let flips = (0..8).map(move |bit| with(&[byte ^ (1 << bit)]));
        let replaced = b" \n/\"".iter().map(move |new| with(&[*new]));
        flips
            .chain(replaced)
            .chain([with(&[]), with(&[byte, byte])])
    })
}

fn load(schema: &Arc<Schema>, text: &str) -> Option<Policies> {
    let file = File {
        name: "policy.cedar",
        text,
    };
    Policies::load(Arc::clone(schema), file, &limits()).ok()
}

#[test]
fn pol_07_a_wrong_byte_never_permits_more() {
    let schema = schema(&[crm()]);
    let original = load(&schema, TEXT).unwrap();
    let before = permitted(&original);
    let (mut refused, mut same, mut less, mut written) = (0, 0, 0, 0);
    for (at, mutant) in mutants() {
        let text = String::from_utf8(mutant).unwrap_or_default();
        let loaded = if text.is_empty() {
            None
        } else {
            load(&schema, &text)
        };
        let Some(policies) = loaded else {
            refused += 1;
            continue;
        };
        let after = permitted(&policies);
        let more = before
            .iter()
            .zip(&after)
            .any(|(before, after)| after > before);
        if text != TEXT {
            assert_ne!(policies.hash(), original.hash(), "at {at}");
        }
        if !more && after == before {
            same += 1;
        } else if !more {
            less += 1;
        } else {
            assert!(in_condition(at), "at {at}:\n{text}");
            written += 1;
        }
    }
    // Deterministic, so the numbers are part of the statement.
    assert_eq!((refused, same, less, written), (7521, 2019, 9, 27));
}
