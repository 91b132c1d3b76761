//! How policies are laid out: one way, so that a difference in review is one of meaning. Called by `policy fmt`. It must
//! never change what a policy says; comments stay.

use crate::problem::{File, Problem, Unusable};
use cedar_policy::PolicySet;
use cedar_policy_formatter::{Config, policies_str_to_pretty};

/// As wide as a line of a review, and as deep as the policies that ship.
const LAYOUT: Config = Config {
    line_width: 100,
    indent_width: 4,
};

/// The same policies, laid out.
pub fn formatted(file: File<'_>) -> Result<String, Unusable> {
    // As deep as the loader: the parser takes about 12 KiB of stack for each bracket.
    stacker::maybe_grow(8 << 20, 16 << 20, || {
        let parsed: Result<PolicySet, _> = file.text.parse();
        parsed.map_err(|errors| {
            let problems = errors.iter();
            Unusable::new(
                file,
                problems
                    .map(|error| Problem::from_cedar(error, None))
                    .collect(),
            )
        })?;
        policies_str_to_pretty(file.text, &LAYOUT)
            .map_err(|error| Unusable::new(file, vec![Problem::new(error.to_string())]))
    })
}
