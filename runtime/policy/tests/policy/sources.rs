//! What a run has read from, and prohibitions that ask.

use crate::crm::{caller, crm, limits, load, load_with, method, params, schema, short, try_load};
use sandgate_policy::{
    Cases, Effect, File, Interface, Moment, NOTHING_READ, Policies, Query,
    Verdict::{self, Allow, Gate, Refuse},
    read_from_of,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ASKS: &str = r#"
@id("reads") @because("Reading is free.")
permit (principal, action in Action::"read", resource);

@id("writes") @because("The assistant keeps contacts.")
permit (principal, action in Action::"write", resource);

@id("after_mail") @gate("approve") @because("What mail says may be an instruction.")
forbid (principal, action in Action::"change", resource)
when { context.run.read_from.contains("mail") };

@id("no_deals") @because("Deals are entered by hand.")
forbid (principal, action == Action::"crm.deal.add", resource);
"#;

fn mail() -> Interface {
    let text = json!({"type": "string"});
    Interface {
        service: "mail".to_owned(),
        methods: [
            ("list".to_owned(), method(Effect::Read, &[])),
            (
                "send".to_owned(),
                // A parameter whose name is taken: it is sent, and no policy sees it.
                method(
                    Effect::Write,
                    &[
                        ("run", true, json!({"type": "number"})),
                        ("text", true, text),
                    ],
                ),
            ),
        ]
        .into(),
    }
}

fn asks() -> Policies {
    load_with(&[crm(), mail()], ASKS).unwrap()
}

fn decide(
    policies: &Policies,
    call: (&str, &str, Value),
    after: &[&str],
) -> (Verdict, Vec<String>) {
    let read_from = policies
        .schema()
        .read_from_after(after.iter().copied())
        .unwrap();
    let (service, method, value) = call;
    let decision = policies.decide(&Query {
        principal: &caller("demo", "script", "", &[]),
        service,
        method,
        params: &params(value),
        now: Moment::OF_CASES,
        read_from: &read_from,
    });
    let (verdict, ids) = short(&decision);
    (verdict, ids.into_iter().map(ToOwned::to_owned).collect())
}

#[test]
fn once_it_has_read_mail_everything_it_writes_asks_a_person() {
    let policies = asks();
    let add = || ("crm", "contact.add", json!({"name": "Ada"}));
    let deal = || {
        (
            "crm",
            "deal.add",
            json!({"title": "x", "amount": 1, "contact_id": 1}),
        )
    };
    let delete = || ("crm", "contact.delete", json!({"id": 1}));
    let list = || ("crm", "contact.list", json!({}));
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    for (call, after, verdict, decided_by) in [
        (add(), &[][..], Allow, &["writes"][..]),
        (add(), &["crm.contact.list"], Allow, &["writes"]),
        (add(), &["mail.list"], Gate, &["after_mail", "writes"]),
        (add(), &["mail"], Gate, &["after_mail", "writes"]),
        (list(), &["mail"], Allow, &["reads"]),
        // An ordinary prohibition still wins, and what nobody permits is still refused.
        (deal(), &["mail"], Refuse, &["no_deals"]),
        (delete(), &["mail"], Refuse, &[]),
        (delete(), &[], Refuse, &[]),
    ] {
        let name = format!("{} after {after:?}", call.1);
        assert_eq!(
            decide(&policies, call, after),
            (verdict, ids(decided_by)),
            "{name}"
        );
    }
}

#[test]
fn a_prohibition_that_asks_and_cannot_be_evaluated_refuses() {
    let policies = load(
        "@id(\"all\") @because(\"x\") permit (principal, action, resource);
        @id(\"sum\") @gate(\"approve\") @because(\"x\") forbid (principal, action == Action::\"crm.contact.get\", resource)
        when { context.id + 1 > 10 };",
    );
    let get = |id: i64| decide(&policies, ("crm", "contact.get", json!({"id": id})), &[]);
    assert_eq!(get(1), (Allow, vec!["all".to_owned()]));
    assert_eq!(get(10), (Gate, vec!["all".to_owned(), "sum".to_owned()]));
    assert_eq!(get(i64::MAX), (Refuse, vec!["sum".to_owned()]));
}

#[test]
fn a_service_that_is_only_asked_about_may_not_be_used() {
    let text = "@because(\"x\") @gate(\"approve\") forbid (principal, action, resource == Service::\"mail\");
        @because(\"x\") permit (principal, action, resource == Service::\"crm\");";
    let policies = load_with(&[crm(), mail()], text).unwrap();
    assert_eq!(
        (policies.may_use("crm"), policies.may_use("mail")),
        (true, false)
    );
}

#[test]
fn pol_03_a_parameter_called_run_is_sent_and_is_not_the_run() {
    let policies = asks();
    let send = |run: Value| ("mail", "send", json!({"run": run, "text": "x"}));
    // More digits than policies compare: none looks at it.
    let run = || json!(0.123_456_789);
    assert_eq!(decide(&policies, send(run()), &[]).0, Allow);
    assert_eq!(decide(&policies, send(run()), &["mail"]).0, Gate);
    // Whatever it is, it does not become what the run has read.
    assert_eq!(
        decide(&policies, send(json!({"read_from": []})), &["mail"]).0,
        Gate
    );
    assert!(!policies.looks_at("mail", "send", "run"));
    let left_out = policies.schema().left_out().iter();
    let reasons: Vec<&str> = left_out.map(|spot| spot.reason).collect();
    assert_eq!(reasons, ["`context.run` is the run that makes the call"]);
}

#[test]
fn reading_a_method_is_reading_its_service() {
    assert_eq!(read_from_of("mail", "list"), ["mail", "mail.list"]);
    let policies = asks();
    let after = |names: &[&str]| policies.schema().read_from_after(names.iter().copied());
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        after(&["mail.list", "crm"]).unwrap(),
        set(&["crm", "mail", "mail.list"])
    );
    assert_eq!(after(&[]).unwrap(), NOTHING_READ);
    for (name, said) in [
        (
            "mial",
            "there is no service and no method `mial` to read from: did you mean `mail`?",
        ),
        (
            "mail.lst",
            "there is no service and no method `mail.lst` to read from: did you mean `mail.list`?",
        ),
        (
            "contact.list",
            "there is no service and no method `contact.list` to read from: did you mean `crm.contact.list`?",
        ),
        (
            "",
            "there is no service and no method `` to read from: a source is a service, such as `mail`, or a method, such as `mail.list`",
        ),
    ] {
        let unknown = after(&[name]).unwrap_err();
        assert_eq!(format!("{unknown}: {}", unknown.help()), said);
    }
}

#[test]
fn pol_07_a_source_that_there_is_not_is_found_wherever_it_is_compared() {
    let mut all = String::new();
    for condition in [
        "context.run.read_from.contains(\"crm\")",
        "context.run.read_from.contains(\"crm.contact.list\")",
        "context.run.read_from.contains(\"cmr\")",
        "context.run.read_from.containsAny([\"crm\", \"contact.list\"])",
        "context.run.read_from.containsAll([\"crm.deal.lst\"])",
        "[\"crm\", \"mailbox\"].containsAll(context.run.read_from)",
        "context.run.read_from == [\"carm\"]",
        "!context.run.read_from.isEmpty()",
        "context.run.read_form.contains(\"crm\")",
        "context.run has read_form",
        "context.run == {read_from: [\"crm\"]}",
        "context.run.read_from like \"mail\"",
    ] {
        let text = format!(
            "@because(\"x\") forbid (principal, action in Action::\"change\", resource)\nwhen {{ {condition} }};"
        );
        let said = match try_load(&text) {
            Ok(_) => "    it loads\n".to_owned(),
            Err(unusable) => unusable
                .findings()
                .iter()
                .map(|one| {
                    let help = one.help.clone().unwrap_or_default();
                    format!(
                        "    {}:{}: {} ({help})\n",
                        one.line.unwrap(),
                        one.column.unwrap(),
                        one.message
                    )
                })
                .collect(),
        };
        all.push_str(&format!("{condition}\n{said}"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_case_says_what_was_read_before() {
    let policies = asks();
    let file = |text| File {
        name: "cases.toml",
        text,
    };
    let text = "[[case]]\nname = \"after mail\"\nservice = \"crm\"\nmethod = \"contact.add\"\nparams = { name = \"Ada\" }\nafter = [\"mail.list\"]\n";
    let blessed = Cases::blessed(file(text), &policies).unwrap();
    let written = "expect = \"gate\"\npolicies = [\"after_mail\", \"writes\"]\n";
    assert_eq!(blessed, format!("{text}{written}"));
    let cases = Cases::parse(file(&blessed), &policies).unwrap();
    assert!(cases.run(&policies).passed());
    let before = blessed.replace("after = [\"mail.list\"]\n", "");
    let cases = Cases::parse(file(&before), &policies).unwrap();
    assert!(!cases.run(&policies).passed());
    let misspelt = blessed.replace("mail.list", "mail.lst");
    let unusable = Cases::parse(file(&misspelt), &policies).unwrap_err();
    let findings: Vec<String> = unusable
        .findings()
        .into_iter()
        .map(|one| format!("{}: {}", one.message, one.help.unwrap_or_default()))
        .collect();
    assert_eq!(
        findings,
        ["there is no service and no method `mail.lst` to read from: did you mean `mail.list`?"]
    );
}

#[test]
fn explanations_and_the_matrix_know_of_prohibitions_that_ask() {
    let policies = asks();
    let mut all = String::new();
    for (service, method, value, after) in [
        (
            "crm",
            "contact.add",
            json!({"name": "Ada"}),
            &["mail.list"][..],
        ),
        ("crm", "contact.add", json!({"name": "Ada"}), &[]),
        ("crm", "contact.delete", json!({"id": 1}), &["mail"]),
        (
            "crm",
            "deal.add",
            json!({"title": "x", "amount": 1, "contact_id": 1}),
            &["mail"],
        ),
    ] {
        let read_from = policies
            .schema()
            .read_from_after(after.iter().copied())
            .unwrap();
        let explanation = policies.explain(&Query {
            principal: &caller("demo", "script", "", &[]),
            service,
            method,
            params: &params(value),
            now: Moment::OF_CASES,
            read_from: &read_from,
        });
        all.push_str(&format!("after {after:?}: {explanation}\n"));
    }
    let hash = policies.hash().to_string();
    for outlook in policies.matrix() {
        let verdicts: Vec<String> = outlook.verdicts.iter().map(ToString::to_string).collect();
        all.push_str(&format!(
            "{}.{}: {}\n",
            outlook.service,
            outlook.method,
            verdicts.join(", ")
        ));
    }
    let always = load("@because(\"x\") permit (principal, action, resource);
        @because(\"x\") @gate(\"approve\") forbid (principal, action in Action::\"destroy\", resource);");
    for outlook in always.outlooks("crm") {
        let verdicts: Vec<String> = outlook.verdicts.iter().map(ToString::to_string).collect();
        all.push_str(&format!(
            "always asked: {}: {}\n",
            outlook.method,
            verdicts.join(", ")
        ));
    }
    insta::assert_snapshot!(all.replace(&hash, "HASH"));
}

#[test]
fn the_linter_knows_what_a_prohibition_can_ask_about() {
    let ask = |id: &str, action: &str| {
        format!(
            "@id(\"{id}\") @because(\"x\") @gate(\"approve\") forbid (principal, action in Action::\"{action}\", resource);\n"
        )
    };
    let rule = |id: &str, word: &str, action: &str| {
        format!(
            "@id(\"{id}\") @because(\"x\") {word} (principal, action in Action::\"{action}\", resource == Service::\"crm\");\n"
        )
    };
    let mut all = String::new();
    for text in [
        rule("writes", "permit", "write") + &ask("asks", "change"),
        rule("reads", "permit", "read") + &ask("asks", "change"),
        rule("writes", "permit", "write")
            + &ask("asks", "write")
            + &rule("never", "forbid", "change"),
        rule("writes", "permit", "write") + &ask("asks", "write") + &ask("again", "write"),
        rule("writes", "permit", "write")
            + &rule("never", "forbid", "destroy")
            + &ask("asks", "change"),
    ] {
        let findings = load(&text)
            .lint(None)
            .map_or_else(Vec::new, |one| one.findings());
        let findings = findings.iter().map(|one| {
            format!(
                "    {} ({})\n",
                one.message,
                one.help.clone().unwrap_or_default()
            )
        });
        all.push_str(&format!("{text}{}", findings.collect::<String>()));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_hash_tells_a_gate_from_none() {
    let with = |gate: &str| {
        let text = format!("@because(\"x\") {gate} forbid (principal, action, resource);");
        let file = File {
            name: "policy.cedar",
            text: &text,
        };
        Policies::load(schema(&[crm()]), file, &limits())
            .unwrap()
            .hash()
    };
    assert_ne!(with("@gate(\"approve\")"), with(""));
}
