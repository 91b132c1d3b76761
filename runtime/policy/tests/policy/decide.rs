//! Which calls are allowed, gated and refused.

use crate::crm::{ask, caller, crm, load, params, short};
use sandgate_policy::{
    ContextNumber, Decision, Fault, Moment, NOTHING_READ, Policies, Principal, Query, Verdict,
    Verdict::{Allow, Gate, Refuse},
};
use serde_json::json;
use std::num::NonZeroU32;

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

#[test]
fn pol_08_one_permit_without_a_gate_is_enough_and_one_prohibition_outweighs_all() {
    let text = |rules: &[&str]| -> String {
        rules
            .iter()
            .enumerate()
            .map(|(number, rule)| {
                format!("@id(\"p{number}\") @because(\"r{number}\") {rule} (principal, action == Action::\"crm.contact.get\", resource);\n")
            })
            .collect()
    };
    let of = |rules: &[&str]| {
        let decision = ask(&load(&text(rules)), "contact.get", json!({"id": 1}));
        let (verdict, ids) = short(&decision);
        (verdict, ids.join(","), decision.because.join(","))
    };
    let gate = "@gate(\"approve\") permit";
    let is = |verdict, ids: &str, because: &str| (verdict, ids.to_owned(), because.to_owned());
    assert_eq!(of(&[]), is(Refuse, "", ""));
    assert_eq!(of(&["permit"]), is(Allow, "p0", "r0"));
    assert_eq!(of(&[gate]), is(Gate, "p0", "r0"));
    assert_eq!(of(&[gate, gate]), is(Gate, "p0,p1", "r0,r1"));
    assert_eq!(
        of(&[gate, "permit", gate]),
        is(Allow, "p0,p1,p2", "r0,r1,r2")
    );
    assert_eq!(of(&["permit", "forbid"]), is(Refuse, "p1", "r1"));
    assert_eq!(
        of(&["forbid", gate, "permit", "forbid"]),
        is(Refuse, "p0,p3", "r0,r3")
    );
}

