//! What a server costs and bears: `execute_code` over a Unix socket against the library, what one context leaves of another's times, how
//! soon whoever finds no room hears of it, and what is left after many runs. It makes its own load, in bounded numbers.
//! `cargo bench --bench load [-- PART [RUNS]]`, PART being cost, rate, fairness, overload or soak. It is no criterion bench because
//! what matters is its ratios and its tail; both of a pair are measured in turns.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that cannot run has nothing to measure"
)]

use sandgate::{
    Caller, Host, Journal, Sandbox, Services, Status,
    service::{Client, ClientLimits},
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Turns of each pair, and requests of a turn.
const ROUNDS: usize = 15;
const REQUESTS: usize = 100;
/// What scripts compute that are short.
const SHORT: &str = "print(1+1)";
/// Who else there is while the times of one context are measured.
const OTHERS: usize = 48;
/// Where the interpreter is kept that tests and benches run.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");
/// Between two requests of whoever is measured: an agent thinks.
const THINKS: Duration = Duration::from_millis(4);

/// A server of two contexts, with a journal, as it is shipped.
struct Server {
    place: TempDir,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for (number, context) in ["one", "other"].iter().enumerate() {
            let directory = place.path().join("policies").join(context);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("policy.cedar"), "").unwrap();
            let limits = format!("hero_context = {}\n", number + 1);
            fs::write(directory.join("limits.toml"), limits).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandgate"));
        command.args(["--cache-dir", CACHE]);
        command
            .args(["serve", "--state-dir"])
            .arg(place.path().join("state"));
        command.arg("--policies").arg(place.path().join("policies"));
        command.arg("--socket").arg(place.path().join("rpc.sock"));
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut says = BufReader::new(process.stderr.take().unwrap());
        says.read_line(&mut said).unwrap();
        assert!(said.contains("listening"), "{said}");
        // Whatever else it says is not waited for.
        thread::spawn(move || says.lines().count());
        Self { place, process }
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("rpc.sock")
    }

    /// Resident memory in MiB, descriptors, threads.
    fn holds(&self) -> (u64, usize, usize) {
        let process = Path::new("/proc").join(self.process.id().to_string());
        let status = fs::read_to_string(process.join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        let number = |name: &str| fs::read_dir(process.join(name)).unwrap().count();
        (kilobytes >> 10, number("fd"), number("task"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The same without a server: a caller of one context, with a journal.
struct Library {
    _place: TempDir,
    caller: Caller,
}

impl Library {
    fn open(executor: &Runtime) -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let directory = place.path().join("policies/one");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("policy.cedar"), "").unwrap();
        fs::write(directory.join("limits.toml"), "hero_context = 1\n").unwrap();
        let services =
            Services::of_all(&place.path().join("state"), &place.path().join("policies"));
        let sandbox = executor
            .block_on(Sandbox::builder().cache_dir(CACHE).build())
            .unwrap();
        let journal = Journal::open(place.path()).unwrap();
        let client = Client::new(ClientLimits::default());
        let host = Host::of(sandbox, services.unwrap(), client, None, Some(journal));
        Self {
            caller: host.context("one").unwrap(),
            _place: place,
        }
    }
}

/// One connection of a client that waits for each answer.
struct Connection(BufReader<UnixStream>);

impl Connection {
    fn open(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        Self(BufReader::new(stream))
    }

    /// The status and the body of what came back; nothing where the other end is gone.
    fn ask(&mut self, context: &str, code: &str) -> Option<(u16, String)> {
        let params = serde_json::json!({"code": code});
        let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "execute_code", "params": params});
        self.send(context, "/rpc", &body.to_string())
    }

    fn send(&mut self, context: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let length = body.len();
        let whole = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nSandgate-Context: {context}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(whole.as_bytes()).ok()?;
        let mut line = String::new();
        self.0.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        Some((status, String::from_utf8(body).ok()?))
    }

    /// How long a short script takes, from the request to the answer.
    fn short(&mut self, context: &str) -> Duration {
        let start = Instant::now();
        let (_, body) = self.ask(context, SHORT).unwrap();
        let took = start.elapsed();
        assert!(body.contains("\"status\":\"ok\""), "{body}");
        took
    }
}

fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// One request after the other.
fn cost(executor: &Runtime, server: &Server) {
    let library = Library::open(executor);
    let mut connection = Connection::open(&server.socket());
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let mut served: Vec<Duration> = (0..REQUESTS).map(|_| connection.short("one")).collect();
        let mut run: Vec<Duration> = (0..REQUESTS)
            .map(|_| {
                let caller = library.caller.clone();
                executor.block_on(async move {
                    // On a thread that runs scripts, as a server's are.
                    let run = tokio::spawn(async move {
                        let start = Instant::now();
                        let outcome = caller.run(SHORT).await.unwrap();
                        assert_eq!(outcome.status, Status::Ok);
                        start.elapsed()
                    });
                    run.await.unwrap()
                })
            })
            .collect();
        // The first is to have both warm.
        if round > 0 {
            with.push(at(&mut served, 50));
            without.push(at(&mut run, 50));
        }
    }
    let (with, without) = (at(&mut with, 50), at(&mut without, 50));
    println!(
        "cost: a run over a socket {with:?}, by the library {without:?}: {:?} more",
        with.saturating_sub(without)
    );
}

