//! A server that systemd starts: it takes the sockets that were opened for it, and says how it stands.

use super::{HEADERS, Server, asked, exchange, token_of};
use crate::support::{desk::Desk, finished, repository};
use rustix::process::Signal;
use serde_json::json;
use std::{
    net::{TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// The command with these sockets as its descriptors 3 and 4, and variables that are meant for it.
fn passed(command: &Command, sockets: [OwnedFd; 2], names: &str) -> Command {
    let [three, four] = sockets.map(Stdio::from);
    let script =
        "exec 3<&0 4<&1 0</dev/null 1>&2; export LISTEN_PID=${FOR:-$$}; exec \"$0\" \"$@\"";
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(script).arg(command.get_program());
    shell.args(command.get_args());
    shell.stdin(three).stdout(four);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", names);
    shell
}

fn serve(desk: &Desk) -> Command {
    desk.serve(&repository("policies"), &["--context", "assistant"])
}

#[test]
fn sockets_that_were_opened_for_it_are_its_doors_and_it_opens_no_other() {
    let desk = Desk::open();
    let place = desk.work().join("passed.sock");
    let socket = UnixListener::bind(&place).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    let command = passed(
        &serve(&desk),
        [socket.into(), port.into()],
        "sandgate.socket:listen",
    );
    let server = Server::of(command, place, 2);
    assert_eq!(server.execute("6 * 7")["value"], json!({"json": 42}));
    let arguments = ["--actor", "bot", "--context", "assistant"];
    let bearer = format!(
        "Bearer {}",
        token_of(&desk, &repository("policies"), &arguments)
    );
    let body = asked("list_services", json!({})).to_string();
    for (bearer, status) in [(bearer.as_str(), 200), ("Bearer sandgate_0", 401)] {
        let headers = [HEADERS[0], ("Authorization", bearer)];
        let stream = TcpStream::connect(address).unwrap();
        assert_eq!(
            exchange(stream, "POST /rpc", &headers, &body).status,
            status
        );
    }
    assert!(!desk.rpc().exists());
    server.end_quietly();
}

#[test]
fn what_was_passed_and_is_no_door_is_said_and_what_was_meant_for_another_is_left_alone() {
    let desk = Desk::open();
    let listens = || {
        let place = tempfile::tempdir_in(desk.work()).unwrap();
        OwnedFd::from(UnixListener::bind(place.path().join("sock")).unwrap())
    };
    let port = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let connected = || OwnedFd::from(UnixStream::pair().unwrap().0);
    for (sockets, names, why) in [
        (
            [listens(), connected()],
            "socket:listen",
            "the descriptor 4, `listen`, which was passed to listen at, is no socket that listens",
        ),
        (
            [port(), listens()],
            "sandgate.socket:socket",
            "the descriptor 3, `sandgate.socket`, which was passed to listen at, is a port, and its name does not say whose",
        ),
        (
            [port(), listens()],
            "socket:socket",
            "the descriptor 3, `socket`, which was passed to listen at, is a port, and no Unix socket",
        ),
        (
            [port(), listens()],
            "listen:desk",
            "the descriptor 4, `desk`, which was passed to listen at, is a Unix socket, and no port",
        ),
    ] {
        let output = passed(&serve(&desk), sockets, names).output().unwrap();
        let (code, _, said) = finished(output);
        assert_eq!(code, 64, "{said}");
        let said = said
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace("│ ", "");
        assert!(said.contains(why), "{said}");
    }
    let mut command = passed(&serve(&desk), [port(), listens()], "listen:socket");
    command.env("FOR", "1");
    let server = Server::of(command, desk.rpc(), 1);
    assert_eq!(server.execute("1")["status"], "ok");
    server.end_quietly();
}

/// What a server tells whoever listens, until it has said this.
pub(super) fn told(supervisor: &UnixDatagram, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 200];
    loop {
        let length = supervisor.recv(&mut buffer).unwrap();
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        let text = match text.split_once("MONOTONIC_USEC=") {
            Some((before, now)) => format!(
                "{before}MONOTONIC_USEC={}",
                if now.parse::<u64>().is_ok() {
                    "now"
                } else {
                    now
                }
            ),
            None => text,
        };
        let is_last = text.contains(last);
        // It says that it lives whenever it does.
        if is_last || text != "WATCHDOG=1" {
            all.push(text);
        }
        if is_last {
            return all;
        }
    }
}

#[test]
fn a_supervisor_is_told_when_it_is_ready_reloads_lives_and_ends() {
    let desk = Desk::open();
    let path = desk.work().join("notify");
    let name = format!("sandgate-{}", std::process::id());
    let hidden = SocketAddr::from_abstract_name(&name).unwrap();
    for (supervisor, place) in [
        (
            UnixDatagram::bind(&path).unwrap(),
            path.display().to_string(),
        ),
        (
            UnixDatagram::bind_addr(&hidden).unwrap(),
            format!("@{name}"),
        ),
    ] {
        supervisor
            .set_read_timeout(Some(Duration::from_mins(5)))
            .unwrap();
        let mut command = serve(&desk);
        command
            .env("NOTIFY_SOCKET", &place)
            // Few beats: the socket holds ten, and is read between steps.
            .env("WATCHDOG_USEC", "6000000");
        let server = Server::of(command, desk.rpc(), 1);
        assert_eq!(told(&supervisor, "READY=1"), ["READY=1\nSTATUS=answers"]);
        assert_eq!(told(&supervisor, "WATCHDOG=1"), ["WATCHDOG=1"]);
        server.signal(Signal::HUP);
        assert_eq!(
            told(&supervisor, "READY=1"),
            ["RELOADING=1\nMONOTONIC_USEC=now", "READY=1\nSTATUS=answers"]
        );
        assert_eq!(server.execute("1")["status"], "ok");
        server.end_quietly();
        assert_eq!(
            told(&supervisor, "STOPPING=1"),
            ["STOPPING=1\nSTATUS=what runs has time to end"]
        );
    }
}

#[test]
fn nobody_is_told_that_it_lives_who_did_not_ask_this_process() {
    let desk = Desk::open();
    let path = desk.work().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    let mut command = serve(&desk);
    command.env("NOTIFY_SOCKET", &path);
    command
        .env("WATCHDOG_USEC", "1000")
        .env("WATCHDOG_PID", "1");
    let server = Server::of(command, desk.rpc(), 1);
    // A script that takes longer than many of the times that another process would be asked for.
    assert_eq!(
        server.execute("import time\ntime.sleep(0.1)")["status"],
        "ok"
    );
    server.end_quietly();
    supervisor.set_nonblocking(true).unwrap();
    let mut said = Vec::new();
    let mut buffer = [0; 200];
    while let Ok(length) = supervisor.recv(&mut buffer) {
        said.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    assert_eq!(said.len(), 2, "{said:?}");
}

/// What OPERATORS.md has systemd do is what this command takes.
#[test]
fn the_units_of_the_documentation_name_what_there_is() {
    let text = std::fs::read_to_string(repository("docs/OPERATORS.md")).unwrap();
    let desk = Desk::open();
    let mut commands = 0;
    for line in text.lines() {
        let Some((_, command)) = line.split_once("=/usr/local/bin/sandgate ") else {
            continue;
        };
        commands += 1;
        let words = command
            .split(' ')
            .filter(|word| !word.starts_with("/etc/sandgate"));
        let words = words.map(|word| if word == "--policies" { "--help" } else { word });
        let words: Vec<&str> = words
            .map(|word| if word == "warm" { "--help" } else { word })
            .collect();
        let place = desk.work();
        let words = words.iter().map(|word| match word.strip_prefix("/var/") {
            Some(rest) => place.join(rest).display().to_string(),
            None => (*word).to_owned(),
        });
        let output = Command::new(env!("CARGO_BIN_EXE_sandgate"))
            .args(words)
            .output()
            .unwrap();
        let (code, _, said) = finished(output);
        assert_eq!(code, 0, "{command}: {said}");
    }
    assert_eq!(commands, 2);
    assert!(Path::new(env!("CARGO_BIN_EXE_sandgate")).exists());
}
