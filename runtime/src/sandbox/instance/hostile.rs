//! Guests that are nobody's friends. A module of our own has the imports of the interpreter and calls them with whatever
//! numbers, addresses and lengths, in whatever order: what then holds, holds for a script that has taken the interpreter over.
//!
//! 10 000 cases run with the tests; `SANDGATE_HOSTILE_CASES` says how many, and `SANDGATE_HOSTILE_FROM` which is the first.

mod bound;
// As the interpreter is made to give way, these guests are.
#[path = "../../../../guest/snapshot/src/countdown.rs"]
mod countdown;
mod ground;
mod guest;
mod program;
mod sentinel;

use super::{End, finish, name_ending, tests};
use crate::{
    budget::Budget,
    context::Context,
    hostcall::{People, Road, RoadParts},
    journal::record::Record,
    limits::{Files, Limits},
    outcome::Status,
    output::Output,
    processor::Processor,
    recorder::Recorder,
    sandbox::{
        engine,
        meter::{Meter, Stopped},
        state::{MemoryLimiter, State, Stdin},
        wasi,
    },
    script::Script,
    workspace::Workspace,
};
use ground::{Ground, INSTANCES, executor, panics, shared, shared_of};
use guest::{Answers, GROW, IMPORTS, Way, stubborn};
use program::{Argument, Step, program, source};
use sandgate_wire::Ending;
use sentinel::Sentinel;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::Poll,
    time::Duration,
};
use tokio::runtime::Runtime;
use wasmtime::{Store, TypedFunc};

/// How many cases.
fn cases() -> u64 {
    number("SANDGATE_HOSTILE_CASES").unwrap_or(10_000)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs at once: those that sleep cost nothing.
const AT_ONCE: u64 = 12;

/// So little that every limit is met.
fn limits() -> Limits {
    Limits {
        wall: Duration::from_millis(100),
        cpu: Duration::from_millis(100),
        memory: 3 << 20,
        output: 16 << 10,
        workspace_bytes: 4 << 20,
        workspace_files: 40,
        calls: 12,
        ..Limits::default()
    }
}

/// Does something with each case, several at once, and gives the texts that came of it, with how often each did.
fn with_each_case<F: Future<Output = Result<String, String>> + Send + 'static>(
    executor: &Runtime,
    ground: &Arc<Ground>,
    many: u64,
    run: fn(Arc<Ground>, Arc<Workspace>, u64) -> F,
) -> BTreeMap<String, u64> {
    let first = number("SANDGATE_HOSTILE_FROM").unwrap_or(0);
    let next = Arc::new(AtomicU64::new(first));
    let under_way = Arc::new(Mutex::new(BTreeSet::new()));
    let (done, watched) = mpsc::channel();
    let found = Arc::new(Mutex::new(BTreeMap::new()));
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (ground, next, done) = (Arc::clone(ground), Arc::clone(&next), done.clone());
            let (under_way, found) = (Arc::clone(&under_way), Arc::clone(&found));
            executor.spawn(async move {
                let mut place = ground.place();
                for turn in 1.. {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + many {
                        return;
                    }
                    under_way.lock().unwrap().insert(number);
                    let ending = run(Arc::clone(&ground), Arc::clone(&place), number).await;
                    under_way.lock().unwrap().remove(&number);
                    let ending = ending.unwrap_or_else(|broken| panic!("case {number}: {broken}"));
                    *found.lock().unwrap().entry(ending).or_insert(0) += 1;
                    done.send(()).unwrap();
                    // What earlier cases left makes for richer ones, until there is too much of it.
                    if turn % 100 == 0 {
                        place = ground.place();
                    }
                }
            })
        })
        .collect();
    drop(done);
    // A case that holds its thread for ever would be a test that does not end, and says nothing.
    let watch = std::thread::spawn({
        let under_way = Arc::clone(&under_way);
        move || {
            loop {
                match watched.recv_timeout(Duration::from_secs(300)) {
                    Ok(()) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        eprintln!("these do not end: {:?}", under_way.lock().unwrap());
                        std::process::abort();
                    }
                }
            }
        }
    });
    executor.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    watch.join().unwrap();
    Arc::into_inner(found).unwrap().into_inner().unwrap()
}

type Call = TypedFunc<(i32, i64, i64, i64, i64, i64, i64, i64, i64, i64), i64>;

