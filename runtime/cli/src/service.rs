//! `sandgate service`: what is registered, what it offers, and whether it is there. Only the operator comes here; a
//! script has no way to. What services say of themselves is shown as text and never believed.

mod arguments;
mod export;
mod interface;
mod marks;
mod policies;
mod search;
mod view;

use super::{
    executor::executor, exit::Exit, failure::Failure, print, report, shared::SharedArguments,
};
pub(super) use arguments::ServiceArguments;
use arguments::{
    AddArguments, DiscoverArguments, EffectArguments, EffectChange, MarkArguments,
    RefreshArguments, ServiceCommand, ServicePlace, TestArguments,
};
use sandgate::{
    policy::{ContextNumber, Effect, Principal, PrincipalError},
    service::{
        Address, AddressError, CallError, Changed, Client, ClientLimits, DiscoveredSocket,
        Document, Identity, MarkError, Marks, ProtocolError, Refreshed, Registration, Service,
        SocketError, Store, StoreError, Terms, find_sockets, socket_dirs,
    },
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    num::NonZeroU32,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use view::{Discovery, FoundView, ServiceView};

pub(super) fn execute(
    arguments: ServiceArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let directory = shared.state_dir().ok_or(StoreError::NoHome)?;
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
        ServiceCommand::Interface(arguments) => interface::show(&store, &arguments),
        ServiceCommand::Search(arguments) => search::show(&store, &arguments),
        ServiceCommand::Export { name } => {
            print::json(&export::export(&store, &store.get(&name)?)?)?;
            Ok(Exit::Ok)
        }
        ServiceCommand::Effect(arguments) => amend(&mut store, arguments),
        ServiceCommand::Mark(arguments) => mark(&mut store, arguments),
        ServiceCommand::Refresh(arguments) => refresh(&mut store, &arguments),
        ServiceCommand::Remove(named) => {
            store.remove(&named.name)?;
            say(
                named.json,
                &BTreeMap::from([("removed", &named.name)]),
                || format!("removed {}\n", named.name),
            )
        }
        ServiceCommand::Test(arguments) => test(&store, &arguments),
    }
}

fn add(store: &mut Store, arguments: AddArguments) -> Result<Exit, Failure> {
    let address = arguments.place.address()?;
    let mut terms = Terms {
        trusted: arguments.trust,
        reads: arguments.reads,
        effects: arguments.effects.into_iter().collect(),
        free: arguments.free.into_iter().collect(),
        timeout: arguments.timeout,
        marks: Marks::default(),
    };
    let document =
        wait(client().discover(&address))?.map_err(|error| unreachable(&address, &error))?;
    let bytes = document.get().as_bytes();
    let earlier = match arguments.replace {
        true => store.get(&arguments.name).ok(),
        false => None,
    };
    let dropped = match earlier {
        Some(earlier) => keep_said(&mut terms, earlier.terms, &arguments.name, &address, bytes)?,
        None => Vec::new(),
    };
    arguments.marks.apply(&mut terms.marks, &arguments.name)?;
    store.add(&arguments.name, &address, &terms, bytes, arguments.replace)?;
    let registration = store.get(&arguments.name)?;
    let doubts = sandgate::service::doubts(document.get());
    let view = ServiceView::new(&registration, &store.service(&registration)?)
        .with_doubts(doubts, dropped);
    say(arguments.json, &view, || {
        format!(
            "registered {}{}{}",
            view.line(),
            view.by_name(),
            view.doubts()
        )
    })
}

/// Adds what was said of a service before, and tells of which methods it was that it can no longer be said of.
fn keep_said(
    terms: &mut Terms,
    earlier: Terms,
    name: &str,
    address: &Address,
    document: &[u8],
) -> Result<Vec<String>, Failure> {
    let read = Service::read(name, address.clone(), document, &earlier);
    let service = read.map_err(StoreError::from)?;
    terms.marks = earlier.marks;
    let mut dropped = terms.marks.fit(&service);
    for (method, effect) in earlier.effects {
        if service.method(&method).is_some() {
            terms.effects.entry(method).or_insert(effect);
        } else if !dropped.contains(&method) {
            dropped.push(method);
        }
    }
    terms.free.extend(earlier.free);
    terms.timeout = terms.timeout.or(earlier.timeout);
    Ok(dropped)
}

