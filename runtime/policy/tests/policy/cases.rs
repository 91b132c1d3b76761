//! The harness: what a file of cases may say, how it comes out, and how that is shown.

use crate::{crm::load, decide::ASSISTANT};
use sandgate_policy::{Cases, FailedContext, File, Unusable, junit};

fn parse(text: &str) -> Result<Cases, Unusable> {
    let file = File {
        name: "cases.toml",
        text,
    };
    Cases::parse(file, &load(ASSISTANT))
}

const MIXED: &str = r#"
[[case]]
name = "contacts can be listed"
service = "crm"
method = "contact.list"
params = { limit = 5 }
expect = "allow"
policies = ["reads"]

[[case]]
name = "the right verdict for <another> \"reason\" & 'so' on"
service = "crm"
method = "deal.add"
params = { title = "x", amount = 10000.5, contact_id = 1 }
expect = "refuse"
policies = ["no_delete"]

[[case]]
name = "another verdict"
service = "crm"
method = "deal.add"
params = { title = "x", amount = 1, contact_id = 1 }
expect = "allow"
policies = ["deals"]

[[case]]
name = "a parameter of another type"
actor = "ada"
user = "ada@example.org"
claims = ["x"]
service = "crm"
method = "contact.get"
params.id = "1"
expect = "allow"
policies = ["reads"]
"#;

#[test]
fn cases_assert_the_verdict_and_exactly_who_decided() {
    let policies = load(ASSISTANT);
    let report = parse(MIXED).unwrap().run(&policies);
    assert!(!report.passed());
    let ids: Vec<&str> = report.unexercised.iter().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["no_delete"]);
    insta::assert_snapshot!("human", report);
    insta::assert_json_snapshot!("json", report);
    insta::assert_snapshot!("junit", junit(&[report], &[]));
}

#[test]
fn a_case_that_names_no_policies_is_about_its_verdict_alone() {
    let policies = load(ASSISTANT);
    let without = |expect: &str| {
        let case = "[[case]]\nname = \"a\"\nservice = \"crm\"\nmethod = \"contact.list\"\n";
        parse(&format!("{case}expect = \"{expect}\"\n"))
            .unwrap()
            .run(&policies)
            .to_string()
    };
    assert_eq!(without("allow"), "ok    demo: a\n");
    assert_eq!(
        without("gate"),
        "FAIL  demo: a\n      cases.toml:1\n      expected  gate\n      decided   allow, by reads\n"
    );
}

#[test]
fn a_context_that_does_not_load_is_a_failed_test() {
    let problems = parse("[[case]]\nname = \"<a>\"\nexpcet = 1\n")
        .unwrap_err()
        .findings();
    let context = "crm".to_owned();
    let failed = FailedContext { context, problems };
    insta::assert_json_snapshot!("failed_json", failed);
    insta::assert_snapshot!("failed_junit", junit(&[], &[failed]));
}

#[test]
fn a_case_that_could_not_mean_what_it_says_is_refused() {
    use miette::Diagnostic;
    let case = |rest: &str| format!("[[case]]\nname = \"a\"\n{rest}\n");
    let good = "service = \"crm\"\nmethod = \"contact.get\"\nexpect = \"allow\"\npolicies = []";
    assert_eq!(parse(&case(good)).unwrap().cases().len(), 1);
    let mut all = String::new();
    for text in [
        case(&good.replace("contact.get", "contact.gte")),
        case(&good.replace("crm", "crn")),
        case(&good.replace("[]", "[\"raeds\", \"reads\"]")),
        case(&good.replace("allow", "Allow")),
        case(&good.replace("expect", "expects")),
        case(&format!("{good}\nclaim = [\"x\"]")),
        case(&format!("{good}\nclaims = [1]")),
        case(&format!("{good}\nparams = {{ since = 2026-01-01 }}")),
        case(&format!("{good}\nparams = {{ ratio = nan }}")),
        case(&good.replace("policies = []", "policies = 1")),
        format!("{}{}", case(good), case(good)),
        case(good).replace("\"a\"", "\" \""),
        case(good).replace("[[case]]", "[case]"),
        case(good).replace("[[case]]", "[[cases]]"),
        "[[case]]\n".to_owned(),
        String::new(),
        "not toml".to_owned(),
    ] {
        all.push_str(&text);
        for problem in parse(&text).unwrap_err().problems() {
            let place = problem.labels().into_iter().flatten().map(|label| {
                let place = label.offset()..label.offset() + label.len();
                text.get(place).unwrap_or("?").to_owned()
            });
            let place: Vec<String> = place.collect();
            let help = problem.help().map(|help| format!("\n    help: {help}"));
            all.push_str(&format!(
                "  -> {problem} {place:?}{}\n",
                help.unwrap_or_default()
            ));
        }
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}
