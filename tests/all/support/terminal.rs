//! A person at a terminal: the command with a pseudo-terminal for its streams.

use super::command;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
};

/// What a question ends with.
const QUESTION: &str = "[y/N] ";

/// What the terminal shows. The answer is typed at the first question; without one, nobody can type.
pub(crate) fn at_a_terminal(arguments: &[&str], answer: Option<&str>) -> String {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.as_bytes()))
        .unwrap();
    let mut process = command(arguments);
    if answer.is_some() {
        process.stdin(terminal.try_clone().unwrap());
    }
    process
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    let mut running = process.spawn().unwrap();
    // The only other holders of the terminal's end are in `process`.
    drop(process);
    let mut controller = File::from(controller);
    let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
    let mut answer = answer;
    // Reading ends with an error when the last holder is gone.
    while let Ok(length @ 1..) = controller.read(&mut piece) {
        shown.extend_from_slice(&piece[..length]);
        if shown.ends_with(QUESTION.as_bytes())
            && let Some(answer) = answer.take()
        {
            controller.write_all(answer.as_bytes()).unwrap();
        }
    }
    running.wait().unwrap();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}
