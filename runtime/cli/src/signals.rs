//! The signals that would end the process. `run`, `mcp` and `demo` catch them, since each has made something that is
//! to be removed: none of them may end the process by itself any more. THREAT[DOS-04].

use rustix::process::Signal;
use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
};
use tokio::signal::unix::{self, SignalKind};

/// What the system ends a process for unless it is told otherwise, those that tell of a fault of the program excepted.
/// A broken pipe is an error and no signal here.
const ENDING: [Signal; 14] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
    Signal::STKFLT,
    Signal::XCPU,
    Signal::XFSZ,
];

/// Catches them from when it is made.
#[derive(Debug)]
pub(super) struct Signals {
    hangup: Option<unix::Signal>,
    others: Vec<unix::Signal>,
}

/// What a signal asks of a process that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalMeaning {
    /// To read again what may have changed.
    Reload,
    /// To end.
    End,
}

impl Signals {
    /// To be called in a runtime. Signals that the caller had this process ignore, as `nohup` does, stay ignored.
    pub(super) fn catch() -> io::Result<Self> {
        let ignored = ignored();
        let ending = ENDING.map(Signal::as_raw).into_iter();
        let caught = ending
            // The very last one cannot be caught by the executor.
            .chain(libc::SIGRTMIN()..libc::SIGRTMAX())
            .filter(|number| {
                let place = number.checked_sub(1).and_then(|at| u32::try_from(at).ok());
                let bit = place.and_then(|place| 1_u64.checked_shl(place));
                bit.is_none_or(|bit| ignored & bit == 0)
            })
            .map(|number| Ok((number, unix::signal(SignalKind::from_raw(number))?)));
        let caught = caught.collect::<io::Result<Vec<_>>>()?;
        let (hangup, others): (Vec<_>, Vec<_>) = caught
            .into_iter()
            .partition(|(number, _)| *number == Signal::HUP.as_raw());
        let signals =
            |numbered: Vec<(i32, unix::Signal)>| numbered.into_iter().map(|(_, signal)| signal);
        Ok(Self {
            hangup: signals(hangup).next(),
            others: signals(others).collect(),
        })
    }

    /// Waits for one of them.
    pub(super) async fn any(&mut self) {
        self.next().await;
    }

    /// Waits for one of them, and says what it asks for of a process that serves.
    pub(super) async fn next(&mut self) -> SignalMeaning {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<SignalMeaning> {
        let mut came = |signal: &mut unix::Signal| signal.poll_recv(context).is_ready();
        // All are looked at, so that each of them wakes.
        let hangup = self
            .hangup
            .iter_mut()
            .map(&mut came)
            .fold(false, |a, b| a | b);
        let end = self
            .others
            .iter_mut()
            .map(&mut came)
            .fold(false, |a, b| a | b);
        match (end, hangup) {
            (true, _) => Poll::Ready(SignalMeaning::End),
            (false, true) => Poll::Ready(SignalMeaning::Reload),
            (false, false) => Poll::Pending,
        }
    }
}

/// A bit for each signal that is ignored. Where that cannot be known, none is.
fn ignored() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "what the system says of this process"
    )]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
