//! What names say, word by word, and what holds for every name that anybody can make of these words.

use super::{
    EffectSource, Reads, effect,
    name::said,
    words::{
        CHANGES, DESTROYS, EITHER, GETS, JOINS, LISTS, PUBLISHED, READS, STATES, THINGS,
        UNMISTAKABLE,
    },
};
use crate::offer::Terms;
use proptest::{collection::vec, prelude::*, sample::select};
use sandgate_policy::Effect;
use std::collections::BTreeSet;

const KINDS: [&str; 9] = [
    GETS, READS, LISTS, STATES, THINGS, JOINS, DESTROYS, CHANGES, EITHER,
];

/// Of these, the kinds that allow of no read.
const MORE: [&str; 3] = [CHANGES, DESTROYS, JOINS];

fn list(words: &'static str) -> Vec<&'static str> {
    words.split_whitespace().collect()
}

fn has(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|known| known == word)
}

fn by_name(name: &str) -> Effect {
    said("service", name).map_or(Effect::Write, |(effect, _)| effect)
}

/// Each name with the word that decides; none where nothing in it is known.
fn assert_said(effect: Effect, names: &[(&str, &str)]) {
    for (name, word) in names {
        let expected = (!word.is_empty()).then(|| (effect, (*word).to_owned()));
        assert_eq!(said("service", name), expected, "{name}");
    }
}

#[test]
fn pol_09_a_name_reads_where_its_verb_reads_and_nothing_in_it_says_more() {
    assert_said(
        Effect::Read,
        &[
            ("contact.list", "list"),
            ("contact.get_by_id", "get"),
            ("contact.GetById", "get"),
            ("CONTACT.GET", "get"),
            ("contact-get", "get"),
            ("contact_get", "get"),
            ("account_list", "list"),
            ("pods_list", "list"),
            ("account_info", "info"),
            ("account.info", "info"),
            ("eth_getBalance", "get"),
            ("eth_call", "eth_call"),
            ("getHTTPServer", "get"),
            ("get2FAState", "get"),
            ("get_pets", "get"),
            ("get_interface", "get"),
            ("list_contacts", "list"),
            ("books.search", "search"),
            ("photos.list_recent", "list"),
            ("contact.list_deleted", "list"),
            ("list_created_since", "list"),
            ("list_updates", "list"),
            ("order.list", "list"),
            ("get_order", "get"),
            ("get_user_order_by_id", "get"),
            ("order_get", "get"),
            ("list_transfers", "list"),
            ("list_order_items", "list"),
            ("list_pull_requests_by_label", "list"),
            ("service_list_orders", "list"),
            ("service.has_account", "has"),
        ],
    );
}

#[test]
fn pol_09_what_could_change_something_is_no_read() {
    assert_said(
        Effect::Write,
        &[
            ("contact.get_or_create", "create"),
            ("contact.findAndUpdate", "update"),
            ("contact.find_or_greet", "or"),
            ("readThenGreet", "then"),
            ("contact.add", "add"),
            ("list.rotate", "rotate"),
            ("rotate_list", "rotate"),
            ("rotate_list_items", "rotate"),
            ("list_transfer", "transfer"),
            ("list_transfer_by_id", "transfer"),
            ("search_order", "order"),
            ("order_get_all", "order"),
            ("block_listUsers", "block"),
            ("set_isActive", "set"),
            ("money.get_out", "out"),
            ("SETTINGS.GET_AND_RESTORE", "restore"),
            ("get_unLock", "unlock"),
            ("eth_sendTransaction", "send"),
            ("greet", ""),
            ("greet_list_items", ""),
            ("greet_list", ""),
            ("listen", ""),
            ("getaway", ""),
            ("getandfrob", ""),
            ("contact_list", ""),
            ("plugin", ""),
            ("browser_tabs", ""),
            ("eth_Call", ""),
            ("-", ""),
            ("", ""),
        ],
    );
}

#[test]
fn pol_09_what_destroys_by_any_word_destroys() {
    assert_said(
        Effect::Destroy,
        &[
            ("contact.delete", "delete"),
            ("contact.getAndRemove", "remove"),
            ("delete_pet_by_id", "delete"),
            ("contact_delete", "delete"),
            ("contact.DELETE", "delete"),
            ("contact.deleteALL", "delete"),
            ("contact.DeLeTe", "delete"),
            ("purge.list", "purge"),
            ("delete.get", "delete"),
            ("delete_getAll", "delete"),
            ("remove_listItems", "remove"),
            ("deleteall", "delete"),
            ("listremove", "remove"),
            ("getandreset_purged_deletedir", "delete"),
        ],
    );
    for name in [
        "list_deleted",
        "get_deletedAt",
        "list_removed_since",
        "find_erasers",
    ] {
        assert_eq!(by_name(name), Effect::Read, "{name}");
    }
}

