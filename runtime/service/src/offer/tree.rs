//! A document as it was read: a tree that borrows from the document's bytes. A part takes a few times its own length,
//! where the usual tree of JSON takes forty times that of `{"a":0}`. Made once for each document, walked while what it
//! describes is worked out, and gone then. It must never depend on the order of keys. THREAT[SVC-04]

use crate::text;
use serde::{
    Serialize, Serializer,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Number, Value};
use std::{borrow::Cow, cell::Cell, fmt};

/// One value.
#[derive(Debug)]
pub(crate) enum Node<'d> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'d, str>),
    Array(Box<[Node<'d>]>),
    /// In the order of the keys, none of which stands twice.
    Object(Box<[(Cow<'d, str>, Node<'d>)]>),
}

impl<'d> Node<'d> {
    /// Reads a document as strictly as [`crate::json::parse`] reads arguments. So many parts may be in it.
    pub(crate) fn read(bytes: &'d [u8], most: usize) -> Result<Self, crate::json::JsonError> {
        let invalid = |error: serde_json::Error| {
            crate::json::JsonError::Invalid(text::line(&error.to_string(), 200))
        };
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let node = StrictTree(&Cell::new(most))
            .deserialize(&mut deserializer)
            .map_err(invalid)?;
        deserializer.end().map_err(invalid)?;
        Ok(node)
    }

    /// The member of this name.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let members = self.as_object()?;
        let at = members
            .binary_search_by(|(name, _)| name.as_ref().cmp(key))
            .ok()?;
        members.get(at).map(|(_, value)| value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&[(Cow<'d, str>, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// What a JSON pointer leads to.
    pub(crate) fn pointer(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        let steps = pointer.strip_prefix('/')?.split('/');
        steps.into_iter().try_fold(self, |node, step| {
            let step: Cow<'_, str> = if step.contains('~') {
                step.replace("~1", "/").replace("~0", "~").into()
            } else {
                step.into()
            };
            match node {
                Self::Object(_) => node.get(&step),
                Self::Array(items) => {
                    let plain = !step.starts_with('+') && (!step.starts_with('0') || step == "0");
                    items.get(step.parse::<usize>().ok().filter(|_| plain)?)
                }
                _ => None,
            }
        })
    }

    /// The usual tree of the same.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.clone().into_owned()),
            Self::Array(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(members) => members
                .iter()
                .map(|(key, value)| (key.clone().into_owned(), value.to_value()))
                .collect(),
        }
    }

    /// How many values it holds, itself included, and how many bytes of text these and their keys are.
    pub(crate) fn size(&self) -> (usize, usize) {
        let join = |(parts, bytes): (usize, usize), key: &str, value: &Self| {
            let (more, text) = value.size();
            (
                parts.saturating_add(more),
                bytes.saturating_add(text).saturating_add(key.len()),
            )
        };
        match self {
            Self::String(text) => (1, text.len()),
            Self::Array(items) => items.iter().fold((1, 0), |sum, item| join(sum, "", item)),
            Self::Object(members) => members
                .iter()
                .fold((1, 0), |sum, (key, value)| join(sum, key, value)),
            _ => (1, 0),
        }
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Counts down the parts that may follow.
struct StrictTree<'b>(&'b Cell<usize>);

/// A key, borrowed where it can be.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for StrictTree<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            None => return Err(Error::custom("it has too many parts")),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictTree<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Node::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Node::String(Cow::Owned(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(StrictTree(self.0))? {
            all.push(item);
        }
        Ok(Node::Array(all.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut all: Vec<(Cow<'de, str>, Node<'de>)> = Vec::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            all.push((key, entries.next_value_seed(StrictTree(self.0))?));
        }
        // The same document in another order is the same document.
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let twice = all
            .iter()
            .zip(all.iter().skip(1))
            .find(|((a, _), (b, _))| a == b);
        if let Some(((key, _), _)) = twice {
            // THREAT[POL-03]: one reader takes the first, another the last.
            return Err(Error::custom(format_args!(
                "the key `{}` occurs twice",
                text::line(key, 60)
            )));
        }
        Ok(Node::Object(all.into()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn svc_04_a_part_of_a_document_is_a_pointer_and_two_words() {
        assert_eq!(std::mem::size_of::<Node<'_>>(), 24);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            let key = prop_oneof!["[a-c]", "[0-9~/]{1,2}", any::<String>()];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(key, inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn pointers(at: &str, value: &Value, all: &mut Vec<String>) {
        all.push(at.to_owned());
        match value {
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    pointers(&format!("{at}/{n}"), item, all);
                }
            }
            Value::Object(map) => {
                for (key, item) in map {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    pointers(&format!("{at}/{key}"), item, all);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn svc_01_a_tree_has_as_many_parts_as_it_may_and_no_more() {
        for (bytes, parts) in [("[1,[2],{\"a\":3}]", 6), ("{}", 1)] {
            assert!(Node::read(bytes.as_bytes(), parts).is_ok(), "{bytes}");
            let refused = Node::read(bytes.as_bytes(), parts - 1)
                .unwrap_err()
                .to_string();
            assert!(refused.contains("too many parts"), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn svc_04_the_tree_says_what_the_usual_one_says(value in json(), elsewhere in "(/[a-c0~+]{0,2}){0,3}") {
            let mut value = value;
            let text = value.to_string();
            let node = Node::read(text.as_bytes(), usize::MAX).unwrap();
            value.sort_all_objects();
            prop_assert_eq!(serde_json::to_string(&node).unwrap(), value.to_string());
            prop_assert_eq!(node.to_value(), value.clone());
            prop_assert_eq!(node.size(), crate::offer::weight::size(&value));
            let mut all = vec![elsewhere];
            pointers("", &value, &mut all);
            for pointer in all {
                prop_assert_eq!(node.pointer(&pointer).map(Node::to_value), value.pointer(&pointer).cloned());
            }
        }

        #[test]
        fn svc_01_the_tree_refuses_what_is_refused_elsewhere(bytes in "[\\[\\]{}:,\"a0-]{0,12}") {
            let other = crate::json::parse(bytes.as_bytes(), &Cell::new(5));
            prop_assert_eq!(Node::read(bytes.as_bytes(), 5).is_ok(), other.is_ok(), "{}", bytes);
        }
    }
}
