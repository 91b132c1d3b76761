//! A tool: a method that is a function of this process. Made by `tools`, called by the road where a service would be
//! spoken to. It must never be called but with arguments that were checked against its schema.

use crate::client::{
    CallError, LONGEST_CALL, LONGEST_REPLY, Part, Phase, ServiceError, clean::Cleaner,
};
use sandgate_policy::Principal;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use std::{fmt, pin::Pin, sync::Arc};

type Answering = Pin<Box<dyn Future<Output = Result<Box<RawValue>, ToolError>> + Send>>;
type Function = dyn Fn(&Arc<Principal>, &RawValue) -> Answering + Send + Sync;

/// One method, as a function of this process.
pub struct Tool {
    function: Box<Function>,
}

/// What a tool answers when it cannot do what it was asked for. Every error that a function meets becomes one by `?`; a
/// script sees it as it sees the error of any service.
#[derive(Debug)]
pub struct ToolError {
    code: i64,
    message: String,
}

impl ToolError {
    /// JSON-RPC's number for an error of the server.
    const FAILED: i64 = -32000;
    /// JSON-RPC's number for parameters that are not what they should be.
    const PARAMETERS: i64 = -32602;
    /// JSON-RPC's number for a failure within.
    const INTERNAL: i64 = -32603;

    /// An error that a script reads.
    pub fn new(message: impl fmt::Display) -> Self {
        Self {
            code: Self::FAILED,
            message: message.to_string(),
        }
    }

    /// The same with a number that a script can tell it by.
    #[must_use]
    pub fn with_code(self, code: i64) -> Self {
        Self { code, ..self }
    }
}

impl<E: std::error::Error> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl Tool {
    /// A function that takes its parameters by name, or nothing at all.
    pub(crate) fn new<P, R, F, A>(function: F, takes_nothing: bool) -> Self
    where
        P: DeserializeOwned,
        R: Serialize,
        F: Fn(Arc<Principal>, P) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        let answering = move |caller: &Arc<Principal>, params: &RawValue| -> Answering {
            // `()` is `null` in JSON, and no parameters are an empty object.
            let params = match serde_json::from_str(params.get()) {
                Err(_) if takes_nothing => serde_json::from_str("null"),
                read => read,
            };
            match params {
                Ok(params) => {
                    let answer = function(Arc::clone(caller), params);
                    Box::pin(async move {
                        let result = to_raw_value(&answer.await?);
                        result.map_err(|error| ToolError::new(error).with_code(ToolError::INTERNAL))
                    })
                }
                // Its schema takes what its type does not.
                Err(error) => {
                    let error = ToolError::new(error).with_code(ToolError::PARAMETERS);
                    Box::pin(std::future::ready(Err(error)))
                }
            }
        };
        Self {
            function: Box::new(answering),
        }
    }

    /// One that answers every call with this.
    pub(crate) fn always(answer: Value) -> Self {
        Self::new(
            move |_, _: Value| std::future::ready(Ok(answer.clone())),
            false,
        )
    }

    /// Calls it, and treats what it answers like the answer of a service.
    pub async fn call(
        &self,
        on_behalf_of: &Arc<Principal>,
        params: &RawValue,
    ) -> Result<Box<RawValue>, CallError> {
        let answer = (self.function)(on_behalf_of, params);
        let answer = tokio::time::timeout(LONGEST_CALL, answer).await;
        match answer {
            Ok(Ok(result)) if result.get().len() > LONGEST_REPLY => Err(CallError::TooLong {
                part: Part::Reply,
                limit: LONGEST_REPLY,
            }),
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(CallError::Service(Box::new(ServiceError {
                code: error.code,
                message: Cleaner::new(&[]).text(&error.message),
                data: None,
            }))),
            Err(_) => Err(CallError::Timeout {
                phase: Phase::Total,
                limit: LONGEST_CALL,
                sent: true,
            }),
        }
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").finish_non_exhaustive()
    }
}
