fn client(reach: sandgate::Reach) -> sandgate::service::Client {
    let _ = reach.carrier();
    reach.carrier
}

fn main() {}
