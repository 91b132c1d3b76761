//! Has the guest give way to the host. Called last, on the snapshot: nothing rewrites the module after that.
//!
//! A number of its own, a global of the module, is counted down at the head of every loop, and where functions can call
//! each other in a circle without passing one; at 0 the guest calls the import `pause`, and begins to count anew. A global
//! lies beside the guest's memory and not in it, and nothing but these places sets it: so a guest whose memory is
//! overwritten still gives way. It must change nothing else that the guest could see. THREAT[DOS-01]

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};
use wasm_encoder::{
    BlockType, BranchHint, BranchHints, CodeSection, ConstExpr, EntityType, Function,
    GlobalSection, GlobalType, ImportSection, Instruction, Module, SectionId, TypeSection, ValType,
    reencode::{Error, Reencode, utils},
};
use wasmparser::{
    ElementItems, FunctionBody, GlobalSectionReader, ImportSectionReader, Operator, Parser,
    Payload, TypeRef, TypeSectionReader,
};

/// How many loops go round before the guest calls: a fraction of a millisecond of Python, and some hundreds of
/// nanoseconds more for a call. Where each round hashes a block it is the 10 ms that a run may be late by.
const ROUNDS: i32 = 16_384;

/// What a round counts in which memory is copied or filled: a piece takes tens of microseconds.
const PIECE_COUNTS: i32 = 1024;

/// Where the guest gives way.
const PAUSE: (&str, &str) = ("sandgate", "pause");

/// The module, which counts, with what says to the compiler that it seldom comes to 0.
pub(crate) fn rewrite(wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| wasmtime::format_err!("{error}");
    let outline = Outline::of(wasm).map_err(|error| failed(&error))?;
    let mut counting = Counting::of(&outline);
    // Where the branches come to lie is known once the functions are written, and is said before them.
    let mut module = Module::new();
    (counting.parse_core_module(&mut module, Parser::new(0), wasm))
        .map_err(|error| failed(&error))?;
    let mut hints = BranchHints::new();
    for (function, branches) in std::mem::take(&mut counting.branches) {
        hints.function_hints(function, branches);
    }
    let mut counting = Counting {
        hints: Some(hints),
        ..Counting::of(&outline)
    };
    let mut module = Module::new();
    (counting.parse_core_module(&mut module, Parser::new(0), wasm))
        .map_err(|error| failed(&error))?;
    Ok(module.finish())
}

/// What has to be known of a module before any of it is written.
struct Outline {
    types: u32,
    imports: u32,
    globals: u32,
    /// The import `pause`, where it has it already.
    pause: Option<u32>,
    /// The functions that count as they begin, by their numbers among those that the module defines.
    counting: BTreeSet<usize>,
}

