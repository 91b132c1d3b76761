//! Policies as an operator has them: the command, the policies that ship, and the store that keeps them in force.

use crate::support::{repository, sandgate};

#[test]
fn the_policies_that_ship_pass_their_cases() {
    let directory = repository("policies");
    let (code, stdout, stderr) = sandgate(&["policy", "test", directory.to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
}
