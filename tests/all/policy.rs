//! Policies as an operator has them: the command, the policies that ship, and the store that keeps them in force.

use crate::support::{caller, command, finished, repository, sandgate};
use sandgate::policy::{
    Effect, Interface, MethodInterface, Moment, NOTHING_READ, PolicyStore, Query, Verdict,
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// A copy of the policies that ship, which a test may change, and whose modes do not depend on who checked them out.
fn shipped() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (from, to) = {
                let entry = entry.unwrap();
                (entry.path(), to.join(entry.file_name()))
            };
            if from.is_dir() {
                copy(&from, &to);
            } else {
                fs::copy(&from, &to).unwrap();
                fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    copy(&repository("policies"), directory.path());
    directory
}

/// Exit code and both streams, without the temporary directory's name.
fn shown(directory: &Path, arguments: &[&str]) -> String {
    let (code, stdout, stderr) =
        finished(command(arguments).current_dir(directory).output().unwrap());
    let text = format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}");
    text.replace(&directory.display().to_string(), "DIRECTORY")
}

#[test]
fn the_policies_that_ship_pass_their_cases_and_the_rejected_ones_are_rejected_in_these_words() {
    let directory = shipped();
    insta::assert_snapshot!(shown(directory.path(), &["policy", "test", "."]));
}

#[test]
fn the_policies_that_ship_load_raise_no_questions_and_are_exercised() {
    let directory = shipped();
    let mut all = String::new();
    for verb in ["check", "lint", "coverage"] {
        all.push_str(&shown(directory.path(), &["policy", verb, "."]));
    }
    // Hashes depend on every input; that they do is tested where they are made.
    let hashes = all
        .split(' ')
        .filter(|word| word.trim().len() >= 64)
        .count();
    assert_eq!(hashes, 4, "{all}");
    let all: Vec<&str> = all
        .split_inclusive('\n')
        .map(|line| line.split_once(", hash ").map_or(line, |(line, _)| line))
        .collect();
    insta::assert_snapshot!(all.join("\n").replace("\n\n", "\n"));
}

#[test]
fn pol_09_policies_that_rest_on_names_are_named_until_somebody_says_what_the_methods_do() {
    let directory = shipped();
    let services = directory.path().join("services/crm.json");
    let text = fs::read_to_string(&services).unwrap();
    fs::write(&services, text.replace("\"x-effect\"", "\"x-said\"")).unwrap();
    insta::assert_snapshot!(shown(directory.path(), &["policy", "lint", "."]));
}

#[test]
fn results_are_also_written_for_machines() {
    let directory = shipped();
    let xml = directory.path().join("results.xml");
    let arguments = [
        "policy",
        "test",
        "operator",
        "--json",
        "--junit",
        "results.xml",
    ];
    insta::assert_snapshot!(shown(directory.path(), &arguments));
    insta::assert_snapshot!(fs::read_to_string(xml).unwrap());
}

#[test]
fn the_directory_of_policies_may_be_named_by_the_environment() {
    let directory = shipped();
    let named = |arguments: &[&str]| {
        let mut command = command(arguments);
        finished(
            command
                .env("SANDGATE_POLICIES_DIR", directory.path())
                .output()
                .unwrap(),
        )
    };
    assert_eq!(
        named(&["policy", "coverage"]),
        finished(
            command(&["policy", "coverage", "."])
                .current_dir(directory.path())
                .output()
                .unwrap()
        )
    );
}

