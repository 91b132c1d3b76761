//! Who answers a question, or agrees to a plan, as the command line names them. It must never name anybody whom the caller did not:
//! without a name it is whoever runs the command.

use clap::Args;
use sandgate::Answerer;
use std::process::Command;

/// Who answers.
#[derive(Debug, Args)]
pub(super) struct AnswererArguments {
    /// Who answers, or agrees to a plan [default: the name of whoever runs this]
    #[arg(long = "as", value_name = "NAME", env = "USER", hide_env_values = true)]
    name: Option<String>,
    /// What they are entitled to; may be given more than once
    #[arg(long = "claim", value_name = "CLAIM")]
    claims: Vec<String>,
}

impl AnswererArguments {
    pub(super) fn answerer(&self) -> Answerer {
        Answerer {
            in_band: false,
            name: self.name.clone().unwrap_or_else(|| "terminal".to_owned()),
            claims: self.claims.clone(),
        }
    }

    /// The same to another command that takes them.
    pub(super) fn pass_on(&self, command: &mut Command) {
        if let Some(name) = &self.name {
            command.arg("--as").arg(name);
        }
        for claim in &self.claims {
            command.arg("--claim").arg(claim);
        }
    }
}
