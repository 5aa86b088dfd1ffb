//! The components of the document: schemas of the types that are read and
//! written, and what operations have in common.

use std::collections::BTreeMap;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::wording::tidy;
use crate::http::transport::IN_COOKIES;
use crate::http::{CookieConfig, ProblemCode};

/// Gives the reference to a schema, which is added if it is not there yet.
pub(super) type Refer = fn(&mut Components) -> Value;

pub(super) struct Components {
    cookies: Option<CookieConfig>,
    without_tokens: BTreeMap<String, String>,
    /// Schemas of problems, by name.
    pub(super) problems: BTreeMap<String, ProblemCode>,
    read: SchemaGenerator,
    written: SchemaGenerator,
    responses: Map<String, Value>,
    headers: Map<String, Value>,
}

impl Components {
    /// None yet. `cookies` says how sessions are kept in cookies, if they are.
    pub(super) fn new(cookies: Option<CookieConfig>) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        Self {
            cookies,
            without_tokens: BTreeMap::new(),
            problems: BTreeMap::new(),
            read: settings.clone().for_deserialize().into_generator(),
            written: settings.for_serialize().into_generator(),
            responses: Map::new(),
            headers: Map::new(),
        }
    }

    /// Whether sessions may be kept in cookies.
    pub(super) fn has_cookies(&self) -> bool {
        self.cookies.is_some()
    }

    /// The schema of what `T` is written as.
    pub(super) fn refer<T: JsonSchema>(&mut self) -> Value {
        Schema::into(self.written.subschema_for::<T>())
    }

    /// The schema of what `T` is read from.
    pub(super) fn refer_request<T: JsonSchema>(&mut self) -> Value {
        Schema::into(self.read.subschema_for::<T>())
    }

    /// The same with its tokens in cookies.
    pub(super) fn refer_without_tokens<T: JsonSchema>(&mut self) -> Value {
        self.refer::<T>();
        let whole = T::schema_name().into_owned();
        let name = format!("{whole}WithCookies");
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.without_tokens.insert(name, whole);
        reference
    }

    /// The reference to a response.
    pub(super) fn response(&mut self, name: String, response: Value) -> Value {
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        self.responses.insert(name, response);
        reference
    }

    /// The reference to one of the headers that answers have.
    pub(super) fn header(&mut self, name: &'static str) -> Value {
        let (description, is_always_there, schema) = match name {
            "Retry-After" => (
                "The seconds to wait before another attempt.",
                true,
                json!({ "type": "integer", "minimum": 1 }),
            ),
            "WWW-Authenticate" => (
                "How to authenticate (RFC 6750).",
                true,
                json!({ "type": "string", "pattern": "^Bearer"  }),
            ),
            "Set-Cookie" => (
                "The cookies of the session, for clients that requested or sent cookies; without a \
                 value when the session has ended. One header each.",
                false,
                json!({ "type": "string" }),
            ),
            "ETag" => (
                "The tag of the name and the preferences, for `If-Match`.",
                true,
                json!({ "type": "string", "pattern": "^\"[0-9A-Za-z_-]{22}\"$" }),
            ),
            "Clear-Site-Data" => (
                "What the browser clears when a session in cookies ends.",
                false,
                json!({ "type": "string" }),
            ),
            _ => (
                "No answer may be kept.",
                true,
                json!({ "type": "string", "enum": ["no-store"] }),
            ),
        };
        let mut header =
            json!({ "description": description, "required": is_always_there, "schema": schema });
        if name == "WWW-Authenticate" {
            put(
                &mut header,
                "example",
                "Bearer error=\"invalid_token\"".into(),
            );
        }
        self.headers.insert(name.to_owned(), header);
        json!({ "$ref": format!("#/components/headers/{name}") })
    }

    /// The components object of the document (OpenAPI 3.1 §4.8.7).
    pub(super) fn written(mut self) -> Value {
        let mut schemas = self.read.take_definitions(true);
        schemas.values_mut().for_each(require_what_is_needed);
        let mut written = self.written.take_definitions(true);
        written.values_mut().for_each(leave_out_instead_of_null);
        let problem = written.remove("Problem").unwrap_or_default();
        written.remove("ProblemCode");
        let with_ticket = [ProblemCode::SecondFactorRequired, ProblemCode::LinkRequired];
        if !self
            .problems
            .values()
            .any(|code| with_ticket.contains(code))
        {
            // No other problem has one.
            written.remove("Ticket");
        }
        for (name, code) in self.problems {
            written.insert(name, narrowed(problem.clone(), code));
        }
        for (name, whole) in self.without_tokens {
            let schema = written.get(&whole).cloned().unwrap_or_default();
            written.insert(name, without_tokens(schema));
        }
        schemas.extend(written);
        schemas.values_mut().for_each(tidy);
        for name in MAY_GROW {
            schemas.get_mut(name).map(open);
        }
        json!({
            "schemas": schemas,
            "responses": self.responses,
            "headers": self.headers,
            "securitySchemes": security_schemes(self.cookies.as_ref()),
        })
    }
}