#[test]
fn what_is_wrong_is_said_and_the_exit_code_tells() {
    let directory = shipped();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write(
        "read_only/cases.toml",
        "[[case]]\nname = \"wrong\"\nservice = \"crm\"\nmethod = \"contact.list\"\nexpect = \"gate\"\npolicies = []\n",
    );
    write(
        "nothing/cases.toml",
        "[[case]]\nname = \"x\"\nservice = \"crm\"\nmethod = \"contact.lsit\"\nexpect = \"refuse\"\npolicies = []\n",
    );
    write("assistant/limits.toml", "hero_context = 3\ncals = 5\n");
    write(
        "operator/policy.cedar",
        "@because(\"x\") permit (principal, action, resource);\n@because(\"y\") permit (principal, action in Action::\"read\", resource);\n",
    );
    write(
        "operator/cases.toml",
        "[[case]]\nname = \"x\"\nservice = \"crm\"\nmethod = \"contact.list\"\nexpect = \"allow\"\npolicies = [\"policy0\", \"policy1\"]\n",
    );
    write("rejected/template/message.txt", "another message\n");
    let mut all = String::new();
    for arguments in [
        &["policy", "check", "."][..],
        &["policy", "test", "."],
        &["policy", "lint", "operator"],
        &["policy", "lint", "assistant"],
        &["policy", "coverage", "read_only"],
        &["policy", "check", "missing"],
        &["policy", "check", "services"],
        &[
            "policy",
            "explain",
            "--context",
            "assistant",
            "--policies",
            ".",
            "crm",
            "contact.list",
        ],
        &[
            "policy",
            "explain",
            "--context",
            "none",
            "--policies",
            ".",
            "crm",
            "contact.list",
        ],
        &[
            "policy",
            "explain",
            "--context",
            "read_only",
            "--policies",
            ".",
            "crm",
            "contact.list",
            "[]",
        ],
        &[
            "policy",
            "explain",
            "--context",
            "read_only",
            "--policies",
            ".",
            "crm",
            "contact.list",
            "{",
        ],
    ] {
        let shown = shown(directory.path(), arguments);
        let shown: Vec<&str> = shown
            .lines()
            .filter(|line| !line.starts_with("ok    rejected"))
            .map(|line| line.split_once(", hash ").map_or(line, |(line, _)| line))
            .collect();
        all.push_str(&format!(
            "$ {}\n{}\n\n",
            arguments.join(" "),
            shown.join("\n")
        ));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn pol_07_files_that_somebody_else_could_write_are_not_used() {
    let mut all = String::new();
    let mut attack = |name: &str, change: &dyn Fn(&Path)| {
        let directory = shipped();
        change(directory.path());
        let shown = shown(directory.path(), &["policy", "check", "assistant"]);
        all.push_str(&format!("{name}\n{shown}\n"));
    };
    let mode = |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let file = |root: &Path| root.join("assistant/policy.cedar");
    attack("group-writable", &|root| mode(file(root), 0o664).unwrap());
    attack("world-writable", &|root| mode(file(root), 0o606).unwrap());
    attack("limits", &|root| {
        mode(root.join("assistant/limits.toml"), 0o666).unwrap()
    });
    attack("cases", &|root| {
        mode(root.join("assistant/cases.toml"), 0o666).unwrap()
    });
    attack("directory", &|root| {
        mode(root.join("assistant"), 0o777).unwrap()
    });
    attack("link", &|root| {
        fs::rename(file(root), root.join("elsewhere")).unwrap();
        symlink(root.join("elsewhere"), file(root)).unwrap();
    });
    attack("directory link", &|root| {
        fs::rename(root.join("assistant"), root.join("elsewhere")).unwrap();
        symlink(root.join("elsewhere"), root.join("assistant")).unwrap();
    });
    attack("pipe", &|root| {
        fs::remove_file(root.join("assistant/limits.toml")).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            root.join("assistant/limits.toml"),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .unwrap();
    });
    attack("too long", &|root| {
        fs::write(file(root), vec![b'\n'; (4 << 20) + 1]).unwrap()
    });
    attack("other bytes", &|root| {
        fs::write(file(root), b"\xff\xfe").unwrap()
    });
    attack("no limits", &|root| {
        fs::remove_file(root.join("assistant/limits.toml")).unwrap()
    });
    attack("as it is", &|_| ());
    let all: Vec<&str> = all
        .lines()
        .map(|line| line.split_once(", hash ").map_or(line, |(line, _)| line))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

/// One service with one method of each effect.
fn interfaces() -> Vec<Interface> {
    let method = |effect| MethodInterface {
        effect,
        by_name: false,
        parameters: Vec::new(),
    };
    vec![Interface {
        service: "crm".to_owned(),
        methods: [
            ("contact.list".to_owned(), method(Effect::Read)),
            ("contact.add".to_owned(), method(Effect::Write)),
            ("contact.delete".to_owned(), method(Effect::Destroy)),
        ]
        .into(),
    }]
}

/// A directory of contexts with these policies.
fn contexts(all: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in all {
        let context = directory.path().join(name);
        fs::create_dir(&context).unwrap();
        fs::write(context.join("policy.cedar"), text).unwrap();
        fs::write(context.join("limits.toml"), "hero_context = 1\n").unwrap();
    }
    directory
}

fn verdict(store: &PolicyStore, context: &str, method: &str) -> Verdict {
    let Some(found) = store.get(context).and_then(|policy| policy.now()) else {
        return Verdict::Refuse;
    };
    let query = Query {
        principal: &caller(context, 1, None, &[]),
        service: "crm",
        method,
        params: &serde_json::Map::new(),
        now: Moment::OF_CASES,
        read_from: &NOTHING_READ,
    };
    found.policies.decide(&query).verdict
}

const READS: &str = "@because(\"x\") permit (principal, action in Action::\"read\", resource);\n";
const ALL: &str = "@because(\"x\") permit (principal, action, resource);\n@because(\"y\") forbid (principal, action in Action::\"destroy\", resource);\n";

#[test]
fn pol_07_a_reload_is_whole_or_nothing() {
    let directory = contexts(&[("one", READS), ("two", READS)]);
    let store = PolicyStore::open(directory.path(), &interfaces()).unwrap();
    assert_eq!(store.names(), ["one", "two"]);
    let state = || {
        [
            ("one", "contact.list"),
            ("one", "contact.add"),
            ("two", "contact.add"),
        ]
        .map(|(context, method)| verdict(&store, context, method))
    };
    let (yes, no) = (Verdict::Allow, Verdict::Refuse);
    assert_eq!(state(), [yes, no, no]);
    let held = store.get("one").unwrap();
    let before = held.now().unwrap();

    // One file is good and the other is not: nothing changes.
    let file = |context: &str| directory.path().join(context).join("policy.cedar");
    fs::write(file("one"), ALL).unwrap();
    fs::write(file("two"), ALL.replace("resource)", "resouce)")).unwrap();
    let error = store.reload(&interfaces()).unwrap_err();
    assert_eq!(error.problems.len(), 1);
    assert_eq!(state(), [yes, no, no]);
    fs::write(file("two"), ALL).unwrap();
    store.reload(&interfaces()).unwrap();
    assert_eq!(state(), [yes, yes, yes]);

    // THREAT[ISO-04]: whoever holds a context decides by what is in force now.
    let after = held.now().unwrap();
    assert_ne!(before.policies.hash(), after.policies.hash());

    // A service that changed is checked against, and the policies that no longer fit are not in force for it.
    fs::write(
        file("one"),
        ALL.replace(
            "action in Action::\"destroy\"",
            "action == Action::\"crm.contact.delete\"",
        ),
    )
    .unwrap();
    store.reload(&interfaces()).unwrap();
    let mut changed = interfaces();
    changed[0].methods.remove("contact.delete");
    assert!(store.reload(&changed).is_err());
    assert_eq!(verdict(&store, "one", "contact.delete"), no);

    // A context whose directory is gone may do nothing, and one that comes back may again.
    let two = store.get("two").unwrap();
    fs::remove_dir_all(directory.path().join("two")).unwrap();
    store.reload(&interfaces()).unwrap();
    assert_eq!(state(), [yes, yes, no]);
    assert!(two.now().is_none());
    assert_eq!(store.names(), ["one"]);
    fs::create_dir(directory.path().join("two")).unwrap();
    fs::write(file("two"), READS).unwrap();
    fs::write(
        directory.path().join("two/limits.toml"),
        "hero_context = 1\n",
    )
    .unwrap();
    store.reload(&interfaces()).unwrap();
    assert!(two.now().is_some());
}

#[test]
fn pol_07_a_file_of_which_the_end_is_missing_fails_its_cases() {
    let directory = contexts(&[("one", ALL)]);
    let cases = "[[case]]\nname = \"nothing is deleted\"\nservice = \"crm\"\nmethod = \"contact.delete\"\nexpect = \"refuse\"\npolicies = [\"policy1\"]\n";
    fs::write(directory.path().join("one/cases.toml"), cases).unwrap();
    let store = PolicyStore::open(directory.path(), &interfaces()).unwrap();
    assert_eq!(verdict(&store, "one", "contact.delete"), Verdict::Refuse);
    // Every beginning of the file that loads as policies.
    for end in 0..ALL.len() {
        fs::write(directory.path().join("one/policy.cedar"), &ALL[..end]).unwrap();
        let reloaded = store.reload(&interfaces());
        assert!(reloaded.is_err() || end == ALL.len() - 1, "{end}");
        assert_eq!(
            verdict(&store, "one", "contact.delete"),
            Verdict::Refuse,
            "{end}"
        );
    }
}

#[test]
fn a_store_is_as_strict_about_names_as_about_files() {
    for name in ["Upper", "with space", "dot.dot"] {
        let directory = contexts(&[(name, READS)]);
        let error = PolicyStore::open(directory.path(), &interfaces()).unwrap_err();
        assert_eq!(
            error.problems[0].to_string(),
            format!(
                "`{name}` cannot name a context: 1 to 64 characters of `a-z`, `0-9`, `_` and `-`"
            )
        );
    }
    let directory = contexts(&[]);
    let store = PolicyStore::open(directory.path(), &interfaces()).unwrap();
    assert_eq!(store.names(), Vec::<String>::new());
    assert!(store.get("one").is_none());
    assert!(PolicyStore::open(&directory.path().join("missing"), &interfaces()).is_err());
}

/// The blocks of a language in the guide, with the line each begins in.
fn blocks<'a>(guide: &'a str, language: &str) -> Vec<(usize, &'a str)> {
    let fence = format!("```{language}\n");
    guide
        .match_indices(&fence)
        .map(|(at, _)| {
            let rest = &guide[at + fence.len()..];
            let line = guide[..at].lines().count() + 1;
            (line, &rest[..rest.find("```").unwrap()])
        })
        .collect()
}

#[test]
fn the_examples_of_the_guide_decide_what_it_says() {
    let guide = fs::read_to_string(repository("policies/README.md")).unwrap();
    let (policies, cases) = (blocks(&guide, "cedar"), blocks(&guide, "toml"));
    let limits = blocks(&guide, "limits");
    assert_eq!((policies.len(), cases.len(), limits.len()), (6, 6, 1));
    let directory = shipped();
    let context = directory.path().join("guide");
    fs::create_dir(&context).unwrap();
    fs::write(context.join("limits.toml"), limits[0].1).unwrap();
    for ((line, policy), (_, cases)) in policies.into_iter().zip(cases) {
        fs::write(context.join("policy.cedar"), policy).unwrap();
        fs::write(context.join("cases.toml"), cases).unwrap();
        let (code, stdout, stderr) = sandgate(&["policy", "test", context.to_str().unwrap()]);
        assert_eq!((code, stderr.as_str()), (0, ""), "line {line}\n{stdout}");
        let (code, stdout, _) = sandgate(&["policy", "coverage", context.to_str().unwrap()]);
        assert_eq!(code, 0, "line {line}\n{stdout}");
    }
    // What the guide shows of the command is what it says.
    for (line, block) in blocks(&guide, "console") {
        let (first, said) = block.split_once('\n').unwrap();
        let first = first.strip_prefix("$ sandgate ").unwrap();
        let (words, json) = first.split_once('\'').unwrap();
        let shipped = directory.path().to_str().unwrap();
        let words = words.split_whitespace();
        let mut arguments: Vec<&str> = words
            .map(|word| if word == "policies" { shipped } else { word })
            .collect();
        arguments.push(json.trim_end_matches('\''));
        let (code, stdout, stderr) = sandgate(&arguments);
        let stdout = stdout.split("\npolicy ").next().unwrap();
        let refused = said.lines().next().unwrap().contains(" is refused, ");
        assert_eq!((code, stderr.as_str()), (i32::from(refused), ""));
        assert_eq!(stdout, said, "line {line}");
    }
}

#[test]
fn the_policies_that_ship_are_checked_against_the_crm_that_ships() {
    let read = |path| std::fs::read_to_string(crate::support::repository(path)).unwrap();
    assert_eq!(
        read("policies/services/crm.json"),
        read("runtime/demo/src/crm.openrpc.json")
    );
}
