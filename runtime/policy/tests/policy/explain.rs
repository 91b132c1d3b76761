//! Explanations, whole, as a policy author reads them.

use crate::crm::{caller, load, params};
use sandgate_policy::{Moment, NOTHING_READ, Query};
use serde_json::{Value, json};

const TEXT: &str = r#"
@id("reads")
@because("Reading is what it is for.")
permit (principal in Context::"demo", action in Action::"read", resource == Service::"crm");

@id("short_lists")
@because("Long lists are slow.")
forbid (principal, action == Action::"crm.contact.list", resource)
when { context has limit && context.limit > 200 }
unless { principal.claims.contains("crm.bulk") };

@id("deals")
@gate("approve")
@because("A person looks first.")
permit (principal, action == Action::"crm.deal.add", resource)
when { context.amount.lessThanOrEqual(decimal("10000.0")) && context.title != "" };

@id("ada")
@because("Ada knows.")
permit (principal == Actor::"ada", action == Action::"crm.deal.add", resource);

@id("no_deletes")
@because("Nothing is deleted.")
forbid (principal, action in Action::"destroy", resource);

@id("sums")
@because("Ids are small.")
permit (principal, action == Action::"crm.company.get", resource)
when { context.id + 9223372036854775000 > 0 };
"#;

fn explained(service: &str, method: &str, value: Value, claims: &[&str]) -> String {
    let text = load(TEXT)
        .explain(&Query {
            principal: &caller("demo", "script", "", claims),
            service,
            method,
            params: &params(value),
            now: Moment::OF_CASES,
            read_from: &NOTHING_READ,
        })
        .to_string();
    // The digest has its own test.
    let (text, hash) = text.rsplit_once("\npolicy ").unwrap();
    assert_eq!(hash.len(), 65);
    text.to_owned()
}

#[test]
fn explanations_say_why_and_what_would_change_it() {
    let deal =
        |amount: Value, title: &str| json!({"title": title, "amount": amount, "contact_id": 1});
    let mut all = String::new();
    for (service, method, value, claims) in [
        ("crm", "contact.list", json!({}), &[][..]),
        ("crm", "contact.list", json!({"limit": 500}), &["other"]),
        ("crm", "contact.list", json!({"limit": 500}), &["crm.bulk"]),
        ("crm", "deal.add", deal(json!(500), "x"), &[]),
        ("crm", "deal.add", deal(json!(20_000), ""), &[]),
        ("crm", "contact.delete", json!({"id": 1}), &[]),
        ("crm", "contact.add", json!({"name": "x"}), &[]),
        ("crm", "company.get", json!({"id": 5000}), &[]),
        ("crm", "company.gte", json!({}), &[]),
        ("crn", "company.get", json!({}), &[]),
        ("crm", "contact.list", json!({"limt": 1}), &[]),
        ("crm", "contact.list", json!({"limit": "1"}), &[]),
    ] {
        all.push_str(&explained(service, method, value, claims));
        all.push_str("----------------\n");
    }
    insta::assert_snapshot!(all);
}