impl Outline {
    fn of(wasm: &[u8]) -> wasmparser::Result<Self> {
        let (mut types, mut imports, mut globals, mut pause) = (0, 0, 0, None);
        let (mut kinds, mut tabled, mut bodies) = (Vec::new(), BTreeSet::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        types += u32::try_from(group?.types().len()).unwrap_or(u32::MAX);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(_) => {
                                if (import.module, import.name) == PAUSE {
                                    pause = Some(imports);
                                }
                                imports += 1;
                            }
                            TypeRef::Global(_) => globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    kinds = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => globals += section.count(),
                Payload::ElementSection(section) => {
                    for element in section {
                        if let ElementItems::Functions(functions) = element?.items {
                            for function in functions {
                                tabled.insert(function?);
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        let mut calls = Vec::new();
        for body in &bodies {
            calls.push(calls_of(body, imports, kinds.len())?);
        }
        // What is called by its place in the table is any function there of that type: each type is a node of its own.
        calls.resize(kinds.len().saturating_add(types as usize), BTreeSet::new());
        for function in tabled
            .iter()
            .filter_map(|function| function.checked_sub(imports))
        {
            let function = function as usize;
            let kind = kinds
                .get(function)
                .map(|kind| kinds.len().saturating_add(*kind as usize));
            if let Some(calls) = kind.and_then(|kind| calls.get_mut(kind)) {
                calls.insert(function);
            }
        }
        Ok(Self {
            types,
            imports,
            globals,
            pause,
            counting: cut(&calls, kinds.len()),
        })
    }
}

/// What a function calls without going round a loop: in one, its head has counted. Types come after the functions.
fn calls_of(
    body: &FunctionBody<'_>,
    imports: u32,
    functions: usize,
) -> wasmparser::Result<BTreeSet<usize>> {
    let (mut calls, mut open, mut loops) = (BTreeSet::new(), Vec::new(), 0_usize);
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Loop { .. } => {
                open.push(true);
                loops += 1;
            }
            Operator::Block { .. } | Operator::If { .. } => open.push(false),
            Operator::End => loops -= usize::from(open.pop() == Some(true)),
            Operator::Call { function_index } if loops == 0 => {
                calls.extend(function_index.checked_sub(imports).map(|at| at as usize));
            }
            Operator::CallIndirect { type_index, .. } if loops == 0 => {
                calls.insert(functions.saturating_add(type_index as usize));
            }
            _ => {}
        }
    }
    Ok(calls)
}

/// Functions, of the first so many nodes, without which nothing calls in a circle. Of each knot those are taken that tie most
/// of it together, until there is none left.
#[expect(
    clippy::indexing_slicing,
    reason = "each number is that of a node, and each list has all nodes"
)]
fn cut(calls: &[BTreeSet<usize>], functions: usize) -> BTreeSet<usize> {
    /// What is taken of a knot at once: one would be best, and takes minutes.
    const AT_ONCE: usize = 100;
    let mut left: Vec<Vec<usize>> = (calls.iter())
        .map(|calls| calls.iter().copied().collect())
        .collect();
    let mut cut = BTreeSet::new();
    loop {
        let knots = knots(&left);
        let (mut sizes, mut callers) = (vec![0_usize; left.len()], vec![0_usize; left.len()]);
        for (node, calls) in left.iter().enumerate() {
            sizes[knots[node]] += 1;
            for called in calls.iter().filter(|called| knots[**called] == knots[node]) {
                callers[*called] += 1;
            }
        }
        let mut ties = BTreeMap::<usize, Vec<(usize, usize)>>::new();
        for (node, calls) in left.iter().enumerate().take(functions) {
            let knot = knots[node];
            if sizes[knot] > 1 || calls.contains(&node) {
                let within = calls.iter().filter(|called| knots[**called] == knot);
                let weight = within.count() * callers[node];
                ties.entry(knot).or_default().push((weight, node));
            }
        }
        if ties.is_empty() {
            return cut;
        }
        for (knot, mut ties) in ties {
            ties.sort_unstable_by(|a, b| b.cmp(a));
            for (_, node) in ties.into_iter().take(sizes[knot].div_ceil(AT_ONCE)) {
                left[node].clear();
                cut.insert(node);
            }
        }
    }
}

/// For each node which knot it belongs to: those that lead to each other (strongly connected components, as Tarjan finds them).
#[expect(
    clippy::indexing_slicing,
    reason = "each number is that of a node, and each list has all nodes"
)]
fn knots(calls: &[Vec<usize>]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let (mut number, mut lowest) = (vec![NONE; calls.len()], vec![NONE; calls.len()]);
    let mut knots = vec![NONE; calls.len()];
    let (mut open, mut waiting, mut numbered, mut tied) = (Vec::new(), Vec::new(), 0, 0);
    for root in 0..calls.len() {
        if number[root] != NONE {
            continue;
        }
        open.push((root, 0));
        while let Some((node, at)) = open.pop() {
            if at == 0 {
                (number[node], lowest[node]) = (numbered, numbered);
                numbered += 1;
                waiting.push(node);
            }
            if let Some(&called) = calls[node].get(at) {
                open.push((node, at + 1));
                if number[called] == NONE {
                    open.push((called, 0));
                } else if knots[called] == NONE {
                    lowest[node] = lowest[node].min(number[called]);
                }
                continue;
            }
            if lowest[node] == number[node] {
                while let Some(member) = waiting.pop() {
                    knots[member] = tied;
                    if member == node {
                        break;
                    }
                }
                tied += 1;
            }
            if let Some((caller, _)) = open.last() {
                lowest[*caller] = lowest[*caller].min(lowest[node]);
            }
        }
    }
    knots
}

/// Writes the module anew.
struct Counting<'a> {
    outline: &'a Outline,
    /// The number that is counted down, and the import that is called.
    global: u32,
    pause: u32,
    /// How many functions, and whether the new global, were written.
    written: usize,
    declared: bool,
    /// Where each function branches to what is seldom done.
    branches: Vec<(u32, Vec<BranchHint>)>,
    hints: Option<BranchHints>,
}

