//! The road of one call, on one page: decode, decide, answer. Called by the linker for the one import that is ours.
//! There is no second road, and no step of this one may be left out.

use crate::{
    call::{self, Call, LONGEST_REQUEST},
    refusal::Refusal,
};
use sandgate_wire::Reply;

/// What the road needs to know of a run.
#[derive(Debug)]
pub(crate) struct Road {
    calls: u64,
    limit: u64,
}

impl Road {
    pub(crate) fn new(limit: u64) -> Self {
        Self { calls: 0, limit }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Takes one request from its bytes to its reply. The bytes are the guest's; the reply is what it may know.
    pub(crate) async fn travel(&mut self, request: &[u8]) -> Vec<u8> {
        let reply = match self.answer(request).await {
            Ok(result) => result,
            Err(refusal) => refusal.into_reply(),
        };
        serde_json::to_vec(&reply).unwrap_or_default()
    }

    async fn answer(&mut self, request: &[u8]) -> Result<Reply, Refusal> {
        // THREAT[DOS-09]: refused calls count, or a script could ask for ever.
        self.calls = self.calls.saturating_add(1);
        if self.calls > self.limit {
            return Err(Refusal::TooMany { limit: self.limit });
        }
        if request.len() > LONGEST_REQUEST {
            return Err(Refusal::TooLong {
                size: request.len(),
                limit: LONGEST_REQUEST,
            });
        }
        decide(&call::decode(request)?)
    }
}

/// The runtime's own `sandgate.echo` is all that exists; whatever else is asked for is not available.
fn decide(call: &Call<'_>) -> Result<Reply, Refusal> {
    match (call.service(), call.method()) {
        ("sandgate", "echo") => Ok(Reply::Ok(call.params().to_owned())),
        (service, method) => Err(Refusal::NotAvailable {
            service: service.to_owned(),
            method: method.to_owned(),
        }),
    }
}
