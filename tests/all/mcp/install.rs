//! `sandgate mcp install` in a home of its own: where each client finds the entry, what stays of a file that was there, and
//! when nothing is written at all.

use crate::support::{command, finished, repository};
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};
use tempfile::TempDir;

/// Somebody's home, with a project in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("project")).unwrap();
        Self(home)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    fn install(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = command(&["mcp", "install"]);
        if !arguments.contains(&"--remove") {
            command.args(["--context", "assistant"]);
        }
        command.env_remove("SANDGATE_STATE_DIR");
        command
            .arg("--policies")
            .arg(repository("policies"))
            .args(arguments)
            .env("HOME", self.0.path())
            .env_remove("SANDGATE_CACHE_DIR")
            .current_dir(self.at("project"));
        finished(command.output().unwrap())
    }

    /// What it comes to, with what differs between machines replaced.
    fn shown(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.install(arguments);
        let text = format!(
            "$ {}\n{stdout}{}[{code}]\n",
            arguments.join(" "),
            stderr.trim_start()
        );
        self.plain(&text)
    }

    fn plain(&self, text: &str) -> String {
        let policies = std::path::absolute(repository("policies")).unwrap();
        text.replace(env!("CARGO_BIN_EXE_sandgate"), "SANDGATE")
            .replace(policies.to_str().unwrap(), "POLICIES")
            .replace(self.0.path().to_str().unwrap(), "HOME")
    }

    /// Every file that there is, with its text.
    fn files(&self) -> Vec<(String, String)> {
        fn walk(directory: PathBuf, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).unwrap().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    walk(entry.path(), found);
                } else {
                    found.push(entry.path());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.0.path().to_owned(), &mut found);
        found.sort();
        let named = found.iter().map(|path| {
            let name = path.strip_prefix(self.0.path()).unwrap();
            (
                name.to_str().unwrap().to_owned(),
                fs::read_to_string(path).unwrap(),
            )
        });
        named.collect()
    }
}

/// Every client, and the file that it reads.
const CLIENTS: [(&str, &str, &str); 11] = [
    ("claude-code", "user", ".claude.json"),
    ("claude-code", "project", "project/.mcp.json"),
    (
        "claude-desktop",
        "user",
        ".config/Claude/claude_desktop_config.json",
    ),
    ("cursor", "user", ".cursor/mcp.json"),
    ("cursor", "project", "project/.cursor/mcp.json"),
    ("vscode", "user", ".config/Code/User/mcp.json"),
    ("vscode", "project", "project/.vscode/mcp.json"),
    ("zed", "user", ".config/zed/settings.json"),
    ("zed", "project", "project/.zed/settings.json"),
    ("codex", "user", ".codex/config.toml"),
    ("codex", "project", "project/.codex/config.toml"),
];

#[test]
fn each_client_gets_the_entry_where_it_looks_for_it() {
    let mut shown = String::new();
    for (client, scope, file) in CLIENTS {
        let home = Home::new();
        shown.push_str(&home.shown(&["--client", client, "--scope", scope]));
        let files = home.files();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [file]);
        shown.push_str(&home.plain(&files[0].1));
        shown.push('\n');
        // What is for one person is nobody else's to read.
        let mode = fs::metadata(home.at(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, if scope == "user" { 0o600 } else { 0o644 });
    }
    let home = Home::new();
    shown.push_str(&home.shown(&["--client", "claude-desktop", "--scope", "project"]));
    assert_eq!(home.files(), []);
    insta::assert_snapshot!(shown);
}

