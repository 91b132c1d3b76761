//! The contexts of one directory: their policies and limits, loaded whole or not at all. The one place that reads
//! these files for decisions; who may write them is checked in `file`.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator names the directory whose policies are in force"
)]

mod file;

pub use file::FileError;
pub use file::read;

use crate::limits;
use sandgate_policy::{
    ApprovalHook, CaseReport, Cases, ContextLimits, ContextName, ContextNameError, File, Finding,
    Interface, Policies, Schema, SchemaError, Unusable,
};
use sandgate_service::{Address, AddressError};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// What a context is made of, any of which makes a directory one.
const FILES: [&str; 3] = ["policy.cedar", "limits.toml", "cases.toml"];

/// Directories beside the contexts that are none.
pub const NO_CONTEXTS: [&str; 2] = ["rejected", "services"];

/// What is in force for one context.
#[derive(Debug)]
pub struct ContextPolicy {
    /// What it may do.
    pub policies: Policies,
    /// What it may consume.
    pub limits: ContextLimits,
    /// How its cases came out, where it has some. They all passed.
    pub cases: Option<CaseReport>,
}

/// The contexts of a directory, by name.
#[derive(Debug)]
pub struct PolicyStore {
    directory: PathBuf,
    current: RwLock<BTreeMap<String, InForce>>,
}

/// What is in force for one context, now and after every reload. Whoever holds it decides each call by what it is then:
/// THREAT[ISO-04], a policy that was taken back must not be used by a run that started before.
#[derive(Debug, Clone)]
pub struct InForce(Arc<RwLock<Option<Arc<ContextPolicy>>>>);

impl InForce {
    /// Policies that are never loaded again.
    #[must_use]
    pub fn always(policy: ContextPolicy) -> Self {
        Self::of(Arc::new(policy))
    }

    fn of(policy: Arc<ContextPolicy>) -> Self {
        Self(Arc::new(RwLock::new(Some(policy))))
    }

    /// What is in force now. Nothing where the context is gone: it may do nothing.
    #[must_use]
    pub fn now(&self) -> Option<Arc<ContextPolicy>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What one run may consume now; the usual where the context is gone.
    pub(crate) fn limits(&self) -> limits::Limits {
        let usual = limits::Limits::default();
        self.now()
            .map_or(usual, |policy| usual.with(&policy.limits))
    }

    fn replace(&self, policy: Option<Arc<ContextPolicy>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }
}

type Contexts = BTreeMap<String, Arc<ContextPolicy>>;

/// Why a context's files are not in force.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ContextError {
    /// Who may read and write them.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// The directory's name.
    #[error(transparent)]
    Name(#[from] ContextNameError),
    /// The services.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// What is in them.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unusable(#[from] Unusable),
    /// Where a pending approval would be told of.
    #[error("`{url}`, which `{file}` names as `on_approval`, is no URL to post to: {reason}")]
    Hook {
        /// The file of limits.
        file: String,
        /// What stands there.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// They do not decide what their own cases say.
    #[error(
        "the policies of `{}` fail {} of their {} cases",
        .0.context, .0.failed().count(), .0.cases.len()
    )]
    #[diagnostic(help("{}", failing(.0)))]
    Cases(Box<CaseReport>),
}

/// Which cases they are: the first of them, where many fail.
fn failing(report: &CaseReport) -> String {
    const SHOWN: usize = 5;
    let failed: Vec<_> = report.failed().collect();
    let shown = failed.iter().take(SHOWN).map(|case| {
        format!(
            "{}:{}: {}: expected {}; decided {}",
            report.file, case.line, case.name, case.expected, case.decided
        )
    });
    let mut lines: Vec<String> = shown.collect();
    match failed.len().saturating_sub(SHOWN) {
        0 => {}
        more => lines.push(format!(
            "and {more} more; `sandgate policy test` says which"
        )),
    }
    lines.join("\n")
}

impl ContextError {
    /// Everything that is wrong, for programs.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Unusable(unusable) => unusable.findings(),
            other => vec![Finding {
                file: None,
                line: None,
                column: None,
                warning: false,
                message: other.to_string(),
                help: miette::Diagnostic::help(other).map(|help| help.to_string()),
            }],
        }
    }
}

/// Why a directory of contexts is not in force.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the policies in `{}` cannot be used", directory.display())]
pub struct ContextsError {
    directory: PathBuf,
    /// Everything that is wrong, context by context.
    #[related]
    pub problems: Vec<ContextError>,
}

impl ContextsError {
    /// All of it on one line.
    #[must_use]
    pub fn whole(&self) -> String {
        let problems = self.problems.iter().map(ToString::to_string);
        format!("{self}: {}", problems.collect::<Vec<_>>().join("; "))
    }
}

impl PolicyStore {
    /// Loads every context of a directory, for these services.
    pub fn open(directory: &Path, interfaces: &[Interface]) -> Result<Self, ContextsError> {
        let contexts = load_all(directory, interfaces)?.into_iter();
        let contexts = contexts.map(|(name, policy)| (name, InForce::of(policy)));
        Ok(Self {
            directory: directory.to_owned(),
            current: RwLock::new(contexts.collect()),
        })
    }

