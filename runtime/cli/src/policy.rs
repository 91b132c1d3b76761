//! `sandgate policy`: what a policy author runs before policies are in force. Nothing here changes what is in force.

mod init;
mod layout;
mod matrix;
mod opened;
mod past;
mod rehearsal;
mod rejected;
mod services;

pub(super) use opened::OpenedContext;

use super::{
    exit::Exit, failure::Failure, print, reach::PoliciesArgument, report, shared::SharedArguments,
};
use clap::{Args, Subcommand};
use sandgate::policy::{
    self, CaseReport, Cases, ContextError, ContextNumber, ContextPolicy, FailedContext, File,
    Interface, Moment, Principal, PrincipalError, Query, Verdict, junit,
};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

const EXAMPLES: &str = "\
Examples:
  sandgate policy check policies
  sandgate policy init assistant --service crm --policies policies
  sandgate policy test policies --junit results.xml
  sandgate policy matrix policies/assistant
  sandgate policy try --policies policies --context assistant report.py
  sandgate policy replay --policies policies --since 30d
  sandgate policy suggest last --policies policies
  sandgate policy explain --policies policies --context assistant crm contact.delete '{\"id\": 1}'

DIR holds a directory for each context, or is that of one context. `services`, beside the contexts, holds OpenRPC documents named after their services (without it, the registered services count); `rejected` holds policies that must not load.";

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
    Check(PolicyFiles),
    /// Decide the cases of cases.toml, and see that what is in `rejected` is rejected
    Test {
        #[command(flatten)]
        files: PolicyFiles,
        /// Also write the results as JUnit XML
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// Write into cases.toml what each case is decided as now, for you to read before it counts
        #[arg(long)]
        bless: bool,
    },
    /// Say how a call is decided, why, and what would change it; the exit code is 1 where it is refused
    Explain(Box<ExplainArguments>),
    /// Find policies that never match, that others make void, that reach too far, that rest on the names of methods,
    /// or that no case is about
    Lint(PolicyFiles),
    /// Say which policies no case exercises
    Coverage(PolicyFiles),
    /// Show what can become of the calls of each method
    Matrix(PolicyFiles),
    /// Run a script under policies, with services that answer from their documents, and list its calls with their verdicts
    Try(rehearsal::TryArguments),
    /// Decide the calls of the journal anew, and say what would become of them otherwise; the exit code is 1 where any would
    Replay(past::JournalReplayArguments),
    /// Write the narrowest permits, and cases, for the calls of a run that were refused, without the reason that they want
    Suggest(past::SuggestArguments),
    /// Write the first policies, limits and cases of a context that may use a service
    Init(init::InitArguments),
    /// Lay policies out in one way
    Fmt {
        /// The policies
        #[arg(value_name = "DIR", env = sandgate::places::POLICIES_DIR, hide_env_values = true)]
        directory: PathBuf,
        /// Change nothing, and say which are laid out in another way
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, Args)]
struct PolicyFiles {
    /// The policies
    #[arg(value_name = "DIR", env = sandgate::places::POLICIES_DIR, hide_env_values = true)]
    directory: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    /// When it is made, as `context.now` says, such as 2026-01-31T10:00:00Z; now, if not given
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    now: Option<Moment>,
    /// What its run has read from before, as `context.run.read_from` says: a method such as mail.list, or a service; may be
    /// given more than once
    #[arg(long, value_name = "SOURCE")]
    after: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
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

fn parse_moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| {
        "it is a date and a time with an offset, such as 2026-01-31T10:00:00Z".to_owned()
    })
}

