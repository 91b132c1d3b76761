//! The library as an embedder has it: one host, its contexts, and tools that are functions of this process. A tool takes the
//! road that any method takes.

use crate::support::{cache_dir, limits, people::Person};
use sandgate::{
    Host, HostBuilder, HostError, Limits, Outcome, Sandbox, Status,
    policy::{Effect, Principal},
    service::{ToolError, Tools, ToolsError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

const READS: &str =
    "@because(\"It may look.\") permit (principal, action in Action::\"read\", resource);\n";
const GATED: &str = "@because(\"It may look.\") permit (principal, action in Action::\"read\", resource);
@because(\"Somebody counts what is taken.\") @gate(\"approve\") permit (principal, action in Action::\"write\", resource)
    when { context.count <= 10 };
@because(\"Shelves stay.\") forbid (principal, action in Action::\"destroy\", resource);\n";
const ONE: &str = "hero_context = 1\n";

#[derive(Debug, Deserialize, JsonSchema)]
struct Shelf {
    /// What the shelf is called.
    shelf: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Taken {
    /// What the shelf is called.
    shelf: String,
    /// How many are taken.
    #[schemars(range(min = 1))]
    count: u64,
    /// Where they are for.
    place: Option<Place>,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Place {
    city: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Receipt {
    left: u64,
    place: Option<Place>,
}

/// A service of three tools, and how many things are left.
fn store() -> (Tools, Arc<AtomicU64>) {
    let things = Arc::new(AtomicU64::new(40));
    let (counted, taken) = (Arc::clone(&things), Arc::clone(&things));
    let tools =
        Tools::new("store", "What is on the shelves.")
            .tool(
                "shelf.count",
                "How many things are on a shelf.",
                Effect::Read,
                move |Shelf { shelf }| {
                    let things = counted.load(Ordering::Relaxed);
                    async move {
                        match shelf.as_str() {
                            "north" => Ok(things),
                            _ => Err(ToolError::new(format!("no shelf is called {shelf}"))
                                .with_code(404)),
                        }
                    }
                },
            )
            .tool(
                "shelf.take",
                "Takes things from a shelf.",
                Effect::Write,
                move |Taken {
                          shelf,
                          count,
                          place,
                      }| {
                    assert_eq!(shelf, "north");
                    let left = taken.fetch_sub(count, Ordering::Relaxed) - count;
                    async move { Ok(Receipt { left, place }) }
                },
            )
            .tool(
                "shelf.remove",
                "Removes a shelf.",
                Effect::Destroy,
                async |_: Shelf| -> Result<(), ToolError> { panic!("it is never called") },
            );
    (tools, things)
}

fn builder() -> HostBuilder {
    Host::builder().sandbox(Sandbox::builder().cache_dir(cache_dir()))
}

async fn run(host: &Host, context: &str, source: &str) -> Outcome {
    let caller = host.context(context).unwrap().tightened(limits());
    caller.run(source).await.unwrap()
}

fn said(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, Status::Ok, "{outcome:#?}");
    &outcome.stdout.text
}

const SCRIPT: &str = "import services
from services import store
def tried(call, *args, **named):
    try: print(call(*args, **named))
    except Exception as error: print(f'{type(error).__name__}: {error}')
tried(store.shelf_count, 'north')
tried(store.shelf_count, shelf='south')
tried(store.shelf_count, 7)
tried(store.shelf_take, 'north', 2, place={'city': 'Oslo'})
tried(store.shelf_take, 'north', 0)
tried(store.shelf_take, 'north', 11)
tried(store.shelf_remove, 'north')
";

#[tokio::test]
async fn a_tool_takes_the_road_of_any_method() {
    let (tools, things) = store();
    let person = Person::who_says(true);
    let host = builder()
        .tools(tools)
        .context("assistant", GATED, ONE)
        .approver(person.clone())
        .build()
        .await
        .unwrap();
    assert_eq!(host.contexts(), ["assistant"]);
    assert_eq!(
        said(&run(&host, "assistant", SCRIPT).await),
        "40
ServiceError: store.shelf.count: no shelf is called south (code 404)
ValueError: `shelf.count` takes `shelf: str`, but 7 is not of type \"string\"
{'left': 38, 'place': {'city': 'Oslo'}}
ValueError: `shelf.take` takes `count: int`, but 0 is less than the minimum of 1
Refused: `store.shelf.take` is refused: no policy of this context permits it
Refused: `store.shelf.remove` is refused: Shelves stay.
"
    );
    assert_eq!(things.load(Ordering::Relaxed), 38);
    assert_eq!(person.questions().len(), 1);
}

#[tokio::test]
async fn a_model_reads_of_tools_what_it_reads_of_any_service() {
    let (tools, _) = store();
    let host = builder()
        .tools(tools)
        .context("assistant", READS, ONE)
        .build();
    let caller = host.await.unwrap().context("assistant").unwrap();
    assert_eq!(
        caller.services(),
        [("store".to_owned(), "What is on the shelves.".to_owned())]
    );
    assert_eq!(
        &*caller.interface("store").unwrap(),
        "SERVICE: store
SUMMARY: What is on the shelves.
IMPORT: from services import store
Receipt = dict[left: int, place: dict[city: str] | None]
store.shelf_count(shelf: str) -> int  # How many things are on a shelf.
"
    );
    assert_eq!(caller.interface("shop"), None);
}

#[tokio::test]
async fn a_model_finds_methods_that_its_context_may_call_and_no_others() {
    let (tools, _) = store();
    let host = builder()
        .tools(tools)
        .context("reader", READS, ONE)
        .context("keeper", GATED, ONE)
        .context("nobody", "", ONE);
    let host = host.build().await.unwrap();
    let lines = |context: &str, query: &str, most| -> Vec<String> {
        let found = host.context(context).unwrap().search(query, most);
        found.into_iter().map(|found| found.line).collect()
    };
    let count = "store.shelf_count(shelf: str) -> int  # How many things are on a shelf.";
    let take = "store.shelf_take(shelf: str, count: int, place: dict[city: str] | None = None) -> Receipt  # Takes things from a shelf. [asks a person, or is refused; count >= 1]";
    let query = "take things off, or remove the shelf";
    assert_eq!(lines("keeper", query, 10), [take, count]);
    assert_eq!(lines("keeper", query, 1), [take]);
    assert_eq!(lines("reader", query, 10), [count]);
    assert_eq!(lines("nobody", query, 10), [""; 0]);
    assert_eq!(lines("keeper", "weather", 10), [""; 0]);
}

#[tokio::test]
async fn a_tool_knows_on_whose_behalf_it_is_called() {
    let tools = Tools::new("desk", "Who is there.").tool_for(
        "caller.show",
        "Who calls.",
        Effect::Read,
        async |caller: Arc<Principal>, (): ()| {
            Ok(format!(
                "{} {} {:?} {:?}",
                caller.context(),
                caller.actor(),
                caller.user(),
                caller.claims()
            ))
        },
    );
    let host = builder()
        .tools(tools)
        .context("one", READS, ONE)
        .context("two", READS, ONE);
    let host = host.build().await.unwrap();
    let script = "from services import desk\nprint(desk.caller_show())";
    assert_eq!(
        said(&run(&host, "one", script).await),
        "one script None []\n"
    );
    let principal = host.principal("two", "planner").unwrap();
    let principal = principal
        .with_user("ada")
        .unwrap()
        .with_claims(["stock"])
        .unwrap();
    let outcome = host.caller(principal).unwrap().run(script).await.unwrap();
    assert_eq!(said(&outcome), "two planner Some(\"ada\") [\"stock\"]\n");
}

#[tokio::test]
async fn a_tool_that_panics_or_says_too_much_costs_its_call_and_no_more() {
    let schema = json!({
        "type": "object",
        "properties": {"bytes": {"type": "integer"}},
        "required": ["bytes"],
    });
    let tools = Tools::new("odd", "Odd things.")
        .tool(
            "panic.show",
            "Panics.",
            Effect::Read,
            async |(): ()| -> Result<u64, ToolError> { panic!("on purpose") },
        )
        .tool_given(
            "text.show",
            "Many bytes.",
            Effect::Read,
            &schema,
            async |_, given| {
                let bytes = given
                    .get("bytes")
                    .and_then(serde_json::Value::as_u64)
                    .unwrap();
                Ok("x".repeat(usize::try_from(bytes).unwrap()).into())
            },
        );
    let host = builder()
        .tools(tools)
        .context("one", READS, ONE)
        .build()
        .await
        .unwrap();
    let script = "from services import odd
for call in (odd.panic_show, lambda: odd.text_show(bytes=5 << 20), lambda: odd.text_show(bytes=3)):
    try: print(call())
    except Exception as error: print(f'{type(error).__name__}: {error}')";
    assert_eq!(
        said(&run(&host, "one", script).await),
        "RuntimeError: sandgate failed while it made this call; please report it; the service may have carried the call out; look before you repeat it
ValueError: `odd.text.show` brought no result: the reply is longer than 4.0 MiB; the service may have carried the call out; look before you repeat it
xxx
"
    );
}

#[derive(Deserialize, JsonSchema)]
enum Either {
    #[expect(dead_code, reason = "only its schema is looked at")]
    One(u64),
}

#[test]
fn what_cannot_be_a_tool_is_refused_with_its_name() {
    let one =
        |name: &str| Tools::new("store", "x").tool(name, "x", Effect::Read, async |_: Shelf| Ok(1));
    let refused = |tools: Tools| {
        tools
            .into_service()
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(refused(one("shelf.count")), Ok(()));
    for (tools, message) in [
        (
            Tools::new("Store", "x"),
            "`Store` cannot name a service: 1 to 64 characters of `a-z0-9_`, a letter first, and not a Python keyword, `aio` or `sandgate`",
        ),
        (
            one("shelf count"),
            "`shelf count` cannot name a tool: 1 to 128 characters of `A-Za-z0-9_-`, with single dots between",
        ),
        (
            one("a").tool("a", "x", Effect::Read, async |_: Shelf| Ok(1)),
            "a second tool is called `a`",
        ),
        (
            one("a").tool("b", "x", Effect::Read, async |_: Either| Ok(1)),
            "the parameters of `b` are not a struct with named fields, nor `()`",
        ),
        (
            one("a").tool("b", "x", Effect::Read, async |_: u64| Ok(1)),
            "the parameters of `b` are not a struct with named fields, nor `()`",
        ),
    ] {
        assert_eq!(refused(tools), Err(message.to_owned()));
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_before_anything_runs() {
    let (one, _) = store();
    let (two, _) = store();
    let error = builder().tools(one).tools(two).build().await.unwrap_err();
    assert_eq!(error.to_string(), "a second service is called `store`");
    let error = builder()
        .tools(Tools::new("a b", ""))
        .build()
        .await
        .unwrap_err();
    assert!(
        matches!(error, HostError::Tools(ToolsError::Service(_))),
        "{error}"
    );

    let misspelt =
        "@because(\"x\") permit (principal, action == Action::\"store.shelf.cuont\", resource);\n";
    let (tools, _) = store();
    let error = builder()
        .tools(tools)
        .context("one", misspelt, ONE)
        .build()
        .await
        .unwrap_err();
    insta::assert_snapshot!(format!("{:?}", miette::Report::new(error)));

    let host = builder()
        .context("one", READS, ONE)
        .context("two", READS, ONE)
        .build()
        .await
        .unwrap();
    let error = host.context("three").unwrap_err();
    assert_eq!(error.to_string(), "there is no context `three`");
    assert_eq!(
        miette::Diagnostic::help(&error).unwrap().to_string(),
        "there are: one, two"
    );
    assert!(host.context("one").is_ok());
}

#[tokio::test]
async fn a_caller_has_the_limits_of_its_context_and_can_only_be_given_less() {
    let host = builder().context("one", READS, "hero_context = 1\ncalls = 7\n");
    let caller = host.build().await.unwrap().context("one").unwrap();
    assert_eq!(caller.limits().calls, 7);
    let with = |calls| Limits {
        calls,
        ..Limits::MOST
    };
    assert_eq!(
        caller.clone().tightened(with(100)).limits(),
        caller.limits()
    );
    assert_eq!(caller.tightened(with(3)).limits().calls, 3);
}
