//! People who are asked whether a call may be made.

use sandgate::{Answer, Approver, Question};
use std::{
    future::{Future, ready},
    pin::Pin,
    sync::{Arc, Mutex},
};

/// Says always the same, and remembers what was asked.
#[derive(Debug)]
pub(crate) struct Person {
    answer: Answer,
    asked: Mutex<Vec<String>>,
}

/// There is nobody.
pub(crate) struct Nobody;

impl From<Nobody> for Option<Arc<Person>> {
    fn from(_: Nobody) -> Self {
        None
    }
}

impl Person {
    pub(crate) fn who_says(yes: bool) -> Arc<Self> {
        Arc::new(Self {
            answer: if yes { Answer::Yes } else { Answer::No },
            asked: Mutex::default(),
        })
    }

    pub(crate) fn questions(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Approver for Person {
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let Question {
            context,
            service,
            method,
            effect,
            params,
            because,
            again: _,
            grounds: _,
        } = question;
        let because = because.join(" ");
        let asked = format!("{context}: {service}.{method} ({effect}) {params}: {because}");
        self.asked.lock().unwrap().push(asked);
        Box::pin(ready(self.answer))
    }
}

/// Says yes, after doing something.
pub(crate) struct Busy<F>(pub(crate) F);

impl<F> std::fmt::Debug for Busy<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Busy")
    }
}

impl<F: Fn() + Send + Sync> Approver for Busy<F> {
    fn ask<'a>(&'a self, _: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        (self.0)();
        Box::pin(ready(Answer::Yes))
    }
}
