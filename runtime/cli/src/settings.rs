//! `sandgate.toml`: what an operator would otherwise repeat as flags. Read by `lib` before any command starts, and shown by `config`.
//!
//! Flags win over the environment, the environment over the file, the file over the defaults: the file's values become the
//! defaults of the arguments that they stand for. Whoever can write the file says where policies are and whom a server believes, so
//! it is used only when that is its owner alone, and a key that nobody knows keeps everything from starting: it would be a
//! limit that nobody keeps. THREAT[POL-07]

use super::values::{self, Collector};
use clap::{
    Command,
    builder::{OsStr, Resettable},
};
use miette::Diagnostic;
use sandgate::{
    places,
    policy::{self, FileError, Unusable},
};
use sandgate_policy::{Fields, File, Placed, Problem, integer, texts, with_table};
use sandgate_server::DeskUrl;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::ErrorKind,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};
use toml::de::DeValue;

/// In the place of a file: there is to be none.
pub(super) const NO_FILE: &str = "none";

const KEYS: &[&str] = &["state_dir", "cache_dir", "policies", "journal", "serve"];
const JOURNAL_KEYS: &[&str] = &["keep", "most", "required", "key_file"];
const SERVE_KEYS: &[&str] = &[
    "socket",
    "listen",
    "issuer",
    "desk",
    "desk_url",
    "hosts",
    "contexts",
    "actor",
    "trust_headers",
    "instances",
    "queue",
    "connections",
    "grace",
    "telemetry",
];

/// What the file says, where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) file: Option<PathBuf>,
    /// On which line of it each setting stands.
    lines: BTreeMap<&'static str, usize>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) cache_dir: Option<PathBuf>,
    pub(super) policies: Option<PathBuf>,
    pub(super) journal: JournalSettings,
    pub(super) serve: ServeSettings,
}

/// How the journal is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct JournalSettings {
    pub(super) keep: Option<Duration>,
    pub(super) most: Option<u64>,
    pub(super) required: Option<bool>,
    pub(super) key_file: Option<PathBuf>,
}

/// What `sandgate serve` does if its arguments do not say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServeSettings {
    pub(super) socket: Option<PathBuf>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) issuer: Option<PathBuf>,
    pub(super) desk: Option<SocketAddr>,
    /// What `sandgate mcp` tells clients as well.
    pub(super) desk_url: Option<DeskUrl>,
    pub(super) hosts: Vec<String>,
    pub(super) contexts: Vec<String>,
    pub(super) actor: Option<String>,
    pub(super) trust_headers: Option<bool>,
    pub(super) instances: Option<NonZeroU32>,
    pub(super) queue: Option<NonZeroU32>,
    pub(super) connections: Option<NonZeroU32>,
    pub(super) grace: Option<Duration>,
    pub(super) telemetry: Option<Collector>,
}

/// Why nothing is started.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(super) enum SettingsError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unusable(#[from] Unusable),
}

/// Where the file is to be looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct SettingsPlace<'a> {
    /// `--config`, or its variable.
    pub(super) named: Option<&'a Path>,
    /// `--state-dir`, or its variable.
    pub(super) state: Option<&'a Path>,
}

impl SettingsPlace<'_> {
    /// Where the file is, where there is one. One that was named has to be there.
    pub(super) fn found(self) -> Option<PathBuf> {
        match self.named {
            Some(named) if named == Path::new(NO_FILE) => None,
            Some(named) => Some(named.to_owned()),
            None => self.usual().find(|path| exists(path)),
        }
    }

    /// Where it is, or would be looked for first.
    pub(super) fn path(self) -> Option<PathBuf> {
        self.found().or_else(|| match self.named {
            Some(_) => None,
            None => places::config_file().or_else(|| self.usual().next()),
        })
    }

    /// A state directory that was named has its own file before the user's.
    fn usual(self) -> impl Iterator<Item = PathBuf> {
        let in_state = |state: PathBuf| state.join(places::CONFIG_NAME);
        let named = self.state.map(Path::to_owned).map(in_state);
        let own = places::state_dir().filter(|_| self.state.is_none());
        let own = own.map(in_state);
        named.into_iter().chain(places::config_file()).chain(own)
    }
}