#[test]
fn pol_09_no_name_by_which_an_attacker_called_a_change_a_read_is_one() {
    let names = "delete_getAll remove_listItems set_isActive purge_getCache list_rotate list_archive list_transfer \
        list_share list_rename stats_reset status_cancel version_rollback view_dismiss get_and_reset fetch_and_pay \
        find_or_register count_increment health_restart delete.get purge.list money.get_out get_pay is_admin_grant \
        has_access_revoke help_close ping_shutdown info_import search_reindex lookup_and_lock read_and_burn \
        exists_or_make show_hide describe_apply discover_enroll fetch_and_increment read_and_ack list_and_archive";
    let reads: Vec<&str> = names
        .split_whitespace()
        .filter(|name| by_name(name) == Effect::Read)
        .collect();
    assert_eq!(reads, Vec::<&str>::new());
    let destroys: Vec<&str> = names
        .split_whitespace()
        .filter(|name| by_name(name) == Effect::Destroy)
        .collect();
    assert_eq!(
        destroys,
        [
            "delete_getAll",
            "remove_listItems",
            "purge_getCache",
            "stats_reset",
            "get_and_reset",
            "delete.get",
            "purge.list",
            "has_access_revoke",
        ]
    );
}

#[test]
fn the_service_s_own_name_is_passed_over_where_the_verb_is_looked_for_and_nowhere_else() {
    let said = |service, name| said(service, name).map(|(effect, _)| effect);
    assert_eq!(said("slack", "slack_list_channels"), Some(Effect::Read));
    assert_eq!(said("my_slack", "my_slack_status"), Some(Effect::Read));
    assert_eq!(said("other", "slack_list_channels"), None);
    assert_eq!(said("slack", "slack"), None);
    assert_eq!(said("purge", "purge_list_channels"), Some(Effect::Destroy));
    assert_eq!(said("send", "send_list_channels"), Some(Effect::Write));
}

fn terms(reads: Reads, trusted: bool, method: Option<Effect>) -> Terms {
    Terms {
        reads,
        trusted,
        effects: method
            .map(|effect| ("x.list".to_owned(), effect))
            .into_iter()
            .collect(),
        ..Terms::default()
    }
}

#[test]
fn pol_09_the_operator_is_heard_before_the_service_and_the_service_before_the_name() {
    let (read, write, destroy) = (
        Some(Effect::Read),
        Some(Effect::Write),
        Some(Effect::Destroy),
    );
    let named = EffectSource::Name("list".to_owned());
    for (operator, own, trusted, reads, expected) in [
        (
            destroy,
            read,
            true,
            Reads::Named,
            (Effect::Destroy, EffectSource::Operator),
        ),
        (
            read,
            destroy,
            false,
            Reads::Declared,
            (Effect::Read, EffectSource::Operator),
        ),
        (
            None,
            destroy,
            true,
            Reads::Named,
            (Effect::Destroy, EffectSource::Service),
        ),
        (
            None,
            read,
            true,
            Reads::Declared,
            (Effect::Read, EffectSource::Service),
        ),
        (
            None,
            None,
            true,
            Reads::Named,
            (Effect::Read, named.clone()),
        ),
        (None, read, false, Reads::Named, (Effect::Read, named)),
        (
            None,
            None,
            true,
            Reads::Declared,
            (Effect::Write, EffectSource::Unknown),
        ),
        (
            None,
            read,
            false,
            Reads::Declared,
            (Effect::Write, EffectSource::Unknown),
        ),
        // What a service says against itself is believed.
        (
            None,
            write,
            false,
            Reads::Named,
            (Effect::Write, EffectSource::Admitted),
        ),
        (
            None,
            destroy,
            false,
            Reads::Declared,
            (Effect::Destroy, EffectSource::Admitted),
        ),
    ] {
        let terms = terms(reads, trusted, operator);
        assert_eq!(
            effect("service", "x.list", own, &terms),
            expected,
            "{own:?} {terms:?}"
        );
    }
    let purge = |reads, own| effect("service", "x.purge", own, &terms(reads, false, None)).0;
    assert_eq!(purge(Reads::Declared, None), Effect::Destroy);
    assert_eq!(purge(Reads::Declared, read), Effect::Destroy);
    assert_eq!(purge(Reads::Named, write), Effect::Destroy);
}

