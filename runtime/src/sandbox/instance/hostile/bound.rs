//! What the imports make the host hold, when a guest does nothing but call one of them. Each is called by a process of its
//! own, so that what is measured is its own memory. `SANDGATE_BOUND_SECONDS` says for how long each is called, instead of how often.

use super::{
    ground::{INSTANCES, executor, reach, shared},
    guest::{ARGUMENTS, Answers, GROW, IMPORTS, import},
    number,
};
use crate::{
    budget::Budget,
    hostcall::{Road, RoadParts},
    limits::Limits,
    output::Output,
    recorder::{Clock, Recorder},
    sandbox::{
        engine,
        state::{MemoryLimiter, State},
        wasi,
    },
    service::{Address, Client, ClientLimits, Service, Terms},
    workspace::Workspace,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::UnixListener, task::JoinHandle};
use wasmtime::{Store, TypedFunc};

/// Says to a process of these tests which loop is its.
const LOOP: &str = "SANDGATE_BOUND_LOOP";

/// What a loop may make the host hold: some buffers, what the allocator does not give back, noise.
const LITTLE: u64 = 8 << 20;
/// Where replies are kept that nobody takes, which are 64 MiB at most, or their requests.
const REPLIES: u64 = 112 << 20;
/// Where files in memory are filled, which are 48 MiB at most.
const FILES: u64 = 56 << 20;
/// How the loops end whose files are in memory.
const IN_MEMORY: &str = ", in memory";

/// An import and what it is called with, how often, and how much the host may hold in the end.
struct Loop {
    name: &'static str,
    import: &'static str,
    arguments: &'static [i64],
    times: u64,
    most: u64,
}

const fn a(name: &'static str, arguments: &'static [i64], times: u64) -> Loop {
    Loop {
        name,
        import: name,
        arguments,
        times,
        most: LITTLE,
    }
}

const fn in_memory(
    name: &'static str,
    import: &'static str,
    arguments: &'static [i64],
    times: u64,
) -> Loop {
    Loop {
        name,
        import,
        arguments,
        times,
        most: LITTLE,
    }
}

/// Where `prepare` puts things.
const ECHO: i64 = 0x2000;
const CALLED: i64 = 0x20_0000;
const PATH: i64 = 0x1000;
const OTHER: i64 = 0x1010;
const BUFFER: i64 = 0x1100;
const SUBSCRIPTION: i64 = 0x1200;
const OUT: i64 = 0x1800;
const ROOM: i64 = 0x8000;

/// As long as a request may be.
const LONG: i64 = 1 << 20;

/// Calls that take nanoseconds, calls that wait for another thread, and calls that take memory.
const FAST: u64 = 1_000_000;
const SLOW: u64 = 20_000;
const LARGE: u64 = 150;