    /// Loads them again. All of it is in force from the next decision on, also in runs that go on, or what was in force
    /// stays, and a warning says so. THREAT[POL-07]
    pub fn reload(&self, interfaces: &[Interface]) -> Result<(), ContextsError> {
        match load_all(&self.directory, interfaces) {
            Ok(mut contexts) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                for (name, in_force) in current.iter() {
                    in_force.replace(contexts.remove(name));
                }
                // Those that are gone are kept, empty: they may come back, and their runs still look.
                current.extend(
                    contexts
                        .into_iter()
                        .map(|(name, policy)| (name, InForce::of(policy))),
                );
                Ok(())
            }
            Err(error) => {
                tracing::warn!("{}; the ones before stay in force", error.whole());
                Err(error)
            }
        }
    }

    /// What is in force for a context, now and later. Nothing for a context that has no policies: it may do nothing.
    #[must_use]
    pub fn get(&self, context: &str) -> Option<InForce> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current
            .get(context)
            .filter(|policy| policy.now().is_some())
            .cloned()
    }

    /// The contexts that have policies.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let known = current.iter().filter(|(_, policy)| policy.now().is_some());
        known.map(|(name, _)| name.clone()).collect()
    }
}

fn load_all(directory: &Path, interfaces: &[Interface]) -> Result<Contexts, ContextsError> {
    let mut contexts = Contexts::new();
    let mut problems = Vec::new();
    match names(directory) {
        Err(error) => problems.push(error.into()),
        Ok(names) => {
            for name in names {
                match load(&directory.join(&name), &name, interfaces).and_then(ContextPolicy::kept)
                {
                    Ok(context) => drop(contexts.insert(name, Arc::new(context))),
                    Err(error) => problems.push(error),
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(contexts)
    } else {
        Err(ContextsError {
            directory: directory.to_owned(),
            problems,
        })
    }
}

/// The directories in a directory of contexts that are one, in order. Files beside them are nobody's policy, and neither is a
/// directory that holds nothing of a context, as `docs`, or whose name begins with a dot, as `.git`.
pub fn names(directory: &Path) -> Result<Vec<String>, FileError> {
    file::directory(directory)?;
    let failed = |source: io::Error| FileError::Open {
        path: directory.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A link is named too, so that it is refused rather than overlooked.
        let kind = entry.file_type().map_err(failed)?;
        let is_context = if kind.is_dir() {
            let path = entry.path();
            FILES
                .iter()
                .any(|file| path.join(file).symlink_metadata().is_ok())
        } else {
            !kind.is_file()
        };
        if is_context && !name.starts_with('.') && !NO_CONTEXTS.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Which of these services the files of one context can be about; nothing where it may be any, or where the files
/// cannot be read.
pub fn needed<'s>(
    directory: &Path,
    name: &str,
    services: impl IntoIterator<Item = &'s str>,
) -> Option<BTreeSet<&'s str>> {
    let directory = of_context(directory, name)?;
    let policies = read(&directory.join("policy.cedar")).ok()?;
    // Where there are none, or they cannot be read, loading them says so.
    let [cases, limits] =
        ["cases.toml", "limits.toml"].map(|file| read(&directory.join(file)).unwrap_or_default());
    let file = File {
        name: "policy.cedar",
        text: &policies,
    };
    Policies::needed(file, &[&cases, &limits], services)
}

/// One context of a directory, if it is in force with these services. Where it is not, the whole directory tells why.
pub fn open_one(directory: &Path, name: &str, interfaces: &[Interface]) -> Option<InForce> {
    file::directory(directory).ok()?;
    let context =
        load(&of_context(directory, name)?, name, interfaces).and_then(ContextPolicy::kept);
    context.ok().map(InForce::always)
}

/// Where a context's files are, if its name is one.
fn of_context(directory: &Path, name: &str) -> Option<PathBuf> {
    let plain = ContextName::new(name).is_ok() && !NO_CONTEXTS.contains(&name);
    plain.then(|| directory.join(name))
}

/// Loads one context from its directory. Its cases are decided; what they came to is for the caller to judge.
pub fn load(
    directory: &Path,
    name: &str,
    interfaces: &[Interface],
) -> Result<ContextPolicy, ContextError> {
    file::directory(directory)?;
    let limits = read(&directory.join("limits.toml"))?;
    let policies = read(&directory.join("policy.cedar"))?;
    let cases = match read(&directory.join("cases.toml")) {
        Ok(cases) => Some(cases),
        Err(FileError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    parse(name, &policies, &limits, cases.as_deref(), interfaces)
}

/// The same from the text of its files.
pub fn parse(
    name: &str,
    policies: &str,
    limits: &str,
    cases: Option<&str>,
    interfaces: &[Interface],
) -> Result<ContextPolicy, ContextError> {
    let schema = Arc::new(Schema::new(ContextName::new(name)?, interfaces)?);
    let named = |file| format!("{name}/{file}");
    let (policy_file, limits_file) = (named("policy.cedar"), named("limits.toml"));
    let file = |name, text| File { name, text };
    let limits = ContextLimits::parse(file(&limits_file, limits), &schema)?;
    hook(&limits, &limits_file)?;
    let policies = Policies::load(schema, file(&policy_file, policies), &limits)?;
    let cases = match cases {
        Some(text) => {
            Some(Cases::parse(file(&named("cases.toml"), text), &policies)?.run(&policies))
        }
        None => None,
    };
    Ok(ContextPolicy {
        policies,
        limits,
        cases,
    })
}

/// The rule for the URL of a service holds for one that is told of calls too.
fn hook(limits: &ContextLimits, file: &str) -> Result<(), ContextError> {
    let Some(ApprovalHook::Url(url)) = &limits.on_approval else {
        return Ok(());
    };
    match Address::url(url) {
        Err(AddressError::Url { url, reason }) => Err(ContextError::Hook {
            file: file.to_owned(),
            url,
            reason,
        }),
        Ok(_) | Err(AddressError::Relative(_)) => Ok(()),
    }
}

impl ContextPolicy {
    /// Policies that contradict their own cases are not put in force: a file of which the end is missing would.
    pub fn kept(self) -> Result<Self, ContextError> {
        match self.cases {
            Some(report) if !report.passed() => Err(ContextError::Cases(Box::new(report))),
            _ => Ok(self),
        }
    }
}