fn exists(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        // What cannot be looked at is no file that is absent.
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

impl Settings {
    /// Reads the file that counts.
    pub(super) fn find(place: SettingsPlace<'_>) -> Result<Self, SettingsError> {
        match place.found() {
            None => Ok(Self::default()),
            Some(path) => Self::read(&path),
        }
    }

    fn read(path: &Path) -> Result<Self, SettingsError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let text = policy::read(&path)?;
        let name = path.display().to_string();
        let file = File {
            name: &name,
            text: &text,
        };
        let directory = path.parent().unwrap_or(&path).to_owned();
        let mut settings = Self::parse(file, &directory)?;
        settings.file = Some(path);
        Ok(settings)
    }

    /// What a text says. Relative paths are from a directory.
    fn parse(file: File<'_>, directory: &Path) -> Result<Self, Unusable> {
        with_table(file, |table| {
            let mut reader = SettingsReader {
                text: file.text,
                directory,
                lines: BTreeMap::new(),
            };
            let mut fields = Fields::new(table, 0..0, KEYS);
            let state_dir = reader.path(&mut fields, "state_dir", "state_dir");
            let cache_dir = reader.path(&mut fields, "cache_dir", "cache_dir");
            let policies = reader.path(&mut fields, "policies", "policies");
            let mut problems = Vec::new();
            let (mut journal, mut serve) = Default::default();
            if let Some((table, place)) = fields.read("journal", TABLE, DeValue::as_table) {
                let mut fields = Fields::new(table, place, JOURNAL_KEYS);
                journal = reader.journal(&mut fields);
                problems.append(&mut fields.problems);
            }
            if let Some((table, place)) = fields.read("serve", TABLE, DeValue::as_table) {
                let mut fields = Fields::new(table, place, SERVE_KEYS);
                serve = reader.serve(&mut fields);
                problems.append(&mut fields.problems);
            }
            fields.problems.append(&mut problems);
            if fields.problems.is_empty() {
                Ok(Self {
                    file: None,
                    lines: reader.lines,
                    state_dir,
                    cache_dir,
                    policies,
                    journal,
                    serve,
                })
            } else {
                Err(fields.problems)
            }
        })
        .map_err(|problems| Unusable::new(file, problems))
    }

    /// On which line a setting stands, where it does.
    pub(super) fn line(&self, setting: &str) -> Option<usize> {
        self.lines.get(setting).copied()
    }

    /// The same command, in which arguments that are not given are what the file says.
    pub(super) fn apply(&self, command: Command) -> Command {
        let directories = [
            ("state_dir", &self.state_dir),
            ("cache_dir", &self.cache_dir),
        ];
        let mut command = command;
        for (argument, value) in directories {
            if let Some(value) = value {
                command = with_default(command, argument, value.clone());
            }
        }
        if let Some(policies) = &self.policies {
            command = with_policies(command, policies);
        }
        if self.serve == ServeSettings::default() {
            return command;
        }
        let command = match &self.serve.desk_url {
            Some(url) => {
                command.mut_subcommand("mcp", |mcp| with_default(mcp, "desk_url", url.to_string()))
            }
            None => command,
        };
        command.mut_subcommand("serve", |serve| self.serve.apply(serve))
    }
}

impl ServeSettings {
    fn apply(&self, command: Command) -> Command {
        let port = |port: Option<SocketAddr>| Some(OsString::from(port?.to_string()));
        let time = |time: Duration| humantime::format_duration(time).to_string();
        let number = |number: Option<NonZeroU32>| Some(OsString::from(number?.to_string()));
        let single = [
            ("socket", self.socket.clone().map(OsString::from)),
            ("listen", port(self.listen)),
            ("issuer", self.issuer.clone().map(OsString::from)),
            ("desk", port(self.desk)),
            (
                "desk_url",
                self.desk_url.as_ref().map(|url| url.to_string().into()),
            ),
            ("actor", self.actor.clone().map(OsString::from)),
            (
                "trust_headers",
                self.trust_headers.map(|trusts| trusts.to_string().into()),
            ),
            ("instances", number(self.instances)),
            ("queue", number(self.queue)),
            ("connections", number(self.connections)),
            ("grace", self.grace.map(|grace| time(grace).into())),
            (
                "telemetry",
                self.telemetry.as_ref().map(|at| at.to_string().into()),
            ),
        ];
        let mut command = command;
        for (argument, value) in single {
            if let Some(value) = value {
                command = with_default(command, argument, value);
            }
        }
        if self.listen.or(self.desk).is_some() {
            // What needs a port has one.
            for argument in ["no_socket", "hosts", "issuer"] {
                command =
                    command.mut_arg(argument, |argument| argument.requires(Resettable::Reset));
            }
        }
        for (argument, values) in [("hosts", &self.hosts), ("contexts", &self.contexts)] {
            if !values.is_empty() {
                command = command.mut_arg(argument, |argument| {
                    argument.default_values(values.iter().map(OsStr::from))
                });
            }
        }
        command
    }
}

fn with_default(command: Command, argument: &str, value: impl Into<OsString>) -> Command {
    let value = OsStr::from(value.into());
    command.mut_arg(argument, |argument| argument.default_value(value))
}

