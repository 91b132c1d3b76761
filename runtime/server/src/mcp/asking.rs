//! How the person at a client of MCP is asked about the calls that a run waits with. Since 2026 the answer to the tool's call is a form,
//! and the client calls again with what was filled in; before, the server asks while the call is under way. What comes back is
//! believed only with the seal that went out: it holds the run and the questions, for one agent and one call of a tool, until
//! the questions expire: THREAT[WEB-04]. That each is answered once is the journal's to say. Where a form may not ask, a client that
//! can open an address is given the desk's; what its user says to that is no answer, and the desk is waited for.

use crate::{
    agent::Agent,
    command::Arguments,
    desk_url::DeskUrl,
    form::{ApprovalForm, DeskQuestions},
};
use rmcp::{
    ErrorData, Peer, RoleServer,
    model::{
        CustomNotification, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationSchema, InputRequest, InputRequests, InputRequiredResult, InputResponses,
        ProtocolVersion, RequestStateCodec, SealOptions, ServerNotification,
    },
    service::RequestContext,
};
use sandgate::{AskedCall, Digest, Id, SealKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What the one form of an answer is called.
const FORM: &str = "approval";
/// For how long somebody is waited for while a call is under way. Whoever takes longer answers where `sandgate approvals` shows it.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);

/// What a client is asked with: what seals the state of a call that waits for an answer, and where the desk is, if that is known.
#[derive(Debug, Clone)]
pub(crate) struct Seals {
    codec: Arc<RequestStateCodec>,
    desk: Option<DeskUrl>,
}

/// What is sealed.
#[derive(Debug, Serialize, Deserialize)]
struct SealedQuestions {
    run: Id,
    approvals: Vec<Id>,
}

/// What the person at a client is asked.
#[derive(Debug)]
pub(crate) enum ClientQuestion {
    /// What they say of each call.
    Form(ApprovalForm),
    /// To go to the desk.
    Desk(DeskQuestions, DeskUrl),
}

/// What somebody said to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FormAnswer {
    /// Whether they agree, to each call.
    Choices(Vec<bool>),
    /// They have the desk before them.
    Gone,
    /// They do not want to say.
    Later,
    /// It is not what was asked for.
    Unclear,
}

/// How a client can be asked, and what for.
#[derive(Debug, Clone)]
pub(crate) struct ClientAsking {
    pub(crate) way: AskingWay,
    has_forms: bool,
    has_addresses: bool,
}

/// How what a client is asked comes to it.
#[derive(Debug, Clone)]
pub(crate) enum AskingWay {
    /// As the answer to its call, which it makes again.
    Rounds,
    /// While the call is under way.
    Peer(Peer<RoleServer>),
}

impl ClientAsking {
    /// How the client of a request can be asked: only what it has declared counts.
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        let can = context
            .client_capabilities()
            .and_then(|capabilities| capabilities.elicitation);
        // One that says nothing more has forms.
        let has_forms =
            |can: &rmcp::model::ElicitationCapability| can.form.is_some() || can.url.is_none();
        let is_modern = context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28);
        Self {
            has_forms: can.as_ref().is_some_and(has_forms),
            has_addresses: can.is_some_and(|can| can.url.is_some()),
            way: if is_modern {
                AskingWay::Rounds
            } else {
                AskingWay::Peer(context.peer.clone())
            },
        }
    }

    /// What the person at this client is asked of a run that waits: by a form where one may ask and can show all of it, else at the
    /// desk, else nothing.
    pub(crate) fn question(&self, seals: &Seals, agent: &Agent, run: Id) -> Option<ClientQuestion> {
        let form = || ApprovalForm::of(agent.caller(), run).map(ClientQuestion::Form);
        let form = self.has_forms.then(form).flatten();
        form.or_else(|| {
            let url = seals.desk.clone().filter(|_| self.has_addresses)?;
            Some(ClientQuestion::Desk(
                DeskQuestions::of(agent.caller(), run)?,
                url,
            ))
        })
    }
}

impl ClientQuestion {
    pub(crate) fn run(&self) -> Id {
        match self {
            Self::Form(form) => form.run(),
            Self::Desk(questions, _) => questions.run(),
        }
    }

    fn asked(&self) -> &[AskedCall] {
        match self {
            Self::Form(form) => form.asked(),
            Self::Desk(questions, _) => questions.asked(),
        }
    }

    /// Whether nobody was asked about it as long as only these were asked about.
    pub(crate) fn is_beyond(&self, approvals: &[Id]) -> bool {
        let mut asked = self.asked().iter();
        !asked.all(|asked| approvals.contains(&asked.row.approval))
    }

    pub(crate) fn approvals(&self) -> Vec<Id> {
        let asked = self.asked().iter();
        asked.map(|asked| asked.row.approval).collect()
    }

