//! What an embedder cannot do, because it does not compile: make a clearance, take the client out of a reach, make up or change
//! a caller, or give one more than its context has.

#[test]
fn pol_05_the_road_cannot_be_left_or_entered_in_the_middle() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
