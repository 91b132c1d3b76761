//! Newline-delimited JSON-RPC on a socket: one request a line, one reply a line. Used by `client`.
//!
//! One call at a time uses a connection (THREAT[SVC-03]), and a connection with anything in it that was not asked for
//! is not used again.

use crate::client::{
    deadline::Deadline,
    failure::{Broken, CallError, Part, Phase, ProtocolError},
};
use hyper::body::Bytes;
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// What one read may bring.
const PIECE: usize = 16 << 10;

/// A connection over which lines go.
#[derive(Debug)]
pub(crate) struct Lines {
    stream: UnixStream,
}

impl Lines {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// Whether it is still open and nothing is waiting to be read.
    pub(crate) fn is_quiet(&self) -> bool {
        self.stream
            .try_read(&mut [0])
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Writes a request and reads the line that comes back.
    pub(crate) async fn exchange(
        &mut self,
        mut line: Bytes,
        deadline: &Deadline<'_>,
    ) -> Result<Vec<u8>, CallError> {
        let any = AtomicBool::new(false);
        let sent = || any.load(Ordering::Relaxed);
        let broken = |reason: Option<io::Error>| {
            CallError::Broken(Broken {
                sent: sent(),
                reason: reason.map(|error| error.to_string()),
            })
        };
        let mut reply = Vec::with_capacity(PIECE);
        let stream = &mut self.stream;
        let first = async {
            while !line.is_empty() {
                // What was written goes off the front of the line.
                stream.write_buf(&mut line).await?;
                any.store(true, Ordering::Relaxed);
            }
            stream.read_buf(&mut reply).await
        };
        let mut read = deadline
            .within(Phase::FirstByte, sent, first)
            .await?
            .map_err(|error| broken(Some(error)))?;
        let longest = deadline.limits.reply;
        loop {
            if read == 0 {
                return Err(broken(None));
            }
            let seen = reply.len() - read;
            let end = reply.iter().skip(seen).position(|byte| *byte == b'\n');
            let end = end.map(|end| seen + end);
            if end.unwrap_or(reply.len()) > longest {
                return Err(CallError::TooLong {
                    part: Part::Reply,
                    limit: longest,
                });
            }
            if let Some(end) = end {
                if reply.len() > end + 1 {
                    return Err(ProtocolError::Surplus.into());
                }
                reply.truncate(end);
                return Ok(reply);
            }
            reply.reserve(PIECE);
            read = deadline
                .within(Phase::Idle, || true, stream.read_buf(&mut reply))
                .await?
                .map_err(|error| broken(Some(error)))?;
        }
    }
}
