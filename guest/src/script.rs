//! One run of one script: compile, execute, describe how it ended. Called by `abi` for every run.
//! It must leave no trace that a second script in the same instance would trip over, other than its variables.

use crate::{abi, prelude::Prelude, value};
use rustpython_vm::{
    AsObject, Py, PyObject, PyObjectRef, PyResult, VirtualMachine,
    builtins::{PyBaseException, PyDictRef, PyStr},
    bytecode::CodeFlags,
    common::rand::os_random,
    compiler::{CompileOpts, Mode, ast::Stmt, parser::parse_module},
    scope::Scope,
    vm::seed_hashes,
};
use sandgate_wire::{Ending, Exception, RefusalCode, Script, Session};
use std::borrow::Cow;

/// Tracebacks and messages longer than this are cut: they are for reading.
const LONGEST_TEXT: usize = 64 * 1024;

/// Runs a script to its end, in an interpreter whose hashes nobody can foresee.
pub fn run(vm: &VirtualMachine, script: &Script<'_>) -> Ending {
    seed_hashes(os_random());
    perform(vm, script)
}

/// The same, with the hashes as they are.
pub fn perform(vm: &VirtualMachine, script: &Script<'_>) -> Ending {
    let ending = match script.session {
        Session::None => execute(vm, script),
        Session::Values | Session::Shown => Ok(converse(vm, script)),
    };
    // The script's threads are part of it, and one that could not do its work makes the whole wrong.
    let threads = Prelude::ShutDown.call(vm, vec![]);
    let ending = ending
        .and_then(|ending| threads.map(|_| ending))
        .unwrap_or_else(|error| describe(vm, &error));
    // What an exit handler or a destructor prints belongs to the run; what it raises is printed, as Python does.
    let _ = Prelude::Finish.call(vm, vec![]);
    ending
}

/// Runs one script after the other, for as long as the host has one.
fn converse(vm: &VirtualMachine, first: &Script<'_>) -> Ending {
    let mut ending = execute(vm, first).unwrap_or_else(|error| describe(vm, &error));
    loop {
        let _ = Prelude::Flush.call(vm, vec![]);
        let said = serde_json::to_vec(&ending).unwrap_or_default();
        let Some(bytes) = abi::next_script(&said) else {
            return Ending::Ok { value: None };
        };
        ending = match serde_json::from_slice::<Script<'_>>(&bytes) {
            Ok(next) => go_on(vm, &next).unwrap_or_else(|error| describe(vm, &error)),
            Err(error) => Ending::Raised {
                exception: Exception::bare("SystemError", &error.to_string()),
            },
        };
    }
}

fn go_on(vm: &VirtualMachine, script: &Script<'_>) -> PyResult<Ending> {
    let globals = Prelude::GoOn.call(
        vm,
        vec![
            vm.ctx.new_str(&*script.name).into(),
            vm.ctx.new_str(&*script.source).into(),
            vm.ctx.new_bool(script.session == Session::Shown).into(),
        ],
    )?;
    if vm.is_none(&globals) {
        return Ok(Ending::Incomplete);
    }
    evaluate(vm, script, globals)
}

fn execute(vm: &VirtualMachine, script: &Script<'_>) -> PyResult<Ending> {
    if !script.workspace {
        abi::forget_workspace();
    }
    let arguments = script
        .argv
        .iter()
        .map(|argument| vm.ctx.new_str(&**argument).into())
        .collect();
    let environment = vm.ctx.new_dict();
    for (name, value) in &script.environment {
        environment.set_item(&**name, vm.ctx.new_str(&**value).into(), vm)?;
    }
    let globals = Prelude::Start.call(
        vm,
        vec![
            vm.ctx.new_str(&*script.name).into(),
            vm.ctx.new_str(&*script.source).into(),
            vm.ctx.new_list(arguments).into(),
            environment.into(),
            vm.ctx.new_bool(script.workspace).into(),
        ],
    )?;
    evaluate(vm, script, globals)
}

/// Compiles a script, runs it among these variables, and takes its value.
fn evaluate(vm: &VirtualMachine, script: &Script<'_>, globals: PyObjectRef) -> PyResult<Ending> {
    let globals: PyDictRef = globals
        .downcast()
        .map_err(|_| vm.new_system_error("no module `__main__`"))?;
    let scope = Scope::with_builtins(None, globals, vm);
    let options = CompileOpts {
        allow_top_level_await: true,
        ..vm.compile_opts()
    };
    let code = vm
        .compile_with_opts(&source_of(script), Mode::BlockExpr, &*script.name, options)
        .map_err(|error| error.into_pyexception(vm, Some(&script.source)))?;
    let result = if code.flags.contains(CodeFlags::COROUTINE) {
        Prelude::RunAsync.call(vm, vec![code.into()])?
    } else {
        vm.run_code_obj(code, scope)?
    };
    let value = if vm.is_none(&result) || is_definition(vm, script, &result) {
        None
    } else if script.session == Session::Shown {
        vm.sys_module
            .get_attr("displayhook", vm)?
            .call((result,), vm)?;
        None
    } else {
        Some(value::of(vm, &result))
    };
    Ok(Ending::Ok { value })
}

