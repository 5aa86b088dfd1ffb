//! What happens when a client goes away or a dependency fails.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use admittance::axum::Authenticator;
use admittance::error::ErrorCode;
use admittance::event::Operation;
use admittance::http::{AuthApi, HttpConfig};
use admittance::limit::Decision;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::RegistrationHook;
use admittance::store::{Cause, MemoryStore, StoreError};
use admittance::test_util::MockStore;
use async_trait::async_trait;
use axum::http::Method;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::browser::{Browser, REFRESH, TOKEN, own_routes, set_cookies, with_cookies};
use crate::client::{Client, json_request, registration, send};
use support::bed::{Bed, PASSWORD, config};
use support::gate::Gate;

/// Waits for the event that follows the first `earlier` events, and returns its
/// operation and the error code of its refusal.
async fn next_event<S>(bed: &Bed<S>, earlier: usize) -> (Operation, Option<ErrorCode>) {
    let next = async {
        loop {
            if let Some(event) = bed.events.all().get(earlier) {
                return (event.operation, event.refused);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), next)
        .await
        .unwrap()
}

/// A hook that waits for the test.
#[derive(Clone, Default)]
struct Waiting {
    entered: Arc<Notify>,
    open: Arc<Notify>,
}

#[async_trait]
impl RegistrationHook for Waiting {
    async fn registered(&self, _: &Profile) -> Result<Option<Map<String, Value>>, Cause> {
        self.entered.notify_one();
        self.open.notified().await;
        Ok(None)
    }
}

#[tokio::test]
async fn an_operation_that_has_begun_to_write_is_finished_after_its_client_has_disconnected() {
    let hook = Waiting::default();
    let bed = Bed::built(MemoryStore::new(), config(), |builder, _| {
        builder.registration_hook(hook.clone())
    });
    let router = admittance::axum::router(&AuthApi::new(bed.auth.clone()));
    let body = registration("ann@example.org").to_string();
    let request = json_request(Method::POST, "/register", &body);
    let mut client = Box::pin(send(&router, request));
    tokio::select! {
        answer = &mut client => panic!("{answer:?}"),
        () = hook.entered.notified() => {}
    }
    drop(client);
    hook.open.notify_one();
    assert_eq!(next_event(&bed, 0).await, (Operation::Register, None));
}

#[tokio::test]
async fn an_operation_that_waits_for_a_hash_is_abandoned_when_its_client_disconnects() {
    let (gate, enters, open) = Gate::new();
    let mut config = config();
    gate.block(&mut config);
    let client = Client::with(config, HttpConfig::default());
    client.bed.register("bob@example.org").await;
    Gate::plant(&client.bed.store, "bob@example.org", "slow@example.org").await;
    let slow = json!({"email": "slow@example.org", "password": PASSWORD});
    let mut busy = Box::pin(client.post("/login", slow));
    tokio::select! {
        answer = &mut busy => panic!("{answer:?}"),
        enters = tokio::task::spawn_blocking(move || enters.recv()) => enters.unwrap().unwrap(),
    }
    let body = registration("ann@example.org").to_string();
    let mut gone = Box::pin(client.send(json_request(Method::POST, "/register", &body)));
    let first = std::future::poll_fn(|task| Poll::Ready(gone.as_mut().poll(task)));
    assert!(first.await.is_pending());
    drop(gone);
    // The first event is the registration of Bob.
    let abandoned = (Operation::Register, Some(ErrorCode::Abandoned));
    assert_eq!(next_event(&client.bed, 1).await, abandoned);
    // A hash that has started runs to its end, with or without its client.
    drop(busy);
    open.send(()).unwrap();
    let wrong = (Operation::Login, Some(ErrorCode::InvalidCredentials));
    assert_eq!(next_event(&client.bed, 2).await, wrong);
    assert_eq!(client.bed.store.counts().users, 2);
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
    let api = AuthApi::with_config(bed.auth.clone(), with_cookies()).unwrap();
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
