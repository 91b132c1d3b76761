//! Whose word counts on what else there is to say of methods.

use super::*;
use crate::{address::Address, offer::Terms};
use serde_json::json;
use std::path::Path;

/// What counts of one method: whether it is idempotent and a source, and its sensitive parameters.
fn counted(trusted: bool, marks: Marks, method: &str) -> (bool, bool, Vec<String>) {
    let document = json!({"openrpc": "1.3.2", "x-source": true, "methods": [
        {"name": "mail.send", "x-idempotent": true, "x-source": false, "params": [
            {"name": "pin", "x-sensitive": true, "schema": {"type": "string"}},
            {"name": "to", "x-sensitive": 1, "schema": {"type": "string"}},
        ]},
        {"name": "mail.list", "params": []},
    ]});
    let terms = Terms {
        trusted,
        marks,
        ..Terms::default()
    };
    let address = Address::http(Path::new("/run/x.sock")).unwrap();
    let service = Service::read("mail", address, document.to_string().as_bytes(), &terms).unwrap();
    let method = service.method(method).unwrap();
    let sensitive = method.sensitive.iter().cloned().collect();
    (method.idempotent, method.source, sensitive)
}

#[test]
fn pol_09_the_operator_says_what_methods_are_and_services_only_where_they_are_trusted() {
    let nothing = Marks::default;
    let pin = || vec!["pin".to_owned()];
    assert_eq!(counted(true, nothing(), "mail.send"), (true, false, pin()));
    assert_eq!(counted(true, nothing(), "mail.list"), (false, true, vec![]));
    for method in ["mail.send", "mail.list"] {
        assert_eq!(counted(false, nothing(), method), (false, false, vec![]));
    }
    let said = |idempotent: bool, source: (&str, bool), sensitive: (&str, bool)| Marks {
        idempotent: BTreeMap::from([("mail.send".to_owned(), idempotent)]),
        sources: BTreeMap::from([(source.0.to_owned(), source.1)]),
        sensitive: BTreeMap::from([(
            "mail.send".to_owned(),
            BTreeMap::from([(sensitive.0.to_owned(), sensitive.1)]),
        )]),
        ..Marks::default()
    };
    let against = || said(false, ("mail.send", true), ("pin", false));
    assert_eq!(counted(true, against(), "mail.send"), (false, true, vec![]));
    assert_eq!(
        counted(false, against(), "mail.send"),
        (false, true, vec![])
    );
    let more = || said(true, (EVERY_METHOD, true), ("to", true));
    let both = vec!["pin".to_owned(), "to".to_owned()];
    assert_eq!(counted(true, more(), "mail.send"), (true, true, both));
    assert_eq!(
        counted(false, more(), "mail.send"),
        (true, true, vec!["to".to_owned()])
    );
    assert_eq!(counted(false, more(), "mail.list"), (false, true, vec![]));
    // The operator's word on all of a service is one on each of its methods.
    let none = || said(true, (EVERY_METHOD, false), ("to", true));
    assert_eq!(counted(true, none(), "mail.list"), (false, false, vec![]));
}
