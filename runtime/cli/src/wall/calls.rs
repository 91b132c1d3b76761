//! The system calls that are allowed behind the wall: what an interpreter, its threads, its workspace and its output need.
//! Called by `wall`; Linux's seccomp enforces it. A call that is not on the list fails with `EPERM`, as one would that
//! the user may not make, so that a library which only tries has an answer that it knows.
//!
//! The list is the point: a call that a later kernel brings is refused until somebody writes it down here, and so are
//! those of another calling convention: the numbers of x32 are not on it, and a call of 32-bit code ends the process.

use super::Outside;
use libc::c_long;
use sandgate_server::APART_NICE;
use seccompiler::{
    BackendError as Error, BpfProgram,
    SeccompAction::{self, Allow, Errno},
    SeccompCmpArgLen::{self, Dword, Qword},
    SeccompCmpOp::{self, Eq, MaskedEq},
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Allowed with any arguments.
const ALWAYS: &[c_long] = &[
    // Files that are open, and names that landlock allows.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_fadvise64,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_readlinkat,
    libc::SYS_close,
    // Memory, other than code; see `sometimes`.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads, waiting, time.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_ppoll,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    // Signals to this process: they are how WebAssembly traps.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Who we are, for the check of a socket's owner.
    libc::SYS_geteuid,
    // Sockets that are connected already: the other end of the connector, and what it hands over.
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    // The connector has ended.
    libc::SYS_wait4,
    // Refused by `absent` in a way that the C library understands.
    libc::SYS_clone3,
];

/// The same under the names that this architecture has besides.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// What connecting takes, where that is what the process is for.
const CONNECTING: &[c_long] = &[
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_sendto,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_uname,
];

/// What taking a connection takes, where that is what the process is for.
const ACCEPTING: &[c_long] = &[
    libc::SYS_accept4,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
];

/// The requests that output, sockets and wasmtime make of devices. What types into a terminal (`TIOCSTI`) is none of them.
const REQUESTS: [u64; 8] = [
    libc::TCGETS,
    TCGETS2,
    libc::TIOCGWINSZ,
    libc::TCFLSH,
    libc::FIONBIO,
    libc::FIONREAD,
    libc::FIOCLEX,
    PAGEMAP_SCAN,
];

/// And what a prompt makes of the terminal that it edits lines on.
const SETTINGS: [u64; 3] = [libc::TCSETS, libc::TCSETSW, libc::TCSETSF];

/// How the editor of a prompt waits for a key.
const EDITING: &[c_long] = &[
    libc::SYS_pselect6,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
];

/// `TCGETS` with speeds.
const TCGETS2: u64 = 0x802c_542a;
/// Which pages a run has changed; asked of a file that was opened before.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// What the kernel told this process when it started, such as the size of pages.
const PR_GET_AUXV: u64 = 0x4155_5856;

/// A thread, which shares everything with this process; not another process, and nothing in a namespace of its own.
const THREAD: i32 = libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND;
const NOT_THREAD: i32 = libc::CLONE_VFORK
    | libc::CLONE_PTRACE
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// What may be done to a descriptor. `F_SETOWN` is not among it: it sends signals to others.
const DESCRIPTOR: [i32; 9] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GET_SEALS,
    // How processes that write to one journal take turns.
    libc::F_GETLK,
    libc::F_SETLK,
];

/// Two filters: of two that refuse, the one that was raised last has its error returned, so `absent` comes first, and
/// the list allows what `absent` refuses.
pub(super) fn filters(outside: Outside) -> Result<[BpfProgram; 2], Error> {
    Ok([absent()?, list(outside)?])
}

/// The arguments of `clone3` lie in memory, where a filter cannot look. The C library makes threads with `clone` where
/// there is no `clone3`.
fn absent() -> Result<BpfProgram, Error> {
    let rules = [(libc::SYS_clone3, Vec::new())].into();
    program(rules, Allow, errno(libc::ENOSYS))
}

fn list(outside: Outside) -> Result<BpfProgram, Error> {
    let mut rules: Rules = ALWAYS
        .iter()
        .chain(OLDER)
        .map(|&call| (call, Vec::new()))
        .collect();
    rules.extend(sometimes()?);
    if outside == Outside::Prompt {
        rules.extend(EDITING.iter().map(|&call| (call, Vec::new())));
        let requests = REQUESTS
            .iter()
            .chain(&SETTINGS)
            .copied()
            .collect::<Vec<_>>();
        rules.insert(libc::SYS_ioctl, of(1, &requests)?);
    }
    if outside == Outside::Visitors {
        rules.extend(ACCEPTING.iter().map(|&call| (call, Vec::new())));
        // A thread for what computes long counts less than others, and is made to by itself alone.
        let less = [
            (0, Dword, Eq, u64::from(libc::PRIO_PROCESS)),
            (1, Dword, Eq, 0),
            (2, Dword, Eq, number(APART_NICE)),
        ];
        let less = rule(less)?;
        rules.insert(libc::SYS_setpriority, vec![less]);
    }
    if matches!(outside, Outside::Sockets | Outside::Network) {
        rules.extend(CONNECTING.iter().map(|&call| (call, Vec::new())));
        rules.insert(libc::SYS_socket, sockets(outside)?);
    }
    if outside == Outside::Network {
        // The libraries that look names up are loaded when the first one is.
        rules.insert(libc::SYS_mmap, Vec::new());
    }
    program(rules, errno(libc::EPERM), Allow)
}

