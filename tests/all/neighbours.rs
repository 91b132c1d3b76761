//! Runs in one process that share a client, a service, a pool and an executor: none gets what another was to get, and none
//! fails because another is hostile.

use crate::support::{caller, liar::Liar, limits, sandbox};
use sandgate::{
    Cancel, Context, Limits, Outcome, Reach, Script, Sink, Status, Stream,
    policy::PolicyStore,
    service::{Address, Client, ClientLimits, Registry, Service, Terms},
};
use sandgate_demo::Crm;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};

/// Contexts that may call everything of one service, through one client: their names, numbers and users.
async fn contexts<const N: usize>(
    name: &str,
    socket: &Path,
    who: [(&str, u32, &str); N],
) -> [Arc<Reach>; N] {
    let client = Client::new(ClientLimits::default());
    let address = Address::http(socket).unwrap();
    let document = client.discover(&address).await.unwrap();
    let document = document.get().as_bytes();
    let service = Service::read(name, address, document, &Terms::default()).unwrap();
    let place = tempfile::tempdir().unwrap();
    for (context, number, _) in who {
        let place = place.path().join(context);
        fs::create_dir(&place).unwrap();
        let policy = "@because(\"It is a test.\")\npermit (principal, action, resource);\n";
        fs::write(place.join("policy.cedar"), policy).unwrap();
        // As generous as what is asked for below.
        let limits = format!("hero_context = {number}\ntimeout = \"300s\"\ncalls = 1000000\n");
        fs::write(place.join("limits.toml"), limits).unwrap();
    }
    let policies = PolicyStore::open(place.path(), &[service.interface()]).unwrap();
    let registry = Registry::of([service]);
    who.map(|(context, _, user)| {
        let caller = caller(context, 1, Some(user), &[]);
        let policy = policies.get(context).unwrap();
        let (registry, client) = (registry.clone(), client.clone());
        Arc::new(Reach::new(caller, policy, registry, client, None).unwrap())
    })
}

fn context(reach: &Arc<Reach>, limits: Limits) -> Context {
    Context::of(Arc::clone(reach)).tightened(limits)
}

/// Time enough on any machine, where what is asked is whether a run ends by its neighbours' doing.
fn generous() -> Limits {
    Limits {
        wall: Duration::from_secs(300),
        cpu: Duration::from_secs(300),
        calls: 1_000_000,
        ..limits()
    }
}

