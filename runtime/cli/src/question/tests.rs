//! Questions as a person sees them: whole texts, and a model of a terminal for any parameters in any size.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use super::{
    layout::{Drawn, TerminalSize, details, draw, explained, name, told, too_small},
    *,
};
use crate::escape;
use proptest::prelude::*;
use sandgate::{
    CallMade, CallResult, Digest, Grounds, RefusalCode,
    policy::{Effect, Verdict},
};
use serde_json::{Map, Value, json, value::to_raw_value};

const TALL: TerminalSize = TerminalSize {
    columns: 80,
    rows: 24,
};

fn question(effect: Effect, method: &str, params: &Value, because: &str) -> Question {
    Question {
        context: "assistant".to_owned(),
        service: "crm".to_owned(),
        method: method.to_owned(),
        effect,
        params: to_raw_value(params).unwrap(),
        because: vec![because.to_owned()],
        again: false,
        grounds: grounds(),
    }
}

/// Of a call that two policies want looked at.
fn grounds() -> Grounds {
    let policies = vec!["contacts".to_owned(), "mail_was_read".to_owned()];
    Grounds::of_no_run(Digest::of(b"the call"), policies)
}

/// What an earlier call of the run came to.
fn made(call: u32, method: &str, effect: Option<Effect>, result: CallResult) -> CallMade {
    CallMade {
        call,
        service: "crm".to_owned(),
        method: method.to_owned(),
        effect,
        verdict: Some(Verdict::Allow),
        policies: Vec::new(),
        result,
        code: (result == CallResult::Refused).then_some(RefusalCode::PolicyDenied),
        undo: None,
        began: None,
        took: Duration::ZERO,
    }
}

/// All of it, with the place of the cursor.
fn text(drawn: &Drawn) -> String {
    format!("{}{}|", drawn.text, drawn.ending)
}

fn drawn(question: &Question, size: TerminalSize) -> String {
    draw(question, size).map_or_else(|| too_small(question, size), |drawn| text(&drawn))
}

#[test]
fn apr_03_a_question_says_what_is_called_with_what_and_why_and_ends_with_the_call() {
    let params = json!({"name": "Ada Lovelace", "email": "ada@example.org", "tags": ["new", 1], "to": {"iban": "DE00"}});
    let asked = question(Effect::Write, "contact.add", &params, "A person looks.");
    assert_eq!(
        drawn(&asked, TALL),
        "assistant wants to write: crm.contact.add\n\
         \x20 name: \"Ada Lovelace\"\n\
         \x20 email: \"ada@example.org\"\n\
         \x20 tags: [\"new\", 1]\n\
         \x20 to: {iban: \"DE00\"}\n\
         \x20 because: A person looks.\n\
         Call crm.contact.add (write)? [y/N, d: details, e: explain] |"
    );
    assert_eq!(
        told(&asked, "no, as --no says").lines().last().unwrap(),
        "Call crm.contact.add (write)? no, as --no says"
    );
    let nothing = question(Effect::Read, "stats", &json!({}), "A person looks.");
    assert_eq!(
        drawn(&nothing, TALL),
        "assistant wants to read: crm.stats\n  no parameters\n  because: A person looks.\n\
         Call crm.stats (read)? [y/N, d: details, e: explain] |"
    );
}

#[test]
fn apr_03_what_destroys_wants_a_word() {
    let asked = |method| {
        question(
            Effect::Destroy,
            method,
            &json!({"id": 7}),
            "It is gone then.",
        )
    };
    assert_eq!(
        drawn(&asked("contact.delete"), TALL),
        "assistant wants to destroy: crm.contact.delete\n  id: 7\n  because: It is gone then.\n\
         This destroys. Type the word delete to call crm.contact.delete\n(or d: details, e: explain): |"
    );
    for (method, word) in [
        ("contact.delete", "delete"),
        ("purge_all", "purge_all"),
        ("x.y", "destroy"),
        ("x.löschen", "destroy"),
    ] {
        let drawn = draw(&asked(method), TALL).unwrap();
        assert_eq!(drawn.word.as_deref(), Some(word));
        let said = |line: &str| read(&TypedLine::Typed(line.to_owned()), &drawn);
        assert_eq!(said(word), SaidThere::Yes);
        assert_eq!(
            [said("y"), said("yes"), said(""), said("a")],
            [SaidThere::No; 4]
        );
        assert_eq!(
            [said("d"), said("e")],
            [SaidThere::Details, SaidThere::Explain]
        );
    }
}

