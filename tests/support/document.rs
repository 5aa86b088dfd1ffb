//! The OpenAPI document as a judge of answers.

use std::fmt::Write;

use admittance::clock::Clock;
use admittance::http::AuthApi;
use admittance::store::Store;
use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

/// The document of an API, in which no answer may have a member that is not
/// described, although the document itself lets later versions add some.
#[derive(Debug)]
pub struct Document(Value);

impl Document {
    pub fn of<S: Store, C: Clock>(api: &AuthApi<S, C>) -> Self {
        let mut document = api.openapi();
        let schemas = document["components"]["schemas"].as_object_mut().unwrap();
        for (name, schema) in schemas {
            // Whatever refers to a problem adds to it.
            if schema.get("properties").is_some() && name != "Problem" {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        Self(document)
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
        let paths = self.0["paths"].as_object().unwrap();
        // As the routes are asked: what is written out goes before what is in braces.
        let exact = paths.get_key_value(path);
        let found = exact.or_else(|| paths.iter().find(|(template, _)| is_it(template)));
        found?.1.get(method.as_str().to_ascii_lowercase())
    }

    /// What a reference, if it is one, refers to.
    pub fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap();
                self.0.pointer(pointer).unwrap()
            }
            None => value,
        }
    }

    /// What `schema`, a part of the document, has against `value`.
    pub fn faults(&self, schema: &Value, value: &Value) -> String {
        let whole = json!({
            "allOf": [schema],
            "unevaluatedProperties": schema.get("allOf").is_none(),
            "components": self.0["components"],
        });
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        let mut faults = String::new();
        for error in validator.iter_errors(value) {
            writeln!(faults, "  {}: {error}", error.instance_path()).unwrap();
        }
        faults
    }

    /// Fails unless the document says that this may be answered: the status, the
    /// headers and the body. What has no operation there is not looked at.
    pub fn accepts(
        &self,
        method: &Method,
        path: &str,
        status: u16,
        headers: &HeaderMap,
        body: &Value,
    ) {
        let Some(operation) = self.operation(method, path) else {
            return;
        };
        let shown = format!("{method} {path}: {status} {body}");
        let response = operation["responses"].get(status.to_string());
        let response = response.unwrap_or_else(|| panic!("not documented: {shown}"));
        let response = self.resolved(response);
        self.accepts_headers(response, headers, &shown);
        let Some(content) = response["content"].as_object() else {
            assert_eq!(body, &Value::Null, "a body without a schema: {shown}");
            return;
        };
        let kind = headers["content-type"].to_str().unwrap();
        let content = content.get(kind);
        let content = content.unwrap_or_else(|| panic!("{kind} is not documented: {shown}"));
        let faults = self.faults(&content["schema"], body);
        assert!(faults.is_empty(), "{shown}\n{faults}");
    }

    fn accepts_headers(&self, response: &Value, headers: &HeaderMap, shown: &str) {
        let documented = response["headers"].as_object().unwrap();
        for (name, header) in documented {
            let header = self.resolved(header);
            let is_needed = header["required"] == true;
            assert!(
                !is_needed || headers.contains_key(name),
                "no {name}: {shown}"
            );
            for value in headers.get_all(name) {
                let text = value.to_str().unwrap();
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => json!(text.parse::<u64>().unwrap()),
                    _ => json!(text),
                };
                let faults = self.faults(&header["schema"], &value);
                assert!(faults.is_empty(), "{name} of {shown}\n{faults}");
            }
        }
        let telling = [
            "set-cookie",
            "clear-site-data",
            "retry-after",
            "www-authenticate",
        ];
        for name in telling
            .into_iter()
            .filter(|name| headers.contains_key(*name))
        {
            let is_documented = documented.keys().any(|one| one.eq_ignore_ascii_case(name));
            assert!(is_documented, "{name} is not documented: {shown}");
        }
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}