/// Says what methods do, and leaves all else as it is.
fn amend(store: &mut Store, arguments: EffectArguments) -> Result<Exit, Failure> {
    let mut registration = store.get(&arguments.name)?;
    for EffectChange { method, effect } in arguments.effects {
        match effect {
            Some(effect) => drop(registration.terms.effects.insert(method, effect)),
            None if registration.terms.effects.remove(&method).is_some() => {}
            None => {
                return Err(marks::unsaid(&method, &arguments.name));
            }
        }
    }
    let service = store.amend(&arguments.name, &registration.terms)?;
    let view = ServiceView::new(&registration, &service);
    say(arguments.json, &view, || view.whole())
}

/// Says what else there is to say of methods, and leaves all else as it is.
fn mark(store: &mut Store, arguments: MarkArguments) -> Result<Exit, Failure> {
    let mut registration = store.get(&arguments.name)?;
    let marks = &mut registration.terms.marks;
    arguments.marks.apply(marks, &arguments.name)?;
    let service = store.amend(&arguments.name, &registration.terms)?;
    let view = ServiceView::new(&registration, &service);
    say(arguments.json, &view, || view.whole())
}

fn discover(store: &mut Store, arguments: DiscoverArguments) -> Result<Exit, Failure> {
    let directories = if arguments.directories.is_empty() {
        socket_dirs()
    } else {
        // A socket is the same by whatever path it is found.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        arguments.directories.into_iter().map(absolute).collect()
    };
    let registered = store.list()?;
    let mut views = Vec::new();
    for (found, asked) in wait(ask_all(find_sockets(&directories)))? {
        let address = Address::Http(found.socket.clone());
        let same = registered.iter().find(|known| known.address == address);
        let namesake = registered.iter().find(|known| known.name == found.name);
        let outcome = match (same.or(namesake), asked) {
            (Some(known), _) if known.address == address => {
                Discovery::Registered(known.name.clone())
            }
            (Some(known), _) => Discovery::Unusable(format!(
                "`{}` is another service, at {}; `sandgate service add` can give it another name",
                known.name, known.address
            )),
            (None, Err(reason)) => Discovery::Unusable(reason),
            (None, Ok(document)) => {
                match register(store, &found.name, &address, &document, arguments.add) {
                    Ok(methods) if arguments.add => Discovery::Added { methods },
                    Ok(methods) => Discovery::New { methods },
                    Err(error) => Discovery::Unusable(sandgate::chain(&error)),
                }
            }
        };
        views.push(FoundView::new(found, outcome));
    }
    let places = directories
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ");
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
        Service::read(name, address.clone(), bytes, &terms)?
    };
    Ok(service.methods().len())
}

type Asked = (DiscoveredSocket, Result<Box<RawValue>, String>);

