//! `sandgate policy init`: the first policies of a context, with limits and cases that they pass. What it writes is for a person
//! to read and change: reads are permitted, a person is asked about writes, and nothing is destroyed. It must never
//! change a file that is there.

use super::services;
use crate::{failure::Failure, print, reach::PoliciesArgument, shared::SharedArguments};
use clap::Args;
use sandgate::{
    policy::{self, Cases, ContextError, Effect, File, Interface, ParameterInterface},
    service::sample,
};
use serde_json::Value;
use std::{
    fmt::Write as _,
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The service that the context may use
    #[arg(long, value_name = "NAME")]
    service: String,
    /// What the context is called
    #[arg(value_name = "CONTEXT")]
    context: String,
    /// The number by which services know the context [default: one more than any other context of the directory has]
    #[arg(long, value_name = "NUMBER")]
    number: Option<u32>,
    #[command(flatten)]
    policies: PoliciesArgument,
}

/// What is written of the methods of one effect.
struct MethodGroup {
    effect: Effect,
    suffix: &'static str,
    head: &'static str,
    word: &'static str,
}

const GROUPS: [MethodGroup; 3] = [
    MethodGroup {
        effect: Effect::Read,
        suffix: "reads",
        head: "@because(\"Reading changes nothing.\")",
        word: "permit",
    },
    MethodGroup {
        effect: Effect::Write,
        suffix: "writes",
        head: "@gate(\"approve\")\n@because(\"A person looks before anything is changed.\")",
        word: "permit",
    },
    MethodGroup {
        effect: Effect::Destroy,
        suffix: "destroys",
        head: "@because(\"Nothing is deleted by a script.\")",
        word: "forbid",
    },
];

pub(super) fn init(arguments: &InitArguments, shared: &SharedArguments) -> Result<(), Failure> {
    let directory = arguments.policies.required()?;
    let interfaces = services::interfaces(&directory, shared)?;
    let Some(interface) = interfaces
        .iter()
        .find(|one| one.service == arguments.service)
    else {
        let known = interfaces.iter().map(|one| one.service.as_str());
        let near = policy::nearest(&arguments.service, known);
        return Err(Failure::usage(
            format!("no service `{}` is known", arguments.service.escape_debug()),
            match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "register it with `sandgate service add`, or put its document in `services/` beside the contexts".to_owned(),
            },
        ));
    };
    let name = &arguments.context;
    let number = match arguments.number {
        Some(number) => number,
        None => free_number(&directory),
    };
    let policies = policies(name, interface);
    let limits = limits(number, interface);
    let cases = cases(name, &policies, &limits, interface, &interfaces)
        .map_err(|error| unusable(&error))?;
    let place = directory.join(name);
    let written = make(&place).and_then(|()| {
        for (file, text) in [
            ("policy.cedar", &policies),
            ("limits.toml", &limits),
            ("cases.toml", &cases),
        ] {
            write(&place.join(file), text)?;
        }
        Ok(())
    });
    written.map_err(|error| {
        Failure::usage(
            format!("`{}` cannot be written: {error}", place.display()),
            "name a context that is not there yet, in a directory that you can write to",
        )
    })?;
    print::out(&format!(
        "{}  policy.cedar, limits.toml, cases.toml\nread them, change them, and see `sandgate policy test {}`\n",
        place.display(),
        place.display()
    ))
}

fn unusable(error: &ContextError) -> Failure {
    Failure::usage(sandgate::chain(error), "see `sandgate policy init --help`")
}

/// One more than the largest number of the contexts that are there.
fn free_number(directory: &Path) -> u32 {
    let names = policy::names(directory).unwrap_or_default();
    let number = |name: &String| -> Option<u32> {
        let text = policy::read(&directory.join(name).join("limits.toml")).ok()?;
        let limits: toml::Table = toml::from_str(&text).ok()?;
        u32::try_from(limits.get("hero_context")?.as_integer()?).ok()
    };
    let most = names.iter().filter_map(number).max().unwrap_or(0);
    most.saturating_add(1)
}

