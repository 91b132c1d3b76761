//! What changed policies would have decided about calls that were made.

use crate::crm::{caller, load, params};
use sandgate_policy::{Difference, JournaledCall, Moment, NOTHING_READ, Query, Verdict};
use serde_json::{Map, Value, json};

const BEFORE: &str = r#"
@id("reads") @because("Reading is free.") permit (principal, action in Action::"read", resource);
@id("deals") @gate("approve") @because("A person looks.")
permit (principal, action == Action::"crm.deal.add", resource);
@id("contacts") @because("Contacts are kept.")
permit (principal, action in [Action::"crm.contact.add", Action::"crm.contact.update"], resource);
"#;

/// The method, the parameters, what became of it and by which policies.
type Line = (&'static str, Map<String, Value>, Verdict, Vec<String>);

/// Calls as a journal would hold them.
struct Journal(Vec<Line>);

impl Journal {
    /// What the policies above decide about some calls.
    fn new() -> Self {
        let policies = load(BEFORE);
        let deal = |amount: Value| json!({"title": "x", "amount": amount, "contact_id": 1});
        let calls = [
            ("contact.list", json!({"limit": 500})),
            ("contact.list", json!({"limit": 5})),
            ("deal.add", deal(json!(5))),
            ("deal.add", deal(json!(0.123_456))),
            ("contact.add", json!({"name": "Ada"})),
            ("contact.update", json!({"id": 1})),
            ("contact.update", json!({"id": 2})),
            ("deal.delete", json!({"id": 1})),
            ("stats.count", json!({})),
        ];
        let decided = calls.map(|(method, value)| {
            let params = params(value);
            let decision = crate::crm::ask(&policies, method, params.clone().into());
            let ids = decision.policies.iter().map(ToString::to_string);
            (method, params, decision.verdict, ids.collect())
        });
        Self(decided.into())
    }

    fn differences(&self, text: &str) -> sandgate_policy::Differences {
        let principal = caller("demo", "script", "", &[]);
        load(text).replay(
            self.0
                .iter()
                .map(|(method, params, verdict, policies)| JournaledCall {
                    query: Query {
                        principal: &principal,
                        service: "crm",
                        method,
                        params,
                        now: Moment::OF_CASES,
                        read_from: &NOTHING_READ,
                    },
                    verdict: *verdict,
                    policies,
                }),
        )
    }
}

#[test]
fn the_same_policies_would_decide_the_same() {
    let differences = Journal::new().differences(BEFORE);
    assert_eq!(
        differences.to_string(),
        "0 of 9 calls would be decided otherwise\n"
    );
}

#[test]
fn what_would_be_decided_otherwise_is_listed_by_rule() {
    let after = r#"
@id("looks") @because("Reading is free.") permit (principal, action in Action::"read", resource);
@id("deals") @gate("approve") @because("A person looks.")
permit (principal, action == Action::"crm.deal.add", resource) when { context.amount.lessThan(decimal("3.0")) };
@id("contacts") @because("Contacts are kept.")
permit (principal, action in [Action::"crm.contact.add", Action::"crm.contact.update"], resource);
@id("long") @because("Large pages are slow.")
forbid (principal, action == Action::"crm.contact.list", resource) when { context has limit && context.limit > 100 };
@id("ask") @gate("approve") @because("A person looks.")
forbid (principal, action in Action::"write", resource);
@id("deletes") @because("Why not.") permit (principal, action in Action::"destroy", resource);
"#;
    let journal = Journal::new();
    let differences = journal.differences(after);
    insta::assert_snapshot!(differences);
    assert_eq!(differences, journal.differences(after));
    let counted: u64 = differences.groups.iter().map(Difference::calls).sum();
    assert_eq!((counted, differences.differing), (7, 7));
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&differences).unwrap());
}

#[test]
fn a_call_that_cannot_be_decided_any_more_is_a_difference() {
    let journal = Journal::new();
    let principal = caller("demo", "script", "", &[]);
    let params = params(json!({}));
    let query = Query {
        principal: &principal,
        service: "crm",
        method: "contact.\nls",
        params: &params,
        now: Moment::OF_CASES,
        read_from: &NOTHING_READ,
    };
    let other = caller("other", "script", "", &[]);
    let calls = [
        query,
        Query {
            method: "stats.count",
            principal: &other,
            ..query
        },
    ];
    let reads = vec!["reads".to_owned()];
    let differences = load(BEFORE).replay(calls.map(|query| JournaledCall {
        query,
        verdict: Verdict::Allow,
        policies: &reads,
    }));
    assert_eq!(
        differences.to_string(),
        "was allowed, by reads; would be refused\n  the service has no such method\n       1  crm.contact.\\nls\n       1  crm.stats.count\n2 of 2 calls would be decided otherwise\n"
    );
    assert_eq!(journal.0.len(), 9);
}
