//! `sandgate doctor`: the whole set-up looked at, each finding with what to do about it. It changes nothing, makes nothing that is
//! missing, and calls no method of a service.

use super::{
    executor::executor, exit::Exit, failure::Failure, journal, print, reach::PoliciesArgument,
    shared::SharedArguments,
};
use clap::Args;
use sandgate::{
    ImageCache, Journal, RunFilter, Services, TokenStore, chain, places,
    service::{Client, ClientLimits, Registration, Store},
};
use serde::Serialize;
use std::{
    os::unix::net::UnixStream,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

const EXAMPLES: &str = "\
Examples:
  sandgate doctor
  sandgate doctor --policies policies --json

Looked at are the compiled interpreter, the journal, the registered services and whether they can be connected to, the policies, tokens,
and whether a server listens. The exit code is 1 where something is to be mended.";

/// Look at the whole set-up, and say what to mend.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
struct SetUpFinding {
    about: &'static str,
    is_well: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl SetUpFinding {
    fn well(about: &'static str, found: impl Into<String>) -> Self {
        Self {
            about,
            is_well: true,
            found: found.into(),
            remedy: None,
        }
    }

    fn to_mend(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            about,
            is_well: false,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// What could be done, and need not.
    fn with(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

#[derive(Debug, Serialize)]
struct Findings {
    is_well: bool,
    findings: Vec<SetUpFinding>,
}

pub(super) fn execute(
    arguments: &DoctorArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let mut findings = vec![interpreter(shared)];
    match shared.state_dir() {
        None => findings.push(SetUpFinding::to_mend(
            "state",
            "there is no state directory",
            "name one with --state-dir",
        )),
        Some(state) if !state.exists() => {
            let found = format!("`{}` is not there yet", state.display());
            findings
                .push(SetUpFinding::well("state", found).with("`sandgate service add` makes it"));
            findings.push(policies(&arguments.policies, &state));
        }
        Some(state) => {
            findings.extend(journal(&state, shared));
            findings.extend(services(&state)?);
            findings.push(policies(&arguments.policies, &state));
            findings.push(tokens(&state));
            findings.push(server(&state));
        }
    }
    let all = Findings {
        is_well: findings.iter().all(|finding| finding.is_well),
        findings,
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&all).map_err(|error| Failure::ours(&error))?;
        print::json(&format!("{text}\n"))?;
    } else {
        print::out(&all.findings.iter().map(shown).collect::<String>())?;
    }
    Ok(if all.is_well { Exit::Ok } else { Exit::Found })
}

fn shown(finding: &SetUpFinding) -> String {
    let mark = if finding.is_well { "well" } else { "mend" };
    let mut line = format!("{mark}  {:<12} {}\n", finding.about, finding.found);
    if let Some(remedy) = &finding.remedy {
        line.push_str(&format!("{:19}{remedy}\n", ""));
    }
    line
}

fn interpreter(shared: &SharedArguments) -> SetUpFinding {
    const ABOUT: &str = "interpreter";
    let status = ImageCache::new(shared.cache.clone()).and_then(|cache| cache.status());
    match status {
        Ok(status) if status.size.is_some() => {
            SetUpFinding::well(ABOUT, format!("prepared for {}", status.target))
        }
        Ok(_) => SetUpFinding::well(ABOUT, "not prepared yet: the first run does it")
            .with("`sandgate image warm` does it now"),
        Err(error) => {
            SetUpFinding::to_mend(ABOUT, chain(&error), "name another place with --cache-dir")
        }
    }
}

fn journal(state: &Path, shared: &SharedArguments) -> Vec<SetUpFinding> {
    const ABOUT: &str = "journal";
    if !Journal::place(state).exists() {
        return vec![SetUpFinding::well(ABOUT, "nothing has run yet")];
    }
    let journal = match journal::opened(state, shared) {
        Ok(journal) => journal,
        Err(error) => {
            let remedy = "mend that; until then everything that changes something is refused";
            return vec![SetUpFinding::to_mend(ABOUT, chain(&error), remedy)];
        }
    };
    let mut found = vec![match journal.verify() {
        Ok(verified) if verified.problems.is_empty() => SetUpFinding::well(
            ABOUT,
            format!("{} lines, all as they were written", verified.lines),
        ),
        Ok(verified) => SetUpFinding::to_mend(
            ABOUT,
            format!("{} problems", verified.problems.len()),
            "`sandgate journal verify` says where; keep a copy before anything else is done",
        ),
        Err(error) => {
            SetUpFinding::to_mend(ABOUT, chain(&error), "`sandgate journal verify` says more")
        }
    }];
    for (status, word, remedy) in [
        (
            "interrupted",
            "interrupted",
            "`sandgate journal list --status interrupted` shows them; `sandgate resume` goes on with one, or `sandgate resolve` where its last change is unknown",
        ),
        (
            "awaiting_approval",
            "waiting for a person",
            "`sandgate approvals` shows what for",
        ),
    ] {
        let filter = RunFilter {
            status: Some(status.to_owned()),
            ..RunFilter::default()
        };
        let Ok(runs) = journal.runs(&filter) else {
            continue;
        };
        let said = match runs.len() {
            0 => continue,
            1 => format!("1 run is {word}"),
            many => format!("{many} runs are {word}"),
        };
        found.push(if status == "interrupted" {
            SetUpFinding::to_mend("runs", said, remedy)
        } else {
            SetUpFinding::well("runs", said).with(remedy)
        });
    }
    found
}

fn services(state: &Path) -> Result<Vec<SetUpFinding>, Failure> {
    const ABOUT: &str = "services";
    let listed = Store::open(state).and_then(|store| {
        let all = store.list()?;
        Ok((store, all))
    });
    let (store, registrations) = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let remedy = "name another directory with --state-dir, or mend this one";
            return Ok(vec![SetUpFinding::to_mend(ABOUT, chain(&error), remedy)]);
        }
    };
    if registrations.is_empty() {
        let none = SetUpFinding::well(
            ABOUT,
            "none is registered: scripts compute and call nothing",
        );
        return Ok(vec![
            none.with("`sandgate service discover` looks for some"),
        ]);
    }
    let executor = executor()?;
    let client = Client::new(ClientLimits::default());
    let look = |registration: &Registration| {
        let name = &registration.name;
        if let Err(error) = store.service(registration) {
            let remedy = format!("`sandgate service refresh {name}` reads it again");
            return SetUpFinding::to_mend(ABOUT, format!("{name}: {}", chain(&error)), remedy);
        }
        if !registration.is_offered() {
            let found = format!("{name}: it has another document than the one that was accepted");
            let remedy = format!("`sandgate service refresh {name}` shows both, and takes one");
            return SetUpFinding::to_mend(ABOUT, found, remedy);
        }
        match executor.block_on(client.health(&registration.address)) {
            Ok(_) => SetUpFinding::well(
                ABOUT,
                format!("{name}: it answers at {}", registration.address),
            ),
            Err(error) => {
                let found = format!("{name}: {}", chain(&error));
                let remedy = format!("start it, or `sandgate service remove {name}`");
                SetUpFinding::to_mend(ABOUT, found, remedy)
            }
        }
    };
    Ok(registrations.iter().map(look).collect())
}

fn policies(argument: &PoliciesArgument, state: &Path) -> SetUpFinding {
    const ABOUT: &str = "policies";
    let Some(directory) = argument.directory().filter(|directory| directory.is_dir()) else {
        let none = SetUpFinding::well(ABOUT, "there are none: no script may call anything");
        return none.with("`sandgate policy init` writes a context; --policies names a directory");
    };
    match Services::of_all(state, &directory) {
        Ok(services) => {
            let contexts = services.contexts().join(", ");
            SetUpFinding::well(ABOUT, format!("`{}`: {contexts}", directory.display()))
        }
        Err(error) => {
            let found = format!("`{}`: {}", directory.display(), chain(&error));
            let remedy = "`sandgate policy check` says where, and what was perhaps meant";
            SetUpFinding::to_mend(ABOUT, found, remedy)
        }
    }
}

fn tokens(state: &Path) -> SetUpFinding {
    const ABOUT: &str = "tokens";
    if !TokenStore::place(state).exists() {
        return SetUpFinding::well(ABOUT, "there are none");
    }
    match TokenStore::open(state).and_then(|tokens| tokens.list()) {
        Ok(tokens) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.unwrap_or_default().as_millis();
            let over = tokens
                .iter()
                .filter(|token| token.expires.is_some_and(|at| u128::from(at) <= now))
                .count();
            if over == 0 {
                return SetUpFinding::well(ABOUT, tokens.len().to_string());
            }
            let found = format!("{}, of which {over} have run out", tokens.len());
            SetUpFinding::well(ABOUT, found)
                .with("`sandgate token list` shows them; `sandgate token revoke` removes one")
        }
        Err(error) => SetUpFinding::to_mend(
            ABOUT,
            chain(&error),
            "mend the file, or remove it and make new ones",
        ),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether a server of ours listens is asked of its socket"
)]
fn server(state: &Path) -> SetUpFinding {
    const ABOUT: &str = "server";
    let socket = places::socket(state);
    let place = socket.display();
    match UnixStream::connect(&socket) {
        Ok(_) => SetUpFinding::well(ABOUT, format!("one listens at {place}")),
        Err(_) => SetUpFinding::well(ABOUT, format!("none listens at {place}")).with(
            "`sandgate serve` is one; `sandgate mcp install` adds sandgate to a client without",
        ),
    }
}
