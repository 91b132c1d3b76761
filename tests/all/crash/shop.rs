//! A state directory with the shop registered, and the commands that act on it, of which one may be told to die at a place.

use crate::support::{
    command,
    witness::{MadeChange, Witness, document},
};
use sandgate::{
    Entry, Id, Journal, PastRun, Purpose, RunFilter, RunRow,
    service::{Address, Store, Terms},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

const POLICY: &str = "@because(\"It may.\") permit (principal, action, resource) unless { action == Action::\"shop.item.order\" };
@because(\"A person looks first.\") @gate(\"approve\") permit (principal, action == Action::\"shop.item.order\", resource);\n";

/// What a person does, one command each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Run,
    Plan,
    /// Agrees to everything that waits, and leaves it waiting.
    Approve,
    /// Goes on with the run that is not over.
    Resume,
    /// Approves the plan.
    Carry,
    Undo,
    /// Two scripts of one session of an agent.
    Session,
}

/// How a command came out.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Finished {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The places that it passed and was to say so.
    pub(super) fn passed(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines.filter_map(|line| line.strip_prefix("at ")).collect()
    }

    /// The last line that it said to people, without names.
    pub(super) fn said(&self) -> String {
        let stderr = crate::support::without_names(&self.stderr);
        let lines = stderr.lines().map(str::trim_start);
        let mut said = lines.filter_map(|line| line.strip_prefix("× "));
        said.next().unwrap_or_default().to_owned()
    }
}

pub(super) struct Shop {
    place: tempfile::TempDir,
    witness: Witness,
    tag: String,
}

impl Shop {
    /// A new state, for a script in which `TAG` is what the shop knows it by.
    pub(super) fn open(witness: &Witness, script: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let tag = place.path().to_string_lossy().into_owned();
        let at = |name: &str| place.path().join(name);
        let terms = Terms {
            trusted: true,
            ..Terms::default()
        };
        let mut store = Store::open(&at("state")).unwrap();
        let address = Address::http(witness.socket()).unwrap();
        let document = document().to_string();
        let added = store.add("shop", &address, &terms, document.as_bytes(), false);
        added.unwrap();
        fs::create_dir_all(at("policies/assistant")).unwrap();
        fs::write(at("policies/assistant/policy.cedar"), POLICY).unwrap();
        let limits = "hero_context = 1\nquestions = 100\n";
        fs::write(at("policies/assistant/limits.toml"), limits).unwrap();
        fs::write(at("script.py"), script.replace("TAG", &tag)).unwrap();
        Self {
            witness: witness.clone(),
            tag,
            place,
        }
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(super) fn journal(&self) -> Journal {
        Journal::open(&self.at("state")).unwrap()
    }

    pub(super) fn made(&self) -> Vec<MadeChange> {
        self.witness.made(&self.tag)
    }

    pub(super) fn made_shown(&self) -> Vec<String> {
        self.made().iter().map(MadeChange::shown).collect()
    }

    /// Runs, oldest first.
    pub(super) fn runs(&self) -> Vec<RunRow> {
        let mut runs = self.journal().runs(&RunFilter::default()).unwrap();
        runs.reverse();
        runs
    }

    /// The run of a script, or a plan.
    pub(super) fn run_of(&self, of: Option<Purpose>) -> Option<Id> {
        let mut runs = self.runs().into_iter();
        runs.find(|row| row.of == of).map(|row| row.run)
    }

    fn named(&self, of: Option<Purpose>) -> String {
        let run = self.run_of(of);
        run.map_or_else(|| "none".to_owned(), |run| run.to_string())
    }

    /// A command of an operator.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.arg("--state-dir").arg(self.at("state"));
        command
    }

    /// The same in a context.
    pub(super) fn with_policies(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.arg("--policies").arg(self.at("policies"));
        command
    }

    /// The command of a step, not started.
    pub(super) fn step(&self, step: Step) -> Command {
        match step {
            Step::Run | Step::Plan => {
                let word = if step == Step::Run { "run" } else { "plan" };
                let mut command = self.with_policies(&[word, "--context", "assistant"]);
                command.arg(self.at("script.py"));
                command
            }
            Step::Approve => {
                let run = self.named(None);
                let mut command =
                    self.with_policies(&["approve", "--all", "--no-resume", "--as", "bob"]);
                command.args(["--run", &run]);
                command
            }
            Step::Resume => self.with_policies(&["resume", &self.named(None)]),
            Step::Carry => {
                let plan = self.named(Some(Purpose::Plan));
                self.with_policies(&["approve", &plan, "--as", "bob"])
            }
            Step::Undo => self.with_policies(&["undo", &self.named(None)]),
            Step::Session => self.with_policies(&["mcp", "--context", "assistant"]),
        }
    }