/// Allowed where an argument has one of these values.
fn of(index: u8, values: &[u64]) -> Result<Vec<SeccompRule>, Error> {
    values
        .iter()
        .map(|&value| rule([(index, Dword, Eq, value)]))
        .collect()
}

/// Allowed with these arguments.
fn sometimes() -> Result<Rules, Error> {
    let no_code = || rule([(2, Dword, MaskedEq(number(libc::PROT_EXEC)), 0)]);
    let stream = MaskedEq(u64::from(u32::MAX) & !number(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK));
    let pair = |kind: i32| {
        rule([
            (0, Dword, Eq, number(libc::AF_UNIX)),
            (1, Dword, stream.clone(), number(kind)),
        ])
    };
    Ok([
        // After the image is loaded nothing becomes code any more.
        (libc::SYS_mmap, vec![no_code()?]),
        (libc::SYS_mprotect, vec![no_code()?]),
        (
            libc::SYS_clone,
            vec![rule([(
                0,
                Dword,
                MaskedEq(number(THREAD | NOT_THREAD)),
                number(THREAD),
            )])?],
        ),
        // How a program ends itself when it cannot go on.
        (
            libc::SYS_tgkill,
            vec![rule([(0, Dword, Eq, u64::from(std::process::id()))])?],
        ),
        (
            libc::SYS_prctl,
            of(0, &[number(libc::PR_SET_NAME), PR_GET_AUXV])?,
        ),
        // Times of files that are open. By its name, the time of any file could be set, wherever it is.
        (libc::SYS_utimensat, vec![rule([(1, Qword, Eq, 0)])?]),
        // Limits are read and not set.
        (
            libc::SYS_prlimit64,
            vec![rule([(0, Dword, Eq, 0), (2, Qword, Eq, 0)])?],
        ),
        // A datagram can be sent to any address; what has a connection, to its other end only.
        (libc::SYS_socketpair, vec![pair(libc::SOCK_STREAM)?]),
        (libc::SYS_sendto, vec![rule([(4, Qword, Eq, 0)])?]),
        (libc::SYS_ioctl, of(1, &REQUESTS)?),
        (libc::SYS_fcntl, of(1, &DESCRIPTOR.map(number))?),
    ]
    .into())
}

/// `AF_NETLINK` says which addresses this machine has, which decides what a name is looked up for.
fn sockets(outside: Outside) -> Result<Vec<SeccompRule>, Error> {
    let families: &[i32] = match outside {
        Outside::Nothing | Outside::Prompt | Outside::Visitors => &[],
        Outside::Sockets => &[libc::AF_UNIX],
        Outside::Network => &[
            libc::AF_UNIX,
            libc::AF_INET,
            libc::AF_INET6,
            libc::AF_NETLINK,
        ],
    };
    let family = |&family: &i32| rule([(0, Dword, Eq, number(family))]);
    families.iter().map(family).collect()
}

