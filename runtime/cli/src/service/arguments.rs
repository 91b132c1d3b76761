//! The arguments of `sandgate service`, and its help.

use super::marks::MarkOptions;
use crate::{reach::PoliciesArgument, values};
use clap::{
    ArgGroup, Args, Subcommand,
    builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser},
};
use sandgate::{
    policy::Effect,
    service::{MOST_FOUND, Reads},
};
use std::{path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  sandgate service discover --add
  sandgate service add hero_biz --socket ~/hero/sockets/hero_biz/rpc.sock
  sandgate service add crm --url https://crm.example.org/rpc --effect deal.close=destroy
  sandgate service show hero_biz
  sandgate service interface --context assistant
  sandgate service search add a note to a deal --context assistant
  sandgate service export hero_biz > policies/services/hero_biz.json
  sandgate service effect hero_biz deal.close=destroy
  sandgate service mark hero_biz --undo 'deal.add=deal.delete(id=result.id)'
  sandgate service mark mail --source '*' --sensitive account.open.pin --idempotent mail.send
  sandgate service refresh --dry-run
  sandgate service refresh --accept
  sandgate service test hero_biz contact.get '{\"id\": 7}'

A service is registered from its own document (`rpc.discover`), which is kept. When the service
comes with another one, `refresh` shows what changed and whether the policies load with it, and the
service is not offered to scripts until `refresh --accept`, or `refresh --decline`.
`refresh --dry-run` only looks.";

/// Register services, and see what they offer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServiceArguments {
    #[command(subcommand)]
    pub(super) command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Register a service under a name that scripts import it by
    Add(AddArguments),
    /// Find the services of this machine that follow the hero convention
    Discover(DiscoverArguments),
    /// All registered services
    List(Plain),
    /// One service: its methods, what each of them does, and who says so
    Show(Named),
    /// What a model reads of services: names, types, ranges, errors; with --json, what the proxies in a script are made from
    Interface(InterfaceArguments),
    /// Find methods by what they are for, the best first, each as a model reads it
    Search(SearchArguments),
    /// Print the document of a service with the effects that count, for `services/NAME.json` beside policies
    Export {
        /// The service
        name: String,
    },
    /// Say what methods of a registered service do, or take it back; the rest of the registration stays
    Effect(EffectArguments),
    /// Say what else there is to say of methods of a registered service, or take it back (=unset)
    Mark(MarkArguments),
    /// Ask services for their documents again
    Refresh(RefreshArguments),
    /// Forget a service
    Remove(Named),
    /// See whether a service is there, or call one of its methods
    Test(TestArguments),
}

#[derive(Debug, Args)]
pub(crate) struct Plain {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The service
    pub(super) name: String,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InterfaceArguments {
    /// The service [default: all of them]
    pub(super) name: Option<String>,

    /// Only what this context may do, with what asks a person
    #[arg(long, value_name = "CONTEXT")]
    pub(super) context: Option<String>,

    #[command(flatten)]
    pub(super) policies: PoliciesArgument,

    /// Print a stub file of Python, for type checkers and editors: services/NAME.pyi
    #[arg(long, requires = "name", conflicts_with = "json")]
    pub(super) pyi: bool,

    /// Print JSON; with --context, the methods with what can become of their calls
    #[arg(long)]
    pub(super) json: bool,
}

const SEARCH_EXAMPLES: &str = "\
Examples:
  sandgate service search who works at this company
  sandgate service search -n 3 'send an invoice' --context assistant
  sandgate service search contact.add --json

Say what is to be done, in any words. Methods are found by their names, by their descriptions, by the
names and descriptions of their parameters, and by what is said of their service; endings do not matter
(contacts, contact), and common words of one meaning are found for one another (delete, remove). Words that
are rare among the methods count most.

With --context only methods are found that the context may call, each with what asks a person. It is what a
model finds that runs scripts in this context. The exit code is 1 where nothing is found.";

#[derive(Debug, Args)]
#[command(after_help = SEARCH_EXAMPLES)]
pub(crate) struct SearchArguments {
    /// What the methods are for
    #[arg(required = true)]
    pub(super) query: Vec<String>,

    /// Only what this context may do, with what asks a person
    #[arg(long, value_name = "CONTEXT")]
    pub(super) context: Option<String>,

    #[command(flatten)]
    pub(super) policies: PoliciesArgument,

