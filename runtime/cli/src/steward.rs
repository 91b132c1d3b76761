//! The process that reads again, on behalf of a server, what the server itself may not: registrations, and the addresses of the
//! services that contexts use. Started by `serve` before its wall is raised; it ends with the server. Each time that it is
//! asked it starts another `connector`, for the addresses that there are then.
//!
//! THREAT[ESC-07]: it is told nothing but to look again. What a script that escaped into the server could get by that is what the
//! operator has registered, and what some context may use; it must never take a name, a path or an address from the server.

use super::{
    connector, exit::Exit, failure::Failure, itself, shared::SharedArguments, wall::Inherited,
};
use clap::Args;
use sandgate::{
    HostError, Services, chain,
    service::{Address, Connector, Store, StoreCopy, passing},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read, Write, stdin},
    net::Shutdown,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::Child,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The subcommand that it is. Nobody is told of it; by hand it does nothing.
pub(super) const NAME: &str = "steward";

/// For how long it is waited for, which reads files and starts a process.
const LONGEST: Duration = Duration::from_secs(60);
/// An answer is shorter: all documents of all services.
const LONGEST_ANSWER: usize = 1 << 30;
/// Processes that connect at once: those of before end with what they were last asked.
const MOST_CONNECTING: usize = 8;
/// How often it looks again at most.
const PAUSE: Duration = Duration::from_millis(100);

/// Where it looks.
#[derive(Debug, Args)]
pub(super) struct StewardArguments {
    /// The directory of the policies
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,
}

/// What it answers. With addresses comes the way to a process that was told them.
#[derive(Debug, Serialize, Deserialize)]
enum StewardReply {
    Found {
        addresses: Vec<Address>,
        registrations: StoreCopy,
    },
    Unusable(String),
}

/// What there is now.
#[derive(Debug)]
pub(super) struct Reread {
    /// What connects to the services of all contexts.
    pub(super) connector: Connector,
    /// The registrations.
    pub(super) registrations: StoreCopy,
}

/// Why there is nothing new.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFound {
    /// What there is cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// The process is gone, or does not answer.
    #[error("the process that reads registrations does not answer: {0}")]
    Silent(#[from] io::Error),
}

/// The process, until this is dropped.
#[derive(Debug)]
pub(super) struct Steward {
    channel: Mutex<UnixStream>,
    process: Child,
}

impl Steward {
    /// Starts one for these directories.
    pub(super) fn start(state: &Path, policies: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::internal(
                format!("the process that reads registrations cannot be started: {error}"),
                None,
            )
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_read_timeout(Some(LONGEST)).map_err(failed)?;
        let absolute = |path: &Path| std::path::absolute(path).map_err(failed);
        let mut command = itself::helper(NAME, OwnedFd::from(theirs));
        command
            .arg("--state-dir")
            .arg(absolute(state)?)
            .arg("--policies")
            .arg(absolute(policies)?)
            .env_clear();
        let process = command.spawn().map_err(failed)?;
        Ok(Self {
            channel: Mutex::new(ours),
            process,
        })
    }

    /// Has it look again, and waits for what it finds.
    pub(super) fn look(&self) -> Result<Reread, NotFound> {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let found = Self::ask(&mut channel);
        if matches!(found, Err(NotFound::Silent(_))) {
            // Its answer may come yet, and would be taken for that of the next question.
            let _ = channel.shutdown(Shutdown::Both);
        }
        found
    }

    fn ask(channel: &mut UnixStream) -> Result<Reread, NotFound> {
        channel.write_all(b"?")?;
        let mut length = [0; size_of::<u64>()];
        let (read, mut passed) = loop {
            match passing::take(channel.as_fd(), &mut length) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                taken => break taken?,
            }
        };
        let rest = length.get_mut(read..).unwrap_or_default();
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        channel.read_exact(rest)?;
        let length = usize::try_from(u64::from_le_bytes(length)).ok();
        let length = length.filter(|length| *length <= LONGEST_ANSWER);
        let mut answer = vec![
            0;
            length
                .ok_or(io::ErrorKind::InvalidData)
                .map_err(io::Error::from)?
        ];
        channel.read_exact(&mut answer)?;
        match serde_json::from_slice(&answer).map_err(io::Error::from)? {
            StewardReply::Unusable(why) => Err(NotFound::Unusable(why)),
            StewardReply::Found {
                addresses,
                registrations,
            } => {
                let connector = match passed.pop() {
                    Some(way) => Connector::told(way, addresses)?,
                    None => Connector::nowhere(),
                };
                Ok(Reread {
                    connector,
                    registrations,
                })
            }
        }
    }
}

/// It ends when nobody can ask it any more.
impl Drop for Steward {
    fn drop(&mut self) {
        let channel = self
            .channel
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let _ = channel.shutdown(Shutdown::Both);
        let _ = self.process.wait();
    }
}

/// What the process does. Its standard input is the way to the server.
pub(super) fn serve(
    arguments: &StewardArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    inherited.close();
    let failed = |error: io::Error| {
        Failure::usage(
            format!("nothing can be heard from a server: {error}"),
            "`sandgate serve` starts this itself",
        )
    };
    let state = shared.state_dir().ok_or_else(|| {
        Failure::usage("there is no state directory", "name one with --state-dir")
    })?;
    let mut channel = UnixStream::from(stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    let mut connecting: Vec<Child> = Vec::new();
    let mut asked = [0];
    while channel.read(&mut asked).map_err(failed)? > 0 {
        let began = Instant::now();
        connecting.retain_mut(|process| matches!(process.try_wait(), Ok(None)));
        let found = if connecting.len() < MOST_CONNECTING {
            look(&state, &arguments.policies, &mut connecting)
        } else {
            Err("too many processes still connect to services of before".to_owned())
        };
        let (answer, way) = found.unwrap_or_else(|why| (StewardReply::Unusable(why), None));
        let answer = serde_json::to_vec(&answer).map_err(|error| Failure::ours(&error))?;
        let length = u64::try_from(answer.len()).unwrap_or(u64::MAX);
        let way = way.as_ref().map(AsFd::as_fd);
        passing::pass(channel.as_fd(), &length.to_le_bytes(), way).map_err(failed)?;
        channel.write_all(&answer).map_err(failed)?;
        thread::sleep(PAUSE.saturating_sub(began.elapsed()));
    }
    Ok(Exit::Ok)
}

/// What there is now, and the way to what connects to it.
fn look(
    state: &Path,
    policies: &Path,
    connecting: &mut Vec<Child>,
) -> Result<(StewardReply, Option<OwnedFd>), String> {
    let registrations = Store::open(state).and_then(|store| store.copy());
    let registrations = registrations.map_err(|error| chain(&error))?;
    let services = Services::of_copy(&registrations, policies).map_err(|error| match error {
        HostError::Contexts(error) => error.whole(),
        error => chain(&error),
    })?;
    let addresses = services.all_addresses();
    if addresses.is_empty() {
        let answer = StewardReply::Found {
            addresses,
            registrations,
        };
        return Ok((answer, None));
    }
    let (connector, process) =
        connector::spawn(addresses).map_err(|failure| failure.to_string())?;
    connecting.push(process);
    let (way, addresses) = connector.into_told().ok_or("nothing connects")?;
    let answer = StewardReply::Found {
        addresses,
        registrations,
    };
    Ok((answer, Some(way)))
}
