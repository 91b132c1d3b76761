use sandgate::policy::{ContextNumber, Principal};

fn administrator(principal: Principal) -> Principal {
    Principal {
        number: ContextNumber::Administrator,
        ..principal
    }
}

fn main() {}
