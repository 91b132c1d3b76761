//! The command's own standard input, for a script that reads it. Made by `run` behind the wall. It must never read much more
//! than the script has asked for, and never hold up the end of the process.

use sandgate::Input;
use std::{
    future::Future,
    io::{self, Read},
    pin::Pin,
    thread,
};
use tokio::sync::mpsc;

/// What is read at once. A script that reads a line of a terminal gets that line.
const PIECE: usize = 64 << 10;

/// Standard input, read by a thread that may wait for it, once there is something to be read for.
#[derive(Debug, Default)]
pub(super) struct Piped {
    thread: Option<InputThread>,
    /// What was read and not wanted yet.
    rest: Vec<u8>,
}

#[derive(Debug)]
struct InputThread {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    asked: mpsc::Sender<()>,
}

impl InputThread {
    fn start() -> io::Result<Self> {
        let (asked, mut wanted) = mpsc::channel(1);
        let (send, pieces) = mpsc::channel(1);
        thread::Builder::new()
            .name("sandgate-input".to_owned())
            .spawn(move || {
                while wanted.blocking_recv().is_some() {
                    let mut piece = vec![0; PIECE];
                    let read = io::stdin().lock().read(&mut piece).map(|length| {
                        piece.truncate(length);
                        piece
                    });
                    if send.blocking_send(read).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self { pieces, asked })
    }
}

impl Input for Piped {
    fn read(
        &mut self,
        most: usize,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            if self.rest.is_empty() {
                let thread = match &mut self.thread {
                    Some(thread) => thread,
                    none => none.insert(InputThread::start()?),
                };
                // The thread waits for this for as long as there is somebody to ask it.
                let _ = thread.asked.send(()).await;
                match thread.pieces.recv().await {
                    Some(piece) => self.rest = piece?,
                    None => return Ok(Vec::new()),
                }
            }
            let left = self.rest.split_off(most.min(self.rest.len()));
            Ok(std::mem::replace(&mut self.rest, left))
        })
    }
}
