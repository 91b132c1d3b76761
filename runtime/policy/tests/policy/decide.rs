//! Which calls are allowed, gated and refused.

use crate::crm::{ask, load, short};
use sandgate_policy::Verdict::{Allow, Gate, Refuse};
use serde_json::json;

pub(crate) const ASSISTANT: &str = r#"
@id("reads")
@because("Reading the CRM is what the assistant is for.")
permit (principal in Context::"demo", action in Action::"read", resource == Service::"crm");

@id("deals")
@gate("approve")
@because("Customers see new deals; a person looks first.")
permit (principal in Context::"demo", action == Action::"crm.deal.add", resource == Service::"crm")
when { context.amount.lessThanOrEqual(decimal("10000.0")) };

@id("no_delete")
@because("Nothing is deleted by a script.")
forbid (principal, action in Action::"destroy", resource);
"#;

#[test]
fn pol_08_what_is_permitted_is_allowed_and_its_twins_are_not() {
    let policies = load(ASSISTANT);
    let of = |method, params| {
        let decision = ask(&policies, method, params);
        let (verdict, ids) = short(&decision);
        (verdict, ids.join(","), decision.because.join("|"))
    };
    assert_eq!(
        of("contact.list", json!({"limit": 5})),
        (
            Allow,
            "reads".into(),
            "Reading the CRM is what the assistant is for.".into()
        )
    );
    let deal = |amount: serde_json::Value| json!({"title": "x", "amount": amount, "contact_id": 1});
    let gate = "Customers see new deals; a person looks first.";
    assert_eq!(
        of("deal.add", deal(json!(10000))),
        (Gate, "deals".into(), gate.into())
    );
    assert_eq!(
        of("deal.add", deal(json!(10000.0001))),
        (Refuse, String::new(), String::new())
    );
    assert_eq!(
        of("contact.delete", json!({"id": 1})),
        (
            Refuse,
            "no_delete".into(),
            "Nothing is deleted by a script.".into()
        )
    );
    assert_eq!(
        of("contact.add", json!({"name": "x"})),
        (Refuse, String::new(), String::new())
    );
}
