//! The mocks that come with `test-util` work from outside the crate.

use std::sync::Arc;

use admittance::email::Email;
use admittance::id::UserId;
use admittance::limit::{Decision, Hit, LimitKey, Quota};
use admittance::lockout::LockoutPolicy;
use admittance::store::{
    AuditStore, InsertUser, LimitStore, MockUserStore, Store, StoreError, TokenStore, UserStore,
};
use admittance::test_util::{MockStore, UnavailableStore};
use admittance::time::Timestamp;
use std::time::Duration;

#[tokio::test]
async fn a_part_of_a_store_can_be_mocked() {
    let mut users = MockUserStore::new();
    users
        .expect_user_by_email()
        .withf(|email| email.as_str() == "a@b.org")
        .times(1)
        .returning(|_| Err(StoreError::Timeout));
    let email = Email::parse("A@b.org").unwrap();
    let answer = users.user_by_email(email.canonical()).await;
    assert!(matches!(answer, Err(StoreError::Timeout)));
}

#[tokio::test]
async fn a_whole_store_does_as_it_is_told() {
    let mut store = MockStore::new();
    store
        .expect_insert_user()
        .returning(|_| Ok(InsertUser::EmailTaken));
    store
        .expect_hit_all()
        .returning(|_, _| Ok(Decision::Allowed));
    let store: Arc<dyn Store> = Arc::new(store);
    let (key, quota) = (
        LimitKey::new("a", b"b"),
        Quota::new(1, Duration::from_secs(1)),
    );
    let hits = [Hit { key, quota }];
    let decision = store.hit_all(&hits, Timestamp::MIN).await;
    assert_eq!(decision.unwrap(), Decision::Allowed);
}

#[tokio::test]
async fn a_store_that_is_down_answers_every_call_with_an_error() {
    let store: Arc<dyn Store> = Arc::new(UnavailableStore);
    let id = UserId::from_bytes([1; 12]);
    assert!(matches!(
        store.user(id).await,
        Err(StoreError::Unavailable(_))
    ));
    let ended = store.end_oldest_sessions(id, 0, 1, Timestamp::MIN).await;
    assert!(matches!(ended, Err(StoreError::Unavailable(_))));
    let events = store.events_of(id, None, 1, Timestamp::MIN).await;
    assert!(matches!(events, Err(StoreError::Unavailable(_))));
    let removed = store.remove_events(id).await;
    assert!(matches!(removed, Err(StoreError::Unavailable(_))));
    let removed = store.remove_tokens(id, None, Timestamp::MIN).await;
    assert!(matches!(removed, Err(StoreError::Unavailable(_))));
    let page = store.users(None, 10).await;
    assert!(matches!(page, Err(StoreError::Unavailable(_))));
    let key = LimitKey::new("a", b"b");
    let policy = LockoutPolicy::default();
    let attempt = store.attempt(key, &policy, Timestamp::MIN).await;
    assert!(matches!(attempt, Err(StoreError::Unavailable(_))));
    assert!(store.forgive(key, Timestamp::MIN).await.is_err());
}
