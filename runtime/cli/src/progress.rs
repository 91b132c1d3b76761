//! What is shown while the interpreter is prepared, which happens once per machine and takes half a minute: a bar that moves,
//! and how long it still takes. It must never leave a thread behind: a wall is raised afterwards.

use super::print;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sandgate::{Progress, Stage, Stream};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A line on standard error: a bar at a terminal, one line a stage elsewhere. Nothing at all when the image is there.
#[derive(Debug, Default)]
pub(super) struct Bar(Mutex<Option<Showing>>);

#[derive(Debug)]
struct Showing {
    bar: ProgressBar,
    course: Arc<Mutex<Course>>,
    /// What moves the bar ends when this is gone.
    moving: Option<(Sender<()>, JoinHandle<()>)>,
}

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(120);

/// The length of the bar, in thousandths.
const WHOLE: f64 = 1000.0;

/// What share of the time each stage takes, measured on two cores: unpacking is much the same everywhere beside the rest.
const fn share(stage: Stage) -> f64 {
    match stage {
        Stage::Waiting => 0.0,
        Stage::Unpacking => 0.02,
        Stage::Starting => 0.40,
        Stage::Compiling => 0.56,
        Stage::Storing => 0.02,
    }
}

/// How far it is.
#[derive(Debug)]
struct Course {
    begun: Instant,
    stage: Stage,
    /// When the stage began, and what share of the whole was done by then.
    since: Instant,
    done: f64,
}

impl Course {
    fn new(stage: Stage, now: Instant) -> Self {
        Self {
            begun: now,
            stage,
            since: now,
            done: 0.0,
        }
    }

    fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage == Stage::Waiting {
            self.begun = now;
        } else {
            self.done += share(self.stage);
        }
        (self.stage, self.since) = (stage, now);
    }

    /// How long all of it takes: what is done says so, and before much is done, what it took elsewhere.
    fn whole(&self) -> Duration {
        const ELSEWHERE: Duration = Duration::from_secs(30);
        let past = self.since.saturating_duration_since(self.begun);
        if self.done < 0.1 {
            return ELSEWHERE;
        }
        past.div_f64(self.done)
    }

    /// The share of it that is done now. A stage that takes longer than was expected comes to its end more and more slowly.
    fn progress(&self, now: Instant) -> f64 {
        let expected = self.whole().mul_f64(share(self.stage)).as_secs_f64();
        let spent = now.saturating_duration_since(self.since).as_secs_f64();
        let part = if expected > 0.0 {
            spent / expected
        } else {
            0.0
        };
        let part = if part <= 0.8 {
            part
        } else {
            1.0 - 0.2 * ((0.8 - part) / 0.2).exp()
        };
        self.done + part * share(self.stage)
    }

    fn text(&self, now: Instant) -> String {
        let left = self.whole().mul_f64(1.0 - self.progress(now)).as_secs();
        let doing = doing(self.stage);
        match self.stage {
            Stage::Starting | Stage::Compiling => {
                format!("{doing}, about {} s left", left.saturating_add(1))
            }
            Stage::Waiting | Stage::Unpacking | Stage::Storing => doing.to_owned(),
        }
    }
}

fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting for another sandgate that does it",
        Stage::Unpacking => "unpacking it",
        Stage::Starting => "starting it, so that no run has to",
        Stage::Compiling => "compiling it",
        Stage::Storing => "storing it",
    }
}

impl Progress for Bar {
    fn stage(&self, stage: Stage) {
        let now = Instant::now();
        let Ok(mut showing) = self.0.lock() else {
            return;
        };
        let showing = match showing.as_mut() {
            Some(showing) => {
                let mut course = showing
                    .course
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                course.enter(stage, now);
                drop(course);
                showing
            }
            None => showing.insert(Showing::begin(stage, now)),
        };
        if showing.bar.is_hidden() {
            print::err(&format!(
                "preparing the interpreter, once: {}\n",
                doing(stage)
            ));
        }
    }

    fn done(&self) {
        if let Ok(Some(mut showing)) = self.0.lock().map(|mut bar| bar.take()) {
            if let Some((stop, thread)) = showing.moving.take() {
                drop(stop);
                // It ends at once, and does not panic.
                let _ = thread.join();
            }
            showing.bar.finish_and_clear();
        }
    }
}

impl Showing {
    fn begin(stage: Stage, now: Instant) -> Self {
        let target = if print::is_terminal(Stream::Err) {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        // The template is a constant; were it wrong, the default style would do.
        if let Ok(style) = ProgressStyle::with_template(
            "{spinner} preparing the interpreter, once [{bar:24}] {msg}",
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        let course = Arc::new(Mutex::new(Course::new(stage, now)));
        let (stop, stopped) = mpsc::channel();
        let (moved, there) = (bar.clone(), Arc::clone(&course));
        let moving = std::thread::Builder::new()
            .name("sandgate-progress".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    let now = Instant::now();
                    let course = there.lock().unwrap_or_else(PoisonError::into_inner);
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "it is from 0 to 1000"
                    )]
                    moved.set_position((course.progress(now) * WHOLE) as u64);
                    moved.set_message(course.text(now));
                    moved.tick();
                }
            });
        Self {
            bar,
            course,
            // Without it the bar stands still.
            moving: moving.ok().map(|thread| (stop, thread)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_only_moves_forward_and_what_is_left_follows_what_it_took() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut course = Course::new(Stage::Unpacking, begun);
        assert_eq!(course.text(begun), "unpacking it");
        let mut before = 0.0;
        let mut said = Vec::new();
        for second in 1..=60 {
            match second {
                2 => course.enter(Stage::Starting, at(second)),
                // Twice as slow as elsewhere.
                26 => course.enter(Stage::Compiling, at(second)),
                59 => course.enter(Stage::Storing, at(second)),
                _ => {}
            }
            let now = course.progress(at(second));
            assert!(now >= before && now < 1.0, "{second}: {now} after {before}");
            before = now;
            if second % 16 == 10 {
                said.push(course.text(at(second)));
            }
        }
        assert_eq!(
            said,
            [
                "starting it, so that no run has to, about 22 s left",
                "compiling it, about 36 s left",
                "compiling it, about 20 s left",
                "compiling it, about 5 s left"
            ]
        );
    }
}