/// Does what the program says, and looks at all of the memory around each call. Gives how the guest ended, or what does
/// not hold.
async fn perform(
    ground: &Ground,
    store: &mut Store<State>,
    program: &[Step],
    sentinel: &mut Sentinel,
) -> Result<wasmtime::Result<()>, String> {
    let instance = ground
        .hostile
        .guest
        .pre
        .instantiate_async(&mut *store)
        .await;
    let instance = instance.map_err(|error| error.to_string())?;
    let found = instance.get_memory(&mut *store, "memory").unwrap();
    let call: Call = instance.get_typed_func(&mut *store, "call").unwrap();
    let mut last = 0;
    for step in program {
        let (import, arguments) = match step {
            Step::Put(at, bytes) => {
                // What does not fit in is not put there.
                let _ = found.write(&mut *store, *at as usize, bytes);
                continue;
            }
            Step::Call(import, arguments) => (*import, arguments),
        };
        let arguments = arguments.map(|argument| match argument {
            Argument::Number(number) => number,
            Argument::Last => last,
            Argument::Word(at) => {
                let mut word = [0; 4];
                let _ = found.read(&*store, at as usize, &mut word);
                u32::from_le_bytes(word).into()
            }
        });
        let name = IMPORTS.get(import).map_or("grow", |import| import.1);
        sentinel.calls.push_str(&format!(" {name}{arguments:x?}"));
        let [a, b, c, d, e, f, g, h, i] = arguments;
        let parameters = (i32::try_from(import).unwrap(), a, b, c, d, e, f, g, h, i);
        if import == GROW {
            sentinel.memory = None;
            last = match call.call_async(&mut *store, parameters).await {
                Ok(result) => result,
                Err(error) => return Ok(Err(error)),
            };
            continue;
        }
        sentinel.watch(import, &arguments, found.data(&*store));
        sentinel.memory = Some(found);
        let result = call.call_async(&mut *store, parameters).await;
        match result {
            Ok(result) => {
                sentinel.check(found.data(&*store), true)?;
                sentinel.memory = None;
                last = result;
            }
            Err(error) => return Ok(Err(error)),
        }
        if matches!(name, "collect" | "call") {
            sentinel.reply = u32::try_from(last).unwrap();
        }
    }
    Ok(Ok(()))
}

/// A guest that is asked for its turn so often and never ends would keep its run from its limits.
struct Counted<F>(Pin<Box<F>>, u32);

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        self.1 += 1;
        assert!(self.1 < 100_000, "a guest is polled for ever");
        self.0.as_mut().poll(cx)
    }
}

/// One program, call by call.
async fn call_by_call(
    ground: Arc<Ground>,
    place: Arc<Workspace>,
    number: u64,
) -> Result<String, String> {
    let program = program(number);
    let granted = ground.granted(number, &place);
    let (limits, budget) = (limits(), Budget::default());
    let (people, processor) = (People::default(), Processor::default());
    let mut meter = Meter::start(
        limits.wall,
        limits.cpu,
        processor.clone(),
        people.pause.clone(),
    );
    let workspace = granted.place;
    let files = match granted.workspace {
        Files::None => None,
        Files::Scratch => {
            let opened = wasi::open(workspace.clone(), &limits, &budget).await;
            Some(opened.unwrap())
        }
    };
    let state = State {
        road: Road::new(RoadParts {
            reach: granted.reach,
            people,
            processor,
            budget: budget.clone(),
            limit: limits.calls,
            ..RoadParts::default()
        }),
        output: Output::new(limits.output, None),
        stdin: Stdin::new(
            b"what comes in".to_vec(),
            VecDeque::new(),
            None,
            Record::default(),
        ),
        recorder: Recorder::live(granted.clock, Some(number), &budget).unwrap(),
        files,
        memory: MemoryLimiter::new(&limits),
        ..tests::state(&ground.hostile)
    };
    let mut store = Store::new(&ground.hostile.engine, state);
    store.limiter(|state| &mut state.memory);
    let mut sentinel = Sentinel::default();
    let ticker = &ground.hostile.ticker;
    let driven = {
        let _running = ticker.running();
        let inline = store.data().road.inline();
        let guest = inline.drive(perform(&ground, &mut store, &program, &mut sentinel));
        meter.drive(Counted(Box::pin(guest), 0), ticker, None).await
    };
    let end = match driven {
        Ok(Ok(Ok(()))) => End::Reported(Ending::Ok { value: None }),
        Ok(Ok(Err(error))) => End::Failed(error),
        Ok(Err(broken)) => return Err(broken),
        Err(Stopped::Panicked) => return Err(format!("a panic:{}", sentinel.calls)),
        Err(stopped) => End::Stopped(stopped),
    };
    // The call that it ended in had been given no more than one that returns.
    if let Some(memory) = sentinel.memory {
        sentinel.check(memory.data(&store), false)?;
    }
    let state = store.into_data();
    let named = name_ending(end, &state, &limits, &meter).map_err(|error| error.to_string())?;
    let outcome = finish(named, state, &meter, workspace).await;
    Ok(ending(outcome.status, outcome.reason))
}

/// The same program as a whole run, as a script's: the guest reads it from its memory and leaves an ending.
async fn whole_run(
    ground: Arc<Ground>,
    place: Arc<Workspace>,
    number: u64,
) -> Result<String, String> {
    let granted = ground.granted(number, &place);
    let limits = Limits {
        memory: Limits::LEAST_MEMORY,
        workspace: granted.workspace,
        ..limits()
    };
    let context = match granted.reach {
        Some(reach) => Context::of(reach).tightened(limits),
        None => Context::alone(limits),
    };
    let script = Script {
        clock: granted.clock,
        workspace: granted
            .place
            .filter(|_| granted.workspace == Files::Scratch),
        stdin: b"what comes in".to_vec(),
        ..Script::new(source(&program(number)))
    };
    let outcome = ground.hostile.run(script, &context).await;
    let outcome = outcome.map_err(|error| error.to_string())?;
    Ok(ending(outcome.status, outcome.reason))
}

