//! A process that stays: it does what lines of JSON on its standard input say, and answers each with a line of what that took.
//! `benches/compare` and `benches/growth` start it beside the processes of rivals, so that all of them are measured in turns.
//! `warm serve SOCKET` is the service that scripts call in them. It must not measure itself: reading and answering lines is
//! outside of every measurement.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that cannot run has nothing to measure"
)]

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use sandgate::{
    Caller, Context, Host, Journal, Limits, Sandbox, Script, Status, policy::Effect, service::Tools,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    fs,
    io::{BufRead, stdin},
    num::NonZeroU32,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{net::UnixListener, runtime::Runtime, sync::watch, task::JoinSet};

/// What a context may have that is measured: nothing is to end for want of time.
const LIMITS: &str = "hero_context = 1\ncalls = 1000000\ntimeout = \"10m\"\ncpu = \"10m\"\nmemory = \"1GiB\"\nsource = \"16MiB\"\n";
/// Policies of which each call is decided by the first alone; as many more as are wanted name single methods.
const READS: &str = "@id(\"reads\") @because(\"It may look.\")\npermit (principal, action in Action::\"read\", resource);\n";

/// A line of the standard input.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Open(Opening),
    Run(Runs),
    Wait { runs: usize },
    Kill { rounds: usize, deadline_ms: u64 },
    Memory {},
}

/// What a host is to have.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Opening {
    cache: Option<PathBuf>,
    /// Services of this process, methods of each, and policies that name one of them.
    services: usize,
    methods: usize,
    policies: usize,
    instances: NonZeroU32,
    /// Registrations and contexts as `sandgate service add` and a policy author made them, in the place of those of this process.
    registrations: Option<PathBuf>,
    contexts: Option<PathBuf>,
    /// Where what is done is written down.
    journal: Option<PathBuf>,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            cache: None,
            services: 1,
            methods: 1,
            policies: 0,
            instances: NonZeroU32::new(256).unwrap(),
            registrations: None,
            contexts: None,
            journal: None,
        }
    }
}

/// A script, how often, and how many of them at once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Runs {
    code: String,
    #[serde(default = "one")]
    times: usize,
    #[serde(default = "one")]
    at_once: usize,
}

