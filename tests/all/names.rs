//! One type has one name: whoever reads `Request` need not ask which. What crosses the boundary to the guest has the name of
//! what it carries; everything else differs. The sources are parsed, and planted duplicates show that it can fail.

use crate::support::{files, is_for_tests, repository};
use std::{collections::BTreeMap, path::Path};
use syn::{Item, visit::Visit};

/// Types of `wire` that are the form of another type, and have its name.
const WIRE_FORMS: [&str; 2] = ["Script", "Session"];

/// The structs, enums, traits and unions of a file, other than of tests.
#[derive(Default)]
struct Types(Vec<String>);

impl<'ast> Visit<'ast> for Types {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Mod(item) => (&item.attrs, None),
            Item::Fn(item) => (&item.attrs, None),
            Item::Impl(item) => (&item.attrs, None),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            _ => return,
        };
        if is_for_tests(attributes) {
            return;
        }
        self.0.extend(name.map(ToString::to_string));
        syn::visit::visit_item(self, item);
    }
}

/// Names that more than one type has, with the files that have them.
fn duplicates(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in files {
        let mut types = Types::default();
        types.visit_file(&syn::parse_file(text).unwrap());
        for name in types.0 {
            known.entry(name).or_default().push(path);
        }
    }
    known
        .into_iter()
        .filter(|(name, places)| places.len() > 1 && !WIRE_FORMS.contains(&&**name))
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect()
}

#[test]
fn no_two_types_have_one_name() {
    let of_tests = |path: &str| {
        let mut parts = path.split('/');
        parts.any(|part| matches!(part, "tests" | "tests.rs" | "hostile" | "hostile.rs"))
    };
    let root = repository("runtime");
    let below = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    // The demonstration is a service of its own, with words of its own.
    let files: BTreeMap<String, String> = files("runtime", "rs")
        .into_iter()
        .map(|(path, text)| (below(&path), text))
        .filter(|(path, _)| path.contains("src/") && !path.starts_with("demo/") && !of_tests(path))
        .collect();
    assert!(files.len() > 150, "{}", files.len());
    assert_eq!(duplicates(&files), Vec::<String>::new());
}

#[test]
fn a_second_type_of_a_name_is_found_wherever_it_is() {
    let first = (
        "a.rs".to_owned(),
        "struct Request; struct Script;".to_owned(),
    );
    for second in [
        "enum Request {}",
        "trait Request {}",
        "fn f() { struct Request; }",
        "mod inner { struct Request; }",
        "impl X { fn f() { struct Request; } }",
    ] {
        let files = BTreeMap::from([first.clone(), ("b.rs".to_owned(), second.to_owned())]);
        assert_eq!(duplicates(&files), ["Request: a.rs, b.rs"], "{second}");
    }
    for other in [
        "#[cfg(test)] mod tests { struct Request; }",
        "struct Script;",
        "type Request = u8;",
        "use other::Request;",
    ] {
        let files = BTreeMap::from([first.clone(), ("b.rs".to_owned(), other.to_owned())]);
        assert_eq!(duplicates(&files), Vec::<String>::new(), "{other}");
    }
}
