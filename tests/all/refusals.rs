//! Codes of refusals: each exception that a refused call raises has one, JSON shows it, and what else a script raises has
//! none. `docs/CODES.md` is written here, from the one table of the code: `SANDGATE_BLESS=1 cargo test refusals`.

use crate::support::{
    Office, caller, hostile::Hostile, limits, people::Nobody, repository, sandbox,
};
use sandgate::{
    Context, ExceptionClass, Hint, Outcome, Reach, RefusalCode, RefusalKind, Script, Status,
    policy::PolicyStore,
    service::{Address, Client, ClientLimits, Registry, Service, Terms},
};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc, time::Duration};

const HEAD: &str = "\
# Codes of refusals

Written by `SANDGATE_BLESS=1 cargo test --release refusals` from the table in `runtime/src/hostcall/refusal.rs`; do not edit.

A call that is not made, or brings no answer, raises an exception with a `code`. A script can ask for it, an outcome in JSON
shows it (`exception.code`), and it stays as it is when the wording of a message changes:

```python
import services
try:
    services.crm.contact_delete(id=1)
except services.Refused as refusal:
    print(refusal.code)  # policy.denied
```

`PermissionError` is raised as `services.Refused`, which is one. An error that a service itself answers with is no refusal: it
is a `services.ServiceError`, and its `code` is the service's number. In *italics*: what the script is told, too, at the end of
the message.

| Code | Raised as | What it means | What to do |
|---|---|---|---|
";

/// A sentence of a remedy, which is a clause of a message.
fn sentence(remedy: &str) -> String {
    let mut letters = remedy.chars();
    let first = letters.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}

fn row(code: RefusalCode) -> String {
    let RefusalKind {
        exception,
        remedy,
        hint,
    } = RefusalKind::of(code);
    let remedy = match hint {
        Hint::Always => format!("*{}*", sentence(remedy)),
        Hint::IfSent => format!(
            "Where anything was sent: *{}* Otherwise: *It was not sent; you may try again.*",
            sentence(remedy)
        ),
        Hint::Never => sentence(remedy),
    };
    format!(
        "| `{code}` | `{exception}` | {} | {remedy} |\n",
        code.meaning()
    )
}

#[test]
fn the_codes_of_the_documentation_are_those_of_the_one_table() {
    let rows = RefusalCode::ALL.iter().map(|code| row(*code));
    let text = HEAD.to_owned() + &rows.collect::<String>();
    let path = repository("docs/CODES.md");
    if std::env::var_os("SANDGATE_BLESS").is_some() {
        fs::create_dir_all(repository("docs")).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, text, "SANDGATE_BLESS=1 writes it anew");
}

#[test]
fn a_code_is_found_by_its_text_and_by_no_other() {
    for code in RefusalCode::ALL {
        assert_eq!(RefusalCode::named(code.as_str()), Some(*code));
        assert_eq!(serde_json::to_value(code).unwrap(), json!(code.as_str()));
    }
    for class in ExceptionClass::ALL {
        assert_eq!(serde_json::to_value(class).unwrap(), json!(class.as_str()));
    }
    for other in ["", "policy", "policy.", "Policy.denied", "policy.denied "] {
        assert_eq!(RefusalCode::named(other), None, "{other:?}");
    }
}

/// What a script printed that must end well.
fn said(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    &outcome.stdout.text
}

/// Tells of what each call raised: its class, its code, and the text.
const TELL: &str = "\
def tell(call):
    try:
        print(call())
    except Exception as error:
        print(f'{type(error).__name__} {error.code}: {error}')
";

#[tokio::test]
async fn what_a_refused_call_raises_has_a_code() {
    let office = Office::open().await;
    let source = format!(
        "import services\nfrom services import crm\nfrom _sandgate_calls import Method, call\n{TELL}
tell(lambda: crm.contact_delete(id=1))
tell(lambda: crm.contact_add('Ada'))
tell(lambda: crm.contact_get(idd=1))
tell(lambda: crm.contact_get())
tell(lambda: crm.contact_get('one'))
tell(lambda: crm.contact_get(1, 2))
tell(lambda: crm.contact_get(1, id=1))
tell(lambda: crm.contact_get(object()))
tell(lambda: crm.contact_list(_context=1))
tell(lambda: call(Method('crm', 'contact.shred'), {{}}))
tell(lambda: call(Method('crm', 'contact get'), {{}}))
tell(lambda: crm.contact_get(id=1)['name'])
print(services.Refused('of a script').code)"
    );
    insta::assert_snapshot!(said(&office.run("assistant", Nobody, &source).await));
}

#[tokio::test]
async fn a_refusal_has_its_code_however_the_call_was_made() {
    let office = Office::open().await;
    let source = "\
import asyncio
from concurrent.futures import ThreadPoolExecutor
from services import crm, Refused
from services.aio import crm as later
try:
    await later.contact_delete(1)
except Refused as refusal:
    print(refusal.code)
print([refusal.code for refusal in await asyncio.gather(later.contact_delete(1), later.contact_get(x=1), return_exceptions=True)])
with ThreadPoolExecutor() as pool:
    print(pool.submit(crm.contact_delete, 1).exception().code, pool.submit(crm.contact_get, 1, 2).exception().code)";
    assert_eq!(
        said(&office.run("assistant", Nobody, source).await),
        "policy.denied\n['policy.denied', 'arguments.unknown']\npolicy.denied arguments.too_many\n"
    );
}

