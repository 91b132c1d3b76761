//! What a hostile guest does: programs drawn at random, from a number that gives the same one again. Most of an argument's
//! values are plausible, so that a program gets far; some are the edges of what there is, and some are anything.

use super::guest::{ARGUMENTS, GROW, IMPORTS, PAGES, Role, SCRATCH, import, op};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// One argument of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    Number(i64),
    /// What the call before answered.
    Last,
    /// What stands in memory there, four bytes.
    Word(u32),
}

/// One step of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Put(u32, Vec<u8>),
    Call(usize, [Argument; ARGUMENTS]),
}

/// A program, by its number.
pub(super) fn program(number: u64) -> Vec<Step> {
    let mut dice = ChaCha8Rng::seed_from_u64(number);
    // Some programs are wild, and short, since what is outside the memory ends them; most are nearly honest.
    let wild = pick(&mut dice, &[4, 20, 60, 200]);
    let mut writer = Writer {
        dice,
        wild,
        steps: Vec::new(),
        length: 0,
        number: 0,
        begun: 0,
        under_way: Vec::new(),
        collected: false,
    };
    let most = 3 + writer.below(30);
    let mut calls = 0;
    while calls < most {
        if writer.one_in(2) {
            let habit = writer.pick(HABITS);
            for name in habit {
                writer.call(import(name));
            }
            calls += habit.len() as u64;
        } else {
            let import = writer.below(IMPORTS.len() as u64 + 1);
            writer.call(import as usize);
            calls += 1;
        }
    }
    writer.steps
}

/// The same program as the source of a script that the guest reads.
pub(super) fn source(program: &[Step]) -> String {
    let mut words: Vec<u64> = Vec::new();
    let mut record = |first: u64, rest: &[u64]| {
        words.push(first);
        words.extend(rest);
        words.resize(words.len().next_multiple_of(ARGUMENTS + 2), 0);
    };
    for step in program {
        match step {
            Step::Put(at, bytes) => {
                // A script has its length; of what is longer the beginning is enough.
                for (piece, bytes) in (0..400).step_by(8).zip(bytes.chunks(8)) {
                    let mut word = [0; 8];
                    word[..bytes.len()].copy_from_slice(bytes);
                    let at = u64::from(*at) + piece;
                    if at + 8 <= PAGES << 16 {
                        record(op::PUT, &[at, u64::from_le_bytes(word)]);
                    }
                }
            }
            Step::Call(import, arguments) => {
                let mut first = op::CALL;
                let mut rest = vec![*import as u64];
                for (at, argument) in (0..).zip(arguments) {
                    let (mode, value) = match argument {
                        Argument::Number(number) => (op::NUMBER, number.cast_unsigned()),
                        Argument::Last => (op::LAST, 0),
                        Argument::Word(at) => (op::WORD, u64::from(*at)),
                    };
                    first |= mode << (op::FIRST_MODE + 2 * at);
                    rest.push(value);
                }
                record(first, &rest);
            }
        }
    }
    record(0, &[]);
    let digits = words.iter().flat_map(|word| {
        let nibble = move |at: u32| (word >> (60 - 4 * at)) as u8 & 15;
        (0..16).map(move |at| char::from(b'a' + nibble(at)))
    });
    digits.collect()
}

