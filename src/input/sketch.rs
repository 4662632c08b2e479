//! What a reader would take, as a JSON Schema (2020-12): the reader is let loose on nothing, and
//! what it asks for is written down.

use std::cell::RefCell;

use serde_json::{Map, Value, json};

use super::{At, FromJson, Json};

/// Where one value's schema is written while its reader is asked.
#[derive(Default)]
pub(super) struct Sheet(RefCell<Option<Value>>);

impl Sheet {
    /// The first word counts, because a reader that says what it takes knows better than those it
    /// then calls; but two readers that share one object add up.
    pub(super) fn draw(&self, shape: Value) {
        let mut drawn = self.0.borrow_mut();
        match drawn.as_mut() {
            Some(earlier) => share(earlier, shape),
            None => *drawn = Some(shape),
        }
    }

    /// The schema; `true`, which takes anything, for a reader that did not say.
    pub(super) fn drawn(self) -> Value {
        self.0.into_inner().unwrap_or(Value::Bool(true))
    }
}

/// The members an object's reader asked for.
#[derive(Default)]
pub(super) struct Drawn {
    members: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Drawn {
    pub(super) fn member(&mut self, name: &'static str, schema: Value) {
        self.members.insert(name.to_owned(), schema);
    }

    pub(super) fn require(&mut self, name: &'static str) {
        self.required.push(name);
    }

    /// An object with these members and no others. One that need not be there may be `null`.
    pub(super) fn object(self) -> Value {
        let Drawn { mut members, required } = self;
        for (name, schema) in &mut members {
            if !required.contains(&name.as_str()) {
                allow_null(schema);
            }
        }
        json!({"type": "object", "properties": members, "required": required, "additionalProperties": false})
    }
}

/// Adds the members of one object schema to another.
fn share(earlier: &mut Value, later: Value) {
    for part in ["properties", "required"] {
        match (earlier.get_mut(part), later.get(part)) {
            (Some(Value::Object(into)), Some(Value::Object(from))) => into.extend(from.clone()),
            (Some(Value::Array(into)), Some(Value::Array(from))) => into.extend(from.iter().cloned()),
            _ => {}
        }
    }
}

/// Lets a schema take `null` besides.
fn allow_null(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    match members.get_mut("type") {
        Some(Value::String(kind)) => {
            let both = json!([kind, "null"]);
            members.insert("type".into(), both);
            if let Some(Value::Array(codes)) = members.get_mut("enum") {
                codes.push(Value::Null);
            }
        }
        _ => *schema = json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

/// The JSON Schema of what `T` reads.
pub fn schema_of<T: FromJson>() -> Value {
    let (sheet, problems) = (Sheet::default(), RefCell::default());
    let _ = T::from_json(&Json::Null, &At { sheet: Some(&sheet), ..At::root(&problems) });
    sheet.drawn()
}

/// The JSON Schema of a merge patch of what `T` reads: nothing is required, and `null` removes.
pub fn patch_schema_of<T: FromJson>() -> Value {
    let mut schema = schema_of::<T>();
    loosen(&mut schema);
    schema
}

fn loosen(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("required");
    if let Some(Value::Object(members)) = object.get_mut("properties") {
        for member in members.values_mut() {
            loosen(member);
            let nullable = member.get("type").is_none_or(|kind| kind.is_array());
            if !nullable {
                allow_null(member);
            }
        }
    }
}
