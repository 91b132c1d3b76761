//! `limits.toml`: what is understood, and what is said about the rest.

use sandgate_policy::{File, Limits, Unusable};
use std::time::Duration;

fn parse(text: &str) -> Result<Limits, Unusable> {
    Limits::parse(File {
        name: "limits.toml",
        text,
    })
}

#[test]
fn every_limit_is_read() {
    let text = r#"
hero_context = 7
timeout = "30s"
cpu = "1m 30s"
memory = "64MiB"
output = "1KiB"
source = "100kB"
stdin = "0B"
workspace_bytes = "1GiB"
workspace_files = 0
calls = 0x10
call_bytes = "1MiB"
reply_bytes = "4MiB"
rate = 1
approvals = false
"#;
    assert_eq!(
        parse(text).unwrap(),
        Limits {
            hero_context: 7,
            timeout: Some(Duration::from_secs(30)),
            cpu: Some(Duration::from_secs(90)),
            memory: Some(64 << 20),
            output: Some(1024),
            source: Some(100_000),
            stdin: Some(0),
            workspace_bytes: Some(1 << 30),
            workspace_files: Some(0),
            calls: Some(16),
            call_bytes: Some(1 << 20),
            reply_bytes: Some(4 << 20),
            rate: Some(1),
            approvals: Some(false),
        }
    );
    let least = Limits {
        hero_context: 4_294_967_295,
        ..Limits::default()
    };
    assert_eq!(parse("hero_context = 4294967295").unwrap(), least);
}

#[test]
fn the_administrators_number_takes_two_lines() {
    let zero = "hero_context = 0\nhero_administrator = true\n";
    assert_eq!(parse(zero).unwrap(), Limits::default());
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
        "hero_context = 1\ncall = 5\ntimout = \"3s\"\n[memory]\nmax = 1\n",
        "hero_context = 1\ntimeout = 30\ncpu = \"0s\"\noutput = 5\nmemory = \"lots\"\ncalls = -1\nrate = 0\napprovals = \"yes\"\n",
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