/// What is done together.
const HABITS: &[&[&str]] = &[
    &["begin", "wait", "collect", "reply"],
    &[
        "begin", "begin", "collect", "reply", "begin", "wait", "wait",
    ],
    &["begin", "collect", "begin", "collect", "reply", "reply"],
    &["call", "reply", "begin", "call", "collect", "reply"],
    &["next", "call", "next", "reply"],
    &[
        "path_open",
        "fd_write",
        "fd_seek",
        "fd_read",
        "fd_filestat_get",
        "open_files",
        "fd_close",
    ],
    &[
        "path_create_directory",
        "path_open",
        "fd_readdir",
        "fd_readdir",
    ],
    &[
        "path_open",
        "fd_filestat_set_size",
        "fd_seek",
        "fd_write",
        "path_unlink_file",
        "fd_write",
    ],
    &["path_rename", "path_filestat_get", "path_remove_directory"],
    &["path_open", "fd_close", "fd_read", "fd_write"],
    &[
        "path_open",
        "fd_fdstat_set_flags",
        "fd_write",
        "fd_fdstat_get",
        "fd_sync",
    ],
    &["path_readlink", "path_filestat_get", "path_open"],
    &[
        "grow",
        "random_get",
        "path_open",
        "fd_write",
        "fd_seek",
        "fd_read",
    ],
    &["clock_time_get", "poll_oneoff", "clock_time_get"],
    &["fd_prestat_get", "fd_prestat_dir_name"],
    &["fd_read", "fd_read", "fd_write"],
];

const PATHS: &[&[u8]] = &[
    b"a",
    b"b",
    b"d",
    b"d/a",
    b"d/e",
    b"d/e/f",
    b".",
    b"",
    b"..",
    b"a/",
    b"./d/../a",
    b"/",
    b"/work/a",
    b"/etc/passwd",
    b"link",
    b"link/secret",
    b"link/new",
    b"absolute/secret",
    b"up",
    b"dangling",
    b"../../outside/secret",
    b"../../outside/new",
    b"d/../../../outside/secret",
    b"name\0with",
    b"\xff\xfe",
    b"\xd8\x80",
    b"con\x1b[31m",
    &[b'n'; 255],
    &[b'n'; 256],
    &[b'/'; 5000],
];

const REQUESTS: &[&str] = &[
    r#"{"service":"crm","method":"contact.list","params":{}}"#,
    r#"{"service":"crm","method":"contact.add","params":{"name":"Ann"}}"#,
    r#"{"service":"crm","method":"contact.get","params":[1]}"#,
    r#"{"service":"crm","method":"contact.delete","params":{"id":99}}"#,
    r#"{"service":"crm","method":"stats.count","params":{}}"#,
    r#"{"service":"crm","method":"contact.find","params":{"query":"a"}}"#,
    r#"{"service":"crm","method":"nothing","params":{}}"#,
    r#"{"service":"nobody","method":"a","params":{}}"#,
    r#"{"service":"sandgate","method":"echo","params":{"a":[1,"x"]}}"#,
    r#"{"service":"sandgate","method":"services","params":{}}"#,
    r#"{"service":"sandgate","method":"interface","params":{"service":"crm"}}"#,
    r#"["crm","contact.list",{}]"#,
    r#"{"service":"crm","method":"contact.add","params":{"name":"\ud800"}}"#,
    "",
];

/// The edges of what addresses, lengths, descriptors and numbers can be.
const EDGES: &[i64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    1023,
    1024,
    1025,
    0xffff,
    0x1_0000,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    0x7fff_fffe,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX,
    i64::MIN,
    -1,
    -2,
];

/// Where descriptors go that a program opens: so many words from there on.
const OPENED: u32 = 0x100;
const MOST_OPENED: u64 = 6;
/// Below are the descriptors and what they are hit by.
const FIRST_PLACE: u64 = 0x200;

struct Writer {
    dice: ChaCha8Rng,
    /// One argument in so many is anything.
    wild: u64,
    steps: Vec<Step>,
    /// Of what the argument before points to.
    length: i64,
    /// How many of what the argument before points to.
    number: i64,
    /// How many calls were begun, and which were not collected yet.
    begun: i64,
    under_way: Vec<i64>,
    /// Whether a reply was collected and not fetched.
    collected: bool,
}

fn pick<T: Copy>(dice: &mut ChaCha8Rng, from: &[T]) -> T {
    from[(dice.next_u64() % from.len() as u64) as usize]
}

impl Writer {
    fn below(&mut self, number: u64) -> u64 {
        self.dice.next_u64() % number
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        pick(&mut self.dice, from)
    }

