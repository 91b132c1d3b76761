//! `limits.toml`: what is understood, and what is said about the rest.

use crate::crm::crm;
use sandgate_policy::{
    ApprovalHook, ContextLimits, ContextName, ContextNumber, File, Files, InBand, JournalDuty,
    Schema, Unusable,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

fn parse(text: &str) -> Result<ContextLimits, Unusable> {
    let file = File {
        name: "limits.toml",
        text,
    };
    let context = ContextName::new("demo").unwrap();
    ContextLimits::parse(file, &Schema::new(context, &[crm()]).unwrap())
}

fn number(number: u32) -> ContextNumber {
    ContextNumber::Number(NonZeroU32::new(number).unwrap())
}

#[test]
fn every_limit_is_read() {
    let text = r#"
hero_context = 7
timeout = "30s"
cpu = "1m 30s"
memory = "128MiB"
output = "1KiB"
source = "100kB"
stdin = "0B"
workspace = "none"
workspace_bytes = "1GiB"
workspace_files = 0
calls = 0x10
call_bytes = "1MiB"
reply_bytes = "4MiB"
rate = 1
approvals = 3
approvers = ["crm.manager", "key:7"]
approval_expires = "72h"
on_approval = ["notify-send", "sandgate", ""]
approval_in_band = "form"
questions = 3
journal = "required"
"#;
    assert_eq!(
        parse(text).unwrap(),
        ContextLimits {
            hero_context: number(7),
            timeout: Some(Duration::from_secs(30)),
            cpu: Some(Duration::from_secs(90)),
            memory: Some(128 << 20),
            output: Some(1024),
            source: Some(100_000),
            stdin: Some(0),
            workspace: Some(Files::None),
            workspace_bytes: Some(1 << 30),
            workspace_files: Some(0),
            calls: Some(16),
            method_calls: BTreeMap::new(),
            call_bytes: Some(1 << 20),
            reply_bytes: Some(4 << 20),
            rate: Some(1),
            approvals: Some(3),
            approvers: BTreeSet::from(["crm.manager".to_owned(), "key:7".to_owned()]),
            approval_expires: Some(Duration::from_secs(72 * 3600)),
            on_approval: Some(ApprovalHook::Program {
                program: "notify-send".to_owned(),
                arguments: vec!["sandgate".to_owned(), String::new()],
            }),
            approval_in_band: Some(InBand::Form),
            questions: Some(3),
            journal: Some(JournalDuty::Required),
        }
    );
    let scratch = parse("hero_context = 1\nworkspace = \"scratch\"").unwrap();
    assert_eq!(scratch.workspace, Some(Files::Scratch));
    let least = ContextLimits::of(number(4_294_967_295));
    assert_eq!(parse("hero_context = 4294967295").unwrap(), least);
}

#[test]
fn approvals_are_said_in_one_way_and_one_person_is_enough_unless_more_is_said() {
    for (text, approvals, anybody) in [
        ("", None, true),
        ("approvals = true", Some(1), true),
        ("approvals = false", Some(0), false),
        ("approvals = 2", Some(2), false),
        ("approvals = 10", Some(10), false),
        ("approvers = [\"boss\"]", None, false),
        ("approvals = true\napprovers = [\"boss\"]", Some(1), false),
    ] {
        let limits = parse(&format!("hero_context = 1\n{text}\n")).unwrap();
        assert_eq!(
            (limits.approvals, limits.anybody_may_approve()),
            (approvals, anybody),
            "{text}"
        );
    }
    let url = parse("hero_context = 1\non_approval = \"https://example.org/told\"\n").unwrap();
    let told = ApprovalHook::Url("https://example.org/told".to_owned());
    assert_eq!(url.on_approval, Some(told));
    let changes = parse("hero_context = 1\njournal = \"changes\"\n").unwrap();
    assert_eq!(changes.journal, Some(JournalDuty::Changes));
}

#[test]
fn the_administrators_number_takes_two_lines() {
    let zero = "hero_context = 0\nhero_administrator = true\n";
    let administrator = ContextLimits::of(ContextNumber::Administrator);
    assert_eq!(parse(zero).unwrap(), administrator);
    assert_eq!(administrator.hero_context.get(), 0);
    for text in [
        "hero_context = 0",
        "hero_context = 0\nhero_administrator = false",
        "hero_context = 1\nhero_administrator = true",
        "hero_context = -1",
        "hero_context = 4294967296",
        "hero_context = \"0\"",
        "hero_context = 1.0",
        "hero_administrator = true",
        "",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn pol_07_what_is_not_understood_is_refused_and_all_of_it_is_said() {
    use miette::Diagnostic;
    let mut all = String::new();
    for text in [
        "hero_context = 1\nworkspace = \"memory\"\nworkspace_file = 1\n",
        "hero_context = 1\nworkspace = true\n",
        "hero_context = 1\ncall = 5\ntimout = \"3s\"\n[memory]\nmax = 1\n",
        "hero_context = 1\ntimeout = 30\ncpu = \"0s\"\noutput = 5\nmemory = \"lots\"\ncalls = -1\nrate = 0\napprovals = \"yes\"\n",
        "hero_context = 1\napprovals = 1\n",
        "hero_context = 1\napprovals = 0\napprover = [\"boss\"]\njournal = true\n",
        "hero_context = 1\napprovals = -2\napprovers = []\n",
        "hero_context = 1\napprovals = 2.0\napprovers = \"boss\"\non_approval = {}\n",
        "hero_context = 1\napprovers = [\"boss\", \"the boss\", \"boss\"]\non_approval = []\n",
        "hero_context = 1\napprovals = false\napprovers = [\"boss\"]\napproval_expires = \"1h\"\non_approval = [\"x\"]\n",
        "hero_context = 1\non_approval = \"notify-send\"\njournal = \"require\"\n",
        "hero_context = 1\non_approval = [\"x\", \"a\\u0000b\"]\napproval_expires = 24\n",
        "hero_context = 1\nhero_context = 2\n",
        "hero_context = 1\ntimeout = \"30s\n",
        "hero_context = 99999999999999999999\n",
        "\u{feff}hero_context = 1\n",
        "calls = 1\n",
    ] {
        all.push_str(&format!(
            "{}\n",
            text.escape_debug().to_string().replace("\\\"", "\"")
        ));
        for problem in parse(text).unwrap_err().problems() {
            let place = problem.labels().into_iter().flatten().map(|label| {
                let place = label.offset()..label.offset() + label.len();
                text.get(place).unwrap_or("?").to_owned()
            });
            let place: Vec<String> = place.collect();
            let help = problem.help().map(|help| format!("\n    help: {help}"));
            all.push_str(&format!(
                "  {problem} {place:?}{}\n",
                help.unwrap_or_default()
            ));
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn dos_10_a_limit_that_cannot_be_honoured_is_refused_and_the_largest_that_can_is_not() {
    let (mut refused, mut taken) = (String::new(), String::new());
    for (key, most, more) in [
        ("timeout", "\"7days\"", "\"7days 1s\""),
        ("cpu", "\"7days\"", "\"8days\""),
        ("memory", "\"2GiB\"", "\"3GiB\""),
        ("memory", "\"96MiB\"", "\"16MiB\""),
        ("output", "\"256MiB\"", "\"257MiB\""),
        ("source", "\"16MiB\"", "\"17MiB\""),
        ("stdin", "\"256MiB\"", "\"1GiB\""),
        ("workspace_bytes", "\"1TiB\"", "\"2TiB\""),
        ("workspace_files", "10000", "10001"),
        ("calls", "1000000", "1000001"),
        ("call_bytes", "\"1MiB\"", "\"1048577B\""),
        ("reply_bytes", "\"4MiB\"", "\"5MiB\""),
        ("rate", "1000000", "1000001"),
        ("questions", "1000", "1001"),
        ("approvals", "10", "11"),
        ("approval_expires", "\"30days\"", "\"31days\""),
        ("approval_expires", "\"1s\"", "\"999ms\""),
    ] {
        let with = |value| parse(&format!("hero_context = 1\n{key} = {value}\n"));
        taken.extend(with(most).err().map(|error| format!("{key}: {error}\n")));
        let Err(error) = with(more) else {
            refused.push_str(&format!("{key} = {more} was taken\n"));
            continue;
        };
        for problem in error.problems() {
            refused.push_str(&format!("{key} = {more}: {problem}\n"));
        }
    }
    assert_eq!(taken, "");
    insta::assert_snapshot!(refused);
}

#[test]
fn calls_are_limited_all_together_and_method_by_method() {
    let limits = parse(
        "hero_context = 7\n[calls]\n\"crm.deal.add\" = 3\n\"crm.contact.add\" = 0\n\"*\" = 100\n",
    )
    .unwrap();
    assert_eq!(limits.calls, Some(100));
    assert_eq!(
        limits.method_calls,
        BTreeMap::from([
            ("crm.contact.add".to_owned(), 0),
            ("crm.deal.add".to_owned(), 3)
        ])
    );
    let some = parse("hero_context = 7\ncalls = { \"crm.deal.add\" = 3 }\n").unwrap();
    assert_eq!((some.calls, some.method_calls.len()), (None, 1));
}

#[test]
fn a_method_that_is_not_there_is_not_limited() {
    let mut all = String::new();
    for calls in [
        "{ \"crm.del.add\" = 3 }",
        "{ \"deal.add\" = 3 }",
        "{ \"crm.deal.add\" = -1 }",
        "{ \"crm.deal.add\" = \"3\" }",
        "{ \"*\" = 2000000 }",
        "{}",
        "\"3\"",
        "[3]",
    ] {
        let unusable = parse(&format!("hero_context = 7\ncalls = {calls}\n")).unwrap_err();
        for finding in unusable.findings() {
            let help = finding.help.unwrap_or_default();
            all.push_str(&format!("{calls}\n    {} ({help})\n", finding.message));
        }
    }
    insta::assert_snapshot!(all);
}
