//! Scripts that call services: a real CRM on a real socket, the policies that ship, and the whole road between.

use crate::support::{
    Office, limits,
    meeting::meeting,
    people::{Nobody, Person},
};
use sandgate::{Limits, Outcome, Status};

/// What a script printed that must end well.
fn said(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    &outcome.stdout.text
}

const ADD: &str =
    "from services import crm\nprint(crm.contact_add('Ada', email='ada@example.org'))";

#[tokio::test]
async fn a_call_that_a_person_approves_is_made() {
    let office = Office::open().await;
    let person = Person::who_says(true);
    let outcome = office.run("assistant", Some(person.clone()), ADD).await;
    assert_eq!(
        said(&outcome),
        "{'id': 8, 'name': 'Ada', 'email': 'ada@example.org', 'company_id': None}\n"
    );
    assert_eq!(
        person.questions(),
        [
            r#"assistant: crm.contact.add (write) {"email":"ada@example.org","name":"Ada"}: A person looks at contacts before they are saved."#
        ]
    );
}

#[tokio::test]
async fn a_call_that_a_person_declines_is_not_made() {
    let office = Office::open().await;
    let outcome = office
        .run("assistant", Some(Person::who_says(false)), ADD)
        .await;
    assert_eq!(
        outcome.exception.unwrap().message,
        "`crm.contact.add` was declined; do not try again; say what was declined"
    );
    assert_eq!(office.contacts("assistant").await, 7);
}

#[tokio::test]
async fn a_call_that_needs_approval_is_refused_where_nobody_can_be_asked() {
    let office = Office::open().await;
    let outcome = office.run("assistant", Nobody, ADD).await;
    let exception = outcome.exception.unwrap();
    assert_eq!(
        (exception.kind.as_str(), exception.message.as_str()),
        (
            "services.Refused",
            "`crm.contact.add` needs a person's approval, and nobody can be asked now: A person looks at contacts \
             before they are saved; go on with what needs no approval, and say what is left to be approved"
        )
    );
    assert_eq!(office.contacts("assistant").await, 7);
}

#[tokio::test]
async fn a_refusal_is_a_permission_error_that_says_why() {
    let office = Office::open().await;
    let source = "import services\ntry:\n    services.crm.contact_delete(id=1)\nexcept PermissionError as error:\n    print(type(error), error)";
    assert_eq!(
        said(&office.run("assistant", Nobody, source).await),
        "<class 'services.Refused'> `crm.contact.delete` is refused: Nothing is deleted by a script.\n"
    );
    let outcome = office
        .run(
            "operator",
            Nobody,
            "from services import crm\ncrm.company_list()[0]",
        )
        .await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
}

#[tokio::test]
async fn an_error_of_the_service_has_its_code_and_message() {
    let office = Office::open().await;
    let source = "from services import crm, ServiceError\ntry:\n    crm.contact_get(id=99)\nexcept ServiceError as error:\n    print(error)\n    print(error.code, error.message, error.data)";
    assert_eq!(
        said(&office.run("assistant", Nobody, source).await),
        "crm.contact.get: contact 99 does not exist (code -32004)\n-32004 contact 99 does not exist None\n"
    );
}

#[tokio::test]
async fn services_are_imported_in_every_way_that_scripts_write_it() {
    let office = Office::open().await;
    let source = "\
import services
import services.crm
import services.crm as office
from services import crm, CrmClient
from crm_client import CrmClient as Generated
from services.aio import crm as later
import asyncio
name = lambda contact: contact['name']
print(name(services.crm.contact_get(1)), name(office.contact_get(id=1)), name(crm.contact_get(1)))
print(name(CrmClient().contact_get(1)), name(Generated(socket_path='/ignored').contact_get(1)))
print(name(await later.contact_get(1)))
print(dir(services))";
    assert_eq!(
        said(&office.run("assistant", Nobody, source).await),
        "Amara Okafor Amara Okafor Amara Okafor\nAmara Okafor Amara Okafor\nAmara Okafor\n['Refused', 'ServiceError', 'aio', 'crm']\n"
    );
}

#[tokio::test]
async fn a_method_explains_itself() {
    let office = Office::open().await;
    let source = "import inspect\nfrom services import crm\nprint(crm.contact_add.__name__, inspect.signature(crm.contact_add))\nprint(dir(crm))\nhelp(crm.contact_get)";
    insta::assert_snapshot!(said(&office.run("assistant", Nobody, source).await));
}

