//! What the linter asks about, and what it has no questions about.

use crate::crm::{crm, load, load_with};
use sandgate_policy::{Cases, File, Unusable};

fn findings(text: &str) -> Vec<String> {
    problems(load(text).lint(None))
}

fn problems(findings: Option<Unusable>) -> Vec<String> {
    use miette::Diagnostic;
    findings.map_or_else(Vec::new, |findings| {
        findings
            .problems()
            .iter()
            .map(|problem| match problem.help() {
                Some(help) => format!("{problem}: {help}"),
                None => problem.to_string(),
            })
            .collect()
    })
}

fn rule(id: &str, rest: &str) -> String {
    format!("@id(\"{id}\") @because(\"x\")\n{rest};\n")
}

const READ: &str = "permit (principal, action in Action::\"read\", resource == Service::\"crm\")";
const GET: &str =
    "permit (principal, action == Action::\"crm.contact.get\", resource == Service::\"crm\")";
const NO_GET: &str = "forbid (principal, action == Action::\"crm.contact.get\", resource)";

#[test]
fn policies_that_are_meant_raise_no_question() {
    for text in [
        rule("a", READ),
        rule("a", READ) + &rule("b", NO_GET),
        // An exception from a gate.
        rule("a", GET) + &rule("b", READ).replace("@because", "@gate(\"approve\") @because"),
        rule("a", &format!("{READ} when {{ principal.user == \"u\" }}")) + &rule("b", GET),
        rule("a", GET)
            + &rule(
                "b",
                &NO_GET.replace("principal,", "principal == Actor::\"x\","),
            ),
    ] {
        assert_eq!(findings(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_policy_that_never_matches_is_found() {
    let never = "its conditions cannot all hold";
    assert_eq!(
        findings(&rule(
            "a",
            &format!("{GET} when {{ context.id == 1 && false }}")
        )),
        [format!("`a` never matches a call: {never}")]
    );
    let other = GET
        .replace("Service::\"crm\"", "Context::\"demo\"")
        .replace("==", "in");
    assert_eq!(
        findings(&rule("a", &other)),
        ["`a` never matches a call: none of the registered services has a method that it is about"]
    );
}

#[test]
fn a_policy_that_another_makes_void_is_found() {
    assert_eq!(
        findings(&(rule("a", READ) + &rule("b", GET))),
        ["`b` changes nothing: `a` covers all of it"]
    );
    assert_eq!(
        findings(&(rule("a", GET) + &rule("b", GET))),
        ["`b` changes nothing: `a` covers all of it"]
    );
    assert_eq!(
        findings(&(rule("a", GET) + &rule("b", NO_GET))),
        ["`a` permits nothing: `b` forbids all of it"]
    );
    let gated = rule("b", GET).replace("@because", "@gate(\"approve\") @because");
    assert_eq!(
        findings(&(rule("a", READ) + &gated)),
        ["the gate of `b` holds nothing back: `a` permits the same without one"]
    );
    let all = "forbid (principal, action, resource)";
    assert_eq!(
        findings(&(rule("a", all) + &rule("b", NO_GET))),
        ["`b` changes nothing: `a` covers all of it"]
    );
}

#[test]
fn a_policy_that_reaches_further_than_anybody_listed_is_found() {
    assert_eq!(
        findings(&rule("a", "permit (principal, action, resource)")),
        ["`a` permits every method of every service: name an action and a service"]
    );
    assert_eq!(
        findings(&rule(
            "a",
            "permit (principal, action, resource == Service::\"crm\")"
        )),
        [
            "`a` permits every method of the service, those that destroy included: write `action in Action::\"read\"`, for example"
        ]
    );
    assert_eq!(
        findings(&rule(
            "a",
            "permit (principal, action in Action::\"read\", resource)"
        )),
        [
            "`a` permits every service, those that are registered later included: write `resource == Service::\"…\"`"
        ]
    );
}

/// The demo service, where only names say that `contact.list` and `contact.get` are reads.
fn named(text: &str) -> Vec<String> {
    let mut crm = crm();
    for method in ["contact.list", "contact.get"] {
        crm.methods.get_mut(method).unwrap().by_name = true;
    }
    problems(load_with(&[crm], text).unwrap().lint(None))
}

#[test]
fn pol_09_a_permit_that_rests_on_names_is_found() {
    let help = "say what it does where the service is registered (`--effect`, `--trust`), or that no name vouches \
        (`--reads declared`); or name the methods that are meant";
    let one = |id: &str, more: &str| {
        format!(
            "`{id}` permits `crm.contact.get`, of which only its name says that it reads{more}: {help}"
        )
    };
    let others = ", and one more such method";
    let permit = |scope: &str, rest: &str| {
        rule(
            "a",
            &format!("permit (principal, {scope}, resource == Service::\"crm\"){rest}"),
        )
    };
    let forbid = |scope: &str, rest: &str| {
        rule("b", &format!("forbid (principal, {scope}, resource){rest}"))
    };
    let (read, change) = ("action in Action::\"read\"", "action in Action::\"change\"");
    let list = "action == Action::\"crm.contact.list\"";
    for (text, more) in [
        (permit(read, ""), others),
        (
            permit("action in [Action::\"write\", Action::\"read\"]", ""),
            others,
        ),
        (
            permit(
                "action in [Action::\"read\", Action::\"crm.contact.list\"]",
                "",
            ),
            "",
        ),
        (
            rule(
                "a",
                "permit (principal, action in Action::\"read\", resource in Service::\"crm\")",
            ),
            others,
        ),
    ] {
        assert_eq!(named(&text), [one("a", more)], "{text}");
        assert_eq!(findings(&text), Vec::<String>::new(), "{text}");
    }
    for text in [
        permit("action", &format!(" when {{ {read} }}")),
        permit("action", &format!(" unless {{ {change} }}")),
        permit("action", "") + &forbid(change, ""),
        permit("action", "") + &forbid("action", &format!(" when {{ {change} }}")),
    ] {
        let found = named(&text);
        assert!(found.contains(&one("a", others)), "{text}: {found:?}");
        assert!(!findings(&text).contains(&one("a", others)), "{text}");
    }
    for text in [
        // The operator has named the method.
        permit(list, ""),
        permit(
            "action in [Action::\"crm.contact.list\", Action::\"crm.contact.get\"]",
            "",
        ),
        // A person looks.
        permit(read, "").replace("@because", "@gate(\"approve\") @because"),
        permit("action in Action::\"write\"", ""),
        forbid(read, ""),
    ] {
        assert_eq!(named(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_policy_without_a_case_is_found() {
    let policies = load(&(rule("a", READ) + &rule("b", NO_GET)));
    let text = "[[case]]\nname = \"x\"\nservice = \"crm\"\nmethod = \"stats.count\"\nexpect = \"allow\"\npolicies = [\"a\"]\n";
    let file = File {
        name: "cases.toml",
        text,
    };
    let report = Cases::parse(file, &policies).unwrap().run(&policies);
    let findings = policies.lint(Some(&report)).unwrap();
    let said: Vec<String> = findings
        .problems()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(said, ["no case exercises `b`"]);
}
