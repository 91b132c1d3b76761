//! Imports go one way: a later stage uses an earlier one, never the other way round, and everything is taken from the
//! file that defines it. The order of the stages of each crate is one list; the sources are parsed, so that no way of
//! writing an import escapes. Planted violations show that it can fail.

use crate::support::{files, is_for_tests, repository};
use std::{collections::BTreeMap, path::PathBuf};
use syn::{
    File, Item, ItemUse, UseTree,
    visit::{self, Visit},
};

/// Where the stages of a module are, and their order: each may use those before it.
struct Stages {
    /// The directory of the files.
    place: &'static str,
    /// The module that they are in, from the crate's root.
    module: &'static [&'static str],
    order: &'static [&'static str],
}

const ALL: [Stages; 8] = [
    Stages {
        place: "runtime/wire/src",
        module: &[],
        order: &[
            "abi", "packages", "refusal", "stub", "script", "ending", "call",
        ],
    },
    Stages {
        place: "runtime/policy/src",
        module: &[],
        order: &[
            "near",
            "characters",
            "interface",
            "name",
            "problem",
            "size",
            "text",
            "layout",
            "fields",
            "moment",
            "types",
            "mention",
            "schema",
            "source",
            "scope",
            "rule",
            "hash",
            "limits",
            "principal",
            "asker",
            "policies",
            "needed",
            "decision",
            "outlook",
            "cases",
            "replay",
            "suggest",
            "explain",
            "lint",
        ],
    },
    Stages {
        place: "runtime/service/src",
        module: &[],
        order: &[
            "text",
            "json",
            "word",
            "naming",
            "address",
            "client",
            "tool",
            "offer",
            "credential",
            "secrets",
            "redact",
            "tools",
            "discover",
            "registration",
            "search",
            "registry",
            "fuzzing",
        ],
    },
    Stages {
        place: "runtime/check/src",
        module: &[],
        order: &["report", "offered", "depth", "literal", "names", "reading"],
    },
    Stages {
        place: "runtime/src",
        module: &[],
        order: &[
            "chain",
            "failpoint",
            "processor",
            "budget",
            "limits",
            "cancel",
            "session",
            "made",
            "recorder",
            "workspace",
            "private",
            "journal",
            "replaced",
            "tokens",
            "seal",
            "outcome",
            "input",
            "output",
            "places",
            "store",
            "contexts",
            "approvals",
            "hostcall",
            "context",
            "zone",
            "script",
            "sandbox",
            "runs",
            "host",
            "check",
            "policy",
            "service",
            "fuzzing",
        ],
    },
    Stages {
        place: "runtime/src/hostcall",
        module: &["hostcall"],
        order: &[
            "question", "watch", "pace", "refusal", "tally", "sources", "halt", "call", "decided",
            "gate", "carrier", "reach", "changes", "again", "desk", "inline", "underway",
            "builtin",
        ],
    },
    Stages {
        place: "runtime/server/src",
        module: &[],
        order: &[
            "closing",
            "weight",
            "command",
            "desk_url",
            "owner",
            "queues",
            "shares",
            "admission",
            "turns",
            "files",
            "form",
            "spans",
            "metrics",
            "repeats",
            "sessions",
            "agent",
            "text",
            "tools",
            "mcp",
            "plain",
            "rpc",
            "entitlement",
            "issuer",
            "who",
            "http",
            "desk",
            "door",
        ],
    },
    Stages {
        place: "runtime/cli/src",
        module: &[],
        order: &[
            "values",
            "settings",
            "shared",
            "escape",
            "filter",
            "backlog",
            "itself",
            "answerer",
            "exit",
            "failure",
            "needs",
            "print",
            "report",
            "signals",
            "executor",
            "terminal",
            "progress",
            "piped",
            "manual",
            "interpreter",
            "machine",
            "question",
            "wall",
            "supervisor",
            "connector",
            "steward",
            "apart",
            "environment",
            "files",
            "image",
            "journal",
            "calls",
            "notifier",
            "telemetry",
            "reach",
            "stage",
            "policy",
            "service",
            "run",
            "again",
            "plan",
            "call",
            "approve",
            "resolve",
            "check",
            "repl",
            "config",
            "token",
            "serve",
            "mcp",
            "demo",
            "doctor",
            "main",
        ],
    },
];

