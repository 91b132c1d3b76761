//! A program that lets scripts count what is on its shelves, asks before anything is put there, and refuses the rest.
//! `cargo run --release --example shelves`

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use sandgate::{Answer, Approver, Host, Question, policy::Effect, service::Tools};
use serde_json::json;
use std::{
    collections::BTreeMap,
    error::Error,
    future::{Future, ready},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Shelf {
    name: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Put {
    shelf: String,
    #[schemars(range(min = 1))]
    things: u32,
}

const POLICY: &str = r#"
@id("looks") @because("It may look.")
permit (principal, action in Action::"read", resource);

@id("small") @gate("approve") @because("Somebody has to carry it.")
permit (principal, action == Action::"store.shelf.put", resource)
when { context.things <= 10 };
"#;

const SCRIPT: &str = "\
from services import store, Refused
print('there are', store.shelf_count('north'))
print('now there are', store.shelf_put('north', 3))
try:
    store.shelf_put('north', 300)
except Refused as refused:
    print('refused:', refused.code)
store.shelf_count('north')
";

/// Says yes, and shows what to.
#[derive(Debug)]
struct Foreman;

impl Approver for Foreman {
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        println!(
            "the foreman is asked: {}.{} {}",
            question.service, question.method, question.params
        );
        Box::pin(ready(Answer::Yes))
    }
}

/// What is where. Clones are the same shelves.
#[derive(Debug, Clone, Default)]
struct Shelves(Arc<Mutex<BTreeMap<String, u32>>>);

impl Shelves {
    /// How many things are on one, once so many more are.
    fn with(&self, shelf: &str, more: u32) -> u32 {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let things = shelves.entry(shelf.to_owned()).or_default();
        *things = things.saturating_add(more);
        *things
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let shelves = Shelves::default();
    shelves.with("north", 4);
    let counted = shelves.clone();
    let store = Tools::new("store", "What is on the shelves.")
        .tool(
            "shelf.count",
            "How many things are on a shelf.",
            Effect::Read,
            move |shelf: Shelf| ready(Ok(counted.with(&shelf.name, 0))),
        )
        .tool(
            "shelf.put",
            "Puts things on a shelf.",
            Effect::Write,
            move |put: Put| ready(Ok(shelves.with(&put.shelf, put.things))),
        );
    let host = Host::builder()
        .tools(store)
        .context("assistant", POLICY, "hero_context = 1")
        .approver(Arc::new(Foreman))
        .build()
        .await?;
    let outcome = host.context("assistant")?.run(SCRIPT).await?;
    print!("{}", outcome.stdout.text);
    println!("value: {}", json!(outcome.value));
    for call in &outcome.calls {
        println!("call: {}", json!(call));
    }
    Ok(())
}