#[tokio::test]
async fn an_exception_that_leaves_the_script_shows_its_code_in_json_and_one_that_is_no_refusal_shows_none()
 {
    let office = Office::open().await;
    let shown = async |source: &str| {
        let outcome = office.run("assistant", Nobody, source).await;
        let mut exception = serde_json::to_value(outcome.exception.unwrap()).unwrap();
        exception.as_object_mut().unwrap().remove("traceback");
        exception.to_string()
    };
    for (source, expected) in [
        (
            "from services import crm\ncrm.contact_delete(id=1)",
            r#"{"type":"services.Refused","message":"`crm.contact.delete` is refused: Nothing is deleted by a script.","code":"policy.denied"}"#,
        ),
        (
            "from services import crm\ncrm.contact_get()",
            r#"{"type":"TypeError","message":"`contact.get` needs `id`. It takes `id`","code":"arguments.missing"}"#,
        ),
        (
            "from services import crm\ncrm.contact_get(id=99)",
            r#"{"type":"services.ServiceError","message":"crm.contact.get: contact 99 does not exist (code -32004)"}"#,
        ),
        (
            "1 / 0",
            r#"{"type":"ZeroDivisionError","message":"division by zero"}"#,
        ),
        (
            "class Own(Exception):\n    code = 'policy.own'\nraise Own('mine')",
            r#"{"type":"Own","message":"mine"}"#,
        ),
        (
            "class Own(Exception):\n    @property\n    def code(self): raise SystemExit(3)\nraise Own('mine')",
            r#"{"type":"Own","message":"mine"}"#,
        ),
    ] {
        assert_eq!(shown(source).await, expected, "{source}");
    }
}

/// Everything is permitted here but what costs more than this.
const LIMITS: &str = "hero_context = 1\nreply_bytes = \"512B\"\ncalls = 8\ncall_bytes = \"1KiB\"\n";

/// A context with a service at this socket, whose methods answer as [`Hostile`] does.
fn beside(socket: &Path) -> Context {
    let methods = [
        "echo",
        "silent",
        "close",
        "wrong_id",
        "huge_body",
        "in_chunks",
    ];
    let methods = methods.map(|name| {
        json!({"name": name, "params": [{"name": "text", "schema": {"type": "string"}}], "result": {"name": "it", "schema": {}}})
    });
    let document = json!({"openrpc": "1.3.2", "info": {"title": "It does what it must not", "version": "1"}, "methods": methods});
    let address = Address::http(socket).unwrap();
    let document = document.to_string();
    let terms = Terms::default();
    let service = Service::read("odd", address, document.as_bytes(), &terms).unwrap();
    let place = tempfile::tempdir().unwrap();
    let at = place.path().join("anybody");
    fs::create_dir(&at).unwrap();
    let policy = "@because(\"It is a test.\")\npermit (principal, action, resource);\n";
    fs::write(at.join("policy.cedar"), policy).unwrap();
    fs::write(at.join("limits.toml"), LIMITS).unwrap();
    let policies = PolicyStore::open(place.path(), &[service.interface()]).unwrap();
    let client = Client::new(ClientLimits {
        first_byte: Duration::from_secs(2),
        reply: 32 << 10,
        ..ClientLimits::default()
    });
    let policy = policies.get("anybody").unwrap();
    let registry = Registry::of([service]);
    let reach = Reach::new(
        caller("anybody", 1, None, &[]),
        policy,
        registry,
        client,
        None,
    )
    .unwrap();
    Context::of(Arc::new(reach)).tightened(limits())
}

#[tokio::test]
async fn each_way_in_which_a_service_fails_has_a_code_and_an_answer_has_none() {
    let hostile = Hostile::http();
    let run = async |context: &Context, source: String| {
        let script = Script::new(source);
        sandbox().await.run(script, context).await.unwrap()
    };
    // Another client for afterwards: one that was connected would notice that the connection has ended.
    let (context, afterwards) = (beside(&hostile.socket()), beside(&hostile.socket()));
    let source = format!(
        "from services import odd\n{TELL}
tell(lambda: odd.silent())
tell(lambda: odd.close())
tell(lambda: odd.wrong_id())
tell(lambda: odd.huge_body())
tell(lambda: odd.in_chunks())
tell(lambda: odd.echo('x' * 400))
tell(lambda: odd.echo('x' * 900))
tell(lambda: odd.echo('x' * 1000))
tell(lambda: odd.in_chunks())"
    );
    insta::assert_snapshot!(said(&run(&context, source).await));
    drop(hostile);
    let source = format!("from services import odd\n{TELL}tell(odd.echo)");
    assert_eq!(
        said(&run(&afterwards, source).await),
        "ConnectionError service.unreachable: `odd.echo` brought no result: the service cannot be reached; it was not sent; you may try again\n"
    );
}

#[test]
fn the_command_shows_the_code_in_its_json() {
    let exception = |code: &str| -> Value {
        let (_, stdout, stderr) = crate::support::sandgate(&["run", "--json", "-c", code]);
        let outcome: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(stderr, "");
        outcome["exception"].clone()
    };
    let refused = exception(
        "from _sandgate_calls import Method, call\ncall(Method('crm', 'contact.list'), {})",
    );
    assert_eq!(
        refused,
        json!({
            "type": "services.Refused",
            "message": "`crm.contact.list` is not available; `dir(services)` lists what this context may use",
            "code": "method.not_available",
            "traceback": "Traceback (most recent call last):\n  File \"<string>\", line 2, in <module>\n    call(Method('crm', 'contact.list'), {})\n    ~~~~^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\nservices.Refused: `crm.contact.list` is not available; `dir(services)` lists what this context may use\n",
        })
    );
    assert_eq!(
        exception("raise PermissionError('no')"),
        json!({
            "type": "PermissionError",
            "message": "no",
            "traceback": "Traceback (most recent call last):\n  File \"<string>\", line 1, in <module>\n    raise PermissionError('no')\nPermissionError: no\n",
        })
    );
}
