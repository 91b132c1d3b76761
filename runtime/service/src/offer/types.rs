//! What a schema says, as a Python annotation that a model reads: `str | None`, `list[Contact]`. What is long and
//! has a name is written out once. Called for the interface text; nothing executes it, and it must stay one expression
//! whatever the schema holds. THREAT[SVC-04]

use crate::{naming, offer::schema::ParameterSchema, text};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Alternatives, literals and fields beyond these say little more and cost tokens.
const MOST_ALTERNATIVES: usize = 5;
const MOST_LITERALS: usize = 12;
const MOST_FIELDS: usize = 16;
/// Records inside records; those with a name begin anew.
const DEEPEST: usize = 3;
/// Shorter ones are as clear as their name.
const WORTH_A_NAME: usize = 24;
/// A longer annotation is `dict`, `list` or `Any`.
const LONGEST: usize = 400;
/// THREAT[SVC-04]: more names than this are not written out.
const MOST_NAMES: usize = 500;

/// Turns schemas into annotations, and collects the named records that these use.
#[derive(Debug, Default)]
pub(crate) struct Types {
    /// Name to what it stands for.
    pub(crate) named: BTreeMap<String, String>,
    /// Records are classes, as type checkers want them, and one without a name is called after where it stands.
    classes: Option<Vec<String>>,
    /// Names that are being written out.
    open: Vec<String>,
    /// What was annotated already. The schemas are kept, so that none of them takes another's address.
    done: HashMap<usize, (ParameterSchema, Arc<str>)>,
}

