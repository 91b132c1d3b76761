//! `sandgate doctor`: what it says of a set-up that is well, and of each part that is not.

use crate::support::{desk::Desk, finished};
use serde_json::Value;
use std::fs;

fn findings(desk: &Desk) -> (i32, Vec<(String, bool, String)>) {
    let mut doctor = desk.operator(&["doctor", "--json"]);
    doctor
        .arg("--policies")
        .arg(desk.policies())
        .env("XDG_RUNTIME_DIR", desk.state());
    let (code, said, complaints) = finished(doctor.output().unwrap());
    assert_eq!(complaints, "");
    let all: Value = serde_json::from_str(&said).unwrap();
    let root = desk.state().parent().unwrap().display().to_string();
    let found = all["findings"].as_array().unwrap().iter().map(|finding| {
        let found = finding["found"].as_str().unwrap().replace(&root, "ROOT");
        let about = finding["about"].as_str().unwrap().to_owned();
        (about, finding["is_well"].as_bool().unwrap(), found)
    });
    (
        code,
        found.filter(|(about, ..)| about != "interpreter").collect(),
    )
}

fn well(about: &str, found: &str) -> (String, bool, String) {
    (about.to_owned(), true, found.to_owned())
}

fn to_mend(about: &str, found: &str) -> (String, bool, String) {
    (about.to_owned(), false, found.to_owned())
}

#[test]
fn a_set_up_that_is_well_has_nothing_to_mend_and_one_that_is_not_is_told_what() {
    let desk = Desk::open();
    let none = "none listens at ROOT/state/sandgate/rpc.sock";
    assert_eq!(
        findings(&desk),
        (
            0,
            vec![
                well("journal", "nothing has run yet"),
                well("services", "crm: it answers at ROOT/crm/rpc.sock"),
                well("policies", "`ROOT/policies`: gated"),
                well("tokens", "there are none"),
                well("server", none),
            ]
        )
    );
    let script = "from services import crm\ncrm.contact_add(name='Ada')";
    assert_eq!(
        desk.run(&[], script).output().unwrap().status.code(),
        Some(75)
    );
    fs::remove_file(desk.socket()).unwrap();
    fs::write(
        desk.state().with_file_name("policies/gated/limits.toml"),
        "hero_context = 0\n",
    )
    .unwrap();
    let (code, found) = findings(&desk);
    assert_eq!(code, 1);
    assert_eq!(found[1], well("runs", "1 run is waiting for a person"));
    let broken: Vec<&str> = found
        .iter()
        .filter(|(_, is_well, _)| !is_well)
        .map(|(about, ..)| about.as_str())
        .collect();
    assert_eq!(broken, ["services", "policies"]);
    assert_eq!(found[2], to_mend("services", &found[2].2));
    assert!(found[2].2.starts_with("crm: "), "{}", found[2].2);
}