/// Every command that takes a directory of policies takes this one.
fn with_policies(command: Command, policies: &Path) -> Command {
    let takes = |command: &Command| {
        let mut arguments = command.get_arguments();
        arguments.any(|argument| argument.get_id() == "policies")
    };
    let mut command = command;
    if takes(&command) {
        command = with_default(command, "policies", policies);
    }
    let below: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    for name in below {
        command = command.mut_subcommand(name, |below| with_policies(below, policies));
    }
    command
}

const TABLE: &str = "a table";

/// Reads settings, and notes where they stand.
struct SettingsReader<'a> {
    text: &'a str,
    directory: &'a Path,
    lines: BTreeMap<&'static str, usize>,
}

impl SettingsReader<'_> {
    fn journal(&mut self, fields: &mut Fields<'_>) -> JournalSettings {
        JournalSettings {
            keep: self.take("journal.keep", fields, |fields| {
                fields.read("keep", "an age such as \"90d\"", age)
            }),
            most: self.take("journal.most", fields, |fields| {
                fields.read("most", "a size such as \"2GiB\"", size)
            }),
            required: self.flag(fields, "journal.required", "required"),
            key_file: self.path(fields, "journal.key_file", "key_file"),
        }
    }

    fn serve(&mut self, fields: &mut Fields<'_>) -> ServeSettings {
        ServeSettings {
            socket: self.path(fields, "serve.socket", "socket"),
            listen: self.port(fields, "serve.listen", "listen", "127.0.0.1:8722"),
            issuer: self.path(fields, "serve.issuer", "issuer"),
            desk: self.port(fields, "serve.desk", "desk", "127.0.0.1:8723"),
            desk_url: self.take("serve.desk_url", fields, |fields| {
                let expected = "an address such as \"https://desk.example.org\"";
                fields.read("desk_url", expected, |value| value.as_str()?.parse().ok())
            }),
            hosts: self.names(fields, "serve.hosts", "hosts", "[\"agents.example.org\"]"),
            contexts: self.names(fields, "serve.contexts", "contexts", "[\"assistant\"]"),
            actor: self.take("serve.actor", fields, |fields| {
                fields.read("actor", "a name such as \"bot\"", |value| {
                    value
                        .as_str()
                        .filter(|name| !name.is_empty())
                        .map(ToOwned::to_owned)
                })
            }),
            trust_headers: self.flag(fields, "serve.trust_headers", "trust_headers"),
            instances: self.number(fields, "serve.instances", "instances"),
            queue: self.number(fields, "serve.queue", "queue"),
            connections: self.number(fields, "serve.connections", "connections"),
            grace: self.take("serve.grace", fields, |fields| {
                fields.read("grace", "a time such as \"10s\"", |value| {
                    values::time(value.as_str()?).ok()
                })
            }),
            telemetry: self.take("serve.telemetry", fields, |fields| {
                let expected = "a collector such as \"http://127.0.0.1:4318\"";
                fields.read("telemetry", expected, |value| value.as_str()?.parse().ok())
            }),
        }
    }

    /// A value, if there is one, whose line is noted.
    fn take<'f, T>(
        &mut self,
        setting: &'static str,
        fields: &mut Fields<'f>,
        read: impl FnOnce(&mut Fields<'f>) -> Option<Placed<T>>,
    ) -> Option<T> {
        let (value, place) = read(fields)?;
        let before = self.text.get(..place.start).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        self.lines.insert(setting, line);
        Some(value)
    }

    fn port(
        &mut self,
        fields: &mut Fields<'_>,
        setting: &'static str,
        key: &str,
        example: &str,
    ) -> Option<SocketAddr> {
        let expected = format!("an address such as \"{example}\"");
        let port = |value: &DeValue<'_>| value.as_str()?.parse().ok();
        self.take(setting, fields, |fields| fields.read(key, &expected, port))
    }

    fn number(
        &mut self,
        fields: &mut Fields<'_>,
        setting: &'static str,
        key: &str,
    ) -> Option<NonZeroU32> {
        let number = |value: &DeValue<'_>| NonZeroU32::new(u32::try_from(integer(value)?).ok()?);
        self.take(setting, fields, |fields| {
            fields.read(key, "a whole number from 1 up", number)
        })
    }

    fn flag(&mut self, fields: &mut Fields<'_>, setting: &'static str, key: &str) -> Option<bool> {
        self.take(setting, fields, |fields| {
            fields.read(key, "true or false", DeValue::as_bool)
        })
    }

    /// A path: from the file's directory where it is relative, and from the home directory where it begins with `~/`.
    fn path(
        &mut self,
        fields: &mut Fields<'_>,
        setting: &'static str,
        key: &str,
    ) -> Option<PathBuf> {
        let directory = self.directory;
        let path = |value: &DeValue<'_>| {
            let text = value.as_str().filter(|text| !text.is_empty())?;
            match text.strip_prefix("~/") {
                Some(rest) => Some(places::home()?.join(rest)),
                None => Some(directory.join(text)),
            }
        };
        self.take(setting, fields, |fields| fields.read(key, "a path", path))
    }

    fn names(
        &mut self,
        fields: &mut Fields<'_>,
        setting: &'static str,
        key: &str,
        example: &str,
    ) -> Vec<String> {
        let expected = format!("a list of names such as {example}");
        let names = self.take(setting, fields, |fields| {
            let (names, place) = fields.read(key, &expected, texts)?;
            if names.is_empty() {
                let problem = Problem::new(format!("`{key}` names nothing"))
                    .at(place)
                    .help(format!("it is {expected}; or leave it out"));
                fields.problems.push(problem);
                return None;
            }
            Some((names, place))
        });
        let names = names.unwrap_or_default().into_iter();
        names.map(|(name, _)| name.to_owned()).collect()
    }
}