fn one() -> usize {
    1
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Number {
    n: u64,
}

/// A host, and the gate at which scripts wait that call `gate.wait`.
struct Warm {
    host: Host,
    caller: Caller,
    waiting: Arc<AtomicUsize>,
    gate: Arc<watch::Sender<bool>>,
}

impl Warm {
    async fn open(opening: Opening) -> Self {
        let waiting = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(watch::Sender::new(false));
        let mut sandbox = Sandbox::builder().instances(opening.instances);
        if let Some(cache) = opening.cache {
            sandbox = sandbox.cache_dir(cache);
        }
        let mut builder = Host::builder().sandbox(sandbox);
        if let Some(journal) = &opening.journal {
            builder = builder.journal(Journal::open(journal).unwrap());
        }
        if let (Some(registrations), Some(contexts)) = (opening.registrations, opening.contexts) {
            builder = builder.registrations(registrations).policies(contexts);
        } else {
            for number in 0..opening.services {
                builder = builder.tools(numbers(number, opening.methods));
            }
            let (counter, opens) = (waiting.clone(), gate.clone());
            let wait = move |Number { n }: Number| {
                let (counter, mut opened) = (counter.clone(), opens.subscribe());
                async move {
                    counter.fetch_add(1, Ordering::SeqCst);
                    opened.wait_for(|open| *open).await.unwrap();
                    Ok(n)
                }
            };
            let held = Tools::new("held", "Holds whoever calls it.");
            builder = builder.tools(held.tool("gate.wait", "Waits.", Effect::Read, wait));
            let singles = (0..opening.policies).map(|number| {
                let method = number % opening.methods.max(1);
                format!("@because(\"One.\") permit (principal, action == Action::\"s0.thing{method}.get\", resource) when {{ context.n == {number} }};\n")
            });
            let policies: String = std::iter::once(READS.to_owned()).chain(singles).collect();
            builder = builder.context("bench", &policies, LIMITS);
        }
        let host = builder.build().await.unwrap();
        Self {
            caller: host.context("bench").unwrap(),
            host,
            waiting,
            gate,
        }
    }

    /// Runs a script, as often as is wanted; each with the time it took.
    async fn run(&self, runs: Runs) -> Value {
        let code: Arc<str> = runs.code.into();
        let mut callers = JoinSet::new();
        let (start, processor) = (Instant::now(), processor_time());
        for number in 0..runs.at_once {
            let (caller, code) = (self.caller.clone(), code.clone());
            let times = runs.times / runs.at_once + usize::from(number < runs.times % runs.at_once);
            callers.spawn(async move {
                let mut each = Vec::with_capacity(times);
                let mut last = (String::new(), 0);
                for _ in 0..times {
                    let start = Instant::now();
                    let outcome = caller.run(&*code).await.unwrap();
                    each.push(nanoseconds(start.elapsed()));
                    assert_eq!(
                        outcome.status,
                        Status::Ok,
                        "{:?} {:?}",
                        outcome.reason,
                        outcome.exception
                    );
                    last = (outcome.stdout.text, outcome.usage.peak_memory);
                }
                (each, last)
            });
        }
        let done = callers.join_all().await;
        let (wall, processor) = (start.elapsed(), processor_time() - processor);
        // What is still being written down belongs to these runs, but nobody waited for it.
        let written = self.host.journal().map(|journal| journal.last().unwrap());
        let each: Vec<u64> = done
            .iter()
            .flat_map(|(each, _)| each.iter().copied())
            .collect();
        let (output, peak) = done
            .into_iter()
            .next_back()
            .map(|(_, last)| last)
            .unwrap_or_default();
        json!({"each_ns": each, "wall_ns": nanoseconds(wall), "processor_ns": nanoseconds(processor), "output": output, "peak_memory": peak, "lines": written})
    }

    /// What this process holds while so many runs wait in a call, and while none does.
    async fn wait(&self, runs: usize) -> Value {
        let before = proportional();
        self.waiting.store(0, Ordering::SeqCst);
        self.gate.send_replace(false);
        let (start, processor) = (Instant::now(), processor_time());
        let mut held = JoinSet::new();
        for n in 0..runs {
            let caller = self.caller.clone();
            held.spawn(async move {
                caller
                    .run(format!("from services import held\nheld.gate_wait(n={n})"))
                    .await
            });
        }
        while self.waiting.load(Ordering::SeqCst) < runs {
            if let Some(ended) = held.try_join_next() {
                return json!({"problem": format!("{ended:?}")});
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (there, processor) = (start.elapsed(), processor_time() - processor);
        let waiting = proportional();
        let open = Instant::now();
        self.gate.send_replace(true);
        for outcome in held.join_all().await {
            assert_eq!(outcome.unwrap().status, Status::Ok);
        }
        json!({"before": before, "waiting": waiting, "wall_ns": nanoseconds(there), "processor_ns": nanoseconds(processor), "ending_ns": nanoseconds(open.elapsed())})
    }

    /// How long after its deadline a script has ended that never ends, while two others keep both threads busy.
    async fn kill(&self, rounds: usize, deadline: Duration) -> Value {
        let sandbox = self.host.sandbox();
        let within = |wall| {
            Context::alone(Limits {
                wall,
                cpu: Duration::MAX,
                ..Limits::default()
            })
        };
        let mut hogs = JoinSet::new();
        for _ in 0..2 {
            let (sandbox, context) = (sandbox.clone(), within(Duration::MAX));
            hogs.spawn(async move { sandbox.run(Script::new("while True: pass"), &context).await });
        }
        let mut late = Vec::new();
        for _ in 0..rounds {
            let (sandbox, context) = (sandbox.clone(), within(deadline));
            let one = tokio::spawn(async move {
                let start = Instant::now();
                let outcome = sandbox
                    .run(Script::new("while True: pass"), &context)
                    .await
                    .unwrap();
                assert_eq!(outcome.status, Status::Timeout);
                start.elapsed()
            });
            late.push(nanoseconds(one.await.unwrap().saturating_sub(deadline)));
        }
        hogs.abort_all();
        while hogs.join_next().await.is_some() {}
        json!({"late_ns": late})
    }
}

/// A service of this process whose every method gives the next number.
fn numbers(number: usize, methods: usize) -> Tools {
    let mut tools = Tools::new(&format!("s{number}"), "Numbers.");
    for method in 0..methods {
        let next = async |Number { n }| Ok(n + 1);
        tools = tools.tool(
            &format!("thing{method}.get"),
            "The next number.",
            Effect::Read,
            next,
        );
    }
    tools
}

/// Of all threads, so that taking an instance down is counted as well.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap()
}

/// Bytes that this process takes of the machine's memory, what is shared with others in parts.
fn proportional() -> u64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The service: what it is given plus one, at once or after some milliseconds.
async fn serve(socket: PathBuf) {
    let listener = UnixListener::bind(&socket).unwrap();
    println!("{}", json!({"listening": socket}));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(async |request: Request<Incoming>| {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let asked: Value = serde_json::from_slice(&body).unwrap();
            let params = asked.get("params");
            let parameter = |name| {
                params
                    .and_then(|params: &Value| params.get(name))
                    .and_then(Value::as_u64)
                    .unwrap_or_default()
            };
            let result = match asked.get("method").and_then(Value::as_str) {
                Some("number.next") => json!(parameter("n") + 1),
                Some("nap.take") => {
                    tokio::time::sleep(Duration::from_millis(parameter("ms"))).await;
                    json!(0)
                }
                _ => document(),
            };
            let answer = json!({"jsonrpc": "2.0", "id": asked.get("id"), "result": result});
            Ok::<_, Infallible>(
                Response::builder()
                    .header("content-type", "application/json")
                    .body(Full::new(Bytes::from(answer.to_string())))
                    .unwrap(),
            )
        });
        tokio::spawn(async move {
            // Whoever breaks off a connection knows that.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn document() -> Value {
    let methods = [("number.next", "n"), ("nap.take", "ms")].map(|(name, parameter)| {
        json!({
            "name": name,
            "params": [{"name": parameter, "required": true, "schema": {"type": "integer"}}],
            "result": {"name": "number", "schema": {"type": "integer"}},
        })
    });
    json!({"openrpc": "1.3.2", "info": {"title": "Numbers", "version": "1"}, "methods": methods})
}

fn main() {
    let executor = Runtime::new().unwrap();
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    if arguments.next().as_deref() == Some("serve") {
        return executor.block_on(serve(arguments.next().unwrap().into()));
    }
    let mut warm = None;
    for line in stdin().lock().lines() {
        let order = serde_json::from_str(&line.unwrap()).unwrap();
        let (start, processor) = (Instant::now(), processor_time());
        let answer = executor.block_on(async {
            match (order, &warm) {
                (Order::Open(opening), _) => {
                    // The one before is gone first: what is measured is one host.
                    warm = None;
                    warm = Some(Warm::open(opening).await);
                    let processor = processor_time() - processor;
                    json!({"wall_ns": nanoseconds(start.elapsed()), "processor_ns": nanoseconds(processor)})
                }
                (Order::Memory {}, _) => json!({"pss": proportional()}),
                (Order::Run(runs), Some(warm)) => warm.run(runs).await,
                (Order::Wait { runs }, Some(warm)) => warm.wait(runs).await,
                (Order::Kill { rounds, deadline_ms }, Some(warm)) => {
                    warm.kill(rounds, Duration::from_millis(deadline_ms)).await
                }
                (_, None) => json!({"problem": "nothing is open"}),
            }
        });
        println!("{answer}");
    }
}
