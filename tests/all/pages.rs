//! The pages of `docs`, as they are read: every command of a `console` block is run, in the order of the page, and shows what stands
//! below it. `…` stands for what differs from one time to the next; alone on a line, for any lines. A block below a comment that names a
//! file is that file. What begins with `sandgate serve` goes on until the page ends.

use crate::support::{cache_dir, command, desk::Desk, finished, repository};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A page says what somebody's machine would: their home, their runtime directory, the directories of a service.
const PLACES: [(&str, &str); 6] = [
    ("/home/ada", "home"),
    ("/run/user/1000", "runtime"),
    ("/run/crm", "crm"),
    ("/etc/sandgate", "etc"),
    ("/var/lib/sandgate", "lib"),
    ("/run/sandgate", "serve"),
];

/// Images are those of the other tests.
const CACHE: &str = "/var/cache/sandgate";

struct Page {
    name: &'static str,
    desk: Desk,
    servers: Vec<(Child, BufReader<Box<dyn Read>>)>,
}

struct Shown {
    command: String,
    /// What stands below it.
    output: Vec<String>,
    line: usize,
}

impl Page {
    fn open(name: &'static str, registered: bool) -> Self {
        let desk = Desk::open();
        let page = Self {
            name,
            desk,
            servers: Vec::new(),
        };
        for (_, directory) in PLACES {
            fs::create_dir_all(page.place().join(directory)).unwrap();
        }
        let copied = Command::new("cp")
            .arg("-r")
            .arg(repository("policies"))
            .arg(page.place().join("home/policies"))
            .status();
        assert!(copied.unwrap().success());
        if registered {
            let socket = page.desk.socket();
            let add = [
                "service",
                "add",
                "crm",
                "--socket",
                socket.to_str().unwrap(),
            ];
            let (code, _, stderr) = finished(page.prepared(command(&add)).output().unwrap());
            assert_eq!(code, 0, "{stderr}");
        }
        page
    }

    fn place(&self) -> PathBuf {
        self.desk.work().parent().unwrap().to_owned()
    }