/// The paths that a file names, each from the root of its crate.
struct Paths {
    module: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Paths {
    fn of(module: &[String], file: &File) -> Vec<Vec<String>> {
        let mut paths = Self {
            module: module.to_vec(),
            found: Vec::new(),
        };
        paths.visit_file(file);
        paths.found
    }

    fn take(&mut self, path: &[String]) {
        let mut from = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("super" | "self") => self.module.clone(),
            _ => return,
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => drop(from.pop()),
                part => from.push(part.to_owned()),
            }
        }
        self.found.push(from);
    }

    fn tree(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(before, &path.tree);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
            UseTree::Name(name) => self.leaf(before, &name.ident),
            UseTree::Rename(name) => self.leaf(before, &name.ident),
            UseTree::Glob(_) => self.take(before),
        }
    }

    fn leaf(&mut self, before: &[String], name: &syn::Ident) {
        let mut path = before.to_vec();
        path.push(name.to_string());
        self.take(&path);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if is_for_tests(attributes) {
            return;
        }
        let inner = match item {
            Item::Mod(item) if item.content.is_some() => Some(item.ident.to_string()),
            _ => None,
        };
        self.module.extend(inner.clone());
        visit::visit_item(self, item);
        if inner.is_some() {
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        self.take(&parts);
        visit::visit_path(self, path);
    }
}

/// Everything that goes the wrong way, or around the file that defines it.
fn violations(stages: &Stages, files: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let place = |stage: &str| stages.order.iter().position(|known| *known == stage);
    let mut found = Vec::new();
    for (path, text) in files {
        let mut module: Vec<String> = stages.module.iter().map(|&part| part.to_owned()).collect();
        module.extend(
            path.with_extension("")
                .iter()
                .map(|part| part.to_str().unwrap().to_owned()),
        );
        let Some(stage) = module.get(stages.module.len()).cloned() else {
            continue;
        };
        if stage == "lib"
            || module
                .iter()
                .any(|part| part == "tests" || part == "hostile")
        {
            continue;
        }
        let Some(at) = place(&stage) else {
            found.push(format!("{} is no stage of the list", path.display()));
            continue;
        };
        let file = syn::parse_file(text).unwrap();
        for used in Paths::of(&module, &file) {
            let Some(other) = used
                .strip_prefix(&module[..stages.module.len()])
                .and_then(<[_]>::first)
            else {
                continue;
            };
            match place(other) {
                Some(other) if other <= at => {}
                Some(_) => found.push(format!("{stage} uses {other}, which comes later")),
                // What a root re-exports, or what another crate brings, has its own file.
                None if used.len() == stages.module.len() + 1 && stages.module.is_empty() => {
                    found.push(format!("{stage} takes {other} from the root"));
                }
                None => {}
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// By their paths below the directory.
fn sources(place: &str) -> BTreeMap<PathBuf, String> {
    let root = repository(place);
    let below = |path: PathBuf| path.strip_prefix(&root).unwrap().to_owned();
    let files = files(place, "rs").into_iter();
    files.map(|(path, text)| (below(path), text)).collect()
}

#[test]
fn imports_of_the_stages_go_one_way() {
    for stages in &ALL {
        let files = sources(stages.place);
        assert!(files.len() > 5, "{}", stages.place);
        assert_eq!(
            violations(stages, &files),
            Vec::<String>::new(),
            "{}",
            stages.place
        );
        // A stage that is gone would let another take its name.
        for stage in stages.order {
            assert!(
                files.contains_key(&PathBuf::from(format!("{stage}.rs"))),
                "{stage}"
            );
        }
    }
}

#[test]
fn an_import_that_goes_the_wrong_way_is_found_however_it_is_written() {
    let stages = Stages {
        place: "",
        module: &[],
        order: &["first", "second"],
    };
    for planted in [
        "use crate::second::Thing;",
        "use crate::{\n    first::Own,\n    second::{\n        self,\n    },\n};",
        "use super::second::Thing as Other;",
        "fn f(_: crate::second::Thing) {}",
        "mod inner { use super::super::second; }",
        "impl crate::second::Trait for X {}",
    ] {
        let files = BTreeMap::from([(PathBuf::from("first.rs"), planted.to_owned())]);
        let expected = ["first uses second, which comes later"];
        assert_eq!(violations(&stages, &files), expected, "{planted}");
        let files = BTreeMap::from([(
            PathBuf::from("second/part.rs"),
            planted.replace("super::", "crate::"),
        )]);
        assert_eq!(
            violations(&stages, &files),
            Vec::<String>::new(),
            "{planted}"
        );
    }
    let files = BTreeMap::from([(PathBuf::from("second.rs"), "use crate::Thing;".to_owned())]);
    assert_eq!(
        violations(&stages, &files),
        ["second takes Thing from the root"]
    );
    let files = BTreeMap::from([(PathBuf::from("third.rs"), String::new())]);
    assert_eq!(
        violations(&stages, &files),
        ["third.rs is no stage of the list"]
    );
}
