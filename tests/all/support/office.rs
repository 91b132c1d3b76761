//! A service, policies and a caller: what a script needs to call something for real.

use super::{caller, identity, limits, meeting::Meeting, people::Person, repository, sandbox};
use sandgate::{
    Approver, Context, Limits, Outcome, Reach, Script,
    policy::PolicyStore,
    service::{Address, Client, ClientLimits, Registry, Store, Terms},
};
use sandgate_demo::{Crm, Serving};
use serde_json::value::RawValue;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// What permits everything of one service.
const EVERYTHING: &str = "@because(\"It is a test.\")\npermit (principal in Context::\"anybody\", action, resource == Service::\"meeting\");\n";

pub(crate) struct Office {
    place: tempfile::TempDir,
    socket: PathBuf,
    serving: Mutex<Option<Serves>>,
    registry: Registry,
    policies: Arc<PolicyStore>,
    client: Client,
}

#[expect(dead_code, reason = "it is kept")]
enum Serves {
    Crm(Serving),
    Meeting(Meeting),
}

impl Office {
    /// The CRM, and the policies that ship.
    pub(crate) async fn open() -> Self {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("crm/rpc.sock");
        let serving = Crm::in_memory().serve(&socket).unwrap();
        let policies = repository("policies");
        Self::of("crm", place, socket, Serves::Crm(serving), &policies).await
    }

    /// The CRM, and these policies and limits of one context.
    pub(crate) async fn under(context: &str, policy: &str, limits: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("crm/rpc.sock");
        let serving = Crm::in_memory().serve(&socket).unwrap();
        let policies = place.path().join("policies");
        fs::create_dir_all(policies.join(context)).unwrap();
        fs::write(policies.join(context).join("policy.cedar"), policy).unwrap();
        fs::write(policies.join(context).join("limits.toml"), limits).unwrap();
        Self::of("crm", place, socket, Serves::Crm(serving), &policies).await
    }

    /// Puts other policies in force, as an operator would while runs go on.
    pub(crate) fn change(&self) -> impl Fn(&str, &str) + Send + Sync + 'static {
        let store = Arc::clone(&self.policies);
        let directory = self.place.path().join("policies");
        let interfaces: Vec<_> = self
            .registry
            .services()
            .map(|service| service.interface())
            .collect();
        move |context, policy| {
            fs::write(directory.join(context).join("policy.cedar"), policy).unwrap();
            store.reload(&interfaces).unwrap();
        }
    }

    /// A service whose calls wait for each other, and a policy that permits all of them.
    pub(crate) async fn with(meeting: Meeting) -> Self {
        let place = tempfile::tempdir().unwrap();
        let policies = place.path().join("policies");
        fs::create_dir_all(policies.join("anybody")).unwrap();
        fs::write(policies.join("anybody/policy.cedar"), EVERYTHING).unwrap();
        fs::write(policies.join("anybody/limits.toml"), "hero_context = 1\n").unwrap();
        let socket = meeting.socket();
        Self::of(
            "meeting",
            place,
            socket,
            Serves::Meeting(meeting),
            &policies,
        )
        .await
    }

    async fn of(
        name: &str,
        place: tempfile::TempDir,
        socket: PathBuf,
        serving: Serves,
        policies: &Path,
    ) -> Self {
        let client = Client::new(ClientLimits::default());
        let address = Address::http(&socket).unwrap();
        let document = client.discover(&address).await.unwrap();
        let mut store = Store::open(&place.path().join("state")).unwrap();
        let document = document.get().as_bytes();
        let service = store
            .add(name, &address, &Terms::default(), document, false)
            .unwrap();
        let policies = Arc::new(PolicyStore::open(policies, &[service.interface()]).unwrap());
        Self {
            registry: store.registry(&store.list().unwrap()).unwrap(),
            serving: Mutex::new(Some(serving)),
            place,
            socket,
            policies,
            client,
        }
    }

    /// Nobody serves any more.
    pub(crate) fn close(&self) {
        self.serving.lock().unwrap().take();
    }

    /// Runs a script in a context, with the claims of an administrator of the CRM.
    pub(crate) async fn run(
        &self,
        context: &str,
        person: impl Into<Option<Arc<Person>>>,
        source: &str,
    ) -> Outcome {
        let person = person.into().map(|person| person as Arc<dyn Approver>);
        self.carry_out(context, person, source, limits()).await
    }

    /// Runs a script to which everything is permitted.
    pub(crate) async fn run_permitted(&self, source: &str) -> Outcome {
        self.run_with(source, limits()).await
    }

    /// The same with other limits.
    pub(crate) async fn run_with(&self, source: &str, limits: Limits) -> Outcome {
        self.carry_out("anybody", None, source, limits).await
    }

    async fn carry_out(
        &self,
        context: &str,
        approver: Option<Arc<dyn Approver>>,
        source: &str,
        limits: Limits,
    ) -> Outcome {
        let context = self.context(context, approver).tightened(limits);
        let script = Script::new(source);
        sandbox().await.run(script, &context).await.unwrap()
    }

    /// A context, with the claims of an administrator of the CRM.
    pub(crate) fn context(&self, context: &str, approver: Option<Arc<dyn Approver>>) -> Context {
        let caller = caller(context, 1, None, &["crm.admin"]);
        let policy = self.policies.get(context).unwrap();
        let (registry, client) = (self.registry.clone(), self.client.clone());
        let reach = Reach::new(caller, policy, registry, client, approver).unwrap();
        Context::of(Arc::new(reach))
    }

    /// How many contacts a context has, as the CRM itself says.
    pub(crate) async fn contacts(&self, context: &str) -> u64 {
        let policy = self.policies.get(context).unwrap().now().unwrap();
        let number = policy.limits.hero_context.get();
        let identity = identity(context, number, None, &[]);
        let nothing = RawValue::from_string("{}".to_owned()).unwrap();
        let address = Address::http(&self.socket).unwrap();
        let stats = self
            .client
            .call(&address, &identity, "stats.count", &nothing)
            .await
            .unwrap();
        let stats: serde_json::Value = serde_json::from_str(stats.get()).unwrap();
        assert!(self.place.path().exists());
        stats["contacts"].as_u64().unwrap()
    }
}
