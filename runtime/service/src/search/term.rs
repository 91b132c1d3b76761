//! What a text is searched for, and found, by: its words in lower case without their endings. Asked by `index` for what
//! services say, and by the search for what is wanted. It must treat both alike, or nothing would be found.

use super::vocabulary::{ALIKE, STOPS};
use crate::word;
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// Endings that a word is without, the longest of those that fit. What is left has at least three letters.
const ENDINGS: [&str; 13] = [
    "ating", "ation", "ated", "ator", "ment", "ate", "ing", "ion", "al", "ed", "er", "ly", "or",
];
const SHORTEST: usize = 3;

static STOPPED: LazyLock<HashSet<&str>> = LazyLock::new(|| STOPS.split_whitespace().collect());

/// Terms that are said for a term.
static SAID_FOR: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut said: HashMap<String, Vec<String>> = HashMap::new();
    for line in ALIKE {
        let terms: Vec<String> = line.split_whitespace().map(stem).collect();
        for term in &terms {
            let others = terms.iter().filter(|other| *other != term);
            let known = said.entry(term.clone()).or_default();
            for other in others {
                if !known.contains(other) {
                    known.push(other.clone());
                }
            }
        }
    }
    said
});

/// Every word of a text.
pub(super) fn of_name(text: &str) -> Vec<String> {
    let places = word::places(text).into_iter();
    let words = places.filter_map(|place| text.get(place));
    words.map(|word| stem(&word.to_lowercase())).collect()
}

/// The words of a text that say what it is about.
pub(super) fn of_text(text: &str) -> Vec<String> {
    let places = word::places(text).into_iter();
    let words = places.filter_map(|place| Some(text.get(place)?.to_lowercase()));
    words
        .filter(|word| !STOPPED.contains(word.as_str()))
        .map(|word| stem(&word))
        .collect()
}

/// What is said for a term in other words.
pub(super) fn alike(term: &str) -> &'static [String] {
    SAID_FOR.get(term).map_or(&[], Vec::as_slice)
}

/// `contacts`, `companies`, `running`, `shipping` become `contact`, `compani`, `run`, `ship`: not words, but the same for
/// what is meant by the same.
fn stem(word: &str) -> String {
    if !word.is_ascii() || word.len() <= SHORTEST {
        return word.to_owned();
    }
    let one = match word.strip_suffix('s') {
        Some(one) if one.ends_with("ie") && one.len() > SHORTEST => {
            one.strip_suffix('e').unwrap_or(one)
        }
        Some(one) if one.ends_with("sse") => one.strip_suffix('e').unwrap_or(one),
        Some(one) if !one.ends_with(['s', 'u', 'i']) => one,
        _ => word,
    };
    let mut endings = ENDINGS.iter();
    let ended = endings.find_map(|ending| {
        let rest = one.strip_suffix(ending)?;
        (rest.len() >= SHORTEST).then_some(rest)
    });
    let mut stem = ended.unwrap_or(one).to_owned();
    let doubled = |last: char| stem.ends_with(&format!("{last}{last}"));
    match stem.chars().next_back() {
        Some(last) if stem.len() > SHORTEST && doubled(last) && !"aeioulsz".contains(last) => {
            stem.pop();
        }
        _ => {}
    }
    if stem.len() > SHORTEST && stem.ends_with('e') {
        stem.pop();
    }
    if stem.len() > SHORTEST && stem.ends_with('y') {
        stem.pop();
        stem.push('i');
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_a_word_are_one_term_and_other_words_are_others() {
        for (words, term) in [
            (&["contact", "contacts", "Contact"][..], "contact"),
            (&["company", "companies"], "compani"),
            (&["movie", "movies"], "movi"),
            (
                &["ship", "shipping", "shipped", "shipment", "ships"],
                "ship",
            ),
            (
                &[
                    "create", "creates", "creating", "created", "creator", "creation",
                ],
                "cre",
            ),
            (
                &["translate", "translation", "translations", "translator"],
                "transl",
            ),
            (&["rate", "rates", "rating"], "rat"),
            (&["address"], "address"),
            (&["addresses"], "address"),
            (&["status"], "status"),
            (&["ID"], "id"),
            (&["Größen"], "größen"),
        ] {
            for word in words {
                assert_eq!(of_text(word), [term], "{word}");
            }
        }
    }

    #[test]
    fn what_says_nothing_is_dropped_of_a_text_and_kept_of_a_name() {
        assert_eq!(of_text("Get me all of the deals"), ["deal"]);
        assert_eq!(of_name("deal.get_all"), ["deal", "get", "all"]);
    }

    #[test]
    fn every_word_that_is_alike_is_told_once_and_never_of_itself() {
        for line in ALIKE {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(words.is_sorted() && words.len() > 1, "{line}");
            assert!(words.iter().all(|word| !STOPPED.contains(word)), "{line}");
        }
        assert!(ALIKE.is_sorted());
        assert_eq!(alike("movi"), ["film"]);
        assert_eq!(alike("film"), ["movi"]);
        assert_eq!(alike("deal"), [""; 0]);
    }

    proptest! {
        #[test]
        fn svc_04_any_text_becomes_terms_that_are_no_longer_than_it(text in any::<String>()) {
            let lower = text.to_lowercase().len();
            let length = |terms: Vec<String>| terms.iter().map(String::len).sum::<usize>();
            prop_assert!(length(of_name(&text)) <= lower);
            prop_assert!(length(of_text(&text)) <= lower);
        }
    }
}