fn rule<const N: usize>(
    conditions: [(u8, SeccompCmpArgLen, SeccompCmpOp, u64); N],
) -> Result<SeccompRule, Error> {
    let conditions = conditions
        .into_iter()
        .map(|(index, length, how, value)| SeccompCondition::new(index, length, how, value));
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

/// Arguments are compared without their sign.
fn number(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn errno(error: i32) -> SeccompAction {
    Errno(error.unsigned_abs())
}

/// A call of any other architecture ends the process.
fn program(
    rules: Rules,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, Error> {
    let here: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, otherwise, listed, here)?.try_into()
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the kernel would do.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Done {
        Killed,
        Refused(u32),
        Allowed,
    }

    #[cfg(target_arch = "x86_64")]
    const HERE: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    const HERE: u32 = 0xc000_00b7;
    /// 32-bit code of both.
    const OTHERS: [u32; 3] = [0x4000_0003, 0x4000_0028, 0xc000_00ff];
    /// What numbers of x32 begin with.
    const X32: u32 = 0x4000_0000;

    /// Runs the few instructions that filters are made of, as the kernel does.
    fn run(program: &BpfProgram, data: &[u8; 64]) -> Done {
        let (mut at, mut value) = (0, 0_u32);
        loop {
            let step = &program[at];
            at += 1;
            let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
            match step.code {
                0x20 => {
                    let from = usize::try_from(step.k).unwrap();
                    value = u32::from_le_bytes(data[from..from + 4].try_into().unwrap());
                }
                0x54 => value &= step.k,
                0x05 => at += usize::try_from(step.k).unwrap(),
                0x15 => at += jump(value == step.k),
                0x25 => at += jump(value > step.k),
                0x35 => at += jump(value >= step.k),
                0x06 => {
                    return match step.k & 0xffff_0000 {
                        0x7fff_0000 => Done::Allowed,
                        0x0005_0000 => Done::Refused(step.k & 0xffff),
                        _ => Done::Killed,
                    };
                }
                other => assert_eq!(other, 0x06, "no filter of ours has this instruction"),
            }
        }
    }

    /// What comes of a call. Of filters that agree, the error of the last one counts.
    fn done(outside: Outside, architecture: u32, call: u32, arguments: [u64; 6]) -> Done {
        let mut data = [0; 64];
        data[0..4].copy_from_slice(&call.to_le_bytes());
        data[4..8].copy_from_slice(&architecture.to_le_bytes());
        for (at, argument) in (16..).step_by(8).zip(arguments) {
            data[at..at + 8].copy_from_slice(&argument.to_le_bytes());
        }
        let filters = filters(outside).unwrap();
        let all = filters.iter().rev().map(|filter| run(filter, &data));
        all.reduce(|kept, next| match (kept, next) {
            (Done::Refused(_), Done::Refused(_)) => kept,
            _ => kept.min(next),
        })
        .unwrap()
    }

    const REFUSED: Done = Done::Refused(libc::EPERM.unsigned_abs());

    fn here(call: c_long, arguments: [u64; 6]) -> Done {
        done(Outside::Nothing, HERE, number_of(call), arguments)
    }

    fn number_of(call: c_long) -> u32 {
        u32::try_from(call).unwrap()
    }

    fn arguments() -> impl Strategy<Value = [u64; 6]> {
        let one = prop_oneof![0..8_u64, any::<u64>(), any::<u32>().prop_map(u64::from)];
        prop::array::uniform6(one)
    }

    /// What starts something, reaches somebody, or changes what the process may do.
    const NEVER: &[c_long] = &[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_sendmmsg,
        libc::SYS_setsockopt,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_shmget,
        libc::SYS_shmat,
        libc::SYS_msgget,
        libc::SYS_semget,
        libc::SYS_mq_open,
        libc::SYS_memfd_create,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_chdir,
        libc::SYS_fchdir,
        libc::SYS_fsopen,
        libc::SYS_fsmount,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
        libc::SYS_personality,
        libc::SYS_pkey_mprotect,
        libc::SYS_remap_file_pages,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setresuid,
        libc::SYS_setpgid,
        libc::SYS_setsid,
        libc::SYS_setrlimit,
        libc::SYS_setpriority,
        libc::SYS_sched_setaffinity,
        libc::SYS_seccomp,
        libc::SYS_landlock_restrict_self,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_setxattr,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_mknodat,
        libc::SYS_truncate,
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_timer_create,
        libc::SYS_setitimer,
        libc::SYS_vmsplice,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_syslog,
        libc::SYS_quotactl,
        libc::SYS_acct,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_sethostname,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn esc_07_what_is_not_on_the_list_is_refused_whatever_its_arguments(arguments in arguments()) {
            let rules = sometimes().unwrap();
            for call in (0..1024).chain([u32::MAX >> 1]) {
                let number = c_long::from(call);
                let listed = ALWAYS.contains(&number) || OLDER.contains(&number);
                let done = here(number, arguments);
                if number == libc::SYS_clone3 {
                    prop_assert_eq!(done, Done::Refused(libc::ENOSYS.unsigned_abs()));
                } else if listed {
                    prop_assert_eq!(done, Done::Allowed);
                } else if !rules.contains_key(&number) {
                    prop_assert_eq!(done, REFUSED, "{}", call);
                }
            }
            for call in NEVER {
                prop_assert_eq!(here(*call, arguments), REFUSED, "{}", call);
            }
        }

        #[test]
        fn esc_07_no_call_is_made_in_another_calling_convention(call in 0..1024_u32, arguments in arguments()) {
            for outside in [Outside::Nothing, Outside::Visitors, Outside::Sockets, Outside::Network] {
                prop_assert_eq!(done(outside, HERE, X32 | call, arguments), REFUSED);
                for architecture in OTHERS {
                    prop_assert_eq!(done(outside, architecture, call, arguments), Done::Killed);
                }
            }
        }

        #[test]
        fn esc_07_calls_that_can_do_more_are_allowed_with_harmless_arguments_only(arguments in arguments()) {
            let allowed = |call| here(call, arguments) == Done::Allowed;
            let low = |at: usize| u32::try_from(arguments[at] & 0xffff_ffff).unwrap().cast_signed();
            for call in [libc::SYS_mmap, libc::SYS_mprotect] {
                prop_assert_eq!(allowed(call), low(2) & libc::PROT_EXEC == 0);
            }
            let thread = low(0) & (THREAD | NOT_THREAD) == THREAD;
            prop_assert_eq!(allowed(libc::SYS_clone), thread);
            prop_assert_eq!(allowed(libc::SYS_tgkill), low(0).cast_unsigned() == std::process::id());
            prop_assert_eq!(
                allowed(libc::SYS_prctl),
                [u64::from(libc::PR_SET_NAME.cast_unsigned()), PR_GET_AUXV].contains(&(arguments[0] & 0xffff_ffff))
            );
            prop_assert_eq!(allowed(libc::SYS_prlimit64), low(0) == 0 && arguments[2] == 0);
            prop_assert_eq!(allowed(libc::SYS_sendto), arguments[4] == 0);
            prop_assert_eq!(allowed(libc::SYS_utimensat), arguments[1] == 0);
            prop_assert_eq!(allowed(libc::SYS_ioctl), REQUESTS.contains(&(arguments[1] & 0xffff_ffff)));
            prop_assert_eq!(allowed(libc::SYS_fcntl), DESCRIPTOR.contains(&low(1)));
        }

        #[test]
        fn esc_07_what_connects_has_only_the_sockets_that_it_needs(family in 0..64_i32, arguments in arguments()) {
            let socket = |outside| {
                let arguments = [number(family), arguments[1], arguments[2], 0, 0, 0];
                done(outside, HERE, number_of(libc::SYS_socket), arguments) == Done::Allowed
            };
            prop_assert!(!socket(Outside::Nothing));
            prop_assert!(!socket(Outside::Visitors));
            prop_assert_eq!(socket(Outside::Sockets), family == libc::AF_UNIX);
            let network = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
            prop_assert_eq!(socket(Outside::Network), network.contains(&family));
            for call in [libc::SYS_execve, libc::SYS_ptrace, libc::SYS_kill, libc::SYS_listen, libc::SYS_bpf] {
                for outside in [Outside::Visitors, Outside::Sockets, Outside::Network] {
                    prop_assert_eq!(done(outside, HERE, number_of(call), arguments), REFUSED);
                }
            }
        }
    }

    #[test]
    fn esc_07_a_thread_may_count_less_where_visitors_come_and_never_more() {
        let call = number_of(libc::SYS_setpriority);
        let set = |outside, who: u64, nice: i32| {
            done(outside, HERE, call, [0, who, number(nice), 0, 0, 0])
        };
        assert_eq!(set(Outside::Visitors, 0, APART_NICE), Done::Allowed);
        for (outside, who, nice) in [
            (Outside::Visitors, 0, 0),
            (Outside::Visitors, 0, -APART_NICE),
            (Outside::Visitors, 1, APART_NICE),
            (Outside::Nothing, 0, APART_NICE),
        ] {
            assert_eq!(set(outside, who, nice), REFUSED, "{outside:?} {who} {nice}");
        }
    }

    #[test]
    fn esc_07_what_a_run_needs_of_such_calls_is_allowed() {
        let of = |call: c_long, arguments: &[i32]| {
            let mut all = [0; 6];
            for (place, argument) in all.iter_mut().zip(arguments) {
                *place = number(*argument);
            }
            here(call, all) == Done::Allowed
        };
        let pair = libc::SYS_socketpair;
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        assert!(of(pair, &[libc::AF_UNIX, libc::SOCK_STREAM | flags]));
        assert!(!of(pair, &[libc::AF_UNIX, libc::SOCK_DGRAM | flags]));
        assert!(!of(pair, &[libc::AF_INET, libc::SOCK_STREAM | flags]));
        let thread = THREAD | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SETTLS;
        assert!(of(libc::SYS_clone, &[thread]));
        assert!(!of(libc::SYS_clone, &[libc::SIGCHLD]));
        assert!(!of(libc::SYS_clone, &[thread | libc::CLONE_NEWUSER]));
        let ioctl = |request: u64| here(libc::SYS_ioctl, [0, request, 0, 0, 0, 0]);
        assert_eq!(ioctl(libc::TIOCGWINSZ), Done::Allowed);
        assert_eq!(ioctl(libc::TIOCSTI), REFUSED);
        assert_eq!(ioctl(libc::TCSETS), REFUSED);
        assert!(!of(libc::SYS_fcntl, &[0, libc::F_SETOWN]));
    }
}