/// Asks all of them at once, since some may not answer.
async fn ask_all(found: Vec<DiscoveredSocket>) -> Vec<Asked> {
    let client = client();
    let mut asking = JoinSet::new();
    for found in found {
        let client = client.clone();
        asking.spawn(async move {
            let address = Address::Http(found.socket.clone());
            let asked = match client.protocol(&address).await {
                // What is there for people is not to be called by programs.
                Ok(Some(protocol)) if protocol != "openrpc" => {
                    Err(format!("it is for `{protocol}` and not for calls"))
                }
                Err(error) => Err(error.to_string()),
                Ok(_) => client
                    .discover(&address)
                    .await
                    .map_err(|error| error.to_string()),
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
        views.push(ServiceView::new(
            &registration,
            &store.service(&registration)?,
        ));
    }
    if views.is_empty() && !json {
        print::err("no services are registered; `sandgate service discover` looks for some\n");
        return Ok(Exit::Ok);
    }
    let briefly: Vec<_> = views.iter().map(ServiceView::brief).collect();
    say(json, &briefly, || {
        views.iter().map(ServiceView::line).collect()
    })
}

fn refresh(store: &mut Store, arguments: &RefreshArguments) -> Result<Exit, Failure> {
    let registrations = match &arguments.name {
        Some(name) => vec![store.get(name)?],
        None => store.list()?,
    };
    if arguments.decline {
        return decline(store, &registrations, arguments.json);
    }
    let (mut views, mut newest, mut acceptable) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for (registration, document) in wait(ask_again(registrations))? {
        let offered = registration.is_offered();
        let Registration {
            name,
            address,
            terms,
            ..
        } = registration;
        let document = match document {
            Ok(document) => document,
            // One that was asked for by name is a failure; of many, the others still count.
            Err(error) if arguments.name.is_some() => return Err(unreachable(&address, &error)),
            Err(error) => {
                views.push(view::RefreshView::unreachable(name, &error));
                continue;
            }
        };
        let bytes = document.get().as_bytes();
        let view = if arguments.dry_run {
            view::RefreshView::looked_at(name.clone(), store.compare(&name, bytes)?)
        } else {
            let refreshed = store.refresh(&name, bytes)?;
            // What is accepted is what was shown: here, or by an earlier refresh.
            if let Refreshed::Waiting { known, .. } = &refreshed
                && arguments.accept
                && (*known || offered)
            {
                acceptable.insert(name.clone());
            }
            view::RefreshView::new(name.clone(), refreshed)
        };
        if view.changed() {
            let document = Document::read(bytes).map_err(StoreError::from)?;
            let service = Service::new(&name, address, document, &terms);
            newest.insert(name, service.interface());
        }
        views.push(view);
    }
    let policies = if newest.is_empty() {
        None
    } else {
        policies::check(store, &arguments.policies, &newest)?
    };
    let refused = policies
        .as_ref()
        .is_some_and(|checked| checked.refused.is_some());
    if !refused || arguments.force {
        for view in &mut views {
            if acceptable.contains(view.name()) && store.accept(view.name())? {
                view.accept();
            }
        }
    }
    let left = arguments.accept && views.iter().any(view::RefreshView::waits);
    let unreachable = views.iter().any(view::RefreshView::is_unreachable);
    say(arguments.json, &views, || {
        let services = views.iter().map(view::RefreshView::text);
        services
            .chain(policies.iter().map(policies::CheckedPolicies::text))
            .collect()
    })?;
    if let Some(error) = policies.and_then(|checked| checked.refused) {
        report::failure(&error);
        if arguments.accept && !arguments.force {
            print::err(
                "sandgate: nothing was accepted; mend the policies, or pass --force: runs in their contexts are refused then\n",
            );
        }
        return Ok(Exit::Found);
    }
    Ok(if unreachable {
        Exit::Service
    } else if left {
        Exit::Usage
    } else {
        Exit::Ok
    })
}

/// Lets the documents count that counted.
fn decline(store: &mut Store, registrations: &[Registration], json: bool) -> Result<Exit, Failure> {
    let mut views = Vec::new();
    for registration in registrations {
        let declined = store.decline(&registration.name)?;
        views.push(view::RefreshView::declined(
            registration.name.clone(),
            declined,
        ));
    }
    say(json, &views, || {
        views.iter().map(view::RefreshView::text).collect()
    })
}

async fn ask_again(
    registrations: Vec<Registration>,
) -> Vec<(Registration, Result<Box<RawValue>, CallError>)> {
    let client = client();
    let mut asking = JoinSet::new();
    for registration in registrations {
        let client = client.clone();
        asking.spawn(async move {
            let document = client.discover(&registration.address).await;
            (registration, document)
        });
    }
    let mut all = asking.join_all().await;
    all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    all
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
    let view = view::CheckView::new(
        registration,
        health.map_err(failed)?,
        &document.map_err(failed)?,
        took,
    )?;
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
            format!(
                "`sandgate service show {}` lists what it has",
                service.name()
            ),
        )
    })?;
    if registered.effect != Effect::Read && !arguments.yes {
        return Err(Failure::usage(
            format!(
                "`{method}` {} ({})",
                match registered.effect {
                    Effect::Destroy => "destroys",
                    Effect::Read | Effect::Write => "writes",
                },
                registered.because
            ),
            "pass --yes to call it all the same",
        ));
    }
    let number = NonZeroU32::new(arguments.context_number).ok_or_else(|| {
        Failure::usage(
            "the number 0 means administrator to services",
            "pass --context-number with another number",
        )
    })?;
    let number = ContextNumber::Number(number);
    let internal = |error: PrincipalError| Failure::internal(error.to_string(), None);
    let caller = Principal::new("test", number, "operator").map_err(internal)?;
    let usage =
        |error: &dyn std::error::Error, help: &str| Failure::usage(sandgate::chain(error), help);
    let given: Box<RawValue> = serde_json::from_str(&arguments.arguments)
        .map_err(|error| usage(&error, "pass one JSON object, such as '{\"id\": 7}'"))?;
    let bound = registered.bind(&given, &caller).map_err(|error| {
        usage(
            &error,
            &format!("it is called as {}", registered.signature()),
        )
    })?;
    let identity = Identity::of(&caller).map_err(internal)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator makes this call, and has said yes to it"
    )]
    let result = wait(client().call(&registration.address, &identity, method, bound.params()))?
        .map_err(|error| unreachable(&registration.address, &error))?;
    print::json(&format!("{}\n", result.get()))?;
    Ok(Exit::Ok)
}

