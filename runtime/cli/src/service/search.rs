//! `sandgate service search`: the methods that are for what somebody wants to do, as a model reads them. The finding is the
//! registry's; with a context it must never show a method that the context may not call.

use super::{arguments::SearchArguments, policies};
use crate::{escape, exit::Exit, failure::Failure, print};
use sandgate::service::{MethodFound, Registry, Store, StoreError};

pub(super) fn show(store: &Store, arguments: &SearchArguments) -> Result<Exit, Failure> {
    let registrations = store.list()?;
    let (registry, policies) = match &arguments.context {
        // What waits is not offered to the scripts of a context.
        Some(context) => match policies::of_context(store, &arguments.policies, context)? {
            Some(policies) => (store.registry(&registrations)?, Some(policies)),
            None => return Ok(Exit::Found),
        },
        None => {
            let services = registrations.iter().map(|one| store.service(one));
            let services = services.collect::<Result<Vec<_>, StoreError>>()?;
            (Registry::of(services), None)
        }
    };
    let query = arguments.query.join(" ");
    let found = registry.search(policies.as_ref(), &query, arguments.most.into());
    if arguments.json {
        let json = serde_json::to_string(&found).map_err(|error| Failure::ours(&error))?;
        print::json(&format!("{json}\n"))?;
    } else if found.is_empty() {
        print::err(&format!(
            "nothing is found for `{}`; use words that its description would have, or read all of `sandgate service interface`\n",
            escape::escaped(&query)
        ));
    } else {
        print::out(&text(&found))?;
    }
    Ok(if found.is_empty() {
        Exit::Found
    } else {
        Exit::Ok
    })
}

fn text(found: &[MethodFound]) -> String {
    found.iter().map(|one| format!("{}\n", one.line)).collect()
}
