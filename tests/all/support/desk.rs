//! A CRM of which every call is asked about, and the command with a script that calls it.

use super::{cache_dir, command, finished, terminal::Session};
use sandgate::service::{Address, Client, ClientLimits, Store, Terms};
use sandgate_demo::{Crm, Serving};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::runtime::Runtime;

const POLICY: &str = "@because(\"A person looks first.\")\n@gate(\"approve\")\npermit (principal in Context::\"gated\", action, resource == Service::\"crm\");\n";

pub(crate) struct Desk {
    place: tempfile::TempDir,
    _serving: Serving,
    _executor: Runtime,
}

impl Desk {
    pub(crate) fn open() -> Self {
        let executor = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let socket = at("crm/rpc.sock");
        let serving = {
            let _entered = executor.enter();
            Crm::in_memory().serve(&socket).unwrap()
        };
        let client = Client::new(ClientLimits::default());
        let address = Address::http(&socket).unwrap();
        let document = executor.block_on(client.discover(&address)).unwrap();
        // Long texts are what some questions are about.
        let document = document
            .get()
            .replace("\"maxLength\":200", "\"maxLength\":4000");
        let mut store = Store::open(&at("state")).unwrap();
        store
            .add(
                "crm",
                &address,
                &Terms::default(),
                document.as_bytes(),
                false,
            )
            .unwrap();
        fs::create_dir_all(at("policies/gated")).unwrap();
        fs::write(at("policies/gated/policy.cedar"), POLICY).unwrap();
        fs::write(at("policies/gated/limits.toml"), "hero_context = 1\n").unwrap();
        fs::create_dir(at("tmp")).unwrap();
        fs::create_dir(at("work")).unwrap();
        Self {
            place,
            _serving: serving,
            _executor: executor,
        }
    }

    /// Says more of the limits of its context.
    pub(crate) fn limit(&self, limits: &str) {
        let text = format!("hero_context = 1\n{limits}");
        fs::write(self.place.path().join("policies/gated/limits.toml"), text).unwrap();
    }

    /// A directory that a script may work in.
    pub(crate) fn work(&self) -> PathBuf {
        self.place.path().join("work")
    }

    /// Where it is registered.
    pub(crate) fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    /// Where its context is.
    pub(crate) fn policies(&self) -> PathBuf {
        self.place.path().join("policies")
    }

    /// Where the CRM listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.place.path().join("crm/rpc.sock")
    }

    /// An MCP server of a context of these policies, on behalf of nobody.
    pub(crate) fn mcp(&self, policies: &Path, context: &str) -> Command {
        let mut command = self.operator(&["mcp", "--context", context]);
        command
            .arg("--policies")
            .arg(policies)
            .env("TMPDIR", self.place.path().join("tmp"));
        command
    }

    /// A server of the contexts of these policies.
    pub(crate) fn serve(&self, policies: &Path, arguments: &[&str]) -> Command {
        let mut command = self.operator(&["serve", "--instances", "16"]);
        command
            .arg("--policies")
            .arg(policies)
            .args(arguments)
            .env("XDG_RUNTIME_DIR", self.place.path().join("tmp"))
            .env("TMPDIR", self.place.path().join("tmp"));
        command
    }

    /// Where a server listens that is told nothing else.
    pub(crate) fn rpc(&self) -> PathBuf {
        self.place.path().join("tmp/sandgate/rpc.sock")
    }

    /// Runs a script that may call the CRM if a person says so.
    pub(crate) fn run(&self, arguments: &[&str], script: &str) -> Command {
        let (state, policies) = (
            self.place.path().join("state"),
            self.place.path().join("policies"),
        );
        let mut command = command(&["run", "--context", "gated", "--claim", "crm.admin"]);
        command
            .arg("--policies")
            .arg(policies)
            .arg("--state-dir")
            .arg(state)
            .args(arguments)
            .args(["-c", script])
            .env("TMPDIR", self.place.path().join("tmp"));
        command
    }

    /// The same at a terminal.
    pub(crate) fn session(&self, arguments: &[&str], script: &str) -> Session {
        Session::open(&self.run(arguments, script))
    }

    /// A prompt in the same context.
    pub(crate) fn prompt(&self) -> Session {
        let mut command = self.operator(&["repl", "--context", "gated", "--claim", "crm.admin"]);
        command.arg("--policies").arg(self.policies());
        Session::open(&command)
    }

    /// Another command, by the operator.
    pub(crate) fn operator(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command
            .arg("--state-dir")
            .arg(self.place.path().join("state"))
            .env("SANDGATE_CACHE_DIR", cache_dir());
        command
    }

    /// How many contacts there are.
    pub(crate) fn contacts(&self) -> u64 {
        let output = self
            .operator(&["service", "test", "crm", "stats.count"])
            .output()
            .unwrap();
        let (_, stdout, stderr) = finished(output);
        let stats: serde_json::Value = serde_json::from_str(&stdout).expect(&stderr);
        stats["contacts"].as_u64().unwrap()
    }

    /// What commands left among the temporary files.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let tmp = fs::read_dir(self.place.path().join("tmp")).unwrap();
        tmp.map(|entry| entry.unwrap().path()).collect()
    }
}
