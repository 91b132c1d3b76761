//! What a caller may reach does not give away the client that reaches it.

fn client(reach: sandgate::Reach) -> sandgate::service::Client {
    let _ = reach.carrier();
    reach.carrier
}

fn main() {}