#[test]
fn the_words_are_in_order_in_lower_case_and_each_is_of_one_kind() {
    let mut seen = BTreeSet::new();
    for words in KINDS {
        assert!(list(words).is_sorted(), "{words:?}");
        for word in list(words) {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
            assert!(seen.insert(word), "{word} is of two kinds");
        }
    }
    assert!(list(UNMISTAKABLE).iter().all(|word| has(DESTROYS, word)));
    assert!(list(PUBLISHED).is_sorted());
    assert!(list(CHANGES).len() + list(DESTROYS).len() > 300);
}

/// Any word: of the tables, or of nobody's.
fn word() -> impl Strategy<Value = String> {
    let known: Vec<&str> = KINDS.into_iter().flat_map(list).collect();
    prop_oneof![
        3 => select(known).prop_map(str::to_owned),
        1 => "[a-z]{1,9}",
    ]
}

/// One that makes every name that it is in more than a read.
fn change() -> impl Strategy<Value = String> {
    let known: Vec<&str> = MORE.into_iter().flat_map(list).collect();
    select(known).prop_map(str::to_owned)
}

fn reads(word: &str) -> bool {
    [GETS, READS, LISTS, STATES]
        .into_iter()
        .any(|known| has(known, word))
}

/// A word in some case, with what separates it from the next.
type Spelt = (String, Vec<bool>, &'static str);

fn spelt(word: impl Strategy<Value = String>) -> impl Strategy<Value = Spelt> {
    (
        word,
        vec(any::<bool>(), 16),
        select(vec!["_", "-", ".", "1", "__"]),
    )
}

fn name(words: &[Spelt]) -> String {
    let mut name = String::new();
    for (index, (word, upper, separator)) in words.iter().enumerate() {
        if index > 0 {
            name.push_str(separator);
        }
        for (character, upper) in word
            .chars()
            .zip(upper.iter().chain(std::iter::repeat(&false)))
        {
            name.push(if *upper {
                character.to_ascii_uppercase()
            } else {
                character
            });
        }
    }
    name
}

/// `reindexAllItems`, `ReindexAllItems`.
fn camel(words: &[String], first: bool) -> String {
    words
        .iter()
        .enumerate()
        .flat_map(|(index, word)| {
            word.char_indices().map(move |(at, character)| {
                if at == 0 && (first || index > 0) {
                    character.to_ascii_uppercase()
                } else {
                    character
                }
            })
        })
        .collect()
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("SANDGATE_NAMES")
        .ok()
        .and_then(|count| count.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(4_000))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn pol_09_a_name_with_a_word_that_changes_or_destroys_is_no_read(
        words in vec(spelt(word()), 0..6),
        change in spelt(change()),
        place in 0_usize..6,
    ) {
        let destroys = has(DESTROYS, &change.0);
        let mut words = words;
        words.insert(place.min(words.len()), change);
        let name = name(&words);
        let effect = by_name(&name);
        prop_assert_ne!(effect, Effect::Read, "{}", name);
        prop_assert!(!destroys || effect == Effect::Destroy, "{}", name);
    }

    #[test]
    fn pol_09_the_same_holds_where_case_alone_parts_the_words(
        words in vec(word(), 0..6),
        change in change(),
        place in 0_usize..6,
        first in any::<bool>(),
    ) {
        let mut words = words;
        words.insert(place.min(words.len()), change);
        let name = camel(&words, first);
        prop_assert_ne!(by_name(&name), Effect::Read, "{}", name);
    }

    /// The exception is a deed that becomes a thing: `list_order`, `list_order_items`.
    #[test]
    fn pol_09_no_word_but_a_verb_that_reads_makes_a_read_of_a_name_that_changes_or_has_none(
        words in vec(word(), 1..6),
        more in "[a-z]{1,9}",
        place in 0_usize..6,
    ) {
        let changes = |word: &String| MORE.into_iter().any(|known| has(known, word));
        prop_assume!(!reads(&more));
        prop_assume!(words.iter().any(changes) || !words.iter().any(|word| reads(word)));
        let mut longer = words;
        longer.insert(place.min(longer.len()), more);
        let name = longer.join("_");
        prop_assert_ne!(by_name(&name), Effect::Read, "{}", name);
    }

    #[test]
    fn pol_09_a_name_without_a_verb_that_reads_is_no_read(
        words in vec("[a-z]{1,9}", 1..6),
        separators in vec(select(vec!["_", "-", ".", "1", "__"]), 6),
    ) {
        prop_assume!(!words.iter().any(|word| reads(word)));
        let name: String = words
            .iter()
            .zip(separators)
            .flat_map(|(word, separator)| [word.as_str(), separator])
            .collect();
        prop_assert_ne!(by_name(&name), Effect::Read, "{}", name);
    }

    #[test]
    fn any_text_is_a_name_of_which_something_can_be_said(name in "\\PC{0,140}", service in "\\PC{0,9}") {
        let _ = said(&service, &name);
    }
}
