//! What is found, in which order, and what shows of what is not: services that are read from documents, under policies that are loaded
//! from text.

use super::*;
use crate::{Address, Registry, Service, Terms};
use proptest::prelude::*;
use sandgate_policy::{ContextLimits, ContextName, ContextNumber, File, Policies, Schema};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Write, num::NonZeroU32, ops::Range, path::Path};

fn service(name: &str, about: &str, methods: &Value) -> Service {
    let document =
        json!({"openrpc": "1.3.2", "info": {"title": about, "version": "1"}, "methods": methods});
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let document = document.to_string();
    Service::read(name, address, document.as_bytes(), &Terms::default()).unwrap()
}

fn method(name: &str, summary: &str, parameters: &[(&str, &str)]) -> Value {
    let parameter = |(name, about): &(&str, &str)| json!({"name": name, "description": about, "schema": {"type": "string"}});
    let params: Vec<Value> = parameters.iter().map(parameter).collect();
    json!({"name": name, "summary": summary, "params": params})
}

/// A CRM, and a calendar.
fn office() -> Registry {
    Registry::of([
        service(
            "crm",
            "Customers and deals.",
            &json!([
                method(
                    "contact.add",
                    "Adds a person.",
                    &[("email", "Where mail reaches them."), ("company", "")]
                ),
                method("contact.list", "Lists people.", &[]),
                method("dealClose", "Wins or loses a deal.", &[("won", "")]),
                method("deal.delete", "Removes a deal for ever.", &[]),
            ]),
        ),
        service(
            "calendar",
            "Appointments and rooms.",
            &json!([
                method("event.add", "Adds an event.", &[]),
                method(
                    "room.book",
                    "Reserves a room.",
                    &[("seats", "How many people it must hold.")]
                ),
                method("get", "", &[]),
            ]),
        ),
    ])
}

fn policies(registry: &Registry, text: &str) -> Policies {
    let interfaces: Vec<_> = registry
        .services()
        .map(|service| service.interface())
        .collect();
    let schema = Schema::new(ContextName::new("office").unwrap(), &interfaces).unwrap();
    let limits = ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN));
    let name = "office/policy.cedar";
    Policies::load(schema.into(), File { name, text }, &limits).unwrap()
}

fn names(found: &[MethodFound]) -> Vec<String> {
    let name = |found: &MethodFound| format!("{}.{}", found.service, found.method);
    found.iter().map(name).collect()
}

fn found(query: &str) -> Vec<String> {
    names(&office().search(None, query, 10))
}

/// Words that are no words, each another.
fn unheard(numbers: Range<usize>) -> String {
    numbers.fold(String::new(), |mut text, n| {
        let letter = |n: usize| char::from(b'b' + u8::try_from(n % 20).unwrap());
        write!(text, "x{}{} ", letter(n), letter(n / 20)).unwrap();
        text
    })
}