fn age(value: &DeValue<'_>) -> Option<Duration> {
    let age = values::age(value.as_str()?).ok()?;
    (!age.is_zero()).then_some(age)
}

fn size(value: &DeValue<'_>) -> Option<u64> {
    let size = values::size(value.as_str()?).ok()?.as_u64();
    (size > 0).then_some(size)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Settings, Vec<String>> {
        let file = File {
            name: "sandgate.toml",
            text,
        };
        Settings::parse(file, Path::new("/etc/sandgate")).map_err(|unusable| {
            let problems = unusable.findings().into_iter();
            problems
                .map(|found| {
                    let line = found.line.unwrap_or_default();
                    let help = found
                        .help
                        .map_or_else(String::new, |help| format!("; {help}"));
                    format!("{line}: {}{help}", found.message)
                })
                .collect()
        })
    }

    #[test]
    fn every_setting_is_read_with_the_line_that_it_stands_on() {
        let text = r#"
            state_dir = "state"
            cache_dir = "/var/cache/sandgate"
            policies = "../policies"
            [journal]
            keep = "90d"
            most = "2GiB"
            required = true
            key_file = "journal.key"
            [serve]
            socket = "/run/sandgate/rpc.sock"
            listen = "127.0.0.1:8722"
            issuer = "issuer.toml"
            desk = "127.0.0.1:8723"
            desk_url = "https://desk.example.org"
            hosts = ["agents.example.org"]
            contexts = ["assistant", "office"]
            actor = "bot"
            trust_headers = false
            instances = 8
            queue = 128
            connections = 512
            grace = "30s"
            telemetry = "http://127.0.0.1:4318"
        "#;
        let settings = parsed(text).unwrap();
        let known = [
            ("", KEYS),
            ("journal.", JOURNAL_KEYS),
            ("serve.", SERVE_KEYS),
        ];
        let mut lines = Vec::new();
        for (table, keys) in known {
            for key in keys
                .iter()
                .filter(|key| !["journal", "serve"].contains(key))
            {
                lines.push(settings.line(&format!("{table}{key}")).unwrap());
            }
        }
        assert_eq!(
            lines,
            [
                2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24
            ]
        );
        assert_eq!(
            (settings.state_dir, settings.policies, settings.journal.most),
            (
                Some("/etc/sandgate/state".into()),
                Some("/etc/sandgate/../policies".into()),
                Some(2 << 30)
            )
        );
    }

    #[test]
    fn what_is_not_known_and_what_is_no_such_value_is_refused_all_at_once() {
        let wrong = "state-dir = \"state\"\n[journal]\nkeep = \"old\"\nmost = 5\n[serve]\nlistn = \"x\"\nlisten = \"8722\"\nhosts = []\ninstances = 0\nqueue = \"9\"\nconnections = -1\ngrace = \"0s\"\ntelemetry = \"http://collector.example.org\"\n";
        assert_eq!(
            parsed(wrong).unwrap_err(),
            [
                "1: `state-dir` is not known here; did you mean `state_dir`?",
                "3: `keep` is not an age such as \"90d\"",
                "4: `most` is not a size such as \"2GiB\"",
                "6: `listn` is not known here; did you mean `listen`?",
                "7: `listen` is not an address such as \"127.0.0.1:8722\"",
                "8: `hosts` names nothing; it is a list of names such as [\"agents.example.org\"]; or leave it out",
                "9: `instances` is not a whole number from 1 up",
                "10: `queue` is not a whole number from 1 up",
                "11: `connections` is not a whole number from 1 up",
                "12: `grace` is not a time such as \"10s\"",
                "13: `telemetry` is not a collector such as \"http://127.0.0.1:4318\"",
            ]
        );
        assert_eq!(
            parsed("journal = 5").unwrap_err(),
            ["1: `journal` is not a table"]
        );
        assert_eq!(parsed(""), Ok(Settings::default()));
    }
}
