//! Watches the memory of a hostile guest: a call may change the bytes that it was given, and no other.

use super::guest::{ARGUMENTS, IMPORTS, import};
use std::ops::Range;

/// The bytes of a guest before a call, and which of them the call was given to write to.
#[derive(Default)]
pub(super) struct Sentinel {
    before: Vec<u8>,
    given: Vec<Range<u64>>,
    /// Where lengths of buffers stand, which a call may change and has to put back.
    buffers: Range<u64>,
    /// How much the last `collect` or `call` announced.
    pub(super) reply: u32,
    /// What was called, for whoever has to find out why.
    pub(super) calls: String,
    pub(super) memory: Option<wasmtime::Memory>,
}

impl Sentinel {
    pub(super) fn watch(&mut self, import: usize, arguments: &[i64; ARGUMENTS], memory: &[u8]) {
        self.before.clear();
        self.before.extend_from_slice(memory);
        self.given = writable(import, arguments, memory, self.reply);
        let [_, at, number, ..] =
            arguments.map(|argument| u64::from(argument.cast_unsigned() as u32));
        self.buffers = match IMPORTS.get(import).map_or("", |import| import.1) {
            "fd_read" | "fd_write" => at..at + 8 * number,
            _ => 0..0,
        };
    }

    pub(super) fn check(&mut self, memory: &[u8], returned: bool) -> Result<(), String> {
        if memory.len() != self.before.len() {
            return Err("the memory has another size".to_owned());
        }
        if !returned {
            self.given.push(self.buffers.clone());
        }
        for range in &self.given {
            let end = usize::try_from(range.end).unwrap().min(memory.len());
            let start = usize::try_from(range.start).unwrap().min(end);
            self.before[start..end].copy_from_slice(&memory[start..end]);
        }
        if self.before == memory {
            return Ok(());
        }
        let at = self.before.iter().zip(memory).position(|(a, b)| a != b);
        let calls = &self.calls;
        Err(format!(
            "the byte at {at:?} was given to no call, and changed:{calls}"
        ))
    }
}

/// What a call may write to: no more than the addresses say that it was given.
fn writable(
    import: usize,
    arguments: &[i64; ARGUMENTS],
    memory: &[u8],
    reply: u32,
) -> Vec<Range<u64>> {
    let argument = |at: usize| u64::from(arguments[at].cast_unsigned() as u32);
    let from = |at: usize, length: u64| argument(at)..argument(at) + length;
    let word = |at: u64| {
        let bytes = memory
            .get(usize::try_from(at).unwrap()..)
            .unwrap_or_default();
        bytes
            .first_chunk::<4>()
            .map_or(0, |word| u64::from(u32::from_le_bytes(*word)))
    };
    match IMPORTS.get(import).map_or("", |import| import.1) {
        "reply" => vec![from(0, reply.into())],
        "args_sizes_get" | "environ_sizes_get" => vec![from(0, 4), from(1, 4)],
        "clock_res_get" => vec![from(1, 8)],
        "clock_time_get" => vec![from(2, 8)],
        "fd_fdstat_get" => vec![from(1, 24)],
        "fd_filestat_get" => vec![from(1, 64)],
        "path_filestat_get" => vec![from(4, 64)],
        "fd_prestat_get" => vec![from(1, 8)],
        "fd_prestat_dir_name" => vec![from(1, argument(2))],
        "fd_read" => {
            let buffers = (0..argument(2).min(1024)).map(|number| {
                let at = argument(1) + 8 * number;
                word(at)..word(at) + word(at + 4)
            });
            buffers.chain([from(3, 4)]).collect()
        }
        "fd_readdir" => vec![from(1, argument(2)), from(4, 4)],
        "fd_seek" | "fd_write" => vec![from(3, 8)],
        "path_open" => vec![from(8, 4)],
        "path_readlink" => vec![from(3, argument(4)), from(5, 4)],
        "poll_oneoff" => vec![from(1, 32), from(3, 4)],
        "random_get" => vec![from(0, argument(1))],
        _ => Vec::new(),
    }
}

/// The checks would notice.
#[test]
fn esc_02_the_sentinel_notices_a_byte_that_no_call_was_given() {
    let mut sentinel = Sentinel::default();
    let mut memory = vec![7; 4096];
    let mut arguments = [0; ARGUMENTS];
    arguments[..2].copy_from_slice(&[100, 8]);
    let random = import("random_get");
    sentinel.watch(random, &arguments, &memory);
    memory[100..108].fill(1);
    assert_eq!(sentinel.check(&memory, true), Ok(()));
    sentinel.watch(random, &arguments, &memory);
    memory[108] = 1;
    assert!(sentinel.check(&memory, true).is_err());
}
