//! Standard input that comes while a script runs. Asked by `sandbox::wasi` when the script reads. It must never be asked for
//! more than the script wants, or hold a thread while nothing comes.

use std::{fmt, future::Future, io, pin::Pin};

/// What is read, as it comes.
pub trait Input: Send + Sync {
    /// Waits for the next bytes, at most so many; there are none at the end.
    fn read(
        &mut self,
        most: usize,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send + '_>>;

    /// Whether a person types it. While a script waits for that, its time does not pass.
    fn is_typed(&self) -> bool {
        false
    }
}

impl fmt::Debug for dyn Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}