    fn call(&mut self, import: usize) {
        // What ends a program is rare in it.
        let name = IMPORTS.get(import).map_or("", |import| import.1);
        let ends = match name {
            "proc_exit" => true,
            "collect" => self.under_way.is_empty(),
            "reply" => !self.collected,
            _ => false,
        };
        if ends && !self.one_in(40) {
            return;
        }
        let mut arguments = [Argument::Number(0); ARGUMENTS];
        let takes = IMPORTS.get(import).map_or(&[][..], |import| import.2);
        for (argument, role) in arguments.iter_mut().zip(takes) {
            // What a plausible one is prepared in any case: the next argument speaks of it.
            let plausible = self.plausible(*role);
            let wild = self.wild;
            *argument = if self.one_in(wild) {
                self.anything()
            } else {
                plausible
            };
        }
        if import == GROW {
            let pages = if self.one_in(4) {
                self.pick(EDGES)
            } else {
                self.below(20).cast_signed()
            };
            arguments[0] = Argument::Number(pages);
        }
        self.steps.push(Step::Call(import, arguments));
        match name {
            "begin" => {
                self.begun += 1;
                self.under_way.push(self.begun);
            }
            "call" => {
                self.begun += 1;
                self.collected = true;
            }
            "collect" => self.collected = true,
            "reply" => self.collected = false,
            _ => {}
        }
    }

    /// One of the calls that were begun. It is not under way any more.
    fn collected(&mut self) -> Argument {
        let begun_just_now =
            matches!(self.steps.last(), Some(Step::Call(call, _)) if *call == import("begin"));
        if begun_just_now && self.one_in(2) {
            self.under_way.pop();
            return Argument::Last;
        }
        let many = self.under_way.len() as u64;
        let call = match many {
            0 => 1,
            _ => {
                let at = self.below(many) as usize;
                self.under_way.swap_remove(at)
            }
        };
        Argument::Number(call)
    }

    fn anything(&mut self) -> Argument {
        match self.below(8) {
            0 => Argument::Last,
            1 => Argument::Word(self.below(u64::from(SCRATCH)) as u32),
            2 => Argument::Number(self.dice.next_u64().cast_signed()),
            3 => Argument::Number(self.below(1 << 32).cast_signed()),
            4 => {
                // About the end of the memory.
                let end = (PAGES << 16).cast_signed();
                Argument::Number(end - 70 + self.below(80).cast_signed())
            }
            _ => Argument::Number(self.pick(EDGES)),
        }
    }

    fn plausible(&mut self, role: Role) -> Argument {
        use Argument::{Number, Word};
        Number(match role {
            Role::Request => {
                let request = self.request();
                self.put(request)
            }
            Role::Path => {
                let mut path = self.pick(PATHS).to_vec();
                // Most often one of the first.
                if self.one_in(2) {
                    path = PATHS[self.below(6) as usize].to_vec();
                }
                self.put(path)
            }
            Role::Length => self.length,
            Role::Buffers => return self.buffers(),
            Role::Number => self.number,
            // Most of them are numbers, which have to be where numbers may stand.
            Role::Out => i64::from(self.place(64)) & if self.one_in(8) { -1 } else { -8 },
            Role::Room => {
                let most = self.pick(&[0, 5, 64, 300, 5000, 70_000]);
                self.below(most + 1).cast_signed()
            }
            Role::Opened => i64::from(self.slot()),
            Role::Subscription => self.subscription(),
            Role::Descriptor => match self.below(10) {
                0 => self.below(8).cast_signed(),
                1..=5 => 3,
                _ => return Word(self.slot()),
            },
            Role::Call => return self.collected(),
            Role::Milliseconds => self.pick(&[0, 0, 0, 1, 2, -1]),
            Role::Clock => self.below(4).cast_signed(),
            Role::Time => self.dice.next_u64().cast_signed() >> self.below(64),
            Role::Offset => match self.below(3) {
                0 => 0,
                1 => self.below(10_000).cast_signed() - 2000,
                _ => self.pick(EDGES),
            },
            Role::Size => match self.below(3) {
                0 => self.pick(EDGES),
                _ => self.below(10_000).cast_signed(),
            },
            Role::Entry => match self.below(4) {
                0 => self.pick(EDGES),
                _ => self.below(6).cast_signed(),
            },
            Role::Whence => self.below(4).cast_signed(),
            Role::Rights => self.pick(&[0x1fff_ffff, 2, 64, 66, 66, 0]),
            Role::Follow => self.below(2).cast_signed(),
            Role::How => self.pick(&[0, 0, 1, 1, 1, 2, 4, 5, 8, 9, 15]),
            Role::State => self.pick(&[0, 0, 0, 1, 2, 4, 8, 16, 31]),
            Role::Which => self.below(16).cast_signed(),
            Role::Code => self.below(300).cast_signed(),
        })
    }

