//! What carries cleared calls to services. Kept by `reach`; the one thing in the library that holds a client. It must never
//! send anything but what a clearance says, and every clearance once.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that sends"
)]

use crate::{hostcall::gate::Cleared, journal::record::Ticket};
use sandgate_service::{CallError, CallOptions, Client, Target};
use serde_json::value::RawValue;

/// A client that nobody can take out of it.
#[derive(Debug)]
pub(crate) struct Carrier(Client);

impl Carrier {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    /// The same for one run, with connections of its own.
    pub(crate) fn of_a_run(&self) -> Self {
        Self(self.0.of_a_run())
    }

    /// Makes one call with one clearance and one ticket. THREAT[POL-05]: what is sent is one object, made here from what was
    /// decided. A key is told to the service where the method is idempotent, and to no other.
    pub(crate) async fn carry(
        &self,
        cleared: Cleared,
        ticket: Ticket,
    ) -> Result<Box<RawValue>, CallError> {
        let (method, caller, params) = cleared.spend();
        match &method.target {
            Target::Address(address) => {
                let (client, identity) = (&self.0, &caller.identity);
                // Its many states are kept elsewhere, or every call of a tool would be made room for them.
                let options = CallOptions {
                    timeout: method.timeout,
                    key: ticket.key().filter(|_| method.idempotent),
                };
                let call = client.call_with(address, identity, &method.method, &params, options);
                Box::pin(call).await
            }
            Target::Tool(tool) => tool.call(&caller.principal, &params).await,
        }
    }
}