    /// Does a step, and has something happen at a place.
    pub(super) fn perform(&self, step: Step, told: Option<&str>) -> Finished {
        let mut command = self.step(step);
        if let Some(told) = told {
            command.env("SANDGATE_FAILPOINT", told);
        }
        if step == Step::Session {
            let script = fs::read_to_string(self.at("script.py")).unwrap();
            converse(command, &script)
        } else {
            Finished::of(command.output().unwrap())
        }
    }

    pub(super) fn operator(&self, arguments: &[&str]) -> Finished {
        Finished::of(self.command(arguments).output().unwrap())
    }

    /// What has to hold whenever nothing runs: the journal is whole, whatever was made has its line, and what may have been made and
    /// has no answer is said to be unknown, and nothing else.
    pub(super) fn is_sound(&self) {
        let journal = self.journal();
        assert_eq!(journal.verify().unwrap().problems, []);
        let mut intended: BTreeMap<String, usize> = BTreeMap::new();
        let mut open: BTreeMap<(Id, u32), bool> = BTreeMap::new();
        let mut methods = BTreeMap::new();
        for line in journal.lines(None, 0, 100_000).unwrap() {
            match Entry::decode(&line.body).unwrap() {
                Entry::Called { call, method, .. } => {
                    methods.insert((line.run, call), method.to_string());
                }
                Entry::Intended {
                    call, params, key, ..
                } => {
                    let method = &methods[&(line.run, call)];
                    let params = journal.held(&params).unwrap();
                    *intended.entry(format!("{method} {params}")).or_default() += 1;
                    open.insert((line.run, call), key.is_some());
                }
                Entry::Replied { call, .. } | Entry::Resolved { call, .. } => {
                    open.remove(&(line.run, call));
                }
                _ => {}
            }
        }
        for made in self.made() {
            let line = format!("{} {}", made.method, made.params);
            let left = intended.get_mut(&line).unwrap_or_else(|| panic!("{line}"));
            *left = left.checked_sub(1).unwrap_or_else(|| panic!("{line}"));
        }
        for row in self.runs() {
            let past = PastRun::read(&journal, &row.run.to_string()).unwrap();
            let unknown: Vec<u32> = past.unknown().iter().map(|(call, _)| *call).collect();
            let of_it = open.iter().filter(|((run, _), _)| *run == row.run);
            let expected: Vec<u32> = of_it
                .filter(|(_, is_named)| !**is_named && row.status == "interrupted")
                .map(|((_, call), _)| *call)
                .collect();
            assert_eq!(unknown, expected, "{}", row.status);
        }
    }

    /// Calls of which only a person can tell.
    pub(super) fn unknown(&self) -> usize {
        let journal = self.journal();
        let runs = self.runs().into_iter();
        let past = runs.map(|row| PastRun::read(&journal, &row.run.to_string()).unwrap());
        past.map(|past| past.unknown().len()).sum()
    }

    /// What a person does after a crash: looks at the shop, says what became of what is unknown, agrees to what waits, and has every
    /// run go on until it is over.
    pub(super) fn go_on(&self) {
        for _ in 0..20 {
            let open: Vec<RunRow> = self.runs();
            let open: Vec<RunRow> = open.into_iter().filter(|row| row.ended.is_none()).collect();
            if open.is_empty() {
                return;
            }
            for row in open {
                let run = row.run.to_string();
                self.resolve(&run);
                let waits = self.journal().approvals(&sandgate::ApprovalFilter {
                    run: Some(row.run),
                    ..Default::default()
                });
                let is_pending =
                    |row: &sandgate::ApprovalRow| row.state == sandgate::ApprovalState::Pending;
                if waits.unwrap().iter().any(is_pending) {
                    let mut approve = self.with_policies(&["approve", "--all", "--no-resume"]);
                    approve.args(["--as", "bob", "--run", &run]);
                    let approved = Finished::of(approve.output().unwrap());
                    assert_eq!(approved.code, Some(0), "{approved:#?}");
                }
                let mut resume = self.with_policies(&["resume", &run]);
                let resumed = Finished::of(resume.output().unwrap());
                if self.is_session(&row) {
                    assert!(
                        resumed.said().ends_with("come while it runs"),
                        "{resumed:#?}"
                    );
                    return;
                }
                assert_ne!(resumed.code, Some(64), "{row:#?} {resumed:#?}");
            }
        }
        panic!("it does not come to an end: {:#?}", self.runs());
    }

