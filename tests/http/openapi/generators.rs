//! What generators of clients need of the document.

use serde_json::{Value, json};

use super::{everything, operations, settings};
use crate::client::Client;
use crate::transport::Framework;

fn document() -> Value {
    Client::with_provider(Framework::Axum, settings(), everything())
        .api
        .openapi()
}

/// Every object in `value`, with where it is.
fn objects<'v>(value: &'v Value, place: &str, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(members) => {
            found.push((place.to_owned(), value));
            for (name, member) in members {
                objects(member, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn schemas_have_no_constants_and_every_list_of_values_has_a_type() {
    let document = document();
    let mut found = Vec::new();
    objects(&document, "", &mut found);
    for (place, object) in found {
        assert!(object.get("const").is_none(), "{place}");
        if object["enum"].is_array() || object["x-extensible-enum"].is_array() {
            assert!(object["type"].is_string(), "{place}");
        }
        if object.get("propertyNames").is_some() {
            assert_eq!(object["additionalProperties"], true, "{place}");
        }
        assert_ne!(object["format"], "email", "{place}");
        let branches = object["anyOf"].as_array().into_iter().flatten();
        for branch in branches {
            let is_told = branch["type"].is_string() || branch["$ref"].is_string();
            assert!(is_told, "{place}: {branch}");
        }
    }
}

#[test]
fn lists_of_names_that_may_grow_are_open_and_say_so() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for name in ["Operation", "Notice", "MailKind", "ErrorCode", "FieldPath"] {
        let schema = &schemas[name];
        assert_eq!(schema["type"], "string", "{name}");
        assert!(schema.get("enum").is_none(), "{name}");
        let names = schema["x-extensible-enum"].as_array().unwrap();
        assert!(names.len() > 5, "{name}");
        let words = schema["description"].as_str().unwrap();
        assert!(words.contains("Later versions may add values."), "{words}");
    }
    // What a request takes does not grow by itself.
    assert_eq!(schemas["UserStatus"]["enum"], json!(["active", "disabled"]));
}

#[test]
fn each_problem_has_a_schema_of_its_name_and_requires_what_it_always_has() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let plain = ["type", "title", "status", "code", "detail"];
    for (name, more) in [
        ("ForbiddenProblem", &[][..]),
        ("ValidationFailedProblem", &["errors"]),
        ("RecentLoginRequiredProblem", &["methods"]),
        (
            "SecondFactorRequiredProblem",
            &["methods", "ticket", "expires_in"],
        ),
    ] {
        let expected = [&plain[..], more].concat();
        assert_eq!(schemas[name]["required"], json!(expected), "{name}");
        let has = schemas[name]["properties"].as_object().unwrap().len();
        assert_eq!(has, expected.len(), "{name}");
    }
    let challenge = &document["components"]["headers"]["WWW-Authenticate"];
    assert_eq!(challenge["example"], "Bearer error=\"invalid_token\"");
}

#[test]
fn of_several_answers_the_one_with_the_fewest_members_is_the_last() {
    let document = document();
    let verify = &document["paths"]["/email/verify"]["post"]["responses"]["200"];
    let names: Vec<_> = verify["content"]["application/json"]["schema"]["anyOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice["$ref"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(
        names,
        ["LoginResponse", "LoginResponseWithCookies", "Accepted"]
    );
    let ip = &document["components"]["schemas"]["SessionView"]["properties"]["ip"]["anyOf"];
    assert_eq!(
        *ip,
        json!([
            { "type": "string", "format": "ipv4" },
            { "type": "string", "format": "ipv6" },
            { "type": "null" },
        ])
    );
}

#[test]
fn the_security_of_an_operation_is_what_the_server_takes() {
    let document = document();
    for (_, path, operation) in operations(&document) {
        let security = &operation["security"];
        let expected = match path.as_str() {
            "/refresh" => json!([{ "refreshCookie": [] }, {}]),
            "/logout" => json!([{ "bearer": [] }, { "cookie": [] }, { "refreshCookie": [] }, {}]),
            _ => continue,
        };
        assert_eq!(*security, expected, "{path}");
        assert_eq!(operation["requestBody"]["required"], false, "{path}");
    }
    let strength = &document["components"]["schemas"]["PasswordStrengthRequest"];
    assert_eq!(strength["required"], json!(["password"]));
}
