//! What calling a method does to the world, and who says so. Called when a document is read into a registration; the
//! answer never comes from a script. What nobody knows is a write. THREAT[POL-09]

use sandgate_policy::Effect;
use serde::Serialize;
use std::fmt;

/// Who says what a method does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The operator, for this method.
    Operator,
    /// The service, which the operator trusts.
    Service,
    /// A word of its name.
    Name(String),
    /// Nobody.
    Unknown,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("the operator says so"),
            Self::Service => f.write_str("the service says so, and is trusted"),
            Self::Name(word) => write!(f, "its name says `{word}`"),
            Self::Unknown => f.write_str("nothing says otherwise"),
        }
    }
}

/// Names that start with one of these read, unless another word in them says that they also change.
const READS: [&str; 22] = [
    "list", "get", "find", "search", "count", "read", "show", "describe", "exists", "stats",
    "status", "info", "view", "lookup", "has", "is", "health", "version", "ping", "fetch",
    "discover", "help",
];
const CHANGES: [&str; 24] = [
    "add", "create", "set", "update", "put", "write", "insert", "append", "edit", "modify",
    "patch", "save", "store", "replace", "send", "post", "push", "publish", "execute", "run",
    "start", "stop", "move", "mark",
];
const DESTROYS: [&str; 14] = [
    "delete", "remove", "purge", "drop", "destroy", "wipe", "clear", "erase", "truncate", "prune",
    "unlink", "rm", "del", "trash",
];

/// The effect of a method: the operator's word, else the service's own where it is trusted, else what the name says.
pub(crate) fn effect(
    method: &str,
    operator: Option<Effect>,
    service: Option<Effect>,
) -> (Effect, Because) {
    if let Some(effect) = operator {
        return (effect, Because::Operator);
    }
    match service {
        Some(effect) => (effect, Because::Service),
        None => by_name(method),
    }
}

fn by_name(method: &str) -> (Effect, Because) {
    let words = words(method.rsplit('.').next().unwrap_or_default());
    let says = |effect, word: &String| (effect, Because::Name(word.clone()));
    if let Some(word) = words.iter().find(|word| DESTROYS.contains(&word.as_str())) {
        return says(Effect::Destroy, word);
    }
    let changes = words.iter().any(|word| CHANGES.contains(&word.as_str()));
    match words.first() {
        Some(word) if !changes && READS.contains(&word.as_str()) => says(Effect::Read, word),
        _ => (Effect::Write, Because::Unknown),
    }
}

/// The words of `add_contact`, `add-contact` and `addContact`. In `eth_getBalance` the first part is a namespace.
fn words(name: &str) -> Vec<String> {
    let verb_first = match name.split_once('_') {
        Some((_, rest))
            if !rest.contains('_') && rest.contains(|c: char| c.is_ascii_uppercase()) =>
        {
            rest
        }
        _ => name,
    };
    let mut words = vec![String::new()];
    let mut lower = false;
    for character in verb_first.chars() {
        let separates = !character.is_ascii_alphanumeric();
        if separates || (lower && character.is_ascii_uppercase()) {
            words.push(String::new());
        }
        lower = character.is_ascii_lowercase();
        if let (false, Some(word)) = (separates, words.last_mut()) {
            word.push(character.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pol_09_a_name_is_read_only_when_nothing_in_it_says_more() {
        for (method, effect, word) in [
            ("contact.list", Effect::Read, Some("list")),
            ("contact.get_by_id", Effect::Read, Some("get")),
            ("contact.GetById", Effect::Read, Some("get")),
            ("eth_getBalance", Effect::Read, Some("get")),
            ("get_pets", Effect::Read, Some("get")),
            ("contact.get_or_create", Effect::Write, None),
            ("contact.findAndUpdate", Effect::Write, None),
            ("contact.add", Effect::Write, None),
            ("list.rotate", Effect::Write, None),
            ("rotate_list", Effect::Write, None),
            ("listen", Effect::Write, None),
            ("getaway", Effect::Write, None),
            ("eth_sendTransaction", Effect::Write, None),
            ("contact.delete", Effect::Destroy, Some("delete")),
            ("contact.getAndRemove", Effect::Destroy, Some("remove")),
            ("delete_pet_by_id", Effect::Destroy, Some("delete")),
            ("contact_delete", Effect::Destroy, Some("delete")),
            ("contact.DELETE", Effect::Destroy, Some("delete")),
            ("contact.list_deleted", Effect::Read, Some("list")),
            ("-", Effect::Write, None),
        ] {
            let because = word.map_or(Because::Unknown, |word| Because::Name(word.to_owned()));
            assert_eq!(by_name(method), (effect, because), "{method}");
        }
    }

    #[test]
    fn pol_09_the_operator_is_heard_before_the_service_and_the_service_before_the_name() {
        let (read, destroy) = (Some(Effect::Read), Some(Effect::Destroy));
        assert_eq!(
            effect("x.list", destroy, read),
            (Effect::Destroy, Because::Operator)
        );
        assert_eq!(
            effect("x.list", None, destroy),
            (Effect::Destroy, Because::Service)
        );
        assert_eq!(
            effect("x.delete", read, None),
            (Effect::Read, Because::Operator)
        );
        assert_eq!(
            effect("x.frob", None, None),
            (Effect::Write, Because::Unknown)
        );
    }
}
