//! Documented answers that need settings of their own. That every other answer is
//! documented, and every documented one answered, is checked by [`crate::contract`].

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;

use super::{everything, operations, settings};
use crate::client::Client;
use crate::request::Request;
use crate::transport::{Framework, each_framework};

/// An id that nothing has.
const ID: &str = "0123456789abcdef01234567";

each_framework!(
    a_body_that_does_not_come_is_a_documented_problem_of_each_endpoint,
    a_recent_password_is_documented_where_the_settings_demand_one,
);

fn with_ids(path: &str) -> String {
    path.replace("{id}", ID).replace("{session_id}", ID)
}

/// The first example of the body.
fn example(client: &Client, method: &Method, path: &str) -> Value {
    let operation = client.document.operation(method, path).unwrap();
    let content = &operation["requestBody"]["content"]["application/json"];
    let examples = content["examples"].as_object();
    let first = examples.and_then(|examples| examples.values().next());
    first.map_or(Value::Null, |example| example["value"].clone())
}

async fn a_body_that_does_not_come_is_a_documented_problem_of_each_endpoint(framework: Framework) {
    let mut http = everything();
    http.body_timeout = Duration::from_millis(1);
    let server = Client::whole(framework, settings(), http);
    for (method, path, _) in operations(server.document.value()) {
        let request = Request::new(method.as_str(), &with_ids(&path));
        let never = StreamBody::new(futures_util::stream::pending()).boxed();
        let answer = server.send_body(request, never).await;
        assert_eq!(answer.code(), (408, "request_timeout"), "{path}");
    }
}

async fn a_recent_password_is_documented_where_the_settings_demand_one(framework: Framework) {
    let age = Duration::from_secs(300);
    let mut settings = settings();
    settings.recent_login_for_administration = Some(age);
    let server = Client::whole(framework, settings, everything());
    let ada = server.with_role("ada@example.org", "admin").await;
    server.bed.clock.advance(2 * age);
    let demanding = server
        .document
        .outcomes()
        .into_iter()
        .filter(|(_, code)| code == "recent_login_required")
        .map(|(operation, _)| operation);
    // The first three need a second factor that a session has not proved.
    let expected = [
        "changePassword",
        "confirmPassword",
        "reauthenticate",
        "changeUserRoles",
        "createUser",
        "setUserStatus",
    ];
    assert_eq!(
        demanding.collect::<BTreeSet<_>>(),
        expected.map(str::to_owned).into()
    );
    for (method, path) in [(Method::PUT, "status"), (Method::POST, "roles")] {
        let body = example(&server, &method, &format!("/admin/users/{ID}/{path}"));
        let line = format!("{method} /admin/users/{ID}/{path}");
        server.ask(&line, &ada, body, "recent_login_required").await;
    }
}