    /// As somebody would have it who has set nothing.
    fn prepared(&self, mut command: Command) -> Command {
        let place = self.place();
        let binary = Path::new(env!("CARGO_BIN_EXE_sandgate"));
        let path = std::env::var("PATH").unwrap();
        command
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", binary.parent().unwrap().display()),
            )
            .env("HOME", place.join("home"))
            .env("XDG_RUNTIME_DIR", place.join("runtime"))
            .env("TMPDIR", place.join("tmp"))
            .current_dir(place.join("home"));
        let settings = place.join("etc/sandgate.toml");
        if settings.exists() {
            command.env("SANDGATE_CONFIG", settings);
        } else {
            command.env("SANDGATE_CACHE_DIR", cache_dir());
        }
        command
    }

    /// A command or a file as it has to be here.
    fn here(&self, text: &str) -> String {
        let place = self.place();
        let text = PLACES
            .iter()
            .fold(text.to_owned(), |text, (page, directory)| {
                text.replace(page, place.join(directory).to_str().unwrap())
            });
        text.replace(CACHE, cache_dir().to_str().unwrap())
    }

    /// What was printed, as the page has it.
    fn there(&self, text: &str) -> String {
        let place = self.place();
        let text = PLACES
            .iter()
            .fold(text.to_owned(), |text, (page, directory)| {
                text.replace(place.join(directory).to_str().unwrap(), page)
            });
        text.replace(cache_dir().to_str().unwrap(), CACHE)
    }

    fn run(&mut self, shown: &Shown) -> Vec<String> {
        let mut shell = self.prepared(Command::new("bash"));
        // What cargo would build is there.
        let built = Path::new(env!("CARGO_BIN_EXE_sandgate")).with_file_name("examples");
        let script = shown.command.replace(
            "cargo run --release --example ",
            &format!("{}/", built.display()),
        );
        let script = self.here(&script);
        shell.stdin(Stdio::null()).stdout(Stdio::piped());
        if !shown.command.starts_with("sandgate serve") {
            shell.args(["-c", &format!("exec 2>&1\n{script}")]);
            let output = shell.output().unwrap();
            let said = self.there(&String::from_utf8(output.stdout).unwrap());
            return said.lines().map(ToOwned::to_owned).collect();
        }
        shell.args(["-c", &format!("exec 2>&1\nexec {script}")]);
        let mut child = shell.spawn().unwrap();
        let output: Box<dyn Read> = Box::new(child.stdout.take().unwrap());
        let mut says = BufReader::new(output);
        let mut lines = Vec::new();
        for _ in &shown.output {
            let mut line = String::new();
            says.read_line(&mut line).unwrap();
            lines.push(self.there(line.trim_end()));
        }
        self.servers.push((child, says));
        lines
    }

    /// Runs what the page shows.
    fn check(mut self) {
        let text = fs::read_to_string(repository("docs").join(self.name)).unwrap();
        let (commands, files) = blocks(&text);
        for (path, content) in files {
            fs::write(self.here(&path), self.here(&content)).unwrap();
        }
        assert!(!commands.is_empty());
        let mut wrong = String::new();
        for shown in &commands {
            let said = self.run(shown);
            if !fits(&shown.output, &said) {
                wrong.push_str(&format!(
                    "docs/{}:{}: $ {}\n{}\n",
                    self.name,
                    shown.line,
                    shown.command,
                    said.join("\n")
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "what is shown is not what is said:\n{wrong}"
        );
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        for (child, _) in &mut self.servers {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// The commands of a page, and its files.
fn blocks(text: &str) -> (Vec<Shown>, Vec<(String, String)>) {
    let (mut commands, mut files): (Vec<Shown>, _) = (Vec::new(), Vec::new());
    let (mut named, mut lines) = (None, text.lines().enumerate());
    while let Some((_, line)) = lines.next() {
        if let Some(path) = line
            .strip_prefix("<!-- ")
            .and_then(|line| line.strip_suffix(" -->"))
        {
            named = Some(path.to_owned());
        }
        let Some(kind) = line.strip_prefix("```") else {
            continue;
        };
        let block = lines.by_ref().take_while(|(_, line)| *line != "```");
        if kind != "console" {
            let content: String = block.map(|(_, line)| format!("{line}\n")).collect();
            files.extend(named.take().map(|path| (path, content)));
            continue;
        }
        let mut goes_on = false;
        for (at, line) in block {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push(Shown {
                    command: command.to_owned(),
                    output: Vec::new(),
                    line: at + 1,
                }),
                None => {
                    let last = commands.last_mut().expect("a block begins with a command");
                    if goes_on {
                        last.command = format!("{}\n{line}", last.command);
                    } else {
                        last.output.push(line.to_owned());
                    }
                }
            }
            goes_on = line.ends_with('\\');
        }
    }
    (commands, files)
}

/// Whether lines are as they are shown.
fn fits(shown: &[String], said: &[String]) -> bool {
    match (shown, said) {
        ([any, rest @ ..], _) if any == "…" => {
            (0..=said.len()).any(|from| fits(rest, &said[from..]))
        }
        ([line, rest @ ..], [first, more @ ..]) => {
            line_fits(&aligned(line), &aligned(first)) && fits(rest, more)
        }
        (shown, said) => shown.is_empty() && said.is_empty(),
    }
}

/// How far columns are from each other depends on how long paths are.
fn aligned(line: &str) -> String {
    let mut words = line.trim_end().split("  ").filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |line, word| format!("{line}  {}", word.trim_start()))
}

fn line_fits(shown: &str, said: &str) -> bool {
    match shown.split_once('…') {
        None => shown == said,
        Some((before, after)) => said.strip_prefix(before).is_some_and(|said| {
            let ends = said.char_indices().map(|(at, _)| at).chain([said.len()]);
            ends.into_iter().any(|at| line_fits(after, &said[at..]))
        }),
    }
}

#[test]
fn what_a_page_shows_is_compared_and_not_passed_over() {
    let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
    for (shown, said, is_right) in [
        ("a\nb", "a\nb", true),
        ("a\nb", "a", false),
        ("a", "a\nb", false),
        ("a…c", "abbbc", true),
        ("a…c", "abbb", false),
        ("…\nc", "a\nb\nc", true),
        ("a\n…", "a", true),
        ("a\n…\nc", "a\nb", false),
        ("name  x", "name          x", true),
        ("name  x", "name y", false),
    ] {
        assert_eq!(
            fits(&lines(shown), &lines(said)),
            is_right,
            "{shown:?} {said:?}"
        );
    }
    let (commands, files) =
        blocks("<!-- /a -->\n```toml\nb = 1\n```\n\n```console\n$ x \\\n  y\nz\n$ w\n```\n");
    assert_eq!(files, [("/a".to_owned(), "b = 1\n".to_owned())]);
    let commands: Vec<_> = commands
        .iter()
        .map(|one| (one.command.as_str(), one.output.join("\n"), one.line))
        .collect();
    assert_eq!(
        commands,
        [("x \\\n  y", "z".to_owned(), 7), ("w", String::new(), 10)]
    );
}

#[test]
fn whoever_has_an_agent_finds_what_is_said() {
    Page::open("AGENTS.md", true).check();
}

#[test]
fn an_operator_finds_what_is_said() {
    Page::open("OPERATORS.md", false).check();
}

#[test]
fn the_owner_of_a_service_finds_what_is_said() {
    Page::open("SERVICES.md", false).check();
}

#[test]
fn the_author_of_policies_finds_what_is_said() {
    Page::open("POLICIES.md", true).check();
}

#[test]
fn whoever_embeds_it_finds_what_is_said() {
    Page::open("EMBEDDERS.md", false).check();
}
