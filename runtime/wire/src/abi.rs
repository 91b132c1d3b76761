//! Names and numbers of the boundary. Read by the guest's `abi.rs` and by the host's linker; holds no behaviour.

/// The import module that is ours; everything else that the guest imports is WASI preview 1.
pub const IMPORT_MODULE: &str = "sandgate";

/// `begin(ptr, len) -> call`: sends one [`Request`](crate::Request) down the road and returns its number, which is
/// not 0, without waiting for its reply.
pub const IMPORT_BEGIN: &str = "begin";

/// `wait(milliseconds) -> call`: waits until some call is done that was not reported yet, and returns its number; 0
/// where the time passes before that. A negative time has no end.
pub const IMPORT_WAIT: &str = "wait";

/// `collect(call) -> reply_len`: waits until that call is done and takes its [`Reply`](crate::Reply).
pub const IMPORT_COLLECT: &str = "collect";

/// `call(ptr, len) -> reply_len`: as `begin` and `collect` in one, for a call that nothing else of the script goes on beside.
pub const IMPORT_CALL: &str = "call";

/// `open_files() -> number`: how many files and directories the script has open, other than the one it began in.
pub const IMPORT_OPEN_FILES: &str = "open_files";

/// `next(ptr, len) -> reply_len`: in a session, gives the [`Ending`](crate::Ending) of a script and waits for the next
/// [`Script`](crate::Script); 0 where there is none.
pub const IMPORT_NEXT: &str = "next";

/// `reply(ptr)`: copies what the last `collect`, `call` or `next` took to `ptr`. The guest has reserved `reply_len` bytes there.
pub const IMPORT_REPLY: &str = "reply";

/// `sandgate_buffer(len) -> ptr`: reserves room for the next script; the host writes it there.
pub const EXPORT_BUFFER: &str = "sandgate_buffer";

/// `sandgate_run(len) -> (ptr << 32) | len`: runs the [`Script`](crate::Script) in the buffer and leaves an
/// [`Ending`](crate::Ending) at `ptr`, which stays valid until the next call into the guest.
pub const EXPORT_RUN: &str = "sandgate_run";

/// `sandgate_interrupt() -> (ptr << 32) | ptr`: where two bytes are that end what runs with a `KeyboardInterrupt`, once both
/// are 1.
pub const EXPORT_INTERRUPT: &str = "sandgate_interrupt";

/// Runs once, before the snapshot is taken. It is gone from the snapshot.
pub const EXPORT_INITIALIZE: &str = "wizer-initialize";

/// The directory a workspace is mounted at, which is also the script's current directory.
pub const WORKSPACE: &str = "/work";
