//! The value of a script's last expression, for the host: JSON where JSON can hold it, `repr()` otherwise.
//! It must never call into Python for what it turns to JSON, and must stay bounded for what it does not.

use rustpython_vm::{
    AsObject, PyObject, VirtualMachine,
    builtins::{PyDict, PyFloat, PyInt, PyList, PyStr, PyTuple},
};
use sandgate_wire::Value;
use std::fmt::Write;

/// JSON longer than this is shown as a shortened `repr()` instead: results of that size belong in a file.
const LONGEST_JSON: usize = 256 * 1024;
/// The same bound as JSON readers commonly have, with room for what is put around the value.
const DEEPEST: usize = 64;
const LONGEST_REPR: usize = 16 * 1024;

/// Describes a value.
pub fn of(vm: &VirtualMachine, object: &PyObject) -> Value {
    let mut json = String::new();
    if write(vm, object, &mut json, DEEPEST).is_some()
        && json.len() <= LONGEST_JSON
        && let Ok(raw) = serde_json::value::RawValue::from_string(json)
    {
        return Value::Json(raw);
    }
    let mut repr = match object.repr(vm) {
        Ok(repr) => repr.to_string_lossy().into_owned(),
        Err(error) => format!(
            "<{} object, whose repr() raised {}>",
            object.class().name(),
            error.class().name()
        ),
    };
    if repr.len() > LONGEST_REPR {
        let end = (0..=LONGEST_REPR)
            .rev()
            .find(|&at| repr.is_char_boundary(at))
            .unwrap_or(0);
        repr.truncate(end);
        repr.push('…');
    }
    Value::Repr(repr)
}

/// Appends JSON; `None` where the object, or something in it, is of another exact type, too deep or too long.
fn write(vm: &VirtualMachine, object: &PyObject, json: &mut String, depth: usize) -> Option<()> {
    if depth == 0 || json.len() > LONGEST_JSON {
        return None;
    }
    let class = object.class();
    let types = &vm.ctx.types;
    if vm.is_none(object) {
        json.push_str("null");
    } else if class.is(types.bool_type) {
        json.push_str(if object.is(&vm.ctx.true_value) {
            "true"
        } else {
            "false"
        });
    } else if class.is(types.int_type) {
        let number = object.downcast_ref::<PyInt>()?.as_bigint();
        // Readers take larger numbers for floats and lose digits, so those are shown as text.
        let number = i64::try_from(number).ok()?;
        write!(json, "{number}").ok()?;
    } else if class.is(types.float_type) {
        let number = object.downcast_ref::<PyFloat>()?.to_f64();
        json.push_str(&serde_json::to_string(&serde_json::Number::from_f64(number)?).ok()?);
    } else if class.is(types.str_type) {
        string(object.downcast_ref::<PyStr>()?, json)?;
    } else if class.is(types.list_type) {
        let items = object.downcast_ref::<PyList>()?.borrow_vec().to_vec();
        array(vm, &items, json, depth)?;
    } else if class.is(types.tuple_type) {
        array(
            vm,
            object.downcast_ref::<PyTuple>()?.as_slice(),
            json,
            depth,
        )?;
    } else if class.is(types.dict_type) {
        let dict = object.downcast_ref::<PyDict>()?.to_owned();
        json.push('{');
        for (at, (key, value)) in dict.into_iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            if !key.class().is(types.str_type) {
                return None;
            }
            string(key.downcast_ref::<PyStr>()?, json)?;
            json.push(':');
            write(vm, &value, json, depth - 1)?;
        }
        json.push('}');
    } else {
        return None;
    }
    Some(())
}

fn array(
    vm: &VirtualMachine,
    items: &[rustpython_vm::PyObjectRef],
    json: &mut String,
    depth: usize,
) -> Option<()> {
    json.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        write(vm, item, json, depth - 1)?;
    }
    json.push(']');
    Some(())
}

/// A string with a lone surrogate has no JSON.
fn string(text: &PyStr, json: &mut String) -> Option<()> {
    json.push_str(&serde_json::to_string(text.to_str()?).ok()?);
    Some(())
}
