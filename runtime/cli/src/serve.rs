//! `sandgate serve`: scripts of many agents at once, over a Unix socket and over the network, in the contexts of one directory.
//!
//! Everything that listens, and everything that is read, is opened before the process confines itself; from then on it takes
//! connections, and reads policies and tokens again; `steward` reads registrations for it. Who may come in is the operator's word, on the command line and with
//! `sandgate token`; nothing in a request can change it.

use super::{
    executor::catching,
    exit::Exit,
    failure::Failure,
    interpreter::interpreter,
    journal, machine,
    notifier::Notifiers,
    print,
    reach::{PoliciesArgument, not_opened, nothing},
    shared::SharedArguments,
    signals::{SignalMeaning, Signals},
    steward::Steward,
    supervisor::{self, PassedSocket, Supervisor},
    telemetry::{Telemetry, TelemetryProcess},
    values::{self, Collector},
    wall::{self, Inherited, Outside, WithinReach},
};
use clap::{ArgGroup, Args};
use sandgate::{
    Host, HostError, Journal, SealKey, Services, TokenStore, places,
    policy::{self, Principal},
    service::{Client, ClientLimits, Connector},
};
use sandgate_server::{
    DeskUrl, Door, DoorError, Doors, Entitlement, Gatekeeper, Issuer, IssuerTerms, ParkedWatcher,
    ServerLimits, Who,
};
use std::{
    error::Error,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
};

const EXAMPLES: &str = "\
On the socket and on the port there are: POST /rpc (JSON-RPC 2.0, with batches; `rpc.discover` says
what there is), POST /mcp (MCP over streamable HTTP, 2024-11-05 to 2026-07-28), POST /mcp/SERVICE (the methods of one
service as tools), POST /api/v1/tools/execute and GET /api/v1/tools/list (tools over plain HTTP), GET /openrpc.json,
GET /health and GET /.well-known/heroservice.json.

At the desk there are a page for people, who see what waits and answer it, the methods that it calls (POST /rpc), and GET
/metrics for Prometheus, all for whoever shows a token that was made with `sandgate token create --desk`.

The socket is for processes of the user who runs this, in the contexts that --context names, or in all of
them. The port is for whoever shows a token, in the contexts of the token. Whoever may use several
contexts names one in the header `Sandgate-Context`. A call that needs a person's approval has its run wait in the
journal: `sandgate approvals` shows it.

Sockets that systemd has opened (LISTEN_FDS) take the place of those that this would open, by their names: socket, listen, desk.
It is told when this is ready, reloads, ends, and lives.

Without policies there is one context, whose scripts compute and call nothing. SIGHUP has policies and registered services read again; SIGTERM ends it, and what runs has the time of --grace to end.

Examples:
  sandgate serve
  sandgate serve --socket /run/sandgate/rpc.sock --context assistant
  sandgate token create --actor bot --context assistant
  sandgate serve --listen 127.0.0.1:8722 --desk 127.0.0.1:8723
  curl --unix-socket /run/sandgate/rpc.sock -H 'Content-Type: application/json' \\
    -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"execute_code\",\"params\":{\"code\":\"1+1\"}}' http://localhost/rpc";

/// Serve agents over a Unix socket and the network: MCP, JSON-RPC, HTTP.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group(ArgGroup::new("ports").args(["listen", "desk"]).multiple(true))
)]
pub(super) struct ServeArguments {
    /// The socket to listen at [default: sandgate/rpc.sock in $XDG_RUNTIME_DIR, else rpc.sock in the state directory]
    #[arg(long, value_name = "FILE", conflicts_with = "no_socket")]
    socket: Option<PathBuf>,

    /// Listen at no socket
    #[arg(long, requires = "listen")]
    no_socket: bool,

    /// Listen at this port too, for whoever shows a token, such as 127.0.0.1:8722
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Take tokens of this issuer at the port too: a file that names it, its keys and what its tokens say
    #[arg(long, value_name = "FILE", requires = "listen")]
    issuer: Option<PathBuf>,

    /// Have a desk at this port, where people see what waits and answer it, such as 127.0.0.1:8723
    #[arg(long, value_name = "ADDRESS")]
    desk: Option<SocketAddr>,

    /// Where people's browsers find the desk, which clients are told that can open it [default: where it listens]
    #[arg(long, value_name = "URL")]
    desk_url: Option<DeskUrl>,

    /// A name that clients call the machine of a port by, besides localhost; may be given more than once
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    /// A context that the socket is for, all of them where none is named; may be given more than once
    #[arg(long = "context", value_name = "NAME")]
    contexts: Vec<String>,

