//! What an agent can ask for, whichever door it comes through: one vocabulary, which every door parses into. Arguments come
//! from a model; what is wrong with them is said so that a model can mend it. Nothing here knows who asks.

use sandgate::{policy::nearest, service::InterfaceFormat};
use serde_json::{Map, Value};
use std::time::Duration;

/// Arguments as every door has them.
pub type Arguments = Map<String, Value>;

/// Methods that a search shows whoever does not say how many.
const MOST_SHOWN: usize = 5;

/// Nobody waits longer, and asks again instead.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What an agent asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentCommand {
    /// Run a script.
    ExecuteCode(ExecuteCode),
    /// Make one call, as a script would.
    Call(MethodCall),
    /// Say which services there are.
    ListServices,
    /// Say what services offer.
    GetInterface(InterfaceQuery),
    /// Find methods by what they are for.
    Search(MethodSearch),
    /// Say what has come of a run.
    GetRun(GetRun),
    /// Go on with a run that waited for people, or was interrupted.
    Resume(String),
}

/// A script, and how it is run.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecuteCode {
    /// Its text.
    pub code: String,
    /// What is to be done with it.
    pub how: Execution,
    /// How long it may take, where that is less than the context grants.
    pub timeout: Option<Duration>,
    /// What it reads on its standard input.
    pub stdin: String,
    /// What the client calls this request: one that comes again is answered with the run that it started.
    pub key: Option<String>,
    /// It is to run anew, although the same is known.
    pub again: bool,
}

/// What is to be done with a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Execution {
    /// It runs by itself.
    Alone,
    /// It runs after others, in the interpreter that they left.
    Session {
        /// What they are called together.
        name: String,
        /// Whether they are made again first, where that is gone.
        is_restored: bool,
    },
    /// Its reads are made, and its changes are written down.
    Plan,
    /// It is read, and does not run.
    Check,
}

/// One call of a method.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodCall {
    /// The service.
    pub service: String,
    /// The method, as the service or as Python calls it.
    pub method: String,
    /// Its parameters.
    pub arguments: Arguments,
}

/// What services offer, or some of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceQuery {
    /// Which services.
    pub services: Vec<String>,
    /// No other methods than these, as the service or as Python calls them; all where there are none.
    pub methods: Vec<String>,
    /// How it is told.
    pub format: InterfaceFormat,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSearch {
    /// What it is for, in words.
    pub query: String,
    /// No more than so many.
    pub most: usize,
}

/// Which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRun {
    /// A beginning of its name.
    pub run: String,
    /// For how long its end is waited for.
    pub wait: Duration,
    /// What of it is wanted, where that is not the beginning.
    pub part: Option<RunPart>,
}

/// A part of what a run came to, where all of it is more than one answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunPart {
    /// The text, from the first piece on.
    Text(usize),
    /// A file that it left.
    File(String),
}

/// What is wrong with arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandArgumentError {
    /// No command takes it.
    #[error("`{command}` takes no argument `{argument}`; {takes}{}", meant.as_ref().map_or_else(String::new, |meant| format!("; did you mean `{meant}`?")))]
    Unknown {
        /// Of which command.
        command: &'static str,
        /// What was given.
        argument: String,
        /// What it takes.
        takes: String,
        /// What was perhaps meant.
        meant: Option<&'static str>,
    },
    /// It cannot be left out.
    #[error("`{command}` needs the argument `{argument}`, {kind}")]
    Missing {
        /// Of which command.
        command: &'static str,
        /// Which one.
        argument: &'static str,
        /// What it is.
        kind: &'static str,
    },
    /// It is something else.
    #[error("the argument `{argument}` of `{command}` is to be {kind}")]
    Kind {
        /// Of which command.
        command: &'static str,
        /// Which one.
        argument: &'static str,
        /// What it is to be.
        kind: &'static str,
    },
    /// Of these only one can be meant.
    #[error("`{command}` takes one of `session`, `plan` and `check` at a time")]
    Several {
        /// Of which command.
        command: &'static str,
    },
    /// A name is shown to people and kept.
    #[error(
        "the argument `{argument}` of `execute_code` is to be 1 to 64 letters, digits, `-` and `_`"
    )]
    Name {
        /// Which one.
        argument: &'static str,
    },
}

const TEXT: &str = "a text";
const NAMES: &str = "a text, or a list of texts";
const YES_OR_NO: &str = "true or false";

