//! What of the journal is shown to nobody: parameters that the document of a service or the operator marks as sensitive, what looks
//! like a credential, and what repeats either in the same run. Asked by everything that shows calls. It must never let a text
//! through that it could not read.

use crate::{failure::Failure, shared::SharedArguments};
use sandgate::{
    BUILTIN, Entry, Id, Journal, KeptLine,
    service::{
        Method, REDACTED, Registry, Secrets, Store, learn_json, redacted_json, redacted_text,
    },
};
use serde_json::{Value, value::RawValue};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// By the services that are registered. Of one that is not, nobody knows which parameters were sensitive.
#[derive(Debug)]
pub(crate) struct Redaction {
    registry: Registry,
    is_off: bool,
}

impl Redaction {
    /// By what is registered; off where the operator wants to see everything.
    pub(crate) fn open(shared: &SharedArguments, unredacted: bool) -> Result<Self, Failure> {
        match shared.state_dir().filter(|_| !unredacted) {
            Some(state) => Self::of(&Store::open(&state)?),
            None => Ok(Self {
                registry: Registry::default(),
                is_off: unredacted,
            }),
        }
    }

    /// By these registrations.
    pub(crate) fn of(store: &Store) -> Result<Self, Failure> {
        let registrations = store.list()?;
        // One whose new document waits is as it was.
        let waiting = registrations.iter().filter(|one| !one.is_offered());
        let waiting = waiting.map(|registration| store.service(registration));
        let waiting = waiting.collect::<Result<Vec<_>, _>>()?;
        let registry = store
            .registry(&registrations)?
            .with(&Registry::of(waiting))
            .map_err(|name| Failure::internal(format!("`{name}` is registered twice"), None))?;
        Ok(Self {
            registry,
            is_off: false,
        })
    }

    /// Whether everything is shown.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off
    }

    fn method(&self, service: &str, method: &str) -> Option<Arc<Method>> {
        self.registry.method(service, method)
    }

    /// The parameters of a call.
    pub(crate) fn params(
        &self,
        service: &str,
        method: &str,
        params: &str,
        secrets: &Secrets,
    ) -> String {
        if self.is_off {
            return params.to_owned();
        }
        match self.method(service, method) {
            Some(method) => method.redacted_params(params, secrets),
            None => redacted_json(params, &BTreeSet::new(), secrets),
        }
    }

    /// What of the parameters of a call is hidden, for what repeats it.
    pub(crate) fn learn_params(
        &self,
        service: &str,
        method: &str,
        params: &str,
        secrets: &mut Secrets,
    ) {
        match self.method(service, method) {
            _ if self.is_off => {}
            Some(method) => method.learn_params(params, secrets),
            None => learn_json(params, &BTreeSet::new(), secrets),
        }
    }

    /// What a script was answered. A result may repeat what was given.
    pub(super) fn reply(
        &self,
        service: &str,
        method: &str,
        reply: &str,
        secrets: &Secrets,
    ) -> String {
        if self.is_off {
            return reply.to_owned();
        }
        let Ok(parts) = serde_json::from_str::<BTreeMap<String, &RawValue>>(reply) else {
            return Value::from(REDACTED).to_string();
        };
        let sensitive = self.sensitive(service, method);
        let parts = parts.iter().map(|(kind, part)| {
            let part = redacted_json(part.get(), &sensitive, secrets);
            format!("{}:{part}", Value::from(kind.as_str()))
        });
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }

    /// What of an answer is hidden, for what repeats it.
    fn learn_reply(&self, service: &str, method: &str, reply: &str, secrets: &mut Secrets) {
        let parts = serde_json::from_str::<BTreeMap<String, &RawValue>>(reply);
        let sensitive = self.sensitive(service, method);
        for part in parts.unwrap_or_default().values() {
            learn_json(part.get(), &sensitive, secrets);
        }
    }

    fn sensitive(&self, service: &str, method: &str) -> BTreeSet<String> {
        let method = self.method(service, method);
        method.map_or_else(BTreeSet::new, |method| method.sensitive.clone())
    }

    /// Any other JSON.
    pub(super) fn json(&self, json: &str, secrets: &Secrets) -> String {
        if self.is_off {
            return json.to_owned();
        }
        redacted_json(json, &BTreeSet::new(), secrets)
    }

    /// Any other text.
    pub(super) fn text(&self, text: String, secrets: &Secrets) -> String {
        if self.is_off {
            return text;
        }
        redacted_text(&text, secrets)
    }
}

/// What was hidden in the calls of each run that is being shown. All lines of a run are read before the first of them is shown, since
/// a script can print what it only gives to a service later.
#[derive(Debug)]
pub(super) struct RunSecrets<'a> {
    journal: &'a Journal,
    redaction: &'a Redaction,
    runs: BTreeMap<Id, Learnt>,
}

/// What is known of one run.
#[derive(Debug, Default)]
struct Learnt {
    secrets: Secrets,
    /// The last line that was looked at.
    through: u64,
    /// The calls that have no answer yet, since only their first line says of which method they are.
    methods: BTreeMap<u32, (String, String)>,
}

impl<'a> RunSecrets<'a> {
    pub(super) fn new(journal: &'a Journal, redaction: &'a Redaction) -> Self {
        Self {
            journal,
            redaction,
            runs: BTreeMap::new(),
        }
    }

    /// This line is shown next.
    pub(super) fn look(&mut self, line: &KeptLine) -> Result<(), Failure> {
        if self.redaction.is_off() {
            return Ok(());
        }
        let learnt = self.runs.entry(line.run).or_default();
        // A run that goes on has more lines than when it was first looked at.
        if learnt.through < line.seq {
            let from = learnt.through.saturating_add(1);
            let (journal, redaction) = (self.journal, self.redaction);
            journal.each(Some(line.run), from, |line| -> Result<bool, Failure> {
                learnt.through = line.seq;
                // What cannot be read is not shown either.
                if let Ok(entry) = Entry::decode(&line.body) {
                    learnt.take(journal, redaction, &entry)?;
                }
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// What was hidden in a run.
    pub(super) fn of(&self, run: Id) -> &Secrets {
        static NONE: Secrets = Secrets::NONE;
        self.runs.get(&run).map_or(&NONE, |learnt| &learnt.secrets)
    }

    /// Nothing more comes of a run.
    pub(super) fn ended(&mut self, run: Id) {
        self.runs.remove(&run);
    }
}

impl Learnt {
    fn take(
        &mut self,
        journal: &Journal,
        redaction: &Redaction,
        entry: &Entry<'_>,
    ) -> Result<(), Failure> {
        let (call, held, is_reply) = match entry {
            Entry::Called {
                call,
                service,
                method,
                params,
            } if *service != BUILTIN => {
                let method = (service.to_string(), method.to_string());
                self.methods.insert(*call, method);
                (call, params, false)
            }
            Entry::Intended { call, params, .. } | Entry::Planned { call, params, .. } => {
                (call, params, false)
            }
            Entry::Replied { call, reply } | Entry::Resolved { call, reply, .. } => {
                (call, reply, true)
            }
            _ => return Ok(()),
        };
        let Some((service, method)) = self.methods.get(call) else {
            return Ok(());
        };
        let text = journal.held(held)?;
        if is_reply {
            redaction.learn_reply(service, method, &text, &mut self.secrets);
            self.methods.remove(call);
        } else {
            redaction.learn_params(service, method, &text, &mut self.secrets);
        }
        Ok(())
    }
}
