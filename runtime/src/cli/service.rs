//! `sandgate service`: what is registered, what it offers, and whether it is there. Only the operator comes here; a
//! script has no way to. What services say of themselves is shown as text and never believed.

mod view;

use super::{
    Shared,
    exit::Exit,
    report::{Failure, chain},
};
use crate::service::{
    Address, AddressError, Caller, CallError, Client, ClientLimits, Found, Identity, Refreshed, Registration, Store,
    StoreError, Terms, find_sockets, socket_dirs, state_dir,
};
use clap::{Args, Subcommand};
use sandgate_policy::Effect;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    future::Future,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};
use view::{FoundView, Outcome, ServiceView};

const EXAMPLES: &str = "\
Examples:
  sandgate service discover --add
  sandgate service add hero_biz --socket ~/hero/sockets/hero_biz/rpc.sock
  sandgate service add crm --url https://crm.example.org/rpc --effect deal.close=destroy
  sandgate service show hero_biz
  sandgate service interface hero_biz
  sandgate service refresh --accept
  sandgate service test hero_biz contact.get '{\"id\": 7}'

A service is registered from its own document (`rpc.discover`), which is kept. When the service comes with another one,
`refresh` shows what changed, and the service is not offered to scripts until `refresh --accept`.";

/// Register services, and see what they offer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServiceArguments {
    #[command(subcommand)]
    command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
enum ServiceCommand {
    /// Register a service under a name that scripts import it by
    Add(AddArguments),
    /// Find the services of this machine that follow the hero convention
    Discover(DiscoverArguments),
    /// All registered services
    List(Plain),
    /// One service: its methods, what each of them does, and who says so
    Show(Named),
    /// What a model reads of a service; with --json, what the proxies in a script are made from
    Interface(Named),
    /// Ask services for their documents again
    Refresh(RefreshArguments),
    /// Forget a service
    Remove(Named),
    /// See whether a service is there, or call one of its methods
    Test(TestArguments),
}

#[derive(Debug, Args)]
struct Plain {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Named {
    /// The service
    name: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct AddArguments {
    /// What scripts and policies call it: 1 to 64 of `a-z0-9_`, a letter first
    name: String,

    #[command(flatten)]
    place: Place,

    /// Believe what the service itself says that its methods do
    #[arg(long)]
    trust: bool,

    /// What a method does, whatever the service or its name say: METHOD=read, =write or =destroy
    #[arg(long = "effect", value_name = "METHOD=EFFECT", value_parser = parse_effect)]
    effects: Vec<(String, Effect)>,

    /// Let scripts set this parameter although it is called like one that the host sets, such as `context`
    #[arg(long, value_name = "PARAMETER")]
    free: Vec<String>,

    /// Take the place of a service that is registered under this name
    #[arg(long)]
    replace: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// HTTP with `POST /rpc` on this Unix socket
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// One JSON-RPC message a line on this Unix socket
    #[arg(long, value_name = "PATH")]
    lines: Option<PathBuf>,

    /// JSON-RPC over HTTP at this URL; http:// only on this machine
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Debug, Args)]
struct DiscoverArguments {
    /// Look in this directory; may be given more than once [default: $PATH_SOCKET, $HERO_SOCKET_DIR, ~/hero/sockets,
    /// ~/hero/var/sockets]
    #[arg(long = "sockets-dir", value_name = "DIR")]
    directories: Vec<PathBuf>,