const LOOPS: &[Loop] = &[
    Loop {
        name: "begin, refused",
        import: "begin",
        arguments: &[0, 10],
        times: 90_000,
        most: REPLIES,
    },
    Loop {
        name: "begin, answered at once",
        import: "begin",
        arguments: &[ECHO, LONG],
        times: LARGE,
        most: REPLIES,
    },
    Loop {
        name: "begin, under way",
        import: "begin",
        arguments: &[CALLED, LONG],
        times: LARGE,
        most: REPLIES,
    },
    a("call", &[0, 10], FAST),
    Loop {
        name: "call, answered",
        import: "call",
        arguments: &[ECHO, LONG],
        times: LARGE,
        most: REPLIES,
    },
    a("collect", &[1], 1),
    // There is no session, so it has no next script.
    a("next", &[0, 0], 1),
    a("open_files", &[], FAST),
    a("pause", &[], FAST),
    a("reply", &[OUT], 1),
    // Four bytes each would be 16 MB.
    a("wait", &[0], 4 * FAST),
    a("args_get", &[OUT, OUT], FAST),
    a("args_sizes_get", &[OUT, OUT], FAST),
    a("clock_res_get", &[0, OUT], FAST),
    a("clock_time_get", &[0, 1, OUT], FAST),
    a("environ_get", &[OUT, OUT], FAST),
    a("environ_sizes_get", &[OUT, OUT], FAST),
    a("fd_close", &[9], FAST),
    a("fd_fdstat_get", &[3, OUT], FAST),
    a("fd_fdstat_set_flags", &[4, 1], FAST),
    a("fd_filestat_get", &[4, OUT], SLOW),
    a("fd_filestat_set_size", &[4, 100_000], SLOW),
    a("fd_prestat_dir_name", &[3, OUT, 5], FAST),
    a("fd_prestat_get", &[3, OUT], FAST),
    a("fd_read", &[4, BUFFER, 1, OUT], SLOW),
    a("fd_readdir", &[3, ROOM, 4096, 0, OUT], SLOW),
    a("fd_seek", &[4, 0, 0, OUT], SLOW),
    a("fd_sync", &[4], 300),
    a("fd_write", &[4, BUFFER, 1, OUT], SLOW),
    Loop {
        name: "fd_write, to a stream",
        import: "fd_write",
        arguments: &[1, BUFFER, 1, OUT],
        times: FAST,
        most: LITTLE,
    },
    Loop {
        name: "fd_write, in memory",
        import: "fd_write",
        arguments: &[4, BUFFER, 1, OUT],
        times: 2 * FAST,
        most: FILES,
    },
    in_memory("fd_read, in memory", "fd_read", &[4, BUFFER, 1, OUT], FAST),
    in_memory(
        "fd_readdir, in memory",
        "fd_readdir",
        &[3, ROOM, 4096, 0, OUT],
        FAST,
    ),
    in_memory(
        "fd_filestat_set_size, in memory",
        "fd_filestat_set_size",
        &[4, 60 << 20],
        FAST,
    ),
    in_memory(
        "path_open, in memory",
        "path_open",
        &[3, 0, PATH, 1, 1, 66, 66, 0, OUT],
        FAST,
    ),
    in_memory(
        "path_rename, in memory",
        "path_rename",
        &[3, PATH, 1, 3, OTHER, 1],
        FAST,
    ),
    a("path_create_directory", &[3, OTHER, 1], SLOW),
    a("path_filestat_get", &[3, 0, PATH, 1, OUT], SLOW),
    a("path_filestat_set_times", &[3, 0, PATH, 1, 0, 0, 0], SLOW),
    a("path_link", &[3, 0, PATH, 1, 3, OTHER, 1], FAST),
    a("path_open", &[3, 0, PATH, 1, 1, 66, 66, 0, OUT], SLOW),
    a("path_readlink", &[3, PATH, 1, ROOM, 100, OUT], SLOW),
    a("path_remove_directory", &[3, OTHER, 1], SLOW),
    a("path_rename", &[3, PATH, 1, 3, PATH, 1], SLOW),
    a("path_unlink_file", &[3, OTHER, 1], SLOW),
    a("poll_oneoff", &[SUBSCRIPTION, ROOM, 1, OUT], FAST),
    a("proc_exit", &[0], 1),
    a("random_get", &[ROOM, 64], FAST),
    a("sched_yield", &[], FAST),
];

/// What this process holds in memory now.
fn held() -> u64 {
    // A loop that takes all descriptors of the process shows here.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_else(|error| panic!("{error}"));
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.unwrap().parse::<u64>().unwrap() << 10
}

/// A request of exactly so many bytes.
fn long(service: &str, method: &str, parameter: &str) -> Vec<u8> {
    let (before, after) = (
        format!(r#"{{"service":"{service}","method":"{method}","params":{{"{parameter}":""#),
        "\"}}",
    );
    let room = usize::try_from(LONG).unwrap() - before.len() - after.len();
    format!("{before}{}{after}", "x".repeat(room)).into_bytes()
}

const TAKE: &str = r#"{"openrpc": "1.3.2", "info": {"title": "x", "version": "1"}, "methods": [
    {"name": "take", "params": [{"name": "text", "required": true, "schema": {"type": "string"}}]}
]}"#;

/// A service that takes every connection, reads nothing and says nothing.
fn silent(socket: &Path) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    })
}