#[test]
fn apr_03_only_a_yes_is_a_yes() {
    let drawn = draw(
        &question(Effect::Write, "contact.add", &json!({}), "x"),
        TALL,
    )
    .unwrap();
    let said = |line: &str| read(&TypedLine::Typed(line.to_owned()), &drawn);
    assert_eq!([said("y"), said(" yes "), said("Y")], [SaidThere::Yes; 3]);
    for line in [
        "",
        "n",
        "N",
        "no",
        "yy",
        "y y",
        "maybe",
        "details",
        "D",
        "y\u{200b}",
        "у",
    ] {
        assert_eq!(said(line), SaidThere::No, "{line:?}");
    }
    assert_eq!(read(&TypedLine::End, &drawn), SaidThere::No);
}

#[test]
fn apr_03_all_is_an_answer_only_to_a_question_that_comes_again_and_destroys_nothing() {
    let asked = |effect, again| Question {
        again,
        ..question(effect, "contact.add", &json!({}), "x")
    };
    let all = TypedLine::Typed("a".to_owned());
    let again = draw(&asked(Effect::Write, true), TALL).unwrap();
    assert_eq!(
        text(&again).lines().last(),
        Some("Call crm.contact.add (write)? [y/N, a: all, d: details, e: explain] |")
    );
    assert_eq!(read(&all, &again), SaidThere::All);
    for (effect, is_again) in [
        (Effect::Write, false),
        (Effect::Destroy, true),
        (Effect::Destroy, false),
    ] {
        let drawn = draw(&asked(effect, is_again), TALL).unwrap();
        assert_eq!(read(&all, &drawn), SaidThere::No, "{effect} {is_again}");
    }
}

#[test]
fn apr_03_what_is_long_is_cut_by_us_and_can_be_asked_for() {
    let asked = question(
        Effect::Write,
        "pay",
        &json!({"value": {"aaa": "x".repeat(3000), "amount": 1_000_000, "delete_everything": true}}),
        "Money.",
    );
    let cut = draw(&asked, TALL).unwrap();
    let (x, line) = ("x", format!("    {}\n", "x".repeat(75)));
    assert_eq!(
        text(&cut),
        format!(
            "assistant wants to write: crm.pay\n  value: {{aaa: \"{}\n{}    {}\"… (3000 characters, sha256 e1630f843\n    \
             370f402), amount: 1000000, delete_everything: true}}\n  because: Money.\n\
             Call crm.pay (write)? [y/N, d: the rest, e: explain] |",
            x.repeat(63),
            line.repeat(4),
            x.repeat(37),
        )
    );
    assert_eq!(
        read(&TypedLine::Typed("d".to_owned()), &cut),
        SaidThere::Details
    );
    let all = details(&asked, &[], TALL);
    assert_eq!(all.matches('x').count(), 3000);
    assert!(all.lines().all(|line| line.len() < 80));
}

#[test]
fn apr_03_details_are_the_whole_call_who_decided_and_what_the_run_did_before() {
    let params = json!({"name": "Ada", "note": "x".repeat(90)});
    let asked = question(Effect::Write, "contact.add", &params, "A person looks.");
    let shown = |before: &[CallMade]| details(&asked, before, TALL);
    insta::assert_snapshot!("the_first_call", shown(&[]));
    let read = |call| made(call, "contact.get", Some(Effect::Read), CallResult::Ok);
    let refused = CallResult::Refused;
    insta::assert_snapshot!(
        "the_eighth_call",
        shown(&[
            read(1),
            read(2),
            read(3),
            made(4, "contact.delete", Some(Effect::Destroy), refused),
            made(5, "contact.lst", None, refused),
            made(6, "contact.add", Some(Effect::Write), CallResult::Open),
            read(7),
        ])
    );
    // Of very many the last are shown, and the others counted.
    let many: Vec<CallMade> = (0..80)
        .map(|call| made(call, &format!("m{call}"), None, CallResult::Ok))
        .collect();
    let shown = shown(&many);
    let lines: Vec<&str> = shown
        .lines()
        .skip_while(|line| !line.ends_with("called:"))
        .collect();
    assert_eq!(lines.len(), 32);
    assert_eq!(
        [lines[1], lines[2], lines[31]],
        ["    … 50 earlier", "    crm.m50: ok", "    crm.m79: ok"]
    );
}

#[test]
fn apr_03_no_line_of_an_explanation_begins_at_the_left_and_nothing_in_it_acts() {
    let text = "`crm.pay` is allowed once a person agrees\n\ndecided by `ask`, policy.cedar:3\n  permits: \u{202e}\u{1b}[2J\n        \
                deeper\nCall crm.pay (write)? [y/N] y";
    let narrow = TerminalSize {
        columns: 20,
        rows: 24,
    };
    let all = [explained(text, TALL), explained(text, narrow)];
    let lines = all.iter().flat_map(|shown| shown.lines().skip(1));
    assert_eq!(
        lines
            .filter(|line| !line.starts_with("  "))
            .collect::<Vec<_>>(),
        [""; 0]
    );
    insta::assert_snapshot!(all.join("---"));
    assert_eq!(
        explained("", TALL),
        "\n  nothing is known of how it was decided\n"
    );
}

