//! Who decides, and for how long a decision stands: limits that come with a context, policies that change while a run
//! goes on or a person looks, questions that are counted, replays that call nothing, and what calls under way may cost.

use crate::support::{
    Office, limits,
    meeting::meeting,
    people::{Busy, Nobody, Person},
    sandbox,
};
use sandgate::{Limits, Outcome, RunError, Script, Status};
use std::{sync::Arc, time::Duration};

const READS: &str = "@because(\"x\") permit (principal, action in Action::\"read\", resource);\n";
const GATED: &str = "@because(\"x\") permit (principal, action in Action::\"read\", resource);
    @because(\"A person looks.\") @gate(\"approve\") permit (principal, action in Action::\"write\", resource);\n";
const FORBIDDEN: &str = "@because(\"x\") permit (principal, action in Action::\"read\", resource);
    @because(\"It was taken back.\") forbid (principal, action in Action::\"write\", resource);\n";

fn said(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    &outcome.stdout.text
}

const ADD: &str = "from services import crm\ntry:\n    print(crm.contact_add('Ada', email='ada@example.org')['id'])\nexcept Exception as error:\n    print(error)\n";

#[tokio::test]
async fn a_context_brings_its_limits_and_a_caller_can_only_take_from_them() {
    let office = Office::under(
        "team",
        READS,
        "hero_context = 3\ncalls = 5\ntimeout = \"7s\"\nmemory = \"128MiB\"\n",
    )
    .await;
    let granted = Limits {
        calls: 5,
        wall: Duration::from_secs(7),
        cpu: Duration::from_secs(7),
        memory: 128 << 20,
        ..Limits::default()
    };
    let context = office.context("team", None);
    assert_eq!(context.limits(), granted);
    let more = Limits {
        calls: 1_000_000,
        wall: Duration::from_secs(100),
        memory: 1 << 30,
        ..granted
    };
    assert_eq!(context.clone().tightened(more).limits(), granted);
    let less = Limits {
        calls: 2,
        ..granted
    };
    let tightened = context.tightened(less).tightened(granted);
    assert_eq!(tightened.limits(), less);
    let source = "import _sandgate\nfor _ in range(6): last = _sandgate.collect(_sandgate.begin('{}'))\nprint(last)";
    let outcome = sandbox()
        .await
        .run(Script::new(source), &office.context("team", None))
        .await
        .unwrap();
    assert_eq!(
        said(&outcome),
        "{\"refused\":{\"code\":\"limit.calls\",\"exception\":\"RuntimeError\",\"message\":\"the run has made all of its 5 calls\",\"because\":null,\"hint\":\"do more with each call, or finish in another run\"}}\n"
    );
}

#[tokio::test]
async fn a_replay_in_a_context_is_refused_since_it_would_make_its_calls_again() {
    let office = Office::under("team", GATED, "hero_context = 3\n").await;
    let context = office.context("team", Some(Person::who_says(true)));
    let sandbox = sandbox().await;
    let first = sandbox.run(Script::new(ADD), &context).await.unwrap();
    assert_eq!(said(&first), "8\n");
    let replay = Script {
        replay: Some(first.tape),
        ..Script::new(ADD)
    };
    let error = sandbox.run(replay, &context).await.unwrap_err();
    assert!(matches!(error, RunError::Replay), "{error}");
    assert_eq!(office.contacts("team").await, 8);
}

#[tokio::test]
async fn apr_05_a_call_is_decided_again_where_the_policies_changed_while_a_person_looked() {
    for (policy, said_then, contacts) in [
        (
            FORBIDDEN,
            "`crm.contact.add` is refused: It was taken back.\n",
            7,
        ),
        // Another text and the same gate: the answer stands.
        (&*format!("// Nothing else.\n{GATED}"), "8\n", 8),
    ] {
        let office = Office::under("team", GATED, "hero_context = 3\n").await;
        let (change, policy) = (office.change(), policy.to_owned());
        let person = Arc::new(Busy(move || change("team", &policy)));
        let context = office.context("team", Some(person));
        let outcome = sandbox().await.run(Script::new(ADD), &context).await;
        assert_eq!(said(&outcome.unwrap()), said_then);
        assert_eq!(office.contacts("team").await, contacts);
    }
}

#[tokio::test]
async fn iso_04_a_reload_reaches_a_run_that_goes_on() {
    let office = Office::under("team", GATED, "hero_context = 3\n").await;
    let change = office.change();
    let nothing = "@because(\"Not now.\") forbid (principal, action, resource);\n\
        @because(\"x\") permit (principal, action in Action::\"write\", resource);";
    let person = Arc::new(Busy(move || change("team", nothing)));
    let source = format!(
        "from services import crm\nprint(len(crm.contact_list()))\n{ADD}try:\n    print(len(crm.contact_list()))\nexcept PermissionError as error:\n    print(error)"
    );
    let context = office.context("team", Some(person));
    let outcome = sandbox().await.run(Script::new(source), &context).await;
    assert_eq!(
        said(&outcome.unwrap()),
        "7\n`crm.contact.add` is refused: Not now.\n`crm.contact.list` is refused: Not now.\n"
    );
}

#[tokio::test]
async fn apr_03_a_person_is_asked_as_often_as_the_context_says_and_no_more() {
    let source = format!("for _ in range(4):\n    {}", ADD.replace('\n', "\n    "));
    for (limits, asked) in [
        ("hero_context = 3\nquestions = 2\n", 2),
        ("hero_context = 3\nquestions = 0\n", 0),
        ("hero_context = 3\n", 4),
    ] {
        let office = Office::under("team", GATED, limits).await;
        let person = Person::who_says(true);
        let outcome = office.run("team", person.clone(), &source).await;
        let made: String = (8..8 + asked).map(|id| format!("{id}\n")).collect();
        let refused = format!(
            "`crm.contact.add` needs a person's approval, and this run has asked {asked} times already; say what is left to be approved; another run can ask again\n"
        );
        assert_eq!(said(&outcome), made + &refused.repeat(4 - asked));
        assert_eq!(person.questions().len(), asked);
    }
}

#[tokio::test]
async fn dos_10_calls_under_way_are_bounded_by_their_bytes_and_what_is_too_much_is_refused() {
    // Nobody comes to the meeting, so no call is ever answered.
    let office = Office::with(meeting(10_000).await).await;
    let source = "import _sandgate, json
text = '{\"service\":\"meeting\",\"method\":\"say\",\"params\":{\"text\":\"' + 'x' * 1_000_000 + '\"}}'
refused = {}
calls = [_sandgate.begin(text) for _ in range(200)]
while call := _sandgate.wait(0):
    reply = json.loads(_sandgate.collect(call))['refused']
    key = reply['exception'] + ': ' + reply['message'] + '; ' + reply['hint']
    refused[key] = refused.get(key, 0) + 1
print(refused)";
    assert_eq!(
        said(&office.run_permitted(source).await),
        "{'RuntimeError: the host holds 64.0 MiB for this run; the call was not made; wait for earlier calls, and take their results, before making more': 181}\n"
    );
}

#[tokio::test]
async fn dos_05_a_script_that_polls_for_ever_is_ended_by_its_time_and_not_by_the_host_s_memory() {
    let limits = Limits {
        wall: Duration::from_millis(300),
        ..limits()
    };
    let office = Office::under("team", READS, "hero_context = 3\n").await;
    let context = office.context("team", None).tightened(limits);
    let source = "import _sandgate\nwhile True: _sandgate.wait(0)";
    let outcome = sandbox().await.run(Script::new(source), &context).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.status, Status::Timeout);
    assert!(
        outcome.tape.waits.len() <= 1,
        "{}",
        outcome.tape.waits.len()
    );
}

#[tokio::test]
async fn a_run_without_anybody_to_ask_says_so_before_it_counts_questions() {
    let office = Office::under("team", GATED, "hero_context = 3\nquestions = 0\n").await;
    assert_eq!(
        said(&office.run("team", Nobody, ADD).await),
        "`crm.contact.add` needs a person's approval, and nobody can be asked now: A person looks; go on with what needs no approval, and say what is left to be approved\n"
    );
}