/// Calls with so many words, of which no other run says the same, and prints what came back to each that was answered.
fn talk(run: usize, words: usize) -> Script {
    Script::new(format!(
        "import asyncio
from services.aio import liar
async def say(word):
    try:
        print(word, await liar.say(word=word))
    except (ConnectionError, TimeoutError):
        pass
for first in range(0, {words}, 25):
    await asyncio.gather(*[say(f'word-{run}-{{n}}') for n in range(first, first + 25)])"
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iso_03_what_a_service_mixes_up_never_crosses_from_one_context_to_another() {
    const RUNS: usize = 20;
    const WORDS: usize = 500;
    let liar = Liar::open();
    let who = [("left", 1, "ann"), ("right", 2, "bob")];
    let reaches = contexts("liar", &liar.socket(), who).await;
    let sandbox = sandbox().await;
    let mut runs = JoinSet::new();
    for run in 0..RUNS {
        let (sandbox, context) = (sandbox.clone(), context(&reaches[run % 2], generous()));
        runs.spawn(async move {
            let outcome = sandbox.run(talk(run, WORDS), &context).await.unwrap();
            (run, outcome)
        });
    }
    let mut answered = 0;
    while let Some(ended) = runs.join_next().await {
        let (run, outcome) = ended.unwrap();
        assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
        let (_, number, user) = who[run % 2];
        let mut words = BTreeSet::new();
        for line in outcome.stdout.text.lines() {
            // The word that was asked, on whose behalf the service took it to be, and the word that it says it heard.
            let word = line.split(' ').next().unwrap();
            assert!(word.starts_with(&format!("word-{run}-")), "{line}");
            assert_eq!(line, format!("{word} {number} {user} said {word}"));
            assert!(words.insert(word), "{word} was answered twice");
        }
        answered += words.len();
    }
    // The service saw each call on behalf of whom it was, and never two callers on one connection.
    let said = liar.said();
    for (word, caller) in &said {
        let run: usize = word.split('-').nth(1).unwrap().parse().unwrap();
        let (_, number, user) = who[run % 2];
        assert_eq!(caller, &format!("{number} {user} "), "{word}");
    }
    assert!(liar.callers().iter().all(|callers| callers.len() == 1));
    assert_eq!(liar.calls(), said.len(), "a call was made twice");
    assert_eq!(said.len(), RUNS * WORDS);
    // Two in three replies are in order whatever comes after them.
    assert!(answered > RUNS * WORDS / 2, "{answered} were answered");
}

/// What the honest ones do: call, keep a file, and say who they are.
fn honest(number: usize) -> Script {
    Script {
        ..Script::new(format!(
            "from services import crm
import asyncio
from services.aio import crm as later
added = crm.contact_add(name='Neighbour {number}')
found = await asyncio.gather(*[later.contact_get(id=added['id']) for _ in range(5)])
with open('/work/kept', 'w') as file:
    file.write(found[-1]['name'])
print({{contact['name'] for contact in found}}, open('/work/kept').read())"
        ))
    }
}

/// Begins calls as fast as it can, and takes their replies only where it must. Each says when it is under way.
const FLOODS: &str = "\
import _sandgate
text = '{\"service\":\"crm\",\"method\":\"contact.find\",\"params\":{\"query\":\"' + 'x' * 200 + '\"}}'
first = True
while True:
    begun = []
    try:
        while len(begun) < 400:
            begun.append(_sandgate.begin(text))
    except Exception:
        pass
    if first:
        print('now', flush=True)
        first = False
    for call in begun:
        _sandgate.collect(call)";

/// Takes descriptors, files and memory, until it gets no more of any, and keeps them.
const TAKES: &str = "\
import os
kept, files, blocks, first = [], 0, [], True
open('/work/x', 'w').write('x')
while True:
    try:
        while True:
            kept.append(os.open('/work/x', os.O_RDONLY))
    except OSError:
        pass
    try:
        os.close(kept.pop())
        while True:
            with open(f'/work/{files}', 'w') as file:
                file.write('x' * 1000)
            files += 1
    except OSError:
        pass
    try:
        while True:
            blocks.append(bytearray(1 << 20))
    except MemoryError:
        blocks.pop()
    if first:
        print('now', flush=True)
        first = False";

const SPINS: &str = "print('now', flush=True)\nwhile True:\n    pass";

/// Told of the first that a script prints, and of nothing after it.
struct Heard(Mutex<Option<mpsc::UnboundedSender<()>>>);

impl Sink for Heard {
    fn write(&self, _: Stream, _: &[u8]) {
        if let Some(heard) = self.0.lock().unwrap().take() {
            // Nobody listens any more when the test is over.
            let _ = heard.send(());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dos_13_two_hundred_honest_runs_stand_beside_three_hostile_ones() {
    const HONEST: usize = 180;
    const LATE: usize = 20;
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("crm/rpc.sock");
    let _serving = Crm::in_memory().serve(&socket).unwrap();
    let who = [("hostile", 1, "eve"), ("honest", 2, "ann")];
    let [hostile, honest_reach] = contexts("crm", &socket, who).await;
    let sandbox = sandbox().await;

    let cancel = Cancel::new();
    let mut others = JoinSet::new();
    let (heard, mut under_way) = mpsc::unbounded_channel();
    for source in [FLOODS, TAKES, SPINS] {
        let (sandbox, context) = (sandbox.clone(), context(&hostile, generous()));
        let script = Script {
            cancel: Some(cancel.clone()),
            sink: Some(Arc::new(Heard(Mutex::new(Some(heard.clone()))))),
            ..Script::new(source)
        };
        others.spawn(async move { sandbox.run(script, &context).await.unwrap() });
    }
    // The three have all that they can get before the others begin. One that ended without a word is noticed.
    drop(heard);
    for _ in 0..others.len() {
        under_way.recv().await.unwrap();
    }
    let mut runs: JoinSet<(usize, Outcome)> = JoinSet::new();
    for number in 0..HONEST + LATE {
        let sandbox = sandbox.clone();
        // Some never end by themselves: their deadline stands too.
        let (script, limits) = if number < HONEST {
            (honest(number), generous())
        } else {
            let wall = Duration::from_millis(500);
            (Script::new(SPINS), Limits { wall, ..generous() })
        };
        let context = context(&honest_reach, limits);
        runs.spawn(async move { (number, sandbox.run(script, &context).await.unwrap()) });
    }
    let mut ended = BTreeMap::new();
    while let Some(run) = runs.join_next().await {
        let (number, outcome) = run.unwrap();
        *ended.entry(format!("{:?}", outcome.status)).or_insert(0) += 1;
        if number < HONEST {
            let name = format!("Neighbour {number}");
            assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
            assert_eq!(outcome.stdout.text, format!("{{'{name}'}} {name}\n"));
            assert_eq!(outcome.files.len(), 1);
        }
    }
    let expected = [("Ok", HONEST), ("Timeout", LATE)];
    let expected = expected.map(|(status, many)| (status.to_owned(), many));
    assert_eq!(ended, BTreeMap::from(expected));

    // They were there all the time, or ended by a limit of their own.
    cancel.cancel();
    let mut endings = Vec::new();
    while let Some(run) = others.join_next().await {
        endings.push(run.unwrap().status);
    }
    let own = [
        Status::Cancelled,
        Status::Memory,
        Status::Output,
        Status::Raised,
        Status::Crashed,
    ];
    assert!(
        endings.iter().all(|status| own.contains(status)),
        "{endings:?}"
    );
    assert!(endings.contains(&Status::Cancelled), "{endings:?}");
}
