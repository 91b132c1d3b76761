//! What is around hostile guests: a pool that they share with the interpreter, a service, workspaces, and a tree of files that none
//! of them may touch. Used by the tests beside it.

use super::guest::{Answers, module};
use crate::{
    context::Context,
    hostcall::reach::Reach,
    limits::Files,
    outcome::Status,
    policy::{ContextNumber, PolicyStore, Principal},
    recorder::Clock,
    sandbox::{
        engine,
        image::{Image, ImageCache},
        instance::Shared,
    },
    script::Script,
    service::{Address, Client, ClientLimits, Registry, Service, Terms},
    workspace::Workspace,
};
use sandgate_demo::{Crm, Serving};
use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroU32,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::runtime::Runtime;
use wasmtime::{Engine, Module};

/// The threads of these tests are known by their names.
const THREADS: &str = "hostile guests";
pub(super) const INSTANCES: NonZeroU32 = NonZeroU32::new(24).unwrap();

/// Panics on the threads of these tests, the tasks of calls included, of which nobody else would say that they panicked.
pub(super) fn panics() -> usize {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some(THREADS) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
    PANICS.load(Ordering::SeqCst)
}

pub(super) fn executor() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let builder = builder.worker_threads(2).thread_name(THREADS);
    builder.enable_all().build().unwrap()
}

/// What is around the guests of one test.
pub(super) struct Ground {
    pub(super) hostile: Shared,
    /// The interpreter, in the same pool: it gets the slots that hostile guests had.
    pub(super) interpreter: Shared,
    reach: Arc<Reach>,
    root: tempfile::TempDir,
    places: AtomicU64,
    _serving: Serving,
}

/// The shared part of a sandbox whose guest is a module of ours.
pub(super) fn shared(engine: &Engine, answers: Answers) -> Shared {
    shared_of(engine, &module(answers))
}

/// The same of any module.
pub(super) fn shared_of(engine: &Engine, wasm: &[u8]) -> Shared {
    let module = Module::new(engine, wasm).unwrap();
    Shared::new(engine.clone(), &Image::compiled(module), INSTANCES).unwrap()
}

/// What permits everything.
const POLICY: &str = "@because(\"It is a test.\")\npermit (principal, action, resource);\n";

/// The demonstration, served below a directory, and everything that it offers.
async fn office(root: &Path) -> (Serving, Reach) {
    let socket = root.join("service/rpc.sock");
    let serving = Crm::in_memory().serve(&socket).unwrap();
    let client = Client::new(ClientLimits::default());
    let address = Address::http(&socket).unwrap();
    let document = client.discover(&address).await.unwrap();
    let document = document.get().as_bytes();
    let service = Service::read("crm", address, document, &Terms::default()).unwrap();
    (serving, reach(root, service, client))
}

/// Everything of one service. Its policies are written below a directory.
pub(super) fn reach(root: &Path, service: Service, client: Client) -> Reach {
    let policies = root.join("policies");
    fs::create_dir_all(policies.join("hostile")).unwrap();
    fs::write(policies.join("hostile/policy.cedar"), POLICY).unwrap();
    fs::write(policies.join("hostile/limits.toml"), "hero_context = 1\n").unwrap();
    let policies = PolicyStore::open(&policies, &[service.interface()]).unwrap();
    let (policy, registry) = (policies.get("hostile").unwrap(), Registry::of([service]));
    let number = ContextNumber::Number(NonZeroU32::MIN);
    let principal = Principal::new("hostile", number, "script").unwrap();
    Reach::new(principal, policy, registry, client, None).unwrap()
}

impl Ground {
    pub(super) async fn new() -> Self {
        let engine = engine::pooled(INSTANCES).unwrap();
        let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/cache");
        let cache = ImageCache::new(Some(cache)).unwrap();
        let image = cache.load_or_prepare(&engine, None).unwrap();
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "what nobody may read or change").unwrap();
        fs::create_dir(root.path().join("places")).unwrap();
        let (serving, reach) = office(root.path()).await;
        Self {
            hostile: shared(&engine, Answers::default()),
            interpreter: Shared::new(engine.clone(), &image, INSTANCES).unwrap(),
            reach: Arc::new(reach),
            root,
            places: AtomicU64::new(0),
            _serving: serving,
        }
    }

    /// A workspace with links that lead out of it, as an operator's can have.
    pub(super) fn place(&self) -> Arc<Workspace> {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let path = self.root.path().join(format!("places/{number}"));
        fs::create_dir(&path).unwrap();
        for (name, to) in [
            ("link", Path::new("../../outside")),
            ("absolute", &self.root.path().join("outside")),
            ("up", Path::new("..")),
            ("dangling", Path::new("../../outside/new")),
        ] {
            symlink(to, path.join(name)).unwrap();
        }
        Arc::new(Workspace::open(&path).unwrap())
    }

    /// Everything outside of the workspaces, with its content and its times.
    pub(super) fn outside(&self) -> BTreeMap<String, (u64, i64, i64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.root.path().to_owned()];
        while let Some(path) = left.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(self.root.path()).unwrap();
            let name = name.to_string_lossy().into_owned();
            if metadata.is_dir() && name != "places" {
                let entries = fs::read_dir(&path).unwrap();
                left.extend(entries.map(|entry| entry.unwrap().path()));
            }
            // Making a workspace changes the directory that it is made in.
            let changed = (name != "places").then(|| (metadata.ctime(), metadata.ctime_nsec()));
            let (seconds, nanos) = changed.unwrap_or_default();
            let bytes = fs::read(&path).unwrap_or_default();
            found.insert(name, (u64::from(metadata.mode()), seconds, nanos, bytes));
        }
        found
    }

    /// What the run with this number may use. Every choice is made often in each combination.
    pub(super) fn granted(&self, number: u64, place: &Arc<Workspace>) -> Granted {
        Granted {
            clock: [Clock::Real, Clock::Frozen(1_700_000_000_000)][(number & 1) as usize],
            reach: (number & 2 != 0).then(|| Arc::clone(&self.reach)),
            workspace: if number & 12 == 0 {
                Files::None
            } else {
                Files::Scratch
            },
            place: (number & 8 != 0).then(|| Arc::clone(place)),
        }
    }

    /// Whether a script runs as it did before there were any hostile guests.
    pub(super) async fn still_works(&self) {
        let context = Context::of(Arc::clone(&self.reach));
        let script = "from services import crm\nprint(len(crm.contact_list(limit=1)), 1 + 1)";
        let script = Script {
            ..Script::new(format!("open('/work/a', 'w').write('x')\n{script}"))
        };
        let outcome = self.interpreter.run(script, &context).await.unwrap();
        assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
        assert_eq!(outcome.stdout.text, "1 2\n");
        assert_eq!(outcome.files.len(), 1);
    }
}

/// What one hostile run may use.
pub(super) struct Granted {
    pub(super) clock: Clock,
    pub(super) reach: Option<Arc<Reach>>,
    pub(super) workspace: Files,
    /// A directory of the host; without one there is one in memory, where there are files at all.
    pub(super) place: Option<Arc<Workspace>>,
}
