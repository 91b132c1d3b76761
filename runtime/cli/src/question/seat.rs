//! Where a person sits: one terminal, at which one thing is asked at a time. Questions about calls go before a script that
//! reads what is typed, and nothing that was typed for the one goes to the other: THREAT[APR-03].

use super::tty::{TerminalPlace, Tty};
use crate::print;
use sandgate::Input;
use std::{
    future::Future,
    io::{self, Read},
    pin::Pin,
    sync::Arc,
};
use tokio::sync::{Mutex, MutexGuard, watch};

/// The terminal of a person, and whose turn it is to be answered there.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) place: TerminalPlace,
    turn: Mutex<()>,
    /// How many questions stand or wait for their turn.
    questions: watch::Sender<usize>,
}

impl Seat {
    /// The terminal that is both read from and written to, where there is one. To be called while files may be opened.
    pub(crate) fn find() -> Option<Arc<Self>> {
        let place = TerminalPlace::find()?;
        Some(Arc::new(Self {
            place,
            turn: Mutex::default(),
            questions: watch::Sender::default(),
        }))
    }

    /// Waits until nothing else is asked. A script that reads gives way.
    pub(super) async fn question(&self) -> Asking<'_> {
        self.questions
            .send_modify(|number| *number = number.saturating_add(1));
        let mut asking = Asking {
            questions: &self.questions,
            turn: None,
        };
        asking.turn = Some(self.turn.lock().await);
        asking
    }

    /// What is typed while no question stands.
    async fn typed(&self) -> io::Result<Vec<u8>> {
        let mut questions = self.questions.subscribe();
        loop {
            // The sender lives as long as this does.
            let _ = questions.wait_for(|number| *number == 0).await;
            let _turn = self.turn.lock().await;
            let tty = Tty::open(&self.place)?;
            let interrupted = print::interrupted();
            if !interrupted.is_empty() {
                tty.say(&interrupted).await?;
            }
            tokio::select! {
                biased;
                typed = tty.typed() => {
                    let typed = typed?;
                    if typed.ends_with(b"\n") {
                        print::entered();
                    }
                    return Ok(typed);
                }
                _ = questions.wait_for(|number| *number > 0) => {}
            }
        }
    }
}

/// A question that stands, or waits for its turn.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    questions: &'a watch::Sender<usize>,
    turn: Option<MutexGuard<'a, ()>>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // Whoever waits for the turn finds it free.
        self.turn = None;
        self.questions
            .send_modify(|number| *number = number.saturating_sub(1));
    }
}

/// What a person types at the terminal, for a script that reads its standard input.
#[derive(Debug)]
pub(crate) struct Typed {
    seat: Arc<Seat>,
    /// What the script had no room for.
    rest: Vec<u8>,
}

impl Typed {
    pub(crate) fn at(seat: Arc<Seat>) -> Self {
        let rest = Vec::new();
        Self { seat, rest }
    }
}

impl Input for Typed {
    fn read(
        &mut self,
        most: usize,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            if self.rest.is_empty() {
                self.rest = self.seat.typed().await?;
            }
            let mut piece = vec![0; most.min(self.rest.len())];
            let taken = self.rest.as_slice().read(&mut piece)?;
            self.rest.drain(..taken);
            Ok(piece)
        })
    }

    fn is_typed(&self) -> bool {
        true
    }
}
