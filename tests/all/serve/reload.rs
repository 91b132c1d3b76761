//! Services that are registered and removed while a server runs: they are there for scripts that begin after it was told to look again.

use super::{Server, activation::told};
use crate::support::desk::Desk;
use rustix::process::Signal;
use sandgate::service::{Address, Client, ClientLimits, Store, Terms};
use sandgate_demo::{Crm, Serving};
use serde_json::json;
use std::{fs, os::unix::net::UnixDatagram, time::Duration};
use tokio::runtime::Runtime;

const POLICY: &str =
    "@because(\"It may look.\")\npermit (principal, action in Action::\"read\", resource);\n";

/// A second CRM, which is not registered yet.
struct Other {
    address: Address,
    executor: Runtime,
    _serving: Serving,
}

impl Other {
    fn beside(desk: &Desk) -> Self {
        let executor = Runtime::new().unwrap();
        let socket = desk.work().join("other/rpc.sock");
        let serving = {
            let _entered = executor.enter();
            Crm::in_memory().serve(&socket).unwrap()
        };
        Self {
            address: Address::http(&socket).unwrap(),
            executor,
            _serving: serving,
        }
    }

    fn register(&self, desk: &Desk, name: &str) {
        let client = Client::new(ClientLimits::default());
        let document = self.executor.block_on(client.discover(&self.address));
        let document = document.unwrap();
        Store::open(&desk.state())
            .unwrap()
            .add(
                name,
                &self.address,
                &Terms::default(),
                document.get().as_bytes(),
                false,
            )
            .unwrap();
    }
}

/// A server of one context that may read, and whoever hears that it has looked again.
fn started(desk: &Desk) -> (Server, UnixDatagram) {
    let policies = desk.policies();
    fs::write(policies.join("gated/policy.cedar"), POLICY).unwrap();
    let place = desk.work().join("notify");
    let supervisor = UnixDatagram::bind(&place).unwrap();
    let limit = Some(Duration::from_mins(2));
    supervisor.set_read_timeout(limit).unwrap();
    let mut command = desk.serve(&policies, &[]);
    command.env("NOTIFY_SOCKET", &place);
    let server = Server::of(command, desk.rpc(), 1);
    told(&supervisor, "READY=1");
    (server, supervisor)
}

fn look_again(server: &Server, supervisor: &UnixDatagram) {
    server.signal(Signal::HUP);
    told(supervisor, "READY=1");
}

/// What a script is told that calls a service.
fn called(server: &Server, service: &str) -> (String, String) {
    let code = format!(
        "try:\n  from services import {service}\n  print(len({service}.contact_list(limit=2)))\nexcept Exception as e: print(e)"
    );
    let outcome = server.execute(&code);
    let text = |part: &str| outcome[part].as_str().unwrap().to_owned();
    (text("status"), text("stdout"))
}

#[test]
fn what_is_registered_while_it_runs_is_called_after_a_reload_and_not_before() {
    let desk = Desk::open();
    let other = Other::beside(&desk);
    let (server, supervisor) = started(&desk);
    let ok = |printed: &str| ("ok".to_owned(), printed.to_owned());
    let unknown = ok("no service 'people' is available; there are: crm\n");
    assert_eq!(called(&server, "people"), unknown);
    other.register(&desk, "people");
    assert_eq!(called(&server, "people"), unknown);

    look_again(&server, &supervisor);
    assert_eq!(called(&server, "people"), ok("2\n"));
    assert_eq!(called(&server, "crm"), ok("2\n"));
    let listed = server.ask("list_services", json!({}));
    assert_eq!(listed["services"].as_array().unwrap().len(), 2);

    Store::open(&desk.state())
        .unwrap()
        .remove("people")
        .unwrap();
    look_again(&server, &supervisor);
    assert_eq!(called(&server, "people"), unknown);
    assert_eq!(called(&server, "crm"), ok("2\n"));
    let (code, said) = server.end();
    let unknown =
        " WARN the script asks for the service `people`; no service of that name is registered\n";
    assert_eq!((code, said), (Some(0), unknown.repeat(3)));
}

/// THREAT[POL-07]: not the services without the policies, either.
#[test]
fn pol_07_where_policies_cannot_be_used_services_stay_as_they_were_too() {
    let desk = Desk::open();
    let other = Other::beside(&desk);
    let (server, supervisor) = started(&desk);
    other.register(&desk, "people");
    let policy = desk.policies().join("gated/policy.cedar");
    fs::write(&policy, "permit (principal").unwrap();
    look_again(&server, &supervisor);
    let said = "no service 'people' is available; there are: crm\n".to_owned();
    assert_eq!(called(&server, "people"), ("ok".to_owned(), said));
    assert_eq!(called(&server, "crm"), ("ok".to_owned(), "2\n".to_owned()));

    fs::write(&policy, POLICY).unwrap();
    look_again(&server, &supervisor);
    assert_eq!(called(&server, "people").1, "2\n");
    let (code, said) = server.end();
    assert_eq!(code, Some(0));
    assert_eq!(
        said.matches("the ones before stay in force").count(),
        1,
        "{said}"
    );
}
