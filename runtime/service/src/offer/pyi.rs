//! What a service offers as a stub file (`.pyi`): what type checkers and editors read, and models that know those. Nobody executes it. As
//! in the text for models, a document puts words into it and never a line, a type or a name of its own making. THREAT[SVC-04]
//! THREAT[SVC-05]

use crate::offer::{
    Method, Service,
    interface::{InterfaceOf, LONGEST_TEXT, parameters, said},
    types::Types,
};
use sandgate_policy::Outlook;
use std::fmt::Write;

const IMPORTS: &str = "from typing import Any, Literal, NotRequired, TypedDict\n";

/// All of it, or as much as is shown of one service.
pub(crate) fn text(service: &Service, of: InterfaceOf<'_>) -> String {
    let mut types = Types::classes();
    let shown = of.shown(service);
    let (mut left, mut functions) = (shown.len(), String::new());
    for (method, outlook) in shown {
        let function = function(method, outlook, &mut types);
        if functions.len().saturating_add(function.len()) <= LONGEST_TEXT {
            functions.push_str(&function);
            left = left.saturating_sub(1);
        }
    }
    let mut made = format!("{}\n{IMPORTS}", docstring("", service.summary()));
    for (name, class) in &types.named {
        if made.len().saturating_add(class.len()) > LONGEST_TEXT {
            // What has no class is anything.
            let _ = write!(made, "\n{name} = Any\n");
        } else if class.contains('\n') {
            let _ = write!(made, "\n{class}");
        } else {
            let _ = write!(made, "\n{name} = {class}\n");
        }
    }
    made.push_str(&functions);
    if left > 0 {
        let _ = write!(made, "\n# {left} functions are not shown\n");
    }
    made
}

/// `def contact_add(name: str) -> Contact:` with what it is for.
fn function(method: &Method, outlook: Option<&Outlook>, types: &mut Types) -> String {
    let parameters = parameters(method, |argument| {
        let place = [method.python.as_str(), &argument.python];
        argument.shown_as(&types.class_of(&argument.parameter.schema, place))
    });
    let returns = match &method.result {
        None => "None".into(),
        Some(result) => types.class_of(result, [&method.python, "result"]),
    };
    let said = said(method, outlook);
    let body = if said.is_empty() {
        " ...\n".to_owned()
    } else {
        format!("\n{}", docstring("    ", &said))
    };
    format!("\ndef {}({parameters}) -> {returns}:{body}", method.python)
}

/// One line, in which nothing ends the text early.
fn docstring(indent: &str, line: &str) -> String {
    let line = line.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{indent}\"\"\"{line}\"\"\"\n")
}