#[test]
fn methods_are_found_by_all_that_is_said_of_them_and_by_nothing_else() {
    // What is said of a service is said of each of its methods, from further away.
    const CLOSE: &[&str] = &[
        "crm.dealClose",
        "crm.deal.delete",
        "crm.contact.list",
        "crm.contact.add",
    ];
    for (query, expected) in [
        // Its name, however it is written. Customers are contacts in other words, so that all of their service follow.
        (
            "contact.list",
            &[
                "crm.contact.list",
                "crm.contact.add",
                "crm.deal.delete",
                "crm.dealClose",
            ][..],
        ),
        ("CLOSING", &["crm.dealClose"]),
        ("deal_close", CLOSE),
        ("closing deals", CLOSE),
        // What it is for, and its parameters.
        ("who wins", &["crm.dealClose"]),
        ("seats", &["calendar.room.book"]),
        ("reaching somebody by email", &["crm.contact.add"]),
        // What its service is for.
        (
            "crm",
            &[
                "crm.contact.list",
                "crm.deal.delete",
                "crm.dealClose",
                "crm.contact.add",
            ],
        ),
        // Another word for it, behind the word itself.
        ("erase", &["crm.deal.delete"]),
        (
            "schedule",
            &["calendar.event.add", "calendar.get", "calendar.room.book"],
        ),
        // Words that say nothing, where there are no others.
        ("get", &["calendar.get"]),
        ("get the of", &["calendar.get"]),
        // What nobody speaks of.
        ("weather in Oslo", &[]),
        ("", &[]),
        ("?! — …", &[]),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
}

#[test]
fn methods_that_say_the_same_come_in_the_order_of_their_names() {
    let same = |name| method(name, "Sends it.", &[]);
    let registry = Registry::of([
        service("b", "", &json!([same("two.x"), same("one.x")])),
        service("a", "", &json!([same("two.x"), same("one.x")])),
    ]);
    let found = registry.search(None, "send", 3);
    assert_eq!(names(&found), ["a.one.x", "a.two.x", "b.one.x"]);
}

#[test]
fn what_is_found_says_how_it_is_called_and_what_the_policies_make_of_it() {
    let registry = office();
    let policies = policies(
        &registry,
        "@because(\"x\") permit (principal, action == Action::\"crm.contact.list\", resource);
         @because(\"x\") @gate(\"approve\") permit (principal, action == Action::\"crm.contact.add\", resource);
         @because(\"x\") permit (principal, action == Action::\"crm.dealClose\", resource) when { context has won && context.won == \"yes\" };",
    );
    let found = registry.search(Some(&policies), "contacts and deals", 10);
    assert_eq!(
        serde_json::to_value(found).unwrap(),
        json!([
            {"service": "crm", "method": "contact.list", "python": "contact_list",
             "line": "crm.contact_list() -> None  # Lists people.", "effect": "read", "verdicts": ["allow"]},
            {"service": "crm", "method": "contact.add", "python": "contact_add",
             "line": "crm.contact_add(email: str | None = None, company: str | None = None) -> None  # Adds a person. [asks a person]",
             "effect": "write", "verdicts": ["gate"]},
            {"service": "crm", "method": "dealClose", "python": "dealClose",
             "line": "crm.dealClose(won: str | None = None) -> None  # Wins or loses a deal. [may be refused]",
             "effect": "write", "verdicts": ["allow", "refuse"]},
        ])
    );
    // Without policies nobody says what becomes of it.
    let found = registry.search(None, "contact.list", 1);
    assert_eq!(
        serde_json::to_value(found).unwrap(),
        json!([{"service": "crm", "method": "contact.list", "python": "contact_list",
                "line": "crm.contact_list() -> None  # Lists people.", "effect": "read"}])
    );
}

#[test]
fn no_more_is_read_of_a_query_and_no_more_is_found_than_is_said() {
    let many: Vec<Value> = (0..500)
        .map(|n| method(&format!("m{n}"), "Sends it.", &[]))
        .collect();
    let registry = Registry::of([service("many", "", &json!(many))]);
    let found = |query: &str, most| registry.search(None, query, most).len();
    assert_eq!(found("send", 3), 3);
    assert_eq!(found("send", 0), 0);
    assert_eq!(found("send", usize::MAX), MOST_FOUND);
    let behind = |length: usize| format!("{} send", "_".repeat(length));
    assert_eq!(found(&behind(LONGEST_QUERY - 5), 1), 1);
    assert_eq!(found(&behind(LONGEST_QUERY), 1), 0);
    assert_eq!(found(&(unheard(0..MOST_TERMS - 1) + "send"), 1), 1);
    assert_eq!(found(&(unheard(0..MOST_TERMS) + "send"), 1), 0);
    // The same again is read once.
    assert_eq!(found(&(unheard(0..1).repeat(300) + "send"), 1), 1);
}

#[test]
fn svc_04_what_every_method_refers_to_is_held_for_each_up_to_its_share() {
    let shared: Vec<(String, String)> = (0..10)
        .map(|n| (format!("p{n}"), unheard(n * 40..(n + 1) * 40)))
        .collect();
    let shared: Vec<(&str, &str)> = shared
        .iter()
        .map(|(name, about)| (&**name, &**about))
        .collect();
    let registry = Registry::of([service(
        "x",
        "",
        &json!([method("a", "", &shared), method("b", "", &shared)]),
    )]);
    let found = |place: usize| {
        let word = unheard(place..place + 1);
        names(&registry.search(None, &word, 10))
    };
    // A name is two terms, `p` and `0`: the fifth parameter is cut, and the sixth is not there.
    assert_eq!(found(4 * 40), ["x.a", "x.b"]);
    assert_eq!(found(4 * 40 + 29), ["x.a", "x.b"]);
    assert_eq!(found(4 * 40 + 30), [""; 0]);
    assert_eq!(found(5 * 40), [""; 0]);
}

#[test]
fn sec_05_how_often_others_say_a_word_shows_only_to_who_may_call_them() {
    let of = |name, summary| method(name, summary, &[]);
    let registry = Registry::of([service(
        "x",
        "",
        &json!([
            of("a.one", "Mail."),
            of("a.two", "Notes."),
            of("b.one", "Mail."),
            of("b.two", "Mail.")
        ]),
    )]);
    let only = policies(
        &registry,
        "@because(\"x\") permit (principal, action in [Action::\"x.a.one\", Action::\"x.a.two\"], resource);",
    );
    let found = |policies| names(&registry.search(policies, "mail and notes", 10));
    assert_eq!(found(Some(&only)), ["x.a.one", "x.a.two"]);
    // Whoever may call all of them learns that notes are rarer than mail.
    assert_eq!(found(None), ["x.a.two", "x.a.one", "x.b.one", "x.b.two"]);
}

const WORDS: [&str; 8] = [
    "mail", "send", "list", "deal", "room", "person", "file", "note",
];

/// A method of a few words, and whether it may be called.
fn drawn() -> impl Strategy<Value = (String, String, bool)> {
    let words = |most| prop::collection::vec(prop::sample::select(&WORDS[..]), 1..most);
    (words(3), words(9), any::<bool>())
        .prop_map(|(name, about, may)| (name.join("_"), about.join(" "), may))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sec_05_what_may_never_be_called_changes_nothing_of_what_is_found(
        drawn in prop::collection::vec(prop::collection::vec(drawn(), 0..6), 1..4),
        query in prop::collection::vec(prop::sample::select(&WORDS[..]), 1..5),
    ) {
        let registry = |only_permitted: bool| {
            let services = drawn.iter().enumerate().map(|(at, drawn)| {
                let drawn = drawn.iter().enumerate().filter(|(_, (_, _, may))| *may || !only_permitted);
                let methods: Value = drawn.map(|(n, (name, about, _))| method(&format!("m{n}.{name}"), about, &[])).collect();
                service(&format!("s{at}"), "Mail and notes.", &methods)
            });
            Registry::of(services.collect::<Vec<_>>())
        };
        let mut text = String::new();
        let mut permitted = BTreeSet::new();
        for (at, drawn) in drawn.iter().enumerate() {
            for (n, (name, _, _)) in drawn.iter().enumerate().filter(|(_, (_, _, may))| *may) {
                let name = format!("s{at}.m{n}.{name}");
                writeln!(text, "@because(\"x\") permit (principal, action == Action::\"{name}\", resource);").unwrap();
                permitted.insert(name);
            }
        }
        let search = |registry: &Registry| {
            let policies = policies(registry, &text);
            registry.search(Some(&policies), &query.join(" "), MOST_FOUND)
        };
        let (all, only) = (registry(false), registry(true));
        let found = search(&all);
        prop_assert_eq!(&found, &search(&only));
        prop_assert!(names(&found).iter().all(|name| permitted.contains(name)));
        // With no policies there is nothing to find.
        prop_assert_eq!(all.search(Some(&policies(&all, "")), &query.join(" "), MOST_FOUND), vec![]);
    }

    #[test]
    fn svc_04_whatever_is_searched_for_finds_what_there_is(query in any::<String>(), most in 0_usize..9) {
        let found = office().search(None, &query, most);
        prop_assert!(found.len() <= most);
        prop_assert_eq!(names(&found).into_iter().collect::<BTreeSet<_>>().len(), found.len());
    }
}
