//! On whose behalf a command calls services, and which: from the command line to a `Caller`. Called by `run` and `mcp`.
//! A script has no part in any of it: THREAT[POL-01].

use super::{
    connector::{self, ConnectorProcess},
    failure::Failure,
    notifier::Notifier,
    question::{Person, Seat},
    report,
    shared::SharedArguments,
};
use bytesize::ByteSize;
use clap::Args;
use miette::Diagnostic;
use sandgate::{
    Answer, Approver, CallWatcher, Caller, Host, HostError, Journal, Limits, Sandbox, Services,
    places,
    policy::{self, ApprovalHook, Principal},
    service::{Address, Client, ClientLimits, Connector},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The context that there is without any policies: its scripts compute, and call nothing.
const NOTHING: &str = "nothing";

/// No services, and a context that may use none.
pub(super) fn nothing() -> Result<Services, Failure> {
    let policy = include_str!("../../../policies/nothing/policy.cedar");
    let limits = include_str!("../../../policies/nothing/limits.toml");
    Ok(Services::of_text(NOTHING, policy, limits)?)
}

/// Which services may be called, and on whose behalf.
#[derive(Debug, Args)]
#[command(next_help_heading = "Services")]
pub(super) struct ReachArguments {
    /// Let the script call services, as the policies of this context allow; without one there are none
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    #[command(flatten)]
    policies: PoliciesArgument,

    #[command(flatten)]
    who: WhoArguments,

    /// Make the calls that need approval, without asking
    #[arg(long, requires = "context", conflicts_with = "no")]
    yes: bool,

    /// Refuse the calls that need approval, without asking
    #[arg(long, requires = "context")]
    no: bool,
}

/// Who calls, within a context. For a command that has an argument `context`.
#[derive(Debug, Args)]
pub(super) struct WhoArguments {
    /// Which program of the context this is, as policies name it
    #[arg(
        long,
        value_name = "NAME",
        default_value = Principal::SCRIPT,
        requires = "context"
    )]
    pub(super) actor: String,

    /// The person behind it, for policies and services
    #[arg(long, value_name = "NAME", requires = "context")]
    pub(super) user: Option<String>,

    /// What the caller is entitled to; may be given more than once
    #[arg(long = "claim", value_name = "CLAIM", requires = "context")]
    pub(super) claims: Vec<String>,
}

impl WhoArguments {
    /// The person behind a program, and what they are entitled to.
    fn apply(&self, principal: Principal) -> Result<Principal, HostError> {
        let principal = match &self.user {
            Some(user) => principal.with_user(user)?,
            None => principal,
        };
        Ok(principal.with_claims(self.claims.iter().map(String::as_str))?)
    }
}

/// Where policies are, wherever a command needs some.
#[derive(Debug, Args)]
pub(super) struct PoliciesArgument {
    /// The directory of the policies, one directory a context
    /// [default: sandgate/policies in $XDG_CONFIG_HOME, else in ~/.config]
    #[arg(
        long,
        value_name = "DIR",
        env = sandgate::places::POLICIES_DIR,
        hide_env_values = true
    )]
    policies: Option<PathBuf>,
}

impl PoliciesArgument {
    /// The directory that was named.
    pub(super) fn named(&self) -> Option<&Path> {
        self.policies.as_deref()
    }

    /// The directory that was named, or else the user's own.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.policies.clone().or_else(places::policies_dir)
    }

    /// Where the files of a context are, which must be there.
    pub(super) fn of_context(&self, context: &str) -> Result<PathBuf, Failure> {
        let directory = self.required()?;
        let names = policy::names(&directory).unwrap_or_default();
        if names.is_empty() || names.iter().any(|name| name == context) {
            return Ok(directory.join(context));
        }
        let known = names.iter().map(String::as_str);
        let help = match policy::nearest(context, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        let message = format!(
            "there is no context `{}` in `{}`",
            context.escape_debug(),
            directory.display()
        );
        Err(Failure::usage(message, help))
    }

    /// The same, where the command cannot do without.
    pub(super) fn required(&self) -> Result<PathBuf, Failure> {
        self.directory().ok_or_else(|| {
            Failure::usage(
                "there is no directory of policies",
                "name one with --policies",
            )
        })
    }
}

/// What a run in a context needs, before it has a sandbox.
pub(super) struct OpenedReach {
    services: Services,
    principal: Principal,
    client: Client,
    approver: Option<Arc<dyn Approver>>,
    connecting: Option<ConnectorProcess>,
    journal: Option<Journal>,
    watcher: Option<Arc<dyn CallWatcher>>,
}

impl OpenedReach {
    /// The same with somebody who is told of every call.
    pub(super) fn watched(self, watcher: Option<Arc<dyn CallWatcher>>) -> Self {
        Self { watcher, ..self }
    }

    /// What one run may consume.
    pub(super) fn limits(&self) -> Limits {
        self.services.limits(self.principal.context().as_str())
    }

    /// Reads registrations and policies, and starts what connects to services. Nothing of them is read again.
    pub(super) fn new(
        shared: &SharedArguments,
        context: &str,
        policies: &PoliciesArgument,
        who: &WhoArguments,
        approver: Option<Arc<dyn Approver>>,
        journal: Option<Journal>,
    ) -> Result<Self, Failure> {
        let principal = |services: &Services| -> Result<Principal, Failure> {
            Ok(who.apply(services.principal(context, &who.actor)?)?)
        };
        Self::of(shared, context, policies, principal, approver, journal)
    }