impl ServicePlace {
    fn address(&self) -> Result<Address, Failure> {
        let absolute = |path: &PathBuf| {
            std::path::absolute(path)
                .map_err(|error| Failure::usage(error.to_string(), "name the socket by its path"))
        };
        let address: Result<Address, AddressError> = match self {
            Self {
                socket: Some(path), ..
            } => Address::http(&absolute(path)?),
            Self {
                lines: Some(path), ..
            } => Address::lines(&absolute(path)?),
            Self { url, .. } => Address::url(url.as_deref().unwrap_or_default()),
        };
        address.map_err(|error| {
            Failure::usage(
                error.to_string(),
                "https://HOST/PATH, or http:// on this machine",
            )
        })
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
    Ok(executor()?.block_on(future))
}

fn unreachable(address: &Address, error: &CallError) -> Failure {
    let help = match error {
        CallError::Service(_) => "the service is there, and this is its answer",
        CallError::Socket(SocketError::Missing { .. }) => {
            "check that the service runs and listens there"
        }
        CallError::Socket(
            SocketError::NotASocket(_) | SocketError::NotADirectory(_) | SocketError::TooLong(_),
        ) => "name the socket that the service listens at, by its whole path",
        CallError::Socket(_) => "only a socket that nobody else can replace is spoken to",
        CallError::Protocol(ProtocolError::Status(500..)) => {
            "the service is there and failed; its own log says why"
        }
        CallError::Protocol(_) => {
            "check what is spoken there: --socket for HTTP, --lines for one message a line"
        }
        _ => "check that the service runs and listens there",
    };
    match error {
        // These name the place themselves.
        CallError::Socket(SocketError::Missing { .. }) => {
            Failure::service(sandgate::chain(error), help)
        }
        CallError::Socket(_) | CallError::Address(_) => {
            Failure::usage(sandgate::chain(error), help)
        }
        _ => Failure::service(format!("`{address}`: {}", sandgate::chain(error)), help),
    }
}

fn say(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<Exit, Failure> {
    if json {
        let json = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::internal(error.to_string(), None))?;
        print::json(&format!("{json}\n"))?;
    } else {
        print::out(&text())?;
    }
    Ok(Exit::Ok)
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = sandgate::chain(&error);
        match error {
            StoreError::NoHome => Self::usage(message, "name a directory with --state-dir"),
            StoreError::Directory { .. } => {
                Self::usage(message, "name a directory of your own with --state-dir")
            }
            StoreError::Database(_)
            | StoreError::Corrupt(_)
            | StoreError::Changed(Changed::Document(_)) => Self::internal(
                message,
                Some("move `registry.db` out of the state directory and register again"),
            ),
            StoreError::Name(_) => Self::usage(
                message,
                "scripts import it by that name, as in `from services import crm`",
            ),
            StoreError::Exists(_) => Self::usage(message, "pass --replace, or choose another name"),
            StoreError::Unknown { .. } => {
                Self::usage(message, "`sandgate service list` shows what there is")
            }
            StoreError::Method { .. } => {
                Self::usage(message, "name methods as the service's own document does")
            }
            StoreError::Mark(MarkError::Undo(_)) => Self::usage(
                message,
                "parts of a call are named as its document does: `params.NAME` and `result.PART`",
            ),
            StoreError::Mark(MarkError::Parameter { .. }) => Self::usage(
                message,
                "name parameters as the service's own document does",
            ),
            StoreError::Document(_) | StoreError::Changed(Changed::Unusable(_)) => {
                Self::service(message, "the service has to describe itself in OpenRPC")
            }
        }
    }
}
