//! A guest that is nobody's friend: a module with the imports of the interpreter, which calls them as it is told. It is
//! compiled once; what it is told is data. Used by the tests beside it.

use sandgate_wire::abi;
use std::borrow::Cow;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, ImportSection, Instruction as I, MemArg,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// What an argument is for, which says its type, and to the generator what would be plausible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Where a request to a service stands; its length follows.
    Request,
    /// Where a path stands; its length follows.
    Path,
    /// How long what the argument before points to is.
    Length,
    /// Where addresses and lengths of buffers stand; their number follows.
    Buffers,
    Number,
    /// Where something may be written.
    Out,
    /// How much may be written there.
    Room,
    /// Where a new descriptor goes.
    Opened,
    /// Where one subscription stands.
    Subscription,
    Descriptor,
    Call,
    Milliseconds,
    Clock,
    Time,
    Offset,
    Size,
    Entry,
    Whence,
    Rights,
    /// Whether links are followed.
    Follow,
    /// How a file is opened.
    How,
    /// What a descriptor is like.
    State,
    /// Which times are set.
    Which,
    Code,
}

impl Role {
    fn kind(self) -> ValType {
        match self {
            Self::Milliseconds
            | Self::Time
            | Self::Offset
            | Self::Size
            | Self::Entry
            | Self::Rights => ValType::I64,
            _ => ValType::I32,
        }
    }
}

/// An import: its module, its name, what it takes, and whether it answers with a number.
pub(super) struct Import(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) &'static [Role],
    pub(super) bool,
);

use Role::{
    Buffers, Call, Clock, Code, Descriptor, Entry, Follow, How, Length, Milliseconds, Number,
    Offset, Opened, Out, Path, Request, Rights, Room, Size, State, Subscription, Time, Whence,
    Which,
};

const OURS: &str = abi::IMPORT_MODULE;
const WASI: &str = "wasi_snapshot_preview1";

/// All that there are. A list that is not that of guest/imports.txt, or has another type in it, does not link.
pub(super) const IMPORTS: &[Import] = &[
    Import(OURS, "begin", &[Request, Length], true),
    Import(OURS, "call", &[Request, Length], true),
    Import(OURS, "collect", &[Call], true),
    Import(OURS, "next", &[Request, Length], true),
    Import(OURS, "open_files", &[], true),
    Import(OURS, "pause", &[], false),
    Import(OURS, "reply", &[Out], false),
    Import(OURS, "wait", &[Milliseconds], true),
    Import(WASI, "args_get", &[Out, Out], true),
    Import(WASI, "args_sizes_get", &[Out, Out], true),
    Import(WASI, "clock_res_get", &[Clock, Out], true),
    Import(WASI, "clock_time_get", &[Clock, Time, Out], true),
    Import(WASI, "environ_get", &[Out, Out], true),
    Import(WASI, "environ_sizes_get", &[Out, Out], true),
    Import(WASI, "fd_close", &[Descriptor], true),
    Import(WASI, "fd_fdstat_get", &[Descriptor, Out], true),
    Import(WASI, "fd_fdstat_set_flags", &[Descriptor, State], true),
    Import(WASI, "fd_filestat_get", &[Descriptor, Out], true),
    Import(WASI, "fd_filestat_set_size", &[Descriptor, Size], true),
    Import(WASI, "fd_prestat_dir_name", &[Descriptor, Out, Room], true),
    Import(WASI, "fd_prestat_get", &[Descriptor, Out], true),
    Import(WASI, "fd_read", &[Descriptor, Buffers, Number, Out], true),
    Import(
        WASI,
        "fd_readdir",
        &[Descriptor, Out, Room, Entry, Out],
        true,
    ),
    Import(WASI, "fd_seek", &[Descriptor, Offset, Whence, Out], true),
    Import(WASI, "fd_sync", &[Descriptor], true),
    Import(WASI, "fd_write", &[Descriptor, Buffers, Number, Out], true),
    Import(
        WASI,
        "path_create_directory",
        &[Descriptor, Path, Length],
        true,
    ),
    Import(
        WASI,
        "path_filestat_get",
        &[Descriptor, Follow, Path, Length, Out],
        true,
    ),
    Import(
        WASI,
        "path_filestat_set_times",
        &[Descriptor, Follow, Path, Length, Time, Time, Which],
        true,
    ),
    Import(
        WASI,
        "path_link",
        &[Descriptor, Follow, Path, Length, Descriptor, Path, Length],
        true,
    ),
    Import(
        WASI,
        "path_open",
        &[
            Descriptor, Follow, Path, Length, How, Rights, Rights, State, Opened,
        ],
        true,
    ),
    Import(
        WASI,
        "path_readlink",
        &[Descriptor, Path, Length, Out, Room, Out],
        true,
    ),
    Import(
        WASI,
        "path_remove_directory",
        &[Descriptor, Path, Length],
        true,
    ),
    Import(
        WASI,
        "path_rename",
        &[Descriptor, Path, Length, Descriptor, Path, Length],
        true,
    ),
    Import(WASI, "path_unlink_file", &[Descriptor, Path, Length], true),
    Import(WASI, "poll_oneoff", &[Subscription, Out, Number, Out], true),
    Import(WASI, "proc_exit", &[Code], false),
    Import(WASI, "random_get", &[Out, Room], true),
    Import(WASI, "sched_yield", &[], true),
];

