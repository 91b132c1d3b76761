//! Everything nondeterministic that reaches a guest: the time, random bytes, how long it slept, and which of its calls
//! was done first. Called by `sandbox::wasi` and `hostcall`. Nothing else may give a guest a reading that differs from run to run.

use crate::budget::{Budget, MOST, Share};
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
    /// The call that each wait ended with, or 0 where time ended it, with how often that came in a row.
    #[serde(default)]
    pub waits: Vec<(u32, u64)>,
}

/// Why a run cannot be given what it asks for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapeError {
    /// A replay asked for something that its tape does not hold: it is not the same run.
    #[error("the run read the clock more often than the recorded one")]
    Clock,
    /// The same of its waits.
    #[error("the run waited for its calls more often than the recorded one")]
    Waits,
    /// THREAT[DOS-05]: what a run was given is host memory.
    #[error("{MOST} bytes that the host holds for the run are used up by its tape")]
    Full,
}

#[derive(Debug)]
enum Source {
    Live(LiveClock),
    /// Milliseconds since the start.
    Frozen(u64),
    /// What is left of the tape, last reading first.
    Replay(Vec<(u64, u64)>),
}

/// The host's clock, as a run sees it. Time stood still for it while it was parked, but for the wall clock.
#[derive(Debug)]
struct LiveClock {
    since: Instant,
    /// What it showed then, in milliseconds since the start.
    elapsed_ms: u64,
    /// What the wall clock was ahead of that.
    ahead_ms: u64,
}

/// Gives one run its time and its random bytes, and keeps what it gave.
#[derive(Debug)]
pub(crate) struct Recorder {
    source: Source,
    random: ChaCha20Rng,
    tape: Tape,
    /// What the tape takes of the run's budget.
    share: Option<Share>,
    /// In a replay, what is left of the tape's waits, last first.
    waits: Option<Vec<(u32, u64)>>,
    /// Whether the run goes on where its tape ends.
    goes_on: bool,
    /// What a monotonic clock showed last.
    elapsed_ms: u64,
    /// How much of the tape the journal has.
    readings_given: Mark,
    waits_given: Mark,
}

/// A part of a tape: what was given, and how often in a row.
type InARow<T> = Vec<(T, u64)>;

/// Up to where in a tape: an entry, and how often of it.
type Mark = (usize, u64);

