//! On whose behalf a command calls services, and which: from the command line to a `Reach`. Called by `run`.
//! A script has no part in any of it: THREAT[POL-01].

use super::{
    Shared,
    approve::Person,
    report::{self, Failure, chain},
};
use crate::{
    Actor, Answer, Approver, PolicyStore, Reach,
    service::{Address, Client, ClientLimits, Registry, Store},
};
use clap::Args;
use sandgate_policy::Interface;
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::Arc,
};
use tokio::sync::Mutex;

/// Which services may be called, and on whose behalf.
#[derive(Debug, Args)]
#[command(next_help_heading = "Services")]
pub(super) struct ReachArguments {
    /// Let the script call services, as the policies of this context allow; without one there are none
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    #[command(flatten)]
    policies: PoliciesArgument,

    /// Which program of the context this is, as policies name it
    #[arg(
        long,
        value_name = "NAME",
        default_value = "script",
        requires = "context"
    )]
    actor: String,

    /// The person behind it, for policies and services
    #[arg(long, value_name = "NAME", requires = "context")]
    user: Option<String>,

    /// What the caller is entitled to; may be given more than once
    #[arg(long = "claim", value_name = "CLAIM", requires = "context")]
    claims: Vec<String>,

    /// Make the calls that need approval, without asking
    #[arg(long, requires = "context", conflicts_with = "no")]
    yes: bool,

    /// Refuse the calls that need approval, without asking
    #[arg(long, requires = "context")]
    no: bool,
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
    /// The directory that was named, or else the user's own.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.policies.clone().or_else(policies_dir)
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

/// What may be reached outside this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    /// Nothing.
    Nothing,
    /// Unix sockets.
    Sockets,
    /// The network as well.
    Network,
}

/// A reach, and what it needs of the system.
pub(super) struct Opened {
    pub(super) reach: Arc<Reach>,
    pub(super) outside: Outside,
}

impl ReachArguments {
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
        let registry = Registry::load(&store)?;
        let mut interfaces: Vec<Interface> = registry
            .services()
            .map(|service| service.interface())
            .collect();
        // Policies may speak of a service that is not offered while its new document waits.
        for registration in store.list()?.iter().filter(|one| !one.is_offered()) {
            interfaces.push(store.service(registration)?.interface());
        }
        let directory = self.policies.required()?;
        let policies = PolicyStore::open(&directory, &interfaces).map_err(|error| {
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
        let by_url = store
            .list()?
            .iter()
            .any(|service| matches!(service.address, Address::Url(_)));
        let actor = Actor {
            name: self.actor.clone(),
            user: self.user.clone(),
            claims: self.claims.clone(),
        };
        let client = Client::new(ClientLimits::default());
        let approver = self.approver(stdin_is_free);
        let reach = Reach::new(context, policy, registry, client, actor, approver)
            .map_err(|error| Failure::usage(chain(&error), "see `sandgate run --help`"))?;
        Ok(Some(Opened {
            reach: Arc::new(reach),
            outside: if by_url {
                Outside::Network
            } else {
                Outside::Sockets
            },
        }))
    }

    fn approver(&self, stdin_is_free: bool) -> Option<Arc<dyn Approver>> {
        approver(self.yes, self.no, stdin_is_free)
    }
}

/// Who answers for calls that need approval: nobody where there is no terminal.
pub(super) fn approver(yes: bool, no: bool, stdin_is_free: bool) -> Option<Arc<dyn Approver>> {
    let person = if yes {
        Person::Decided(Answer::Yes)
    } else if no {
        Person::Decided(Answer::No)
    } else if stdin_is_free && io::stdin().is_terminal() && io::stderr().is_terminal() {
        Person::Asked(Mutex::new(()))
    } else {
        return None;
    };
    Some(Arc::new(person))
}

/// `$XDG_CONFIG_HOME/sandgate/policies`, else `~/.config/sandgate/policies`.
fn policies_dir() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("sandgate/policies"))
}
