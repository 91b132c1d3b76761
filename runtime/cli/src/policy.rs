//! `sandgate policy`: what a policy author runs before policies are in force. Nothing here changes what is in force.

mod rejected;
mod services;

use super::{
    exit::Exit, failure::Failure, print, reach::PoliciesArgument, report, shared::SharedArguments,
};
use clap::{Args, Subcommand};
use sandgate::policy::{
    self, ContextError, ContextNumber, ContextPolicy, Interface, Principal, PrincipalError, Query,
    junit,
};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  sandgate policy check policies
  sandgate policy test policies --junit results.xml
  sandgate policy explain --policies policies --context assistant crm contact.delete '{\"id\": 1}'

DIR holds a directory for each context, or is that of one context. `services`, beside the contexts, holds OpenRPC
documents named after their services (without it, the registered services count); `rejected` holds policies that
must not load.";

/// Check, test and explain policies.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PolicyArguments {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Load policies and limits as a run would, and say everything that is wrong with them
    Check {
        /// The policies
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Decide the cases of cases.toml, and see that what is in `rejected` is rejected
    Test {
        /// The policies
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Also write the results as JUnit XML
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
    /// Say how a call is decided, why, and what would change it
    Explain(ExplainArguments),
    /// Find policies that never match, that others make void, that reach too far, that rest on the names of methods,
    /// or that no case is about
    Lint {
        /// The policies
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Say which policies no case exercises
    Coverage {
        /// The policies
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

#[derive(Debug, Args)]
struct ExplainArguments {
    /// Which context the call is of
    #[arg(long, value_name = "NAME")]
    context: String,
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Which actor of the context makes it
    #[arg(long, value_name = "ACTOR", default_value = "script")]
    actor: String,
    /// The person behind it
    #[arg(long, value_name = "USER", default_value = "")]
    user: String,
    /// What the caller is entitled to; may be given more than once
    #[arg(long = "claim", value_name = "CLAIM")]
    claims: Vec<String>,
    /// The service
    service: String,
    /// The method
    method: String,
    /// The parameters, as a JSON object
    #[arg(value_name = "ARGS", default_value = "{}", value_parser = parse_params)]
    params: Params,
}

/// In a type of its own, since clap would take a map for a list of values.
#[derive(Debug, Clone)]
struct Params(Map<String, Value>);

fn parse_params(text: &str) -> Result<Params, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(params)) => Ok(Params(params)),
        Ok(_) => Err("the parameters are one JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn execute(
    arguments: PolicyArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let find = |directory: &Path| Set::find(directory, shared);
    match arguments.command {
        PolicyCommand::Check { directory } => check(&find(&directory)?),
        PolicyCommand::Test {
            directory,
            json,
            junit,
        } => test(&find(&directory)?, json, junit.as_deref()),
        PolicyCommand::Explain(arguments) => explain(&arguments, shared),
        PolicyCommand::Lint { directory } => lint(&find(&directory)?),
        PolicyCommand::Coverage { directory } => coverage(&find(&directory)?),
    }
}

/// The contexts that are meant, and the services they are checked against.
struct Set {
    root: PathBuf,
    contexts: Vec<String>,
    interfaces: Vec<Interface>,
    /// Whether the directory of all contexts was named.
    whole: bool,
}

impl Set {
    fn find(directory: &Path, shared: &SharedArguments) -> Result<Self, Failure> {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let one = directory.join("policy.cedar").symlink_metadata().is_ok();
        let (root, contexts) = match (one, absolute.parent(), absolute.file_name()) {
            (true, Some(parent), Some(name)) => {
                (parent.to_owned(), vec![name.to_string_lossy().into_owned()])
            }
            _ => {
                let names =
                    policy::names(directory).map_err(|error| usage(&ContextError::from(error)))?;
                (directory.to_owned(), names)
            }
        };
        if contexts.is_empty() {
            return Err(Failure::usage(
                format!("`{}` holds no context", directory.display()),
                "name a directory with a directory for each context, or one that holds a `policy.cedar`",
            ));
        }
        Ok(Self {
            interfaces: services::interfaces(&root, shared)?,
            root,
            contexts,
            whole: !one,
        })
    }

    /// Every context that loads. What is wrong with the others is shown.
    fn load(&self) -> (Vec<ContextPolicy>, bool) {
        let mut loaded = Vec::new();
        let mut failed = false;
        for name in &self.contexts {
            match policy::load(&self.root.join(name), name, &self.interfaces) {
                Ok(context) => loaded.push(context),
                Err(error) => {
                    report::failure(&error);
                    failed = true;
                }
            }
        }
        (loaded, failed)
    }
}

fn usage(error: &ContextError) -> Failure {
    Failure::usage(
        crate::failure::chain(error),
        "name a directory with a directory for each context, or that of one",
    )
}

fn exit(found: bool) -> Exit {
    if found { Exit::Found } else { Exit::Ok }
}

fn check(set: &Set) -> Result<Exit, Failure> {
    let (contexts, failed) = set.load();
    for context in &contexts {
        let policies = &context.policies;
        let count = policies.ids().count();
        print::out(&format!(
            "{}: {count} {}, hash {}\n",
            policies.context(),
            if count == 1 { "policy" } else { "policies" },
            policies.hash(),
        ))?;
    }
    Ok(exit(failed))
}

fn test(set: &Set, json: bool, junit_file: Option<&Path>) -> Result<Exit, Failure> {
    let (contexts, failed) = set.load();
    let reports: Vec<_> = contexts.into_iter().filter_map(|one| one.cases).collect();
    let rejected = if set.whole {
        rejected::all(&set.root.join("rejected"), &set.interfaces)?
    } else {
        Vec::new()
    };
    if let Some(path) = junit_file {
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator names the file that is written"
        )]
        std::fs::write(path, junit(&reports)).map_err(|error| {
            let message = format!("`{}` cannot be written: {error}", path.display());
            Failure::usage(message, "name a file in a directory that you can write to")
        })?;
    }
    let passed = reports
        .iter()
        .flat_map(|report| report.cases.iter().map(|case| case.passed))
        .chain(rejected.iter().map(|one| one.passed));
    let (good, bad): (Vec<bool>, Vec<bool>) = passed.partition(|passed| *passed);
    if json {
        let all = serde_json::json!({"contexts": reports, "rejected": rejected});
        print::json(&format!("{all}\n"))?;
    } else {
        for report in &reports {
            print::out(&report.to_string())?;
        }
        print::out(&rejected::text(&rejected))?;
        print::out(&format!("{} passed, {} failed\n", good.len(), bad.len()))?;
    }
    Ok(exit(failed || !bad.is_empty()))
}

fn explain(arguments: &ExplainArguments, shared: &SharedArguments) -> Result<Exit, Failure> {
    let policies = arguments.policies.required()?;
    let interfaces = services::interfaces(&policies, shared)?;
    let directory = policies.join(&arguments.context);
    let context = match policy::load(&directory, &arguments.context, &interfaces) {
        Ok(context) => context,
        Err(error @ ContextError::Unusable(_)) => {
            report::failure(&error);
            return Ok(Exit::Found);
        }
        Err(error) => return Err(usage(&error)),
    };
    let principal = principal(arguments, context.limits.hero_context).map_err(|error| {
        Failure::usage(error.to_string(), "see `sandgate policy explain --help`")
    })?;
    let explanation = context.policies.explain(&Query {
        principal: &principal,
        service: &arguments.service,
        method: &arguments.method,
        params: &arguments.params.0,
    });
    print::out(&explanation.to_string())?;
    Ok(Exit::Ok)
}

fn principal(
    arguments: &ExplainArguments,
    number: ContextNumber,
) -> Result<Principal, PrincipalError> {
    let principal = Principal::new(&arguments.context, number, &arguments.actor)?;
    let principal = match arguments.user.as_str() {
        "" => principal,
        user => principal.with_user(user)?,
    };
    principal.with_claims(arguments.claims.iter().map(String::as_str))
}

fn lint(set: &Set) -> Result<Exit, Failure> {
    let (contexts, mut found) = set.load();
    for context in &contexts {
        let policies = &context.policies;
        match policies.lint(context.cases.as_ref()) {
            Some(findings) => {
                report::failure(&findings);
                found = true;
            }
            None => print::out(&format!("{}: nothing to ask about\n", policies.context()))?,
        }
    }
    Ok(exit(found))
}

fn coverage(set: &Set) -> Result<Exit, Failure> {
    let (contexts, mut found) = set.load();
    for context in &contexts {
        let name = context.policies.context();
        let Some(report) = &context.cases else {
            print::out(&format!("{name}: no cases\n"))?;
            found = true;
            continue;
        };
        let exercised = report.policies.saturating_sub(report.unexercised.len());
        print::out(&format!(
            "{name}: {exercised} of {} policies are exercised by {} cases\n",
            report.policies,
            report.cases.len()
        ))?;
        for id in &report.unexercised {
            print::out(&format!("  no case exercises `{id}`\n"))?;
            found = true;
        }
    }
    Ok(exit(found))
}