fn policies(context: &str, interface: &Interface) -> String {
    let service = &interface.service;
    let mut text = format!(
        "// What scripts of `{context}` may do with `{service}`. What no policy permits is refused, and one `forbid` outweighs\n\
         // every `permit`.\n"
    );
    for MethodGroup {
        effect,
        suffix,
        head,
        word,
    } in GROUPS
    {
        let methods: Vec<&String> = interface
            .methods
            .iter()
            .filter(|(name, method)| method.effect == effect && policy::is_method_name(name))
            .map(|(name, _)| name)
            .collect();
        if methods.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n@id(\"{service}_{suffix}\")\n{head}\n{word} (\n    principal in Context::\"{context}\",\n    action in [\n"
        );
        let lines: Vec<String> = methods
            .iter()
            .map(|method| format!("        Action::\"{service}.{method}\""))
            .collect();
        let _ = write!(
            text,
            "{}\n    ],\n    resource == Service::\"{service}\"\n);\n",
            lines.join(",\n")
        );
    }
    text
}

fn limits(number: u32, interface: &Interface) -> String {
    let mut text = format!(
        "# The number by which services know this context.\nhero_context = {number}\n\n\
         # What one run may consume; what is not said is the default of `sandgate run`.\ntimeout = \"30s\"\n"
    );
    let writes = interface
        .methods
        .iter()
        .find(|(name, method)| method.effect == Effect::Write && policy::is_method_name(name));
    text.push_str("\n[calls]\n\"*\" = 100\n");
    if let Some((method, _)) = writes {
        let _ = writeln!(text, "# \"{}.{method}\" = 3", interface.service);
    }
    text
}

/// One case a method, with what the policies decide: they are the ones that were just written.
fn cases(
    context: &str,
    policies: &str,
    limits: &str,
    interface: &Interface,
    interfaces: &[Interface],
) -> Result<String, ContextError> {
    let mut text = String::new();
    let methods = interface.methods.iter();
    for (name, method) in methods.filter(|(name, _)| policy::is_method_name(name)) {
        let required = method
            .parameters
            .iter()
            .filter(|parameter| parameter.required);
        let params: Vec<String> = required.filter_map(param).collect();
        let word = match method.effect {
            Effect::Read => "reads",
            Effect::Write => "writes, so a person is asked",
            Effect::Destroy => "destroys, and is refused",
        };
        let _ = write!(
            text,
            "[[case]]\nname = \"{name} {word}\"\nservice = \"{}\"\nmethod = \"{name}\"\n",
            interface.service
        );
        if !params.is_empty() {
            let _ = writeln!(text, "params = {{ {} }}", params.join(", "));
        }
        text.push('\n');
    }
    let loaded = policy::parse(context, policies, limits, None, interfaces)?;
    let file = format!("{context}/cases.toml");
    let file = File {
        name: &file,
        text: &text,
    };
    let blessed = Cases::blessed(file, &loaded.policies)?;
    Ok(format!("{}\n", blessed.trim_end()))
}

fn param(parameter: &ParameterInterface) -> Option<String> {
    let schema: Value = serde_json::from_str(&parameter.schema).ok()?;
    let value = toml_value(&sample(&schema))?;
    Some(format!("{} = {value}", key(&parameter.name)))
}

/// A key as a person writes it, where that is possible.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}

/// JSON as TOML writes it; TOML has no null.
fn toml_value(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(toml_value).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, value)| {
                Some(format!("{} = {}", key(name), toml_value(value)?))
            });
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        // Texts of JSON are texts of TOML but for an escaped slash, which is not written.
        other => other.to_string(),
    })
}

/// Only its owner may write to it, whatever the umask: others could decide otherwise.
fn make(place: &Path) -> io::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the directory"
    )]
    DirBuilder::new().recursive(true).mode(0o755).create(place)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the directory"
    )]
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.write_all(text.as_bytes())
}