/// The schema of `code`, made of that of all problems.
fn narrowed(mut schema: Value, code: ProblemCode) -> Value {
    let has: &[&str] = match code {
        ProblemCode::ValidationFailed => &["errors"],
        ProblemCode::RecentLoginRequired => &["methods"],
        ProblemCode::SecondFactorRequired => &["methods", "ticket", "expires_in"],
        ProblemCode::LinkRequired => &["ticket", "expires_in", "can_start_anew"],
        _ => &[],
    };
    let only = [
        "errors",
        "methods",
        "ticket",
        "expires_in",
        "can_start_anew",
    ];
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.retain(|name, _| !only.contains(&name.as_str()) || has.contains(&name.as_str()));
        let status = code.status().as_u16();
        for (name, value) in [
            ("code", json!({ "type": "string", "enum": [code.as_str()] })),
            ("status", json!({ "type": "integer", "enum": [status] })),
        ] {
            properties.insert(name.to_owned(), value);
        }
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.extend(has.iter().map(|name| json!(name)));
    }
    put(&mut schema, "description", code.detail().into());
    schema
}

/// The lists of names that later versions add to.
const MAY_GROW: [&str; 6] = [
    "ErrorCode",
    "MailKind",
    "Notice",
    "Operation",
    "TokenPurpose",
    "ViolationCode",
];

/// Makes a choice of names a text, so that clients read a name that they do not know. The
/// known names are in `x-extensible-enum`.
fn open(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if let Some(names) = members.remove("enum") {
        members.insert("x-extensible-enum".to_owned(), names);
    }
    if let Some(Value::String(text)) = members.get_mut("description") {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        *text = format!("{first} Later versions may add values.\n{rest}")
            .trim_end()
            .to_owned();
    }
}

fn security_schemes(cookies: Option<&CookieConfig>) -> Value {
    let mut schemes = json!({ "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `token` that a login answered.",
    } });
    let Some(cookies) = cookies else {
        return schemes;
    };
    for (scheme, name, description) in [
        (
            "cookie",
            cookies.token_name(),
            "Set by a login that requested cookies. A request that may change something must come from a page of this \
             server or of an allowed origin.",
        ),
        (
            "refreshCookie",
            cookies.refresh_name(),
            "Set beside the other, for `POST /refresh` and `POST /logout`.",
        ),
    ] {
        let cookie =
            json!({ "type": "apiKey", "in": "cookie", "name": name, "description": description });
        put(&mut schemes, scheme, cookie);
    }
    schemes
}

/// Adds a member to `object`.
pub(super) fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// The schema of an answer whose tokens are in cookies.
fn without_tokens(mut schema: Value) -> Value {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.retain(|name, _| !IN_COOKIES.contains(&name.as_str()));
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !IN_COOKIES.iter().any(|one| name == one));
    }
    schema
}

/// Says of a request what one needs that has a chance. The types read one
/// without any field, so that validation can name them all, and refuse it
/// then. What may be null may be absent, which means the same; all else is needed.
fn require_what_is_needed(schema: &mut Value) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    let mut required = Vec::new();
    for (name, property) in properties {
        if let Some(property) = property.as_object_mut() {
            property.remove("default");
        }
        if !is_nullable(property) {
            required.push(name.clone());
        }
    }
    if !required.is_empty() {
        put(schema, "required", required.into());
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

/// Returns `true` if `schema` allows `null`.
fn is_nullable(schema: &Value) -> bool {
    let kinds = schema["type"].as_array().into_iter().flatten();
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    kinds
        .chain(choices.map(|choice| &choice["type"]))
        .any(|kind| kind == "null")
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