impl Types {
    /// For type checkers.
    pub(crate) fn classes() -> Self {
        Self {
            classes: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// The annotation of what stands there, as type checkers read it.
    pub(crate) fn class_of(&mut self, schema: &ParameterSchema, place: [&str; 2]) -> Arc<str> {
        self.classes = Some(place.map(naming::camel).to_vec());
        self.of(schema)
    }

    pub(crate) fn of(&mut self, schema: &ParameterSchema) -> Arc<str> {
        if let Some((_, annotation)) = self.done.get(&schema.address()) {
            return annotation.clone();
        }
        let annotation: Arc<str> = self.annotation(&schema.value(), 0).into();
        self.done
            .insert(schema.address(), (schema.clone(), annotation.clone()));
        annotation
    }

    fn annotation(&mut self, schema: &Value, depth: usize) -> String {
        let Some(map) = schema.as_object() else {
            return "Any".to_owned();
        };
        match name(map).filter(|name| self.can_be_called(name)) {
            Some(name) if self.open.iter().any(|open| open == name) => name.to_owned(),
            Some(name) if self.named.len() < MOST_NAMES && self.open.len() < DEEPEST => {
                self.open.push(name.to_owned());
                let within = self
                    .classes
                    .as_mut()
                    .map(|path| std::mem::replace(path, vec![name.to_owned()]));
                let annotation = self.bounded(map, 0);
                self.classes = within;
                self.open.pop();
                self.called(name, annotation)
            }
            _ => self.bounded(map, depth),
        }
    }

    /// What is long is written out once, under its name, unless that is another's already.
    fn called(&mut self, name: &str, annotation: String) -> String {
        let taken = self.named.get(name);
        if self.classes.is_some() && self.named.contains_key(&annotation) {
            return annotation;
        }
        let short = annotation.len() < WORTH_A_NAME && !annotation.contains(name);
        if taken.map_or(short, |taken| *taken != annotation) {
            return annotation;
        }
        self.named.insert(name.to_owned(), annotation);
        name.to_owned()
    }

    fn bounded(&mut self, map: &Map<String, Value>, depth: usize) -> String {
        let annotation = self.plain(map, depth);
        if annotation.len() <= LONGEST {
            return annotation;
        }
        let whole = ["dict", "list"]
            .into_iter()
            .find(|whole| annotation.starts_with(whole));
        whole.unwrap_or("Any").to_owned()
    }

    fn plain(&mut self, map: &Map<String, Value>, depth: usize) -> String {
        let values = match (map.get("const"), map.get("enum")) {
            (Some(value), _) => Some(std::slice::from_ref(value)),
            (_, Some(Value::Array(values))) => Some(values.as_slice()),
            _ => None,
        };
        if let Some(literals) = values.and_then(literals) {
            return literals;
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = map.get(key) {
                return union(
                    alternatives
                        .iter()
                        .map(|schema| self.annotation(schema, depth)),
                );
            }
        }
        if let Some(Value::Array(parts)) = map.get("allOf") {
            return self.all_of(map, parts, depth);
        }
        match map.get("type") {
            Some(Value::String(kind)) => self.kind(kind, map, depth),
            Some(Value::Array(kinds)) => union(
                kinds
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|kind| self.kind(kind, map, depth)),
            ),
            _ if map.contains_key("properties") => self.kind("object", map, depth),
            _ => "Any".to_owned(),
        }
    }

    /// Records are joined; of other parts the first that says something is taken.
    fn all_of(&mut self, map: &Map<String, Value>, parts: &[Value], depth: usize) -> String {
        let mut fields: Vec<(&str, &Value)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut required = Vec::new();
        for part in parts.iter().filter_map(Value::as_object).chain([map]) {
            for (name, schema) in fields_of(part) {
                let place = *places.entry(name).or_insert(fields.len());
                match fields.get_mut(place) {
                    Some(field) => *field = (name, schema),
                    None => fields.push((name, schema)),
                }
            }
            required.extend(required_of(part));
        }
        if fields.is_empty() {
            return parts
                .iter()
                .map(|part| self.annotation(part, depth))
                .find(|annotation| annotation != "Any")
                .unwrap_or_else(|| "Any".to_owned());
        }
        self.fields(&fields, &required, depth)
    }

    fn kind(&mut self, kind: &str, map: &Map<String, Value>, depth: usize) -> String {
        match kind {
            "string" => "str".to_owned(),
            "integer" => "int".to_owned(),
            "number" => "float".to_owned(),
            "boolean" => "bool".to_owned(),
            "null" => "None".to_owned(),
            "array" => match map.get("items") {
                Some(Value::Array(items)) => {
                    format!(
                        "list[{}]",
                        union(items.iter().map(|item| self.annotation(item, depth)))
                    )
                }
                Some(items) => match self.annotation(items, depth).as_str() {
                    "Any" => "list".to_owned(),
                    items => format!("list[{items}]"),
                },
                None => "list".to_owned(),
            },
            "object" => match map.get("properties") {
                Some(Value::Object(fields)) if !fields.is_empty() => {
                    let fields: Vec<(&str, &Value)> = fields_of(map).collect();
                    let required: Vec<&str> = required_of(map).collect();
                    self.fields(&fields, &required, depth)
                }
                _ => self.mapping(map, depth),
            },
            _ => "Any".to_owned(),
        }
    }

    fn mapping(&mut self, map: &Map<String, Value>, depth: usize) -> String {
        match map.get("additionalProperties") {
            Some(values @ Value::Object(inner)) if !inner.is_empty() => {
                match self.annotation(values, depth).as_str() {
                    "Any" => "dict".to_owned(),
                    values => format!("dict[str, {values}]"),
                }
            }
            _ => "dict".to_owned(),
        }
    }

    /// `dict[id: int, name: str | None]`, which Python parses: the fields are slices.
    fn fields(&mut self, fields: &[(&str, &Value)], required: &[&str], depth: usize) -> String {
        if depth >= DEEPEST {
            return "dict".to_owned();
        }
        if self.classes.is_some() {
            return self.class(fields, required, depth);
        }
        let mut parts: Vec<String> = fields
            .iter()
            .take(MOST_FIELDS)
            .map(|(field, schema)| {
                let mut annotation = self.annotation(schema, depth.saturating_add(1));
                if !required.contains(field) && !takes_none(&annotation) {
                    annotation.push_str(" | None");
                }
                if naming::is_identifier(field) {
                    format!("{field}: {annotation}")
                } else {
                    format!("{}: {annotation}", quoted(field))
                }
            })
            .collect();
        if fields.len() > MOST_FIELDS {
            parts.push("...".to_owned());
        }
        format!("dict[{}]", parts.join(", "))
    }

    /// The name of a class with these fields.
    fn class(&mut self, fields: &[(&str, &Value)], required: &[&str], depth: usize) -> String {
        let mut parts = Vec::new();
        for (field, schema) in fields.iter().take(MOST_FIELDS) {
            if let Some(path) = &mut self.classes {
                path.push(naming::camel(field));
            }
            let annotation = self.annotation(schema, depth.saturating_add(1));
            if let Some(path) = &mut self.classes {
                path.pop();
            }
            parts.push(if required.contains(field) {
                (*field, annotation)
            } else {
                (*field, format!("NotRequired[{annotation}]"))
            });
        }
        let more = fields.len() > MOST_FIELDS;
        let wanted = self
            .classes
            .as_ref()
            .map(|path| path.concat())
            .unwrap_or_default();
        for number in 1..=MOST_NAMES {
            let name = if number == 1 {
                wanted.clone()
            } else {
                format!("{wanted}{number}")
            };
            let class = class(&name, &parts, more);
            match self.named.get(&name) {
                Some(taken) if *taken == class => return name,
                Some(_) => {}
                None if self.named.len() < MOST_NAMES => {
                    self.named.insert(name.clone(), class);
                    return name;
                }
                None => break,
            }
        }
        "dict".to_owned()
    }

    /// Classes of a document must not hide what the file needs itself.
    fn can_be_called(&self, name: &str) -> bool {
        self.classes.is_none() || !matches!(name, "TypedDict" | "NotRequired")
    }
}

/// A record that type checkers read. Names that are none in Python are texts, which another form takes.
fn class(name: &str, fields: &[(&str, String)], more: bool) -> String {
    let more = if more { "    # and more\n" } else { "" };
    if fields.iter().all(|(field, _)| naming::is_identifier(field)) {
        let fields = fields
            .iter()
            .map(|(field, annotation)| format!("    {field}: {annotation}\n"));
        return format!(
            "class {name}(TypedDict):\n{}{more}",
            fields.collect::<String>()
        );
    }
    let fields = fields
        .iter()
        .map(|(field, annotation)| format!("    {}: {annotation},\n", quoted(field)));
    format!(
        "{name} = TypedDict(\"{name}\", {{\n{}{more}}})\n",
        fields.collect::<String>()
    )
}

/// Whether an annotation already says that nothing may be given.
pub(crate) fn takes_none(annotation: &str) -> bool {
    annotation == "Any" || annotation.split(" | ").any(|part| part == "None")
}

/// The literal that Python would have for a value, if it is a short one.
pub(crate) fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("None".to_owned()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(string) if string.len() <= 60 && text::line(string, 60) == *string => {
            Some(quoted(string))
        }
        Value::Array(items) if items.is_empty() => Some("[]".to_owned()),
        Value::Object(map) if map.is_empty() => Some("{}".to_owned()),
        _ => None,
    }
}

