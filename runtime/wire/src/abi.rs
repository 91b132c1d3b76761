//! Names and numbers of the boundary. Read by the guest's `abi.rs` and by the host's linker; holds no behaviour.

/// The import module that is ours; everything else that the guest imports is WASI preview 1.
pub const IMPORT_MODULE: &str = "sandgate";

/// `call(ptr, len) -> reply_len`: sends one [`Request`](crate::Request) down the road and waits for its reply.
pub const IMPORT_CALL: &str = "call";

/// `reply(ptr)`: copies the reply of the last `call` to `ptr`. The guest has reserved `reply_len` bytes there.
pub const IMPORT_REPLY: &str = "reply";

/// `sandgate_buffer(len) -> ptr`: reserves room for the next script; the host writes it there.
pub const EXPORT_BUFFER: &str = "sandgate_buffer";

/// `sandgate_run(len) -> (ptr << 32) | len`: runs the [`Script`](crate::Script) in the buffer and leaves an
/// [`Ending`](crate::Ending) at `ptr`, which stays valid until the next call into the guest.
pub const EXPORT_RUN: &str = "sandgate_run";

/// Runs once, before the snapshot is taken. It is gone from the snapshot.
pub const EXPORT_INITIALIZE: &str = "wizer-initialize";

/// The directory a workspace is mounted at, which is also the script's current directory.
pub const WORKSPACE: &str = "/work";
