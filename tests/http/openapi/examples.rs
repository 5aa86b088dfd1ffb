//! What the document shows is what the types read and write.

use std::collections::BTreeSet;

use admittance::profile::Profile;
use admittance::service::{
    Accepted, AccountExport, ChangeEmail, ChangePassword, ChangeRoles, ConfirmPassword, CreateUser,
    DeleteAccount, EmailRequest, EventList, FederatedResponse, FindUser, FinishFederation,
    IdentityList, LinkIdentity, LinkRequest, LoginRequest, LoginResponse, LogoutRequest,
    LogoutResponse, PasswordStrength, PasswordStrengthRequest, PatchProfile, PendingAccount,
    ProveSecondFactor, ProviderList, Reauthenticate, RefreshRequest, RegisterRequest,
    RegisterResponse, ResetPassword, SessionList, SetStatus, StartFederation, StartedFederation,
    UpdateProfile, UserEventList, UserList, UserView, VerifyEmail,
};
use admittance::token::Jwks;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{everything, operations, settings};
use crate::client::Client;
use crate::transport::Framework;

fn server() -> Client {
    Client::with_provider(Framework::Axum, settings(), everything())
}

fn name_of(schema: &Value) -> &str {
    schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap()
}

/// Whether the type behind a request's schema reads `value`.
fn reads(name: &str, value: &Value) -> bool {
    fn is<T: DeserializeOwned>(value: &Value) -> bool {
        T::deserialize(value).is_ok()
    }
    match name {
        "RegisterRequest" => is::<RegisterRequest>(value),
        "LoginRequest" => is::<LoginRequest>(value),
        "ProveSecondFactor" => is::<ProveSecondFactor>(value),
        "CreateUser" => is::<CreateUser>(value),
        "RefreshRequest" => is::<RefreshRequest>(value),
        "LogoutRequest" => is::<LogoutRequest>(value),
        "PatchProfile" => is::<PatchProfile>(value),
        "UpdateProfile" => is::<UpdateProfile>(value),
        "ChangePassword" => is::<ChangePassword>(value),
        "Reauthenticate" => is::<Reauthenticate>(value),
        "ConfirmPassword" => is::<ConfirmPassword>(value),
        "PasswordStrengthRequest" => is::<PasswordStrengthRequest>(value),
        "EmailRequest" => is::<EmailRequest>(value),
        "ResetPassword" => is::<ResetPassword>(value),
        "VerifyEmail" => is::<VerifyEmail>(value),
        "LinkRequest" => is::<LinkRequest>(value),
        "ChangeEmail" => is::<ChangeEmail>(value),
        "DeleteAccount" => is::<DeleteAccount>(value),
        "FindUser" => is::<FindUser>(value),
        "SetStatus" => is::<SetStatus>(value),
        "ChangeRoles" => is::<ChangeRoles>(value),
        "StartFederation" => is::<StartFederation>(value),
        "FinishFederation" => is::<FinishFederation>(value),
        "LinkIdentity" => is::<LinkIdentity>(value),
        other => panic!("which type is {other}?"),
    }
}

/// `value` read and written again by the type behind an answer's schema.
fn round_trip(name: &str, value: &Value) -> Value {
    fn with<T: DeserializeOwned + Serialize>(value: &Value) -> Value {
        serde_json::to_value(T::deserialize(value).unwrap()).unwrap()
    }
    match name {
        "RegisterResponse" => with::<RegisterResponse>(value),
        "LoginResponse" => with::<LoginResponse>(value),
        "LogoutResponse" => with::<LogoutResponse>(value),
        "Accepted" => with::<Accepted>(value),
        "Profile" => with::<Profile>(value),
        "PasswordStrength" => with::<PasswordStrength>(value),
        "SessionList" => with::<SessionList>(value),
        "EventList" => with::<EventList>(value),
        "AccountExport" => with::<AccountExport>(value),
        "Jwks" => with::<Jwks>(value),
        "ProviderList" => with::<ProviderList>(value),
        "StartedFederation" => with::<StartedFederation>(value),
        "FederatedResponse" => with::<FederatedResponse>(value),
        "PendingAccount" => with::<PendingAccount>(value),
        "IdentityList" => with::<IdentityList>(value),
        "UserView" => with::<UserView>(value),
        "UserList" => with::<UserList>(value),
        "UserEventList" => with::<UserEventList>(value),
        other => panic!("which type is {other}?"),
    }
}

/// Each schema of a request, and an example of it.
fn requests(server: &Client) -> Vec<(&Value, &Value)> {
    let mut found = Vec::new();
    for (_, _, operation) in operations(server.document.value()) {
        let content = &operation["requestBody"]["content"]["application/json"];
        let Some(examples) = content["examples"].as_object() else {
            continue;
        };
        assert!(!examples.is_empty(), "{operation}");
        for example in examples.values() {
            found.push((&content["schema"], &example["value"]));
        }
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}

#[test]
fn examples_of_requests_are_read_and_with_an_unknown_member_refused() {
    let server = server();
    for (schema, example) in requests(&server) {
        let name = name_of(schema);
        assert_eq!(server.document.faults(schema, example), "", "{name}");
        assert!(reads(name, example), "{name}: {example}");
        let mut more = example.clone();
        more["unknown"] = json!(1);
        assert!(!reads(name, &more), "{name}");
        assert_ne!(server.document.faults(schema, &more), "", "{name}");
    }
}

#[test]
fn the_schema_of_a_request_says_of_each_member_what_the_type_says() {
    let server = server();
    for (schema, example) in requests(&server) {
        let name = name_of(schema);
        let properties = &server.document.resolved(schema)["properties"];
        for member in properties.as_object().unwrap().keys() {
            for odd in [
                json!(null),
                json!(7),
                json!("text"),
                json!([]),
                json!({}),
                json!(true),
            ] {
                let mut changed = example.clone();
                changed[member] = odd.clone();
                // Whether a text is an address is checked later, with 422.
                let is_format = odd.is_string() && properties[member]["format"] == "email";
                let faults = server.document.faults(schema, &changed);
                assert_eq!(
                    reads(name, &changed),
                    faults.is_empty() || is_format,
                    "{name}: {member}: {odd}\n{faults}"
                );
            }
        }
    }
}

#[test]
fn examples_of_answers_are_what_the_types_write() {
    let server = server();
    let mut names = BTreeSet::new();
    for (_, path, operation) in operations(server.document.value()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = server.document.resolved(response);
            let Some(content) = response["content"].as_object() else {
                assert!(["204", "303"].contains(&status.as_str()), "{status}");
                continue;
            };
            for (kind, content) in content {
                let examples = content["examples"].as_object().unwrap();
                assert!(!examples.is_empty(), "{path} {status}");
                for (name, example) in examples {
                    let example = &example["value"];
                    let faults = server.document.faults(&content["schema"], example);
                    assert_eq!(faults, "", "{path} {status}: {name}: {example}");
                    let is_whole = kind == "application/json" && name != "answer";
                    if is_whole && !name.ends_with("WithCookies") {
                        names.insert(name.clone());
                        assert_eq!(&round_trip(name, example), example, "{name}");
                    }
                }
            }
        }
    }
    assert!(names.len() > 10, "{names:?}");
    let jwks = &server
        .document
        .operation(&"GET".parse().unwrap(), "/.well-known/jwks.json");
    let example = &jwks.unwrap()["responses"]["200"]["content"]["application/json"]["examples"];
    assert_eq!(example["Jwks"]["value"]["keys"][0]["crv"], "Ed25519");
}
