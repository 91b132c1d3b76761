//! The same for documents of TOML.

use super::{Edit, EditError};
use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

const TABLE: &str = "a table";

pub(super) fn with(
    text: &str,
    list: &str,
    name: &str,
    entry: &Value,
    replace: bool,
) -> Result<Edit, EditError> {
    let mut document = read(text)?;
    if !document.contains_key(list) {
        let mut servers = Table::new();
        // Nothing but the entries has a line.
        servers.set_implicit(true);
        document.insert(list, Item::Table(servers));
    }
    let servers = servers(&mut document, list)?.ok_or_else(|| shape(list))?;
    match servers.get(name).map(json) {
        Some(known) if known.as_ref() == Some(entry) => return Ok(Edit::None),
        Some(_) if !replace => {
            let name = name.to_owned();
            return Err(EditError::Exists { name });
        }
        _ => {}
    }
    servers.insert(name, table(entry));
    Ok(Edit::To(document.to_string()))
}

pub(super) fn without(text: &str, list: &str, name: &str) -> Result<Edit, EditError> {
    let mut document = read(text)?;
    let removed = match servers(&mut document, list)? {
        Some(servers) => servers.remove(name),
        None => None,
    };
    Ok(match removed {
        Some(_) => Edit::To(document.to_string()),
        None => Edit::None,
    })
}

/// As a person would paste it.
pub(super) fn shown(list: &str, name: &str, entry: &Value) -> String {
    match with("", list, name, entry, false) {
        Ok(Edit::To(text)) => text.trim_end().to_owned(),
        _ => String::new(),
    }
}

fn read(text: &str) -> Result<DocumentMut, EditError> {
    let document = text.parse::<DocumentMut>();
    document.map_err(|error| EditError::Toml(error.message().to_owned()))
}

fn servers<'d>(
    document: &'d mut DocumentMut,
    list: &str,
) -> Result<Option<&'d mut dyn TableLike>, EditError> {
    match document.get_mut(list) {
        None => Ok(None),
        Some(servers) => match servers.as_table_like_mut() {
            Some(servers) => Ok(Some(servers)),
            None => Err(shape(list)),
        },
    }
}

fn shape(list: &str) -> EditError {
    EditError::Shape(format!("`{list}`"), TABLE)
}

/// An entry is made of texts and lists of texts.
fn table(entry: &Value) -> Item {
    let mut table = Table::new();
    for (name, entry) in entry.as_object().into_iter().flatten() {
        match entry {
            Value::String(text) => table.insert(name, value(text)),
            Value::Array(texts) => {
                let texts: Array = texts.iter().filter_map(Value::as_str).collect();
                table.insert(name, value(texts))
            }
            _ => None,
        };
    }
    Item::Table(table)
}

/// What an entry says, where it is made of the same.
fn json(item: &Item) -> Option<Value> {
    let mut known = Map::new();
    for (name, item) in item.as_table_like()?.iter() {
        let value = match item.as_array() {
            Some(texts) => {
                let texts = texts.iter().map(|text| text.as_str().map(Value::from));
                Value::Array(texts.collect::<Option<_>>()?)
            }
            None => Value::from(item.as_str()?),
        };
        known.insert(name.to_owned(), value);
    }
    Some(Value::Object(known))
}
