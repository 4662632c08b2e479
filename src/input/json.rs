//! JSON as a tree that refuses what a body must not have: a key twice, or deep nesting.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};

/// Objects and lists may be nested this deep.
const DEPTH: usize = 12;

/// A JSON value in which no object has a key twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, exactly as a 64-bit integer or a float.
    Number(serde_json::Number),
    /// Text, not yet checked.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object in the order it was written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads bytes. Errors: 400, with a code and never a position that quotes the text.
    pub fn parse(bytes: &[u8]) -> Result<Json> {
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let tree = Tree { depth: 0 }.deserialize(&mut from).map_err(|error| {
            Error::Malformed(match error.to_string() {
                told if told.starts_with(TWICE) => TWICE,
                told if told.starts_with(DEEP) => DEEP,
                _ => "not_json",
            })
        })?;
        from.end().map_err(|_| Error::Malformed("not_json"))?;
        Ok(tree)
    }

    /// The member of an object, if it has it and it is not `null`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                members.iter().find(|(key, value)| key == name && *value != Json::Null).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// RFC 7396: `patch` over `self`; `null` removes.
    pub fn merged(self, patch: &Json) -> Json {
        let Json::Object(changes) = patch else { return patch.clone() };
        let mut members = match self {
            Json::Object(members) => members,
            _ => Vec::new(),
        };
        for (key, change) in changes {
            let place = members.iter().position(|(name, _)| name == key);
            match (place, change) {
                (Some(place), Json::Null) => {
                    members.remove(place);
                }
                (None, Json::Null) => {}
                (Some(place), change) => {
                    if let Some((_, value)) = members.get_mut(place) {
                        *value = std::mem::replace(value, Json::Null).merged(change);
                    }
                }
                (None, change) => members.push((key.clone(), Json::Null.merged(change))),
            }
        }
        Json::Object(members)
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Json::Null => to.serialize_unit(),
            Json::Bool(value) => to.serialize_bool(*value),
            Json::Number(value) => value.serialize(to),
            Json::Text(value) => to.serialize_str(value),
            Json::List(items) => to.collect_seq(items),
            Json::Object(members) => to.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

const TWICE: &str = "duplicate_key";
const DEEP: &str = "nested_too_deep";

struct Tree {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Json;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Json, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Json;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> std::result::Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> std::result::Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> std::result::Result<Json, E> {
        Ok(Json::Number(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> std::result::Result<Json, E> {
        Ok(Json::Number(value.into()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> std::result::Result<Json, E> {
        serde_json::Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("not a number"))
    }
    fn visit_str<E>(self, value: &str) -> std::result::Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> std::result::Result<Json, E> {
        Ok(Json::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Json, A::Error> {
        if self.depth >= DEPTH {
            return Err(de::Error::custom(DEEP));
        }
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Tree { depth: self.depth + 1 })? {
            list.push(item);
        }
        Ok(Json::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Json, A::Error> {
        if self.depth >= DEPTH {
            return Err(de::Error::custom(DEEP));
        }
        let mut object: Vec<(String, Json)> = Vec::new();
        let mut many = std::collections::HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            // A linear look is fastest for the few keys an honest body has; a hostile one with
            // thousands must not cost their square.
            let twice = match object.len() {
                0..32 => object.iter().any(|(seen, _)| *seen == key),
                32 => {
                    many.extend(object.iter().map(|(seen, _)| seen.clone()));
                    !many.insert(key.clone())
                }
                _ => !many.insert(key.clone()),
            };
            if twice {
                return Err(de::Error::custom(TWICE));
            }
            object.push((key, members.next_value_seed(Tree { depth: self.depth + 1 })?));
        }
        Ok(Json::Object(object))
    }
}
