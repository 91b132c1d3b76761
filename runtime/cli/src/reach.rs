//! On whose behalf a command calls services, and which: from the command line to a `Reach`. Called by `run`.
//! A script has no part in any of it: THREAT[POL-01].

use super::{
    connector::{self, Running},
    failure::{Failure, chain},
    question::Person,
    report,
    shared::Shared,
};
use clap::Args;
use sandgate::{
    Actor, Answer, Approver, Reach,
    policy::{self, ContextPolicy, InForce, Interface, PolicyStore},
    service::{Address, Client, ClientLimits, Connector, Registration, Registry, Store},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Which program of a context calls, if nobody says.
pub(super) const ACTOR: &str = "script";

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
        default_value = ACTOR,
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

/// Where policies are, wherever a command needs some.
#[derive(Debug, Args)]
pub(super) struct PoliciesArgument {
    /// The directory of the policies, one directory a context [default: the user's configuration directory]
    #[arg(
        long,
        value_name = "DIR",
        env = "SANDGATE_POLICIES",
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
        self.policies.clone().or_else(policy::policies_dir)
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

/// A reach, and what connects for it, where there is anything to connect to.
pub(super) struct Opened {
    pub(super) reach: Arc<Reach>,
    pub(super) connecting: Option<Running>,
    /// PLACEHOLDER until `Host` is there.
    pub(super) placeholder: (Registry, InForce),
}

impl ReachArguments {
    /// PLACEHOLDER until `Host` is there.
    pub(super) fn placeholder(
        context: String,
        policies: Option<PathBuf>,
        who: WhoArguments,
    ) -> Self {
        Self {
            context: Some(context),
            policies: PoliciesArgument { policies },
            who,
            yes: false,
            no: false,
        }
    }

    /// Whether there are services at all.
    pub(super) fn has_context(&self) -> bool {
        self.context.is_some()
    }

    /// Reads registrations and policies. Nothing of them is read again.
    pub(super) fn open(
        &self,
        shared: &Shared,
        stdin_is_free: bool,
    ) -> Result<Option<Opened>, Failure> {
        let Some(context) = &self.context else {
            return Ok(None);
        };
        let state = shared.state_dir().ok_or_else(|| {
            Failure::usage("there is no state directory", "name one with --state-dir")
        })?;
        let store = Store::open(&state)?;
        let registered = store.list()?;
        let directory = self.policies.required()?;
        let (registry, policy) = match quickly(&store, &registered, &directory, context)? {
            Some(opened) => opened,
            None => wholly(&store, &registered, &directory, context)?,
        };
        let services = policy
            .now()
            .map_or_else(Vec::new, |policy| used(registered, &policy));
        let connecting = if services.is_empty() {
            None
        } else {
            Some(connector::start(services.clone())?)
        };
        let actor = Actor {
            name: self.who.actor.clone(),
            user: self.who.user.clone(),
            claims: self.who.claims.clone(),
        };
        let connector = connecting
            .as_ref()
            .map_or_else(Connector::default, Running::connector);
        let client = Client::through(ClientLimits::default(), connector);
        if services.iter().any(Address::is_encrypted) {
            client.read_authorities();
        }
        let approver = self.approver(stdin_is_free);
        let placeholder = (registry.clone(), policy.clone());
        let reach = Reach::new(context, policy, registry, client, actor, approver)
            .map_err(|error| Failure::usage(chain(&error), "see `sandgate run --help`"))?;
        Ok(Some(Opened {
            reach: Arc::new(reach),
            connecting,
            placeholder,
        }))
    }

    /// Where policies are, those of later runs included.
    pub(super) fn policies_dir(&self) -> Option<PathBuf> {
        self.policies.directory()
    }

    fn approver(&self, stdin_is_free: bool) -> Option<Arc<dyn Approver>> {
        approver(self.yes, self.no, stdin_is_free)
    }
}

/// The policies of one context with the services that they can be about, if they load with those. Of other services not
/// even the documents are read: what they weigh is no business of a context that may not use them. THREAT[SVC-04]
fn quickly(
    store: &Store,
    registered: &[Registration],
    directory: &Path,
    context: &str,
) -> Result<Option<(Registry, InForce)>, Failure> {
    let names = registered.iter().map(|service| service.name.as_str());
    let Some(needed) = policy::needed(directory, context, names) else {
        return Ok(None);
    };
    let wanted = registered
        .iter()
        .filter(|registration| needed.contains(registration.name.as_str()));
    let registry = store.registry(wanted)?;
    let mut interfaces: Vec<Interface> = registry
        .services()
        .map(|service| service.interface())
        .collect();
    for registration in registered {
        // Policies may speak of a service that is not offered while its new document waits.
        if !registration.is_offered() && needed.contains(registration.name.as_str()) {
            interfaces.push(store.service(registration)?.interface());
        }
    }
    if interfaces.len() < needed.len() {
        // One of the documents cannot be read; what that means for the policies is told below.
        return Ok(None);
    }
    let policy = policy::open_one(directory, context, &interfaces);
    Ok(policy.map(|policy| (registry, policy)))
}

/// The same with every service and every context, for policies that are about any, and to say what is wrong with others.
fn wholly(
    store: &Store,
    registered: &[Registration],
    directory: &Path,
    context: &str,
) -> Result<(Registry, InForce), Failure> {
    let registry = store.registry(registered)?;
    let mut interfaces: Vec<Interface> = registry
        .services()
        .map(|service| service.interface())
        .collect();
    for registration in registered.iter().filter(|one| !one.is_offered()) {
        interfaces.push(store.service(registration)?.interface());
    }
    let policies = PolicyStore::open(directory, &interfaces).map_err(|error| {
        // Each problem points into its file; the report of them all comes first.
        report::failure(&error);
        Failure::usage(
            "nothing was run: no call could be decided",
            "`sandgate policy check` says it again once you have changed something",
        )
    })?;
    let policy = policies.get(context).ok_or_else(|| {
        let message = format!(
            "there is no context `{context}` in `{}`",
            directory.display()
        );
        let names = policies.names();
        let help = if names.is_empty() {
            "a context is a directory with policy.cedar and limits.toml".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        Failure::usage(message, help)
    })?;
    Ok((registry, policy))
}

/// Where the services are that some policy of the context permits something of. THREAT[POL-06]: a run can have no
/// connection to anything else.
fn used(registrations: Vec<Registration>, policy: &ContextPolicy) -> Vec<Address> {
    let used = registrations.into_iter().filter(|registration| {
        registration.is_offered() && policy.policies.may_use(&registration.name)
    });
    used.map(|registration| registration.address).collect()
}

/// Who answers for calls that need approval: nobody where there is no terminal.
pub(super) fn approver(yes: bool, no: bool, stdin_is_free: bool) -> Option<Arc<dyn Approver>> {
    let person = if yes {
        Some(Person::Decided(Answer::Yes))
    } else if no {
        Some(Person::Decided(Answer::No))
    } else if stdin_is_free {
        Person::at_the_terminal()
    } else {
        None
    };
    person.map(|person| Arc::new(person) as Arc<dyn Approver>)
}
