//! The document has the routes, the problems and the settings that there are.

use std::collections::{BTreeMap, BTreeSet};

use admittance::config::RegistrationMode;
use admittance::http::{HttpConfig, ProblemCode};
use serde_json::Value;

use super::{everything, operations, settings, text};
use crate::client::{Api, Client};
use crate::request::get;
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, config};

each_framework!(the_document_is_served_when_the_settings_say_so_and_only_then,);

fn client(http: HttpConfig) -> Client {
    Client::with_provider(Framework::Axum, settings(), http)
}

fn api(http: HttpConfig) -> Api {
    client(http).api
}

#[test]
fn the_document_has_exactly_the_routes_that_are_there() {
    let (mut admin, mut openapi) = (HttpConfig::default(), HttpConfig::default());
    admin.admin = true;
    openapi.openapi = true;
    for http in [HttpConfig::default(), admin, openapi, everything()] {
        let api = api(http);
        let there: BTreeSet<_> = api
            .routes()
            .flat_map(|route| route.methods.iter().map(move |(method, _)| (method, route)))
            .map(|(method, route)| format!("{method} {}", route.path))
            .collect();
        let document = api.openapi();
        let documented: BTreeSet<_> = operations(&document)
            .into_iter()
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        assert_eq!(documented, there);
    }
}

#[test]
fn each_operation_has_a_name_of_its_own_words_and_the_parameters_of_its_path() {
    let document = api(everything()).openapi();
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        assert!(names.insert(text(operation, "operationId")), "{path}");
        for member in ["summary", "description"] {
            assert!(
                !text(operation, member).is_empty(),
                "{method} {path}: {member}"
            );
        }
        let none = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&none);
        let in_path: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| text(parameter, "name"))
            .collect();
        let braces: BTreeSet<_> = path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .map(str::to_owned)
            .collect();
        assert_eq!(in_path, braces, "{method} {path}");
    }
    let tags: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(_, _, operation)| operation["tags"][0].as_str().unwrap().to_owned())
        .collect();
    let listed = document["tags"].as_array().unwrap();
    let listed: BTreeSet<_> = listed.iter().map(|tag| text(tag, "name")).collect();
    assert_eq!(tags, listed);
}

#[test]
fn each_problem_code_is_in_the_document_with_its_status() {
    let document = api(everything()).openapi();
    let words = text(&document["info"], "description");
    for code in ProblemCode::ALL {
        let row = format!("| {} | `{}` |", code.status().as_u16(), code.as_str());
        assert!(words.contains(&row), "{row}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut named = BTreeMap::new();
    for (_, schema) in schemas.iter().filter(|(name, _)| name.ends_with("Problem")) {
        let code = schema["properties"]["code"]["enum"][0].as_str().unwrap();
        let status = &schema["properties"]["status"]["enum"][0];
        named.insert(code, status.as_u64().unwrap());
    }
    // Where several problems have one status, the code tells which it is.
    let responses = document["components"]["responses"].as_object().unwrap();
    for response in responses.values() {
        let schema = &response["content"]["application/problem+json"]["schema"];
        let choices = schema["oneOf"].as_array().map_or(1, Vec::len);
        let mapping = schema["discriminator"]["mapping"].as_object();
        assert_eq!(mapping.map_or(1, serde_json::Map::len), choices, "{schema}");
    }
    // No endpoint answers these by default: `recent_login_required` depends on the
    // settings, and a method that a path does not have is no operation.
    named.insert("recent_login_required", 403);
    named.insert("method_not_allowed", 405);
    let all = ProblemCode::ALL.map(|code| (code.as_str(), u64::from(code.status().as_u16())));
    assert_eq!(named, BTreeMap::from(all));
}

#[test]
fn no_name_of_rust_and_no_dangling_reference_is_in_the_document() {
    let document = api(everything()).openapi();
    let written = document.to_string();
    for odd in ["[`", "::", "crate", "None", "uint"] {
        assert!(!written.contains(odd), "{odd}");
    }
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let mut there = BTreeSet::new();
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            there.insert(format!("#/components/{kind}/{name}"));
        }
    }
    let found: BTreeSet<_> = found.into_iter().map(str::to_owned).collect();
    assert_eq!(found, there);
}

async fn the_document_is_served_when_the_settings_say_so_and_only_then(framework: Framework) {
    let off = Client::whole(framework, settings(), HttpConfig::default());
    assert_eq!(off.send(get("/openapi.json")).await.status, 404);
    let on = Client::whole(framework, settings(), everything());
    let answer = on.send(get("/openapi.json")).await;
    assert_eq!((answer.status, &answer.json), (200, &on.api.openapi()));
    assert_eq!(answer.json["openapi"], "3.1.0");
    assert_eq!(answer.json["info"]["title"], "Accounts of Exam simulator");
    assert_eq!(answer.json["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_document_follows_the_settings() {
    let statuses = |server: &Client, line: &str| {
        let (method, path) = line.split_once(' ').unwrap();
        let operation = server.document.operation(&method.parse().unwrap(), path);
        let responses = operation.unwrap()["responses"].as_object().unwrap().clone();
        responses.keys().cloned().collect::<BTreeSet<_>>()
    };
    let open = client(everything());
    let mut settings = settings();
    settings.registration = RegistrationMode::VerifyFirst;
    let closed = Client::whole(Framework::Axum, settings, everything());
    for (server, there, absent) in [
        (&open, ["201", "409"], "202"),
        (&closed, ["202", "422"], "201"),
    ] {
        let statuses = statuses(server, "POST /register");
        assert!(there.iter().all(|status| statuses.contains(*status)));
        assert!(!statuses.contains(absent));
    }

    let mut http = everything();
    http.cookies = None;
    let bare = Client::over(Framework::Axum, Bed::with(config()), http);
    for line in [
        "POST /password/forgot",
        "POST /email/resend",
        "POST /email/change",
        "GET /account/events",
    ] {
        assert!(!statuses(&open, line).contains("404"), "{line}");
        assert!(statuses(&bare, line).contains("404"), "{line}");
    }
    assert!(
        open.document
            .value()
            .to_string()
            .contains("__Host-admittance_refresh")
    );
    let without = bare.document.value().to_string().to_ascii_lowercase();
    assert!(!without.contains("cookie"));
}
