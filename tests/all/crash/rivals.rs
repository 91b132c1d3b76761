//! Two processes on one state: one of them waits at the place where it would be too late, and the other does all of it meanwhile.

use super::shop::{Finished, Shop, Step, until_it_waits};
use crate::support::witness::Witness;
use sandgate::PastRun;
use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    thread,
};

const ORDER: &str =
    "from services import shop\nprint(shop.item_order(tag='TAG', item='a')['id'])\n";
const ADD: &str = "from services import shop\nprint(shop.item_add(tag='TAG', item='a')['id'])\n";

/// Has a command wait at a place until something else was done, and tells what it said then.
fn after(mut command: Command, place: &str, first: impl FnOnce()) -> Finished {
    let mut child = command
        .env("SANDGATE_FAILPOINT", format!("{place}@1=wait"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = until_it_waits(child.stderr.take().unwrap(), place);
    first();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut text = String::new();
    stderr.read_to_string(&mut text).unwrap();
    let ended = child.wait_with_output().unwrap();
    Finished {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: text,
    }
}

fn well(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{finished:#?}");
}

#[test]
fn apr_02_a_run_that_another_process_went_on_with_is_not_gone_on_with_again() {
    let shop = Shop::open(&Witness::open(), ORDER);
    shop.perform(Step::Run, None);
    well(&shop.perform(Step::Approve, None));
    let late = after(shop.step(Step::Resume), "claiming", || {
        well(&shop.perform(Step::Resume, None));
    });
    assert_eq!(
        (late.code, late.said().as_str()),
        (
            Some(64),
            "the run NAME is `ok`, and only one that waits or was interrupted can go on"
        )
    );
    assert_eq!(shop.made_shown(), ["order a"]);
    shop.is_sound();
}

#[test]
fn apr_02_a_plan_is_carried_out_once_however_many_approve_it() {
    let shop = Shop::open(&Witness::open(), ORDER);
    well(&shop.perform(Step::Plan, None));
    let late = after(shop.step(Step::Carry), "carrying", || {
        well(&shop.perform(Step::Carry, None));
    });
    let again = shop.perform(Step::Carry, None);
    for late in [late, again] {
        assert_eq!(
            (late.code, late.said().as_str()),
            (
                Some(64),
                "the plan NAME is carried out by the run NAME, which is `ok`"
            )
        );
    }
    assert_eq!(shop.made_shown(), ["order a"]);
    shop.is_sound();
}

#[test]
fn apr_02_a_plan_of_which_no_change_was_made_can_be_carried_out_after_all() {
    let shop = Shop::open(&Witness::open(), ORDER);
    well(&shop.perform(Step::Plan, None));
    let policy = shop.at("policies/assistant/policy.cedar");
    let was = std::fs::read_to_string(&policy).unwrap();
    let nothing = "@because(\"Not now.\") forbid (principal, action, resource);\n";
    std::fs::write(&policy, nothing).unwrap();
    let refused = shop.perform(Step::Carry, None);
    assert_eq!(
        (refused.code, shop.made_shown()),
        (Some(1), vec![]),
        "{refused:#?}"
    );
    std::fs::write(&policy, was).unwrap();
    well(&shop.perform(Step::Carry, None));
    assert_eq!(shop.made_shown(), ["order a"]);
    shop.is_sound();
}

#[test]
fn apr_02_a_call_is_undone_once_however_many_undo_it() {
    let shop = Shop::open(&Witness::open(), ADD);
    well(&shop.perform(Step::Run, None));
    let late = after(shop.step(Step::Undo), "undoing", || {
        well(&shop.perform(Step::Undo, None));
    });
    assert_eq!(
        (late.code, late.said().as_str()),
        (
            Some(64),
            "call 2 of the run NAME is undone by the run NAME, which is `ok`"
        )
    );
    let again = shop.perform(Step::Undo, None);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (
            Some(1),
            "  2  shop.item.add: cannot be undone: it is undone already\n"
        )
    );
    assert_eq!(shop.made_shown(), ["add a", "remove 1"]);
    shop.is_sound();
}

#[test]
fn apr_02_a_call_that_an_interrupted_run_is_to_undo_is_not_undone_by_another() {
    let shop = Shop::open(&Witness::open(), ADD);
    well(&shop.perform(Step::Run, None));
    shop.perform(Step::Undo, Some("sent@1=die"));
    let again = shop.perform(Step::Undo, None);
    assert_eq!(
        (
            again.code,
            crate::support::without_names(&again.stdout).as_str()
        ),
        (
            Some(1),
            "  2  shop.item.add: cannot be undone: the run NAME, `interrupted`, is to undo it\n"
        )
    );
    shop.go_on();
    assert_eq!(shop.made_shown(), ["add a", "remove 1"]);
    shop.is_sound();
}

#[test]
fn apr_02_of_two_who_answer_at_once_one_is_told_so() {
    let shop = Shop::open(&Witness::open(), ORDER);
    shop.perform(Step::Run, None);
    let late = after(shop.step(Step::Approve), "answering", || {
        let run = shop.run_of(None).unwrap().to_string();
        let arguments = [
            "reject",
            "--all",
            "--no-resume",
            "--as",
            "eve",
            "--run",
            &run,
        ];
        let mut reject = shop.command(&arguments);
        reject.arg("--policies").arg(shop.at("policies"));
        assert!(reject.status().unwrap().success());
    });
    assert_eq!(
        (
            late.code,
            crate::support::without_names(&late.stderr).as_str()
        ),
        (
            Some(64),
            "sandgate: shop.item.order of the run NAME: somebody else answered at the same moment; look again\n"
        )
    );
    assert_eq!(shop.made_shown(), Vec::<String>::new());
    shop.is_sound();
}

#[test]
fn apr_02_of_two_who_say_what_became_of_a_change_one_is_told_so() {
    let shop = Shop::open(&Witness::open(), ADD);
    shop.perform(Step::Run, Some("sent@1=die"));
    let run = shop.run_of(None).unwrap().to_string();
    let late = after(
        shop.command(&["resolve", &run, "2", "--not-made"]),
        "resolving",
        || well(&shop.operator(&["resolve", &run, "2", "--result", "{\"id\": 1}"])),
    );
    assert_eq!(
        (late.code, late.said().as_str()),
        (Some(64), "another process goes on with the run NAME")
    );
    shop.go_on();
    assert_eq!(shop.made_shown(), ["add a"]);
    shop.is_sound();
}

#[test]
fn jrn_04_many_processes_write_one_journal_at_once_and_it_stays_whole() {
    let script = "from services import shop
for item in 'abcde':
    shop.item_list(tag='TAG')
    shop.item_add(tag='TAG', item=item)
";
    let witness = Witness::open();
    // They make it at once, too.
    for _ in 0..4 {
        let shop = Shop::open(&witness, script);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| well(&shop.perform(Step::Run, None)));
            }
        });
        assert_eq!((shop.runs().len(), shop.made().len()), (6, 30));
        shop.is_sound();
    }
}

