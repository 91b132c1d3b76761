//! The runtime's own methods. Answered by `hostcall` at once, without a decision. They must never change anything, nor show
//! a script more than its context may use: why a service is not there is said to the operator alone.

use super::{call::Call, reach::Reach, refusal::Refusal};
use crate::made::BUILTIN;
use sandgate_wire::{Listed, Reply, Wanted};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it only asks what there is, as `import` does.
pub(super) fn is_import(call: &Call) -> bool {
    call.service() == BUILTIN && matches!(call.method(), "services" | "interface")
}

pub(super) fn answer(
    reach: Option<&Reach>,
    call: Call,
    told: &AtomicBool,
) -> Result<Reply, Refusal> {
    let result = match (call.method(), reach) {
        ("echo", _) => return Ok(Reply::Ok(call.into_params())),
        ("services", reach) => {
            let services = reach.map(Reach::services).unwrap_or_default();
            let listed = services
                .iter()
                .map(|(name, summary)| Listed { name, summary });
            to_raw_value(&listed.collect::<Vec<_>>()).ok()
        }
        ("interface", reach) => serde_json::from_str(call.params().get())
            .ok()
            .and_then(|Wanted { service }| {
                let stub = reach.and_then(|reach| reach.stub(&service));
                if stub.is_none() {
                    tell(reach, &service, told);
                }
                stub
            })
            .and_then(|stub| String::from_utf8(stub.to_vec()).ok())
            .and_then(|stub| RawValue::from_string(stub).ok()),
        _ => None,
    };
    result.map(Reply::Ok).ok_or_else(|| call.not_available())
}

/// Says why a service is not there, once a run: a script could ask for ever.
fn tell(reach: Option<&Reach>, service: &str, told: &AtomicBool) {
    if !sandgate_policy::is_service_name(service) || told.swap(true, Ordering::Relaxed) {
        return;
    }
    match reach {
        None => tracing::warn!(
            "the script asks for the service `{service}`; a run in no context has none"
        ),
        Some(reach) => tracing::warn!(
            "the script asks for the service `{service}`; {}",
            reach.why_not(service)
        ),
    }
}