/// As many at once as there are processors, and twice as many clients, which wait for each other.
fn rate(executor: &Runtime, server: &Server) {
    const AT_ONCE: usize = 2;
    let library = Library::open(executor);
    let (mut served, mut run) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..2 * AT_ONCE {
                scope.spawn(|| {
                    let mut connection = Connection::open(&server.socket());
                    for _ in 0..REQUESTS {
                        connection.short("one");
                    }
                });
            }
        });
        let with = start.elapsed() / 2;
        let start = Instant::now();
        executor.block_on(async {
            let runs = (0..AT_ONCE).map(|_| {
                let caller = library.caller.clone();
                tokio::spawn(async move {
                    for _ in 0..REQUESTS {
                        assert_eq!(caller.run(SHORT).await.unwrap().status, Status::Ok);
                    }
                })
            });
            for run in runs.collect::<Vec<_>>() {
                run.await.unwrap();
            }
        });
        if round > 0 {
            served.push(with);
            run.push(start.elapsed());
        }
    }
    let (served, run) = (at(&mut served, 50), at(&mut run, 50));
    let number = (AT_ONCE * REQUESTS) as f64;
    println!(
        "rate: {:.0} runs a second over a socket, {:.0} by the library: ratio {:.2}",
        number / served.as_secs_f64(),
        number / run.as_secs_f64(),
        ratio(run, served)
    );
}

/// What one context does to be in the way of another.
const NUISANCES: [(&str, &str); 6] = [
    ("short scripts", SHORT),
    ("scripts that never end", "while True: pass"),
    ("scripts of 4 ms", "for _ in range(20000): pass"),
    (
        "memory bombs",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
    ),
    ("long output", "print('x' * (1 << 20))"),
    ("one long request", ""),
];

/// The times of one context while another is idle, and while it does its worst.
fn fairness(server: &Server, only: Option<&str>) {
    for (name, code) in NUISANCES
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| name.contains(only)))
    {
        let long = format!("{}\n{SHORT}", "#".repeat(900_000));
        let code = if code.is_empty() { long.as_str() } else { code };
        let (mut idle, mut beside) = (Vec::new(), Vec::new());
        let mut connection = Connection::open(&server.socket());
        let (mut answered, mut refused) = (0, 0);
        for round in 0..=ROUNDS {
            let mut measured = |times: &mut Vec<Duration>| {
                for _ in 0..REQUESTS {
                    thread::sleep(THINKS);
                    let took = connection.short("one");
                    if round > 0 {
                        times.push(took);
                    }
                }
            };
            measured(&mut idle);
            let others = Others::begin(&server.socket(), code);
            thread::sleep(Duration::from_millis(300));
            measured(&mut beside);
            let done = others.end();
            answered += done.0;
            refused += done.1;
            thread::sleep(Duration::from_millis(300));
        }
        let p50 = (at(&mut idle, 50), at(&mut beside, 50));
        let p99 = (at(&mut idle, 99), at(&mut beside, 99));
        println!(
            "fairness beside {name} ({answered} answered, {refused} refused): p50 {:?} and {:?}, p99 {:?} and {:?}: ratio {:.2}",
            p50.0,
            p50.1,
            p99.0,
            p99.1,
            ratio(p99.1, p99.0)
        );
    }
}

/// Clients of another context, on processors of their own as far as that can be: the system gives them what is left.
struct Others {
    over: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<()>>,
    streams: Vec<UnixStream>,
    done: Arc<[AtomicUsize; 2]>,
}

