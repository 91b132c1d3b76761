//! The numbers that WASI preview 1 has for errors, and which of them a script sees for an error of the host. Used by `wasi` and
//! `files`. They are the specification's, which a test compares with `wasmtime-wasi`; that crate compiles WASI preview 2 in any
//! case, so it is not part of what is shipped.

use rustix::io::Errno;

pub(super) const SUCCESS: i32 = 0;
pub(super) const ACCES: i32 = 2;
pub(super) const AGAIN: i32 = 6;
pub(super) const BADF: i32 = 8;
pub(super) const BUSY: i32 = 10;
pub(super) const DQUOT: i32 = 19;
pub(super) const EXIST: i32 = 20;
pub(super) const FBIG: i32 = 22;
pub(super) const ILSEQ: i32 = 25;
pub(super) const INTR: i32 = 27;
pub(super) const INVAL: i32 = 28;
pub(super) const IO: i32 = 29;
pub(super) const ISDIR: i32 = 31;
pub(super) const LOOP: i32 = 32;
pub(super) const MFILE: i32 = 33;
pub(super) const MLINK: i32 = 34;
pub(super) const NAMETOOLONG: i32 = 37;
pub(super) const NFILE: i32 = 41;
pub(super) const NOENT: i32 = 44;
pub(super) const NOMEM: i32 = 48;
pub(super) const NOSPC: i32 = 51;
pub(super) const NOTDIR: i32 = 54;
pub(super) const NOTEMPTY: i32 = 55;
pub(super) const NOTSUP: i32 = 58;
pub(super) const OVERFLOW: i32 = 61;
pub(super) const PERM: i32 = 63;
pub(super) const ROFS: i32 = 69;
pub(super) const SPIPE: i32 = 70;
pub(super) const TXTBSY: i32 = 74;
pub(super) const XDEV: i32 = 75;

/// The number of an error.
pub(super) fn number_of(error: Errno) -> i32 {
    match error {
        Errno::ACCESS => ACCES,
        Errno::AGAIN => AGAIN,
        Errno::BADF => BADF,
        Errno::BUSY => BUSY,
        Errno::DQUOT => DQUOT,
        Errno::EXIST => EXIST,
        Errno::FBIG => FBIG,
        Errno::ILSEQ => ILSEQ,
        Errno::INTR => INTR,
        Errno::INVAL => INVAL,
        Errno::ISDIR => ISDIR,
        Errno::LOOP => LOOP,
        Errno::MFILE => MFILE,
        Errno::MLINK => MLINK,
        Errno::NAMETOOLONG => NAMETOOLONG,
        Errno::NFILE => NFILE,
        Errno::NOENT => NOENT,
        Errno::NOMEM => NOMEM,
        Errno::NOSPC => NOSPC,
        Errno::NOTDIR => NOTDIR,
        Errno::NOTEMPTY => NOTEMPTY,
        Errno::NOTSUP => NOTSUP,
        Errno::OVERFLOW => OVERFLOW,
        Errno::PERM => PERM,
        Errno::ROFS => ROFS,
        Errno::SPIPE => SPIPE,
        Errno::TXTBSY => TXTBSY,
        Errno::XDEV => XDEV,
        // What else goes wrong is the host's to know.
        _ => IO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime_wasi::p1::types::Errno as Specified;

    #[test]
    fn the_numbers_are_the_specification_s() {
        let numbers = [
            (SUCCESS, Specified::Success),
            (ACCES, Specified::Acces),
            (AGAIN, Specified::Again),
            (BADF, Specified::Badf),
            (BUSY, Specified::Busy),
            (DQUOT, Specified::Dquot),
            (EXIST, Specified::Exist),
            (FBIG, Specified::Fbig),
            (ILSEQ, Specified::Ilseq),
            (INTR, Specified::Intr),
            (INVAL, Specified::Inval),
            (IO, Specified::Io),
            (ISDIR, Specified::Isdir),
            (LOOP, Specified::Loop),
            (MFILE, Specified::Mfile),
            (MLINK, Specified::Mlink),
            (NAMETOOLONG, Specified::Nametoolong),
            (NFILE, Specified::Nfile),
            (NOENT, Specified::Noent),
            (NOMEM, Specified::Nomem),
            (NOSPC, Specified::Nospc),
            (NOTDIR, Specified::Notdir),
            (NOTEMPTY, Specified::Notempty),
            (NOTSUP, Specified::Notsup),
            (OVERFLOW, Specified::Overflow),
            (PERM, Specified::Perm),
            (ROFS, Specified::Rofs),
            (SPIPE, Specified::Spipe),
            (TXTBSY, Specified::Txtbsy),
            (XDEV, Specified::Xdev),
        ];
        for (ours, specified) in numbers {
            assert_eq!(ours, specified as i32, "{specified:?}");
        }
    }
}
