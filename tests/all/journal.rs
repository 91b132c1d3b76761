//! What is kept of runs, as an embedder has it: a run is made again from the journal without its services, and one that waits for
//! people goes on in another host on the same state, and sends what was agreed to, once.

use crate::{
    specs::cases,
    support::{cache_dir, limits, sandbox},
};
use proptest::{prelude::Rng, test_runner::TestRunner};
use sandgate::{
    AnswerError, Answered, Answerer, ApprovalFilter, ApprovalState, Context, Host, Id, Journal,
    Outcome, PastRun, PastRunError, Replay, Sandbox, Script, Status, Workspace,
    policy::{ContextLimits, ContextName, Effect, File, Schema},
    service::{ToolError, Tools},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(crate) const GATED: &str = "@because(\"It may look.\") permit (principal, action in Action::\"read\", resource);
@because(\"A person looks first.\") @gate(\"approve\") permit (principal, action in Action::\"write\", resource);\n";
pub(crate) const READS: &str =
    "@because(\"It may look.\") permit (principal, action in Action::\"read\", resource);\n";
const FREE: &str = "@because(\"It may.\") permit (principal, action, resource);\n";
pub(crate) const ONE: &str = "hero_context = 1\n";

#[derive(Debug, Deserialize, JsonSchema)]
struct Item {
    item: String,
    /// Milliseconds that the answer takes.
    takes: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Order {
    item: String,
    count: u64,
}

/// A state directory, and a service that knows what it was sent.
pub(crate) struct Shop {
    place: tempfile::TempDir,
    looked: Arc<AtomicU64>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self {
            place: tempfile::tempdir().unwrap(),
            looked: Arc::default(),
            sent: Arc::default(),
        }
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::open(self.place.path()).unwrap()
    }

    /// How often prices were looked up.
    pub(crate) fn looked(&self) -> u64 {
        self.looked.load(Ordering::Relaxed)
    }

    pub(crate) fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }

    /// A host on the state, as a process that was just started has it.
    pub(crate) async fn host(&self, policy: &str, limits: &str) -> Host {
        let (looked, sent) = (Arc::clone(&self.looked), Arc::clone(&self.sent));
        let tools = Tools::new("shop", "What is sold.")
            .tool(
                "item.price",
                "What it costs.",
                Effect::Read,
                move |Item { item, takes }| {
                    let before = looked.fetch_add(1, Ordering::Relaxed);
                    async move {
                        if item == "stuck" && before == 0 {
                            std::future::pending::<()>().await;
                        }
                        tokio::time::sleep(Duration::from_millis(takes.unwrap_or(0))).await;
                        match item.as_str() {
                            "ghost" => Err(ToolError::new("there is no such thing").with_code(404)),
                            _ => Ok(item.len()),
                        }
                    }
                },
            )
            .tool(
                "item.order",
                "Orders it.",
                Effect::Write,
                move |Order { item, count }| {
                    let mut sent = sent.lock().unwrap();
                    sent.push(format!("{item} {count}"));
                    let number = sent.len();
                    async move { Ok(number) }
                },
            );
        Host::builder()
            .sandbox(Sandbox::builder().cache_dir(cache_dir()))
            .tools(tools)
            .context("assistant", policy, limits)
            .journal(self.journal())
            .build()
            .await
            .unwrap()
    }

    pub(crate) async fn run(&self, policy: &str, limits: &str, source: &str) -> Outcome {
        let host = self.host(policy, limits).await;
        run(&host, source).await
    }

    /// Runs what parks, and returns its name and its questions.
    async fn parked(&self, limits: &str, source: &str) -> (Id, Vec<Id>) {
        let outcome = self.run(GATED, limits, source).await;
        assert_eq!(outcome.status, Status::AwaitingApproval, "{outcome:#?}");
        (outcome.run.unwrap(), outcome.approvals)
    }

    pub(crate) fn answer(
        &self,
        approval: Id,
        name: &str,
        agrees: bool,
        limits: &str,
    ) -> Result<Answered, AnswerError> {
        let by = Answerer {
            in_band: false,
            name: name.to_owned(),
            claims: Vec::new(),
        };
        self.answer_by(approval, &by, agrees, limits)
    }

    pub(crate) fn answer_by(
        &self,
        approval: Id,
        by: &Answerer,
        agrees: bool,
        limits: &str,
    ) -> Result<Answered, AnswerError> {
        let journal = self.journal();
        let filter = ApprovalFilter {
            beginning: Some(approval.to_string()),
            all: true,
            ..ApprovalFilter::default()
        };
        let row = journal.approvals(&filter).unwrap().remove(0);
        let because = (!agrees).then_some("not before Monday");
        journal.answer(&row, &context_limits(limits), by, agrees, because)
    }

    fn agree(&self, approvals: &[Id]) {
        for approval in approvals {
            let answered = self.answer(*approval, "bob", true, ONE).unwrap();
            assert_eq!(answered, Answered::Approved);
        }
    }

    async fn resume(&self, run: Id, policy: &str) -> Result<Outcome, PastRunError> {
        let host = self.host(policy, ONE).await;
        let past = PastRun::read(&self.journal(), &run.to_string())?;
        resume(&host, past).await
    }

    fn states(&self) -> Vec<ApprovalState> {
        let all = ApprovalFilter {
            all: true,
            ..ApprovalFilter::default()
        };
        let rows = self.journal().approvals(&all).unwrap();
        rows.into_iter().map(|row| row.state).collect()
    }

    pub(crate) fn verify(&self) {
        assert_eq!(self.journal().verify().unwrap().problems, []);
    }
}

pub(crate) fn context_limits(text: &str) -> ContextLimits {
    let file = File {
        name: "assistant/limits.toml",
        text,
    };
    let context = ContextName::new("assistant").unwrap();
    ContextLimits::parse(file, &Schema::new(context, &[]).unwrap()).unwrap()
}

pub(crate) async fn run(host: &Host, source: &str) -> Outcome {
    let caller = host.context("assistant").unwrap().tightened(limits());
    caller.run(source).await.unwrap()
}

pub(crate) async fn resume(host: &Host, past: PastRun) -> Result<Outcome, PastRunError> {
    let caller = host.context("assistant").unwrap();
    past.resume(host.sandbox(), caller.context(), None, None)
        .await
}

pub(crate) async fn replay(journal: &Journal, run: Id, replay: Replay) -> (Status, Vec<String>) {
    let past = PastRun::read(journal, &run.to_string()).unwrap();
    let replayed = past.replay(&sandbox().await, replay).await.unwrap();
    let differences = replayed.differences.iter().map(ToString::to_string);
    (replayed.outcome.status, differences.collect())
}

const ORDERS: &str = "from services import shop
print('before', shop.item_price('bread'))
print('ordered', shop.item_order('bread', 2))
print('ordered', shop.item_order('milk', 1))
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_02_a_run_that_waits_goes_on_in_another_process_and_sends_what_was_agreed_to_once() {
    let shop = Shop::open();
    let (run, first) = shop.parked(ONE, ORDERS).await;
    assert_eq!((first.len(), shop.sent()), (1, vec![]));
    shop.agree(&first);
    let outcome = shop.resume(run, GATED).await.unwrap();
    assert_eq!(outcome.status, Status::AwaitingApproval, "{outcome:#?}");
    assert_eq!(shop.sent(), ["bread 2"]);
    shop.agree(&outcome.approvals);
    let outcome = shop.resume(run, GATED).await.unwrap();
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::Ok, "before 5\nordered 1\nordered 2\n")
    );
    assert_eq!(shop.sent(), ["bread 2", "milk 1"]);
    assert_eq!(shop.looked(), 1);
    assert_eq!(shop.states(), [ApprovalState::Spent; 2]);
    let error = shop.resume(run, GATED).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the run {run} is `ok`, and only one that waits or was interrupted can go on")
    );
    shop.verify();
    let again = replay(&shop.journal(), run, Replay::default()).await;
    assert_eq!(again, (Status::Ok, vec![]));
    assert_eq!(shop.sent().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_gather_and_of_a_pool_are_asked_for_together() {
    for source in [
        "import asyncio
from services.aio import shop as later
async def main():
    print(sorted(await asyncio.gather(*[later.item_order(f'item {n}', n) for n in range(1, 4)])))
asyncio.run(main())
",
        "from concurrent.futures import ThreadPoolExecutor
from services import shop
with ThreadPoolExecutor() as pool:
    print(sorted(pool.map(lambda n: shop.item_order(f'item {n}', n), range(1, 4))))
",
    ] {
        let shop = Shop::open();
        let (run, approvals) = shop.parked(ONE, source).await;
        assert_eq!((approvals.len(), shop.sent()), (3, vec![]));
        shop.agree(&approvals[..2]);
        let outcome = shop.resume(run, GATED).await.unwrap();
        assert_eq!(outcome.status, Status::AwaitingApproval);
        assert_eq!(outcome.approvals, approvals[2..]);
        assert_eq!(shop.sent().len(), 2);
        shop.agree(&approvals[2..]);
        let outcome = shop.resume(run, GATED).await.unwrap();
        assert_eq!(
            (outcome.status, outcome.stdout.text.as_str()),
            (Status::Ok, "[1, 2, 3]\n")
        );
        let mut sent = shop.sent();
        sent.sort();
        assert_eq!(sent, ["item 1 1", "item 2 2", "item 3 3"]);
        shop.verify();
        let again = replay(&shop.journal(), run, Replay::default()).await;
        assert_eq!(again, (Status::Ok, vec![]));
    }
}

const CATCHES: &str = "from services import shop, Refused
try:
    print('ordered', shop.item_order('bread', 2))
except Refused as refused:
    print(refused.code, refused.because)
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_05_a_no_reaches_the_script_with_its_reason_whatever_the_policies_say_by_then() {
    for policy in [GATED, FREE] {
        let shop = Shop::open();
        let (run, approvals) = shop.parked(ONE, CATCHES).await;
        let answered = shop.answer(approvals[0], "bob", false, ONE).unwrap();
        assert_eq!(answered, Answered::Rejected);
        let outcome = shop.resume(run, policy).await.unwrap();
        assert_eq!(
            (outcome.status, outcome.stdout.text.as_str()),
            (Status::Ok, "approval.declined not before Monday\n"),
            "{outcome:#?}"
        );
        assert_eq!(shop.sent(), Vec::<String>::new());
        assert_eq!(shop.states(), [ApprovalState::Rejected]);
        shop.verify();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_05_policies_that_became_stricter_refuse_what_was_agreed_to() {
    let shop = Shop::open();
    let (run, approvals) = shop.parked(ONE, CATCHES).await;
    shop.agree(&approvals);
    let outcome = shop.resume(run, READS).await.unwrap();
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::Ok, "policy.denied None\n")
    );
    assert_eq!(shop.sent(), Vec::<String>::new());
    assert_eq!(shop.states(), [ApprovalState::Withdrawn]);
    shop.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_01_what_was_agreed_to_for_one_caller_is_not_sent_for_another() {
    let shop = Shop::open();
    let (run, approvals) = shop.parked(ONE, CATCHES).await;
    shop.agree(&approvals);
    let host = shop.host(GATED, ONE).await;
    let other = host.principal("assistant", "another").unwrap();
    let caller = host.caller(other).unwrap();
    let past = PastRun::read(&shop.journal(), &run.to_string()).unwrap();
    let resumed = past.resume(host.sandbox(), caller.context(), None, None);
    assert_eq!(
        resumed.await.unwrap().stdout.text,
        "approval.changed None\n"
    );
    assert_eq!(shop.sent(), Vec::<String>::new());
    assert_eq!(shop.states(), [ApprovalState::Withdrawn]);
    shop.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_catches_everything_does_not_go_on_when_it_waits() {
    let shop = Shop::open();
    let source = "from services import shop
try:
    shop.item_order('bread', 2)
except BaseException:
    print('caught')
finally:
    print('cleaned up')
print('went on')
";
    let outcome = shop.run(GATED, ONE, source).await;
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::AwaitingApproval, "")
    );
    let refused = shop.run(READS, ONE, source).await;
    assert_eq!(
        (refused.status, refused.stdout.text.as_str()),
        (Status::Ok, "caught\ncleaned up\nwent on\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_02_a_question_is_answered_once_and_by_as_many_as_have_to() {
    let shop = Shop::open();
    let (_, approvals) = shop.parked(ONE, CATCHES).await;
    shop.agree(&approvals);
    let error = |answered: Result<Answered, AnswerError>| answered.unwrap_err().to_string();
    assert_eq!(
        error(shop.answer(approvals[0], "eve", true, ONE)),
        "the question is approved already"
    );
    let two = "hero_context = 1\napprovals = 2\n";
    let (run, approvals) = shop.parked(two, CATCHES).await;
    let row = PastRun::read(&shop.journal(), &run.to_string()).unwrap();
    let requester = row.row().actor.clone().unwrap();
    assert_eq!(
        error(shop.answer(approvals[0], &requester, true, two)),
        format!("`{requester}` asked for the call; somebody else has to answer")
    );
    let first = shop.answer(approvals[0], "bob", true, two).unwrap();
    assert_eq!(first, Answered::MoreNeeded(1));
    assert_eq!(
        error(shop.answer(approvals[0], "bob", true, two)),
        "`bob` has agreed already; somebody else has to as well"
    );
    let outcome = shop.resume(run, GATED).await.unwrap();
    assert_eq!(outcome.status, Status::AwaitingApproval);
    let second = shop.answer(approvals[0], "eve", true, two).unwrap();
    assert_eq!(second, Answered::Approved);
    let outcome = shop.resume(run, GATED).await.unwrap();
    assert_eq!(outcome.stdout.text, "ordered 1\n");
    shop.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_02_of_two_that_go_on_with_a_run_one_does() {
    let shop = Shop::open();
    let (run, approvals) = shop.parked(ONE, ORDERS).await;
    shop.agree(&approvals);
    // Read before another process went on with it and parked it again.
    let stale = PastRun::read(&shop.journal(), &run.to_string()).unwrap();
    let (one, other) = tokio::join!(shop.resume(run, GATED), shop.resume(run, GATED));
    let went_on = [&one, &other]
        .into_iter()
        .flatten()
        .filter(|outcome| outcome.status == Status::AwaitingApproval);
    assert!(went_on.count() >= 1, "{one:?} {other:?}");
    assert_eq!(shop.sent(), ["bread 2"]);
    let host = shop.host(GATED, ONE).await;
    let outcome = resume(&host, stale).await.unwrap();
    assert_eq!(outcome.status, Status::AwaitingApproval);
    assert_eq!(shop.sent(), ["bread 2"]);
    shop.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_was_interrupted_goes_on_as_a_plan() {
    let shop = Shop::open();
    {
        let host = shop.host(FREE, ONE).await;
        let caller = host.context("assistant").unwrap();
        let planned = caller.plan(
            "from services import shop\nshop.item_price('stuck')\nshop.item_order('bread', 2)",
        );
        tokio::select! {
            outcome = planned => panic!("{outcome:?}"),
            () = async { while shop.looked.load(Ordering::Relaxed) == 0 { tokio::task::yield_now().await; } } => {}
        }
    }
    let host = shop.host(FREE, ONE).await;
    let past = PastRun::read(&shop.journal(), "last").unwrap();
    let run = past.row().run;
    assert!(past.is_interrupted(), "{past:?}");
    let outcome = resume(&host, past).await.unwrap();
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    assert_eq!(shop.sent(), [] as [&str; 0]);
    let plan = PastRun::read(&shop.journal(), &run.to_string())
        .unwrap()
        .plan()
        .unwrap();
    assert_eq!(plan.calls.len(), 1);
    shop.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_be_made_again_is_refused_what_it_would_wait_for() {
    let shop = Shop::open();
    let work = tempfile::tempdir().unwrap();
    let host = shop.host(GATED, ONE).await;
    let caller = host.context("assistant").unwrap().tightened(limits());
    let mut script = Script::new(CATCHES);
    script.workspace = Some(Arc::new(Workspace::open(work.path()).unwrap()));
    let outcome = caller.run(script).await.unwrap();
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::Ok, "approval.needed A person looks first.\n")
    );
    let at_once = caller.at_once().run(CATCHES).await.unwrap();
    assert_eq!(at_once.stdout.text, outcome.stdout.text);
    assert_eq!(shop.states(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_script_of_the_specs_comes_out_again_as_it_did() {
    let place = tempfile::tempdir().unwrap();
    let journal = Journal::open(place.path()).unwrap();
    let context = Context::alone(limits()).kept_in(&journal);
    let mut wrong = Vec::new();
    for case in cases("language").into_iter().chain(cases("threads")) {
        let source = fs::read_to_string(case.join("script.py")).unwrap();
        let outcome = sandbox()
            .await
            .run(Script::new(source), &context)
            .await
            .unwrap();
        let (status, differences) = replay(&journal, outcome.run.unwrap(), Replay::default()).await;
        if (status, &differences) != (outcome.status, &vec![]) {
            wrong.push(format!("{}: {status:?} {differences:?}", case.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(journal.verify().unwrap().problems, []);
}

/// What programs are made of; `N` is another number in each.
const PIECES: &[&str] = &[
    "import time; print(time.time(), time.monotonic()); time.sleep(0.002); print(time.perf_counter())",
    "import random; print(random.random(), random.sample(range(99), 5))",
    "import uuid, os; print(uuid.uuid4(), os.urandom(4).hex())",
    "print({f'name {n}' for n in range(N + 3)}, {object() for _ in range(2)} and hash('N'))",
    "from datetime import datetime; print(datetime.now())",
    "open('file N.txt', 'w').write(str(__import__('random').random()))",
    "async def several():
    print([r for r in await asyncio.gather(*[later.item_price('x' * n, takes=9 - n) for n in range(1, 8)])])
asyncio.run(several())",
    "async def first():
    tasks = [asyncio.create_task(later.item_price('y' * n, takes=(n * N) % 7)) for n in range(1, 5)]
    for done in asyncio.as_completed(tasks): print(await done)
asyncio.run(first())",
    "with ThreadPoolExecutor() as pool:
    for done in as_completed([pool.submit(shop.item_price, 'z' * n, takes=(n * 3 + N) % 5) for n in range(1, 5)]): print(done.result())",
    "async def late():
    try: print(await asyncio.wait_for(later.item_price('late', takes=N), 0.004))
    except asyncio.TimeoutError: print('too late')
asyncio.run(late())",
    "try: shop.item_price('ghost')
except Exception as error: print(type(error).__name__, error)",
    "try: shop.item_price(7)
except Exception as error: print(type(error).__name__, error)",
    "try: shop.item_price('w' * 5000)
except Exception as error: print(type(error).__name__, error)",
    "try: shop.item_order('bread', N)
except Exception as error: print(type(error).__name__, error)",
    "try: from services import nothing
except Exception as error: print(type(error).__name__, error)",
    "try: raise ValueError(random.random())
except ValueError as error: print(repr(error))",
    "print(len('v' * shop.item_price('u' * N)))",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_06_programs_of_all_that_is_not_determined_come_out_again_as_they_did() {
    let times = std::env::var("SANDGATE_PROGRAMS").map_or(60, |times| times.parse().unwrap());
    let shop = Shop::open();
    let short = "hero_context = 1\ncall_bytes = \"4KiB\"\n";
    let host = shop.host(READS, short).await;
    // Whoever reads what this process writes has all of it.
    let journal = host
        .context("assistant")
        .unwrap()
        .journal()
        .unwrap()
        .clone();
    let mut runner = TestRunner::default();
    let mut wrong = Vec::new();
    for _ in 0..times {
        let mut source = "import asyncio, random
from concurrent.futures import ThreadPoolExecutor, as_completed
from services import shop
from services.aio import shop as later
"
        .to_owned();
        for _ in 0..6 {
            let piece = runner.rng().next_u64();
            let at = usize::try_from(piece % u64::try_from(PIECES.len()).unwrap()).unwrap();
            let number = (piece >> 32) % 9 + 1;
            source.push_str(&PIECES[at].replace('N', &number.to_string()));
            source.push('\n');
        }
        if runner.rng().next_u64() % 4 == 0 {
            source.push_str("raise KeyError(random.random())\n");
        } else {
            source.push_str("[random.random(), 1]\n");
        }
        let outcome = run(&host, &source).await;
        let looked = shop.looked();
        let again = replay(&journal, outcome.run.unwrap(), Replay::default()).await;
        assert_eq!(shop.looked(), looked);
        if again != (outcome.status, vec![]) {
            wrong.push(format!("{again:?}\n{source}\n{}", outcome.stdout.text));
        }
    }
    assert!(wrong.is_empty(), "{} of {times}\n{}", wrong.len(), wrong[0]);
    assert_eq!(shop.sent(), Vec::<String>::new());
    shop.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_06_another_script_diverges_where_it_asks_for_something_else_or_for_less() {
    let shop = Shop::open();
    let prices = "from services import shop
for item in ['bread', 'milk']:
    print(shop.item_price(item))
open('prices.txt', 'w').write('5 4')
";
    let run = shop.run(READS, ONE, prices).await.run.unwrap();
    let journal = shop.journal();
    let with = |script: String| Replay {
        script: Some(script),
        ..Replay::default()
    };
    let same = replay(&journal, run, with(prices.to_owned())).await;
    assert_eq!(same, (Status::Ok, vec![]));
    let other = replay(&journal, run, with(prices.replace("milk", "eggs"))).await;
    assert_eq!(
        other,
        (
            Status::Diverged,
            vec![
                "call 3 is shop.item.price({\"item\":\"eggs\"}), and was shop.item.price({\"item\":\"milk\"})"
                    .to_owned()
            ]
        )
    );
    let more = replay(
        &journal,
        run,
        with(prices.replace("'milk'", "'milk', 'eggs'")),
    )
    .await;
    assert_eq!(
        more,
        (
            Status::Diverged,
            vec!["call 4 is shop.item.price({\"item\":\"eggs\"}), and was not made".to_owned()]
        )
    );
    let less = replay(&journal, run, with(prices.replace(", 'milk'", ""))).await;
    assert_eq!(
        less,
        (
            Status::Diverged,
            vec!["call 3 is not made, and was shop.item.price({\"item\":\"milk\"})".to_owned()]
        )
    );
    let file = replay(&journal, run, with(prices.replace("5 4", "9 9"))).await;
    assert_eq!(
        file,
        (
            Status::Ok,
            vec![
                "the file `prices.txt` is another, or there is one of the two times only"
                    .to_owned()
            ]
        )
    );
    let until = Replay {
        until: Some(2),
        ..Replay::default()
    };
    let past = PastRun::read(&journal, &run.to_string()).unwrap();
    let replayed = past.replay(&sandbox().await, until).await.unwrap();
    assert_eq!(
        (
            replayed.outcome.status,
            replayed.outcome.stdout.text.as_str()
        ),
        (Status::Cancelled, "5\n")
    );
    assert_eq!(replayed.differences, []);
    assert_eq!(shop.looked(), 2);
}