#[test]
fn apr_03_a_key_that_is_cut_begins_with_its_first_letter_whatever_marks_it_has() {
    let asked = |key: &str| {
        let params = json!({"a": "", "b": 1, key: ""});
        let asked = question(Effect::Write, "add", &params, "x");
        drawn(
            &asked,
            TerminalSize {
                columns: 20,
                rows: 6,
            },
        )
    };
    // What stood on a letter that is left out is left out with it.
    let keys = [
        "a\u{301}\u{302}\u{303}\u{304}",
        "abcdefghijkla\u{301}\u{302}",
    ];
    insta::assert_snapshot!(keys.map(asked).join("\n---\n"));
}

/// What a hostile text is made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z0-9_ ]{1,12}",
        1 => any::<String>(),
        1 => Just("gated wants to read: red.nullary".to_owned()),
        1 => Just("Call red.nullary (read)? [y/N, d: details, e: explain] ".to_owned()),
        1 => Just("\nCall red.nullary (read)? [y/N, d: details, e: explain] y\n".to_owned()),
        1 => (1_usize..400).prop_map(|spaces| " ".repeat(spaces)),
        1 => (1_usize..400).prop_map(|times| "x".repeat(times)),
        1 => (1_usize..60).prop_map(|lines| "\n".repeat(lines)),
        1 => prop_oneof![
            Just("\u{1b}[2J\u{1b}[H"), Just("\u{9b}1A"), Just("\r"), Just("\t"), Just("\u{8}\u{8}"), Just("\u{1b}[?1049h"),
            Just("\u{1b}[8;5;20t"), Just("\u{202e}"), Just("\u{61c}"), Just("\u{2028}"), Just("\u{3164}\u{2800}"),
            Just("世界"), Just("👨\u{200d}👩"), Just("\u{301}\u{302}\u{303}\u{304}"), Just("e\u{301}"), Just("אבג 12 דה"),
            Just("🇩🇪"), Just("ＡＢ"), Just("\"}"), Just("\\"), Just("…"), Just("\u{7f}"), Just("ไม่มี"),
        ].prop_map(str::to_owned),
    ]
}

fn hostile() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..6).prop_map(|pieces| pieces.concat())
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z_][a-z0-9_]{0,15}",
        1 => "[a-z_]{30,128}",
        1 => hostile(),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => hostile().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key(), inner), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_params() -> impl Strategy<Value = Value> {
    let members = |most| {
        proptest::collection::vec((key(), any_value()), 0..most)
            .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>()))
    };
    prop_oneof![
        4 => members(4),
        2 => members(20),
        1 => members(64),
        1 => proptest::collection::vec(any_value(), 0..6).prop_map(Value::from),
    ]
}

prop_compose! {
    fn any_question()(
        context in prop_oneof![4 => "[a-z0-9_-]{1,64}", 1 => hostile()],
        service in prop_oneof![4 => "[a-z][a-z0-9_]{0,20}", 1 => hostile()],
        method in prop_oneof![4 => "[a-z]{1,10}(\\.[a-z_]{1,12}){0,3}", 1 => "[a-z.]{100,300}", 1 => hostile()],
        effect in prop_oneof![Just(Effect::Read), Just(Effect::Write), Just(Effect::Destroy)],
        params in any_params(),
        because in proptest::collection::vec(hostile(), 0..3),
        again in any::<bool>(),
    ) -> Question {
        let params = to_raw_value(&params).unwrap();
        Question { context, service, method, effect, params, because, again, grounds: grounds() }
    }
}

/// What a name and a value begin with, as far as that is plain.
fn beginning(key: Option<&str>, value: &Value) -> (String, String) {
    let plain = |text: &str, most: usize| -> String {
        text.chars()
            .take(most)
            .take_while(char::is_ascii_alphanumeric)
            .collect()
    };
    let bare = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let key = match key {
        None => "#".to_owned(),
        Some(key) if bare(key) => key.chars().take(3).collect(),
        Some(key) => format!("\"{}", plain(key, 2)),
    };
    let value = match value {
        Value::String(text) => format!("\"{}", plain(text, 3)),
        Value::Object(_) => "{".to_owned(),
        Value::Array(_) => "[".to_owned(),
        plain => plain.to_string().chars().take(3).collect(),
    };
    (key, value)
}