/// What stands for the instruction that grows the memory, after the imports.
pub(super) const GROW: usize = IMPORTS.len();

/// The number of an import.
pub(super) fn import(name: &str) -> usize {
    let found = IMPORTS.iter().position(|import| import.1 == name);
    found.unwrap_or(GROW)
}

/// No import takes more.
pub(super) const ARGUMENTS: usize = 9;

/// Pages at the beginning, and at most.
pub(super) const PAGES: u64 = 4;
const MOST_PAGES: u64 = 64;
/// Up to here generated programs put things.
pub(super) const SCRATCH: u32 = 128 << 10;
/// The host puts the script here.
const BUFFER: i32 = 128 << 10;
/// Where an ending stands that is in order.
const ENDING: i32 = 120 << 10;
const ENDING_TEXT: &[u8] = br#"{"ok":{"value":null}}"#;

/// What the host learns of the guest's own functions: where the script goes, and where the ending stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    pub(super) buffer: i32,
    /// Nothing, where the guest is to do what the script says.
    pub(super) ending: Option<i64>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            buffer: BUFFER,
            ending: None,
        }
    }
}

/// One instruction of a script: 11 words of 16 letters, the first of which says which of these it is.
pub(super) mod op {
    pub(in super::super) const PUT: u64 = 1;
    pub(in super::super) const CALL: u64 = 2;
    /// Two bits for each argument, from this one on, say what its word means.
    pub(in super::super) const FIRST_MODE: u32 = 8;
    pub(in super::super) const NUMBER: u64 = 0;
    pub(in super::super) const LAST: u64 = 1;
    pub(in super::super) const WORD: u64 = 2;
}
const WORD: i32 = 16;
const WORDS: i32 = 11;
/// `{"source":"` comes before the script.
const BEFORE: i32 = 11;

/// The functions of the module, after the imports.
const CALL: u32 = IMPORTS.len() as u32;
const REPEAT: u32 = CALL + 1;
const READ: u32 = CALL + 2;
const RUN: u32 = CALL + 4;
const INTERRUPT: u32 = CALL + 5;

/// Everything that a guest imports, each with a type of its own behind those that there are.
fn imported(types: &mut TypeSection) -> ImportSection {
    let mut imports = ImportSection::new();
    for (number, Import(module, name, takes, answers)) in (types.len()..).zip(IMPORTS) {
        let results = answers.then_some(ValType::I32);
        types
            .ty()
            .function(takes.iter().map(|role| role.kind()), results);
        imports.import(module, name, EntityType::Function(number));
    }
    imports
}