impl Recorder {
    /// A run of its own.
    pub(crate) fn live(
        clock: Clock,
        seed: Option<u64>,
        budget: &Budget,
    ) -> Result<Self, getrandom::Error> {
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
                let clock = LiveClock {
                    since: Instant::now(),
                    elapsed_ms: 0,
                    ahead_ms: 0,
                };
                (Source::Live(clock), millis(now))
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
            share: budget.take(0),
            waits: None,
            goes_on: false,
            elapsed_ms: 0,
            readings_given: (0, 0),
            waits_given: (0, 0),
        })
    }

    /// The same with the random bytes of another run.
    pub(crate) fn seeded(mut self, seed: Option<[u8; 32]>) -> Self {
        if let Some(seed) = seed {
            self.random = ChaCha20Rng::from_seed(seed);
            self.tape.seed = seed;
        }
        self
    }

    /// The same run again, and then on from where its tape ends.
    pub(crate) fn resume(tape: Tape, budget: &Budget) -> Self {
        Self {
            goes_on: true,
            ..Self::replay(tape, budget)
        }
    }

    /// The same run again.
    pub(crate) fn replay(tape: Tape, budget: &Budget) -> Self {
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
            share: budget.take(0),
            waits: Some(waits),
            goes_on: false,
            elapsed_ms: 0,
            readings_given: (0, 0),
            waits_given: (0, 0),
        }
    }

    /// Milliseconds since the start of the run.
    pub(crate) fn elapsed_ms(&mut self) -> Result<u64, TapeError> {
        let now = self.reading(false)?;
        self.elapsed_ms = now;
        Ok(now)
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_ms(&mut self) -> Result<u64, TapeError> {
        Ok(self.tape.started_ms.saturating_add(self.reading(true)?))
    }

    fn reading(&mut self, is_wall: bool) -> Result<u64, TapeError> {
        let now = loop {
            match &mut self.source {
                Source::Live(clock) => {
                    let now = clock
                        .elapsed_ms
                        .saturating_add(millis(clock.since.elapsed()));
                    break if is_wall {
                        now.saturating_add(clock.ahead_ms)
                    } else {
                        now
                    };
                }
                Source::Frozen(now) => return Ok(*now),
                Source::Replay(left) => match next(left) {
                    Some(now) => break now,
                    None if self.goes_on => self.go_on(),
                    None => return Err(TapeError::Clock),
                },
            }
        };
        keep(&mut self.tape.readings, now, &mut self.share)?;
        Ok(now)
    }

    /// The tape has no more readings: from here on they are the host's.
    fn go_on(&mut self) {
        self.readings_given = end(&self.tape.readings);
        let wall = millis(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        );
        let since_start = wall.saturating_sub(self.tape.started_ms);
        self.source = Source::Live(LiveClock {
            since: Instant::now(),
            elapsed_ms: self.elapsed_ms,
            ahead_ms: since_start.saturating_sub(self.elapsed_ms),
        });
    }

    /// What was given since the last time, and is not of the tape that this is a replay of.
    pub(crate) fn fresh(&mut self) -> (InARow<u64>, InARow<u32>) {
        let readings = match self.source {
            Source::Replay(_) => Vec::new(),
            _ => beyond(&self.tape.readings, &mut self.readings_given),
        };
        let waits = match self.waits {
            Some(_) => Vec::new(),
            None => beyond(&self.tape.waits, &mut self.waits_given),
        };
        (readings, waits)
    }

    /// What the clock showed when the run started, for what is stamped without being asked for.
    pub(crate) fn started_ms(&self) -> u64 {
        self.tape.started_ms
    }

    /// Where random bytes come from.
    pub(crate) fn seed(&self) -> [u8; 32] {
        self.tape.seed
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

    /// Whether a replay was given all that its tape has.
    pub(crate) fn is_used_up(&self) -> bool {
        let has_readings = matches!(&self.source, Source::Replay(left) if !left.is_empty());
        !has_readings && self.waits.as_ref().is_none_or(Vec::is_empty)
    }

    /// In a replay, the call that the next wait ended with.
    pub(crate) fn recorded_wait(&mut self) -> Result<Option<u32>, TapeError> {
        let Some(left) = &mut self.waits else {
            return Ok(None);
        };
        match next(left) {
            Some(call) => Ok(Some(call)),
            None if self.goes_on => {
                self.waits_given = end(&self.tape.waits);
                self.waits = None;
                Ok(None)
            }
            None => Err(TapeError::Waits),
        }
    }

    /// Keeps which call a wait ended with, 0 for none.
    pub(crate) fn waited(&mut self, call: u32) -> Result<(), TapeError> {
        keep(&mut self.tape.waits, call, &mut self.share)
    }

    /// Random bytes. The tape holds the seed that they come from.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }

    pub(crate) fn into_tape(self) -> Tape {
        self.tape
    }
}

/// The next entry of what is left of a tape, which is kept last entry first.
fn next<T: Copy>(left: &mut Vec<(T, u64)>) -> Option<T> {
    let (entry, times) = left.last_mut()?;
    let entry = *entry;
    *times = times.saturating_sub(1);
    if *times == 0 {
        left.pop();
    }
    Some(entry)
}

/// Where a tape ends.
fn end<T>(tape: &[(T, u64)]) -> Mark {
    let last = tape.len().saturating_sub(1);
    (last, tape.last().map_or(0, |(_, times)| *times))
}

/// What a tape has beyond a mark, which is then at its end.
fn beyond<T: Copy>(tape: &[(T, u64)], mark: &mut Mark) -> Vec<(T, u64)> {
    let (at, had) = *mark;
    *mark = end(tape);
    let mut rest = tape.get(at..).unwrap_or_default().iter().copied();
    let first = rest
        .next()
        .map(|(entry, times)| (entry, times.saturating_sub(had)));
    first
        .filter(|(_, times)| *times > 0)
        .into_iter()
        .chain(rest)
        .collect()
}

/// Adds an entry to a tape. A script that polls gets the same one over and over, which costs nothing.
fn keep<T: PartialEq>(
    tape: &mut Vec<(T, u64)>,
    entry: T,
    share: &mut Option<Share>,
) -> Result<(), TapeError> {
    match tape.last_mut() {
        Some((last, times)) if *last == entry => *times = times.saturating_add(1),
        _ => {
            // Twice the entry, since the vector doubles.
            let bytes = 2 * size_of::<(T, u64)>();
            if !share.as_mut().is_some_and(|share| share.grow(bytes)) {
                return Err(TapeError::Full);
            }
            tape.push((entry, 1));
        }
    }
    Ok(())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn recorder(budget: &Budget) -> Recorder {
        Recorder::live(Clock::Frozen(0), Some(1), budget).unwrap()
    }

    #[test]
    fn dos_05_polling_costs_nothing_and_what_costs_is_counted_and_ends() {
        let budget = Budget::default();
        let mut recorder = recorder(&budget);
        for _ in 0..1_000_000 {
            recorder.waited(0).unwrap();
        }
        assert_eq!(recorder.tape.waits, [(0, 1_000_000)]);
        let one = budget.used();
        let full = (1..u32::MAX).find_map(|call| recorder.waited(call).err());
        assert_eq!(
            full.unwrap().to_string(),
            "67108864 bytes that the host holds for the run are used up by its tape"
        );
        assert!(recorder.tape.waits.len() * one <= MOST);
        drop(recorder);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_replay_gives_the_waits_of_the_recording_and_no_more() {
        let budget = Budget::default();
        let mut first = recorder(&budget);
        let waits = [0, 0, 3, 0, 1, 1];
        for call in waits {
            first.waited(call).unwrap();
        }
        let mut again = Recorder::replay(first.into_tape(), &budget);
        for call in waits {
            assert_eq!(again.recorded_wait().unwrap(), Some(call));
        }
        assert_eq!(
            again.recorded_wait().unwrap_err().to_string(),
            "the run waited for its calls more often than the recorded one"
        );
    }
}