#[test]
fn what_is_installed_is_a_server_that_starts() {
    let home = Home::new();
    let desk = crate::support::desk::Desk::open();
    let state = desk.state();
    let who = [
        "--actor",
        "agent",
        "--user",
        "ada",
        "--claim",
        "crm.sales",
        "--claim",
        "x",
        "--desk-url",
        "https://desk.example.org/",
    ];
    let cache = crate::support::cache_dir();
    let placed = [
        "--state-dir",
        state.to_str().unwrap(),
        "--cache-dir",
        cache.to_str().unwrap(),
    ];
    assert_eq!(
        home.install(&[&["--client", "cursor"], &who[..], &placed].concat())
            .0,
        0
    );
    let written: Value = serde_json::from_str(&home.read(".cursor/mcp.json")).unwrap();
    let entry = &written["mcpServers"]["sandgate"];
    let given: Vec<&str> = entry["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    let mut command = std::process::Command::new(entry["command"].as_str().unwrap());
    // As little as a client passes on, and somewhere else.
    command.args(&given).env_clear().current_dir("/");
    let mut session = super::Session::begun(command);
    assert_eq!(
        session.call("list_services", json!({})),
        (true, "crm: Contacts, the companies they work for, and the deals that are made with them. A demonstration.\n".to_owned())
    );
    session.end_quietly();
    assert_eq!(given[given.len() - who.len()..], who);
}

#[test]
fn everything_else_in_a_file_stays_and_there_is_a_backup_of_it() {
    let home = Home::new();
    let before = "{\n\t\"numStartups\": 12345678901234567890123,\n\t\"mcpServers\": {\n\t\t\"other\": {\"command\": \"x\"}\n\t},\n\t\"oauth\":   \"secret\"\n}";
    home.write(".claude.json", before);
    fs::set_permissions(home.at(".claude.json"), Permissions::from_mode(0o640)).unwrap();
    let mut shown = home.shown(&["--client", "claude-code"]);
    let after = home.read(".claude.json");
    shown.push_str(&home.plain(&after));
    shown.push('\n');
    assert_eq!(home.read(".claude.json.sandgate-backup"), before);
    for file in [".claude.json", ".claude.json.sandgate-backup"] {
        let mode = fs::metadata(home.at(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{file}");
    }
    // Once more changes nothing and makes no backup.
    shown.push_str(&home.shown(&["--client", "claude-code"]));
    assert_eq!(home.files().len(), 2);
    assert_eq!(home.read(".claude.json"), after);
    // Another entry of the name stays unless it is to go, and no backup is written over.
    shown.push_str(&home.shown(&["--client", "claude-code", "--user", "ada"]));
    assert_eq!(home.read(".claude.json"), after);
    assert_eq!(home.files().len(), 2);
    shown.push_str(&home.shown(&["--client", "claude-code", "--user", "ada", "--replace"]));
    assert_eq!(home.read(".claude.json.sandgate-backup"), before);
    assert_eq!(home.read(".claude.json.sandgate-backup-2"), after);
    shown.push_str(&home.plain(&home.read(".claude.json")));
    // Beside it there is room for another.
    shown.push('\n');
    shown.push_str(&home.shown(&["--client", "claude-code", "--name", "sandgate-2"]));
    let written: Value = serde_json::from_str(&home.read(".claude.json")).unwrap();
    let names: Vec<_> = written["mcpServers"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["other", "sandgate", "sandgate-2"]);
    insta::assert_snapshot!(shown);
}

#[test]
fn a_file_that_cannot_be_understood_is_not_touched() {
    let home = Home::new();
    let mut shown = String::new();
    for text in [
        "{\n  // My servers.\n  \"mcpServers\": {}\n}\n",
        "[]",
        "{\"mcpServers\": 7}",
    ] {
        home.write("project/.cursor/mcp.json", text);
        shown.push_str(&home.shown(&["--client", "cursor", "--scope", "project"]));
        assert_eq!(home.read("project/.cursor/mcp.json"), text);
        assert_eq!(home.files().len(), 1);
    }
    fs::remove_dir_all(home.at("project/.cursor")).unwrap();
    for (client, file, text) in [
        ("vscode", ".vscode/mcp.json", "{\n  /* My servers.\n"),
        ("codex", ".codex/config.toml", "[mcp_servers\n"),
        ("codex", ".codex/config.toml", "mcp_servers = 7\n"),
    ] {
        let file = format!("project/{file}");
        home.write(&file, text);
        for extra in [&[][..], &["--remove"]] {
            let asked = [&["--client", client, "--scope", "project"], extra].concat();
            shown.push_str(&home.shown(&asked));
        }
        assert_eq!(home.read(&file), text);
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn what_was_put_there_is_taken_out_again_and_nothing_else() {
    let mut shown = String::new();
    for (client, file, before) in [
        (
            "claude-code",
            ".claude.json",
            "{\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"}\n  }\n}\n",
        ),
        (
            "zed",
            ".config/zed/settings.json",
            "// Zed settings\n{\n  \"theme\": \"One // Dark\", // dark\n  /* servers */\n  \"context_servers\": {\n    \"other\": {\"command\": \"x\",}, // mine\n  },\n}\n",
        ),
        (
            "codex",
            ".codex/config.toml",
            "# Mine.\nmodel = \"x\"   # this one\n\n[mcp_servers.other]\ncommand = \"y\"\n",
        ),
    ] {
        let home = Home::new();
        home.write(file, before);
        shown.push_str(&home.shown(&["--client", client]));
        shown.push_str(&home.plain(&home.read(file)));
        shown.push_str(&home.shown(&["--client", client]));
        shown.push_str(&home.shown(&["--client", client, "--remove", "--dry-run"]));
        shown.push_str(&home.shown(&["--client", client, "--remove", "--json"]));
        assert_eq!(home.read(file), before);
        shown.push_str(&home.shown(&["--client", client, "--remove"]));
        assert_eq!(home.read(file), before);
        let there = ["--client", client, "--remove", "--name", "other"];
        assert_eq!(home.install(&there).0, 0);
        shown.push_str(&home.read(file));
    }
    let home = Home::new();
    shown.push_str(&home.shown(&["--client", "codex", "--remove"]));
    assert_eq!(home.files(), []);
    insta::assert_snapshot!(shown);
}

#[test]
fn a_dry_run_shows_what_would_be_written_and_writes_nothing() {
    let home = Home::new();
    let mut shown = home.shown(&["--client", "vscode", "--dry-run"]);
    shown.push_str(&home.shown(&["--client", "cursor", "--dry-run", "--json"]));
    assert_eq!(home.files(), []);
    assert!(!home.at(".cursor").exists());
    shown.push_str(&home.shown(&["--client", "cursor", "--json"]));
    shown.push_str(&home.shown(&["--client", "cursor", "--json"]));
    shown.push_str(&home.shown(&["--client", "cursor", "--json", "--user", "ada", "--replace"]));
    insta::assert_snapshot!(shown);
}

#[test]
fn a_link_is_written_through_and_one_to_nothing_is_refused() {
    let home = Home::new();
    home.write("dotfiles/claude.json", "{}\n");
    symlink("dotfiles/claude.json", home.at(".claude.json")).unwrap();
    assert_eq!(home.install(&["--client", "claude-code"]).0, 0);
    assert_eq!(
        fs::read_link(home.at(".claude.json")).unwrap(),
        PathBuf::from("dotfiles/claude.json")
    );
    assert!(home.read("dotfiles/claude.json").contains("sandgate"));
    assert_eq!(home.read("dotfiles/claude.json.sandgate-backup"), "{}\n");

    fs::create_dir(home.at(".cursor")).unwrap();
    symlink("nothing", home.at(".cursor/mcp.json")).unwrap();
    assert_eq!(
        home.shown(&["--client", "cursor"]),
        "$ --client cursor\n× `HOME/.cursor/mcp.json` cannot be read: No such file or directory (os error 2)\n  help: nothing was changed; make it a file that you can read and write\n[64]\n"
    );
    assert!(!home.at(".cursor/nothing").exists());
}

#[test]
fn what_is_no_file_or_no_text_is_refused() {
    let home = Home::new();
    let refused = |why: &str| {
        format!(
            "$ --client cursor\n× `HOME/.cursor/mcp.json` cannot be read: {why}\n  help: nothing was changed; make it a file that you can read and write\n[64]\n"
        )
    };
    fs::create_dir_all(home.at(".cursor")).unwrap();
    let file = home.at(".cursor/mcp.json");
    // Whoever opened a pipe would wait for ever.
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &file,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert_eq!(
        home.shown(&["--client", "cursor"]),
        refused("it is not a file")
    );
    fs::remove_file(&file).unwrap();
    fs::write(&file, b"{\"a\": \"\xff\"}").unwrap();
    assert_eq!(
        home.shown(&["--client", "cursor"]),
        refused("stream did not contain valid UTF-8")
    );
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(
        home.shown(&["--client", "cursor"]),
        refused("it is not a file")
    );
}

#[test]
fn what_is_asked_for_is_checked_before_anything_is_opened() {
    let home = Home::new();
    home.write(".claude.json", "no JSON");
    let mut shown = home.shown(&["--client", "claude-code", "--name", "my server"]);
    shown.push_str(&home.shown(&["--client", "emacs"]));
    for (policies, context) in [("policies", "asistant"), ("tests/nowhere", "assistant")] {
        let mut command = command(&["mcp", "install", "--client", "claude-code"]);
        command.env_remove("SANDGATE_STATE_DIR");
        command
            .args(["--context", context, "--policies"])
            .arg(repository(policies))
            .env("HOME", home.at(""));
        let (code, _, stderr) = finished(command.output().unwrap());
        let stderr = stderr.replace(repository("").to_str().unwrap(), "REPOSITORY/");
        shown.push_str(&format!("{}[{code}]\n", stderr.trim_start()));
    }
    assert_eq!(
        home.files(),
        [(".claude.json".to_owned(), "no JSON".to_owned())]
    );
    insta::assert_snapshot!(shown);
}
