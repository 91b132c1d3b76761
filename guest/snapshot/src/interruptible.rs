//! Makes copying and filling memory interruptible. Called first, on the guest as it was linked and optimised.
//!
//! A `memory.copy` of 60 MB is one instruction: it holds its thread for tens of milliseconds, past any deadline. So each
//! of them becomes a call of a function that does the same piece by piece, in a loop, and loops yield at every epoch.
//! It must change nothing that a guest could see; a copy that traps has done a part of its work by then. THREAT[DOS-01]

use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, Instruction, Module, TypeSection, ValType,
    reencode::{Error, Reencode, utils},
};
use wasmparser::{CodeSectionReader, FunctionSectionReader, Operator, Parser, Payload, TypeRef};

/// What is copied at once: tens of microseconds where the memory is not in a cache.
const PIECE: i32 = 256 * 1024;

/// The module, with two functions more and neither of the instructions outside of them.
pub fn rewrite(wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut pieces = Pieces::of(wasm)?;
    let mut module = Module::new();
    pieces
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| wasmtime::format_err!("{error}"))?;
    Ok(module.finish())
}

/// Where the additions come to lie: after everything that is there.
struct Pieces {
    kind: u32,
    copy: u32,
    fill: u32,
}

impl Pieces {
    fn of(wasm: &[u8]) -> wasmparser::Result<Self> {
        let (mut kinds, mut functions) = (0, 0);
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(types) => {
                    for group in types {
                        kinds += u32::try_from(group?.types().len()).unwrap_or(u32::MAX);
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        functions += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(defined) => functions += defined.count(),
                _ => {}
            }
        }
        Ok(Self {
            kind: kinds,
            copy: functions,
            fill: functions + 1,
        })
    }
}

impl Reencode for Pieces {
    type Error = std::convert::Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I32; 3], []);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.kind).function(self.kind);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_code_section(self, code, section)?;
        code.function(&copy()).function(&fill());
        Ok(())
    }

    fn instruction<'a>(
        &mut self,
        instruction: Operator<'a>,
    ) -> Result<Instruction<'a>, Error<Self::Error>> {
        match instruction {
            Operator::MemoryCopy {
                dst_mem: 0,
                src_mem: 0,
            } => Ok(Instruction::Call(self.copy)),
            Operator::MemoryFill { mem: 0 } => Ok(Instruction::Call(self.fill)),
            other => utils::instruction(self, other),
        }
    }
}

// The parameters of both: where to, where from or what with, how many bytes.
const TO: u32 = 0;
const FROM: u32 = 1;
const LENGTH: u32 = 2;

fn copy() -> Function {
    let mut body = Body::new();
    body.while_long(|body| {
        // What overlaps is copied from the end that is not overwritten first.
        body.get(TO).get(FROM).op(Instruction::I32LeU);
        body.op(Instruction::If(BlockType::Empty));
        body.get(TO).get(FROM).number(PIECE).op(COPY);
        body.add(TO, PIECE).add(FROM, PIECE).add(LENGTH, -PIECE);
        body.op(Instruction::Else);
        body.add(LENGTH, -PIECE);
        for start in [TO, FROM] {
            body.get(start).get(LENGTH).op(Instruction::I32Add);
        }
        body.number(PIECE).op(COPY);
        body.op(Instruction::End);
    });
    body.get(TO).get(FROM).get(LENGTH).op(COPY);
    body.end()
}

fn fill() -> Function {
    let mut body = Body::new();
    body.while_long(|body| {
        body.get(TO).get(FROM).number(PIECE).op(FILL);
        body.add(TO, PIECE).add(LENGTH, -PIECE);
    });
    body.get(TO).get(FROM).get(LENGTH).op(FILL);
    body.end()
}

const COPY: Instruction<'static> = Instruction::MemoryCopy {
    src_mem: 0,
    dst_mem: 0,
};
const FILL: Instruction<'static> = Instruction::MemoryFill(0);

/// A function that is being written.
struct Body(Function);

impl Body {
    fn new() -> Self {
        Self(Function::new([]))
    }

    fn op(&mut self, instruction: Instruction<'_>) -> &mut Self {
        self.0.instruction(&instruction);
        self
    }