    /// Whoever may call nothing, where no context was named.
    pub(super) fn of_nothing(journal: Option<Journal>) -> Result<Self, Failure> {
        let services = nothing()?;
        Ok(Self {
            principal: services.principal(NOTHING, Principal::SCRIPT)?,
            services,
            client: Client::new(ClientLimits::default()),
            approver: None,
            connecting: None,
            journal,
            watcher: None,
        })
    }

    /// The same for somebody who is known otherwise.
    pub(super) fn of(
        shared: &SharedArguments,
        context: &str,
        policies: &PoliciesArgument,
        principal: impl FnOnce(&Services) -> Result<Principal, Failure>,
        approver: Option<Arc<dyn Approver>>,
        journal: Option<Journal>,
    ) -> Result<Self, Failure> {
        let state = shared.state_dir().ok_or_else(|| {
            Failure::usage("there is no state directory", "name one with --state-dir")
        })?;
        let directory = policies.required()?;
        let services = Services::of_one(&state, &directory, context)
            .map_err(|error| not_opened(error, &directory, "nothing was run"))?;
        let principal = principal(&services)?;
        let addresses = services.addresses(context);
        let is_encrypted = addresses.iter().any(Address::is_encrypted);
        let connecting = if addresses.is_empty() {
            None
        } else {
            Some(connector::start(addresses)?)
        };
        let connector = connecting
            .as_ref()
            .map_or_else(Connector::default, ConnectorProcess::connector);
        let client = Client::through(ClientLimits::default(), connector);
        if is_encrypted {
            client.read_authorities();
        }
        Ok(Self {
            services,
            principal,
            client,
            approver,
            connecting,
            journal,
            watcher: None,
        })
    }

    /// How people are told that something waits for them, where the context says so.
    pub(super) fn approval_hook(&self) -> Option<ApprovalHook> {
        let limits = self
            .services
            .context_limits(self.principal.context().as_str());
        limits?.on_approval
    }

    /// Starts whoever tells them.
    pub(super) fn notifier(&self) -> Result<Option<Notifier>, Failure> {
        match &self.journal {
            Some(_) => Notifier::start(self.approval_hook().as_ref()),
            None => Ok(None),
        }
    }

    /// The caller, and what connects for it, where there is anything to connect to.
    pub(super) fn caller(
        self,
        sandbox: Sandbox,
    ) -> Result<(Caller, Option<ConnectorProcess>), Failure> {
        let host = Host::of(
            sandbox,
            self.services,
            self.client,
            self.approver,
            self.journal,
        );
        let caller = match self.watcher {
            Some(watcher) => host.watched_caller(self.principal, watcher)?,
            None => host.caller(self.principal)?,
        };
        Ok((caller, self.connecting))
    }
}

impl ReachArguments {
    /// Which context was named. Without one there are no services at all.
    pub(super) fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// Opens what there is for a context, if one is named.
    pub(super) fn open(
        &self,
        shared: &SharedArguments,
        seat: Option<Arc<Seat>>,
        journal: Option<Journal>,
    ) -> Result<Option<OpenedReach>, Failure> {
        let Some(context) = &self.context else {
            return Ok(None);
        };
        let approver = approver(self.yes, self.no, seat);
        let opened = OpenedReach::new(
            shared,
            context,
            &self.policies,
            &self.who,
            approver,
            journal,
        );
        opened.map(Some)
    }

    /// What a run is to be given at most. Where there is a context, its own limits count as well, and what is not said is
    /// left to them.
    pub(super) fn asked_for(
        &self,
        time: Option<Duration>,
        memory: Option<ByteSize>,
        output: Option<ByteSize>,
    ) -> Limits {
        let otherwise = if self.context.is_some() {
            Limits::MOST
        } else {
            Limits::default()
        };
        let size = |asked: Option<ByteSize>, otherwise| match asked {
            Some(asked) => usize::try_from(asked.as_u64()).unwrap_or(usize::MAX),
            None => otherwise,
        };
        Limits {
            wall: time.unwrap_or(otherwise.wall),
            cpu: time.unwrap_or(otherwise.cpu),
            memory: size(memory, otherwise.memory),
            output: size(output, otherwise.output),
            ..otherwise
        }
    }

    /// Where policies are, those of later runs included.
    pub(super) fn policies_dir(&self) -> Option<PathBuf> {
        self.policies.directory()
    }
}

/// Why there is nothing to decide by; `so` says what is not done.
pub(super) fn not_opened(error: HostError, directory: &Path, so: &str) -> Failure {
    match error {
        HostError::Contexts(error) => {
            // Each problem points into its file; the report of them all comes first.
            report::failure(&error);
            Failure::usage(
                format!("{so}: no call could be decided"),
                "`sandgate policy check` says it again once you have changed something",
            )
        }
        error @ HostError::Unknown { .. } => {
            let help = error
                .help()
                .map_or_else(String::new, |help| help.to_string());
            Failure::usage(format!("{error} in `{}`", directory.display()), help)
        }
        error => error.into(),
    }
}

/// Who answers for calls that need approval: nobody where no person sits at a terminal.
pub(super) fn approver(yes: bool, no: bool, seat: Option<Arc<Seat>>) -> Option<Arc<dyn Approver>> {
    let person = if yes {
        Some(Person::Decided(Answer::Yes))
    } else if no {
        Some(Person::Decided(Answer::No))
    } else {
        seat.map(Person::at)
    };
    person.map(|person| Arc::new(person) as Arc<dyn Approver>)
}
