//! Changes of a profile at the same time, and changes that rest on an old one.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::{Client, text};
use crate::request::{Request, get};
use crate::transport::{Framework, each_framework};
use support::bed::PASSWORD;

each_framework!(
    eight_patches_of_preferences_at_once_are_all_kept,
    of_eight_changes_that_rest_on_the_same_profile_one_is_done,
    the_tag_follows_what_the_user_can_change_and_nothing_else,
    if_match_takes_lists_and_a_star_and_no_weak_tag,
    a_patch_is_a_merge_patch,
    a_patch_that_is_not_valid_changes_nothing,
);

async fn ann(client: &Client) -> String {
    text(&client.register("ann@example.org").await, "token").to_owned()
}

fn patch(token: &str, body: &Value) -> Request {
    Request::new("PATCH", "/profile").bearer(token).json(body)
}

fn put(token: &str, body: &Value) -> Request {
    Request::new("PUT", "/profile").bearer(token).json(body)
}

async fn tag(client: &Client, token: &str) -> String {
    let answer = client.get("/profile", token).await;
    assert_eq!(answer.status, 200, "{answer}");
    let tag = answer.header("etag");
    assert!(
        tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10,
        "{tag}"
    );
    tag
}

async fn eight_patches_of_preferences_at_once_are_all_kept(framework: Framework) {
    let client = Client::new(framework);
    let token = ann(&client).await;
    let patches = (0..8).map(|number| {
        let member = format!("setting{number}");
        client.send(patch(&token, &json!({ "preferences": { member: number } })))
    });
    for answer in join_all(patches).await {
        assert_eq!(answer.status, 200, "{answer}");
    }
    let profile = client.get("/profile", &token).await;
    let kept = profile.json["preferences"].as_object().unwrap();
    assert_eq!(kept.len(), 8, "{kept:?}");
}

async fn of_eight_changes_that_rest_on_the_same_profile_one_is_done(framework: Framework) {
    let client = Client::new(framework);
    let token = ann(&client).await;
    let seen = tag(&client, &token).await;
    let changes = (0..8).map(|number| {
        let body = json!({ "preferences": { "number": number } });
        let request = match number % 2 {
            0 => put(&token, &body),
            _ => patch(&token, &body),
        };
        client.send(request.header("If-Match", &seen))
    });
    let answers = join_all(changes).await;
    let of = |status: u16| answers.iter().filter(move |answer| answer.status == status);
    let (done, refused): (Vec<&Answer>, Vec<_>) = (of(200).collect(), of(412).collect());
    assert_eq!((done.len(), refused.len()), (1, 7));
    let code = refused.iter().map(|answer| answer.code().1);
    assert!(code.into_iter().all(|code| code == "precondition_failed"));
    let profile = client.get("/profile", &token).await;
    assert_eq!(profile.json["preferences"], done[0].json["preferences"]);
    assert_eq!(profile.header("etag"), done[0].header("etag"));
    // With the tag of the answer it goes on.
    let next =
        put(&token, &json!({ "name": "Ann Lee" })).header("If-Match", profile.header("etag"));
    assert_eq!(client.send(next).await.status, 200);
}