/// A Python string. JSON escapes quotes and backslashes as Python does, and nothing else is left to be escaped.
fn quoted(string: &str) -> String {
    Value::from(text::line(string, 60)).to_string()
}

fn literals(values: &[Value]) -> Option<String> {
    if values.len() > MOST_LITERALS
        || values
            .iter()
            .any(|value| value.is_array() || value.is_object())
    {
        return None;
    }
    let literals: Vec<String> = values.iter().map(literal).collect::<Option<_>>()?;
    match literals.as_slice() {
        [] => None,
        [one] if one == "None" => Some(one.clone()),
        literals => Some(format!("Literal[{}]", literals.join(", "))),
    }
}

fn fields_of(map: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let fields = map.get("properties").and_then(Value::as_object);
    fields
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
}

fn required_of(map: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let names = map.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

fn union(alternatives: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for alternative in alternatives {
        // Alternatives may be unions themselves. Of more than can be shown one is as good as all.
        if distinct.len() <= MOST_ALTERNATIVES && !distinct.contains(&alternative) {
            distinct.push(alternative);
        }
    }
    // Nothing comes last, as people write it.
    distinct.sort_by_key(|annotation| annotation == "None");
    if distinct.is_empty()
        || distinct.len() > MOST_ALTERNATIVES
        || distinct.iter().any(|annotation| annotation == "Any")
    {
        return "Any".to_owned();
    }
    distinct.join(" | ")
}

/// What a record is called, if that can name a type and cannot be taken for one of Python's.
fn name(map: &Map<String, Value>) -> Option<&str> {
    let name = map.get("title")?.as_str()?;
    let fits = name.len() <= 60
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && naming::is_identifier(name)
        && !matches!(name, "Any" | "Literal" | "SERVICE" | "SUMMARY" | "MORE");
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(schema: Value) -> String {
        Types::default().annotation(&schema, 0)
    }

    #[test]
    fn schemas_read_as_python_annotations() {
        for (schema, annotation) in [
            (json!({"type": "string"}), "str"),
            (json!({"type": ["null", "string"]}), "str | None"),
            (
                json!({"type": "array", "items": {"type": "integer"}}),
                "list[int]",
            ),
            (
                json!({"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}),
                "list[int | str]",
            ),
            (
                json!({"anyOf": [{"type": "null"}, {"type": "number"}, {"type": "number"}]}),
                "float | None",
            ),
            (
                json!({"enum": ["a", "b\"", null, 1]}),
                r#"Literal["a", "b\"", None, 1]"#,
            ),
            (json!({"enum": ["a\u{202e}"], "type": "string"}), "str"),
            (json!({"const": true}), "Literal[True]"),
            (json!({"type": "object"}), "dict"),
            (
                json!({"type": "object", "additionalProperties": {"type": "boolean"}}),
                "dict[str, bool]",
            ),
            (
                json!({"properties": {"a": {"type": "integer"}, "class": {}, "x-y": {"type": "null"}}, "required": ["a"]}),
                r#"dict[a: int, "class": Any, "x-y": None]"#,
            ),
            (
                json!({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"b": {"type": "string"}}}]}),
                "dict[a: int, b: str | None]",
            ),
            (
                json!({"allOf": [{"type": "integer"}, {"minimum": 1}]}),
                "int",
            ),
            (json!({}), "Any"),
            (json!(false), "Any"),
            (json!({"title": "Contact"}), "Any"),
        ] {
            assert_eq!(of(schema.clone()), annotation, "{schema}");
        }
    }

    #[test]
    fn a_record_with_a_name_is_written_out_once_and_may_hold_itself() {
        let tree = json!({"title": "Tree", "type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"title": "Tree"}},
        }});
        let mut types = Types::default();
        assert_eq!(
            types.annotation(&json!({"type": "array", "items": tree}), 0),
            "list[Tree]"
        );
        assert_eq!(types.annotation(&tree, 0), "Tree");
        let other = json!({"title": "Tree", "type": "object", "properties": {"leaf": {"type": "boolean"}}, "required": ["leaf"]});
        assert_eq!(types.annotation(&other, 0), "dict[leaf: bool]");
        let named: Vec<_> = types.named.into_iter().collect();
        assert_eq!(
            named,
            [(
                "Tree".to_owned(),
                "dict[name: str, children: list[Tree] | None]".to_owned()
            )]
        );
        // Names of Python's own types, and those that are no names, stay with Python.
        for title in ["dict", "str", "Any", "hex encoded address", "_T", "T(\n"] {
            let schema = json!({"title": title, "properties": {"a": {"type": "integer"}}, "required": ["a"]});
            assert_eq!(of(schema), "dict[a: int]", "{title}");
        }
    }
}
