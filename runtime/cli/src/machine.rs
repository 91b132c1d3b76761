//! What the machine has, as far as a server depends on it: how many scripts it can have at once. Asked once, by `serve`, before the wall
//! is raised. It must never be asked by a script.

use sandgate::Limits;
use std::{num::NonZeroU32, thread};

/// As many scripts for each processor as it can still give a turn in a second.
const FOR_EACH_PROCESSOR: u64 = 128;
/// With less, one context could not have two scripts and leave some to others.
const LEAST: u64 = 4;
/// Each reserves some gigabytes of addresses, of which a process has so many.
const MOST: u64 = 1024;

/// As many as processors can give turns to, and as half of the memory holds if each takes what a context grants that says nothing of
/// it: THREAT[DOS-05].
pub(super) fn instances() -> NonZeroU32 {
    let processors = thread::available_parallelism().map_or(1, |number| number.get() as u64);
    let memory = [
        whole("/proc/meminfo").and_then(|text| total(&text)),
        // What a container is granted.
        whole("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok()),
    ];
    let memory = memory.into_iter().flatten().min();
    instances_of(processors, memory.unwrap_or_default())
}

fn whole(path: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "what the system says of this machine"
    )]
    std::fs::read_to_string(path).ok()
}

/// Bytes of memory, by what the system says of it.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn instances_of(processors: u64, memory: u64) -> NonZeroU32 {
    let each = u64::try_from(Limits::default().memory).unwrap_or(u64::MAX);
    let held = (memory / 2).checked_div(each).unwrap_or_default();
    let number = processors.saturating_mul(FOR_EACH_PROCESSOR).min(held);
    let number = u32::try_from(number.clamp(LEAST, MOST)).ok();
    number.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_machine_is_read_as_the_system_writes_it() {
        let text = "MemTotal:       24682880 kB\nMemFree:         7656448 kB\n";
        assert_eq!(total(text), Some(24_682_880 << 10));
        assert_eq!(total("MemTotal: lots\n"), None);
    }

    #[test]
    fn dos_05_a_server_has_no_more_scripts_than_half_of_the_memory_holds() {
        for (processors, memory, expected) in [
            (2, 24 << 30, 48),
            (2, 512 << 30, 256),
            (1, 512 << 30, 128),
            (64, 1 << 40, 1024),
            (2, 1 << 30, 4),
            (0, 0, 4),
        ] {
            let number = instances_of(processors, memory).get();
            assert_eq!(number, expected, "{processors} {memory}");
        }
    }
}