async fn the_tag_follows_what_the_user_can_change_and_nothing_else(framework: Framework) {
    let client = Client::new(framework);
    let user = client.register("ann@example.org").await;
    let token = text(&user, "token").to_owned();
    let first = tag(&client, &token).await;
    // Another login, and another role.
    client.bed.clock.advance(Duration::from_secs(60));
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    assert_eq!(client.post("/login", login).await.status, 200);
    client.give(&user, "examiner").await;
    assert_eq!(tag(&client, &token).await, first);
    // A change that changes nothing.
    let same = client.send(put(&token, &json!({ "name": "Ann" }))).await;
    assert_eq!((same.status, same.header("etag")), (200, first.clone()));
    let mut tags = vec![first.clone()];
    for body in [
        json!({ "name": "Ann Lee" }),
        json!({ "preferences": { "level": "B2" } }),
        json!({ "preferences": { "level": "C1" } }),
    ] {
        let changed = client.send(put(&token, &body)).await;
        assert_eq!(changed.header("etag"), tag(&client, &token).await);
        tags.push(changed.header("etag"));
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
    let back = json!({ "name": "Ann", "preferences": {} });
    assert_eq!(client.send(put(&token, &back)).await.header("etag"), first);
}

async fn if_match_takes_lists_and_a_star_and_no_weak_tag(framework: Framework) {
    let client = Client::new(framework);
    let token = ann(&client).await;
    let now = tag(&client, &token).await;
    let other = "\"AAAAAAAAAAAAAAAAAAAAAA\"";
    for (values, status) in [
        (vec![now.clone()], 200),
        (vec!["*".to_owned()], 200),
        (vec![format!("{other}, {now}")], 200),
        (vec![other.to_owned(), now.clone()], 200),
        (vec![format!("W/{now}")], 412),
        (vec![other.to_owned()], 412),
        (vec!["\"\"".to_owned()], 412),
        (vec![now.replace('"', "")], 400),
        (vec![String::new()], 400),
        (vec!["*".to_owned(), now.clone()], 400),
    ] {
        for (method, body) in [
            ("PUT", json!({})),
            ("PATCH", json!({})),
            ("PUT", json!({ "name": "Ann" })),
            ("PATCH", json!({ "name": "Ann" })),
        ] {
            let request = Request::new(method, "/profile").bearer(&token).json(&body);
            let request = values
                .iter()
                .fold(request, |request, value| request.header("If-Match", value));
            let answer = client.send(request).await;
            assert_eq!(
                answer.status, status,
                "{method} {body} {values:?}: {answer}"
            );
        }
    }
}

async fn a_patch_is_a_merge_patch(framework: Framework) {
    let client = Client::new(framework);
    let token = ann(&client).await;
    let first = json!({ "name": "Ann", "preferences": { "level": "B2", "ui": { "dark": true, "size": 2 } } });
    client.send(put(&token, &first)).await;
    for (body, name, preferences) in [
        (
            json!({ "preferences": { "ui": { "size": null, "font": "serif" }, "seen": [1] } }),
            "Ann",
            json!({ "level": "B2", "ui": { "dark": true, "font": "serif" }, "seen": [1] }),
        ),
        (
            json!({ "name": "Ann Lee", "preferences": { "level": null, "seen": [2, null] } }),
            "Ann Lee",
            json!({ "ui": { "dark": true, "font": "serif" }, "seen": [2, null] }),
        ),
        (
            json!({ "preferences": { "ui": "plain" } }),
            "Ann Lee",
            json!({ "ui": "plain", "seen": [2, null] }),
        ),
        (
            json!({}),
            "Ann Lee",
            json!({ "ui": "plain", "seen": [2, null] }),
        ),
        (json!({ "preferences": null }), "Ann Lee", json!({})),
    ] {
        for content_type in [
            "application/merge-patch+json",
            "application/json",
            "Application/Merge-Patch+JSON; charset=utf-8",
        ] {
            // A merge patch that is applied again changes nothing.
            let request = Request::new("PATCH", "/profile").bearer(&token);
            let answer = client
                .send(request.text(content_type, body.to_string()))
                .await;
            assert_eq!(answer.status, 200, "{body}: {answer}");
            assert_eq!(answer.json["name"], name, "{body}");
            assert_eq!(answer.json["preferences"], preferences, "{body}");
        }
        let shown = client.send(get("/profile").bearer(&token)).await;
        assert_eq!(shown.json["preferences"], preferences, "{body}");
    }
}

async fn a_patch_that_is_not_valid_changes_nothing(framework: Framework) {
    let client = Client::new(framework);
    let token = ann(&client).await;
    let half = json!({ "preferences": { "half": "x".repeat(9000) } });
    client.send(put(&token, &half)).await;
    let before = tag(&client, &token).await;
    for (body, status) in [
        (json!({ "name": null }), 422),
        (json!({ "name": "" }), 422),
        (json!({ "name": "Eve", "preferences": { "a.b": 1 } }), 422),
        (
            json!({ "name": "Eve", "preferences": { "other": "x".repeat(9000) } }),
            422,
        ),
        (json!({ "preferences": [] }), 400),
        (json!({ "preferences": "x" }), 400),
        (json!({ "name": 1 }), 400),
        (json!({ "roles": ["admin"] }), 400),
        (json!({ "email": null }), 400),
    ] {
        let answer = client.send(patch(&token, &body)).await;
        assert_eq!(answer.status, status, "{body}: {answer}");
    }
    for content_type in ["text/plain", "application/json-patch+json", ""] {
        let request = Request::new("PATCH", "/profile").bearer(&token);
        let answer = client.send(request.text(content_type, "{}")).await;
        assert_eq!(answer.code(), (415, "unsupported_media_type"));
    }
    assert_eq!(tag(&client, &token).await, before);
}
