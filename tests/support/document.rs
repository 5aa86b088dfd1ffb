//! The OpenAPI document as a judge of answers.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use admittance::clock::Clock;
use admittance::http::AuthApi;
use admittance::store::Store;
use axum::http::{HeaderMap, Method};
use jsonschema::Validator;
use serde_json::{Value, json};

/// The name of an operation, and a status or the code of a problem.
pub type Outcome = (String, String);

/// The document of an API, in which no answer may have a member that is not
/// described, although the document itself lets later versions add some.
#[derive(Debug)]
pub struct Document {
    value: Value,
    /// The validators of the schemas that were asked for, by their text.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    pub fn of<S: Store, C: Clock>(api: &AuthApi<S, C>) -> Self {
        Self::new(api.openapi())
    }

    /// The document that a server showed.
    pub fn new(mut document: Value) -> Self {
        close(&mut document);
        let schemas = document["components"]["schemas"].as_object_mut().unwrap();
        for (name, schema) in schemas {
            // What refers to a problem adds to it.
            if schema.get("properties").is_some() && name != "Problem" {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        Self {
            value: document,
            validators: Mutex::default(),
        }
    }

    /// The operation at this method and path, if there is one.
    pub fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap();
        let segments: Vec<_> = path.split('/').collect();
        let is_it = |template: &str| {
            let wanted: Vec<_> = template.split('/').collect();
            wanted.len() == segments.len()
                && wanted.iter().zip(&segments).all(|(wanted, segment)| {
                    wanted == segment || wanted.starts_with('{') && !segment.is_empty()
                })
        };
        let paths = self.value["paths"].as_object().unwrap();
        // As the routes are asked: what is written out goes before what is in braces.
        let exact = paths.get_key_value(path);
        let found = exact.or_else(|| paths.iter().find(|(template, _)| is_it(template)));
        // Methods are case-sensitive (RFC 9110 §9.1).
        let is_known = !method
            .as_str()
            .contains(|letter: char| letter.is_lowercase());
        let method = method.as_str().to_ascii_lowercase();
        found?.1.get(method).filter(|_| is_known)
    }

    /// What a reference, if it is one, refers to.
    pub fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap();
                self.value.pointer(pointer).unwrap()
            }
            None => value,
        }
    }

    /// What `schema`, a part of the document, has against `value`.
    pub fn faults(&self, schema: &Value, value: &Value) -> String {
        let validator = self.validator(schema);
        let mut faults = String::new();
        for error in validator.iter_errors(value) {
            writeln!(faults, "  {}: {error}", error.instance_path()).unwrap();
        }
        faults
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let kept = validators.entry(schema.to_string()).or_insert_with(|| {
            let whole = json!({
                "allOf": [schema],
                // What refers to a problem names all of its members.
                "unevaluatedProperties": !schema.to_string().contains("Problem"),
                "components": self.value["components"],
            });
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&whole).unwrap())
        });
        Arc::clone(kept)
    }

    /// What the document has against an answer: its status, its headers and its body;
    /// `""` if it allows it. What has no operation there is not looked at.
    pub fn complaint(
        &self,
        method: &Method,
        path: &str,
        status: u16,
        headers: &HeaderMap,
        body: &Value,
    ) -> String {
        let Some(operation) = self.operation(method, path) else {
            return String::new();
        };
        let Some(response) = operation["responses"].get(status.to_string()) else {
            return format!("{status} is not documented");
        };
        let response = self.resolved(response);
        let mut complaint = self.complaint_about_headers(response, headers);
        let kind = headers.get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().unwrap());
        match response["content"].as_object() {
            None if body.is_null() => {}
            None => complaint += "a body without a schema\n",
            Some(content) => match content.get(kind) {
                Some(content) => complaint += &self.faults(&content["schema"], body),
                None => complaint += &format!("{kind:?} is not documented\n"),
            },
        }
        complaint
    }

    fn complaint_about_headers(&self, response: &Value, headers: &HeaderMap) -> String {
        let mut complaint = String::new();
        let documented = response["headers"].as_object().unwrap();
        for (name, header) in documented {
            let header = self.resolved(header);
            if header["required"] == true && !headers.contains_key(name) {
                complaint += &format!("no {name}\n");
            }
            for value in headers.get_all(name) {
                let text = value.to_str().unwrap();
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => json!(text.parse::<u64>().unwrap()),
                    _ => json!(text),
                };
                let faults = self.faults(&header["schema"], &value);
                if !faults.is_empty() {
                    complaint += &format!("{name}: {text}\n{faults}");
                }
            }
        }
        let telling = [
            "set-cookie",
            "clear-site-data",
            "retry-after",
            "www-authenticate",
        ];
        for name in telling {
            let is_documented = documented.keys().any(|one| one.eq_ignore_ascii_case(name));
            if headers.contains_key(name) && !is_documented {
                complaint += &format!("{name} is not documented\n");
            }
        }
        complaint
    }

    /// The name of the operation that was asked for, and what came of it: the status,
    /// or the code of a problem.
    pub fn outcome(
        &self,
        method: &Method,
        path: &str,
        (status, code): (u16, &str),
    ) -> Option<Outcome> {
        let name = &self.operation(method, path)?["operationId"];
        let outcome = match status {
            400.. => code.to_owned(),
            _ => status.to_string(),
        };
        Some((name.as_str().unwrap().to_owned(), outcome))
    }

    /// All that may come of each operation.
    pub fn outcomes(&self) -> BTreeSet<Outcome> {
        let paths = self.value["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
        let mut found = BTreeSet::new();
        for operation in operations {
            let name = operation["operationId"].as_str().unwrap();
            for (status, response) in operation["responses"].as_object().unwrap() {
                let response = self.resolved(response);
                let schema = &response["content"]["application/problem+json"]["schema"];
                let Some(problems) = schema["anyOf"].as_array() else {
                    found.insert((name.to_owned(), status.clone()));
                    continue;
                };
                for problem in problems {
                    let restricted = &self.resolved(problem)["allOf"][1];
                    let code = &restricted["properties"]["code"]["enum"][0];
                    found.insert((name.to_owned(), code.as_str().unwrap().to_owned()));
                }
            }
        }
        found
    }

    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// Takes out what the document leaves open for later versions: names that it does not list,
/// and problems that it does not name.
fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(names) = members.remove("x-extensible-enum") {
                members.insert("enum".to_owned(), names);
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice["$ref"] != "#/components/schemas/Problem");
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
