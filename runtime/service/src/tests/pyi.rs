//! Stub files: one as a whole, and what Python itself makes of those of random documents.

use super::*;
use hostile::{described, documents, python_says, read};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

fn crm() -> Service {
    let contact = json!({"title": "Contact", "type": "object", "required": ["id", "name"], "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "email": {"type": ["string", "null"]},
        "address": {"type": "object", "properties": {"street": {"type": "string"}, "post-code": {"type": "string"}}},
        "knows": {"type": "array", "items": {"title": "Contact"}},
    }});
    let stage = json!({"title": "DealStage", "enum": ["lead", "won", "lost", "in negotiation"]});
    let many = (0..20).map(|n| (format!("f{n}"), json!({"type": "integer"})));
    let many = json!({"type": "object", "properties": many.collect::<serde_json::Map<_, _>>()});
    let document = json!({
        "openrpc": "1.3.2",
        "info": {"title": "CRM", "description": "Contacts and \"deals\"\\.", "version": "1"},
        "methods": [
            {"name": "contact.add", "summary": "Adds a contact.", "params": [
                {"name": "name", "required": true, "schema": {"type": "string"}},
                {"name": "email", "schema": {"type": "string", "format": "email"}},
                {"name": "limit", "schema": {"type": "integer", "default": 10}},
                {"name": "of", "required": true, "schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}}
            ], "result": {"name": "contact", "schema": contact}},
            {"name": "contact.list", "params": [], "result": {"name": "all", "schema": {"type": "array", "items": contact}}},
            {"name": "deal.set", "summary": "Says \"\"\"where\"\"\" a deal stands.", "params": [{"name": "stage", "required": true, "schema": stage}]},
            {"name": "many", "params": [], "result": {"name": "many", "schema": many}}
        ]
    });
    Service::new(
        "crm",
        Address::Url(String::new()),
        read(&document).unwrap(),
        &Terms::default(),
    )
}

#[test]
fn a_stub_file_says_what_the_text_does_for_type_checkers() {
    insta::assert_snapshot!(crm().pyi_of(InterfaceOf::default()));
}

#[test]
fn of_some_methods_only_the_types_that_they_use_are_shown() {
    let crm = crm();
    let of = |methods: &[&str]| {
        let methods: Vec<String> = methods.iter().map(ToString::to_string).collect();
        let of = InterfaceOf {
            outlooks: None,
            methods: Some(&methods),
        };
        [crm.text_of(of), crm.pyi_of(of)].join("\n")
    };
    insta::assert_snapshot!([of(&["deal.set"]), of(&["contact.list"]), of(&["none"])].join("\n"));
}

/// Python finds an import, records, names of types, and functions that do nothing.
const CHECK: &str = r##"
import ast, json, sys
PLAIN = (ast.arguments, ast.arg, ast.Name, ast.Load, ast.Constant, ast.Subscript, ast.Tuple, ast.BinOp, ast.BitOr,
         ast.UnaryOp, ast.USub, ast.List, ast.Dict)
OURS = {"str", "int", "float", "bool", "list", "dict", "Any", "Literal", "NotRequired"}
functions = 0
def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, (str, type(...)))
for text in json.load(sys.stdin):
    about, imported, *rest = ast.parse(text).body
    assert is_text(about) and type(imported) is ast.ImportFrom and imported.module == "typing", text
    names, seen, used, parts = set(), set(), set(), []
    for node in rest:
        if isinstance(node, ast.FunctionDef):
            (body,) = node.body
            assert is_text(body) and not node.decorator_list, text
            assert not node.name.startswith("_") and node.name not in seen, text
            seen.add(node.name)
            parts += [node.args, node.returns]
            functions += 1
        elif isinstance(node, ast.ClassDef):
            assert node.name not in names and [base.id for base in node.bases] == ["TypedDict"], text
            names.add(node.name)
            for field in node.body:
                assert isinstance(field, ast.AnnAssign) and field.value is None and isinstance(field.target, ast.Name), text
                parts.append(field.annotation)
        else:
            assert isinstance(node, ast.Assign), text
            (name,) = [target.id for target in node.targets]
            assert name not in names, text
            names.add(name)
            if isinstance(node.value, ast.Call):
                assert node.value.func.id == "TypedDict" and node.value.args[0].value == name, text
                parts += node.value.args[1].values
            else:
                parts.append(node.value)
    for part in parts:
        for inner in ast.walk(part):
            assert isinstance(inner, PLAIN), (type(inner), text)
            if isinstance(inner, ast.Name):
                used.add(inner.id)
    assert used <= OURS | names, (used, text)
print(functions)
"##;

#[test]
fn svc_04_python_finds_nothing_but_signatures_in_a_stub_file() {
    let mut runner = TestRunner::deterministic();
    let mut texts: Vec<String> = (0..400)
        .map(|_| {
            described(&documents().new_tree(&mut runner).unwrap().current())
                .pyi_of(InterfaceOf::default())
        })
        .collect();
    for name in ["metamask-wallet.json", "chain.json", "python-openrpc.json"] {
        texts.push(service("x", &fixture(name), &Terms::default()).pyi_of(InterfaceOf::default()));
    }
    let functions: usize = python_says(CHECK, &texts).trim().parse().unwrap();
    assert!(functions > 500, "{functions}");
}

/// A service cannot fill a disk or a window by what it says.
#[test]
fn svc_05_a_stub_file_is_bounded() {
    let params: Vec<Value> = (0..10)
        .map(|n| json!({"name": format!("{n}{}", "b".repeat(110)), "schema": {"type": "object", "properties": {"a": {"enum": ["c".repeat(30)]}}}}))
        .collect();
    let methods: Vec<Value> = (0..1_000)
        .map(|n| json!({"name": format!("m{n}.{}", "a".repeat(100)), "params": params}))
        .collect();
    let text =
        described(&json!({"openrpc": "1.3.2", "methods": methods})).pyi_of(InterfaceOf::default());
    assert!(text.len() < 600 << 10, "{}", text.len());
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("# ") && last.ends_with(" functions are not shown"),
        "{last}"
    );
}