    #[command(flatten)]
    policies: PoliciesArgument,

    /// Which program whoever comes by the socket is, as policies name it
    #[arg(long, value_name = "NAME", default_value = Principal::SCRIPT)]
    actor: String,

    /// Believe whoever comes by the socket whom it asks for, in X-Hero-Context, X-Hero-User and X-Hero-Claims
    #[arg(long)]
    trust_headers: bool,

    /// How many scripts and sessions there are at once; one context has half of them at most [default: what memory and processors
    /// allow]
    #[arg(long, value_name = "NUMBER")]
    instances: Option<NonZeroU32>,

    /// How many scripts wait for a place, of which one context has half at most; more are told to come again later [default: 64 for each
    /// processor]
    #[arg(long, value_name = "NUMBER")]
    queue: Option<NonZeroUsize>,

    /// How many connections each door has, and requests all doors together
    #[arg(long, value_name = "NUMBER", default_value_t = ServerLimits::CONNECTIONS)]
    connections: NonZeroUsize,

    /// For how long scripts go on once this is to end
    #[arg(long, value_name = "TIME", value_parser = values::time, default_value = "10s")]
    grace: Duration,

    /// Hand spans of runs and calls to this collector of OpenTelemetry, such as http://127.0.0.1:4318 [default: to nobody]
    #[arg(long, value_name = "URL")]
    telemetry: Option<Collector>,
}

impl ServeArguments {
    /// Everything that listens. What was passed to this process takes the place of what it would open itself.
    fn doors(
        &self,
        state: &Path,
        passed: Vec<PassedSocket>,
        issuer: Option<&Issuer>,
    ) -> Result<Vec<Door>, Failure> {
        let unopened = |error| unopened(&error);
        let entitlement = Entitlement {
            contexts: (!self.contexts.is_empty()).then(|| self.contexts.clone()),
            actor: self.actor.clone(),
            user: None,
            claims: Vec::new(),
        };
        let peers = Who::Peers {
            uid: rustix::process::geteuid().as_raw(),
            entitlement,
            are_trusted: self.trust_headers,
        };
        let tokens = || {
            TokenStore::open(state).map_err(|error| {
                let help = "name a directory of yours, with --state-dir";
                Failure::usage(error.to_string(), help)
            })
        };
        let holders = || -> Result<Who, Failure> {
            Ok(Who::Holders {
                tokens: tokens()?,
                issuer: issuer.cloned(),
            })
        };
        let is_passed = |is: fn(&PassedSocket) -> bool| passed.iter().any(is);
        let has_socket = is_passed(|socket| matches!(socket, PassedSocket::Socket(_)));
        let has_port = is_passed(|socket| matches!(socket, PassedSocket::Listen(_)));
        let has_desk = is_passed(|socket| matches!(socket, PassedSocket::Desk(_)));
        // Where anything is passed, nothing is opened that nobody named.
        let is_named = self.socket.is_some() || passed.is_empty();
        let mut doors = Vec::new();
        if !self.no_socket && !has_socket && is_named {
            let path = self.socket.clone().unwrap_or_else(|| places::socket(state));
            doors.push(Door::unix(&path, peers.clone()).map_err(unopened)?);
        }
        if let Some(address) = self.listen.filter(|_| !has_port) {
            let door = Door::tcp(address, holders()?, &self.hosts);
            doors.push(door.map_err(unopened)?);
        }
        if let Some(address) = self.desk.filter(|_| !has_desk) {
            let door = Door::desk(address, tokens()?, &self.hosts);
            doors.push(door.map_err(unopened)?);
        }
        for socket in passed {
            let door = match socket {
                PassedSocket::Socket(listener) => Door::of_unix(listener, peers.clone()),
                PassedSocket::Listen(listener) => Door::of_tcp(listener, holders()?, &self.hosts),
                PassedSocket::Desk(listener) => Door::of_desk(listener, tokens()?, &self.hosts),
            };
            doors.push(door.map_err(unopened)?);
        }
        Ok(doors)
    }

    /// Whose tokens count besides our own.
    fn issuer(&self) -> Result<Option<Issuer>, Failure> {
        let Some(path) = &self.issuer else {
            return Ok(None);
        };
        let refused = |error: &dyn Error| {
            Failure::usage(
                format!("`{}` names no issuer: {error}", path.display()),
                "it says `issuer`, `audience`, `algorithm` and `keys`, as docs/AGENTS.md has it",
            )
        };
        let path = std::path::absolute(path).map_err(|error| refused(&error))?;
        let text = policy::read(&path).map_err(|error| refused(&error))?;
        let terms = toml::from_str::<IssuerTerms>(&text);
        let terms = terms.map_err(|error| refused(&error))?;
        let keys = path.parent().unwrap_or(&path).join(&terms.keys);
        let issuer = Issuer::open(IssuerTerms { keys, ..terms });
        issuer.map(Some).map_err(|error| refused(&error))
    }

