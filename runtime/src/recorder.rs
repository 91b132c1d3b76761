//! Everything nondeterministic that reaches a guest: the time, random bytes, how long it slept, and which of its calls
//! was done first. Called by `sandbox::wasi` and `hostcall`. Nothing else may give a guest a reading that differs from run to run.

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Which time a script sees. It is never finer than a millisecond: THREAT[ESC-06].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// The host's.
    #[default]
    Real,
    /// Starts at this many milliseconds after 1970 and moves only when the script sleeps, which then takes no time.
    Frozen(u64),
}

/// Everything nondeterministic that one run was given. A replay of it gives the same run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tape {
    /// Where random bytes came from.
    pub seed: [u8; 32],
    /// The wall clock at the start, in milliseconds since 1970.
    pub started_ms: u64,
    /// Whether time stood still; then the readings follow from the script and are not kept.
    pub frozen: bool,
    /// Milliseconds since the start at each reading of a clock, with how often the same one was given in a row.
    pub readings: Vec<(u64, u64)>,
    /// The call that each wait ended with, or 0 where time ended it.
    #[serde(default)]
    pub waits: Vec<u32>,
}

/// A replay asked for something that its tape does not hold: it is not the same run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Diverged {
    #[error("the run read the clock more often than the recorded one")]
    Clock,
    #[error("the run waited for its calls more often than the recorded one")]
    Waits,
}

#[derive(Debug)]
enum Source {
    Live(Instant),
    /// Milliseconds since the start.
    Frozen(u64),
    /// What is left of the tape, last reading first.
    Replay(Vec<(u64, u64)>),
}

/// Gives one run its time and its random bytes, and keeps what it gave.
#[derive(Debug)]
pub(crate) struct Recorder {
    source: Source,
    random: ChaCha20Rng,
    tape: Tape,
    /// In a replay, what is left of the tape's waits, last first.
    waits: Option<Vec<u32>>,
}

impl Recorder {
    /// A run of its own.
    pub(crate) fn live(clock: Clock, seed: Option<u64>) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        match seed {
            Some(seed) => ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes),
            None => getrandom::fill(&mut bytes)?,
        }
        let (source, started_ms) = match clock {
            Clock::Frozen(at) => (Source::Frozen(0), at),
            Clock::Real => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                (Source::Live(Instant::now()), millis(now))
            }
        };
        let frozen = matches!(source, Source::Frozen(_));
        let tape = Tape {
            seed: bytes,
            started_ms,
            frozen,
            readings: Vec::new(),
            waits: Vec::new(),
        };
        Ok(Self {
            source,
            random: ChaCha20Rng::from_seed(bytes),
            tape,
            waits: None,
        })
    }

    /// The same run again.
    pub(crate) fn replay(tape: Tape) -> Self {
        let (mut left, mut waits) = (tape.readings, tape.waits);
        left.reverse();
        waits.reverse();
        let source = if tape.frozen {
            Source::Frozen(0)
        } else {
            Source::Replay(left)
        };
        let tape = Tape {
            readings: Vec::new(),
            waits: Vec::new(),
            ..tape
        };
        Self {
            source,
            random: ChaCha20Rng::from_seed(tape.seed),
            tape,
            waits: Some(waits),
        }
    }

    /// Milliseconds since the start of the run.
    pub(crate) fn elapsed_ms(&mut self) -> Result<u64, Diverged> {
        let now = match &mut self.source {
            Source::Live(start) => millis(start.elapsed()),
            Source::Frozen(now) => return Ok(*now),
            Source::Replay(left) => {
                let (reading, times) = left.last_mut().ok_or(Diverged::Clock)?;
                let reading = *reading;
                *times = times.saturating_sub(1);
                if *times == 0 {
                    left.pop();
                }
                reading
            }
        };
        match self.tape.readings.last_mut() {
            Some((reading, times)) if *reading == now => *times = times.saturating_add(1),
            _ => self.tape.readings.push((now, 1)),
        }
        Ok(now)
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_ms(&mut self) -> Result<u64, Diverged> {
        Ok(self.tape.started_ms.saturating_add(self.elapsed_ms()?))
    }

    /// What the clock showed when the run started, for what is stamped without being asked for.
    pub(crate) fn started_ms(&self) -> u64 {
        self.tape.started_ms
    }

    /// Whether time stands still unless the script sleeps.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.source, Source::Frozen(_))
    }

    /// How long to wait for a script that sleeps: not at all where time is not the host's.
    pub(crate) fn sleep(&mut self, wanted: Duration) -> Duration {
        match &mut self.source {
            Source::Live(_) => wanted,
            Source::Frozen(now) => {
                // Rounded up, so that a loop that sleeps until a time comes to an end.
                *now = now
                    .saturating_add(millis(wanted.saturating_add(Duration::from_nanos(999_999))));
                Duration::ZERO
            }
            Source::Replay(_) => Duration::ZERO,
        }
    }

    /// In a replay, the call that the next wait ended with.
    pub(crate) fn recorded_wait(&mut self) -> Result<Option<u32>, Diverged> {
        self.waits
            .as_mut()
            .map(|left| left.pop().ok_or(Diverged::Waits))
            .transpose()
    }

    /// Keeps which call a wait ended with, 0 for none.
    pub(crate) fn waited(&mut self, call: u32) {
        self.tape.waits.push(call);
    }

    /// Random bytes. The tape holds the seed that they come from.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }

    pub(crate) fn into_tape(self) -> Tape {
        self.tape
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