fn memory() -> MemorySection {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: PAGES,
        maximum: Some(MOST_PAGES),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    memories
}

/// The module.
pub(super) fn module(answers: Answers) -> Vec<u8> {
    let mut types = TypeSection::new();
    let imports = imported(&mut types);
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    let call = || [ValType::I32].into_iter().chain([ValType::I64; ARGUMENTS]);
    let own: [(Vec<ValType>, Option<ValType>, Function); 6] = [
        (call().collect(), Some(ValType::I64), call_body()),
        (
            [ValType::I64].into_iter().chain(call()).collect(),
            None,
            repeat_body(),
        ),
        (vec![ValType::I32], Some(ValType::I64), read_body()),
        (
            vec![ValType::I32],
            Some(ValType::I32),
            constant(I::I32Const(answers.buffer)),
        ),
        (
            vec![],
            Some(ValType::I64),
            match answers.ending {
                Some(ending) => constant(I::I64Const(ending)),
                None => run_body(),
            },
        ),
        // It has no session, so nobody asks.
        (vec![], Some(ValType::I64), constant(I::I64Const(0))),
    ];
    for (number, (takes, gives, body)) in (CALL..).zip(own) {
        types.ty().function(takes, gives);
        functions.function(number);
        code.function(&body);
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("call", ExportKind::Func, CALL);
    exports.export("repeat", ExportKind::Func, REPEAT);
    exports.export(abi::EXPORT_BUFFER, ExportKind::Func, CALL + 3);
    exports.export(abi::EXPORT_RUN, ExportKind::Func, RUN);
    exports.export(abi::EXPORT_INTERRUPT, ExportKind::Func, INTERRUPT);
    let mut data = DataSection::new();
    data.active(
        0,
        &ConstExpr::i32_const(ENDING),
        ENDING_TEXT.iter().copied(),
    );
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    module.section(&memory()).section(&exports).section(&code);
    module.section(&data);
    super::countdown::rewrite(&module.finish()).unwrap()
}

fn constant(instruction: I<'_>) -> Function {
    let mut body = Function::new([]);
    body.instruction(&instruction).instruction(&I::End);
    body
}

/// `call(import, arguments...) -> result`.
fn call_body() -> Function {
    let mut body = Function::new([]);
    let last = CALL;
    for _ in 0..=last {
        body.instruction(&I::Block(BlockType::Empty));
    }
    body.instruction(&I::LocalGet(0));
    let targets: Vec<u32> = (0..last).collect();
    body.instruction(&I::BrTable(Cow::Owned(targets), last));
    for (number, Import(_, _, takes, answers)) in (0..).zip(IMPORTS) {
        body.instruction(&I::End);
        for (at, role) in (1..).zip(*takes) {
            body.instruction(&I::LocalGet(at));
            if role.kind() == ValType::I32 {
                body.instruction(&I::I32WrapI64);
            }
        }
        body.instruction(&I::Call(number));
        body.instruction(if *answers {
            &I::I64ExtendI32U
        } else {
            &I::I64Const(0)
        });
        body.instruction(&I::Return);
    }
    // No import: the memory grows.
    body.instruction(&I::End).instruction(&I::LocalGet(1));
    body.instruction(&I::I32WrapI64)
        .instruction(&I::MemoryGrow(0));
    body.instruction(&I::I64ExtendI32S).instruction(&I::End);
    body
}

/// `repeat(times, import, arguments...)`.
fn repeat_body() -> Function {
    let mut body = Function::new([]);
    body.instruction(&I::Loop(BlockType::Empty));
    for argument in 1..=10 {
        body.instruction(&I::LocalGet(argument));
    }
    body.instruction(&I::Call(CALL)).instruction(&I::Drop);
    body.instruction(&I::LocalGet(0))
        .instruction(&I::I64Const(-1));
    body.instruction(&I::I64Add).instruction(&I::LocalTee(0));
    body.instruction(&I::I64Const(0))
        .instruction(&I::I64GtS)
        .instruction(&I::BrIf(0));
    body.instruction(&I::End).instruction(&I::End);
    body
}

/// `read(at) -> word`: 16 letters from `a` to `p`, the most significant first.
fn read_body() -> Function {
    let mut body = Function::new([(1, ValType::I64), (1, ValType::I32)]);
    let (at, word, left) = (0, 1, 2);
    body.instruction(&I::I32Const(WORD))
        .instruction(&I::LocalSet(left));
    body.instruction(&I::Loop(BlockType::Empty));
    body.instruction(&I::LocalGet(word))
        .instruction(&I::I64Const(4))
        .instruction(&I::I64Shl);
    body.instruction(&I::LocalGet(at))
        .instruction(&I::I64Load8U(place(0)));
    body.instruction(&I::I64Const(i64::from(b'a')))
        .instruction(&I::I64Sub);
    body.instruction(&I::I64Or).instruction(&I::LocalSet(word));
    add(&mut body, at, 1);
    add(&mut body, left, -1);
    body.instruction(&I::LocalGet(left))
        .instruction(&I::BrIf(0))
        .instruction(&I::End);
    body.instruction(&I::LocalGet(word)).instruction(&I::End);
    body
}

/// `run() -> ending`: does what the script says.
fn run_body() -> Function {
    let mut body = Function::new([(1, ValType::I32), (3, ValType::I64)]);
    // Where it reads, what the instruction is, what the last call answered, and a value.
    let (at, what, last, value) = (0, 1, 2, 3);
    let read = |body: &mut Function, word: i32| {
        body.instruction(&I::LocalGet(at))
            .instruction(&I::I32Const(word * WORD));
        body.instruction(&I::I32Add).instruction(&I::Call(READ));
    };
    body.instruction(&I::I32Const(BUFFER + BEFORE))
        .instruction(&I::LocalSet(at));
    body.instruction(&I::Block(BlockType::Empty))
        .instruction(&I::Loop(BlockType::Empty));
    read(&mut body, 0);
    body.instruction(&I::LocalTee(what));
    body.instruction(&I::I64Const(0xff)).instruction(&I::I64And);
    body.instruction(&I::I64Const(op::PUT.cast_signed()))
        .instruction(&I::I64Eq);
    body.instruction(&I::If(BlockType::Empty));
    read(&mut body, 1);
    body.instruction(&I::I32WrapI64);
    read(&mut body, 2);
    body.instruction(&I::I64Store(place(0)))
        .instruction(&I::Else);
    // Whatever is no call either is the end.
    body.instruction(&I::LocalGet(what));
    body.instruction(&I::I64Const(0xff)).instruction(&I::I64And);
    body.instruction(&I::I64Const(op::CALL.cast_signed()))
        .instruction(&I::I64Ne)
        .instruction(&I::BrIf(2));
    read(&mut body, 1);
    body.instruction(&I::I32WrapI64);
    for argument in 0..9_u32 {
        read(&mut body, argument.cast_signed() + 2);
        body.instruction(&I::LocalSet(value));
        let mode = |body: &mut Function, mode: u64| {
            body.instruction(&I::LocalGet(what));
            body.instruction(&I::I64Const(i64::from(op::FIRST_MODE + 2 * argument)));
            body.instruction(&I::I64ShrU).instruction(&I::I64Const(3));
            body.instruction(&I::I64And)
                .instruction(&I::I64Const(mode.cast_signed()));
            body.instruction(&I::I64Eq)
                .instruction(&I::If(BlockType::Empty));
        };
        mode(&mut body, op::LAST);
        body.instruction(&I::LocalGet(last))
            .instruction(&I::LocalSet(value))
            .instruction(&I::End);
        mode(&mut body, op::WORD);
        body.instruction(&I::LocalGet(value))
            .instruction(&I::I32WrapI64);
        body.instruction(&I::I64Load32U(place(0)))
            .instruction(&I::LocalSet(value))
            .instruction(&I::End);
        body.instruction(&I::LocalGet(value));
    }
    body.instruction(&I::Call(CALL))
        .instruction(&I::LocalSet(last))
        .instruction(&I::End);
    add(&mut body, at, WORDS * WORD);
    body.instruction(&I::Br(0))
        .instruction(&I::End)
        .instruction(&I::End);
    let ending = i64::from(ENDING) << 32 | i64::try_from(ENDING_TEXT.len()).unwrap();
    body.instruction(&I::I64Const(ending)).instruction(&I::End);
    body
}

fn add(body: &mut Function, local: u32, number: i32) {
    body.instruction(&I::LocalGet(local))
        .instruction(&I::I32Const(number));
    body.instruction(&I::I32Add)
        .instruction(&I::LocalSet(local));
}

fn place(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        memory_index: 0,
    }
}

