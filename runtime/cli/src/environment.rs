//! What a script finds around it: the variables of its environment and the zone of its local time. Arguments of `run` and
//! `repl`. Nothing of this process's own environment may get in.

use super::{failure::Failure, values};
use clap::Args;
use sandgate::TimeZone;
use std::collections::BTreeMap;

/// What names the zone in an environment.
const ZONE: &str = "TZ";

/// The variables of a script, and the zone of its local time.
#[derive(Debug, Args)]
pub(super) struct EnvironmentArguments {
    /// Set a variable in the script's environment, which is empty otherwise; may be given more than once
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = values::variable)]
    variables: Vec<(String, String)>,

    /// The zone of the script's local time: a name such as Europe/Berlin, or an offset such as +02:00 [default: UTC]
    #[arg(long = "tz", value_name = "ZONE", value_parser = values::zone, allow_hyphen_values = true)]
    zone: Option<TimeZone>,
}

impl EnvironmentArguments {
    /// The zone, where it is named once.
    pub(super) fn zone(&self) -> Result<Option<TimeZone>, Failure> {
        if self.zone.is_some() && self.variables.iter().any(|(name, _)| name == ZONE) {
            return Err(Failure::usage(
                "`--tz` and `--env TZ=…` both name a time zone",
                "pass one of them; `--tz` refuses a name that does not exist",
            ));
        }
        Ok(self.zone.clone())
    }

    /// The variables. Of two of one name the later counts.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        self.variables.iter().cloned().collect()
    }
}