impl AgentCommand {
    /// What each is called, in the order in which they are listed.
    pub const NAMES: [&'static str; 7] = [
        "execute_code",
        "list_services",
        "search",
        "get_interface",
        "call",
        "get_run",
        "resume",
    ];

    /// What is asked for; nothing where there is no such command.
    #[must_use]
    pub fn of(name: &str, arguments: Arguments) -> Option<Result<Self, CommandArgumentError>> {
        Some(match name {
            "execute_code" => execute_code(arguments),
            "call" => call(arguments),
            "list_services" => {
                CommandArguments::new("list_services", &[], arguments).map(|_| Self::ListServices)
            }
            "search" => search(arguments),
            "get_interface" => get_interface(arguments),
            "get_run" => get_run(arguments),
            "resume" => CommandArguments::new("resume", &["run"], arguments)
                .and_then(|mut given| Ok(Self::Resume(given.required("run")?))),
            _ => return None,
        })
    }

    /// What is said where there is no such command.
    #[must_use]
    pub fn unknown(name: &str) -> String {
        let meant = nearest(name, Self::NAMES.into_iter())
            .map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        let shown: String = name.chars().take(80).collect();
        format!(
            "there is no `{}`; there are: {}{meant}",
            shown.escape_debug(),
            Self::NAMES.join(", ")
        )
    }
}

fn execute_code(arguments: Arguments) -> Result<AgentCommand, CommandArgumentError> {
    const TAKES: &[&str] = &[
        "code",
        "session",
        "restore",
        "plan",
        "check",
        "timeout_seconds",
        "stdin",
        "key",
        "again",
    ];
    let command = "execute_code";
    let mut given = CommandArguments::new(command, TAKES, arguments)?;
    let (session, plan, check) = (
        given.text("session")?,
        given.flag("plan")?,
        given.flag("check")?,
    );
    let restore = given.flag("restore")?;
    if restore && session.is_none() {
        return Err(CommandArgumentError::Missing {
            command,
            argument: "session",
            kind: "the one that is to be restored",
        });
    }
    let how = match (session, plan, check) {
        (None, false, false) => Execution::Alone,
        (Some(name), false, false) => Execution::Session {
            name: named("session", name)?,
            is_restored: restore,
        },
        (None, true, false) => Execution::Plan,
        (None, false, true) => Execution::Check,
        _ => return Err(CommandArgumentError::Several { command }),
    };
    Ok(AgentCommand::ExecuteCode(ExecuteCode {
        code: given.required("code")?,
        how,
        timeout: given.seconds("timeout_seconds")?,
        stdin: given.text("stdin")?.unwrap_or_default(),
        key: given
            .text("key")?
            .map(|key| named("key", key))
            .transpose()?,
        again: given.flag("again")?,
    }))
}

fn named(argument: &'static str, name: String) -> Result<String, CommandArgumentError> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(is_fine) {
        Ok(name)
    } else {
        Err(CommandArgumentError::Name { argument })
    }
}

fn call(arguments: Arguments) -> Result<AgentCommand, CommandArgumentError> {
    let mut given = CommandArguments::new("call", &["service", "method", "arguments"], arguments)?;
    Ok(AgentCommand::Call(MethodCall {
        service: given.required("service")?,
        method: given.required("method")?,
        arguments: match given.take("arguments") {
            None => Map::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err(given.kind("arguments", "an object, by the names of parameters")),
        },
    }))
}

fn get_interface(arguments: Arguments) -> Result<AgentCommand, CommandArgumentError> {
    // What it was called when it took one.
    let takes = &["services", "service", "methods", "format"];
    let mut given = CommandArguments::new("get_interface", takes, arguments)?;
    let asked = given.names("services")?;
    let services = match asked.or(given.names("service")?) {
        Some(services) => services,
        None => return Err(given.missing("services", NAMES)),
    };
    let methods = given.names("methods")?.unwrap_or_default();
    let format = match given.text("format")?.as_deref() {
        None | Some("text") => InterfaceFormat::Text,
        Some("pyi") => InterfaceFormat::Pyi,
        Some(_) => return Err(given.kind("format", "`text` or `pyi`")),
    };
    Ok(AgentCommand::GetInterface(InterfaceQuery {
        services,
        methods,
        format,
    }))
}