    /// Whether nobody goes on with it.
    fn is_session(&self, row: &RunRow) -> bool {
        let lines = self.journal().lines(Some(row.run), 0, 1).unwrap();
        matches!(Entry::decode(&lines[0].body).unwrap(), Entry::Begun(begun) if begun.session)
    }

    /// Says of each call that is unknown what the shop knows of it.
    fn resolve(&self, run: &str) {
        let journal = self.journal();
        let past = PastRun::read(&journal, run).unwrap();
        let mut made = self.made();
        let mut sent = Vec::new();
        for line in journal.lines(None, 0, 100_000).unwrap() {
            if let Entry::Intended { call, params, .. } = Entry::decode(&line.body).unwrap() {
                sent.push((line.run.to_string(), call, journal.held(&params).unwrap()));
            }
        }
        for (call, method) in past.unknown() {
            let (_, _, params) = sent
                .iter()
                .find(|sent| sent.0 == run && sent.1 == call)
                .unwrap();
            let method = method.strip_prefix("shop.").unwrap();
            // What another call with the same parameters made is not this one's.
            let others = sent.iter().filter(|sent| sent.2 == *params).count() - 1;
            let of_these = |made: &MadeChange| made.method == method && made.params == *params;
            let same: Vec<u64> = made
                .iter()
                .filter(|made| of_these(made))
                .map(|made| made.id)
                .collect();
            let mut resolve = self.command(&["resolve", run, &call.to_string(), "--as", "ada"]);
            match same.first() {
                Some(id) if others == 0 => {
                    resolve.arg("--result").arg(json!({ "id": id }).to_string());
                    made.retain(|made| made.id != *id);
                }
                _ => {
                    resolve.arg("--not-made");
                }
            }
            let resolved = Finished::of(resolve.output().unwrap());
            assert_eq!(resolved.code, Some(0), "{resolved:#?}");
        }
    }

    /// Whether a step has had its effect, or one that a run has to see to.
    pub(super) fn is_done(&self, step: Step) -> bool {
        let runs = self.runs();
        let main = self.run_of(None);
        let has = |of: &dyn Fn(&RunRow) -> bool| runs.iter().any(of);
        match step {
            Step::Run | Step::Session => main.is_some(),
            Step::Plan => has(&|row| row.of == Some(Purpose::Plan)),
            Step::Approve | Step::Resume => {
                has(&|row| Some(row.run) == main && row.ended.is_some())
            }
            Step::Carry => {
                has(&|row| matches!(row.of, Some(Purpose::Carry(_))) && row.status == "ok")
            }
            Step::Undo => {
                has(&|row| matches!(row.of, Some(Purpose::Undo(_))) && row.status == "ok")
            }
        }
    }
}

/// A client that has two scripts run in one session, for as long as there is a server.
fn converse(mut command: Command, script: &str) -> Finished {
    let (first, second) = script.split_once("# next\n").unwrap();
    let mut server = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = server.stdin.take().unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    let execute =
        |code: &str| json!({"name": "execute_code", "arguments": {"code": code, "session": "s"}});
    let begin = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    });
    let mut stdout = String::new();
    for (id, method, params) in [
        (1, "initialize", begin),
        (0, "notifications/initialized", json!({})),
        (2, "tools/call", execute(first)),
        (3, "tools/call", execute(second)),
    ] {
        let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if id > 0 {
            message["id"] = json!(id);
        }
        // Whoever has died hears nothing.
        if writeln!(input, "{message}").is_err() {
            break;
        }
        if id > 0 && output.read_line(&mut stdout).unwrap() == 0 {
            break;
        }
    }
    drop(input);
    output.read_to_string(&mut stdout).unwrap();
    let ended = server.wait_with_output().unwrap();
    Finished {
        stdout,
        ..Finished::of(ended)
    }
}

/// The lines of a process that are on their way, up to where it waits.
pub(super) fn until_it_waits(stderr: impl Read, place: &str) -> BufReader<impl Read> {
    let mut reader = BufReader::new(stderr);
    let mut line = String::new();
    while line != format!("at {place}\n") {
        line.clear();
        assert_ne!(
            reader.read_line(&mut line).unwrap(),
            0,
            "it ended before {place}"
        );
    }
    reader
}
