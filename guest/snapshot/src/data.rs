//! Puts the memory of a snapshot together. Called after it was taken, before the module is counted.
//!
//! A snapshot's memory comes in ten thousand pieces, with a segment for each that the compiler had made before. Each run would
//! go through all of them as its instance is made, and each process as it loads the image. It must not change what memory
//! begins as: what lies between two pieces is zero.

use wasm_encoder::{
    ConstExpr, DataSection, Module,
    reencode::{Error, Reencode},
};
use wasmparser::{DataKind, DataSectionReader, Operator, Parser, Payload};
use wasmtime::{Result, bail, format_err};

/// Pieces that are not farther from each other than this are one.
const FAR: usize = 64 << 10;

/// The module with few segments, which begin where they did.
pub(crate) fn merge(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut merging = Merging {
        segments: segments(wasm)?,
    };
    let mut module = Module::new();
    (merging.parse_core_module(&mut module, Parser::new(0), wasm))
        .map_err(|error| format_err!("{error}"))?;
    Ok(module.finish())
}

/// What lies together, with where it begins.
fn segments(wasm: &[u8]) -> Result<Vec<(usize, Vec<u8>)>> {
    let mut pieces = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::DataSection(section) = payload? else {
            continue;
        };
        for piece in section {
            let piece = piece?;
            match piece.kind {
                DataKind::Active {
                    memory_index: 0,
                    offset_expr,
                } => {
                    let first = offset_expr.get_operators_reader().read()?;
                    let Operator::I32Const { value } = first else {
                        bail!("a data segment begins where only the running guest knows");
                    };
                    pieces.push((value.cast_unsigned() as usize, piece.data));
                }
                DataKind::Passive if piece.data.is_empty() => {}
                DataKind::Active { .. } | DataKind::Passive => {
                    bail!("a data segment is copied by the guest itself")
                }
            }
        }
    }
    pieces.sort_unstable_by_key(|(at, _)| *at);
    let mut segments: Vec<(usize, Vec<u8>)> = Vec::new();
    for (at, bytes) in pieces {
        match segments
            .last_mut()
            .map(|(from, all)| (*from + all.len(), all))
        {
            Some((end, _)) if at < end => bail!("data segments overlap at {at}"),
            Some((end, all)) if at - end <= FAR => {
                all.resize(all.len() + (at - end), 0);
                all.extend_from_slice(bytes);
            }
            _ => segments.push((at, bytes.to_vec())),
        }
    }
    Ok(segments)
}

/// Writes the module anew.
struct Merging {
    segments: Vec<(usize, Vec<u8>)>,
}

impl Reencode for Merging {
    type Error = wasmtime::Error;

    fn data_index(&mut self, data: u32) -> Result<u32, Error<wasmtime::Error>> {
        let used = format_err!("the guest's code uses data segment {data}");
        Err(Error::UserError(used))
    }

    fn data_count(&mut self, _: u32) -> Result<u32, Error<wasmtime::Error>> {
        Ok(u32::try_from(self.segments.len()).unwrap_or(u32::MAX))
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        _: DataSectionReader<'_>,
    ) -> Result<(), Error<wasmtime::Error>> {
        for (at, bytes) in &self.segments {
            let at = u32::try_from(*at).unwrap_or(u32::MAX).cast_signed();
            data.active(0, &ConstExpr::i32_const(at), bytes.iter().copied());
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use wasm_encoder::{
        CodeSection, DataCountSection, Function, FunctionSection, Instruction, MemorySection,
        MemoryType, TypeSection,
    };
    use wasmtime::{Engine, Instance, Store};

    /// A module with a memory of that many pages, with these pieces of it, and a function that does that.
    fn module(pieces: &[(i32, &[u8])], does: &[Instruction<'_>]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 4,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = wasm_encoder::ExportSection::new();
        exports.export("memory", wasm_encoder::ExportKind::Memory, 0);
        let mut body = Function::new([]);
        for instruction in does {
            body.instruction(instruction);
        }
        body.instruction(&Instruction::End);
        let mut code = CodeSection::new();
        code.function(&body);
        let mut data = DataSection::new();
        data.passive([]);
        for (at, bytes) in pieces {
            data.active(0, &ConstExpr::i32_const(*at), bytes.iter().copied());
        }
        let count = DataCountSection { count: data.len() };
        let mut module = Module::new();
        module.section(&types).section(&functions);
        module.section(&memories).section(&exports);
        module.section(&count).section(&code).section(&data);
        module.finish()
    }

    /// What its memory begins as.
    fn memory(wasm: &[u8]) -> Vec<u8> {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let module = wasmtime::Module::new(&engine, wasm).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        instance
            .get_memory(&mut store, "memory")
            .unwrap()
            .data(&store)
            .to_vec()
    }

    #[test]
    fn memory_begins_as_it_did_in_few_segments() {
        let wasm = module(&[(200_000, b"far"), (8, b"one"), (100, b"two")], &[]);
        let merged = merge(&wasm).unwrap();
        assert_eq!(memory(&merged), memory(&wasm));
        let places = segments(&merged).unwrap();
        let places: Vec<_> = places.iter().map(|(at, all)| (*at, all.len())).collect();
        assert_eq!(places, [(8, 95), (200_000, 3)]);
    }

    #[test]
    fn what_would_change_memory_or_what_code_means_is_refused() {
        let overlapping = module(&[(8, b"one"), (10, b"two")], &[]);
        let used = module(&[(8, b"one")], &[Instruction::DataDrop(0)]);
        let said = |wasm: &[u8]| merge(wasm).unwrap_err().to_string();
        assert_eq!(said(&overlapping), "data segments overlap at 10");
        assert_eq!(said(&used), "the guest's code uses data segment 0");
    }
}
