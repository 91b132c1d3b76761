//! Where hostile bytes enter, one function for each kind: what the fuzzers of `tests/fuzz` call, and what the test below
//! runs their seeds through. It is not part of the program. A function takes any bytes, and ends the process where what is made
//! of them breaks a rule that is written here.

use crate::{hostcall::call, journal::entry};
use miette::NarratableReportHandler;
use sandgate_policy::{
    Cases, ContextLimits, ContextName, ContextNumber, File, Moment, NOTHING_READ, Policies,
    Principal, Query, Schema, Unusable, is_method_name,
};
use sandgate_service::{Address, Service, Terms};
use serde_json::{Map, Value};
use std::{
    num::NonZeroU32,
    path::Path,
    sync::{Arc, LazyLock},
};

/// A kind of bytes, by the name of its fuzzer and of the directory of its seeds.
type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: &[Entry] = &[
    ("request", request),
    ("document", sandgate_service::fuzzing::document),
    ("arguments", sandgate_service::fuzzing::arguments),
    ("http", sandgate_service::fuzzing::http),
    ("lines", sandgate_service::fuzzing::lines),
    ("policy", policy),
    ("limits", limits),
    ("cases", cases),
    ("seal", crate::sandbox::fuzzing::seal),
    ("journal", journal),
];

/// Runs the entry of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let entry = ENTRIES.iter().find(|(known, _)| *known == name);
    assert!(entry.is_some(), "there is no entry `{name}`");
    if let Some((_, entry)) = entry {
        entry(bytes);
    }
}

/// What a guest hands to `begin`.
fn request(bytes: &[u8]) {
    let Ok(call) = call::decode(bytes, 1, Moment::OF_CASES) else {
        return;
    };
    for name in [call.service(), call.method()] {
        assert!(is_method_name(name) && name.is_ascii(), "{name:?}");
    }
    let params: Result<Value, _> = serde_json::from_str(call.params().get());
    // serde_json is stricter than a reader of raw text in what it makes of numbers and half characters.
    if let Ok(params) = params {
        assert!(nesting(&params) <= 64);
    }
}

fn nesting(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(nesting).max(),
        Value::Object(members) => members.values().map(nesting).max(),
        _ => return 0,
    };
    inner.unwrap_or(0) + 1
}

/// The schema of a context that may use the demonstration's service, and a policy of it.
static OFFICE: LazyLock<(Arc<Schema>, Policies)> = LazyLock::new(|| {
    let address = Address::http(Path::new("/run/crm.sock")).unwrap();
    let service = Service::read(
        "crm",
        address,
        include_bytes!("../demo/src/crm.openrpc.json"),
        &Terms::default(),
    );
    let context = ContextName::new("operator").unwrap();
    let schema = Arc::new(Schema::new(context, &[service.unwrap().interface()]).unwrap());
    let file = File {
        name: "policy.cedar",
        text: include_str!("../../policies/operator/policy.cedar"),
    };
    let policies = Policies::load(
        Arc::clone(&schema),
        file,
        &ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN)),
    )
    .unwrap();
    (schema, policies)
});

/// `policy.cedar`.
fn policy(bytes: &[u8]) {
    let Some(file) = file("operator/policy.cedar", bytes) else {
        return;
    };
    let (schema, _) = &*OFFICE;
    let policies = match Policies::load(
        Arc::clone(schema),
        file,
        &ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN)),
    ) {
        Ok(policies) => policies,
        Err(unusable) => return show(&unusable),
    };
    if let Some(unusable) = policies.lint(None) {
        show(&unusable);
    }
    let mut params = Map::new();
    params.insert("name".to_owned(), Value::from("Ann"));
    params.insert("email".to_owned(), Value::from("a@b"));
    let number = ContextNumber::Number(NonZeroU32::MIN);
    let principal = Principal::new("operator", number, "script").unwrap();
    let principal = principal.with_user("ann").unwrap();
    let principal = principal.with_claims(["crm.admin"]).unwrap();
    for method in ["contact.add", "contact.get", "contact.delete", "nothing"] {
        let query = Query {
            principal: &principal,
            service: "crm",
            method,
            params: &params,
            now: Moment::OF_CASES,
            read_from: &NOTHING_READ,
        };
        // Asked twice, the answer is the same; and there is none for what there is not.
        let decision = policies.decide(&query);
        assert_eq!(decision.verdict, policies.decide(&query).verdict);
        let permitted = decision.verdict != sandgate_policy::Verdict::Refuse;
        assert!(!permitted || (policies.may_use("crm") && method != "nothing"));
    }
}

/// `limits.toml`.
fn limits(bytes: &[u8]) {
    let Some(file) = file("operator/limits.toml", bytes) else {
        return;
    };
    match ContextLimits::parse(file, &OFFICE.0) {
        Ok(limits) => {
            // 0 makes every call an administrator's, and takes a second line.
            assert!(
                limits.hero_context != ContextNumber::Administrator
                    || file.text.contains("hero_administrator")
            );
        }
        Err(unusable) => show(&unusable),
    }
}

/// `cases.toml`.
fn cases(bytes: &[u8]) {
    let Some(file) = file("operator/cases.toml", bytes) else {
        return;
    };
    let (_, policies) = &*OFFICE;
    match Cases::parse(file, policies) {
        Ok(cases) => {
            let report = cases.run(policies);
            assert_eq!(report.cases.len(), cases.cases().len());
        }
        Err(unusable) => show(&unusable),
    }
}

/// A line of the journal. What can be read is written again as something that reads the same.
pub(crate) fn journal(bytes: &[u8]) {
    let Ok(entry) = entry::Entry::decode(bytes) else {
        return;
    };
    let written = entry.encode();
    let again = entry::Entry::decode(&written).unwrap();
    assert_eq!(again.encode(), written);
    assert_eq!((again.kind(), again.texts()), (entry.kind(), entry.texts()));
}

/// Reading a file that decides has an encoding and a size; what is neither does not come this far.
fn file<'a>(name: &'a str, bytes: &'a [u8]) -> Option<File<'a>> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(File { name, text })
}

/// Writes a report out, with all that it points at.
fn show(unusable: &Unusable) {
    let handler = NarratableReportHandler::new();
    let mut drawn = String::new();
    assert!(handler.render_report(&mut drawn, unusable).is_ok());
    assert!(!drawn.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs};

    /// What was found once, and where the fuzzers begin.
    #[test]
    fn every_seed_of_the_fuzzers_keeps_the_rules() {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds");
        let directories = fs::read_dir(&place).unwrap();
        let found: BTreeSet<String> = directories
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let known = ENTRIES.iter().map(|(name, _)| (*name).to_owned());
        assert_eq!(found, known.collect());
        for (name, entry) in ENTRIES {
            let seeds = fs::read_dir(place.join(name)).unwrap();
            let seeds: Vec<_> = seeds.map(|seed| seed.unwrap().path()).collect();
            assert!(seeds.len() > 2, "{name}");
            for seed in seeds {
                let bytes = fs::read(&seed).unwrap();
                // What was cut off is another seed, for nothing.
                for end in [bytes.len(), bytes.len() / 2, bytes.len().saturating_sub(1)] {
                    entry(&bytes[..end]);
                }
            }
        }
    }
}