    fn params(&self) -> Option<ElicitRequestParams> {
        Some(match self {
            Self::Form(form) => {
                let Value::Object(schema) = form.schema() else {
                    return None;
                };
                ElicitRequestParams::FormElicitationParams {
                    meta: None,
                    message: form.message(),
                    requested_schema: ElicitationSchema::from_json_schema(schema).ok()?,
                }
            }
            Self::Desk(questions, url) => {
                let first = questions.asked().first()?.row.approval;
                ElicitRequestParams::UrlElicitationParams {
                    meta: None,
                    message: questions.message(),
                    url: url.of_question(first),
                    elicitation_id: first.to_string(),
                }
            }
        })
    }

    fn said(&self, result: &ElicitResult) -> FormAnswer {
        match (self, &result.action) {
            (Self::Form(form), ElicitationAction::Accept) => {
                let content = result.content.as_ref();
                let choices = content.and_then(|content| form.choices(content));
                choices.map_or(FormAnswer::Unclear, FormAnswer::Choices)
            }
            (Self::Form(form), ElicitationAction::Decline) => {
                FormAnswer::Choices(vec![false; form.asked().len()])
            }
            (Self::Desk(..), ElicitationAction::Accept) => FormAnswer::Gone,
            // Whoever does not want to go to the desk has answered nothing there. Whatever else there will be is no answer.
            _ => FormAnswer::Later,
        }
    }
}

impl Seals {
    pub(crate) fn new(key: &SealKey, desk: Option<DeskUrl>) -> Self {
        // It is as long as the codec wants.
        let codec = RequestStateCodec::new_unchecked(key.bytes().to_vec());
        Self {
            codec: Arc::new(codec),
            desk,
        }
    }

    /// The question, as the answer to a call of a tool.
    pub(crate) fn round(
        &self,
        question: &ClientQuestion,
        agent: &Agent,
        tool: &str,
        arguments: &Arguments,
    ) -> Option<InputRequiredResult> {
        let sealed = SealedQuestions {
            run: question.run(),
            approvals: question.approvals(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let asked = question.asked().iter();
        let expires = asked.map(|asked| asked.row.expires).max();
        let left = Duration::from_millis(expires?).saturating_sub(now);
        let bound = bound_to(agent, tool, arguments);
        let options = SealOptions::new().associated_data(&bound).ttl(left);
        let state = self.codec.seal_json_with(&sealed, &options).ok()?;
        let request = ElicitRequest::new(question.params()?);
        let requests = InputRequests::from([(FORM.to_owned(), InputRequest::Elicitation(request))]);
        Some(InputRequiredResult::new(Some(requests), Some(state)))
    }

    /// The run that a call comes back for, and the questions that it went out with.
    pub(crate) fn open(
        &self,
        state: &str,
        agent: &Agent,
        tool: &str,
        arguments: &Arguments,
    ) -> Result<(Id, Vec<Id>), ErrorData> {
        let bound = bound_to(agent, tool, arguments);
        let opened = self.codec.open_json_with(state, &bound);
        let sealed: SealedQuestions = opened.map_err(|_| {
            // Nobody is told which of the reasons it was.
            let message = "the `requestState` is not one that was given for this call";
            ErrorData::invalid_params(message, None)
        })?;
        Ok((sealed.run, sealed.approvals))
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

/// What came back with a call that is made again.
pub(crate) fn answer_of(
    question: &ClientQuestion,
    responses: Option<&InputResponses>,
) -> FormAnswer {
    let response = responses.and_then(|responses| responses.get(FORM));
    match response.map(|response| serde_json::from_value::<ElicitResult>(response.clone())) {
        Some(Ok(result)) => question.said(&result),
        Some(Err(_)) | None => FormAnswer::Unclear,
    }
}

/// Asks while the call is under way.
pub(crate) async fn ask(peer: &Peer<RoleServer>, question: &ClientQuestion) -> FormAnswer {
    let Some(params) = question.params() else {
        return FormAnswer::Later;
    };
    let asked = peer.create_elicitation_with_timeout(params, Some(PATIENCE));
    match asked.await {
        Ok(result) => question.said(&result),
        Err(error) => {
            tracing::debug!("the client was asked in vain: {error}");
            FormAnswer::Later
        }
    }
}

/// Tells a client of before 2026 that the person it sent to the desk has answered there.
pub(crate) async fn tell_answered(peer: &Peer<RoleServer>, approvals: &[Id]) {
    if let Some(first) = approvals.first() {
        let done = CustomNotification::new(
            "notifications/elicitation/complete",
            Some(json!({"elicitationId": first})),
        );
        let told = peer.send_notification(ServerNotification::CustomNotification(done));
        if let Err(error) = told.await {
            tracing::debug!("the client is gone: {error}");
        }
    }
}