/// What is compiled. A definition that ends a script gets the position of what is before it, so something follows it.
fn source_of<'s>(script: &'s Script<'_>) -> Cow<'s, str> {
    let outermost = script
        .source
        .lines()
        .rev()
        .find(|line| !line.is_empty() && !line.starts_with([' ', '\t', '#']));
    let defines = outermost.is_some_and(|line| {
        ["def ", "class ", "async def ", ")"]
            .iter()
            .any(|beginning| line.starts_with(beginning))
    });
    if defines && ends_in_definition(script) {
        Cow::Owned(format!("{}\npass\n", script.source))
    } else {
        Cow::Borrowed(&script.source)
    }
}

/// The compiler leaves a function or class that ends a script as its value. An expression that names one is a value.
fn is_definition(vm: &VirtualMachine, script: &Script<'_>, result: &PyObject) -> bool {
    let class = result.class();
    let candidate =
        class.is(vm.ctx.types.function_type) || class.fast_issubclass(vm.ctx.types.type_type);
    candidate && ends_in_definition(script)
}

fn ends_in_definition(script: &Script<'_>) -> bool {
    let last = parse_module(&script.source).map(|parsed| parsed.into_syntax().body.pop());
    matches!(last, Ok(Some(Stmt::FunctionDef(_) | Stmt::ClassDef(_))))
}

fn describe(vm: &VirtualMachine, error: &Py<PyBaseException>) -> Ending {
    if error.fast_isinstance(vm.ctx.exceptions.system_exit) {
        return exited(vm, error);
    }
    let class = error.class();
    let name = class.name().to_string();
    let kind = match class
        .as_object()
        .get_attr("__module__", vm)
        .ok()
        .and_then(|module| text(vm, &module))
    {
        Some(module) if module != "builtins" && module != "__main__" => format!("{module}.{name}"),
        _ => name,
    };
    // The traceback first: what it says of an error completes its message.
    let traceback = Prelude::Describe
        .call(vm, vec![error.to_owned().into()])
        .ok()
        .and_then(|text_object| text(vm, &text_object));
    let message =
        text(vm, error.as_object()).unwrap_or_else(|| "<exception str() failed>".to_owned());
    let traceback = traceback.unwrap_or_else(|| format!("{kind}: {message}\n"));
    Ending::Raised {
        exception: Exception {
            kind,
            message: cut(message),
            code: refusal_code(vm, error),
            traceback: cut_inside(traceback),
        },
    }
}

/// The code of a refusal. What else has a `code`, as errors of HTTP and XML do, has a number or a text of its own.
fn refusal_code(vm: &VirtualMachine, error: &Py<PyBaseException>) -> Option<RefusalCode> {
    let code = error.as_object().get_attr("code", vm).ok()?;
    RefusalCode::named(code.downcast_ref::<PyStr>()?.to_str()?)
}

fn exited(vm: &VirtualMachine, error: &Py<PyBaseException>) -> Ending {
    let code = error
        .as_object()
        .get_attr("code", vm)
        .unwrap_or_else(|_| vm.ctx.none());
    if vm.is_none(&code) {
        return Ending::Exited {
            code: 0,
            message: None,
        };
    }
    match code.try_to_value::<i32>(vm) {
        Ok(code) => Ending::Exited {
            code,
            message: None,
        },
        Err(_) => Ending::Exited {
            code: 1,
            message: text(vm, &code).map(cut),
        },
    }
}

/// `str()` of an object, with lone surrogates replaced; `None` where that raises.
fn text(vm: &VirtualMachine, object: &PyObject) -> Option<String> {
    object
        .str(vm)
        .ok()
        .map(|text| text.to_string_lossy().into_owned())
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        text.push_str("\n[cut]\n");
    }
    text
}

/// As `cut`, but what is left out is in the middle: a traceback ends with the error itself.
fn cut_inside(text: String) -> String {
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let half = LONGEST_TEXT / 2;
    let head = text.split_at(text.floor_char_boundary(half)).0;
    let tail = text.split_at(text.ceil_char_boundary(text.len() - half)).1;
    // Whole lines, where there are any.
    let head = head.rsplit_once('\n').map_or(head, |(lines, _)| lines);
    let tail = tail.split_once('\n').map_or(tail, |(_, lines)| lines);
    format!("{head}\n[cut]\n{tail}")
}
