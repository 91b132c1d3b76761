//! The process that connects to services on behalf of a run, which may not connect to anything itself. Started by `reach`
//! for a context that uses services, and by `steward`, before the script is anywhere near; it ends with the run. It is told which services
//! there are, and must never connect to another one, whatever it is asked.

use super::{
    exit::Exit,
    failure::Failure,
    itself,
    wall::{self, Inherited, Outside, WithinReach},
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use sandgate::service::{Address, Connector, Switchboard};
use std::{
    io::{self, stdin},
    os::fd::AsFd,
    process::Child,
    thread,
    time::Duration,
};

/// The subcommand that it is. Nobody is told of it; by hand it does nothing.
pub(super) const NAME: &str = "connector";

/// How long it may take to end after the run. It has nothing to finish.
const LONGEST_FAREWELL: Duration = Duration::from_secs(1);

/// A process that connects, until this is dropped.
#[derive(Debug)]
pub(super) struct ConnectorProcess {
    connector: Connector,
    process: Child,
}

/// Starts one for these services, which ends when this is dropped.
pub(super) fn start(services: Vec<Address>) -> Result<ConnectorProcess, Failure> {
    let (connector, process) = spawn(services)?;
    Ok(ConnectorProcess { connector, process })
}

/// Starts one for these services. It ends when nobody can ask it any more.
pub(super) fn spawn(services: Vec<Address>) -> Result<(Connector, Child), Failure> {
    let failed = |error: io::Error| {
        Failure::internal(
            format!("the process that connects to services cannot be started: {error}"),
            None,
        )
    };
    let kind = SocketType::SEQPACKET;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
        .map_err(|error| failed(error.into()))?;
    let mut command = itself::helper(NAME, theirs);
    let process = command.env_clear().spawn().map_err(failed)?;
    // Its end is only open there now, so that both notice when the other is gone.
    drop(command);
    let connector = Connector::elsewhere(ours, services).map_err(failed)?;
    Ok((connector, process))
}

impl ConnectorProcess {
    /// What connections come from.
    pub(super) fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// Lets it end, without waiting for that.
    pub(super) fn dismiss(&self) {
        self.connector.close();
    }
}

/// Waits for the process, which would otherwise stay in the table of processes wherever the first process of a
/// container collects nothing.
impl Drop for ConnectorProcess {
    fn drop(&mut self) {
        self.dismiss();
        let mut pause = Duration::from_micros(50);
        while pause < LONGEST_FAREWELL && matches!(self.process.try_wait(), Ok(None)) {
            thread::sleep(pause);
            pause = pause.saturating_mul(2);
        }
    }
}

/// What the process does. Its standard input is the way to the run.
pub(super) fn serve(inherited: Inherited) -> Result<Exit, Failure> {
    inherited.close();
    let failed = |error: io::Error| {
        Failure::usage(
            format!("nothing can be heard from a run: {error}"),
            "`sandgate run` starts this itself",
        )
    };
    let channel = stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let served = executor.block_on(async {
        let desk = Switchboard::open(channel).await.map_err(failed)?;
        confine(desk.known())?;
        desk.serve().await.map_err(failed)
    });
    // A name that is still being looked up is of no use any more.
    executor.shutdown_background();
    served.map(|()| Exit::Ok)
}

/// It connects to these, and does nothing else.
fn confine(services: &[Address]) -> Result<(), Failure> {
    wall::alone()?;
    let mut outside = Outside::Sockets;
    let mut places = Vec::new();
    for service in services {
        match service {
            // The directory, since a service that starts again makes its socket anew.
            Address::Http(socket) | Address::Lines(socket) => {
                places.extend(socket.parent().map(WithinReach::Sockets));
            }
            Address::Url(_) => {
                outside = Outside::Network;
                places.extend(service.port().map(WithinReach::Port));
            }
        }
    }
    wall::raise(&places, outside)
}
