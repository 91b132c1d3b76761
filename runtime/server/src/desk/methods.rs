//! What can be done at a desk. Whoever sits there sees the contexts of their token, and answers as the person that it names.

use super::DeskState;
use crate::{
    form::visible,
    rpc::{Methods, RpcCode, RpcError},
};
use sandgate::{
    Answered, Answerer, ApprovalFilter, ApprovalState, AskedCall, Id, Journal, PastRun, RunFilter,
    Token, chain,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// Runs that are listed at once.
const MOST_RUNS: usize = 100;

/// The methods, for one token.
#[derive(Debug)]
pub(super) struct DeskMethods {
    pub(super) desk: Arc<DeskState>,
    pub(super) token: Arc<Token>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answering {
    approvals: Vec<String>,
    #[serde(default)]
    because: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunListing {
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneRun {
    run: String,
}

impl Methods for DeskMethods {
    async fn perform(&self, method: &str, params: Option<Value>) -> Result<Value, RpcError> {
        let params = params.unwrap_or_else(|| json!({}));
        match method {
            "desk.approvals" => self.approvals(),
            "desk.approve" => self.answer(read(params)?, true),
            "desk.reject" => self.answer(read(params)?, false),
            "desk.runs" => self.runs(&read(params)?),
            "desk.run" => self.run(&read::<OneRun>(params)?.run),
            "desk.services" => Ok(self.services()),
            _ => Err(RpcError::new(
                RpcCode::Method,
                "there is no such method; there are: desk.approvals, desk.approve, desk.reject, desk.runs, desk.run, desk.services",
            )),
        }
    }
}

fn read<P: for<'de> Deserialize<'de>>(params: Value) -> Result<P, RpcError> {
    serde_json::from_value(params)
        .map_err(|error| RpcError::new(RpcCode::Params, error.to_string()))
}

fn failed(error: &(dyn std::error::Error + 'static)) -> RpcError {
    RpcError::new(RpcCode::Failed, chain(error))
}

impl DeskMethods {
    fn journal(&self) -> Result<&Journal, RpcError> {
        let journal = self.desk.keeper.host().journal();
        journal.ok_or_else(|| RpcError::new(RpcCode::Failed, "there is no journal"))
    }

    fn sees(&self, context: &str) -> bool {
        self.token.contexts.iter().any(|own| own == context)
    }

    /// What waits, whole.
    fn approvals(&self) -> Result<Value, RpcError> {
        let asked = self.journal()?.asked(&ApprovalFilter::default());
        let mut asked = asked.map_err(|error| failed(&error))?;
        asked.retain(|asked| {
            asked.row.state == ApprovalState::Pending && self.sees(&asked.row.context)
        });
        let questions: Vec<Value> = asked.iter().map(shown).collect();
        Ok(json!({"person": self.person().name, "approvals": questions}))
    }

    fn person(&self) -> Answerer {
        Answerer {
            name: self
                .token
                .user
                .clone()
                .unwrap_or_else(|| self.token.actor.clone()),
            claims: self.token.claims.clone(),
            in_band: false,
        }
    }

    fn answer(&self, answering: Answering, agrees: bool) -> Result<Value, RpcError> {
        let journal = self.journal()?;
        let by = self.person();
        let (mut said, mut runs) = (Vec::new(), BTreeSet::new());
        for name in answering.approvals {
            match self.question(journal, &name).and_then(|asked| {
                let limits = self.desk.keeper.host().context_limits(&asked.row.context);
                let limits = limits
                    .ok_or_else(|| RpcError::new(RpcCode::Failed, "its context is not in force"))?;
                let because = answering.because.as_deref();
                let answered = journal.answer(&asked.row, &limits, &by, agrees, because);
                let answered = answered.map_err(|error| failed(&error))?;
                Ok((asked.row.run, answered))
            }) {
                Ok((run, answered)) => {
                    runs.insert(run);
                    said.push(json!({"approval": name, "answer": word(answered)}));
                }
                Err(error) => said.push(json!({"approval": name, "error": error.message})),
            }
        }
        for run in runs {
            self.go_on(journal, run)?;
        }
        Ok(json!({"answers": said}))
    }

    fn question(&self, journal: &Journal, name: &str) -> Result<AskedCall, RpcError> {
        let filter = ApprovalFilter {
            beginning: Some(name.to_owned()),
            all: true,
            ..ApprovalFilter::default()
        };
        let asked = journal.asked(&filter).map_err(|error| failed(&error))?;
        let mut asked = asked.into_iter().filter(|asked| {
            asked.row.approval.to_string() == name && self.sees(&asked.row.context)
        });
        asked
            .next()
            .ok_or_else(|| RpcError::new(RpcCode::NotFound, "there is no such question"))
    }

    /// A run of which all questions are answered goes on, whoever is waiting for it.
    fn go_on(&self, journal: &Journal, run: Id) -> Result<(), RpcError> {
        let filter = ApprovalFilter {
            run: Some(run),
            ..ApprovalFilter::default()
        };
        let rows = journal.approvals(&filter).map_err(|error| failed(&error))?;
        if rows.iter().any(|row| row.state == ApprovalState::Pending) {
            return Ok(());
        }
        let past = PastRun::read(journal, &run.to_string()).map_err(|error| failed(&error))?;
        let Some(context) = past.context().map(ToOwned::to_owned) else {
            return Ok(());
        };
        let host = self.desk.keeper.host();
        let limits = host
            .context_limits(&context)
            .map(|limits| limits.hero_context);
        let Some(number) = limits else {
            return Ok(());
        };
        let principal = past.principal(number).map_err(|error| failed(&error))?;
        let Some(principal) = principal else {
            return Ok(());
        };
        let caller = host.caller(principal).map_err(|error| failed(&error))?;
        // In the place of whoever asked for it, and for as long as it takes.
        let agent = self.desk.keeper.agent(caller);
        tokio::spawn(async move {
            if let Err(error) = agent.gone_on(run, std::future::pending()).await {
                tracing::warn!("the run {run} does not go on: {}", error.said());
            }
        });
        Ok(())
    }

    fn runs(&self, listing: &RunListing) -> Result<Value, RpcError> {
        let filter = RunFilter {
            context: listing.context.clone(),
            status: listing.status.clone(),
            most: None,
            ..RunFilter::default()
        };
        let runs = self.journal()?.runs(&filter);
        let runs = runs.map_err(|error| failed(&error))?;
        let own = runs.into_iter().filter(|run| {
            let context = run.context.as_deref();
            context.is_some_and(|context| self.sees(context))
        });
        Ok(json!({"runs": own.take(MOST_RUNS).collect::<Vec<_>>()}))
    }

    /// What a run did, and nothing of what it said.
    fn run(&self, name: &str) -> Result<Value, RpcError> {
        let nothing = || RpcError::new(RpcCode::NotFound, "there is no such run");
        let past = PastRun::read(self.journal()?, name).map_err(|_| nothing())?;
        if !past.context().is_some_and(|context| self.sees(context)) {
            return Err(nothing());
        }
        let result = past.result().map_err(|error| failed(&error))?;
        Ok(json!({"run": past.row(), "calls": result.calls}))
    }

    fn services(&self) -> Value {
        let host = self.desk.keeper.host();
        let contexts = host.contexts().into_iter().filter(|name| self.sees(name));
        let contexts = contexts.map(|context| {
            let caller = host.context(&context);
            let services = caller.map(|caller| caller.services()).unwrap_or_default();
            let services = services
                .into_iter()
                .map(|(name, summary)| json!({"name": name, "summary": summary}));
            json!({"context": context, "services": services.collect::<Vec<_>>()})
        });
        json!({"contexts": contexts.collect::<Vec<_>>()})
    }
}

/// A question as it is put before somebody: everything of it visible.
fn shown(asked: &AskedCall) -> Value {
    let row = &asked.row;
    let because: Vec<String> = asked.because.iter().map(|one| visible(one)).collect();
    json!({
        "approval": row.approval, "run": row.run, "call": row.call, "context": row.context,
        "actor": asked.actor, "user": asked.user, "script": visible(&asked.script),
        "service": row.service, "method": row.method, "effect": asked.effect,
        "params": visible(&asked.params), "because": because, "before": asked.before,
        "agreed": asked.agreed, "needed": row.needed, "expires": row.expires
    })
}

fn word(answered: Answered) -> &'static str {
    match answered {
        Answered::Approved => "approved",
        Answered::MoreNeeded(_) => "agreed",
        Answered::Rejected => "rejected",
    }
}
