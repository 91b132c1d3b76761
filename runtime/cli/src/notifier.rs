//! Tells whoever is to approve that something waits: a program that is started, or a URL that is posted to, as the context's
//! `on_approval` says. It is a process of its own, started before the wall, since a run may start and reach nothing; it outlives
//! the run, and nobody waits for it. It is told of questions, and must never be given anything else.

use super::{exit::Exit, failure::Failure, itself, wall::Inherited};
use sandgate::{
    ApprovalFilter, Journal, Outcome, Status,
    policy::ApprovalHook,
    service::{Address, Client, ClientLimits},
};
use sandgate_server::ParkedWatcher;
use serde_json::{Value, json, value::to_raw_value};
use std::{
    collections::BTreeMap,
    io::{BufRead, Write, stdin},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

/// The subcommand that it is. Nobody is told of it; by hand it does nothing.
pub(super) const NAME: &str = "notifier";

/// Longer questions are only on standard input.
const LONGEST_ARGUMENT: usize = 64 << 10;

/// The process, which waits to be told.
#[derive(Debug)]
pub(super) struct Notifier {
    process: Child,
    hook: Value,
}

impl Notifier {
    /// Starts one, where the context wants somebody to be told.
    pub(super) fn start(hook: Option<&ApprovalHook>) -> Result<Option<Self>, Failure> {
        let Some(hook) = hook else {
            return Ok(None);
        };
        let mut command = itself::helper(NAME, Stdio::piped());
        let process = command.spawn().map_err(|error| Failure::ours(&error))?;
        let hook = match hook {
            ApprovalHook::Program { program, arguments } => {
                json!({"program": program, "arguments": arguments})
            }
            ApprovalHook::Url(url) => json!({"url": url}),
        };
        Ok(Some(Self { process, hook }))
    }

    /// Tells what a run waits for, where it does.
    pub(super) fn tell(&mut self, journal: &Journal, outcome: &Outcome) {
        let run = outcome
            .run
            .filter(|_| outcome.status == Status::AwaitingApproval);
        let Some(run) = run else {
            return;
        };
        let filter = ApprovalFilter {
            run: Some(run),
            ..ApprovalFilter::default()
        };
        let asked = journal.asked(&filter).unwrap_or_default().into_iter();
        let questions: Vec<Value> = asked
            .filter_map(|asked| serde_json::to_value(asked).ok())
            .collect();
        let told = json!({"hook": self.hook, "questions": questions});
        if let Some(to) = &mut self.process.stdin {
            let _ = writeln!(to, "{told}");
        }
    }
}

/// What the process does: it waits until it is told, or nothing more can come.
pub(super) fn serve(inherited: Inherited) -> Result<Exit, Failure> {
    inherited.close();
    for told in stdin().lock().lines() {
        let Ok(told) = told else {
            return Ok(Exit::Ok);
        };
        let told: Value = serde_json::from_str(&told).map_err(|error| Failure::ours(&error))?;
        let questions = told.get("questions").and_then(Value::as_array);
        let hook = told.get("hook").cloned().unwrap_or_default();
        for question in questions.into_iter().flatten() {
            match hook.get("url").and_then(Value::as_str) {
                Some(url) => post(url, question),
                None => run(&hook, question),
            }
        }
    }
    Ok(Exit::Ok)
}

fn run(hook: &Value, question: &Value) {
    let Some(program) = hook.get("program").and_then(Value::as_str) else {
        return;
    };
    let arguments = hook.get("arguments").and_then(Value::as_array);
    let text = question.to_string();
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the program that is told"
    )]
    let mut command = Command::new(program);
    command
        .args(arguments.into_iter().flatten().filter_map(Value::as_str))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if text.len() <= LONGEST_ARGUMENT {
        command.arg(&text);
    }
    if let Ok(mut process) = command.spawn() {
        if let Some(mut to) = process.stdin.take() {
            let _ = to.write_all(text.as_bytes());
        }
        let _ = process.wait();
    }
}

fn post(url: &str, question: &Value) {
    let Ok(address) = Address::url(url) else {
        return;
    };
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let (Ok(executor), Ok(params)) = (executor, to_raw_value(&json!({ "question": question })))
    else {
        return;
    };
    let client = Client::new(ClientLimits::default());
    client.read_authorities();
    // Whatever it answers: nobody waits for that.
    let _ = executor.block_on(client.tell(&address, "approval.asked", &params));
}

/// Everything that is to be told of a run that has ended.
pub(super) fn conclude(notifier: Option<Notifier>, journal: Option<&Journal>, outcome: &Outcome) {
    if let (Some(mut notifier), Some(journal)) = (notifier, journal) {
        notifier.tell(journal, outcome);
    }
}

/// Those of every context that a server has runs in.
#[derive(Debug)]
pub(super) struct Notifiers {
    journal: Journal,
    of: BTreeMap<String, Arc<Mutex<Notifier>>>,
}

impl Notifiers {
    /// Starts one for each context that wants somebody to be told.
    pub(super) fn start<'c>(
        journal: &Journal,
        contexts: impl IntoIterator<Item = (&'c str, Option<ApprovalHook>)>,
    ) -> Result<Self, Failure> {
        let mut of = BTreeMap::new();
        for (context, hook) in contexts {
            if let Some(notifier) = Notifier::start(hook.as_ref())? {
                of.insert(context.to_owned(), Arc::new(Mutex::new(notifier)));
            }
        }
        Ok(Self {
            journal: journal.clone(),
            of,
        })
    }
}

impl ParkedWatcher for Notifiers {
    fn parked(&self, context: &str, outcome: &Outcome) {
        let Some(notifier) = self.of.get(context).map(Arc::clone) else {
            return;
        };
        let (journal, outcome) = (self.journal.clone(), outcome.clone());
        // It reads the journal, and writes to a pipe.
        tokio::task::spawn_blocking(move || {
            let mut notifier = notifier.lock().unwrap_or_else(PoisonError::into_inner);
            notifier.tell(&journal, &outcome);
        });
    }
}
