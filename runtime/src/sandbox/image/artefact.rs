//! The committed guest: the snapshot that `guest/build.sh` takes of it, compressed, with the digest it must have. Called when
//! an image is prepared.

use super::ImageError;
use sha2::{Digest, Sha256};
use std::io::Read;

const COMPRESSED: &[u8] = include_bytes!("../../../../guest/artefact/guest.wasm.zst");
const MANIFEST: &str = include_str!("../../../../guest/artefact/manifest.toml");

/// Larger than any guest will be; a damaged artefact cannot fill the memory.
const LARGEST: u64 = 256 << 20;

/// The digest of the guest, as its manifest says.
pub(super) fn digest() -> Result<&'static str, ImageError> {
    MANIFEST
        .lines()
        .find_map(|line| line.strip_prefix("wasm = \"")?.strip_suffix('"'))
        .ok_or_else(|| ImageError::Artefact("its manifest names no digest".to_owned()))
}

/// The guest, unpacked and compared with its digest.
pub(super) fn unpack() -> Result<Vec<u8>, ImageError> {
    let damaged = |error: &dyn std::fmt::Display| ImageError::Artefact(error.to_string());
    let decoder =
        ruzstd::decoding::StreamingDecoder::new(COMPRESSED).map_err(|error| damaged(&error))?;
    let mut wasm = Vec::new();
    decoder
        .take(LARGEST)
        .read_to_end(&mut wasm)
        .map_err(|error| damaged(&error))?;
    let found = hex::encode(Sha256::digest(&wasm));
    let expected = digest()?;
    if found != expected {
        return Err(ImageError::Artefact(format!(
            "its digest is {found}, and should be {expected}"
        )));
    }
    Ok(wasm)
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use wasmparser::{ElementItems, Operator, Parser, Payload};

    /// How often each function that does it copies or fills memory.
    fn copies_and_fills(wasm: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let operators = body.get_operators_reader().unwrap().into_iter();
                let bulk = operators.filter(|operator| {
                    matches!(
                        operator.as_ref().unwrap(),
                        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }
                    )
                });
                found.push(bulk.count());
            }
        }
        found.retain(|copies_or_fills| *copies_or_fills > 0);
        found
    }

    #[test]
    fn dos_01_what_is_committed_copies_and_fills_memory_piece_by_piece_only() {
        // `guest/snapshot` adds two functions that do, and leaves it to no other.
        assert_eq!(copies_and_fills(&unpack().unwrap()), [3, 2]);
    }

    /// What is counted down, by how much, where a function counts at this place; then what it does there at 0.
    fn counts(operators: &[Operator<'_>]) -> Option<u32> {
        use Operator::{Call, End, GlobalGet, GlobalSet, I32Const, I32LtS, I32Sub, If};
        match operators {
            [
                GlobalGet { global_index: a },
                I32Const { value: 1.. },
                I32Sub,
                GlobalSet { global_index: b },
                GlobalGet { global_index: c },
                I32Const { value: 1 },
                I32LtS,
                If { .. },
                I32Const { value: 1..=16_384 },
                GlobalSet { global_index: d },
                Call { .. },
                End,
                ..,
            ] if [b, c, d] == [a; 3] => Some(*a),
            _ => None,
        }
    }

    /// Whether any function can come back to itself by calls outside of loops, of functions that do not count as they begin.
    fn is_without_circles(calls: &[BTreeSet<usize>]) -> bool {
        let mut callers = vec![0_usize; calls.len()];
        for called in calls.iter().flatten() {
            callers[*called] += 1;
        }
        let mut free: Vec<usize> = (0..calls.len()).filter(|at| callers[*at] == 0).collect();
        let mut gone = 0;
        while let Some(node) = free.pop() {
            gone += 1;
            for called in &calls[node] {
                callers[*called] -= 1;
                if callers[*called] == 0 {
                    free.push(*called);
                }
            }
        }
        gone == calls.len()
    }

    #[test]
    fn dos_01_what_is_committed_counts_in_every_loop_and_every_circle_of_calls() {
        let wasm = unpack().unwrap();
        let (mut imports, mut types, mut kinds) = (0, 0, Vec::new());
        let (mut tabled, mut global, mut calls) = (BTreeSet::new(), 0, Vec::new());
        let mut sets = 0;
        for payload in Parser::new(0).parse_all(&wasm) {
            match payload.unwrap() {
                Payload::TypeSection(section) => types = section.count() as usize,
                Payload::ImportSection(section) => imports = section.into_imports().count(),
                Payload::FunctionSection(section) => {
                    kinds = section
                        .into_iter()
                        .map(|kind| kind.unwrap() as usize)
                        .collect();
                }
                Payload::GlobalSection(section) => global = section.count() - 1,
                Payload::ElementSection(section) => {
                    for element in section {
                        match element.unwrap().items {
                            ElementItems::Functions(functions) => {
                                tabled.extend(functions.into_iter().map(|f| f.unwrap() as usize));
                            }
                            ElementItems::Expressions(..) => panic!("the table is functions"),
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().unwrap();
                    let operators: Vec<_> = operators.into_iter().map(Result::unwrap).collect();
                    let (mut called, mut open, mut loops) = (BTreeSet::new(), Vec::new(), 0);
                    let mut counted = 0;
                    for (at, operator) in operators.iter().enumerate() {
                        match operator {
                            Operator::Loop { .. } => {
                                assert_eq!(counts(&operators[at + 1..]), Some(global));
                                counted += 2;
                                open.push(true);
                                loops += 1;
                            }
                            Operator::Block { .. } | Operator::If { .. } => open.push(false),
                            Operator::End => loops -= usize::from(open.pop() == Some(true)),
                            Operator::GlobalSet { global_index } => {
                                sets += usize::from(*global_index == global);
                            }
                            Operator::Call { function_index: f } if loops == 0 => {
                                called.extend((*f as usize).checked_sub(imports));
                            }
                            Operator::CallIndirect { type_index, .. } if loops == 0 => {
                                called.insert(kinds.len() + *type_index as usize);
                            }
                            _ => {}
                        }
                    }
                    if counts(&operators) == Some(global) {
                        counted += 2;
                        called.clear();
                    }
                    // Nothing else sets it.
                    assert_eq!(sets, counted);
                    sets = 0;
                    calls.push(called);
                }
                _ => {}
            }
        }
        calls.resize(kinds.len() + types, BTreeSet::new());
        for function in tabled.iter().filter_map(|f| f.checked_sub(imports)) {
            calls[kinds.len() + kinds[function]].insert(function);
        }
        assert!(calls.len() > 10_000);
        assert!(is_without_circles(&calls));
        // The measure is one that finds a circle.
        assert!(!is_without_circles(&[
            BTreeSet::from([1]),
            BTreeSet::from([0])
        ]));
    }

    #[test]
    fn what_is_committed_is_initialised_and_cannot_be_again() {
        let wasm = unpack().unwrap();
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(&wasm) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                names.extend(exports.into_iter().map(|export| export.unwrap().name));
            }
        }
        // What a library of the interpreter exports as well, by its names in C.
        names.retain(|name| !name.starts_with("lzma_"));
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "memory",
                "sandgate_buffer",
                "sandgate_interrupt",
                "sandgate_run"
            ]
        );
    }
}