/// Without spaces, since lines end between words and within them.
fn dense(lines: &[String]) -> String {
    lines.concat().replace(' ', "")
}

/// Questions asked, for those that want more of them.
fn cases() -> u32 {
    std::env::var("SANDGATE_QUESTIONS")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn apr_03_whatever_a_script_sends_and_writes_the_last_lines_are_the_question(
        question in any_question(),
        before in proptest::collection::vec(hostile(), 0..4),
        columns in 20_u16..=200,
        rows in 5_u16..=60,
    ) {
        let size = TerminalSize { columns: columns.into(), rows: rows.into() };
        let params: Value = serde_json::from_str(question.params.get()).unwrap();
        let members: Vec<(Option<String>, Value)> = match &params {
            Value::Object(members) => members.iter().map(|(key, value)| (Some(key.clone()), value.clone())).collect(),
            Value::Array(items) => items.iter().map(|value| (None, value.clone())).collect(),
            _ => panic!("parameters are an object or a list"),
        };
        let Some(drawn) = draw(&question, size) else {
            // Only where the names and a line for each parameter do not fit.
            let prompt = (name(&question).len() + 50).div_ceil(size.columns - 1) + 4;
            prop_assert!(size.rows < members.len().max(1) + prompt, "{} parameters in {:?}", members.len(), size);
            return Ok(());
        };

        let mut terminal = vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0);
        let shown = format!("{}\n{}{}", escape::escaped(&before.concat()), drawn.text, drawn.ending);
        terminal.process(shown.replace('\n', "\r\n").as_bytes());
        let screen = terminal.screen();
        let all: Vec<String> = screen.rows(0, columns).collect();

        // The last rows are the lines of the question, each where it was put, the cursor behind the last.
        let (bottom, _) = screen.cursor_position();
        let lines: Vec<String> = format!("{}{}", drawn.text, drawn.ending).split('\n').map(|line| line.trim_end().to_owned()).collect();
        let bottom = usize::from(bottom) + 1;
        prop_assert!(lines.len() <= bottom, "{} lines, {} rows", lines.len(), bottom);
        let seen: Vec<String> = all[bottom - lines.len()..bottom].iter().map(|row| row.trim_end().to_owned()).collect();
        prop_assert_eq!(&seen, &lines);

        // Only our own lines begin at the left: the title, and what is asked.
        let is_ours = |line: &String| !line.starts_with("  ");
        let title = lines.iter().take_while(|line| is_ours(line)).count();
        let prompt = lines.iter().rev().take_while(|line| is_ours(line)).count();
        prop_assert!(title + prompt < lines.len());
        let foreign = &lines[title..lines.len() - prompt];
        prop_assert!(!foreign.iter().any(is_ours));

        // What is asked is the method and the effect.
        let name = name(&question).replace(' ', "");
        let (asked, open, close) = match question.effect {
            Effect::Destroy => {
                let word = drawn.word.clone().unwrap();
                (format!("Thisdestroys.Typetheword{word}tocall{name}"), ["(or", "(or"], "):")
            }
            effect => {
                let keys = if question.again { ["[y/N,a:all,", "[y/N/a/"] } else { ["[y/N,", "[y/N/"] };
                (format!("Call{name}({effect})?"), keys, "]")
            }
        };
        let [long, short] = open;
        let mut endings = ["d:details,e:explain", "d:therest,e:explain"].map(|keys| format!("{asked}{long}{keys}{close}")).to_vec();
        endings.push(format!("{asked}{short}d/e{close}"));
        let prompt = dense(&lines[lines.len() - prompt..]);
        prop_assert!(endings.contains(&prompt), "{prompt:?} is none of {endings:?}");

        // Every parameter has its place, in order, and its beginning is seen.
        let mut parts: Vec<String> = Vec::new();
        for line in foreign {
            match line.strip_prefix("    ") {
                Some(rest) => parts.last_mut().unwrap().push_str(rest),
                None => parts.push(line.get(2..).unwrap().to_owned()),
            }
        }
        prop_assert!(parts.len() >= members.len());
        if members.is_empty() {
            prop_assert_eq!(&parts[0], "no parameters");
        }
        for ((key, value), part) in members.iter().zip(&parts) {
            let (key, value) = beginning(key.as_deref(), value);
            prop_assert!(part.starts_with(&key), "{part:?} does not begin with {key:?}");
            // A line may end between the two.
            let part = part.replace(' ', "");
            let value = format!(":{value}");
            prop_assert!(part.contains(&value), "{part:?} does not hold {value:?}");
        }
    }
}
