//! What methods and parameters are called in Python. Names of documents are for machines; these are identifiers that
//! no keyword, no collision and no underscore in front can spoil. The same document always gives the same names.

use sandgate_policy::PYTHON_WORDS;
use std::collections::{BTreeSet, HashMap, HashSet};

/// One identifier for each name, in the order of the names; `None` where nothing can be made of one. Names that would
/// be the same get `_2`, `_3` behind them, the smallest in byte order staying as it is. THREAT[SVC-04]
pub(crate) fn identifiers(names: &[&str], otherwise: Option<&str>) -> Vec<Option<String>> {
    let wanted: Vec<Option<String>> = names
        .iter()
        .map(|name| identifier(name).or_else(|| otherwise.map(ToOwned::to_owned)))
        .collect();
    let order: BTreeSet<(bool, &str, usize)> = names
        .iter()
        .zip(&wanted)
        .enumerate()
        // A name that is an identifier as it stands goes before those that become the same.
        .map(|(at, (name, wanted))| (wanted.as_deref() != Some(*name), *name, at))
        .collect();
    let mut taken: HashSet<String> = HashSet::with_capacity(names.len());
    // Where counting goes on for each wanted name. Every number below was found taken, and nothing is given back, so
    // that thousands of names that become one cost a step each.
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut given: Vec<Option<String>> = vec![None; names.len()];
    for (_, _, at) in order {
        let (Some(slot), Some(Some(wanted))) = (given.get_mut(at), wanted.get(at)) else {
            continue;
        };
        let mut name = wanted.clone();
        if taken.contains(&name) {
            let count = counts.entry(wanted).or_insert(1);
            while taken.contains(&name) {
                *count = count.saturating_add(1);
                name = format!("{wanted}_{count}");
            }
        }
        taken.insert(name.clone());
        *slot = Some(name);
    }
    given
}

/// Whether Python takes this as a name, and it hides nothing.
pub(crate) fn is_identifier(name: &str) -> bool {
    identifier(name).as_deref() == Some(name)
}

/// What a class is called after a name: `contact_add` gives `ContactAdd`.
pub(crate) fn camel(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

fn identifier(name: &str) -> Option<String> {
    let plain: String = name
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect();
    let plain = plain.trim_start_matches('_');
    let first = plain.bytes().next()?;
    Some(if first.is_ascii_digit() {
        format!("n{plain}")
    } else if PYTHON_WORDS.contains(&plain) {
        format!("{plain}_")
    } else {
        plain.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn svc_04_names_that_python_cannot_have_become_ones_that_it_can() {
        for (name, made) in [
            ("contact.add", "contact_add"),
            ("eth_getBlock", "eth_getBlock"),
            ("Typed data", "Typed_data"),
            ("class", "class_"),
            ("import", "import_"),
            ("self", "self_"),
            ("__class__", "class__"),
            ("_context", "context"),
            ("2fa-enable", "n2fa_enable"),
            ("a\"\"\")\nimport os", "a_____import_os"),
        ] {
            assert_eq!(identifier(name).as_deref(), Some(made), "{name}");
        }
        assert_eq!(identifier("___"), None);
        assert_eq!(identifier(""), None);
    }

    #[test]
    fn svc_04_names_that_become_the_same_are_told_apart_in_one_way() {
        let names = [
            "contact.add",
            "contact_add",
            "contact-add",
            "contact_add_2",
            "-",
        ];
        let expected = [
            Some("contact_add_4"),
            Some("contact_add"),
            Some("contact_add_3"),
            Some("contact_add_2"),
            None,
        ]
        .map(|name| name.map(ToOwned::to_owned));
        assert_eq!(identifiers(&names, None), expected);
        let reversed: Vec<&str> = names.into_iter().rev().collect();
        assert_eq!(
            identifiers(&reversed, None),
            expected.into_iter().rev().collect::<Vec<_>>()
        );
    }

    /// Counts up from 2 for each name: slow, and plainly what is meant.
    fn counted(names: &[&str]) -> Vec<Option<String>> {
        let wanted: Vec<Option<String>> = names.iter().map(|name| identifier(name)).collect();
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|at| {
            let same =
                wanted.get(*at).and_then(|wanted| wanted.as_deref()) == names.get(*at).copied();
            (!same, names.get(*at).copied(), *at)
        });
        let mut given: Vec<Option<String>> = vec![None; names.len()];
        for at in order {
            let name = wanted.get(at).cloned().flatten().map(|wanted| {
                (1_usize..)
                    .map(|count| match count {
                        1 => wanted.clone(),
                        count => format!("{wanted}_{count}"),
                    })
                    .find(|name| !given.iter().flatten().any(|taken| taken == name))
                    .unwrap_or_default()
            });
            if let Some(slot) = given.get_mut(at) {
                *slot = name;
            }
        }
        given
    }

    #[test]
    fn svc_04_a_hundred_thousand_names_that_become_one_are_told_apart_in_a_step_each() {
        // Counting from 2 for each of them would be five thousand million steps.
        let names: Vec<String> = (0..100_000_u32)
            .map(|n| {
                let marks = format!("{n:017b}").replace('0', "-").replace('1', ".");
                format!("x{marks}")
            })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let made = identifiers(&names, None);
        let distinct: HashSet<&String> = made.iter().flatten().collect();
        assert_eq!(distinct.len(), names.len());
        let last = format!("x{}_100000", "_".repeat(17));
        assert!(distinct.contains(&last));
    }

    proptest! {
        #[test]
        fn svc_04_names_are_told_apart_as_counting_from_two_does(names in proptest::collection::btree_set("(a|b)[._-](_?2)?(_3)?|a_[2-4](_2)?|a", 0..30)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(identifiers(&names, None), counted(&names));
        }

        #[test]
        fn svc_04_whatever_the_names_the_identifiers_are_distinct_and_plain(names in proptest::collection::vec(any::<String>(), 0..20)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let made = identifiers(&names, Some("argument"));
            let distinct: HashSet<&String> = made.iter().flatten().collect();
            prop_assert_eq!(distinct.len(), names.len());
            for name in distinct {
                prop_assert!(is_identifier(name), "{}", name);
            }
        }
    }
}