impl<'a> Counting<'a> {
    fn of(outline: &'a Outline) -> Self {
        Self {
            outline,
            global: outline.globals,
            pause: outline.pause.unwrap_or(outline.imports),
            written: 0,
            declared: false,
            branches: Vec::new(),
            hints: None,
        }
    }

    fn declare(&mut self, globals: &mut GlobalSection) {
        self.declared = true;
        let kind = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(kind, &ConstExpr::i32_const(ROUNDS));
    }

    /// Counts, and gives way where that comes to 0. Says where it branches.
    fn count(&self, body: &mut Function, by: i32) -> BranchHint {
        let (get, set) = (
            Instruction::GlobalGet(self.global),
            Instruction::GlobalSet(self.global),
        );
        for instruction in [
            &get,
            &Instruction::I32Const(by),
            &Instruction::I32Sub,
            &set,
            &get,
            &Instruction::I32Const(1),
            &Instruction::I32LtS,
        ] {
            body.instruction(instruction);
        }
        let branch = BranchHint {
            branch_func_offset: u32::try_from(body.byte_len()).unwrap_or(u32::MAX),
            branch_hint_value: 0,
        };
        for instruction in [
            &Instruction::If(BlockType::Empty),
            &Instruction::I32Const(ROUNDS),
            &set,
            &Instruction::Call(self.pause),
            &Instruction::End,
        ] {
            body.instruction(instruction);
        }
        branch
    }
}

