//! Python values as JSON. Called by `script` for the value of a script's last expression and by `bridge` for the
//! parameters of a call. What it makes must stay bounded, whatever the value is.
//!
//! Numbers, strings, lists, tuples and dictionaries are what they are in JSON. What has no form of its own there is
//! given one by `plain` of the prelude: data classes and named tuples become objects, dates ISO text, sets sorted
//! arrays, bytes base64. Whole numbers beyond 64 bits, NaN and everything else have no form.

use crate::prelude::Prelude;
use rustpython_vm::{
    AsObject, PyObject, PyObjectRef, VirtualMachine,
    builtins::{PyDict, PyFloat, PyInt, PyList, PyStr, PyTuple},
};
use sandgate_wire::Value;
use std::fmt::Write;

/// JSON longer than this is shown as a shortened `repr()` instead: results of that size belong in a file.
const LONGEST_JSON: usize = 256 * 1024;
/// The same bound as JSON readers commonly have, with room for what is put around the value.
const DEEPEST: usize = 64;
const LONGEST_REPR: usize = 16 * 1024;

/// Describes a value: JSON where it has a form there, and otherwise its `repr()` as a whole.
pub fn of(vm: &VirtualMachine, object: &PyObject) -> Value {
    if let Some(json) = json(vm, object, LONGEST_JSON)
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

/// The JSON of a value; `None` where it, or something in it, has no form there, or is too deep or too long.
pub fn json(vm: &VirtualMachine, object: &PyObject, longest: usize) -> Option<String> {
    let mut writer = Writer {
        vm,
        json: String::new(),
        longest,
    };
    writer.value(object, DEEPEST)?;
    (writer.json.len() <= longest).then_some(writer.json)
}

struct Writer<'a> {
    vm: &'a VirtualMachine,
    json: String,
    longest: usize,
}

impl Writer<'_> {
    fn value(&mut self, object: &PyObject, depth: usize) -> Option<()> {
        if depth == 0 || self.json.len() > self.longest {
            return None;
        }
        let class = object.class();
        let types = &self.vm.ctx.types;
        if self.vm.is_none(object) {
            self.json.push_str("null");
        } else if class.is(types.bool_type) {
            let truth = object.is(&self.vm.ctx.true_value);
            self.json.push_str(if truth { "true" } else { "false" });
        } else if class.is(types.int_type) {
            let number = object.downcast_ref::<PyInt>()?.as_bigint();
            // Readers take larger numbers for floats and lose digits.
            let number = i64::try_from(number).ok()?;
            write!(self.json, "{number}").ok()?;
        } else if class.is(types.float_type) {
            let number = object.downcast_ref::<PyFloat>()?.to_f64();
            let number = serde_json::Number::from_f64(number)?;
            self.json.push_str(&serde_json::to_string(&number).ok()?);
        } else if class.is(types.str_type) {
            // A string with a lone surrogate has no JSON.
            let text = object.downcast_ref::<PyStr>()?.to_str()?;
            self.json.push_str(&serde_json::to_string(text).ok()?);
        } else if class.is(types.list_type) {
            let items = object.downcast_ref::<PyList>()?.borrow_vec().to_vec();
            self.array(&items, depth)?;
        } else if class.is(types.tuple_type) {
            self.array(object.downcast_ref::<PyTuple>()?.as_slice(), depth)?;
        } else if class.is(types.dict_type) {
            let dict = object.downcast_ref::<PyDict>()?.to_owned();
            self.json.push('{');
            for (at, (key, value)) in dict.into_iter().enumerate() {
                if at > 0 {
                    self.json.push(',');
                }
                self.key(&key, depth - 1)?;
                self.json.push(':');
                self.value(&value, depth - 1)?;
            }
            self.json.push('}');
        } else {
            let plain = Prelude::Plain.call(self.vm, vec![object.to_owned()]).ok()?;
            if plain.is(&self.vm.ctx.not_implemented) {
                return None;
            }
            self.value(&plain, depth - 1)?;
        }
        Some(())
    }

    fn array(&mut self, items: &[PyObjectRef], depth: usize) -> Option<()> {
        self.json.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.json.push(',');
            }
            self.value(item, depth - 1)?;
        }
        self.json.push(']');
        Some(())
    }

    /// Keys are strings in JSON: a number becomes its digits, a date its text; an array or object cannot be one.
    fn key(&mut self, key: &PyObject, depth: usize) -> Option<()> {
        let start = self.json.len();
        self.value(key, depth)?;
        match self.json.as_bytes().get(start)? {
            b'"' => {}
            b'[' | b'{' => return None,
            _ => {
                self.json.insert(start, '"');
                self.json.push('"');
            }
        }
        Some(())
    }
}
