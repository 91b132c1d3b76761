//! A principal that was checked cannot be changed into another.

use sandgate::policy::{ContextNumber, Principal};

fn administrator(principal: Principal) -> Principal {
    Principal {
        number: ContextNumber::Administrator,
        ..principal
    }
}

fn main() {}
