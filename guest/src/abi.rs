//! The edge of the guest: its imports and exports. The host calls the exports; `bridge` calls the imports.
//! Nothing else in the guest touches a raw pointer that came from, or goes to, the other side.

#![expect(
    unsafe_code,
    reason = "imports, exported names and the buffer that the host writes into"
)]

use crate::{interpreter, script};
use rustpython_vm::VirtualMachine;
use sandgate_wire::{Ending, Exception, Script};
use std::{cell::RefCell, ffi::c_char};

#[link(wasm_import_module = "sandgate")]
unsafe extern "C" {
    fn begin(ptr: *const u8, len: usize) -> u32;
    fn call(ptr: *const u8, len: usize) -> usize;
    fn wait(milliseconds: i64) -> u32;
    fn collect(call: u32) -> usize;
    fn next(ptr: *const u8, len: usize) -> usize;
    fn reply(ptr: *mut u8);
    fn open_files() -> u32;
}

unsafe extern "C" {
    fn __wasilibc_reset_preopens();
    static mut __wasilibc_cwd: *const c_char;
}

/// Makes the C library ask again which directories it has, and be in none of them: the snapshot was taken where there was
/// a workspace.
pub fn forget_workspace() {
    // SAFETY: the first empties a table that is filled again on its next use. The second is the path that `chdir` sets, and
    // nothing frees it but the next `chdir`, which cannot succeed where there are no directories. There is one thread.
    unsafe {
        __wasilibc_reset_preopens();
        __wasilibc_cwd = c"/".as_ptr();
    }
}

/// How many files and directories the run has open.
pub fn count_open_files() -> u32 {
    // SAFETY: a number out.
    unsafe { open_files() }
}

thread_local! {
    /// The script that the host wrote, or the ending that it reads. The guest has one thread and one run at a time.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Starts one call and returns its number.
pub fn begin_call(request: &[u8]) -> u32 {
    // SAFETY: the host only reads `len` bytes at `ptr`, which the slice guarantees.
    unsafe { begin(request.as_ptr(), request.len()) }
}

/// Waits until a call is done, or so many milliseconds; a negative number waits without end.
pub fn wait_for_any(milliseconds: i64) -> u32 {
    // SAFETY: numbers in, number out.
    unsafe { wait(milliseconds) }
}

/// Makes one call and returns its reply.
pub fn make_call(request: &[u8]) -> Vec<u8> {
    // SAFETY: the host only reads `len` bytes at `ptr`, which the slice guarantees.
    fetch(unsafe { call(request.as_ptr(), request.len()) })
}

/// Waits for one call and returns its reply.
pub fn collect_reply(number: u32) -> Vec<u8> {
    // SAFETY: a number in, a length out.
    fetch(unsafe { collect(number) })
}

/// Gives how a script of a session ended, and waits for the next one.
pub fn next_script(ending: &[u8]) -> Option<Vec<u8>> {
    // SAFETY: the host only reads `len` bytes at `ptr`, which the slice guarantees.
    let len = unsafe { next(ending.as_ptr(), ending.len()) };
    (len > 0).then(|| fetch(len))
}

/// The reply that the host has just told the length of.
fn fetch(len: usize) -> Vec<u8> {
    let mut answer = vec![0; len];
    // SAFETY: the host writes exactly the `len` bytes that it announced, and the vector holds that many.
    unsafe { reply(answer.as_mut_ptr()) };
    answer
}

/// See [`sandgate_wire::abi::EXPORT_BUFFER`].
// SAFETY: the name is not used by any other symbol of this module.
#[unsafe(no_mangle)]
extern "C" fn sandgate_buffer(len: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.resize(len, 0);
        buffer.as_mut_ptr()
    })
}

/// See [`sandgate_wire::abi::EXPORT_RUN`].
// SAFETY: the name is not used by any other symbol of this module.
#[unsafe(no_mangle)]
extern "C" fn sandgate_run() -> u64 {
    let input = BUFFER.take();
    let ending = match serde_json::from_slice::<Script<'_>>(&input) {
        Ok(wanted) => interpreter::with(|vm| script::run(vm, &wanted)),
        Err(error) => Ending::Raised {
            exception: Exception::bare("SystemError", &error.to_string()),
        },
    };
    let output = serde_json::to_vec(&ending).unwrap_or_default();
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = output;
        ((buffer.as_ptr() as u64) << 32) | buffer.len() as u64
    })
}

/// See [`sandgate_wire::abi::EXPORT_INTERRUPT`].
// SAFETY: the name is not used by any other symbol of this module.
#[unsafe(no_mangle)]
extern "C" fn sandgate_interrupt() -> u64 {
    let (wanted, looked_for) = interpreter::with(VirtualMachine::interrupt_addresses);
    ((wanted as u64) << 32) | looked_for as u64
}

/// See [`sandgate_wire::abi::EXPORT_INITIALIZE`].
// SAFETY: the name is not used by any other symbol of this module.
#[unsafe(export_name = "wizer-initialize")]
extern "C" fn initialize() {
    interpreter::initialize();
}

/// What was counted since the guest was started, where it was built to count (`build.sh --profile`).
#[cfg(feature = "profile")]
// SAFETY: the name is not used by any other symbol of this module.
#[unsafe(no_mangle)]
extern "C" fn sandgate_profile() -> u64 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        // SAFETY: there is one thread.
        if unsafe { minicov::capture_coverage(buffer) }.is_err() {
            std::process::abort();
        }
        ((buffer.as_ptr() as u64) << 32) | buffer.len() as u64
    })
}