    /// How many are shown, at most
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10, value_parser = parse_most())]
    pub(super) most: u8,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// What scripts and policies call it: 1 to 64 characters of `a-z0-9_`, a letter first
    pub(super) name: String,

    #[command(flatten)]
    pub(super) place: ServicePlace,

    /// Believe what the service itself says of its methods: what they do, how they are undone, what they return
    #[arg(long)]
    pub(super) trust: bool,

    /// What makes a method a read: also its name, or only --effect and the word of a service that is trusted
    #[arg(long, value_name = "WHEN", default_value = "named", value_parser = parse_reads())]
    pub(super) reads: Reads,

    /// What a method does, whatever the service or its name say: METHOD=read, =write or =destroy
    #[arg(long = "effect", value_name = "METHOD=EFFECT", value_parser = parse_effect)]
    pub(super) effects: Vec<(String, Effect)>,

    #[command(flatten)]
    pub(super) marks: MarkOptions,

    /// For how long a call of it is waited for [default: 30s for the first byte of a reply, 60s for all of it]
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(super) timeout: Option<Duration>,

    /// Let scripts set this parameter although it is called like one that the host sets, such as `context`
    #[arg(long, value_name = "PARAMETER")]
    pub(super) free: Vec<String>,

    /// Take the place of a service that is registered under this name; what was said of what it still has is kept
    #[arg(long)]
    pub(super) replace: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ServicePlace {
    /// HTTP with `POST /rpc` on this Unix socket
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,

    /// One JSON-RPC message a line on this Unix socket
    #[arg(long, value_name = "PATH")]
    pub(super) lines: Option<PathBuf>,

    /// JSON-RPC over HTTP at this URL; http:// only on this machine
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DiscoverArguments {
    /// Look in this directory; may be given more than once [default: $PATH_SOCKET, $HERO_SOCKET_DIR, ~/hero/sockets,
    /// ~/hero/var/sockets]
    #[arg(long = "sockets-dir", value_name = "DIR")]
    pub(super) directories: Vec<PathBuf>,

    /// Register what is found and not registered yet
    #[arg(long)]
    pub(super) add: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RefreshArguments {
    /// The service [default: all of them]
    pub(super) name: Option<String>,

    /// Only look: a service with another document is offered as before
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Let the new document count, if it is the one that was shown, or none was waiting yet, and if policies load with it
    #[arg(long, conflicts_with_all = ["dry_run", "decline"])]
    pub(super) accept: bool,

    /// Accept it although the policies do not load with it: runs in their contexts are refused then
    #[arg(long, requires = "accept")]
    pub(super) force: bool,

    /// Go on with the document that counts; nothing is asked
    #[arg(long, conflicts_with = "dry_run", requires = "name")]
    pub(super) decline: bool,

    /// Those that a new document is checked with.
    #[command(flatten)]
    pub(super) policies: PoliciesArgument,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EffectArguments {
    /// The service
    pub(super) name: String,

    /// METHOD=read, =write or =destroy; =unset takes back what was said
    #[arg(required = true, value_name = "METHOD=EFFECT", value_parser = parse_change)]
    pub(super) effects: Vec<EffectChange>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("said").required(true).multiple(true).args(["undo", "idempotent", "sources", "sensitive"])))]
pub(crate) struct MarkArguments {
    /// The service
    pub(super) name: String,

    #[command(flatten)]
    pub(super) marks: MarkOptions,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What is said of a method, or nothing any more.
#[derive(Debug, Clone)]
pub(crate) struct EffectChange {
    pub(super) method: String,
    pub(super) effect: Option<Effect>,
}

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The service
    pub(super) name: String,

    /// Call this method
    pub(super) method: Option<String>,

    /// Its arguments: a JSON object, or a list
    #[arg(default_value = "{}")]
    pub(super) arguments: String,

    /// Call it even if it is not known to only read
    #[arg(long, requires = "method")]
    pub(super) yes: bool,

    /// The number of the context on whose behalf it is called
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(super) context_number: u32,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn parse_most() -> RangedU64ValueParser<u8> {
    RangedU64ValueParser::new().range(1..=u64::try_from(MOST_FOUND).unwrap_or(u64::MAX))
}

fn parse_reads() -> impl TypedValueParser<Value = Reads> {
    PossibleValuesParser::new(["named", "declared"]).map(|text| match text.as_str() {
        "declared" => Reads::Declared,
        _ => Reads::Named,
    })
}

fn parse_change(text: &str) -> Result<EffectChange, String> {
    if let Some(method) = text.strip_suffix("=unset") {
        return Ok(EffectChange {
            method: method.to_owned(),
            effect: None,
        });
    }
    parse_effect(text).map(|(method, effect)| EffectChange {
        method,
        effect: Some(effect),
    })
}

fn parse_effect(text: &str) -> Result<(String, Effect), String> {
    let (method, effect) = text
        .rsplit_once('=')
        .ok_or("write METHOD=read, =write or =destroy")?;
    let effect = match effect {
        "read" => Effect::Read,
        "write" => Effect::Write,
        "destroy" => Effect::Destroy,
        other => return Err(format!("`{other}` is none of read, write, destroy")),
    };
    Ok((method.to_owned(), effect))
}
