//! A caller cannot be given another context, or none.

use sandgate::{Caller, Context, Limits};

fn more(caller: Caller) -> Caller {
    Caller {
        context: Context::alone(Limits::MOST),
        ..caller
    }
}

fn main() {}
