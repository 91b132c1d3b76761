//! `sandgate config`: which settings count, and where each comes from. For whoever wonders why a command does what it does. It must only
//! ever show what a command would be given, and never decide it anew.

use super::{
    exit::Exit,
    failure::Failure,
    print,
    reach::PoliciesArgument,
    settings::{NO_FILE, SettingsPlace},
    shared::SharedArguments,
};
use bytesize::ByteSize;
use clap::{ArgMatches, Args, Subcommand, parser::ValueSource};
use sandgate::{places, policy::Principal};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const EXAMPLES: &str = "\
A file of settings is sandgate.toml. All of it may be left out:

  state_dir = \"/var/lib/sandgate\"
  cache_dir = \"/var/cache/sandgate\"
  policies = \"policies\"              # a relative path is from the directory of the file

  [journal]
  keep = \"90d\"                       # runs that ended longer ago are removed
  most = \"2GiB\"                      # and the oldest, while more than this is kept
  required = true                    # nothing is called, not even to read, while it cannot be written
  key_file = \"journal.key\"           # what it holds is sealed with this; see `sandgate journal key --help`

  [serve]                            # what `sandgate serve` is not told on its command line
  socket = \"/run/sandgate/rpc.sock\"
  listen = \"127.0.0.1:8722\"
  desk = \"127.0.0.1:8723\"
  hosts = [\"agents.example.org\"]
  contexts = [\"assistant\"]
  actor = \"bot\"
  trust_headers = false
  instances = 8                      # scripts and sessions at once; one context has half at most
  queue = 128                        # scripts that wait; more are told to come again later
  connections = 512                  # of each door
  grace = \"30s\"
  telemetry = \"http://127.0.0.1:4318\" # a collector of OpenTelemetry, which spans of runs and calls go to

Flags win over variables of the environment, those over the file, and the file over defaults. The file
has to be yours or root's, and nobody else may be able to write it.

Examples:
  sandgate config show
  sandgate --config /etc/sandgate/sandgate.toml config show --json
  $EDITOR \"$(sandgate config path)\"";

/// Show which settings count, and where each comes from.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every setting, and the flag, the variable or the line that it comes from
    Show(ShowSettingsArguments),
    /// Print where the file of settings is, or would be looked for
    Path,
}

#[derive(Debug, Args)]
struct ShowSettingsArguments {
    #[command(flatten)]
    policies: PoliciesArgument,

    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

impl ConfigArguments {
    pub(super) fn reads_the_file(&self) -> bool {
        matches!(self.command, ConfigCommand::Show(_))
    }
}

/// A setting, as it counts.
struct ShownSetting {
    name: &'static str,
    value: Value,
    /// For people, where that is another text.
    shown: Option<String>,
    from: SettingSource,
}

/// Where a setting comes from.
enum SettingSource {
    Flag(&'static str),
    Variable(&'static str),
    /// A line of the file.
    Line(usize),
    Usual,
}

impl SettingSource {
    /// Of what can be said in three ways.
    fn of(
        matches: Option<&ArgMatches>,
        argument: &str,
        flag: &'static str,
        variable: &'static str,
        line: Option<usize>,
    ) -> Self {
        match (matches.and_then(|matches| source(matches, argument)), line) {
            (Some(ValueSource::CommandLine), _) => Self::Flag(flag),
            (Some(ValueSource::EnvVariable), _) => Self::Variable(variable),
            (_, Some(line)) => Self::Line(line),
            (_, None) => Self::Usual,
        }
    }

    fn text(&self, file: Option<&Path>) -> String {
        match self {
            Self::Flag(flag) => (*flag).to_owned(),
            Self::Variable(variable) => format!("${variable}"),
            Self::Line(line) => match file {
                Some(file) => format!("{}:{line}", file.display()),
                None => format!("line {line}"),
            },
            Self::Usual => "default".to_owned(),
        }
    }

    fn json(&self, file: Option<&Path>) -> Value {
        match self {
            Self::Flag(flag) => json!({"flag": flag}),
            Self::Variable(variable) => json!({"variable": variable}),
            Self::Line(line) => json!({"file": file, "line": line}),
            Self::Usual => json!("default"),
        }
    }
}

/// Where an argument comes from, wherever among the subcommands it was given.
fn source(matches: &ArgMatches, argument: &str) -> Option<ValueSource> {
    let below = matches.subcommand();
    let below = below.and_then(|(_, below)| source(below, argument));
    let here = || match matches.try_contains_id(argument) {
        Ok(true) => matches.value_source(argument),
        _ => None,
    };
    below.or_else(here)
}

pub(super) fn execute(
    arguments: &ConfigArguments,
    shared: &SharedArguments,
    matches: Option<&ArgMatches>,
) -> Result<Exit, Failure> {
    match &arguments.command {
        ConfigCommand::Show(arguments) => show(arguments, shared, matches),
        ConfigCommand::Path => path(shared),
    }
}

fn path(shared: &SharedArguments) -> Result<Exit, Failure> {
    let place = SettingsPlace {
        named: shared.config.as_deref(),
        state: shared.state.as_deref(),
    };
    let path = place.path().ok_or_else(|| {
        Failure::usage(
            "there is no file of settings",
            "name one with --config, which is not `none`",
        )
    })?;
    print::out(&format!("{}\n", path.display()))?;
    Ok(Exit::Ok)
}

fn show(
    arguments: &ShowSettingsArguments,
    shared: &SharedArguments,
    matches: Option<&ArgMatches>,
) -> Result<Exit, Failure> {
    let settings = all(arguments, shared, matches);
    let file = shared.settings.file.as_deref();
    if arguments.json {
        let listed: Vec<Value> = settings
            .iter()
            .map(
                |one| json!({"setting": one.name, "value": one.value, "from": one.from.json(file)}),
            )
            .collect();
        print::json(&format!("{}\n", json!({"settings": listed})))?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<[String; 3]> = settings
        .iter()
        .map(|one| [one.name.to_owned(), one.text(), one.from.text(file)])
        .collect();
    let widths = [0, 1].map(|column| {
        let lengths = rows
            .iter()
            .filter_map(|row| Some(row.get(column)?.chars().count()));
        lengths.max().unwrap_or_default()
    });
    let [first, second] = widths;
    let lines = rows
        .iter()
        .map(|[name, value, from]| format!("{name:first$}  {value:second$}  {from}\n"));
    print::out(&lines.collect::<String>())?;
    Ok(Exit::Ok)
}

impl ShownSetting {
    fn text(&self) -> String {
        match (&self.shown, &self.value) {
            (Some(shown), _) => shown.clone(),
            (None, Value::Null) => "-".to_owned(),
            (None, Value::String(text)) => text.clone(),
            (None, Value::Array(texts)) => {
                let texts = texts.iter().filter_map(Value::as_str);
                texts.collect::<Vec<_>>().join(", ")
            }
            (None, value) => value.to_string(),
        }
    }

    fn usually(mut self, shown: &str) -> Self {
        if self.value.is_null() {
            self.shown = Some(shown.to_owned());
        }
        self
    }
}

/// As an operator would write it: 90 days are no two months and so many hours.
fn written_age(time: Duration) -> String {
    let (seconds, day) = (time.as_secs(), 24 * 3600);
    if time.subsec_nanos() == 0 && seconds.checked_rem(day) == Some(0) {
        return format!("{}d", seconds / day);
    }
    humantime::format_duration(time).to_string()
}

fn all(
    arguments: &ShowSettingsArguments,
    shared: &SharedArguments,
    matches: Option<&ArgMatches>,
) -> Vec<ShownSetting> {
    let settings = &shared.settings;
    let said = |name, argument, flag, variable, value: Option<&Path>| ShownSetting {
        name,
        value: json!(value),
        shown: None,
        from: SettingSource::of(matches, argument, flag, variable, settings.line(name)),
    };
    let written = |name, value: Value| ShownSetting {
        name,
        value,
        shown: None,
        from: settings
            .line(name)
            .map_or(SettingSource::Usual, SettingSource::Line),
    };
    let time = |time: Option<Duration>| match time {
        Some(time) => json!(written_age(time)),
        None => Value::Null,
    };
    let names = |names: &[String]| match names {
        [] => Value::Null,
        names => json!(names),
    };
    let size = |bytes: Option<u64>| match bytes {
        Some(bytes) => json!(ByteSize::b(bytes).display().iec().to_string()),
        None => Value::Null,
    };
    let state = shared.state_dir();
    let (journal, serve) = (&settings.journal, &settings.serve);
    let socket = serve.socket.clone();
    let socket = socket.or_else(|| Some(places::socket(state.as_deref()?)));
    vec![
        said(
            "config",
            "config",
            "--config",
            places::CONFIG,
            settings.file.as_deref(),
        )
        .usually(NO_FILE),
        said(
            "state_dir",
            "state_dir",
            "--state-dir",
            places::STATE_DIR,
            state.as_deref(),
        ),
        said(
            "cache_dir",
            "cache_dir",
            "--cache-dir",
            places::CACHE_DIR,
            shared.cache_dir().as_deref(),
        ),
        said(
            "policies",
            "policies",
            "--policies",
            places::POLICIES_DIR,
            arguments.policies.directory().as_deref(),
        ),
        written("journal.keep", time(journal.keep)).usually("for ever"),
        written("journal.most", size(journal.most)).usually("any size"),
        written(
            "journal.required",
            json!(journal.required.unwrap_or_default()),
        ),
        written("journal.key_file", json!(journal.key_file)).usually("not sealed"),
        written("serve.socket", json!(socket)),
        written("serve.listen", json!(serve.listen)).usually("at no port"),
        written("serve.issuer", json!(serve.issuer)).usually("none"),
        written("serve.desk", json!(serve.desk)).usually("at no port"),
        written(
            "serve.desk_url",
            json!(serve.desk_url.as_ref().map(ToString::to_string)),
        )
        .usually("where the desk listens"),
        written("serve.hosts", names(&serve.hosts)).usually("localhost alone"),
        written("serve.contexts", names(&serve.contexts)).usually("all of them"),
        written(
            "serve.actor",
            json!(serve.actor.as_deref().unwrap_or(Principal::SCRIPT)),
        ),
        written(
            "serve.trust_headers",
            json!(serve.trust_headers.unwrap_or_default()),
        ),
        written("serve.instances", json!(serve.instances))
            .usually("what memory and processors allow"),
        written("serve.queue", json!(serve.queue)).usually("64 for each processor"),
        written("serve.connections", json!(serve.connections)).usually("512"),
        written("serve.grace", time(serve.grace)).usually("10s"),
        written(
            "serve.telemetry",
            json!(serve.telemetry.as_ref().map(ToString::to_string)),
        )
        .usually("to nobody"),
    ]
}