    fn get(&mut self, local: u32) -> &mut Self {
        self.op(Instruction::LocalGet(local))
    }

    fn number(&mut self, number: i32) -> &mut Self {
        self.op(Instruction::I32Const(number))
    }

    fn add(&mut self, local: u32, number: i32) -> &mut Self {
        self.get(local).number(number);
        self.op(Instruction::I32Add)
            .op(Instruction::LocalSet(local))
    }

    /// Repeats as long as there is more than one piece to go.
    fn while_long(&mut self, inner: impl FnOnce(&mut Self)) {
        self.op(Instruction::Block(BlockType::Empty));
        self.op(Instruction::Loop(BlockType::Empty));
        self.get(LENGTH).number(PIECE).op(Instruction::I32LeU);
        self.op(Instruction::BrIf(1));
        inner(self);
        self.op(Instruction::Br(0));
        self.op(Instruction::End).op(Instruction::End);
    }

    fn end(mut self) -> Function {
        self.op(Instruction::End);
        self.0
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;
    use wasm_encoder::{ExportKind, ExportSection, MemorySection, MemoryType};
    use wasmtime::{Engine, Instance, Store};

    /// A module that exports its memory, and both instructions as functions.
    fn module() -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32; 3], []);
        let mut functions = FunctionSection::new();
        functions.function(0).function(0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 64,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("copy", ExportKind::Func, 0);
        exports.export("fill", ExportKind::Func, 1);
        let mut code = CodeSection::new();
        for instruction in [COPY, FILL] {
            let mut body = Body::new();
            body.get(TO).get(FROM).get(LENGTH).op(instruction);
            code.function(&body.end());
        }
        let mut module = Module::new();
        module
            .section(&types)
            .section(&functions)
            .section(&memories);
        module.section(&exports).section(&code);
        module.finish()
    }

    /// How often each function copies or fills.
    fn instructions(wasm: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let operators = body.get_operators_reader().unwrap().into_iter();
                let bulk = operators.filter(|operator| {
                    let operator = operator.as_ref().unwrap();
                    matches!(
                        operator,
                        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }
                    )
                });
                found.push(bulk.count());
            }
        }
        found
    }

    #[test]
    fn dos_01_only_the_functions_that_go_piece_by_piece_copy_and_fill() {
        assert_eq!(instructions(&module()), [1, 1]);
        assert_eq!(instructions(&rewrite(&module()).unwrap()), [0, 0, 3, 2]);
    }

    #[test]
    fn memory_is_the_same_as_if_it_were_done_at_once() {
        let engine = Engine::default();
        let module = wasmtime::Module::new(&engine, rewrite(&module()).unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        let mut function = |name: &str| {
            instance
                .get_typed_func::<(u32, u32, u32), ()>(&mut store, name)
                .unwrap()
        };
        let (copy, fill) = (function("copy"), function("fill"));
        let piece = PIECE.cast_unsigned();
        let mut expected: Vec<u8> = (0..memory.data_size(&store))
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        memory.data_mut(&mut store).copy_from_slice(&expected);
        for length in [0, 1, piece - 1, piece, piece + 1, 3 * piece, 3 * piece + 7] {
            for (to, from) in [
                (0, 0),
                (5, 0),
                (0, 5),
                (piece, 0),
                (0, piece),
                (4 * piece, 9),
                (9, 4 * piece),
                (piece + 3, 2 * piece),
            ] {
                copy.call(&mut store, (to, from, length)).unwrap();
                let (to, from, length) = (to as usize, from as usize, length as usize);
                expected.copy_within(from..from + length, to);
                assert!(memory.data(&store) == expected, "{to} {from} {length}");
            }
            fill.call(&mut store, (3, 77, length)).unwrap();
            expected[3..3 + length as usize].fill(77);
            assert!(memory.data(&store) == expected, "fill {length}");
        }
        // A range outside the memory is a trap, as it was.
        let end = u32::try_from(expected.len()).unwrap();
        assert!(copy.call(&mut store, (end - piece, 0, 2 * piece)).is_err());
        assert!(fill.call(&mut store, (end - piece, 0, 2 * piece)).is_err());
    }
}
