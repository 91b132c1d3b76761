//! A person at a terminal: the command with a pseudo-terminal for its streams.

use super::command;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    process::{Child, Command},
};

/// What a question ends with.
const QUESTION: &str = "[y/N, d: details, e: explain] ";

/// What the terminal shows. The answer is typed at the first question; without one, nobody can type.
pub(crate) fn at_a_terminal(arguments: &[&str], answer: Option<&str>) -> String {
    let (controller, terminal) = pair();
    let mut process = command(arguments);
    if answer.is_some() {
        process.stdin(terminal.try_clone().unwrap());
    }
    process
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    let mut session = Session::of(controller, process, 24, 80);
    if let Some(answer) = answer {
        session.until(QUESTION);
        session.types(answer);
    }
    session.end().1
}

fn pair() -> (OwnedFd, File) {
    // The command must not hold the person's end.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let controller = openpt(flags).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.as_bytes()))
        .unwrap();
    (controller, terminal)
}

/// A command that runs at a terminal of its own, which sends it signals as terminals do.
pub(crate) struct Session {
    controller: File,
    running: Child,
    shown: Vec<u8>,
    /// How much of it was waited for.
    seen: usize,
    rows: u16,
    columns: u16,
}

impl Session {
    pub(crate) fn open(command: &Command) -> Self {
        Self::sized(command, 24, 80)
    }

    pub(crate) fn sized(command: &Command, rows: u16, columns: u16) -> Self {
        let (controller, terminal) = pair();
        let mut process = Command::new("setsid");
        process
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        for (name, value) in command.get_envs() {
            process.env(name, value.unwrap());
        }
        process
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal);
        let mut session = Self::of(controller, process, rows, columns);
        session.resize(rows, columns);
        session
    }

    /// The only other holders of the terminal's end are in `process`.
    fn of(controller: OwnedFd, mut process: Command, rows: u16, columns: u16) -> Self {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&controller, size).unwrap();
        Self {
            controller: File::from(controller),
            running: process.spawn().unwrap(),
            shown: Vec::new(),
            seen: 0,
            rows,
            columns,
        }
    }

    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        (self.rows, self.columns) = (rows, columns);
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.controller, size).unwrap();
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.controller.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.running), signal).unwrap();
    }

    /// Nobody is at the terminal any more. Returns the exit code.
    pub(crate) fn hang_up(self) -> Option<i32> {
        let mut running = self.running;
        drop(self.controller);
        running.wait().unwrap().code()
    }

    /// Waits until the terminal shows this after what was waited for before.
    pub(crate) fn until(&mut self, text: &str) {
        loop {
            let new = &self.shown[self.seen..];
            let found = new
                .windows(text.len())
                .position(|part| part == text.as_bytes());
            if let Some(at) = found {
                self.seen += at + text.len();
                return;
            }
            assert!(
                self.read(),
                "{text:?} is not shown in:\n{}",
                String::from_utf8_lossy(&self.shown)
            );
        }
    }

    /// Reading ends with an error when the last holder is gone.
    fn read(&mut self) -> bool {
        // No test depends on how long this is: it makes of one that would hang one that fails.
        let long = Timespec {
            tv_sec: 300,
            tv_nsec: 0,
        };
        let shown = poll(
            &mut [PollFd::new(&self.controller, PollFlags::IN)],
            Some(&long),
        );
        assert!(
            shown != Ok(0),
            "nothing more is shown after:\n{}",
            String::from_utf8_lossy(&self.shown)
        );
        let mut piece = [0; 4096];
        let length = self.controller.read(&mut piece).unwrap_or(0);
        self.shown.extend_from_slice(&piece[..length]);
        length > 0
    }

    /// What the screen shows now, row by row.
    pub(crate) fn screen(&self) -> Vec<String> {
        let (rows, columns) = (
            self.rows.try_into().unwrap(),
            self.columns.try_into().unwrap(),
        );
        let mut screen = vt100::Parser::new(rows, columns, 0);
        screen.process(&self.shown);
        screen.screen().rows(0, self.columns).collect()
    }

    /// Waits for the end: the exit code, and everything that was shown.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        let code = self.running.wait().unwrap().code();
        let shown = String::from_utf8(self.shown).unwrap();
        (code, shown.replace("\r\n", "\n"))
    }
}
