//! The runtime's own methods. Answered by `hostcall` at once, without a decision. They must never change anything, nor show
//! a script more than its context may use.

use super::{call::Call, reach::Reach, refusal::Refusal};
use sandgate_wire::{Listed, Reply, Wanted};
use serde_json::value::{RawValue, to_raw_value};

/// What they are called by: what there is to call, and an echo.
pub(super) const SERVICE: &str = "sandgate";

pub(super) fn answer(reach: Option<&Reach>, call: Call) -> Result<Reply, Refusal> {
    let result = match (call.method(), reach) {
        ("echo", _) => return Ok(Reply::Ok(call.into_params())),
        ("services", reach) => {
            let services = reach.map(Reach::services).unwrap_or_default();
            let listed = services
                .iter()
                .map(|(name, summary)| Listed { name, summary });
            to_raw_value(&listed.collect::<Vec<_>>()).ok()
        }
        ("interface", Some(reach)) => serde_json::from_str(call.params().get())
            .ok()
            .and_then(|Wanted { service }| reach.stub(&service))
            .and_then(|stub| String::from_utf8(stub.to_vec()).ok())
            .and_then(|stub| RawValue::from_string(stub).ok()),
        _ => None,
    };
    result.map(Reply::Ok).ok_or_else(|| call.not_available())
}
