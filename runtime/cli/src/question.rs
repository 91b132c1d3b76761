//! Asks the person at the terminal whether a gated call may be made. Given to runs as their approver by `reach`. It must
//! never take anything for an answer that was typed before the person could read what is asked: THREAT[APR-03].
//!
//! While a question stands it has the terminal alone (`print`), and what it looks like is up to `layout`. Nothing here
//! blocks a thread, so whatever ends the run ends the question too: THREAT[DOS-04].

mod layout;
mod seat;
mod shown;
mod tty;

pub(super) use seat::{Seat, Typed};

use super::print;
use layout::Drawn;
use sandgate::{Answer, Approver, Question, Stream};
use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tty::{TerminalPlace, Tty, TypedLine};

/// For how long a question is looked at before an answer counts. Whoever was about to type something else has seen by
/// then that this is asked; it is about the time that a person needs to react.
const PAUSE: Duration = Duration::from_millis(300);

/// Answers by asking, one question at a time, or always the same.
#[derive(Debug)]
pub(super) enum Person {
    /// Whoever sits at the terminal, and what they said yes to for the whole run.
    Asked(Arc<Seat>, StdMutex<BTreeSet<Subject>>),
    /// `--yes` or `--no`.
    Decided(Answer),
}

/// A service, its method, and why it is asked about.
type Subject = (String, String, Vec<String>);

impl Person {
    pub(super) fn at(seat: Arc<Seat>) -> Self {
        Self::Asked(seat, StdMutex::default())
    }
}

fn subject(question: &Question) -> Subject {
    (
        question.service.clone(),
        question.method.clone(),
        question.because.clone(),
    )
}

impl Approver for Person {
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            match self {
                Self::Decided(answer) => {
                    let word = match answer {
                        Answer::Yes | Answer::All => "yes, as --yes says",
                        Answer::No => "no, as --no says",
                    };
                    say(question, word).await;
                    *answer
                }
                Self::Asked(seat, all) => {
                    let _asking = seat.question().await;
                    let all = || all.lock().unwrap_or_else(PoisonError::into_inner);
                    // It waited for its turn while others were asked about.
                    let is_covered = all().contains(&subject(question));
                    if is_covered {
                        say(question, COVERED).await;
                        return Answer::Yes;
                    }
                    // Where it cannot be asked as it should be, the answer is no.
                    let answer = asked(question, &seat.place).await.unwrap_or(Answer::No);
                    if answer == Answer::All {
                        all().insert(subject(question));
                    }
                    answer
                }
            }
        })
    }

    fn name(&self) -> &str {
        match self {
            Self::Decided(Answer::No) => "--no",
            Self::Decided(_) => "--yes",
            Self::Asked(..) => "whoever sits at the terminal",
        }
    }

    fn covered<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(say(question, COVERED))
    }
}

/// What is said of a call that nobody has to be asked about any more.
const COVERED: &str = "yes, as you said for all of them";

/// Says what was decided beforehand, once what the script wrote before is written.
async fn say(question: &Question, word: &str) {
    // At a terminal the script may have left an unfinished line.
    let fresh = if print::is_terminal(Stream::Err) {
        "\n"
    } else {
        ""
    };
    let alone = print::alone().await;
    alone.leave(&format!("{fresh}{}", layout::told(question, word)));
}

/// A question that was not answered is taken back: the person sees that, and what was typed for it goes nowhere else.
struct Open<'a> {
    question: &'a Question,
    place: &'a TerminalPlace,
    alone: print::Alone,
    answered: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let name = layout::name(self.question);
            self.alone
                .leave(&format!("\nThe question about {name} is withdrawn.\n"));
            let _ = self.place.flush();
        }
    }
}

async fn asked(question: &Question, place: &TerminalPlace) -> std::io::Result<Answer> {
    let mut open = Open {
        question,
        place,
        alone: print::alone().await,
        answered: false,
    };
    let tty = Tty::open(place)?;
    // The terminal is as it was drawn on, or the question is drawn again.
    let mut changes = [
        signal(SignalKind::window_change())?,
        signal(SignalKind::from_raw(libc::SIGCONT))?,
    ];
    let answer = loop {
        let size = place.size();
        let Some(drawn) = layout::draw(question, size) else {
            tty.say(&layout::too_small(question, size)).await?;
            break Answer::No;
        };
        place.flush()?;
        tty.say(&format!("{}{}", open.alone.begin(), drawn.text))
            .await?;
        tokio::time::sleep(PAUSE).await;
        // Lines that were typed meanwhile have moved it.
        if place.has_lines() {
            continue;
        }
        place.flush()?;
        tty.say(&drawn.ending).await?;
        let line = tokio::select! {
            line = tty.line() => line?,
            () = either(&mut changes) => continue,
        };
        match read(&line, &drawn) {
            SaidThere::Details => {
                let before = question.grounds.calls_before();
                tty.say(&layout::details(question, &before, size)).await?;
            }
            SaidThere::Explain => {
                let explanation = question.grounds.explanation();
                let text = explanation.map_or_else(String::new, |told| told.to_string());
                tty.say(&layout::explained(&text, size)).await?;
            }
            // What was answered has to be what was drawn.
            SaidThere::Yes | SaidThere::All if place.size() != size => {}
            SaidThere::Yes => break Answer::Yes,
            SaidThere::All => break Answer::All,
            SaidThere::No => {
                if matches!(line, TypedLine::End) {
                    tty.say("\n").await?;
                }
                break Answer::No;
            }
        }
    };
    // What was typed beyond the answer was not typed for the script.
    place.flush()?;
    open.answered = true;
    Ok(answer)
}

async fn either(signals: &mut [Signal; 2]) {
    let [first, second] = signals;
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SaidThere {
    Yes,
    All,
    No,
    Details,
    Explain,
}

/// What a line says. Anything that is not exactly a yes is a no.
fn read(line: &TypedLine, drawn: &Drawn) -> SaidThere {
    let TypedLine::Typed(line) = line else {
        return SaidThere::No;
    };
    match (line.trim(), drawn.word.as_deref()) {
        ("d", _) => SaidThere::Details,
        ("e", _) => SaidThere::Explain,
        ("y" | "Y" | "yes", None) => SaidThere::Yes,
        ("a", None) if drawn.offers_all => SaidThere::All,
        (typed, Some(word)) if typed == word => SaidThere::Yes,
        _ => SaidThere::No,
    }
}

#[cfg(test)]
mod tests;
