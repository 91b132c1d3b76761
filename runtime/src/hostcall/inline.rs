//! A call that the script waits for at once. Whoever drives the run carries it out between two turns of the guest: on the
//! stack of its thread, since the guest's is not for policies and schemas, and without a task, for which another thread
//! would have to be woken. Nothing of a run may be driven without this, or the first such call would wait for ever.

use crate::hostcall::{halt::Halt, refusal::Refusal};
use sandgate_wire::Reply;
use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

/// One run's. Clones are the same: the guest's side asks, and the driver's answers.
#[derive(Clone, Default)]
pub(crate) struct Inline(Arc<Mutex<InlineCall>>);

#[derive(Default)]
enum InlineCall {
    #[default]
    None,
    Asked(Pin<Box<dyn Future<Output = Result<Reply, Halt>> + Send>>),
    Answered(Result<Reply, Halt>),
}

impl Inline {
    /// Asks for a call and waits for its answer, within a turn of the guest.
    pub(crate) async fn answer(
        &self,
        answering: impl Future<Output = Result<Reply, Halt>> + Send + 'static,
    ) -> Result<Reply, Halt> {
        *self.call() = InlineCall::Asked(Box::pin(answering));
        // Nothing need wake it: the guest's turn comes when there is an answer.
        poll_fn(|_| {
            let mut call = self.call();
            match mem::take(&mut *call) {
                InlineCall::Answered(answer) => Poll::Ready(answer),
                other => {
                    *call = other;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Drives a guest, and what it asks for.
    pub(crate) async fn drive<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        poll_fn(|context| {
            loop {
                if self.carry_out(context).is_pending() {
                    return Poll::Pending;
                }
                let polled = guest.as_mut().poll(context);
                if polled.is_ready() || !matches!(*self.call(), InlineCall::Asked(_)) {
                    return polled;
                }
            }
        })
        .await
    }

    /// Pending while there is something to be answered.
    fn carry_out(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut call = self.call();
        let InlineCall::Asked(answering) = &mut *call else {
            return Poll::Ready(());
        };
        let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
        *call = InlineCall::Answered(match polled {
            Ok(Poll::Ready(answer)) => answer,
            Ok(Poll::Pending) => return Poll::Pending,
            // THREAT[ESC-03]: a panic of ours is the error of the call in which it happened.
            Err(_) => Ok(Refusal::Failed.into_reply()),
        });
        Poll::Ready(())
    }

    fn call(&self) -> MutexGuard<'_, InlineCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inline")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn done() -> Result<Reply, Halt> {
        Ok(Reply::Ok(serde_json::value::RawValue::NULL.to_owned()))
    }

    #[tokio::test]
    async fn a_call_is_answered_between_two_turns_of_the_guest_whether_it_waits_or_not() {
        let inline = Inline::default();
        let guest = async {
            let at_once = inline.answer(async { done() }).await;
            let later = inline.answer(async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                done()
            });
            (at_once, later.await)
        };
        let replies = inline.drive(guest).await;
        assert_eq!(format!("{replies:?}"), format!("{:?}", (done(), done())));
    }

    #[tokio::test]
    #[expect(clippy::panic, reason = "it is what is tested")]
    async fn esc_03_a_panic_is_the_refusal_of_its_call_and_the_next_is_answered() {
        let inline = Inline::default();
        let guest = async {
            let panicked = inline.answer(async { panic!("on purpose") }).await;
            (panicked, inline.answer(async { done() }).await)
        };
        let replies = inline.drive(guest).await;
        let expected = (Ok::<_, Halt>(Refusal::Failed.into_reply()), done());
        assert_eq!(format!("{replies:?}"), format!("{expected:?}"));
    }
}