pub(super) fn execute(
    arguments: PolicyArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let find = |files: &PolicyFiles| Set::find(&files.directory, shared);
    match arguments.command {
        PolicyCommand::Check(files) => check(&find(&files)?, files.json),
        PolicyCommand::Test {
            files,
            junit,
            bless,
        } => {
            let set = find(&files)?;
            if bless {
                set.bless()?;
            }
            test(&set, files.json, junit.as_deref())
        }
        PolicyCommand::Explain(arguments) => explain(&arguments, shared),
        PolicyCommand::Lint(files) => lint(&find(&files)?, files.json),
        PolicyCommand::Coverage(files) => coverage(&find(&files)?, files.json),
        PolicyCommand::Matrix(files) => {
            let (contexts, failed) = find(&files)?.load();
            matrix::matrix(&contexts, &failed, files.json)?;
            Ok(exit(!failed.is_empty()))
        }
        PolicyCommand::Try(arguments) => rehearsal::rehearse(&arguments, shared),
        PolicyCommand::Replay(arguments) => past::replay(&arguments, shared),
        PolicyCommand::Suggest(arguments) => past::suggest(&arguments, shared),
        PolicyCommand::Init(arguments) => {
            init::init(&arguments, shared)?;
            Ok(Exit::Ok)
        }
        PolicyCommand::Fmt { directory, check } => {
            let set = Set::find(&directory, shared)?;
            let found = layout::format(&set.root, &set.contexts, check)?;
            Ok(exit(found && check))
        }
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

    /// Every context that loads, and what is wrong with the others, which is shown.
    fn load(&self) -> (Vec<ContextPolicy>, Vec<FailedContext>) {
        self.load_and(Ok)
    }

    /// The same where a context has to hold something besides.
    fn load_and(
        &self,
        held: impl Fn(ContextPolicy) -> Result<ContextPolicy, ContextError>,
    ) -> (Vec<ContextPolicy>, Vec<FailedContext>) {
        let (mut loaded, mut failed) = (Vec::new(), Vec::new());
        for name in &self.contexts {
            match policy::load(&self.root.join(name), name, &self.interfaces).and_then(&held) {
                Ok(context) => loaded.push(context),
                Err(error) => {
                    report::failure(&error);
                    failed.push(FailedContext {
                        context: name.clone(),
                        problems: error.findings(),
                    });
                }
            }
        }
        (loaded, failed)
    }
}

impl Set {
    /// Writes into the cases of every context what they come to. A context that does not load is left as it is: loading it
    /// says why.
    fn bless(&self) -> Result<(), Failure> {
        for name in &self.contexts {
            let place = self.root.join(name);
            let read = |file| policy::read(&place.join(file));
            let (Ok(policies), Ok(limits), Ok(cases)) = (
                read("policy.cedar"),
                read("limits.toml"),
                read("cases.toml"),
            ) else {
                continue;
            };
            let Ok(context) = policy::parse(name, &policies, &limits, None, &self.interfaces)
            else {
                continue;
            };
            let file = File {
                name: &format!("{name}/cases.toml"),
                text: &cases,
            };
            match Cases::blessed(file, &context.policies) {
                Ok(blessed) if blessed == cases => {}
                Ok(blessed) => {
                    layout::replace(&place.join("cases.toml"), &blessed).map_err(|error| {
                        let message = format!("`{name}/cases.toml` cannot be written: {error}");
                        Failure::usage(message, "make it writable for you")
                    })?
                }
                Err(_) => {}
            }
        }
        Ok(())
    }
}

fn usage(error: &ContextError) -> Failure {
    Failure::usage(
        sandgate::chain(error),
        "name a directory with a directory for each context, or that of one",
    )
}

fn exit(found: bool) -> Exit {
    if found { Exit::Found } else { Exit::Ok }
}

fn check(set: &Set, json: bool) -> Result<Exit, Failure> {
    // A run refuses policies that fail their own cases.
    let (contexts, failed) = set.load_and(ContextPolicy::kept);
    if json {
        let checked: Vec<_> = contexts
            .iter()
            .map(|context| {
                let policies = &context.policies;
                serde_json::json!({
                    "context": policies.context().to_string(),
                    "policies": policies.ids().count(),
                    "hash": policies.hash().to_string(),
                })
            })
            .collect();
        let all = serde_json::json!({"contexts": checked, "failed": failed});
        print::json(&format!("{all}\n"))?;
        return Ok(exit(!failed.is_empty()));
    }
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
    Ok(exit(!failed.is_empty()))
}

fn test(set: &Set, json: bool, junit_file: Option<&Path>) -> Result<Exit, Failure> {
    let (contexts, failed) = set.load();
    let without: Vec<String> = contexts
        .iter()
        .filter(|one| {
            one.cases
                .as_ref()
                .is_none_or(|cases| cases.cases.is_empty())
        })
        .map(|one| one.policies.context().to_string())
        .collect();
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
        std::fs::write(path, junit(&reports, &failed)).map_err(|error| {
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
        let all = serde_json::json!({
            "contexts": reports,
            "without_cases": without,
            "rejected": rejected,
            "failed": failed,
        });
        print::json(&format!("{all}\n"))?;
    } else {
        for report in &reports {
            print::out(&report.to_string())?;
        }
        for name in &without {
            print::out(&format!(
                "none  {name}: there are no cases; write some in {name}/cases.toml\n"
            ))?;
        }
        print::out(&rejected::text(&rejected))?;
        print::out(&format!("{} passed, {} failed\n", good.len(), bad.len()))?;
    }
    // Nothing that was tested is nothing that is known to hold.
    let nothing = good.is_empty() && bad.is_empty();
    Ok(exit(nothing || !failed.is_empty() || !bad.is_empty()))
}

fn explain(arguments: &ExplainArguments, shared: &SharedArguments) -> Result<Exit, Failure> {
    let policies = arguments.policies.required()?;
    let interfaces = services::interfaces(&policies, shared)?;
    let directory = arguments.policies.of_context(&arguments.context)?;
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
    let schema = context.policies.schema();
    let read_from = schema
        .read_from_after(arguments.after.iter().map(String::as_str))
        .map_err(|error| Failure::usage(error.to_string(), error.help()))?;
    let explanation = context.policies.explain(&Query {
        principal: &principal,
        service: &arguments.service,
        method: &arguments.method,
        params: &arguments.params.0,
        now: arguments
            .now
            .unwrap_or_else(|| Moment::at(SystemTime::now())),
        read_from: &read_from,
    });
    if arguments.json {
        print::json(&format!("{}\n", serde_json::json!(explanation)))?;
    } else {
        print::out(&explanation.to_string())?;
    }
    Ok(exit(explanation.decision.verdict == Verdict::Refuse))
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

fn lint(set: &Set, json: bool) -> Result<Exit, Failure> {
    let (contexts, failed) = set.load();
    let (mut found, mut all) = (!failed.is_empty(), Vec::new());
    for context in &contexts {
        let policies = &context.policies;
        let none = CaseReport::of_none(policies);
        let findings = policies.lint(Some(context.cases.as_ref().unwrap_or(&none)));
        found |= findings.is_some();
        match findings {
            _ if json => all.push(serde_json::json!({
                "context": policies.context().to_string(),
                "findings": findings.map_or_else(Vec::new, |findings| findings.findings()),
            })),
            Some(findings) => report::failure(&findings),
            None => print::out(&format!("{}: nothing to ask about\n", policies.context()))?,
        }
    }
    if json {
        let all = serde_json::json!({"contexts": all, "failed": failed});
        print::json(&format!("{all}\n"))?;
    }
    Ok(exit(found))
}

fn coverage(set: &Set, json: bool) -> Result<Exit, Failure> {
    let (contexts, failed) = set.load();
    let (mut found, mut all) = (!failed.is_empty(), Vec::new());
    for context in &contexts {
        let name = context.policies.context();
        let report = context.cases.as_ref();
        let unexercised = report.map_or_else(
            || context.policies.ids().cloned().collect(),
            |report| report.unexercised.clone(),
        );
        let cases = report.map_or(0, |report| report.cases.len());
        found |= report.is_none() || !unexercised.is_empty();
        if json {
            let policies = context.policies.ids().count();
            all.push(serde_json::json!({
                "context": name.to_string(),
                "policies": policies,
                "cases": cases,
                "unexercised": unexercised,
            }));
            continue;
        }
        let Some(report) = report else {
            print::out(&format!("{name}: no cases\n"))?;
            continue;
        };
        let exercised = report.policies.saturating_sub(unexercised.len());
        print::out(&format!(
            "{name}: {exercised} of {} policies are exercised by {cases} cases\n",
            report.policies,
        ))?;
        for id in &unexercised {
            print::out(&format!("  no case exercises `{id}`\n"))?;
        }
    }
    if json {
        let all = serde_json::json!({"contexts": all, "failed": failed});
        print::json(&format!("{all}\n"))?;
    }
    Ok(exit(found))
}
