//! The components of the document: schemas of the types that are read and
//! written, and what operations have in common.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::wording::tidy;

/// Gives the reference to a schema, which is added if it is not there yet.
pub(super) type Refer = fn(&mut Components) -> Value;

pub(super) struct Components {
    read: SchemaGenerator,
    written: SchemaGenerator,
    responses: Map<String, Value>,
    headers: Map<String, Value>,
}

impl Default for Components {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        Self {
            read: settings.clone().for_deserialize().into_generator(),
            written: settings.for_serialize().into_generator(),
            responses: Map::new(),
            headers: Map::new(),
        }
    }
}

impl Components {
    /// The schema of what `T` is written as.
    pub(super) fn refer<T: JsonSchema>(&mut self) -> Value {
        Schema::into(self.written.subschema_for::<T>())
    }

    /// The schema of what `T` is read from.
    pub(super) fn refer_request<T: JsonSchema>(&mut self) -> Value {
        Schema::into(self.read.subschema_for::<T>())
    }

    /// The reference to a response.
    pub(super) fn response(&mut self, name: String, response: Value) -> Value {
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        self.responses.insert(name, response);
        reference
    }

    /// The reference to one of the headers that answers have.
    pub(super) fn header(&mut self, name: &'static str) -> Value {
        let (description, schema) = match name {
            "Retry-After" => (
                "After how many seconds another attempt makes sense.",
                json!({ "type": "integer", "minimum": 1 }),
            ),
            "WWW-Authenticate" => (
                "How to authenticate (RFC 6750).",
                json!({ "type": "string", "pattern": "^Bearer" }),
            ),
            _ => (
                "No answer may be kept.",
                json!({ "type": "string", "const": "no-store" }),
            ),
        };
        let header = json!({ "description": description, "required": true, "schema": schema });
        self.headers.insert(name.to_owned(), header);
        json!({ "$ref": format!("#/components/headers/{name}") })
    }

    /// The components object of the document (OpenAPI 3.1 §4.8.7).
    pub(super) fn written(mut self) -> Value {
        let mut schemas = self.read.take_definitions(true);
        schemas.values_mut().for_each(require_what_is_needed);
        let mut written = self.written.take_definitions(true);
        written.values_mut().for_each(leave_out_instead_of_null);
        schemas.extend(written);
        schemas.values_mut().for_each(tidy);
        json!({
            "schemas": schemas,
            "responses": self.responses,
            "headers": self.headers,
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The `token` that a login answered.",
            } },
        })
    }
}

/// Says of a request what one needs that has a chance. The types read one
/// without any field, so that validation can name them all, and refuse it
/// then. What is an `Option` may be absent but not null, and a list that is
/// absent is empty; all else is needed.
fn require_what_is_needed(schema: &mut Value) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    let mut required = Vec::new();
    for (name, property) in properties {
        if !take_null(property) && property["type"] != "array" {
            required.push(name.clone());
        }
        if let Some(property) = property.as_object_mut() {
            property.remove("default");
        }
    }
    if !required.is_empty() {
        schema["required"] = required.into();
    }
}

/// In an answer, what may be absent is absent instead of null.
fn leave_out_instead_of_null(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    for (name, property) in properties {
        if !required.iter().any(|one| one == name) {
            take_null(property);
        }
    }
}

/// Takes `null` out of what `schema` allows, if it was there.
fn take_null(schema: &mut Value) -> bool {
    let Some(schema) = schema.as_object_mut() else {
        return false;
    };
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
        return true;
    }
    if let Some(Value::Array(mut choices)) = schema.remove("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = choices.as_slice() {
            schema.extend(only.clone());
        }
        return true;
    }
    false
}
