//! What happens when a client goes away or a dependency fails.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use admittance::error::ErrorCode;
use admittance::event::Operation;
use admittance::extra::Extra;
use admittance::http::HttpConfig;
use admittance::limit::Decision;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::{AccountData, AccountHooks};
use admittance::store::{Cause, MemoryStore, StoreError};
use admittance::test_util::MockStore;
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Notify;

use crate::browser::{Browser, REFRESH, TOKEN, with_cookies};
use crate::client::{Client, registration};
use crate::set_cookie::set_cookies;
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, PASSWORD, config};
use support::gate::Gate;

each_framework!(
    an_operation_that_has_begun_to_write_is_finished_after_its_client_has_disconnected,
    an_operation_that_waits_for_a_hash_is_abandoned_when_its_client_disconnects,
    asvs_16_5_1_a_failing_store_is_answered_with_a_generic_text,
    asvs_16_5_4_a_panic_in_the_store_is_answered_and_the_server_goes_on,
    asvs_16_5_3_while_the_store_is_down_no_cookie_is_lost_or_ignored,
);

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

/// A hook that waits until the test lets it go on.
#[derive(Clone, Default)]
struct Waiting {
    entered: Arc<Notify>,
    open: Arc<Notify>,
}

#[async_trait]
impl AccountHooks for Waiting {
    async fn registered(&self, _: &Profile, _: &Extra) -> Result<AccountData, Cause> {
        self.entered.notify_one();
        self.open.notified().await;
        Ok(AccountData::default())
    }
}

async fn an_operation_that_has_begun_to_write_is_finished_after_its_client_has_disconnected(
    framework: Framework,
) {
    let hook = Waiting::default();
    let bed = Bed::built(MemoryStore::new(), config(), |builder, _| {
        builder.hooks(hook.clone())
    });
    let client = Client::over(framework, bed, HttpConfig::default());
    let mut asked = Box::pin(client.post("/register", registration("ann@example.org")));
    tokio::select! {
        answer = &mut asked => panic!("{answer:?}"),
        () = hook.entered.notified() => {}
    }
    drop(asked);
    hook.open.notify_one();
    assert_eq!(
        next_event(&client.bed, 0).await,
        (Operation::Register, None)
    );
}

async fn an_operation_that_waits_for_a_hash_is_abandoned_when_its_client_disconnects(
    framework: Framework,
) {
    let (gate, enters, open) = Gate::new();
    let mut config = config();
    gate.block(&mut config);
    let client = Client::with(framework, config, HttpConfig::default());
    client.bed.register("bob@example.org").await;
    Gate::plant(&client.bed.store, "bob@example.org", "slow@example.org").await;
    let slow = json!({"email": "slow@example.org", "password": PASSWORD});
    let mut busy = Box::pin(client.post("/login", slow));
    tokio::select! {
        answer = &mut busy => panic!("{answer:?}"),
        enters = tokio::task::spawn_blocking(move || enters.recv()) => enters.unwrap().unwrap(),
    }
    let mut gone = Box::pin(client.post("/register", registration("ann@example.org")));
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

/// A client of an application with cookies whose store is `store`.
fn failing(framework: Framework, store: MockStore) -> Client<Arc<MockStore>> {
    let bed = Bed::over(Arc::new(store), config());
    Client::over(framework, bed, with_cookies())
}

async fn asvs_16_5_1_a_failing_store_is_answered_with_a_generic_text(framework: Framework) {
    let mut store = MockStore::new();
    store
        .expect_hit_all()
        .returning(|_, _| Err(StoreError::Other("canary: mongodb://user:pass@host".into())));
    let client = failing(framework, store);
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    let answer = client.post("/login", login).await;
    assert_eq!(answer.code(), (500, "internal"));
    assert!(!format!("{answer:?}").contains("canary"));
}

async fn asvs_16_5_4_a_panic_in_the_store_is_answered_and_the_server_goes_on(framework: Framework) {
    let mut store = MockStore::new();
    store.expect_hit_all().returning(|_, _| panic!("canary"));
    let client = failing(framework, store);
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    for _ in 0..3 {
        let answer = client.post("/login", login.clone()).await;
        assert_eq!(answer.code(), (500, "internal"));
        assert!(!format!("{answer:?}").contains("canary"));
    }
    let answer = client.post("/login", json!({})).await;
    assert_eq!(answer.code(), (422, "validation_failed"));
}

/// A store that cannot tell whether a session is live does not make it a dead one.
async fn asvs_16_5_3_while_the_store_is_down_no_cookie_is_lost_or_ignored(framework: Framework) {
    let unavailable = || StoreError::Unavailable("down".into());
    let mut store = MockStore::new();
    store
        .expect_session()
        .returning(move |_, _| Err(unavailable()));
    store.expect_user().returning(move |_| Err(unavailable()));
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    store.expect_token().returning(|_, _, _| Ok(None));
    store
        .expect_end_session()
        .returning(move |_, _| Err(unavailable()));
    let down = failing(framework, store);

    let mut browser = Browser::new(framework);
    browser.register("ann@example.org").await;
    let both = browser.jar.clone();
    let only = |name: &str| both.iter().filter(|(of, _)| of == name).cloned().collect();
    for jar in [both.clone(), only(TOKEN), only(REFRESH)] {
        browser.jar = jar;
        let answer = down.send(browser.request("POST /logout", None)).await;
        assert_eq!(answer.code(), (503, "unavailable"), "{:?}", browser.names());
        assert!(set_cookies(&answer).is_empty(), "{:?}", browser.names());
    }
    browser.jar = both;
    let answer = down.send(browser.request("GET /perhaps", None)).await;
    assert_eq!(answer.code(), (503, "unavailable"));
    // Nor is a link used as if the client were not logged in.
    let link = browser.client.bed.mailed(MailKind::VerifyEmail).await;
    let proof = json!({"token": link.expose_secret(), "password": PASSWORD});
    let request = browser.request("POST /email/verify", Some(&proof));
    let answer = down.send(request).await;
    assert_eq!(answer.code(), (503, "unavailable"));
}
