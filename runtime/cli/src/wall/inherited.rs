//! What the process was started with and a script has no use for: descriptors that somebody left open, and the
//! environment. Both are taken away before the wall is raised, when they have been read. THREAT[ESC-07], THREAT[SEC-01].
//!
//! This file is `unsafe` because neither can be done otherwise: a descriptor of somebody else has no owner here that
//! could be dropped, and `std::env::remove_var` leaves the bytes where they are. What it must never do is touch either
//! while another thread runs, or a descriptor that this process opened.

#![expect(
    unsafe_code,
    clippy::disallowed_methods,
    reason = "descriptors and variables that nobody in this program owns; see above"
)]

use std::{
    ffi::c_char,
    fs,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    ptr,
};

/// The descriptors that were open when the process began, other than the three streams.
#[derive(Debug)]
pub(crate) struct Inherited(Vec<RawFd>);

unsafe extern "C" {
    /// The variables, as the C library keeps them: texts of the form `NAME=value`, and a null pointer behind the last.
    static mut environ: *mut *mut c_char;
}

impl Inherited {
    /// Called first in the process, before anything of ours is open. They stay open for now: `/dev/fd/63`, with which a
    /// shell passes the output of a program as a file, is one of them.
    pub(crate) fn look() -> Self {
        const OPEN: &str = "/proc/self/fd";
        let listed = fs::read_dir(OPEN).into_iter().flatten().flatten();
        let numbers: Vec<RawFd> = listed
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|number| *number > 2)
            .collect();
        // The list named the descriptor by which it was read, too, and that number will be one of ours.
        let open = |number: &RawFd| fs::symlink_metadata(format!("{OPEN}/{number}")).is_ok();
        Self(numbers.into_iter().filter(open).collect())
    }

    /// One that was meant for this process, which is not closed then.
    pub(crate) fn take(&mut self, number: RawFd) -> Option<OwnedFd> {
        let place = self.0.iter().position(|open| *open == number)?;
        let number = self.0.swap_remove(place);
        // SAFETY: as below: nothing in the program owns it, and it is no longer among those that are closed.
        Some(unsafe { OwnedFd::from_raw_fd(number) })
    }

    /// Closes them.
    pub(crate) fn close(self) {
        for number in self.0 {
            // SAFETY: it was open before the first line of this program ran, so nothing in the program owns it, and
            // as long as it is open its number is given to nothing else. It is closed once, since `self` is consumed.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

/// Forgets the environment: there are no variables any more, and their bytes are zero, also where the kernel shows them
/// as `/proc/self/environ`. Called when this is the only thread, after the last variable was read.
pub(crate) fn forget_environment() {
    // SAFETY: `environ` points to an array that ends with a null pointer, of pointers to texts that end with a zero byte.
    // The array and the texts are in the block that the kernel wrote for this process, which can be written to; nothing
    // in this program sets variables. No other thread reads them, since there is none, and `std` keeps no reference to
    // them. Each write is inside a text, before its end, or to the first pointer of the array.
    unsafe {
        let all = environ;
        if all.is_null() {
            return;
        }
        let mut one = all;
        while !(*one).is_null() {
            let mut byte = *one;
            while *byte != 0 {
                // Volatile, because nobody reads it afterwards.
                byte.write_volatile(0);
                byte = byte.add(1);
            }
            one = one.add(1);
        }
        *all = ptr::null_mut();
    }
}