    /// How many there may be of what.
    fn limits(&self) -> ServerLimits {
        let usual = ServerLimits::default();
        ServerLimits {
            waiting: self.queue.unwrap_or(usual.waiting),
            connections: self.connections,
        }
    }

    /// Where the contexts are: the directory that was named, or the user's own where there is one.
    fn directory(&self) -> Option<PathBuf> {
        let named = self.policies.named().map(ToOwned::to_owned);
        named.or_else(|| self.policies.directory().filter(|own| own.is_dir()))
    }

    /// Contexts that were named, and that there are not.
    fn look_for_contexts(&self, services: &Services) -> Result<(), Failure> {
        let known = services.contexts();
        let unknown = self.contexts.iter().find(|named| !known.contains(named));
        match unknown {
            None => Ok(()),
            Some(named) => Err(Failure::usage(
                format!("there is no context `{}`", named.escape_debug()),
                format!("there are: {}", known.join(", ")),
            )),
        }
    }
}

fn unopened(error: &DoorError) -> Failure {
    let help = match error {
        DoorError::Taken(_) => "end that one, or name another socket with --socket",
        DoorError::InTheWay(_) => "name another socket with --socket",
        DoorError::Listen { .. } => "name a place where you may listen, with --socket or --listen",
    };
    Failure::usage(sandgate::chain(error), help)
}

pub(super) fn execute(
    arguments: &ServeArguments,
    shared: &SharedArguments,
    mut inherited: Inherited,
) -> Result<Exit, Failure> {
    let passed = supervisor::sockets(&mut inherited)?;
    let supervisor = Supervisor::find();
    let state = shared.state_dir().ok_or_else(|| {
        Failure::usage("there is no state directory", "name one with --state-dir")
    })?;
    let directory = arguments.directory();
    let services = match &directory {
        Some(directory) => Services::of_all(&state, directory)
            .map_err(|error| not_opened(error, directory, "nothing is served"))?,
        None => nothing()?,
    };
    arguments.look_for_contexts(&services)?;
    let issuer = arguments.issuer()?;
    let doors = arguments.doors(&state, passed, issuer.as_ref())?;
    let places: Vec<String> = doors.iter().map(Door::place).collect();
    let key = SealKey::of(&state).map_err(|error| {
        Failure::usage(
            error.to_string(),
            "name a directory of yours, with --state-dir",
        )
    })?;
    let journal = journal::readable(shared)?;
    let contexts = services.contexts();
    let hooks = contexts.iter().map(|context| {
        let limits = services.context_limits(context);
        (
            context.as_str(),
            limits.and_then(|limits| limits.on_approval),
        )
    });
    let watcher: Arc<dyn ParkedWatcher> = Arc::new(Notifiers::start(&journal, hooks)?);
    let (connector, steward) = connected(&state, directory.as_deref())?;
    let client = Client::through(ClientLimits::default(), connector.clone());
    // One whose connections are encrypted may come later, when these cannot be read any more.
    client.read_authorities();
    let telemetry = arguments.telemetry.as_ref().map(TelemetryProcess::start);
    let telemetry = telemetry.transpose()?;
    let instances = arguments.instances.unwrap_or_else(machine::instances);
    let interpreter = interpreter(shared).instances(instances).load()?;
    let (_catching, mut signals) = catching()?;
    // A file of keys that is replaced is another file of its directory.
    let keys = issuer.as_ref().and_then(|issuer| issuer.keys().parent());
    let read: Vec<&Path> = directory.as_deref().into_iter().chain(keys).collect();
    confine(&state, &read, &journal, inherited)?;
    // Its threads are behind the wall.
    let executor = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::ours(&error))?;
    let sandbox = {
        let _entered = executor.enter();
        interpreter.start()?
    };
    let host = Host::of(sandbox, services, client, None, Some(journal.clone()));
    let keeper = Gatekeeper::new(host, Some(watcher), arguments.limits());
    let telemetry = telemetry.map(TelemetryProcess::open).transpose();
    let telemetry = telemetry.map_err(|error| Failure::ours(&error))?;
    let sink = telemetry.as_ref().map(Telemetry::sink);
    let keeper = keeper
        .map_err(|error| Failure::ours(&error))?
        .with_spans(sink);
    if !shared.quiet {
        for place in &places {
            print::err(&format!("sandgate: listening at {place}\n"));
        }
    }
    let served = executor.block_on(serve(
        Doors::new(doors, keeper.clone(), key).of_desk(arguments.desk_url.clone()),
        &keeper,
        steward.map(Arc::new).as_ref(),
        &connector,
        &mut signals,
        &supervisor,
        arguments.grace,
    ));
    // What goes on until the process ends, as a session does, keeps the journal open.
    journal.catch_up();
    executor.shutdown_background();
    if let Some(telemetry) = telemetry {
        telemetry.close();
    }
    served
}

