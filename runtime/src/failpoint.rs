//! Places between a decision and its record where a test has the process die, the disk fail, or another process go first. Passed by
//! what writes the journal and by the road, and told which by `SANDGATE_FAILPOINT`. A build that is shipped must have nothing of it
//! but the names of the places: what happens there is compiled with the feature `failpoints`, which only tests switch on.

/// The places, and what tests call them.
macro_rules! places {
    ($($(#[doc = $doc:literal])+ $place:ident = $name:literal,)+) => {
        /// A place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Failpoint {
            $($(#[doc = $doc])+ $place,)+
        }

        #[cfg(feature = "failpoints")]
        impl Failpoint {
            const NAMES: &'static [&'static str] = &[$($name),+];

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$place => $name,)+
                }
            }
        }
    };
}

places! {
    /// The policies have decided a call.
    Decided = "decided",
    /// The call may be made.
    Cleared = "cleared",
    /// The call is only planned, and noted.
    Planned = "planned",
    /// Its intent is about to be written down, where it has to be.
    Intending = "intending",
    /// Lines are in a transaction.
    Committing = "committing",
    /// They are on the disk, and the anchor does not know of them.
    Committed = "committed",
    /// The anchor knows.
    Anchored = "anchored",
    /// The call has its ticket.
    Ticketed = "ticketed",
    /// The service has answered.
    Sent = "sent",
    /// The answer waits to be written down.
    Replied = "replied",
    /// It is written down, where it has to be before the script has it.
    Kept = "kept",
    /// The run is about to wait for people.
    Parking = "parking",
    /// It waits, on the disk.
    Parked = "parked",
    /// The end of the run is about to be written down.
    Ending = "ending",
    /// It waits to be written down.
    Ended = "ended",
    /// An answer to a question is about to be written down.
    Answering = "answering",
    /// It is written down, and the run waits still.
    Answered = "answered",
    /// A process is about to take a run.
    Claiming = "claiming",
    /// It has taken it.
    Claimed = "claimed",
    /// What somebody says of a change is about to be written down.
    Resolving = "resolving",
    /// It is written down.
    Resolved = "resolved",
    /// A plan is about to be carried out.
    Carrying = "carrying",
    /// It is written down that it is.
    Carried = "carried",
    /// A run is about to be undone.
    Undoing = "undoing",
    /// It is written down that it is.
    Undone = "undone",
}

/// A process that is to die here does, as if it were killed; one that is to let another go first waits.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) const fn pass(_: Failpoint) {}

/// The same where a disk may fail.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) fn disk(_: Failpoint) -> std::io::Result<()> {
    Ok(())
}

/// Reads what is to happen, while there is an environment.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) const fn arm() {}

#[cfg(feature = "failpoints")]
pub(crate) use armed::{arm, disk, pass};

/// What all places are called.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn failpoints() -> &'static [&'static str] {
    Failpoint::NAMES
}

#[cfg(feature = "failpoints")]
#[expect(
    clippy::disallowed_methods,
    reason = "a test waits for what a process says here"
)]
mod armed {
    use super::Failpoint;
    use std::{
        io::{self, Read, Write},
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    /// `committed@2=die`: the second time that this place is passed. `*` is every place.
    #[derive(Debug)]
    struct Armed {
        place: String,
        time: u64,
        act: Act,
        passed: AtomicU64,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Act {
        /// The process is gone at once.
        Die,
        /// The disk fails, once.
        Fail,
        /// The disk fails, from then on.
        Full,
        /// It waits for a byte.
        Wait,
        /// It only says so.
        Tell,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    pub(crate) fn arm() {
        armed();
    }

    fn armed() -> Option<&'static Armed> {
        let read = || {
            let told = std::env::var("SANDGATE_FAILPOINT").ok()?;
            let (at, act) = told.split_once('=')?;
            let (place, time) = at.split_once('@')?;
            Some(Armed {
                place: place.to_owned(),
                time: time.parse().ok()?,
                act: match act {
                    "die" => Act::Die,
                    "fail" => Act::Fail,
                    "full" => Act::Full,
                    "wait" => Act::Wait,
                    "tell" => Act::Tell,
                    _ => return None,
                },
                passed: AtomicU64::new(0),
            })
        };
        ARMED.get_or_init(read).as_ref()
    }

    pub(crate) fn pass(place: Failpoint) {
        // A disk that fails where none is used is none.
        let _ = disk(place);
    }

    pub(crate) fn disk(place: Failpoint) -> io::Result<()> {
        let is_meant = |armed: &&Armed| armed.place == place.name() || armed.act == Act::Tell;
        let Some(armed) = armed().filter(is_meant) else {
            return Ok(());
        };
        let time = armed.passed.fetch_add(1, Ordering::SeqCst) + 1;
        match armed.act {
            Act::Tell => tell(place),
            Act::Full if time > armed.time => Err(io::ErrorKind::StorageFull.into()),
            _ if time != armed.time => Ok(()),
            Act::Fail | Act::Full => Err(io::ErrorKind::StorageFull.into()),
            Act::Die => {
                tell(place)?;
                std::process::abort()
            }
            Act::Wait => {
                tell(place)?;
                io::stdin().read(&mut [0]).map(drop)
            }
        }
    }

    /// Says where the process is, to whoever started it.
    fn tell(place: Failpoint) -> io::Result<()> {
        io::stderr().write_all(format!("at {}\n", place.name()).as_bytes())
    }
}
