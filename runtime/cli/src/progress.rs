//! What is shown while the interpreter is prepared, which happens once per machine and takes up to a minute.

use super::print;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sandgate::{Progress, Stage, Stream};
use std::{sync::Mutex, time::Duration};

/// A line on standard error: a bar at a terminal, one line a stage elsewhere. Nothing at all when the image is there.
#[derive(Debug, Default)]
pub(super) struct Bar(Mutex<Option<ProgressBar>>);

const STAGES: u64 = 4;

impl Progress for Bar {
    fn stage(&self, stage: Stage) {
        let (step, text) = match stage {
            Stage::Waiting => (
                0,
                "waiting for another sandgate that prepares the interpreter",
            ),
            Stage::Unpacking => (0, "unpacking the interpreter"),
            Stage::Starting => (1, "starting the interpreter, to keep it started"),
            Stage::Compiling => (2, "compiling the interpreter for this processor"),
            Stage::Storing => (3, "storing the interpreter"),
        };
        let Ok(mut bar) = self.0.lock() else { return };
        let bar = bar.get_or_insert_with(begin);
        bar.set_position(step);
        bar.set_message(text);
        if bar.is_hidden() {
            print::err(&format!("preparing the interpreter, once: {text}\n"));
        }
    }

    fn done(&self) {
        if let Ok(Some(bar)) = self.0.lock().map(|mut bar| bar.take()) {
            bar.finish_and_clear();
        }
    }
}

fn begin() -> ProgressBar {
    let target = if print::is_terminal(Stream::Err) {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(STAGES), target);
    // The template is a constant; were it wrong, the default style would do.
    if let Ok(style) = ProgressStyle::with_template(
        "{spinner} preparing the interpreter, once [{bar:20}] {msg} ({elapsed})",
    ) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