    /// Register what is found and not registered yet
    #[arg(long)]
    add: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RefreshArguments {
    /// The service [default: all of them]
    name: Option<String>,

    /// Let the new document count, if it is the one that was shown, or none was waiting yet
    #[arg(long)]
    accept: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct TestArguments {
    /// The service
    name: String,

    /// Call this method
    method: Option<String>,

    /// Its arguments: a JSON object, or a list
    #[arg(default_value = "{}")]
    arguments: String,

    /// Call it even if it is not known to only read
    #[arg(long, requires = "method")]
    yes: bool,

    /// The number of the context on whose behalf it is called
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    context_number: u32,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_effect(text: &str) -> Result<(String, Effect), String> {
    let (method, effect) = text.rsplit_once('=').ok_or("write METHOD=read, =write or =destroy")?;
    let effect = match effect {
        "read" => Effect::Read,
        "write" => Effect::Write,
        "destroy" => Effect::Destroy,
        other => return Err(format!("`{other}` is none of read, write, destroy")),
    };
    Ok((method.to_owned(), effect))
}

pub(super) fn execute(arguments: ServiceArguments, shared: &Shared) -> Result<Exit, Failure> {
    let directory = shared.state.clone().or_else(state_dir).ok_or(StoreError::NoHome)?;
    let mut store = Store::open(&directory)?;
    match arguments.command {
        ServiceCommand::Add(arguments) => add(&mut store, arguments),
        ServiceCommand::Discover(arguments) => discover(&mut store, arguments),
        ServiceCommand::List(arguments) => list(&store, arguments.json),
        ServiceCommand::Show(named) => {
            let registration = store.get(&named.name)?;
            let view = ServiceView::new(&registration, &store.service(&registration)?);
            say(named.json, &view, || view.whole())
        }
        ServiceCommand::Interface(named) => {
            let service = store.service(&store.get(&named.name)?)?;
            let bytes = if named.json { [&*service.stub(), b"\n"].concat() } else { service.text().as_bytes().to_vec() };
            print(&bytes);
            Ok(Exit::Ok)
        }
        ServiceCommand::Refresh(arguments) => refresh(&mut store, &arguments),
        ServiceCommand::Remove(named) => {
            store.remove(&named.name)?;
            say(named.json, &BTreeMap::from([("removed", &named.name)]), || format!("removed {}\n", named.name))
        }
        ServiceCommand::Test(arguments) => test(&store, &arguments),
    }
}

fn add(store: &mut Store, arguments: AddArguments) -> Result<Exit, Failure> {
    let address = arguments.place.address()?;
    let terms = Terms {
        trusted: arguments.trust,
        effects: arguments.effects.into_iter().collect(),
        free: arguments.free.into_iter().collect(),
    };
    let document = wait(client().discover(&address))?.map_err(|error| unreachable(&address, &error))?;
    let bytes = document.get().as_bytes();
    store.add(&arguments.name, &address, &terms, bytes, arguments.replace)?;
    let registration = store.get(&arguments.name)?;
    let view = ServiceView::new(&registration, &store.service(&registration)?);
    say(arguments.json, &view, || format!("registered {}", view.line()))
}

fn discover(store: &mut Store, arguments: DiscoverArguments) -> Result<Exit, Failure> {
    let directories = if arguments.directories.is_empty() { socket_dirs() } else { arguments.directories };
    let registered = store.list()?;
    let mut views = Vec::new();
    for (found, asked) in wait(ask_all(find_sockets(&directories)))? {
        let known = registered
            .iter()
            .find(|known| known.name == found.name || known.address == Address::Http(found.socket.clone()));
        let outcome = match (known, asked) {
            (Some(known), _) => Outcome::Registered(known.name.clone()),
            (None, Err(reason)) => Outcome::Unusable(reason),
            (None, Ok(document)) => {
                let address = Address::Http(found.socket.clone());
                match register(store, &found.name, &address, &document, arguments.add) {
                    Ok(methods) if arguments.add => Outcome::Added { methods },
                    Ok(methods) => Outcome::New { methods },
                    Err(error) => Outcome::Unusable(chain(&error)),
                }
            }
        };
        views.push(FoundView::new(found, outcome));
    }
    let places = directories.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    say(arguments.json, &views, || {
        if views.is_empty() {
            return format!("no services in {places}\n");
        }
        views.iter().map(FoundView::line).collect()
    })
}

/// How many methods a found service has, and it is registered if that was asked for.
fn register(
    store: &mut Store,
    name: &str,
    address: &Address,
    document: &RawValue,
    kept: bool,
) -> Result<usize, StoreError> {
    let (bytes, terms) = (document.get().as_bytes(), Terms::default());
    let service = if kept {
        store.add(name, address, &terms, bytes, false)?
    } else {
        crate::service::Service::read(name, address.clone(), bytes, &terms)?
    };
    Ok(service.methods().len())
}

type Asked = (Found, Result<Box<RawValue>, String>);

/// Asks all of them at once, since some may not answer.
async fn ask_all(found: Vec<Found>) -> Vec<Asked> {
    let client = client();
    let mut asking = tokio::task::JoinSet::new();
    for found in found {
        let client = client.clone();
        asking.spawn(async move {
            let address = Address::Http(found.socket.clone());
            let asked = match client.protocol(&address).await {
                // What is there for people is not to be called by programs.
                Ok(Some(protocol)) if protocol != "openrpc" => Err(format!("it is for `{protocol}` and not for calls")),
                Err(error) => Err(error.to_string()),
                Ok(_) => client.discover(&address).await.map_err(|error| error.to_string()),
            };
            (found, asked)
        });
    }
    let mut all = asking.join_all().await;
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn list(store: &Store, json: bool) -> Result<Exit, Failure> {
    let mut views = Vec::new();
    for registration in store.list()? {
        views.push(ServiceView::new(&registration, &store.service(&registration)?));
    }
    if views.is_empty() && !json {
        let _ = std::io::stderr()
            .write_all(b"no services are registered; `sandgate service discover` looks for some\n");
        return Ok(Exit::Ok);
    }
    let briefly: Vec<_> = views.iter().map(ServiceView::brief).collect();
    say(json, &briefly, || views.iter().map(ServiceView::line).collect())
}

fn refresh(store: &mut Store, arguments: &RefreshArguments) -> Result<Exit, Failure> {
    let registrations = match &arguments.name {
        Some(name) => vec![store.get(name)?],
        None => store.list()?,
    };
    let client = client();
    let mut views = Vec::new();
    for registration in registrations {
        let offered = registration.is_offered();
        let Registration { name, address, .. } = registration;
        let document = match wait(client.discover(&address))? {
            Ok(document) => document,
            // One that was asked for by name is a failure; of many, the others still count.
            Err(error) if arguments.name.is_some() => return Err(unreachable(&address, &error)),
            Err(error) => {
                views.push(view::RefreshView::unreachable(name, &error));
                continue;
            }
        };
        let refreshed = store.refresh(&name, document.get().as_bytes())?;
        // What is accepted is what was shown: here, or by an earlier refresh.
        let accepted = match &refreshed {
            Refreshed::Waiting { known, .. } if arguments.accept && (*known || offered) => store.accept(&name)?,
            _ => false,
        };
        views.push(view::RefreshView::new(name, refreshed, accepted));
    }
    let waits = views.iter().any(view::RefreshView::waits);
    say(arguments.json, &views, || views.iter().map(view::RefreshView::text).collect())?;
    Ok(if waits { Exit::Failure } else { Exit::Ok })
}

fn test(store: &Store, arguments: &TestArguments) -> Result<Exit, Failure> {
    let registration = store.get(&arguments.name)?;
    match &arguments.method {
        None => check(&registration, arguments.json),
        Some(method) => call(store, &registration, method, arguments),
    }
}

fn check(registration: &Registration, json: bool) -> Result<Exit, Failure> {
    let (client, address) = (client(), &registration.address);
    let failed = |error: CallError| unreachable(address, &error);
    let (health, document, took) = wait(async {
        let health = client.health(address).await;
        let start = Instant::now();
        let document = client.discover(address).await;
        (health, document, start.elapsed())
    })?;
    let view = view::CheckView::new(registration, health.map_err(failed)?, &document.map_err(failed)?, took)?;
    say(json, &view, || view.text())
}

fn call(
    store: &Store,
    registration: &Registration,
    method: &str,
    arguments: &TestArguments,
) -> Result<Exit, Failure> {
    let service = store.service(registration)?;
    let registered = service.method(method).ok_or_else(|| {
        Failure::usage(
            StoreError::method(&service, method).to_string(),
            format!("`sandgate service show {}` lists what it has", service.name()),
        )
    })?;
    if registered.effect != Effect::Read && !arguments.yes {
        return Err(Failure::usage(
            format!("`{method}` is a {} ({})", registered.effect, registered.because),
            "pass --yes to call it all the same",
        ));
    }
    let caller = Caller {
        context: arguments.context_number,
        user: None,
        claims: &[],
    };
    let usage = |error: &dyn std::error::Error, help: &str| Failure::usage(chain(error), help);
    let given: Box<RawValue> = serde_json::from_str(&arguments.arguments)
        .map_err(|error| usage(&error, "pass one JSON object, such as '{\"id\": 7}'"))?;
    let bound = registered
        .bind(&given, &caller)
        .map_err(|error| usage(&error, "the arguments are one JSON object, or a list"))?;
    let identity = Identity::new("test", arguments.context_number, None, &[])
        .map_err(|error| usage(&error, "pass --context-number with another number"))?;
    let result = wait(client().call(&registration.address, &identity, method, bound.params()))?
        .map_err(|error| unreachable(&registration.address, &error))?;
    print(format!("{}\n", result.get()).as_bytes());
    Ok(Exit::Ok)
}

impl Place {
    fn address(&self) -> Result<Address, Failure> {
        let absolute = |path: &PathBuf| {
            std::path::absolute(path).map_err(|error| Failure::usage(error.to_string(), "name the socket by its path"))
        };
        let address: Result<Address, AddressError> = match self {
            Self { socket: Some(path), .. } => Address::http(&absolute(path)?),
            Self { lines: Some(path), .. } => Address::lines(&absolute(path)?),
            Self { url, .. } => Address::url(url.as_deref().unwrap_or_default()),
        };
        address.map_err(|error| Failure::usage(error.to_string(), "https://HOST/PATH, or http:// on this machine"))
    }
}

/// Nobody waits long for a service that only has to say what it is.
fn client() -> Client {
    Client::new(ClientLimits {
        first_byte: Duration::from_secs(5),
        total: Duration::from_secs(15),
        ..ClientLimits::default()
    })
}

fn wait<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string(), None))?;
    Ok(executor.block_on(future))
}

fn unreachable(address: &Address, error: &CallError) -> Failure {
    let help = match error {
        CallError::Service(_) => "the service is there, and this is its answer",
        CallError::Socket(_) => "only a socket that nobody else can replace is spoken to",
        CallError::Protocol(_) => "check what is spoken there: --socket for HTTP, --lines for one message a line",
        _ => "check that the service runs and listens there",
    };
    Failure::usage(format!("`{address}`: {}", chain(error)), help)
}

fn say(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<Exit, Failure> {
    let text = if json {
        let json = serde_json::to_string_pretty(value).map_err(|error| Failure::internal(error.to_string(), None))?;
        format!("{json}\n")
    } else {
        text()
    };
    print(text.as_bytes());
    Ok(Exit::Ok)
}

fn print(bytes: &[u8]) {
    // A reader that went away needs no error.
    let _ = std::io::stdout().write_all(bytes);
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = chain(&error);
        match error {
            StoreError::NoHome => Self::usage(message, "name a directory with --state-dir"),
            StoreError::Directory { .. } => Self::usage(message, "name a directory of your own with --state-dir"),
            StoreError::Database(_) | StoreError::Corrupt(_) => {
                Self::internal(message, Some("move `registry.db` out of the state directory and register again"))
            }
            StoreError::Name(_) => Self::usage(message, "scripts import it by that name, as in `from services import crm`"),
            StoreError::Exists(_) => Self::usage(message, "pass --replace, or choose another name"),
            StoreError::Unknown { .. } => Self::usage(message, "`sandgate service list` shows what there is"),
            StoreError::Method { .. } => Self::usage(message, "name methods as the service's own document does"),
            StoreError::Document(_) => Self::usage(message, "the service has to describe itself in OpenRPC"),
        }
    }
}
