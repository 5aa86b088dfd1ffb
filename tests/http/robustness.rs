//! What happens when a client goes away or a dependency fails.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use admittance::axum::Authenticator;
use admittance::http::AuthApi;
use admittance::limit::Decision;
use admittance::mail::MailKind;
use admittance::store::StoreError;
use admittance::test_util::MockStore;
use axum::http::Method;
use serde_json::json;

use crate::browser::{Browser, REFRESH, TOKEN, own_routes, set_cookies, with_cookies};
use crate::client::{Client, json_request, registration, send};
use crate::support::bed::{Bed, PASSWORD, config};

#[tokio::test]
async fn the_work_is_finished_when_the_client_goes_away() {
    let client = Client::new();
    let body = registration("ann@example.org").to_string();
    let request = json_request(Method::POST, "/register", &body);
    // The request is dropped at its first await point.
    let mut sent = Box::pin(client.send(request));
    let first = std::future::poll_fn(|task| Poll::Ready(sent.as_mut().poll(task)));
    assert!(first.await.is_pending());
    drop(sent);
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    for _ in 0..6000 {
        if client
            .bed
            .events
            .all()
            .iter()
            .any(|event| event.refused.is_none())
        {
            let answer = client.post("/login", login).await;
            assert_eq!(answer.status, 200);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the registration was not finished");
}

#[tokio::test]
async fn asvs_16_5_1_a_failing_store_is_answered_with_a_generic_text() {
    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Err(StoreError::Other("canary: mongodb://user:pass@host".into())));
    let bed = Bed::over(Arc::new(store), config());
    let router = admittance::axum::router(&AuthApi::new(bed.auth.clone()));
    let login = json!({"email": "ann@example.org", "password": PASSWORD}).to_string();
    let answer = send(&router, json_request(Method::POST, "/login", &login)).await;
    assert_eq!(answer.code(), (500, "internal"));
    assert!(!format!("{answer:?}").contains("canary"));
}

#[tokio::test]
async fn asvs_16_5_4_a_panic_in_the_store_is_answered_and_the_server_goes_on() {
    let mut store = MockStore::new();
    store.expect_hit_all().returning(|_, _| panic!("canary"));
    let bed = Bed::over(Arc::new(store), config());
    let router = admittance::axum::router(&AuthApi::new(bed.auth.clone()));
    let login = json!({"email": "ann@example.org", "password": PASSWORD}).to_string();
    for _ in 0..3 {
        let answer = send(&router, json_request(Method::POST, "/login", &login)).await;
        assert_eq!(answer.code(), (500, "internal"));
        assert!(!format!("{answer:?}").contains("canary"));
    }
    let answer = send(&router, json_request(Method::POST, "/login", "{}")).await;
    assert_eq!(answer.code(), (422, "validation_failed"));
}

/// A store that cannot say whether a session lives does not mean that it does not.
#[tokio::test]
async fn asvs_16_5_3_while_the_store_is_down_no_cookie_is_lost_or_counts_as_nobodys() {
    let down = || StoreError::Unavailable("down".into());
    let mut store = MockStore::new();
    store.expect_session().returning(move |_, _| Err(down()));
    store.expect_user().returning(move |_| Err(down()));
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    store.expect_token().returning(|_, _, _| Ok(None));
    store
        .expect_end_session()
        .returning(move |_, _| Err(down()));
    let bed = Bed::over(Arc::new(store), config());
    let api = AuthApi::with_config(bed.auth.clone(), with_cookies());
    let own = own_routes(Authenticator::from(&api));
    let router = admittance::axum::router(&api).merge(own);

    let mut browser = Browser::new();
    browser.register("ann@example.org").await;
    let both = browser.jar.clone();
    let only = |name: &str| both.iter().filter(|(of, _)| of == name).cloned().collect();
    for jar in [both.clone(), only(TOKEN), only(REFRESH)] {
        browser.jar = jar;
        let answer = send(&router, browser.request("POST /logout", None)).await;
        assert_eq!(answer.code(), (500, "internal"), "{:?}", browser.names());
        assert!(set_cookies(&answer).is_empty(), "{:?}", browser.names());
    }
    browser.jar = both;
    let answer = send(&router, browser.request("GET /perhaps", None)).await;
    assert_eq!(answer.code(), (500, "internal"));
    // Nor is a link used in nobody's name.
    let link = browser.client.bed.mailed(MailKind::VerifyEmail).await;
    let proof = json!({"token": link.expose_secret(), "password": PASSWORD});
    let request = browser.request("POST /email/verify", Some(&proof));
    let answer = send(&router, request).await;
    assert_eq!(answer.code(), (500, "internal"));
}
