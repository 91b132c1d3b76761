//! How the person at a client of MCP is asked about the calls that a run waits with. Since 2026 the answer to the tool's call is a form,
//! and the client calls again with what was filled in; before, the server asks while the call is under way. What comes back is
//! believed only with the seal that went out: it holds the run and the questions, for one agent and one call of a tool, until
//! the questions expire: THREAT[WEB-04]. That each is answered once is the journal's to say.

use crate::{agent::Agent, command::Arguments, form::ApprovalForm};
use rmcp::{
    ErrorData, Peer, RoleServer,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
        InputRequest, InputRequests, InputRequiredResult, InputResponses, ProtocolVersion,
        RequestStateCodec, SealOptions,
    },
    service::RequestContext,
};
use sandgate::{Digest, Id, SealKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What the one form of an answer is called.
const FORM: &str = "approval";
/// For how long somebody is waited for while a call is under way. Whoever takes longer answers where `sandgate approvals` shows it.
const PATIENCE: Duration = Duration::from_mins(5);

/// What seals the state of a call that waits for an answer.
#[derive(Debug, Clone)]
pub(crate) struct Seals(Arc<RequestStateCodec>);

/// What is sealed.
#[derive(Debug, Serialize, Deserialize)]
struct SealedQuestions {
    run: Id,
    approvals: Vec<Id>,
}

/// What somebody said to a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FormAnswer {
    /// Whether they agree, to each call.
    Choices(Vec<bool>),
    /// They do not want to say.
    Later,
    /// It is not what was asked for.
    Unclear,
}

/// How a client can be asked.
#[derive(Debug)]
pub(crate) enum ClientAsking {
    /// By an answer that is a form.
    Rounds,
    /// While the call is under way.
    Peer(Peer<RoleServer>),
    /// Not at all.
    Never,
}

impl ClientAsking {
    /// How the client of a request can be asked: only what it has declared counts.
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        let capabilities = context.client_capabilities();
        let can = capabilities.and_then(|capabilities| capabilities.elicitation);
        // One that says nothing more has forms.
        let has_forms = can.is_some_and(|can| can.form.is_some() || can.url.is_none());
        if !has_forms {
            Self::Never
        } else if context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28) {
            Self::Rounds
        } else {
            Self::Peer(context.peer.clone())
        }
    }
}

impl Seals {
    pub(crate) fn new(key: &SealKey) -> Self {
        // It is as long as the codec wants.
        Self(Arc::new(RequestStateCodec::new_unchecked(
            key.bytes().to_vec(),
        )))
    }

    /// The form, as the answer to a call of a tool.
    pub(crate) fn round(
        &self,
        form: &ApprovalForm,
        agent: &Agent,
        tool: &str,
        arguments: &Arguments,
    ) -> Option<InputRequiredResult> {
        let sealed = SealedQuestions {
            run: form.run(),
            approvals: form
                .asked()
                .iter()
                .map(|asked| asked.row.approval)
                .collect(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let expires = form.asked().iter().map(|asked| asked.row.expires).max();
        let left = Duration::from_millis(expires?).saturating_sub(now);
        let bound = bound_to(agent, tool, arguments);
        let options = SealOptions::new().associated_data(&bound).ttl(left);
        let state = self.0.seal_json_with(&sealed, &options).ok()?;
        let request = ElicitRequest::new(params(form)?);
        let requests = InputRequests::from([(FORM.to_owned(), InputRequest::Elicitation(request))]);
        Some(InputRequiredResult::new(Some(requests), Some(state)))
    }

    /// The run that a call comes back for, and the form that it waits with, where it still does.
    pub(crate) fn open(
        &self,
        state: &str,
        agent: &Agent,
        tool: &str,
        arguments: &Arguments,
    ) -> Result<(Id, Option<ApprovalForm>), ErrorData> {
        let bound = bound_to(agent, tool, arguments);
        let sealed: SealedQuestions = self.0.open_json_with(state, &bound).map_err(|_| {
            // Nobody is told which of the reasons it was.
            let message = "the `requestState` is not one that was given for this call";
            ErrorData::invalid_params(message, None)
        })?;
        let form = ApprovalForm::of(agent.caller(), sealed.run);
        let form = form.filter(|form| {
            // A run that has gone on since waits with others, which nobody has seen.
            form.asked()
                .iter()
                .all(|asked| sealed.approvals.contains(&asked.row.approval))
        });
        Ok((sealed.run, form))
    }
}

/// What an answer counts for: this agent, and this call of this tool.
fn bound_to(agent: &Agent, tool: &str, arguments: &Arguments) -> Vec<u8> {
    let principal = agent.caller().principal();
    // Sorted by their names, however the client sends them.
    let arguments: std::collections::BTreeMap<_, _> = arguments.iter().collect();
    let arguments = serde_json::to_vec(&arguments).unwrap_or_default();
    let parts = [
        principal.context().as_str(),
        principal.actor(),
        principal.user().unwrap_or_default(),
        tool,
        &Digest::of(&arguments).to_string(),
    ];
    parts.join("\0").into_bytes()
}

fn params(form: &ApprovalForm) -> Option<ElicitRequestParams> {
    let Value::Object(schema) = form.schema() else {
        return None;
    };
    Some(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: form.message(),
        requested_schema: ElicitationSchema::from_json_schema(schema).ok()?,
    })
}

/// What came back with a call that is made again.
pub(crate) fn answer_of(form: &ApprovalForm, responses: Option<&InputResponses>) -> FormAnswer {
    let response = responses.and_then(|responses| responses.get(FORM));
    match response.map(|response| serde_json::from_value::<ElicitResult>(response.clone())) {
        Some(Ok(result)) => said(form, &result),
        Some(Err(_)) | None => FormAnswer::Unclear,
    }
}

/// Asks while the call is under way.
pub(crate) async fn ask(peer: &Peer<RoleServer>, form: &ApprovalForm) -> FormAnswer {
    let Some(params) = params(form) else {
        return FormAnswer::Later;
    };
    let asked = peer.create_elicitation_with_timeout(params, Some(PATIENCE));
    match asked.await {
        Ok(result) => said(form, &result),
        Err(error) => {
            tracing::debug!("the client was asked in vain: {error}");
            FormAnswer::Later
        }
    }
}

fn said(form: &ApprovalForm, result: &ElicitResult) -> FormAnswer {
    match result.action {
        ElicitationAction::Accept => {
            let content = result.content.as_ref();
            let choices = content.and_then(|content| form.choices(content));
            choices.map_or(FormAnswer::Unclear, FormAnswer::Choices)
        }
        ElicitationAction::Decline => FormAnswer::Choices(vec![false; form.asked().len()]),
        // Whatever else there will be is no answer.
        _ => FormAnswer::Later,
    }
}