fn search(arguments: Arguments) -> Result<AgentCommand, CommandArgumentError> {
    let mut given = CommandArguments::new("search", &["query", "most"], arguments)?;
    let wrong = given.kind("most", "a whole number above 0");
    let most = match given.take("most") {
        None => MOST_SHOWN,
        Some(most) => {
            let most = most.as_u64().and_then(|most| usize::try_from(most).ok());
            most.filter(|most| *most > 0).ok_or(wrong)?
        }
    };
    let query = given.required("query")?;
    Ok(AgentCommand::Search(MethodSearch { query, most }))
}

fn get_run(arguments: Arguments) -> Result<AgentCommand, CommandArgumentError> {
    let mut given = CommandArguments::new("get_run", &["run", "wait_seconds", "part"], arguments)?;
    let wait = given.seconds("wait_seconds")?.unwrap_or_default();
    let wrong = given.kind("part", "a number from 1 up, or the path of a file");
    let part = match given.take("part") {
        None => None,
        Some(Value::String(path)) => Some(RunPart::File(path)),
        Some(number) => {
            let number = number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok());
            Some(RunPart::Text(
                number.filter(|number| *number > 0).ok_or(wrong)?,
            ))
        }
    };
    Ok(AgentCommand::GetRun(GetRun {
        run: given.required("run")?,
        wait: wait.min(LONGEST_WAIT),
        part,
    }))
}

/// Arguments of which none is unknown.
struct CommandArguments {
    command: &'static str,
    arguments: Arguments,
}

impl CommandArguments {
    fn new(
        command: &'static str,
        takes: &'static [&'static str],
        arguments: Arguments,
    ) -> Result<Self, CommandArgumentError> {
        let mut names = arguments.keys();
        match names.find(|name| !takes.contains(&name.as_str())) {
            Some(argument) => Err(CommandArgumentError::Unknown {
                command,
                argument: argument.clone(),
                takes: if takes.is_empty() {
                    "it takes none".to_owned()
                } else {
                    format!("it takes {}", takes.join(", "))
                },
                meant: nearest(argument, takes.iter().copied())
                    .and_then(|meant| takes.iter().find(|known| **known == meant).copied()),
            }),
            None => Ok(Self { command, arguments }),
        }
    }

    /// One that may be left out. Models also write `null` for what they leave out.
    fn take(&mut self, argument: &str) -> Option<Value> {
        self.arguments
            .remove(argument)
            .filter(|value| !value.is_null())
    }

    fn text(&mut self, argument: &'static str) -> Result<Option<String>, CommandArgumentError> {
        match self.take(argument) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.kind(argument, TEXT)),
        }
    }

    /// One name, or some.
    fn names(
        &mut self,
        argument: &'static str,
    ) -> Result<Option<Vec<String>>, CommandArgumentError> {
        Ok(match self.take(argument) {
            None => None,
            Some(Value::String(name)) => Some(vec![name]),
            Some(Value::Array(names)) if !names.is_empty() => {
                let name = |name| match name {
                    Value::String(name) => Ok(name),
                    _ => Err(self.kind(argument, NAMES)),
                };
                Some(names.into_iter().map(name).collect::<Result<_, _>>()?)
            }
            Some(_) => return Err(self.kind(argument, NAMES)),
        })
    }

    fn flag(&mut self, argument: &'static str) -> Result<bool, CommandArgumentError> {
        match self.take(argument) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.kind(argument, YES_OR_NO)),
        }
    }

    fn required(&mut self, argument: &'static str) -> Result<String, CommandArgumentError> {
        self.text(argument)?
            .ok_or_else(|| self.missing(argument, TEXT))
    }

    fn seconds(
        &mut self,
        argument: &'static str,
    ) -> Result<Option<Duration>, CommandArgumentError> {
        let wrong = self.kind(argument, "a number of seconds above 0");
        match self.take(argument) {
            None => Ok(None),
            Some(Value::Number(seconds)) => {
                let seconds = seconds.as_f64().filter(|seconds| *seconds > 0.0);
                let seconds = seconds.ok_or(wrong)?;
                // What is more than a duration holds is more than any context grants.
                Ok(Some(
                    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
                ))
            }
            Some(_) => Err(wrong),
        }
    }

    fn missing(&self, argument: &'static str, kind: &'static str) -> CommandArgumentError {
        CommandArgumentError::Missing {
            command: self.command,
            argument,
            kind,
        }
    }

    fn kind(&self, argument: &'static str, kind: &'static str) -> CommandArgumentError {
        CommandArgumentError::Kind {
            command: self.command,
            argument,
            kind,
        }
    }
}

#[cfg(test)]
mod tests;