/// What speaks to services for all contexts, and the process that says which they are, where there can be any.
fn connected(
    state: &Path,
    directory: Option<&Path>,
) -> Result<(Connector, Option<Steward>), Failure> {
    let Some(directory) = directory else {
        return Ok((Connector::nowhere(), None));
    };
    let steward = Steward::start(state, directory)?;
    let found = steward.look().map_err(|error| Failure::ours(&error))?;
    Ok((found.connector, Some(steward)))
}

/// From here on it writes the journal, reads policies and tokens, and takes connections.
fn confine(
    state: &Path,
    read: &[&Path],
    journal: &Journal,
    inherited: Inherited,
) -> Result<(), Failure> {
    let tokens = TokenStore::place(state);
    let written = journal.directory().map(WithinReach::Directory);
    let read = read.iter().copied().chain([tokens.as_path()]);
    let read = read.map(WithinReach::ReadOnly);
    let places: Vec<WithinReach<'_>> = written.into_iter().chain(read).collect();
    wall::confine_to(&places, Outside::Visitors, inherited)
}

/// Has policies and services read again. What cannot be used is warned about, and what was in force stays.
async fn reload(keeper: &Gatekeeper, steward: &Arc<Steward>, connector: &Connector) {
    let looking = Arc::clone(steward);
    let found = match tokio::task::spawn_blocking(move || looking.look()).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return tracing::warn!("{error}; the ones before stay in force"),
        Err(error) => return tracing::warn!("{error}; the ones before stay in force"),
    };
    // Whoever is decided to be called can be connected to.
    let before = connector.replace(&found.connector);
    match keeper.reload_with(&found.registrations) {
        Ok(()) => return,
        // Policies are warned about where they are read.
        Err(HostError::Contexts(_)) => {}
        Err(error) => tracing::warn!("{}; the ones before stay in force", sandgate::chain(&error)),
    }
    drop(connector.replace(&before));
}

/// Answers until a signal asks for the end.
async fn serve(
    doors: Doors,
    keeper: &Gatekeeper,
    steward: Option<&Arc<Steward>>,
    connector: &Connector,
    signals: &mut Signals,
    supervisor: &Supervisor,
    grace: Duration,
) -> Result<Exit, Failure> {
    let (end, over) = watch::channel(false);
    let mut served = pin!(doors.serve(over, grace));
    supervisor.ready();
    let (mut reloads, turn) = (JoinSet::new(), Arc::new(Mutex::new(())));
    loop {
        tokio::select! {
            served = &mut served => {
                return served.map(|()| Exit::Ok).map_err(|error| Failure::ours(&error));
            }
            asked = signals.next() => match asked {
                SignalMeaning::Reload => {
                    supervisor.reloading();
                    let (keeper, steward) = (keeper.clone(), steward.cloned());
                    let (connector, turn) = (connector.clone(), Arc::clone(&turn));
                    reloads.spawn(async move {
                        // In the order in which they were asked for.
                        let _turn = turn.lock().await;
                        if let Some(steward) = steward {
                            reload(&keeper, &steward, &connector).await;
                        }
                    });
                }
                SignalMeaning::End => break,
            },
            Some(_) = reloads.join_next() => if reloads.is_empty() {
                supervisor.ready();
            },
            () = beat(supervisor.watchdog) => supervisor.lives(),
        }
    }
    supervisor.stopping();
    end.send_replace(true);
    tokio::select! {
        served = &mut served => served.map_err(|error| Failure::ours(&error))?,
        // Whoever asks twice does not want to wait.
        () = signals.any() => return Ok(Exit::Cancelled),
    }
    Ok(Exit::Ok)
}

/// Waits until a supervisor is to hear that this process lives, which it does if its threads still do something.
async fn beat(watchdog: Option<Duration>) {
    let Some(time) = watchdog else {
        return std::future::pending().await;
    };
    tokio::time::sleep(time / 3).await;
    let _ = tokio::spawn(async {}).await;
}