/// Calls an import in a loop, and says how much more the host holds afterwards.
async fn measured(wanted: &Loop) -> u64 {
    let place = tempfile::tempdir().unwrap();
    let work = place.path().join("work");
    fs::create_dir(&work).unwrap();
    fs::write(work.join("a"), [b'x'; 1000]).unwrap();
    let socket = place.path().join("rpc.sock");
    let _silent = silent(&socket);
    let address = Address::http(&socket).unwrap();
    let service = Service::read("silent", address, TAKE.as_bytes(), &Terms::default());
    let client = Client::new(ClientLimits::default());
    let reach = reach(place.path(), service.unwrap(), client);
    let engine = engine::pooled(INSTANCES).unwrap();
    let hostile = shared(&engine, Answers::default());
    let limits = Limits::default();
    let workspace = if wanted.name.ends_with(IN_MEMORY) {
        let workspace = Workspace::memory();
        workspace.copy_in(&work.join("a")).unwrap();
        workspace
    } else {
        Workspace::open(&work).unwrap()
    };
    let workspace = Arc::new(workspace);
    let budget = Budget::default();
    let state = State {
        road: Road::new(RoadParts {
            reach: Some(Arc::new(reach)),
            budget: budget.clone(),
            limit: 1_000_000,
            ..RoadParts::default()
        }),
        output: Output::new(limits.output, None),
        recorder: Recorder::live(Clock::Real, None, &budget).unwrap(),
        files: Some(wasi::open(Some(workspace), &limits, &budget).await.unwrap()),
        memory: MemoryLimiter::new(&limits),
        ..crate::sandbox::instance::tests::state(&hostile)
    };
    let mut store = Store::new(&hostile.engine, state);
    store.limiter(|state| &mut state.memory);
    let _running = hostile.ticker.running();
    let instance = hostile.guest.pre.instantiate_async(&mut store).await;
    let instance = instance.unwrap();
    type Call = TypedFunc<(i32, i64, i64, i64, i64, i64, i64, i64, i64, i64), i64>;
    let call: Call = instance.get_typed_func(&mut store, "call").unwrap();
    let grow = i32::try_from(GROW).unwrap();
    let grown = (grow, 60, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_eq!(call.call_async(&mut store, grown).await.unwrap(), 4);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    let mut put = |at: i64, bytes: &[u8]| {
        let at = usize::try_from(at).unwrap();
        memory.write(&mut store, at, bytes).unwrap();
    };
    put(PATH, b"a");
    put(OTHER, b"b");
    put(BUFFER, &[0, 0x80, 0, 0, 64, 0, 0, 0]);
    put(SUBSCRIPTION, &[0; 48]);
    put(ECHO, &long("sandgate", "echo", "a"));
    put(CALLED, &long("silent", "take", "text"));
    // Descriptor 4.
    let open = i32::try_from(import("path_open")).unwrap();
    let opened = (open, 3, 0, PATH, 1, 0, 66, 66, 0, OUT);
    assert_eq!(call.call_async(&mut store, opened).await.unwrap(), 0);

    type Repeat = TypedFunc<(i64, i32, i64, i64, i64, i64, i64, i64, i64, i64, i64), ()>;
    let repeat: Repeat = instance.get_typed_func(&mut store, "repeat").unwrap();
    let mut arguments = [0; ARGUMENTS];
    arguments[..wanted.arguments.len()].copy_from_slice(wanted.arguments);
    let [a, b, c, d, e, f, g, h, i] = arguments;
    let number_of = i32::try_from(import(wanted.import)).unwrap();
    // What is set up once is not what is looked for.
    let turns = i64::try_from(wanted.times / 50 + 1).unwrap();
    let turn = async |store: &mut Store<State>, turns: i64| {
        let parameters = (turns, number_of, a, b, c, d, e, f, g, h, i);
        // A run that was ended holds nothing more.
        let inline = store.data().road.inline();
        let repeated = inline.drive(repeat.call_async(store, parameters));
        repeated.await.is_ok()
    };
    let mut goes_on = turn(&mut store, turns).await;
    let before = held();
    let (until, mut done) = (
        number("SANDGATE_BOUND_SECONDS")
            .map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        0,
    );
    while goes_on && until.map_or(done < wanted.times, |until| Instant::now() < until) {
        goes_on = turn(&mut store, turns).await;
        done += turns.cast_unsigned();
    }
    held().saturating_sub(before)
}

#[test]
fn dos_05_no_import_in_a_loop_makes_the_host_hold_more_than_its_bound() {
    if let Ok(name) = std::env::var(LOOP) {
        let wanted = LOOPS.iter().find(|wanted| wanted.name == name).unwrap();
        let held = executor().block_on(measured(wanted));
        println!("{name}: {held} bytes of {}", wanted.most);
        assert!(held <= wanted.most, "{name}: {held} bytes");
        return;
    }
    let missing = IMPORTS
        .iter()
        .filter(|known| !LOOPS.iter().any(|wanted| wanted.import == known.1));
    assert_eq!(missing.map(|import| import.1).collect::<Vec<_>>(), [""; 0]);
    let test = "sandbox::instance::hostile::bound::dos_05_no_import_in_a_loop_makes_the_host_hold_more_than_its_bound";
    let mut failed = Vec::new();
    for wanted in LOOPS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command.args(["--exact", test, "--nocapture"]);
        let output = command.env(LOOP, wanted.name).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find(|line| line.contains("bytes of"));
        println!("{}", line.unwrap_or(wanted.name));
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let panicked = said
                .lines()
                .skip_while(|line| !line.contains("panicked at"));
            let reason = panicked.skip(1).find(|line| !line.is_empty());
            failed.push(format!(
                "{}: {}",
                wanted.name,
                line.or(reason).unwrap_or(&said)
            ));
        }
    }
    assert_eq!(failed, Vec::<String>::new());
}