    /// Somewhere in the memory that so many bytes fit in; at times to its very end, and at times where something else is.
    fn place(&mut self, room: u32) -> u32 {
        let end = (PAGES << 16) as u32;
        match self.below(16) {
            0 => end - room.min(end),
            1 => OPENED,
            _ => (FIRST_PLACE + self.below(u64::from(SCRATCH) - FIRST_PLACE)) as u32,
        }
    }

    fn put(&mut self, bytes: Vec<u8>) -> i64 {
        self.length = bytes.len() as i64;
        let at = self.place(bytes.len() as u32);
        self.steps.push(Step::Put(at, bytes));
        at.into()
    }

    fn slot(&mut self) -> u32 {
        OPENED + 4 * self.below(MOST_OPENED) as u32
    }

    fn request(&mut self) -> Vec<u8> {
        let mut request = self.pick(REQUESTS).as_bytes().to_vec();
        if self.one_in(4) {
            for _ in 0..=self.below(3) {
                let (at, byte) = (self.below(80) as usize, self.below(256) as u8);
                if let Some(target) = request.get_mut(at) {
                    *target = byte;
                }
            }
        }
        if self.one_in(40) {
            let (open, deep) = (self.pick(&["[", "{\"a\":"]), self.below(2000) as usize);
            let nested = format!(
                r#"{{"service":"crm","method":"contact.add","params":{}"#,
                open.repeat(deep)
            );
            request = nested.into_bytes();
        }
        request
    }

    fn buffers(&mut self) -> Argument {
        let many = match self.below(16) {
            0 => self.pick(&[1023, 1024, 1025]),
            1 => 0,
            _ => 1 + self.below(3),
        };
        self.number = many.cast_signed();
        let aligned = if self.one_in(16) { u32::MAX } else { !3 };
        let at = self.place((many * 8) as u32) & aligned;
        let mut array = Vec::new();
        for _ in 0..many {
            let (to, length) = match self.below(12) {
                // The array itself, and where the answer goes.
                0 => (at, 8 * many),
                1 => (at + 4, 4),
                2 => (self.below(1 << 32) as u32, self.pick(EDGES).cast_unsigned()),
                3 => (self.place(0), self.below(2 << 20)),
                4 => (self.place(0), 0),
                _ => (self.place(300), self.below(300)),
            };
            array.extend_from_slice(&u32::to_le_bytes(to));
            array.extend_from_slice(&(length as u32).to_le_bytes());
        }
        self.steps.push(Step::Put(at, array));
        Argument::Number(at.into())
    }

    fn subscription(&mut self) -> i64 {
        self.number = 1;
        let mut subscription = vec![0; 48];
        self.dice.fill_bytes(&mut subscription[..8]);
        if self.one_in(8) {
            subscription[8] = self.below(4) as u8;
        }
        subscription[16] = self.below(3) as u8;
        let timeout = match self.below(24) {
            0 => self.pick(EDGES),
            _ => self.pick(&[0, 1, 999, 1_000_000, 2_000_001]),
        };
        subscription[24..32].copy_from_slice(&timeout.to_le_bytes());
        subscription[40] = u8::from(self.one_in(3));
        self.put(subscription)
    }
}
