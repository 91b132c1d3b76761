//! What is shown while the interpreter is prepared, which happens once per machine and takes some seconds: a bar that moves,
//! and how long it still takes. It must never leave a thread behind: a wall is raised afterwards.

use super::print;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sandgate::{Progress, Stage, Stream};
use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
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

/// How much work each stage is, as processor time and measured in that of unpacking, which one processor does. So how long that
/// took says how long the rest will take.
const fn work(stage: Stage) -> f64 {
    match stage {
        Stage::Waiting => 0.0,
        Stage::Unpacking => 1.0,
        Stage::Compiling => 42.0,
        Stage::Storing => 2.0,
    }
}

/// How far it is.
#[derive(Debug)]
struct Course {
    /// How many processors compile.
    processors: f64,
    begun: Instant,
    stage: Stage,
    /// When the stage began, and what share of the whole was done by then.
    since: Instant,
    done: f64,
}

impl Course {
    fn new(stage: Stage, processors: usize, now: Instant) -> Self {
        Self {
            // More than any machine has, so that it can be counted exactly.
            processors: f64::from(u16::try_from(processors).unwrap_or(u16::MAX)),
            begun: now,
            stage,
            since: now,
            done: 0.0,
        }
    }

    /// How long a stage takes, measured in how long unpacking does.
    fn length(&self, stage: Stage) -> f64 {
        match stage {
            Stage::Compiling => work(stage) / self.processors.max(1.0),
            Stage::Waiting | Stage::Unpacking | Stage::Storing => work(stage),
        }
    }

    /// What share of the time a stage takes.
    fn share(&self, stage: Stage) -> f64 {
        let all = [Stage::Unpacking, Stage::Compiling, Stage::Storing];
        let whole: f64 = all.into_iter().map(|stage| self.length(stage)).sum();
        self.length(stage) / whole
    }

    fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage == Stage::Waiting {
            self.begun = now;
        } else {
            self.done += self.share(self.stage);
        }
        (self.stage, self.since) = (stage, now);
    }

    /// How long all of it takes: what is done says so, and before anything is done, what it took elsewhere.
    fn whole(&self) -> Duration {
        const ELSEWHERE: Duration = Duration::from_secs(10);
        let past = self.since.saturating_duration_since(self.begun);
        if self.done > 0.0 {
            past.div_f64(self.done)
        } else {
            ELSEWHERE
        }
    }

    /// The share of it that is done now. A stage that takes longer than was expected comes to its end more and more slowly.
    fn progress(&self, now: Instant) -> f64 {
        let expected = self.whole().mul_f64(self.share(self.stage)).as_secs_f64();
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
        self.done + part * self.share(self.stage)
    }

    fn text(&self, now: Instant) -> String {
        let left = self.whole().mul_f64(1.0 - self.progress(now)).as_secs();
        let doing = doing(self.stage);
        match self.stage {
            Stage::Compiling => format!("{doing}, about {} s left", left.saturating_add(1)),
            Stage::Waiting | Stage::Unpacking | Stage::Storing => doing.to_owned(),
        }
    }
}

fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting for another sandgate that does it",
        Stage::Unpacking => "unpacking it",
        Stage::Compiling => "compiling it for this processor",
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
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let course = Arc::new(Mutex::new(Course::new(stage, processors, now)));
        let (stop, stopped) = mpsc::channel();
        let (moved, there) = (bar.clone(), Arc::clone(&course));
        let moving = thread::Builder::new()
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
        let at = |tenths: u32| begun + Duration::from_millis(100) * tenths;
        let mut course = Course::new(Stage::Unpacking, 2, begun);
        assert_eq!(course.text(begun), "unpacking it");
        let mut before = 0.0;
        let mut said = Vec::new();
        for tenth in 1..=200 {
            match tenth {
                // Twice as slow as elsewhere.
                8 => course.enter(Stage::Compiling, at(tenth)),
                180 => course.enter(Stage::Storing, at(tenth)),
                _ => {}
            }
            let now = course.progress(at(tenth));
            assert!(now >= before && now < 1.0, "{tenth}: {now} after {before}");
            before = now;
            if tenth % 50 == 13 {
                said.push(course.text(at(tenth)));
            }
        }
        assert_eq!(
            said,
            [
                "compiling it for this processor, about 18 s left",
                "compiling it for this processor, about 13 s left",
                "compiling it for this processor, about 8 s left",
                "compiling it for this processor, about 4 s left"
            ]
        );
    }

    #[test]
    fn what_one_processor_unpacked_many_compile() {
        let begun = Instant::now();
        let mut left = Vec::new();
        for processors in [1, 2, 4, 16] {
            let mut course = Course::new(Stage::Unpacking, processors, begun);
            let unpacked = begun + Duration::from_millis(510);
            course.enter(Stage::Compiling, unpacked);
            left.push(course.text(unpacked));
        }
        assert_eq!(
            left,
            [
                "compiling it for this processor, about 23 s left",
                "compiling it for this processor, about 12 s left",
                "compiling it for this processor, about 7 s left",
                "compiling it for this processor, about 3 s left"
            ]
        );
    }
}