impl Others {
    fn begin(socket: &Path, code: &str) -> Self {
        let (over, done) = (
            Arc::new(AtomicBool::new(false)),
            Arc::<[AtomicUsize; 2]>::default(),
        );
        let (mut clients, mut streams) = (Vec::new(), Vec::new());
        for _ in 0..OTHERS {
            let mut connection = Connection::open(socket);
            streams.push(connection.0.get_ref().try_clone().unwrap());
            let (over, done, code) = (Arc::clone(&over), Arc::clone(&done), code.to_owned());
            clients.push(thread::spawn(move || {
                rustix::process::setpriority_process(None, 19).unwrap();
                while !over.load(Ordering::Relaxed) {
                    let Some((_, body)) = connection.ask("other", &code) else {
                        return;
                    };
                    let is_refused = body.contains("\"code\":-32005");
                    done[usize::from(is_refused)].fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Self {
            over,
            clients,
            streams,
            done,
        }
    }

    /// How many were answered, and how many refused.
    fn end(self) -> (usize, usize) {
        self.over.store(true, Ordering::Relaxed);
        for stream in &self.streams {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        for client in self.clients {
            client.join().unwrap();
        }
        let [answered, refused] = &*self.done;
        (
            answered.load(Ordering::Relaxed),
            refused.load(Ordering::Relaxed),
        )
    }
}

/// How soon whoever finds no room hears of it, at each door.
fn overload(server: &Server) {
    let socket = server.socket();
    // More than there are places and a queue, all of one context.
    let full: Vec<Connection> = (0..240).map(|_| Connection::open(&socket)).collect();
    for mut connection in full.iter().map(|connection| connection.0.get_ref()) {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"execute_code","params":{"code":"while True: pass"}}"#;
        let length = body.len();
        write!(
            connection,
            "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nSandgate-Context: other\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
    }
    let mut connection = Connection::open(&socket);
    while !connection
        .ask("other", "1")
        .unwrap()
        .1
        .contains("\"retry_after\"")
    {}
    let rpc = r#"{"jsonrpc":"2.0","id":1,"method":"execute_code","params":{"code":"1"}}"#;
    let plain = r#"{"tool":"execute_code","arguments":{"code":"1"}}"#;
    for (path, body) in [("/rpc", rpc), ("/api/v1/tools/execute", plain)] {
        let mut connection = Connection::open(&socket);
        let mut times: Vec<Duration> = (0..REQUESTS)
            .map(|_| {
                let start = Instant::now();
                let (_, body) = connection.send("other", path, body).unwrap();
                let took = start.elapsed();
                assert!(body.contains("\"retry_after\""), "{body}");
                took
            })
            .collect();
        let (p50, last) = (at(&mut times, 50), at(&mut times, 100));
        println!("overload at {path}: refused after {p50:?}, {last:?} at most");
    }
    drop(full);
}

/// What a server holds while it makes runs, of which each tenth is something else than a short one.
fn soak(server: &Server, runs: usize) {
    const CLIENTS: usize = 4;
    let scripts = [
        SHORT,
        "open('left.txt', 'w').write('x' * 1000)",
        "1 / 0",
        "import json, dataclasses\nprint(len(json.dumps(list(range(1000)))))",
    ];
    let part = runs / 10;
    println!("soak: runs, resident MiB, descriptors, threads");
    let start = Instant::now();
    let (memory, descriptors, threads) = server.holds();
    println!("  {:>7} {memory:>5} {descriptors:>4} {threads:>4}", 0);
    for done in 1..=10 {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                scope.spawn(move || {
                    let mut connection = Connection::open(&server.socket());
                    for number in 0..part / CLIENTS {
                        if number % 1000 == 999 {
                            // Who leaves in the middle of something.
                            connection = Connection::open(&server.socket());
                        }
                        let code = if number % 10 == 9 {
                            scripts[1 + (number / 10 + client) % 3]
                        } else {
                            scripts[0]
                        };
                        assert!(connection.ask("one", code).is_some());
                    }
                });
            }
        });
        let (memory, descriptors, threads) = server.holds();
        println!(
            "  {:>7} {memory:>5} {descriptors:>4} {threads:>4}",
            done * part
        );
    }
    println!(
        "  {:.0} runs a second",
        runs as f64 / start.elapsed().as_secs_f64()
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let part = arguments.first().map(String::as_str);
    let wanted = |name: &str| part.is_none_or(|part| part == name);
    let executor = Runtime::new().unwrap();
    drop(
        executor
            .block_on(Sandbox::builder().cache_dir(CACHE).build())
            .unwrap(),
    );
    let server = Server::start();
    if wanted("cost") {
        cost(&executor, &server);
    }
    if wanted("rate") {
        rate(&executor, &server);
    }
    if wanted("fairness") {
        fairness(&server, arguments.get(1).map(String::as_str));
    }
    if wanted("overload") {
        overload(&server);
    }
    if wanted("soak") {
        let runs = arguments.get(1).and_then(|runs| runs.parse().ok());
        soak(&server, runs.unwrap_or(10_000));
    }
}
