//! The road cannot be named from outside, so nobody outside makes a decision or a clearance.

fn main() {
    let _: Option<sandgate::hostcall::gate::Cleared> = None;
    let _: Option<sandgate::hostcall::decided::Decided> = None;
}
