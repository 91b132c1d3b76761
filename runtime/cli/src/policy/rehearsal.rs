//! `sandgate policy try`: a script under the policies of a context, with services that are not there: each method answers with a
//! sample of what its document says that it returns. It must never connect to anything, nor ask anybody.

use super::OpenedContext;
use crate::{
    executor::executor, exit::Exit, failure::Failure, interpreter::interpreter, print,
    reach::PoliciesArgument, shared::SharedArguments, terminal::Terminal,
};
use clap::Args;
use sandgate::{
    Answer, Approver, CallWatcher, Context, Question, Reach, Script, WatchedCall,
    policy::{self, InForce, Principal, Verdict},
    service::{Client, ClientLimits, Registry},
};
use serde::Serialize;
use serde_json::json;
use std::{
    future::ready,
    num::NonZeroU32,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Debug, Args)]
pub(super) struct TryArguments {
    /// Which context the script is of
    #[arg(long, value_name = "NAME")]
    context: String,
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Which actor of the context it is
    #[arg(long, value_name = "ACTOR", default_value = Principal::SCRIPT)]
    actor: String,
    /// Answer no where a person would be asked; otherwise the answer is yes
    #[arg(long)]
    no: bool,
    /// Print the outcome and the calls as JSON, and nothing else
    #[arg(long)]
    json: bool,
    /// The script
    #[arg(value_name = "FILE")]
    script: PathBuf,
}

/// What became of one call.
#[derive(Debug, Serialize)]
struct TriedCall {
    call: String,
    params: String,
    verdict: Verdict,
    /// The policies that decided, or why none did.
    because: String,
}

#[derive(Debug, Default)]
struct Calls(Mutex<Vec<TriedCall>>);

impl CallWatcher for Calls {
    fn decided(&self, call: &WatchedCall<'_>) {
        let (verdict, because) = match &call.ruling {
            Ok(ruling) => (
                ruling.verdict,
                match ruling.policies.as_slice() {
                    [] => "no policy permits it".to_owned(),
                    ids => ids.join(", "),
                },
            ),
            Err(why) => (Verdict::Refuse, why.clone()),
        };
        let tried = TriedCall {
            call: format!("{}.{}", call.service, call.method),
            params: call.params.get().to_owned(),
            verdict,
            because,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(tried);
    }
}

/// Says the same to every question.
#[derive(Debug)]
struct Always(bool);

impl Approver for Always {
    fn ask<'a>(&'a self, _: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(ready(if self.0 { Answer::Yes } else { Answer::No }))
    }
}

pub(super) fn rehearse(
    arguments: &TryArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let opened = OpenedContext::open(&arguments.policies, &arguments.context, shared)?;
    let Some(OpenedContext { services, context }) = opened else {
        return Ok(Exit::Found);
    };
    let source = policy::read(&arguments.script).map_err(|error| {
        Failure::usage(sandgate::chain(&error), "name a script that is your own")
    })?;
    let number = context.limits.hero_context;
    let principal = Principal::new(&arguments.context, number, &arguments.actor)
        .map_err(|error| Failure::usage(error.to_string(), "name another with --actor"))?;
    let calls = Arc::new(Calls::default());
    let reach = Reach::new(
        principal,
        InForce::always(context),
        Registry::of(services),
        Client::new(ClientLimits::default()),
        Some(Arc::new(Always(!arguments.no))),
    )
    .map_err(|error| Failure::ours(&error))?
    .watched(calls.clone());
    let interpreter = interpreter(shared).instances(NonZeroU32::MIN).load()?;
    let executor = executor()?;
    let sandbox = {
        let _entered = executor.enter();
        interpreter.start()?
    };
    let terminal = Arc::new(Terminal::start(false).map_err(|error| Failure::ours(&error))?);
    let name = arguments.script.file_name();
    let script = Script {
        name: name.map(|name| name.to_string_lossy().into_owned()),
        sink: (!arguments.json).then(|| terminal.clone() as Arc<dyn sandgate::Sink>),
        ..Script::new(source)
    };
    let outcome = executor.block_on(sandbox.run(script, &Context::of(Arc::new(reach))))?;
    let written = executor.block_on(terminal.finish());
    written.map_err(|error| Failure::ours(&error))?;
    let calls = calls.0.lock().unwrap_or_else(PoisonError::into_inner);
    if arguments.json {
        print::json(&format!(
            "{}\n",
            json!({"outcome": outcome, "calls": *calls})
        ))?;
    } else {
        if let Some(exception) = &outcome.exception {
            print::err(&exception.traceback);
        }
        print::out(&text(&calls))?;
    }
    Ok(Exit::from(&outcome))
}

fn text(calls: &[TriedCall]) -> String {
    if calls.is_empty() {
        return "it calls nothing\n".to_owned();
    }
    calls
        .iter()
        .map(|tried| {
            let TriedCall {
                call,
                params,
                verdict,
                because,
            } = tried;
            format!("{verdict:<6}  {call}({params})  {because}\n")
        })
        .collect()
}