impl Reencode for Counting<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Self::Error>> {
        // Imports come first, so one more moves what the module defines.
        let more = self.outline.pause.is_none() && function >= self.outline.imports;
        Ok(function + u32::from(more))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_import_section(self, imports, section)?;
        if self.outline.pause.is_none() {
            let (module, name) = PAUSE;
            imports.import(module, name, EntityType::Function(self.outline.types));
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_global_section(self, globals, section)?;
        self.declare(globals);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error<Self::Error>> {
        let after_globals = matches!(
            before,
            Some(
                SectionId::Export
                    | SectionId::Start
                    | SectionId::Element
                    | SectionId::DataCount
                    | SectionId::Code
            )
        );
        if after_globals && !self.declared {
            let mut globals = GlobalSection::new();
            self.declare(&mut globals);
            module.section(&globals);
        }
        if before == Some(SectionId::Code)
            && let Some(hints) = self.hints.take()
        {
            module.section(&hints);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        function: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut branches = Vec::new();
        let mut body = self.new_function_with_parsed_locals(&function)?;
        if self.outline.counting.contains(&self.written) {
            branches.push(self.count(&mut body, 1));
        }
        let mut copying = loops_that_copy(&function)?.into_iter();
        for operator in function.get_operators_reader()? {
            let operator = operator?;
            let begins = matches!(operator, Operator::Loop { .. });
            body.instruction(&self.instruction(operator)?);
            if begins {
                let by = if copying.next() == Some(true) {
                    PIECE_COUNTS
                } else {
                    1
                };
                branches.push(self.count(&mut body, by));
            }
        }
        code.function(&body);
        if !branches.is_empty() {
            let imports = self.outline.imports + u32::from(self.outline.pause.is_none());
            let number = u32::try_from(self.written).unwrap_or(u32::MAX);
            self.branches
                .push((imports.saturating_add(number), branches));
        }
        self.written += 1;
        Ok(())
    }
}

/// Of each loop of a function, in their order, whether memory is copied or filled in it.
fn loops_that_copy(body: &FunctionBody<'_>) -> wasmparser::Result<Vec<bool>> {
    let (mut loops, mut open) = (Vec::new(), Vec::new());
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Loop { .. } => {
                open.push(Some(loops.len()));
                loops.push(false);
            }
            Operator::Block { .. } | Operator::If { .. } => open.push(None),
            Operator::End => drop(open.pop()),
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => {
                for around in open.iter().flatten() {
                    if let Some(copies) = loops.get_mut(*around) {
                        *copies = true;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(loops)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use wasm_encoder::{ExportKind, ExportSection, FunctionSection};
    use wasmtime::{Config, Engine, Linker, Store};

    /// A module with these functions, of no parameters and no results, each of which is exported by its number.
    fn module(bodies: &[&[Instruction<'_>]]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        imports.import("host", "work", EntityType::Function(0));
        let (mut functions, mut exports) = (FunctionSection::new(), ExportSection::new());
        let mut code = CodeSection::new();
        for (number, instructions) in (0..).zip(bodies) {
            functions.function(0);
            exports.export(&number.to_string(), ExportKind::Func, number + 1);
            let mut body = Function::new([]);
            for instruction in *instructions {
                body.instruction(instruction);
            }
            body.instruction(&Instruction::End);
            code.function(&body);
        }
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions);
        module.section(&exports).section(&code);
        module.finish()
    }

    /// How often a module works until it has given way three times.
    fn works(wasm: &[u8], function: &str) -> u32 {
        let engine = Engine::new(Config::new().wasm_branch_hinting(true)).unwrap();
        let module = wasmtime::Module::new(&engine, rewrite(wasm).unwrap()).unwrap();
        let mut linker = Linker::new(&engine);
        let work = |mut caller: wasmtime::Caller<'_, (u32, u32)>| caller.data_mut().0 += 1;
        linker.func_wrap("host", "work", work).unwrap();
        let pause = |mut caller: wasmtime::Caller<'_, (u32, u32)>| {
            caller.data_mut().1 += 1;
            let goes_on = caller.data().1 < 3;
            goes_on
                .then_some(())
                .ok_or_else(|| wasmtime::format_err!("enough"))
        };
        linker.func_wrap(PAUSE.0, PAUSE.1, pause).unwrap();
        let mut store = Store::new(&engine, (0, 0));
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let function = instance
            .get_typed_func::<(), ()>(&mut store, function)
            .unwrap();
        let error = function.call(&mut store, ()).unwrap_err();
        assert_eq!(
            error.to_string().lines().next(),
            Some("error while executing at wasm backtrace:")
        );
        store.data().0
    }

    const WORK: Instruction<'static> = Instruction::Call(0);

    #[test]
    fn dos_01_a_loop_gives_way_after_so_many_rounds() {
        use Instruction::{Br, End, Loop};
        let wasm = module(&[&[Loop(BlockType::Empty), WORK, Br(0), End]]);
        let rounds = ROUNDS.cast_unsigned();
        assert_eq!(works(&wasm, "0"), 3 * rounds - 1);
    }

    #[test]
    fn dos_01_functions_that_call_each_other_give_way_without_a_loop() {
        use Instruction::Call;
        // As a tree of calls: deep enough not to end, and not so deep that the stack does.
        let mut bodies = vec![vec![WORK, WORK]];
        for number in 0..40 {
            bodies.push(vec![Call(number + 1), Call(number + 1)]);
        }
        let tree: Vec<&[Instruction<'_>]> = bodies.iter().map(Vec::as_slice).collect();
        // Nothing calls in a circle, so nothing counts; that is what a bound of the number of functions is for.
        let outline = Outline::of(&module(&tree)).unwrap();
        assert_eq!(outline.counting, BTreeSet::new());
        // And with one call that closes the circle something does, once in each.
        let around = module(&[&[WORK, Call(2), Call(2)], &[Call(3)], &[Call(1)]]);
        assert_eq!(Outline::of(&around).unwrap().counting.len(), 1);
        let itself = module(&[&[WORK, Call(1)], &[Call(1)]]);
        assert_eq!(Outline::of(&itself).unwrap().counting, BTreeSet::from([0]));
    }

    #[test]
    fn what_a_module_counts_is_its_own_and_nothing_else_sets_it() {
        let wasm = rewrite(&module(&[&[
            Instruction::Loop(BlockType::Empty),
            WORK,
            Instruction::End,
        ]]))
        .unwrap();
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(&wasm) {
            match payload.unwrap() {
                Payload::GlobalSection(globals) => assert_eq!(globals.count(), 1),
                Payload::ExportSection(exports) => {
                    let names: Vec<_> = exports
                        .into_iter()
                        .map(|export| export.unwrap().name)
                        .collect();
                    assert_eq!(names, ["0"]);
                }
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().unwrap().into_iter();
                    found.extend(operators.map(|operator| format!("{:?}", operator.unwrap())));
                }
                _ => {}
            }
        }
        let sets = found
            .iter()
            .filter(|operator| operator.starts_with("GlobalSet"));
        assert_eq!(sets.count(), 2);
    }
}