#[tokio::test]
async fn a_function_is_made_when_it_is_asked_for() {
    let office = Office::open().await;
    let source = "\
import inspect
from services import crm
def made():
    return [name for name in dir(crm) if name in vars(crm)]
print(made(), crm.contact_get(1)['name'], made())
print(crm.contact_get is crm.contact_get, inspect.isfunction(crm.contact_get), crm.contact_get.__signature__ == inspect.signature(crm.contact_get))
print(crm.contact_get.__signature__.replace(return_annotation=int))
from services.crm import *
print(company_list.__module__, made() == dir(crm))";
    assert_eq!(
        said(&office.run("assistant", Nobody, source).await),
        "[] Amara Okafor ['contact_get']\nTrue True True\n(id: int) -> int\nservices.crm True\n"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_named_with_what_does() {
    let office = Office::open().await;
    let source = "\
import services
from services import crm
def tell(call):
    try:
        print(call())
    except Exception as error:
        print(f'{type(error).__name__}: {error}')
tell(lambda: crm.contact_ad)
tell(lambda: __import__('services.crn'))
tell(lambda: services.crn)
tell(lambda: crm.contact_add('a', 'b', 1, 2))
tell(lambda: crm.contact_add('a', name='b'))
tell(lambda: crm.contact_add(nam='a'))
tell(lambda: crm.contact_add(email='a@b'))
tell(lambda: crm.contact_add(7))
tell(lambda: crm.contact_add(object()))
tell(lambda: crm.contact_get(2**70))
tell(lambda: crm.contact_list(limit=0))
try:
    from services import crn
except ImportError as error:
    print(type(error).__name__, error)";
    insta::assert_snapshot!(said(&office.run("assistant", Nobody, source).await));
}

/// What models write first, and what it should have been.
#[tokio::test]
async fn first_mistakes_are_answered_with_what_puts_them_right() {
    let office = Office::open().await;
    let mut told = String::new();
    for source in [
        "crm.contact_list()",
        "import crm",
        "from services import *\ncrm.contact_get(1)['name']",
        "from services import crm\nawait crm.contact_get(1)",
        "import asyncio\nfrom services import crm\nawait asyncio.gather(crm.contact_get(1), crm.contact_get(2))",
        "from services import crm\ncrm.contact_add(name=b'Ada')",
        "from services import crm\ncrm.contact_add(name=(n for n in 'Ada'))",
        "from services import crm\ncrm.contact_add(name=float('nan'))",
        "from services import crm\ncrm.contact_get(2**70)",
        "from services import crm\ncrm.contact_add(name={'first': [object()]})",
        "from services import crm\ncrm.contact_get(crm.contact_get)",
        "from decimal import Decimal\nfrom services import crm\ncrm.contact_get(Decimal('1.000'))['id']",
        "from decimal import Decimal\nfrom services import crm\ncrm.deal_add(1, 'd', Decimal('0.1000000000000000055511151231257827'))",
        "open('/data/in.csv')",
    ] {
        let outcome = office.run("assistant", Nobody, source).await;
        let ended = match (&outcome.exception, &outcome.value) {
            (Some(exception), _) => {
                let last = exception.traceback.lines().last();
                last.unwrap_or_default().to_owned()
            }
            (None, value) => format!("{value:?}"),
        };
        told.push_str(&format!("{source}\n    {ended}\n"));
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_refusal_tells_programs_what_it_tells_people() {
    let office = Office::open().await;
    let source = "\
from services import crm, Refused, ServiceError
for call in (lambda: crm.contact_delete(7), lambda: crm.contact_get(404), lambda: crm.contact_get('x')):
    try:
        call()
    except (Refused, ServiceError, ValueError) as error:
        print(type(error).__name__, error.code, error.method, error.because, error.hint, sep=' | ')";
    insta::assert_snapshot!(said(&office.run("assistant", Nobody, source).await));
}

/// Calls that a service answers only when all of them have arrived.
const TOGETHER: [(&str, &str); 8] = [
    (
        "gather",
        "import asyncio\nfrom services.aio import meeting\nasync def main():\n    return await asyncio.gather(*[meeting.come(who=i) for i in range(20)])\nprint(asyncio.run(main()))",
    ),
    (
        "a group of tasks",
        "import asyncio\nfrom services.aio import meeting\nasync with asyncio.TaskGroup() as group:\n    tasks = [group.create_task(meeting.come(who=i)) for i in range(20)]\nprint([task.result() for task in tasks])",
    ),
    (
        "a pool's map",
        "from concurrent.futures import ThreadPoolExecutor\nfrom services import meeting\nwith ThreadPoolExecutor() as pool:\n    print(list(pool.map(meeting.come, range(20))))",
    ),
    (
        "a pool's submit",
        "from concurrent.futures import ThreadPoolExecutor, as_completed\nfrom services import meeting\nwith ThreadPoolExecutor(4) as pool:\n    futures = [pool.submit(meeting.come, who=i) for i in range(20)]\n    print(sorted(future.result() for future in as_completed(futures)))",
    ),
    (
        "functions in a pool",
        "from concurrent.futures import ThreadPoolExecutor\nfrom services import meeting\ndef come(who):\n    return meeting.come(who=who)\nwith ThreadPoolExecutor() as pool:\n    print(list(pool.map(come, range(20))))",
    ),
    (
        "threads",
        "import threading\nfrom services import meeting\ncame = []\nthreads = [threading.Thread(target=lambda who=i: came.append(meeting.come(who=who))) for i in range(20)]\nfor thread in threads: thread.start()\nfor thread in threads: thread.join()\nprint(sorted(came))",
    ),
    (
        "functions in threads of asyncio",
        "import asyncio\nfrom services import meeting\ndef come(who):\n    return meeting.come(who=who)\nprint(await asyncio.gather(*[asyncio.to_thread(come, i) for i in range(20)]))",
    ),
    (
        "threads of asyncio",
        "import asyncio\nfrom services import meeting\nprint(await asyncio.gather(*[asyncio.to_thread(meeting.come, i) for i in range(20)]))",
    ),
];

#[tokio::test]
async fn calls_overlap_in_every_way_that_scripts_write_it() {
    for (way, source) in TOGETHER {
        let office = Office::with(meeting(20).await).await;
        let outcome = office.run_permitted(source).await;
        let all: Vec<String> = (0..20).map(|who| who.to_string()).collect();
        assert_eq!(said(&outcome), format!("[{}]\n", all.join(", ")), "{way}");
    }
}

#[tokio::test]
async fn calls_one_after_the_other_do_not_overlap() {
    let office = Office::with(meeting(2).await).await;
    let source = "from services import meeting\nmeeting.come(who=1)";
    let outcome = office
        .run_with(
            source,
            Limits {
                wall: std::time::Duration::from_millis(300),
                ..limits()
            },
        )
        .await;
    assert_eq!(outcome.status, Status::Timeout, "{outcome:#?}");
}

/// Ways around a decision that rivals were reported for. Each tries to delete contact 7.
const BYPASSES: [(&str, &str); 19] = [
    (
        "a thread",
        "import threading\nthreading.Thread(target=delete).start()",
    ),
    (
        "a timer",
        "import threading\nthreading.Timer(0, delete).start()",
    ),
    (
        "a pool",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as pool:\n    pool.submit(crm.contact_delete, 7).exception()",
    ),
    (
        "a task",
        "import asyncio\nfrom services.aio import crm as later\ntask = asyncio.ensure_future(later.contact_delete(7))\nawait asyncio.wait([task])\ntask.exception()",
    ),
    (
        "a callback of a loop",
        "import asyncio\nasyncio.get_running_loop().call_soon(delete)\nawait asyncio.sleep(0)",
    ),
    (
        "a callback of a future",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(int).add_done_callback(lambda _: delete())",
    ),
    (
        "a destructor",
        "class Last:\n    def __del__(self): delete()\nLast()",
    ),
    (
        "a weak reference",
        "import weakref\nclass A: pass\na = A()\nweakref.finalize(a, delete)\ndel a",
    ),
    ("an exit handler", "import atexit\natexit.register(delete)"),
    (
        "a generator that is closed",
        "def g():\n    try: yield\n    finally: delete()\nit = g(); next(it); it.close()",
    ),
    (
        "an exception handler",
        "try: 1 / 0\nexcept ZeroDivisionError: delete()",
    ),
    (
        "a hook for exceptions",
        "import sys\nsys.excepthook = lambda *a: delete()\n1 / 0",
    ),
    ("a sort key", "sorted([1], key=lambda _: delete())"),
    (
        "a repr",
        "class R:\n    def __repr__(self): delete(); return ''\nrepr(R())",
    ),
    ("exec", "exec('delete()')"),
    (
        "the bridge itself",
        "import _sandgate\n_sandgate.collect(_sandgate.begin('{\"service\":\"crm\",\"method\":\"contact.delete\",\"params\":{\"id\":7}}'))",
    ),
    (
        "many at once",
        "import _sandgate\nfor _ in range(5): _sandgate.begin('{\"service\":\"crm\",\"method\":\"contact.delete\",\"params\":{\"id\":7}}')\nwhile _sandgate.wait(): pass",
    ),
    (
        "a changed proxy",
        "crm.contact_get.__wrapped__ = None\ncrm.__dict__['contact_get'] = crm.contact_delete\ntry: crm.contact_get(1)\nexcept Exception: pass",
    ),
    (
        "a changed class of refusals",
        "import services\nservices.Refused = ValueError\nimport _sandgate_calls\n_sandgate_calls._RAISED['PermissionError'] = dict\ntry: crm.contact_delete(7)\nexcept Exception: pass",
    ),
];

#[tokio::test]
async fn pol_05_there_is_no_way_around_a_decision() {
    let office = Office::open().await;
    for (way, source) in BYPASSES {
        let source = format!(
            "from services import crm\ndef delete():\n    try: crm.contact_delete(7)\n    except PermissionError: pass\n{source}"
        );
        let outcome = office.run("assistant", Nobody, &source).await;
        assert!(
            matches!(outcome.status, Status::Ok | Status::Raised),
            "{way}: {outcome:#?}"
        );
        // The deletion that was refused; an import is no call.
        assert!(outcome.usage.calls >= 1, "{way} did not try: {outcome:#?}");
        assert_eq!(office.contacts("assistant").await, 7, "{way}");
    }
    // Where it is permitted, it works: it was the decision that stood in the way.
    let outcome = office
        .run(
            "operator",
            Some(Person::who_says(true)),
            "from services import crm\nprint(crm.contact_delete(7))",
        )
        .await;
    assert_eq!(said(&outcome), "True\n");
    assert_eq!(office.contacts("operator").await, 6);
}

/// Requests that are not what they seem. None of them reaches a service.
const DISGUISES: [&str; 16] = [
    r#"[{"service":"crm","method":"contact.delete","params":{"id":1}}]"#,
    r#"{"service":"crm","method":"Contact.Delete","params":{"id":1}}"#,
    r#"{"service":"crm","method":"contact.delete ","params":{"id":1}}"#,
    r#"{"service":"crm","method":"contact_delete","params":{"id":1}}"#,
    r#"{"service":"crm","method":"contact/delete","params":{"id":1}}"#,
    r#"{"service":"crm","method":"contact..delete","params":{"id":1}}"#,
    r#"{"service":"crm","method":"сontact.delete","params":{"id":1}}"#,
    r#"{"service":"crm","method":"contact.delete\u0000","params":{"id":1}}"#,
    r#"{"service":"crm","method":"crm.contact.delete","params":{"id":1}}"#,
    r#"{"service":"CRM","method":"contact.delete","params":{"id":1}}"#,
    r#"{"service":"crm","method":"rpc.discover","params":{}}"#,
    r#"{"service":"crm","method":"system.multicall","params":[[{"method":"contact.delete","params":[1]}]]}"#,
    r#"{"service":"crm","method":"contact.get","method":"contact.delete","params":{"id":1}}"#,
    r#"{"service":"crm","method":"contact.get","params":{"id":1},"context":"operator"}"#,
    r#"{"service":"crm","method":"contact.get","params":{"id":1,"id":2}}"#,
    r#"{"jsonrpc":"2.0","service":"crm","method":"contact.get","params":{"id":1}}"#,
];

#[tokio::test]
async fn pol_04_what_only_looks_like_a_method_is_refused() {
    let office = Office::open().await;
    let source = format!(
        "import _sandgate, json\nfor request in json.loads({:?}):\n    print(*json.loads(_sandgate.collect(_sandgate.begin(request))))",
        serde_json::to_string(&DISGUISES).unwrap()
    );
    // To the operator everything is permitted: it is the name that stands in the way.
    let outcome = office
        .run("operator", Some(Person::who_says(true)), &source)
        .await;
    assert_eq!(said(&outcome), "refused\n".repeat(DISGUISES.len()));
    assert_eq!(office.contacts("operator").await, 7);
}

#[tokio::test]
async fn pol_01_the_context_is_the_callers_and_not_the_scripts() {
    let office = Office::open().await;
    let source = "\
from services import crm
for named in ({'_context': 1}, {'X-Hero-Context': 1}, {'_user': 'root'}, {'hero_claims': ['admin']}):
    try:
        crm.contact_list(**named)
    except PermissionError as error:
        print(error)";
    assert_eq!(
        said(&office.run("assistant", Nobody, source).await),
        "`_context` is set by the host, from who runs the script; leave it out\n\
         `X-Hero-Context` is set by the host, from who runs the script; leave it out\n\
         `_user` is set by the host, from who runs the script; leave it out\n\
         `hero_claims` is set by the host, from who runs the script; leave it out\n"
    );
    // What one context adds, another does not see: the service is told which one it is.
    let add = "from services import crm\ncrm.company_add('Mine')\nprint(len(crm.company_list()))";
    let count = "from services import crm\nprint(len(crm.company_list()))";
    let operator = office
        .run("operator", Some(Person::who_says(true)), add)
        .await;
    assert_eq!(said(&operator), "4\n");
    assert_eq!(said(&office.run("assistant", Nobody, count).await), "3\n");
}

#[tokio::test]
async fn sec_05_a_service_that_may_not_be_used_is_as_one_that_does_not_exist() {
    let office = Office::open().await;
    let source = |name: &str| {
        format!(
            "import _sandgate, services\nprint(dir(services))\n\
             for method, params in ('contact.get', '{{\"id\":1}}'), ('contact.get', '{{}}'), ('nothing', '{{}}'):\n    \
             print(_sandgate.collect(_sandgate.begin('{{\"service\":\"{name}\",\"method\":\"%s\",\"params\":%s}}' % (method, params))))\n\
             try:\n    services.{name}\nexcept AttributeError as error:\n    print(error)"
        )
    };
    let hidden = office.run("nothing", Nobody, &source("crm")).await;
    let absent = office.run("nothing", Nobody, &source("crx")).await;
    assert_eq!(said(&hidden), said(&absent).replace("crx", "crm"));
    let seen = office.run("assistant", Nobody, &source("crm")).await;
    assert_ne!(said(&hidden), said(&seen));
}

#[tokio::test]
async fn a_read_only_context_reads_and_changes_nothing() {
    let office = Office::open().await;
    let source = "from services import crm\nprint(crm.stats_count()['contacts'])\ntry:\n    crm.contact_update(1, name='x')\nexcept PermissionError as error:\n    print(error)";
    let outcome = office
        .run("read_only", Some(Person::who_says(true)), source)
        .await;
    insta::assert_snapshot!(said(&outcome));
}

#[tokio::test]
async fn sec_01_where_a_service_listens_is_not_the_scripts_to_know() {
    let office = Office::open().await;
    office.close();
    let source = "from services import crm\ntry:\n    crm.contact_get(1)\nexcept ConnectionError as error:\n    print(error)";
    assert_eq!(
        said(&office.run("assistant", Nobody, source).await),
        "`crm.contact.get` brought no result: the service cannot be reached; it was not sent; you may try again\n"
    );
}

#[tokio::test]
async fn apr_04_a_script_has_no_way_to_approve_its_own_calls() {
    let office = Office::open().await;
    let source = "\
import _sandgate, json
from services import crm
for method in ('approve', 'answer', 'yes', 'grant', 'approvals', 'policy', 'reload'):
    request = json.dumps({'service': 'sandgate', 'method': method, 'params': {}})
    print(*json.loads(_sandgate.collect(_sandgate.begin(request))))
print('y')
try:
    crm.contact_add('Ada')
except PermissionError:
    print('refused')";
    let outcome = office.run("assistant", Nobody, source).await;
    assert_eq!(
        said(&outcome),
        format!("{}y\nrefused\n", "refused\n".repeat(7))
    );
}