#[test]
fn apr_02_a_plan_that_was_interrupted_is_gone_on_with_and_not_carried_out() {
    let script = "from services import shop
shop.item_list(tag='TAG')
shop.item_add(tag='TAG', item='a')
print('planned')
";
    let shop = Shop::open(&Witness::open(), script);
    // So the reads of a run are in the journal before it goes on.
    let limits = "hero_context = 1\njournal = \"required\"\n";
    std::fs::write(shop.at("policies/assistant/limits.toml"), limits).unwrap();
    shop.perform(Step::Plan, Some("planned@1=die"));
    let planned = || (shop.runs()[0].status.clone(), shop.made_shown());
    assert_eq!(planned(), ("interrupted".to_owned(), vec![]));
    let run = shop.runs()[0].run.to_string();
    let mut resume = shop.with_policies(&["resume", &run]);
    assert!(resume.status().unwrap().success());
    assert_eq!(planned(), ("ok".to_owned(), vec![]));
    well(&shop.perform(Step::Carry, None));
    assert_eq!(shop.made_shown(), ["add a"]);
    shop.is_sound();
}

#[test]
fn apr_02_an_idempotent_change_that_may_not_be_sent_again_is_unknown_and_not_refused() {
    let script = "from services import shop\nprint(shop.item_put(tag='TAG', item='a')['id'])\n";
    let shop = Shop::open(&Witness::open(), script);
    shop.perform(Step::Run, Some("sent@1=die"));
    assert_eq!(shop.unknown(), 0);
    let policy = shop.at("policies/assistant/policy.cedar");
    let nothing = "@because(\"Not now.\") forbid (principal, action, resource);\n";
    std::fs::write(policy, nothing).unwrap();
    for _ in 0..2 {
        let resumed = shop.perform(Step::Resume, None);
        assert_eq!(
            (resumed.code, resumed.said().as_str()),
            (
                Some(64),
                "nobody knows whether call 2 of the run NAME, shop.item.put, was made: it was about to be sent, and no answer is known"
            )
        );
        assert_eq!(shop.unknown(), 1);
    }
    let run = shop.run_of(None).unwrap().to_string();
    well(&shop.operator(&["resolve", &run, "2", "--result", "{\"id\": 1}"]));
    let resumed = shop.perform(Step::Resume, None);
    assert_eq!((resumed.code, resumed.stdout.as_str()), (Some(0), "1\n"));
    assert_eq!(shop.made_shown(), ["put a"]);
    assert_eq!(shop.journal().verify().unwrap().problems, []);
}

#[test]
fn apr_02_an_approved_call_whose_answer_is_not_known_is_reported_as_that() {
    let shop = Shop::open(&Witness::open(), ORDER);
    let reported = || {
        let run = shop.run_of(None).unwrap().to_string();
        let past = PastRun::read(&shop.journal(), &run).unwrap();
        past.result().unwrap().calls[0].result
    };
    shop.perform(Step::Run, None);
    assert_eq!(reported(), "waits");
    shop.perform(Step::Approve, None);
    assert_eq!(reported(), "waits");
    shop.perform(Step::Resume, Some("sent@1=die"));
    assert_eq!((reported(), shop.unknown()), ("unknown", 1));
    shop.go_on();
    assert_eq!(reported(), "made");
    assert_eq!(shop.made_shown(), ["order a"]);
    shop.is_sound();
}