/// A guest that has all of its memory overwritten and then does nothing else for ever: goes round a loop that neither reads nor
/// writes, or calls itself, by a place in its table or directly, as often as 2 to the power of 60.
pub(super) fn stubborn(way: Way) -> Vec<u8> {
    let mut kinds = TypeSection::new();
    kinds.ty().function([ValType::I32], [ValType::I32]);
    kinds.ty().function([], [ValType::I64]);
    kinds.ty().function([ValType::I32], []);
    let imports = imported(&mut kinds);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    // What is called again and again, the buffer, what runs, and what nobody asks for.
    functions.function(2).function(0).function(1).function(1);
    let mut again = Function::new([]);
    again
        .instruction(&I::LocalGet(0))
        .instruction(&I::If(BlockType::Empty));
    for _ in 0..2 {
        again
            .instruction(&I::LocalGet(0))
            .instruction(&I::I32Const(1));
        again.instruction(&I::I32Sub);
        match way {
            Way::Table => {
                again.instruction(&I::I32Const(0));
                again.instruction(&I::CallIndirect {
                    type_index: 2,
                    table_index: 0,
                });
            }
            _ => {
                again.instruction(&I::Call(CALL));
            }
        }
    }
    again.instruction(&I::End).instruction(&I::End);
    let mut run = Function::new([]);
    run.instruction(&I::I32Const(0))
        .instruction(&I::I32Const(0xff));
    run.instruction(&I::I32Const(i32::try_from(PAGES << 16).unwrap()))
        .instruction(&I::MemoryFill(0));
    if way == Way::Loop {
        run.instruction(&I::Loop(BlockType::Empty))
            .instruction(&I::Br(0))
            .instruction(&I::End);
    }
    run.instruction(&I::I32Const(60))
        .instruction(&I::Call(CALL));
    run.instruction(&I::I64Const(0)).instruction(&I::End);
    for body in [
        again,
        constant(I::I32Const(0)),
        run,
        constant(I::I64Const(0)),
    ] {
        code.function(&body);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        minimum: 1,
        maximum: Some(1),
        table64: false,
        shared: false,
    });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export(abi::EXPORT_BUFFER, ExportKind::Func, CALL + 1);
    exports.export(abi::EXPORT_RUN, ExportKind::Func, CALL + 2);
    exports.export(abi::EXPORT_INTERRUPT, ExportKind::Func, CALL + 3);
    let mut elements = ElementSection::new();
    elements.active(
        Some(0),
        &ConstExpr::i32_const(0),
        Elements::Functions(Cow::Owned(vec![CALL])),
    );
    let mut module = Module::new();
    module.section(&kinds).section(&imports).section(&functions);
    module.section(&tables).section(&memory()).section(&exports);
    module.section(&elements).section(&code);
    super::countdown::rewrite(&module.finish()).unwrap()
}

/// What a stubborn guest does for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Loop,
    Call,
    Table,
}