#[test]
fn pol_08_a_policy_that_cannot_be_evaluated_refuses() {
    let text = |kind: &str| {
        format!(
        "@id(\"open\") @because(\"a\") permit (principal, action in Action::\"read\", resource);
         @id(\"sum\") @because(\"b\") {kind} (principal, action == Action::\"crm.contact.get\", resource)
         when {{ context.id + 9223372036854775807 > 0 }};"
    )
    };
    for kind in ["permit", "forbid"] {
        let policies = load(&text(kind));
        let of = |id: i64| ask(&policies, "contact.get", json!({"id": id}));
        let failed = of(1);
        assert_eq!(short(&failed), (Refuse, vec!["sum"]), "{kind}");
        assert!(failed.because.is_empty());
        assert_eq!(
            failed.fault,
            Some(Fault::Evaluation("error while evaluating policy `sum`: integer overflow while attempting to add the values `1` and `9223372036854775807`".to_owned()))
        );
        // The sum is small enough, and not above zero.
        assert_eq!(short(&of(i64::MIN)), (Allow, vec!["open"]));
    }
}

/// All that a script may learn of a decision.
fn visible(decision: &Decision) -> String {
    format!(
        "{:?} {:?} {:?}",
        decision.verdict, decision.policies, decision.because
    )
}

#[test]
fn sec_05_what_does_not_exist_looks_like_what_is_refused() {
    let policies = load(ASSISTANT);
    let of = |service: &str, method: &str, value| {
        policies.decide(&Query {
            principal: &caller("demo", "script", "", &[]),
            service,
            method,
            params: &params(value),
            now: Moment::OF_CASES,
            read_from: &NOTHING_READ,
        })
    };
    let hidden = of("crm", "contact.add", json!({"name": "x"}));
    let others = [
        of("crm", "contact.frobnicate", json!({"name": "x"})),
        of("hr", "contact.add", json!({"name": "x"})),
        of("crm", "contact.add", json!({"name": 1})),
        of("crm", "contact.add", json!({})),
        of("crm", "contact.add", json!({"other": 1})),
        of("crm", "deal.add", json!({"title": 5})),
    ];
    for other in others {
        assert_eq!(visible(&other), visible(&hidden));
    }
    assert_eq!(visible(&hidden), "Refuse [] []");
}

#[test]
fn iso_04_policies_answer_for_their_own_context_alone() {
    let policies = load(ASSISTANT);
    for (context, verdict) in [
        ("demo", Allow),
        ("dem", Refuse),
        ("demo-", Refuse),
        ("demo2", Refuse),
        ("other", Refuse),
    ] {
        let decision = policies.decide(&Query {
            principal: &caller(context, "script", "", &[]),
            service: "crm",
            method: "stats.count",
            params: &params(json!({})),
            now: Moment::OF_CASES,
            read_from: &NOTHING_READ,
        });
        assert_eq!(decision.verdict, verdict, "{context:?}");
    }
}

/// Names that look like, contain, or normalise to this one.
fn look_alikes(name: &str) -> Vec<String> {
    let mut all = vec![
        String::new(),
        name.to_uppercase(),
        name.replace('.', "/"),
        name.replace('.', ".."),
        name.replace('.', ""),
        name.replace('.', "_"),
        name.replace('.', " . "),
        name.replace('.', "\u{2024}"),
        name.replace('.', "\u{ff0e}"),
        name.replace('.', "::"),
        name.replace('.', ".*"),
        format!("crm.{name}"),
        format!("{name}.{name}"),
        format!("../{name}"),
        format!("{name}/../{name}"),
        format!("rpc.{name}"),
        "rpc.discover".to_owned(),
        "*".to_owned(),
        "contact.*".to_owned(),
        "read".to_owned(),
        "change".to_owned(),
        format!("Action::\"{name}\""),
        format!("\"{name}\""),
        name.repeat(10_000 / name.len()),
        name.chars().rev().collect(),
        format!("\u{202e}{}", name.chars().rev().collect::<String>()),
    ];
    let extra = [
        " ", "\t", "\n", "\r\n", "\0", ".", "/", "%00", "%20", "\u{a0}", "\u{200b}", "\u{200d}",
        "\u{feff}", "\u{301}", "\u{fe0f}", "\u{202e}", ";", "\"", "\\", "?", "#", "()", "s", "é",
    ];
    for text in extra {
        all.push(format!("{name}{text}"));
        all.push(format!("{text}{name}"));
    }
    let confusable = [
        ('a', "\u{430}\u{ff41}\u{251}\u{1d41a}A"),
        ('c', "\u{441}\u{3f2}\u{ff43}C"),
        ('e', "\u{435}\u{ff45}\u{212e}E3"),
        ('i', "\u{456}\u{131}\u{ff49}1lI"),
        ('l', "1I\u{4cf}\u{ff4c}\u{2113}"),
        ('n', "\u{578}\u{ff4e}N"),
        ('o', "\u{43e}\u{3bf}\u{ff4f}0O"),
        ('s', "\u{455}\u{17f}\u{ff53}5S"),
        ('t', "\u{442}\u{ff54}T7"),
        ('g', "\u{261}\u{ff47}q"),
        ('d', "\u{501}\u{ff44}"),
        ('u', "\u{57d}\u{ff55}v"),
        ('p', "\u{440}\u{ff50}"),
        ('m', "rn\u{ff4d}"),
        ('w', "\u{461}\u{ff57}"),
        ('f', "\u{ff46}"),
        ('y', "\u{443}\u{ff59}"),
    ];
    for (at, found) in name.char_indices() {
        let without =
            |text: &str| format!("{}{text}{}", &name[..at], &name[at + found.len_utf8()..]);
        all.push(without(""));
        all.push(without(&format!("{found}{found}")));
        all.push(without(&format!("{found}\u{200b}")));
        all.push(without(&format!("{found}\u{332}")));
        for byte in 0x21..0x7f_u8 {
            all.push(without(&char::from(byte).to_string()));
        }
        for (_, others) in confusable.iter().filter(|(plain, _)| *plain == found) {
            for other in others.chars() {
                all.push(without(&other.to_string()));
            }
        }
    }
    all.retain(|other| other != name);
    all
}

#[test]
fn pol_04_a_name_is_itself_or_nothing() {
    // Everything is permitted, so that only the name can refuse.
    let policies = load("@because(\"x\") permit (principal, action, resource);");
    let value = json!({"id": 1});
    let known: Vec<String> = crm().methods.keys().cloned().collect();
    for method in ["contact.get", "company.get", "deal.get"] {
        assert_eq!(ask(&policies, method, value.clone()).verdict, Allow);
        let tried = look_alikes(method);
        assert!(tried.len() > 500, "{}", tried.len());
        for other in tried {
            if !known.contains(&other) {
                assert_eq!(
                    ask(&policies, &other, value.clone()).verdict,
                    Refuse,
                    "{other:?}"
                );
            }
        }
    }
    for service in look_alikes("crm") {
        let decision = policies.decide(&Query {
            principal: &caller("demo", "script", "", &[]),
            service: &service,
            method: "contact.get",
            params: &params(value.clone()),
            now: Moment::OF_CASES,
            read_from: &NOTHING_READ,
        });
        assert_eq!(decision.verdict, Refuse, "{service:?}");
    }
}

/// What becomes of a call without parameters by this caller.
fn counted_by(policies: &Policies, actor: &str, user: &str, claims: &[&str]) -> Verdict {
    let query = Query {
        principal: &caller("demo", actor, user, claims),
        service: "crm",
        method: "stats.count",
        params: &params(json!({})),
        now: Moment::OF_CASES,
        read_from: &NOTHING_READ,
    };
    policies.decide(&query).verdict
}

/// The last caller of a method is kept in the terms of policies.
#[test]
fn whoever_called_before_says_nothing_of_who_calls_now() {
    let text = "@because(\"x\") permit (principal, action in Action::\"read\", resource)
        when { principal.claims.contains(\"crm.read\") && principal.user == \"u\" };";
    let policies = load(text);
    let of = |actor: &str, user: &str, claims: &[&str]| counted_by(&policies, actor, user, claims);
    let callers = [
        ("ada", "u", vec!["crm.read"], Allow),
        ("ada", "v", vec!["crm.read"], Refuse),
        ("ada", "u", vec![], Refuse),
        ("bob", "u", vec!["crm.read"], Allow),
        ("bob", "", vec!["crm.read"], Refuse),
    ];
    for (actor, user, claims, verdict) in &callers {
        for (before, of_whom, with, expected) in &callers {
            assert_eq!(of(before, of_whom, with), *expected);
            assert_eq!(of(actor, user, claims), *verdict, "after {before}");
            assert_eq!(of(actor, user, claims), *verdict, "once more");
        }
    }
}

#[test]
fn who_calls_is_matched_exactly() {
    let text =
        "@because(\"x\") permit (principal == Actor::\"ada\", action in Action::\"read\", resource)
        when { principal.claims.contains(\"crm.read\") && principal.user == \"u\" };";
    let policies = load(text);
    let of = |actor: &str, user: &str, claims: &[&str]| counted_by(&policies, actor, user, claims);
    assert_eq!(of("ada", "u", &["crm.read"]), Allow);
    assert_eq!(of("ada", "u", &["crm.read", "crm.read", "x"]), Allow);
    for (actor, user, claims) in [
        ("Ada", "u", ["crm.read"]),
        ("ada.", "u", ["crm.read"]),
        ("ad", "u", ["crm.read"]),
        ("ada", "U", ["crm.read"]),
        ("ada", "", ["crm.read"]),
        ("ada", "u", ["crm.Read"]),
        ("ada", "u", ["crm.read."]),
        ("ada", "u", ["crm."]),
    ] {
        assert_eq!(
            of(actor, user, &claims),
            Refuse,
            "{actor} {user} {claims:?}"
        );
    }
    assert_eq!(of("ada", "u", &[]), Refuse);
    // A name is never parsed; what would be more than a word is the name of nobody.
    let number = ContextNumber::Number(NonZeroU32::MIN);
    for actor in ["Context::\"demo\"", "a\"\n\0"] {
        assert!(Principal::new("demo", number, actor).is_err(), "{actor:?}");
    }
}

#[test]
fn decisions_are_shared_between_threads_and_the_same_every_time() {
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let policies = shared(load(ASSISTANT));
    let first = ask(&policies, "contact.list", json!({"limit": 1}));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(ask(&policies, "contact.list", json!({"limit": 1})), first);
                }
            });
        }
    });
}
