//! The command's own standard input, for a script that reads it. Made by `run` behind the wall. It must never read more
//! than the script has asked for, and never hold up the end of the process.

use sandgate::Input;
use std::{
    future::Future,
    io::{self, IsTerminal, Read},
    pin::Pin,
    thread,
};
use tokio::sync::mpsc;

/// What is read at once, at most. A script that reads a line of a terminal gets that line.
const PIECE: usize = 64 << 10;

/// Standard input, read by a thread that may wait for it, once there is something to be read for.
#[derive(Debug)]
pub(super) struct Piped {
    thread: Option<InputThread>,
    is_typed: bool,
}

impl Piped {
    pub(super) fn stdin() -> Self {
        Self {
            thread: None,
            is_typed: io::stdin().is_terminal(),
        }
    }
}

#[derive(Debug)]
struct InputThread {
    /// How many bytes are wanted.
    wanted: mpsc::Sender<usize>,
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
}

impl InputThread {
    fn start() -> io::Result<Self> {
        let (wanted, mut asked) = mpsc::channel(1);
        let (send, pieces) = mpsc::channel(1);
        thread::Builder::new()
            .name("sandgate-input".to_owned())
            .spawn(move || {
                while let Some(most) = asked.blocking_recv() {
                    let mut piece = vec![0; PIECE.min(most)];
                    let read = io::stdin().lock().read(&mut piece).map(|length| {
                        piece.truncate(length);
                        piece
                    });
                    if send.blocking_send(read).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self { wanted, pieces })
    }
}

impl Input for Piped {
    fn read(
        &mut self,
        most: usize,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            let thread = match &mut self.thread {
                Some(thread) => thread,
                none => none.insert(InputThread::start()?),
            };
            // The thread waits for this for as long as there is somebody to ask it.
            let _ = thread.wanted.send(most).await;
            thread.pieces.recv().await.unwrap_or(Ok(Vec::new()))
        })
    }

    fn is_typed(&self) -> bool {
        self.is_typed
    }
}
