//! The part of JSON Schema that the schemas of the project use.

use serde_json::{Map, Value};

/// Keywords that only tell people something.
const NOTES: [&str; 4] = ["$schema", "$defs", "title", "description"];

/// A schema, and the validator for it.
pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn new(schema: Value) -> Schema {
        Schema(schema)
    }

    /// The first difference between `value` and the schema, with its place.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        self.compare(&self.0, value, "$")
    }

    fn compare(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        let schema = schema.as_object().expect("a schema is an object");
        for (word, said) in schema {
            match word.as_str() {
                "$ref" => self.compare(self.definition(said), value, place)?,
                "const" if value != said => return Err(format!("{place}: {value} is not {said}")),
                "enum" if !list(said).contains(value) => {
                    return Err(format!("{place}: {value} is not one of {said}"));
                }
                "type" if !is_of_type(value, said) => {
                    return Err(format!("{place}: {value} is not of the type {said}"));
                }
                "minimum" if value.is_i64() && value.as_i64() < said.as_i64() => {
                    return Err(format!("{place}: {value} is less than {said}"));
                }
                "items" => {
                    for (n, item) in list(value).iter().enumerate() {
                        self.compare(said, item, &format!("{place}[{n}]"))?;
                    }
                }
                "oneOf" => self.compare_one_of(list(said), value, place)?,
                "properties" => self.compare_fields(schema, value, place)?,
                "const" | "enum" | "type" | "minimum" | "required" => {}
                other => assert!(NOTES.contains(&other), "{place}: no test reads {other}"),
            }
        }
        Ok(())
    }

    fn compare_one_of(&self, all: &[Value], value: &Value, place: &str) -> Result<(), String> {
        let results: Vec<_> = all.iter().map(|one| self.compare(one, value, place)).collect();
        match results.iter().filter(|result| result.is_ok()).count() {
            1 => Ok(()),
            0 => {
                let faults: Vec<String> = results.into_iter().filter_map(Result::err).collect();
                Err(format!("{place}: it is none of these:\n  {}", faults.join("\n  ")))
            }
            _ => Err(format!("{place}: {value} is more than one of them")),
        }
    }

    /// The fields of an object: all that are required, and none that is not listed.
    fn compare_fields(
        &self,
        schema: &Map<String, Value>,
        value: &Value,
        place: &str,
    ) -> Result<(), String> {
        let Some(object) = value.as_object() else {
            return Err(format!("{place}: {value} is no object"));
        };
        for name in list(&schema["required"]) {
            let name = name.as_str().expect("a name");
            if !object.contains_key(name) {
                return Err(format!("{place}: there is no {name}"));
            }
        }
        for (name, field) in object {
            let place = format!("{place}.{name}");
            match schema["properties"].get(name) {
                Some(said) => self.compare(said, field, &place)?,
                None => return Err(format!("{place}: the schema has no such field")),
            }
        }
        Ok(())
    }

    fn definition(&self, reference: &Value) -> &Value {
        let path = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let path = path.expect("a reference to this schema");
        self.0.pointer(path).unwrap_or_else(|| panic!("no definition {path}"))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_of_type(value: &Value, types: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("null") => value.is_null(),
        _ => panic!("no test reads the type {name}"),
    };
    if types.is_array() { list(types).iter().any(is) } else { is(types) }
}
