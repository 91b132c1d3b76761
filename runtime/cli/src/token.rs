//! `sandgate token`: what agents show that come over the network. A secret is printed once, when it is made, and kept nowhere.

use super::{
    exit::Exit, failure::Failure, print, reach::PoliciesArgument, shared::SharedArguments, values,
};
use clap::{Args, Subcommand};
use sandgate::{
    NewToken, Token, TokenError, TokenStore, chain,
    policy::{self, Principal},
};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const EXAMPLES: &str = "\
Examples:
  sandgate token create --actor bot --context assistant --expires 90d
  sandgate token create --desk --user ada --claim crm.manager --context assistant
  sandgate token list
  sandgate token revoke 1f0c22d9

A token is shown as `Authorization: Bearer sandgate_…`. Only its digest is kept, so nobody can read it again. A server
that runs knows a new one at once, and a revoked one no more.";

/// What a token for the desk has in the place of a program.
const DESK: &str = "desk";

/// Make, list and revoke what agents show that come over the network.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TokenArguments {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make one, and print its secret
    Create(CreateArguments),
    /// List them, without their secrets
    List(ListTokensArguments),
    /// Have one be worth nothing from now on
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// Which program has it, as policies name it
    #[arg(long, value_name = "NAME", required_unless_present = "desk")]
    actor: Option<String>,
    /// It is for a person at the desk, who answers what waits in these contexts, and for no agent
    #[arg(long, requires = "user", conflicts_with = "actor")]
    desk: bool,
    /// A context in which it may run scripts; may be given more than once
    #[arg(long = "context", value_name = "NAME", required = true)]
    contexts: Vec<String>,
    /// The person behind it, for policies and services
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// What its holder is entitled to; may be given more than once
    #[arg(long = "claim", value_name = "CLAIM")]
    claims: Vec<String>,
    /// From when on it is worth nothing, such as 90d
    #[arg(long, value_name = "TIME", value_parser = values::age)]
    expires: Option<Duration>,
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl CreateArguments {
    fn actor(&self) -> &str {
        self.actor.as_deref().unwrap_or(DESK)
    }
}

#[derive(Debug, Args)]
struct ListTokensArguments {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RevokeArguments {
    /// Its id, as `sandgate token list` shows it
    id: String,
}

pub(super) fn execute(
    arguments: &TokenArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let state = shared.state_dir().ok_or_else(|| {
        Failure::usage("there is no state directory", "name one with --state-dir")
    })?;
    let tokens = TokenStore::open(&state).map_err(failed)?;
    match &arguments.command {
        TokenCommand::Create(arguments) => create(arguments, &tokens),
        TokenCommand::List(arguments) => list(arguments, &tokens),
        TokenCommand::Revoke(arguments) => {
            let token = tokens.revoke(&arguments.id).map_err(failed)?;
            print::out(&format!("revoked {}, of {}\n", token.id, token.actor))?;
            Ok(Exit::Ok)
        }
    }
}

fn failed(error: TokenError) -> Failure {
    let help = match &error {
        TokenError::Unknown(_) => "`sandgate token list` shows those that there are",
        TokenError::Directory { .. } => "name a directory of yours, with --state-dir",
        TokenError::File { .. } => "mend the file, or remove it and make new ones",
        TokenError::Random(_) => return Failure::ours(&error),
    };
    Failure::usage(chain(&error), help)
}

fn create(arguments: &CreateArguments, tokens: &TokenStore) -> Result<Exit, Failure> {
    is_somebody(arguments)?;
    if let Some(directory) = arguments.policies.directory().filter(|path| path.is_dir()) {
        let known = policy::names(&directory).unwrap_or_default();
        for context in &arguments.contexts {
            if !known.is_empty() && !known.contains(context) {
                arguments.policies.of_context(context)?;
            }
        }
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let expires = arguments.expires.map(|time| now.saturating_add(time));
    let (token, secret) = tokens
        .create(NewToken {
            actor: arguments.actor().to_owned(),
            contexts: arguments.contexts.clone(),
            user: arguments.user.clone(),
            claims: arguments.claims.clone(),
            expires: expires.map(|at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX)),
            is_for_desk: arguments.desk,
        })
        .map_err(failed)?;
    if arguments.json {
        let text = json!({"token": token, "secret": secret});
        print::json(&format!("{text}\n"))?;
    } else {
        print::out(&format!("{secret}\n"))?;
        print::err(&format!(
            "sandgate: this is the only time that it is shown; `sandgate token revoke {}` ends it\n",
            token.id
        ));
    }
    Ok(Exit::Ok)
}

/// Whether anybody can be whom it would stand for. Which number services know the context by is not asked here.
fn is_somebody(arguments: &CreateArguments) -> Result<(), Failure> {
    let wrong = |error: policy::PrincipalError| {
        Failure::usage(
            error.to_string(),
            "name the program, the person and claims so",
        )
    };
    for context in &arguments.contexts {
        let principal = Principal::new(
            context,
            policy::ContextNumber::Administrator,
            arguments.actor(),
        );
        let principal = principal.map_err(wrong)?;
        let principal = match &arguments.user {
            Some(user) => principal.with_user(user).map_err(wrong)?,
            None => principal,
        };
        let claims = arguments.claims.iter().map(String::as_str);
        principal.with_claims(claims).map_err(wrong)?;
    }
    Ok(())
}

fn list(arguments: &ListTokensArguments, tokens: &TokenStore) -> Result<Exit, Failure> {
    let tokens = tokens.list().map_err(failed)?;
    if arguments.json {
        let text = serde_json::to_string(&tokens).map_err(|error| Failure::ours(&error))?;
        print::json(&format!("{text}\n"))?;
    } else if tokens.is_empty() {
        print::out("there are no tokens\n")?;
    } else {
        print::out(&tokens.iter().map(line).collect::<String>())?;
    }
    Ok(Exit::Ok)
}

fn line(token: &Token) -> String {
    let mut line = format!(
        "{}  {}  {}",
        token.id,
        if token.is_for_desk {
            "the desk"
        } else {
            &token.actor
        },
        token.contexts.join(",")
    );
    if let Some(user) = &token.user {
        line.push_str(&format!("  for {user}"));
    }
    if !token.claims.is_empty() {
        line.push_str(&format!("  with {}", token.claims.join(",")));
    }
    if let Some(at) = token.expires {
        line.push_str(&format!("  until {}", super::journal::when(at)));
    }
    line.push('\n');
    line
}