/// How a run ended, without what differs from run to run.
fn ending(status: Status, reason: Option<String>) -> String {
    let mut words = reason.unwrap_or_default();
    if status == Status::Timeout {
        words.clear();
    }
    let mut plain = String::new();
    for c in words.chars() {
        match c {
            '0'..='9' if plain.ends_with('#') => {}
            '0'..='9' => plain.push('#'),
            c => plain.push(c),
        }
    }
    format!("{status:?} {plain}").trim_end().to_owned()
}

/// How a hostile guest ends, or how what is said of it begins. None of them is a failure of ours.
const ENDINGS: &[&str] = &[
    "Ok",
    "Exited",
    "Timeout",
    "Output",
    "Memory",
    "Stack the script recursed deeper than the interpreter's stack",
    // What the host says of a call whose numbers make no sense.
    "Crashed the interpreter failed: the guest ",
    "Crashed the interpreter failed: there is no reply to fetch",
    "Crashed the interpreter failed: In func wasi_snapshot_preview#::",
    "Crashed the interpreter failed: Pointer ",
    "Crashed the interpreter failed: out of bounds memory access",
    "Crashed the interpreter failed: wasm trap: ",
];

/// What is said of an ending that is not one, by whoever tried to read it.
const NO_ENDING: &str = " at line # column #";

/// Each is one that there may be, and says nothing of the host: no path is in it.
fn every_ending_is_known(found: &BTreeMap<String, u64>) {
    println!("{found:#?}");
    let known = |ending: &String| {
        let begins = ENDINGS.iter().any(|known| ending.starts_with(known));
        (begins || ending.ends_with(NO_ENDING)) && !ending.contains('/')
    };
    let unknown = found.keys().filter(|ending| !known(ending));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new());
}

fn run_all<F: Future<Output = Result<String, String>> + Send + 'static>(
    many: u64,
    run: fn(Arc<Ground>, Arc<Workspace>, u64) -> F,
) {
    let (before, executor) = (panics(), executor());
    let ground = Arc::new(executor.block_on(Ground::new()));
    let outside = ground.outside();
    assert!(outside.contains_key("outside/secret"));
    let fresh = |ground: &Ground| {
        let memory = tests::fresh_memory(&ground.interpreter, <[u8]>::to_vec);
        executor.block_on(memory)
    };
    let snapshot = fresh(&ground);
    let found = with_each_case(&executor, &ground, many, run);
    every_ending_is_known(&found);
    assert_eq!(panics(), before, "something of ours panicked");
    assert!(ground.outside() == outside, "something outside changed");
    assert!(fresh(&ground) == snapshot, "a run starts with other memory");
    executor.block_on(ground.still_works());
}

#[test]
fn esc_02_whatever_a_guest_calls_only_the_bytes_that_it_gave_change() {
    run_all(cases(), call_by_call);
}

#[test]
fn esc_03_whatever_a_guest_does_its_run_ends_and_the_next_is_as_it_was() {
    run_all(cases() / 2, whole_run);
}

/// What a guest counts is not in its memory, so overwriting all of that keeps no guest from giving way.
#[test]
fn dos_01_a_guest_that_overwrites_its_memory_and_goes_on_for_ever_ends_at_its_limit() {
    let engine = engine::pooled(INSTANCES).unwrap();
    for way in [Way::Loop, Way::Call, Way::Table] {
        let guest = shared_of(&engine, &stubborn(way));
        let limits = Limits {
            wall: Duration::from_millis(30),
            ..Limits::default()
        };
        let context = Context::alone(limits);
        let run = guest.run(Script::new(""), &context);
        let outcome = executor().block_on(run).unwrap();
        assert_eq!(outcome.status, Status::Timeout, "{way:?}");
    }
}

/// The two functions that the host calls answer with numbers of their own.
#[test]
fn esc_02_a_guest_that_lies_about_its_buffers_ends_its_own_run() {
    let (before, executor) = (panics(), executor());
    let ground = executor.block_on(Ground::new());
    let end = i64::try_from(guest::PAGES << 16).unwrap();
    let edges = [
        0,
        1,
        end - 1,
        end,
        end + 1,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fff0,
        0xffff_ffff,
    ];
    let mut found = BTreeMap::new();
    for first in edges {
        for second in edges.into_iter().chain([8 << 20, (8 << 20) + 1]) {
            let answers = Answers {
                buffer: i32::try_from(first - (first >> 31 << 32)).unwrap(),
                ending: Some(second << 32 | first),
            };
            let hostile = shared(&ground.hostile.engine, answers);
            let context = Context::default();
            let run = hostile.run(Script::new("x"), &context);
            let outcome = executor.block_on(run).unwrap();
            *found
                .entry(ending(outcome.status, outcome.reason))
                .or_insert(0) += 1;
        }
    }
    every_ending_is_known(&found);
    assert_eq!(panics(), before);
    executor.block_on(ground.still_works());
}
