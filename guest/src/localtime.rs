//! Local time for SQLite, whose C library knows of no zones here: what the prelude's `time.localtime` says, so that a
//! statement and the script around it agree. Called by `interpreter` once, and then by SQLite.

#![expect(
    unsafe_code,
    reason = "SQLite calls this, with pointers to what it converts"
)]

use crate::prelude::Prelude;
use libsqlite3_sys::{SQLITE_TESTCTRL_LOCALTIME_FAULT, sqlite3_test_control};
use rustpython_vm::{PyResult, VirtualMachine, vm::thread};
use std::ffi::{c_int, c_void};

/// In place of the C library's function, and not in order to have it fail.
const ALTERNATIVE: c_int = 2;

type LocalTime = unsafe extern "C" fn(*const c_void, *mut c_void) -> c_int;

/// Has SQLite ask here.
pub fn tell_sqlite() {
    // SAFETY: this operation takes a number and a function of exactly this type, and keeps it in a global variable. There is
    // one thread, and no database is open.
    unsafe {
        sqlite3_test_control(
            SQLITE_TESTCTRL_LOCALTIME_FAULT,
            ALTERNATIVE,
            local_time as LocalTime,
        );
    }
}

/// As `localtime_r`, but for what it returns: 0 where the local time is known.
unsafe extern "C" fn local_time(seconds: *const c_void, into: *mut c_void) -> c_int {
    // SAFETY: SQLite gives a `time_t`.
    let seconds = unsafe { *seconds.cast::<libc::time_t>() };
    if !thread::current_vm_is_set() {
        return 1;
    }
    let Ok([year, month, day, hour, minute, second]) =
        thread::with_current_vm(|vm| fields(seconds, vm))
    else {
        return 1;
    };
    // SAFETY: SQLite gives a `tm` of its own, which it has filled with zeros, and keeps no other reference to it meanwhile.
    let time = unsafe { &mut *into.cast::<libc::tm>() };
    // The fields that it reads.
    (time.tm_year, time.tm_mon, time.tm_mday) = (year - 1900, month - 1, day);
    (time.tm_hour, time.tm_min, time.tm_sec) = (hour, minute, second);
    0
}

/// Year, month, day, hour, minute and second, counted as Python counts them.
fn fields(seconds: libc::time_t, vm: &VirtualMachine) -> PyResult<[c_int; 6]> {
    let time = Prelude::LocalTime.call(vm, vec![vm.ctx.new_int(seconds).into()])?;
    let mut fields = [0; 6];
    for (index, field) in fields.iter_mut().enumerate() {
        *field = time.get_item(&index, vm)?.try_into_value(vm)?;
    }
    Ok(fields)
}
