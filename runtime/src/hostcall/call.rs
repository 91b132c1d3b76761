//! A call that a script asks for, once its bytes have been checked. Made by `hostcall` from what the guest wrote, and
//! handed on whole. It must never hold anything that was not checked for size, depth and name.

use crate::hostcall::refusal::Refusal;
use sandgate_policy::{Moment, is_method_name};
use sandgate_service::depth;
use sandgate_wire::Request;
use serde_json::value::RawValue;

/// THREAT[DOS-10]: a request longer than this is refused before it is copied out of the guest.
pub(crate) const LONGEST_REQUEST: usize = 1 << 20;
/// THREAT[DOS-08]: below what JSON readers on the way, and in the service, accept.
const DEEPEST_PARAMS: usize = 64;

/// One call, well formed, not yet decided. Only [`decode`] makes one.
#[derive(Debug)]
pub(crate) struct Call {
    number: u32,
    service: String,
    method: String,
    params: Box<RawValue>,
    /// When the script made it, by the run's clock.
    made: Moment,
}

/// Checks what the guest sent.
pub(crate) fn decode(bytes: &[u8], number: u32, made: Moment) -> Result<Call, Refusal> {
    // serde would take a list for it as well.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::Malformed);
    }
    let request: Request<'_> = serde_json::from_slice(bytes).map_err(|_| Refusal::Malformed)?;
    for name in [&request.service, &request.method] {
        if !is_method_name(name) {
            return Err(Refusal::Name);
        }
    }
    if depth(request.params.get()) > DEEPEST_PARAMS {
        return Err(Refusal::TooDeep {
            limit: DEEPEST_PARAMS,
        });
    }
    Ok(Call {
        number,
        service: request.service.into_owned(),
        method: request.method.into_owned(),
        params: request.params.to_owned(),
        made,
    })
}

impl Call {
    /// Which request of its run it is.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn params(&self) -> &RawValue {
        &self.params
    }

    pub(crate) fn made(&self) -> Moment {
        self.made
    }

    pub(crate) fn into_params(self) -> Box<RawValue> {
        self.params
    }

    /// THREAT[SEC-05]: the same for what does not exist and for what this context may not see.
    pub(crate) fn not_available(&self) -> Refusal {
        Refusal::NotAvailable {
            service: self.service.clone(),
            method: self.method.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dos_08_whatever_bytes_come_they_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(call) = decode(&bytes, 1, Moment::OF_CASES) {
                prop_assert!(is_method_name(call.service()) && is_method_name(call.method()));
            }
        }
    }
}
